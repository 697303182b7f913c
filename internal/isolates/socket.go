package isolates

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"net"
	"sync"
	"time"

	"skerry/internal/hostproto"
	"skerry/internal/websocket"
	"skerry/internal/worker"
)

// MessageConn is a connection that carries messages, such as a WebSocket of a client.
type MessageConn interface {
	// Next waits until ReadPiece has something to give, or returns what reading ended with. If the peer has closed its half
	// properly, that is an error with a method Closed() (code uint16, reason string).
	Next() error
	// ReadPiece reads the next piece of a message.
	ReadPiece(p []byte) (n int, text, final bool, err error)
	// WritePiece writes the next piece of a message, Flush what may have been kept back, WriteClose the last word.
	WritePiece(text bool, p []byte, final bool) error
	Flush() error
	WriteClose(code uint16, reason string) error
	// Close cuts the connection: Next and ReadPiece return, and so do writes.
	Close() error
}

// Socket is the WebSocket that a worker has answered with. One of its methods must be called, once.
type Socket interface {
	// Serve carries messages between the worker and conn, which it closes. It returns when that is done: both sides have closed, or
	// one of them is gone. When ctx ends, the peer is told that the platform goes away, and has a moment to say goodbye.
	Serve(ctx context.Context, conn MessageConn)
	// Drop says that there will be no connection.
	Drop()
}

// Codes of Close frames that are the platform's own (RFC 6455 §7.4.1 and its registry).
const (
	closeGoingAway = 1001
	closeNone      = 1005
	closeAbnormal  = 1006
	closeInternal  = 1011
	closeRestart   = 1012
)

// socketPieceMax is how many bytes of a message one SocketData carries.
const socketPieceMax = hostproto.SocketDataMax - 2

// socketCreditStep is how much credit is used up before it is granted again while more is waiting to be written.
const socketCreditStep = hostproto.SocketWindow / 2

// word is the last word of a side.
type word struct {
	code   uint16
	reason string
}

// piece is a piece of a message of the host.
type piece struct {
	text, final bool
	data        []byte
}

// cost is what a piece takes of the credit, and of what a host may have waiting.
func (p piece) cost() int { return len(p.data) + hostproto.SocketPieceCost }

// hostSocket is a WebSocket of an event. It holds at most SocketWindow bytes of what the host has sent, and one piece of what the
// peer has. Locks: mu is taken after host.mu.
type hostSocket struct {
	host *host
	ev   *event
	id   uint32

	// conn of an even socket, until it is served or spliced; guarded by host.mu. release ends the call that it is of.
	conn    MessageConn
	release func()

	mu    sync.Mutex
	moved sync.Cond // mu: anything below has changed

	// From the host.
	queue   []piece
	credit  int  // what the host may still send
	begun   bool // a message has begun and not ended
	text    bool // its kind
	said    bool // the host has said its last word
	hostEnd word
	// To the host.
	granted int64 // what we may still send
	told    bool  // our last word is said
	// over: the event has ended; if the host has not said its last word, the peer is told end.
	over bool
	end  word
	// leaving: the platform is going away.
	leaving bool
	parting word // what it says then
	// cut ends the connection at once, once it is served.
	cut func()
	// peerClosed: the peer has said its last word. readEnded: nothing more will be read. dead: the connection is of no use any more.
	peerClosed, readEnded, dead bool
	peerEnd                     word
}

func newHostSocket(h *host, ev *event, id uint32) *hostSocket {
	s := &hostSocket{host: h, ev: ev, id: id, credit: hostproto.SocketWindow}
	s.moved.L = &s.mu
	return s
}

// ---- frames of the host, on the reading goroutine

