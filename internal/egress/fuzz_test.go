package egress

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"strconv"
	"strings"
	"testing"

	"skerry/internal/hostproto"
)

// FuzzFetchCall: whatever a host says of a request, what goes out is one request, to the host of the URL, with the platform's own fields
// as the platform sets them. Nothing leaves the process: the other end of each connection is a pipe.
func FuzzFetchCall(f *testing.F) {
	for _, call := range []hostproto.FetchCall{
		{Method: "GET", URL: "http://example.com/", Length: -1},
		{Method: "POST", URL: "http://user:pass@example.com:8080/a?b#c", Headers: []byte("content-type\ntext/plain\nx-a\n\x01\n"), Redirect: hostproto.RedirectManual, Length: 5},
		{Method: "GET / HTTP/1.1\r\nx: y", URL: "http://example.com/", Length: 0},
		{Method: "GET", URL: "http://example.com/ HTTP/1.1", Headers: []byte("a\nb\r\n"), Length: -1},
		{Method: "PUT", URL: "http://[::1]/%zz//x?%", Headers: []byte("transfer-encoding\nchunked\ncontent-length\n3\ncf-worker\nsomebody\nhost\nelsewhere\n"), Length: 3},
		{Method: "GET", URL: "http://example.com/chat", Headers: []byte("upgrade\nwebsocket\nsec-websocket-key\nx\n"), Length: -1},
	} {
		f.Add(call.Method, call.URL, call.Headers, uint8(call.Redirect), call.Length)
	}
	f.Fuzz(func(t *testing.T, method, url string, headers []byte, redirect uint8, length int64) {
		if !hostproto.Redirect(redirect).Valid() || length < -1 || length > 1<<10 {
			return // Somebody else has seen to that.
		}
		c := New(Config{})
		defer c.Close()
		served := make(chan error, 100)
		dialed := 0
		c.transport.DialContext = func(_ context.Context, _, address string) (net.Conn, error) {
			if dialed++; dialed > 10 {
				return nil, errors.New("enough")
			}
			ours, theirs := net.Pipe()
			go func() { // ends with the connection
				served <- serveOne(theirs, address)
				theirs.Close()
			}()
			return ours, nil
		}
		var upload io.ReadCloser
		if length >= 0 {
			upload = io.NopCloser(strings.NewReader(strings.Repeat("x", int(length))))
		}
		_, body, _, err := c.Do(t.Context(), Source{Worker: "w", Depth: 2}, &hostproto.FetchCall{Method: method, URL: url, Headers: headers, Redirect: hostproto.Redirect(redirect), Length: length}, upload)
		if err != nil {
			if _, ok := errors.AsType[*Error](err); !ok {
				t.Errorf("%v is no *Error", err)
			}
		}
		if body != nil {
			body.Close()
		}
		c.transport.CloseIdleConnections()
		for range dialed {
			if err := <-served; err != nil {
				t.Error(err)
			}
		}
	})
}

// serveOne reads one request and answers; what is wrong with it is the error. Handshakes of TLS are not answered. It reads itself: net/http
// takes less than may be sent.
func serveOne(conn net.Conn, address string) error {
	in := bufio.NewReader(conn)
	if first, err := in.Peek(1); err != nil || first[0] == 0x16 {
		return nil
	}
	fields := map[string][]string{}
	for first := true; ; first = false {
		line, err := in.ReadString('\n')
		if err != nil {
			return nil // It was given up.
		}
		text, ok := strings.CutSuffix(line, "\r\n")
		if !ok || strings.ContainsAny(text, "\r\x00") {
			return fmt.Errorf("the line %q", line)
		}
		if text == "" {
			break
		}
		if first {
			if parts := strings.Split(text, " "); len(parts) != 3 || parts[2] != "HTTP/1.1" || !strings.HasPrefix(parts[1], "/") {
				return fmt.Errorf("the request line %q", text)
			}
			continue
		}
		name, value, ok := strings.Cut(text, ":")
		if !ok || !isToken(name) {
			return fmt.Errorf("the field %q", text)
		}
		name = http.CanonicalHeaderKey(name)
		fields[name] = append(fields[name], strings.Trim(value, " \t"))
	}
	body := io.Reader(strings.NewReader(""))
	switch length, chunked := fields["Content-Length"], fields["Transfer-Encoding"]; {
	case len(length)+len(chunked) > 1:
		return fmt.Errorf("lengths %q and %q", length, chunked)
	case len(length) == 1:
		n, err := strconv.ParseInt(length[0], 10, 32)
		if err != nil {
			return err
		}
		body = io.LimitReader(in, n)
	case len(chunked) == 1:
		if chunked[0] != "chunked" {
			return fmt.Errorf("coding %q", chunked)
		}
		body = httputil.NewChunkedReader(in)
	}
	if _, err := io.Copy(io.Discard, body); err != nil {
		return nil // It was given up.
	}
	if len(fields["Transfer-Encoding"]) == 1 {
		in.ReadString('\n') // Behind the last chunk.
	}
	if got := fields["Host"]; len(got) != 1 || !sameHost(got[0], address) {
		return fmt.Errorf("a request to %s says that it is for %q", address, got)
	}
	if got := fields["Cf-Worker"]; len(got) != 1 || got[0] != "w" {
		return fmt.Errorf("Cf-Worker is %q", got)
	}
	if got := fields["Cf-Ew-Via"]; len(got) != 1 || got[0] != "3" {
		return fmt.Errorf("Cf-Ew-Via is %q", got)
	}
	go io.WriteString(conn, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n") // ends with the connection
	if more, err := in.Peek(1); err == nil {
		return fmt.Errorf("behind the request comes %q", more)
	}
	return nil
}

// sameHost says whether Host names the address that is connected to.
func sameHost(field, address string) bool {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if strings.EqualFold(strings.Trim(field, "[]"), host) {
		return true
	}
	name, number, err := net.SplitHostPort(field)
	if err != nil || !strings.EqualFold(name, host) {
		return false
	}
	n, err := strconv.ParseUint(number, 10, 16) // It may have zeros in front.
	return number == "" || err == nil && strconv.FormatUint(n, 10) == port
}
