package sandbox

import (
	"encoding/binary"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// built is a configuration of the parts in bin/; the test is skipped without them.
func built(t testing.TB) Config {
	t.Helper()
	bin, err := filepath.Abs("../../bin")
	if err != nil {
		t.Fatal(err)
	}
	part := func(name string) string {
		path := filepath.Join(bin, name)
		if _, err := os.Stat(path); err != nil {
			t.Skipf("bin/%s is not built: run `make build` first", name)
		}
		return path
	}
	return Config{Node: part("node"), Addon: part("skerry-host.node"), Snapshot: part("runtime.snapshot"), Build: "test", Mode: Degraded}
}

// violationExit is the exit code of a host to which the supervisor breaks the protocol: a sign that it has come up.
const violationExit = "exit status 70"

// Goal: each set of walls that a machine may have lets a host come up. Method: a frame that is none, which a host that works complains about.
func TestHostStartsBehindFewerWalls(t *testing.T) {
	s, err := New(built(t))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	stands := s.present
	for name, without := range map[string]string{
		"all": "", "nothing": "all", "no files but by Landlock": "user mount pid net ipc uts cgroup root identity", "no user namespace": "user",
		"no Landlock": "landlock", "namespaces alone": "seccomp landlock no_new_privs resource_limits capabilities", "no seccomp": "seccomp",
	} {
		t.Run(name, func(t *testing.T) {
			s.present = make(map[string]bool)
			for wall, is := range stands {
				s.present[wall] = is && without != "all" && !has(strings.Fields(without), wall)
			}
			if without == "user" && os.Geteuid() != 0 {
				t.Skip("only root has the other namespaces without that")
			}
			if how, said := complain(t, s); how != violationExit || !strings.Contains(said, "protocol violation") {
				t.Errorf("the host ended with %q and said:\n%s", how, said)
			}
		})
	}
}

// complain starts a host, sends it nonsense and returns how it ended and what it wrote to its standard error.
func complain(t testing.TB, s *Sandbox) (how, said string) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "ours"), os.NewFile(uintptr(fds[1]), "theirs")
	defer ours.Close()
	page, err := os.CreateTemp(t.TempDir(), "page")
	if err != nil {
		t.Fatal(err)
	}
	defer page.Close()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	p, err := s.Start(theirs, page, write)
	theirs.Close()
	write.Close()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.FileConn(ours)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(binary.LittleEndian.AppendUint64(nil, 1<<63)); err != nil {
		t.Fatal(err)
	}
	conn.Write(make([]byte, 64)) // It may have ended.
	text, _ := io.ReadAll(read)
	return p.Wait(), string(text)
}

// Goal: a wall that a machine has not is named, with what helps; what is there is not tried again.
func TestProbe(t *testing.T) {
	findings, err := Survey(built(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(findings) != len(walls) {
		t.Fatalf("%d findings for %d walls", len(findings), len(walls))
	}
	for _, f := range findings {
		if f.Present && (f.Problem != "" || f.Remedy != "") || !f.Present && (f.Problem == "" || f.Remedy == "") {
			t.Errorf("%s: present %v, problem %q, remedy %q", f.Name, f.Present, f.Problem, f.Remedy)
		}
	}
}

func TestParts(t *testing.T) {
	cfg := built(t)
	cfg.Snapshot = filepath.Join(t.TempDir(), "none")
	if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), cfg.Snapshot) {
		t.Errorf("error %v", err)
	}
}

func TestMissing(t *testing.T) {
	findings := []Finding{{Wall: Wall{Name: "a"}, Present: true}, {Wall: Wall{Name: "b"}, Problem: "no b", Remedy: "get b"}, {Wall: Wall{Name: "c", Optional: true}}}
	for mode, want := range map[Mode]int{On: 1, Explain: 1, Degraded: 0, Off: 0} {
		if got := missing(mode, findings); len(got) != want {
			t.Errorf("%v: %v", mode, got)
		}
		if parsed, err := ParseMode(mode.String()); err != nil || parsed != mode {
			t.Errorf("%v: parsed as %v, %v", mode, parsed, err)
		}
	}
	if text := (&MissingError{missing(On, findings)}).Error(); !strings.Contains(text, "b is missing: no b; get b") {
		t.Errorf("error %q", text)
	}
	if _, err := ParseMode("lax"); err == nil || !strings.Contains(err.Error(), "on, degraded, explain, off") {
		t.Errorf("error %v", err)
	}
}

// Goal: nothing of the supervisor's environment or descriptors reaches a host.
func TestCommand(t *testing.T) {
	s, err := open(built(t))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	t.Setenv("SECRET", "x")
	cmd := s.command("root", map[string]bool{})
	if len(cmd.Env) != 2 || cmd.SysProcAttr.Cloneflags != 0 || cmd.SysProcAttr.AmbientCaps != nil {
		t.Errorf("command %q with %+v", cmd.Env, cmd.SysProcAttr)
	}
	if s.node.Fd() < programDescriptorMin {
		t.Errorf("the program's descriptor is %d: one of the child could cover it", s.node.Fd())
	}
}

// BenchmarkHost is the life of a host that ends as soon as it is ready to be spoken to, with all walls and without any.
func BenchmarkHost(b *testing.B) {
	for _, mode := range []Mode{Degraded, Off} {
		b.Run(mode.String(), func(b *testing.B) {
			cfg := built(b)
			cfg.Mode = mode
			s, err := New(cfg)
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			for b.Loop() {
				if how, said := complain(b, s); how != violationExit {
					b.Fatalf("the host ended with %q and said:\n%s", how, said)
				}
			}
		})
	}
}
