package benchmark

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// Request is one request that the load generator sends, with the answer that is right.
type Request struct {
	Method string `json:"method"`
	Host   string `json:"host"`
	Path   string `json:"path"`
	// Body is sent with a Content-Length unless it is empty.
	Body string `json:"body,omitempty"`
	// Status must be the status of the answer.
	Status int `json:"status"`
	// Want must be the body of the answer; with Contains, must only be in it.
	Want     string `json:"want"`
	Contains bool   `json:"contains,omitempty"`
}

// bytes is the request as it goes over a connection.
func (r Request) bytes() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.Method, r.Path, r.Host)
	if r.Body != "" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(r.Body))
	}
	fmt.Fprintf(&b, "\r\n%s", r.Body)
	return b.Bytes()
}

// check compares an answer with what is right.
func (r Request) check(status int, body []byte) error {
	if status != r.Status {
		return fmt.Errorf("%w: %s %s%s gave status %d, want %d; body %.200q", ErrWrongAnswer, r.Method, r.Host, r.Path, status, r.Status, body)
	}
	if r.Contains && !bytes.Contains(body, []byte(r.Want)) {
		return fmt.Errorf("%w: %s %s%s gave %.200q, want something with %.200q", ErrWrongAnswer, r.Method, r.Host, r.Path, body, r.Want)
	}
	if !r.Contains && string(body) != r.Want {
		return fmt.Errorf("%w: %s %s%s gave %.200q, want %.200q", ErrWrongAnswer, r.Method, r.Host, r.Path, body, r.Want)
	}
	return nil
}

// The limits of answers. Servers under test are not trusted to be right.
const (
	headLineMax   = 16 << 10
	headLinesMax  = 200
	bodyMax       = 4 << 20
	answerTimeout = 30 * time.Second
)

// client is one keep-alive HTTP/1.1 connection. It does as little as it can, so that it measures the server.
type client struct {
	conn net.Conn
	in   *bufio.Reader
	body []byte // Of the last answer; used again.
	// until is the deadline that the connection has. It is renewed when half of it has passed: a timer per request is work that
	// would be counted against the server's processors.
	until time.Time
}

func dial(addr string) (*client, error) {
	conn, err := net.DialTimeout("tcp", addr, answerTimeout)
	if err != nil {
		return nil, err
	}
	return newClient(conn), nil
}

func newClient(conn net.Conn) *client {
	return &client{conn: conn, in: bufio.NewReaderSize(conn, headLineMax)}
}

func (c *client) close() { c.conn.Close() }

// do sends a serialised request and reads the whole answer. body is valid until the next call.
func (c *client) do(request []byte) (status int, body []byte, err error) {
	if now := time.Now(); c.until.Sub(now) < answerTimeout/2 {
		c.until = now.Add(answerTimeout)
		if err := c.conn.SetDeadline(c.until); err != nil {
			return 0, nil, err
		}
	}
	if _, err := c.conn.Write(request); err != nil {
		return 0, nil, fmt.Errorf("send request: %w", err)
	}
	head, err := c.readHead()
	if err != nil {
		return 0, nil, err
	}
	c.body = c.body[:0]
	err = c.readBody(head, func(part []byte) error {
		if len(c.body)+len(part) > bodyMax {
			return fmt.Errorf("answer is longer than %d bytes", bodyMax)
		}
		c.body = append(c.body, part...)
		return nil
	})
	return head.status, c.body, err
}

// head is what the client needs of the head of an answer.
type head struct {
	status  int
	length  int64 // -1: not said.
	chunked bool
}

func (c *client) readHead() (head, error) {
	line, err := c.readLine()
	if err != nil {
		return head{}, fmt.Errorf("read status line: %w", err)
	}
	if len(line) < len("HTTP/1.1 200") || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return head{}, fmt.Errorf("status line is %.100q", line)
	}
	status, err := strconv.Atoi(string(line[9:12]))
	if err != nil {
		return head{}, fmt.Errorf("status line is %.100q", line)
	}
	h := head{status: status, length: -1}
	for range headLinesMax {
		line, err := c.readLine()
		if err != nil {
			return head{}, fmt.Errorf("read header: %w", err)
		}
		if len(line) == 0 {
			return h, nil
		}
		name, value, found := bytes.Cut(line, []byte(":"))
		if !found {
			return head{}, fmt.Errorf("header line is %.100q", line)
		}
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("content-length")):
			h.length, err = strconv.ParseInt(string(value), 10, 64)
			if err != nil || h.length < 0 {
				return head{}, fmt.Errorf("content-length is %.100q", value)
			}
		case bytes.EqualFold(name, []byte("transfer-encoding")):
			h.chunked = bytes.EqualFold(value, []byte("chunked"))
		}
	}
	return head{}, fmt.Errorf("more than %d header lines", headLinesMax)
}

// readBody hands on the body in parts, which are valid only during the call.
func (c *client) readBody(h head, part func([]byte) error) error {
	if h.status == 204 || h.status == 304 {
		return nil
	}
	if !h.chunked {
		if h.length < 0 {
			return errors.New("answer has neither a content-length nor chunks, so the connection cannot be kept")
		}
		return c.readExactly(h.length, part)
	}
	for {
		line, err := c.readLine()
		if err != nil {
			return fmt.Errorf("read chunk size: %w", err)
		}
		digits, _, _ := bytes.Cut(line, []byte(";"))
		size, err := strconv.ParseInt(string(bytes.TrimSpace(digits)), 16, 64)
		if err != nil || size < 0 {
			return fmt.Errorf("chunk size is %.100q", line)
		}
		if size > 0 {
			if err := c.readExactly(size, part); err != nil {
				return err
			}
		}
		// The line end of a chunk; after the last one, trailers are not expected.
		if line, err = c.readLine(); err != nil {
			return fmt.Errorf("read end of chunk: %w", err)
		}
		if len(line) != 0 {
			return fmt.Errorf("chunk ends with %.100q", line)
		}
		if size == 0 {
			return nil
		}
	}
}

func (c *client) readExactly(n int64, part func([]byte) error) error {
	for n > 0 {
		if c.in.Buffered() == 0 {
			if _, err := c.in.Peek(1); err != nil {
				return fmt.Errorf("read body: %w", noEOF(err))
			}
		}
		have := int(min(n, int64(c.in.Buffered())))
		piece, err := c.in.Peek(have)
		if err != nil {
			return fmt.Errorf("read body: %w", noEOF(err))
		}
		if err := part(piece); err != nil {
			return err
		}
		if _, err := c.in.Discard(have); err != nil {
			return fmt.Errorf("read body: %w", err)
		}
		n -= int64(have)
	}
	return nil
}

// readLine reads a line without its end. The result is valid until the next read.
func (c *client) readLine() ([]byte, error) {
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return nil, noEOF(err)
	}
	return bytes.TrimSuffix(line[:len(line)-1], []byte("\r")), nil
}

// noEOF: inside an answer, the end of the connection is never right.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
