package sandbox

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// fakeKernel is a hierarchy of version 2 in ordinary directories, with the rules of cgroups(7) that matter here: a controller can be
// had by the children of a group only if the group has it and no processes, and its files are there only then.
type fakeKernel struct {
	t      *testing.T
	denied string // Of this directory nothing may be written.
	moved  []string
}

func (k *fakeKernel) read(dir, file string) []string {
	text, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		return nil
	}
	return strings.Fields(string(text))
}

func (k *fakeKernel) files(dir string, controllers []string) {
	put(k.t, filepath.Join(dir, "cgroup.controllers"), strings.Join(controllers, " "))
	for _, file := range []string{"cgroup.procs", "cgroup.subtree_control"} {
		put(k.t, filepath.Join(dir, file), "")
	}
	for _, controller := range controllers {
		k.controller(dir, controller)
	}
}

// controller makes the files of a controller.
func (k *fakeKernel) controller(dir, controller string) {
	switch controller {
	case "memory":
		put(k.t, filepath.Join(dir, "memory.max"), "max")
		put(k.t, filepath.Join(dir, "memory.swap.max"), "max")
		put(k.t, filepath.Join(dir, "memory.events"), "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\noom_group_kill 0\n")
	case "pids":
		put(k.t, filepath.Join(dir, "pids.max"), "max")
	}
}

func (k *fakeKernel) mkdir(dir string) error {
	if filepath.Dir(dir) == k.denied {
		return syscall.EACCES
	}
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	k.files(dir, k.read(filepath.Dir(dir), "cgroup.subtree_control"))
	return nil
}

func (k *fakeKernel) write(dir, file, value string) error {
	if dir == k.denied {
		return syscall.EACCES
	}
	path := filepath.Join(dir, file)
	if _, err := os.Stat(path); err != nil {
		return syscall.ENOENT
	}
	switch file {
	case "cgroup.subtree_control":
		controller, add := strings.CutPrefix(value, "+")
		switch {
		case !add || !slices.Contains(k.read(dir, "cgroup.controllers"), controller):
			return syscall.ENOENT
		case len(k.read(dir, "cgroup.procs")) > 0:
			return syscall.EBUSY
		}
		put(k.t, path, strings.Join(append(k.read(dir, file), controller), " "))
		children, _ := filepath.Glob(filepath.Join(dir, "*", "cgroup.controllers")) // The pattern is constant.
		for _, child := range children {
			if has := k.read(filepath.Dir(child), "cgroup.controllers"); !slices.Contains(has, controller) {
				k.controller(filepath.Dir(child), controller)
				put(k.t, child, strings.Join(append(has, controller), " "))
			}
		}
	case "cgroup.procs":
		filepath.WalkDir(filepath.Dir(dir), func(path string, _ os.DirEntry, _ error) error {
			if filepath.Base(path) == file {
				others := slices.DeleteFunc(k.read(filepath.Dir(path), file), func(pid string) bool { return pid == value })
				put(k.t, path, strings.Join(others, "\n"))
			}
			return nil
		})
		put(k.t, path, strings.Join(append(k.read(dir, file), value), "\n"))
		k.moved = append(k.moved, value)
	case "memory.max", "memory.swap.max", "pids.max":
		if _, err := strconv.ParseInt(value, 10, 64); err != nil {
			return syscall.EINVAL
		}
		put(k.t, path, value)
	default:
		return syscall.EINVAL
	}
	return nil
}

// service is a group as a service manager makes it, with processes.
func (k *fakeKernel) service(controllers, delegated string, processes ...int) string {
	dir := filepath.Join(k.t.TempDir(), "system.slice", "skerry.service")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		k.t.Fatal(err)
	}
	k.files(dir, strings.Fields(controllers))
	put(k.t, filepath.Join(dir, "cgroup.subtree_control"), delegated)
	var pids []string
	for _, pid := range processes {
		pids = append(pids, strconv.Itoa(pid))
	}
	put(k.t, filepath.Join(dir, "cgroup.procs"), strings.Join(pids, "\n"))
	return dir
}

func newFakeKernel(t *testing.T) *fakeKernel {
	k := &fakeKernel{t: t}
	mkdir, write = k.mkdir, k.write
	t.Cleanup(func() { mkdir, write = makeDirectory, writeFile })
	return k
}

func rootsAt(dir string) map[string]groupRoot {
	return findGroupRoots("cgroup2 "+filepath.Dir(filepath.Dir(dir))+" cgroup2 rw 0 0\n", "0::/system.slice/skerry.service\n")
}

