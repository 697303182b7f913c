package upgrade

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

const workerSource = `
const text = new TextEncoder();
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
function pieces(n, ms, piece) {
  let i = 0;
  return new ReadableStream({
    async pull(controller) {
      if (i === n) return controller.close();
      if (i > 0) await pause(ms);
      controller.enqueue(text.encode(piece(i++)));
    },
  });
}
export default {
  async fetch(request, env, ctx) {
    const url = new URL(request.url);
    switch (url.pathname) {
      case "/echo": return new Response(await request.text());
      case "/through": return new Response(request.body);
      case "/stream": return new Response(pieces(20, 25, (i) => String(i % 10).repeat(10000)));
      case "/events": return new Response(pieces(20, 25, (i) => "data: " + i + "\n\n"), { headers: { "content-type": "text/event-stream" } });
      case "/slow": await pause(100); return new Response("slow");
      case "/later": ctx.waitUntil(pause(50)); return new Response("later");
      case "/socket": {
        const [client, server] = Object.values(new WebSocketPair());
        server.accept();
        server.addEventListener("message", (event) => server.send("echo " + event.data));
        return new Response(null, { status: 101, webSocket: client });
      }
      default: return new Response("hello " + url.pathname);
    }
  },
};
`

// crowd are clients that never stop asking.
type crowd struct {
	t    *testing.T
	addr string
	host string
	stop chan struct{}
	wait sync.WaitGroup

	mu       sync.Mutex
	requests map[string]int // by kind of client
	failures []string
	// sockets counts WebSockets that lived until the process that had them ended, messages those that were echoed.
	sockets, messages atomic.Int64
}

func (c *crowd) did(kind string) {
	c.mu.Lock()
	c.requests[kind]++
	c.mu.Unlock()
}

func (c *crowd) failed(kind string, err error) {
	c.mu.Lock()
	c.failures = append(c.failures, time.Now().Format("15:04:05.000 ")+kind+": "+err.Error())
	c.mu.Unlock()
}

// total is the number of requests that have been answered.
func (c *crowd) total() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, k := range c.requests {
		n += k
	}
	return n
}

// forever calls one again and again, with what it left behind, until the crowd stops.
func (c *crowd) forever(kind string, pause time.Duration, one func() error) {
	c.wait.Go(func() {
		for {
			select {
			case <-c.stop:
				return
			case <-time.After(pause):
			}
			if err := one(); err != nil {
				c.failed(kind, err)
			} else {
				c.did(kind)
			}
		}
	})
}

// strict is a client that sends on its connection until it is told that this has been the last response. It never repeats a request: one
// that is lost has failed.
type strict struct {
	addr, host string
	conn       net.Conn
	reader     *bufio.Reader
}

// ask sends a request and returns the body. send, if not nil, sends the request's body.
func (s *strict) ask(method, path, fields string, send func(io.Writer) error) (string, error) {
	if s.conn == nil {
		conn, err := net.Dial("tcp", s.addr)
		if err != nil {
			return "", err
		}
		s.conn, s.reader = conn, bufio.NewReader(conn)
	}
	body, keep, err := s.exchange(method, path, fields, send)
	if err != nil || !keep {
		s.conn.Close()
		s.conn = nil
	}
	return body, err
}

func (s *strict) exchange(method, path, fields string, send func(io.Writer) error) (string, bool, error) {
	s.conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := fmt.Fprintf(s.conn, "%s %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", method, path, s.host, fields); err != nil {
		return "", false, err
	}
	if send != nil {
		if err := send(s.conn); err != nil {
			return "", false, err
		}
	}
	resp, err := http.ReadResponse(s.reader, nil)
	if err != nil {
		return "", false, err
	}
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d: %.200s", resp.StatusCode, body)
	}
	return string(body), !resp.Close, err
}

func expect(got string, err error, want string) error {
	if err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("body %.100q (%d bytes), expected %.100q (%d bytes)", got, len(got), want, len(want))
	}
	return nil
}

