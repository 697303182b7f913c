package egress

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"skerry/internal/hostproto"
)

func pack(lines ...string) []byte {
	var b []byte
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		b = append(append(append(append(b, name...), '\n'), value...), '\n')
	}
	return b
}

func unpack(packed []byte) map[string][]string {
	h := make(map[string][]string)
	lines := strings.Split(string(packed), "\n")
	for i := 0; i+1 < len(lines); i += 2 {
		h[lines[i]] = append(h[lines[i]], lines[i+1])
	}
	return h
}

func newClient(t *testing.T, cfg Config) *Client {
	c := New(cfg)
	t.Cleanup(func() { c.Close() })
	return c
}

func do(t *testing.T, c *Client, call hostproto.FetchCall, upload string) (hostproto.FetchResult, string, error) {
	t.Helper()
	var up io.ReadCloser
	if upload != "" {
		up = io.NopCloser(strings.NewReader(upload))
		if call.Length == 0 {
			call.Length = int64(len(upload))
		}
	}
	result, body, _, err := c.Do(t.Context(), Source{Worker: "w", Depth: 2}, &call, up)
	if err != nil {
		return result, "", err
	}
	if body == nil {
		return result, "", nil
	}
	defer body.Close()
	data, err := io.ReadAll(body)
	return result, string(data), err
}

func codeOf(err error) hostproto.CallCode {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return hostproto.CallCodeOK
}

func serve(t *testing.T, handler http.HandlerFunc) string {
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s.URL
}

func TestRequest(t *testing.T) {
	var got http.Header
	var target string
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got, target = r.Header.Clone(), r.RequestURI
		w.Header().Add("Set-Cookie", "a=1")
		w.Header().Add("Set-Cookie", "b=2")
		w.Header().Set("Keep-Alive", "x")
		w.WriteHeader(418)
		io.WriteString(w, "tea")
	})
	result, body, err := do(t, newClient(t, Config{Policy: Local}), hostproto.FetchCall{Method: "GET", URL: url + "/a/%7Ez//b?q=%|%zz#frag",
		Headers: pack("x-one: 1", "x-one: 2", "host: other.test", "connection: close", "content-length: 9", "cf-ew-via: 0", "cf-worker: liar", "te: x")}, "")
	if err != nil {
		t.Fatal(err)
	}
	want := http.Header{"X-One": {"1", "2"}, "Accept-Encoding": {"br, gzip"}, "Cf-Worker": {"w"}, "Cf-Ew-Via": {"3"}}
	if !reflect.DeepEqual(got, want) || target != "/a/%7Ez//b?q=%|%zz" {
		t.Errorf("target %q, headers %q", target, got)
	}
	h := unpack(result.Headers)
	if result.Status != 418 || result.StatusText != "I'm a teapot" || body != "tea" || result.Redirected || !reflect.DeepEqual(h["set-cookie"], []string{"a=1", "b=2"}) || h["keep-alive"] != nil || h["content-length"][0] != "3" {
		t.Errorf("result %+v, headers %q, body %q", result, h, body)
	}
	if result.URL != url+"/a/%7Ez//b?q=%|%zz" {
		t.Errorf("url %q", result.URL)
	}
}

