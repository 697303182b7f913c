package isolates

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"skerry/internal/hostproto"
	"skerry/internal/worker"
)

// errHostGone says that a host ended before it took an event.
var errHostGone = errors.New("isolate host is gone")

// errStopping says that the pool began to drain or close before a host took an event.
var errStopping = errors.New("isolate pool is stopping")

// errNotAlive is why a host that does not answer is given up.
var errNotAlive = errors.New("isolate host does not answer")

// process is the process of a host.
type process interface {
	Process
	// Stderr is the end of what it wrote to its standard error.
	Stderr() string
}

// host is one host process and everything that is under way in it.
type host struct {
	pool    *Pool
	engine  *Engine
	proc    process
	conn    *hostproto.Conn
	page    *os.File
	started time.Time
	// recycleAt, of the pool's clock, is when its day is over.
	recycleAt time.Time

	// ready is closed after Ready, with readyAt and v8 set; replaced when the host is out of service; ended when the process and
	// all of this is gone, with reason set.
	ready    chan struct{}
	readyAt  time.Time
	v8       string      // The version, as the host says.
	served   atomic.Bool // It has ended an event: it works.
	replaced chan struct{}
	ended    chan struct{}
	reason   error

	mu     sync.Mutex
	gone   bool
	greets bool // Ready has been seen.
	fatal  string
	// seenOff: it has been replaced and ends with its last event.
	seenOff bool
	placed  uint64 // Events ever.

	events     []*event // By id-1; nil if the id names no event.
	freeEvents []uint32
	live       int
	outs       []*outbound // By id/2-1.
	freeOuts   []uint32
	ins        map[uint32]*inbound
	calls      map[uint32]*call

	callsRunning, callBytes int

	// buffered is the number of bytes of the host that wait for a reader; see hold.
	buffered atomic.Int64
	// idle and pieces are of the reading goroutine: frames that changed nothing, less those that did (at least 0), and code caches
	// that are not complete.
	idle   int
	pieces cachePieces
	fatals int // Last words so far; of the reading goroutine, too.
	// blamed are the workers that have a strike for what this host did.
	blamed map[string]bool

	sockets    map[uint32]*hostSocket
	nextSocket uint32 // The even id given away last.

	workers    map[*version]*hostWorker
	workerIDs  map[uint32]*hostWorker
	nextWorker uint32

	nextStats uint32
	stats     map[uint32]chan hostproto.Stats
}

// hostWorker is a version as one host knows it. Fields are guarded by host.mu.
type hostWorker struct {
	ver    *version
	id     uint32
	events int // Under way, or waiting for the definition.
	loaded bool
	unload bool
	// ready is closed when the host has the definition.
	ready chan struct{}
}

// startHost starts a process and returns when it is ready. If it fails, everything of it is gone.
func (p *Pool) startHost(engine *Engine) (*host, error) {
	proc, socket, page, err := p.launch(p.ctx, engine)
	if err != nil {
		return nil, fmt.Errorf("start isolate host: %w", err)
	}
	conn, err := hostproto.NewConn(socket, hostproto.FromHost)
	if err != nil {
		proc.Kill()
		proc.Wait()
		socket.Close()
		page.Close()
		return nil, fmt.Errorf("start isolate host: %w", err)
	}
	h := &host{
		pool: p, engine: engine, proc: proc, conn: conn, page: page, started: time.Now(), ready: make(chan struct{}), replaced: make(chan struct{}), ended: make(chan struct{}),
		ins: map[uint32]*inbound{}, calls: map[uint32]*call{}, sockets: map[uint32]*hostSocket{}, workers: map[*version]*hostWorker{}, workerIDs: map[uint32]*hostWorker{},
		stats: map[uint32]chan hostproto.Stats{}, recycleAt: p.recycleTime(),
	}
	p.work.Go(h.run)
	hostproto.Send(conn, 0, p.cfg.hello(engine.Build))
	timer := time.NewTimer(p.timing.hello)
	defer timer.Stop()
	select {
	case <-h.ready:
		p.work.Go(h.watch)
		if engine.MemoryMax > 0 {
			p.work.Go(func() { h.watchMemory(p.resident) })
		}
		return h, nil
	case <-h.ended:
	case <-timer.C:
		conn.Close(fmt.Errorf("isolate host did not answer Hello within %v", p.timing.hello))
		<-h.ended
	case <-p.ctx.Done():
		conn.Close(ErrClosed)
		<-h.ended
	}
	return nil, fmt.Errorf("start isolate host: %w", h.reason)
}

