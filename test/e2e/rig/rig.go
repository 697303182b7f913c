// Package rig starts Skerry as a user would, for the end-to-end tests: workers written to a temporary directory, a
// configuration file, the binary in bin/, and HTTP. It knows nothing of Skerry's inside and has no tests of its own.
//
// Called by test/e2e and test/hostile. Goroutines: one per server, to reap the process; it ends with the test.
package rig

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Patience is how long a test waits for something that should happen at once: long enough for a busy machine, since it is
// only ever used up by a failure.
const Patience = 60 * time.Second

// Repository is the root of the checkout.
func Repository(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod above the test's directory")
		}
		dir = parent
	}
}

// Binary is the path of the built skerry. Without one the test is skipped: these tests are about what `make build` makes.
func Binary(t testing.TB) string {
	t.Helper()
	path := filepath.Join(Repository(t), "bin", "skerry")
	for _, part := range []string{"skerry", "node", "skerry-host.node", "host.js", "runtime.snapshot"} {
		if _, err := os.Stat(filepath.Join(filepath.Dir(path), part)); err != nil {
			t.Skipf("bin/%s is not built: run `make build` first, or `make test`, which does", part)
		}
	}
	return path
}

// sandboxVariable names the mode of the sandbox for all tests: "degraded" where the machine lacks a part of it, "explain" to find a
// system call that is missing in the host's list.
const sandboxVariable = "SKERRY_TEST_SANDBOX"

// Hostile is an installation whose hosts can be told to try system calls: see host/test/sandbox_probe.cc. It returns the path of its
// skerry. Without that addon the test is skipped.
func Hostile(t testing.TB) string {
	t.Helper()
	binary, dir := Binary(t), t.TempDir()
	addon := filepath.Join(Repository(t), "build", "probe", "skerry-host.node")
	if _, err := os.Stat(addon); err != nil {
		t.Skip("build/probe is not built: run `make build/probe/skerry-host.node` first, or `make test`, which does")
	}
	// Others must be able to look in: a host that root starts is nobody.
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{binary, addon, filepath.Join(filepath.Dir(binary), "node"), filepath.Join(filepath.Dir(binary), "runtime.snapshot")} {
		to := filepath.Join(dir, filepath.Base(path))
		if os.Link(path, to) == nil {
			continue
		}
		text, err := os.ReadFile(path) // On another file system.
		if err == nil {
			err = os.WriteFile(to, text, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, filepath.Base(binary))
}

// Server is a running skerry.
type Server struct {
	// Addr is where it listens.
	Addr string
	// admin is the address of health and metrics, "" if there is none.
	admin string
	t     testing.TB
	cmd   *exec.Cmd
	said  *log
	// exited is closed when the process has been reaped; exit is its code then.
	exited chan struct{}
	exit   int
}

// log is everything that the process printed, up to logMax.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

const logMax = 8 << 20

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.text.Len() < logMax {
		l.text.Write(p)
	}
	return len(p), nil
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// start runs skerry with arguments in dir and stops it when the test ends. It does not wait for an answer.
func start(t testing.TB, binary, dir, addr string, args ...string) *Server {
	t.Helper()
	s := &Server{Addr: addr, t: t, said: &log{}, exited: make(chan struct{})}
	if mode := os.Getenv(sandboxVariable); mode != "" {
		args = append(args, "--sandbox="+mode)
	}
	s.cmd = exec.Command(binary, args...)
	s.cmd.Dir = dir
	s.cmd.Stdout, s.cmd.Stderr = s.said, s.said
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		s.cmd.Wait()
		s.exit = s.cmd.ProcessState.ExitCode()
		close(s.exited)
	}()
	t.Cleanup(func() {
		s.Stop()
		if t.Failed() {
			t.Logf("skerry %s said:\n%s", strings.Join(args, " "), lastLines(s.said.String(), 60))
		}
	})
	return s
}

// PID is the supervisor's process id.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Dir is where the process runs: with Serve, the directory of its configuration and of the workers.
func (s *Server) Dir() string { return s.cmd.Dir }

// Said is what the process has printed so far.
func (s *Server) Said() string { return s.said.String() }

// Signal sends a signal to the supervisor.
func (s *Server) Signal(signal os.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(signal); err != nil {
		s.t.Fatalf("signal %v: %v", signal, err)
	}
}

// Exit waits for the process to end and returns its exit code.
func (s *Server) Exit() int {
	s.t.Helper()
	select {
	case <-s.exited:
		return s.exit
	case <-time.After(Patience):
		s.t.Fatalf("the process did not end within %v", Patience)
		return -1
	}
}

// Stop ends the process, if it has not ended, and waits for it.
func (s *Server) Stop() {
	s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.exited:
	case <-time.After(Patience):
		s.t.Errorf("SIGTERM did not end skerry within %v", Patience)
		s.cmd.Process.Kill()
		<-s.exited
	}
}

