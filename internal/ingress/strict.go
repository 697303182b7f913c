package ingress

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"time"
)

// strictConn follows the framing of HTTP/1 requests on a connection and ends it at what net/http lets pass although
// another HTTP implementation may read it differently (request smuggling): Content-Length together with
// Transfer-Encoding or given twice, Transfer-Encoding in HTTP/1.0, folded lines, lines that end in a bare LF, an unknown minor version,
// odd chunk sizes, and too many fields. net/http answers the error with 400 and closes.
//
// It also closes a connection on which HTTP/2 is spoken in a way that only makes work (frameGuard), and one whose client takes nothing.
//
// Reads come from one goroutine at a time, and so do writes, as net/http does it.
type strictConn struct {
	net.Conn
	scan scanner
	err  error
	// broke says, to any goroutine, that err is the client's fault.
	broke atomic.Bool
	// patience is Limits.WriteStall, 0 if somebody else looks after writing; until is when writing must be over.
	patience time.Duration
	until    time.Time
	// sent follows what is written, leaving is Server.Leave's; nil: there is nothing to leave.
	sent    sentFrames
	leaving *atomic.Bool
}

func (c *strictConn) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.Conn.Read(p)
	if n > 0 && c.scan.state != stateOpaque {
		good, bad := c.scan.feed(p[:n])
		if bad != nil {
			c.err = bad
			c.broke.Store(true)
			if bad == errFlood {
				c.calm()
			}
			if good == 0 {
				return 0, bad
			}
			return good, nil
		}
	}
	return n, err
}

// Write writes p in pieces, each of which must be gone within patience. A deadline serves for many writes: setting one costs a tenth of
// a write.
func (c *strictConn) Write(p []byte) (n int, err error) {
	if c.sent.feeds() {
		if c.leaving != nil && c.leaving.Load() && c.sent.take() {
			if _, err := c.Conn.Write(leavingFrame); err != nil {
				return 0, err
			}
		}
		c.sent.feed(p)
	}
	if c.patience == 0 {
		return c.Conn.Write(p)
	}
	for {
		if now := time.Now(); c.until.Sub(now) < c.patience {
			c.until = now.Add(c.patience + c.patience/2)
			if err := c.Conn.SetWriteDeadline(c.until); err != nil {
				return n, err
			}
		}
		piece := p[:min(len(p), writePiece)]
		done, err := c.Conn.Write(piece)
		n += done
		if err != nil || len(p) == len(piece) {
			return n, err
		}
		p = p[len(piece):]
	}
}

// calm tells an HTTP/2 client why its connection is about to be closed, and reads a while so that it gets to know. What net/http writes
// meanwhile may be in its way: it is an attempt.
func (c *strictConn) calm() {
	const goAway, enhanceYourCalm = 7, 11
	c.Conn.SetWriteDeadline(time.Now().Add(lingerTime))
	c.Conn.Write([]byte{0, 0, 8, goAway, 0, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, enhanceYourCalm}) // an error means the client has gone
	c.Conn.SetReadDeadline(time.Now().Add(lingerTime))
	io.Copy(io.Discard, c.Conn)
}

// letGo is told that a connection was hijacked: what follows is not ours to judge.
func letGo(conn net.Conn) {
	switch c := conn.(type) {
	case *strictConn:
		c.scan.state, c.patience = stateOpaque, 0
	case *secureConn:
		c.scan.state, c.patience = stateOpaque, 0
	}
}

var (
	errLength   = errors.New("content-length is ambiguous")
	errEncoding = errors.New("transfer-encoding is not allowed here")
	errLine     = errors.New("line does not end in CR LF")
	errFold     = errors.New("header field is folded")
	errRequest  = errors.New("request line is malformed")
	errFields   = errors.New("too many header fields")
	errChunk    = errors.New("chunk is malformed")
	errLongLine = errors.New("line is too long")
)

type scanState uint8

const (
	stateRequestLine scanState = iota
	stateFields
	stateBody      // left bytes of a body, then a request line
	stateChunkSize // the line before a chunk
	stateChunkData // left bytes of a chunk
	stateChunkEnd  // the empty line after a chunk
	stateTrailers
	stateFrames // HTTP/2
	stateOpaque // not HTTP/1 any more, or net/http is about to refuse it
)

// maxChunkLine bounds the line that starts a chunk, extensions included.
const maxChunkLine = 4096

// scanner follows a byte stream of HTTP/1 requests.
type scanner struct {
	state     scanState
	first     bool // the next request line is the first of the connection
	old       bool // HTTP/1.0
	chunked   bool
	refused   bool // net/http refuses this head
	second    bool // only HTTP/2 is welcome, as TLS has agreed
	length    int64
	left      int64
	fields    int
	maxFields int
	maxLine   int
	partial   []byte // the start of a line whose end has not come
	frames    frameGuard
}

