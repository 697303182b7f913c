package ingress

import (
	"net/http"
	"strconv"

	"skerry/internal/worker"
)

// Codes of error pages. Numbers are those that users of Workers know.
const (
	CodeException      = 1101 // the worker threw, hung, or could not be started
	CodeExceeded       = 1102 // the worker exceeded CPU time or memory
	CodeLoop           = 1019 // the request has come through too many workers
	CodeNoRoute        = 1042 // no worker answers at this host and path
	CodeOverloaded     = 1200 // no capacity: the request was shed
	CodeHostLost       = 1105 // the process that ran the worker ended
	CodeInternal       = 1104 // the platform failed
	CodeBadRequest     = 1400 // the request cannot be understood
	CodeMethod         = 1405 // the method never reaches workers
	CodeBodyStall      = 1408 // the client sent the body too slowly
	CodeTooLarge       = 1413 // the body is over the limit
	CodeURLTooLong     = 1414 // the URL is over the limit
	CodeHeaders        = 1431 // the header fields are over the limit
	CodeNotImplemented = 1501 // the platform lacks what the request asks for
)

// Failure is why a request gets an error page instead of a worker's response.
type Failure struct {
	// Status is the HTTP status, Code the number on the page.
	Status, Code int
	// Reason is said on the page: it is about the request or the platform, never what a worker threw.
	Reason  string
	Outcome worker.Outcome
	// Message and Stack are what the worker threw. They are for its developer, not for its visitors.
	Message, Stack string
	// Cause is why the platform could not let the worker answer. It is for its developer, too.
	Cause error
	// RequestID and Version are filled by the Server.
	RequestID string
	Version   *worker.Version
}

func (f *Failure) Error() string { return "error code " + strconv.Itoa(f.Code) + ": " + f.Reason }

// Unwrap returns the cause.
func (f *Failure) Unwrap() error { return f.Cause }

// ErrorPage writes the response for a failure. The status has not been written yet.
type ErrorPage func(w http.ResponseWriter, r *http.Request, f *Failure)

// PlainErrorPage is the ErrorPage for the public: number, reason and request id, and nothing that the worker threw.
func PlainErrorPage(w http.ResponseWriter, r *http.Request, f *Failure) {
	body := make([]byte, 0, 128)
	body = append(body, "error code: "...)
	body = strconv.AppendInt(body, int64(f.Code), 10)
	body = append(body, '\n')
	if f.Reason != "" {
		body = append(append(body, f.Reason...), '\n')
	}
	body = append(append(append(body, "request id: "...), f.RequestID...), '\n')
	h := w.Header()
	h["Content-Type"] = []string{"text/plain; charset=utf-8"}
	h["Cache-Control"] = []string{"no-store"}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	h["X-Content-Type-Options"] = []string{"nosniff"}
	w.WriteHeader(f.Status)
	if r.Method != http.MethodHead {
		w.Write(body) // an error means the client has gone
	}
}

// failureOf maps the end of an event that gave no response.
func failureOf(r *Result) *Failure {
	f := &Failure{Outcome: r.Outcome, Message: r.Message, Stack: r.Stack}
	switch r.Outcome {
	case worker.Exception:
		f.Status, f.Code, f.Reason = 500, CodeException, "the worker threw an exception"
	case worker.Hung:
		f.Status, f.Code, f.Reason = 500, CodeException, "the worker's code had hung and would never generate a response"
	case worker.ScriptInvalid:
		f.Status, f.Code, f.Reason = 500, CodeException, "the worker could not be started"
	case worker.ExceededCPU:
		f.Status, f.Code, f.Reason = 503, CodeExceeded, "the worker exceeded its CPU time limit"
	case worker.ExceededMemory:
		f.Status, f.Code, f.Reason = 503, CodeExceeded, "the worker exceeded its memory limit"
	case worker.LoadShed:
		f.Status, f.Code, f.Reason = 503, CodeOverloaded, "the platform is overloaded, try again"
	case worker.HostLost:
		f.Status, f.Code, f.Reason = 502, CodeHostLost, "the process that ran the worker ended, try again"
	case worker.Canceled:
		f.Status, f.Code, f.Reason = 503, CodeOverloaded, "the request was cancelled"
	case worker.OK:
		f.Status, f.Code, f.Reason = 500, CodeException, "the worker ended without a response"
	default:
		f.Status, f.Code, f.Reason = 500, CodeInternal, "the platform failed"
	}
	return f
}

func badRequest(reason string) *Failure {
	return &Failure{Status: 400, Code: CodeBadRequest, Reason: reason}
}
