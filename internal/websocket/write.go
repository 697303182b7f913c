package websocket

import (
	"encoding/binary"
	"time"

	"github.com/gobwas/ws"
)

// WritePiece writes the next piece of a message. It may stay in a buffer until Flush. All pieces of a message are of one kind.
func (c *Conn) WritePiece(text bool, p []byte, final bool) error {
	c.out.Lock()
	err := c.writePiece(text, p, final)
	c.out.Unlock()
	c.sendPong()
	return err
}

func (c *Conn) writePiece(text bool, p []byte, final bool) error {
	switch {
	case c.broken != nil:
		return c.broken
	case c.closing:
		return ErrCloseSent
	}
	opcode := ws.OpBinary
	if text {
		opcode = ws.OpText
	}
	h := ws.Header{OpCode: opcode, Fin: final}
	if c.writing {
		h.OpCode = ws.OpContinuation
	} else if c.options.Deflate && (!final || len(p) >= deflateMin) {
		c.deflating = deflaters.Get()
		h.Rsv = rsv1
	}
	c.writing = !final
	if c.deflating == nil {
		return c.append(h, p)
	}
	d := c.deflating
	if err := d.write(p, final); err != nil {
		return c.breakOff(err)
	}
	var err error
	if final || d.out.Len() > 0 {
		if !d.begun {
			h.OpCode, h.Rsv, d.begun = opcode, rsv1, true
		} else {
			h.OpCode, h.Rsv = ws.OpContinuation, 0
		}
		err = c.append(h, d.out.Bytes())
		d.out.Reset()
	}
	if final {
		c.deflating, d.begun = nil, false
		deflaters.Put(d)
	}
	return err
}

// Flush writes what has stayed in the buffer.
func (c *Conn) Flush() error {
	c.out.Lock()
	err := c.flush()
	c.out.Unlock()
	c.sendPong()
	return err
}

// WriteClose writes a Close frame, the last frame that is written; CodeNone: without a code. A second one is not written.
func (c *Conn) WriteClose(code uint16, reason string) error {
	c.out.Lock()
	defer c.out.Unlock()
	if c.broken != nil {
		return c.broken
	}
	if c.closing {
		return ErrCloseSent
	}
	c.closing = true
	var body []byte
	if code != CodeNone {
		body = append(binary.BigEndian.AppendUint16(make([]byte, 0, maxControl), code), reason...)
	}
	if err := c.append(ws.Header{OpCode: ws.OpClose, Fin: true}, body); err != nil {
		return err
	}
	return c.flush()
}

// answer answers a ping: at once, or after the frame that is just being written.
func (c *Conn) answer(data []byte) {
	c.pings.Lock()
	c.pong, c.pinged = append(c.pong[:0], data...), true
	c.pings.Unlock()
	c.sendPong()
}

// sendPong sends a pong if there is one to send and nobody writes; who writes does it then.
func (c *Conn) sendPong() {
	for {
		c.pings.Lock()
		pinged := c.pinged
		c.pings.Unlock()
		if !pinged || !c.out.TryLock() {
			return
		}
		var data [maxControl]byte
		c.pings.Lock()
		pinged, c.pinged = c.pinged, false
		n := copy(data[:], c.pong)
		c.pings.Unlock()
		if pinged && !c.closing && c.broken == nil && c.append(ws.Header{OpCode: ws.OpPong, Fin: true}, data[:n]) == nil {
			c.flush() // what is broken is noted
		}
		c.out.Unlock()
	}
}

// append adds a frame to the buffer. Called with out held.
func (c *Conn) append(h ws.Header, p []byte) error {
	h.Length = int64(len(p))
	if c.options.Client {
		h.Masked, h.Mask = true, c.mask.next()
	}
	if c.buffer == nil {
		c.buffer = writeBuffers.Get()
	}
	if err := ws.WriteHeader(appender{c}, h); err != nil {
		return c.breakOff(err)
	}
	at := len(c.buffer)
	c.buffer = append(c.buffer, p...)
	if h.Masked {
		ws.Cipher(c.buffer[at:], h.Mask, 0)
	}
	if len(c.buffer) >= writeBuffer {
		return c.flush()
	}
	return nil
}

type appender struct{ c *Conn }

func (a appender) Write(p []byte) (int, error) {
	a.c.buffer = append(a.c.buffer, p...)
	return len(p), nil
}

// flush is called with out held.
func (c *Conn) flush() error {
	if c.broken != nil {
		return c.broken
	}
	if len(c.buffer) == 0 {
		return nil
	}
	err := c.write(c.buffer)
	writeBuffers.Put(c.buffer)
	c.buffer = nil
	if err != nil {
		return c.breakOff(err)
	}
	return nil
}

// stallPiece is how many bytes the peer must take within WriteStall.
const stallPiece = 64 << 10

func (c *Conn) write(p []byte) error {
	stall := c.options.WriteStall
	deadline, has := c.rwc.(interface{ SetWriteDeadline(time.Time) error })
	for len(p) > 0 {
		piece := p[:min(len(p), stallPiece)]
		var n int
		var err error
		switch {
		case stall == 0:
			n, err = c.rwc.Write(piece)
		case has:
			deadline.SetWriteDeadline(time.Now().Add(stall)) // fails only if the connection is closed, which Write says
			n, err = c.rwc.Write(piece)
		default:
			timer := time.AfterFunc(stall, func() { c.rwc.Close() })
			n, err = c.rwc.Write(piece)
			if !timer.Stop() && err != nil {
				err = ErrStalled
			}
		}
		if err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// breakOff notes that nothing can be written any more. The reader finds out by itself.
func (c *Conn) breakOff(err error) error {
	if c.broken == nil {
		c.broken = err
		c.buffer = nil
		c.rwc.Close()
	}
	return c.broken
}
