package rollout

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"skerry/internal/worker"
)

// builder gives out versions by number and records which were retired.
type builder struct {
	mu      sync.Mutex
	id      string
	err     error
	builds  int
	retired []string
	gate    chan struct{} // if not nil, builds wait for it
}

func (b *builder) config(now func() time.Time) Config {
	return Config{Now: now, Build: func(context.Context) (*worker.Version, error) {
		b.mu.Lock()
		gate := b.gate
		b.mu.Unlock()
		if gate != nil {
			<-gate
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		b.builds++
		if b.err != nil {
			return nil, b.err
		}
		return &worker.Version{ID: b.id}, nil
	}, Retire: func(v *worker.Version) {
		b.mu.Lock()
		b.retired = append(b.retired, v.ID)
		b.mu.Unlock()
	}}
}

func (b *builder) set(id string, err error) {
	b.mu.Lock()
	b.id, b.err = id, err
	b.mu.Unlock()
}

func (b *builder) state() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return fmt.Sprint(b.builds, b.retired)
}

func TestSwapWaitsForLeases(t *testing.T) {
	b := &builder{id: "1"}
	w := New(b.config(nil))
	if w.Current() != nil {
		t.Fatal("a version from nowhere")
	}
	old, err := w.Acquire(t.Context())
	if err != nil || old.Version().ID != "1" {
		t.Fatal(err)
	}
	b.set("2", nil)
	if changed, err := w.Rebuild(t.Context()); !changed || err != nil {
		t.Fatal(changed, err)
	}
	if b.state() != "2 []" {
		t.Errorf("retired while in use: %s", b.state())
	}
	current := w.Current()
	if current.Version().ID != "2" {
		t.Errorf("current is %s", current.Version().ID)
	}
	old.Release()
	if b.state() != "2 [1]" {
		t.Errorf("not retired: %s", b.state())
	}
	b.set("3", errors.New("broken"))
	if changed, err := w.Rebuild(t.Context()); changed || err == nil {
		t.Error("a broken build changed something")
	}
	b.set("2", nil)
	if changed, err := w.Rebuild(t.Context()); changed || err != nil {
		t.Error("the same version counted as a change")
	}
	w.Close()
	w.Close()
	if b.state() != "4 [1 2]" {
		t.Errorf("after the spare build: %s", b.state())
	}
	current.Release()
	if b.state() != "4 [1 2 2]" {
		t.Errorf("after the last lease: %s", b.state())
	}
	if _, err := w.Acquire(t.Context()); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if _, err := w.Rebuild(t.Context()); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

func TestFirstBuildIsShared(t *testing.T) {
	b := &builder{id: "1", gate: make(chan struct{})}
	w := New(b.config(nil))
	var wait sync.WaitGroup
	var got atomic.Int64
	for range 20 {
		wait.Go(func() {
			if l, err := w.Acquire(t.Context()); err == nil {
				got.Add(1)
				l.Release()
			}
		})
	}
	// One who does not wait does not end the build.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.Acquire(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	close(b.gate)
	wait.Wait()
	if got.Load() != 20 || b.state() != "1 []" {
		t.Errorf("%d leases, %s", got.Load(), b.state())
	}
}

func TestFailedFirstBuildIsRemembered(t *testing.T) {
	var now atomic.Int64
	b := &builder{err: errors.New("broken")}
	w := New(b.config(func() time.Time { return time.Unix(0, now.Load()) }))
	for range 3 {
		if _, err := w.Acquire(t.Context()); err == nil || err.Error() != "broken" {
			t.Fatal(err)
		}
	}
	if b.state() != "1 []" {
		t.Errorf("built again too soon: %s", b.state())
	}
	b.set("1", nil)
	now.Store(int64(RetryAfter))
	l, err := w.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	l.Release()
}

// TestHammer: leases and swaps from many goroutines; each version is retired exactly once and never while in use.
func TestHammer(t *testing.T) {
	const versions = 200
	var inUse [versions + 1]atomic.Int64
	var retired [versions + 1]atomic.Int64
	var next atomic.Int64
	index := func(v *worker.Version) (n int) { fmt.Sscan(v.ID, &n); return n }
	w := New(Config{Build: func(context.Context) (*worker.Version, error) {
		return &worker.Version{ID: fmt.Sprint(next.Add(1))}, nil
	}, Retire: func(v *worker.Version) {
		n := index(v)
		if inUse[n].Load() != 0 {
			t.Errorf("version %d retired in use", n)
		}
		retired[n].Add(1)
	}})
	w.Rebuild(t.Context())
	stop := make(chan struct{})
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				l := w.Current()
				n := index(l.Version())
				inUse[n].Add(1)
				inUse[n].Add(-1)
				l.Release()
			}
		})
	}
	for range versions - 1 {
		w.Rebuild(t.Context())
	}
	close(stop)
	wait.Wait()
	w.Close()
	for n := 1; n <= versions; n++ {
		if retired[n].Load() != 1 {
			t.Errorf("version %d retired %d times", n, retired[n].Load())
		}
	}
}
