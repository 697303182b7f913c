package ingress

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"skerry/internal/worker"
)

// replayConn is a connection that comes from the lane: it gives what was read of it once more.
type replayConn struct {
	net.Conn
	pending []byte
	// held belongs to the first request, if its event has begun in the lane. Whoever takes it out ends it: the goroutine that
	// serves the connection, or the one that closes it.
	held    atomic.Pointer[exchange]
	started Started
	server  *Server
}

// gone stands for an exchange that was ended by closing its connection.
var gone = new(exchange)

// replayed is the key of the *replayConn of a connection in its context.
type replayed struct{}

func (c *replayConn) Read(p []byte) (int, error) {
	if len(c.pending) > 0 {
		n := copy(p, c.pending)
		if c.pending = c.pending[n:]; len(c.pending) == 0 {
			c.pending = nil
		}
		return n, nil
	}
	return c.Conn.Read(p)
}

// CloseWrite ends our half of the connection.
func (c *replayConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return net.ErrClosed
}

func (c *replayConn) Close() error {
	if x := c.held.Load(); x != nil && x != gone && c.held.CompareAndSwap(x, gone) {
		c.server.lost(x, c.started)
	}
	return c.Conn.Close()
}

// handOver gives the connection to net/http, with what has been read and not answered.
func (c *laneConn) handOver() {
	old := c.state.Or(laneLeft)
	if old&laneClosed != 0 {
		c.gone()
		return
	}
	c.waking.Lock()
	c.left = true
	c.waking.Unlock()
	c.conn.SetReadDeadline(time.Time{})
	r := &replayConn{Conn: c.conn, server: c.server}
	if old&laneHanded != 0 {
		r.started = c.current
		r.pending = append(r.pending, c.answered.lane.head...)
		r.held.Store(c.answered)
	}
	if c.n > 0 {
		r.pending = append(r.pending, c.buf[:c.n]...)
	}
	s := c.from.strict(r)
	s.scan.first = !c.used.Load()
	if !c.from.offer(s) {
		r.Close()
	}
}

// hand lets net/http send the response.
func (x *exchange) hand() {
	c := x.lane.conn
	if x.lane.err == nil {
		x.lane.wait = &laneWait{over: make(chan struct{})}
		x.resp.Event = x.lane.wait
	}
	c.answered = x
	if c.state.Or(laneHanded)&laneClosed != 0 {
		c.server.lost(x, nil) // the reader has gone, and has canceled the event
		return
	}
	c.wake()
}

// laneWait is the rest of an event whose response net/http sends.
type laneWait struct {
	over   chan struct{}
	result Result
}

// Wait implements Event.
func (w *laneWait) Wait(ctx context.Context) (Result, error) {
	select {
	case <-w.over:
		return w.result, nil
	default:
	}
	select {
	case <-w.over:
		return w.result, nil
	case <-ctx.Done():
		return Result{}, ctx.Err()
	}
}

// lost ends an exchange that was to go to net/http and has no client any more.
func (s *Server) lost(x *exchange, started Started) {
	x.seen.Status, x.seen.Outcome, x.seen.Wall = StatusClientGone, worker.Canceled, time.Since(x.start)
	s.inFlight.Add(-1)
	if x.resp.Body != nil {
		x.resp.Body.Close()
	}
	if x.resp.Socket != nil {
		x.resp.Socket.Drop()
	}
	if x.lane.err != nil {
		s.finish(x, &x.lane.result)
	} else {
		if started != nil {
			started.Cancel()
		}
		s.settle(x)
	}
	s.lane.exchangeOver()
}

// resume goes on with a request whose event has begun in the lane.
func (s *Server) resume(w http.ResponseWriter, r *http.Request, x *exchange, started Started) {
	defer s.inFlight.Add(-1)
	s.lane.exchangeOver() // net/http knows it now
	w.Header()["X-Skerry-Request-Id"] = []string{x.seen.RequestID}
	s.bidFarewell(w, r)
	if x.lane.err != nil {
		if s.failed(w, r, x, x.lane.err) {
			panic(http.ErrAbortHandler)
		}
		return
	}
	stop := context.AfterFunc(r.Context(), started.Cancel)
	abort := s.respond(w, r, x)
	stop()
	x.seen.Wall = time.Since(x.start)
	s.settle(x)
	if abort {
		panic(http.ErrAbortHandler) // the client must see that the response is not complete
	}
}

// resumed says whether a request is one whose event has begun in the lane, and goes on with it.
func (s *Server) resumed(w http.ResponseWriter, r *http.Request) bool {
	c, _ := r.Context().Value(replayed{}).(*replayConn)
	if c == nil {
		return false
	}
	x := c.held.Swap(nil)
	if x == nil {
		return false
	}
	if x == gone {
		panic(http.ErrAbortHandler) // closed while net/http read the head
	}
	s.resume(w, r, x, c.started)
	return true
}
