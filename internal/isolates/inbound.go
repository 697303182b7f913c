package isolates

import (
	"io"
	"sync"

	"skerry/internal/hostproto"
)

// creditStep is how many bytes are read before credit for them is granted again.
const creditStep = hostproto.StreamWindow / 2

// inbound is a stream of the host: the body of a response, or the upload of a call. It holds at most StreamWindow bytes.
type inbound struct {
	host *host
	ev   *event
	id   uint32

	mu       sync.Mutex
	more     sync.Cond // mu: something changed for the reader.
	buf      []byte    // buf[r:] is unread.
	r        int
	credit   int   // What the host may still send.
	consumed int   // Read since credit was last granted.
	err      error // What follows buf: io.EOF, or why the body is cut.
	ended    bool  // The host sends no more.
	canceled bool  // The host has been told that no more is wanted; what still comes is dropped.
	closed   bool  // The reader is gone.
	last     func()
}

func newInbound(h *host, ev *event, id uint32) *inbound {
	b := &inbound{host: h, ev: ev, id: id, credit: hostproto.StreamWindow}
	b.more.L = &b.mu
	return b
}

// data takes bytes of the host; false if they are more than it may send. If too much waits for readers already, the stream is cut.
func (b *inbound) data(p []byte) bool {
	b.mu.Lock()
	if len(p) > b.credit {
		b.mu.Unlock()
		return false
	}
	b.credit -= len(p)
	if b.canceled || len(p) == 0 {
		b.mu.Unlock()
		return true
	}
	if !b.host.hold(len(p)) {
		if b.err == nil {
			b.err = ErrBuffered
		}
		b.cancelAndUnlock()
		return true
	}
	defer b.mu.Unlock()
	if b.r > 0 && len(b.buf)+len(p) > cap(b.buf) {
		b.buf = b.buf[:copy(b.buf, b.buf[b.r:])]
		b.r = 0
	}
	b.buf = append(b.buf, p...)
	b.more.Signal()
	return true
}

// finish ends the stream after what has come: io.EOF, or why it is cut.
func (b *inbound) finish(err error) {
	b.mu.Lock()
	b.ended = true
	if b.err == nil {
		b.err = err
	}
	b.more.Broadcast()
	b.mu.Unlock()
}

// Read waits for bytes of the host.
func (b *inbound) Read(p []byte) (int, error) {
	b.mu.Lock()
	for b.r == len(b.buf) && b.err == nil && !b.closed && len(p) > 0 {
		b.more.Wait()
	}
	if b.closed {
		b.mu.Unlock()
		return 0, io.ErrClosedPipe
	}
	n := copy(p, b.buf[b.r:])
	b.r += n
	b.host.release(n)
	var err error
	var last func()
	if b.r == len(b.buf) {
		b.buf, b.r = b.buf[:0], 0
		if b.err != nil {
			b.buf = nil
			if n == 0 || b.err == io.EOF {
				err = b.err
				last, b.last = b.last, nil
			}
		}
	}
	grant := 0
	if b.consumed += n; b.consumed >= creditStep && b.err == nil {
		grant, b.consumed = b.consumed, 0
		b.credit += grant
	}
	b.mu.Unlock()
	if grant > 0 {
		hostproto.Send(b.host.conn, b.id, hostproto.StreamCredit{Bytes: uint32(grant)})
	}
	if last != nil {
		last()
	}
	return n, err
}

// Buffered is how many bytes the next Read can give without waiting.
func (b *inbound) Buffered() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.buf) - b.r
}

// Close tells the host that no more is wanted.
func (b *inbound) Close() error {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return nil
	}
	b.closed = true
	last := b.last
	b.last = nil
	b.cancelAndUnlock()
	if last != nil {
		last()
	}
	return nil
}

// fail makes reading end with err, unless everything has come.
func (b *inbound) fail(err error) {
	b.mu.Lock()
	if b.err != nil {
		b.mu.Unlock()
		return
	}
	b.err = err
	b.cancelAndUnlock()
}

// cancelAndUnlock drops what has come and asks the host to end the stream: it may be waiting for credit.
func (b *inbound) cancelAndUnlock() {
	b.host.release(len(b.buf) - b.r)
	b.buf, b.r = nil, 0
	tell := !b.ended && !b.canceled
	b.canceled = true
	b.more.Broadcast()
	b.mu.Unlock()
	if tell {
		hostproto.Send(b.host.conn, b.id, hostproto.StreamCancel{})
	}
}

func (b *inbound) atEnd(f func()) {
	b.mu.Lock()
	ended := b.closed
	if !ended {
		b.last = f
	}
	b.mu.Unlock()
	if ended {
		f()
	}
}

func (b *inbound) isOver() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closed || b.err != nil && b.r == len(b.buf)
}
