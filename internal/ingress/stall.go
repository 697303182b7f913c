package ingress

import (
	"sync"
	"time"
)

// stall watches the Reads of one request body. Only the time inside a Read counts: a worker that takes its time does not make its
// client late. There is one timer for all of them, which looks at the clock when it fires; setting the connection's deadline for each
// Read instead would undo the one with which requestBody.take interrupts, and would end whatever else reads from the connection.
// The zero value watches nothing. Its methods may be called from any goroutine.
type stall struct {
	mu sync.Mutex
	// limit is how long a Read may take, interrupt breaks it off. nil: nothing is watched.
	limit     time.Duration
	interrupt func()
	// since is when the Read under way began, zero if there is none.
	since time.Time
	timer *time.Timer
	// armed: the timer runs. stalled: a Read was broken off.
	armed, stalled bool
}

// watch begins watching. interrupt is called once at most, and never after quit.
func (s *stall) watch(limit time.Duration, interrupt func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limit, s.interrupt = limit, interrupt
}

// quit ends watching.
func (s *stall) quit() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.interrupt = nil
	if s.timer != nil {
		s.timer.Stop()
	}
}

// begin says that a Read begins.
func (s *stall) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.interrupt == nil {
		return
	}
	s.since = time.Now()
	switch {
	case s.armed:
	case s.timer == nil:
		s.timer = time.AfterFunc(s.limit, s.check)
	default:
		s.timer.Reset(s.limit)
	}
	s.armed = true
}

// end says that the Read has returned, and returns whether one was broken off.
func (s *stall) end() (stalled bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.since = time.Time{}
	return s.stalled
}

// happened returns whether a Read was broken off.
func (s *stall) happened() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stalled
}

// check is the timer's.
func (s *stall) check() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.armed = false
	if s.interrupt == nil || s.since.IsZero() {
		return // the next Read arms it again
	}
	if left := s.limit - time.Since(s.since); left > 0 {
		s.armed = true
		s.timer.Reset(left)
		return
	}
	s.stalled = true
	s.interrupt()
	s.interrupt = nil
}
