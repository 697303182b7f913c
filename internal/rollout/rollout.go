// Package rollout holds which version of a worker answers new requests, and knows when an old one is no longer needed: a
// request takes a lease on the version that it starts with and keeps it until its event is over.
//
// It builds nothing and runs nothing itself: cmd/skerry says how (Build) and what to do with versions that have ended
// (Retire). A Build runs on a goroutine of its own, which ends with it.
package rollout

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"skerry/internal/worker"
)

// Lease is a version in use.
type Lease struct {
	version *worker.Version
	retire  func(*worker.Version)
	users   atomic.Int64 // one for being current
}

// Version is what the lease is on.
func (l *Lease) Version() *worker.Version { return l.version }

// Release gives the lease back, once.
func (l *Lease) Release() {
	if l.users.Add(-1) == 0 && l.retire != nil {
		l.retire(l.version)
	}
}

// take adds a user unless there is none left.
func (l *Lease) take() bool {
	for {
		n := l.users.Load()
		if n == 0 {
			return false
		}
		if l.users.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// Config says how a Worker gets its versions.
type Config struct {
	// Build makes a version that is ready to answer. Not called concurrently for one Worker.
	Build func(ctx context.Context) (*worker.Version, error)
	// Retire, if not nil, is called once for each version that nobody uses any more.
	Retire func(*worker.Version)
	// Now is time.Now if nil.
	Now func() time.Time
}

// RetryAfter is how long a failed first build answers for itself before another request tries again.
const RetryAfter = 2 * time.Second

// ErrClosed is the error of a Worker that has been closed.
var ErrClosed = errors.New("worker has been removed")

// Worker is one worker of the platform. Its methods may be called from any goroutine.
type Worker struct {
	cfg     Config
	current atomic.Pointer[Lease]

	mu     sync.Mutex
	first  *first // the first build, under way or failed
	failed time.Time
	closed bool

	building sync.Mutex // held while Build runs
}

// first is a build that requests wait for.
type first struct {
	done chan struct{}
	err  error // after done
}

// New makes a worker that has no version yet.
func New(cfg Config) *Worker {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Worker{cfg: cfg}
}

// Current returns a lease on the version that answers now, nil if there is none.
func (w *Worker) Current() *Lease {
	for {
		l := w.current.Load()
		if l == nil || l.take() {
			return l
		}
	}
}

// Acquire returns a lease on the version that answers now. If there is none yet it is built, once for all who wait. The
// build goes on if ctx ends.
func (w *Worker) Acquire(ctx context.Context) (*Lease, error) {
	for {
		if l := w.Current(); l != nil {
			return l, nil
		}
		build, err := w.firstBuild()
		if err != nil {
			return nil, err
		}
		select {
		case <-build.done:
			if build.err != nil {
				return nil, build.err
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// firstBuild joins or starts the first build.
func (w *Worker) firstBuild() (*first, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil, ErrClosed
	}
	if b := w.first; b != nil {
		select {
		case <-b.done:
			if b.err != nil && w.cfg.Now().Sub(w.failed) < RetryAfter {
				return b, nil
			}
		default:
			return b, nil
		}
	}
	b := &first{done: make(chan struct{})}
	w.first = b
	go func() { // ends with the build
		_, err := w.Rebuild(context.Background())
		w.mu.Lock()
		w.failed = w.cfg.Now()
		w.mu.Unlock()
		b.err = err
		close(b.done)
	}()
	return b, nil
}

// Rebuild builds a version and, if it differs from the current one, lets it answer from now on. changed says so.
// On an error everything is as it was.
func (w *Worker) Rebuild(ctx context.Context) (changed bool, err error) {
	w.building.Lock()
	defer w.building.Unlock()
	v, err := w.cfg.Build(ctx)
	if err != nil {
		return false, err
	}
	if l := w.current.Load(); l != nil && l.version.ID == v.ID {
		if l.version != v && w.cfg.Retire != nil {
			w.cfg.Retire(v)
		}
		return false, nil
	}
	l := &Lease{version: v, retire: w.cfg.Retire}
	l.users.Store(1)
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		l.Release()
		return false, ErrClosed
	}
	old := w.current.Swap(l)
	w.mu.Unlock()
	if old != nil {
		old.Release()
	}
	return true, nil
}

// Close ends the worker: its version is retired when the last request has ended, and Acquire fails.
func (w *Worker) Close() {
	w.mu.Lock()
	w.closed = true
	old := w.current.Swap(nil)
	w.mu.Unlock()
	if old != nil {
		old.Release()
	}
}
