package websocket

import (
	"errors"
	"fmt"
)

// Codes of Close frames (RFC 6455 §7.4.1).
const (
	CodeNormal       = 1000
	CodeGoingAway    = 1001
	CodeProtocol     = 1002
	CodeNone         = 1005 // stands for a Close frame without a code; never sent
	CodeAbnormal     = 1006 // stands for a connection without a Close frame; never sent
	CodeInvalid      = 1007
	CodeTooBig       = 1009
	CodeInternal     = 1011
	CodeRestart      = 1012
	MaxReason        = 123 // bytes of a reason
	maxControl       = 125 // bytes of a control frame's payload
	firstApplication = 3000
	lastCode         = 4999
)

// CloseError is what reading ends with when the peer has sent a Close frame.
type CloseError struct {
	code   uint16
	reason string
}

func (e *CloseError) Error() string {
	return fmt.Sprintf("the peer has closed the WebSocket: %d %q", e.code, e.reason)
}

// Closed is the code, CodeNone if the frame had none, and the reason.
func (e *CloseError) Closed() (code uint16, reason string) { return e.code, e.reason }

// FailError says that the peer broke a rule, and was told so with a Close frame of that code.
type FailError struct {
	Code   uint16
	Reason string
}

func (e *FailError) Error() string { return e.Reason }

var (
	// ErrRestart is the cause of a context whose end means that another process serves: clients are told to come again (close code 1012).
	ErrRestart = errors.New("the server is restarted")
	// ErrCloseSent is returned for messages after a Close frame.
	ErrCloseSent = errors.New("a Close frame has been sent")
	// ErrStalled says that the peer took nothing for Options.WriteStall.
	ErrStalled = errors.New("the peer of the WebSocket takes nothing any more")
)

// CanSend says whether a Close frame may carry the code (RFC 6455 §7.4.2 and the registry).
func CanSend(code uint16) bool {
	switch {
	case code < CodeNormal || code > lastCode:
		return false
	case code >= firstApplication:
		return true
	case code == 1004 || code == CodeNone || code == CodeAbnormal || code >= 1015:
		return false
	}
	return true
}
