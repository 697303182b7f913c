package hostproto

import (
	"encoding/binary"
	"fmt"
)

// HeaderSize is the size of a frame header in bytes.
const HeaderSize = 12

// Header is the head of a frame.
type Header struct {
	Length uint32 // Of the payload, in bytes.
	Type   MessageType
	Flags  uint16
	ID     uint32
}

// DecodeHeader reads the first HeaderSize bytes of b, which must be there.
func DecodeHeader(b []byte) Header {
	_ = b[HeaderSize-1]
	return Header{
		Length: binary.LittleEndian.Uint32(b),
		Type:   MessageType(binary.LittleEndian.Uint16(b[4:])),
		Flags:  binary.LittleEndian.Uint16(b[6:]),
		ID:     binary.LittleEndian.Uint32(b[8:]),
	}
}

// FrameFault says what is wrong with a header. The texts are those of the `expect` line of protocol/vectors.
type FrameFault string

// The faults of a header, in the order in which they are looked for.
const (
	TooLong      FrameFault = "too_long"
	BadType      FrameFault = "bad_type"
	BadFlags     FrameFault = "bad_flags"
	BadDirection FrameFault = "bad_direction"
	BadID        FrameFault = "bad_id"
)

// FrameError is a header that breaks the protocol.
type FrameError struct {
	Header Header
	Fault  FrameFault
}

func (e *FrameError) Error() string {
	return fmt.Sprintf("frame %s (type %d, flags %d, id %d, length %d): %s", e.Header.Type, uint16(e.Header.Type), e.Header.Flags, e.Header.ID, e.Header.Length, e.Fault)
}

// PayloadMax is the most bytes the payload of a message of this type may have.
func (t MessageType) PayloadMax() int {
	switch t {
	case TypeStreamData:
		return StreamDataMax
	case TypeSocketData:
		return SocketDataMax
	}
	return FramePayloadMax
}

// Check judges a header that came from one side, before its payload is awaited. The error is a *FrameError.
func (h Header) Check(from Side) error {
	info := h.Type.info()
	switch {
	case int64(h.Length) > int64(h.Type.PayloadMax()):
		return &FrameError{h, TooLong}
	case info.from == 0:
		return &FrameError{h, BadType}
	case h.Flags != 0:
		return &FrameError{h, BadFlags}
	case info.from&from == 0:
		return &FrameError{h, BadDirection}
	case h.ID == 0 && info.about != AboutNone && !info.idOptional, h.ID != 0 && info.about == AboutNone:
		return &FrameError{h, BadID}
	}
	return nil
}

// AppendFrame appends a whole frame to b. It fails with a *FrameError, and b as it was, if the payload is over the
// limit of its type.
func AppendFrame[M Message](b []byte, id uint32, m M) ([]byte, error) {
	start := len(b)
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	b = m.AppendTo(b)
	h := Header{Type: m.Type(), ID: id}
	length := len(b) - start - HeaderSize
	if length > h.Type.PayloadMax() {
		h.Length = uint32(min(int64(length), 1<<32-1))
		return b[:start], &FrameError{h, TooLong}
	}
	head := b[start : start+HeaderSize]
	binary.LittleEndian.PutUint32(head, uint32(length))
	binary.LittleEndian.PutUint16(head[4:], uint16(h.Type))
	binary.LittleEndian.PutUint32(head[8:], id)
	return b, nil
}

// Frame is one frame as it was received. Payload is valid until the parser is asked for space again.
type Frame struct {
	Type    MessageType
	ID      uint32
	Payload []byte
}

// parserBuffer is the size in bytes that a Parser starts with: one full StreamData and many small frames.
const parserBuffer = 128 << 10

// Parser cuts a byte stream into frames. Its buffer grows to the largest frame seen, at most FramePayloadMax and a
// header, and only after the header has been checked. It is used by one goroutine.
type Parser struct {
	from Side
	buf  []byte
	r, w int // buf[r:w] has been received and not yet been cut.
	err  error
}

// NewParser returns a parser of what one side sends.
func NewParser(from Side) *Parser { return &Parser{from: from, buf: make([]byte, parserBuffer)} }

// Space returns where to put the next bytes; it is never empty. It ends the validity of all frames cut so far.
func (p *Parser) Space() []byte {
	if p.r == p.w {
		p.r, p.w = 0, 0
	}
	need := HeaderSize
	if p.w-p.r >= HeaderSize && p.err == nil {
		need += int(DecodeHeader(p.buf[p.r:]).Length) // Next has checked it.
	}
	if need > len(p.buf) {
		grown := make([]byte, need)
		copy(grown, p.buf[p.r:p.w])
		p.buf, p.w, p.r = grown, p.w-p.r, 0
	} else if p.r+need > len(p.buf) || p.w == len(p.buf) {
		copy(p.buf, p.buf[p.r:p.w])
		p.w, p.r = p.w-p.r, 0
	}
	return p.buf[p.w:]
}

// Added says that n bytes of Space have been filled.
func (p *Parser) Added(n int) { p.w += n }

// Next cuts one frame. ok is false if more bytes are needed first. After an error, a *FrameError, there are no more frames.
func (p *Parser) Next() (f Frame, ok bool, err error) {
	if p.err != nil || p.w-p.r < HeaderSize {
		return Frame{}, false, p.err
	}
	h := DecodeHeader(p.buf[p.r:p.w])
	if err := h.Check(p.from); err != nil {
		p.err = err
		return Frame{}, false, err
	}
	end := p.r + HeaderSize + int(h.Length)
	if end > p.w {
		return Frame{}, false, nil
	}
	f = Frame{Type: h.Type, ID: h.ID, Payload: p.buf[p.r+HeaderSize : end : end]}
	p.r = end
	return f, true, nil
}

// Partial says whether bytes of an unfinished frame are waiting.
func (p *Parser) Partial() bool { return p.r != p.w }
