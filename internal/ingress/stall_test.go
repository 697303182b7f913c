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

// Goal: the same over HTTP/2, where the connection is others' too and stays.
func TestBodyStallHTTP2(t *testing.T) {
	failed := make(chan error, 1)
	addr := start(t, Config{Limits: Limits{BodyStall: 50 * time.Millisecond}, Dispatcher: fakeDispatcher(func(_ context.Context, _ *worker.Version, req *Request, resp *Response) error {
		if req.Body == nil {
			*resp = Response{Status: 200, Inline: []byte("other"), Length: 5, Event: ended{}}
			return nil
		}
		_, err := io.ReadAll(req.Body)
		failed <- err
		return &EventError{Result{Outcome: worker.Exception}}
	})}, nil)
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 20 * time.Second}
	body, rest := io.Pipe()
	defer rest.Close()
	go io.WriteString(rest, "begins")
	resp, err := client.Post("http://"+addr+"/", "text/plain", body)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if page, _ := io.ReadAll(resp.Body); resp.ProtoMajor != 2 || resp.StatusCode != 408 || !strings.HasPrefix(string(page), "error code: 1408") {
		t.Errorf("%s %d %q", resp.Proto, resp.StatusCode, page)
	}
	if err := <-failed; err != errBodyStalled {
		t.Errorf("the worker's Read: %v", err)
	}
	other, err := client.Get("http://" + addr + "/")
	if err != nil || other.StatusCode != 200 {
		t.Fatalf("the next request: %v, %v", other, err)
	}
	other.Body.Close()
}

// Goal: the worker's own pauses do not count, nor does a Read that is no longer under way when the timer fires.
func TestStallCountsReadsOnly(t *testing.T) {
	interrupted := 0
	var s stall
	s.watch(time.Hour, 0, func() { interrupted++ })
	s.begin()
	if s.end(1) {
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
	if !s.end(0) || interrupted != 1 {
		t.Errorf("%d interruptions of a Read that takes two hours", interrupted)
	}
	var after stall
	after.watch(time.Hour, 0, func() { t.Error("interrupted after quit") })
	after.begin()
	after.since = after.since.Add(-2 * time.Hour)
	after.quit()
	after.check()
}

// Goal: a client that sends a byte now and then is ended when its time is used up, one that sends at the rate or converses never is.
func TestBodyRate(t *testing.T) {
	for _, test := range []struct {
		name        string
		bytes, rate int
		pause       time.Duration
		converse    bool
		reads       int // before it is broken off; 0: never
	}{
		{"a byte a second", 1, 100, time.Second, false, 121},
		{"nothing", 0, 100, 30 * time.Second, false, 4},
		{"half the rate", 50, 100, time.Second, false, 239},
		{"the rate", 100, 100, time.Second, false, 0},
		{"much, then nothing", 1 << 40, 100, 119 * time.Second, false, 0},
		{"much, then nothing for too long", 1 << 40, 100, 121 * time.Second, false, 1},
		{"a byte a second, in conversation", 1, 100, time.Second, true, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			var s stall
			interrupted := false
			s.watch(2*time.Minute, test.rate, func() { interrupted = true })
			defer s.quit()
			if test.converse {
				s.converse()
			}
			reads := 0
			for ; reads < 1000 && !interrupted; reads++ {
				s.begin()
				s.since = s.since.Add(-test.pause)
				s.check()
				s.end(test.bytes)
			}
			if want := max(test.reads, 0); interrupted != (want > 0) || want > 0 && (reads < want-1 || reads > want+2) {
				t.Errorf("interrupted: %v, after %d reads", interrupted, reads)
			}
		})
	}
}
