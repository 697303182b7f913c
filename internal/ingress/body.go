package ingress

import (
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

var (
	errBodyTooLarge = errors.New("request body is over the limit")
	errBodyStalled  = errors.New("the client sent the request body too slowly")
)

// requestBody is a request's body as a worker's host reads it: counted, and taken away from the host before the connection goes
// on to the next request. One goroutine reads at a time; the other methods may be called meanwhile.
type requestBody struct {
	limit int64
	// chunked: an HTTP/1 body without Content-Length.
	chunked bool
	// stall ends the Read of a client that sends too little.
	stall stall

	mu   sync.Mutex // held during a Read
	from io.Reader
	read int64
	done bool // no more reads

	// touched: the body has been read from, so that nobody else can have it. ended: to its end. tooLarge, malformed: why
	// reading failed.
	touched, ended, tooLarge, malformed atomic.Bool
}

// wasTouched says whether anybody has read from the body. It may be nil.
func (b *requestBody) wasTouched() bool { return b != nil && b.touched.Load() }

// isOpen says whether the body has not been read to its end. It may be nil.
func (b *requestBody) isOpen() bool { return b != nil && !b.ended.Load() }

func (b *requestBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.done {
		return 0, http.ErrBodyReadAfterClose
	}
	b.touched.Store(true)
	b.stall.begin()
	n, err := b.from.Read(p)
	if b.stall.end(n) {
		return 0, errBodyStalled
	}
	b.read += int64(n)
	switch {
	case b.read > b.limit:
		b.tooLarge.Store(true)
		return 0, errBodyTooLarge
	case err == io.EOF:
		b.ended.Store(true)
	case err != nil && b.chunked && isFramingError(err):
		b.malformed.Store(true)
	}
	return n, err
}

// longAgo is a deadline that has passed.
var longAgo = time.Unix(1, 0)

// take takes the body away from whoever reads it. interrupted: somebody was waiting in a Read, which had to be broken off;
// then the connection cannot go on.
func (b *requestBody) take(c *http.ResponseController) (interrupted bool) {
	if !b.mu.TryLock() {
		interrupted = c.SetReadDeadline(longAgo) == nil
		b.mu.Lock()
	}
	b.done = true
	b.mu.Unlock()
	return interrupted
}

// isFramingError says whether a chunked body ended because the client's framing is wrong, not because the client has gone.
func isFramingError(err error) bool {
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, http.ErrBodyReadAfterClose) {
		return false
	}
	_, network := errors.AsType[net.Error](err)
	return !network
}
