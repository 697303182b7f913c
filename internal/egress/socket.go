package egress

import (
	"errors"
	"io"
	"net/http"

	"skerry/internal/hostproto"
	"skerry/internal/websocket"
)

// Socket is the body of a response with status 101: the WebSocket that the fetch has opened, under the same address policy.
type Socket struct{ *websocket.Conn }

var errNoBody = errors.New("a WebSocket is no body")

// Read fails: messages are read from Conn.
func (*Socket) Read([]byte) (int, error) { return 0, errNoBody }

// socket makes a WebSocket of a response that switches protocols.
func (f *fetch) socket(resp *http.Response) (io.ReadCloser, error) {
	rwc, ok := resp.Body.(io.ReadWriteCloser)
	if !f.upgrade || !ok {
		return nil, fail(hostproto.CallCodeNetwork, "%s switches protocols although it was not asked to", f.host())
	}
	deflate, err := websocket.Accepted(resp, f.key, f.compress)
	if err != nil {
		return nil, &Error{Code: hostproto.CallCodeNetwork, Message: err.Error()}
	}
	return &Socket{websocket.New(rwc, websocket.Options{
		Client: true, Deflate: deflate, MessageMax: f.client.limits.MessageBytes, WriteStall: f.client.limits.SocketStall,
	})}, nil
}
