package ingress

import "time"

// Limits of the HTTP side. A zero field means the default.
type Limits struct {
	// HeaderBytes is the size of a request's head, URL included. Beyond it: 431.
	HeaderBytes int
	// HeaderFields is the number of header fields of a request. Beyond it: 400 (HTTP/1) or 431 (HTTP/2).
	HeaderFields int
	// URLBytes is the length of the absolute URL. Beyond it: 414.
	URLBytes int
	// BodyBytes is the length of a request's body. Beyond it: 413.
	BodyBytes int64
	// ReadHeader is the time a client has for a request's head, Idle the time a kept connection may be silent, Handshake
	// the time for TLS.
	ReadHeader, Idle, Handshake time.Duration
	// BodyStall is how long a client may send nothing of a body that its worker waits for, BodyRate how many bytes per second pay for
	// more such time until the worker has answered: see stall. Beyond them: 408, and the connection is closed.
	BodyStall time.Duration
	BodyRate  int
	// WriteStall is how long a client may take nothing of a response. Beyond it the connection is closed, in HTTP/2 the stream.
	WriteStall time.Duration
	// ControlFrames is the number of frames on an HTTP/2 connection, within ControlWindow, that carry nothing: see frameGuard. Beyond
	// it the connection is closed with ENHANCE_YOUR_CALM.
	ControlFrames int
	// Streams is the number of concurrent requests on one HTTP/2 connection.
	Streams int
	// MessageBytes is the size of a WebSocket message of a client, inflated. Beyond it: close code 1009.
	MessageBytes int64
	// SocketStall is how long the client of a WebSocket may take nothing of what there is for it.
	SocketStall time.Duration
	// Depth is the number of workers a request may come through. Beyond it: error code 1019.
	Depth int
}

// The defaults of Limits.
const (
	DefaultHeaderBytes  = 128 << 10
	DefaultHeaderFields = 512
	DefaultURLBytes     = 16 << 10
	DefaultBodyBytes    = 5 << 30 // what the Workers platform gives its largest plan; bodies are streamed
	DefaultReadHeader   = 15 * time.Second
	DefaultIdle         = 2 * time.Minute
	DefaultHandshake    = 10 * time.Second
	DefaultWriteStall   = 2 * time.Minute
	DefaultBodyStall    = 2 * time.Minute
	DefaultBodyRate     = 100
	DefaultStreams      = 250
	// DefaultControlFrames is for ControlWindow: a proxy that has a tenth of a thousand requests per second reset stays far below it.
	DefaultControlFrames = 10_000
	DefaultDepth         = 16
	DefaultMessageBytes  = 32 << 20 // what the Workers platform takes
	DefaultSocketStall   = 2 * time.Minute
)

// ControlWindow is the time in which ControlFrames are counted.
const ControlWindow = 10 * time.Second

// ResetHold is how long a stream that its client has reset keeps its place among Limits.Streams while its worker is still at it.
const ResetHold = 5 * time.Second

// headerSlack is what net/http allows a head beyond its limit, in bytes. A head that is too long is to reach that limit, which answers 431,
// not the one for a line, which answers 400.
const headerSlack = 4096

func (l Limits) withDefaults() Limits {
	set := func(field *int, value int) {
		if *field == 0 {
			*field = value
		}
	}
	set(&l.HeaderBytes, DefaultHeaderBytes)
	set(&l.HeaderFields, DefaultHeaderFields)
	set(&l.URLBytes, DefaultURLBytes)
	set(&l.Streams, DefaultStreams)
	set(&l.BodyRate, DefaultBodyRate)
	set(&l.ControlFrames, DefaultControlFrames)
	set(&l.Depth, DefaultDepth)
	if l.BodyBytes == 0 {
		l.BodyBytes = DefaultBodyBytes
	}
	if l.MessageBytes == 0 {
		l.MessageBytes = DefaultMessageBytes
	}
	if l.SocketStall == 0 {
		l.SocketStall = DefaultSocketStall
	}
	if l.ReadHeader == 0 {
		l.ReadHeader = DefaultReadHeader
	}
	if l.Idle == 0 {
		l.Idle = DefaultIdle
	}
	if l.BodyStall == 0 {
		l.BodyStall = DefaultBodyStall
	}
	if l.WriteStall == 0 {
		l.WriteStall = DefaultWriteStall
	}
	if l.Handshake == 0 {
		l.Handshake = DefaultHandshake
	}
	return l
}
