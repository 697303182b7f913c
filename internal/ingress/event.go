package ingress

import (
	"context"
	"io"
	"net/url"
	"time"

	"skerry/internal/websocket"
	"skerry/internal/worker"
)

// Request is an HTTP request as a worker will see it. A Dispatcher must not keep the struct or Headers after Fetch has
// returned; Body may be read until the event is over.
type Request struct {
	// Method is an HTTP token, upper case for the methods that Fetch normalises.
	Method string
	// URL is absolute and ASCII.
	URL string
	// Headers is packed: name LF value LF for each field, names in lower case.
	Headers []byte
	// CF is the JSON text of request.cf.
	CF string
	// Body is nil if the request has none.
	Body io.Reader
	// Length of Body in bytes, -1 if unknown, 0 if there is none.
	Length int64
}

// Response is the head of a worker's answer.
type Response struct {
	Status int
	// Headers is packed as in Request.
	Headers []byte
	// Length of the body in bytes, -1 if unknown.
	Length int64
	// Inline is the whole body if Body is nil.
	Inline []byte
	// Body, if not nil, is read to its end or closed before. It may have a method Buffered() int that says how many bytes
	// the next Read can give without waiting.
	Body io.ReadCloser
	// Socket is not nil if and only if Status is 101.
	Socket Socket
	// Event answers for the rest of the event.
	Event Event
}

// Socket is the WebSocket that a worker has answered with. One of its methods is called, once.
type Socket interface {
	// Serve carries messages between the worker and the client's connection, which it closes. It returns when that is done. When ctx
	// ends, the client is told that the server goes away.
	Serve(ctx context.Context, conn *websocket.Conn)
	// Drop says that there will be no connection.
	Drop()
}

// Event is an event that has answered but may still run.
type Event interface {
	// Wait returns when the event is over. If it is already, it returns the result even if ctx is done.
	Wait(ctx context.Context) (Result, error)
}

// Result is how an event ended.
type Result struct {
	Outcome worker.Outcome
	// CPU is the processor time billed to the event, Startup that of the module evaluation it waited for.
	CPU, Startup time.Duration
	// Cold says that an isolate had to be started for it.
	Cold bool
	// PassThrough: the worker failed after ctx.passThroughOnException().
	PassThrough bool
	// Message and Stack describe what was thrown, if anything.
	Message, Stack string
}

// EventError says that an event ended without a response.
type EventError struct{ Result Result }

func (e *EventError) Error() string {
	if e.Result.Message == "" {
		return "event ended without a response: " + e.Result.Outcome.String()
	}
	return "event ended without a response: " + e.Result.Outcome.String() + ": " + e.Result.Message
}

// UnfinishedError is the error of a context that has ended while the event was under way: it has been cancelled, and is not yet over.
type UnfinishedError struct {
	Err   error
	Event Event
}

func (e *UnfinishedError) Error() string { return e.Err.Error() }
func (e *UnfinishedError) Unwrap() error { return e.Err }

// Dispatcher runs events. Its errors are *EventError, *Failure, the context's (perhaps in an *UnfinishedError), or any other failure of the
// platform.
type Dispatcher interface {
	// Fetch fills resp with the answer to req. When ctx ends before the response is complete, the event is cancelled; once
	// the body has been read to its end (or was inline) ctx no longer matters, and waitUntil promises go on.
	Fetch(ctx context.Context, v *worker.Version, req *Request, resp *Response) error
}

// Target is where a request goes.
type Target struct {
	// Version answers.
	Version *worker.Version
	// Origin, if not nil, answers when the worker fails and had called passThroughOnException.
	Origin *url.URL
	// Lease is released when the event is over. May be nil.
	Lease Lease
}

// Lease keeps a version alive.
type Lease interface{ Release() }

// Router finds the worker of a request.
type Router interface {
	// Route returns the target for a scheme, a normalised host (lower case, no port, no final dot) and an escaped path with
	// query, or a nil Version if nobody answers there. An error is a *Failure, which becomes the response, or any other
	// error, which becomes an internal error.
	Route(ctx context.Context, secure bool, host, path string) (Target, error)
}

// Observation is one finished event, told to the Observer. It is reused: copy what is kept.
type Observation struct {
	// Worker and Version are empty if no worker was found.
	Worker, Version string
	// Ran is the version itself, nil if no worker was found.
	Ran       *worker.Version
	RequestID string
	Method    string
	// URL is what the worker saw, Path its path and query.
	URL, Path string
	// Status is the HTTP status sent; 499 if the client left before.
	Status  int
	Outcome worker.Outcome
	// Dispatched is false if the request was answered before it reached a worker.
	Dispatched bool
	// Wall is the time from the request's head to the last byte of the response.
	Wall         time.Duration
	CPU, Startup time.Duration
	Cold         bool
	// Bytes of the response body that were written.
	Bytes int64
	// Code is the number of the error page, 0 if none was sent.
	Code int
	// Message and Stack of what was thrown, if anything.
	Message, Stack string
}

// StatusClientGone is the status in observations whose client left before the response. Nothing was sent.
const StatusClientGone = 499
