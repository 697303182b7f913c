package isolates

import (
	"context"
	"sync"

	"skerry/internal/hostproto"
	"skerry/internal/worker"
)

// Sink is told what becomes of an event of Start, one call at a time. It is called on the reading goroutine of a host:
// it must not block, nor wait for anything else of the pool.
type Sink interface {
	// Responded says that the worker has answered. It is called at most once, before Over. Headers and Inline are valid until it
	// returns; Body, if there is one, is the sink's, also after Cancel.
	Responded(r *FetchResponse)
	// Over says that the event is over, once. err is nil if it has answered, else what Fetch would have returned; r is then what is
	// known of the end. Both are valid until it returns.
	Over(r *Result, err error)
}

// Started is an event of Start.
type Started struct {
	first event

	pool *Pool
	ver  *version
	req  *FetchRequest
	sink Sink

	mu       sync.Mutex // never held while host.mu is taken
	current  *event
	canceled bool
	reason   hostproto.CancelReason
	stop     context.CancelFunc // ends the wait for another host
	again    bool               // it has been lost once
}

// Start is Fetch for a request without a body, and without a goroutine that waits. It returns at once; what follows is told to sink,
// which may begin before Start has returned. req must stay as it is until the sink's Over is called. nil says that the
// event cannot begin without waiting, or not at all: nothing has been begun, and Fetch will wait, or say why.
func (p *Pool) Start(v *worker.Version, req *FetchRequest, sink Sink) *Started {
	ver := p.version(v)
	if ver.fault != nil || req.Body != nil || p.stopping.Load() {
		return nil
	}
	home := ver.home.Load()
	if home == nil || ver.refusedUntil.Load() > 0 {
		return nil
	}
	h := home.host.Load()
	if h == nil {
		return nil
	}
	s := &Started{pool: p, ver: ver, req: req, sink: sink}
	ev := &s.first
	ev.host, ev.holds, ev.started, ev.values = h, 1, s, req.Values
	ev.resp.ev = ev
	s.current = ev
	h.mu.Lock()
	w := h.workers[ver]
	if h.gone || w == nil || !w.loaded || h.live >= EventsMax || w.events >= ver.events || p.stopping.Load() {
		h.mu.Unlock()
		return nil
	}
	h.placeLocked(ev, w)
	h.mu.Unlock()
	sent, err := hostproto.TrySend(h.conn, ev.id, hostproto.Fetch{Worker: w.id, Method: req.Method, URL: req.URL, Headers: req.Headers, CF: req.CF})
	if (!sent || err != nil) && h.conn.Err() == nil {
		h.withdraw(ev)
		return nil
	}
	// If the connection is closed, whoever clears up after it ends the event.
	h.mu.Lock()
	h.releaseLocked(ev)
	h.mu.Unlock()
	return s
}

// Cancel says that nobody wants the rest. The sink is told the end as ever. No effect on an event that is over.
func (s *Started) Cancel(reason hostproto.CancelReason) {
	s.mu.Lock()
	if s.canceled {
		s.mu.Unlock()
		return
	}
	s.canceled, s.reason = true, reason
	ev, stop := s.current, s.stop
	s.mu.Unlock()
	if stop != nil {
		stop()
	}
	if ev != nil {
		ev.cancelStarted(reason)
	}
}

// cancelStarted abandons an event and breaks its response's body off.
func (ev *event) cancelStarted(reason hostproto.CancelReason) {
	ev.host.mu.Lock()
	body := ev.resp.Body
	ev.host.mu.Unlock()
	if body != nil {
		body.(responseBody).fail(context.Canceled)
	}
	ev.abandon(reason)
}

// over tells the end of the current event, whose state is final, or begins it again in another host.
func (s *Started) over(ev *event) {
	if ev.responded {
		s.sink.Over(&ev.result, nil)
		return
	}
	ended := &EventError{ev.result}
	ctx, cancel := context.WithCancel(context.Background()) // Close and Drain end the wait, too.
	s.mu.Lock()
	again := ev.lost && !ev.begun && !ev.culprit && !s.again && !s.canceled
	if again {
		s.again, s.current, s.stop = true, nil, cancel
	}
	s.mu.Unlock()
	if !again {
		cancel()
		s.sink.Over(&ev.result, ended)
		return
	}
	s.pool.work.Go(func() { // ends when the event has begun
		defer cancel()
		s.retry(ctx, ended)
	})
}

// retry begins an event once more. lost is how it ended before.
func (s *Started) retry(ctx context.Context, lost *EventError) {
	ev, err := s.pool.begin(ctx, s.ver, s.req, s)
	switch {
	case err == ErrClosed || err == ErrDraining:
		s.sink.Over(&lost.Result, lost)
		return
	case err != nil:
		s.sink.Over(&lost.Result, err)
		return
	}
	ev.host.mu.Lock()
	ev.host.releaseLocked(ev)
	ev.host.mu.Unlock()
	s.mu.Lock()
	s.current, s.stop = ev, nil
	canceled, reason := s.canceled, s.reason
	s.mu.Unlock()
	if canceled {
		ev.cancelStarted(reason)
	}
}
