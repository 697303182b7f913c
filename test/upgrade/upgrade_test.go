package upgrade

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"skerry/test/e2e/rig"
)

const (
	// releasesVariable names directories of releases, separated by colons, to alternate between; without it there are two of bin/.
	releasesVariable = "SKERRY_UPGRADE_RELEASES"
	// countVariable is the number of upgrades.
	countVariable = "SKERRY_UPGRADES"
)

// platform is a directory with releases beside each other and a link to the one that is installed.
type platform struct {
	t        *testing.T
	dir      string
	releases []string
	current  int
}

// parts are the files of a release.
var parts = []string{"skerry", "node", "skerry-host.node", "runtime.snapshot"}

func newPlatform(t *testing.T) *platform {
	t.Helper()
	p := &platform{t: t, dir: t.TempDir()}
	sources := []string{filepath.Dir(rig.Binary(t)), filepath.Dir(rig.Binary(t))}
	if named := os.Getenv(releasesVariable); named != "" {
		sources = strings.Split(named, ":")
	}
	for i, source := range sources {
		name := filepath.Join("releases", strconv.Itoa(i+1))
		p.add(name, source)
		p.releases = append(p.releases, name)
	}
	// Others must be able to look in: a host that root starts is nobody.
	for _, dir := range []string{p.dir, filepath.Join(p.dir, "releases")} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	p.install(0)
	return p
}

// add puts a release beside the others.
func (p *platform) add(name, source string) {
	p.t.Helper()
	dir := filepath.Join(p.dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		p.t.Fatal(err)
	}
	for _, part := range parts {
		from, to := filepath.Join(source, part), filepath.Join(dir, part)
		if os.Link(from, to) == nil {
			continue
		}
		text, err := os.ReadFile(from) // on another file system
		if err == nil {
			err = os.WriteFile(to, text, 0o755)
		}
		if err != nil {
			p.t.Fatal(err)
		}
	}
}

// install switches the link, at once, as an operator would.
func (p *platform) install(i int) {
	p.t.Helper()
	p.current = i % len(p.releases)
	p.link(p.releases[p.current])
}

func (p *platform) link(release string) {
	p.t.Helper()
	beside := filepath.Join(p.dir, "new")
	if err := os.Symlink(release, beside); err != nil {
		p.t.Fatal(err)
	}
	if err := os.Rename(beside, filepath.Join(p.dir, "current")); err != nil {
		p.t.Fatal(err)
	}
}

func (p *platform) binary() string { return filepath.Join(p.dir, "current", "skerry") }

// upgrade runs `skerry upgrade` and returns what it says and its exit code.
func (p *platform) upgrade(s *rig.Server, args ...string) (string, int) {
	p.t.Helper()
	command := exec.Command(p.binary(), append([]string{"upgrade", "--pid", strconv.Itoa(s.PID())}, args...)...)
	out, err := command.CombinedOutput()
	if err != nil && command.ProcessState == nil {
		p.t.Fatal(err)
	}
	return string(out), command.ProcessState.ExitCode()
}

func (p *platform) serve(args ...string) (*rig.Server, rig.Worker) {
	p.t.Helper()
	w := rig.Script("crowd", workerSource)
	s := rig.Serve(p.t, rig.Platform{Workers: []rig.Worker{w}, Binary: p.binary(), Args: args})
	// Without an idle connection that would stay.
	rig.Until(p.t, "it answers", func() bool {
		_, err := (&strict{addr: s.Addr, host: w.Host()}).ask("GET", "/", "Connection: close\r\n", nil)
		return err == nil
	}, s.Said)
	return s, w
}

var upgraded = regexp.MustCompile(`^skerry \S+ with V8 (\S+) serves after \S+ \(process (\d+)\); before: skerry \S+ with V8 (\S+) \(process (\d+)\)`)

