package egress

import (
	"bufio"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"skerry/internal/hostproto"
)

// A content coding that is taken off disappears from the response's fields together with Content-Length, so that fields and
// body agree wherever the worker sends them. (The original keeps Content-Encoding visible and encodes again on the way out; to a script that only reads
// the body there is no difference.) One layer is taken off, no more: two multiply what a bomb can do.

// opener starts decoding.
type opener func(r *bufio.Reader, window uint64) (io.ReadCloser, error)

// decoderOf returns how to decode a response, nil if as it is.
func decoderOf(resp *http.Response) opener {
	if resp.StatusCode == http.StatusPartialContent || resp.ContentLength == 0 {
		return nil // a part of an encoded body cannot be decoded
	}
	codings := resp.Header["Content-Encoding"]
	if len(codings) != 1 {
		return nil
	}
	switch strings.ToLower(strings.TrimSpace(codings[0])) {
	case "gzip", "x-gzip":
		return func(r *bufio.Reader, _ uint64) (io.ReadCloser, error) { return gzip.NewReader(r) }
	case "deflate":
		return openDeflate
	case "br":
		return func(r *bufio.Reader, _ uint64) (io.ReadCloser, error) { return io.NopCloser(brotli.NewReader(r)), nil }
	case "zstd":
		return func(r *bufio.Reader, window uint64) (io.ReadCloser, error) {
			d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(window))
			if err != nil {
				return nil, err
			}
			return d.IOReadCloser(), nil
		}
	}
	return nil
}

// openDeflate reads zlib (RFC 9110 §8.4.1.2), or the raw deflate that some servers send instead.
func openDeflate(r *bufio.Reader, _ uint64) (io.ReadCloser, error) {
	head, err := r.Peek(2)
	if err == nil && head[0]&0x0f == 8 && (uint(head[0])<<8|uint(head[1]))%31 == 0 {
		return zlib.NewReader(r)
	}
	return flate.NewReader(r), nil
}

// decodedBody decodes on the first read, so that a body that nobody reads costs nothing.
type decodedBody struct {
	from   io.ReadCloser
	open   opener
	window uint64

	decoder io.ReadCloser
	err     error
}

func (d *decodedBody) Read(p []byte) (int, error) {
	if d.err != nil {
		return 0, d.err
	}
	if d.decoder == nil {
		r := bufio.NewReader(d.from)
		if _, err := r.Peek(1); err != nil { // an empty body is empty in every coding
			d.err = err
			return 0, err
		}
		if d.decoder, d.err = d.open(r, d.window); d.err != nil {
			d.decoder, d.err = nil, undecodable(d.err)
			return 0, d.err
		}
	}
	n, err := d.decoder.Read(p)
	if err != nil {
		if err != io.EOF {
			err = undecodable(err)
		}
		d.err = err
	}
	return n, err
}

// undecodable says that a body is not what its Content-Encoding says, unless the connection is to blame.
func undecodable(err error) error {
	var network interface{ Timeout() bool }
	if errors.As(err, &network) || errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	return &Error{Code: hostproto.CallCodeNetwork, Message: fmt.Sprintf("the response's body cannot be decoded: %v", err), Err: err}
}

func (d *decodedBody) Close() error {
	return d.from.Close() // the decoders hold nothing but memory, and one may be at work in Read
}
