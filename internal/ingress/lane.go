package ingress

import (
	"context"
	"errors"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"skerry/internal/ambient"
	"skerry/internal/nonblock"
	"skerry/internal/worker"
)

// The lane is a short way for the requests that most requests are: GET and HEAD without anything special on a cleartext HTTP/1.1
// connection, answered with a body that is there as a whole. One goroutine per connection reads and parses; no goroutine
// waits for the answer: whoever has it writes it.
//
// Safety: the lane answers only what laneHead.parse accepts, which is a subset of what net/http accepts and read in the same
// way. At the first byte of anything else the connection goes to net/http, with all that has been read of it and not been answered.
// So everything that HTTP implementations may disagree about is judged in one place, strictConn and net/http. What the lane
// cannot send itself (streamed bodies, error pages, an origin's answer) goes there, too, together with the event that has
// begun (see resume): there is one implementation of all of that.
//
// Goroutines: one per connection, which ends with it or when net/http takes it; one per listener; one that closes connections whose
// time is over; one for each response that the socket does not take at once, and for each event that a Dispatcher cannot start.

// Starter is a Dispatcher that can run an event without a goroutine that waits for it.
type Starter interface {
	Dispatcher
	// Start is Fetch for a request without a body. It returns at once, and the sink is told what follows, perhaps before Start
	// has returned. Of ctx only the values count. req stays as it is until Over. ok is false if the event cannot begin without
	// waiting, or not at all: then nothing has been begun, and Fetch will wait or say why.
	Start(ctx context.Context, v *worker.Version, req *Request, sink Sink) (event Started, ok bool)
}

// Sink is told what becomes of an event, one call at a time. Its methods do not block.
type Sink interface {
	// Responded says that the worker has answered; at most once, before Over. Headers and Inline are valid until it returns. Body is
	// the sink's. Event is not set.
	Responded(resp *Response)
	// Over says that the event is over, once. err is nil if it has answered, else what Fetch would have returned.
	Over(result *Result, err error)
}

// Started is an event that was started.
type Started interface {
	// Cancel says that nobody wants the rest of the event. The sink is told the end as ever.
	Cancel()
}

// laneBuffer is the size in bytes of the buffer of a connection: longer heads are not for the lane, and no more is read ahead.
const laneBuffer = 8 << 10

var laneBuffers = sync.Pool{New: func() any { return new([laneBuffer]byte) }}

// The bits of laneConn.state.
const (
	laneBusy     = 1 << iota // a request is under way
	laneReplying             // its response is being written: the client may leave now
	lanePending              // the reader wants to be woken when it is done
	laneHanded               // the response needs net/http: see laneConn.answered
	laneLeft                 // the reader is giving the connection to net/http
	laneClosed               // there is no client any more, or there shall be none
)

// laneConn is one connection. What is not atomic is the reader's, or of whoever has the response.
type laneConn struct {
	server *Server
	from   *listener
	conn   net.Conn
	raw    syscall.RawConn

	state atomic.Uint32
	used  atomic.Bool // there has been a request
	// deadline is when the sweeper closes the connection, in nanoseconds since 1970; 0: never.
	deadline atomic.Int64
	born     int64
	next     *laneConn // guarded by lane.mu
	prev     *laneConn

	// The reader's.
	ready   func(fd uintptr) bool
	buf     *[laneBuffer]byte // nil while n is 0
	n       int
	partial bool // part of a head is there
	end     laneEnd
	current Started
	suffix  []byte // the fields that are the same for all requests
	rawHost []byte // the last Host, and what became of it
	host    string
	site    string

	// Of whoever has the response.
	try  func(fd uintptr) bool
	out  []byte
	sent int
	fail error

	// answered is the exchange with laneHanded.
	answered *exchange

	// waking guards the read deadline, by which the reader is woken until it has left.
	waking sync.Mutex
	left   bool
}

// laneEnd is why a reader stops.
type laneEnd uint8

const (
	laneEndClose laneEnd = iota // there is no client any more, or somebody has closed
	laneEndHand                 // the rest is for net/http
)

