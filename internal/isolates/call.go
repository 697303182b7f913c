package isolates

import (
	"bytes"
	"context"
	"io"

	"skerry/internal/hostproto"
	"skerry/internal/worker"
)

// call is a host call under way. Fields are guarded by host.mu where they change.
type call struct {
	host   *host
	ev     *event
	id     uint32
	size   int
	ctx    context.Context
	cancel context.CancelFunc
	upload io.ReadCloser
	// live: the host still wants the result.
	live bool
}

// onCall starts a host call. It checks what is said about events and streams; slot and arguments are the handler's.
func (h *host) onCall(f hostproto.Frame) error {
	m, err := hostproto.DecodeCall(f.Payload)
	if err != nil {
		return err
	}
	bad := func(what string) error {
		h.mu.Unlock()
		return &violation{f.Type, f.ID, what}
	}
	h.mu.Lock()
	ev := h.eventLocked(m.Event)
	if ev == nil {
		return bad("names an event that is not under way")
	}
	if h.calls[f.ID] != nil {
		return bad("is under way already")
	}
	if int(m.Slot) > len(ev.worker.ver.source.Bindings) { // 0 is the global fetch.
		return bad("names a binding that its worker was not given")
	}
	ev.begun = true
	c := &call{host: h, ev: ev, id: f.ID, size: len(m.Args), live: true}
	if m.Stream != 0 && m.Stream%2 == 1 {
		in, what := h.openInboundLocked(ev, m.Stream)
		if what != "" {
			return bad(what)
		}
		c.upload = in
	} else if m.Stream != 0 {
		body, what := h.spliceLocked(ev, m.Stream)
		if what != "" {
			return bad(what)
		}
		c.upload = body
	}
	if h.callsRunning >= CallsMax || len(ev.calls) >= CallsPerEventMax || h.callBytes+c.size > CallBytesMax {
		h.mu.Unlock()
		hostproto.Send(h.conn, f.ID, hostproto.CallResult{Code: hostproto.CallCodeLimit, Message: "too many calls under way"})
		if c.upload != nil {
			go c.upload.Close()
		}
		return h.useless(f)
	}
	h.useful()
	h.callsRunning++
	h.callBytes += c.size
	h.calls[f.ID] = c
	ev.calls = append(ev.calls, c)
	c.ctx, c.cancel = context.WithCancel(carrier{h.pool.ctx, ev.values})
	version := ev.worker.ver.source
	h.mu.Unlock()
	args := bytes.Clone(m.Args)
	h.pool.work.Go(func() { c.run(version, m.Slot, m.Op, args) })
	return nil
}

// carrier is the pool's context with the values of an event.
type carrier struct {
	context.Context
	values context.Context // nil for none
}

// Value asks the pool's context first: the context package finds out by values what ends with what.
func (c carrier) Value(key any) any {
	if v := c.Context.Value(key); v != nil || c.values == nil {
		return v
	}
	return c.values.Value(key)
}

func (c *call) run(version *worker.Version, slot uint16, op hostproto.CallOp, args []byte) {
	result := CallResult{Code: hostproto.CallCodeUnsupported, Message: "host calls are not answered here"}
	if handler := c.host.pool.cfg.Calls; handler != nil {
		result = handler.Call(c.ctx, &Call{Version: version, Slot: slot, Op: op, Args: args, Upload: c.upload})
	}
	h := c.host
	if result.Violation != "" {
		h.conn.Close(&violation{hostproto.TypeCall, c.id, result.Violation})
	}
	end := func() {
		c.cancel()
		if result.Body != nil {
			result.Body.Close()
		}
		if result.Socket != nil {
			result.Socket.Close()
		}
		if c.upload != nil {
			c.upload.Close()
		}
	}
	m := hostproto.CallResult{Code: result.Code, Message: clip(result.Message), Result: result.Result}
	if !m.Code.Valid() || len(m.Message)+len(m.Result)+64 > hostproto.FramePayloadMax {
		m = hostproto.CallResult{Code: hostproto.CallCodeInternal, Message: "the result of the call does not fit the wire"}
	}
	h.mu.Lock()
	h.callsRunning--
	h.callBytes -= c.size
	if !c.live {
		h.mu.Unlock()
		end()
		return
	}
	// The host may use the id again as soon as it has the result, so it goes first.
	h.forgetCallLocked(c)
	if result.Socket != nil && m.Code == hostproto.CallCodeOK {
		if len(h.sockets) >= SocketsMax {
			h.mu.Unlock()
			hostproto.Send(h.conn, c.id, hostproto.CallResult{Code: hostproto.CallCodeLimit, Message: "too many WebSockets are open"})
			end()
			return
		}
		s, _ := h.openSocketLocked(c.ev, h.nextSocketLocked()) // the id is free
		s.conn, s.release = result.Socket, end
		h.mu.Unlock()
		m.Socket = s.id
		hostproto.Send(h.conn, c.id, m)
		return
	}
	if result.Body == nil || m.Code != hostproto.CallCodeOK {
		h.mu.Unlock()
		hostproto.Send(h.conn, c.id, m)
		end()
		return
	}
	o := h.openOutboundLocked(c.ev, result.Body, end)
	o.sending = true
	h.mu.Unlock()
	m.Stream, m.Length = o.id, result.Length
	hostproto.Send(h.conn, c.id, m)
	o.sent()
}

func (h *host) forgetCallLocked(c *call) {
	c.live = false
	delete(h.calls, c.id)
	calls := c.ev.calls
	for i := range calls {
		if calls[i] == c {
			calls[i] = calls[len(calls)-1]
			c.ev.calls = calls[:len(calls)-1]
			return
		}
	}
}

// dropLocked ends a call that nobody waits for any more. Its handler's goroutine cleans up when it returns.
func (c *call) dropLocked(after *deferred) {
	c.host.forgetCallLocked(c)
	after.add(c.cancel)
	if upload := c.upload; upload != nil {
		after.add(func() { go upload.Close() })
	}
}

// onCallAbort ends a call. One that is not known has its result on the way to the host.
func (h *host) onCallAbort(f hostproto.Frame) error {
	if _, err := hostproto.DecodeCallAbort(f.Payload); err != nil {
		return err
	}
	var after deferred
	h.mu.Lock()
	c := h.calls[f.ID]
	if c != nil {
		c.dropLocked(&after)
	}
	h.mu.Unlock()
	after.run()
	if c == nil {
		return h.useless(f)
	}
	return nil
}
