package ingress

import (
	"bytes"
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"skerry/internal/worker"
)

// The ways a request can take through a Server.
const (
	wayStarted = "started"  // the lane, with a Dispatcher that starts events
	wayFetched = "fetched"  // the lane, with a goroutine per event
	wayNetHTTP = "net-http" // no lane
)

var ways = []string{wayStarted, wayFetched, wayNetHTTP}

// startWay is start for one of the ways.
func startWay(t *testing.T, way string, cfg Config) string {
	t.Helper()
	addr, _ := startServer(t, way, cfg)
	return addr
}

func startServer(t *testing.T, way string, cfg Config) (string, *Server) {
	t.Helper()
	if cfg.Router == nil {
		cfg.Router = one{Version: someWorker}
	}
	if way == wayStarted {
		starter := &fakeStarter{Dispatcher: cfg.Dispatcher}
		t.Cleanup(starter.wait.Wait)
		cfg.Dispatcher = starter
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := New(cfg)
	s.lane.off = way == wayNetHTTP
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln, nil) }()
	t.Cleanup(func() {
		s.Close()
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return ln.Addr().String(), s
}

// fakeStarter starts events of a Dispatcher, each on a goroutine. What it tells is overwritten as soon as that is allowed.
type fakeStarter struct {
	Dispatcher
	wait   sync.WaitGroup
	starts atomic.Int64
}

func (f *fakeStarter) Start(ctx context.Context, v *worker.Version, req *Request, sink Sink) (Started, bool) {
	if ctx.Err() != nil || req.Body != nil {
		panic("not as announced")
	}
	f.starts.Add(1)
	ctx, cancel := context.WithCancel(ctx)
	f.wait.Go(func() {
		seen := *req
		seen.Headers = bytes.Clone(req.Headers)
		var resp Response
		if err := f.Dispatcher.Fetch(ctx, v, &seen, &resp); err != nil {
			f.check(&seen, req)
			var result Result
			if ended, ok := errors.AsType[*EventError](err); ok {
				result = ended.Result
			}
			sink.Over(&result, err)
			result = Result{Message: "overwritten"}
			return
		}
		event := resp.Event
		resp.Event = nil
		resp.Headers, resp.Inline = bytes.Clone(resp.Headers), bytes.Clone(resp.Inline)
		sink.Responded(&resp)
		fill(resp.Headers)
		fill(resp.Inline)
		resp = Response{Status: 599}
		result, err := event.Wait(ctx)
		if err != nil {
			result = Result{Outcome: worker.Canceled}
		}
		f.check(&seen, req)
		sink.Over(&result, nil)
		result = Result{Message: "overwritten"}
	})
	return canceler(cancel), true
}

// check sees that the request has stayed as it was.
func (f *fakeStarter) check(was, is *Request) {
	if was.URL != is.URL || was.Method != is.Method || !bytes.Equal(was.Headers, is.Headers) {
		panic("the request has changed")
	}
}

func fill(b []byte) {
	for i := range b {
		b[i] = '!'
	}
}