// laneExchange is what an exchange has for the lane.
type laneExchange struct {
	conn    *laneConn
	head    []byte // the head as it came
	text    []byte // to put strings together
	isHead  bool
	close   bool         // the connection ends with the response
	parts   atomic.Int32 // of response and event: how many are not over
	result  Result
	unknown bool      // the server was closed before the event was over
	err     error     // instead of a response
	wait    *laneWait // of exchanges that go to net/http
}

func (l *laneExchange) reset() {
	l.conn, l.result, l.unknown, l.err, l.wait = nil, Result{}, false, nil, nil
}

func (c *laneConn) serve() {
	defer c.leave()
	for {
		err := c.raw.Read(c.ready)
		if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		c.conn.SetReadDeadline(time.Time{}) // it was to wake us
	}
	if c.end == laneEndHand {
		c.handOver()
		return
	}
	c.gone()
}

// leave ends a reader.
func (c *laneConn) leave() {
	if p := recover(); p != nil {
		c.server.cfg.Logger.Error("panic serving a connection", "client", c.conn.RemoteAddr(), "panic", p, "stack", string(debug.Stack()))
		c.gone()
	}
	if c.buf != nil {
		laneBuffers.Put(c.buf)
		c.buf = nil
	}
	c.server.lane.remove(c)
}

// gone is done when there is no client any more. A response that is being written goes on: only the client's half may be closed.
func (c *laneConn) gone() {
	old := c.state.Or(laneClosed)
	if old&laneReplying != 0 {
		return
	}
	c.conn.Close()
	switch {
	case old&laneHanded != 0:
		c.server.lost(c.answered, c.current)
	case old&laneBusy != 0:
		c.current.Cancel()
	}
}

// readable takes what has come. It is called when there may be something to read, or when the reader was woken; true ends the reader.
func (c *laneConn) readable(fd uintptr) bool {
	for {
		if c.n > 0 && c.advance() {
			return true
		}
		switch state := c.state.Load(); {
		case state&laneClosed != 0:
			return true
		case state&laneHanded != 0:
			c.end = laneEndHand
			return true
		}
		if c.buf == nil {
			c.buf = laneBuffers.Get().(*[laneBuffer]byte)
		}
		if c.n == laneBuffer {
			return false // the request under way will wake us
		}
		// Until there is nothing: the poller tells of data and of the end behind it by one edge.
		n, err := nonblock.Read(fd, c.buf[c.n:])
		switch {
		case err == syscall.EAGAIN:
			if c.n == 0 {
				laneBuffers.Put(c.buf)
				c.buf = nil
			}
			return false
		case err != nil || n == 0:
			return true
		}
		c.n += n
	}
}

// advance begins the request in the buffer, if one is complete and none is under way. true: the reader ends.
func (c *laneConn) advance() bool {
	for c.n > 0 {
		if c.state.Or(lanePending)&laneBusy != 0 {
			return false
		}
		c.state.And(^uint32(lanePending))
		x := exchanges.Get().(*exchange)
		var h laneHead
		var verdict laneVerdict
		x.headers, verdict = h.parse(c.buf[:c.n], x.headers[:0], &c.server.cfg.Limits)
		switch {
		case verdict == laneSimple && c.begin(x, &h):
			c.n = copy(c.buf[:], c.buf[h.size:c.n])
			continue
		case c.state.Load()&laneClosed != 0:
			x.recycle()
			return true
		case verdict == lanePartial && c.n < laneBuffer:
			x.recycle()
			if !c.partial {
				c.partial = true
				c.deadline.Store(time.Now().Add(c.server.cfg.Limits.ReadHeader).UnixNano())
			}
			return false
		}
		x.recycle()
		c.end = laneEndHand
		return true
	}
	return false
}

