package isolates

import (
	"time"

	"skerry/internal/hostproto"
)

// endLate cancels the events that go on for too long after their response, or after their client has left: waitUntil is for what is short.
// Nothing is noted when a response ends, which is often; the housekeeper looks at what is under way, so an event has its time and at most one
// look more.
func (p *Pool) endLate() {
	now := p.now()
	for _, h := range p.hosts() {
		for _, ev := range h.late(now) {
			hostproto.Send(h.conn, ev.id, hostproto.Cancel{Reason: hostproto.CancelReasonTimeout})
			h.mu.Lock()
			h.releaseLocked(ev)
			h.mu.Unlock()
		}
	}
}

// late returns the events whose time is over, each once. Their ids are held.
func (h *host) late(now time.Time) (late []*event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, ev := range h.events {
		switch {
		case ev == nil || ev.timedOut || !ev.isLateLocked():
		case ev.lateSince.IsZero():
			ev.lateSince = now
		case now.Sub(ev.lateSince) >= h.pool.timing.late:
			ev.timedOut = true
			ev.holds++
			late = append(late, ev)
		}
	}
	return late
}

// isLateLocked says whether nobody waits for an event any more: it was cancelled, or its response is out as a whole. A WebSocket that it
// answered with is a response until it is closed.
func (ev *event) isLateLocked() bool {
	switch {
	case ev.abandoned:
		return true
	case !ev.responded || ev.resp.Socket != nil && len(ev.sockets) > 0:
		return false
	case ev.resp.Body != nil:
		return ev.resp.Body.(responseBody).isOver()
	}
	return true
}
