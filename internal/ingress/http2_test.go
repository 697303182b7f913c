package ingress

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"skerry/internal/worker"
)

// rudeClient speaks HTTP/2 frame by frame.
type rudeClient struct {
	*http2.Framer
	conn net.Conn
	// acks has an entry for each answer to a PING, as long as there is room, and is closed at the end.
	acks chan struct{}
}

func newRudeClient(t *testing.T, addr string, settings ...http2.Setting) *rudeClient {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return rude(t, conn, settings...)
}

func rude(t *testing.T, conn net.Conn, settings ...http2.Setting) *rudeClient {
	t.Helper()
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	c := &rudeClient{http2.NewFramer(conn, conn), conn, make(chan struct{}, 1)}
	io.WriteString(conn, http2.ClientPreface)
	if err := c.WriteSettings(settings...); err != nil {
		t.Fatal(err)
	}
	return c
}

// head encodes the fields of a request.
func head(path string, fields ...string) []byte {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	all := append([]string{":method", "GET", ":scheme", "http", ":authority", "a", ":path", path}, fields...)
	for i := 0; i < len(all); i += 2 {
		e.WriteField(hpack.HeaderField{Name: all[i], Value: all[i+1]})
	}
	return b.Bytes()
}

func (c *rudeClient) get(stream uint32, path string) error {
	return c.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: head(path), EndStream: true, EndHeaders: true})
}

// flood writes frames until the server does not take them any more, while the answers are read. It returns the code with which the server
// said good-bye, and whether it closed the connection.
func (c *rudeClient) flood(most int, write func(i int) error) (code http2.ErrCode, closed bool) {
	go func() { // ends with the connection
		for i := range most {
			if write(i) != nil {
				return
			}
		}
	}()
	defer close(c.acks)
	for {
		f, err := c.ReadFrame()
		if err != nil {
			var timeout net.Error
			return code, !errors.As(err, &timeout) || !timeout.Timeout()
		}
		switch f := f.(type) {
		case *http2.GoAwayFrame:
			code = f.ErrCode
		case *http2.PingFrame:
			select {
			case c.acks <- struct{}{}:
			default:
			}
		}
	}
}

// Goal: a client of HTTP/2 that only makes work is sent away, over TLS as without.
func TestControlFrameFloods(t *testing.T) {
	certified := httptest.NewUnstartedServer(nil) // for its certificate
	certified.StartTLS()
	defer certified.Close()
	cfg := Config{Limits: Limits{ControlFrames: 100}, Dispatcher: answer(200, "", "ok")}
	clear, secure := start(t, cfg, nil), start(t, cfg, &tls.Config{Certificates: certified.TLS.Certificates})
	for _, inTLS := range []bool{false, true} {
		for name, write := range map[string]func(c *rudeClient, i int) error{
			"PING":     func(c *rudeClient, i int) error { return c.WritePing(false, [8]byte{}) },
			"SETTINGS": func(c *rudeClient, i int) error { return c.WriteSettings() },
			"PRIORITY": func(c *rudeClient, i int) error { return c.WritePriority(1, http2.PriorityParam{}) },
			"unknown":  func(c *rudeClient, i int) error { return c.WriteRawFrame(0x77, 0, 0, []byte("x")) },
			"rapid resets": func(c *rudeClient, i int) error {
				return errors.Join(c.get(uint32(2*i+1), "/"), c.WriteRSTStream(uint32(2*i+1), http2.ErrCodeCancel))
			},
			"empty DATA": func(c *rudeClient, i int) error {
				if i == 0 {
					return c.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: head("/"), EndHeaders: true})
				}
				return c.WriteData(1, false, nil)
			},
		} {
			t.Run(name, func(t *testing.T) {
				var c *rudeClient
				if inTLS {
					conn, err := tls.Dial("tcp", secure, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
					if err != nil {
						t.Fatal(err)
					}
					c = rude(t, conn)
				} else {
					c = newRudeClient(t, clear)
				}
				if code, closed := c.flood(1_000_000, func(i int) error { return write(c, i) }); code != http2.ErrCodeEnhanceYourCalm || !closed {
					t.Errorf("TLS %v: sent away with %v, closed: %v", inTLS, code, closed)
				}
			})
		}
	}
}

// Goal: what a client resets counts until its worker is done with it: no more events are under way than there may be streams, and who asks
// for more is sent away.
func TestRapidReset(t *testing.T) {
	const streams = 10
	var under, most atomic.Int64
	release := make(chan struct{})
	addr := start(t, Config{Limits: Limits{Streams: streams}, Dispatcher: fakeDispatcher(func(ctx context.Context, _ *worker.Version, req *Request, resp *Response) error {
		now := under.Add(1)
		for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
		}
		event := make(pending, 1)
		go func() {
			<-release // the worker does not care
			under.Add(-1)
			event <- Result{Outcome: worker.Canceled}
		}()
		<-ctx.Done()
		return &UnfinishedError{ctx.Err(), event}
	})}, nil)
	c := newRudeClient(t, addr)
	code, closed := c.flood(1000, func(i int) error {
		id := uint32(2*i + 1)
		err := errors.Join(c.get(id, "/"), c.WriteRSTStream(id, http2.ErrCodeCancel), c.WritePing(false, [8]byte{}))
		<-c.acks // One by one, so that net/http does not see a crowd whose handlers are about to end.
		return err
	})
	close(release)
	if code != http2.ErrCodeEnhanceYourCalm || !closed || most.Load() != streams {
		t.Errorf("sent away with %v, closed: %v; %d events at once", code, closed, most.Load())
	}
}

