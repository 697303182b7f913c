package ingress

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// FuzzReply: whatever a host answers, the client gets one response with the body that it was given, and fields that only the platform sets
// are the platform's; the short way and net/http agree.
func FuzzReply(f *testing.F) {
	f.Add(uint16(200), []byte("content-type\ntext/plain\nset-cookie\na\nset-cookie\nb\n"), []byte("body"), false, false)
	f.Add(uint16(103), []byte("content-length\n3\ntransfer-encoding\nchunked\n"), []byte("HTTP/1.1 200 OK\r\n\r\n"), false, true)
	f.Add(uint16(204), []byte("content-length\n3\nconnection\nclose\nx-skerry-request-id\nforged\n"), []byte("abc"), true, false)
	f.Add(uint16(304), []byte("a: b\nc\n"), []byte{}, false, false)
	f.Add(uint16(205), []byte("a\n\x01\n"), []byte("x"), true, false)
	f.Fuzz(func(t *testing.T, status uint16, headers, inline []byte, head, closing bool) {
		resp := &Response{Status: int(status), Headers: headers, Inline: inline, Length: int64(len(inline))}
		var r reply
		n, ok := r.build(resp, "id", head, closing, time.Unix(0, 0))
		recorded := httptest.NewRecorder()
		length, err := setResponseHeaders(recorded.Header(), headers)
		if ok && (err != nil || checkResponse(recorded.Header(), resp) != nil) {
			t.Fatalf("the short way takes what the other refuses: %v", err)
		}
		if _, good := parseDigits([]byte(length)); length != "" && !good && strings.ContainsAny(length, "\r\n") {
			t.Fatalf("length %q", length)
		}
		for name, values := range recorded.Header() {
			if err == nil && (droppedFromResponse(strings.ToLower(name)) || strings.ContainsAny(name+strings.Join(values, ""), "\r\n\x00")) {
				t.Fatalf("the field %q: %q", name, values)
			}
		}
		if !ok {
			return
		}
		method := http.MethodGet
		if head {
			method = http.MethodHead
		}
		if bytes.ContainsFunc(headers, func(c rune) bool { return c < ' ' && c != '\t' && c != '\n' || c == 0x7f }) {
			// net/http reads no control characters. What matters is that there is one head with whole lines.
			end := bytes.Index(r.out, []byte("\r\n\r\n"))
			if end < 0 || len(r.out)-end-4 != n || bytes.Count(r.out[:end], []byte("\n")) != bytes.Count(r.out[:end], []byte("\r\n")) {
				t.Fatalf("sends %q", r.out)
			}
			return
		}
		in := bufio.NewReader(bytes.NewReader(r.out))
		got, err := http.ReadResponse(in, &http.Request{Method: method})
		if err != nil {
			t.Fatalf("net/http refuses %q: %v", r.out, err)
		}
		body, err := io.ReadAll(got.Body)
		if err != nil || in.Buffered() != 0 {
			t.Fatalf("%q is no single response: %v, and %d bytes behind it", r.out, err, in.Buffered())
		}
		want := inline
		if head || status == 204 || status == 304 || status == 205 {
			want = nil
		}
		if !bytes.Equal(body, want) || n != len(want) || got.StatusCode != int(status) || len(got.Header["X-Skerry-Request-Id"]) != 1 || got.Header.Get("X-Skerry-Request-Id") != "id" {
			t.Fatalf("%q is read as %d with %q", r.out, got.StatusCode, body)
		}
	})
}
