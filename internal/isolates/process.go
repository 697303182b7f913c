package isolates

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// stderrGrace is how long a standard error that somebody else still holds is read after its process has ended.
const stderrGrace = time.Second

// spawn starts one host process and returns it with the supervisor's end of the socket and the crash page.
func (p *Pool) spawn(ctx context.Context) (process, *net.UnixConn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("make socketpair: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "host socket"), os.NewFile(uintptr(fds[1]), "supervisor socket")
	defer theirs.Close()
	conn, err := net.FileConn(ours)
	ours.Close()
	if err != nil {
		return nil, nil, nil, fmt.Errorf("open socketpair: %w", err)
	}
	page, err := newCrashPage()
	if err != nil {
		conn.Close()
		return nil, nil, nil, err
	}
	proc, err := p.startProcess(ctx, theirs, page)
	if err != nil {
		conn.Close()
		page.Close()
		return nil, nil, nil, err
	}
	return proc, conn.(*net.UnixConn), page, nil
}

func (p *Pool) startProcess(ctx context.Context, socket, page *os.File) (process, error) {
	var cmd *exec.Cmd
	if p.cfg.Command != nil {
		cmd = p.cfg.Command(ctx)
	} else {
		args := append(append([]string(nil), p.cfg.Flags...), p.cfg.Script, p.cfg.Snapshot, p.cfg.Build)
		cmd = exec.Command(p.cfg.Node, args...)
		cmd.Env = []string{}
	}
	cmd.ExtraFiles = []*os.File{socket, page}
	if cmd.SysProcAttr == nil {
		// A signal that a terminal sends to the supervisor's group is not the host's.
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr = write
	err = cmd.Start()
	write.Close()
	if err != nil {
		read.Close()
		return nil, err
	}
	o := &osProcess{cmd: cmd}
	o.output.Go(func() {
		o.readStderr(p, read)
		read.Close()
	})
	o.pipe = read
	return o, nil
}

// osProcess is a host in a process of its own.
type osProcess struct {
	cmd    *exec.Cmd
	pipe   *os.File
	output sync.WaitGroup

	mu   sync.Mutex
	tail []byte
}

func (o *osProcess) Pid() int { return o.cmd.Process.Pid }

// Kill uses a pidfd where there is one, so it never meets a process that has taken over the number.
func (o *osProcess) Kill() { o.cmd.Process.Kill() }

// Wait ends when the standard error has been read, too.
func (o *osProcess) Wait() string {
	err := o.cmd.Wait()
	o.pipe.SetReadDeadline(time.Now().Add(stderrGrace))
	o.output.Wait()
	if err == nil {
		return "exit status 0"
	}
	return err.Error()
}

func (o *osProcess) Stderr() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.TrimSpace(clipTail(string(o.tail)))
}

// clipTail drops a character that was cut in front, and control characters that could forge a log line.
func clipTail(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || r >= ' ' && r != 0x7f {
			return r
		}
		return -1
	}, strings.ToValidUTF8(s, ""))
}

// readStderr logs the lines of a host, bounded, and keeps the last of them.
func (o *osProcess) readStderr(p *Pool, r io.Reader) {
	lines := bufio.NewReaderSize(r, stderrLineMax)
	logged, dropped := 0, 0
	for {
		line, err := lines.ReadSlice('\n') // A line that is too long comes in pieces.
		if len(line) > 0 {
			o.mu.Lock()
			o.tail = append(o.tail, line...)
			if over := len(o.tail) - stderrTailMax; over > 0 {
				o.tail = append(o.tail[:0], o.tail[over:]...)
			}
			o.mu.Unlock()
			if logged+len(line) <= StderrLogMax {
				logged += len(line)
				p.cfg.Logger.Info("isolate host stderr", "pid", o.Pid(), "text", strings.TrimRight(clipTail(string(line)), "\n"))
			} else {
				dropped += len(line)
			}
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			break
		}
	}
	if dropped > 0 {
		p.cfg.Logger.Warn("isolate host wrote more to stderr than is logged", "pid", o.Pid(), "dropped_bytes", dropped)
	}
}
