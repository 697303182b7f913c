package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// pidsMax is the number of threads a host may have by its control group: above RLIMIT_NPROC, which it should meet first.
const pidsMax = 512

// supervisors is the group into which supervisors move under version 2: one that has processes cannot have groups with limits.
const supervisors = "skerry-supervisor"

// groupRoot is where control groups can be made: a directory of one hierarchy.
type groupRoot struct {
	dir string
	v2  bool
}

// groupRoots finds our own groups in the hierarchies that have the controllers, by name of the controller.
func groupRoots() map[string]groupRoot {
	mounts, _ := os.ReadFile("/proc/self/mounts") // Without it there are none.
	own, _ := os.ReadFile("/proc/self/cgroup")
	return findGroupRoots(string(mounts), string(own))
}

// findGroupRoots reads cgroups(7)'s two files.
func findGroupRoots(mounts, own string) map[string]groupRoot {
	paths := make(map[string]string) // controller, "" for version 2, to our path
	for line := range strings.Lines(own) {
		if parts := strings.SplitN(strings.TrimSpace(line), ":", 3); len(parts) == 3 {
			for controller := range strings.SplitSeq(parts[1], ",") {
				paths[controller] = parts[2]
			}
		}
	}
	roots := make(map[string]groupRoot)
	for line := range strings.Lines(mounts) {
		fields := strings.Fields(line)
		if len(fields) < 4 {
			continue
		}
		point, kind, options := fields[1], fields[2], strings.Split(fields[3], ",")
		for _, controller := range []string{"memory", "pids"} {
			switch {
			case kind == "cgroup" && has(options, controller):
				roots[controller] = groupRoot{dir: below(point, paths[controller])}
			case kind == "cgroup2" && roots[controller].dir == "":
				dir := below(point, paths[""])
				if filepath.Base(dir) == supervisors {
					dir = filepath.Dir(dir) // a supervisor before us has moved there, and we were born in it
				}
				if text, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers")); err == nil && has(strings.Fields(string(text)), controller) {
					roots[controller] = groupRoot{dir: dir, v2: true}
				}
			}
		}
	}
	return roots
}

func has(list []string, one string) bool {
	for _, other := range list {
		if other == one {
			return true
		}
	}
	return false
}

// below joins a mount point and our path in it. In a container the path may be one of outside, which is not there.
func below(point, path string) string {
	dir := filepath.Join(point, path)
	if _, err := os.Stat(dir); err != nil {
		return point
	}
	return dir
}

// groups is the control group of this supervisor, in which each host has one of its own.
type groups struct {
	roots  map[string]groupRoot // controller to our directory
	limits map[string]string    // file to value
}

// openGroups makes our directory in each hierarchy. What cannot be had is told by a problem each; nil if there is none at all.
func openGroups(roots map[string]groupRoot, memoryMax int64) (g *groups, memory, pids string) {
	if memoryMax <= 0 {
		delete(roots, "memory")
		memory = "no limit is configured"
	}
	g = &groups{roots: make(map[string]groupRoot), limits: map[string]string{"pids.max": strconv.Itoa(pidsMax)}}
	name := "skerry-" + strconv.Itoa(os.Getpid())
	problem := map[string]*string{"memory": &memory, "pids": &pids}
	for controller, said := range problem {
		if *said != "" {
			continue
		}
		root, found := roots[controller]
		if !found {
			*said = "no control group has the " + controller + " controller for us"
			continue
		}
		sweep(root.dir)
		if root.v2 {
			if err := delegate(root.dir, controller); err != nil {
				*said = err.Error()
				continue
			}
		}
		dir := filepath.Join(root.dir, name)
		if err := mkdir(dir); err != nil {
			*said = err.Error()
			continue
		}
		if root.v2 {
			if err := write(dir, "cgroup.subtree_control", "+"+controller); err != nil {
				os.Remove(dir)
				*said = err.Error()
				continue
			}
		}
		g.roots[controller] = groupRoot{dir, root.v2}
	}
	if root, found := g.roots["memory"]; found {
		file := "memory.limit_in_bytes"
		if root.v2 {
			file = "memory.max"
			g.limits["memory.swap.max"] = "0" // It does not count as memory there.
		}
		g.limits[file] = strconv.FormatInt(memoryMax, 10)
	}
	if len(g.roots) == 0 {
		return nil, memory, pids
	}
	return g, memory, pids
}

