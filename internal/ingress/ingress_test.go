package ingress

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"skerry/internal/ambient"
	"skerry/internal/worker"
)

func get(t *testing.T, req *http.Request) (*http.Response, string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func newRequest(t *testing.T, method, url string, body io.Reader) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func TestRequestAsTheWorkerSeesIt(t *testing.T) {
	var got Request
	var headers map[string][]string
	addr := start(t, Config{Dispatcher: fakeDispatcher(func(_ context.Context, _ *worker.Version, req *Request, resp *Response) error {
		got, headers = *req, unpack(req.Headers)
		*resp = Response{Status: 200, Inline: []byte("ok"), Event: ended{}}
		return nil
	})}, nil)
	status, _, _ := raw(t, addr, "GET /a%20b/\xc3\xa9?q=\xff#frag HTTP/1.1\r\nHost: Example.COM.:8080\r\nX-One: 1\r\nX-One: 2\r\nConnection: keep-alive, X-Hop\r\nX-Hop: no\r\n"+
		"Keep-Alive: 3\r\nTE: trailers\r\nCF-Connecting-IP: 6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nX-Forwarded-Proto: gopher\r\nX-Skerry-Request-Id: mine\r\nCookie: a=b\r\nCF-EW-Via: 3\r\nUPPER_odd!: v\r\n\r\n", 1)
	if !reflect.DeepEqual(status, []int{200}) {
		t.Fatalf("status %v", status)
	}
	if got.Method != "GET" || got.URL != "http://example.com:8080/a%20b/%C3%A9?q=%FF" || got.CF != `{"httpProtocol":"HTTP/1.1"}` || got.Body != nil || got.Length != 0 {
		t.Errorf("request %+v", got)
	}
	id := strings.Join(headers["x-skerry-request-id"], " ")
	if len(id) != 16 {
		t.Errorf("request id %q", id)
	}
	want := map[string][]string{"host": {"example.com:8080"}, "x-one": {"1", "2"}, "cf-connecting-ip": {"127.0.0.1"}, "x-real-ip": {"127.0.0.1"}, "x-forwarded-proto": {"http"},
		"x-skerry-request-id": {id}, "cookie": {"a=b"}, "upper_odd!": {"v"}}
	if !reflect.DeepEqual(headers, want) {
		t.Errorf("headers %q", headers)
	}
}

func TestResponseHeaders(t *testing.T) {
	addr := start(t, Config{Dispatcher: answer(201, "content-type: text/x\nset-cookie: a=1\nset-cookie: b=2\nconnection: close\ntransfer-encoding: gzip\nx-odd_name: é\ncontent-length: 999\nx-skerry-request-id: fake", "hello")}, nil)
	resp, body := get(t, newRequest(t, "GET", "http://"+addr+"/", nil))
	if resp.StatusCode != 201 || body != "hello" || resp.ContentLength != 5 {
		t.Errorf("status %d body %q length %d", resp.StatusCode, body, resp.ContentLength)
	}
	if got := resp.Header["Set-Cookie"]; !reflect.DeepEqual(got, []string{"a=1", "b=2"}) {
		t.Errorf("set-cookie %q", got)
	}
	if resp.Header.Get("x-odd_name") != "é" || resp.Header.Get("Content-Type") != "text/x" || len(resp.Header["X-Skerry-Request-Id"]) != 1 || resp.Header.Get("X-Skerry-Request-Id") == "fake" {
		t.Errorf("headers %q", resp.Header)
	}
}

func TestNoContentTypeIsNotGuessed(t *testing.T) {
	addr := start(t, Config{Dispatcher: answer(200, "", "<html><script>")}, nil)
	resp, _ := get(t, newRequest(t, "GET", "http://"+addr+"/", nil))
	if _, ok := resp.Header["Content-Type"]; ok {
		t.Errorf("content-type %q", resp.Header["Content-Type"])
	}
}

func TestBodiesThatMustNotBe(t *testing.T) {
	big := strings.Repeat("x", 100_000)
	tests := []struct {
		name, method  string
		status        int
		headers, body string
		stream        bool
		length        string // expected Content-Length
	}{
		{"204", "GET", 204, "", "oops", false, ""},
		{"204 stream", "GET", 204, "", "oops", true, ""},
		{"304", "GET", 304, "etag: x", "oops", false, ""},
		{"205", "GET", 205, "", "oops", false, "0"},
		{"HEAD small", "HEAD", 200, "", "hello", false, "5"},
		{"HEAD big", "HEAD", 200, "", big, false, "100000"},
		{"HEAD announced", "HEAD", 200, "content-length: 42", "", false, "42"},
		{"HEAD bad length", "HEAD", 200, "content-length: 4x", "", false, ""},
		{"HEAD stream", "HEAD", 200, "", "hello", true, "5"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			closed := make(chan struct{})
			addr := start(t, Config{Dispatcher: fakeDispatcher(func(_ context.Context, _ *worker.Version, _ *Request, resp *Response) error {
				*resp = Response{Status: test.status, Headers: pack(test.headers), Event: ended{}, Length: int64(len(test.body))}
				if test.stream {
					body := newChanBody()
					closed = body.closed
					resp.Body = body
				} else {
					resp.Inline = []byte(test.body)
				}
				return nil
			})}, nil)
			// Two requests on one connection: the second would be misread if a body had been sent.
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			r := bufio.NewReader(c)
			for range 2 {
				fmt.Fprintf(c, "%s / HTTP/1.1\r\nHost: a\r\n\r\n", test.method)
				resp, err := http.ReadResponse(r, &http.Request{Method: test.method})
				if err != nil {
					t.Fatal(err)
				}
				body, _ := io.ReadAll(resp.Body)
				if resp.StatusCode != test.status || len(body) != 0 || resp.Header.Get("Content-Length") != test.length {
					t.Errorf("status %d body %q length %q", resp.StatusCode, body, resp.Header.Get("Content-Length"))
				}
			}
			if test.stream {
				<-closed
			}
		})
	}
}