func TestBadRequests(t *testing.T) {
	c := newClient(t, Config{Policy: Local})
	for name, call := range map[string]hostproto.FetchCall{
		"scheme":        {Method: "GET", URL: "ftp://a/"},
		"file":          {Method: "GET", URL: "file:///etc/passwd"},
		"no host":       {Method: "GET", URL: "http:///x"},
		"space":         {Method: "GET", URL: "http://a/ b"},
		"newline":       {Method: "GET", URL: "http://a/\r\nX: y"},
		"bad port":      {Method: "GET", URL: "http://a:25/"},
		"huge port":     {Method: "GET", URL: "http://a:99999/"},
		"method":        {Method: "GET / HTTP/1.1\r\nX: y", URL: "http://a/"},
		"connect":       {Method: "CONNECT", URL: "http://a/"},
		"header name":   {Method: "GET", URL: "http://a/", Headers: pack("a b: c")},
		"header cr":     {Method: "GET", URL: "http://a/", Headers: []byte("a\nb\rc\n")},
		"header odd":    {Method: "GET", URL: "http://a/", Headers: []byte("a\nb\nc\n")},
		"upgrade":       {Method: "GET", URL: "http://a/", Headers: pack("upgrade: h2c")},
		"short upload":  {Method: "POST", URL: "http://a/", Length: 10},
		"long upload":   {Method: "POST", URL: "http://a/", Length: 2},
		"unclosed host": {Method: "GET", URL: "http://[::1/"},
	} {
		closed := false
		_, _, _, err := c.Do(t.Context(), Source{}, &call, closer{strings.NewReader("body"), &closed})
		if code := codeOf(err); code == hostproto.CallCodeOK || code == hostproto.CallCodeInternal || !closed {
			t.Errorf("%s: error %v, upload closed %v", name, err, closed)
		}
	}
}

type closer struct {
	io.Reader
	closed *bool
}

func (c closer) Close() error { *c.closed = true; return nil }

