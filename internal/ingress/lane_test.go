package ingress

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"skerry/internal/ambient"
	"skerry/internal/worker"
)

// talk sends bytes on a new connection and returns all that comes back until the server closes it.
func talk(t *testing.T, addr, request string) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	go io.Copy(c, strings.NewReader(request)) // ends with the connection
	c.SetReadDeadline(time.Now().Add(20 * time.Second))
	answer, err := io.ReadAll(c)
	if err != nil && len(answer) == 0 {
		t.Fatal(err)
	}
	return string(answer)
}

var (
	anyID   = regexp.MustCompile(`[0-9a-f]{16}`)
	anyDate = regexp.MustCompile(`Date: [A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT\r\n`)
)

// normal replaces what differs from request to request.
func normal(answer string) string {
	return anyID.ReplaceAllString(anyDate.ReplaceAllString(answer, "Date: now\r\n"), "<id>")
}

// seenRequest is what a worker sees of a request, in an order of its own.
type seenRequest struct {
	Method, URL, CF string
	Headers         []string
	Length          int64
	Body            string
	Depth           int
}

// responses answers by the path of the URL.
func responses(see func(seenRequest)) fakeDispatcher {
	big := strings.Repeat("0123456789abcdef", 600)
	return func(ctx context.Context, _ *worker.Version, req *Request, resp *Response) error {
		r := seenRequest{Method: req.Method, URL: req.URL, CF: req.CF, Length: req.Length, Depth: ambient.Of(ctx).Depth}
		for name, values := range unpack(req.Headers) {
			r.Headers = append(r.Headers, fmt.Sprintf("%s: %q", name, values))
		}
		slices.Sort(r.Headers)
		for i := range r.Headers {
			r.Headers[i] = anyID.ReplaceAllString(r.Headers[i], "<id>")
		}
		if req.Body != nil {
			body, err := io.ReadAll(req.Body)
			if err != nil {
				return &EventError{Result{Outcome: worker.Exception}}
			}
			r.Body = string(body)
		}
		see(r)
		u, err := url.Parse(req.URL)
		if err != nil {
			return err
		}
		inline := func(status int, headers, body string) {
			*resp = Response{Status: status, Headers: pack(headers), Inline: []byte(body), Length: int64(len(body)), Event: ended{}}
		}
		stream := func(length int64, failure error, pieces ...string) {
			body := newChanBody()
			for _, piece := range pieces {
				body.in <- []byte(piece)
			}
			body.err = failure
			close(body.in)
			*resp = Response{Status: 200, Headers: pack("content-type: text/plain"), Body: body, Length: length, Event: ended{}}
		}
		switch u.Path {
		case "/empty":
			inline(200, "", "")
		case "/204":
			inline(204, "content-type: text/x\nx-a: b", "oops")
		case "/304":
			inline(304, "content-type: text/x\netag: x\ncontent-length: 7", "")
		case "/205":
			inline(205, "content-type: text/x", "oops")
		case "/299":
			inline(299, "", "odd status")
		case "/404":
			inline(404, "content-type: text/html", "nothing here")
		case "/600":
			inline(600, "", "")
		case "/2048":
			inline(200, "content-type: text/plain", big[:2048])
		case "/2049":
			inline(200, "content-type: text/plain\nx-z: 1\na: 2", big[:2049])
		case "/big":
			inline(200, "content-type: text/plain", big)
		case "/fields":
			inline(200, "zebra: 1\nset-cookie: a=1\nx-_odd: 1\nx-b: 2\nalpha: x\nset-cookie: b=2\nx-b: 1\ncontent-type: text/plain; charset=é\nserver: mine\nx-odd_name!: \t padded \t\nconnection: close\n"+
				"keep-alive: 1\ntransfer-encoding: gzip\nupgrade: x\ntrailer: x\nx-skerry-request-id: mine\ncontent-length: 999\netag: \"x\"", "fields")
		case "/date":
			inline(200, "date: Thu, 01 Jan 1970 00:00:00 GMT\ncontent-encoding: identity", "dated")
		case "/many":
			inline(200, strings.Repeat("x-many: 1\n", laneFieldsMax+3), "many")
		case "/most":
			inline(200, strings.Repeat("x-many: 1\n", laneFieldsMax-1), "most")
		case "/length":
			inline(200, "content-length: 0042", "")
		case "/badlength":
			inline(200, "content-length: 4x", "")
		case "/badname":
			inline(200, "", "")
			resp.Headers = []byte("x-a\n1\nb d\n2\n")
		case "/badvalue":
			inline(200, "", "")
			resp.Headers = []byte("x-a\n1\r2\n")
		case "/stream":
			stream(-1, nil, "one", "two")
		case "/sized":
			stream(6, nil, "one", "two")
		case "/short":
			stream(9, nil, "one", "two")
		case "/broken":
			stream(-1, errors.New("broken"), "one")
		case "/throw":
			return &EventError{Result{Outcome: worker.Exception, Message: "secret"}}
		case "/origin":
			return &EventError{Result{Outcome: worker.Exception, PassThrough: true}}
		case "/internal":
			return errors.New("secret")
		case "/refuse":
			return &Failure{Status: 503, Code: CodeOverloaded, Reason: "draining", Outcome: worker.LoadShed}
		default:
			inline(200, "content-type: text/plain", "hello")
		}
		return nil
	}
}

