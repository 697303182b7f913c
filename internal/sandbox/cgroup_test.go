package sandbox

import (
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Goal: our groups are found in each kind of set-up that there is. The trees are made in a temporary directory.
func TestFindGroupRoots(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{"v1/memory/jobs/7", "v1/pids", "v2/system.slice/skerry.service/skerry-supervisor"} {
		if err := os.MkdirAll(filepath.Join(dir, path), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	put(t, filepath.Join(dir, "v2/system.slice/skerry.service/cgroup.controllers"), "cpu memory pids\n")
	put(t, filepath.Join(dir, "v2/cgroup.controllers"), "hugetlb\n")
	at := func(path string, v2 bool) groupRoot { return groupRoot{filepath.Join(dir, path), v2} }
	for name, test := range map[string]struct {
		mounts, own string
		want        map[string]groupRoot
	}{
		"version 1": {
			"cgroup D/v1/memory cgroup rw,memory 0 0\ncgroup D/v1/pids cgroup rw,pids 0 0\n", "4:memory:/jobs/7\n8:pids:/\n0::/\n",
			map[string]groupRoot{"memory": at("v1/memory/jobs/7", false), "pids": at("v1/pids", false)},
		},
		"version 2": {
			"cgroup2 D/v2 cgroup2 rw 0 0\n", "0::/system.slice/skerry.service\n",
			map[string]groupRoot{"memory": at("v2/system.slice/skerry.service", true), "pids": at("v2/system.slice/skerry.service", true)},
		},
		"version 2, after an upgrade": {
			"cgroup2 D/v2 cgroup2 rw 0 0\n", "0::/system.slice/skerry.service/skerry-supervisor\n",
			map[string]groupRoot{"memory": at("v2/system.slice/skerry.service", true), "pids": at("v2/system.slice/skerry.service", true)},
		},
		"both, and version 2 has nothing for us": {
			"cgroup2 D/v2 cgroup2 rw 0 0\ncgroup D/v1/memory cgroup rw,memory 0 0\n", "4:memory:/jobs/7\n0::/\n",
			map[string]groupRoot{"memory": at("v1/memory/jobs/7", false)},
		},
		"a path of outside": {
			"cgroup D/v1/memory cgroup rw,memory 0 0\n", "4:memory:/docker/4711\n",
			map[string]groupRoot{"memory": at("v1/memory", false)},
		},
		"none":    {"proc /proc proc rw 0 0\n", "", map[string]groupRoot{}},
		"garbage": {"\n\nx\n", "::\nx\n", map[string]groupRoot{}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := findGroupRoots(strings.ReplaceAll(test.mounts, "D", dir), test.own); !maps.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

// Goal: a host's group has the limits, and goes with it. Method: ordinary directories; the kernel's files are there beforehand.
func TestGroups(t *testing.T) {
	memory, pids := t.TempDir(), t.TempDir()
	g, memoryProblem, pidsProblem := openGroups(map[string]groupRoot{"memory": {dir: memory}, "pids": {dir: pids}}, 1<<30)
	if g == nil || memoryProblem != "" || pidsProblem != "" {
		t.Fatalf("%q, %q", memoryProblem, pidsProblem)
	}
	own := "skerry-" + strconv.Itoa(os.Getpid())
	host := filepath.Join(memory, own, "host-1")
	if err := os.Mkdir(host, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"memory.limit_in_bytes", "cgroup.procs"} {
		put(t, filepath.Join(host, file), "")
	}
	if err := os.Mkdir(filepath.Join(pids, own, "host-1"), 0o755); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(pids, own, "host-1", "cgroup.procs"), "")
	one, err := g.add("host-1")
	if err != nil {
		t.Fatal(err)
	}
	if err := one.attach(4711); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(host, "memory.limit_in_bytes"):       "1073741824",
		filepath.Join(host, "cgroup.procs"):                "4711",
		filepath.Join(pids, own, "host-1", "cgroup.procs"): "4711",
	} {
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("%s holds %q, want %q (%v)", path, got, want, err)
		}
	}
	put(t, filepath.Join(host, "memory.oom_control"), "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n")
	if one.overMemory() {
		t.Error("killed for its memory, and nothing was")
	}
	put(t, filepath.Join(host, "memory.oom_control"), "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n")
	if !one.overMemory() {
		t.Error("a kill for memory is not seen")
	}
}

func TestGroupsThatCannotBeMade(t *testing.T) {
	g, memory, pids := openGroups(map[string]groupRoot{"memory": {dir: filepath.Join(t.TempDir(), "none")}}, 0)
	if g != nil || memory != "no limit is configured" || !strings.Contains(pids, "no control group has the pids controller") {
		t.Errorf("%v, %q, %q", g, memory, pids)
	}
	g, memory, _ = openGroups(map[string]groupRoot{"memory": {dir: filepath.Join(t.TempDir(), "none")}}, 1)
	if g != nil || !strings.Contains(memory, "no such file") {
		t.Errorf("%v, %q", g, memory)
	}
	var none *group
	if none.overMemory() || none.attach(1) != nil {
		t.Error("no group is not harmless")
	}
	none.remove()
}

// Goal: what a supervisor that was killed left is removed, and what one that runs has is not.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	gone := 1 << 30 // Above every pid_max.
	if syscall.Kill(gone, 0) != syscall.ESRCH {
		t.Skip("a process has an impossible number")
	}
	dead, alive, other := filepath.Join(dir, "skerry-"+strconv.Itoa(gone)), filepath.Join(dir, "skerry-"+strconv.Itoa(os.Getppid())), filepath.Join(dir, "skerry-supervisor")
	for _, path := range []string{filepath.Join(dead, "host-3"), filepath.Join(alive, "host-1"), other} {
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	sweep(dir)
	if _, err := os.Stat(dead); err == nil {
		t.Error("the group of a dead supervisor is still there")
	}
	for _, path := range []string{filepath.Join(alive, "host-1"), other} {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
