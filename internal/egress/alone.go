package egress

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// hasOddField says whether a value has control characters. They are values to the Fetch standard
// (https://fetch.spec.whatwg.org/#header-value) and to servers, but net/http refuses them, both in requests and in responses.
// CR, LF and NUL are not among them: requestHeader has refused those.
func hasOddField(h http.Header) bool {
	for _, values := range h {
		if slices.ContainsFunc(values, func(v string) bool { return strings.ContainsFunc(v, isControl) }) {
			return true
		}
	}
	return false
}

func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

// roundTripAlone sends a request over HTTP/1.1 on a connection of its own, under the same address policy and limits as any
// other. Request and response may have odd fields.
func (c *Client) roundTripAlone(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	conn, err := c.dialAlone(ctx, req)
	if err != nil {
		if req.Body != nil {
			req.Body.Close()
		}
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	req.Close = true
	written := make(chan error, 1)
	go func() { written <- req.Write(conn) }() // ends with the connection at the latest
	resp, err := c.readAlone(conn, req)
	if err != nil {
		stop()
		conn.Close()
		select {
		case writeErr := <-written:
			if writeErr != nil {
				err = writeErr // the cause: a body that fails, mostly
			}
		default:
		}
		return nil, err
	}
	resp.Body = &loneBody{ReadCloser: resp.Body, conn: conn, stop: stop}
	return resp, nil
}

func (c *Client) dialAlone(ctx context.Context, req *http.Request) (net.Conn, error) {
	host := req.URL.Hostname()
	conn, err := c.transport.DialContext(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(int(portOf(req.URL)))))
	if err != nil || req.URL.Scheme != "https" {
		return conn, err
	}
	config := &tls.Config{}
	if c.transport.TLSClientConfig != nil {
		config = c.transport.TLSClientConfig.Clone()
	}
	config.NextProtos = []string{"http/1.1"}
	if config.ServerName == "" {
		config.ServerName = host
	}
	ctx, cancel := context.WithTimeout(ctx, c.limits.Handshake)
	defer cancel()
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return secure, nil
}

var errLongHead = errors.New("the head of the response is too long")

// readAlone reads the head of the final response.
func (c *Client) readAlone(conn net.Conn, req *http.Request) (*http.Response, error) {
	if err := conn.SetReadDeadline(time.Now().Add(c.limits.ResponseHeader)); err != nil {
		return nil, err
	}
	in := bufio.NewReader(conn)
	for left := c.limits.HeaderBytes; ; {
		head, err := readHead(in, left)
		if err != nil {
			return nil, err
		}
		left -= int64(len(head))
		// What net/http refuses is disguised while it reads, as bytes that it takes.
		resp, err := http.ReadResponse(bufio.NewReader(io.MultiReader(bytes.NewReader(disguise(head)), in)), req)
		if err != nil {
			return nil, err
		}
		for _, values := range resp.Header {
			for i := range values {
				values[i] = reveal(values[i])
			}
		}
		if resp.StatusCode < 100 || resp.StatusCode >= 200 || resp.StatusCode == http.StatusSwitchingProtocols {
			return resp, conn.SetReadDeadline(time.Time{})
		}
	}
}

// readHead reads up to and including the empty line, at most limit bytes.
func readHead(in *bufio.Reader, limit int64) ([]byte, error) {
	var head []byte
	for {
		line, err := in.ReadSlice('\n')
		head = append(head, line...)
		if int64(len(head)) > limit {
			return nil, errLongHead
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF):
			return nil, io.ErrUnexpectedEOF
		case err != nil:
			return nil, err
		}
		if head[len(head)-1] == '\n' && (len(line) == 1 || len(line) == 2 && line[0] == '\r') && !bytes.Equal(head, line) {
			return head, nil
		}
	}
}

// mask marks a disguised byte, which follows with its high bit set; 0x7f, which would be mask then, as maskedDelete.
const mask, maskedDelete = 0xff, 0xfe

// disguise replaces the control characters of a head, and mask itself.
func disguise(head []byte) []byte {
	out := make([]byte, 0, len(head))
	for _, b := range head {
		switch {
		case b == mask:
			out = append(out, mask, mask)
		case b == 0x7f:
			out = append(out, mask, maskedDelete)
		case b != '\r' && b != '\n' && b != 0 && isControl(rune(b)):
			out = append(out, mask, b|0x80)
		default:
			out = append(out, b)
		}
	}
	return out
}

// reveal undoes disguise.
func reveal(value string) string {
	if strings.IndexByte(value, mask) < 0 {
		return value
	}
	out := make([]byte, 0, len(value))
	for i := 0; i < len(value); i++ {
		if b := value[i]; b == mask && i+1 < len(value) {
			i++
			switch value[i] {
			case mask:
			case maskedDelete:
				b = 0x7f
			default:
				b = value[i] &^ 0x80
			}
			out = append(out, b)
		} else {
			out = append(out, b)
		}
	}
	return string(out)
}

// loneBody closes the connection with the body.
type loneBody struct {
	io.ReadCloser
	conn net.Conn
	stop func() bool
}

func (b *loneBody) Close() error {
	b.stop()
	b.conn.Close()
	return b.ReadCloser.Close()
}
