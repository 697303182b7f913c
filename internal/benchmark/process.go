package benchmark

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a server under test: a child process and whatever it starts itself.
type process struct {
	command *exec.Cmd
	errors  *tail
	exited  chan struct{} // Closed by the goroutine that reaps the child, after err is set.
	err     error
}

// stopTimeout is how long a server may take to end by itself after SIGTERM.
const stopTimeout = 15 * time.Second

func startProcess(command *exec.Cmd) (*process, error) {
	p := &process{command: command, errors: &tail{}, exited: make(chan struct{})}
	command.Stderr = p.errors
	if command.Stdout == nil {
		command.Stdout = p.errors
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = command.Wait()
		close(p.exited)
	}()
	return p, nil
}

// stop ends the process: politely, then, after stopTimeout, not.
func (p *process) stop() {
	p.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(stopTimeout):
		p.kill()
	}
}

func (p *process) kill() {
	p.command.Process.Kill()
	<-p.exited
}

func (p *process) failure() error {
	return fmt.Errorf("%s ended early: %v\n%s", filepath.Base(p.command.Path), p.err, p.errors.String())
}

// output runs a command to its end and returns what it printed.
func output(command *exec.Cmd, in []byte) ([]byte, error) {
	var out bytes.Buffer
	said := &tail{}
	command.Stdin = bytes.NewReader(in)
	command.Stdout = &out
	command.Stderr = said
	if err := command.Run(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, said.String())
	}
	return out.Bytes(), nil
}

// tail keeps the last tailMax bytes written to it, and what Skerry's log says of requests that exceeded their CPU limit.
type tail struct {
	mu       sync.Mutex
	kept     []byte
	line     []byte // The last one, as long as it is not complete.
	exceeded histogram
}

const tailMax = 4 << 10

// logLineMax is the length of the longest line of the log that is read.
const logLineMax = 16 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for rest := p; ; {
		before, after, found := bytes.Cut(rest, []byte("\n"))
		t.line = append(t.line, before[:min(len(before), logLineMax-len(t.line))]...)
		if !found {
			break
		}
		t.note()
		rest = after
	}
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - tailMax; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	return len(p), nil
}

// note reads a complete line of the log.
func (t *tail) note() {
	var request struct {
		Outcome string        `json:"outcome"`
		CPU     time.Duration `json:"cpu"`
	}
	if bytes.Contains(t.line, []byte("exceededCpu")) && json.Unmarshal(t.line, &request) == nil && request.Outcome == "exceededCpu" {
		t.exceeded.record(request.CPU)
	}
	t.line = t.line[:0]
}

// ended hands out the CPU times of requests that exceeded their limit since the last call.
func (t *tail) ended() *histogram {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.exceeded
	t.exceeded = histogram{}
	return &h
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.kept)
}

// usage is what a process and its descendants use.
type usage struct {
	cpu time.Duration // User and system time since the start, with that of reaped children.
	// rootRSS is the resident memory of the process itself, childRSS that of all its descendants, in bytes.
	rootRSS, childRSS int64
	processes         int
}

// clockTick is the unit of times in /proc: USER_HZ, which is 100 on every Linux that Skerry runs on.
const clockTick = 10 * time.Millisecond

// treeUsage adds up /proc/<pid>/stat of a process and its descendants.
func treeUsage(root int) (usage, error) {
	stats, err := allStats()
	if err != nil {
		return usage{}, err
	}
	first, found := stats[root]
	if !found {
		return usage{}, fmt.Errorf("process %d is not there any more", root)
	}
	total := usage{cpu: first.cpu + first.reaped, rootRSS: first.rss, processes: 1}
	for pid, s := range stats {
		if pid != root && descends(stats, pid, root) {
			total.cpu += s.cpu + s.reaped
			total.childRSS += s.rss
			total.processes++
		}
	}
	return total, nil
}

func descends(stats map[int]stat, pid, root int) bool {
	// Parents may change while /proc is read, so the walk has a limit instead of trusting that it ends.
	for range 64 {
		s, found := stats[pid]
		if !found {
			return false
		}
		if s.parent == root {
			return true
		}
		pid = s.parent
	}
	return false
}

// stat is what is needed of one /proc/<pid>/stat (proc_pid_stat(5)).
type stat struct {
	parent      int
	cpu, reaped time.Duration
	rss         int64
}

func allStats() (map[int]stat, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	stats := make(map[int]stat)
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		text, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "stat"))
		if err != nil {
			continue // It has ended meanwhile.
		}
		if s, err := parseStat(string(text)); err == nil {
			stats[pid] = s
		}
	}
	return stats, nil
}

func parseStat(text string) (stat, error) {
	// The second field is the program's name in parentheses, which may hold anything, parentheses too.
	_, rest, found := cutLast(text, ')')
	fields := strings.Fields(rest)
	if !found || len(fields) < 22 {
		return stat{}, errors.New("not a stat line")
	}
	// fields[0] is field 3 of the manual page.
	var numbers [6]int64
	for i, field := range []int{4, 14, 15, 16, 17, 24} {
		n, err := strconv.ParseInt(fields[field-3], 10, 64)
		if err != nil {
			return stat{}, fmt.Errorf("field %d: %w", field, err)
		}
		numbers[i] = n
	}
	return stat{
		parent: int(numbers[0]),
		cpu:    time.Duration(numbers[1]+numbers[2]) * clockTick,
		reaped: time.Duration(numbers[3]+numbers[4]) * clockTick,
		rss:    numbers[5] * int64(os.Getpagesize()),
	}, nil
}

func cutLast(s string, sep byte) (before, after string, found bool) {
	if i := strings.LastIndexByte(s, sep); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

// version is the first line that a program prints of itself, "unknown" if it says nothing.
func version(ctx context.Context, program string, args ...string) string {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	out, err := output(exec.CommandContext(ctx, program, args...), nil)
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	if err != nil || line == "" {
		return "unknown"
	}
	return line
}
