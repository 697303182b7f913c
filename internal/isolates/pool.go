package isolates

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"skerry/internal/hostproto"
	"skerry/internal/worker"
)

// Pool runs events in a set of host processes. Its methods may be called from any goroutine, after Open.
type Pool struct {
	cfg    Config
	timing timing
	launch func(context.Context, *Engine) (process, *net.UnixConn, *os.File, error)
	// engine is what the next host is made of; written under mu. replacing is held by Replace.
	engine    atomic.Pointer[Engine]
	replacing sync.Mutex
	// resident is the memory of a process in bytes.
	resident func(pid int) (int64, bool)

	// ctx ends with Close; it is the parent of the contexts of host calls.
	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup // All goroutines but the pumps.

	versions sync.Map // *worker.Version → *version
	ledger   ledger
	now      func() time.Time

	// stopping is set by Drain and Close; slots' pointers to hosts are written under mu and read without.
	stopping atomic.Bool

	restarts, retirements, violations, suspected, strikes atomic.Uint64

	mu       sync.Mutex
	state    poolState
	slots    []*slot // The first Config.Hosts of them are everybody's.
	nextHome int
	spare    *host
	all      map[*host]bool // Those that serve and the spare one.
	leaving  map[*host]bool // Those that are to be replaced, and those that have been and still have events.
	starting int
	deaths   int   // In a row, each soon after its start and before it had done anything.
	lastEnd  error // Why the last one died.
	retry    *time.Timer
	retryAt  time.Time
	changed  chan struct{} // Closed and replaced when something in here changes.
}

type poolState int

const (
	poolNew poolState = iota
	poolOpen
	poolDraining
	poolClosed
)

