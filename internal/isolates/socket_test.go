package isolates

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"skerry/internal/hostproto"
)

// closedWith is what Next of a connection whose peer has closed returns.
type closedWith word

func (c closedWith) Error() string            { return fmt.Sprint("closed ", c.code) }
func (c closedWith) Closed() (uint16, string) { return c.code, c.reason }

// testConn is a MessageConn: what the peer says is put into in, what it hears is in said.
type testConn struct {
	in     chan any // string, []byte or an error
	taken  int      // items read
	closed chan struct{}
	once   sync.Once
	hold   chan struct{} // if not nil, writes wait for it

	mu   sync.Mutex
	next any
	at   int
	open bool // a message of ours has begun
	said []string
}

func newTestConn(in ...any) *testConn {
	c := &testConn{in: make(chan any, 100), closed: make(chan struct{})}
	for _, item := range in {
		c.in <- item
	}
	return c
}

func (c *testConn) Next() error {
	if c.next == nil {
		select {
		case c.next = <-c.in:
			c.mu.Lock()
			c.taken++
			c.mu.Unlock()
			c.at = 0
		case <-c.closed:
			return net.ErrClosed
		}
	}
	if err, ok := c.next.(error); ok {
		return err
	}
	return nil
}

func (c *testConn) ReadPiece(p []byte) (int, bool, bool, error) {
	if err := c.Next(); err != nil {
		return 0, false, false, err
	}
	text, isText := c.next.(string)
	if !isText {
		text = string(c.next.([]byte))
	}
	n := copy(p, text[c.at:])
	c.at += n
	final := c.at == len(text)
	if final {
		c.next = nil
	}
	return n, isText, final, nil
}

func (c *testConn) WritePiece(text bool, p []byte, final bool) error {
	if c.hold != nil {
		select {
		case <-c.hold:
		case <-c.closed:
		}
	}
	select {
	case <-c.closed:
		return net.ErrClosed
	default:
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.open {
		c.said = append(c.said, map[bool]string{true: "text ", false: "binary "}[text])
	}
	c.said[len(c.said)-1] += string(p)
	c.open = !final
	return nil
}

func (c *testConn) Flush() error { return nil }

func (c *testConn) WriteClose(code uint16, reason string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.said = append(c.said, fmt.Sprintf("close %d %s", code, reason))
	return nil
}

func (c *testConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}

func (c *testConn) heard() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.said, "|")
}

// hostEnd is a worker's end of a socket in a fake host; its fields are of the host's reading goroutine, but for the log.
type hostEnd struct {
	h      *fakeHost
	id     uint32
	credit int64
	logBook
}

func (e *hostEnd) send(text string, final bool) {
	sendTo(e.h, e.id, hostproto.SocketData{Kind: hostproto.SocketKindText, Final: final, Data: []byte(text)})
}
func (e *hostEnd) close(code uint16, reason string) {
	sendTo(e.h, e.id, hostproto.SocketClose{Code: code, Reason: reason})
}
func (e *hostEnd) grant(n uint32) { sendTo(e.h, e.id, hostproto.SocketCredit{Bytes: n}) }

// listen notes what comes and calls then after it.
func (h *fakeHost) listen(id uint32, then func(e *hostEnd, said string)) *hostEnd {
	e := &hostEnd{h: h, id: id, credit: hostproto.SocketWindow}
	h.sockets[id] = func(f hostproto.Frame) {
		said := ""
		switch f.Type {
		case hostproto.TypeSocketData:
			m := must(hostproto.DecodeSocketData(f.Payload))
			said = fmt.Sprintf("%d %v %s", m.Kind, m.Final, m.Data)
		case hostproto.TypeSocketClose:
			m := must(hostproto.DecodeSocketClose(f.Payload))
			said = fmt.Sprintf("close %d %s", m.Code, m.Reason)
		case hostproto.TypeSocketCredit:
			e.credit += int64(must(hostproto.DecodeSocketCredit(f.Payload)).Bytes)
			said = "credit"
		}
		e.Write([]byte(said + "|"))
		then(e, said)
	}
	return e
}

