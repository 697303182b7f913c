package ingress

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"skerry/internal/worker"
)

const smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"

var smuggling = []struct {
	name, request string
	statuses      []int
}{
	{"plain pipeline", "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", []int{200, 200, 200}},
	{"chunked pipeline", "POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: x\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", []int{200, 200}},
	{"length and encoding", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled, []int{400}},
	{"encoding and length", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n" + smuggled, []int{400}},
	{"two lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef" + smuggled, []int{400}},
	{"two equal lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nabcde" + smuggled, []int{400}},
	{"list of lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\nabcde" + smuggled, []int{400}},
	{"signed length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nabcde" + smuggled, []int{400}},
	{"huge length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\nabcde" + smuggled, []int{400}},
	{"space before colon", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n\r\nabcde" + smuggled, []int{400}},
	{"other encoding", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + smuggled, []int{501}},
	{"two encodings", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + smuggled, []int{501}},
	{"vertical tab", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + smuggled, []int{400}},
	{"encoding in 1.0", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled, []int{400}},
	{"folded", "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n" + smuggled, []int{400}},
	{"folded first", "GET / HTTP/1.1\r\n Host: a\r\n\r\n" + smuggled, []int{400}},
	{"bare line feeds", "GET / HTTP/1.1\nHost: a\n\n" + smuggled, []int{400}},
	{"bare line feed at the end", "GET / HTTP/1.1\r\nHost: a\r\n\n" + smuggled, []int{400}},
	{"minor version", "GET / HTTP/1.9\r\nHost: a\r\n\r\n" + smuggled, []int{400}},
	{"no host", "GET / HTTP/1.1\r\n\r\n" + smuggled, []int{400}},
	{"empty host", "GET / HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n", []int{400}},
	{"two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" + smuggled, []int{400}},
	{"host with path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n" + smuggled, []int{400}},
	{"host with user", "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n" + smuggled, []int{400}},
	{"bad chunk size", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n" + smuggled, []int{400}},
	{"chunk bare line feed", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n" + smuggled, []int{400}},
	{"chunk too long", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n" + smuggled, []int{400}},
}

// Requests that HTTP implementations disagree about are refused, and nothing behind them on the connection is answered: when
// they come first and when they come behind others, in the lane and without it.
func TestSmuggling(t *testing.T) {
	echo := fakeDispatcher(func(_ context.Context, _ *worker.Version, req *Request, resp *Response) error {
		var body []byte
		if req.Body != nil {
			var err error
			if body, err = io.ReadAll(req.Body); err != nil {
				return &EventError{Result{Outcome: worker.Exception}}
			}
		}
		*resp = Response{Status: 200, Inline: body, Event: ended{}}
		return nil
	})
	for _, way := range ways {
		for _, before := range []int{0, 1, 3} {
			t.Run(fmt.Sprintf("%s/%d", way, before), func(t *testing.T) {
				paths := make(chan string, 100)
				addr := startWay(t, way, Config{Dispatcher: fakeDispatcher(func(ctx context.Context, v *worker.Version, req *Request, resp *Response) error {
					paths <- req.URL
					return echo(ctx, v, req, resp)
				})})
				for _, test := range smuggling {
					t.Run(test.name, func(t *testing.T) {
						request := strings.Repeat("GET /0 HTTP/1.1\r\nHost: a\r\n\r\n", before) + test.request
						expected := append(slices.Repeat([]int{200}, before), test.statuses...)
						statuses, bodies, closed := raw(t, addr, request, len(expected)+1)
						if !reflect.DeepEqual(statuses, expected) {
							t.Errorf("statuses %v, bodies %q", statuses, bodies)
						}
						if !closed && test.statuses[0] != 200 {
							t.Error("the connection is still open")
						}
						for len(paths) > 0 {
							if path := <-paths; strings.Contains(path, "smuggled") {
								t.Errorf("the worker has seen %s", path)
							}
						}
					})
				}
			})
		}
	}
}

// FuzzScanner compares the scanner's idea of where requests begin with net/http's. Method: whatever the scanner lets pass
// whole, net/http must read as the same number of requests, or refuse.
func FuzzScanner(f *testing.F) {
	for _, seed := range []string{
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;a\r\nabc\r\n0\r\nT: v\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST / HTTP/1.0\r\nHost: a\r\nContent-Length: 0003\r\n\r\nabc",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		whole, requests := scanAll(data, len(data)+1)
		if bytewise, n := scanAll(data, 1); bytewise != whole || n != requests {
			t.Fatalf("in one piece: %v, %d requests; byte by byte: %v, %d", whole, requests, bytewise, n)
		}
		if !whole || requests < 0 {
			return
		}
		r := bufio.NewReader(bytes.NewReader(data))
		for i := 0; ; i++ {
			if _, err := r.Peek(1); err == io.EOF {
				if i != requests {
					t.Fatalf("net/http read %d requests, the scanner %d", i, requests)
				}
				return
			}
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			if _, err := io.Copy(io.Discard, req.Body); err != nil {
				return
			}
			req.Body.Close()
			if i > requests {
				t.Fatalf("net/http read more than the scanner's %d requests", requests)
			}
		}
	})
}

// scanAll feeds data in pieces. whole: it ends between two requests. requests is -1 if the scanner stopped looking.
func scanAll(data []byte, piece int) (whole bool, requests int) {
	s := scanner{first: true, maxFields: 100, maxLine: 1 << 16}
	var r io.Reader = bytes.NewReader(data)
	if piece == 1 {
		r = iotest.OneByteReader(r)
	}
	buffer := make([]byte, piece)
	for {
		n, err := r.Read(buffer)
		for rest := buffer[:n]; len(rest) > 0; {
			// One request at a time, to count them.
			if _, bad := s.feed(rest[:1]); bad != nil {
				return false, 0
			}
			if s.state == stateRequestLine && len(s.partial) == 0 {
				requests++
			}
			if s.state == stateOpaque {
				return true, -1
			}
			rest = rest[1:]
		}
		if err != nil {
			return s.state == stateRequestLine && len(s.partial) == 0, requests
		}
	}
}
