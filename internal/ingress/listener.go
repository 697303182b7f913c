package ingress

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// listener hands net/http connections that strictConn watches. Those without TLS are served by the lane first (see laneConn). For TLS it does
// the handshake first, and net/http sees what is inside the encryption: both versions of HTTP are watched there.
type listener struct {
	net.Listener
	limits Limits
	tls    *tls.Config

	// If ready is not nil, a goroutine accepts, until accepted is closed. Otherwise Accept does.
	accepted chan struct{}
	ready    chan net.Conn // what net/http shall serve; never closed
	fault    chan error    // the accept loop's last word; one value
	done     chan struct{} // closed by Close
	close    func() error
	stop     func() error   // ends accepting, but not Accept
	wait     sync.WaitGroup // the accept loop and handshakes

	stopped atomic.Bool
	// taken counts the connections that net/http has or is given; see Server.counted. May be nil.
	taken   *tally
	leaving *atomic.Bool
}

// tlsState is the key of the *tls.ConnectionState of a connection in its context.
type tlsState struct{}

// secureConn is a connection inside TLS.
type secureConn struct {
	*strictConn
	state tls.ConnectionState
}

func newListener(ln net.Listener, limits Limits, config *tls.Config, taken *tally, leaving *atomic.Bool) *listener {
	l := &listener{Listener: ln, limits: limits, tls: config, taken: taken, leaving: leaving}
	l.stop = sync.OnceValue(func() error {
		l.stopped.Store(true)
		return ln.Close()
	})
	l.close = sync.OnceValue(func() error {
		if l.done != nil {
			close(l.done)
		}
		err := l.stop()
		l.wait.Wait()
		return err
	})
	if config != nil {
		l.ready, l.fault, l.done, l.accepted = make(chan net.Conn), make(chan error, 1), make(chan struct{}), make(chan struct{})
		l.wait.Add(1)
		go l.acceptTLS()
	}
	return l
}

func (l *listener) Close() error { return l.close() }

func (l *listener) strict(c net.Conn) *strictConn {
	return &strictConn{Conn: c, patience: l.limits.WriteStall, leaving: l.leaving, scan: scanner{first: true, maxFields: l.limits.HeaderFields,
		maxLine: l.limits.HeaderBytes + headerSlack, frames: newFrameGuard(l.limits.ControlFrames)}}
}

func (l *listener) Accept() (net.Conn, error) {
	if l.ready == nil {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		l.taken.add(1)
		return l.strict(c), nil
	}
	select {
	case c := <-l.ready:
		return c, nil
	case err := <-l.fault:
		return nil, err
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *listener) acceptTLS() {
	defer l.wait.Done()
	defer close(l.accepted)
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			if l.goesOn(err) {
				continue
			}
			return
		}
		l.wait.Add(1)
		l.taken.add(1)
		go l.handshake(c)
	}
}

// goesOn judges an error of accepting, and waits a little if it may pass. Otherwise it tells Accept.
func (l *listener) goesOn(err error) bool {
	var temporary interface{ Temporary() bool }
	if errors.As(err, &temporary) && temporary.Temporary() {
		select {
		case <-time.After(50 * time.Millisecond): // out of descriptors: as net/http does
			return true
		case <-l.done:
		}
	}
	if !l.stopped.Load() {
		l.fault <- err
	}
	return false
}

// offer gives net/http a connection; false if it takes none any more.
func (l *listener) offer(c net.Conn) bool {
	l.taken.add(1)
	select {
	case l.ready <- c:
		return true
	case <-l.done:
		l.taken.add(-1)
		return false
	}
}

func (l *listener) handshake(c net.Conn) {
	defer l.wait.Done()
	defer l.taken.add(-1) // after it has been offered
	ctx, cancel := context.WithTimeout(context.Background(), l.limits.Handshake)
	defer cancel()
	stop := make(chan struct{})
	defer close(stop)
	go func() { // owned by this call; ends with it
		select {
		case <-l.done:
			cancel()
		case <-stop:
		}
	}()
	conn := tls.Server(c, l.tls)
	if err := conn.HandshakeContext(ctx); err != nil {
		c.Close()
		return
	}
	ready := &secureConn{strictConn: l.strict(conn), state: conn.ConnectionState()}
	ready.scan.second = ready.state.NegotiatedProtocol == "h2"
	if !l.offer(ready) {
		c.Close()
	}
}

// judge is the key of the *strictConn of a connection in its context.
type judge struct{}

// connContext tells requests on a connection inside TLS about it; net/http knows only those it encrypted itself.
func connContext(ctx context.Context, c net.Conn) context.Context {
	switch c := c.(type) {
	case *secureConn:
		return context.WithValue(context.WithValue(ctx, tlsState{}, &c.state), judge{}, c.strictConn)
	case *strictConn:
		ctx = context.WithValue(ctx, judge{}, c)
		if r, ok := c.Conn.(*replayConn); ok && r.held.Load() != nil {
			return context.WithValue(ctx, replayed{}, r)
		}
	}
	return ctx
}