// Goal: nobody can tell the lane from net/http. Method: requests that the lane takes, that it does not, and that it takes only half,
// on all ways; what the client gets and what the worker sees must be the same to the byte.
func TestLaneIsNetHTTP(t *testing.T) {
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Date"] = nil
		fmt.Fprintf(w, "origin %s %s %q", r.Method, r.URL, r.Header["Accept"])
	}))
	defer origin.Close()
	to, _ := url.Parse(origin.URL)
	const host = "Host: a\r\n"
	last := "GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
	var requests []string
	for _, path := range strings.Fields("/ /empty /204 /304 /205 /299 /404 /600 /2048 /2049 /big /fields /date /many /most /length /badlength /badname /badvalue /stream /sized /short /broken /throw /origin /internal /refuse") {
		for _, method := range []string{"GET", "HEAD"} {
			requests = append(requests,
				method+" "+path+" HTTP/1.1\r\n"+host+"\r\n",
				method+" "+path+" HTTP/1.1\r\n"+host+"Connection: close\r\n\r\n",
				"GET / HTTP/1.1\r\n"+host+"\r\n"+method+" "+path+" HTTP/1.1\r\n"+host+"\r\n"+method+" "+path+" HTTP/1.1\r\n"+host+"\r\n")
		}
	}
	for _, head := range []string{
		"GET /p?q=1&r=%zz%41 HTTP/1.1\r\n" + host, "GET /%41%zz HTTP/1.1\r\n" + host, "GET /%4 HTTP/1.1\r\n" + host, "GET /a%20b/%C3%A9;x=\"<>{}|^`[]\\ HTTP/1.1\r\n" + host,
		"GET //double//slash HTTP/1.1\r\n" + host, "GET /a#b HTTP/1.1\r\n" + host, "GET /é HTTP/1.1\r\n" + host, "GET * HTTP/1.1\r\n" + host, "GET http://b/abs HTTP/1.1\r\n" + host,
		"GET /a:b HTTP/1.1\r\n" + host, "GET /? HTTP/1.1\r\n" + host, "GET /?? HTTP/1.1\r\n" + host, "GET / HTTP/1.0\r\n" + host, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n" + host,
		"get / HTTP/1.1\r\n" + host, "G / HTTP/1.1\r\n" + host, "GETS / HTTP/1.1\r\n" + host, "HEAT / HTTP/1.1\r\n" + host, "OPTIONS * HTTP/1.1\r\n" + host, "TRACE / HTTP/1.1\r\n" + host,
		"GET  / HTTP/1.1\r\n" + host, "GET / HTTP/1.1 \r\n" + host, "GET / HTTP/2.0\r\n" + host, "GET / http/1.1\r\n" + host,
		"GET / HTTP/1.1\r\nHOST: a\r\n", "GET / HTTP/1.1\r\nHost: A.Example.:80\r\n", "GET / HTTP/1.1\r\nHost:  a\t \r\n", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n", "GET / HTTP/1.1\r\nHost: [::1\r\n",
		"GET / HTTP/1.1\r\nHost: a:b\r\n", "GET / HTTP/1.1\r\nHost: a_b\r\n", "GET / HTTP/1.1\r\nHost: a!b\r\n", "GET / HTTP/1.1\r\nHost: .a\r\n", "GET / HTTP/1.1\r\nHost: \r\n", "GET / HTTP/1.1\r\nHost: a, b\r\n",
		"GET / HTTP/1.1\r\nHost: a:\r\n", "GET / HTTP/1.1\r\nHost: a.:1\r\n",
		"GET / HTTP/1.1\r\n" + host + "X-One: 1\r\nx-one:2\r\nX-ONE:  3 \t\r\nEmpty:\r\nSpaces: a  b\tc\r\nHigh: \xff\xe9\r\nodd!#$%&'*+-.^_`|~: v\r\n1: 2\r\n",
		"GET / HTTP/1.1\r\n" + host + "Cookie: a=b; c=d\r\nCookie: e=f\r\nAccept: */*\r\nAccept-Encoding: gzip, br\r\nUser-Agent: " + strings.Repeat("agent ", 50) + "\r\n",
		"GET / HTTP/1.1\r\n" + host + "Ctl: a\x01b\r\n", "GET / HTTP/1.1\r\n" + host + "Del: a\x7fb\r\n", "GET / HTTP/1.1\r\n" + host + "Long: 0123456789\x00\r\n", "GET / HTTP/1.1\r\n" + host + "Cr: a\rb\r\n",
		"GET / HTTP/1.1\r\n" + host + "No colon\r\n", "GET / HTTP/1.1\r\n" + host + ": empty\r\n", "GET / HTTP/1.1\r\n" + host + "Space : a\r\n", "GET / HTTP/1.1\r\n" + host + "N\xe9: a\r\n",
		"GET / HTTP/1.1\r\n" + host + "Connection: keep-alive\r\n", "GET / HTTP/1.1\r\n" + host + "Connection: Keep-Alive\r\n", "GET / HTTP/1.1\r\n" + host + "Connection: x-hop, close\r\nX-Hop: 1\r\nY: 2\r\n",
		"GET / HTTP/1.1\r\n" + host + "Connection: close\r\nConnection: keep-alive\r\n", "GET / HTTP/1.1\r\n" + host + "Connection:\r\n",
		"GET / HTTP/1.1\r\n" + host + "Pragma: no-cache\r\n", "GET / HTTP/1.1\r\n" + host + "Pragma: no-cache\r\nCache-Control: max-age=0\r\n", "GET / HTTP/1.1\r\n" + host + "Pragma: x\r\nPragma: no-cache\r\n",
		"GET / HTTP/1.1\r\n" + host + "Content-Length: 0\r\n", "GET / HTTP/1.1\r\n" + host + "Expect: 100-continue\r\n", "GET / HTTP/1.1\r\n" + host + "Expect: x\r\n", "GET / HTTP/1.1\r\n" + host + "Trailer: x\r\n",
		"GET / HTTP/1.1\r\n" + host + "Upgrade: h2c\r\nConnection: upgrade\r\n", "GET / HTTP/1.1\r\n" + host + "Upgrade: websocket\r\nConnection: Upgrade\r\n",
		"GET / HTTP/1.1\r\n" + host + "CF-EW-Via: 3\r\n", "GET / HTTP/1.1\r\n" + host + "CF-EW-Via: 3\r\nCF-EW-Via: 4\r\n", "GET / HTTP/1.1\r\n" + host + "CF-EW-Via: -3\r\n", "GET / HTTP/1.1\r\n" + host + "CF-EW-Via: x\r\n",
		"GET / HTTP/1.1\r\n" + host + "CF-EW-Via: +5\r\n", "GET / HTTP/1.1\r\n" + host + "CF-EW-Via: 99\r\n",
		"GET /" + strings.Repeat("u", 20<<10) + " HTTP/1.1\r\n" + host, "GET / HTTP/1.1\r\n" + host + "Long: " + strings.Repeat("v", 20<<10) + "\r\n", "GET / HTTP/1.1\r\n" + host + strings.Repeat("F: x\r\n", 600),
		"GET / HTTP/1.1\r\n" + host + "Long: " + strings.Repeat("v", laneBuffer-len("GET / HTTP/1.1\r\nHost: a\r\nLong: \r\n\r\n")) + "\r\n",
		"GET / HTTP/1.1\r\n" + host + "Long: " + strings.Repeat("v", laneBuffer-len("GET / HTTP/1.1\r\nHost: a\r\nLong: \r\n\r\n")+1) + "\r\n",
	} {
		requests = append(requests, head+"\r\n")
	}
	for name := range droppedFromRequest {
		if name != "Host" {
			requests = append(requests, "GET / HTTP/1.1\r\n"+host+name+": 1\r\nX-Kept: 1\r\n\r\n")
		}
	}
	requests = append(requests,
		"POST / HTTP/1.1\r\n"+host+"Content-Length: 3\r\n\r\nabc",
		"GET / HTTP/1.1\r\n"+host+"\r\nPOST / HTTP/1.1\r\n"+host+"Content-Length: 3\r\n\r\nabc",
		"GET /stream HTTP/1.1\r\n"+host+"\r\nPOST / HTTP/1.1\r\n"+host+"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
		"GET / HTTP/1.1\r\n"+host+"Content-Length: 3\r\n\r\nabc",
		"GET / HTTP/1.1\nHost: a\n\n", "GET / HTTP/1.1\r\nHost: a\r\n\n", "\r\nGET / HTTP/1.1\r\n"+host+"\r\n",
		"GET / HTTP/1.1\r\n"+host+"\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n",
	)
	for i := range requests {
		requests[i] += last
	}

	run := func(t *testing.T, way string) (answers []string, seen [][]seenRequest, observed [][]string, starts int) {
		var mu sync.Mutex
		var now []seenRequest
		var told []string
		dispatched := 0
		addr, s := startServer(t, way, Config{
			Router: routerFunc(func(host string) (Target, error) { return Target{Version: someWorker, Origin: to}, nil }),
			Dispatcher: responses(func(r seenRequest) {
				mu.Lock()
				now = append(now, r)
				mu.Unlock()
			}),
			Observer: func(o *Observation) {
				mu.Lock()
				if o.Wall <= 0 || len(o.RequestID) != 16 {
					t.Errorf("observation %+v", o)
				}
				told = append(told, fmt.Sprintf("%s %q %q %d %v %v %d %d %q %s", o.Method, o.URL, o.Path, o.Status, o.Outcome, o.Dispatched, o.Bytes, o.Code, o.Message, o.Worker))
				if o.Dispatched {
					dispatched++
				}
				mu.Unlock()
			},
		})
		for _, request := range requests {
			answers = append(answers, normal(talk(t, addr, request)))
			mu.Lock()
			for s.InFlight() > 0 || s.lane.exchanges.Load() > 0 || dispatched < len(now) { // an event may outlive its connection
				mu.Unlock()
				time.Sleep(time.Millisecond)
				mu.Lock()
			}
			slices.Sort(told) // an event may be over after the next one
			seen, observed = append(seen, now), append(observed, told)
			now, told, dispatched = nil, nil, 0
			mu.Unlock()
		}
		if f, ok := s.cfg.Dispatcher.(*fakeStarter); ok {
			starts = int(f.starts.Load())
		}
		return answers, seen, observed, starts
	}
	answers, seen, observed, _ := run(t, wayNetHTTP)
	for _, way := range []string{wayStarted, wayFetched} {
		t.Run(way, func(t *testing.T) {
			gotAnswers, gotSeen, gotObserved, starts := run(t, way)
			if way == wayStarted && starts < len(requests) {
				t.Errorf("the lane took %d requests on %d connections", starts, len(requests))
			}
			for i, request := range requests {
				if gotAnswers[i] != answers[i] {
					t.Errorf("request %.300q\n    is answered %.600q\nnet/http answers %.600q", request, gotAnswers[i], answers[i])
				}
				if !reflect.DeepEqual(gotSeen[i], seen[i]) {
					t.Errorf("request %.300q\n      is seen as %+.600v\nby net/http as %+.600v", request, gotSeen[i], seen[i])
				}
				if !reflect.DeepEqual(gotObserved[i], observed[i]) {
					t.Errorf("request %.300q\n      is told as %.900q\nby net/http as %.900q", request, gotObserved[i], observed[i])
				}
			}
		})
	}
}

