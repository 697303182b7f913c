package hostile

import (
	"io"
	"net"
	"strings"
	"testing"

	"skerry/test/e2e/rig"
)

// Goal: a malformed chunk gets 400, whoever sees it first: the worker that reads, or net/http that looks ahead while the worker thinks. It was
// once in a thousand that the client was told 200.
func TestWireRace(t *testing.T) {
	workers := victims()
	s := rig.Serve(t, rig.Platform{Workers: workers})
	s.Ready(workers[0].Host(), "/")
	for before := range 2 {
		for i := range 1500 {
			conn, err := net.Dial("tcp", s.Addr)
			if err != nil {
				t.Fatal(err)
			}
			go io.Copy(conn, strings.NewReader(strings.Repeat("GET / HTTP/1.1\r\n"+host+"\r\n", before)+"POST / HTTP/1.1\r\n"+host+"Transfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n"+next))
			all, err := io.ReadAll(conn)
			conn.Close()
			if strings.Count(string(all), "HTTP/1.1 400") != 1 || strings.Count(string(all), "HTTP/1.1 200") != before {
				t.Errorf("before %d, %d: %q %v", before, i, all, err)
			}
			if t.Failed() {
				break
			}
		}
	}
}
