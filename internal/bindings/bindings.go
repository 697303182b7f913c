// Package bindings answers the host calls of workers: it looks up the slot, checks that the operation is one of the slot's
// kind, checks limits, and passes the call to the product behind it. What is not in its one table is unsupported.
//
// A call comes from an isolate host, which may be an attacker's: a slot that the worker was not given cannot be used, and
// arguments are decoded strictly. What no honest host asks for (they are built with the same table) is a violation. It implements isolates.CallHandler, stores nothing, and starts no goroutines.
package bindings

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"skerry/internal/ambient"
	"skerry/internal/egress"
	"skerry/internal/hostproto"
	"skerry/internal/isolates"
	"skerry/internal/worker"
)

// Fetcher makes outbound requests; *egress.Client is one.
type Fetcher interface {
	Do(ctx context.Context, from egress.Source, call *hostproto.FetchCall, upload io.ReadCloser) (hostproto.FetchResult, io.ReadCloser, int64, error)
}

// Limits of one event. A zero field means the default.
type Limits struct {
	// Subrequests is the most host calls that any worker may make, whatever its own limit (worker.Limits) says. 0: no more than that.
	Subrequests int
	// Waiting is the number of outbound requests that may wait for the head of their response. More are held back.
	Waiting int
}

// DefaultWaiting is what the Workers platform has.
const DefaultWaiting = 6

// Config is what a Handler is made of.
type Config struct {
	Fetcher Fetcher
	Limits  Limits
	Logger  *slog.Logger
}

// Handler implements isolates.CallHandler.
type Handler struct{ cfg Config }

// New makes a handler.
func New(cfg Config) *Handler {
	if cfg.Limits.Waiting == 0 {
		cfg.Limits.Waiting = DefaultWaiting
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Handler{cfg: cfg}
}

// globalSlot is the slot that every worker has: the global fetch.
const globalSlot = 0

// globalKind is the kind of globalSlot. It is no kind of binding.
const globalKind worker.BindingKind = 0

type operation struct {
	kind worker.BindingKind
	op   hostproto.CallOp
}

// operations is all that can be called, by kind of slot. Text and JSON bindings are values: nothing can be called on them.
var operations = map[operation]func(*Handler, context.Context, *isolates.Call) isolates.CallResult{
	{globalKind, hostproto.CallOpFetch}: (*Handler).fetch,
}

// Call implements isolates.CallHandler.
func (h *Handler) Call(ctx context.Context, c *isolates.Call) isolates.CallResult {
	kind := globalKind
	if c.Slot != globalSlot {
		if int(c.Slot) > len(c.Version.Bindings) {
			return violate(hostproto.CallCodeRefused, "the worker has no binding in slot %d", c.Slot)
		}
		kind = c.Version.Bindings[c.Slot-1].Kind
	}
	run := operations[operation{kind, c.Op}]
	if run == nil {
		if c.Slot == globalSlot {
			return violate(hostproto.CallCodeUnsupported, "the operation %d is not supported", c.Op)
		}
		return violate(hostproto.CallCodeUnsupported, "the binding %q does not support the operation %d", c.Version.Bindings[c.Slot-1].Name, c.Op)
	}
	limit := c.Version.Limits.AtMost(worker.Limits{Subrequests: h.cfg.Limits.Subrequests}).WithDefaults().Subrequests
	if event := ambient.Of(ctx); event != nil && event.Subrequests.Add(1) > int64(limit) {
		return refuse(hostproto.CallCodeLimit, "Too many subrequests by single Worker invocation (limit %d).", limit)
	}
	return run(h, ctx, c)
}

func refuse(code hostproto.CallCode, format string, args ...any) isolates.CallResult {
	return isolates.CallResult{Code: code, Message: fmt.Sprintf(format, args...)}
}

func violate(code hostproto.CallCode, format string, args ...any) isolates.CallResult {
	result := refuse(code, format, args...)
	result.Violation = result.Message
	return result
}

// fetch is the global fetch.
func (h *Handler) fetch(ctx context.Context, c *isolates.Call) isolates.CallResult {
	call, err := hostproto.DecodeFetchCall(c.Args)
	if err != nil {
		return violate(hostproto.CallCodeRefused, "the arguments of fetch are malformed: %v", err)
	}
	if call.Length < -1 {
		return violate(hostproto.CallCodeRefused, "the upload of fetch has the length %d", call.Length)
	}
	from := egress.Source{Worker: c.Version.Name}
	if event := ambient.Of(ctx); event != nil {
		from.Depth = event.Depth
		waiting := event.Waiting(h.cfg.Limits.Waiting)
		select {
		case waiting <- struct{}{}:
			defer func() { <-waiting }()
		case <-ctx.Done():
			return refuse(hostproto.CallCodeAborted, "the request was aborted")
		}
	}
	result, body, length, err := h.cfg.Fetcher.Do(ctx, from, &call, c.Upload)
	if err != nil {
		failure, ok := errors.AsType[*egress.Error](err)
		if !ok {
			h.cfg.Logger.Error("fetch", "worker", c.Version.Name, "error", err)
			return refuse(hostproto.CallCodeInternal, "the platform failed")
		}
		h.cfg.Logger.Debug("fetch", "worker", c.Version.Name, "url", call.URL, "code", failure.Code, "error", failure)
		return isolates.CallResult{Code: failure.Code, Message: failure.Message}
	}
	if socket, ok := body.(*egress.Socket); ok {
		return isolates.CallResult{Code: hostproto.CallCodeOK, Result: result.AppendTo(nil), Socket: socket.Conn}
	}
	return isolates.CallResult{Code: hostproto.CallCodeOK, Result: result.AppendTo(nil), Body: body, Length: length}
}

var _ isolates.CallHandler = (*Handler)(nil)