func TestErrorPages(t *testing.T) {
	fail := func(o worker.Outcome) error {
		return &EventError{Result{Outcome: o, Message: "secret message", Stack: "secret stack"}}
	}
	tests := []struct {
		err    error
		status int
		code   int
	}{
		{fail(worker.Exception), 500, 1101}, {fail(worker.Hung), 500, 1101}, {fail(worker.ScriptInvalid), 500, 1101},
		{fail(worker.ExceededCPU), 503, 1102}, {fail(worker.ExceededMemory), 503, 1102}, {fail(worker.LoadShed), 503, CodeOverloaded},
		{fail(worker.HostLost), 502, CodeHostLost}, {fail(worker.OK), 500, 1101}, {fail(worker.InternalError), 500, CodeInternal},
		{errors.New("secret: pool is closed"), 500, CodeInternal},
	}
	for _, test := range tests {
		t.Run(test.err.Error(), func(t *testing.T) {
			seen := newSink()
			addr := start(t, Config{Observer: seen.observe, Dispatcher: fakeDispatcher(func(context.Context, *worker.Version, *Request, *Response) error { return test.err })}, nil)
			resp, body := get(t, newRequest(t, "GET", "http://"+addr+"/", nil))
			if resp.StatusCode != test.status || !strings.HasPrefix(body, "error code: "+strconv.Itoa(test.code)+"\n") || strings.Contains(body, "secret") {
				t.Errorf("status %d body %q", resp.StatusCode, body)
			}
			if id := resp.Header.Get("X-Skerry-Request-Id"); id == "" || !strings.Contains(body, "request id: "+id+"\n") {
				t.Errorf("request id %q not in body %q", id, body)
			}
			o := seen.next(t)
			if o.Status != test.status || o.Code != test.code || !strings.Contains(o.Message, "secret") || o.Worker != "w" || !o.Dispatched {
				t.Errorf("observation %+v", o)
			}
		})
	}
}

