package sandbox

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Config is what a Sandbox is made of.
type Config struct {
	// Node, Addon and Snapshot are paths. The files are opened once: later ones of the same names do not matter.
	Node, Addon, Snapshot string
	// Flags are Node's and V8's flags, Build what the host shall say that it is.
	Flags []string
	Build string
	Mode  Mode
	// MemoryMax is the memory in bytes that one host may use, by a control group, if the machine has them for us; 0: no limit.
	MemoryMax int64
}

// Sandbox starts hosts.
type Sandbox struct {
	cfg                   Config
	node, addon, snapshot *os.File
	findings              []Finding
	groups                *groups // nil if there are none
	present               map[string]bool
}

// started numbers the hosts of this process, whichever Sandbox starts them: their control groups lie in one directory.
var started atomic.Uint64

// programDescriptorMin is the lowest number of the descriptor of a program to be executed: one below could be covered by those that
// the child is given.
const programDescriptorMin = 100

// New opens the files and looks at what the machine has; that takes some 20 ms. The error is a *MissingError if it is too little.
func New(cfg Config) (*Sandbox, error) {
	s, err := open(cfg)
	if err != nil {
		return nil, err
	}
	if cfg.Mode != Off {
		if err := s.probe(); err != nil {
			s.Close()
			return nil, err
		}
	} else {
		for _, wall := range walls {
			s.findings = append(s.findings, Finding{Wall: wall, Problem: "the sandbox is off", Remedy: "start without --sandbox=off"})
		}
	}
	s.present = make(map[string]bool)
	for _, f := range s.findings {
		s.present[f.Name] = f.Present
	}
	if lacking := missing(cfg.Mode, s.findings); len(lacking) > 0 {
		s.Close()
		return nil, &MissingError{lacking}
	}
	return s, nil
}

// Survey says what the machine has and nothing else.
func Survey(cfg Config) ([]Finding, error) {
	cfg.Mode = Degraded
	s, err := New(cfg)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return s.Findings(), nil
}

func open(cfg Config) (*Sandbox, error) {
	s := &Sandbox{cfg: cfg}
	var errs []error
	file := func(path string, min int) *os.File {
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			errs = append(errs, &os.PathError{Op: "open", Path: path, Err: err})
			return nil
		}
		if fd < min {
			higher, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, min)
			unix.Close(fd)
			if err != nil {
				errs = append(errs, fmt.Errorf("move the descriptor of %s: %w", path, err))
				return nil
			}
			fd = higher
		}
		return os.NewFile(uintptr(fd), path)
	}
	s.node, s.addon, s.snapshot = file(cfg.Node, programDescriptorMin), file(cfg.Addon, 0), file(cfg.Snapshot, 0)
	if err := errors.Join(errs...); err != nil {
		s.Close()
		return nil, fmt.Errorf("open the parts of an isolate host: %w", err)
	}
	return s, nil
}

// Findings are all walls, standing or not.
func (s *Sandbox) Findings() []Finding { return s.findings }

// Mode is the one it was made with.
func (s *Sandbox) Mode() Mode { return s.cfg.Mode }

// MemoryLimited says whether the kernel holds hosts to Config.MemoryMax.
func (s *Sandbox) MemoryLimited() bool { return s.present["memory_limit"] }

// Close lets go of the files and removes what control groups are empty. Hosts that run are not ended.
func (s *Sandbox) Close() {
	for _, f := range []*os.File{s.node, s.addon, s.snapshot} {
		if f != nil {
			f.Close()
		}
	}
	if s.groups != nil {
		s.groups.remove()
	}
}

// variable is the value of SKERRY_WALLS for hosts.
func (s *Sandbox) variable() string {
	var names []string
	for _, wall := range walls {
		if s.present[wall.Name] {
			names = append(names, wall.Name)
		}
	}
	if s.cfg.Mode == Explain {
		names = append(names, "explain")
	}
	return strings.Join(names, ",")
}
