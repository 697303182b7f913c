package egress

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"

	"skerry/internal/hostproto"
)

// upload is a request body. A small one of known length is held in memory, so that it can be sent again when a redirect or a
// connection that had gone stale asks for it; the Fetch standard calls that a body whose source is not null.
type upload struct {
	length int64
	held   []byte
	stream io.ReadCloser // nil if held
}

// newUpload takes over from. hold is the size up to which a body is held.
func newUpload(ctx context.Context, from io.ReadCloser, length, hold int64) (*upload, error) {
	if length < 0 || length > hold {
		return &upload{length: length, stream: from}, nil
	}
	defer from.Close()
	defer context.AfterFunc(ctx, func() { from.Close() })()
	held := make([]byte, length)
	if _, err := io.ReadFull(from, held); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, fail(hostproto.CallCodeNetwork, "the request's body is shorter than its length of %d bytes", length)
		}
		return nil, err
	}
	if n, _ := io.ReadFull(from, make([]byte, 1)); n != 0 {
		return nil, fail(hostproto.CallCodeNetwork, "the request's body is longer than its length of %d bytes", length)
	}
	return &upload{length: length, held: held}, nil
}

// attach makes it the body of a request. The transport closes a stream.
func (u *upload) attach(req *http.Request) {
	req.ContentLength = u.length
	switch {
	case u.stream != nil:
		req.Body = u.stream
	case len(u.held) == 0:
		req.Body = http.NoBody
	default:
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(u.held)), nil }
		req.Body, _ = req.GetBody()
	}
}
