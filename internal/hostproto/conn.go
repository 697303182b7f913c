package hostproto

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"

	"skerry/internal/nonblock"
)

// The limits of what waits to be written on a connection.
const (
	// PendingMax is the number of bytes above which SendWait waits.
	PendingMax = 1 << 20
	// PendingHardMax is the number of bytes above which Send gives the connection up: the peer does not read.
	PendingHardMax = 8 << 20
	// WriteStall is how long one write may make no end before the connection is given up.
	WriteStall = 10 * time.Second
)

const (
	// flushRounds is how often a sender writes for others before it leaves the rest to the writer goroutine.
	flushRounds = 4
	// keepBuffer is the largest write buffer in bytes that is kept for the next frames.
	keepBuffer = 256 << 10
	// aloneMax is how many writes in a row may hold the frame of one sender only before senders stop giving way to others, which
	// wakes a processor for nothing; every aloneProbe-th still does.
	aloneMax, aloneProbe = 8, 32
)

// Errors of a connection.
var (
	// ErrClosed is the reason of a connection closed without one.
	ErrClosed = errors.New("connection closed")
	// ErrNotReading is the reason when the peer leaves its frames unread.
	ErrNotReading = errors.New("peer does not read")
)

// Conn is one end of a connection. Send, TrySend, SendWait, Close and Err may be called from any goroutine; Serve once.
//
// Frames are combined: whoever finds no writer at work becomes it, lets the goroutines that are ready add theirs (if that has paid
// of late), and writes all of it in one call. A sender is never blocked by a full socket: what does not fit goes to Serve's writer.
type Conn struct {
	conn  *net.UnixConn
	raw   syscall.RawConn
	from  Side
	stall time.Duration

	mu       sync.Mutex
	buf      []byte // Whole frames that no writer has taken yet.
	spare    []byte // The other buffer; nil while a writer has it.
	flushing bool   // Somebody is the writer.
	reason   error  // Why the connection is closed; the first one wins.
	room     chan struct{}

	handoff chan unsent   // To the writer goroutine; the sender gives up being the writer. Capacity 1, never blocks.
	done    chan struct{} // Closed with reason set.

	// Of the current writer only: argument and result of try, kept here so that no closure is allocated, and how many writes in
	// a row held one frame.
	try   func(fd uintptr) bool
	out   []byte
	sent  int
	fail  error
	alone uint
}

// unsent is a buffer of which the first n bytes have been written.
type unsent struct {
	buf []byte
	n   int
}

// NewConn takes over a connection on which the peer is the given side. It starts nothing; Serve must be called and
// ends with the descriptor closed.
func NewConn(conn *net.UnixConn, peer Side) (*Conn, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("open connection: %w", err)
	}
	c := &Conn{conn: conn, raw: raw, from: peer, stall: WriteStall, handoff: make(chan unsent, 1), done: make(chan struct{})}
	c.try = func(fd uintptr) bool {
		for c.sent < len(c.out) {
			n, err := nonblock.Write(fd, c.out[c.sent:])
			if err != nil {
				if err != syscall.EAGAIN {
					c.fail = os.NewSyscallError("write", err)
				}
				break
			}
			c.sent += n
		}
		return true
	}
	return c, nil
}

// Send adds a frame without waiting, for what must not wait: control frames and the reading goroutine. The error is a
// *FrameError if the message is too long, else the reason for which the connection is closed.
func Send[M Message](c *Conn, id uint32, m M) error {
	c.mu.Lock()
	if c.reason != nil {
		err := c.reason
		c.mu.Unlock()
		return err
	}
	if len(c.buf) > PendingHardMax {
		c.mu.Unlock()
		c.Close(ErrNotReading)
		return c.Err()
	}
	var err error
	c.buf, err = AppendFrame(c.buf, id, m)
	c.added()
	return err
}

// TrySend is SendWait for those who must not wait: it adds nothing and says so instead of waiting.
func TrySend[M Message](c *Conn, id uint32, m M) (sent bool, err error) {
	c.mu.Lock()
	if c.reason != nil || len(c.buf) >= PendingMax {
		err := c.reason
		c.mu.Unlock()
		return false, err
	}
	c.buf, err = AppendFrame(c.buf, id, m)
	c.added()
	return err == nil, err
}

