package isolates

import (
	"io"
	"testing"
	"time"

	"skerry/internal/hostproto"
	"skerry/internal/worker"
)

// Goal: a host whose day is over is replaced without a failed request: what is under way ends in it, what comes goes to the new one.
func TestRecycle(t *testing.T) {
	for name, warm := range map[string]bool{"with a spare host": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			clock := &fakeClock{now: epoch}
			f := &fleet{}
			p, _ := newPool(t, f, Config{WarmSpareHost: warm}, clocked(clock))
			v := testVersion("a")
			late, _ := fetch(t, p, v, get("/late")) // Has answered, and is not over.
			old := f.serving(p)
			first := old.Pid()
			clock.advance(time.Duration(float64(defaultTiming.lifetime) * (1 - recycleJitter - 0.01)))
			p.housekeep()
			if p.Pids()[0] != first || p.retirements.Load() != 0 {
				t.Fatal("it goes before its time")
			}
			clock.advance(time.Duration(float64(defaultTiming.lifetime) * (2*recycleJitter + 0.02)))
			p.housekeep()
			eventually(t, "another one serves", func() bool { pids := p.Pids(); return len(pids) > 0 && pids[0] != first })
			if _, got := fetch(t, p, v, get("/hello")); got != "hello" {
				t.Errorf("answer %q", got)
			}
			p.mu.Lock()
			waits := len(p.leaving)
			p.mu.Unlock()
			if waits == 0 {
				t.Error("the old one did not wait for its event")
			}
			old.send(1, hostproto.EventDone{})
			if result, err := late.Wait(t.Context()); err != nil || result.Outcome != worker.OK {
				t.Errorf("%+v, %v", result, err)
			}
			eventually(t, "the old one is gone", func() bool { p.mu.Lock(); defer p.mu.Unlock(); return len(p.leaving) == 0 })
			if s, err := p.Stats(t.Context()); err != nil || s.Restarts != 0 || s.Retirements == 0 || s.Strikes != 0 {
				t.Errorf("stats %+v, %v", s, err)
			}
		})
	}
}

// Goal: Close ends those that retire as well.
func TestCloseWhileOneRetires(t *testing.T) {
	clock := &fakeClock{now: epoch}
	p, _ := newPool(t, &fleet{}, Config{WarmSpareHost: true}, clocked(clock))
	resp, err := p.Fetch(t.Context(), testVersion("a"), get("/endless"))
	if err != nil {
		t.Fatal(err)
	}
	clock.advance(2 * defaultTiming.lifetime)
	p.housekeep()
	if len(p.live()) != 1 {
		t.Error("an event of a host that retires is not seen")
	}
	p.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != ErrHostLost {
		t.Errorf("body ended with %v", err)
	}
}
