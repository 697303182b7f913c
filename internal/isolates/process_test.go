package isolates

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"skerry/internal/hostproto"
	"skerry/internal/worker"
)

var discard = slog.New(slog.DiscardHandler)

// fakeHostVariable makes the test binary a host process.
const fakeHostVariable = "SKERRY_TEST_FAKE_HOST"

func TestMain(m *testing.M) {
	if mode := os.Getenv(fakeHostVariable); mode != "" {
		fakeProcess(mode)
		return
	}
	os.Exit(m.Run())
}

// fakeProcess is a fake host in a process of its own, on the descriptors that a host is born with.
func fakeProcess(mode string) {
	switch mode {
	case "silent":
		fmt.Fprintln(os.Stderr, "cannot load the addon")
		select {}
	case "exit":
		fmt.Fprintln(os.Stderr, "wrong version of V8")
		os.Exit(3)
	case "leave": // Somebody else keeps the socket open.
		heir := exec.Command("/bin/sleep", "1000")
		heir.ExtraFiles = []*os.File{os.NewFile(3, "socket")}
		heir.Start()
	}
	file := os.NewFile(3, "socket")
	conn, err := net.FileConn(file)
	if err != nil {
		panic(err)
	}
	h := newFakeHost(0, "build")
	h.page = os.NewFile(4, "page")
	if h.conn, err = hostproto.NewConn(conn.(*net.UnixConn), hostproto.FromSupervisor); err != nil {
		panic(err)
	}
	h.onFetch = func(h *fakeHost, id uint32, m hostproto.Fetch) {
		if strings.HasSuffix(m.URL, "/seals") {
			seals, err := unix.FcntlInt(4, unix.F_GET_SEALS, 0)
			h.respond(id, fmt.Sprint(seals&(unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL) == unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL,
				" ", err, " ", unix.Ftruncate(4, 0)))
			h.done(id)
			return
		}
		if strings.HasSuffix(m.URL, "/crash") {
			h.running(63, m.Worker, id)
			fmt.Fprintln(os.Stderr, "Fatal error in V8")
			os.Exit(134)
		}
		h.fetch(id, m)
	}
	h.conn.Serve(h.handle)
}

func processConfig(mode string, logger *slog.Logger) Config {
	return Config{Logger: logger, Engine: Engine{Build: "build", Launch: func(socket, crashPage, stderr *os.File) (Process, error) {
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = []string{fakeHostVariable + "=" + mode, "GOTRACEBACK=none"}
		cmd.ExtraFiles, cmd.Stderr = []*os.File{socket, crashPage}, stderr
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		return commandProcess{cmd}, cmd.Start()
	}}}
}

type commandProcess struct{ cmd *exec.Cmd }

func (c commandProcess) Pid() int                { return c.cmd.Process.Pid }
func (c commandProcess) Kill()                   { c.cmd.Process.Kill() }
func (c commandProcess) KilledFromOutside() bool { return false }
func (c commandProcess) Wait() string {
	if err := c.cmd.Wait(); err != nil {
		return err.Error()
	}
	return "exit status 0"
}

func openProcesses(t *testing.T, cfg Config) *Pool {
	t.Helper()
	p := New(cfg)
	p.timing.healthy = 0
	if err := p.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func TestRealProcess(t *testing.T) {
	checkLeaks(t)
	log := &logBook{}
	cfg := processConfig("serve", slog.New(slog.NewTextHandler(log, nil)))
	cfg.WarmSpareHost = true
	p := openProcesses(t, cfg)
	v := testVersion("a")
	if _, got := fetch(t, p, v, get("/hello")); got != "hello" {
		t.Errorf("answer %q", got)
	}
	if _, got := fetch(t, p, v, get("/seals")); got != "true <nil> operation not permitted" {
		t.Errorf("seals: %s", got)
	}
	eventually(t, "the spare host is ready", func() bool { return len(p.Pids()) == 2 })
	first := p.Pids()[0]
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the dead host is replaced", func() bool { pids := p.Pids(); return len(pids) == 2 && pids[0] != first })
	if _, got := fetch(t, p, v, get("/hello")); got != "hello" {
		t.Errorf("answer %q", got)
	}
	eventually(t, "the log tells how it died", func() bool { return strings.Contains(log.String(), "signal: killed") })

	_, err := p.Fetch(t.Context(), v, get("/crash"))
	var ended *EventError
	if !errors.As(err, &ended) || ended.Result.Outcome != worker.HostLost {
		t.Errorf("error %v", err)
	}
	eventually(t, "the log names exit, suspect and last output", func() bool {
		text := log.String()
		return strings.Contains(text, "exit status 134") && strings.Contains(text, "Version:a-1") && strings.Contains(text, "Fatal error in V8")
	})
}

func TestProcessThatDoesNotStart(t *testing.T) {
	checkLeaks(t)
	for mode, want := range map[string][]string{
		"silent": {"did not answer Hello", "cannot load the addon"},
		"exit":   {"exit status 3", "wrong version of V8"},
	} {
		t.Run(mode, func(t *testing.T) {
			p := New(processConfig(mode, discard))
			p.timing.hello = 10 * time.Second
			if mode == "silent" {
				p.timing.hello = 500 * time.Millisecond
			}
			err := p.Open(t.Context())
			if err == nil {
				p.Close()
				t.Fatal("open succeeds")
			}
			for _, w := range want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("error %q lacks %q", err, w)
				}
			}
		})
	}
	t.Run("no such file", func(t *testing.T) {
		p := New(Config{Logger: discard, Engine: Engine{Launch: func(_, _, _ *os.File) (Process, error) { return nil, os.ErrNotExist }}})
		if err := p.Open(t.Context()); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("error %v", err)
		}
	})
}

// Goal: the end of the process counts, even if its socket stays open.
func TestProcessEndsButItsSocketDoesNot(t *testing.T) {
	checkLeaks(t)
	p := New(processConfig("leave", discard))
	p.timing.healthy, p.timing.exit = 0, 10*time.Millisecond
	if err := p.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	first := p.Pids()[0]
	syscall.Kill(first, syscall.SIGKILL)
	eventually(t, "the dead host is replaced", func() bool { pids := p.Pids(); return len(pids) == 1 && pids[0] != first })
	// The heir ends with the group.
	syscall.Kill(-first, syscall.SIGKILL)
	p.Close()
}

func TestStderrIsBounded(t *testing.T) {
	log := &logBook{}
	p := &Pool{cfg: Config{Logger: slog.New(slog.NewTextHandler(log, nil))}}
	o := &osProcess{Process: commandProcess{&exec.Cmd{Process: &os.Process{Pid: 1}}}}
	o.readStderr(p, strings.NewReader("first\n"+strings.Repeat(strings.Repeat("x", 3*stderrLineMax)+"\n", StderrLogMax/stderrLineMax)+"last\x1b[31m words\n"))
	if tail := o.Stderr(); len(tail) > stderrTailMax || !strings.HasSuffix(tail, "last[31m words") {
		t.Errorf("tail of %d bytes", len(tail))
	}
	if n := len(log.String()); n > 2*StderrLogMax || !strings.Contains(log.String(), "more to stderr than is logged") {
		t.Errorf("%d bytes of log", n)
	}
}
