package ingress

import (
	"io"
	"net"
	"net/http"
	"time"
)

// On HTTP/1 a response may be sent while the request's body is still being read (full duplex). net/http then leaves it to the
// handler to be done with the body: if it finds rest of it only after the handler has returned, it panics ("invalid concurrent
// Body.Read call"); and somebody who is still reading would read into the next request. So before a handler returns, the
// body is at its end, or the connection is closed.

const (
	// drainBytes is how much of a body that nobody wants is read to keep the connection, as in net/http.
	drainBytes = 256 << 10
	// drainTime is how long that may take.
	drainTime = time.Second
	// lingerTime is how long a connection that is closed early is read from, so that the client gets the response before it
	// sees the reset.
	lingerTime = 500 * time.Millisecond
)

// duplex lets the response begin before the request's body is at its end. HTTP/2 is duplex anyway.
func duplex(w http.ResponseWriter, r *http.Request, x *exchange) {
	if r.ProtoMajor == 1 && x.body.isOpen() {
		http.NewResponseController(w).EnableFullDuplex() // the only error: the connection is no net/http connection
		x.duplex = true
	}
}

// finishBody is done with the body of a request whose response has been written in full duplex. hijacked: the connection is closed,
// nothing may be written any more.
func (s *Server) finishBody(w http.ResponseWriter, r *http.Request, x *exchange) (hijacked bool) {
	if !x.duplex || !x.body.isOpen() {
		return false
	}
	c := http.NewResponseController(w)
	c.Flush() // the client may wait for it; if it has gone, the rest fails soon
	if x.body.isOpen() && x.body.wasTouched() && x.resp.Event != nil {
		x.resp.Event.Wait(r.Context()) // the worker may be reading the rest; whatever comes of it
	}
	interrupted := x.body.take(c)
	if !x.body.isOpen() {
		return false
	}
	if interrupted {
		s.hangUp(w, r)
		return true
	}
	return s.drain(w, r)
}

// drain sends what has been written and reads a little of a body that nobody wants, so that the connection can be kept. hijacked: there
// was more, or it took too long, and the connection is closed.
func (s *Server) drain(w http.ResponseWriter, r *http.Request) (hijacked bool) {
	c := http.NewResponseController(w)
	c.Flush()
	c.SetReadDeadline(time.Now().Add(drainTime))
	if _, err := io.CopyN(io.Discard, r.Body, drainBytes); err == io.EOF {
		c.SetReadDeadline(time.Time{})
		return false
	}
	s.hangUp(w, r)
	return true
}

// hangUp ends a response properly and closes the connection.
func (s *Server) hangUp(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	_, sized := h["Content-Length"]
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // it breaks off, which is what is left
	}
	letGo(conn)
	conn.SetDeadline(time.Now().Add(lingerTime))
	if !sized && r.ProtoAtLeast(1, 1) && r.Method != http.MethodHead {
		io.WriteString(conn, "0\r\n\r\n") // the last chunk; an error means that the client has gone
	}
	s.later(func() { // ends within lingerTime
		defer conn.Close()
		if half, ok := conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
			io.Copy(io.Discard, conn)
		}
	})
}

// CloseWrite ends our half of the connection.
func (c *strictConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return net.ErrClosed
}
