package isolates

import (
	"context"
	"io"
	"math"
	"sync"

	"skerry/internal/hostproto"
)

// outbound is a stream of the supervisor: the body of a request, or of the result of a call. Nothing is read from its source before
// the host grants credit; a host that names the stream before that has it spliced. Fields are guarded by host.mu.
type outbound struct {
	host *host
	ev   *event
	id   uint32
	src  io.Reader
	// end gives the source back; nil if there is nothing to give back. Called once.
	end func()

	credit  int64
	started bool // A pump runs or has run.
	ended   bool // The last word is said or not needed, or the source is somebody else's now.
	spliced bool
	refused bool // The host has canceled it.
	over    bool // The event is over: the id is free once sending is false.
	sending bool // A frame with the id is on its way to the connection.
	reset   string
	wake    chan struct{} // Capacity 1: the pump shall look.
}

var pumpBuffers = sync.Pool{New: func() any { return new([hostproto.StreamDataMax]byte) }}

// grantLocked adds credit and says whether the pump has to be started.
func (o *outbound) grantLocked(n uint32) (start bool, what string) {
	if o.spliced {
		return false, "credit for a stream that was passed on"
	}
	if o.ended || n == 0 {
		return false, ""
	}
	if o.credit+int64(n) > math.MaxInt32 {
		return false, "more credit than 2^31-1"
	}
	o.credit += int64(n)
	if !o.started {
		o.started, o.ev.begun = true, true
		o.wake = make(chan struct{}, 1)
		return true, ""
	}
	o.poke()
	return false, ""
}

func (o *outbound) poke() {
	if o.wake == nil {
		return
	}
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// cancelLocked ends the stream with a StreamReset.
func (o *outbound) cancelLocked(after *deferred, why string) {
	if o.ended {
		return
	}
	o.ended = true
	o.poke()
	o.endLocked(after)
	if o.sending { // By the pump: what it sends comes first.
		o.reset = why
		return
	}
	o.sending = true
	after.add(func() {
		hostproto.Send(o.host.conn, o.id, hostproto.StreamReset{Code: hostproto.CallCodeAborted, Message: why})
		o.sent()
	})
}

// overLocked is told that the event is over.
func (o *outbound) overLocked(after *deferred) {
	o.over = true
	if !o.ended {
		o.ended = true
		o.poke()
		o.endLocked(after)
	}
	if !o.sending {
		o.host.freeStreamLocked(o.id)
	}
}

func (o *outbound) endLocked(after *deferred) {
	if end := o.end; end != nil {
		after.add(func() { go end() }) // Foreign code, and this may be the reading goroutine.
		o.end = nil
	}
}

// sent says that the frame on its way has arrived at the connection.
func (o *outbound) sent() {
	o.host.mu.Lock()
	o.sending = false
	if o.over {
		o.host.freeStreamLocked(o.id)
	}
	o.host.mu.Unlock()
}

// pump sends the source as far as credit allows.
func (o *outbound) pump() {
	h := o.host
	buf := pumpBuffers.Get().(*[hostproto.StreamDataMax]byte)
	defer pumpBuffers.Put(buf)
	for {
		h.mu.Lock()
		for o.credit == 0 && !o.ended {
			h.mu.Unlock()
			<-o.wake
			h.mu.Lock()
		}
		if o.ended {
			h.mu.Unlock()
			return
		}
		room := min(o.credit, hostproto.StreamDataMax)
		h.mu.Unlock()

		n, err := o.src.Read(buf[:room])

		h.mu.Lock()
		if o.ended {
			h.mu.Unlock()
			return
		}
		var after deferred
		o.credit -= int64(n)
		o.sending = true
		if err != nil {
			o.ended = true
			o.endLocked(&after)
		}
		h.mu.Unlock()
		if n > 0 {
			hostproto.SendWait(context.Background(), h.conn, o.id, hostproto.StreamData{Data: buf[:n]})
		}
		if err == io.EOF {
			hostproto.Send(h.conn, o.id, hostproto.StreamEnd{})
		} else if err != nil {
			hostproto.Send(h.conn, o.id, bodyFault(err))
		}
		h.mu.Lock()
		reset := o.reset
		h.mu.Unlock()
		if reset != "" {
			hostproto.Send(h.conn, o.id, hostproto.StreamReset{Code: hostproto.CallCodeAborted, Message: reset})
		}
		o.sent()
		after.run()
		if err != nil || reset != "" {
			return
		}
	}
}

// spliceLocked takes the source away from the stream, for Response or Call to use. It fails if the host has read of it or
// given it up. If it was ended on this side meanwhile (the client has left), what is passed on is a body that fails.
func (o *outbound) spliceLocked() (*splicedBody, string) {
	if o.spliced || o.started || o.refused {
		return nil, "names a stream that was passed on, read or canceled before"
	}
	body := &splicedBody{src: o.src, end: o.end}
	if o.ended {
		body.err = context.Canceled
	}
	o.spliced, o.ended = true, true
	o.ev.begun = true
	o.end = nil
	return body, ""
}

// splicedBody is the source of a stream in other hands. It outlives the event.
type splicedBody struct {
	src io.Reader

	mu   sync.Mutex
	err  error // Why there is no more.
	end  func()
	last func()
}

// Read reads from the source.
func (b *splicedBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	err := b.err
	b.mu.Unlock()
	if err != nil {
		return 0, err
	}
	n, err := b.src.Read(p)
	if err != nil {
		b.fail(err)
	}
	return n, err
}

// Buffered asks the source how much it has.
func (b *splicedBody) Buffered() int {
	if src, ok := b.src.(interface{ Buffered() int }); ok {
		return src.Buffered()
	}
	return 0
}

// Close gives the source back.
func (b *splicedBody) Close() error {
	b.fail(io.ErrClosedPipe)
	return nil
}

func (b *splicedBody) fail(err error) {
	b.mu.Lock()
	if b.err != nil {
		b.mu.Unlock()
		return
	}
	b.err = err
	end, last := b.end, b.last
	b.end, b.last = nil, nil
	b.mu.Unlock()
	if end != nil {
		end()
	}
	if last != nil {
		last()
	}
}

func (b *splicedBody) isOver() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err != nil
}

func (b *splicedBody) atEnd(f func()) {
	b.mu.Lock()
	ended := b.err != nil
	if !ended {
		b.last = f
	}
	b.mu.Unlock()
	if ended {
		f()
	}
}