func TestInvalidResponses(t *testing.T) {
	tests := []struct {
		name         string
		status       int
		headers      string
		expectedCode int
	}{
		{"status 0", 0, "", 1101}, {"status 100", 100, "", 1101}, {"status 600", 600, "", 1101}, {"status 101", 101, "", 1101},
		{"odd", 200, "a\nb\nc\n", 1101}, {"unterminated", 200, "a\nb\nc\nd", 1101}, {"name", 200, "a b\nc\n", 1101}, {"empty name", 200, "\nc\n", 1101},
		{"cr", 200, "a\nb\rset-cookie: x\n", 1101}, {"nul", 200, "a\nb\x00\n", 1101}, {"trailer prefix", 200, "trailer:x\nb\n", 1101},
		{"upper case", 200, "Transfer-Encoding\nchunked\n", 1101},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			addr := start(t, Config{Dispatcher: fakeDispatcher(func(_ context.Context, _ *worker.Version, _ *Request, resp *Response) error {
				*resp = Response{Status: test.status, Headers: []byte("x-first\n1\n" + test.headers), Inline: []byte("body"), Event: ended{}}
				return nil
			})}, nil)
			resp, body := get(t, newRequest(t, "GET", "http://"+addr+"/", nil))
			if !strings.HasPrefix(body, "error code: "+strconv.Itoa(test.expectedCode)+"\n") || resp.Header.Get("X-First") != "" || resp.Header.Get("X-Skerry-Request-Id") == "" {
				t.Errorf("status %d headers %q body %q", resp.StatusCode, resp.Header, body)
			}
		})
	}
}

func TestServerSentEventsArriveOneByOne(t *testing.T) {
	for _, proto := range []string{"HTTP/1.1", "h2c"} {
		t.Run(proto, func(t *testing.T) {
			body := newChanBody()
			addr := start(t, Config{Dispatcher: fakeDispatcher(func(_ context.Context, _ *worker.Version, _ *Request, resp *Response) error {
				*resp = Response{Status: 200, Headers: pack("content-type: text/event-stream"), Body: body, Length: -1, Event: ended{}}
				return nil
			})}, nil)
			transport := &http.Transport{Protocols: new(http.Protocols)}
			transport.Protocols.SetHTTP1(proto == "HTTP/1.1")
			transport.Protocols.SetUnencryptedHTTP2(proto == "h2c")
			defer transport.CloseIdleConnections()
			// The head arrives before any event is sent.
			resp, err := transport.RoundTrip(newRequest(t, "GET", "http://"+addr+"/", nil))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if (resp.ProtoMajor == 2) != (proto == "h2c") {
				t.Fatalf("protocol %s", resp.Proto)
			}
			buffer := make([]byte, 100)
			for i := range 5 {
				event := fmt.Sprintf("data: %d\n\n", i)
				body.in <- []byte(event)
				n, err := io.ReadFull(resp.Body, buffer[:len(event)]) // would wait for ever if it were not flushed
				if err != nil || string(buffer[:n]) != event {
					t.Fatalf("event %d: %q, %v", i, buffer[:n], err)
				}
			}
			close(body.in)
			if rest, err := io.ReadAll(resp.Body); err != nil || len(rest) != 0 {
				t.Fatalf("rest %q, %v", rest, err)
			}
			<-body.closed
		})
	}
}

func TestFullDuplex(t *testing.T) {
	addr := start(t, Config{Dispatcher: fakeDispatcher(func(_ context.Context, _ *worker.Version, req *Request, resp *Response) error {
		*resp = Response{Status: 200, Body: io.NopCloser(req.Body), Length: -1, Event: ended{}}
		if req.Length != -1 {
			t.Errorf("length %d", req.Length)
		}
		return nil
	})}, nil)
	r, w := io.Pipe()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(newRequest(t, "POST", "http://"+addr+"/", r))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	buffer := make([]byte, 6)
	for i := range 10 {
		text := fmt.Sprintf("ping%02d", i)
		io.WriteString(w, text)
		if _, err := io.ReadFull(resp.Body, buffer); err != nil || string(buffer) != text {
			t.Fatalf("%q, %v", buffer, err)
		}
	}
	w.Close()
	if rest, err := io.ReadAll(resp.Body); err != nil || len(rest) != 0 {
		t.Fatalf("rest %q, %v", rest, err)
	}
}