// TestRedirects is the matrix of HTTP-redirect fetch.
func TestRedirects(t *testing.T) {
	type seen struct{ Method, Path, Body, ContentType, Authorization, Cookie string }
	var mu sync.Mutex
	var last seen
	record := func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		last = seen{r.Method, r.URL.Path, string(body), r.Header.Get("Content-Type"), r.Header.Get("Authorization"), r.Header.Get("Cookie")}
		mu.Unlock()
		fmt.Fprint(w, "end")
	}
	other := serve(t, record)
	here := serve(t, func(w http.ResponseWriter, r *http.Request) {
		status, _ := strconv.Atoi(r.URL.Query().Get("status"))
		switch r.URL.Path {
		case "/go":
			w.Header().Set("Location", "/end")
			w.WriteHeader(status)
			io.WriteString(w, "moved")
		case "/away":
			w.Header().Set("Location", other+"/end")
			w.WriteHeader(status)
		case "/nowhere":
			w.WriteHeader(status)
			io.WriteString(w, "no location")
		case "/bad":
			w.Header().Set("Location", r.URL.Query().Get("to"))
			w.WriteHeader(302)
		case "/loop":
			n, _ := strconv.Atoi(r.URL.Query().Get("n"))
			if n == 0 {
				record(w, r)
				return
			}
			w.Header().Set("Location", fmt.Sprintf("/loop?n=%d", n-1))
			w.WriteHeader(302)
		default:
			record(w, r)
		}
	})
	const text, auth, cookie = "text/x", "Basic x", "a=b"
	c := newClient(t, Config{Policy: Local, Limits: Limits{Hold: 10}})
	tests := []struct {
		name, method, path, upload string
		length                     int64
		mode                       hostproto.Redirect
		expected                   seen
		status                     uint16
		redirected                 bool
		code                       hostproto.CallCode
	}{
		{name: "GET 301", method: "GET", path: "/go?status=301", expected: seen{"GET", "/end", "", text, auth, cookie}, redirected: true},
		{name: "GET 302", method: "GET", path: "/go?status=302", expected: seen{"GET", "/end", "", text, auth, cookie}, redirected: true},
		{name: "HEAD 303", method: "HEAD", path: "/go?status=303", expected: seen{"HEAD", "/end", "", text, auth, cookie}, redirected: true},
		{name: "POST 301", method: "POST", path: "/go?status=301", upload: "body", expected: seen{"GET", "/end", "", "", auth, cookie}, redirected: true},
		{name: "POST 302", method: "POST", path: "/go?status=302", upload: "body", expected: seen{"GET", "/end", "", "", auth, cookie}, redirected: true},
		{name: "POST 303", method: "POST", path: "/go?status=303", upload: "body", expected: seen{"GET", "/end", "", "", auth, cookie}, redirected: true},
		{name: "POST 307", method: "POST", path: "/go?status=307", upload: "body", expected: seen{"POST", "/end", "body", text, auth, cookie}, redirected: true},
		{name: "POST 308", method: "POST", path: "/go?status=308", upload: "body", expected: seen{"POST", "/end", "body", text, auth, cookie}, redirected: true},
		{name: "PUT 302", method: "PUT", path: "/go?status=302", upload: "body", expected: seen{"PUT", "/end", "body", text, auth, cookie}, redirected: true},
		{name: "PUT 303", method: "PUT", path: "/go?status=303", upload: "body", expected: seen{"GET", "/end", "", "", auth, cookie}, redirected: true},
		{name: "stream 307", method: "POST", path: "/go?status=307", upload: "body", length: -1, code: hostproto.CallCodeNetwork},
		{name: "stream 303", method: "POST", path: "/go?status=303", upload: "body", length: -1, expected: seen{"GET", "/end", "", "", auth, cookie}, redirected: true},
		{name: "stream POST 302", method: "POST", path: "/go?status=302", upload: "body", length: -1, expected: seen{"GET", "/end", "", "", auth, cookie}, redirected: true},
		{name: "over the hold 308", method: "POST", path: "/go?status=308", upload: "12345678901", code: hostproto.CallCodeNetwork},
		{name: "cross origin", method: "GET", path: "/away?status=302", expected: seen{"GET", "/end", "", text, "", ""}, redirected: true},
		{name: "cross origin 307", method: "POST", path: "/away?status=307", upload: "body", expected: seen{"POST", "/end", "body", text, "", ""}, redirected: true},
		{name: "300", method: "GET", path: "/go?status=300", status: 300},
		{name: "304", method: "GET", path: "/go?status=304", status: 304},
		{name: "no location", method: "GET", path: "/nowhere?status=302", status: 302},
		{name: "manual", method: "POST", path: "/go?status=307", upload: "body", mode: hostproto.RedirectManual, status: 307},
		{name: "error", method: "GET", path: "/go?status=302", mode: hostproto.RedirectError, code: hostproto.CallCodeNetwork},
		{name: "error without redirect", method: "GET", path: "/end", mode: hostproto.RedirectError, expected: seen{"GET", "/end", "", text, auth, cookie}},
		{name: "20 redirects", method: "GET", path: "/loop?n=20", expected: seen{"GET", "/loop", "", text, auth, cookie}, redirected: true},
		{name: "21 redirects", method: "GET", path: "/loop?n=21", code: hostproto.CallCodeNetwork},
		{name: "empty location", method: "GET", path: "/bad", code: hostproto.CallCodeNetwork},
		{name: "other scheme", method: "GET", path: "/bad?to=ftp://a/", code: hostproto.CallCodeUnsupported},
		{name: "data", method: "GET", path: "/bad?to=data:,x", code: hostproto.CallCodeUnsupported},
		{name: "bad port", method: "GET", path: "/bad?to=http://a:25/", code: hostproto.CallCodeRefused},
		{name: "metadata", method: "GET", path: "/bad?to=http://169.254.169.254/", code: hostproto.CallCodeRefused},
		{name: "raw utf-8", method: "GET", path: "/bad?to=/%C3%A9", expected: seen{"GET", "/é", "", text, auth, cookie}, redirected: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			last = seen{}
			result, body, err := do(t, c, hostproto.FetchCall{Method: test.method, URL: here + test.path, Redirect: test.mode, Length: test.length,
				Headers: pack("content-type: "+text, "authorization: "+auth, "cookie: "+cookie)}, test.upload)
			if codeOf(err) != test.code {
				t.Fatalf("error %v", err)
			}
			mu.Lock()
			defer mu.Unlock()
			if test.status != 0 {
				if result.Status != test.status || last.Path != "" {
					t.Errorf("status %d, seen %+v", result.Status, last)
				}
			} else if test.code == 0 && (last != test.expected || result.Redirected != test.redirected || result.Status != 200 || test.method != "HEAD" && body != "end" || strings.HasPrefix(result.URL, here+"/go")) {
				t.Errorf("seen %+v, result %+v, body %q", last, result, body)
			}
		})
	}
}

