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

// Goal: a response is sent at once though the request's body goes on and nobody reads it.
func TestResponseBeforeTheBody(t *testing.T) {
	for _, way := range ways {
		for _, head := range []string{"Transfer-Encoding: chunked\r\n\r\n6\r\nbegins\r\n", "Content-Length: 1000\r\n\r\nbegins"} {
			t.Run(way, func(t *testing.T) {
				addr := startWay(t, way, Config{Dispatcher: fakeDispatcher(func(_ context.Context, _ *worker.Version, req *Request, resp *Response) error {
					if strings.HasSuffix(req.URL, "/throw") {
						return &EventError{Result{Outcome: worker.Exception}}
					}
					*resp = Response{Status: 200, Inline: []byte("kept"), Length: 4, Event: ended{}}
					return nil
				})})
				for path, want := range map[string]string{"/": "kept", "/throw": "error code: 1101"} {
					c, err := net.Dial("tcp", addr)
					if err != nil {
						t.Fatal(err)
					}
					defer c.Close()
					c.SetDeadline(time.Now().Add(20 * time.Second))
					io.WriteString(c, "POST "+path+" HTTP/1.1\r\nHost: a\r\n"+head)
					response, err := http.ReadResponse(bufio.NewReader(c), nil)
					if err != nil {
						t.Fatal(path, err)
					}
					if body, err := io.ReadAll(response.Body); err != nil || !strings.Contains(string(body), want) {
						t.Errorf("%s: %q, %v", path, body, err)
					}
				}
			})
		}
	}
}
