package isolates

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"skerry/internal/hostproto"
	"skerry/internal/worker"
)

// FetchRequest is an HTTP request for a worker.
type FetchRequest struct {
	Method, URL string
	// Headers is packed: name LF value LF for each field, names in lower case. It is not kept.
	Headers []byte
	// CF is the JSON text of request.cf, "" for none.
	CF string
	// Body is nil if there is none. It is read until the event is over or, where the worker passes it on, until the
	// response's body has been closed; it is never closed.
	Body io.Reader
	// Length of Body in bytes, -1 if unknown.
	Length int64
	// Values, if not nil, are what the contexts of the event's host calls carry. When it ends does not matter.
	Values context.Context
}

// FetchResponse is the head of a worker's answer and what is known of the rest.
type FetchResponse struct {
	Status     int
	StatusText string
	// Headers is packed as in FetchRequest; it is well formed, names are not checked.
	Headers []byte
	// Length of the body in bytes, -1 if unknown. Of a stream it is the worker's claim.
	Length int64
	// Inline is the whole body if Body is nil.
	Inline []byte
	// Body must be read to its end or closed. Its method Buffered says how much the next Read gives without waiting.
	Body io.ReadCloser
	// Socket is not nil if and only if Status is 101.
	Socket Socket

	ev *event
}

// Result is how an event ended.
type Result struct {
	Outcome worker.Outcome
	// CPU is the processor time billed to the event, Startup that of the module evaluation it waited for.
	CPU, Startup time.Duration
	// Cold says that an isolate had to be started for it.
	Cold bool
	// PassThrough: the worker failed after ctx.passThroughOnException().
	PassThrough bool
	// Begun, of outcome HostLost, says that the worker may have had effects: it answered, read of the body or made a host call.
	Begun bool
	// Message and Stack describe what was thrown, if anything.
	Message, Stack string
}

// event is one event in one host. Its fields are guarded by host.mu.
type event struct {
	host   *host
	worker *hostWorker
	id     uint32
	// holds counts senders that are about to name id: it is not used again before they are done.
	holds     int
	over      bool // EventDone, or the host is lost.
	responded bool
	begun     bool
	abandoned bool      // Nobody waits for the response any more.
	since     time.Time // When that began, of the pool's clock.
	lost      bool      // over because the host is lost.
	culprit   bool      // The host died while it ran this: perhaps of it.
	timedOut  bool      // The host has been told that its time is over.
	lateSince time.Time // When the housekeeper saw first that nobody waits for the event.

	waiter  chan struct{}
	waiters []chan struct{} // Further ones.

	values  context.Context // FetchRequest.Values
	request *outbound
	outs    []*outbound // All streams of ours, the request's body among them.
	ins     []*inbound
	calls   []*call
	sockets []*hostSocket

	// started is nil for events of Fetch.
	started *Started

	resp   FetchResponse
	result Result
}

// wakers are channels of capacity 1, empty while they are here.
var wakers = sync.Pool{New: func() any { return make(chan struct{}, 1) }}

// AbandonedError is the error of a context that has ended while an event was under way: the host has been told.
type AbandonedError struct {
	Err error
	// Event has nothing but Wait: the event may go on for a while.
	Event *FetchResponse
}

func (e *AbandonedError) Error() string { return e.Err.Error() }

// Unwrap returns the context's error.
func (e *AbandonedError) Unwrap() error { return e.Err }

// Fetch runs a request on a version and returns when the worker has answered. Errors: ctx's (in an *AbandonedError if the event had
// begun), *EventError if the event ended
// without a response, *DefinitionError, *UnavailableError, ErrClosed, ErrDraining. A request that met the death of its
// host before it had begun is sent once more. When ctx ends before the response's body has been read, the event is canceled.
func (p *Pool) Fetch(ctx context.Context, v *worker.Version, req *FetchRequest) (*FetchResponse, error) {
	ver := p.version(v)
	var lost *EventError
	for {
		ev, err := p.begin(ctx, ver, req, nil)
		if lost != nil && (err == ErrClosed || err == ErrDraining) {
			return nil, lost
		}
		if err != nil {
			return nil, err
		}
		if err := ev.await(ctx, true); err != nil {
			ev.abandon(cancelReason(err))
			return nil, &AbandonedError{err, &FetchResponse{ev: ev}}
		}
		// From here on the event's state is final as far as it is looked at.
		if !ev.responded {
			ended := &EventError{ev.result}
			if ev.lost && !ev.begun && !ev.culprit && lost == nil {
				lost = ended
				continue
			}
			return nil, ended
		}
		if ev.resp.Body != nil && ctx.Done() != nil {
			stop := context.AfterFunc(ctx, func() {
				ev.resp.Body.(responseBody).fail(ctx.Err())
				ev.abandon(cancelReason(ctx.Err()))
			})
			ev.resp.Body.(responseBody).atEnd(func() { stop() })
		}
		return &ev.resp, nil
	}
}