func TestContentCodings(t *testing.T) {
	text := strings.Repeat("all work and no play makes Jack a dull boy. ", 1000)
	encode := func(open func(io.Writer) io.WriteCloser) []byte {
		var b bytes.Buffer
		w := open(&b)
		io.WriteString(w, text)
		w.Close()
		return b.Bytes()
	}
	zipped := encode(func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) })
	zipper, _ := zstd.NewWriter(nil, zstd.WithWindowSize(16<<20))
	large := zipper.EncodeAll(bytes.Repeat([]byte(text), 1000), nil)
	tests := []struct {
		coding string
		data   []byte
		status int
		body   string // "": as sent
		fails  bool
	}{
		{"gzip", zipped, 200, text, false},
		{"X-GZip ", zipped, 200, text, false},
		{"deflate", encode(func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) }), 200, text, false},
		{"deflate", encode(func(w io.Writer) io.WriteCloser { f, _ := flate.NewWriter(w, 5); return f }), 200, text, false},
		{"br", encode(func(w io.Writer) io.WriteCloser { return brotli.NewWriter(w) }), 200, text, false},
		{"zstd", encode(func(w io.Writer) io.WriteCloser { z, _ := zstd.NewWriter(w); return z }), 200, text, false},
		{"zstd", large, 200, "", true},
		{"identity", []byte("plain"), 200, "", false},
		{"gzip, br", zipped, 200, "", false},
		{"gzip", zipped, 206, "", false},
		{"gzip", nil, 200, "", false},
		{"gzip", []byte("not gzip at all"), 200, "", true},
		{"gzip", zipped[:len(zipped)/2], 200, "", true},
	}
	for i, test := range tests {
		t.Run(fmt.Sprint(i, test.coding), func(t *testing.T) {
			url := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Encoding", test.coding)
				w.Header().Set("Content-Length", strconv.Itoa(len(test.data)))
				w.WriteHeader(test.status)
				w.Write(test.data)
			})
			result, body, err := do(t, newClient(t, Config{Policy: Local}), hostproto.FetchCall{Method: "GET", URL: url}, "")
			if (err != nil) != test.fails || err != nil && codeOf(err) == hostproto.CallCodeOK {
				t.Fatalf("error %v", err)
			}
			if test.fails {
				return
			}
			h := unpack(result.Headers)
			if decoded := test.body != ""; decoded != (h["content-encoding"] == nil) || decoded != (h["content-length"] == nil) {
				t.Errorf("headers %q", h)
			}
			if test.body == "" {
				test.body = string(test.data)
			}
			if body != test.body {
				t.Errorf("body of %d bytes", len(body))
			}
		})
	}
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(zipped)
	})
	raw, body, err := do(t, newClient(t, Config{Policy: Local}), hostproto.FetchCall{Method: "GET", URL: url, Raw: true}, "")
	if err != nil || body != string(zipped) || unpack(raw.Headers)["content-encoding"] == nil {
		t.Errorf("raw: %d bytes, headers %q, %v", len(body), raw.Headers, err)
	}
	// HEAD: the fields are about the body that GET would give.
	url = serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Content-Length", "77")
	})
	result, _, err := do(t, newClient(t, Config{Policy: Local}), hostproto.FetchCall{Method: "HEAD", URL: url}, "")
	if h := unpack(result.Headers); err != nil || h["content-length"][0] != "77" || h["content-encoding"][0] != "gzip" {
		t.Errorf("headers %q, error %v", h, err)
	}
}

func TestStreamsBothWays(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).EnableFullDuplex()
		w.WriteHeader(200)
		w.(http.Flusher).Flush()
		buffer := make([]byte, 100)
		for {
			n, err := r.Body.Read(buffer)
			w.Write(buffer[:n])
			w.(http.Flusher).Flush()
			if err != nil {
				return
			}
		}
	})
	in, out := io.Pipe()
	_, body, length, err := newClient(t, Config{Policy: Local}).Do(t.Context(), Source{}, &hostproto.FetchCall{Method: "POST", URL: url, Length: -1}, in)
	if err != nil || length != -1 {
		t.Fatal(length, err)
	}
	defer body.Close()
	buffer := make([]byte, 4)
	for range 3 {
		io.WriteString(out, "ping")
		if _, err := io.ReadFull(body, buffer); err != nil || string(buffer) != "ping" {
			t.Fatalf("%q, %v", buffer, err)
		}
	}
	out.Close()
	if rest, err := io.ReadAll(body); err != nil || len(rest) != 0 {
		t.Fatalf("%q, %v", rest, err)
	}
}