// Goal: a head may come in any pieces.
func TestLaneHeadInPieces(t *testing.T) {
	addr := startWay(t, wayStarted, Config{Dispatcher: responses(func(seenRequest) {})})
	for _, request := range []string{
		"GET /x?y HTTP/1.1\r\nHost: a\r\nX-A: b\r\n\r\nHEAD /stream HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
		"HEAD / HTTP/1.1\r\nHost: a\r\n\r\nPOST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc",
	} {
		whole := normal(talk(t, addr, request))
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		go func() {
			for i := range request {
				io.WriteString(c, request[i:i+1])
			}
		}()
		answer, err := io.ReadAll(c)
		if got := normal(string(answer)); err != nil || got != whole || strings.Count(whole, "HTTP/1.1 200 OK") != strings.Count(request, "Host:") {
			t.Errorf("%v\nbyte by byte %q\nin one piece %q", err, got, whole)
		}
	}
}

// Goal: requests sent at once are answered in order, more of them than the lane reads ahead.
func TestLanePipeline(t *testing.T) {
	for _, way := range []string{wayStarted, wayFetched} {
		t.Run(way, func(t *testing.T) {
			addr := startWay(t, way, Config{Dispatcher: fakeDispatcher(func(_ context.Context, _ *worker.Version, req *Request, resp *Response) error {
				*resp = Response{Status: 200, Inline: []byte(req.URL[len("http://a/"):]), Event: ended{}}
				return nil
			})})
			const n = 3000
			var request strings.Builder
			for i := range n {
				fmt.Fprintf(&request, "GET /%d HTTP/1.1\r\nHost: a\r\n\r\n", i)
			}
			statuses, bodies, _ := raw(t, addr, request.String(), n)
			for i := range n {
				if i >= len(bodies) || statuses[i] != 200 || bodies[i] != fmt.Sprint(i) {
					t.Fatalf("response %d of %d: %v", i, len(bodies), statuses[max(0, len(statuses)-1):])
				}
			}
		})
	}
}

// tooBig times 16 bytes are more than the buffers of a socket and its peer hold.
const tooBig = 1 << 20

// Goal: a client that reads slowly holds up nobody but itself, and gets all of a large inline body.
func TestLaneSlowReader(t *testing.T) {
	body := strings.Repeat("0123456789abcdef", tooBig)
	addr, s := startServer(t, wayStarted, Config{Dispatcher: answer(200, "", body)})
	const n = 3
	conns := make([]net.Conn, n)
	for i := range conns {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		conns[i] = c
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
	}
	for _, c := range slices.Backward(conns) {
		r := bufio.NewReader(c)
		for range 2 {
			resp, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(resp.Body)
			if err != nil || string(got) != body {
				t.Fatalf("%d bytes, %v", len(got), err)
			}
		}
	}
	if s.InFlight() > n {
		t.Errorf("%d in flight", s.InFlight())
	}
}

// Goal: a client that reads nothing is given up after WriteStall.
func TestLaneWriteStall(t *testing.T) {
	seen := newSink()
	body := strings.Repeat("0123456789abcdef", tooBig)
	addr := startWay(t, wayStarted, Config{Observer: seen.observe, Dispatcher: answer(200, "", body), Limits: Limits{WriteStall: 20 * time.Millisecond}})
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if o := seen.next(t); o.Status != StatusClientGone {
		t.Errorf("observation %+v", o)
	}
}

// Goal: a response goes on when the client has closed its half only after it had begun.
func TestLaneHalfClosed(t *testing.T) {
	body := strings.Repeat("0123456789abcdef", tooBig)
	seen := newSink()
	addr := startWay(t, wayStarted, Config{Observer: seen.observe, Dispatcher: answer(200, "", body)})
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	first := make([]byte, 1)
	if _, err := io.ReadFull(c, first); err != nil {
		t.Fatal(err)
	}
	c.(*net.TCPConn).CloseWrite()
	rest, err := io.ReadAll(c)
	if err != nil || !strings.HasSuffix(string(rest), "\r\n\r\n"+body) {
		t.Errorf("%d bytes, %v", len(rest), err)
	}
	if o := seen.next(t); o.Status != 200 || o.Bytes != int64(len(body)) {
		t.Errorf("observation %+v", o)
	}
}

// Goal: when the client leaves, its event is canceled, before the response and during a streamed one; the lease is given back.
func TestLaneDisconnect(t *testing.T) {
	for _, way := range ways {
		for _, when := range []string{"before", "during"} {
			t.Run(way+"/"+when, func(t *testing.T) {
				seen, held, arrived, canceled := newSink(), make(lease, 1), make(chan struct{}), make(chan struct{})
				addr, s := startServer(t, way, Config{Observer: seen.observe, Router: one{Version: someWorker, Lease: held}, Dispatcher: fakeDispatcher(func(ctx context.Context, _ *worker.Version, _ *Request, resp *Response) error {
					context.AfterFunc(ctx, func() { close(canceled) })
					if when == "before" {
						close(arrived)
						<-ctx.Done()
						return &EventError{Result{Outcome: worker.Canceled}}
					}
					body := newChanBody()
					body.in <- []byte("some")
					context.AfterFunc(ctx, func() { body.Close() })
					*resp = Response{Status: 200, Body: body, Length: -1, Event: ended{Outcome: worker.Canceled}}
					return nil
				})})
				c, err := net.Dial("tcp", addr)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
				if when == "before" {
					<-arrived
				} else if _, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil {
					t.Fatal(err)
				}
				c.Close()
				<-canceled
				<-held
				o := seen.next(t)
				if o.Outcome != worker.Canceled || when == "before" && o.Status != StatusClientGone {
					t.Errorf("observation %+v", o)
				}
				s.Close()
				for deadline := time.Now().Add(20 * time.Second); s.lane.exchanges.Load() != 0 && time.Now().Before(deadline); {
					runtime.Gosched() // it is counted off after it has been told
				}
				if s.InFlight() != 0 || s.lane.exchanges.Load() != 0 || s.lane.conns != 0 {
					t.Errorf("left behind: %d in flight, %d exchanges, %d connections", s.InFlight(), s.lane.exchanges.Load(), s.lane.conns)
				}
			})
		}
	}
}

