package rig

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/gobwas/httphead"
	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"
	"github.com/gobwas/ws/wsutil"
)

// Visitor is a WebSocket client that reads and writes frames as they are, and shares nothing with Skerry but the library that knows
// their headers.
type Visitor struct {
	net.Conn
	in io.Reader
}

// Visit opens a WebSocket; compressed says that permessage-deflate is offered, and must be agreed upon. The caller closes it.
func (s *Server) Visit(host, path string, compressed bool) (*Visitor, error) {
	dialer := ws.Dialer{NetDial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, s.Addr)
	}}
	if compressed {
		dialer.Extensions = []httphead.Option{wsflate.DefaultParameters.Option()}
	}
	conn, buffered, shake, err := dialer.Dial(context.Background(), "ws://"+host+path)
	if err != nil {
		return nil, err
	}
	if compressed && len(shake.Extensions) != 1 {
		conn.Close()
		return nil, fmt.Errorf("the server agrees upon %d extensions", len(shake.Extensions))
	}
	conn.SetDeadline(time.Now().Add(2 * Patience)) // a failure, not a wait: nothing takes so long
	v := &Visitor{conn, conn}
	if buffered != nil {
		read, err := buffered.Peek(buffered.Buffered())
		if err != nil {
			conn.Close()
			return nil, err
		}
		v.in = io.MultiReader(bytes.NewReader(read), conn)
	}
	return v, nil
}

// Read reads what the handshake has left.
func (v *Visitor) Read(p []byte) (int, error) { return v.in.Read(p) }

// Say sends a text message. That the connection is gone is seen by who hears.
func (v *Visitor) Say(text string) { wsutil.WriteClientText(v, []byte(text)) }

// Closed is the server's Close frame: its code and reason.
type Closed string

func (c Closed) Error() string { return string(c) }

// Hear reads the next message, which must not be compressed. It ends with Closed when the server has closed, whose Close frame it answers.
func (v *Visitor) Hear() ([]byte, error) {
	var data []byte
	for {
		f, err := ws.ReadFrame(v)
		if err != nil {
			return data, err
		}
		switch f.Header.OpCode {
		case ws.OpPing, ws.OpPong:
			continue
		case ws.OpClose:
			code, reason := ws.ParseCloseFrameData(f.Payload)
			wsutil.WriteClientMessage(v, ws.OpClose, f.Payload) // the server may be gone already
			return data, Closed(fmt.Sprintf("%d %s", code, reason))
		}
		if data = append(data, f.Payload...); f.Header.Fin {
			return data, nil
		}
	}
}