func (h *host) onSocket(f hostproto.Frame) error {
	bad := func(what string) error { return &violation{f.Type, f.ID, what} }
	h.mu.Lock()
	s := h.sockets[f.ID]
	h.mu.Unlock()
	if s == nil {
		return bad("names a socket that is not open")
	}
	var what string
	idle := false
	switch f.Type {
	case hostproto.TypeSocketData:
		m, err := hostproto.DecodeSocketData(f.Payload)
		if err != nil {
			return err
		}
		what = s.onData(&m)
	case hostproto.TypeSocketCredit:
		m, err := hostproto.DecodeSocketCredit(f.Payload)
		if err != nil {
			return err
		}
		what = s.onCredit(m.Bytes)
		idle = m.Bytes == 0
	case hostproto.TypeSocketClose:
		m, err := hostproto.DecodeSocketClose(f.Payload)
		if err != nil {
			return err
		}
		what = s.onClose(&m)
	}
	if what != "" {
		return bad(what) // A connection that nobody serves yet ends with the event.
	}
	if idle {
		return h.useless(f)
	}
	h.useful()
	h.mu.Lock()
	var start MessageConn
	if s.conn != nil {
		start, s.conn = s.conn, nil
		s.ev.begun = true
	}
	h.mu.Unlock()
	if start != nil {
		h.pool.work.Go(func() { // ends with the socket
			s.Serve(h.pool.ctx, start)
			s.release()
		})
	}
	return nil
}

func (s *hostSocket) onData(m *hostproto.SocketData) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := piece{m.Kind == hostproto.SocketKindText, m.Final, m.Data}
	cost := p.cost()
	text := m.Kind == hostproto.SocketKindText
	switch {
	case s.said:
		return "comes after the last word"
	case cost > s.credit:
		return "has more bytes than credit"
	case s.begun && text != s.text:
		return "is not of the kind of its message"
	}
	s.credit -= cost
	s.begun, s.text = !m.Final, text
	if s.dead {
		return ""
	}
	if !s.host.hold(cost) { // Its connection ends, and so the host is told.
		s.dead = true
		s.dropQueueLocked()
		if s.cut != nil {
			go s.cut() // Foreign code, and this is the reading goroutine; ends with the call.
		}
		return ""
	}
	p.data = bytes.Clone(p.data)
	s.queue = append(s.queue, p)
	s.moved.Broadcast()
	return ""
}

// dropQueueLocked forgets what has not been written, and tells those who wait for it.
func (s *hostSocket) dropQueueLocked() {
	for _, p := range s.queue {
		s.host.release(p.cost())
	}
	s.queue = nil
	s.moved.Broadcast()
}

func (s *hostSocket) onCredit(n uint32) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.granted+int64(n) > math.MaxInt32 {
		return "grants more credit than 2^31-1"
	}
	s.granted += int64(n)
	s.moved.Broadcast()
	return ""
}

func (s *hostSocket) onClose(m *hostproto.SocketClose) string {
	s.mu.Lock()
	switch {
	case s.said:
		s.mu.Unlock()
		return "is the second last word"
	case len(m.Reason) > hostproto.SocketReasonMax && m.Code != closeAbnormal || len(m.Reason) > hostproto.LogTextMax:
		s.mu.Unlock()
		return "has a reason over its limit"
	case m.Code != closeNone && m.Code != closeAbnormal && !canSend(m.Code):
		s.mu.Unlock()
		return "has a code that must not be sent"
	}
	s.said, s.hostEnd = true, word{m.Code, m.Reason}
	if m.Code == closeAbnormal {
		s.dropQueueLocked()
	}
	both := s.told
	s.moved.Broadcast()
	s.mu.Unlock()
	if both {
		s.forget()
	}
	return ""
}

// canSend says whether a Close frame may carry the code.
func canSend(code uint16) bool {
	return code >= 1000 && code < 1015 && code != 1004 && code != closeNone && code != closeAbnormal || code >= 3000 && code < 5000
}

// forget frees the id: both have said their last word.
func (s *hostSocket) forget() {
	s.host.mu.Lock()
	s.host.forgetSocketLocked(s)
	s.host.mu.Unlock()
}