// Goal: a head without end is not taken.
func TestContinuationFlood(t *testing.T) {
	dispatched := false
	addr := start(t, Config{Dispatcher: fakeDispatcher(func(context.Context, *worker.Version, *Request, *Response) error { dispatched = true; return nil })}, nil)
	c := newRudeClient(t, addr)
	var sent atomic.Int64
	block := head("/", "x", strings.Repeat("x", 8000))
	_, closed := c.flood(10_000, func(i int) error {
		sent.Add(int64(len(block)))
		if i == 0 {
			return c.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block})
		}
		return c.WriteContinuation(1, false, head("/", "x", strings.Repeat("x", 8000))[4:])
	})
	if !closed || dispatched || sent.Load() > 32<<20 {
		t.Errorf("closed: %v, dispatched: %v, after %d bytes", closed, dispatched, sent.Load())
	}
}

// Goal: a client that takes nothing of a response is given up, whichever way the response goes, and other streams go on.
func TestTinyWindows(t *testing.T) {
	over := make(chan struct{}, 10)
	addr := start(t, Config{Limits: Limits{WriteStall: 50 * time.Millisecond}, Dispatcher: fakeDispatcher(func(ctx context.Context, _ *worker.Version, req *Request, resp *Response) error {
		*resp = Response{Status: 200, Inline: []byte("ten bytes!"), Length: 10, Event: ended{}}
		switch {
		case strings.HasSuffix(req.URL, "/stream"):
			resp.Inline, resp.Length, resp.Body = nil, -1, io.NopCloser(endless{})
			context.AfterFunc(ctx, func() { over <- struct{}{} })
		case strings.HasSuffix(req.URL, "/large"):
			resp.Inline, resp.Length = make([]byte, 1<<20), 1<<20
		case strings.HasSuffix(req.URL, "/error"):
			return &EventError{Result{Outcome: worker.Exception}}
		}
		return nil
	})}, nil)
	c := newRudeClient(t, addr, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1})
	want := map[uint32]bool{}
	for i, path := range []string{"/inline", "/stream", "/large", "/error"} {
		id := uint32(2*i + 1)
		want[id] = true
		c.get(id, path)
	}
	for len(want) > 0 {
		f, err := c.ReadFrame()
		if err != nil {
			t.Fatalf("%v; not reset: %v", err, want)
		}
		if f, ok := f.(*http2.RSTStreamFrame); ok {
			delete(want, f.StreamID)
		}
	}
	<-over
}

// Goal: the same over HTTP/1, where the connection ends, inside TLS and without.
func TestWriteStall(t *testing.T) {
	certified := httptest.NewUnstartedServer(nil) // for its certificate
	certified.StartTLS()
	defer certified.Close()
	over := make(chan struct{}, 10)
	cfg := Config{Limits: Limits{WriteStall: 50 * time.Millisecond}, Dispatcher: fakeDispatcher(func(ctx context.Context, _ *worker.Version, req *Request, resp *Response) error {
		*resp = Response{Status: 200, Length: -1, Body: io.NopCloser(endless{}), Event: ended{}}
		context.AfterFunc(ctx, func() { over <- struct{}{} })
		return nil
	})}
	clear, secure := start(t, cfg, nil), start(t, cfg, &tls.Config{Certificates: certified.TLS.Certificates})
	for _, inTLS := range []bool{false, true} {
		var conn net.Conn
		var err error
		if inTLS {
			conn, err = tls.Dial("tcp", secure, &tls.Config{InsecureSkipVerify: true})
		} else {
			conn, err = net.Dial("tcp", clear)
		}
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		<-over
	}
}

// endless is a body without end.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// Goal: heads with requests and answers do not count, whatever pieces they come in, and a window that is over is forgotten.
func TestFrameGuard(t *testing.T) {
	var b bytes.Buffer
	f := http2.NewFramer(&b, nil)
	io.WriteString(&b, http2.ClientPreface[len("PRI * HTTP/2.0\r\n"):])
	for i := range 1000 {
		f.WriteHeaders(http2.HeadersFrameParam{StreamID: uint32(2*i + 1), BlockFragment: head("/"), EndHeaders: true})
		f.WriteData(uint32(2*i+1), false, make([]byte, 100))
		f.WriteData(uint32(2*i+1), true, nil)
		f.WriteWindowUpdate(0, 100)
	}
	for range 10 {
		f.WritePing(false, [8]byte{})
	}
	for _, piece := range []int{1, 7, 100_000_000} {
		for _, limit := range []int{9, 10} {
			g := newFrameGuard(limit)
			ok := true
			for rest := b.Bytes(); len(rest) > 0 && ok; {
				n := min(piece, len(rest))
				ok = g.feed(rest[:n])
				rest = rest[n:]
			}
			if ok != (limit == 10) {
				t.Errorf("in pieces of %d with limit %d: %v, %d counted", piece, limit, ok, g.count)
			}
		}
	}
	g := newFrameGuard(10)
	for i := range 100 {
		if !g.counted() {
			t.Fatalf("frame %d", i)
		}
		if g.count == 10 {
			g.windowEnds = time.Now().Add(-time.Second)
		}
	}
}
