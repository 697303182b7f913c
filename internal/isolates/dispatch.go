package isolates

import (
	"bytes"
	"fmt"
	"io"
	"time"

	"skerry/internal/hostproto"
	"skerry/internal/worker"
)

// handle takes one frame of the host. It runs on the reading goroutine; an error ends the host.
func (h *host) handle(f hostproto.Frame) error {
	if !h.greets {
		return h.onReady(f)
	}
	switch f.Type {
	case hostproto.TypeResponse:
		return h.onResponse(f)
	case hostproto.TypeEventDone:
		return h.onEventDone(f)
	case hostproto.TypeCall:
		return h.onCall(f)
	case hostproto.TypeCallAbort:
		return h.onCallAbort(f)
	case hostproto.TypeStreamData, hostproto.TypeStreamEnd, hostproto.TypeStreamReset:
		return h.onStreamWritten(f)
	case hostproto.TypeStreamCredit, hostproto.TypeStreamCancel:
		return h.onStreamRead(f)
	case hostproto.TypeSocketData, hostproto.TypeSocketClose, hostproto.TypeSocketCredit:
		return h.onSocket(f)
	case hostproto.TypeLog:
		return h.onLog(f)
	case hostproto.TypeCodeCache:
		return h.onCodeCache(f)
	case hostproto.TypeStats:
		return h.onStats(f)
	case hostproto.TypeFatal:
		return h.onFatal(f)
	}
	return &violation{f.Type, f.ID, "is not expected here"}
}

// useless counts a frame that changed nothing. Some come from honest hosts, too, for what was on its way; a host that sends little else
// wants to keep the supervisor busy. useful is the opposite. Both are of the reading goroutine.
func (h *host) useless(f hostproto.Frame) error {
	if h.idle++; h.idle > IdleFramesMax {
		return &violation{f.Type, f.ID, "is one of too many frames that change nothing"}
	}
	return nil
}

func (h *host) useful() {
	if h.idle > 0 {
		h.idle--
	}
}

// onReady takes the first frame. greets is of the reading goroutine alone.
func (h *host) onReady(f hostproto.Frame) error {
	if f.Type == hostproto.TypeFatal {
		return h.onFatal(f)
	}
	if f.Type != hostproto.TypeReady {
		return &violation{f.Type, f.ID, "comes before Ready"}
	}
	m, err := hostproto.DecodeReady(f.Payload)
	if err != nil {
		return err
	}
	if m.Protocol != hostproto.Protocol || m.Build != h.engine.Build {
		return fmt.Errorf("isolate host does not belong to this supervisor: it is build %.64q with protocol %d, this is build %q with protocol %d",
			m.Build, m.Protocol, h.engine.Build, hostproto.Protocol)
	}
	h.greets, h.readyAt, h.v8 = true, time.Now(), m.V8
	close(h.ready)
	return nil
}

// onResponse hands the answer to whoever waits, with one copy of the payload, or to the sink, which takes what it needs.
func (h *host) onResponse(f hostproto.Frame) error {
	h.mu.Lock()
	ev := h.eventLocked(f.ID)
	payload := f.Payload
	var sink Sink
	if ev != nil && ev.started != nil {
		sink = ev.started.sink
	}
	h.mu.Unlock()
	if sink == nil {
		payload = bytes.Clone(payload)
	}
	m, err := hostproto.DecodeResponse(payload)
	if err != nil {
		return err
	}
	if what := checkResponse(&m); what != "" {
		return &violation{f.Type, f.ID, what}
	}
	bad := func(what string) error {
		h.mu.Unlock()
		return &violation{f.Type, f.ID, what}
	}
	var after deferred
	h.mu.Lock()
	if ev == nil || h.eventLocked(f.ID) != ev { // It may have been withdrawn meanwhile.
		return bad("names an event that is not under way")
	}
	if ev.responded {
		return bad("is the second one of its event")
	}
	r := &ev.resp
	r.Status, r.StatusText, r.Headers, r.Length = int(m.Status), m.StatusText, m.Headers, m.Length
	if m.Socket != 0 {
		socket, what := h.responseSocketLocked(ev, m.Socket)
		if what != "" {
			return bad(what)
		}
		r.Socket = socket
		if ev.abandoned && sink == nil {
			after.add(func() { go socket.Drop() })
		}
	}
	switch {
	case m.Stream == 0:
		r.Inline, r.Length = m.Body, int64(len(m.Body))
	case m.Stream%2 == 1:
		in, what := h.openInboundLocked(ev, m.Stream)
		if what != "" {
			return bad(what)
		}
		r.Body = in
	default:
		body, what := h.spliceLocked(ev, m.Stream)
		if what != "" {
			return bad(what)
		}
		r.Body = body
	}
	if body := r.Body; body != nil && ev.abandoned && sink == nil {
		after.add(func() { go body.Close() })
	}
	ev.responded, ev.begun = true, true
	h.useful()
	w := ev.takeWaiters()
	h.mu.Unlock()
	w.wake()
	after.run()
	if sink != nil {
		sink.Responded(r)
		r.Headers, r.Inline = nil, nil // They are of the parser.
	}
	return nil
}