// SendWait is Send, but waits while PendingMax bytes are waiting already. It also ends with ctx, with its error.
func SendWait[M Message](ctx context.Context, c *Conn, id uint32, m M) error {
	for {
		c.mu.Lock()
		if c.reason == nil && len(c.buf) < PendingMax {
			var err error
			c.buf, err = AppendFrame(c.buf, id, m)
			c.added()
			return err
		}
		if c.reason != nil {
			err := c.reason
			c.mu.Unlock()
			return err
		}
		if c.room == nil {
			c.room = make(chan struct{})
		}
		room := c.room
		c.mu.Unlock()
		select {
		case <-room:
		case <-c.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// added unlocks c.mu and, if nobody is writing, writes.
func (c *Conn) added() {
	if c.flushing || len(c.buf) == 0 {
		c.mu.Unlock()
		return
	}
	c.flushing = true
	alone := len(c.buf)
	c.mu.Unlock()
	if c.alone < aloneMax || c.alone%aloneProbe == 0 {
		runtime.Gosched() // Goroutines that are ready add their frames now.
	}
	var out []byte
	for round := 0; ; round++ {
		if out = c.take(out); out == nil {
			return
		}
		if round > 0 || len(out) > alone {
			c.alone = 0
		} else {
			c.alone++
		}
		c.out, c.sent, c.fail = out, 0, nil
		err := c.raw.Write(c.try)
		sent, fail := c.sent, c.fail
		c.out = nil
		if err == nil {
			err = fail
		}
		if err != nil {
			c.Close(fmt.Errorf("write: %w", err))
			return
		}
		if sent < len(out) || round == flushRounds {
			c.handoff <- unsent{out, sent}
			return
		}
	}
}

// take gives the writer all frames that wait, or nil and ends its being the writer. used is the buffer it had before.
func (c *Conn) take(used []byte) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if used != nil && cap(used) <= keepBuffer && c.reason == nil {
		c.spare = used[:0]
	}
	if len(c.buf) == 0 || c.reason != nil {
		c.flushing = false
		return nil
	}
	out := c.buf
	c.buf, c.spare = c.spare, nil
	if c.room != nil {
		close(c.room)
		c.room = nil
	}
	return out
}

// writer finishes what senders could not write at once. It ends with the connection.
func (c *Conn) writer() {
	for {
		select {
		case <-c.done:
			return
		case rest := <-c.handoff:
			out := rest.buf[rest.n:]
			used := rest.buf
			for {
				if err := c.writeAll(out); err != nil {
					c.Close(err)
					return
				}
				if out = c.take(used); out == nil {
					break
				}
				used = out
			}
		}
	}
}

func (c *Conn) writeAll(out []byte) error {
	if len(out) == 0 {
		return nil
	}
	// A deadline that has been left behind would fail the next write of a sender.
	defer c.conn.SetWriteDeadline(time.Time{})
	c.conn.SetWriteDeadline(time.Now().Add(c.stall))
	if _, err := c.conn.Write(out); errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("%w for %v", ErrNotReading, c.stall)
	} else if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// Serve reads frames and hands them to handle, one at a time, until the connection ends. The payload of a frame is
// valid until handle returns; an error of handle closes the connection. Serve starts one goroutine and joins it, closes
// the descriptor, and returns why the connection ended: io.EOF if the peer closed it between two frames.
func (c *Conn) Serve(handle func(Frame) error) error {
	var writer sync.WaitGroup
	writer.Go(c.writer)
	p := NewParser(c.from)
	var end error
	// It reads until the socket is empty, even after a short read: the poller is edge-triggered and tells of data and
	// of the end of the stream behind it by one edge, so waiting after a short read can miss the end for ever.
	err := c.raw.Read(func(fd uintptr) bool {
		for {
			space := p.Space()
			n, err := nonblock.Read(fd, space)
			switch {
			case err == syscall.EAGAIN:
				return false
			case err == syscall.ECONNRESET:
				end = io.ErrUnexpectedEOF
			case err != nil:
				end = os.NewSyscallError("read", err)
			case n == 0 && p.Partial():
				end = io.ErrUnexpectedEOF
			case n == 0:
				end = io.EOF
			}
			if end != nil {
				return true
			}
			if c.Err() != nil {
				return true // What had arrived before the end is not looked at.
			}
			p.Added(n)
			for {
				f, ok, err := p.Next()
				if err == nil && ok {
					err = handle(f)
				}
				if err != nil {
					end = err
					return true
				}
				if !ok {
					break
				}
			}
		}
	})
	if end == nil {
		end = err
	}
	if end == nil {
		end = ErrClosed
	}
	c.Close(end)
	writer.Wait()
	c.conn.Close()
	return c.Err()
}

// Close ends the connection. Frames not yet written are lost. The first reason wins; nil means ErrClosed.
func (c *Conn) Close(reason error) {
	if reason == nil {
		reason = ErrClosed
	}
	c.mu.Lock()
	if c.reason != nil {
		c.mu.Unlock()
		return
	}
	c.reason = reason
	c.buf, c.spare = nil, nil
	close(c.done)
	c.mu.Unlock()
	// Not Close: Serve is inside a read on this descriptor and is woken by the end of the stream.
	c.conn.CloseWrite()
	c.conn.CloseRead()
}

// Done is closed when the connection is.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Err is why the connection is closed, nil while it is not.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reason
}
