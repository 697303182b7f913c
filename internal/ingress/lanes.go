package ingress

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"skerry/internal/nonblock"
)

// newGrace is how long a connection on which nothing has come yet is left open at a shutdown, as in net/http.
const newGrace = 5 * time.Second

// lane is the part of a Server that serves simple requests. See laneConn.
type lane struct {
	starter  Starter // nil: a goroutine waits for each event
	draining atomic.Bool
	// leaving: every response is the last one of its connection. See Server.Leave.
	leaving atomic.Bool
	// exchanges counts those that net/http does not know and that are not over.
	exchanges atomic.Int64
	// off is set by tests that want everything to go to net/http.
	off     bool
	readers sync.WaitGroup

	mu        sync.Mutex
	first     *laneConn
	conns     int
	listeners map[*listener]bool
	closed    bool          // no more connections
	quiet     chan struct{} // closed when draining and nothing is left; nil before
	left      chan struct{} // the same when leaving
	sweeping  bool
	stop      chan struct{} // ends the sweeper
}

// addLane takes a connection; false if there is no more service.
func (s *Server) addLane(l *listener, conn net.Conn, raw syscall.RawConn) bool {
	now := time.Now()
	c := &laneConn{server: s, from: l, conn: conn, raw: raw, born: now.UnixNano()}
	c.ready = c.readable
	c.try = func(fd uintptr) bool {
		for c.sent < len(c.out) {
			n, err := nonblock.Write(fd, c.out[c.sent:])
			if err != nil {
				if err != syscall.EAGAIN {
					c.fail = err
				}
				break
			}
			c.sent += n
		}
		return true
	}
	c.suffix = append(c.suffix, "x-forwarded-proto\nhttp\n"...)
	if ip, _, err := net.SplitHostPort(conn.RemoteAddr().String()); err == nil && ip != "" {
		c.suffix = appendField(c.suffix, "cf-connecting-ip", ip)
		c.suffix = appendField(c.suffix, "x-real-ip", ip)
	}
	c.suffix = append(c.suffix, "x-skerry-request-id\n"...)
	c.deadline.Store(now.Add(s.cfg.Limits.ReadHeader).UnixNano())
	n := &s.lane
	n.mu.Lock()
	if n.closed || n.draining.Load() {
		n.mu.Unlock()
		return false
	}
	if c.next = n.first; c.next != nil {
		c.next.prev = c
	}
	n.first = c
	n.conns++
	if !n.sweeping {
		n.sweeping, n.stop = true, make(chan struct{})
		go s.sweep(n.stop) // ends with closeLane
	}
	n.mu.Unlock()
	n.readers.Go(c.serve) // ends with the connection, or when it goes to net/http
	return true
}

func (n *lane) remove(c *laneConn) {
	n.mu.Lock()
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		n.first = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	}
	c.next, c.prev = nil, nil
	n.conns--
	n.checkLocked()
	n.mu.Unlock()
}

func (n *lane) exchangeOver() {
	if n.exchanges.Add(-1) == 0 && (n.draining.Load() || n.leaving.Load()) {
		n.mu.Lock()
		n.checkLocked()
		n.mu.Unlock()
	}
}

func (n *lane) checkLocked() {
	if n.conns > 0 || n.exchanges.Load() > 0 {
		return
	}
	for _, told := range []chan struct{}{n.quiet, n.left} {
		if told == nil {
			continue
		}
		select {
		case <-told:
		default:
			close(told)
		}
	}
}

// each calls f for every connection.
func (n *lane) each(f func(c *laneConn)) {
	n.mu.Lock()
	all := make([]*laneConn, 0, n.conns)
	for c := n.first; c != nil; c = c.next {
		all = append(all, c)
	}
	n.mu.Unlock()
	for _, c := range all {
		f(c)
	}
}

