package succession

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The test's own binary is the server: it says its process id on each connection, and everything that happens on its standard output.
const (
	roleVariable = "SKERRY_TEST_SUCCESSION" // how the server shall behave
	// upgradeOn is the byte that a client sends to have the server succeeded; the answer is an error or a process id.
	upgradeOn = 'u'
	// waitOn is the byte on which it answers when its predecessor has gone.
	waitOn = 'w'
)

func TestMain(m *testing.M) {
	if code, is := Caretake(); is {
		os.Exit(code)
	}
	if role := os.Getenv(roleVariable); role != "" {
		os.Exit(server(role))
	}
	os.Exit(m.Run())
}

// server is one generation. What the successor shall be like is in a file that role names, as a new release would be on the disk.
func server(role string) int {
	stop := make(chan os.Signal, 4)
	signal.Notify(stop, SignalStop, syscall.SIGTERM, syscall.SIGHUP)
	own, err := Inherit()
	if err != nil {
		fmt.Println(err)
		return 3
	}
	behaviour, _ := os.ReadFile(role)
	if own != nil {
		switch strings.TrimSpace(string(behaviour)) {
		case "crash":
			return 4
		case "refuse":
			own.Fail(errors.New("it does not feel like it"))
			return 5
		case "hang":
			select {}
		}
	}
	l, err := own.Listener("requests", "here")
	if err == nil && l == nil {
		if l, err = net.Listen("tcp", "127.0.0.1:0"); err == nil {
			fmt.Println("address", l.Addr())
		}
	}
	if err != nil {
		fmt.Println(err)
		return 3
	}
	heirs := make(chan *Heir, 1)
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				defer c.Close()
				b := make([]byte, 1)
				io.ReadFull(c, b)
				if b[0] == waitOn && own != nil {
					<-own.PredecessorGone()
				}
				if b[0] != upgradeOn {
					fmt.Fprintln(c, os.Getpid())
					return
				}
				if own != nil {
					<-own.PredecessorGone() // one at a time: the anchor must be the reaper before its heir's heir comes
				}
				patience := time.Minute
				if strings.TrimSpace(string(fileText(role))) == "hang" {
					patience = 300 * time.Millisecond
				}
				h, err := Succeed(context.Background(), own, Plan{Command: os.Args, Dir: "/", Sockets: []Socket{{"requests", "here", l}}, Facts: []string{"a fact"}, Patience: patience})
				if err != nil {
					fmt.Fprintln(c, "error:", err)
					return
				}
				fmt.Fprintln(c, h.Pid)
				heirs <- h
			})
		}
	})
	if own != nil {
		if string(own.Facts) != `["a fact"]` {
			fmt.Println("facts", string(own.Facts))
			return 6
		}
		if err := own.Serving(Report{Version: "2"}); err != nil {
			fmt.Println(err)
			return 7
		}
	}
	for {
		select {
		case s := <-stop:
			if s == syscall.SIGHUP {
				fmt.Println("hangup", os.Getpid())
				continue
			}
			fmt.Println("stopped", os.Getpid(), s)
			return 0
		case <-own.AnchorGone():
			return 8
		case h := <-heirs:
			l.Close()
			conns.Wait()
			if own != nil {
				return 0
			}
			h.Forward(func() {}, func() { os.Exit(Quit) })
			signal.Stop(stop)
			code, err := h.Settle("/proc/self/exe", os.Args)
			fmt.Println("not settled", code, err)
			return code
		}
	}
}

func fileText(path string) []byte {
	text, _ := os.ReadFile(path) // none: an ordinary successor
	return text
}

// running is a server of the test.
type runningServer struct {
	t       *testing.T
	cmd     *exec.Cmd
	role    string
	address string
	lines   chan string
	exited  chan error
}

func startServer(t *testing.T) *runningServer {
	s := &runningServer{t: t, role: t.TempDir() + "/role", lines: make(chan string, 100), exited: make(chan error, 1)}
	s.cmd = exec.Command("/proc/self/exe")
	s.cmd.Env = append(os.Environ(), roleVariable+"="+s.role)
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.cmd.Stderr = os.Stderr
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { // ends with the last of the server's processes
		for lines := bufio.NewScanner(out); lines.Scan(); {
			s.lines <- lines.Text()
		}
		close(s.lines)
		s.exited <- s.cmd.Wait()
	}()
	t.Cleanup(func() { s.cmd.Process.Kill() })
	s.address = strings.TrimPrefix(s.line(), "address ")
	return s
}

