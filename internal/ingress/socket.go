package ingress

import (
	"net/http"
	"strings"
	"time"

	"skerry/internal/websocket"
)

// upgrade makes the connection of a request a WebSocket of the worker. It goes on, and the exchange with it, on a goroutine of its own,
// so that net/http can let go of everything it holds for a request.
func (s *Server) upgrade(w http.ResponseWriter, r *http.Request, x *exchange) {
	resp := &x.resp
	if !websocket.IsUpgrade(r.Header) { // the runtime layer has thrown, so this is no runtime layer
		resp.Socket.Drop()
		s.fail(w, r, x, invalidResponse("the worker answered with a WebSocket although the request did not ask for one"))
		return
	}
	h := w.Header()
	if _, err := setResponseHeaders(h, resp.Headers); err != nil {
		resp.Socket.Drop()
		clear(h)
		h["X-Skerry-Request-Id"] = []string{x.seen.RequestID}
		s.fail(w, r, x, invalidResponse(err.Error()))
		return
	}
	deflate := strings.Contains(h.Get("Sec-Websocket-Extensions"), "permessage-deflate") // the worker allows it
	conn, err := s.answer(w, r, h, deflate)
	if err != nil {
		s.cfg.Logger.Debug("answer a WebSocket handshake", "worker", x.seen.Worker, "request", x.seen.RequestID, "error", err)
		resp.Socket.Drop()
		x.seen.Status = StatusClientGone
		return
	}
	x.seen.Status = http.StatusSwitchingProtocols
	s.inFlight.Add(1)
	x.socket = s.spawn(func() { // ends with the WebSocket
		defer s.inFlight.Add(-1)
		resp.Socket.Serve(s.background, conn)
		x.seen.Wall = time.Since(x.start)
		s.settle(x)
	})
	if !x.socket {
		s.inFlight.Add(-1)
		resp.Socket.Drop()
		conn.Close()
	}
}

// answer takes the connection from net/http. What follows on it is no HTTP.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, h http.Header, deflate bool) (*websocket.Conn, error) {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, err
	}
	letGo(conn)
	return websocket.Answer(conn, buffered, r, h, deflate, websocket.Options{MessageMax: s.cfg.Limits.MessageBytes, WriteStall: s.cfg.Limits.SocketStall})
}
