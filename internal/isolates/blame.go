package isolates

import (
	"fmt"
	"sync"
	"time"
)

// How workers are treated that were running when their host died.
const (
	// QuarantineStrikes is the number of deaths that a worker was running in, within QuarantineTime, from which it has a host of its own.
	QuarantineStrikes = 2
	// QuarantineTime is how long that lasts after the last one.
	QuarantineTime = time.Hour
	// RefuseStrikes is the number of deaths that only this worker can have caused, within RefuseWindow, from which it is not run for a
	// while: RefuseMin, twice as long with each further one, at most RefuseMax.
	RefuseStrikes        = 5
	RefuseWindow         = 10 * time.Minute
	RefuseMin, RefuseMax = time.Second, 5 * time.Minute
	// strikesKept bounds what is remembered of one worker.
	strikesKept = 32
)

// RefusedError says that a worker is not run for a while, since it has ended its host again and again.
type RefusedError struct {
	Worker string
	// Strikes is the number of hosts that it has ended within RefuseWindow, Until when it is run again.
	Strikes int
	Until   time.Time
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("worker %s has ended its process %d times within %v; it is run again at %s", e.Worker, e.Strikes, RefuseWindow, e.Until.Format(time.RFC3339))
}

// strike is one death that a worker was running in.
type strike struct {
	at   time.Time
	sole bool // Nothing else was running.
}

// ledger remembers strikes by worker, over its versions. What a crash page says is a claim of a process that may lie: it decides who is
// moved away from others and who has to wait, nothing else. Methods may be called from any goroutine.
type ledger struct {
	mu      sync.Mutex
	strikes map[string][]strike
}

// add notes a strike.
func (l *ledger) add(worker string, sole bool, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.strikes == nil {
		l.strikes = make(map[string][]strike)
	}
	for name, all := range l.strikes { // Who has been good is forgotten.
		if now.Sub(all[len(all)-1].at) >= QuarantineTime {
			delete(l.strikes, name)
		}
	}
	all := append(l.strikes[worker], strike{now, sole})
	l.strikes[worker] = all[max(0, len(all)-strikesKept):]
}

// quarantined says whether the worker must have a host of its own.
func (l *ledger) quarantined(worker string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := l.strikes[worker]
	if len(all) == 0 || now.Sub(all[len(all)-1].at) >= QuarantineTime {
		return false
	}
	// Each strike prolongs it, so those count that were no longer ago before the last one than it lasts.
	count := 0
	for _, s := range all {
		if all[len(all)-1].at.Sub(s.at) < QuarantineTime {
			count++
		}
	}
	return count >= QuarantineStrikes
}

// refused says until when the worker is not run. nil: it is.
func (l *ledger) refused(worker string, now time.Time) *RefusedError {
	l.mu.Lock()
	defer l.mu.Unlock()
	count := 0
	var last time.Time
	for _, s := range l.strikes[worker] {
		if s.sole && now.Sub(s.at) < RefuseWindow {
			count++
			last = s.at
		}
	}
	if count < RefuseStrikes {
		return nil
	}
	pause := RefuseMax
	if doublings := count - RefuseStrikes; doublings < 16 {
		pause = min(pause, RefuseMin<<doublings)
	}
	if until := last.Add(pause); until.After(now) {
		return &RefusedError{Worker: worker, Strikes: count, Until: until}
	}
	return nil
}

// blameStuck gives a strike to the workers whose threads go on with an event that is over: those do not stop.
func (h *host) blameStuck() {
	var stuck []Suspect
	for _, s := range h.suspects() {
		h.mu.Lock()
		over := s.Event != 0 && h.eventLocked(s.Event) == nil
		h.mu.Unlock()
		if over {
			stuck = append(stuck, s)
		}
	}
	h.blame(stuck)
}

// blame gives a strike to each worker that a host was running when it died of what it did. For all that one host says, a worker has
// one strike: or it could have a neighbour refused by naming it again and again.
func (h *host) blame(suspects []Suspect) {
	workers, fresh := make(map[string]bool), []string(nil)
	h.mu.Lock()
	for _, s := range suspects {
		if !workers[s.Worker] && !h.blamed[s.Worker] {
			fresh = append(fresh, s.Worker)
			if h.blamed == nil {
				h.blamed = make(map[string]bool)
			}
			h.blamed[s.Worker] = true
		}
		workers[s.Worker] = true
	}
	h.mu.Unlock()
	h.pool.blame(fresh, len(workers) == 1)
}

// blame gives a strike to each worker, and moves those who have too many.
func (p *Pool) blame(workers []string, sole bool) {
	now := p.now()
	for _, name := range workers {
		before := p.ledger.quarantined(name, now)
		p.ledger.add(name, sole, now)
		refused := p.ledger.refused(name, now)
		if refused != nil {
			p.cfg.Logger.Warn("worker is not run for a while: it has ended its host again and again", "worker", name, "strikes", refused.Strikes, "until", refused.Until)
		}
		move := !before && p.ledger.quarantined(name, now)
		if move {
			p.cfg.Logger.Warn("worker is moved to a host of its own: it was running when others died", "worker", name, "for", QuarantineTime)
		}
		if refused != nil || move {
			p.displace(name, refused)
		}
		p.strikes.Add(1)
	}
}
