package hostile

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"skerry/test/e2e/rig"
)

// wire is a request written byte for byte.
type wire struct {
	row, name, request string
	// status is that of the one answer on the connection, which the server then closes.
	status int
	// body is what the answer begins with, if that matters.
	body string
}

const (
	next   = "GET /smuggled HTTP/1.1\r\nHost: victim.localhost\r\n\r\n"
	host   = "Host: victim.localhost\r\n"
	ending = "Connection: close\r\n\r\n"
)

func get(target, authority string) string {
	return "GET " + target + " HTTP/1.1\r\nHost: " + authority + "\r\n" + ending
}

var wires = []wire{
	// What frames a body.
	{row: "33a", name: "content-length and chunked", request: "POST / HTTP/1.1\r\n" + host + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + next, status: 400},
	{row: "33b", name: "chunked and content-length", request: "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + next, status: 400},
	{row: "33c", name: "two equal content-lengths", request: "POST / HTTP/1.1\r\n" + host + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde" + next, status: 400},
	{row: "33d", name: "two content-lengths", request: "POST / HTTP/1.1\r\n" + host + "Content-Length: 5\r\nContent-Length: 0\r\n\r\nabcde" + next, status: 400},
	{row: "33e", name: "content-length +4", request: "POST / HTTP/1.1\r\n" + host + "Content-Length: +4\r\n\r\nabcd" + next, status: 400},
	{row: "33f", name: "content-length 4, 4", request: "POST / HTTP/1.1\r\n" + host + "Content-Length: 4, 4\r\n\r\nabcd" + next, status: 400},
	{row: "33g", name: "content-length -1", request: "POST / HTTP/1.1\r\n" + host + "Content-Length: -1\r\n\r\n" + next, status: 400},
	{row: "33h", name: "content-length 0x4", request: "POST / HTTP/1.1\r\n" + host + "Content-Length: 0x4\r\n\r\nabcd" + next, status: 400},
	{row: "33i", name: "content-length of 20 digits", request: "POST / HTTP/1.1\r\n" + host + "Content-Length: 18446744073709551620\r\n\r\nabcd" + next, status: 400},
	{row: "33j", name: "space before the colon", request: "POST / HTTP/1.1\r\n" + host + "Content-Length : 4\r\n\r\nabcd" + next, status: 400},
	{row: "33k", name: "transfer-encoding chunked, identity", request: "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + next, status: 501},
	{row: "33l", name: "transfer-encoding xchunked", request: "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + next, status: 501},
	{row: "33m", name: "two transfer-encodings", request: "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + next, status: 501},
	{row: "33n", name: "vertical tab before chunked", request: "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + next, status: 400},
	{row: "33o", name: "chunked in HTTP/1.0", request: "POST / HTTP/1.0\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + next, status: 400},
	{row: "33p", name: "a body that looks like a request", request: fmt.Sprintf("GET / HTTP/1.1\r\n"+host+"Content-Length: %d\r\nConnection: close\r\n\r\n%s", len(next), next), status: 200, body: "victim /"},
	// Chunks.
	{row: "33q", name: "chunk size 0x1", request: "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n" + next, status: 400},
	{row: "33r", name: "bare line feed after the chunk size", request: "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n" + next, status: 400},
	{row: "33s", name: "chunk longer than its size", request: "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n" + next, status: 400},
	{row: "33t", name: "chunk size of 2^64", request: "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\na\r\n0\r\n\r\n" + next, status: 400},
	{row: "33u", name: "negative chunk size", request: "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n-1\r\na\r\n0\r\n\r\n" + next, status: 400},
	{row: "33v", name: "chunk extension of 1 MB", request: "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n1;" + strings.Repeat("x", 1<<20) + "\r\na\r\n0\r\n\r\n" + next, status: 400},
	{row: "33w", name: "bare line feed after the trailers", request: "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\n\n" + next, status: 400},
	// Lines.
	{row: "33x", name: "folded field", request: "GET / HTTP/1.1\r\n" + host + "X: a\r\n b\r\n\r\n" + next, status: 400},
	{row: "33y", name: "bare line feeds", request: "GET / HTTP/1.1\nHost: victim.localhost\n\n" + next, status: 400},
	{row: "33z", name: "bare carriage return in a field", request: "GET / HTTP/1.1\r\n" + host + "X: a\rY: b\r\n\r\n" + next, status: 400},
	{row: "33za", name: "a zero byte in a field", request: "GET / HTTP/1.1\r\n" + host + "X: a\x00b\r\n\r\n" + next, status: 400},
	{row: "33zb", name: "a zero byte in a name", request: "GET / HTTP/1.1\r\n" + host + "X\x00: a\r\n\r\n" + next, status: 400},
	{row: "33zc", name: "a field without a colon", request: "GET / HTTP/1.1\r\n" + host + "Xa\r\n\r\n" + next, status: 400},
	{row: "33zd", name: "HTTP/1.9", request: "GET / HTTP/1.9\r\n" + host + "\r\n" + next, status: 400},
	{row: "33ze", name: "HTTP/0.9", request: "GET /\r\n\r\n" + next, status: 400},
	{row: "33zf", name: "HTTP/3.0", request: "GET / HTTP/3.0\r\n" + host + "\r\n" + next, status: 400},
	{row: "33zg", name: "two spaces in the request line", request: "GET  / HTTP/1.1\r\n" + host + "\r\n" + next, status: 400},
	{row: "33zh", name: "tabs in the request line", request: "GET\t/\tHTTP/1.1\r\n" + host + "\r\n" + next, status: 400},
	{row: "33zi", name: "CONNECT", request: "CONNECT victim.localhost:80 HTTP/1.1\r\nHost: victim.localhost:80\r\n\r\n" + next, status: 405},
	{row: "33zj", name: "TRACE", request: "TRACE / HTTP/1.1\r\n" + host + "\r\n" + next, status: 405},
	{row: "33zk", name: "5000 small fields", request: "GET / HTTP/1.1\r\n" + host + strings.Repeat("X: y\r\n", 5000) + "\r\n" + next, status: 400},

	// Whose request it is.
	{row: "34a", name: "no host", request: "GET / HTTP/1.1\r\n\r\n" + next, status: 400},
	{row: "34b", name: "empty host", request: get("/", ""), status: 400},
	{row: "34c", name: "two hosts", request: "GET / HTTP/1.1\r\n" + host + "Host: other.localhost\r\n\r\n" + next, status: 400},
	{row: "34d", name: "host in capitals with port and dot", request: get("/", "VICTIM.localhost.:80"), status: 200, body: "victim "},
	{row: "34e", name: "absolute form of another host", request: get("http://other.localhost/", "victim.localhost"), status: 200, body: "other"},
	{row: "34f", name: "absolute form of nobody", request: get("http://nobody.localhost/", "victim.localhost"), status: 404},
	{row: "34g", name: "absolute form of another scheme", request: get("https://victim.localhost/", "victim.localhost"), status: 421},
	{row: "34h", name: "absolute form with a user", request: get("http://victim.localhost@other.localhost/", "victim.localhost"), status: 400},
	{row: "34i", name: "host with a path", request: get("/", "victim.localhost/x"), status: 400},
	{row: "34j", name: "host with a user", request: get("/", "other.localhost@victim.localhost"), status: 400},
	{row: "34k", name: "two dots at the end", request: get("/", "victim.localhost.."), status: 400},
	{row: "34l", name: "port that is none", request: get("/", "victim.localhost:x"), status: 400},
	{row: "34m", name: "two ports", request: get("/", "victim.localhost:80:80"), status: 400},
	{row: "34n", name: "list of hosts", request: get("/", "victim.localhost,other.localhost"), status: 404},
	{row: "34o", name: "host in UTF-8", request: get("/", "victím.localhost"), status: 400},
	{row: "34p", name: "host in Punycode", request: get("/", "xn--victm-2sa.localhost"), status: 404},
	{row: "34q", name: "percent-encoded host", request: get("/", "victim%2elocalhost"), status: 400},
	{row: "34r", name: "what proxies say of the host", request: "GET / HTTP/1.1\r\n" + host + "X-Forwarded-Host: other.localhost\r\nX-Host: other.localhost\r\nForwarded: host=other.localhost\r\nX-Original-URL: http://other.localhost/\r\n" + ending, status: 200, body: "victim /"},
	{row: "34s", name: "a name that ends in another", request: get("/", "xvictim.localhost"), status: 404},
	{row: "34t", name: "a name below another", request: get("/", "x.victim.localhost"), status: 404},

	// Sizes: they are judged before any worker is asked.
	{row: "40a", name: "a head of 129 KB", request: "GET /smuggled HTTP/1.1\r\n" + host + "X: " + strings.Repeat("x", 129<<10) + "\r\n\r\n", status: 431},
	{row: "40b", name: "a head of 129 KB in small fields", request: "GET /smuggled HTTP/1.1\r\n" + host + strings.Repeat("X: "+strings.Repeat("x", 505)+"\r\n", 270) + "\r\n", status: 431},
	{row: "40c", name: "a URL of 17 KB", request: get("/smuggled?"+strings.Repeat("x", 17<<10), "victim.localhost"), status: 414},
	{row: "40d", name: "a body of 6 GiB", request: "POST /smuggled HTTP/1.1\r\n" + host + "Content-Length: 6442450944\r\n\r\n", status: 413},

	// Paths are the worker's business, and nobody looks for files.
	{row: "43a", name: "encoded slashes", request: get("/assets/..%2f..%2fetc/passwd", "victim.localhost"), status: 200, body: "victim /assets/..%2f..%2fetc/passwd"},
	{row: "43b", name: "encoded dots", request: get("/%2e%2e/%2e%2e/etc/passwd", "victim.localhost"), status: 200, body: "victim /"},
	{row: "43c", name: "dots", request: get("/../../etc/passwd", "victim.localhost"), status: 200, body: "victim /"},
	{row: "43d", name: "backslashes", request: get(`/..\..\etc\passwd`, "victim.localhost"), status: 200, body: "victim /"},
	{row: "43e", name: "an encoded zero byte", request: get("/a%00.html", "victim.localhost"), status: 200, body: "victim /a%00.html"},
	{row: "43f", name: "two slashes", request: get("//other.localhost/x", "victim.localhost"), status: 200, body: "victim //other.localhost/x"},
	{row: "43g", name: "a drive", request: get(`/C:\windows\win.ini`, "victim.localhost"), status: 200, body: "victim /"},
	{row: "43h", name: "a file URL", request: get("file:///etc/passwd", "victim.localhost"), status: 421},
	{row: "43i", name: "a path without a slash", request: "GET etc/passwd HTTP/1.1\r\n" + host + ending, status: 400},
}

func victims() []rig.Worker {
	return []rig.Worker{
		rig.Script("victim", `export default { async fetch(request) { const url = request.url; await request.text(); if (url.includes("/smuggled")) console.log("SMUGGLED"); return new Response("victim " + url.slice("http://victim.localhost".length)); } };`),
		rig.Script("other", `export default { fetch() { return new Response("other"); } };`),
	}
}

// Goal: no bytes on a connection become two requests, or a request for another tenant, whether they come first or behind another request.
func TestWire(t *testing.T) {
	workers := victims()
	s := rig.Serve(t, rig.Platform{Workers: append(workers, innocents()...)})
	for _, w := range workers {
		s.Ready(w.Host(), "/")
	}
	crowd := newCrowd(t, s)
	defer crowd.stop()
	for _, w := range wires {
		t.Run(w.row, func(t *testing.T) {
			seen := &seen{crime: crime{row: w.row, name: w.name}}
			defer record(seen)
			for before := range 2 {
				statuses, body := exchange(t, s.Addr, strings.Repeat("GET / HTTP/1.1\r\n"+host+"\r\n", before)+w.request)
				if len(statuses) > 0 {
					seen.status = statuses[len(statuses)-1]
				}
				seen.body = body
				switch want := append(slices.Repeat([]int{200}, before), w.status); {
				case !slices.Equal(statuses, want):
					seen.problem = fmt.Sprintf("statuses %v, want %v", statuses, want)
				case !strings.HasPrefix(body, w.body) || strings.Contains(body, "root:"):
					seen.problem = fmt.Sprintf("answered %.100q, want %q", body, w.body)
				case strings.Contains(s.Said(), "SMUGGLED"):
					seen.problem = "a request was smuggled"
				default:
					continue
				}
				t.Fatal(seen.problem)
			}
		})
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
	return answers(conn, request)
}

func answers(conn net.Conn, request string) (statuses []int, body string) {
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

// Goal: who says one name to TLS and another to HTTP gets neither; and the strictness holds inside TLS.
func TestWireTLS(t *testing.T) {
	cert, key := certificate(t, "victim.localhost", "other.localhost")
	workers := victims()
	s := rig.Serve(t, rig.Platform{Workers: workers, Args: []string{"--tls-cert", cert, "--tls-key", key}})
	rig.Until(t, "the server answers over TLS", func() bool {
		conn, err := tls.Dial("tcp", s.Addr, &tls.Config{InsecureSkipVerify: true, ServerName: "victim.localhost"})
		if err != nil {
			return false
		}
		statuses, _ := answers(conn, get("/", "victim.localhost"))
		return slices.Equal(statuses, []int{200})
	}, s.Said)
	for _, w := range []wire{
		{row: "34za", name: "SNI of one worker, host of another", request: "GET / HTTP/1.1\r\nHost: other.localhost\r\n" + ending, status: 421},
		{row: "34zb", name: "the same in absolute form", request: get("https://other.localhost/", "victim.localhost"), status: 421},
		{row: "34zc", name: "the same in capitals", request: get("/", "VICTIM.localhost.:443"), status: 200},
		{row: "33zl", name: "content-length and chunked in TLS", request: "POST / HTTP/1.1\r\n" + host + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + next, status: 400},
		{row: "33zm", name: "bare line feeds in TLS", request: "GET / HTTP/1.1\nHost: victim.localhost\n\n" + next, status: 400},
	} {
		t.Run(w.row, func(t *testing.T) {
			seen := &seen{crime: crime{row: w.row, name: w.name}}
			defer record(seen)
			conn, err := tls.Dial("tcp", s.Addr, &tls.Config{InsecureSkipVerify: true, ServerName: "victim.localhost"})
			if err != nil {
				t.Fatal(err)
			}
			statuses, body := answers(conn, w.request)
			if len(statuses) > 0 {
				seen.status, seen.body = statuses[0], body
			}
			if !slices.Equal(statuses, []int{w.status}) || strings.Contains(s.Said(), "SMUGGLED") {
				seen.problem = fmt.Sprintf("statuses %v, want %d", statuses, w.status)
				t.Error(seen.problem)
			}
		})
	}
}

// certificate writes a self-signed certificate and its key.
func certificate(t *testing.T, names ...string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: names, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	rig.WriteFile(t, cert, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	rig.WriteFile(t, key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})))
	return cert, key
}