func (s *runningServer) line() string {
	s.t.Helper()
	select {
	case line := <-s.lines:
		return line
	case <-time.After(time.Minute):
		s.t.Fatal("the server says nothing")
		return ""
	}
}

func (s *runningServer) exit() int {
	s.t.Helper()
	select {
	case err := <-s.exited:
		if ended, ok := errors.AsType[*exec.ExitError](err); ok {
			return ended.ExitCode()
		}
		return 0
	case <-time.After(time.Minute):
		s.t.Fatal("the server does not end")
		return -1
	}
}

func (s *runningServer) ask(what byte) string {
	s.t.Helper()
	c, err := net.Dial("tcp", s.address)
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	c.Write([]byte{what})
	text, err := io.ReadAll(c)
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// awaitPid asks who serves, until it is the one that is meant: two may accept for a moment.
func (s *runningServer) awaitPid(want string) {
	s.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for s.ask('?') != want {
		if time.Now().After(deadline) {
			s.t.Fatalf("process %s never serves", want)
		}
	}
}

// settle waits until only one generation is left, and the anchor is at work as its caretaker.
func (s *runningServer) settle() {
	s.t.Helper()
	s.ask(waitOn)
	deadline := time.Now().Add(time.Minute)
	for {
		name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", s.cmd.Process.Pid))
		if err != nil {
			s.t.Fatal(err)
		}
		if strings.TrimSpace(string(name)) == caretakerName {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("the anchor is %q", name)
		}
		time.Sleep(time.Millisecond)
	}
}

// Goal: one generation follows the other, the process that was started stays, as their caretaker, gets its signals to whoever serves, and
// ends as that does.
func TestGenerations(t *testing.T) {
	s := startServer(t)
	anchor := strconv.Itoa(s.cmd.Process.Pid)
	if pid := s.ask('?'); pid != anchor {
		t.Fatalf("%s serves, not %s", pid, anchor)
	}
	last := anchor
	for range 4 {
		next := s.ask(upgradeOn)
		if next == last || next == anchor || strings.Contains(next, "error") {
			t.Fatalf("the next one is %q", next)
		}
		s.awaitPid(next)
		last = next
	}
	s.settle()
	s.cmd.Process.Signal(syscall.SIGHUP)
	if line := s.line(); line != "hangup "+last {
		t.Errorf("after SIGHUP: %q, expected of %s", line, last)
	}
	s.cmd.Process.Signal(syscall.SIGTERM)
	if line := s.line(); line != "stopped "+last+" "+SignalStop.String() {
		t.Errorf("after SIGTERM: %q, expected of %s", line, last)
	}
	if code := s.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// Goal: a successor that crashes, refuses or hangs changes nothing, and the error says why.
func TestSuccessorFails(t *testing.T) {
	for behaviour, says := range map[string]string{
		"crash": "ended before it was ready: exit status 4", "refuse": "cannot serve: it does not feel like it", "hang": "was not ready within",
	} {
		t.Run(behaviour, func(t *testing.T) {
			s := startServer(t)
			for range 2 { // As the anchor, and as its successor.
				if err := os.WriteFile(s.role, []byte(behaviour), 0o600); err != nil {
					t.Fatal(err)
				}
				before := s.ask('?')
				if answer := s.ask(upgradeOn); !strings.HasPrefix(answer, "error:") || !strings.Contains(answer, says) {
					t.Errorf("answer %q", answer)
				}
				if after := s.ask('?'); after != before {
					t.Errorf("%s serves, before %s", after, before)
				}
				if err := os.Remove(s.role); err != nil {
					t.Fatal(err)
				}
				s.awaitPid(s.ask(upgradeOn))
			}
			s.settle()
			s.cmd.Process.Signal(syscall.SIGTERM)
			s.line()
			if code := s.exit(); code != 0 {
				t.Errorf("exit code %d", code)
			}
		})
	}
}

// Goal: when the caretaker is killed, who serves ends, too; and when who serves is killed, the caretaker ends with its code.
func TestOneIsKilled(t *testing.T) {
	s := startServer(t)
	s.awaitPid(s.ask(upgradeOn))
	s.cmd.Process.Kill()
	s.exit() // The output is at its end: nobody holds it.

	s = startServer(t)
	s.awaitPid(s.ask(upgradeOn))
	main := s.ask(upgradeOn) // The grandchild: the caretaker has it from its parent.
	s.awaitPid(main)
	s.settle()
	pid, err := strconv.Atoi(main)
	if err != nil {
		t.Fatal(err)
	}
	syscall.Kill(pid, syscall.SIGKILL)
	if code := s.exit(); code != 128+int(syscall.SIGKILL) {
		t.Errorf("exit code %d", code)
	}
}

// Goal: a second signal to stop ends all at once.
func TestSecondSignal(t *testing.T) {
	c := &caretaker{main: -1}
	// Process -1 would be everybody: nothing is sent before the first assertion holds.
	c.main = 1 << 30 // no such process
	if c.pass(syscall.SIGTERM) || !c.stopping {
		t.Error("the first one quits")
	}
	if c.pass(syscall.SIGHUP) || c.pass(syscall.SIGUSR2) || !c.pass(syscall.SIGINT) {
		t.Error("the second one does not quit")
	}
}

// Goal: another release's word is refused, and so is what is not one.
func TestVariable(t *testing.T) {
	for text, says := range map[string]string{"2 3": "succession protocol 2", "1 x": "not by a predecessor", "1": "not by a predecessor", "1 0": "not by a predecessor"} {
		t.Setenv(variable, text)
		if _, err := Inherit(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", text, err)
		}
		if _, found := os.LookupEnv(variable); found {
			t.Error("it is still there for others")
		}
	}
}

// Goal: a question is answered on the control socket, the server is found, and nonsense is said to be that.
func TestControl(t *testing.T) {
	l, err := ListenControl(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		Control(l, func(q Question) Answer { return Answer{Error: fmt.Sprint(q.HostsOnly), Millis: 5} })
	}()
	found, err := Running()
	if err != nil {
		t.Fatal(err)
	}
	seen := false
	for _, pid := range found {
		seen = seen || pid == os.Getpid()
	}
	if !seen {
		t.Errorf("not among %v", found)
	}
	if a, err := Ask(os.Getpid(), Question{HostsOnly: true}, time.Minute); err != nil || a.Error != "true" || a.Millis != 5 {
		t.Errorf("answer %+v, %v", a, err)
	}
	for _, nonsense := range []string{"what?\n", strings.Repeat("x", questionMax+1)} {
		c, err := net.Dial("unix", "\x00"+controlPrefix+strconv.Itoa(os.Getpid()))
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, nonsense)
		var a Answer
		if err := json.NewDecoder(c).Decode(&a); err != nil || !strings.Contains(a.Error, "not understood") {
			t.Errorf("answer %+v, %v", a, err)
		}
		c.Close()
	}
	l.Close()
	<-over
	if _, err := Ask(os.Getpid(), Question{}, time.Minute); err == nil {
		t.Error("somebody answers")
	}
}

func TestRunning(t *testing.T) {
	text := "Num       RefCount Protocol Flags    Type St Inode Path\n" +
		"0000000000000000: 00000002 00000000 00010000 0001 01 111 @skerry-serve-7\n" +
		"0000000000000000: 00000003 00000000 00000000 0001 03 112 @skerry-serve-8\n" + // A connection.
		"0000000000000000: 00000002 00000000 00010000 0001 01 113 /run/skerry-serve-9\n" +
		"0000000000000000: 00000002 00000000 00010000 0001 01 114 @skerry-serve-x\n" +
		"0000000000000000: 00000002 00000000 00010000 0001 01 115\n" +
		"0000000000000000: 00000002 00000000 00010000 0001 01 116 @skerry-serve-5\n"
	if got := fmt.Sprint(running(text)); got != "[5 7]" {
		t.Error(got)
	}
}

// Goal: systemd is told by a path and by an abstract name.
func TestNotify(t *testing.T) {
	for _, name := range []string{t.TempDir() + "/notify", "@skerry-test-" + strconv.Itoa(os.Getpid())} {
		l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: strings.Replace(name, "@", "\x00", 1), Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv(notifyVariable, name)
		Notify("READY=1")
		b := make([]byte, 100)
		n, err := l.Read(b)
		if err != nil || string(b[:n]) != "READY=1" {
			t.Errorf("%q, %v", b[:n], err)
		}
		l.Close()
	}
	if env := strings.Join(environment(), "\n"); strings.Contains(env, notifyVariable+"=") {
		t.Error("a successor would be told of it")
	}
}