// feed takes the next bytes. On an error, good is the number of bytes before the offence: those may be handed on.
func (s *scanner) feed(b []byte) (good int, err error) {
	for i := 0; i < len(b); {
		switch s.state {
		case stateOpaque:
			return len(b), nil
		case stateFrames:
			if !s.frames.feed(b[i:]) {
				return i, errFlood
			}
			return len(b), nil
		case stateBody, stateChunkData:
			n := int64(len(b) - i)
			if n > s.left {
				n = s.left
			}
			s.left -= n
			i += int(n)
			if s.left == 0 {
				if s.state == stateBody {
					s.state = stateRequestLine
				} else {
					s.state = stateChunkEnd
				}
			}
			continue
		}
		end := bytes.IndexByte(b[i:], '\n')
		if end < 0 {
			if s.state == stateFields && len(s.partial) == 0 && (b[i] == ' ' || b[i] == '\t') {
				return i, errFold
			}
			if s.limit(len(s.partial)+len(b)-i) != nil {
				return len(b) - 1, errLongLine
			}
			s.partial = append(s.partial, b[i:]...)
			return len(b), nil
		}
		end += i
		line := b[i:end]
		if len(s.partial) > 0 {
			s.partial = append(s.partial, line...)
			line = s.partial
		}
		if err := s.line(line); err != nil {
			return end, err
		}
		s.partial = s.partial[:0]
		i = end + 1
	}
	return len(b), nil
}

func (s *scanner) limit(n int) error {
	if s.state == stateChunkSize && n > maxChunkLine || n > s.maxLine {
		return errLongLine
	}
	return nil
}

// line takes a line without its LF.
func (s *scanner) line(line []byte) error {
	if len(line) == 0 || line[len(line)-1] != '\r' {
		return errLine
	}
	line = line[:len(line)-1]
	if err := s.limit(len(line)); err != nil {
		return err
	}
	switch s.state {
	case stateRequestLine:
		return s.requestLine(line)
	case stateFields:
		if len(line) == 0 {
			return s.endOfHead()
		}
		return s.field(line)
	case stateChunkSize:
		return s.chunkSize(line)
	case stateChunkEnd:
		if len(line) != 0 {
			return errChunk
		}
		s.state = stateChunkSize
	case stateTrailers:
		if len(line) == 0 {
			s.state = stateRequestLine
			return nil
		}
		if line[0] == ' ' || line[0] == '\t' {
			return errFold
		}
		if s.fields++; s.fields > s.maxFields {
			return errFields
		}
	}
	return nil
}

func (s *scanner) requestLine(line []byte) error {
	const preface = "PRI * HTTP/2.0"
	if s.first && string(line) == preface {
		s.state = stateFrames
		return nil
	}
	s.first = false
	if s.second {
		return errRequest
	}
	if len(line) < len("GET / HTTP/1.1") || !bytes.HasPrefix(line[len(line)-len(" HTTP/1.1"):], []byte(" HTTP/1.")) {
		return errRequest
	}
	switch line[len(line)-1] {
	case '0':
		s.old = true
	case '1':
		s.old = false
	default:
		return errRequest
	}
	s.state, s.length, s.chunked, s.refused, s.fields = stateFields, -1, false, false, 0
	return nil
}

func (s *scanner) field(line []byte) error {
	if line[0] == ' ' || line[0] == '\t' {
		return errFold
	}
	if s.fields++; s.fields > s.maxFields {
		return errFields
	}
	// Only the two names that frame a body matter: both have a '-' and end in a letter, and a colon at a fixed place.
	const contentLength, transferEncoding = "content-length", "transfer-encoding"
	switch {
	case len(line) > len(contentLength) && line[len(contentLength)] == ':' && line[7] == '-' && strings.EqualFold(string(line[:len(contentLength)]), contentLength):
		if s.length >= 0 || s.chunked {
			return errLength
		}
		length, ok := parseDigits(bytes.Trim(line[len(contentLength)+1:], " \t"))
		if !ok {
			return errLength
		}
		s.length = length
	case len(line) > len(transferEncoding) && line[len(transferEncoding)] == ':' && line[8] == '-' && strings.EqualFold(string(line[:len(transferEncoding)]), transferEncoding):
		if s.length >= 0 {
			return errLength
		}
		if s.old {
			return errEncoding
		}
		if s.chunked || !strings.EqualFold(string(bytes.Trim(line[len(transferEncoding)+1:], " \t")), "chunked") {
			s.refused = true // 501
		}
		s.chunked = true
	}
	return nil
}

// parseDigits reads a Content-Length: digits only, below 2^62.
func parseDigits(digits []byte) (int64, bool) {
	if len(digits) == 0 || len(digits) > 18 {
		return 0, false
	}
	var n int64
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

func (s *scanner) endOfHead() error {
	switch {
	case s.refused:
		s.state = stateOpaque
	case s.chunked:
		s.state = stateChunkSize
	case s.length > 0:
		s.state, s.left = stateBody, s.length
	default:
		s.state = stateRequestLine
	}
	return nil
}

func (s *scanner) chunkSize(line []byte) error {
	if i := bytes.IndexByte(line, ';'); i >= 0 {
		line = bytes.TrimRight(line[:i], " \t")
	}
	if len(line) == 0 || len(line) > 15 {
		return errChunk
	}
	var n int64
	for _, c := range line {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return errChunk
		}
		n = n<<4 | int64(c)
	}
	if n == 0 {
		s.state = stateTrailers
		return nil
	}
	s.state, s.left = stateChunkData, n
	return nil
}
