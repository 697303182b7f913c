package isolates

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"skerry/internal/hostproto"
	"skerry/internal/worker"
)

func TestOpenFails(t *testing.T) {
	checkLeaks(t)
	for _, test := range []struct {
		name  string
		fleet *fleet
		want  []string
	}{
		{"launch", &fleet{refuse: func(int) error { return errors.New("no such file") }}, []string{"no such file"}},
		{"dies", &fleet{setUp: func(_ int, h *fakeHost) { h.ready = (*fakeHost).die }}, []string{"process ended: killed", "standard error: fake host 0"}},
		{"last words", &fleet{setUp: func(_ int, h *fakeHost) {
			h.ready = func(h *fakeHost) {
				h.send(0, hostproto.Fatal{Message: "no snapshot"})
				h.conn.Close(nil)
			}
		}}, nil}, // Whether the frame leaves before the end is the fake's luck.
		{"other build", &fleet{build: "one", setUp: func(_ int, h *fakeHost) {
			h.ready = func(h *fakeHost) {
				h.send(0, hostproto.Ready{Protocol: hostproto.Protocol, Build: "other"})
			}
		}}, []string{`"other"`, `"one"`}},
		{"other protocol", &fleet{setUp: func(_ int, h *fakeHost) {
			h.ready = func(h *fakeHost) { h.send(0, hostproto.Ready{Protocol: 99}) }
		}}, []string{"protocol 99", fmt.Sprintf("protocol %d", hostproto.Protocol)}},
		{"speaks before Ready", &fleet{setUp: func(_ int, h *fakeHost) {
			h.ready = func(h *fakeHost) { h.send(1, hostproto.StreamEnd{}) }
		}}, []string{"before Ready"}},
		{"silent", &fleet{setUp: func(_ int, h *fakeHost) { h.ready = func(*fakeHost) {} }}, []string{"did not answer Hello within 50ms", "standard error: fake host 0"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := New(Config{Engine: Engine{Build: test.fleet.build}, Logger: discard})
			p.launch = test.fleet.launch
			p.timing.hello = 10 * time.Second
			if test.name == "silent" {
				p.timing.hello = 50 * time.Millisecond
			}
			err := p.Open(t.Context())
			if err == nil {
				p.Close()
				t.Fatal("open succeeds")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q lacks %q", err, want)
				}
			}
			if _, err := p.Fetch(t.Context(), testVersion("a"), get("/hello")); err != ErrClosed {
				t.Errorf("fetch: %v", err)
			}
		})
	}
}

