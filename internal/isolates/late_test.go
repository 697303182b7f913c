package isolates

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"skerry/internal/hostproto"
	"skerry/internal/worker"
)

// clock is a clock that the test sets.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) get() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.now }

func (c *clock) pass(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.now = c.now.Add(d) }

// Goal: an event is told that its time is over when nobody has waited for it for that long, once, and no event for which somebody waits.
func TestLateEvents(t *testing.T) {
	reasons := make(chan string, 10)
	f := &fleet{setUp: func(_ int, h *fakeHost) {
		h.onFetch = func(h *fakeHost, id uint32, m hostproto.Fetch) {
			path := strings.TrimPrefix(m.URL, "https://example.com")
			var cancel func(r hostproto.CancelReason)
			cancel = func(r hostproto.CancelReason) {
				reasons <- path + " " + r.String()
				if r == hostproto.CancelReasonTimeout {
					h.done(id)
				} else {
					h.cancels[id] = cancel
				}
			}
			h.cancels[id] = cancel
			switch path {
			case "/inline":
				h.respond(id, "hello")
			case "/stream":
				sendTo(h, id, hostproto.Response{Status: 200, Stream: 1, Length: -1})
				sendTo(h, 1, hostproto.StreamData{Data: []byte("begins")})
			}
		}
	}}
	now := &clock{now: time.Now()}
	p, _ := newPool(t, f, Config{}, func(p *Pool) { p.now, p.timing.lateLook, p.timing.lifetime = now.get, time.Hour, 1000*time.Hour })
	v := testVersion("a")
	told := func(want ...string) {
		t.Helper()
		for range want {
			got := <-reasons
			found := false
			for _, w := range want {
				found = found || w == got
			}
			if !found {
				t.Errorf("told %q, want one of %q", got, want)
			}
		}
	}
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() { _, err := p.Fetch(ctx, v, get("/hangs")); left <- err }()
	stay, end := context.WithCancel(t.Context())
	stayed := make(chan error, 1)
	go func() { _, err := p.Fetch(stay, v, get("/stays")); stayed <- err }()
	inline, err := p.Fetch(t.Context(), v, get("/inline"))
	if err != nil {
		t.Fatal(err)
	}
	stream, err := p.Fetch(t.Context(), v, get("/stream"))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "all are under way", func() bool { return len(p.live()) == 4 })
	leave()
	<-left
	told("/hangs clientDisconnected")
	p.endLate() // They are seen to be late.
	now.pass(29 * time.Second)
	p.endLate()
	if len(reasons) > 0 {
		t.Errorf("too early: %s", <-reasons)
	}
	now.pass(time.Second)
	p.endLate()
	told("/hangs timeout", "/inline timeout")
	if r, err := inline.Wait(t.Context()); err != nil || r.Outcome != worker.OK {
		t.Errorf("%+v, %v", r, err)
	}

	stream.Body.Close()
	p.endLate()
	now.pass(30 * time.Second)
	p.endLate()
	p.endLate()
	told("/stream timeout")
	end()
	<-stayed
	told("/stays clientDisconnected")
	p.endLate()
	now.pass(time.Minute)
	p.endLate()
	told("/stays timeout")
	waitIdle(t, p)
	if len(reasons) > 0 {
		t.Errorf("told too much: %s", <-reasons)
	}
}

// Goal: a worker with too many events under way gets no more, and others do; it gets more when some are over.
func TestEventsOfAWorker(t *testing.T) {
	p, _ := newPool(t, &fleet{}, Config{})
	busy, other := testVersion("busy"), testVersion("other")
	busy.Limits.Events = 3
	var late []*FetchResponse
	for range 3 {
		resp, err := p.Fetch(t.Context(), busy, get("/late"))
		if err != nil {
			t.Fatal(err)
		}
		late = append(late, resp)
	}
	_, err := p.Fetch(t.Context(), busy, get("/hello"))
	var ended *EventError
	if !errors.As(err, &ended) || ended.Result.Outcome != worker.LoadShed || ended.Result.Message != "the worker has too many events under way (limit 3)" {
		t.Errorf("one too many: %v", err)
	}
	if p.Start(busy, get("/hello"), nil) != nil {
		t.Error("one too many is started")
	}
	if resp, err := p.Fetch(t.Context(), other, get("/hello")); err != nil {
		t.Errorf("another worker: %v", err)
	} else if resp.Body != nil {
		io.Copy(io.Discard, resp.Body)
	}
	late[0].ev.abandon(hostproto.CancelReasonTimeout)
	late[0].Wait(t.Context())
	if _, err := p.Fetch(t.Context(), busy, get("/hello")); err != nil {
		t.Errorf("when one is over: %v", err)
	}
	for _, resp := range late[1:] {
		resp.ev.abandon(hostproto.CancelReasonTimeout)
	}
	waitIdle(t, p)
}
