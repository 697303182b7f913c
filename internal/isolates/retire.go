package isolates

import (
	"errors"
	"slices"
	"time"
)

// errRetired is why the connection of a host that was replaced is closed.
var errRetired = errors.New("isolate host was replaced")

// retire replaces a host in good order: as soon as another one is ready it gets no new events, and it ends when its events
// are over, or after a while. why goes to the log.
func (p *Pool) retire(h *host, why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.all[h] || p.state == poolClosed {
		return
	}
	p.cfg.Logger.Warn("isolate host is being replaced", "pid", h.proc.Pid(), "reason", why)
	p.retireLocked(h)
}

// leavesBehind says whether an event that nobody waits for has not been ended for long. An honest host ends it at a limit of its own.
func (h *host) leavesBehind() bool {
	now := h.pool.now()
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, ev := range h.events {
		if ev != nil && ev.abandoned && now.Sub(ev.since) >= h.pool.timing.leftBehind {
			return true
		}
	}
	return false
}

// retireLocked does so, quietly.
func (p *Pool) retireLocked(h *host) {
	p.retirements.Add(1)
	delete(p.all, h)
	p.leaving[h] = true
	if p.spare == h {
		p.spare = nil
	}
	if !slices.ContainsFunc(p.slots, func(s *slot) bool { return s.host.Load() == h }) {
		p.seeOffLocked(h) // Nobody's place: it need not be taken first.
	}
	p.fillLocked()
	p.ensureLocked()
	p.changedLocked()
}

// seeOffLocked ends a host that has been replaced when its events are over.
func (p *Pool) seeOffLocked(h *host) {
	p.work.Go(func() { // ends with the host
		h.mu.Lock()
		h.seenOff = true
		h.mu.Unlock()
		timer := time.NewTimer(p.timing.retire)
		defer timer.Stop()
		for {
			p.mu.Lock()
			changed := p.changed
			p.mu.Unlock()
			h.mu.Lock()
			idle := h.live == 0
			h.mu.Unlock()
			if idle {
				break
			}
			select {
			case <-changed:
				continue
			case <-timer.C:
			case <-h.conn.Done():
			}
			break
		}
		h.conn.Close(errRetired)
	})
}
