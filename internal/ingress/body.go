package ingress

import (
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
)

var errBodyTooLarge = errors.New("request body is over the limit")

// requestBody counts what the worker reads of a request's body. It is read by one goroutine at a time; the atomic fields
// may be looked at meanwhile.
type requestBody struct {
	from  io.Reader
	limit int64
	read  int64
	// chunked: an HTTP/1 body without Content-Length.
	chunked bool
	// touched: the body has been read from, so that nobody else can have it. tooLarge, malformed: why reading failed.
	touched, tooLarge, malformed atomic.Bool
}

// wasTouched says whether anybody has read from the body. It may be nil.
func (b *requestBody) wasTouched() bool { return b != nil && b.touched.Load() }

func (b *requestBody) Read(p []byte) (int, error) {
	b.touched.Store(true)
	n, err := b.from.Read(p)
	b.read += int64(n)
	if b.read > b.limit {
		b.tooLarge.Store(true)
		return 0, errBodyTooLarge
	}
	if err != nil && b.chunked && isFramingError(err) {
		b.malformed.Store(true)
	}
	return n, err
}

// isFramingError says whether a chunked body ended because the client's framing is wrong, not because the client has gone.
func isFramingError(err error) bool {
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, http.ErrBodyReadAfterClose) {
		return false
	}
	_, network := errors.AsType[net.Error](err)
	return !network
}
