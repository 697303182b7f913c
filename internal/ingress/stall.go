package ingress

import (
	"sync"
	"time"
)

// stall watches the Reads of one request body. Only the time inside a Read counts: a worker that takes its time does not make its
// client late. A client has limit of such time; what it uses up it earns again with bytes, at the rate, and never has more than
// limit. So nobody may be silent for longer than limit, and nobody may send a byte now and then for ever. Once the worker has answered, a
// body may be one half of a conversation: then every byte gives the client all its time back.
//
// There is one timer for all Reads, which looks at the clock when it fires; setting the connection's deadline for each Read instead would
// undo the one with which requestBody.take interrupts, and would end whatever else reads from the connection. Writing to a client
// over HTTP/2 is watched in the same way.
//
// The zero value watches nothing. Its methods may be called from any goroutine.
type stall struct {
	mu sync.Mutex
	// limit is the most time that a client may have, credit what it has left, rate how many bytes earn a second; 0: all of it.
	limit, credit time.Duration
	rate          int
	// interrupt breaks the Read off. nil: nothing is watched.
	interrupt func()
	// since is when the Read under way began, zero if there is none.
	since time.Time
	timer *time.Timer
	fires time.Time
	// armed: the timer runs. stalled: a Read was broken off.
	armed, stalled bool
}

// watch begins watching. interrupt is called once at most, and never after quit.
func (s *stall) watch(limit time.Duration, rate int, interrupt func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limit, s.credit, s.rate, s.interrupt = limit, limit, rate, interrupt
}

// converse says that from now on any byte is enough.
func (s *stall) converse() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.credit, s.rate = s.limit, 0
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
	due := s.since.Add(s.credit)
	switch {
	case s.armed && !due.Before(s.fires):
		return
	case s.timer == nil:
		s.timer = time.AfterFunc(s.credit, s.check)
	default:
		s.timer.Reset(s.credit)
	}
	s.armed, s.fires = true, due
}

// end says that the Read has returned with n bytes, and returns whether one was broken off.
func (s *stall) end(n int) (stalled bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.since.IsZero() {
		return s.stalled
	}
	s.credit -= time.Since(s.since)
	s.since = time.Time{}
	switch {
	case n <= 0:
	case s.rate == 0 || n/s.rate >= int(s.limit/time.Second)+1:
		s.credit = s.limit
	default:
		s.credit = min(s.limit, s.credit+time.Duration(n)*time.Second/time.Duration(s.rate))
	}
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
	if left := s.credit - time.Since(s.since); left > 0 {
		s.armed, s.fires = true, s.since.Add(s.credit)
		s.timer.Reset(left)
		return
	}
	s.stalled = true
	s.interrupt()
	s.interrupt = nil
}