// checkResponse judges what needs no table.
func checkResponse(m *hostproto.Response) string {
	switch {
	case m.Status != 101 && m.Status < 200 || m.Status > 999:
		return "has an impossible status"
	case (m.Status == 101) != (m.Socket != 0):
		return "has a socket without status 101, or the other way round"
	case m.Socket != 0 && (m.Stream != 0 || len(m.Body) > 0):
		return "has a socket and a body"
	case m.Length < -1:
		return "has a negative length"
	case m.Stream != 0 && len(m.Body) > 0:
		return "has a body inline and a stream"
	case len(m.Headers) > hostproto.HeadersMax:
		return "has headers over headers_max"
	case !isLine(m.StatusText):
		return "has a status text with a control character"
	case !isPacked(m.Headers):
		return "has malformed headers"
	}
	return ""
}

func isLine(s string) bool {
	for i := range len(s) {
		if c := s[i]; c == 0 || c == '\n' || c == '\r' {
			return false
		}
	}
	return true
}

// isPacked says whether b is name LF value LF …, with names that are not empty and neither NUL nor CR anywhere.
func isPacked(b []byte) bool {
	feeds, start := 0, 0
	for i, c := range b {
		switch c {
		case 0, '\r':
			return false
		case '\n':
			if feeds%2 == 0 && i == start {
				return false
			}
			feeds++
			start = i + 1
		}
	}
	return feeds%2 == 0 && start == len(b)
}

func (h *host) onEventDone(f hostproto.Frame) error {
	m, err := hostproto.DecodeEventDone(f.Payload)
	if err != nil {
		return err
	}
	switch {
	case m.Outcome == hostproto.OutcomeHostLost:
		return &violation{f.Type, f.ID, "says that its own host is lost"}
	case len(m.Message) > hostproto.LogTextMax || len(m.Stack) > hostproto.StackTextMax:
		return &violation{f.Type, f.ID, "has texts over their limits"}
	}
	if !h.served.Load() {
		h.served.Store(true)
	}
	var after deferred
	h.mu.Lock()
	ev := h.eventLocked(f.ID)
	if ev == nil {
		h.mu.Unlock()
		return &violation{f.Type, f.ID, "names an event that is not under way"}
	}
	ev.result = Result{
		Outcome: worker.Outcome(m.Outcome), CPU: h.duration(m.CPUNs), Startup: h.duration(m.StartupNs), Cold: m.Cold, PassThrough: m.PassThrough,
		Begun: ev.begun, Message: m.Message, Stack: m.Stack,
	}
	w := h.overLocked(ev, ErrEventEnded, &after)
	h.useful()
	h.mu.Unlock()
	w.wake()
	after.run()
	if ev.started != nil {
		ev.started.over(ev)
	}
	return nil
}

// duration takes a claim of processor time in nanoseconds; one that is longer than the host can have computed becomes that.
func (h *host) duration(ns uint64) time.Duration {
	if ns < uint64(time.Second) {
		return time.Duration(ns)
	}
	return time.Duration(min(ns, uint64(time.Since(h.started)*crashSlots)))
}

