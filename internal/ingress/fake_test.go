package ingress

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"skerry/internal/worker"
)

// fakeDispatcher answers with a function.
type fakeDispatcher func(ctx context.Context, v *worker.Version, req *Request, resp *Response) error

func (f fakeDispatcher) Fetch(ctx context.Context, v *worker.Version, req *Request, resp *Response) error {
	return f(ctx, v, req, resp)
}

// ended is an event that is over.
type ended Result

func (e ended) Wait(context.Context) (Result, error) { return Result(e), nil }

// pending is an event that is over when the channel gives its result.
type pending chan Result

func (p pending) Wait(ctx context.Context) (Result, error) {
	select {
	case r := <-p:
		return r, nil
	default:
	}
	select {
	case r := <-p:
		return r, nil
	case <-ctx.Done():
		return Result{}, ctx.Err()
	}
}

// one routes everything to one target.
type one Target

func (t one) Route(context.Context, bool, string, string) (Target, error) { return Target(t), nil }

var someWorker = &worker.Version{Name: "w", ID: "v1"}

// sink keeps observations.
type sink struct {
	mu   sync.Mutex
	seen []Observation
	more chan struct{}
}

func newSink() *sink { return &sink{more: make(chan struct{}, 1000)} }

func (s *sink) observe(o *Observation) {
	s.mu.Lock()
	s.seen = append(s.seen, *o)
	s.mu.Unlock()
	s.more <- struct{}{}
}

// next waits for the next observation.
func (s *sink) next(t *testing.T) Observation {
	t.Helper()
	select {
	case <-s.more:
	case <-t.Context().Done():
		t.Fatal("no observation")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.seen[0]
	s.seen = s.seen[1:]
	return o
}

// start serves a configuration on a loopback port and returns the address.
func start(t *testing.T, cfg Config, config *tls.Config) string {
	t.Helper()
	if cfg.Router == nil {
		cfg.Router = one{Version: someWorker}
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := New(cfg)
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln, config) }()
	t.Cleanup(func() {
		s.Close()
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return ln.Addr().String()
}

// answer is a dispatcher that answers inline.
func answer(status int, headers, body string) fakeDispatcher {
	return func(_ context.Context, _ *worker.Version, req *Request, resp *Response) error {
		*resp = Response{Status: status, Headers: pack(headers), Inline: []byte(body), Length: int64(len(body)), Event: ended{}}
		return nil
	}
}

// pack makes packed headers of "name: value" lines.
func pack(lines string) []byte {
	var b []byte
	for _, line := range strings.Split(lines, "\n") {
		if name, value, ok := strings.Cut(line, ": "); ok {
			b = append(append(append(append(b, name...), '\n'), value...), '\n')
		}
	}
	return b
}

// unpack makes a map of packed headers.
func unpack(packed []byte) map[string][]string {
	h := make(map[string][]string)
	lines := strings.Split(string(packed), "\n")
	for i := 0; i+1 < len(lines); i += 2 {
		h[lines[i]] = append(h[lines[i]], lines[i+1])
	}
	return h
}

// raw sends bytes on a new connection and returns the responses that come back, until the connection is closed or count have come.
func raw(t *testing.T, addr, request string, count int) (statuses []int, bodies []string, closed bool) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	go io.Copy(c, strings.NewReader(request)) // ends with the connection
	r := bufio.NewReader(c)
	for len(statuses) < count {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			return statuses, bodies, true
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return statuses, bodies, true
		}
		statuses, bodies = append(statuses, resp.StatusCode), append(bodies, string(body))
		if resp.Close {
			closed = true
		}
	}
	return statuses, bodies, closed
}

// chanBody is a body fed through a channel; it knows what is buffered.
type chanBody struct {
	in     chan []byte // closed: end of file
	rest   []byte
	closed chan struct{}
	once   sync.Once
	err    error // after the channel is closed, instead of end of file
}

func newChanBody() *chanBody {
	return &chanBody{in: make(chan []byte, 16), closed: make(chan struct{})}
}

func (b *chanBody) Buffered() int {
	return len(b.rest) + len(b.in)
}

func (b *chanBody) Read(p []byte) (int, error) {
	if len(b.rest) == 0 {
		select {
		case data, ok := <-b.in:
			if !ok {
				if b.err != nil {
					return 0, b.err
				}
				return 0, io.EOF
			}
			b.rest = data
		case <-b.closed:
			return 0, net.ErrClosed
		}
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

func (b *chanBody) Close() error {
	b.once.Do(func() { close(b.closed) })
	return nil
}
