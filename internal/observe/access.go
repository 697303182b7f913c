package observe

import (
	"context"
	"log/slog"

	"skerry/internal/worker"
)

// Access writes requests to a structured log.
type Access struct {
	// Logger gets the records.
	Logger *slog.Logger
	// All logs every request; else only those whose event did not end well.
	All bool
}

// Observe logs a request.
func (a *Access) Observe(r *Request) {
	level := slog.LevelInfo
	switch r.Outcome {
	case worker.OK, worker.Canceled:
		if !a.All {
			return
		}
	case worker.HostLost, worker.InternalError:
		level = slog.LevelError
	default:
		level = slog.LevelWarn
	}
	attrs := []slog.Attr{
		slog.String("request", r.RequestID), slog.String("worker", r.Worker), slog.String("version", r.Version), slog.String("method", r.Method), slog.String("path", r.Path),
		slog.Int("status", r.Status), slog.String("outcome", r.Outcome.String()), slog.Duration("wall", r.Wall), slog.Duration("cpu", r.CPU), slog.Bool("cold", r.Cold), slog.Int64("bytes", r.Bytes),
	}
	if r.Message != "" {
		attrs = append(attrs, slog.String("message", r.Message))
	}
	if r.Stack != "" {
		attrs = append(attrs, slog.String("stack", r.Stack))
	}
	a.Logger.LogAttrs(context.Background(), level, "request", attrs...)
}
