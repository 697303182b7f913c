package observe

import (
	"time"

	"skerry/internal/worker"
)

// Request is one finished request. The fields are those of ingress.Observation.
type Request struct {
	Worker, Version, RequestID, Method, Path string
	Status                                   int
	Outcome                                  worker.Outcome
	// Dispatched: it reached a worker.
	Dispatched         bool
	Wall, CPU, Startup time.Duration
	Cold               bool
	Bytes              int64
	// Code is the number of the error page, 0 if none.
	Code int
	// Message and Stack of what was thrown, if anything.
	Message, Stack string
	// Excerpt is the code around the place where it was thrown, as lines for a terminal. Only Console shows it.
	Excerpt string
}
