package ingress

import (
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"skerry/internal/worker"
)

// computedLength is the body size up to which net/http sets Content-Length by itself without another write.
const computedLength = 2048

// copySize is the size of one read from a streamed body.
const copySize = 32 << 10

var copyBuffers = sync.Pool{New: func() any { b := make([]byte, copySize); return &b }}

// respond sends a worker's response. abort: the body broke off, the connection must not look complete.
func (s *Server) respond(w http.ResponseWriter, r *http.Request, x *exchange) (abort bool) {
	resp := &x.resp
	if resp.Socket != nil {
		s.upgrade(w, r, x)
		return false
	}
	if failure := checkResponse(w.Header(), resp); failure != nil {
		if resp.Body != nil {
			resp.Body.Close()
		}
		s.fail(w, r, x, failure)
		return false
	}
	x.seen.Status = resp.Status
	if resp.Body == nil {
		s.hurry(w, r)
	}
	h := w.Header()
	contentLength, err := setResponseHeaders(h, resp.Headers)
	if err != nil {
		clear(h)
		h["X-Skerry-Request-Id"] = []string{x.seen.RequestID}
		if resp.Body != nil {
			resp.Body.Close()
		}
		s.fail(w, r, x, invalidResponse(err.Error()))
		return false
	}
	if _, ok := h["Content-Type"]; !ok {
		h["Content-Type"] = nil // the worker said none: no guessing
	}
	s.bidFarewell(w, r) // it may not have been known when the request came

	noBody := resp.Status == http.StatusNoContent || resp.Status == http.StatusNotModified
	if noBody || resp.Status == http.StatusResetContent || r.Method == http.MethodHead {
		if resp.Body != nil {
			resp.Body.Close()
		}
		if !noBody {
			s.setLength(h, r, resp, contentLength)
		}
		duplex(w, r, x)
		w.WriteHeader(resp.Status)
		return false
	}
	if resp.Body == nil {
		duplex(w, r, x)
		if len(resp.Inline) > computedLength || x.duplex {
			h["Content-Length"] = []string{strconv.Itoa(len(resp.Inline))}
		}
		w.WriteHeader(resp.Status)
		if len(resp.Inline) > 0 {
			n, err := w.Write(resp.Inline)
			x.seen.Bytes = int64(n)
			if err != nil {
				x.seen.Status = StatusClientGone
			}
		}
		return false
	}
	if resp.Length >= 0 {
		h["Content-Length"] = []string{strconv.FormatInt(resp.Length, 10)}
	}
	duplex(w, r, x)
	w.WriteHeader(resp.Status)
	return s.stream(w, r, x)
}

// hurry gives an HTTP/2 client WriteStall for a response that is there as a whole. (strictConn does so for HTTP/1, stream for what is streamed.)
func (s *Server) hurry(w http.ResponseWriter, r *http.Request) {
	if r.ProtoMajor >= 2 {
		http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.cfg.Limits.WriteStall)) // no error: HTTP/2 has deadlines
	}
}

// setLength sets Content-Length of a response that has no body but says how long it would be (RFC 9110 §9.3.2).
func (s *Server) setLength(h http.Header, r *http.Request, resp *Response, header string) {
	switch {
	case resp.Status == http.StatusResetContent:
		h["Content-Length"] = []string{"0"}
	case resp.Body == nil && len(resp.Inline) > 0:
		h["Content-Length"] = []string{strconv.Itoa(len(resp.Inline))}
	case resp.Body != nil && resp.Length >= 0:
		h["Content-Length"] = []string{strconv.FormatInt(resp.Length, 10)}
	default:
		if _, ok := parseDigits([]byte(header)); ok {
			h["Content-Length"] = []string{header}
		}
	}
}

func checkResponse(h http.Header, resp *Response) *Failure {
	switch {
	case resp.Status < 200 || resp.Status > 599:
		return invalidResponse("the worker's response has the invalid status " + strconv.Itoa(resp.Status))
	}
	return nil
}

func invalidResponse(reason string) *Failure {
	return &Failure{Status: 500, Code: CodeException, Reason: reason, Outcome: worker.Exception}
}

// stream copies the body. What is there goes out together; nothing that is there waits for what is not.
func (s *Server) stream(w http.ResponseWriter, r *http.Request, x *exchange) (abort bool) {
	body := x.resp.Body
	defer body.Close()
	flusher, _ := w.(http.Flusher)
	flush := func() {
		if flusher != nil {
			flusher.Flush()
		}
	}
	var taken stall // of HTTP/2, where others go on
	if r.ProtoMajor >= 2 {
		c := http.NewResponseController(w)
		taken.watch(s.cfg.Limits.WriteStall, 0, func() { c.SetWriteDeadline(longAgo) })
		defer taken.quit()
	}
	available, _ := body.(interface{ Buffered() int })
	if available == nil || available.Buffered() == 0 {
		flush() // the head must not wait for the first byte
	}
	buffer := copyBuffers.Get().(*[]byte)
	defer copyBuffers.Put(buffer)
	for {
		n, err := body.Read(*buffer)
		if n > 0 {
			if x.resp.Length >= 0 && x.seen.Bytes+int64(n) > x.resp.Length {
				s.cfg.Logger.Warn("response body is longer than announced", "worker", x.seen.Worker, "request", x.seen.RequestID)
				return true
			}
			taken.begin()
			written, failed := w.Write((*buffer)[:n])
			x.seen.Bytes += int64(written)
			if failed == nil && err == nil && (available != nil && available.Buffered() == 0 || available == nil && n < len(*buffer)) {
				flush()
			}
			if taken.end(written) || failed != nil {
				return false // the client has gone, or takes nothing; the end of its context cancels the event
			}
		}
		if err == io.EOF {
			return x.resp.Length >= 0 && x.seen.Bytes != x.resp.Length
		}
		if err != nil {
			if r.Context().Err() == nil {
				s.cfg.Logger.Debug("response body broke off", "worker", x.seen.Worker, "request", x.seen.RequestID, "error", err)
			}
			return true
		}
	}
}
