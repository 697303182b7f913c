package ingress

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestTLS: HTTP/1 and HTTP/2 inside TLS, and the strictness of HTTP/1 holds there, too.
func TestTLS(t *testing.T) {
	certified := httptest.NewUnstartedServer(nil) // for its certificate
	certified.StartTLS()
	defer certified.Close()
	seen := newSink()
	addr := start(t, Config{Observer: seen.observe, Dispatcher: answer(200, "", "ok")}, &tls.Config{Certificates: certified.TLS.Certificates})
	roots := x509.NewCertPool()
	roots.AddCert(certified.Certificate())

	for _, two := range []bool{false, true} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: two, DisableKeepAlives: true}
		resp, err := transport.RoundTrip(newRequest(t, "GET", "https://"+addr+"/p", nil))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if (resp.ProtoMajor == 2) != two || resp.StatusCode != 200 {
			t.Errorf("%s, status %d", resp.Proto, resp.StatusCode)
		}
		if o := seen.next(t); o.URL != "https://"+addr+"/p" {
			t.Errorf("url %s", o.URL)
		}
	}

	c, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: roots})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.Write([]byte("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"))
	answer := make([]byte, 100)
	n, _ := c.Read(answer)
	if !strings.HasPrefix(string(answer[:n]), "HTTP/1.1 400 ") {
		t.Errorf("answer %q", answer[:n])
	}
}

func TestCF(t *testing.T) {
	state := &tls.ConnectionState{Version: tls.VersionTLS13, CipherSuite: tls.TLS_AES_128_GCM_SHA256}
	for _, test := range []struct {
		major, minor int
		state        *tls.ConnectionState
		expected     string
	}{
		{1, 1, nil, `{"httpProtocol":"HTTP/1.1"}`}, {1, 0, nil, `{"httpProtocol":"HTTP/1.0"}`}, {2, 0, nil, `{"httpProtocol":"HTTP/2"}`},
		{2, 0, state, `{"httpProtocol":"HTTP/2","tlsVersion":"TLSv1.3","tlsCipher":"TLS_AES_128_GCM_SHA256"}`},
	} {
		if got := cfOf(&http.Request{ProtoMajor: test.major, ProtoMinor: test.minor}, test.state); got != test.expected {
			t.Errorf("%s, expected %s", got, test.expected)
		}
	}
}

func TestNormaliseHost(t *testing.T) {
	for in, expected := range map[string][2]string{
		"a": {"a", "a"}, "A.Example.COM.:8080": {"a.example.com:8080", "a.example.com"}, "[::1]:80": {"[::1]:80", "[::1]"}, "[::1]": {"[::1]", "[::1]"},
		"a:": {}, "a:x": {}, "a:1:2": {}, "a:123456": {}, ".": {}, "..": {}, "a..": {}, "a..:80": {}, ":80": {}, "[::1": {}, "[::1]x": {}, "a b": {}, "a/b": {}, "a@b": {}, "é": {}, "a%41": {},
	} {
		if normal, host := normaliseHost(in); normal != expected[0] || host != expected[1] {
			t.Errorf("%q: %q, %q", in, normal, host)
		}
	}
}
