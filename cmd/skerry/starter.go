package main

import (
	"context"
	"sync"

	"skerry/internal/hostproto"
	"skerry/internal/ingress"
	"skerry/internal/isolates"
	"skerry/internal/worker"
)

// started translates between an event of a pool and ingress. It is used again when the event is over.
type started struct {
	sink   ingress.Sink
	req    isolates.FetchRequest
	resp   ingress.Response
	result ingress.Result
}

var starts = sync.Pool{New: func() any { return new(started) }}

// Start implements ingress.Starter.
func (d dispatcher) Start(ctx context.Context, v *worker.Version, req *ingress.Request, sink ingress.Sink) (ingress.Started, bool) {
	s := starts.Get().(*started)
	s.sink = sink
	s.req = isolates.FetchRequest{Method: req.Method, URL: req.URL, Headers: req.Headers, CF: req.CF, Values: ctx}
	event := d.pool.Start(v, &s.req, s)
	if event == nil {
		s.recycle()
		return nil, false
	}
	return (*startedEvent)(event), true
}

func (s *started) recycle() {
	*s = started{}
	starts.Put(s)
}

// Responded implements isolates.Sink.
func (s *started) Responded(r *isolates.FetchResponse) {
	s.resp = ingress.Response{Status: r.Status, Headers: r.Headers, Length: r.Length, Inline: r.Inline, Body: r.Body, Socket: socketOf(r)}
	s.sink.Responded(&s.resp)
}

// Over implements isolates.Sink.
func (s *started) Over(r *isolates.Result, err error) {
	s.result = result(r)
	if err != nil {
		err = translate(err)
	}
	s.sink.Over(&s.result, err)
	s.recycle()
}

// startedEvent is an event of a pool that can be canceled.
type startedEvent isolates.Started

// Cancel implements ingress.Started.
func (e *startedEvent) Cancel() {
	(*isolates.Started)(e).Cancel(hostproto.CancelReasonClientDisconnected)
}