// run serves the connection and clears up behind it.
func (h *host) run() {
	exited := make(chan string, 1)
	served := make(chan struct{})
	h.pool.work.Go(func() {
		how := h.proc.Wait()
		// Its end of the socket is closed with it, unless it left that to somebody.
		timer := time.NewTimer(h.pool.timing.exit)
		select {
		case <-served:
		case <-timer.C:
			h.conn.Close(io.EOF)
		}
		timer.Stop()
		exited <- how
	})
	err := h.conn.Serve(h.handle)
	close(served)
	noticed := time.Now() // The kernel may need long for what is left of a process.
	suspects := h.suspects()
	h.proc.Kill()
	if isViolation(err) {
		h.pool.dropCaches(h) // Before another host can be given them.
	}
	h.mu.Lock()
	h.gone = true
	fatal := h.fatal
	h.mu.Unlock()
	// The next host first: those who are told next ask for it.
	adopted := h.pool.hostEnded(h, err, len(suspects) > 0)
	close(h.replaced)
	h.loseEvents(suspects)

	how := <-exited
	h.page.Close()
	h.reason = describeEnd(err, how, fatal, h.proc.Stderr())
	if adopted && !errors.Is(err, errRetired) {
		h.pool.hostExplained(h.reason)
	}
	if !errors.Is(err, ErrClosed) && !errors.Is(err, errRetired) {
		h.pool.suspected.Add(uint64(len(suspects)))
		if h.diedOfItself(err) {
			h.pool.dropCaches(h)
			h.blame(suspects)
		}
	}
	switch {
	case errors.Is(err, ErrClosed):
	case errors.Is(err, errRetired):
		h.pool.cfg.Logger.Info("isolate host retired", "pid", h.proc.Pid(), "age", time.Since(h.started))
	case isViolation(err):
		h.pool.violations.Add(1)
		h.pool.cfg.Logger.Error("isolate host broke the protocol and was killed", "pid", h.proc.Pid(), "violation", err, "suspects", suspects)
	case adopted:
		h.pool.cfg.Logger.Error("isolate host died", "pid", h.proc.Pid(), "reason", h.reason, "suspects", suspects, "noticed", noticed)
	}
	close(h.ended)
}

// diedOfItself says whether what a host ran can have ended it: not if somebody outside did.
func (h *host) diedOfItself(err error) bool {
	memory, violation := (*MemoryError)(nil), isViolation(err)
	return violation || errors.Is(err, errNotAlive) || errors.As(err, &memory) || !h.proc.KilledFromOutside()
}

// describeEnd says why a host ended in one error.
func describeEnd(err error, how, fatal, stderr string) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("process ended: %s", how)
	}
	if fatal != "" {
		err = fmt.Errorf("%w; last words: %s", err, fatal)
	}
	if stderr != "" {
		err = fmt.Errorf("%w; standard error: %s", err, stderr)
	}
	return err
}

// watch asks the host again and again whether it lives.
func (h *host) watch() {
	t := h.pool.timing
	ticker := time.NewTicker(t.probe)
	defer ticker.Stop()
	for {
		select {
		case <-h.conn.Done():
			return
		case <-ticker.C:
		}
		ctx, cancel := context.WithTimeout(h.pool.ctx, t.probeTimeout)
		_, err := h.askStats(ctx)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			h.conn.Close(fmt.Errorf("%w for %v", errNotAlive, t.probeTimeout))
			return
		}
	}
}

// loseEvents ends everything that was under way.
func (h *host) loseEvents(suspects []Suspect) {
	running := make(map[uint32]bool, len(suspects))
	for _, suspect := range suspects {
		running[suspect.Event] = true
	}
	var after deferred
	var wakings []waking
	var started []*event
	h.mu.Lock()
	for _, ev := range h.events {
		if ev == nil {
			continue
		}
		ev.lost, ev.culprit = true, running[ev.id]
		ev.result = Result{Outcome: worker.HostLost, Begun: ev.begun, Message: "the isolate host died"}
		wakings = append(wakings, h.overLocked(ev, ErrHostLost, &after))
		if ev.started != nil {
			started = append(started, ev)
		}
	}
	for seq, ch := range h.stats {
		close(ch)
		delete(h.stats, seq)
	}
	h.mu.Unlock()
	for _, w := range wakings {
		w.wake()
	}
	after.run()
	for _, ev := range started {
		ev.started.over(ev)
	}
}

// admit gives an event its place in the host: definition sent, id and stream taken.
func (h *host) admit(ctx context.Context, ver *version, ev *event, req *FetchRequest) error {
	h.mu.Lock()
	var w *hostWorker
	for {
		if h.gone {
			h.mu.Unlock()
			return errHostGone
		}
		if h.pool.stopping.Load() {
			h.mu.Unlock()
			return errStopping
		}
		if w = h.workers[ver]; w == nil {
			h.nextWorker++
			fresh := &hostWorker{ver: ver, id: h.nextWorker, ready: make(chan struct{})}
			h.workers[ver], h.workerIDs[fresh.id] = fresh, fresh
			h.pool.work.Go(func() { h.load(fresh) }) // Not w: it would live on the heap, for every event.
			w = fresh
		}
		if w.events >= ver.events {
			h.mu.Unlock()
			return &EventError{Result{Outcome: worker.LoadShed, Message: fmt.Sprintf("the worker has too many events under way (limit %d)", ver.events)}}
		}
		if w.loaded {
			break
		}
		w.events++
		h.mu.Unlock()
		var err error
		select {
		case <-w.ready:
		case <-h.conn.Done():
			err = errHostGone
		case <-ctx.Done():
			err = ctx.Err()
		}
		var after deferred
		h.mu.Lock()
		w.events--
		if err != nil {
			h.unloadLocked(w, &after)
			h.mu.Unlock()
			after.run()
			return err
		}
	}
	if h.live >= EventsMax {
		h.mu.Unlock()
		return &EventError{Result{Outcome: worker.LoadShed, Message: "the isolate host has too many events under way"}}
	}
	h.placeLocked(ev, w)
	if req.Body != nil {
		ev.request = h.openOutboundLocked(ev, req.Body, nil)
	}
	h.mu.Unlock()
	return nil
}