// begin starts the event of a request. false: it is not for the lane, nothing has been begun, or the connection is closed.
func (c *laneConn) begin(x *exchange, h *laneHead) bool {
	s := c.server
	if string(h.host) != string(c.rawHost) {
		site, host := normaliseHost(string(h.host))
		if host == "" {
			return false
		}
		c.rawHost, c.site, c.host = append(c.rawHost[:0], h.host...), site, host
	}
	const scheme = "http://"
	size := len(scheme) + len(c.site) + len(h.target)
	if len(scheme)+len(h.host)+len(h.target) > s.cfg.Limits.URLBytes {
		return false
	}
	x.start = time.Now()
	head := append(x.lane.head[:0], c.buf[:h.size]...)
	text := append(append(append(x.lane.text[:0], scheme...), c.site...), h.target...)
	text = s.appendRequestID(text)
	x.lane.head, x.lane.text = head, text
	all := string(text)
	url, id := all[:size], all[size:]
	path := url[len(scheme)+len(c.site):]
	found, err := s.cfg.Router.Route(over, false, c.host, path)
	if err != nil || found.Version == nil {
		if found.Lease != nil {
			found.Lease.Release()
		}
		return false
	}
	x.target = found
	x.headers = appendField(x.headers, "host", c.site)
	x.headers = append(x.headers, c.suffix...)
	x.headers = append(append(x.headers, id...), '\n')
	x.req = Request{Method: "GET", URL: url, Headers: x.headers, CF: defaultCF}
	if h.head {
		x.req.Method = "HEAD"
	}
	x.seen.RequestID, x.seen.Method, x.seen.URL, x.seen.Path = id, x.req.Method, url, path
	x.seen.Ran, x.seen.Worker, x.seen.Version, x.seen.Dispatched = found.Version, found.Version.Name, found.Version.ID, true
	x.lane.conn, x.lane.isHead, x.lane.close = c, h.head, h.close
	x.lane.parts.Store(2)
	ctx := &ambient.Context{Context: context.Background()}
	ctx.Event.Depth = h.depth

	begun := c.state.CompareAndSwap(0, laneBusy)
	if begun {
		s.inFlight.Add(1)
		s.lane.exchanges.Add(1)
		c.deadline.Store(0)
		c.used.Store(true)
		var started Started
		if started, begun = s.start(ctx, x); begun {
			// x is not ours any more.
			c.current = started
			c.partial = false
			return true
		}
		c.state.And(^uint32(laneBusy))
		s.inFlight.Add(-1)
		s.lane.exchangeOver()
	}
	if found.Lease != nil {
		found.Lease.Release()
		x.target.Lease = nil
	}
	return false
}

// Responded implements Sink.
func (x *exchange) Responded(resp *Response) {
	c := x.lane.conn
	if resp.Body == nil && resp.Socket == nil {
		if c.state.Or(laneReplying)&laneClosed != 0 {
			x.clientGone()
			return
		}
		r := replies.Get().(*reply)
		closing := x.lane.close || c.server.lane.draining.Load() || c.server.lane.leaving.Load() && c.state.Load()&lanePending == 0 // the next one is here
		if body, ok := r.build(resp, x.seen.RequestID, x.lane.isHead, closing, time.Now()); ok {
			x.lane.close = closing
			x.seen.Status = resp.Status
			c.reply(x, r, body)
			return
		}
		r.recycle()
		c.state.And(^uint32(laneReplying))
	}
	x.resp = *resp
	x.resp.Headers, x.resp.Inline = append([]byte(nil), resp.Headers...), append([]byte(nil), resp.Inline...)
	x.hand()
}

// Over implements Sink.
func (x *exchange) Over(result *Result, err error) {
	switch wait := x.lane.wait; {
	case wait != nil:
		wait.result = *result
		close(wait.over) // x is not ours any more
	case err == nil:
		x.lane.result = *result
		x.part()
	default:
		x.lane.result, x.lane.err = *result, err
		if x.lane.conn.state.Load()&laneClosed != 0 {
			x.clientGone()
			x.part()
			return
		}
		x.hand()
	}
}

// part says that the response or the event is over.
func (x *exchange) part() {
	if x.lane.parts.Add(-1) > 0 {
		return
	}
	s := x.lane.conn.server
	if x.lane.unknown {
		s.tell(x, nil)
	} else {
		s.finish(x, &x.lane.result)
	}
	s.lane.exchangeOver()
}

// clientGone ends the response of a client that has left.
func (x *exchange) clientGone() {
	x.seen.Status, x.seen.Outcome, x.seen.Wall = StatusClientGone, worker.Canceled, time.Since(x.start)
	x.lane.conn.server.inFlight.Add(-1)
	x.part()
}

