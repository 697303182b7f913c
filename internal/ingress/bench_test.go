package ingress

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
)

// BenchmarkHello and BenchmarkBare send the same request over one kept connection, through a Server with a fake dispatcher and through
// net/http alone: the difference is what a request costs here.
func BenchmarkHello(b *testing.B) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s := New(Config{Router: one{Version: someWorker}, Dispatcher: answer(200, "content-type: text/plain;charset=UTF-8", "Hello, world"), Observer: func(*Observation) {}})
	go s.Serve(ln, nil)
	defer s.Close()
	hammer(b, ln.Addr().String())
}

func BenchmarkBare(b *testing.B) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Content-Type"] = []string{"text/plain;charset=UTF-8"}
		io.WriteString(w, "Hello, world")
	})}
	go s.Serve(ln)
	defer s.Close()
	hammer(b, ln.Addr().String())
}

func hammer(b *testing.B, addr string) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	request := []byte("GET /path?query=1 HTTP/1.1\r\nHost: example.com\r\nUser-Agent: bench/1.0\r\nAccept: */*\r\nAccept-Encoding: gzip, br\r\nCookie: a=b; c=d\r\n\r\n")
	r := bufio.NewReader(c)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Write(request); err != nil {
			b.Fatal(err)
		}
		for blank := false; !blank; {
			line, err := r.ReadSlice('\n')
			if err != nil {
				b.Fatal(err)
			}
			blank = len(line) == 2
		}
		if _, err := r.Discard(len("Hello, world")); err != nil {
			b.Fatal(err)
		}
	}
}