func TestLargeStreamedBodies(t *testing.T) {
	const size = 8 << 20
	addr := start(t, Config{Dispatcher: fakeDispatcher(func(_ context.Context, _ *worker.Version, req *Request, resp *Response) error {
		n, err := io.Copy(io.Discard, req.Body)
		if err != nil || n != size || req.Length != size {
			return fmt.Errorf("read %d of %d: %v", n, req.Length, err)
		}
		*resp = Response{Status: 200, Body: io.NopCloser(io.LimitReader(zeros{}, size)), Length: size, Event: ended{}}
		return nil
	})}, nil)
	resp, body := get(t, newRequest(t, "PUT", "http://"+addr+"/", strings.NewReader(strings.Repeat("y", size))))
	if resp.StatusCode != 200 || len(body) != size || resp.ContentLength != size {
		t.Errorf("status %d, %d bytes, length %d", resp.StatusCode, len(body), resp.ContentLength)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestBrokenBodiesLookBroken(t *testing.T) {
	tests := []struct {
		name   string
		length int64
		data   []string
		err    error
	}{
		{"reset", -1, []string{"some"}, errors.New("reset")},
		{"short", 10, []string{"some"}, nil},
		{"long", 3, []string{"some"}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			seen := newSink()
			addr := start(t, Config{Observer: seen.observe, Dispatcher: fakeDispatcher(func(_ context.Context, _ *worker.Version, _ *Request, resp *Response) error {
				body := newChanBody()
				body.err = test.err
				for _, data := range test.data {
					body.in <- []byte(data)
				}
				close(body.in)
				*resp = Response{Status: 200, Body: body, Length: test.length, Event: ended{}}
				return nil
			})}, nil)
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			resp, err := client.Do(newRequest(t, "GET", "http://"+addr+"/", nil))
			if err == nil {
				_, err = io.ReadAll(resp.Body)
				resp.Body.Close()
			}
			if err == nil {
				t.Error("the response looks complete")
			}
			seen.next(t)
		})
	}
}

func TestClientDisconnectCancels(t *testing.T) {
	arrived := make(chan struct{})
	seen := newSink()
	addr := start(t, Config{Observer: seen.observe, Dispatcher: fakeDispatcher(func(ctx context.Context, _ *worker.Version, _ *Request, _ *Response) error {
		close(arrived)
		<-ctx.Done()
		return &EventError{Result{Outcome: worker.Canceled}}
	})}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	_, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(newRequest(t, "GET", "http://"+addr+"/", nil).WithContext(ctx))
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if o := seen.next(t); o.Status != StatusClientGone || o.Outcome != worker.Canceled {
		t.Errorf("observation %+v", o)
	}
}

func TestDisconnectDuringStream(t *testing.T) {
	body := newChanBody()
	seen := newSink()
	addr := start(t, Config{Observer: seen.observe, Dispatcher: fakeDispatcher(func(ctx context.Context, _ *worker.Version, _ *Request, resp *Response) error {
		context.AfterFunc(ctx, func() { body.Close() })
		*resp = Response{Status: 200, Body: body, Length: -1, Event: ended{Outcome: worker.Canceled}}
		return nil
	})}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(newRequest(t, "GET", "http://"+addr+"/", nil).WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	resp.Body.Close()
	<-body.closed
	if o := seen.next(t); o.Outcome != worker.Canceled {
		t.Errorf("observation %+v", o)
	}
}

// lease counts releases.
type lease chan struct{}

func (l lease) Release() { l <- struct{}{} }

func TestWaitUntilOutlivesTheResponse(t *testing.T) {
	event, held, seen := make(pending, 1), make(lease, 1), newSink()
	addr := start(t, Config{Observer: seen.observe, Router: one{Version: someWorker, Lease: held}, Dispatcher: fakeDispatcher(func(_ context.Context, _ *worker.Version, _ *Request, resp *Response) error {
		*resp = Response{Status: 200, Inline: []byte("early"), Event: event}
		return nil
	})}, nil)
	if _, body := get(t, newRequest(t, "GET", "http://"+addr+"/", nil)); body != "early" {
		t.Fatalf("body %q", body)
	}
	select {
	case <-held:
		t.Fatal("released before the event was over")
	case <-seen.more:
		t.Fatal("observed before the event was over")
	default:
	}
	event <- Result{Outcome: worker.Exception, CPU: 3 * time.Millisecond, Cold: true, Message: "late"}
	<-held
	if o := seen.next(t); o.Status != 200 || o.Outcome != worker.Exception || o.CPU != 3*time.Millisecond || !o.Cold || o.Message != "late" || o.Bytes != 5 {
		t.Errorf("observation %+v", o)
	}
}

func TestPassThrough(t *testing.T) {
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "origin %s %s %s", r.Method, r.URL, body)
	}))
	defer origin.Close()
	to, _ := url.Parse(origin.URL + "/base")
	for _, consume := range []bool{false, true} {
		seen := newSink()
		addr := start(t, Config{Observer: seen.observe, Router: one{Version: someWorker, Origin: to}, Dispatcher: fakeDispatcher(func(_ context.Context, _ *worker.Version, req *Request, _ *Response) error {
			if consume {
				io.ReadAll(req.Body)
			}
			return &EventError{Result{Outcome: worker.Exception, PassThrough: true}}
		})}, nil)
		resp, body := get(t, newRequest(t, "POST", "http://"+addr+"/p?q=1", strings.NewReader("data")))
		if consume {
			if resp.StatusCode != 500 {
				t.Errorf("consumed body passed through: %d %q", resp.StatusCode, body)
			}
			continue
		}
		if resp.StatusCode != 200 || body != "origin POST /base/p?q=1 data" {
			t.Errorf("status %d body %q", resp.StatusCode, body)
		}
		if o := seen.next(t); o.Status != 200 || o.Outcome != worker.Exception || o.Bytes != int64(len(body)) {
			t.Errorf("observation %+v", o)
		}
	}
}

