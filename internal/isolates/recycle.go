package isolates

import (
	"math/rand/v2"
	"time"
)

// recycleJitter is the part of a host's time by which it may be longer or shorter, so that not all are replaced at once.
const recycleJitter = 0.1

// recycleTime is when a host that starts now is replaced: memory that is in pieces, and who may have settled in it, go with it.
func (p *Pool) recycleTime() time.Time {
	return p.now().Add(time.Duration(float64(p.timing.lifetime) * (1 - recycleJitter + 2*recycleJitter*rand.Float64())))
}

// recycleLocked replaces the hosts whose day is over.
func (p *Pool) recycleLocked() {
	now := p.now()
	for h := range p.all {
		if !now.Before(h.recycleAt) {
			p.cfg.Logger.Info("isolate host is being replaced", "pid", h.proc.Pid(), "reason", "its day is over")
			p.retireLocked(h)
		}
	}
}