// ---- tables

func (h *host) openSocketLocked(ev *event, id uint32) (*hostSocket, string) {
	if h.sockets[id] != nil {
		return nil, "names a socket that is in use"
	}
	s := newHostSocket(h, ev, id)
	h.sockets[id] = s
	ev.sockets = append(ev.sockets, s)
	return s, ""
}

// nextSocketLocked returns an even id that is free.
func (h *host) nextSocketLocked() uint32 {
	for {
		h.nextSocket += 2
		if h.nextSocket != 0 && h.sockets[h.nextSocket] == nil {
			return h.nextSocket
		}
	}
}

func (h *host) forgetSocketLocked(s *hostSocket) {
	if h.sockets[s.id] != s {
		return
	}
	delete(h.sockets, s.id)
	for i, other := range s.ev.sockets {
		if other == s {
			s.ev.sockets = append(s.ev.sockets[:i], s.ev.sockets[i+1:]...)
			return
		}
	}
}

// responseSocketLocked finds the socket that a response names.
func (h *host) responseSocketLocked(ev *event, id uint32) (Socket, string) {
	if id%2 == 1 {
		s, what := h.openSocketLocked(ev, id)
		if what != "" {
			return nil, what
		}
		return s, ""
	}
	s := h.sockets[id]
	if s == nil || s.ev != ev {
		return nil, "names a socket that is not one of its event"
	}
	if s.conn == nil {
		return nil, "names a socket that was used before"
	}
	h.forgetSocketLocked(s)
	conn := s.conn
	s.conn = nil
	return &splicedSocket{upstream: conn, release: s.release, goodbye: h.pool.timing.goodbye}, ""
}

// socketsOverLocked ends the sockets of an event.
func (h *host) socketsOverLocked(ev *event, after *deferred) {
	end := word{closeInternal, "the worker has ended"}
	switch {
	case ev.lost:
		end = word{closeRestart, "the worker is restarted"}
	case ev.result.Outcome == worker.OK, ev.result.Outcome == worker.Canceled:
		end = word{closeGoingAway, ""}
	}
	for _, s := range ev.sockets {
		delete(h.sockets, s.id)
		s.mu.Lock()
		s.over, s.end = true, end
		s.moved.Broadcast()
		s.mu.Unlock()
		if conn := s.conn; conn != nil { // nobody serves it
			s.conn = nil
			after.add(func() {
				go func() { // foreign code, and this may be the reading goroutine; ends with the write, which conn bounds
					conn.WriteClose(closeGoingAway, "") // whatever comes of it
					conn.Close()
					s.release()
				}()
			})
		}
	}
	ev.sockets = nil
}

// ---- serving

// Drop implements Socket.
func (s *hostSocket) Drop() {
	s.mu.Lock()
	s.dead = true
	s.dropQueueLocked()
	s.mu.Unlock()
	s.tell(word{closeAbnormal, "the client's connection could not be taken over"})
}

// tell sends our last word, once.
func (s *hostSocket) tell(w word) {
	s.mu.Lock()
	if s.told || s.over {
		s.mu.Unlock()
		return
	}
	s.told = true
	both := s.said
	s.mu.Unlock()
	if both {
		s.forget()
	}
	hostproto.Send(s.host.conn, s.id, hostproto.SocketClose{Code: w.code, Reason: w.reason})
}

// Serve implements Socket. Its caller's goroutine reads conn, one more writes to it; both end before it returns.
func (s *hostSocket) Serve(ctx context.Context, conn MessageConn) {
	r := &relay{socket: s, conn: conn}
	s.mu.Lock()
	s.cut = r.kill
	dead := s.dead
	s.mu.Unlock()
	if dead { // It had too much to say before anybody listened.
		r.kill()
	}
	stop := context.AfterFunc(ctx, func() {
		s.mu.Lock()
		s.leaving, s.parting = true, parting(ctx)
		s.moved.Broadcast()
		s.mu.Unlock()
		time.AfterFunc(s.host.pool.timing.goodbye, r.kill) // the writer may be stuck; a dead connection is not killed again
	})
	defer stop()
	written := make(chan struct{})
	go func() { // ends when the last word has been written and answered, or the connection is dead
		r.write()
		close(written)
	}()
	r.read()
	<-written
	r.kill() // what the host says now is for nobody
}