// upgrade makes a fleet whose hosts answer every request with a socket, and returns the first host's end of it.
func upgrade(begin func(e *hostEnd, event uint32), then func(e *hostEnd, event uint32, said string)) (*fleet, chan *hostEnd) {
	made := make(chan *hostEnd, 10)
	return &fleet{setUp: func(_ int, h *fakeHost) {
		h.onFetch = func(h *fakeHost, event uint32, _ hostproto.Fetch) {
			id := 2*event + 1
			e := h.listen(id, func(e *hostEnd, said string) { then(e, event, said) })
			sendTo(h, event, hostproto.Response{Status: 101, Socket: id})
			begin(e, event)
			made <- e
		}
	}}, made
}

func serveSocket(t *testing.T, p *Pool, ctx context.Context, conn MessageConn) chan struct{} {
	t.Helper()
	resp, err := p.Fetch(t.Context(), testVersion("a"), get("/"))
	if err != nil {
		t.Fatal(err)
	}
	if resp.Status != 101 || resp.Socket == nil {
		t.Fatalf("response %+v", resp)
	}
	served := make(chan struct{})
	go func() { resp.Socket.Serve(ctx, conn); close(served) }()
	return served
}

// Goal: whoever says the last word first, both sides hear what was said and how it ended. Method: every way to end, with what
// either side must have heard in all.
func TestSocketEnds(t *testing.T) {
	long := strings.Repeat("0123456789", 20_000)
	for name, test := range map[string]struct {
		in    []any // of the peer
		begin func(e *hostEnd, event uint32)
		then  func(e *hostEnd, event uint32, said string)
		peer  string // what the peer hears
		host  string // what the host hears, without credit
	}{
		"the peer closes": {
			in: []any{"one", []byte("two"), "", closedWith{1000, "bye"}},
			then: func(e *hostEnd, event uint32, said string) {
				if said == "close 1000 bye" {
					e.close(1000, "re")
					e.h.done(event)
				}
			},
			peer: "close 1000 re", host: "0 true one|1 true two|0 true |close 1000 bye|",
		},
		"half open": {
			in: []any{closedWith{1005, ""}},
			then: func(e *hostEnd, event uint32, said string) {
				if said == "close 1005 " {
					e.send("after", true)
					e.close(1001, "")
					e.h.done(event)
				}
			},
			peer: "text after|close 1001 ", host: "close 1005 |",
		},
		"the host closes": {
			in: []any{"x"},
			then: func(e *hostEnd, event uint32, said string) {
				switch said {
				case "0 true x":
					e.send("pie", false)
					e.send("ces", true)
					e.close(3000, "enough")
				case "close 3000 echo":
					e.h.done(event)
				}
			},
			peer: "text pieces|close 3000 enough", host: "0 true x|close 3000 echo|",
		},
		"the peer goes": {
			in: []any{"x", io.ErrUnexpectedEOF},
			then: func(e *hostEnd, event uint32, said string) {
				if strings.HasPrefix(said, "close") {
					e.close(1006, "")
					e.h.done(event)
				}
			},
			peer: "", host: "0 true x|close 1006 WebSocket disconnected without sending Close frame.|",
		},
		"the host cuts": {
			in: []any{"x"},
			then: func(e *hostEnd, event uint32, said string) {
				switch {
				case said == "0 true x":
					e.send("lost", true)
					e.close(1006, "cut")
				case strings.HasPrefix(said, "close"):
					e.h.done(event)
				}
			},
			peer: "*", host: "0 true x|close 1006 cut|",
		},
		"the event ends": {
			in: []any{"x"},
			then: func(e *hostEnd, event uint32, said string) {
				if said == "0 true x" {
					e.h.end(event, hostproto.EventDone{Outcome: hostproto.OutcomeExceededCPU})
				}
			},
			peer: "close 1011 the worker has ended", host: "0 true x|",
		},
		"the event ends well without an answer": {
			in: []any{closedWith{3003, "bye"}},
			then: func(e *hostEnd, event uint32, said string) {
				if said == "close 3003 bye" {
					e.h.done(event)
				}
			},
			peer: "close 3003 bye", host: "close 3003 bye|",
		},
		"the host dies": {
			in: []any{"x"},
			then: func(e *hostEnd, _ uint32, said string) {
				if said == "0 true x" {
					e.h.die()
				}
			},
			peer: "close 1012 the worker is restarted", host: "0 true x|",
		},
		"the event ends behind the last word": {
			in: []any{"x"},
			then: func(e *hostEnd, event uint32, said string) {
				if said == "0 true x" {
					e.send("last", true)
					e.close(1000, "")
					e.h.done(event)
				}
			},
			peer: "text last|close 1000 ", host: "0 true x|",
		},
		"a long message": {
			in: []any{long, closedWith{1000, ""}},
			then: func(e *hostEnd, event uint32, said string) {
				if said == "close 1000 " {
					e.close(1000, "")
					e.h.done(event)
				}
			},
			peer: "close 1000 ", host: "0 false " + long[:socketPieceMax] + "|0 false " + long[socketPieceMax:2*socketPieceMax] + "|0 false " + long[2*socketPieceMax:3*socketPieceMax] +
				"|0 true " + long[3*socketPieceMax:] + "|close 1000 |",
		},
	} {
		t.Run(name, func(t *testing.T) {
			f, made := upgrade(func(e *hostEnd, _ uint32) { e.grant(1 << 20) }, test.then)
			p, _ := newPool(t, f, Config{})
			conn := newTestConn(test.in...)
			served := serveSocket(t, p, t.Context(), conn)
			e := <-made
			if strings.HasPrefix(name, "the host closes") { // the peer answers
				eventually(t, "the peer hears the last word", func() bool { return strings.Contains(conn.heard(), "close") })
				conn.in <- closedWith{3000, "echo"}
			} else if strings.Contains(test.peer, "close") && !strings.Contains(test.host, "close") {
				eventually(t, "the peer hears the last word", func() bool { return strings.Contains(conn.heard(), "close") })
				conn.in <- closedWith{1000, ""}
			}
			<-served
			if heard := conn.heard(); test.peer != "*" && heard != test.peer {
				t.Errorf("the peer hears %q", heard)
			}
			select {
			case <-conn.closed:
			default:
				t.Error("the connection is not closed")
			}
			waitIdle(t, p)
			if heard := strings.ReplaceAll(e.String(), "credit|", ""); heard != test.host {
				t.Errorf("the host hears %.300q", heard)
			}
			if p.violations.Load() != 0 {
				t.Error("a violation")
			}
		})
	}
}

