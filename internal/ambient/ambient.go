// Package ambient carries what host calls need to know about the event they are made for, through the event's context:
// from ingress, which knows the request, to bindings, which counts and marks outbound requests. It decides nothing and
// starts no goroutines.
package ambient

import (
	"context"
	"sync"
	"sync/atomic"
)

// Event is what is known about one event. Its methods and atomic fields may be used from any goroutine.
type Event struct {
	// Depth is the number of workers the request has come through before this one. It does not change.
	Depth int
	// Subrequests counts the host calls made so far.
	Subrequests atomic.Int64

	once    sync.Once
	waiting chan struct{}
}

// Waiting is a semaphore for outbound requests that wait for the head of their response: send to enter, receive to
// leave. Its size is that of the first call.
func (e *Event) Waiting(size int) chan struct{} {
	e.once.Do(func() { e.waiting = make(chan struct{}, size) })
	return e.waiting
}

type key struct{}

// Context is a context and its Event in one allocation. Set the embedded Context before use.
type Context struct {
	context.Context
	Event Event
}

// Value implements context.Context.
func (c *Context) Value(k any) any {
	if k == (key{}) {
		return &c.Event
	}
	return c.Context.Value(k)
}

// Of returns the Event that ctx belongs to, or nil.
func Of(ctx context.Context) *Event {
	e, _ := ctx.Value(key{}).(*Event)
	return e
}