// reply sends a response without waiting; what the socket does not take is left to a goroutine.
func (c *laneConn) reply(x *exchange, r *reply, body int) {
	c.out, c.sent, c.fail = r.out, 0, nil
	err := c.raw.Write(c.try)
	if err == nil {
		err = c.fail
	}
	rest := c.out[c.sent:]
	c.out = nil
	if err == nil && len(rest) > 0 {
		if c.server.spawn(func() { // ends with the response, or WriteStall after the client has taken something last
			c.replied(x, r, body, c.finish(rest))
		}) {
			return
		}
		err = net.ErrClosed
	}
	c.replied(x, r, body, err)
}

// writePiece is how many bytes must go within WriteStall.
const writePiece = 64 << 10

func (c *laneConn) finish(rest []byte) error {
	for len(rest) > 0 {
		c.conn.SetWriteDeadline(time.Now().Add(c.server.cfg.Limits.WriteStall))
		n, err := c.conn.Write(rest[:min(len(rest), writePiece)])
		if err != nil {
			return err
		}
		rest = rest[n:]
	}
	return c.conn.SetWriteDeadline(time.Time{})
}

// replied is done when a response has been written, or could not be.
func (c *laneConn) replied(x *exchange, r *reply, body int, err error) {
	r.recycle()
	s := c.server
	now := time.Now()
	closing := x.lane.close
	x.seen.Bytes, x.seen.Wall = int64(body), now.Sub(x.start)
	if err != nil {
		closing = true
		x.seen.Status, x.seen.Bytes = StatusClientGone, 0
	}
	s.inFlight.Add(-1)
	c.free(now, closing)
	x.part()
}

// free lets the next request begin.
func (c *laneConn) free(now time.Time, closing bool) {
	if closing {
		c.state.Or(laneClosed)
		c.conn.Close()
		return
	}
	c.deadline.Store(now.Add(c.server.cfg.Limits.Idle).UnixNano())
	old := c.state.And(^uint32(laneBusy | laneReplying))
	switch {
	case old&laneClosed != 0:
		c.conn.Close()
	case old&lanePending != 0:
		c.wake()
	case c.server.lane.draining.Load():
		c.closeIdle()
	}
}

// wake makes the reader look.
func (c *laneConn) wake() {
	c.waking.Lock()
	if !c.left {
		c.conn.SetReadDeadline(longAgo)
	}
	c.waking.Unlock()
}

// closeIdle closes the connection unless a request is under way.
func (c *laneConn) closeIdle() {
	if c.state.CompareAndSwap(0, laneClosed) {
		c.conn.Close()
	}
}

// start starts the event of an exchange. If the Dispatcher cannot, a goroutine waits for it; false: not even that.
func (s *Server) start(ctx *ambient.Context, x *exchange) (Started, bool) {
	if s.lane.starter != nil {
		if started, ok := s.lane.starter.Start(ctx, x.target.Version, &x.req, x); ok {
			return started, true
		}
	}
	var cancel context.CancelFunc
	ctx.Context, cancel = context.WithCancel(context.Background())
	// Not canceled at the end: the response's body may still be read then.
	return canceler(cancel), s.spawn(func() { s.fetch(ctx, x) }) // ends with the event, or when the server is closed
}

// fetch runs the event of an exchange and tells it what a Starter would.
func (s *Server) fetch(ctx context.Context, x *exchange) {
	var resp Response
	err := s.cfg.Dispatcher.Fetch(ctx, x.target.Version, &x.req, &resp)
	if err != nil {
		var result Result
		if ended, ok := errors.AsType[*EventError](err); ok {
			result = ended.Result
		}
		x.Over(&result, err)
		return
	}
	event := resp.Event
	x.Responded(&resp)
	if event == nil {
		x.Over(new(Result), nil)
		return
	}
	result, err := event.Wait(s.background)
	x.lane.unknown = err != nil
	x.Over(&result, nil)
}

// canceler is a Started that is canceled by its context.
type canceler context.CancelFunc

// Cancel implements Started.
func (c canceler) Cancel() { c() }