// Goal: what the worker does not want is not read from the peer. Method: credit for two messages, of three.
func TestSocketCreditOfTheHost(t *testing.T) {
	f, made := upgrade(func(e *hostEnd, _ uint32) { e.grant(2*(hostproto.SocketPieceCost+3) + 1) }, func(e *hostEnd, event uint32, said string) {
		if strings.HasPrefix(said, "close") {
			e.close(1006, "")
			e.h.done(event)
		}
	})
	p, _ := newPool(t, f, Config{})
	conn := newTestConn("one", "two", "thr", closedWith{1000, ""})
	served := serveSocket(t, p, t.Context(), conn)
	e := <-made
	eventually(t, "two messages have come", func() bool { return e.String() == "0 true one|0 true two|" })
	conn.mu.Lock()
	taken := conn.taken
	conn.mu.Unlock()
	if taken > 3 {
		t.Errorf("%d messages were read", taken)
	}
	e.grant(1000)
	<-served
	if e.String() != "0 true one|0 true two|0 true thr|close 1000 |" {
		t.Errorf("%q", e.String())
	}
	waitIdle(t, p)
}

// Goal: a client that takes nothing stops its worker, and costs no more than a window. Method: a connection whose writes wait; the host
// sends all its credit, gets none, and one byte more is a violation.
func TestSlowSocket(t *testing.T) {
	for _, greedy := range []bool{false, true} {
		f, made := upgrade(func(e *hostEnd, event uint32) {
			for e.credit > 0 {
				n := min(e.credit-hostproto.SocketPieceCost, socketPieceMax)
				if n < 0 {
					break
				}
				e.send(strings.Repeat("x", int(n)), true)
				e.credit -= n + hostproto.SocketPieceCost
			}
		}, func(e *hostEnd, event uint32, said string) {})
		p, log := newPool(t, f, Config{})
		conn := newTestConn()
		conn.hold = make(chan struct{})
		served := serveSocket(t, p, t.Context(), conn)
		e := <-made
		if greedy {
			e.send("", true)
			e.send(strings.Repeat("x", socketPieceMax), true)
			eventually(t, "the log names the violation", func() bool { return strings.Contains(log.String(), "more bytes than credit") })
			close(conn.hold)
			conn.in <- io.ErrUnexpectedEOF
			<-served
			continue
		}
		if e.String() != "" {
			t.Errorf("the host hears %q", e.String())
		}
		close(conn.hold)
		eventually(t, "credit comes back", func() bool { return strings.Contains(e.String(), "credit") })
		conn.in <- io.ErrUnexpectedEOF
		eventually(t, "the host hears the end", func() bool { return strings.Contains(e.String(), "close 1006") })
		e.close(1006, "")
		<-served
		e.h.done((e.id - 1) / 2)
		waitIdle(t, p)
	}
}

