// Package fault holds the coded errors of Skerry: what went wrong as a number that may cross a wire, and one table that
// says what the number means as an HTTP status, as the exit code of a command and as a JavaScript error.
//
// It is not for the outcome of a worker's own code: that is data (worker.Outcome). Every package may use it; it imports
// only the standard library and starts no goroutine.
package fault

import (
	"context"
	"errors"
	"strconv"
)

// Code says what kind of failure an error is. The numbers cross wires and are stored: they are only ever added to.
type Code uint16

// The codes.
const (
	// Internal is a defect or failure of Skerry itself. It is the code of every error that has none.
	Internal Code = 1
	// Invalid is an input that can never be accepted as it is.
	Invalid Code = 2
	// NotFound names something that does not exist, or that the caller may not know of.
	NotFound Code = 3
	// Exists is the attempt to create what exists already.
	Exists Code = 4
	// Conflict is a change based on a state that is no longer current.
	Conflict Code = 5
	// Unauthenticated means that it is unknown who is asking.
	Unauthenticated Code = 6
	// Denied means that the one who asks is known and may not.
	Denied Code = 7
	// TooLarge is an input or a result over a size limit.
	TooLarge Code = 8
	// Limit is a quota or a count that is used up.
	Limit Code = 9
	// Overloaded means that Skerry has too much to do right now: the same request may succeed later.
	Overloaded Code = 10
	// Unavailable means that a part of Skerry is not there right now, such as a node that is starting.
	Unavailable Code = 11
	// Timeout means that the time allowed has passed.
	Timeout Code = 12
	// Canceled means that the one who asked has gone away or has changed his mind.
	Canceled Code = 13
	// Unsupported is something that is part of the Workers platform and that Skerry does not offer.
	Unsupported Code = 14
	// Network is a failure on the way to another server: no address, connection refused or lost, bad TLS, bad HTTP.
	Network Code = 15
	// Refused is an outbound connection that the operator's egress policy forbids.
	Refused Code = 16
	// Corrupt means that stored data is not what was written.
	Corrupt Code = 17
)

// row is what a code means outside.
type row struct {
	name   string
	status int
	exit   int
	class  string
	// public is shown to end users when an error carries no message of its own.
	public string
}

// Exit codes of the command. 0 is success and 1 a failure without a more exact number.
const (
	exitFailure     = 1
	exitInvalid     = 2
	exitNotFound    = 3
	exitConflict    = 4
	exitAccess      = 5
	exitLimit       = 6
	exitUnavailable = 7
	exitInternal    = 70
	exitCanceled    = 130
)

var table = map[Code]row{
	Internal:        {"internal", 500, exitInternal, "Error", "internal error"},
	Invalid:         {"invalid", 400, exitInvalid, "TypeError", "the request is not valid"},
	NotFound:        {"notFound", 404, exitNotFound, "Error", "not found"},
	Exists:          {"exists", 409, exitConflict, "Error", "it exists already"},
	Conflict:        {"conflict", 409, exitConflict, "Error", "it has been changed in the meantime"},
	Unauthenticated: {"unauthenticated", 401, exitAccess, "Error", "authentication is required"},
	Denied:          {"denied", 403, exitAccess, "Error", "not allowed"},
	TooLarge:        {"tooLarge", 413, exitLimit, "RangeError", "too large"},
	Limit:           {"limit", 429, exitLimit, "Error", "a limit has been reached"},
	Overloaded:      {"overloaded", 503, exitUnavailable, "Error", "overloaded, try again later"},
	Unavailable:     {"unavailable", 503, exitUnavailable, "Error", "temporarily unavailable"},
	Timeout:         {"timeout", 504, exitUnavailable, "TimeoutError", "timed out"},
	Canceled:        {"canceled", 499, exitCanceled, "AbortError", "canceled"},
	Unsupported:     {"unsupported", 501, exitFailure, "NotSupportedError", "not supported"},
	Network:         {"network", 502, exitUnavailable, "TypeError", "network connection failed"},
	Refused:         {"refused", 502, exitAccess, "TypeError", "connection refused by policy"},
	Corrupt:         {"corrupt", 500, exitInternal, "Error", "stored data is damaged"},
}

// String is the name of the code in logs and in machine-readable output.
func (c Code) String() string {
	if r, ok := table[c]; ok {
		return r.name
	}
	return "code " + strconv.Itoa(int(c))
}

func (c Code) row() row {
	if r, ok := table[c]; ok {
		return r
	}
	return table[Internal]
}

// HTTPStatus is the status of a response that reports the code. 499 (Canceled) is never sent, since nobody is there
// to read it: it is for logs.
func (c Code) HTTPStatus() int { return c.row().status }

// ExitCode is the exit code of a command that ends with the code.
func (c Code) ExitCode() int { return c.row().exit }

// JSClass is the error that a worker sees: Error, TypeError, RangeError, or the name of a DOMException (AbortError,
// TimeoutError, NotSupportedError).
func (c Code) JSClass() string { return c.row().class }

// Codes lists every code in ascending order.
func Codes() []Code {
	all := make([]Code, 0, len(table))
	for c := Internal; len(all) < len(table); c++ {
		if _, ok := table[c]; ok {
			all = append(all, c)
		}
	}
	return all
}

// Error is a failure with a code. End users see Message and Hint; operators see the whole chain.
type Error struct {
	Code Code
	// Op is the operation that failed, such as "open namespace". May be empty.
	Op string
	// Message says what is wrong, for the one whose fault it is: lower case, no full stop. May be empty.
	Message string
	// Hint says what to do about it. May be empty.
	Hint string
	// Err is the cause. It is not shown to end users. May be nil.
	Err error
}

// New makes an Error for an end user. op may be empty.
func New(code Code, op, message string) *Error {
	return &Error{Code: code, Op: op, Message: message}
}

// Wrap gives err a code and the operation that failed.
func Wrap(code Code, op string, err error) *Error {
	return &Error{Code: code, Op: op, Err: err}
}

// Error is the operator's view: operation, message and cause, joined by colons.
func (e *Error) Error() string {
	text := e.Op
	for _, part := range []string{e.Message, causeText(e.Err)} {
		if part == "" {
			continue
		}
		if text != "" {
			text += ": "
		}
		text += part
	}
	if text == "" {
		return e.Code.String()
	}
	return text
}

func causeText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// CodeOf is the code of the outermost Error in the chain of err. Without one, the errors of package context have their
// codes and every other error is Internal. CodeOf(nil) is 0.
func CodeOf(err error) Code {
	var coded *Error
	switch {
	case err == nil:
		return 0
	case errors.As(err, &coded):
		return coded.Code
	case errors.Is(err, context.Canceled):
		return Canceled
	case errors.Is(err, context.DeadlineExceeded):
		return Timeout
	default:
		return Internal
	}
}

// Public is what an end user may read about err: the first Message in its chain, else the general sentence of its code.
// It never contains the text of an error without a code. Public(nil) is "".
func Public(err error) string {
	if err == nil {
		return ""
	}
	for current := err; ; {
		var coded *Error
		if !errors.As(current, &coded) {
			return CodeOf(err).row().public
		}
		if coded.Message != "" {
			return coded.Message
		}
		if current = coded.Err; current == nil {
			return CodeOf(err).row().public
		}
	}
}

// HintOf is the first Hint in the chain of err, "" if there is none.
func HintOf(err error) string {
	for current := err; current != nil; {
		var coded *Error
		if !errors.As(current, &coded) {
			return ""
		}
		if coded.Hint != "" {
			return coded.Hint
		}
		current = coded.Err
	}
	return ""
}
