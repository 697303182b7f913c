package hostile

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"skerry/test/e2e/rig"
)

// wire is a request written byte for byte.
type wire struct {
	row, name, request string
	// statuses are those of all answers on the connection, which the server then closes.
	statuses []int
}

const next = "GET /smuggled HTTP/1.1\r\nHost: victim.localhost\r\n\r\n"

var wires = []wire{
	{"33a", "content-length and chunked", "POST / HTTP/1.1\r\nHost: victim.localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + next, []int{400}},
	{"33b", "two content-lengths", "POST / HTTP/1.1\r\nHost: victim.localhost\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nabcde" + next, []int{400}},
	{"33c", "folded field", "GET / HTTP/1.1\r\nHost: victim.localhost\r\nX: a\r\n b\r\n\r\n" + next, []int{400}},
	{"33d", "bare line feeds", "GET / HTTP/1.1\nHost: victim.localhost\n\n" + next, []int{400}},
	{"33e", "chunk size 0x1", "POST / HTTP/1.1\r\nHost: victim.localhost\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n" + next, []int{400}},
	{"33f", "a zero byte in a field", "GET / HTTP/1.1\r\nHost: victim.localhost\r\nX: a\x00b\r\n\r\n" + next, []int{400}},
	{"33g", "HTTP/1.9", "GET / HTTP/1.9\r\nHost: victim.localhost\r\n\r\n" + next, []int{400}},
	{"33h", "CONNECT", "CONNECT victim.localhost:80 HTTP/1.1\r\nHost: victim.localhost:80\r\nConnection: close\r\n\r\n", []int{405}},
	{"33i", "TRACE", "TRACE / HTTP/1.1\r\nHost: victim.localhost\r\nConnection: close\r\n\r\n", []int{405}},
	{"34a", "no host", "GET / HTTP/1.1\r\n\r\n" + next, []int{400}},
	{"34b", "empty host", "GET / HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n", []int{400}},
	{"34c", "two hosts", "GET / HTTP/1.1\r\nHost: victim.localhost\r\nHost: other.localhost\r\n\r\n" + next, []int{400}},
	{"34d", "host in capitals with port and dot", "GET / HTTP/1.1\r\nHost: VICTIM.localhost.:80\r\nConnection: close\r\n\r\n", []int{200}},
	{"34e", "absolute form of another host", "GET http://nobody.localhost/ HTTP/1.1\r\nHost: victim.localhost\r\nConnection: close\r\n\r\n", []int{404}},
	{"34f", "host with a path", "GET / HTTP/1.1\r\nHost: victim.localhost/x\r\n\r\n" + next, []int{400}},
	{"40a", "a head of 129 KB", "GET / HTTP/1.1\r\nHost: victim.localhost\r\nX: " + strings.Repeat("x", 129<<10) + "\r\n\r\n" + next, []int{431}},
	{"40b", "a URL of 17 KB", "GET /" + strings.Repeat("x", 17<<10) + " HTTP/1.1\r\nHost: victim.localhost\r\nConnection: close\r\n\r\n", []int{414}},
	{"40c", "a body of 6 GiB", "POST / HTTP/1.1\r\nHost: victim.localhost\r\nContent-Length: 6442450944\r\n\r\n", []int{413}},
	{"43a", "an encoded path", "GET /assets/..%2f..%2fetc/passwd HTTP/1.1\r\nHost: victim.localhost\r\nConnection: close\r\n\r\n", []int{200}},
}

// Goal: no bytes on a connection become two requests, or a request for another tenant.
func TestWire(t *testing.T) {
	var mu sync.Mutex
	victim := rig.Script("victim", `export default { async fetch(request) { const { pathname } = new URL(request.url); await request.text(); if (pathname === "/smuggled") console.log("SMUGGLED"); return new Response("victim " + pathname); } };`)
	s := rig.Serve(t, rig.Platform{Workers: append([]rig.Worker{victim}, innocents()...)})
	s.Ready(victim.Host(), "/")
	crowd := newCrowd(t, s)
	defer crowd.stop()
	for _, w := range wires {
		t.Run(w.row, func(t *testing.T) {
			mu.Lock()
			defer mu.Unlock()
			seen := &seen{crime: crime{row: w.row, name: w.name}}
			defer record(seen)
			statuses, body := exchange(t, s.Addr, w.request)
			if len(statuses) > 0 {
				seen.status = statuses[0]
			}
			seen.body = body
			if fmt.Sprint(statuses) != fmt.Sprint(w.statuses) {
				seen.problem = fmt.Sprintf("statuses %v, want %v", statuses, w.statuses)
				t.Error(seen.problem)
			}
		})
	}
	if strings.Contains(s.Said(), "SMUGGLED") {
		t.Error("a request was smuggled")
	}
	if _, failures := crowd.stop(); len(failures) > 0 {
		t.Errorf("innocent requests failed: %v", failures)
	}
}

// exchange writes bytes and reads all answers until the server closes the connection.
func exchange(t *testing.T, addr, request string) (statuses []int, body string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	go io.Copy(conn, strings.NewReader(request)) // ends with the connection
	r := bufio.NewReader(conn)
	for {
		response, err := http.ReadResponse(r, nil)
		if err != nil {
			if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
				statuses = append(statuses, -1) // still open
			}
			return statuses, body
		}
		text, _ := io.ReadAll(response.Body)
		statuses, body = append(statuses, response.StatusCode), string(text)
	}
}

