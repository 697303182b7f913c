package ingress

import "encoding/binary"

// leavingFrame is the GOAWAY of a server that is about to leave (RFC 9113 §6.8): no stream is refused, but the client shall begin no more of
// them here. net/http's own names the last stream that it has seen, so one that is on its way then is refused; the client may repeat
// that, but not every client can.
var leavingFrame = []byte{0, 0, 8, frameGoAway, 0, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0}

// frameGoAway is the type of a GOAWAY frame, flagEndHeaders the flag of the last frame of a head.
const (
	frameGoAway    = 7
	flagEndHeaders = 4
)

// sentFrames follows the frames that are written to an HTTP/2 client, to know where another one may stand. It is the writer's.
type sentFrames struct {
	state  sentState
	header [9]byte
	have   int // bytes of header
	left   int // bytes of a payload that are still to come
	head   bool
	taken  bool
}

type sentState uint8

const (
	sentNothing sentState = iota
	sentHTTP2
	sentOther // it is none of our business
)

// feeds says whether it wants to see what is written.
func (s *sentFrames) feeds() bool { return s.state != sentOther }

// take says whether a frame of our own may stand here, once. The first frame of a connection is the server's SETTINGS, and a head that
// is in several frames is not interrupted.
func (s *sentFrames) take() bool {
	if s.taken || s.state != sentHTTP2 || s.have > 0 || s.left > 0 || s.head {
		return false
	}
	s.taken = true
	return true
}

// feed takes what is written next.
func (s *sentFrames) feed(p []byte) {
	if s.state == sentNothing && len(p) > 0 {
		// A frame that begins like an answer of HTTP/1 would have 4 MiB, which none has.
		if s.state = sentHTTP2; p[0] == 'H' {
			s.state = sentOther
		}
	}
	for s.state == sentHTTP2 && len(p) > 0 {
		if s.left > 0 {
			n := min(s.left, len(p))
			s.left -= n
			p = p[n:]
			continue
		}
		n := copy(s.header[s.have:], p)
		s.have += n
		p = p[n:]
		if s.have < len(s.header) {
			return
		}
		s.have = 0
		s.left = int(binary.BigEndian.Uint32(s.header[:4]) >> 8)
		const headers, pushPromise, continuation = 1, 5, 9
		if kind := s.header[3]; kind == headers || kind == pushPromise || kind == continuation {
			s.head = s.header[4]&flagEndHeaders == 0
		}
	}
}