// responseBody is what FetchResponse.Body is.
type responseBody interface {
	io.ReadCloser
	// fail makes reading end with err.
	fail(err error)
	// atEnd has f called once when the body has been read to its end, has failed or has been closed; at once if it has.
	atEnd(f func())
	// isOver says whether the body has been read to its end, has failed or has been closed.
	isOver() bool
}

func cancelReason(err error) hostproto.CancelReason {
	if errors.Is(err, context.DeadlineExceeded) {
		return hostproto.CancelReasonTimeout
	}
	return hostproto.CancelReasonClientDisconnected
}

// Wait returns when the event is over. If it is already, it does so even if ctx has ended. The error is ctx's.
func (r *FetchResponse) Wait(ctx context.Context) (Result, error) {
	if err := r.ev.await(ctx, false); err != nil {
		return Result{}, err
	}
	return r.ev.result, nil
}

// begin sends the event to a host. started is nil for events of Fetch.
func (p *Pool) begin(ctx context.Context, ver *version, req *FetchRequest, started *Started) (*event, error) {
	for {
		h, err := p.acquire(ctx, ver)
		if err != nil {
			return nil, err
		}
		ev := &event{host: h, holds: 1, started: started, values: req.Values}
		ev.resp.ev = ev
		switch err := h.admit(ctx, ver, ev, req); err {
		case nil:
		case errStopping:
			continue // acquire says what kind of stop it is.
		case errHostGone:
			select {
			case <-h.replaced:
				continue
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		default:
			return nil, err
		}
		fetch := hostproto.Fetch{Worker: ev.worker.id, Method: req.Method, URL: req.URL, Headers: req.Headers, CF: req.CF}
		if ev.request != nil {
			fetch.Stream, fetch.Length = ev.request.id, req.Length
		}
		if err := hostproto.SendWait(ctx, h.conn, ev.id, fetch); err != nil {
			var tooLong *hostproto.FrameError
			if errors.As(err, &tooLong) || ctx.Err() != nil && h.conn.Err() == nil {
				h.withdraw(ev)
				if ctx.Err() != nil {
					return nil, ctx.Err()
				}
				return nil, &EventError{Result{Outcome: worker.InternalError, Message: "the head of the request is larger than a frame"}}
			}
			// The connection is closed: whoever clears up after it ends the event.
		}
		return ev, nil
	}
}

// await returns nil when the event is over or, if response is set, when the response is there; or ctx's error. With
// response it also ends the hold of begin.
func (ev *event) await(ctx context.Context, response bool) error {
	h := ev.host
	h.mu.Lock()
	if response {
		h.releaseLocked(ev)
	}
	for !ev.over && !(response && ev.responded) {
		ch := wakers.Get().(chan struct{})
		if ev.waiter == nil {
			ev.waiter = ch
		} else {
			ev.waiters = append(ev.waiters, ch)
		}
		h.mu.Unlock()
		var err error
		if done := ctx.Done(); done == nil {
			<-ch
		} else {
			select {
			case <-ch:
			case <-done:
				err = ctx.Err()
			}
		}
		h.mu.Lock()
		if err == nil {
			wakers.Put(ch)
			continue
		}
		if !ev.forgetWaiter(ch) {
			h.mu.Unlock()
			<-ch // Somebody has taken it and wakes us.
			h.mu.Lock()
		}
		wakers.Put(ch)
		if !ev.over && !(response && ev.responded) {
			h.mu.Unlock()
			return err
		}
	}
	h.mu.Unlock()
	return nil
}

func (ev *event) forgetWaiter(ch chan struct{}) bool {
	if ev.waiter == ch {
		ev.waiter = nil
		return true
	}
	for i, other := range ev.waiters {
		if other == ch {
			ev.waiters = append(ev.waiters[:i], ev.waiters[i+1:]...)
			return true
		}
	}
	return false
}

// waking is who is to be woken after host.mu has been unlocked.
type waking struct {
	one  chan struct{}
	more []chan struct{}
}

func (ev *event) takeWaiters() waking {
	w := waking{ev.waiter, ev.waiters}
	ev.waiter, ev.waiters = nil, nil
	return w
}

func (w waking) wake() {
	if w.one != nil {
		w.one <- struct{}{}
	}
	for _, ch := range w.more {
		ch <- struct{}{}
	}
}

// abandon cancels the event: nobody wants the response. The id stays taken until EventDone.
func (ev *event) abandon(reason hostproto.CancelReason) {
	h := ev.host
	h.mu.Lock()
	if ev.over || ev.abandoned {
		h.mu.Unlock()
		return
	}
	ev.abandoned, ev.since = true, h.pool.now()
	ev.holds++
	var after deferred
	if ev.request != nil {
		ev.request.cancelLocked(&after, "the request was canceled")
	}
	h.mu.Unlock()
	hostproto.Send(h.conn, ev.id, hostproto.Cancel{Reason: reason})
	after.run()
	h.mu.Lock()
	h.releaseLocked(ev)
	h.mu.Unlock()
}

// deferred collects what must be done after host.mu has been unlocked.
type deferred []func()

func (d *deferred) add(f func()) { *d = append(*d, f) }

func (d deferred) run() {
	for _, f := range d {
		f()
	}
}