func TestLimits(t *testing.T) {
	dispatched := false
	addr := start(t, Config{Limits: Limits{BodyBytes: 1000}, Dispatcher: fakeDispatcher(func(ctx context.Context, _ *worker.Version, req *Request, resp *Response) error {
		dispatched = true
		if req.Body != nil {
			if _, err := io.ReadAll(req.Body); err != nil {
				return &EventError{Result{Outcome: worker.Exception}}
			}
		}
		*resp = Response{Status: 200, Inline: []byte(strconv.Itoa(ambient.Of(ctx).Depth)), Event: ended{}}
		return nil
	})}, nil)
	tests := []struct {
		name, request string
		status        int
		reached       bool
		body          string
	}{
		{"long url", "GET /" + strings.Repeat("a", 17<<10) + " HTTP/1.1\r\nHost: a\r\n\r\n", 414, false, ""},
		{"url at limit", "GET /" + strings.Repeat("a", 16<<10-len("http://a/")) + " HTTP/1.1\r\nHost: a\r\n\r\n", 200, true, ""},
		{"large head", "GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("a", 140<<10) + "\r\n\r\n", 0, false, ""},
		{"head below limit", "GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("a", 120<<10) + "\r\n\r\n", 200, true, ""},
		{"many fields", "GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: a\r\n", 600) + "\r\n", 400, false, ""},
		{"body", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n" + strings.Repeat("a", 1001), 413, false, ""},
		{"chunked body", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + strings.Repeat("a", 1001) + "\r\n0\r\n\r\n", 413, true, ""},
		{"body at limit", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n" + strings.Repeat("a", 1000), 200, true, ""},
		{"depth", "GET / HTTP/1.1\r\nHost: a\r\nCF-EW-Via: 15\r\n\r\n", 200, true, "15"},
		{"loop", "GET / HTTP/1.1\r\nHost: a\r\nCF-EW-Via: 16\r\n\r\n", 500, false, "error code: 1019\n"},
		{"connect", "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 405, false, ""},
		{"trace", "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405, false, ""},
		{"options star", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 200, true, ""},
		{"websocket", "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", 426, false, "error code: 1400\nthe only version of WebSocket"},
		{"absolute form", "GET http://b/x HTTP/1.1\r\nHost: a\r\n\r\n", 200, true, ""},
		{"absolute form, other scheme", "GET https://b/x HTTP/1.1\r\nHost: a\r\n\r\n", 421, false, ""},
		{"absolute form, userinfo", "GET http://u@b/x HTTP/1.1\r\nHost: a\r\n\r\n", 400, false, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dispatched = false
			statuses, bodies, _ := raw(t, addr, test.request, 1)
			if test.status == 0 { // 431, or the connection is reset while we still write
				if len(statuses) == 1 && statuses[0] != 431 && statuses[0] != 400 || dispatched {
					t.Errorf("statuses %v, dispatched %v", statuses, dispatched)
				}
				return
			}
			if len(statuses) != 1 || statuses[0] != test.status || dispatched != test.reached || !strings.HasPrefix(bodies[0], test.body) {
				t.Errorf("statuses %v, bodies %.200q, dispatched %v", statuses, bodies, dispatched)
			}
		})
	}
}

func TestRouter(t *testing.T) {
	route := func(host string) (Target, error) {
		switch host {
		case "known":
			return Target{Version: someWorker}, nil
		case "broken":
			return Target{}, &Failure{Status: 500, Code: CodeException, Reason: "does not build"}
		case "error":
			return Target{}, errors.New("secret")
		}
		return Target{}, nil
	}
	addr := start(t, Config{Router: routerFunc(route), Dispatcher: answer(200, "", "ok")}, nil)
	for host, expected := range map[string]string{"known": "ok", "broken": "error code: 1101\ndoes not build\n", "error": "error code: 1104\n", "other": "error code: 1042\n"} {
		req := newRequest(t, "GET", "http://"+addr+"/", nil)
		req.Host = host
		if _, body := get(t, req); !strings.HasPrefix(body, expected) || strings.Contains(body, "secret") {
			t.Errorf("%s: %q", host, body)
		}
	}
}

type routerFunc func(host string) (Target, error)

func (f routerFunc) Route(_ context.Context, _ bool, host, _ string) (Target, error) { return f(host) }

func TestShutdownWaitsForEvents(t *testing.T) {
	event, seen := make(pending, 1), newSink()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := New(Config{Router: one{Version: someWorker}, Observer: seen.observe, Dispatcher: fakeDispatcher(func(_ context.Context, _ *worker.Version, _ *Request, resp *Response) error {
		*resp = Response{Status: 200, Inline: []byte("x"), Event: event}
		return nil
	})})
	go s.Serve(ln, nil)
	get(t, newRequest(t, "GET", "http://"+ln.Addr().String()+"/", nil))
	shut := make(chan error, 1)
	go func() { shut <- s.Shutdown(context.Background()) }()
	event <- Result{}
	if err := <-shut; err != nil {
		t.Fatal(err)
	}
	seen.next(t)
	// And gives up when told to.
	s = New(Config{Router: one{Version: someWorker}, Observer: seen.observe, Dispatcher: s.cfg.Dispatcher})
	if ln, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	go s.Serve(ln, nil)
	get(t, newRequest(t, "GET", "http://"+ln.Addr().String()+"/", nil))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	seen.next(t)
}

func TestDispatcherMayRefuse(t *testing.T) {
	seen := newSink()
	addr := start(t, Config{Observer: seen.observe, Dispatcher: fakeDispatcher(func(context.Context, *worker.Version, *Request, *Response) error {
		return &Failure{Status: 503, Code: CodeOverloaded, Reason: "draining", Outcome: worker.LoadShed, Cause: errors.New("secret")}
	})}, nil)
	resp, body := get(t, newRequest(t, "GET", "http://"+addr+"/", nil))
	if resp.StatusCode != 503 || !strings.HasPrefix(body, "error code: 1200\ndraining\n") || strings.Contains(body, "secret") {
		t.Errorf("status %d, body %q", resp.StatusCode, body)
	}
	if o := seen.next(t); o.Outcome != worker.LoadShed || o.Message != "draining: secret" || o.Ran != someWorker {
		t.Errorf("observation %+v", o)
	}
}

// Goal: whatever a worker leaves of a request's body, the connection goes on with the next request or is closed, and the
// response is whole. Method: two requests on one connection for each way to leave a body.
func TestBodiesThatAreNotRead(t *testing.T) {
	bodies := map[string]struct {
		head, body string
		stalls     bool // the client never sends all of it
	}{
		"sized":         {"Content-Length: 10\r\n", "0123456789", false},
		"chunked":       {"Transfer-Encoding: chunked\r\n", "5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n", false},
		"large":         {"Content-Length: 1000000\r\n", strings.Repeat("x", 1000000), false},
		"large chunked": {"Transfer-Encoding: chunked\r\n", "f4240\r\n" + strings.Repeat("x", 1000000) + "\r\n0\r\n\r\n", false},
		"stalled":       {"Content-Length: 10\r\n", "01234", true},
		"stalled chunk": {"Transfer-Encoding: chunked\r\n", "5\r\n01234\r\n", true},
	}
	for _, how := range []string{"inline", "stream", "fail"} {
		for _, read := range []string{"nothing", "some", "in the background", "all"} {
			for name, b := range bodies {
				if b.stalls && (read == "all" || how != "stream" && read != "in the background") {
					continue // net/http itself waits for the rest then, or we do
				}
				t.Run(how+"/"+read+"/"+name, func(t *testing.T) {
					var background sync.WaitGroup
					defer background.Wait()
					addr := start(t, Config{Dispatcher: fakeDispatcher(func(_ context.Context, _ *worker.Version, req *Request, resp *Response) error {
						var event Event = ended{}
						if req.Body != nil {
							switch read {
							case "some":
								req.Body.Read(make([]byte, 3))
							case "all":
								io.Copy(io.Discard, req.Body)
							case "in the background":
								reading := make(chan struct{})
								body := req.Body
								background.Go(func() {
									body.Read(make([]byte, 3))
									close(reading)
									io.Copy(io.Discard, body)
								})
								<-reading
							}
						}
						switch how {
						case "fail":
							return &EventError{Result{Outcome: worker.Exception}}
						case "stream":
							body := newChanBody()
							body.in <- []byte("he")
							body.in <- []byte("llo")
							close(body.in)
							*resp = Response{Status: 200, Body: body, Length: -1, Event: event}
						default:
							*resp = Response{Status: 200, Inline: []byte("hello"), Event: event}
						}
						return nil
					})}, nil)
					c, err := net.Dial("tcp", addr)
					if err != nil {
						t.Fatal(err)
					}
					defer c.Close()
					r := bufio.NewReader(c)
					for i := range 2 {
						go fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: a\r\n%s\r\n%s", b.head, b.body) // ends with the connection
						resp, err := http.ReadResponse(r, nil)
						if err != nil {
							if i == 0 {
								t.Fatal(err)
							}
							break // closed after the first, which is right
						}
						body, err := io.ReadAll(resp.Body)
						if err != nil || how != "fail" && string(body) != "hello" || how == "fail" && !strings.HasPrefix(string(body), "error code: 1101") {
							t.Fatalf("response %d: %q, %v", i, body, err)
						}
						if resp.Close || b.stalls {
							break
						}
					}
				})
			}
		}
	}
}

// Goal: work that goes on after the response may read the rest of the request's body.
func TestBodyIsReadAfterTheResponse(t *testing.T) {
	event, got := make(pending, 1), make(chan string, 1)
	addr := start(t, Config{Dispatcher: fakeDispatcher(func(_ context.Context, _ *worker.Version, req *Request, resp *Response) error {
		io.ReadFull(req.Body, make([]byte, 5))
		body := req.Body
		go func() {
			rest, _ := io.ReadAll(body)
			got <- string(rest)
			event <- Result{}
		}()
		*resp = Response{Status: 200, Inline: []byte("early"), Event: event}
		return nil
	})}, nil)
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n01234")
	r := bufio.NewReader(c)
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "early" {
		t.Fatalf("%q, %v", body, err)
	}
	io.WriteString(c, "56789")
	if rest := <-got; rest != "56789" {
		t.Errorf("rest %q", rest)
	}
}