// Goal: upgrade after upgrade under load, each to the other release, no request fails; the process that was started stays; old processes are
// gone when their time is over; descriptors and memory do not grow. Method: clients of all kinds ask all the time and count everything that is
// not the answer they expect.
func TestUpgradesUnderLoad(t *testing.T) {
	count, drain := 4, "2s"
	if text := os.Getenv(countVariable); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		count, drain = n, "5s"
	}
	p := newPlatform(t)
	s, w := p.serve("--drain", drain)
	clients := gather(t, s.Addr, w.Host())
	var files []int
	var memory []int64
	engines := make(map[string]int)
	serving, last := s.PID(), 0
	for i := range count {
		before := clients.total()
		rig.Until(t, "there are answers", func() bool { return clients.total() > before+200 || t.Failed() }, nil)
		p.install(i + 1)
		said, code := p.upgrade(s)
		found := upgraded.FindStringSubmatch(said)
		if code != 0 || found == nil {
			t.Fatalf("upgrade %d: exit code %d: %s", i+1, code, said)
		}
		engines[found[1]]++
		if found[4] != strconv.Itoa(serving) || found[2] == found[4] {
			t.Errorf("upgrade %d: from process %s to %s, but %d served", i+1, found[4], found[2], serving)
		}
		last, serving = serving, number(t, found[2])
		if served := s.Get(w.Host(), "/after"); served.Status != 200 {
			t.Errorf("upgrade %d: status %d", i+1, served.Status)
		}
		gone := last
		rig.Until(t, "the process before has gone", func() bool { return gone == s.PID() && isCaretaker(gone) || syscall.Kill(gone, 0) != nil }, nil)
		files = append(files, filesOf(t, serving))
		memory = append(memory, s.RSS())
		if i%10 == 9 {
			t.Logf("%d upgrades, %d requests, %d descriptors, %d MiB", i+1, clients.total(), files[i], memory[i]>>20)
		}
	}
	clients.end()
	if s.Ended() {
		t.Fatal("the process that was started has ended")
	}
	if clients.sockets.Load() == 0 {
		t.Error("no WebSocket lived to see its process end")
	}
	if named := os.Getenv(releasesVariable); named != "" && len(engines) < 2 {
		t.Errorf("always the same V8: %v", engines)
	}
	t.Logf("V8: %v; descriptors %v; MiB %v", engines, files, mebibytes(memory))
	// Requests under way have descriptors, too: some more or less is not growth.
	if first, end := files[0], files[len(files)-1]; end > first+40 {
		t.Errorf("descriptors: %d after the first upgrade, %d after the last", first, end)
	}
	if first, end := memory[0], memory[len(memory)-1]; end > first*3/2+64<<20 {
		t.Errorf("memory: %d MiB after the first upgrade, %d after the last", first>>20, end>>20)
	}
	s.Signal(syscall.SIGTERM)
	if code := s.Exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if syscall.Kill(serving, 0) == nil {
		t.Error("the last process is still there")
	}
}

// Goal: the same without a new process: only the hosts are replaced. And by SIGUSR2.
func TestHostsOnlyAndSignal(t *testing.T) {
	p := newPlatform(t)
	s, w := p.serve("--drain", "2s")
	clients := gather(t, s.Addr, w.Host())
	hosts := s.Hosts()
	for i := range 2 {
		p.install(i + 1)
		if said, code := p.upgrade(s, "--hosts-only"); code != 0 || !strings.Contains(said, "new isolate hosts serve") {
			t.Fatalf("exit code %d: %s", code, said)
		}
	}
	if !testing.Short() { // It takes 30 s: a WebSocket stays as long as it can.
		rig.Until(t, "the old hosts have gone", func() bool {
			for _, pid := range hosts {
				if syscall.Kill(pid, 0) == nil {
					return false
				}
			}
			return true
		}, nil)
	}
	s.Signal(syscall.SIGUSR2)
	rig.Until(t, "another process serves", func() bool { return isCaretaker(s.PID()) }, nil)
	// Now as a caretaker: the signal goes on.
	said := strings.Count(s.Said(), `"another process serves now"`)
	s.Signal(syscall.SIGUSR2)
	rig.Until(t, "another one still", func() bool { return strings.Count(s.Said(), `"another process serves now"`) > said }, nil)
	clients.end()
}