func TestAbort(t *testing.T) {
	gone := make(chan struct{}, 2)
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/body" {
			w.(http.Flusher).Flush()
		}
		<-r.Context().Done()
		gone <- struct{}{}
	})
	c := newClient(t, Config{Policy: Local})
	ctx, cancel := context.WithCancel(t.Context())
	_, body, _, err := c.Do(ctx, Source{}, &hostproto.FetchCall{Method: "GET", URL: url + "/body"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := io.ReadAll(body); codeOf(err) != hostproto.CallCodeAborted {
		t.Errorf("body error %v", err)
	}
	<-gone
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	if _, _, _, err := c.Do(ctx, Source{}, &hostproto.FetchCall{Method: "GET", URL: url + "/head"}, nil); codeOf(err) != hostproto.CallCodeAborted {
		t.Errorf("error %v", err)
	}
	// An upload that never comes does not hold an aborted fetch.
	ctx, cancel = context.WithCancel(t.Context())
	in, _ := io.Pipe()
	cancel()
	if _, _, _, err := c.Do(ctx, Source{}, &hostproto.FetchCall{Method: "POST", URL: url, Length: 3}, in); codeOf(err) != hostproto.CallCodeAborted {
		t.Errorf("error %v", err)
	}
}

func TestLargeHead(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) { w.Header().Set("X", strings.Repeat("a", 10_000)) })
	_, _, err := do(t, newClient(t, Config{Policy: Local, Limits: Limits{HeaderBytes: 5000}}), hostproto.FetchCall{Method: "GET", URL: url}, "")
	if err == nil {
		t.Error("no error")
	}
}

// TestSpellingsOfLoopback: however loopback is spelled, with the policy of a server the connection is not made.
func TestSpellingsOfLoopback(t *testing.T) {
	reached := false
	base := serve(t, func(http.ResponseWriter, *http.Request) { reached = true })
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(base, "http://"))
	c := newClient(t, Config{Policy: Public})
	for _, host := range []string{"127.0.0.1", "localhost", "LOCALHOST", "localhost.", "any.localhost", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0", "0.0.0.0", "[::1]", "[::]", "[::ffff:127.0.0.1]",
		"[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[fe80::1]", firstOwnAddress(t)} {
		_, _, err := do(t, c, hostproto.FetchCall{Method: "GET", URL: "http://" + host + ":" + port + "/"}, "")
		if code := codeOf(err); code != hostproto.CallCodeRefused && code != hostproto.CallCodeNetwork || reached {
			t.Errorf("%s: error %v, reached %v", host, err, reached)
		}
	}
	if _, _, err := do(t, newClient(t, Config{Policy: Local}), hostproto.FetchCall{Method: "GET", URL: base}, ""); err != nil || !reached {
		t.Errorf("the control case: %v", err)
	}
}

// TestNamesBelowLocalhost: they are this machine's, whatever the network says of them.
func TestNamesBelowLocalhost(t *testing.T) {
	base := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Host) })
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(base, "http://"))
	dns := startDNS(t)
	dns.answer("192.0.2.1")
	c := newClient(t, Config{Policy: Local, Resolver: &net.Resolver{PreferGo: true, Dial: dns.dial}})
	for _, name := range []string{"app.localhost", "A.b.LOCALHOST", "app.localhost."} {
		_, body, err := do(t, c, hostproto.FetchCall{Method: "GET", URL: "http://" + name + ":" + port + "/"}, "")
		if err != nil || body != name+":"+port {
			t.Errorf("%s: the server was asked for %q, %v", name, body, err)
		}
	}
	for _, name := range []string{"localhost.test", "notlocalhost", ".localhost"} {
		if _, _, err := do(t, c, hostproto.FetchCall{Method: "GET", URL: "http://" + name + ":" + port + "/"}, ""); err == nil {
			t.Errorf("%s is taken for this machine", name)
		}
	}
}

