package isolates

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"skerry/internal/hostproto"
)

// Errors of a Pool.
var (
	// ErrClosed is returned after Close.
	ErrClosed = errors.New("isolate pool is closed")
	// ErrDraining is returned for new events after Drain.
	ErrDraining = errors.New("isolate pool is draining")
	// ErrHostLost is the error of bodies whose host died.
	ErrHostLost = errors.New("isolate host died")
	// ErrBuffered is the error of bodies that were cut because too much of their host's was waiting to be read (Config.BufferedMax).
	ErrBuffered = errors.New("too many bytes of the isolate host wait to be read")
	// ErrEventEnded is the error of bodies that were not complete when their event ended.
	ErrEventEnded = errors.New("event ended before the body")
)

// EventError says that an event ended without a response.
type EventError struct{ Result Result }

func (e *EventError) Error() string {
	if e.Result.Message == "" {
		return "event ended without a response: " + e.Result.Outcome.String()
	}
	return "event ended without a response: " + e.Result.Outcome.String() + ": " + e.Result.Message
}

// UnavailableError says that hosts keep dying as soon as they are started.
type UnavailableError struct {
	// Deaths is the number of hosts in a row that died at once, Last why the last one did.
	Deaths int
	Last   error
	// Next is when the next one is started.
	Next time.Time
}

func (e *UnavailableError) Error() string {
	return fmt.Sprintf("no isolate host: %d in a row died at once, the last one: %v", e.Deaths, e.Last)
}

func (e *UnavailableError) Unwrap() error { return e.Last }

// DefinitionError says that a version cannot be loaded: whoever made it is at fault.
type DefinitionError struct {
	Worker, Reason string
}

func (e *DefinitionError) Error() string {
	return "worker " + e.Worker + " cannot be loaded: " + e.Reason
}

// violation is a breach of the protocol that the frames themselves do not show.
type violation struct {
	frame hostproto.MessageType
	id    uint32
	what  string
}

func (v *violation) Error() string { return fmt.Sprintf("%s %d: %s", v.frame, v.id, v.what) }

// isViolation says whether a connection ended because the host broke the protocol.
func isViolation(err error) bool {
	var frame *hostproto.FrameError
	var decode *hostproto.DecodeError
	var own *violation
	return errors.As(err, &frame) || errors.As(err, &decode) || errors.As(err, &own)
}

// codedError is an error of a body that says which code the worker shall see. Its text is then shown to the worker.
type codedError interface{ CallCode() hostproto.CallCode }

// bodyFault is the code and text that a host is told when reading a body failed.
func bodyFault(err error) hostproto.StreamReset {
	var coded codedError
	if errors.As(err, &coded) && coded.CallCode() != hostproto.CallCodeOK {
		return hostproto.StreamReset{Code: coded.CallCode(), Message: clip(err.Error())}
	}
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) && timeout.Timeout() {
		return hostproto.StreamReset{Code: hostproto.CallCodeTimeout, Message: "reading the body timed out"}
	}
	return hostproto.StreamReset{Code: hostproto.CallCodeNetwork, Message: "the body broke off"}
}

// clip makes a text valid UTF-8 of at most bodyErrorMax bytes.
func clip(s string) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	if len(s) <= bodyErrorMax {
		return s
	}
	return strings.ToValidUTF8(s[:bodyErrorMax], "") // The last character may be cut.
}
