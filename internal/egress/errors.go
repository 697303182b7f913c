package egress

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"syscall"

	"skerry/internal/hostproto"
)

// Error is how a fetch fails. Message is for the worker: it names no address that the worker did not.
type Error struct {
	Code    hostproto.CallCode
	Message string
	Err     error
}

func (e *Error) Error() string {
	if e.Err == nil {
		return e.Message
	}
	return e.Message + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

func fail(code hostproto.CallCode, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// errRefusedAddress is returned by the dialer's control function.
var errRefusedAddress = errors.New("address is not allowed by the egress policy")

// explain turns an error of the transport or of a body into an Error.
func explain(ctx context.Context, host string, err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	e := &Error{Code: hostproto.CallCodeNetwork, Err: err}
	var (
		timeout     interface{ Timeout() bool }
		alert       tls.AlertError
		certificate *tls.CertificateVerificationError
		record      tls.RecordHeaderError
	)
	dns, isDNS := errors.AsType[*net.DNSError](err)
	switch {
	case errors.Is(err, errRefusedAddress):
		e.Code, e.Message = hostproto.CallCodeRefused, "connecting to "+host+" is not allowed here"
	case context.Cause(ctx) != nil && errors.Is(context.Cause(ctx), context.DeadlineExceeded):
		e.Code, e.Message = hostproto.CallCodeTimeout, "the request to "+host+" timed out"
	case ctx.Err() != nil:
		e.Code, e.Message = hostproto.CallCodeAborted, "the request was aborted"
	case isDNS && dns.IsNotFound:
		e.Message = "DNS lookup failed: no such host " + host
	case isDNS:
		e.Message = "DNS lookup failed for " + host
	case errors.As(err, &timeout) && timeout.Timeout():
		e.Code, e.Message = hostproto.CallCodeTimeout, "the request to "+host+" timed out"
	case errors.Is(err, syscall.ECONNREFUSED):
		e.Message = "connection to " + host + " refused"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		e.Message = host + " cannot be reached"
	case errors.As(err, &certificate):
		e.Message = "TLS certificate of " + host + " is not valid"
		if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
			e.Message += ": unknown authority"
		} else if _, ok := errors.AsType[x509.HostnameError](err); ok {
			e.Message += ": it is for another host"
		}
	case errors.As(err, &alert), errors.As(err, &record):
		e.Message = "TLS handshake with " + host + " failed"
	default:
		e.Message = "Network connection lost."
	}
	return e
}
