package hostile

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"

	"skerry/test/e2e/rig"
)

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
