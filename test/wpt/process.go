package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// A process is a child in a process group of its own, so that what it starts ends with it.
type process struct {
	command *exec.Cmd
	said    *tail
	exited  chan struct{} // Closed by the goroutine that reaps the child, after err is set.
	err     error
}

// stopTimeout is how long a process may take to end by itself.
const stopTimeout = 15 * time.Second

func start(command *exec.Cmd) (*process, error) {
	p := &process{command: command, said: &tail{}, exited: make(chan struct{})}
	command.Stdout, command.Stderr = p.said, p.said
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.WaitDelay = time.Second
	if err := command.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = command.Wait()
		close(p.exited)
	}()
	return p, nil
}

func (p *process) stop() {
	p.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(stopTimeout):
	}
	p.kill() // Whoever is left of the group.
}

func (p *process) kill() {
	syscall.Kill(-p.command.Process.Pid, syscall.SIGKILL)
	<-p.exited
}

func (p *process) ended() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

func (p *process) failure() error {
	return fmt.Errorf("%s ended early: %v\n%s", filepath.Base(p.command.Path), p.err, p.said)
}

// startPatience is how long a server may take to answer for the first time.
const startPatience = 2 * time.Minute

// awaitAnswer asks a URL until it is answered with 200 or the process has ended.
func (p *process) awaitAnswer(ctx context.Context, client *http.Client, url string) error {
	deadline := time.Now().Add(startPatience)
	for {
		err := ping(ctx, client, url)
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("no answer within %v: %w\n%s", startPatience, err, p.said)
		}
		select {
		case <-p.exited:
			return p.failure()
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func ping(ctx context.Context, client *http.Client, url string) error {
	_, err := get(ctx, client, url)
	return err
}

// answerMax is the size of the largest answer that is read.
const answerMax = 256 << 20

var errStatus = errors.New("status is not 200")

// get returns the body of a response with status 200.
func get(ctx context.Context, client *http.Client, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, answerMax))
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return body, fmt.Errorf("%w: %s: %.200s", errStatus, response.Status, body)
	}
	return body, nil
}

// clientTo returns a client whose connections all go to one address, whatever the host of the URL is.
func clientTo(addr string) *http.Client {
	var dialer net.Dialer
	return &http.Client{Transport: &http.Transport{
		DialContext:        func(ctx context.Context, _, _ string) (net.Conn, error) { return dialer.DialContext(ctx, "tcp", addr) },
		DisableKeepAlives:  true,
		DisableCompression: true,
	}}
}

// freePort finds a port of the loopback interface that nobody listens on. Another process may take it first; then the server
// that was told to use it says so.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// tail keeps the last tailMax bytes written to it.
type tail struct {
	mu   sync.Mutex
	kept []byte
}

const tailMax = 8 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - tailMax; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.kept)
}