// TestRebinding: a name that changes its address between two requests is checked again.
func TestRebinding(t *testing.T) {
	reached := 0
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		reached++
		w.Header().Set("Connection", "close")
	})
	ln, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: handler}
	go s.Serve(ln)
	defer s.Close()
	port := ln.Addr().(*net.TCPAddr).Port

	dns := startDNS(t)
	c := newClient(t, Config{Policy: Policy{Prefixes: []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}}, Resolver: &net.Resolver{PreferGo: true, Dial: dns.dial}})
	call := hostproto.FetchCall{Method: "GET", URL: fmt.Sprintf("http://rebind.test:%d/", port)}
	dns.answer("127.0.0.2")
	if _, _, err := do(t, c, call, ""); err != nil || reached != 1 {
		t.Fatalf("allowed address: %v, reached %d", err, reached)
	}
	for _, address := range []string{"127.0.0.1", "10.0.0.1", "169.254.169.254"} {
		dns.answer(address)
		if _, _, err := do(t, c, call, ""); codeOf(err) != hostproto.CallCodeRefused || reached != 1 {
			t.Errorf("%s: %v, reached %d", address, err, reached)
		}
	}
}

// fakeDNS answers every question for A with one address, and others with none.
type fakeDNS struct {
	conn net.PacketConn
	mu   sync.Mutex
	ip   netip.Addr
}

func startDNS(t *testing.T) *fakeDNS {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &fakeDNS{conn: conn}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buffer := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			conn.WriteTo(d.reply(buffer[:n]), from)
		}
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	return d
}

func (d *fakeDNS) answer(address string) {
	d.mu.Lock()
	d.ip = netip.MustParseAddr(address)
	d.mu.Unlock()
}

func (d *fakeDNS) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, "udp", d.conn.LocalAddr().String())
}