// relay joins a socket and a connection.
type relay struct {
	socket *hostSocket
	conn   MessageConn
}

// kill ends the connection at once.
func (r *relay) kill() {
	r.conn.Close()
	s := r.socket
	s.mu.Lock()
	s.dead = true
	s.dropQueueLocked()
	s.mu.Unlock()
}

// read carries what the peer sends to the host, and returns when nothing more can come.
func (r *relay) read() {
	s := r.socket
	for {
		err := r.conn.Next()
		room, wanted := 0, false
		if err == nil {
			room, wanted = r.room()
		}
		if err == nil && room > 0 {
			buffer := pumpBuffers.Get().(*[hostproto.StreamDataMax]byte)
			var n int
			var text, final bool
			if n, text, final, err = r.conn.ReadPiece(buffer[:room]); err == nil && wanted {
				s.mu.Lock()
				s.granted -= int64(n + hostproto.SocketPieceCost)
				wanted = !s.over && !s.told
				s.mu.Unlock()
				if wanted {
					kind := hostproto.SocketKindBinary
					if text {
						kind = hostproto.SocketKindText
					}
					hostproto.SendWait(context.Background(), s.host.conn, s.id, hostproto.SocketData{Kind: kind, Final: final, Data: buffer[:n]})
				}
			}
			pumpBuffers.Put(buffer)
		}
		if err != nil || room == 0 {
			r.ended(err)
			return
		}
	}
}

// room waits until a piece may be read, and says how large it may be and whether the host wants it. 0: no use in reading.
func (r *relay) room() (int, bool) {
	s := r.socket
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		left := s.granted - hostproto.SocketPieceCost
		switch {
		case s.dead:
			return 0, false
		case s.over, s.told, s.said && s.hostEnd.code == closeAbnormal:
			return socketPieceMax, false // only the peer's last word is waited for
		case left > 0:
			return int(min(left, socketPieceMax)), true
		}
		s.moved.Wait()
	}
}

// ended is told what reading ended with; nil: the connection was dead.
func (r *relay) ended(err error) {
	s := r.socket
	last := word{closeAbnormal, "WebSocket disconnected without sending Close frame."}
	var closed interface{ Closed() (uint16, string) }
	if errors.As(err, &closed) {
		last.code, last.reason = closed.Closed()
	} else if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, net.ErrClosed) {
		last.reason = clip(err.Error())
	}
	s.mu.Lock()
	s.readEnded = true
	s.peerClosed, s.peerEnd = last.code != closeAbnormal, last
	s.dead = s.dead || !s.peerClosed
	s.moved.Broadcast()
	s.mu.Unlock()
	s.tell(last) // now: the host may end the event at once
}

// write carries what the host sends to the peer. It returns when nothing is left to be written.
func (r *relay) write() {
	s := r.socket
	used := 0
	for {
		s.mu.Lock()
		for len(s.queue) == 0 && !s.said && !s.over && !s.leaving && !s.dead {
			s.moved.Wait()
		}
		queue, dead, last := s.queue, s.dead, word{closeGoingAway, ""}
		if s.leaving {
			last = s.parting
		}
		s.queue = nil
		if s.over {
			last = s.end
			if last.code == closeGoingAway && s.peerClosed {
				last = s.peerEnd // a worker that ended well and left the answer to us
			}
		}
		if s.said {
			last = s.hostEnd
		}
		s.mu.Unlock()
		switch {
		case dead:
			for _, p := range queue {
				s.host.release(p.cost())
			}
			return
		case len(queue) == 0:
			r.goodbye(last)
			return
		}
		for i, p := range queue {
			err := r.conn.WritePiece(p.text, p.data, p.final)
			s.host.release(p.cost())
			if err != nil {
				for _, p := range queue[i+1:] {
					s.host.release(p.cost())
				}
				r.kill()
				return
			}
			if used += p.cost(); used >= socketCreditStep {
				used = r.grant(used)
			}
		}
		s.mu.Lock()
		more := len(s.queue) > 0
		s.mu.Unlock()
		if more {
			continue
		}
		if r.conn.Flush() != nil {
			r.kill()
			return
		}
		used = r.grant(used)
	}
}