// Goal: under version 2 each host has a group with the limits, and is born in it.
func TestGroupsOfVersion2(t *testing.T) {
	self := os.Getpid()
	for name, test := range map[string]struct {
		delegated string
		processes []int
		moves     bool
	}{
		"our own group, with us in it":  {"", []int{self}, true},
		"delegated, and nobody in it":   {"", nil, false},
		"the controllers are on before": {"memory pids", nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			k := newFakeKernel(t)
			dir := k.service("cpu memory pids", test.delegated, test.processes...)
			g, memory, pids := openGroups(rootsAt(dir), 1<<30)
			if g == nil || memory != "" || pids != "" {
				t.Fatalf("%q, %q", memory, pids)
			}
			if moved := len(k.moved) > 0; moved != test.moves {
				t.Errorf("moved %v", k.moved)
			}
			if test.moves && !slices.Equal(k.read(filepath.Join(dir, "skerry-supervisor"), "cgroup.procs"), []string{strconv.Itoa(self)}) {
				t.Error("we are not in the group for us")
			}
			own := filepath.Join(dir, "skerry-"+strconv.Itoa(self))
			for _, at := range []string{dir, own} {
				if on := k.read(at, "cgroup.subtree_control"); !slices.Contains(on, "memory") || !slices.Contains(on, "pids") || len(on) != 2 {
					t.Errorf("%s has on %v", at, on)
				}
			}
			one, err := g.add("host-1")
			if err != nil {
				t.Fatal(err)
			}
			host := filepath.Join(own, "host-1")
			for file, want := range map[string]string{"memory.max": "1073741824", "memory.swap.max": "0", "pids.max": strconv.Itoa(pidsMax)} {
				if got := k.read(host, file); len(got) != 1 || got[0] != want {
					t.Errorf("%s holds %v, want %s", file, got, want)
				}
			}
			var attr syscall.SysProcAttr
			if err := one.prepare(&attr); err != nil || !attr.UseCgroupFD {
				t.Fatalf("not born in a group: %+v, %v", attr, err)
			}
			if at, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", attr.CgroupFD)); err != nil || at != host {
				t.Errorf("born in %s, %v", at, err)
			}
			moved := len(k.moved)
			if err := one.attach(4711); err != nil || len(k.moved) != moved {
				t.Errorf("it is moved once more: %v, %v", k.moved, err)
			}
			if one.overMemory() {
				t.Error("killed for its memory, and nothing was")
			}
			put(t, filepath.Join(host, "memory.events"), "low 0\noom 1\noom_kill 1\noom_group_kill 0\n")
			if !one.overMemory() {
				t.Error("a kill for memory is not seen")
			}
			one.remove()
			if err := syscall.Close(attr.CgroupFD); err != syscall.EBADF {
				t.Errorf("the descriptor of the group is still open: %v", err)
			}
		})
	}
}

// Goal: what version 2 does not give us is said, and the rest is used.
func TestGroupsOfVersion2ThatCannotBeMade(t *testing.T) {
	for name, test := range map[string]struct {
		controllers  string
		processes    []int
		deny         bool
		some         bool
		memory, pids string
	}{
		"others are in the group": {"memory pids", []int{os.Getpid(), 1}, false, false, "has other processes, too", "has other processes, too"},
		"no memory controller":    {"cpu pids", nil, false, true, "no control group has the memory controller", ""},
		"not delegated":           {"memory pids", nil, true, false, "permission denied", "permission denied"},
	} {
		t.Run(name, func(t *testing.T) {
			k := newFakeKernel(t)
			dir := k.service(test.controllers, "", test.processes...)
			if test.deny {
				k.denied = dir
			}
			g, memory, pids := openGroups(rootsAt(dir), 1<<30)
			if (g != nil) != test.some || !strings.Contains(memory, test.memory) || !strings.Contains(pids, test.pids) {
				t.Fatalf("%+v, %q, %q", g, memory, pids)
			}
			if len(k.moved) > 0 {
				t.Errorf("moved %v for nothing", k.moved)
			}
			if !test.some {
				return
			}
			one, err := g.add("host-1")
			if err != nil {
				t.Fatal(err)
			}
			if got := k.read(filepath.Join(dir, "skerry-"+strconv.Itoa(os.Getpid()), "host-1"), "pids.max"); len(got) != 1 || got[0] != strconv.Itoa(pidsMax) {
				t.Errorf("pids.max holds %v", got)
			}
			one.remove()
		})
	}
}