// reply answers a query of one question (RFC 1035 §4.1).
func (d *fakeDNS) reply(query []byte) []byte {
	end := 12
	for query[end] != 0 {
		end += int(query[end]) + 1
	}
	end += 5
	kind := query[end-3]
	r := append([]byte{}, query[:end]...)
	r[2], r[3] = 0x81, 0x80
	r[6], r[7], r[8], r[9], r[10], r[11] = 0, 0, 0, 0, 0, 0
	if kind == 1 {
		d.mu.Lock()
		ip := d.ip.As4()
		d.mu.Unlock()
		r[7] = 1
		r = append(r, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
		r = append(r, ip[:]...)
	}
	return r
}

// TestLooseURL: what the WHATWG parser lets stand and net/url does not, is requested all the same.
func TestLooseURL(t *testing.T) {
	for in, expected := range map[string]string{
		"http://a/%zz?%": "/%zz?%", "http://a:81/%?": "/%?", "http://a?%": "/?%", "http://a//%zz": "/%2F%zz", "http://a/x%2Fy//z": "/x%2Fy//z", "http://a/|^": "/%7C%5E",
	} {
		u, err := parseURL(in)
		if err != nil || u.RequestURI() != expected || u.Hostname() != "a" {
			t.Errorf("%s: %v, %v", in, u, err)
		}
	}
}

// Goal: values with control characters are sent and received as they are, CR, LF and NUL never. Method: a listener that
// keeps the bytes of requests, since servers of net/http refuse them, and answers with such values after a 1xx response.
func TestControlCharactersInHeaderValues(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	const answer = "HTTP/1.1 103 Early Hints\r\nOdd: \x02\r\n\r\nHTTP/1.1 200 OK\r\nOdd: \x01\xff\xfe\x7f\x8bz\r\nContent-Length: 4\r\n\r\nbody"
	received := make(chan string, 1)
	serve := func(answer string) {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		in := bufio.NewReader(conn)
		var request strings.Builder
		for line := ""; line != "sent"; {
			if line, err = in.ReadString('\n'); err != nil && line != "sent" {
				break
			}
			request.WriteString(line)
			if line == "\r\n" {
				body := make([]byte, 4)
				io.ReadFull(in, body)
				line = string(body)
				request.WriteString(line)
			}
		}
		received <- request.String()
		io.WriteString(conn, answer)
	}
	url := "http://" + listener.Addr().String() + "/"
	c := newClient(t, Config{Policy: Local, Limits: Limits{HeaderBytes: 1000}})
	headers := pack("odd: \x01a\x0b\x7f", "odd: plain", "even: b\tc")
	go serve(answer)
	result, body, err := do(t, c, hostproto.FetchCall{Method: "POST", URL: url, Headers: headers}, "sent")
	if err != nil {
		t.Fatal(err)
	}
	request := <-received
	for _, want := range []string{"POST / HTTP/1.1\r\n", "\r\nOdd: \x01a\x0b\x7f\r\nOdd: plain\r\n", "\r\nEven: b\tc\r\n", "\r\n\r\nsent"} {
		if !strings.Contains(request, want) {
			t.Errorf("%q was sent, without %q", request, want)
		}
	}
	if odd := unpack(result.Headers)["odd"]; result.Status != 200 || body != "body" || len(odd) != 1 || odd[0] != "\x01\xff\xfe\x7f\x8bz" {
		t.Errorf("received %d %q %q", result.Status, odd, body)
	}

	go serve("HTTP/1.1 200 OK\r\nLong: " + strings.Repeat("x", 1000) + "\r\n\r\n")
	if _, _, err := do(t, c, hostproto.FetchCall{Method: "POST", URL: url, Headers: headers}, "sent"); err == nil {
		t.Error("a head beyond the limit was read")
	}
	<-received
	for _, value := range []string{"a\rb", "a\x00b"} {
		if _, _, err := do(t, c, hostproto.FetchCall{Method: "GET", URL: url, Headers: pack("odd: " + value)}, ""); err == nil {
			t.Errorf("%q was sent", value)
		}
	}
	// The address policy holds here, too.
	if _, _, err := do(t, newClient(t, Config{}), hostproto.FetchCall{Method: "GET", URL: url, Headers: headers}, ""); err == nil {
		t.Error("loopback was reached")
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		cancel()
		io.Copy(io.Discard, conn) // until the client closes it
		conn.Close()
	}()
	if _, _, _, err := c.Do(ctx, Source{Worker: "w"}, &hostproto.FetchCall{Method: "GET", URL: url, Headers: headers}, nil); err == nil {
		t.Error("a cancelled request was answered")
	}
}

// Goal: 421 is answered by one more attempt on another connection, unless the body is gone. Method: a server that counts.
func TestMisdirectedRequest(t *testing.T) {
	var mu sync.Mutex
	var bodies, addresses []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		bodies, addresses = append(bodies, string(body)), append(addresses, r.RemoteAddr)
		w.WriteHeader(http.StatusMisdirectedRequest)
	}))
	defer server.Close()
	c := newClient(t, Config{Policy: Local, Limits: Limits{Hold: 10}})
	for _, test := range []struct {
		method, body string
		length       int64
		attempts     int
	}{{"GET", "", 0, 2}, {"POST", "held", 4, 2}, {"POST", "longer than what is held", 24, 1}, {"POST", "stream", -1, 1}} {
		bodies, addresses = nil, nil
		result, _, err := do(t, c, hostproto.FetchCall{Method: test.method, URL: server.URL, Length: test.length}, test.body)
		if err != nil || result.Status != http.StatusMisdirectedRequest {
			t.Fatalf("%s %q: %d %v", test.method, test.body, result.Status, err)
		}
		if len(bodies) != test.attempts || bodies[len(bodies)-1] != test.body || (test.attempts == 2 && addresses[0] == addresses[1]) {
			t.Errorf("%s %q: received %q from %q", test.method, test.body, bodies, addresses)
		}
	}
}