// gather starts all clients.
func gather(t *testing.T, addr, host string) *crowd {
	c := &crowd{t: t, addr: addr, host: host, stop: make(chan struct{}), requests: make(map[string]int)}
	client := func() *strict { return &strict{addr: addr, host: host} }
	for i := range 3 {
		s := client()
		c.forever("kept connection", 0, func() error {
			path := fmt.Sprintf("/%d", i)
			got, err := s.ask("GET", path, "", nil)
			return expect(got, err, "hello "+path)
		})
		p := client()
		c.forever("kept connection, bodies", 0, func() error {
			got, err := p.ask("POST", "/echo", "Content-Length: 5\r\n", func(w io.Writer) error { _, err := io.WriteString(w, "12345"); return err })
			return expect(got, err, "12345")
		})
	}
	for _, pause := range []time.Duration{20 * time.Millisecond, 300 * time.Millisecond, 1100 * time.Millisecond} {
		s, p := client(), client()
		c.forever("mostly idle connection", pause, func() error {
			got, err := s.ask("GET", "/idle", "", nil)
			return expect(got, err, "hello /idle")
		})
		c.forever("mostly idle connection, bodies", pause, func() error {
			got, err := p.ask("POST", "/echo", "Content-Length: 1\r\n", func(w io.Writer) error { _, err := io.WriteString(w, "x"); return err })
			return expect(got, err, "x")
		})
	}
	for range 2 {
		c.forever("new connection", 0, func() error {
			s := client()
			got, err := s.ask("GET", "/new", "Connection: close\r\n", nil)
			return expect(got, err, "hello /new")
		})
	}
	slow, later := client(), client()
	c.forever("slow response", 0, func() error { got, err := slow.ask("GET", "/slow", "", nil); return expect(got, err, "slow") })
	c.forever("waitUntil", 0, func() error { got, err := later.ask("GET", "/later", "", nil); return expect(got, err, "later") })
	var streamed, events strings.Builder
	for i := range 20 {
		streamed.WriteString(strings.Repeat(fmt.Sprint(i%10), 10000))
		fmt.Fprintf(&events, "data: %d\n\n", i)
	}
	download, sse, upload := client(), client(), client()
	c.forever("streamed response", 0, func() error {
		got, err := download.ask("GET", "/stream", "", nil)
		return expect(got, err, streamed.String())
	})
	c.forever("server-sent events", 0, func() error { got, err := sse.ask("GET", "/events", "", nil); return expect(got, err, events.String()) })
	c.forever("streamed request", 0, func() error {
		got, err := upload.ask("POST", "/through", "Transfer-Encoding: chunked\r\n", func(w io.Writer) error {
			for i := range 10 {
				if i > 0 {
					time.Sleep(20 * time.Millisecond) // it is what the client does, not what anything waits for
				}
				if _, err := fmt.Fprintf(w, "64\r\n%s\r\n", strings.Repeat(fmt.Sprint(i), 100)); err != nil {
					return err
				}
			}
			_, err := io.WriteString(w, "0\r\n\r\n")
			return err
		})
		var want strings.Builder
		for i := range 10 {
			want.WriteString(strings.Repeat(fmt.Sprint(i), 100))
		}
		return expect(got, err, want.String())
	})
	c.http2()
	c.webSocket()
	return c
}

// http2 asks over HTTP/2. A body that cannot be had again keeps Go's client from repeating a request that was lost; one that the server
// has not begun, as its GOAWAY says, is repeated, which is what GOAWAY is for.
func (c *crowd) http2() {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", c.addr)
	}}
	c.t.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport, Timeout: time.Minute}
	for range 2 {
		c.forever("HTTP/2", 0, func() error {
			resp, err := client.Post("http://"+c.host+"/echo", "text/plain", io.MultiReader(strings.NewReader("two")))
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err == nil && (resp.StatusCode != 200 || resp.ProtoMajor != 2) {
				err = fmt.Errorf("%s status %d", resp.Proto, resp.StatusCode)
			}
			return expect(string(body), err, "two")
		})
	}
}

// webSocket has one WebSocket after the other echo, each until its process ends: then it must be told so.
func (c *crowd) webSocket() {
	dial := ws.Dialer{NetDial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", c.addr)
	}}
	c.wait.Go(func() {
		for {
			conn, reader, _, err := dial.Dial(context.Background(), "ws://"+c.host+"/socket")
			if err != nil {
				c.failed("WebSocket", err)
				return
			}
			if reader != nil {
				c.failed("WebSocket", errors.New("it speaks first"))
				return
			}
			for n := 0; ; n++ {
				select {
				case <-c.stop:
					conn.Close()
					return
				case <-time.After(10 * time.Millisecond):
				}
				conn.SetDeadline(time.Now().Add(time.Minute))
				message := fmt.Sprint(n)
				err := wsutil.WriteClientText(conn, []byte(message))
				var got ws.Frame
				if err == nil {
					got, err = ws.ReadFrame(conn)
				}
				const restart = 1012
				if err == nil && got.Header.OpCode == ws.OpClose && len(got.Payload) >= 2 && n > 0 {
					if code := binary.BigEndian.Uint16(got.Payload); code == restart {
						c.sockets.Add(1)
						break // its time is over: a client connects again
					}
				}
				if err != nil || string(got.Payload) != "echo "+message {
					c.failed("WebSocket", fmt.Errorf("message %d: %q, %v", n, got.Payload, err))
					break
				}
				c.messages.Add(1)
			}
			conn.Close()
		}
	})
}

// end stops the clients and tells what failed.
func (c *crowd) end() {
	close(c.stop)
	c.wait.Wait()
	c.t.Logf("%d requests: %v; %d messages, %d WebSockets outlived", c.total(), c.requests, c.messages.Load(), c.sockets.Load())
	for i, failure := range c.failures {
		if i == 20 {
			c.t.Errorf("and %d more", len(c.failures)-i)
			break
		}
		c.t.Error("FAILED REQUEST: " + failure)
	}
	for kind, n := range c.requests {
		if n < 2 {
			c.t.Errorf("%s: only %d requests", kind, n)
		}
	}
}
