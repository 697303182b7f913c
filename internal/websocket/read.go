package websocket

import (
	"io"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// rsv1 marks a compressed message in ws.Header.Rsv.
const rsv1 = 4

// Next waits until a piece of a message can be read, answers pings meanwhile, and returns the error that reading ended with if
// it has: *CloseError if the peer has sent a Close frame, *FailError if it broke a rule, otherwise the connection's.
func (c *Conn) Next() error {
	if c.failed != nil {
		return c.failed
	}
	if c.message {
		return nil
	}
	if err := c.nextFrame(); err != nil {
		return c.end(err)
	}
	c.message, c.text, c.total = true, c.frame.OpCode == ws.OpText, 0
	if c.frame.Rsv&rsv1 != 0 {
		c.inflater = inflaters.Get()
		c.inflater.reset(payload{c})
	}
	return nil
}

// ReadPiece reads the next piece of a message into p, which must not be empty: as much as fits, or all that is left of the
// message. final says that the message ends with it.
func (c *Conn) ReadPiece(p []byte) (n int, text, final bool, err error) {
	if err = c.Next(); err != nil {
		return 0, false, false, err
	}
	for n < len(p) && !final && err == nil {
		var got int
		if c.inflater != nil {
			got, err = c.inflater.decoder.Read(p[n:])
			if err == io.EOF {
				final = true
				err = c.skip()
			}
		} else {
			got, err = (payload{c}).Read(p[n:])
			if err == io.EOF {
				final, err = true, nil
			}
		}
		n += got
		if c.total += int64(got); c.total > c.options.MessageMax {
			return 0, false, false, c.tooBig()
		}
	}
	if err != nil {
		if c.inflater != nil && c.failed == nil {
			return 0, false, false, c.fail(CodeInvalid, "a compressed message cannot be decoded")
		}
		return 0, false, false, c.end(err)
	}
	if !final && c.inflater == nil && c.last && c.at == c.frame.Length {
		final = true
	}
	if c.text && (!c.check.feed(p[:n]) || final && !c.check.done()) {
		return 0, false, false, c.fail(CodeInvalid, "a text message is not UTF-8")
	}
	if final {
		c.message = false
		c.releaseInflater()
	}
	return n, c.text, final, nil
}

func (c *Conn) releaseInflater() {
	if c.inflater != nil {
		c.inflater.from = payload{}
		inflaters.Put(c.inflater)
		c.inflater = nil
	}
}

// payload is what the frames of the message carry, up to the end of the message: the reader below the decoder.
type payload struct{ c *Conn }

func (f payload) Read(p []byte) (int, error) {
	c := f.c
	for c.at == c.frame.Length {
		if c.last {
			return 0, io.EOF
		}
		if err := c.nextFrame(); err != nil {
			return 0, c.end(err) // noted here: the decoder may change it
		}
	}
	n, err := c.in.Read(p[:min(int64(len(p)), c.frame.Length-c.at)])
	if c.frame.Masked {
		ws.Cipher(p[:n], c.frame.Mask, int(c.at%4))
	}
	c.at += int64(n)
	switch {
	case n > 0:
		return n, nil // an error will come again
	case err != nil:
		return 0, c.end(err)
	}
	return 0, nil
}

// skip reads what follows the end of the compressed stream in a message: the empty block of a sender that ends its stream
// (RFC 7692 §7.2.3.4).
func (c *Conn) skip() error {
	var rest [16]byte
	for total := int64(0); ; {
		n, err := (payload{c}).Read(rest[:])
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if total += int64(n); total > c.options.MessageMax {
			return c.tooBig()
		}
	}
}

// nextFrame reads up to the payload of the next data frame.
func (c *Conn) nextFrame() error {
	for {
		h, err := ws.ReadHeader(c.in)
		if err != nil {
			if err == ws.ErrHeaderLengthMSB {
				return c.fail(CodeProtocol, "a frame's length is negative")
			}
			return err
		}
		if c.options.Deflate {
			if h.Rsv&^rsv1 != 0 || h.Rsv != 0 && h.OpCode != ws.OpText && h.OpCode != ws.OpBinary {
				return c.fail(CodeProtocol, "a frame has reserved bits set")
			}
		}
		state := ws.StateServerSide
		if c.options.Client {
			state = ws.StateClientSide
		}
		if c.message {
			state = state.Set(ws.StateFragmented)
		}
		if c.options.Deflate {
			state = state.Set(ws.StateExtended)
		}
		if err := ws.CheckHeader(h, state); err != nil {
			return c.fail(CodeProtocol, err.Error())
		}
		if h.OpCode.IsControl() {
			if err := c.takeControl(h); err != nil {
				return err
			}
			continue
		}
		compressed := h.Rsv != 0 || c.message && c.inflater != nil
		so := int64(0)
		if c.message {
			so = c.total
		}
		if !compressed && h.Length > c.options.MessageMax-so {
			return c.tooBig()
		}
		c.frame, c.at, c.last = h, 0, h.Fin
		return nil
	}
}

func (c *Conn) takeControl(h ws.Header) error {
	data := c.control[:h.Length]
	if _, err := io.ReadFull(c.in, data); err != nil {
		return unexpected(err)
	}
	if h.Masked {
		ws.Cipher(data, h.Mask, 0)
	}
	switch h.OpCode {
	case ws.OpPing:
		c.answer(data)
	case ws.OpClose:
		return c.takeClose(data)
	}
	return nil
}

func (c *Conn) takeClose(data []byte) error {
	if len(data) == 0 {
		return &CloseError{CodeNone, ""}
	}
	if len(data) == 1 {
		return c.fail(CodeProtocol, "a Close frame has half a code")
	}
	code, reason := ws.ParseCloseFrameData(data)
	if !CanSend(uint16(code)) {
		return c.fail(CodeProtocol, "a Close frame has the code "+strconv.Itoa(int(code))+", which must not be sent")
	}
	if !utf8.ValidString(reason) {
		return c.fail(CodeInvalid, "the reason of a Close frame is not UTF-8")
	}
	return &CloseError{uint16(code), reason}
}

// end notes what reading ends with.
func (c *Conn) end(err error) error {
	if c.failed == nil {
		c.failed = unexpected(err)
		c.releaseInflater()
	}
	return c.failed
}

// lingerTime is how long a peer that broke a rule is read from, so that it gets our Close frame before it sees the reset.
const lingerTime = 2 * time.Second

// fail tells the peer that it broke a rule.
func (c *Conn) fail(code uint16, reason string) error {
	failed := c.end(&FailError{code, reason})
	written := c.WriteClose(code, reason[:min(len(reason), MaxReason)])
	half, ok := c.rwc.(interface {
		CloseWrite() error
		SetReadDeadline(time.Time) error
	})
	if written == nil && ok && half.CloseWrite() == nil {
		half.SetReadDeadline(time.Now().Add(lingerTime))
		io.Copy(io.Discard, c.rwc) // until the peer closes its half
	}
	return failed
}

func (c *Conn) tooBig() error {
	return c.fail(CodeTooBig, "Message is too large: the limit is "+strconv.FormatInt(c.options.MessageMax, 10)+" bytes")
}

// unexpected: a connection that ends between two frames ends without a Close frame all the same.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