// Ended says whether the process has ended.
func (s *Server) Ended() bool {
	select {
	case <-s.exited:
		return true
	default:
		return false
	}
}

// Client is an HTTP client whose requests all go to the server, whatever the host of their URL. Connections are its own.
func (s *Server) Client() *http.Client {
	dialer := &net.Dialer{Timeout: Patience}
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "tcp", s.Addr)
		},
		MaxIdleConnsPerHost: 64,
		DisableCompression:  true,
	}
	s.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 5 * Patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// Answer is a response that has been read.
type Answer struct {
	Status int
	Header http.Header
	Body   string
}

// Do sends a request and reads the whole answer.
func Do(client *http.Client, method, url, contentType, body string) (Answer, error) {
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	request, err := http.NewRequest(method, url, in)
	if err != nil {
		return Answer{}, err
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := client.Do(request)
	if err != nil {
		return Answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return Answer{Status: response.StatusCode, Header: response.Header, Body: string(text)}, err
}

// Get asks once and fails the test if there is no answer.
func (s *Server) Get(host, path string) Answer {
	s.t.Helper()
	answer, err := Do(s.Client(), http.MethodGet, "http://"+host+path, "", "")
	if err != nil {
		s.t.Fatalf("GET %s%s: %v", host, path, err)
	}
	return answer
}

// Await asks until an answer is as wanted, and fails the test if that does not happen within Patience.
func (s *Server) Await(host, path, what string, wanted func(Answer) bool) Answer {
	s.t.Helper()
	var last Answer
	var err error
	client := s.Client()
	Until(s.t, "GET "+host+path+" gives "+what, func() bool {
		if s.Ended() {
			s.t.Fatalf("skerry ended with %d before GET %s%s gave %s", s.exit, host, path, what)
		}
		last, err = Do(client, http.MethodGet, "http://"+host+path, "", "")
		return err == nil && wanted(last)
	}, func() string { return fmt.Sprintf("last: %d %.300q %v", last.Status, last.Body, err) })
	return last
}

// Metric reads a figure without labels from the server's metrics.
func (s *Server) Metric(name string) float64 {
	s.t.Helper()
	answer, err := Do(http.DefaultClient, http.MethodGet, "http://"+s.admin+"/metrics", "", "")
	if err != nil || answer.Status != http.StatusOK {
		s.t.Fatalf("metrics: %d %v", answer.Status, err)
	}
	for line := range strings.Lines(answer.Body) {
		if value, found := strings.CutPrefix(line, name+" "); found {
			number, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				s.t.Fatalf("metric %s: %v", name, err)
			}
			return number
		}
	}
	s.t.Fatalf("there is no metric %s", name)
	return 0
}

// Ready waits until a request gives status 200.
func (s *Server) Ready(host, path string) Answer {
	s.t.Helper()
	return s.Await(host, path, "status 200", func(a Answer) bool { return a.Status == http.StatusOK })
}

// Until polls a condition and fails the test if it does not become true within Patience. last, if not nil, describes what was seen.
func Until(t testing.TB, what string, condition func() bool, last func() string) {
	t.Helper()
	deadline := time.Now().Add(Patience)
	for !condition() {
		if time.Now().After(deadline) {
			seen := ""
			if last != nil {
				seen = "; " + last()
			}
			t.Fatalf("waited %v in vain: %s%s", Patience, what, seen)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// freeAddress finds a port that nobody listens on.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// IsRefused says whether a request failed because nobody listens.
func IsRefused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }
