package ingress

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"sync"
	"time"

	"skerry/internal/ambient"
	"skerry/internal/websocket"
	"skerry/internal/worker"
)

// exchange is what one request needs; reused.
type exchange struct {
	req     Request
	resp    Response
	headers []byte
	body    *requestBody // nil if there is none; its own, since a host may still be in a Read when the event is over
	target  Target
	seen    Observation
	start   time.Time
	socket  bool // the connection has become a WebSocket, whose goroutine ends the exchange
	duplex  bool // the response began before the request's body was at its end, on HTTP/1
	lane    laneExchange
}

var exchanges = sync.Pool{New: func() any { return &exchange{headers: make([]byte, 0, 1024)} }}

func (x *exchange) recycle() {
	if cap(x.headers) > 16<<10 {
		return
	}
	headers := x.headers[:0]
	x.req, x.resp, x.target, x.seen, x.body, x.duplex, x.socket = Request{}, Response{}, Target{}, Observation{}, nil, false, false
	x.headers = headers
	x.lane.reset()
	exchanges.Put(x)
}

// over is a context that has ended: to ask without waiting.
var over = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.resumed(w, r) {
		return
	}
	s.inFlight.Add(1)
	defer s.inFlight.Add(-1)
	x := exchanges.Get().(*exchange)
	x.start = time.Now()
	x.seen.RequestID = s.requestID()
	x.seen.Method = r.Method
	w.Header()["X-Skerry-Request-Id"] = []string{x.seen.RequestID}
	s.bidFarewell(w, r)
	if state, ok := r.Context().Value(tlsState{}).(*tls.ConnectionState); ok && r.TLS == nil {
		r.TLS = state
	}

	ctx := &ambient.Context{Context: r.Context()}
	failure := s.prepare(ctx, w, r, x)
	if failure != nil {
		s.fail(w, r, x, failure)
		s.finish(x, nil)
		return
	}
	x.seen.Dispatched = true
	if body := x.body; body != nil {
		c := http.NewResponseController(w)
		body.stall.watch(s.cfg.Limits.BodyStall, s.cfg.Limits.BodyRate, func() { c.SetReadDeadline(longAgo) })
		defer body.stall.quit() // x may be somebody else's by then
	}
	err := s.cfg.Dispatcher.Fetch(ctx, x.target.Version, &x.req, &x.resp)
	if err != nil {
		if s.failed(w, r, x, err) {
			panic(http.ErrAbortHandler) // net/http would say 200 for us, to a client that is perhaps there
		}
		return
	}
	if x.body != nil {
		x.body.stall.converse()
	}
	abort := s.respond(w, r, x)
	if x.socket {
		return // the exchange goes on without us
	}
	x.seen.Wall = time.Since(x.start)
	if !abort {
		s.finishBody(w, r, x)
	} else if x.duplex {
		x.body.take(http.NewResponseController(w))
	}
	if r.ProtoMajor >= 2 && x.resp.Event != nil && r.Context().Err() != nil {
		s.hold(x.resp.Event)
	}
	s.settle(x)
	if abort {
		panic(http.ErrAbortHandler) // the client must see that the response is not complete
	}
}

// prepare checks the request, finds its worker and fills x.req.
func (s *Server) prepare(ctx *ambient.Context, w http.ResponseWriter, r *http.Request, x *exchange) *Failure {
	if r.Method == http.MethodConnect || r.Method == http.MethodTrace {
		x.seen.Path = r.RequestURI
		w.Header()["Allow"] = []string{"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"}
		if r.ProtoMajor == 1 {
			w.Header()["Connection"] = []string{"close"} // what follows CONNECT may be meant for the tunnel that there is not
		}
		return &Failure{Status: 405, Code: CodeMethod, Reason: "the method " + r.Method + " never reaches workers"}
	}
	to, failure := targetOf(r, s.cfg.Limits.URLBytes)
	x.seen.URL, x.seen.Path = to.url, to.path
	switch {
	case failure != nil:
		x.seen.Path = r.RequestURI
		return failure
	case len(r.Header) > s.cfg.Limits.HeaderFields:
		return &Failure{Status: 431, Code: CodeHeaders, Reason: "the request has more header fields than the limit"}
	case r.ContentLength > s.cfg.Limits.BodyBytes:
		return &Failure{Status: 413, Code: CodeTooLarge, Reason: "the request's body is over the limit"}
	}
	upgrade := websocket.IsUpgrade(r.Header)
	if upgrade {
		if status, reason := websocket.Check(r); status != 0 {
			if status == http.StatusUpgradeRequired {
				w.Header()["Sec-Websocket-Version"] = []string{"13"}
			}
			return &Failure{Status: status, Code: CodeBadRequest, Reason: reason}
		}
	}
	if via := r.Header["Cf-Ew-Via"]; len(via) > 0 {
		// Whoever forges it can only refuse himself: workers cannot set it, egress does.
		if depth, err := strconv.Atoi(via[0]); err == nil && depth > 0 {
			if ctx.Event.Depth = depth; depth >= s.cfg.Limits.Depth {
				return &Failure{Status: 500, Code: CodeLoop, Reason: "the request has come through too many workers: a loop?"}
			}
		}
	}
	found, err := s.cfg.Router.Route(ctx, r.TLS != nil, to.host, to.path)
	if err != nil {
		if f, ok := errors.AsType[*Failure](err); ok {
			return f
		}
		s.cfg.Logger.Error("route request", "host", to.host, "error", err)
		return &Failure{Status: 500, Code: CodeInternal, Reason: "the platform failed", Outcome: worker.InternalError}
	}
	if found.Version == nil {
		return &Failure{Status: 404, Code: CodeNoRoute, Reason: "no worker answers here"}
	}
	x.target = found
	x.seen.Ran, x.seen.Worker, x.seen.Version = found.Version, found.Version.Name, found.Version.ID

	packed := appendRequestHeaders(x.headers[:0], r.Header)
	if upgrade {
		packed = append(packed, "connection\nUpgrade\nupgrade\nwebsocket\n"...)
	}
	packed = appendField(packed, "host", to.authority)
	if r.TLS != nil {
		packed = append(packed, "x-forwarded-proto\nhttps\n"...)
	} else {
		packed = append(packed, "x-forwarded-proto\nhttp\n"...)
	}
	if ip := remoteIP(r); ip != "" {
		packed = appendField(packed, "cf-connecting-ip", ip)
		packed = appendField(packed, "x-real-ip", ip)
	}
	packed = appendField(packed, "x-skerry-request-id", x.seen.RequestID)
	x.headers = packed
	x.req = Request{Method: r.Method, URL: to.url, Headers: packed, CF: cfOf(r, r.TLS)}
	if r.Body != nil && r.Body != http.NoBody && r.ContentLength != 0 { // HTTP/2 has a Body that is empty
		x.body = &requestBody{from: r.Body, limit: s.cfg.Limits.BodyBytes, chunked: r.ProtoMajor == 1 && r.ContentLength < 0}
		x.req.Body, x.req.Length = x.body, r.ContentLength
	}
	return nil
}

// failed answers a request whose event gave no response. gone: there is nobody to answer.
func (s *Server) failed(w http.ResponseWriter, r *http.Request, x *exchange, err error) (gone bool) {
	ended, _ := errors.AsType[*EventError](err)
	failure, refused := errors.AsType[*Failure](err)
	switch {
	case ended != nil:
		failure = failureOf(&ended.Result)
	case refused:
		copied := *failure
		failure = &copied
	case r.Context().Err() != nil:
		failure = &Failure{Outcome: worker.Canceled}
		if unfinished, ok := errors.AsType[*UnfinishedError](err); ok && r.ProtoMajor >= 2 {
			s.hold(unfinished.Event)
		}
	default:
		s.cfg.Logger.Error("dispatch event", "worker", x.target.Version.Name, "request", x.seen.RequestID, "error", err)
		failure = &Failure{Status: 500, Code: CodeInternal, Reason: "the platform failed", Outcome: worker.InternalError, Message: err.Error()}
	}
	malformed, stalled := false, false // what breaks the connection, but is to be told to the client
	if x.body != nil {
		malformed, stalled = x.body.malformed.Load(), x.body.stall.happened()
		if conn, ok := r.Context().Value(judge{}).(*strictConn); ok && x.body.isOpen() && conn.broke.Load() {
			malformed = true // net/http has seen it before the worker
		}
		switch {
		case stalled:
			failure.Status, failure.Code, failure.Reason = 408, CodeBodyStall, "the client sent the request's body too slowly"
			w.Header()["Connection"] = []string{"close"}
		case x.body.tooLarge.Load():
			failure.Status, failure.Code, failure.Reason = 413, CodeTooLarge, "the request's body is over the limit"
		case malformed:
			failure.Status, failure.Code, failure.Reason = 400, CodeBadRequest, "the request's body is malformed"
		}
	}
	switch {
	case r.Context().Err() != nil && !malformed && !stalled:
		gone = true
		x.seen.Status, x.seen.Outcome, x.seen.Wall = StatusClientGone, failure.Outcome, time.Since(x.start)
		x.seen.Message, x.seen.Stack = failure.Message, failure.Stack
	case ended != nil && ended.Result.PassThrough && x.target.Origin != nil && !x.body.wasTouched():
		s.passThrough(w, r, x)
		x.seen.Outcome, x.seen.Message, x.seen.Stack = failure.Outcome, failure.Message, failure.Stack
	default:
		s.fail(w, r, x, failure)
	}
	if ended == nil {
		if refused {
			s.finish(x, nil)
			return gone
		}
		// The event may still be running: x stays with it.
		s.tell(x, nil)
		return gone
	}
	s.finish(x, &ended.Result)
	return gone
}

