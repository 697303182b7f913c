package isolates

import (
	"context"
	"errors"
	"fmt"
)

// Replace makes all hosts anew of another engine, a V8 with a security fix for one. The new ones are started beside the old ones, and when
// all are ready they get the new events; the old ones end with their events, or after a while. Until then nothing changes: if one of the new
// ones does not start, is of another protocol, or is not ready in time, they are ended, the old ones go on, and the error says why.
func (p *Pool) Replace(ctx context.Context, e Engine) error {
	if !p.replacing.TryLock() {
		return errors.New("isolate hosts are being replaced already")
	}
	defer p.replacing.Unlock()
	var fresh []*host
	giveUp := func(err error) error {
		for _, h := range fresh {
			h.conn.Close(ErrClosed) // They have not served: no more than that is to be told.
		}
		return fmt.Errorf("replace isolate hosts: %w", err)
	}
	for {
		p.mu.Lock()
		if p.state != poolOpen {
			p.mu.Unlock()
			return giveUp(ErrClosed)
		}
		if len(fresh) >= len(p.slots) {
			break
		}
		p.mu.Unlock()
		// One after the other: the machine serves meanwhile.
		h, err := p.startHost(&e)
		if err == nil {
			fresh = append(fresh, h)
			err = ctx.Err()
		}
		if err != nil {
			return giveUp(err)
		}
	}
	defer p.mu.Unlock()
	for _, h := range fresh {
		h.mu.Lock()
		gone := h.gone
		h.mu.Unlock()
		if gone {
			return giveUp(errors.New("isolate host died as soon as it was ready"))
		}
	}
	p.engine.Store(&e)
	p.dropCaches(nil) // They are V8's, of that very version.
	if p.retry != nil {
		p.retry.Stop()
		p.retry = nil
	}
	p.deaths, p.lastEnd = 0, nil
	leave := func(old *host) {
		if p.all[old] {
			p.retirements.Add(1)
			delete(p.all, old)
			p.leaving[old] = true
		}
		p.seeOffLocked(old)
	}
	for i, s := range p.slots {
		old := s.host.Load()
		p.all[fresh[i]] = true
		s.host.Store(fresh[i])
		if old != nil {
			leave(old)
		}
	}
	if spare := p.spare; spare != nil {
		p.spare = nil
		leave(spare)
	}
	for _, h := range fresh[len(p.slots):] { // A place has gone meanwhile.
		if p.spare == nil {
			p.spare, p.all[h] = h, true
			continue
		}
		h.conn.Close(errRetired)
	}
	p.ensureLocked()
	p.changedLocked()
	return nil
}

// V8 is the version of V8 that serves, as its host says; "" if no host serves.
func (p *Pool) V8() string {
	if h := p.slots[0].host.Load(); h != nil { // The first place is never removed.
		return h.v8
	}
	return ""
}