// Goal: clients that send a byte at a time, and many of them, keep nobody else from being served. (That they are closed in time is a
// unit test, with a clock of its own.)
func TestSlowClients(t *testing.T) {
	victim := rig.Script("victim", `export default { fetch() { return new Response("victim"); } };`)
	s := rig.Serve(t, rig.Platform{Workers: append([]rig.Worker{victim}, innocents()...)})
	s.Ready(victim.Host(), "/")
	count := 2000
	if testing.Short() {
		count = 300
	}
	var conns []net.Conn
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	for i := range count {
		c, err := net.Dial("tcp", s.Addr)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
		head := "GET / HTTP/1.1\r\nHost: victim.localhost\r\nX: "
		if i%2 == 0 {
			head = "POST / HTTP/1.1\r\nHost: victim.localhost\r\nContent-Length: 1000\r\n\r\nx"
		}
		io.WriteString(c, head)
	}
	crowd := newCrowd(t, s)
	for range 200 {
		for _, c := range conns[:50] {
			c.Write([]byte("x")) // It may have been closed.
		}
		if answer := s.Get(victim.Host(), "/"); answer.Body != "victim" {
			t.Fatalf("answered %d %q", answer.Status, answer.Body)
		}
	}
	requests, failures := crowd.stop()
	record(&seen{crime: crime{row: "35", name: fmt.Sprintf("%d clients that send a byte at a time", count)}, requests: requests, failures: failures})
	if len(failures) > 0 {
		t.Errorf("innocent requests failed: %v", failures[:1])
	}
}

// Goal: a body that inflates to a gigabyte is as large as it says on the wire unless the worker itself inflates it, at its own cost.
func TestZipBomb(t *testing.T) {
	var bomb bytes.Buffer
	z, _ := gzip.NewWriterLevel(&bomb, gzip.BestCompression)
	zeros := make([]byte, 1<<20)
	for range 1024 {
		z.Write(zeros)
	}
	z.Close()
	origin := newOrigin(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(bomb.Bytes())
	})
	for _, c := range []crime{
		{row: "42a", name: "fetch of a bomb as text", source: `try { return (await (await fetch("http://` + origin + `/")).text()).length; } catch (e) { return e.name; }`, codes: limited, answer: "done: (RangeError|TypeError|Error)"},
		{row: "42b", name: "fetch of a bomb as a stream", source: `let n = 0; for await (const c of (await fetch("http://` + origin + `/")).body) n += c.length; return n;`, codes: limited, answer: "done: 1073741824"},
	} {
		t.Run(c.row, func(t *testing.T) { commitWith(t, c, "[egress]", `allow = ["127.0.0.0/8"]`) })
	}
}
