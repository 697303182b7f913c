package websocket

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestAcceptsDeflate(t *testing.T) {
	for offer, want := range map[string]bool{
		"":                   false,
		"permessage-deflate": true,
		"x-other, permessage-deflate; client_max_window_bits":                         true,
		"permessage-deflate; server_max_window_bits=10":                               false,
		"permessage-deflate; server_max_window_bits=10, permessage-deflate":           true,
		"permessage-deflate; server_max_window_bits=15; client_max_window_bits=\"9\"": true,
		"permessage-deflate; client_max_window_bits=16":                               false,
		"permessage-deflate; unknown":                                                 false,
		"permessage-deflate; server_no_context_takeover=1":                            false,
		"permessage-deflate; server_no_context_takeover; server_no_context_takeover":  false,
		"PERMESSAGE-DEFLATE;SERVER_NO_CONTEXT_TAKEOVER ; client_no_context_takeover":  true,
		"permessage-bzip2": false,
	} {
		if got := acceptsDeflate([]string{offer}); got != want {
			t.Errorf("%q: %v", offer, got)
		}
	}
}

// The example of RFC 6455 §1.3.
func TestAcceptOf(t *testing.T) {
	if got := acceptOf("dGhlIHNhbXBsZSBub25jZQ=="); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Error(got)
	}
}

func TestCheck(t *testing.T) {
	good := func() *http.Request {
		r := httptest.NewRequest("GET", "/", nil)
		Offer(r.Header, true)
		return r
	}
	if status, reason := Check(good()); status != 0 {
		t.Fatal(status, reason)
	}
	for want, change := range map[int]func(*http.Request){
		405: func(r *http.Request) { r.Method = "POST" },
		426: func(r *http.Request) { r.Header.Set("Sec-WebSocket-Version", "8") },
		505: func(r *http.Request) { r.ProtoMinor = 0 },
	} {
		r := good()
		change(r)
		if status, _ := Check(r); status != want {
			t.Errorf("%d, want %d", status, want)
		}
	}
	for _, key := range []string{"", "short", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZTEyMzQ="} {
		r := good()
		r.Header.Set("Sec-WebSocket-Key", key)
		if status, _ := Check(r); status != 400 {
			t.Errorf("key %q: %d", key, status)
		}
	}
}

// Goal: both halves of the handshake understand each other. Method: our client and our server, over net/http.
func TestHandshake(t *testing.T) {
	for _, deflate := range []bool{false, true} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			conn, buffered, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			c, err := Answer(conn, buffered, r, http.Header{"X-One": {"1"}, "Upgrade": {"liar"}, "Sec-Websocket-Accept": {"liar"}}, deflate, Options{MessageMax: testMax})
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			data, text, err := readMessage(c, 100)
			if err == nil {
				c.WritePiece(text, data, true)
				c.WriteClose(CodeNormal, "")
			}
		}))
		req, _ := http.NewRequest("GET", server.URL, nil)
		key := Offer(req.Header, true)
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		agreed, err := Accepted(resp, key, true)
		if err != nil || agreed != deflate || resp.Header.Get("X-One") != "1" {
			t.Fatal(agreed, err)
		}
		c := New(resp.Body.(io.ReadWriteCloser), Options{Client: true, Deflate: agreed, MessageMax: testMax})
		c.WritePiece(true, []byte("hello"), true)
		if err := c.Flush(); err != nil {
			t.Fatal(err)
		}
		if data, text, err := readMessage(c, 3); string(data) != "hello" || !text || err != nil {
			t.Error(data, err)
		}
		c.Close()
		server.Close()
	}
}

func TestAcceptedRefuses(t *testing.T) {
	for name, change := range map[string]func(http.Header){
		"accept":    func(h http.Header) { h.Set("Sec-WebSocket-Accept", "x") },
		"upgrade":   func(h http.Header) { h.Del("Upgrade") },
		"extension": func(h http.Header) { h.Set("Sec-WebSocket-Extensions", "x-made-up") },
		"parameter": func(h http.Header) {
			h.Set("Sec-WebSocket-Extensions", "permessage-deflate; server_no_context_takeover; client_max_window_bits=9")
		},
		"takeover": func(h http.Header) { h.Set("Sec-WebSocket-Extensions", "permessage-deflate") },
		"two":      func(h http.Header) { h.Set("Sec-WebSocket-Extensions", Deflate+", x") },
	} {
		h := http.Header{}
		key := Offer(http.Header{}, true)
		h.Set("Upgrade", "WebSocket")
		h.Set("Connection", "upgrade")
		h.Set("Sec-WebSocket-Accept", acceptOf(key))
		resp := &http.Response{StatusCode: 101, Header: h}
		if _, err := Accepted(resp, key, true); err != nil {
			t.Fatal(err)
		}
		change(h)
		if _, err := Accepted(resp, key, true); err == nil {
			t.Error(name, "is accepted")
		}
	}
}