// Goal: a client that leaves after an inline response does not end what the worker still does.
func TestLaneWaitUntilOutlivesTheConnection(t *testing.T) {
	event, seen := make(pending, 1), newSink()
	var released atomic.Bool
	addr, s := startServer(t, wayFetched, Config{Observer: seen.observe, Dispatcher: fakeDispatcher(func(ctx context.Context, _ *worker.Version, _ *Request, resp *Response) error {
		context.AfterFunc(ctx, func() {
			if !released.Load() {
				t.Error("canceled")
			}
		})
		*resp = Response{Status: 200, Inline: []byte("early"), Event: event}
		return nil
	})})
	talk(t, addr, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	for s.lane.count() > 0 {
		runtime.Gosched() // the reader sees the end by itself
	}
	released.Store(true)
	event <- Result{Outcome: worker.OK, CPU: time.Second}
	if o := seen.next(t); o.Status != 200 || o.CPU != time.Second {
		t.Errorf("observation %+v", o)
	}
}

// Goal: connections that are idle, or never finish their head, are closed in time.
func TestLaneTimeouts(t *testing.T) {
	addr := startWay(t, wayStarted, Config{Dispatcher: answer(200, "", "ok"), Limits: Limits{ReadHeader: 40 * time.Millisecond, Idle: 80 * time.Millisecond}})
	for name, request := range map[string]string{
		"nothing": "", "part of a head": "GET / HTTP/1.1\r\nHost:", "idle": "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "part of a second head": "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if answer := talk(t, addr, request); strings.Count(answer, "\r\n\r\nok") != strings.Count(request, "\r\n\r\n") {
				t.Errorf("answer %q", answer)
			}
		})
	}
}

