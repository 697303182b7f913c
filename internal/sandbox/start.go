package sandbox

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// nobody is the user and group that a host sees itself as.
const nobody = 65534

// entry is the whole program that Node runs. The addon is there already, preloaded, so its name is no path.
const entry = `const m={exports:{}};process.dlopen(m,"skerry-host.node");m.exports.run(process.argv[1])`

// nodeFlags go before those of the configuration. A signal must not open Node's debugger.
var nodeFlags = []string{"--disable-sigusr1", "--input-type=commonjs"}

// Process is a host that runs.
type Process struct {
	cmd   *exec.Cmd
	group *group // nil if it has none
	// outside is set by Wait.
	outside bool
}

// Start starts a host on its two files, with stderr as standard error. The caller closes its own copies of them.
func (s *Sandbox) Start(socket, crashPage, stderr *os.File) (*Process, error) {
	cmd := s.command(s.variable(), s.present)
	cmd.ExtraFiles = []*os.File{socket, crashPage, s.addon, s.snapshot}
	cmd.Stderr = stderr
	p := &Process{cmd: cmd}
	if s.groups != nil {
		group, err := s.groups.add("host-" + strconv.FormatUint(started.Add(1), 10))
		if err != nil {
			return nil, fmt.Errorf("make a control group for an isolate host: %w", err)
		}
		p.group = group
		if err := group.prepare(cmd.SysProcAttr); err != nil {
			group.remove()
			return nil, fmt.Errorf("open the control group of an isolate host: %w", err)
		}
	}
	if err := startOnThread(cmd); err != nil {
		p.group.remove()
		return nil, err
	}
	// It has no tenant's code before it is sent some, which is after this.
	if err := p.group.attach(cmd.Process.Pid); err != nil {
		cmd.Process.Kill()
		cmd.Wait()
		p.group.remove()
		return nil, fmt.Errorf("put an isolate host into its control group: %w", err)
	}
	return p, nil
}

// command is that of a host behind the walls named.
func (s *Sandbox) command(variable string, present map[string]bool) *exec.Cmd {
	cmd := &exec.Cmd{
		Path: fmt.Sprintf("/proc/self/fd/%d", s.node.Fd()),
		Args: append(append(append([]string{"skerry-host"}, nodeFlags...), s.cfg.Flags...), "--eval", entry, s.cfg.Build),
		// The loader takes the addon by the descriptor that the child has it on. Nothing of our environment is passed on.
		Env: []string{"LD_PRELOAD=/proc/self/fd/5", "SKERRY_WALLS=" + variable},
		Dir: "/",
		SysProcAttr: &syscall.SysProcAttr{
			// A signal that a terminal sends to the supervisor's group is not the host's.
			Setpgid:   true,
			Pdeathsig: syscall.SIGKILL,
		},
	}
	confine(cmd.SysProcAttr, present)
	return cmd
}

// confine sets what the kernel does between fork and exec.
func confine(attr *syscall.SysProcAttr, present map[string]bool) {
	for _, wall := range walls {
		if present[wall.Name] {
			attr.Cloneflags |= wall.namespace
		}
	}
	root := os.Geteuid() == 0
	if attr.Cloneflags&syscall.CLONE_NEWUSER != 0 {
		outside, group := os.Geteuid(), os.Getegid()
		if root && mapped("uid_map", nobody) && mapped("gid_map", nobody) {
			outside, group = nobody, nobody
			attr.GidMappingsEnableSetgroups = true
			attr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
		}
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: nobody, HostID: outside, Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: nobody, HostID: group, Size: 1}}
	} else if present["identity"] {
		attr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	if attr.Cloneflags != 0 {
		// To empty the root and to drop all of them for good; gone before Node's main.
		const setpcap, sysAdmin = 8, 21
		attr.AmbientCaps = []uintptr{setpcap, sysAdmin}
	}
}

// mapped says whether our own user namespace knows the id.
func mapped(file string, id uint64) bool {
	text, err := os.ReadFile("/proc/self/" + file)
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) != 3 {
			continue
		}
		first, errFirst := strconv.ParseUint(fields[0], 10, 32)
		count, errCount := strconv.ParseUint(fields[2], 10, 33)
		if errFirst == nil && errCount == nil && id >= first && id-first < count {
			return true
		}
	}
	return false
}

// onThread runs functions on the one thread whose end would kill the hosts. It is never ended.
var onThread = sync.OnceValue(func() chan<- func() {
	work := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range work {
			f()
		}
	}()
	return work
})

func startOnThread(cmd *exec.Cmd) error {
	done := make(chan error, 1)
	onThread() <- func() { done <- cmd.Start() }
	return <-done
}

// KilledFromOutside says, after Wait, that it ended by a signal that it can neither send itself nor cause.
func (p *Process) KilledFromOutside() bool { return p.outside }

// Pid is the process id, outside.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Kill ends it at once. It may have ended.
func (p *Process) Kill() { p.cmd.Process.Kill() }

// Wait returns when it has ended, with a description. It is called once.
func (p *Process) Wait() string {
	err := p.cmd.Wait()
	overMemory := p.group.overMemory()
	p.group.remove()
	exited, ok := errors.AsType[*exec.ExitError](err)
	switch {
	case err == nil:
		return "exit status 0"
	case !ok:
		return err.Error()
	}
	status, _ := exited.Sys().(syscall.WaitStatus)
	p.outside = status.Signaled() && !overMemory && (status.Signal() == syscall.SIGKILL || status.Signal() == syscall.SIGTERM || status.Signal() == syscall.SIGINT)
	switch {
	case status.Signaled() && status.Signal() == syscall.SIGSYS:
		return "killed for a forbidden system call (SIGSYS); the kernel's log tells which one, or --sandbox=explain"
	case overMemory:
		return "killed by the kernel: its memory was over the limit (" + err.Error() + ")"
	}
	return err.Error()
}
