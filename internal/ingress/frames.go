package ingress

import (
	"errors"
	"time"
)

// errFlood ends a connection whose client only makes work.
var errFlood = errors.New("too many HTTP/2 frames that carry nothing")

// HTTP/2 frame types (RFC 9113 §6) that frameGuard tells apart.
const (
	frameData         = 0
	frameHeaders      = 1
	frameWindowUpdate = 8
	frameContinuation = 9
)

// frameHead is the size in bytes of what each HTTP/2 frame begins with.
const frameHead = 9

// frameGuard follows the frames of an HTTP/2 client and counts those that carry nothing but make the server work, which net/http takes
// without end: PING, SETTINGS, RST_STREAM, PRIORITY, unknown ones, DATA and CONTINUATION without content. Requests themselves are
// bounded by Limits.Streams, header blocks by Limits.HeaderBytes. WINDOW_UPDATE is free: a large download needs many, and they get no answer.
type frameGuard struct {
	limit, count int
	windowEnds   time.Time
	skip         int // bytes before the next frame
	head         [frameHead]byte
	have         int // bytes of head
}

// newFrameGuard begins behind the first line of the connection preface "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".
func newFrameGuard(limit int) frameGuard {
	return frameGuard{limit: limit, skip: len("\r\nSM\r\n\r\n")}
}

// feed takes the next bytes. false: there were too many frames.
func (g *frameGuard) feed(b []byte) bool {
	for len(b) > 0 {
		if g.skip > 0 {
			n := min(g.skip, len(b))
			g.skip -= n
			b = b[n:]
			continue
		}
		n := copy(g.head[g.have:], b)
		g.have += n
		b = b[n:]
		if g.have < frameHead {
			break
		}
		g.have = 0
		g.skip = int(g.head[0])<<16 | int(g.head[1])<<8 | int(g.head[2])
		switch g.head[3] {
		case frameHeaders, frameWindowUpdate:
			continue
		case frameData, frameContinuation:
			const end = 1 | 4 // END_STREAM, END_HEADERS
			if g.skip > 0 || g.head[4]&end != 0 {
				continue
			}
		}
		if !g.counted() {
			return false
		}
	}
	return true
}

// counted counts one frame.
func (g *frameGuard) counted() bool {
	if g.count == 0 || g.count >= g.limit {
		if now := time.Now(); now.After(g.windowEnds) {
			g.count, g.windowEnds = 0, now.Add(ControlWindow)
		}
	}
	g.count++
	return g.count <= g.limit
}