// New makes a pool. It has no effect before Open.
func New(cfg Config) *Pool {
	p := &Pool{cfg: cfg.withDefaults(), timing: defaultTiming, now: time.Now, all: map[*host]bool{}, leaving: map[*host]bool{}, changed: make(chan struct{})}
	p.engine.Store(&p.cfg.Engine)
	for range p.cfg.Hosts {
		p.slots = append(p.slots, &slot{})
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.launch, p.resident = p.spawn, residentMemory
	return p
}

// Open starts the hosts and returns when all that serve are ready. If one of them does not start, the pool is closed and the error says
// why, with what the host wrote to its standard error.
func (p *Pool) Open(ctx context.Context) error {
	p.mu.Lock()
	if p.state != poolNew {
		p.mu.Unlock()
		return errors.New("isolate pool was opened before")
	}
	p.state = poolOpen
	p.ensureLocked()
	p.work.Go(p.housekeeper)
	for {
		ready := true
		for _, s := range p.slots {
			ready = ready && s.host.Load() != nil
		}
		err := p.lastEnd
		changed, closed := p.changed, p.state == poolClosed
		p.mu.Unlock()
		switch {
		case closed:
			return ErrClosed
		case err != nil:
			p.Close()
			return err
		case ready:
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			p.Close()
			return fmt.Errorf("open isolate pool: %w", ctx.Err())
		}
		p.mu.Lock()
	}
}

// changedLocked tells everyone who waits for a change.
func (p *Pool) changedLocked() {
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *Pool) poke() {
	// Called under host.mu, which comes after mu: so not here.
	go func() {
		p.mu.Lock()
		p.changedLocked()
		p.mu.Unlock()
	}()
}

// ensureLocked starts as many hosts as are missing.
func (p *Pool) ensureLocked() {
	if p.retry != nil || p.state == poolClosed || p.state == poolNew {
		return
	}
	want := len(p.slots)
	if p.cfg.WarmSpareHost {
		want++
	}
	for len(p.all)+p.starting < want {
		p.starting++
		p.work.Go(p.startOne)
	}
}

func (p *Pool) startOne() {
	engine := p.engine.Load()
	h, err := p.startHost(engine)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.starting--
	if err == nil {
		h.mu.Lock()
		if h.gone {
			err = errors.New("isolate host died as soon as it was ready")
		}
		h.mu.Unlock()
	}
	switch {
	case p.state == poolClosed:
		if h != nil {
			h.conn.Close(ErrClosed)
		}
	case engine != p.engine.Load(): // replaced meanwhile
		if h != nil {
			h.conn.Close(errRetired)
		}
		p.ensureLocked()
	case err != nil:
		p.cfg.Logger.Error("isolate host did not start", "error", err)
		p.diedLocked(err, true)
	default:
		p.all[h] = true
		if p.spare != nil { // Fewer are wanted than when this one was begun: a place has gone meanwhile.
			p.retireLocked(h)
			break
		}
		p.spare = h
		p.fillLocked()
	}
	p.changedLocked()
}

// fillLocked puts the spare host, or one just started, where one is missing, or else where one shall leave.
func (p *Pool) fillLocked() {
	for _, missing := range []bool{true, false} {
		for _, s := range p.slots {
			old := s.host.Load()
			if p.spare == nil || missing != (old == nil) || old != nil && !p.leaving[old] {
				continue
			}
			s.host.Store(p.spare)
			p.spare = nil
			if old != nil {
				p.seeOffLocked(old)
			}
		}
	}
}

// hostEnded takes a host out of service and puts the spare one in its place. ran says that it died while it ran something. It
// says whether the host was in service.
func (p *Pool) hostEnded(h *host, err error, ran bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.all[h] && !p.leaving[h] {
		return false
	}
	delete(p.all, h)
	delete(p.leaving, h)
	if p.spare == h {
		p.spare = nil
	}
	for _, s := range append([]*slot(nil), p.slots...) {
		if s.host.CompareAndSwap(h, nil) && s.quarantine != "" {
			p.removeSlotLocked(s) // The next event makes another one: nobody else waits for it.
		}
	}
	if p.state == poolClosed {
		return true
	}
	if errors.Is(err, errRetired) {
		p.fillLocked()
		p.changedLocked()
		return true
	}
	p.restarts.Add(1)
	p.fillLocked()
	// A host that has ended events, or ran one, works; what killed it is not how it starts.
	p.diedLocked(fmt.Errorf("isolate host died: %w", err), !ran && !h.served.Load() && time.Since(h.readyAt) < p.timing.healthy)
	p.changedLocked()
	return true
}

// hostExplained replaces the reason that hostEnded had by the whole one, which takes the end of the process to know.
func (p *Pool) hostExplained(reason error) {
	p.mu.Lock()
	p.lastEnd = fmt.Errorf("isolate host died: %w", reason)
	p.mu.Unlock()
}

// diedLocked counts a death and starts what is missing, at once or after a pause.
func (p *Pool) diedLocked(err error, quick bool) {
	p.lastEnd = err
	if !quick {
		p.deaths = 0
	} else if p.deaths++; p.deaths >= quickDeathsMax && p.retry == nil {
		pause := p.timing.backoffMax
		if shift := p.deaths - quickDeathsMax; shift < 16 {
			pause = min(pause, p.timing.backoffMin<<shift)
		}
		p.retryAt = time.Now().Add(pause)
		p.retry = time.AfterFunc(pause, func() {
			p.mu.Lock()
			p.retry = nil
			p.ensureLocked()
			p.changedLocked()
			p.mu.Unlock()
		})
	}
	p.ensureLocked()
}

// acquire returns the host that runs a version, and waits for it while one is being started.
func (p *Pool) acquire(ctx context.Context, ver *version) (*host, error) {
	if ver.fault != nil {
		return nil, ver.fault
	}
	for {
		s, err := p.place(ver)
		if err != nil {
			return nil, err
		}
		if h := s.host.Load(); h != nil && !p.stopping.Load() {
			return h, nil
		}
		p.mu.Lock()
		switch {
		case p.state == poolNew:
			err = errors.New("isolate pool is not open")
		case p.state == poolClosed:
			err = ErrClosed
		case p.state == poolDraining:
			err = ErrDraining
		case p.retry != nil && s.host.Load() == nil:
			err = &UnavailableError{Deaths: p.deaths, Last: p.lastEnd, Next: p.retryAt}
		}
		ready := s.host.Load() != nil || ver.home.Load() != s
		changed := p.changed
		p.mu.Unlock()
		if err != nil {
			return nil, err
		}
		if ready {
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// hosts returns those that serve, in the order of their slots, and then the spare one.
func (p *Pool) hosts() []*host {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []*host
	for _, s := range p.slots {
		if h := s.host.Load(); h != nil {
			all = append(all, h)
		}
	}
	if p.spare != nil {
		all = append(all, p.spare)
	}
	return all
}

// withLeaving are hosts and those that have been replaced and still have events.
func (p *Pool) withLeaving() []*host {
	all := p.hosts()
	p.mu.Lock()
	defer p.mu.Unlock()
	for h := range p.leaving {
		if !slices.Contains(all, h) {
			all = append(all, h)
		}
	}
	return all
}

// Pids are the process ids of the hosts, the spare one last.
func (p *Pool) Pids() []int {
	var pids []int
	for _, h := range p.hosts() {
		pids = append(pids, h.proc.Pid())
	}
	return pids
}

// Drain refuses new events and returns when those under way are over. When ctx ends first, the others are canceled (reason:
// shutdown) and its error is returned. Close must still be called.
func (p *Pool) Drain(ctx context.Context) error {
	p.mu.Lock()
	if p.state == poolOpen {
		p.state = poolDraining
	}
	p.stopping.Store(true)
	p.mu.Unlock()
	for {
		p.mu.Lock()
		changed := p.changed
		p.mu.Unlock()
		live := p.live()
		if len(live) == 0 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			for _, ev := range live {
				ev.abandon(hostproto.CancelReasonShutdown)
			}
			return ctx.Err()
		}
	}
}

// live lists the events under way.
func (p *Pool) live() []*event {
	var all []*event
	for _, h := range p.withLeaving() {
		h.mu.Lock()
		for _, ev := range h.events {
			if ev != nil {
				all = append(all, ev)
			}
		}
		h.mu.Unlock()
	}
	return all
}

// Close ends all hosts at once and joins their goroutines and those of host calls. Events under way end with outcome
// hostLost. It may be called again.
func (p *Pool) Close() error {
	p.mu.Lock()
	p.stopping.Store(true)
	if p.state != poolClosed {
		p.state = poolClosed
		if p.retry != nil {
			p.retry.Stop()
			p.retry = nil
		}
		for h := range p.all {
			h.conn.Close(ErrClosed)
		}
		for h := range p.leaving {
			h.conn.Close(ErrClosed)
		}
		p.cancel()
		p.changedLocked()
	}
	p.mu.Unlock()
	p.work.Wait()
	return nil
}

// Versions lists the versions that have been run and not forgotten.
func (p *Pool) Versions() []*worker.Version {
	var all []*worker.Version
	p.versions.Range(func(v, _ any) bool { all = append(all, v.(*worker.Version)); return true })
	return all
}
