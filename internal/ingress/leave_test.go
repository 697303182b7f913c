package ingress

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"skerry/internal/worker"
)

// Goal: a server that leaves keeps an idle connection open until its next request, which is answered and ends it; the one under way
// ends with its response, too; and Leave returns when nothing is left.
func TestLeave(t *testing.T) {
	for _, how := range []string{"inline", "stream", "fail"} {
		for _, way := range ways {
			t.Run(way+"/"+how, func(t *testing.T) {
				arrived, released := make(chan struct{}), make(chan struct{})
				release := sync.OnceFunc(func() { close(released) })
				defer release()
				addr, s := startServer(t, way, Config{Dispatcher: fakeDispatcher(func(_ context.Context, _ *worker.Version, req *Request, resp *Response) error {
					if strings.HasSuffix(req.URL, "/wait") {
						close(arrived)
						<-released
					}
					switch how {
					case "stream":
						*resp = Response{Status: 200, Body: io.NopCloser(strings.NewReader("done")), Length: -1, Event: ended{}}
					case "fail":
						return &EventError{Result{Outcome: worker.Exception}}
					default:
						*resp = Response{Status: 200, Inline: []byte("done"), Event: ended{}}
					}
					return nil
				})})
				ask := func(c net.Conn, path string) { fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path) }
				check := func(r *bufio.Reader, closes bool) {
					t.Helper()
					resp, err := http.ReadResponse(r, nil)
					if err != nil {
						t.Fatal(err)
					}
					body, err := io.ReadAll(resp.Body)
					if err != nil || resp.Close != closes || (how == "fail") != (resp.StatusCode == 500) || how != "fail" && string(body) != "done" {
						t.Errorf("status %d, close %v, body %q, %v", resp.StatusCode, resp.Close, body, err)
					}
				}
				var conns [2]net.Conn
				var readers [2]*bufio.Reader
				for i := range conns {
					c, err := net.Dial("tcp", addr)
					if err != nil {
						t.Fatal(err)
					}
					defer c.Close()
					conns[i], readers[i] = c, bufio.NewReader(c)
				}
				ask(conns[0], "/")
				check(readers[0], false)
				ask(conns[1], "/wait")
				<-arrived
				left := make(chan error, 1)
				go func() { left <- s.Leave(context.Background()) }()
				eventually(t, "it does not listen", func() bool {
					c, err := net.Dial("tcp", addr)
					if err == nil {
						c.Close()
					}
					return err != nil
				})
				ask(conns[0], "/")
				check(readers[0], true)
				if _, err := readers[0].ReadByte(); err != io.EOF {
					t.Errorf("after the last response: %v", err)
				}
				select {
				case err := <-left:
					t.Fatalf("it did not wait: %v", err)
				default:
				}
				release()
				check(readers[1], true)
				if err := <-left; err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// Goal: connections that stay silent until the end of the patience are closed, which is no error; a request that is under way then is cut off,
// which is one.
func TestLeaveGivesUp(t *testing.T) {
	for _, busy := range []bool{false, true} {
		for _, way := range ways {
			t.Run(fmt.Sprintf("%s/busy %v", way, busy), func(t *testing.T) {
				arrived := make(chan struct{})
				addr, s := startServer(t, way, Config{Dispatcher: fakeDispatcher(func(ctx context.Context, _ *worker.Version, req *Request, resp *Response) error {
					if strings.HasSuffix(req.URL, "/wait") {
						close(arrived)
						<-ctx.Done()
						return &EventError{Result{Outcome: worker.Canceled}}
					}
					*resp = Response{Status: 200, Inline: []byte("done"), Event: ended{}}
					return nil
				})})
				c, err := net.Dial("tcp", addr)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				r := bufio.NewReader(c)
				io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
				resp, err := http.ReadResponse(r, nil)
				if err != nil {
					t.Fatal(err)
				}
				io.Copy(io.Discard, resp.Body)
				if busy {
					io.WriteString(c, "GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
					<-arrived
				}
				ctx, cancel := context.WithCancel(context.Background())
				cancel()
				if err := s.Leave(ctx); (err != nil) != busy {
					t.Errorf("error %v", err)
				}
				if _, err := r.ReadByte(); err == nil {
					t.Error("the connection goes on")
				}
			})
		}
	}
}

// Goal: a server that leaves can be told to hurry: then it closes idle connections as well, and waits for requests only.
func TestLeaveHurries(t *testing.T) {
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			addr, s := startServer(t, way, Config{Dispatcher: answer(200, "", "done")})
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			r := bufio.NewReader(c)
			io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			resp, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Fatal(err)
			}
			io.Copy(io.Discard, resp.Body)
			left := make(chan error, 1)
			go func() { left <- s.Leave(context.Background()) }()
			eventually(t, "it leaves", s.lane.leaving.Load)
			if err := s.Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
			if err := <-left; err != nil {
				t.Error(err)
			}
			if _, err := r.ReadByte(); err != io.EOF {
				t.Errorf("the idle connection: %v", err)
			}
		})
	}
}

// Goal: while one server after the other takes the same socket over, no request fails: not on a kept connection, not on a new one, not in
// HTTP/2. Clients send the next request at once and take a new connection only when they were told to.
func TestLeaveUnderLoad(t *testing.T) {
	certified := httptest.NewUnstartedServer(nil) // for its certificate
	certified.StartTLS()
	defer certified.Close()
	roots := x509.NewCertPool()
	roots.AddCert(certified.Certificate())
	for _, protocol := range []string{"cleartext", "TLS", "HTTP/2"} {
		t.Run(protocol, func(t *testing.T) {
			dispatcher := fakeDispatcher(func(_ context.Context, _ *worker.Version, req *Request, resp *Response) error {
				if req.Method == http.MethodPost {
					body, err := io.ReadAll(req.Body)
					*resp = Response{Status: 200, Body: io.NopCloser(bytes.NewReader(body)), Length: -1, Event: ended{}}
					return err
				}
				*resp = Response{Status: 200, Inline: []byte("body"), Event: ended{}}
				return nil
			})
			var config *tls.Config
			scheme := "http://"
			if protocol != "cleartext" {
				config, scheme = &tls.Config{Certificates: certified.TLS.Certificates}, "https://"
			}
			begin := func(ln net.Listener) *Server {
				s := New(Config{Router: one{Version: someWorker}, Dispatcher: &fakeStarter{Dispatcher: dispatcher}})
				go s.Serve(ln, config) // ends with Leave
				return s
			}
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			address := ln.Addr().String()
			stop := make(chan struct{})
			var clients sync.WaitGroup
			var answered atomic.Int64
			for i := range 8 {
				transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: protocol == "HTTP/2", MaxConnsPerHost: 1, DisableKeepAlives: i == 0}
				defer transport.CloseIdleConnections()
				clients.Go(func() {
					for {
						select {
						case <-stop:
							return
						default:
						}
						// net/http's client repeats a request whose kept connection was closed under it, but not one with a body that
						// cannot be had again: so a request that is lost is seen.
						method, body := http.MethodGet, io.Reader(nil)
						if i%2 == 1 {
							method, body = http.MethodPost, io.MultiReader(strings.NewReader("body"))
						}
						req, err := http.NewRequest(method, scheme+address+"/", body)
						if err != nil {
							t.Error(err)
							return
						}
						resp, err := transport.RoundTrip(req)
						if err != nil {
							t.Errorf("client %d: %v", i, err)
							return
						}
						text, err := io.ReadAll(resp.Body)
						resp.Body.Close()
						if err != nil || resp.StatusCode != 200 || string(text) != "body" {
							t.Errorf("client %d: status %d, body %q, %v", i, resp.StatusCode, text, err)
							return
						}
						answered.Add(1)
					}
				})
			}
			s := begin(ln)
			for range 10 {
				before := answered.Load()
				eventually(t, "there are answers", func() bool { return answered.Load() > before+50 || t.Failed() })
				file, err := ln.(*net.TCPListener).File()
				if err != nil {
					t.Fatal(err)
				}
				next, err := net.FileListener(file)
				file.Close()
				if err != nil {
					t.Fatal(err)
				}
				follower := begin(next)
				ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
				if err := s.Leave(ctx); err != nil {
					t.Errorf("leave: %v", err)
				}
				cancel()
				ln, s = next, follower
			}
			close(stop)
			clients.Wait()
			if err := s.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
		})
	}
}

// eventually waits for what some goroutine is about to make true.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("never came true: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}