func TestOpenEndsWithItsContext(t *testing.T) {
	checkLeaks(t)
	f := &fleet{setUp: func(_ int, h *fakeHost) { h.ready = func(*fakeHost) {} }}
	p := New(Config{Logger: discard})
	p.launch = f.launch
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(time.Millisecond, cancel)
	if err := p.Open(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestBeforeOpen(t *testing.T) {
	p := New(Config{Logger: discard})
	if _, err := p.Fetch(t.Context(), testVersion("a"), get("/")); err == nil || !strings.Contains(err.Error(), "not open") {
		t.Errorf("error %v", err)
	}
	p.Close()
}

// Goal: a death is healed by the spare host, and a request that had not begun does not notice.
func TestDeathIsHealed(t *testing.T) {
	var killed atomic.Bool
	f := &fleet{setUp: func(_ int, h *fakeHost) {
		h.onFetch = func(h *fakeHost, id uint32, m hostproto.Fetch) {
			if killed.CompareAndSwap(false, true) {
				h.die()
				return
			}
			h.fetch(id, m)
		}
	}}
	p, log := newPool(t, f, Config{WarmSpareHost: true})
	eventually(t, "the spare host is ready", func() bool { return len(p.Pids()) == 2 })
	before := p.Pids()
	// A body that was not read goes with it.
	req := &FetchRequest{Method: "POST", URL: "https://example.com/hello", Body: strings.NewReader("x"), Length: 1}
	if _, got := fetch(t, p, testVersion("a"), req); got != "hello" {
		t.Errorf("answer %q", got)
	}
	if pids := p.Pids(); pids[0] != before[1] {
		t.Errorf("pids %v, before %v", pids, before)
	}
	eventually(t, "a new spare host is ready", func() bool { return len(p.Pids()) == 2 })
	eventually(t, "the log tells", func() bool { return strings.Contains(log.String(), "isolate host died") })
	if s, err := p.Stats(t.Context()); err != nil || s.Restarts != 1 || s.Violations != 0 {
		t.Errorf("stats %+v, %v", s, err)
	}
	waitIdle(t, p)
}

func TestDeathTwiceIsNotHealed(t *testing.T) {
	f := &fleet{}
	p, _ := newPool(t, f, Config{WarmSpareHost: true})
	_, err := p.Fetch(t.Context(), testVersion("a"), get("/die"))
	var ended *EventError
	if !errors.As(err, &ended) || ended.Result.Outcome != worker.HostLost || ended.Result.Begun {
		t.Fatalf("error %v", err)
	}
	eventually(t, "both are replaced", func() bool { return f.count() == 4 })
	if _, got := fetch(t, p, testVersion("b"), get("/hello")); got != "hello" {
		t.Errorf("answer %q", got)
	}
}

// Goal: a request that may have had effects is not sent again.
func TestDeathAfterTheBeginning(t *testing.T) {
	for _, test := range []struct {
		name string
		req  *FetchRequest
	}{
		{"call made", get("/calldie")},
		{"body read", &FetchRequest{Method: "POST", URL: "https://example.com/readdie", Body: neverEnds{}, Length: -1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := &fleet{setUp: func(_ int, h *fakeHost) {
				h.onFetch = func(h *fakeHost, id uint32, m hostproto.Fetch) {
					if m.Stream != 0 {
						h.read(id, m.Stream, func([]byte) { h.die() }, func(bool) {})
						return
					}
					h.fetch(id, m)
				}
			}}
			p, _ := newPool(t, f, Config{})
			_, err := p.Fetch(t.Context(), testVersion("a"), test.req)
			var ended *EventError
			if !errors.As(err, &ended) || ended.Result.Outcome != worker.HostLost || !ended.Result.Begun {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestDeathAfterTheAnswer(t *testing.T) {
	f := &fleet{setUp: func(_ int, h *fakeHost) {
		h.onFetch = func(h *fakeHost, id uint32, _ hostproto.Fetch) {
			h.send(id, hostproto.Response{Status: 200, Stream: 1, Length: -1})
			h.send(1, hostproto.StreamData{Data: []byte("half")})
		}
	}}
	p, _ := newPool(t, f, Config{})
	resp, err := p.Fetch(t.Context(), testVersion("a"), get("/"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(resp.Body, make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	f.host(0).die()
	if _, err := resp.Body.Read(make([]byte, 1)); err != ErrHostLost {
		t.Errorf("read: %v", err)
	}
	if result, err := resp.Wait(t.Context()); err != nil || result.Outcome != worker.HostLost || !result.Begun {
		t.Errorf("result %+v, %v", result, err)
	}
	resp.Body.Close()
}

// Goal: the crash page names who was running; what ran alone is not tried again, so that it does not kill the next host.
func TestCrashPage(t *testing.T) {
	f := &fleet{setUp: func(n int, h *fakeHost) {
		h.onFetch = func(h *fakeHost, id uint32, m hostproto.Fetch) {
			h.running(3, m.Worker, id)
			h.running(4, 0, id)    // Idle.
			h.running(5, 4711, id) // A lie.
			h.die()
		}
	}}
	p, log := newPool(t, f, Config{WarmSpareHost: true})
	_, err := p.Fetch(t.Context(), testVersion("poison"), get("/"))
	var ended *EventError
	if !errors.As(err, &ended) || ended.Result.Outcome != worker.HostLost {
		t.Fatalf("error %v", err)
	}
	eventually(t, "the log names the suspect", func() bool { return strings.Contains(log.String(), "poison") })
	if s, err := p.Stats(t.Context()); err != nil || s.Suspects != 1 || s.Restarts != 1 {
		t.Errorf("stats %+v, %v", s, err)
	}
}

// Goal: hosts that die at once are not started in a loop, and requests meanwhile fail with the reason.
func TestBackoff(t *testing.T) {
	f := &fleet{setUp: func(n int, h *fakeHost) {
		if n > 0 {
			h.ready = (*fakeHost).die
		}
	}}
	p, _ := newPool(t, f, Config{}, func(p *Pool) {
		p.timing.healthy = time.Hour
		p.timing.backoffMin = time.Hour
		p.timing.backoffMax = time.Hour
	})
	f.host(0).die()
	eventually(t, "the pool gives up for now", func() bool { return f.count() == quickDeathsMax })
	var unavailable *UnavailableError
	eventually(t, "requests fail", func() bool {
		_, err := p.Fetch(t.Context(), testVersion("a"), get("/hello"))
		return errors.As(err, &unavailable)
	})
	if unavailable.Deaths != quickDeathsMax || !strings.Contains(unavailable.Error(), "standard error: fake host 2") {
		t.Errorf("error %v", unavailable)
	}
	// When the pause is over the next one is tried.
	f.mu.Lock()
	f.setUp = nil
	f.mu.Unlock()
	p.mu.Lock()
	p.retry.Reset(0)
	p.mu.Unlock()
	eventually(t, "requests are served", func() bool {
		_, err := p.Fetch(t.Context(), testVersion("a"), get("/hello"))
		return err == nil
	})
}

func TestHostThatDoesNotAnswer(t *testing.T) {
	f := &fleet{setUp: func(n int, h *fakeHost) {
		if n == 0 {
			h.onFrame = func(_ *fakeHost, fr hostproto.Frame) {
				if fr.Type == hostproto.TypeStatsRequest {
					<-h.conn.Done() // Hangs until it is killed.
				}
			}
		}
	}}
	p, log := newPool(t, f, Config{}, func(p *Pool) { p.timing.probe, p.timing.probeTimeout = time.Millisecond, 50*time.Millisecond })
	_ = p
	eventually(t, "the host is replaced", func() bool { return f.count() >= 2 })
	eventually(t, "the log tells", func() bool { return strings.Contains(log.String(), "does not answer") })
}

func TestDrain(t *testing.T) {
	f := &fleet{}
	p, _ := newPool(t, f, Config{})
	v := testVersion("a")
	resp, _ := fetch(t, p, v, get("/late"))
	drained := make(chan error, 1)
	go func() { drained <- p.Drain(context.Background()) }()
	eventually(t, "new events are refused", func() bool { _, err := p.Fetch(t.Context(), v, get("/hello")); return err == ErrDraining })
	select {
	case err := <-drained:
		t.Fatalf("drained with an event under way: %v", err)
	default:
	}
	f.host(0).send(1, hostproto.EventDone{})
	if err := <-drained; err != nil {
		t.Error(err)
	}
	if _, err := resp.Wait(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestDrainGivesUp(t *testing.T) {
	p, _ := newPool(t, &fleet{}, Config{})
	end := make(chan error, 1)
	go func() { _, err := p.Fetch(context.Background(), testVersion("a"), get("/hang")); end <- err }()
	eventually(t, "the event is under way", func() bool { return len(p.live()) == 1 })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Drain(ctx); err != context.Canceled {
		t.Errorf("error %v", err)
	}
	var ended *EventError
	if err := <-end; !errors.As(err, &ended) || ended.Result.Outcome != worker.Canceled || ended.Result.Message != "shutdown" {
		t.Errorf("event ended with %v", err)
	}
}

func TestCloseEndsEverything(t *testing.T) {
	inCall := make(chan struct{})
	p, _ := newPool(t, &fleet{}, Config{WarmSpareHost: true, Calls: answerCalls(func(ctx context.Context, _ *Call) CallResult {
		close(inCall)
		<-ctx.Done()
		return CallResult{}
	})})
	v := testVersion("a")
	ends := make(chan error, 2)
	for _, path := range []string{"/hang", "/call"} {
		go func() { _, err := p.Fetch(context.Background(), v, get(path)); ends <- err }()
	}
	streaming, err := p.Fetch(t.Context(), v, get("/endless"))
	if err != nil {
		t.Fatal(err)
	}
	<-inCall
	eventually(t, "all are under way", func() bool { return len(p.live()) == 3 })
	p.Close()
	for range 2 {
		var ended *EventError
		if err := <-ends; !errors.As(err, &ended) || ended.Result.Outcome != worker.HostLost {
			t.Errorf("event ended with %v", err)
		}
	}
	if _, err := io.Copy(io.Discard, streaming.Body); err != ErrHostLost {
		t.Errorf("body ended with %v", err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}
