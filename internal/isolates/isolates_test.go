package isolates

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"skerry/internal/hostproto"
	"skerry/internal/worker"
)

func fetch(t testing.TB, p *Pool, v *worker.Version, req *FetchRequest) (*FetchResponse, string) {
	t.Helper()
	resp, err := p.Fetch(t.Context(), v, req)
	if err != nil {
		t.Fatal(err)
	}
	if resp.Body == nil {
		return resp, string(resp.Inline)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp, string(body)
}

// idle says whether nothing is left of any event in the pool's hosts.
func idle(p *Pool) error {
	for _, h := range p.hosts() {
		h.mu.Lock()
		live, ids, outs, freeOuts, ins, calls, running, size := h.live, len(h.events)-len(h.freeEvents), len(h.outs), len(h.freeOuts), len(h.ins), len(h.calls), h.callsRunning, h.callBytes
		calls += len(h.sockets)
		events := 0
		for _, w := range h.workers {
			events += w.events
		}
		h.mu.Unlock()
		if live != 0 || ids != 0 || outs != freeOuts || ins != 0 || calls != 0 || running != 0 || size != 0 || events != 0 {
			return fmt.Errorf("left behind: %d events, %d ids, %d of ours, %d streams, %d calls, %d running, %d bytes, %d of workers", live, ids, outs-freeOuts, ins, calls, running, size, events)
		}
	}
	return nil
}

func waitIdle(t testing.TB, p *Pool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for idle(p) != nil {
		if time.Now().After(deadline) {
			t.Fatal(idle(p))
		}
		runtime.Gosched()
	}
}

func TestFetch(t *testing.T) {
	f := &fleet{}
	p, _ := newPool(t, f, Config{})
	v := testVersion("a")
	for range 3 {
		resp, body := fetch(t, p, v, get("/hello"))
		if resp.Status != 200 || body != "hello" || string(resp.Headers) != "content-type\ntext/plain\n" || resp.Length != 5 {
			t.Errorf("response %+v %q", resp, body)
		}
		result, err := resp.Wait(t.Context())
		if err != nil || result.Outcome != worker.OK || result.CPU != time.Microsecond {
			t.Errorf("result %+v, %v", result, err)
		}
	}
	if n := f.host(0).loads.Load(); n != 1 {
		t.Errorf("defined %d times", n)
	}
	if pids := p.Pids(); !reflect.DeepEqual(pids, []int{1000}) {
		t.Errorf("pids %v", pids)
	}
	waitIdle(t, p)
}

func TestFetchWithoutResponse(t *testing.T) {
	p, _ := newPool(t, &fleet{}, Config{})
	_, err := p.Fetch(t.Context(), testVersion("a"), get("/throw"))
	var ended *EventError
	if !errors.As(err, &ended) {
		t.Fatalf("error %v", err)
	}
	want := Result{Outcome: worker.Exception, CPU: 5 * time.Millisecond, Startup: time.Millisecond, Cold: true, PassThrough: true, Message: "Error: no", Stack: "at x"}
	if ended.Result != want {
		t.Errorf("result %+v, want %+v", ended.Result, want)
	}
}

func TestDefinition(t *testing.T) {
	f := &fleet{}
	p, _ := newPool(t, f, Config{})
	big := bytes.Repeat([]byte("0123456789abcdef"), 100_000)
	v := &worker.Version{
		Name: "größe", Main: 1, CompatDate: "2026-11-01", CompatFlags: []string{"x", "y"},
		Modules:  []worker.Module{{Name: "a.bin", Type: worker.Data, Data: big}, {Name: "index.js", Data: []byte("main"), SourceMap: []byte("secret")}},
		Bindings: []worker.Binding{{Name: "A", Kind: worker.TextBinding, Text: `<"é">`}, {Name: "B", Kind: worker.JSONBinding, JSON: []byte(`{"x": [1, 2]}`)}},
		Limits:   worker.Limits{CPU: 1500 * time.Microsecond},
	}
	fetch(t, p, v, get("/hello"))
	got := f.host(0).workers[1]
	if string(got.data) != string(big)+"main" {
		t.Errorf("%d bytes of modules", len(got.data))
	}
	want := hostproto.WorkerLoad{
		Name: "größe", Main: 1, CompatDate: "2026-11-01", CompatFlags: []string{"x", "y"}, CPUMs: 2, StartupMs: 1000, MemoryMB: 128,
		Env:     `[{"name":"A","type":"text","value":"<\"é\">"},{"name":"B","type":"json","value":{"x":[1,2]}}]`,
		Modules: []hostproto.Module{{Name: "a.bin", Type: hostproto.ModuleTypeData, Length: uint32(len(big))}, {Name: "index.js", Offset: uint32(len(big)), Length: 4}},
	}
	if !reflect.DeepEqual(got.load, want) {
		t.Errorf("load %+v\nwant %+v", got.load, want)
	}
}

func TestBadDefinitions(t *testing.T) {
	p, _ := newPool(t, &fleet{}, Config{})
	for _, test := range []struct {
		name   string
		change func(v *worker.Version)
		want   string
	}{
		{"no modules", func(v *worker.Version) { v.Modules = nil }, "0 modules"},
		{"main", func(v *worker.Version) { v.Main = 1 }, "main"},
		{"module type", func(v *worker.Version) { v.Modules[0].Type = 99 }, "unknown type 99"},
		{"module name", func(v *worker.Version) { v.Modules[0].Name = "\xff" }, "not UTF-8"},
		{"binding kind", func(v *worker.Version) { v.Bindings = []worker.Binding{{Name: "K", Kind: 99}} }, "unknown kind 99"},
		{"binding JSON", func(v *worker.Version) {
			v.Bindings = []worker.Binding{{Name: "K", Kind: worker.JSONBinding, JSON: []byte("{")}}
		}, "not JSON"},
		{"size of env", func(v *worker.Version) {
			v.Bindings = []worker.Binding{{Name: "K", Kind: worker.TextBinding, Text: strings.Repeat("x", hostproto.FramePayloadMax)}}
		}, "more than"},
		{"size of modules", func(v *worker.Version) {
			v.Modules = append(v.Modules, worker.Module{Name: "big", Type: worker.Data, Data: make([]byte, hostproto.WorkerDataMax)})
		}, "more than"},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := testVersion("a")
			test.change(v)
			_, err := p.Fetch(t.Context(), v, get("/hello"))
			var bad *DefinitionError
			if !errors.As(err, &bad) || !strings.Contains(bad.Reason, test.want) || bad.Worker != "a" {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
	fetch(t, p, testVersion("b"), get("/hello"))
}

// oneByOne gives random pieces.
type oneByOne struct{ r io.Reader }

func (o oneByOne) Read(p []byte) (int, error) { return o.r.Read(p[:min(len(p), 1+rand.IntN(100_000))]) }

func TestBodiesBothWays(t *testing.T) {
	p, _ := newPool(t, &fleet{}, Config{})
	v := testVersion("a")
	for _, size := range []int{0, 1, hostproto.StreamDataMax, hostproto.StreamWindow, hostproto.StreamWindow + 1, 5_000_000} {
		sent := make([]byte, size)
		for i := range sent {
			sent[i] = byte(i * 7 >> 3)
		}
		req := &FetchRequest{Method: "POST", URL: "https://example.com/echo", Body: oneByOne{bytes.NewReader(sent)}, Length: int64(size)}
		resp, got := fetch(t, p, v, req)
		if got != string(sent) || resp.Length != int64(size) {
			t.Errorf("%d bytes sent, %d (length %d) came back", size, len(got), resp.Length)
		}
		if result, err := resp.Wait(t.Context()); err != nil || result.Outcome != worker.OK {
			t.Errorf("result %+v, %v", result, err)
		}
	}
	waitIdle(t, p)
}

// Goal: a body that breaks off on one side breaks off on the other, with code and text.
func TestBrokenBodies(t *testing.T) {
	p, _ := newPool(t, &fleet{}, Config{})
	broken := io.MultiReader(strings.NewReader("some"), &failing{errors.New("secret detail")})
	resp, err := p.Fetch(t.Context(), testVersion("a"), &FetchRequest{Method: "POST", URL: "https://example.com/echo", Body: broken, Length: -1})
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(resp.Body)
	var fault *StreamError
	if string(got) != "some" || !errors.As(err, &fault) || fault.Code != hostproto.CallCodeNetwork || fault.Message != "the request broke off" {
		t.Errorf("read %q, %v", got, err)
	}
	waitIdle(t, p)
}

type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }

func TestRequestBodyIsNotReadBeforeTheWorkerReads(t *testing.T) {
	p, _ := newPool(t, &fleet{}, Config{})
	body := &failing{errors.New("was read")}
	resp, _ := fetch(t, p, testVersion("a"), &FetchRequest{Method: "POST", URL: "https://example.com/hello", Body: &panicking{}, Length: 3})
	if result, err := resp.Wait(t.Context()); err != nil || result.Outcome != worker.OK {
		t.Errorf("result %+v, %v (%v)", result, err, body)
	}
	waitIdle(t, p)
}

type panicking struct{}

func (*panicking) Read([]byte) (int, error) { panic("read") }

func TestCancel(t *testing.T) {
	for _, path := range []string{"/hang", "/stubborn"} {
		t.Run(path, func(t *testing.T) {
			f := &fleet{}
			started := make(chan struct{}, 1)
			f.setUp = func(_ int, h *fakeHost) {
				h.onFrame = func(_ *fakeHost, fr hostproto.Frame) {
					if fr.Type == hostproto.TypeFetch {
						started <- struct{}{}
					}
				}
			}
			p, _ := newPool(t, f, Config{})
			ctx, cancel := context.WithCancel(t.Context())
			end := make(chan error, 1)
			go func() {
				_, err := p.Fetch(ctx, testVersion("a"), get(path))
				end <- err
			}()
			<-started
			cancel()
			if err := <-end; !errors.Is(err, context.Canceled) {
				t.Errorf("error %v", err)
			}
			waitIdle(t, p)
			fetch(t, p, testVersion("a"), get("/hello"))
			if f.count() != 1 {
				t.Error("the host did not survive")
			}
		})
	}
}

func TestDeadlineIsToldAsTimeout(t *testing.T) {
	reasons := make(chan hostproto.CancelReason, 1)
	f := &fleet{setUp: func(_ int, h *fakeHost) {
		h.onFetch = func(h *fakeHost, id uint32, _ hostproto.Fetch) {
			h.cancels[id] = func(r hostproto.CancelReason) { reasons <- r; h.done(id) }
		}
	}}
	p, _ := newPool(t, f, Config{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	fetch := func() error { _, err := p.Fetch(ctx, testVersion("a"), get("/")); return err }
	if err := fetch(); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("error %v", err)
	}
	// The deadline may pass before the event has been sent; then there is nobody to tell.
	if idle(p) != nil {
		if r := <-reasons; r != hostproto.CancelReasonTimeout {
			t.Errorf("reason %v", r)
		}
	}
	waitIdle(t, p)
}

// Goal: an id is not used again before the host has said that its event is done.
func TestCanceledEventKeepsItsID(t *testing.T) {
	ids := make(chan uint32, 10)
	var release atomic.Pointer[func()]
	f := &fleet{setUp: func(_ int, h *fakeHost) {
		h.onFetch = func(h *fakeHost, id uint32, m hostproto.Fetch) {
			ids <- id
			if m.URL == "https://example.com/first" {
				f := func() { h.send(id, hostproto.EventDone{Outcome: hostproto.OutcomeCanceled}) }
				release.Store(&f)
				return
			}
			h.respond(id, "")
			h.done(id)
		}
	}}
	p, _ := newPool(t, f, Config{})
	v := testVersion("a")
	ctx, cancel := context.WithCancel(t.Context())
	end := make(chan error, 1)
	go func() { _, err := p.Fetch(ctx, v, get("/first")); end <- err }()
	first := <-ids
	cancel()
	<-end
	resp, _ := fetch(t, p, v, get("/second"))
	resp.Wait(t.Context())
	if second := <-ids; second == first {
		t.Errorf("id %d was used again while its event ran", first)
	}
	(*release.Load())()
	waitIdle(t, p)
	fetch(t, p, v, get("/third"))
	if third := <-ids; third > 2 {
		t.Errorf("id %d: ids are not used again", third)
	}
}

func TestWaitUntil(t *testing.T) {
	f := &fleet{}
	p, _ := newPool(t, f, Config{})
	ctx, cancel := context.WithCancel(t.Context())
	resp, err := p.Fetch(ctx, testVersion("a"), get("/late"))
	if err != nil {
		t.Fatal(err)
	}
	cancel() // The response was inline: the client's leaving changes nothing.
	if _, err := resp.Wait(ctx); err != context.Canceled {
		t.Errorf("wait: %v", err)
	}
	results := make(chan Result, 3)
	for range 3 { // Any number may wait.
		go func() { r, _ := resp.Wait(context.Background()); results <- r }()
	}
	f.host(0).send(1, hostproto.EventDone{Outcome: hostproto.OutcomeOK})
	for range 3 {
		if r := <-results; r.Outcome != worker.OK {
			t.Errorf("result %+v", r)
		}
	}
}

// Goal: a reader who does not want the body ends it, and so does a client who leaves in the middle.
func TestBodyGivenUp(t *testing.T) {
	p, _ := newPool(t, &fleet{}, Config{})
	v := testVersion("a")
	resp, err := p.Fetch(t.Context(), v, get("/endless"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(resp.Body, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if _, err := resp.Body.Read(make([]byte, 1)); err != io.ErrClosedPipe {
		t.Errorf("read after close: %v", err)
	}
	if result, err := resp.Wait(t.Context()); err != nil || result.Outcome != worker.OK {
		t.Errorf("result %+v, %v", result, err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	resp, err = p.Fetch(ctx, v, get("/endless"))
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		io.ReadFull(resp.Body, make([]byte, 1_000_000))
		cancel()
	}()
	if result, err := resp.Wait(t.Context()); err != nil || result.Outcome != worker.OK {
		t.Errorf("result %+v, %v", result, err)
	}
	eventually(t, "reading ends", func() bool { _, err := resp.Body.Read(make([]byte, 1<<20)); return err == context.Canceled })
	resp.Body.Close()
	waitIdle(t, p)
}

func TestEventEndsBeforeItsBody(t *testing.T) {
	f := &fleet{setUp: func(_ int, h *fakeHost) {
		h.onFetch = func(h *fakeHost, id uint32, _ hostproto.Fetch) {
			w := h.open(id, func(bool) {})
			h.send(id, hostproto.Response{Status: 200, Stream: w.id, Length: -1})
			w.write([]byte("half"))
			h.done(id)
		}
	}}
	p, _ := newPool(t, f, Config{})
	resp, err := p.Fetch(t.Context(), testVersion("a"), get("/"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(resp.Body); string(got) != "half" || err != ErrEventEnded {
		t.Errorf("read %q, %v", got, err)
	}
	resp.Body.Close()
	waitIdle(t, p)
}

// Goal: what the worker passes on never enters the host.
func TestSplicedRequest(t *testing.T) {
	f := &fleet{}
	p, _ := newPool(t, f, Config{})
	body := strings.Repeat("abc", 1_000_000)
	resp, got := fetch(t, p, testVersion("a"), &FetchRequest{Method: "POST", URL: "https://example.com/splice", Body: strings.NewReader(body), Length: int64(len(body))})
	if got != body || resp.Length != int64(len(body)) {
		t.Errorf("%d bytes came back", len(got))
	}
	if n := f.host(0).data.Load(); n != 0 {
		t.Errorf("%d pieces went through the host", n)
	}
	waitIdle(t, p)
}

// answerCalls is a CallHandler.
type answerCalls func(ctx context.Context, c *Call) CallResult

func (f answerCalls) Call(ctx context.Context, c *Call) CallResult { return f(ctx, c) }

func TestCalls(t *testing.T) {
	v := testVersion("a")
	calls := answerCalls(func(_ context.Context, c *Call) CallResult {
		if c.Version != v || c.Op != hostproto.CallOpFetch || c.Slot != 0 || c.Upload != nil {
			t.Errorf("call %+v", c)
		}
		return CallResult{Code: hostproto.CallCodeRefused, Message: "no: \xff", Result: append([]byte("got "), c.Args...)}
	})
	p, _ := newPool(t, &fleet{}, Config{Calls: calls})
	if _, got := fetch(t, p, v, get("/call?x=1")); got != "refused no: \ufffd got x=1" {
		t.Errorf("answer %q", got)
	}
	waitIdle(t, p)
}

// Goal: what the request's context carries, host calls carry; but they do not end with it.
func TestCallsCarryValues(t *testing.T) {
	type key struct{}
	calls := answerCalls(func(ctx context.Context, _ *Call) CallResult {
		if ctx.Value(key{}) != "carried" || ctx.Err() != nil {
			t.Errorf("value %v, error %v", ctx.Value(key{}), ctx.Err())
		}
		return CallResult{Code: hostproto.CallCodeOK}
	})
	p, _ := newPool(t, &fleet{}, Config{Calls: calls})
	values, cancel := context.WithCancel(context.WithValue(context.Background(), key{}, "carried"))
	cancel()
	req := get("/call")
	req.Values = values
	fetch(t, p, testVersion("a"), req)
	waitIdle(t, p)
}

func TestCallsWithoutHandler(t *testing.T) {
	p, _ := newPool(t, &fleet{}, Config{})
	if _, got := fetch(t, p, testVersion("a"), get("/call")); !strings.HasPrefix(got, "unsupported ") {
		t.Errorf("answer %q", got)
	}
}

func TestCallResultTooLarge(t *testing.T) {
	closed := make(chan struct{})
	p, _ := newPool(t, &fleet{}, Config{Calls: answerCalls(func(context.Context, *Call) CallResult {
		return CallResult{Result: make([]byte, hostproto.FramePayloadMax), Body: &source{closed: closed}}
	})})
	if _, got := fetch(t, p, testVersion("a"), get("/call")); !strings.HasPrefix(got, "internal ") {
		t.Errorf("answer %q", got)
	}
	<-closed
}

// source is a body that knows whether it has been closed.
type source struct {
	io.Reader
	closed chan struct{}
}

func (s *source) Close() error { close(s.closed); return nil }

func TestUploads(t *testing.T) {
	for _, path := range []string{"/upload", "/produce"} {
		t.Run(path, func(t *testing.T) {
			f := &fleet{}
			p, _ := newPool(t, f, Config{Calls: answerCalls(func(_ context.Context, c *Call) CallResult {
				n, err := io.Copy(io.Discard, c.Upload)
				return CallResult{Result: fmt.Appendf(nil, "%d %v", n, err)}
			})})
			body := &FetchRequest{Method: "POST", URL: "https://example.com" + path, Body: strings.NewReader(strings.Repeat("y", 1_000_000)), Length: -1}
			if _, got := fetch(t, p, testVersion("a"), body); got != "1000000 <nil>" {
				t.Errorf("answer %q", got)
			}
			if n := f.host(0).data.Load(); n != 0 {
				t.Errorf("%d pieces went through the host", n)
			}
			waitIdle(t, p)
		})
	}
}

// Goal: the body of a call's result is read by the host, and closed with its context at its end.
func TestDownload(t *testing.T) {
	closed := make(chan struct{})
	var callCtx context.Context
	p, _ := newPool(t, &fleet{}, Config{Calls: answerCalls(func(ctx context.Context, _ *Call) CallResult {
		callCtx = ctx
		return CallResult{Body: &source{strings.NewReader(strings.Repeat("z", 700_000)), closed}, Length: -1}
	})})
	if _, got := fetch(t, p, testVersion("a"), get("/download")); got != "700000 true" {
		t.Errorf("answer %q", got)
	}
	<-closed
	<-callCtx.Done()
	waitIdle(t, p)
}

// Goal: a body passed on outlives its event, and so does the context of the call that made it, until it has been read.
func TestProxiedBodyOutlivesItsEvent(t *testing.T) {
	closed := make(chan struct{})
	pipe, feed := io.Pipe()
	var callCtx context.Context
	f := &fleet{}
	p, _ := newPool(t, f, Config{Calls: answerCalls(func(ctx context.Context, c *Call) CallResult {
		callCtx = ctx
		upload := make([]byte, 3)
		if _, err := io.ReadFull(c.Upload, upload); err != nil || string(upload) != "req" {
			t.Errorf("upload %q, %v", upload, err)
		}
		return CallResult{Body: &source{pipe, closed}, Length: 8}
	})})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	resp, err := p.Fetch(ctx, testVersion("a"), &FetchRequest{Method: "POST", URL: "https://example.com/proxy", Body: strings.NewReader("request"), Length: 7})
	if err != nil {
		t.Fatal(err)
	}
	if result, err := resp.Wait(t.Context()); err != nil || result.Outcome != worker.OK {
		t.Fatalf("result %+v, %v", result, err)
	}
	waitIdle(t, p)
	f.host(0).die() // Not even the host is needed any more.
	<-f.host(0).died
	if callCtx.Err() != nil {
		t.Fatal("the call's context ended with the event")
	}
	go func() { feed.Write([]byte("upstream")); feed.Close() }()
	if got, err := io.ReadAll(resp.Body); string(got) != "upstream" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
	<-closed
	<-callCtx.Done()
	resp.Body.Close()
}

func TestProxiedBodyEndsWithItsClient(t *testing.T) {
	closed := make(chan struct{})
	pipe, _ := io.Pipe()
	p, _ := newPool(t, &fleet{}, Config{Calls: answerCalls(func(context.Context, *Call) CallResult {
		return CallResult{Body: &source{pipe, closed}, Length: -1}
	})})
	ctx, cancel := context.WithCancel(t.Context())
	resp, err := p.Fetch(ctx, testVersion("a"), get("/proxy"))
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	<-closed
	eventually(t, "reading ends", func() bool { _, err := resp.Body.Read(make([]byte, 1)); return err == context.Canceled })
}

func TestCallAbort(t *testing.T) {
	ended := make(chan error, 1)
	p, _ := newPool(t, &fleet{}, Config{Calls: answerCalls(func(ctx context.Context, _ *Call) CallResult {
		<-ctx.Done()
		ended <- ctx.Err()
		return CallResult{Result: []byte("nobody wants it")}
	})})
	if _, got := fetch(t, p, testVersion("a"), get("/abort")); got != "aborted" {
		t.Errorf("answer %q", got)
	}
	<-ended
	waitIdle(t, p)
}

// Goal: the end of an event ends its calls. The handler of one that is under way sees its context end.
func TestEventEndEndsItsCalls(t *testing.T) {
	begun, ended := make(chan struct{}), make(chan error, 1)
	f := &fleet{setUp: func(_ int, h *fakeHost) {
		h.onFetch = func(h *fakeHost, id uint32, m hostproto.Fetch) {
			h.call(id, m.Stream, "", func(hostproto.CallResult) { panic("result after the event") })
			h.respond(id, "")
			go func() { <-begun; h.send(id, hostproto.EventDone{}) }()
		}
	}}
	p, _ := newPool(t, f, Config{Calls: answerCalls(func(ctx context.Context, c *Call) CallResult {
		close(begun)
		<-ctx.Done()
		eventually(t, "the upload ends", func() bool { _, err := c.Upload.Read(make([]byte, 1)); return err == io.ErrClosedPipe })
		ended <- ctx.Err()
		return CallResult{}
	})})
	fetch(t, p, testVersion("a"), &FetchRequest{Method: "POST", URL: "https://example.com/", Body: neverEnds{}, Length: -1})
	<-ended
	waitIdle(t, p)
}

type neverEnds struct{}

func (neverEnds) Read(p []byte) (int, error) { return len(p), nil }

func TestCallLimits(t *testing.T) {
	release := make(chan struct{})
	limited := make(chan int, 1)
	f := &fleet{setUp: func(_ int, h *fakeHost) {
		h.onFetch = func(h *fakeHost, id uint32, _ hostproto.Fetch) {
			answers, limits := 0, 0
			for range CallsPerEventMax + 10 {
				h.call(id, 0, "", func(r hostproto.CallResult) {
					if r.Code == hostproto.CallCodeLimit {
						if limits++; limits == 10 {
							close(release)
						}
					}
					if answers++; answers == CallsPerEventMax+10 {
						limited <- limits
						h.respond(id, "")
						h.done(id)
					}
				})
			}
		}
	}}
	p, _ := newPool(t, f, Config{Calls: answerCalls(func(context.Context, *Call) CallResult { <-release; return CallResult{} })})
	fetch(t, p, testVersion("a"), get("/"))
	if n := <-limited; n != 10 {
		t.Errorf("%d calls were refused, want 10", n)
	}
	waitIdle(t, p)
}

func TestHostCancelsRequestBody(t *testing.T) {
	f := &fleet{setUp: func(_ int, h *fakeHost) {
		h.onFetch = func(h *fakeHost, id uint32, m hostproto.Fetch) {
			got := 0
			h.streams[m.Stream] = func(fr hostproto.Frame) {
				switch fr.Type {
				case hostproto.TypeStreamData:
					if got += len(fr.Payload); got == 1000 {
						h.send(m.Stream, hostproto.StreamCancel{})
					}
				case hostproto.TypeStreamReset:
					h.respond(id, fmt.Sprint(got))
					h.done(id)
				}
			}
			h.send(m.Stream, hostproto.StreamCredit{Bytes: 1000})
		}
	}}
	p, _ := newPool(t, f, Config{})
	if _, got := fetch(t, p, testVersion("a"), &FetchRequest{Method: "POST", URL: "https://example.com/", Body: neverEnds{}, Length: -1}); got != "1000" {
		t.Errorf("%s bytes came", got)
	}
	waitIdle(t, p)
}

// Goal: every lie ends the host, is named in the log, and harms nobody else: the next request is served by the next host.
func TestViolations(t *testing.T) {
	type lie func(h *fakeHost, id uint32, m hostproto.Fetch)
	response := func(m hostproto.Response) lie {
		return func(h *fakeHost, id uint32, _ hostproto.Fetch) { h.send(id, m) }
	}
	streamed := func(then func(h *fakeHost, stream uint32)) lie {
		return func(h *fakeHost, id uint32, _ hostproto.Fetch) {
			h.send(id, hostproto.Response{Status: 200, Stream: 7, Length: -1})
			then(h, 7)
		}
	}
	long := strings.Repeat("x", hostproto.StackTextMax+1)
	for _, test := range []struct {
		name string
		lie  lie
		want string
	}{
		{"response to nothing", func(h *fakeHost, id uint32, _ hostproto.Fetch) { h.send(id+1, hostproto.Response{Status: 200}) }, "not under way"},
		{"response to a huge id", func(h *fakeHost, _ uint32, _ hostproto.Fetch) { h.send(1<<32-1, hostproto.Response{Status: 200}) }, "not under way"},
		{"second response", func(h *fakeHost, id uint32, _ hostproto.Fetch) { h.respond(id, ""); h.respond(id, "") }, "second"},
		{"response after the end", func(h *fakeHost, id uint32, _ hostproto.Fetch) { h.done(id); h.respond(id, "") }, "not under way"},
		{"second end", func(h *fakeHost, id uint32, _ hostproto.Fetch) { h.done(id); h.done(id) }, "not under way"},
		{"status", response(hostproto.Response{Status: 99}), "status"},
		{"length", response(hostproto.Response{Status: 200, Length: -2}), "negative"},
		{"body and stream", response(hostproto.Response{Status: 200, Stream: 1, Body: []byte("x")}), "inline and a stream"},
		{"headers without value", response(hostproto.Response{Status: 200, Headers: []byte("a\n")}), "malformed headers"},
		{"headers not ended", response(hostproto.Response{Status: 200, Headers: []byte("a\nb")}), "malformed headers"},
		{"headers with CR", response(hostproto.Response{Status: 200, Headers: []byte("a\nb\r\n")}), "malformed headers"},
		{"headers with NUL", response(hostproto.Response{Status: 200, Headers: []byte("a\nb\x00\n")}), "malformed headers"},
		{"header without name", response(hostproto.Response{Status: 200, Headers: []byte("\nb\n")}), "malformed headers"},
		{"headers too large", response(hostproto.Response{Status: 200, Headers: []byte("a\n" + strings.Repeat("x", hostproto.HeadersMax) + "\n")}), "headers_max"},
		{"status text", response(hostproto.Response{Status: 200, StatusText: "OK\r\nset-cookie: a"}), "control character"},
		{"splice of nothing", response(hostproto.Response{Status: 200, Stream: 2}), "not one of its event"},
		{"end says host lost", func(h *fakeHost, id uint32, _ hostproto.Fetch) {
			h.send(id, hostproto.EventDone{Outcome: hostproto.OutcomeHostLost})
		}, "its own host"},
		{"end with long stack", func(h *fakeHost, id uint32, _ hostproto.Fetch) { h.send(id, hostproto.EventDone{Stack: long}) }, "over their limits"},
		{"call for nothing", func(h *fakeHost, id uint32, _ hostproto.Fetch) { h.send(1, hostproto.Call{Event: id + 1, Op: 1}) }, "not under way"},
		{"call id twice", func(h *fakeHost, id uint32, _ hostproto.Fetch) {
			h.send(1, hostproto.Call{Event: id, Op: 1})
			h.send(1, hostproto.Call{Event: id, Op: 1})
		}, "under way already"},
		{"call with a stream in use", func(h *fakeHost, id uint32, _ hostproto.Fetch) {
			h.send(1, hostproto.Call{Event: id, Op: 1, Stream: 9})
			h.send(2, hostproto.Call{Event: id, Op: 1, Stream: 9})
		}, "in use"},
		{"call with nobody's stream", func(h *fakeHost, id uint32, _ hostproto.Fetch) {
			h.send(1, hostproto.Call{Event: id, Op: 1, Stream: 4})
		}, "not one of its event"},
		{"data for nothing", func(h *fakeHost, _ uint32, _ hostproto.Fetch) { h.send(5, hostproto.StreamData{}) }, "not open"},
		{"data on a stream of ours", func(h *fakeHost, _ uint32, _ hostproto.Fetch) { h.send(2, hostproto.StreamData{}) }, "not open"},
		{"data after the end", streamed(func(h *fakeHost, s uint32) {
			h.send(s, hostproto.StreamEnd{})
			h.send(s, hostproto.StreamData{})
		}), "not open"},
		{"data over credit", streamed(func(h *fakeHost, s uint32) {
			for range hostproto.StreamWindow/hostproto.StreamDataMax + 1 {
				h.send(s, hostproto.StreamData{Data: make([]byte, hostproto.StreamDataMax)})
			}
		}), "more bytes than credit"},
		{"credit for nothing", func(h *fakeHost, _ uint32, _ hostproto.Fetch) { h.send(2, hostproto.StreamCredit{Bytes: 1}) }, "not open"},
		{"credit for its own stream", streamed(func(h *fakeHost, s uint32) { h.send(s, hostproto.StreamCredit{Bytes: 1}) }), "not open"},
		{"cancel of nothing", func(h *fakeHost, _ uint32, _ hostproto.Fetch) { h.send(2, hostproto.StreamCancel{}) }, "not open"},
		{"log of nobody", func(h *fakeHost, _ uint32, _ hostproto.Fetch) { h.send(0, hostproto.Log{Worker: 2}) }, "never was"},
		{"log too long", func(h *fakeHost, _ uint32, _ hostproto.Fetch) {
			h.send(0, hostproto.Log{Worker: 1, Text: make([]byte, hostproto.LogTextMax+1)})
		}, "log_text_max"},
		{"cache of nobody", func(h *fakeHost, _ uint32, _ hostproto.Fetch) { h.send(9, hostproto.CodeCache{}) }, "never was"},
		{"cache of no module", func(h *fakeHost, _ uint32, m hostproto.Fetch) { h.send(m.Worker, hostproto.CodeCache{Module: 1}) }, "does not have"},
		{"cache beyond its total", func(h *fakeHost, _ uint32, m hostproto.Fetch) {
			h.send(m.Worker, hostproto.CodeCache{Offset: 1<<32 - 1, Total: 3, Data: []byte("1234")})
		}, "beyond its total"},
		{"stats unasked", func(h *fakeHost, _ uint32, _ hostproto.Fetch) { h.send(1, hostproto.Stats{}) }, "not asked"},
		{"second Ready", func(h *fakeHost, _ uint32, _ hostproto.Fetch) { h.ready(h) }, "not expected"},
		{"message of the supervisor", func(h *fakeHost, _ uint32, _ hostproto.Fetch) { h.send(1, hostproto.Cancel{}) }, "bad_direction"},
		{"malformed payload", func(h *fakeHost, id uint32, _ hostproto.Fetch) { h.send(id, hostproto.EventDone{Message: "\xff"}) }, "bad_utf8"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := &fleet{setUp: func(n int, h *fakeHost) {
				if n == 0 {
					h.onFetch = test.lie
				}
			}}
			// Calls stay under way: the id of one that has its result may be used again.
			p, log := newPool(t, f, Config{Calls: answerCalls(func(ctx context.Context, _ *Call) CallResult { <-ctx.Done(); return CallResult{} })})
			resp, err := p.Fetch(t.Context(), testVersion("a"), get("/hello"))
			<-f.host(0).died // Reading before would grant credit.
			if err == nil && resp.Body != nil {
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
			eventually(t, "the log names the violation", func() bool {
				return strings.Contains(log.String(), "broke the protocol") && strings.Contains(log.String(), test.want)
			})
			if _, got := fetch(t, p, testVersion("b"), get("/hello")); got != "hello" {
				t.Errorf("the next host answers %q", got)
			}
			if s, err := p.Stats(t.Context()); err != nil || s.Violations != 1 || s.Restarts != 1 {
				t.Errorf("stats %+v, %v", s, err)
			}
		})
	}
}

// Goal: the rules for streams of ours that are passed on. Method: a request with a body.
func TestSpliceViolations(t *testing.T) {
	for _, test := range []struct {
		name string
		lie  func(h *fakeHost, id uint32, m hostproto.Fetch)
		want string
	}{
		{"twice", func(h *fakeHost, id uint32, m hostproto.Fetch) {
			h.send(1, hostproto.Call{Event: id, Op: 1, Stream: m.Stream})
			h.send(id, hostproto.Response{Status: 200, Stream: m.Stream})
		}, "passed on, read or canceled"},
		{"after reading", func(h *fakeHost, id uint32, m hostproto.Fetch) {
			h.send(m.Stream, hostproto.StreamCredit{Bytes: 1})
			h.send(id, hostproto.Response{Status: 200, Stream: m.Stream})
		}, "passed on, read or canceled"},
		{"after canceling", func(h *fakeHost, id uint32, m hostproto.Fetch) {
			h.send(m.Stream, hostproto.StreamCancel{})
			h.send(id, hostproto.Response{Status: 200, Stream: m.Stream})
		}, "passed on, read or canceled"},
		{"then read", func(h *fakeHost, id uint32, m hostproto.Fetch) {
			h.send(id, hostproto.Response{Status: 200, Stream: m.Stream})
			h.send(m.Stream, hostproto.StreamCredit{Bytes: 1})
		}, "passed on"},
		{"then canceled", func(h *fakeHost, id uint32, m hostproto.Fetch) {
			h.send(id, hostproto.Response{Status: 200, Stream: m.Stream})
			h.send(m.Stream, hostproto.StreamCancel{})
		}, "passed on"},
		{"too much credit", func(h *fakeHost, id uint32, m hostproto.Fetch) {
			h.send(m.Stream, hostproto.StreamCredit{Bytes: 1<<32 - 1})
		}, "2^31-1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := &fleet{setUp: func(n int, h *fakeHost) {
				if n == 0 {
					h.onFetch = test.lie
				}
			}}
			p, log := newPool(t, f, Config{})
			resp, err := p.Fetch(t.Context(), testVersion("a"), &FetchRequest{Method: "POST", URL: "https://example.com/hello", Body: strings.NewReader("x"), Length: 1})
			if err == nil && resp.Body != nil {
				resp.Body.Close()
			}
			eventually(t, "the log names the violation", func() bool {
				return strings.Contains(log.String(), "broke the protocol") && strings.Contains(log.String(), test.want)
			})
		})
	}
}

// Goal: a host cannot get at the body of another event by guessing its stream. Method: two requests in one host.
func TestStreamOfAnotherEvent(t *testing.T) {
	var victim uint32
	f := &fleet{setUp: func(n int, h *fakeHost) {
		h.onFetch = func(h *fakeHost, id uint32, m hostproto.Fetch) {
			if m.Stream != 0 {
				victim = m.Stream
				h.respond(id, "")
				return
			}
			h.send(id, hostproto.Response{Status: 200, Stream: victim})
		}
	}}
	p, log := newPool(t, f, Config{})
	fetch(t, p, testVersion("a"), &FetchRequest{Method: "POST", URL: "https://example.com/", Body: &panicking{}, Length: 1})
	f.mu.Lock()
	f.setUp = nil
	f.mu.Unlock()
	if _, got := fetch(t, p, testVersion("b"), get("/hello")); got != "hello" { // Sent once more, to an honest host.
		t.Errorf("answer %q", got)
	}
	eventually(t, "the log names the violation", func() bool { return strings.Contains(log.String(), "not one of its event") })
}

func TestStats(t *testing.T) {
	p, _ := newPool(t, &fleet{}, Config{Hosts: 2, WarmSpareHost: true})
	eventually(t, "the spare host is ready", func() bool { return len(p.Pids()) == 3 })
	for i := range 4 {
		fetch(t, p, testVersion(fmt.Sprint(i)), get("/hello"))
	}
	s, err := p.Stats(t.Context())
	if err != nil || len(s.Hosts) != 3 || s.Versions != 4 {
		t.Fatalf("stats %+v, %v", s, err)
	}
	for i, h := range s.Hosts {
		if h.Host.IsolatesLive != 7 || h.Spare != (i == 2) || h.Workers != []int{2, 2, 0}[i] {
			t.Errorf("host %d: %+v", i, h)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Stats(ctx); err != context.Canceled {
		t.Errorf("error %v", err)
	}
}

func TestLogs(t *testing.T) {
	type line struct {
		v     *worker.Version
		level hostproto.LogLevel
		text  string
	}
	lines := make(chan line, 1)
	f := &fleet{}
	p, _ := newPool(t, f, Config{OnLog: func(v *worker.Version, level hostproto.LogLevel, text []byte) { lines <- line{v, level, string(text)} }})
	v := testVersion("a")
	fetch(t, p, v, get("/hello"))
	f.host(0).send(0, hostproto.Log{Worker: 1, Level: hostproto.LogLevelWarn, Text: []byte("caf\xe9")})
	if got := <-lines; got != (line{v, hostproto.LogLevelWarn, "caf\xe9"}) {
		t.Errorf("line %+v", got)
	}
}

func TestForget(t *testing.T) {
	f := &fleet{}
	p, _ := newPool(t, f, Config{})
	v := testVersion("a")
	resp, _ := fetch(t, p, v, get("/late"))
	p.Forget(v)
	p.Forget(v)
	h := f.host(0)
	select {
	case <-h.unloads:
		t.Fatal("unloaded under an event")
	default:
	}
	h.send(1, hostproto.EventDone{})
	if _, err := resp.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if id := <-h.unloads; id != 1 {
		t.Errorf("unloaded worker %d", id)
	}
	// Frames about it that were on their way are no violation, and it can come back.
	h.send(0, hostproto.Log{Worker: 1})
	h.send(1, hostproto.CodeCache{Total: 1, Data: []byte("x")})
	fetch(t, p, v, get("/hello"))
	if h.loads.Load() != 2 || f.count() != 1 {
		t.Errorf("%d loads, %d hosts", h.loads.Load(), f.count())
	}
	p.Forget(v)
	if id := <-h.unloads; id != 2 {
		t.Errorf("unloaded worker %d", id)
	}
}

// Goal: code cache comes back with the next definition, unless the host that made it broke the protocol.
func TestCodeCache(t *testing.T) {
	for _, lies := range []bool{false, true} {
		t.Run(fmt.Sprintf("lies=%v", lies), func(t *testing.T) {
			f := &fleet{}
			p, _ := newPool(t, f, Config{})
			v := testVersion("a")
			v.Modules = append(v.Modules, worker.Module{Name: "b.js", Data: []byte("bb")})
			fetch(t, p, v, get("/hello"))
			h := f.host(0)
			cache := bytes.Repeat([]byte("cache"), 12_000)
			h.send(1, hostproto.CodeCache{Module: 1, Offset: 0, Total: 9, Data: []byte("abandoned")[:4]})
			for at := 0; at < len(cache); at += 30_000 {
				h.send(1, hostproto.CodeCache{Module: 1, Offset: uint32(at), Total: uint32(len(cache)), Data: cache[at:min(at+30_000, len(cache))]})
			}
			h.send(1, hostproto.CodeCache{Module: 0, Offset: 0, Total: CodeCacheMax + 1, Data: []byte("too large")})
			h.send(1, hostproto.CodeCache{Module: 0, Offset: 5, Total: 10, Data: []byte("gap")})
			if lies {
				h.send(99, hostproto.StreamData{})
			} else {
				// The answer comes after what was sent before.
				if _, err := p.Stats(t.Context()); err != nil {
					t.Fatal(err)
				}
				h.outside.Store(true)
				h.die()
			}
			eventually(t, "the host is replaced", func() bool { return f.count() == 2 && len(p.hosts()) == 1 })
			fetch(t, p, v, get("/hello"))
			w := f.host(1).workers[1]
			const modules = "export default {}bb"
			want, length := modules+string(cache), uint32(len(cache))
			if lies {
				want, length = modules, 0
			}
			m := w.load.Modules[1]
			if string(w.data) != want || m.CacheLength != length || length > 0 && m.CacheOffset != uint32(len(modules)) || w.load.Modules[0].CacheLength != 0 {
				t.Errorf("%d bytes, modules %+v", len(w.data), w.load.Modules)
			}
		})
	}
}

// Goal: everything at once, on many goroutines, with hosts that die; nothing hangs and nothing is left.
func TestHammer(t *testing.T) {
	f := &fleet{}
	p, log := newPool(t, f, Config{Hosts: 2, WarmSpareHost: true, Calls: answerCalls(func(_ context.Context, c *Call) CallResult {
		if c.Upload != nil {
			io.CopyN(io.Discard, c.Upload, 1000)
		}
		return CallResult{Body: io.NopCloser(strings.NewReader(strings.Repeat("z", 100_000))), Length: 100_000}
	})})
	paths := []string{"/hello", "/hello", "/throw", "/echo", "/read", "/generate?n=300000", "/splice", "/upload", "/produce", "/download", "/proxy", "/abort", "/endless", "/hang", "/stubborn"}
	versions := []*worker.Version{testVersion("a"), testVersion("b"), testVersion("c")}
	var all sync.WaitGroup
	var answered atomic.Int64
	for g := range 16 {
		all.Go(func() {
			random := rand.New(rand.NewPCG(uint64(g), 1))
			for range 150 {
				path := paths[random.IntN(len(paths))]
				if random.IntN(200) == 0 {
					path = "/die"
				}
				ctx, cancel := context.WithCancel(t.Context())
				if path == "/hang" || path == "/stubborn" || path == "/endless" || random.IntN(5) == 0 {
					time.AfterFunc(time.Duration(random.IntN(2000))*time.Microsecond, cancel)
				}
				req := get(path)
				if random.IntN(2) == 0 || path == "/echo" || path == "/read" || path == "/splice" {
					req.Body, req.Length = strings.NewReader(strings.Repeat("q", random.IntN(200_000))), -1
				}
				v := versions[random.IntN(len(versions))]
				resp, err := p.Fetch(ctx, v, req)
				var ended *EventError
				if err != nil && !errors.As(err, &ended) && !errors.Is(err, context.Canceled) {
					t.Errorf("%s: %v", path, err)
				}
				if err == nil {
					answered.Add(1)
					if resp.Body != nil {
						if random.IntN(4) > 0 {
							io.Copy(io.Discard, resp.Body)
						}
						resp.Body.Close()
					}
					if random.IntN(2) == 0 {
						resp.Wait(ctx)
					}
				}
				if random.IntN(50) == 0 {
					p.Forget(v)
				}
				cancel()
			}
		})
	}
	all.Wait()
	waitIdle(t, p)
	if p.violations.Load() != 0 {
		t.Errorf("honest hosts were taken for liars:\n%s", log)
	}
	t.Logf("%d answers, %d hosts", answered.Load(), f.count())
	if answered.Load() < 500 {
		t.Errorf("only %d answers", answered.Load())
	}
}

// Goal: a worker that passes the request's body on at the very moment its client leaves is no liar. Method: it does so
// when it is told of the cancellation, in a response and in a call.
func TestSpliceCrossesCancellation(t *testing.T) {
	for _, inCall := range []bool{false, true} {
		t.Run(fmt.Sprintf("call=%v", inCall), func(t *testing.T) {
			f := &fleet{setUp: func(_ int, h *fakeHost) {
				h.onFetch = func(h *fakeHost, id uint32, m hostproto.Fetch) {
					h.cancels[id] = func(hostproto.CancelReason) {
						if inCall {
							h.call(id, m.Stream, "", func(hostproto.CallResult) { h.done(id) })
							return
						}
						h.send(id, hostproto.Response{Status: 200, Stream: m.Stream, Length: 1})
						h.done(id)
					}
				}
			}}
			p, _ := newPool(t, f, Config{Calls: answerCalls(func(_ context.Context, c *Call) CallResult {
				if _, err := c.Upload.Read(make([]byte, 1)); err != context.Canceled {
					t.Errorf("upload: %v", err)
				}
				return CallResult{}
			})})
			ctx, cancel := context.WithCancel(t.Context())
			end := make(chan error, 1)
			go func() {
				_, err := p.Fetch(ctx, testVersion("a"), &FetchRequest{Method: "POST", URL: "https://example.com/", Body: &panicking{}, Length: 1})
				end <- err
			}()
			eventually(t, "the event is under way", func() bool { return len(p.live()) == 1 })
			cancel()
			if err := <-end; !errors.Is(err, context.Canceled) {
				t.Errorf("error %v", err)
			}
			waitIdle(t, p)
			if f.count() != 1 || p.violations.Load() != 0 {
				t.Error("the host was taken for a liar")
			}
		})
	}
}