// Goal: when the platform goes, clients are told so. Method: the context ends.
func TestSocketGoesAway(t *testing.T) {
	f, made := upgrade(func(e *hostEnd, _ uint32) { e.grant(1000) }, func(e *hostEnd, event uint32, said string) {
		if strings.HasPrefix(said, "close") {
			e.close(1006, "")
			e.h.done(event)
		}
	})
	p, _ := newPool(t, f, Config{})
	ctx, cancel := context.WithCancel(t.Context())
	conn := newTestConn("x")
	served := serveSocket(t, p, ctx, conn)
	e := <-made
	eventually(t, "the message has come", func() bool { return e.String() == "0 true x|" })
	cancel()
	eventually(t, "the client is told", func() bool { return conn.heard() == "close 1001 " })
	conn.in <- closedWith{1001, ""}
	<-served
	eventually(t, "the worker is told", func() bool { return e.String() == "0 true x|close 1001 |" })
	waitIdle(t, p)
}

// Goal: a client that takes nothing does not keep the platform. Method: writes that wait for ever, and no patience.
func TestStuckSocketGoesAway(t *testing.T) {
	f, made := upgrade(func(e *hostEnd, _ uint32) { e.send("x", true) }, func(e *hostEnd, event uint32, said string) {
		if strings.HasPrefix(said, "close") {
			e.close(1006, "")
			e.h.done(event)
		}
	})
	p, _ := newPool(t, f, Config{}, func(p *Pool) { p.timing.goodbye = 1 })
	ctx, cancel := context.WithCancel(t.Context())
	conn := newTestConn()
	conn.hold = make(chan struct{})
	served := serveSocket(t, p, ctx, conn)
	<-made
	cancel()
	<-served
	waitIdle(t, p)
}

