package benchmark

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"time"
)

// StreamSpec is a POST whose body is sent in chunks while the answer is read: the answer must be the body.
type StreamSpec struct {
	Host  string `json:"host"`
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"`
}

// streamBlock is what the body is made of. Its length is prime, so that a piece that is lost, doubled or swapped at any power of two shows.
var streamBlock = func() []byte {
	block := make([]byte, 65521)
	x := uint32(2463534242)
	for i := range block {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		block[i] = byte(x)
	}
	return block
}()

const (
	chunkSize     = 64 << 10
	streamTimeout = 10 * time.Minute
)

// pattern writes the part of the endless repetition of streamBlock that starts at offset.
func pattern(into []byte, offset int64) {
	for len(into) > 0 {
		n := copy(into, streamBlock[offset%int64(len(streamBlock)):])
		into = into[n:]
		offset += int64(n)
	}
}

// matches says whether bytes are the part of the pattern that starts at offset.
func matches(got []byte, offset int64) bool {
	for len(got) > 0 {
		rest := streamBlock[offset%int64(len(streamBlock)):]
		n := min(len(rest), len(got))
		if !bytes.Equal(got[:n], rest[:n]) {
			return false
		}
		got = got[n:]
		offset += int64(n)
	}
	return true
}

func loadStream(addr string, spec StreamSpec) (LoadResult, error) {
	c, err := dial(addr)
	if err != nil {
		return LoadResult{}, err
	}
	defer c.close()
	c.in = bufio.NewReaderSize(c.conn, 256<<10)
	start := time.Now()
	if err := c.conn.SetDeadline(start.Add(streamTimeout)); err != nil {
		return LoadResult{}, err
	}
	sent := make(chan error, 1)
	go func() { sent <- sendStream(c.conn, spec) }()

	received, err := receiveStream(c, spec)
	elapsed := time.Since(start)
	if err != nil {
		// The connection ends, so the sender does; what it says then is only a consequence.
		c.conn.Close()
		<-sent
		return LoadResult{Bytes: received}, err
	}
	if err := <-sent; err != nil {
		return LoadResult{Bytes: received}, fmt.Errorf("send body: %w", err)
	}
	return LoadResult{Requests: 1, Elapsed: elapsed, Bytes: received}, nil
}

func sendStream(conn net.Conn, spec StreamSpec) error {
	if _, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n", spec.Path, spec.Host); err != nil {
		return err
	}
	chunk := make([]byte, chunkSize)
	var sent int64
	for sent < spec.Bytes {
		n := min(chunkSize, spec.Bytes-sent)
		pattern(chunk[:n], sent)
		buffers := net.Buffers{fmt.Appendf(nil, "%x\r\n", n), chunk[:n], []byte("\r\n")}
		if _, err := buffers.WriteTo(conn); err != nil {
			return err
		}
		sent += n
	}
	_, err := io.WriteString(conn, "0\r\n\r\n")
	return err
}

func receiveStream(c *client, spec StreamSpec) (int64, error) {
	h, err := c.readHead()
	if err != nil {
		return 0, err
	}
	if h.status != 200 {
		return 0, fmt.Errorf("%w: POST %s%s gave status %d, want 200", ErrWrongAnswer, spec.Host, spec.Path, h.status)
	}
	var received int64
	err = c.readBody(h, func(part []byte) error {
		if !matches(part, received) {
			return fmt.Errorf("%w: POST %s%s gave other bytes back than it got, at or after byte %d", ErrWrongAnswer, spec.Host, spec.Path, received)
		}
		received += int64(len(part))
		return nil
	})
	if err == nil && received != spec.Bytes {
		err = fmt.Errorf("%w: POST %s%s gave %d bytes back, want %d", ErrWrongAnswer, spec.Host, spec.Path, received, spec.Bytes)
	}
	return received, err
}