// Goal: a shutdown closes idle connections, lets those with a request finish and tells their clients, and waits for both.
func TestLaneShutdown(t *testing.T) {
	for _, how := range []string{"inline", "stream", "fail"} {
		for _, way := range []string{wayStarted, wayFetched} {
			t.Run(way+"/"+how, func(t *testing.T) {
				arrived, release := make(chan struct{}, 10), make(chan struct{})
				addr, s := startServer(t, way, Config{Dispatcher: fakeDispatcher(func(_ context.Context, _ *worker.Version, req *Request, resp *Response) error {
					if strings.HasSuffix(req.URL, "/wait") {
						arrived <- struct{}{}
						<-release
					}
					switch how {
					case "stream":
						*resp = Response{Status: 200, Body: io.NopCloser(strings.NewReader("done")), Length: -1, Event: ended{}}
					case "fail":
						return &EventError{Result{Outcome: worker.Exception}}
					default:
						*resp = Response{Status: 200, Inline: []byte("done"), Event: ended{}}
					}
					return nil
				})})
				idle, err := net.Dial("tcp", addr)
				if err != nil {
					t.Fatal(err)
				}
				defer idle.Close()
				idleReader := bufio.NewReader(idle)
				io.WriteString(idle, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
				resp, err := http.ReadResponse(idleReader, nil)
				if err != nil {
					t.Fatal(err)
				}
				io.Copy(io.Discard, resp.Body)
				busy, err := net.Dial("tcp", addr)
				if err != nil {
					t.Fatal(err)
				}
				defer busy.Close()
				io.WriteString(busy, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
				<-arrived
				shut := make(chan error, 1)
				go func() { shut <- s.Shutdown(context.Background()) }()
				if _, err := idleReader.ReadByte(); err != io.EOF {
					t.Errorf("idle connection: %v", err)
				}
				select {
				case err := <-shut:
					t.Fatalf("shutdown did not wait: %v", err)
				default:
				}
				close(release)
				resp, err = http.ReadResponse(bufio.NewReader(busy), nil)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(resp.Body)
				if err != nil || !resp.Close || how != "fail" && string(body) != "done" || how == "fail" && resp.StatusCode != 500 {
					t.Errorf("status %d, close %v, body %q, %v", resp.StatusCode, resp.Close, body, err)
				}
				if err := <-shut; err != nil {
					t.Error(err)
				}
				if _, err := net.Dial("tcp", addr); err == nil {
					t.Error("still listening")
				}
			})
		}
	}
}

// Goal: a shutdown whose patience ends cancels what is under way.
func TestLaneShutdownGivesUp(t *testing.T) {
	for _, way := range []string{wayStarted, wayFetched} {
		t.Run(way, func(t *testing.T) {
			arrived, seen := make(chan struct{}), newSink()
			addr, s := startServer(t, way, Config{Observer: seen.observe, Dispatcher: fakeDispatcher(func(ctx context.Context, _ *worker.Version, _ *Request, _ *Response) error {
				close(arrived)
				<-ctx.Done()
				return &EventError{Result{Outcome: worker.Canceled}}
			})})
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			<-arrived
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			if err := s.Shutdown(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("shutdown: %v", err)
			}
			if o := seen.next(t); o.Status != StatusClientGone {
				t.Errorf("observation %+v", o)
			}
		})
	}
}

// Goal: shutdown under load loses no request that has been begun, and leaves nothing behind.
func TestLaneShutdownUnderLoad(t *testing.T) {
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			started := make(chan struct{})
			var once sync.Once
			var n int
			addr, s := startServer(t, way, Config{Dispatcher: fakeDispatcher(func(_ context.Context, _ *worker.Version, req *Request, resp *Response) error {
				once.Do(func() { close(started) })
				if strings.HasSuffix(req.URL, "3") {
					*resp = Response{Status: 200, Body: io.NopCloser(strings.NewReader("body")), Length: 4, Event: ended{}}
				} else {
					*resp = Response{Status: 200, Inline: []byte("body"), Event: ended{}}
				}
				return nil
			})})
			var clients sync.WaitGroup
			var mu sync.Mutex
			for range 16 {
				clients.Go(func() {
					c, err := net.Dial("tcp", addr)
					if err != nil {
						return
					}
					defer c.Close()
					r := bufio.NewReader(c)
					for i := 0; ; i++ {
						if _, err := fmt.Fprintf(c, "GET /%d HTTP/1.1\r\nHost: a\r\n\r\n", i); err != nil {
							return
						}
						resp, err := http.ReadResponse(r, nil)
						if err != nil {
							return // closed between two requests
						}
						body, err := io.ReadAll(resp.Body)
						if err != nil || string(body) != "body" || resp.StatusCode != 200 {
							t.Errorf("response %d: status %d, %q, %v", i, resp.StatusCode, body, err)
							return
						}
						mu.Lock()
						n++
						mu.Unlock()
						if resp.Close {
							return
						}
					}
				})
			}
			<-started
			if err := s.Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
			clients.Wait()
			if s.InFlight() != 0 || s.lane.exchanges.Load() != 0 || s.lane.conns != 0 || n == 0 {
				t.Errorf("left behind: %d in flight, %d exchanges, %d connections; %d responses", s.InFlight(), s.lane.exchanges.Load(), s.lane.conns, n)
			}
		})
	}
}

// Goal: Close ends connections in every state.
func TestLaneClose(t *testing.T) {
	for _, request := range []string{"", "GET", "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n", "GET /wait HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n", "POST /wait HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"} {
		t.Run(request, func(t *testing.T) {
			arrived := make(chan struct{}, 1)
			addr, s := startServer(t, wayStarted, Config{Dispatcher: fakeDispatcher(func(ctx context.Context, _ *worker.Version, req *Request, resp *Response) error {
				arrived <- struct{}{}
				if strings.HasSuffix(req.URL, "/stream") {
					body := newChanBody()
					context.AfterFunc(ctx, func() { body.Close() })
					*resp = Response{Status: 200, Body: body, Length: -1, Event: make(pending)}
					return nil
				}
				<-ctx.Done()
				return &EventError{Result{Outcome: worker.Canceled}}
			})})
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			io.WriteString(c, request)
			if strings.HasSuffix(request, "\n") || strings.HasSuffix(request, "x") {
				<-arrived
			}
			s.Close()
			if rest, _ := io.ReadAll(c); len(rest) > 0 && !strings.HasPrefix(string(rest), "HTTP/1.1 200 OK") {
				t.Errorf("after the end: %q", rest)
			}
			if s.lane.conns != 0 {
				t.Errorf("%d connections are left", s.lane.conns)
			}
		})
	}
}