func TestSocketDropped(t *testing.T) {
	f, made := upgrade(func(*hostEnd, uint32) {}, func(e *hostEnd, event uint32, said string) {
		e.close(1006, "")
		e.h.done(event)
	})
	p, _ := newPool(t, f, Config{})
	resp, err := p.Fetch(t.Context(), testVersion("a"), get("/"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Socket.Drop()
	waitIdle(t, p)
	if e := <-made; !strings.HasPrefix(e.String(), "close 1006") {
		t.Errorf("%q", e.String())
	}
}

// Goal: a host that lies about sockets is ended, whatever the lie. Method: one lie each.
func TestSocketViolations(t *testing.T) {
	for name, lie := range map[string]func(h *fakeHost, event uint32, e *hostEnd){
		"not open":              func(h *fakeHost, _ uint32, e *hostEnd) { sendTo(h, e.id+2, hostproto.SocketCredit{Bytes: 1}) },
		"not open: even":        func(h *fakeHost, _ uint32, e *hostEnd) { sendTo(h, 2, hostproto.SocketClose{Code: 1000}) },
		"comes after":           func(h *fakeHost, _ uint32, e *hostEnd) { e.close(1000, ""); e.send("x", true) },
		"second last word":      func(h *fakeHost, _ uint32, e *hostEnd) { e.close(1000, ""); e.close(1000, "") },
		"must not be sent":      func(h *fakeHost, _ uint32, e *hostEnd) { e.close(1015, "") },
		"must not be sent: 0":   func(h *fakeHost, _ uint32, e *hostEnd) { e.close(0, "") },
		"reason over its limit": func(h *fakeHost, _ uint32, e *hostEnd) { e.close(1000, strings.Repeat("x", 124)) },
		"more credit than 2^31": func(h *fakeHost, _ uint32, e *hostEnd) { e.grant(1 << 31); e.grant(1 << 31) },
		"kind of its message": func(h *fakeHost, _ uint32, e *hostEnd) {
			e.send("x", false)
			sendTo(h, e.id, hostproto.SocketData{Kind: hostproto.SocketKindBinary})
		},
		"more bytes than credit": func(h *fakeHost, _ uint32, e *hostEnd) { e.send("", true); flood(e) },
		"second one of its": func(h *fakeHost, event uint32, _ *hostEnd) {
			sendTo(h, event, hostproto.Response{Status: 101, Socket: 99})
		},
	} {
		t.Run(name, func(t *testing.T) {
			what, _, _ := strings.Cut(name, ":")
			f, made := upgrade(func(e *hostEnd, event uint32) { lie(e.h, event, e) }, func(*hostEnd, uint32, string) {})
			p, log := newPool(t, f, Config{})
			resp, err := p.Fetch(t.Context(), testVersion("a"), get("/"))
			<-made
			eventually(t, "the log names the violation", func() bool { return strings.Contains(log.String(), what) })
			if err == nil && resp.Socket != nil {
				conn := newTestConn(io.ErrUnexpectedEOF)
				resp.Socket.Serve(t.Context(), conn)
			}
			eventually(t, "it is counted", func() bool { return p.violations.Load() == 1 })
		})
	}
	for name, response := range map[string]hostproto.Response{
		"without status 101":  {Status: 200, Socket: 1},
		"without status 101:": {Status: 101},
		"a body":              {Status: 101, Socket: 1, Body: []byte("x")},
		"one of its event":    {Status: 101, Socket: 2},
	} {
		t.Run(name+" in a response", func(t *testing.T) {
			what, _, _ := strings.Cut(name, ":")
			f := &fleet{setUp: func(_ int, h *fakeHost) {
				h.onFetch = func(h *fakeHost, event uint32, _ hostproto.Fetch) { sendTo(h, event, response) }
			}}
			p, log := newPool(t, f, Config{})
			if resp, err := p.Fetch(t.Context(), testVersion("a"), get("/")); err == nil {
				t.Fatalf("%+v", resp)
			}
			eventually(t, "the log names the violation", func() bool { return strings.Contains(log.String(), what) })
		})
	}
}

func flood(e *hostEnd) {
	for range hostproto.SocketWindow / hostproto.SocketPieceCost {
		e.send("", true)
	}
}

// dialer is a CallHandler whose calls open conn.
type dialer struct{ conn *testConn }

func (d dialer) Call(context.Context, *Call) CallResult {
	return CallResult{Code: hostproto.CallCodeOK, Result: []byte("head"), Socket: d.conn}
}

// Goal: a worker can be the client. Method: a call that opens a connection; the host talks, and both say goodbye.
func TestClientSocket(t *testing.T) {
	conn := newTestConn("welcome")
	f := &fleet{setUp: func(_ int, h *fakeHost) {
		h.onFetch = func(h *fakeHost, event uint32, _ hostproto.Fetch) {
			h.call(event, 0, "", func(r hostproto.CallResult) {
				e := h.listen(r.Socket, func(e *hostEnd, said string) {
					switch said {
					case "0 true welcome":
						e.send("thanks", true)
						e.close(1000, "")
					case "close 1000 ":
						h.respond(event, e.String())
						h.done(event)
					}
				})
				e.grant(1000)
			})
		}
	}}
	p, _ := newPool(t, f, Config{Calls: dialer{conn}})
	go func() {
		for !strings.Contains(conn.heard(), "close") {
		}
		conn.in <- closedWith{1000, ""}
	}()
	_, body := fetch(t, p, testVersion("a"), get("/"))
	if !strings.HasPrefix(body, "0 true welcome|") || conn.heard() != "text thanks|close 1000 " {
		t.Errorf("%q, the server hears %q", body, conn.heard())
	}
	<-conn.closed
	waitIdle(t, p)
}

// Goal: a connection that nobody has used ends with its event. Method: the event ends right after the call.
func TestUnusedClientSocket(t *testing.T) {
	conn := newTestConn()
	f := &fleet{setUp: func(_ int, h *fakeHost) {
		h.onFetch = func(h *fakeHost, event uint32, _ hostproto.Fetch) {
			h.call(event, 0, "", func(r hostproto.CallResult) {
				h.respond(event, "done")
				h.done(event)
			})
		}
	}}
	p, _ := newPool(t, f, Config{Calls: dialer{conn}})
	fetch(t, p, testVersion("a"), get("/"))
	<-conn.closed
	if conn.heard() != "close 1001 " {
		t.Errorf("%q", conn.heard())
	}
	waitIdle(t, p)
}

// Goal: a worker that passes a WebSocket on is not in its way, and need not live. Method: the event ends with its response; both
// connections talk on.
func TestSplicedSocket(t *testing.T) {
	upstream := newTestConn("from above", []byte("more"))
	f := &fleet{setUp: func(_ int, h *fakeHost) {
		h.onFetch = func(h *fakeHost, event uint32, _ hostproto.Fetch) {
			h.call(event, 0, "", func(r hostproto.CallResult) {
				sendTo(h, event, hostproto.Response{Status: 101, Socket: r.Socket})
				h.done(event)
			})
		}
	}}
	p, _ := newPool(t, f, Config{Calls: dialer{upstream}})
	conn := newTestConn("from below", closedWith{3001, "over"})
	served := serveSocket(t, p, t.Context(), conn)
	eventually(t, "both have heard", func() bool {
		return upstream.heard() == "text from below|close 3001 over" && conn.heard() == "text from above|binary more"
	})
	upstream.in <- closedWith{3002, "indeed"}
	<-served
	if conn.heard() != "text from above|binary more|close 3002 indeed" {
		t.Errorf("%q", conn.heard())
	}
	<-upstream.closed
	<-conn.closed
	waitIdle(t, p)
}

// Goal: what was used cannot be spliced. Method: credit first.
func TestSpliceUsedSocket(t *testing.T) {
	conn := newTestConn()
	f := &fleet{setUp: func(_ int, h *fakeHost) {
		h.onFetch = func(h *fakeHost, event uint32, _ hostproto.Fetch) {
			h.call(event, 0, "", func(r hostproto.CallResult) {
				sendTo(h, r.Socket, hostproto.SocketCredit{Bytes: 1})
				sendTo(h, event, hostproto.Response{Status: 101, Socket: r.Socket})
			})
		}
	}}
	p, log := newPool(t, f, Config{Calls: dialer{conn}}, func(p *Pool) { p.timing.goodbye = 1 })
	if _, err := p.Fetch(t.Context(), testVersion("a"), get("/")); err == nil {
		t.Fatal("spliced")
	}
	eventually(t, "the log names the violation", func() bool { return strings.Contains(log.String(), "used before") })
	<-conn.closed
}
