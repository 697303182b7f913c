package isolates

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// stderrGrace is how long a standard error that somebody else still holds is read after its process has ended.
const stderrGrace = time.Second

// spawn starts one host process and returns it with the supervisor's end of the socket and the crash page.
func (p *Pool) spawn(_ context.Context, engine *Engine) (process, *net.UnixConn, *os.File, error) {
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
	proc, err := p.startProcess(engine, theirs, page)
	if err != nil {
		conn.Close()
		page.Close()
		return nil, nil, nil, err
	}
	return proc, conn.(*net.UnixConn), page, nil
}

func (p *Pool) startProcess(engine *Engine, socket, page *os.File) (process, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	started, err := engine.Launch(socket, page, write)
	write.Close()
	if err != nil {
		read.Close()
		return nil, err
	}
	o := &osProcess{Process: started}
	o.output.Go(func() {
		o.readStderr(p, read)
		read.Close()
	})
	o.pipe = read
	return o, nil
}

// osProcess is a host in a process of its own.
type osProcess struct {
	Process
	pipe   *os.File
	output sync.WaitGroup

	mu   sync.Mutex
	tail []byte
}

// Wait ends when the standard error has been read, too.
func (o *osProcess) Wait() string {
	how := o.Process.Wait()
	o.pipe.SetReadDeadline(time.Now().Add(stderrGrace))
	o.output.Wait()
	return how
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