// sweep closes connections whose time is over. It stands for a timer per connection and request; it looks often enough for limits
// to be kept within a quarter.
func (s *Server) sweep(stop chan struct{}) {
	limits := &s.cfg.Limits
	ticker := time.NewTicker(max(10*time.Millisecond, min(limits.ReadHeader/4, limits.Idle/4, time.Second)))
	defer ticker.Stop()
	n := &s.lane
	var due []*laneConn
	for {
		select {
		case <-stop:
			return
		case at := <-ticker.C:
			now, draining := at.UnixNano(), n.draining.Load()
			due = due[:0]
			n.mu.Lock()
			for c := n.first; c != nil; c = c.next {
				if deadline := c.deadline.Load(); deadline != 0 && deadline < now || draining && now-c.born > int64(newGrace) {
					due = append(due, c)
				}
			}
			n.mu.Unlock()
			for _, c := range due {
				c.closeIdle()
			}
			clear(due)
		}
	}
}

// drainLane lets the lane come to its end: no more connections, idle ones are closed, those with a request closed behind it. It returns
// when nothing is left, or with ctx's error when that ends first; then connections are closed and their events canceled.
func (s *Server) drainLane(ctx context.Context) error {
	n := &s.lane
	n.mu.Lock()
	n.draining.Store(true)
	if n.quiet == nil {
		n.quiet = make(chan struct{})
	}
	quiet := n.quiet
	listeners := n.listeners
	n.listeners = nil
	n.checkLocked()
	n.mu.Unlock()
	for l := range listeners {
		l.stop()
	}
	s.http.SetKeepAlivesEnabled(false)
	now := time.Now().UnixNano()
	n.each(func(c *laneConn) {
		if c.used.Load() || now-c.born > int64(newGrace) { // a new one may have a request on its way
			c.closeIdle()
		}
	})
	var err error
	select {
	case <-quiet:
	case <-ctx.Done():
		err = ctx.Err()
	}
	s.closeLane()
	return err
}

// closeLane ends all connections of the lane at once and waits for their goroutines. Events go on until they see that they are
// canceled.
func (s *Server) closeLane() {
	n := &s.lane
	n.mu.Lock()
	n.draining.Store(true)
	n.closed = true
	if n.quiet == nil {
		n.quiet = make(chan struct{})
	}
	if n.sweeping {
		n.sweeping = false
		close(n.stop)
	}
	n.mu.Unlock()
	n.each(func(c *laneConn) {
		if c.state.Load()&laneLeft == 0 { // else it is net/http's already, and may be a WebSocket
			c.conn.Close() // the reader sees it
		}
	})
	n.readers.Wait()
}

// openLane lets the lane serve a listener; what it cannot serve comes out of the listener. The function returned forgets it.
func (s *Server) openLane(l *listener) func() {
	n := &s.lane
	accepts := l.tls == nil && !n.off
	if accepts {
		l.ready, l.fault, l.done, l.accepted = make(chan net.Conn), make(chan error, 1), make(chan struct{}), make(chan struct{})
		l.wait.Add(1)
	}
	n.mu.Lock()
	draining := n.draining.Load() || n.leaving.Load()
	if !draining {
		if n.listeners == nil {
			n.listeners = make(map[*listener]bool)
		}
		n.listeners[l] = true
	}
	n.mu.Unlock()
	if draining {
		l.stop()
	}
	if accepts {
		go s.acceptLane(l) // ends with the listener
	}
	return func() {
		n.mu.Lock()
		delete(n.listeners, l)
		n.mu.Unlock()
	}
}

func (s *Server) acceptLane(l *listener) {
	defer l.wait.Done()
	defer close(l.accepted)
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			if l.goesOn(err) {
				continue
			}
			return
		}
		if has, ok := conn.(syscall.Conn); ok {
			if raw, err := has.SyscallConn(); err == nil {
				if !s.addLane(l, conn, raw) {
					conn.Close()
				}
				continue
			}
		}
		c := l.strict(conn)
		if !l.offer(c) {
			conn.Close()
		}
	}
}

// count is the number of connections.
func (n *lane) count() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.conns
}
