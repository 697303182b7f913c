package benchmark

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
)

// parse reads one answer from text, byte by byte, and returns its status and body.
func parse(t *testing.T, text string) (int, string, error) {
	t.Helper()
	c := &client{in: bufio.NewReaderSize(iotest.OneByteReader(strings.NewReader(text)), 4096)}
	h, err := c.readHead()
	if err != nil {
		return 0, "", err
	}
	var body strings.Builder
	err = c.readBody(h, func(part []byte) error { body.Write(part); return nil })
	return h.status, body.String(), err
}

func TestReadsAnswers(t *testing.T) {
	for name, test := range map[string]struct {
		text   string
		status int
		body   string
	}{
		"length":           {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello"},
		"no reason":        {"HTTP/1.1 503 \r\ncontent-length:0\r\n\r\n", 503, ""},
		"chunks":           {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n", 200, "abc0123456789"},
		"chunk of newline": {"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n\r\n\r\n0\r\n\r\n", 200, "\r\n"},
		"no content":       {"HTTP/1.1 204 No Content\r\n\r\n", 204, ""},
	} {
		t.Run(name, func(t *testing.T) {
			status, body, err := parse(t, test.text)
			if err != nil || status != test.status || body != test.body {
				t.Errorf("got %d %q %v, want %d %q", status, body, err, test.status, test.body)
			}
		})
	}
}

func TestRefusesBadAnswers(t *testing.T) {
	for name, text := range map[string]string{
		"empty":            "",
		"not HTTP":         "SSH-2.0-OpenSSH\r\n\r\n",
		"no number":        "HTTP/1.1 abc OK\r\n\r\n",
		"no length":        "HTTP/1.1 200 OK\r\n\r\nhello",
		"short body":       "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nhello",
		"negative length":  "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
		"no colon":         "HTTP/1.1 200 OK\r\nnonsense\r\n\r\n",
		"bad chunk size":   "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n\r\n",
		"chunk too long":   "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
		"cut before end":   "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
		"endless head":     "HTTP/1.1 200 OK\r\n" + strings.Repeat("a: b\r\n", headLinesMax) + "\r\n",
		"line is too long": "HTTP/1.1 200 OK\r\na: " + strings.Repeat("b", headLineMax) + "\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			if status, body, err := parse(t, text); err == nil {
				t.Errorf("accepted: %d %q", status, body)
			}
		})
	}
}

func TestKeepsTheConnection(t *testing.T) {
	connections := 0
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Write(append([]byte(r.Method+" "+r.Host+r.URL.Path+" "), body...))
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections++
		}
	}
	server.Start()
	c, err := dial(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []Request{
		{Method: "GET", Host: "a.localhost", Path: "/x", Status: 200, Want: "GET a.localhost/x "},
		{Method: "POST", Host: "b.localhost", Path: "/", Body: "body", Status: 200, Want: "POST b.localhost/ body"},
	} {
		status, body, err := c.do(r.bytes())
		if err != nil {
			t.Fatal(err)
		}
		if err := r.check(status, body); err != nil {
			t.Error(err)
		}
		r.Want = "something else"
		if err := r.check(status, body); !errors.Is(err, ErrWrongAnswer) {
			t.Errorf("a wrong answer passed: %v", err)
		}
	}
	c.close()
	server.Close()
	if connections != 1 {
		t.Errorf("%d connections, want 1", connections)
	}
}
