package sandbox

import (
	"fmt"
	"strings"
	"syscall"
)

// Mode is how much of the sandbox must be there.
type Mode uint8

const (
	// On requires all walls that are not optional.
	On Mode = iota
	// Degraded puts up the walls that the machine has.
	Degraded
	// Explain is On with a host that says which system call was forbidden, for whoever looks for one that is missing in the list.
	Explain
	// Off puts up nothing.
	Off
)

var modeNames = [...]string{On: "on", Degraded: "degraded", Explain: "explain", Off: "off"}

func (m Mode) String() string { return modeNames[m] }

// ParseMode reads a mode as it is written on the command line.
func ParseMode(text string) (Mode, error) {
	for mode, name := range modeNames {
		if name == text {
			return Mode(mode), nil
		}
	}
	return On, fmt.Errorf("%q is not a mode of the sandbox; known are %s", text, strings.Join(modeNames[:], ", "))
}

// Wall is one thing that stands between a host and the machine.
type Wall struct {
	// Name is as in SKERRY_WALLS, in metrics and in the log.
	Name string
	// Stops says what it is for, in a few words.
	Stops string
	// Optional walls may be missing in mode On: the others stop the same.
	Optional bool
	// namespace is the flag of clone(2) for walls that are namespaces, else 0.
	namespace uintptr
}

// walls are all of them, in the order in which they go up.
var walls = []Wall{
	{Name: "user", Stops: "privileges that mean anything outside", namespace: syscall.CLONE_NEWUSER},
	{Name: "mount", Stops: "changes of mounts", namespace: syscall.CLONE_NEWNS},
	{Name: "pid", Stops: "seeing and signalling other processes", namespace: syscall.CLONE_NEWPID},
	{Name: "net", Stops: "any network, abstract sockets", namespace: syscall.CLONE_NEWNET},
	{Name: "ipc", Stops: "shared memory and queues of System V", namespace: syscall.CLONE_NEWIPC},
	{Name: "uts", Stops: "reading the host name", namespace: syscall.CLONE_NEWUTS},
	{Name: "cgroup", Stops: "reading the control groups", namespace: syscall.CLONE_NEWCGROUP},
	{Name: "root", Stops: "any file: the root is empty and read-only"},
	{Name: "identity", Stops: "being the user of anything: uid 65534"},
	{Name: "capabilities", Stops: "any capability, in any set"},
	{Name: "no_new_privs", Stops: "getting privileges again; tracing by others of the user"},
	{Name: "resource_limits", Stops: "core dumps, written files, many descriptors or threads"},
	{Name: "seccomp", Stops: "every system call that is not on the list"},
	{Name: "landlock", Stops: "files, TCP and signals, once more", Optional: true},
	{Name: "memory_limit", Stops: "using up the machine's memory (else sampled by the supervisor)", Optional: true},
	{Name: "pids_limit", Stops: "using up process numbers (else by resource_limits)", Optional: true},
}

// Finding says whether a wall stands, or could.
type Finding struct {
	Wall
	Present bool
	// Problem is why it is missing, Remedy how to get it; "" if it is there.
	Problem, Remedy string
}

// MissingError says which walls a machine lacks.
type MissingError struct{ Missing []Finding }

func (e *MissingError) Error() string {
	var b strings.Builder
	b.WriteString("the sandbox around isolate hosts is not complete on this machine:")
	for _, f := range e.Missing {
		fmt.Fprintf(&b, "\n  %s is missing: %s; %s", f.Name, f.Problem, f.Remedy)
	}
	return b.String()
}

// missing lists the walls that mode requires and findings lack.
func missing(mode Mode, findings []Finding) []Finding {
	if mode != On && mode != Explain {
		return nil
	}
	var lacking []Finding
	for _, f := range findings {
		if !f.Present && !f.Optional {
			lacking = append(lacking, f)
		}
	}
	return lacking
}
