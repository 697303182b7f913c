package ingress

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"skerry/internal/worker"
)

// Goal: a client that stops sending its body does not hold its worker for ever: it gets 408 and the connection is closed.
func TestBodyStall(t *testing.T) {
	for _, head := range []string{"Transfer-Encoding: chunked\r\n\r\n6\r\nbegins\r\n", "Content-Length: 1000\r\n\r\nbegins"} {
		failed := make(chan error, 1)
		addr := start(t, Config{Limits: Limits{BodyStall: 50 * time.Millisecond}, Dispatcher: fakeDispatcher(func(ctx context.Context, _ *worker.Version, req *Request, _ *Response) error {
			_, err := io.ReadAll(req.Body)
			failed <- err
			return ctx.Err()
		})}, nil)
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(20 * time.Second))
		io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\n"+head)
		r := bufio.NewReader(c)
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != 408 || !resp.Close || !strings.HasPrefix(string(body), "error code: 1408") {
			t.Errorf("%d, close %v, %q, %v", resp.StatusCode, resp.Close, body, err)
		}
		if _, err := r.ReadByte(); err == nil {
			t.Error("the connection is still open")
		}
		if err := <-failed; err != errBodyStalled {
			t.Errorf("the worker's Read: %v", err)
		}
	}
}

// Goal: the worker's own pauses do not count, nor does a Read that is no longer under way when the timer fires.
func TestStallCountsReadsOnly(t *testing.T) {
	interrupted := 0
	var s stall
	s.watch(time.Hour, func() { interrupted++ })
	s.begin()
	if s.end() {
		t.Error("a Read that returned at once")
	}
	s.check() // between two Reads
	s.begin()
	s.check() // in the middle of one that has time left
	if !s.armed || interrupted != 0 || s.happened() {
		t.Errorf("%d interruptions", interrupted)
	}
	s.since = s.since.Add(-2 * time.Hour)
	s.check()
	s.check()
	if !s.end() || interrupted != 1 {
		t.Errorf("%d interruptions of a Read that takes two hours", interrupted)
	}
	var after stall
	after.watch(time.Hour, func() { t.Error("interrupted after quit") })
	after.begin()
	after.since = after.since.Add(-2 * time.Hour)
	after.quit()
	after.check()
}