// hold keeps the place of a stream that its client has reset until its worker is done with it, or for ResetHold: otherwise a client that
// resets what it asks for could have any number of requests under way (CVE-2023-44487).
func (s *Server) hold(event Event) {
	ctx, cancel := context.WithTimeout(s.background, ResetHold)
	defer cancel()
	event.Wait(ctx) // whatever comes of it
}

// fail sends the error page.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, x *exchange, f *Failure) {
	rest := r.ProtoMajor == 1 && r.Body != http.NoBody && (x.body == nil || x.body.isOpen())
	if rest {
		c := http.NewResponseController(w)
		if x.body != nil && (x.body.take(c) || x.body.stall.happened()) {
			rest = false // a Read was broken off: net/http closes the connection
		} else {
			c.EnableFullDuplex() // the page goes out before the rest of the body is in
		}
	}
	s.hurry(w, r)
	s.bidFarewell(w, r)
	page := *f
	page.RequestID, page.Version = x.seen.RequestID, x.target.Version
	s.cfg.ErrorPage(w, r, &page)
	if rest {
		s.drain(w, r)
	}
	x.seen.Status, x.seen.Code, x.seen.Outcome = f.Status, f.Code, f.Outcome
	x.seen.Message, x.seen.Stack = f.Message, f.Stack
	if x.seen.Message == "" {
		x.seen.Message = f.Reason
		if f.Cause != nil {
			x.seen.Message += ": " + f.Cause.Error()
		}
	}
	x.seen.Wall = time.Since(x.start)
}

// settle ends the exchange with its event: now, or when waitUntil is over.
func (s *Server) settle(x *exchange) {
	if x.resp.Event == nil {
		s.finish(x, nil)
		return
	}
	if result, err := x.resp.Event.Wait(over); err == nil {
		s.finish(x, &result)
		return
	}
	s.later(func() {
		result, err := x.resp.Event.Wait(s.background)
		if err != nil {
			s.tell(x, nil) // given up: the event may still be running, x stays with it
			return
		}
		s.finish(x, &result)
	})
}

// finish ends an exchange whose event is over.
func (s *Server) finish(x *exchange, result *Result) {
	s.tell(x, result)
	x.recycle()
}

func (s *Server) tell(x *exchange, result *Result) {
	if x.target.Lease != nil {
		x.target.Lease.Release()
		x.target.Lease = nil
	}
	if s.cfg.Observer == nil {
		return
	}
	if result != nil {
		x.seen.CPU, x.seen.Startup, x.seen.Cold = result.CPU, result.Startup, result.Cold
		if x.seen.Outcome == worker.OK {
			x.seen.Outcome = result.Outcome
		}
		if result.Message != "" {
			x.seen.Message, x.seen.Stack = result.Message, result.Stack
		}
	}
	s.cfg.Observer(&x.seen)
}

// passThrough lets the worker's origin answer.
func (s *Server) passThrough(w http.ResponseWriter, r *http.Request, x *exchange) {
	counter := &countingWriter{ResponseWriter: w}
	origin := x.target.Origin
	proxy := httputil.ReverseProxy{
		Transport:     s.cfg.OriginTransport,
		FlushInterval: -1,
		ErrorLog:      s.http.ErrorLog,
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(&url.URL{Scheme: origin.Scheme, Host: origin.Host})
			p.Out.URL.Path, p.Out.URL.RawPath = joinPath(origin, p.In.URL)
			p.Out.Host = ""
			p.SetXForwarded()
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			s.cfg.Logger.Warn("pass request through to origin", "worker", x.target.Version.Name, "error", err)
			s.fail(w, r, x, &Failure{Status: 502, Code: CodeHostLost, Reason: "the worker's origin cannot be reached"})
		},
	}
	proxy.ServeHTTP(counter, r)
	if x.seen.Status == 0 {
		x.seen.Status = counter.status
	}
	x.seen.Bytes, x.seen.Wall = counter.bytes, time.Since(x.start)
}

func joinPath(origin, in *url.URL) (path, raw string) {
	if origin.Path == "" || origin.Path == "/" {
		return in.Path, in.RawPath
	}
	joined := origin.JoinPath(in.EscapedPath())
	return joined.Path, joined.RawPath
}

type countingWriter struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (w *countingWriter) WriteHeader(status int) {
	if status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *countingWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = 200
	}
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}

func (w *countingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