// FuzzLaneHead: whatever the lane accepts, strictConn lets pass and net/http reads in the same way.
func FuzzLaneHead(f *testing.F) {
	for _, seed := range []string{
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HEAD /x?y=%41 HTTP/1.1\r\nhost: a:80\r\nX-A:  b \r\nx-a: c\r\nConnection: close\r\n\r\nrest",
		"GET /%zz HTTP/1.1\r\nHost: a\r\nPragma: no-cache\r\nCache-Control: x\r\nCf-Ew-Via: 3\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n b: c\r\n\r\n", "POST / HTTP/1.1\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nTe: x\r\nKeep-Alive: 1\r\nX: \xff\t\r\nContent-Length: 1\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	limits := Limits{HeaderFields: 50}.withDefaults()
	f.Fuzz(func(t *testing.T, data []byte) {
		var h laneHead
		packed, verdict := h.parse(data, nil, &limits)
		if verdict != laneSimple {
			// What is too short to tell must not have been long enough for net/http, and the first bytes must agree with all.
			if verdict == lanePartial && bytes.Contains(data, []byte("\r\n\r\n")) {
				t.Fatal("a whole head is not enough")
			}
			return
		}
		for i := range h.size {
			var part laneHead
			if _, verdict := part.parse(data[:i], nil, &limits); verdict != lanePartial {
				t.Fatalf("the first %d bytes are judged %d", i, verdict)
			}
		}
		s := scanner{first: true, maxFields: limits.HeaderFields, maxLine: limits.HeaderBytes}
		if good, err := s.feed(data[:h.size]); good != h.size || err != nil || s.state != stateRequestLine || len(s.partial) > 0 {
			t.Fatalf("the scanner stops after %d of %d bytes: %v", good, h.size, err)
		}
		r := bufio.NewReader(bytes.NewReader(data[:h.size]))
		req, err := http.ReadRequest(r)
		if err != nil {
			t.Fatalf("net/http refuses it: %v", err)
		}
		if r.Buffered() != 0 || req.ContentLength != 0 || req.Body != http.NoBody || len(req.TransferEncoding) > 0 || req.Proto != "HTTP/1.1" {
			t.Fatalf("net/http sees a body: %+v", req)
		}
		method := "GET"
		if h.head {
			method = "HEAD"
		}
		if req.Method != method || req.RequestURI != string(h.target) || req.Host != string(h.host) || req.Close != h.close {
			t.Fatalf("net/http reads %s %q of %q, close %v; the lane %s %q of %q, close %v", req.Method, req.RequestURI, req.Host, req.Close, method, h.target, h.host, h.close)
		}
		if _, host := normaliseHost(req.Host); host != "" {
			if to, failure := targetOf(req, limits.URLBytes); failure == nil && !strings.HasSuffix(to.url, string(h.target)) {
				t.Fatalf("the target becomes %q", to.url)
			}
		}
		if got, want := unpack(packed), unpack(appendRequestHeaders(nil, req.Header)); !reflect.DeepEqual(got, want) {
			t.Fatalf("fields %q, by net/http %q", got, want)
		}
	})
}

// The table of field values judges every byte as the slow way does, wherever it stands.
func TestFieldValues(t *testing.T) {
	for c := range 256 {
		for at := range 20 {
			value := bytes.Repeat([]byte("a"), 20)
			value[at] = byte(c)
			if isFieldValue(value) != hasNoControls(value) {
				t.Fatalf("byte %#x at %d", c, at)
			}
		}
	}
}

// BenchmarkLane is BenchmarkHello with events that are started.
func BenchmarkLane(b *testing.B) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s := New(Config{Router: one{Version: someWorker}, Dispatcher: atOnce{}, Observer: func(*Observation) {}})
	go s.Serve(ln, nil)
	defer s.Close()
	hammer(b, ln.Addr().String())
}

// atOnce answers within Start.
type atOnce struct{ fakeDispatcher }

func (atOnce) Start(_ context.Context, _ *worker.Version, _ *Request, sink Sink) (Started, bool) {
	sink.Responded(&Response{Status: 200, Headers: []byte("content-type\ntext/plain;charset=UTF-8\n"), Inline: []byte("Hello, world")})
	sink.Over(new(Result), nil)
	return canceler(func() {}), true
}
