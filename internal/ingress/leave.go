package ingress

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"

	"skerry/internal/websocket"
)

// Leave is Shutdown for a server whose sockets somebody else accepts on already, so that a client that is told to come again is served.
// Nobody is to see that one server follows another: Shutdown closes idle connections at once, and a request that is on its way
// then is lost. Here an idle connection stays open. Its next request is answered with "Connection: close" (behind a GOAWAY in HTTP/2: see
// leavingFrame), as are those under way, and the client goes elsewhere with the one after. Connections that are silent until ctx ends are closed then, and
// what is not complete is cut off, as by Shutdown.
func (s *Server) Leave(ctx context.Context) error {
	s.lane.leaving.Store(true)
	for _, l := range s.lane.open() {
		l.stop() // Accept goes on, for what the lane and handshakes hand over
		if l.accepted != nil {
			<-l.accepted // what has come is served
		}
	}
	select {
	case <-s.lane.empty():
		select {
		case <-s.taken.zero():
			return s.Shutdown(ctx) // for what outlives its connection
		case <-ctx.Done():
		}
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeoutCause(context.Background(), leaveGrace, context.Cause(ctx))
	defer cancel()
	return s.Shutdown(last)
}

// leaveGrace is how long it may take, at the end of Leave, until silent connections have been told and closed.
const leaveGrace = 2 * time.Second

// parting is why WebSockets are closed.
func (s *Server) parting() error {
	if s.lane.leaving.Load() {
		return websocket.ErrRestart
	}
	return nil
}

// bidFarewell tells the client to take another connection next time, if that is due. It is no answer to a request that makes the
// connection something else.
func (s *Server) bidFarewell(w http.ResponseWriter, r *http.Request) {
	if s.lane.leaving.Load() && r.ProtoMajor == 1 && !websocket.IsUpgrade(r.Header) {
		w.Header()["Connection"] = []string{"close"}
	}
}

// counted is told by net/http what becomes of a connection. It came into taken when it was offered.
func (s *Server) counted(_ net.Conn, state http.ConnState) {
	if state == http.StateClosed || state == http.StateHijacked {
		s.taken.add(-1)
	}
}

// open lists the listeners.
func (n *lane) open() []*listener {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []*listener
	for l := range n.listeners {
		all = append(all, l)
	}
	return all
}

// empty is closed when the lane has no connections and no exchanges, and gets none any more: listeners must have stopped.
func (n *lane) empty() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.left == nil {
		n.left = make(chan struct{})
		n.checkLocked()
	}
	return n.left
}

// tally counts up and down and tells when it is at zero.
type tally struct {
	mu    sync.Mutex
	n     int
	waits []chan struct{}
}

func (t *tally) add(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n += n; t.n == 0 {
		for _, wait := range t.waits {
			close(wait)
		}
		t.waits = nil
	}
}

// zero is closed when the count is zero, now or later.
func (t *tally) zero() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	wait := make(chan struct{})
	if t.n == 0 {
		close(wait)
	} else {
		t.waits = append(t.waits, wait)
	}
	return wait
}