// grant lets the host send as much as was written. It returns 0.
func (r *relay) grant(used int) int {
	s := r.socket
	s.mu.Lock()
	s.credit += used
	open := !s.said && !s.over
	s.mu.Unlock()
	if open {
		hostproto.Send(s.host.conn, s.id, hostproto.SocketCredit{Bytes: uint32(used)})
	}
	return 0
}

// goodbye writes the last word and gives the peer a while to say its own.
func (r *relay) goodbye(last word) {
	s := r.socket
	if last.code == closeAbnormal {
		s.tell(word{closeAbnormal, last.reason})
		r.kill()
		return
	}
	r.conn.WriteClose(last.code, last.reason) // an error means that the peer is gone, which the reader sees
	timer := time.AfterFunc(s.host.pool.timing.goodbye, r.kill)
	defer timer.Stop()
	s.mu.Lock()
	for !s.readEnded && !s.dead {
		s.moved.Wait()
	}
	s.mu.Unlock()
	r.conn.Close() // a reader that waits for nothing but the end sees it
}

// splicedSocket joins the client of a worker with a server that the worker has asked, past the worker.
type splicedSocket struct {
	upstream MessageConn
	release  func()
	goodbye  time.Duration
}

// parting is the platform's last word when ctx has ended.
func parting(ctx context.Context) word {
	if errors.Is(context.Cause(ctx), websocket.ErrRestart) {
		return word{closeRestart, "the server is restarted"}
	}
	return word{closeGoingAway, ""}
}

// Drop implements Socket.
func (s *splicedSocket) Drop() {
	s.upstream.WriteClose(closeGoingAway, "") // whatever comes of it
	s.upstream.Close()
	s.release()
}

// Serve implements Socket. Each direction has a goroutine, of which one is the caller's.
func (s *splicedSocket) Serve(ctx context.Context, conn MessageConn) {
	defer s.release()
	stop := context.AfterFunc(ctx, func() {
		last := parting(ctx)
		for _, c := range []MessageConn{conn, s.upstream} {
			c.WriteClose(last.code, last.reason) // an error means that it is closing anyway
			time.AfterFunc(s.goodbye, func() { c.Close() })
		}
	})
	defer stop()
	var wait sync.WaitGroup
	wait.Go(func() { forward(s.upstream, conn) })
	forward(conn, s.upstream)
	wait.Wait()
	conn.Close()
	s.upstream.Close()
}

// forward carries messages until one of the two connections ends.
func forward(from, to MessageConn) {
	for {
		err := from.Next()
		if err == nil {
			var n int
			var text, final bool
			buffer := pumpBuffers.Get().(*[hostproto.StreamDataMax]byte)
			if n, text, final, err = from.ReadPiece(buffer[:]); err == nil {
				if err = to.WritePiece(text, buffer[:n], final); err == nil && final {
					err = to.Flush()
				}
			}
			pumpBuffers.Put(buffer)
		}
		if err == nil {
			continue
		}
		var closed interface{ Closed() (uint16, string) }
		if errors.As(err, &closed) {
			to.WriteClose(closed.Closed()) // an error means that it is closing anyway
			return
		}
		from.Close()
		to.Close()
		return
	}
}
