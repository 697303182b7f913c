package main

import (
	"context"
	"errors"

	"skerry/internal/ingress"
	"skerry/internal/isolates"
	"skerry/internal/websocket"
	"skerry/internal/worker"
)

// dispatcher lets ingress use a pool.
type dispatcher struct{ pool *isolates.Pool }

// Fetch implements ingress.Dispatcher.
func (d dispatcher) Fetch(ctx context.Context, v *worker.Version, req *ingress.Request, resp *ingress.Response) error {
	answer, err := d.pool.Fetch(ctx, v, &isolates.FetchRequest{Method: req.Method, URL: req.URL, Headers: req.Headers, CF: req.CF, Body: req.Body, Length: req.Length, Values: ctx})
	if err != nil {
		return translate(err)
	}
	*resp = ingress.Response{Status: answer.Status, Headers: answer.Headers, Length: answer.Length, Inline: answer.Inline, Body: answer.Body, Socket: socketOf(answer), Event: (*event)(answer)}
	return nil
}

// socket lets ingress serve the WebSocket of an answer.
type socket struct{ isolates.Socket }

func (s socket) Serve(ctx context.Context, conn *websocket.Conn) { s.Socket.Serve(ctx, conn) }

func socketOf(answer *isolates.FetchResponse) ingress.Socket {
	if answer.Socket == nil {
		return nil
	}
	return socket{answer.Socket}
}

// event is an answer seen as the event behind it.
type event isolates.FetchResponse

// Wait implements ingress.Event.
func (e *event) Wait(ctx context.Context) (ingress.Result, error) {
	r, err := (*isolates.FetchResponse)(e).Wait(ctx)
	return result(&r), err
}

func result(r *isolates.Result) ingress.Result {
	return ingress.Result{Outcome: r.Outcome, CPU: r.CPU, Startup: r.Startup, Cold: r.Cold, PassThrough: r.PassThrough, Message: r.Message, Stack: r.Stack}
}

// translate turns errors of a pool into those that ingress knows.
func translate(err error) error {
	if ended, ok := errors.AsType[*isolates.EventError](err); ok {
		return &ingress.EventError{Result: result(&ended.Result)}
	}
	if _, ok := errors.AsType[*isolates.DefinitionError](err); ok {
		return &ingress.Failure{Status: 500, Code: ingress.CodeException, Reason: "the worker could not be started", Outcome: worker.ScriptInvalid, Cause: err}
	}
	if _, ok := errors.AsType[*isolates.RefusedError](err); ok {
		return &ingress.Failure{Status: 503, Code: ingress.CodeExceeded, Reason: "the worker has ended its process again and again", Outcome: worker.LoadShed, Cause: err}
	}
	if _, ok := errors.AsType[*isolates.UnavailableError](err); ok {
		return &ingress.Failure{Status: 503, Code: ingress.CodeOverloaded, Reason: "the platform cannot run workers just now, try again", Outcome: worker.LoadShed, Cause: err}
	}
	if errors.Is(err, isolates.ErrClosed) || errors.Is(err, isolates.ErrDraining) {
		return &ingress.Failure{Status: 503, Code: ingress.CodeOverloaded, Reason: "the platform is shutting down, try again", Outcome: worker.LoadShed, Cause: err}
	}
	if abandoned, ok := errors.AsType[*isolates.AbandonedError](err); ok {
		return &ingress.UnfinishedError{Err: abandoned.Err, Event: (*event)(abandoned.Event)}
	}
	return err
}