// onStreamWritten takes what the writer of a host's stream says.
func (h *host) onStreamWritten(f hostproto.Frame) error {
	h.mu.Lock()
	in := h.ins[f.ID]
	h.mu.Unlock()
	if in == nil {
		return &violation{f.Type, f.ID, "names a stream that is not open"}
	}
	var err error
	switch f.Type {
	case hostproto.TypeStreamData:
		m, err := hostproto.DecodeStreamData(f.Payload)
		if err != nil {
			return err
		}
		if !in.data(m.Data) {
			return &violation{f.Type, f.ID, "has more bytes than credit"}
		}
		if len(m.Data) == 0 {
			return h.useless(f)
		}
		h.useful()
		return nil
	case hostproto.TypeStreamEnd:
		if _, err := hostproto.DecodeStreamEnd(f.Payload); err != nil {
			return err
		}
		err = io.EOF
	case hostproto.TypeStreamReset:
		m, fault := hostproto.DecodeStreamReset(f.Payload)
		if fault != nil {
			return fault
		}
		if len(m.Message) > hostproto.LogTextMax {
			return &violation{f.Type, f.ID, "has a message over log_text_max"}
		}
		err = &StreamError{Code: m.Code, Message: m.Message}
	}
	in.finish(err)
	h.mu.Lock()
	if h.ins[f.ID] == in {
		h.forgetInboundLocked(in)
	}
	h.mu.Unlock()
	return nil
}

// StreamError is the error of a body that the worker broke off.
type StreamError struct {
	Code    hostproto.CallCode
	Message string
}

func (e *StreamError) Error() string {
	if e.Message == "" {
		return "the worker broke the body off: " + e.Code.String()
	}
	return "the worker broke the body off: " + e.Message
}

// onStreamRead takes what the reader of a supervisor's stream says.
func (h *host) onStreamRead(f hostproto.Frame) error {
	var credit uint32
	if f.Type == hostproto.TypeStreamCredit {
		m, err := hostproto.DecodeStreamCredit(f.Payload)
		if err != nil {
			return err
		}
		credit = m.Bytes
	} else if _, err := hostproto.DecodeStreamCancel(f.Payload); err != nil {
		return err
	}
	var after deferred
	h.mu.Lock()
	o := h.outboundLocked(f.ID)
	if o == nil || o.over {
		h.mu.Unlock()
		return &violation{f.Type, f.ID, "names a stream that is not open"}
	}
	what := ""
	idle := o.ended && !o.spliced || f.Type == hostproto.TypeStreamCredit && credit == 0
	if f.Type == hostproto.TypeStreamCredit {
		var start bool
		if start, what = o.grantLocked(credit); start {
			go o.pump()
		}
	} else if o.spliced {
		what = "cancels a stream that was passed on"
	} else {
		o.ev.begun, o.refused = true, true
		o.cancelLocked(&after, "canceled by the reader")
	}
	h.mu.Unlock()
	after.run()
	if what != "" {
		return &violation{f.Type, f.ID, what}
	}
	if idle {
		return h.useless(f)
	}
	return nil
}

func (h *host) onLog(f hostproto.Frame) error {
	m, err := hostproto.DecodeLog(f.Payload)
	if err != nil {
		return err
	}
	if len(m.Text) > hostproto.LogTextMax {
		return &violation{f.Type, f.ID, "has text over log_text_max"}
	}
	w, err := h.worker(f.Type, m.Worker)
	if err == nil && w == nil {
		return h.useless(f)
	}
	if w != nil && h.pool.cfg.OnLog != nil {
		h.pool.cfg.OnLog(w.ver.source, m.Level, m.Text)
	}
	return err
}

// worker finds a worker that the host names: nil if it has been unloaded meanwhile, a violation if there never was one.
func (h *host) worker(frame hostproto.MessageType, id uint32) (*hostWorker, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if id == 0 || id > h.nextWorker {
		return nil, &violation{frame, id, "names a worker that there never was"}
	}
	return h.workerIDs[id], nil
}

func (h *host) onFatal(f hostproto.Frame) error {
	m, err := hostproto.DecodeFatal(f.Payload)
	if err != nil {
		return err
	}
	why := clip(m.Message)
	h.mu.Lock()
	if h.fatal == "" {
		h.fatal = why
	}
	h.mu.Unlock()
	if h.greets {
		if h.fatals++; h.fatals <= crashSlots { // One for each thread, if it is honest.
			h.blameStuck()
		}
		h.pool.retire(h, why)
	}
	return h.useless(f)
}