// placeLocked gives an event its id.
func (h *host) placeLocked(ev *event, w *hostWorker) {
	w.unload = w.ver.forgotten.Load()
	w.events++
	h.live++
	h.placed++
	ev.worker = w
	if n := len(h.freeEvents); n > 0 {
		ev.id = h.freeEvents[n-1]
		h.freeEvents = h.freeEvents[:n-1]
		h.events[ev.id-1] = ev
	} else {
		h.events = append(h.events, ev)
		ev.id = uint32(len(h.events))
	}
}

// withdraw takes an event back that was never sent.
func (h *host) withdraw(ev *event) {
	var after deferred
	h.mu.Lock()
	if !ev.over {
		h.overLocked(ev, ErrEventEnded, &after)
	}
	h.releaseLocked(ev)
	h.mu.Unlock()
	after.run()
}

// overLocked ends an event on this side. err is what bodies that were not complete end with.
func (h *host) overLocked(ev *event, err error, after *deferred) waking {
	ev.over = true
	h.events[ev.id-1] = nil
	for _, o := range ev.outs {
		o.overLocked(after)
	}
	for _, in := range ev.ins {
		in.finish(err)
		if h.ins[in.id] == in {
			delete(h.ins, in.id)
		}
	}
	for len(ev.calls) > 0 {
		ev.calls[len(ev.calls)-1].dropLocked(after)
	}
	ev.outs, ev.ins = nil, nil
	h.socketsOverLocked(ev, after)
	if ev.holds == 0 {
		h.freeEvents = append(h.freeEvents, ev.id)
	}
	ev.worker.events--
	h.unloadLocked(ev.worker, after)
	h.live--
	if h.live == 0 && (h.seenOff || h.pool.stopping.Load()) {
		h.pool.poke()
	}
	return ev.takeWaiters()
}

// releaseLocked ends one hold on the id of an event.
func (h *host) releaseLocked(ev *event) {
	ev.holds--
	if ev.over && ev.holds == 0 {
		h.freeEvents = append(h.freeEvents, ev.id)
	}
}

func (h *host) eventLocked(id uint32) *event {
	if id == 0 || uint64(id) > uint64(len(h.events)) {
		return nil
	}
	return h.events[id-1]
}

func (h *host) openOutboundLocked(ev *event, src io.Reader, end func()) *outbound {
	o := &outbound{host: h, ev: ev, src: src, end: end}
	if n := len(h.freeOuts); n > 0 {
		o.id = h.freeOuts[n-1]
		h.freeOuts = h.freeOuts[:n-1]
		h.outs[o.id/2-1] = o
	} else {
		h.outs = append(h.outs, o)
		o.id = 2 * uint32(len(h.outs))
	}
	ev.outs = append(ev.outs, o)
	return o
}

func (h *host) outboundLocked(id uint32) *outbound {
	if id == 0 || id%2 != 0 || uint64(id/2) > uint64(len(h.outs)) {
		return nil
	}
	return h.outs[id/2-1]
}

func (h *host) freeStreamLocked(id uint32) {
	h.outs[id/2-1] = nil
	h.freeOuts = append(h.freeOuts, id)
}

func (h *host) openInboundLocked(ev *event, id uint32) (*inbound, string) {
	if h.ins[id] != nil {
		return nil, "names a stream that is in use"
	}
	if len(h.ins) >= StreamsMax {
		return nil, "opens more streams than a host may have"
	}
	in := newInbound(h, ev, id)
	h.ins[id] = in
	ev.ins = append(ev.ins, in)
	return in, ""
}

// forgetInboundLocked frees the id of a stream whose writer has said its last word.
func (h *host) forgetInboundLocked(in *inbound) {
	delete(h.ins, in.id)
	ins := in.ev.ins
	for i := range ins {
		if ins[i] == in {
			ins[i] = ins[len(ins)-1]
			ins[len(ins)-1] = nil
			in.ev.ins = ins[:len(ins)-1]
			return
		}
	}
}

// hold takes n bytes of the host into account that wait for a reader; false if there are too many already. release takes them out.
func (h *host) hold(n int) bool {
	if h.buffered.Add(int64(n)) > h.pool.cfg.BufferedMax {
		h.buffered.Add(int64(-n))
		return false
	}
	return true
}

func (h *host) release(n int) { h.buffered.Add(int64(-n)) }

func (h *host) spliceLocked(ev *event, id uint32) (*splicedBody, string) {
	o := h.outboundLocked(id)
	if o == nil || o.over || o.ev != ev {
		return nil, "names a stream that is not one of its event"
	}
	return o.spliceLocked()
}
