package isolates

import (
	"sync/atomic"
	"time"
)

const (
	// QuarantineHostsMax is the number of hosts for single workers in quarantine. Further such workers share one more.
	QuarantineHostsMax = 8
	// CordonsMax is the number of cordons that have hosts. Workers of further ones are refused.
	CordonsMax = 64
	// idleLooks is the number of looks of the housekeeper without an event after which a host that was made for quarantine goes.
	idleLooks = 6
)

// slot is a place for a host. Versions have their home in one.
type slot struct {
	host atomic.Pointer[host]
	// cordon and quarantine tell for whom it is; both are "" for a place of everybody. The fields below are guarded by Pool.mu.
	cordon, quarantine string
	idle               int    // Looks without an event.
	seen               uint64 // host.placed at the last look.
}

// overflow is the quarantine of all who have none of their own. No worker has the name.
const overflow = "*"

// place returns the slot that is a version's home, and gives it one if it has none. It fails for workers that are refused.
func (p *Pool) place(ver *version) (*slot, error) {
	if ver.refusedUntil.Load() > 0 {
		if refused := p.ledger.refused(ver.source.Name, p.now()); refused != nil {
			return nil, refused
		}
		ver.refusedUntil.Store(0)
	}
	if s := ver.home.Load(); s != nil {
		return s, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := ver.home.Load(); s != nil {
		return s, nil
	}
	s, err := p.placeLocked(ver)
	if err == nil {
		ver.home.Store(s)
	}
	return s, err
}

func (p *Pool) placeLocked(ver *version) (*slot, error) {
	name, cordon := ver.source.Name, ver.source.Cordon
	if p.ledger.quarantined(name, p.now()) {
		if s := p.findLocked("", name); s != nil {
			return s, nil
		}
		alone := 0
		for _, s := range p.slots {
			if s.quarantine != "" && s.quarantine != overflow {
				alone++
			}
		}
		if alone >= QuarantineHostsMax {
			if s := p.findLocked("", overflow); s != nil {
				return s, nil
			}
			name = overflow
		}
		return p.addSlotLocked(&slot{quarantine: name}), nil
	}
	if cordon != "" {
		if s := p.findLocked(cordon, ""); s != nil {
			return s, nil
		}
		cordons := 0
		for _, s := range p.slots {
			if s.cordon != "" {
				cordons++
			}
		}
		if cordons >= CordonsMax {
			return nil, &DefinitionError{Worker: name, Reason: "there are too many cordons"}
		}
		return p.addSlotLocked(&slot{cordon: cordon}), nil
	}
	p.nextHome++
	return p.slots[(p.nextHome-1)%p.cfg.Hosts], nil
}

func (p *Pool) findLocked(cordon, quarantine string) *slot {
	for _, s := range p.slots {
		if s.cordon == cordon && s.quarantine == quarantine {
			return s
		}
	}
	return nil
}

// addSlotLocked adds a place and has it filled: by the spare host, if there is one.
func (p *Pool) addSlotLocked(s *slot) *slot {
	p.slots = append(p.slots, s)
	p.fillLocked()
	p.ensureLocked()
	p.changedLocked()
	return s
}

// removeSlotLocked takes a place away whose host is gone or goes; who has its home there is given another when he comes.
func (p *Pool) removeSlotLocked(gone *slot) {
	for i, s := range p.slots {
		if s == gone {
			p.slots = append(p.slots[:i:i], p.slots[i+1:]...)
			break
		}
	}
	p.versions.Range(func(_, v any) bool {
		v.(*version).home.CompareAndSwap(gone, nil)
		return true
	})
	p.changedLocked()
}

// displace takes a worker's versions from their home, so that they are placed anew, or refuses them for a while.
func (p *Pool) displace(worker string, refused *RefusedError) {
	hosts := p.hosts()
	p.versions.Range(func(_, v any) bool {
		ver := v.(*version)
		if ver.source.Name != worker {
			return true
		}
		if refused != nil {
			ver.refusedUntil.Store(refused.Until.UnixNano())
		}
		if s := ver.home.Load(); s == nil || s.quarantine != "" || !ver.home.CompareAndSwap(s, nil) {
			return true
		}
		for _, h := range hosts {
			var after deferred
			h.mu.Lock()
			if w := h.workers[ver]; w != nil {
				w.unload = true
				h.unloadLocked(w, &after)
			}
			h.mu.Unlock()
			after.run()
		}
		return true
	})
}

// quarantineHosts is the number of hosts that are there for suspects.
func (p *Pool) quarantineHosts() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, s := range p.slots {
		if s.quarantine != "" {
			n++
		}
	}
	return n
}

// housekeeper looks after the hosts again and again. It ends with the pool.
func (p *Pool) housekeeper() {
	ticker, late := time.NewTicker(p.timing.housekeep), time.NewTicker(p.timing.lateLook)
	defer ticker.Stop()
	defer late.Stop()
	for {
		select {
		case <-p.ctx.Done():
			return
		case <-ticker.C:
			p.housekeep()
		case <-late.C:
			p.endLate()
		}
	}
}

// housekeep replaces hosts whose time is over or that do not end their events, and lets those of quarantines go that nobody needs.
func (p *Pool) housekeep() {
	for _, h := range p.hosts() {
		if h.leavesBehind() {
			p.retire(h, "it does not end an event that was canceled")
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state != poolOpen {
		return
	}
	p.recycleLocked()
	for _, s := range append([]*slot(nil), p.slots...) {
		h := s.host.Load()
		if s.quarantine == "" || h == nil {
			continue
		}
		h.mu.Lock()
		placed, live := h.placed, h.live
		h.mu.Unlock()
		if live > 0 || placed != s.seen {
			s.idle, s.seen = 0, placed
			continue
		}
		if s.idle++; s.idle >= idleLooks {
			s.host.Store(nil)
			p.removeSlotLocked(s)
			if p.all[h] {
				p.retireLocked(h)
			} else {
				p.seeOffLocked(h) // Its day was over as well.
			}
		}
	}
}
