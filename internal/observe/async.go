package observe

import (
	"fmt"
	"io"
	"sync"
)

// AsyncMax is how many bytes an Async holds back before it drops.
const AsyncMax = 4 << 20

// Async is a writer that never waits for the one behind it: a terminal that is stopped or a full pipe must not hold up requests. What
// does not fit is dropped and counted. One goroutine writes; Close joins it.
type Async struct {
	to   io.Writer
	over chan struct{}

	mu      sync.Mutex
	more    sync.Cond // with mu: pending, closed or idle has changed
	pending []byte
	spare   []byte
	dropped int
	writing bool
	closed  bool
}

// NewAsync starts a writer.
func NewAsync(to io.Writer) *Async {
	a := &Async{to: to, over: make(chan struct{})}
	a.more.L = &a.mu
	go a.run()
	return a
}

// Write takes all of p or nothing. Its error is always nil.
func (a *Async) Write(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		a.to.Write(p) // late words, when nobody is left to wait
		return len(p), nil
	}
	if len(a.pending)+len(p) > AsyncMax {
		a.dropped += len(p)
		return len(p), nil
	}
	a.pending = append(a.pending, p...)
	a.more.Broadcast()
	return len(p), nil
}

// Flush waits until what has been written before is out.
func (a *Async) Flush() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for (len(a.pending) > 0 || a.writing) && !a.closed {
		a.more.Wait()
	}
}

// Close writes the rest.
func (a *Async) Close() error {
	a.mu.Lock()
	a.closed = true
	a.more.Broadcast()
	a.mu.Unlock()
	<-a.over
	return nil
}

func (a *Async) run() {
	defer close(a.over)
	a.mu.Lock()
	defer a.mu.Unlock()
	for {
		for len(a.pending) == 0 && a.dropped == 0 && !a.closed {
			a.more.Wait()
		}
		if len(a.pending) == 0 && a.dropped == 0 {
			return
		}
		batch, dropped := a.pending, a.dropped
		a.pending, a.dropped, a.writing = a.spare[:0], 0, true
		a.mu.Unlock()
		a.to.Write(batch) // there is nobody to tell
		if dropped > 0 {
			fmt.Fprintf(a.to, "skerry: %d bytes of log were dropped: they came faster than they could be written\n", dropped)
		}
		a.mu.Lock()
		a.spare, a.writing = batch, false
		a.more.Broadcast()
	}
}