// delegate has a controller of version 2 in the children of dir. A group with processes cannot have that, so if they are no
// others than we, we move into a child.
func delegate(dir, controller string) error {
	if text, err := os.ReadFile(filepath.Join(dir, "cgroup.subtree_control")); err == nil && has(strings.Fields(string(text)), controller) {
		return nil
	}
	err := write(dir, "cgroup.subtree_control", "+"+controller)
	if !errors.Is(err, syscall.EBUSY) {
		return err
	}
	text, readErr := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if self := strconv.Itoa(os.Getpid()); readErr != nil || strings.TrimSpace(string(text)) != self {
		return fmt.Errorf("%s has other processes, too: %w", dir, err)
	} else if err := errors.Join(mkdir(filepath.Join(dir, supervisors)), write(filepath.Join(dir, supervisors), "cgroup.procs", self)); err != nil {
		return err
	}
	return write(dir, "cgroup.subtree_control", "+"+controller)
}

// mkdir and write are how the kernel is spoken to. Tests have one of their own.
var mkdir, write = makeDirectory, writeFile

// makeDirectory makes a directory if it is not there.
func makeDirectory(dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// sweep removes the empty groups of supervisors that were killed.
func sweep(dir string) {
	old, _ := filepath.Glob(filepath.Join(dir, "skerry-[0-9]*")) // The pattern is constant.
	for _, group := range old {
		pid, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(group), "skerry-"))
		if err != nil || pid == os.Getpid() || syscall.Kill(pid, 0) != syscall.ESRCH {
			continue
		}
		hosts, _ := filepath.Glob(filepath.Join(group, "host-*"))
		for _, host := range append(hosts, group) {
			os.Remove(host) // One that is not empty stays.
		}
	}
}

// writeFile writes to a file that the kernel has made.
func writeFile(dir, file, value string) error {
	f, err := os.OpenFile(filepath.Join(dir, file), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}

// remove removes our directories. Hosts must have ended.
func (g *groups) remove() {
	for _, root := range g.roots {
		os.Remove(root.dir)
	}
}

// group is the control group of one host: a directory in each hierarchy, and whether that is of version 2. Methods of nil do nothing.
type group struct {
	dirs map[string]bool
	file *os.File // version 2: to be born in it
}

func (g *groups) add(name string) (*group, error) {
	one := &group{dirs: make(map[string]bool)}
	for _, root := range g.roots {
		dir := filepath.Join(root.dir, name)
		if err := mkdir(dir); err != nil {
			one.remove()
			return nil, err
		}
		one.dirs[dir] = root.v2
	}
	for dir := range one.dirs {
		for file, value := range g.limits {
			if _, err := os.Stat(filepath.Join(dir, file)); err != nil {
				continue // It is of the other hierarchy.
			}
			if err := write(dir, file, value); err != nil {
				one.remove()
				return nil, err
			}
		}
	}
	return one, nil
}

// prepare has the child born in its group, where that can be.
func (g *group) prepare(attr *syscall.SysProcAttr) error {
	for dir, v2 := range g.dirs {
		if !v2 {
			continue
		}
		file, err := os.Open(dir)
		if err != nil {
			return err
		}
		g.file = file
		attr.UseCgroupFD, attr.CgroupFD = true, int(file.Fd())
	}
	return nil
}

// attach moves a process into those that it was not born in.
func (g *group) attach(pid int) error {
	if g == nil {
		return nil
	}
	for dir, v2 := range g.dirs {
		if v2 {
			continue
		}
		if err := write(dir, "cgroup.procs", strconv.Itoa(pid)); err != nil {
			return err
		}
	}
	return nil
}

// overMemory says whether the kernel killed something in it for its memory.
func (g *group) overMemory() bool {
	if g == nil {
		return false
	}
	for dir := range g.dirs {
		for _, file := range []string{"memory.events", "memory.oom_control"} {
			text, err := os.ReadFile(filepath.Join(dir, file))
			if err != nil {
				continue
			}
			for line := range strings.Lines(string(text)) {
				if count, found := strings.CutPrefix(strings.TrimSpace(line), "oom_kill "); found && count != "0" {
					return true
				}
			}
		}
	}
	return false
}

func (g *group) remove() {
	if g == nil {
		return
	}
	if g.file != nil {
		g.file.Close()
	}
	for dir := range g.dirs {
		os.Remove(dir)
	}
}
