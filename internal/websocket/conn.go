package websocket

import (
	"bufio"
	"io"
	"sync"
	"time"

	"github.com/gobwas/ws"
)

// Options of a connection.
type Options struct {
	// Client: we are the client of the connection, so we mask and the peer does not.
	Client bool
	// Deflate: permessage-deflate was negotiated, without context takeover in either direction.
	Deflate bool
	// MessageMax is the most bytes a message of the peer may have, inflated. Beyond it: CodeTooBig.
	MessageMax int64
	// WriteStall is how long the peer may take nothing of what is written to it.
	WriteStall time.Duration
	// Buffered is what has been read of the connection already.
	Buffered *bufio.Reader
}

// readBuffer and writeBuffer are sizes in bytes: a connection has a reader of the one all the time, and gathers up to the other while
// it has something to write.
const (
	readBuffer  = 4 << 10
	writeBuffer = 32 << 10
)

// Conn is a connection. One goroutine reads (Next, ReadPiece), any may write.
type Conn struct {
	rwc     io.ReadWriteCloser
	options Options
	in      *bufio.Reader

	// The reader's.
	failed   error // what reading ended with
	message  bool  // a message has begun and not ended
	text     bool
	total    int64 // bytes of the message, inflated
	frame    ws.Header
	at       int64 // bytes of the frame that have been read
	last     bool  // the frame is the last one of the message
	inflater *inflater
	check    utf8Check
	control  [maxControl]byte

	// pong is the latest ping that is to be answered, if pinged. Whoever holds out when there is one sends it.
	pings  sync.Mutex
	pong   []byte
	pinged bool

	out       sync.Mutex
	buffer    []byte
	writing   bool // a message has begun and not ended
	deflating *deflater
	closing   bool // a Close frame has been written
	broken    error
	mask      maskSource
}

// New makes a connection of what a handshake left. rwc is closed by Close.
func New(rwc io.ReadWriteCloser, options Options) *Conn {
	c := &Conn{rwc: rwc, options: options, in: options.Buffered}
	if c.in == nil {
		c.in = bufio.NewReaderSize(rwc, readBuffer)
	}
	return c
}

// Close cuts the connection. It may be called at any time; a Read or Write that is under way fails.
func (c *Conn) Close() error { return c.rwc.Close() }