// Goal: a release that does not work changes nothing: the old process serves on without a failed request, and the operator is told what is
// wrong. Then a good one is installed, and taken.
func TestBrokenReleases(t *testing.T) {
	p := newPlatform(t)
	s, w := p.serve("--drain", "2s")
	clients := gather(t, s.Addr, w.Host())
	write := func(name string) {
		t.Helper()
		path := filepath.Join(p.dir, "releases", "broken", name)
		os.Remove(path) // it is a link to what others use
		if err := os.WriteFile(path, []byte("#!/bin/sh\necho it is broken >&2\nexit 9\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct{ part, says, hostsOnly string }{
		{"skerry", "ended before it was ready: exit status 9", "new isolate hosts serve"},
		{"node", "start an isolate host", "isolate host"},
		{"skerry-host.node", "start an isolate host", "isolate host"},
		{"runtime.snapshot", "start an isolate host", "isolate host"},
		{"", "is missing", "is missing"},
	} {
		if err := os.RemoveAll(filepath.Join(p.dir, "releases", "broken")); err != nil {
			t.Fatal(err)
		}
		p.add("releases/broken", filepath.Dir(rig.Binary(t)))
		if test.part == "" {
			os.Remove(filepath.Join(p.dir, "releases", "broken", "node"))
		} else {
			write(test.part)
		}
		p.link("releases/broken")
		for _, args := range [][]string{nil, {"--hosts-only"}} {
			want, wantCode := test.says, 1
			if args != nil {
				want = test.hostsOnly
			}
			if strings.Contains(want, "serve") {
				wantCode = 0
			}
			command := exec.Command(rig.Binary(t), append([]string{"upgrade", "--pid", strconv.Itoa(s.PID())}, args...)...)
			out, _ := command.CombinedOutput() // the exit code is looked at
			if code := command.ProcessState.ExitCode(); code != wantCode || !strings.Contains(string(out), want) {
				t.Errorf("broken %q, %v: exit code %d: %s", test.part, args, code, out)
			}
		}
	}
	// A worker that runs and does not build any more.
	p.install(1)
	path := filepath.Join(s.Dir(), "crowd", "src", "index.js")
	rig.WriteFile(t, path, "this is no JavaScript")
	if said, code := p.upgrade(s); code != 1 || !strings.Contains(said, "do not build any more") || !strings.Contains(said, "crowd") {
		t.Errorf("a broken worker: exit code %d: %s", code, said)
	}
	rig.WriteFile(t, path, workerSource)
	if said, code := p.upgrade(s); code != 0 {
		t.Errorf("a good release: exit code %d: %s", code, said)
	}
	clients.end()
}

// Goal: a server that is stopped while the process before still waits for idle connections does not wait for them: as the process that was
// started, and as a later one.
func TestStopWhileOneLeaves(t *testing.T) {
	for _, before := range []int{0, 1} {
		p := newPlatform(t)
		s, w := p.serve("--drain", "10m") // longer than the test waits
		for range before {
			if said, code := p.upgrade(s); code != 0 {
				t.Fatalf("exit code %d: %s", code, said)
			}
			rig.Until(t, "there is a caretaker", func() bool { return isCaretaker(s.PID()) }, nil)
		}
		idle := &strict{addr: s.Addr, host: w.Host()}
		if _, err := idle.ask("GET", "/", "", nil); err != nil {
			t.Fatal(err)
		}
		defer idle.conn.Close()
		if said, code := p.upgrade(s); code != 0 {
			t.Fatalf("exit code %d: %s", code, said)
		}
		s.Signal(syscall.SIGTERM)
		if code := s.Exit(); code != 0 {
			t.Errorf("after %d upgrades: exit code %d", before, code)
		}
	}
}

// Goal: whoever asks wrongly is told so.
func TestAskingWrongly(t *testing.T) {
	out, err := exec.Command(rig.Binary(t), "upgrade", "--pid", "1").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "reach process 1") {
		t.Errorf("%v: %s", err, out)
	}
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// isCaretaker says whether a process has become one, and is at work.
func isCaretaker(pid int) bool {
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return err == nil && strings.TrimSpace(string(name)) == "skerry-care"
}

func filesOf(t *testing.T, pid int) int {
	t.Helper()
	all, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

func mebibytes(all []int64) []int64 {
	var out []int64
	for _, n := range all {
		out = append(out, n>>20)
	}
	return out
}
