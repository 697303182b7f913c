package isolates

import (
	"context"
	"time"

	"skerry/internal/hostproto"
)

// Stats are the gauges and counters of a pool.
type Stats struct {
	// Hosts are those that serve and the spare one.
	Hosts []HostStats
	// Restarts counts hosts that died, Retirements those that were replaced in good order, Violations those that were killed for breaking the protocol, Suspects the events that
	// were running when a host died.
	Restarts, Retirements, Violations, Suspects uint64
	// Strikes counts what workers were given for deaths of their hosts.
	Strikes uint64
	// Quarantines is the number of hosts that are there for suspects.
	Quarantines int
	// Versions is the number of versions that the pool knows.
	Versions int
}

// HostStats are those of one host. What begins with Host is the host's own claim.
type HostStats struct {
	Pid   int
	Spare bool
	// Age is the time since the process was started.
	Age time.Duration
	// Events is the number of events under way.
	Events int
	// Workers is the number of workers that the host knows.
	Workers int
	Host    hostproto.Stats
}

// Stats asks every host. A host that ends meanwhile is left out; the error is ctx's.
func (p *Pool) Stats(ctx context.Context) (Stats, error) {
	s := Stats{
		Restarts: p.restarts.Load(), Retirements: p.retirements.Load(), Violations: p.violations.Load(), Suspects: p.suspected.Load(),
		Strikes: p.strikes.Load(), Quarantines: p.quarantineHosts(),
	}
	p.versions.Range(func(_, _ any) bool { s.Versions++; return true })
	p.mu.Lock()
	spare := p.spare
	p.mu.Unlock()
	for _, h := range p.hosts() {
		claim, err := h.askStats(ctx)
		if ctx.Err() != nil {
			return s, ctx.Err()
		}
		if err != nil {
			continue
		}
		h.mu.Lock()
		s.Hosts = append(s.Hosts, HostStats{
			Pid: h.proc.Pid(), Spare: h == spare, Age: time.Since(h.started), Events: h.live, Workers: len(h.workers), Host: claim,
		})
		h.mu.Unlock()
	}
	return s, nil
}

// askStats asks the host; errors are ctx's and errHostGone.
func (h *host) askStats(ctx context.Context) (hostproto.Stats, error) {
	answer := make(chan hostproto.Stats, 1)
	h.mu.Lock()
	if h.gone {
		h.mu.Unlock()
		return hostproto.Stats{}, errHostGone
	}
	h.nextStats++
	if h.nextStats == 0 {
		h.nextStats = 1
	}
	seq := h.nextStats
	h.stats[seq] = answer
	h.mu.Unlock()
	hostproto.Send(h.conn, seq, hostproto.StatsRequest{})
	select {
	case s, ok := <-answer:
		if !ok {
			return s, errHostGone
		}
		return s, nil
	case <-ctx.Done():
		// The entry stays: the answer may still come and is no violation.
		return hostproto.Stats{}, ctx.Err()
	}
}

func (h *host) onStats(f hostproto.Frame) error {
	m, err := hostproto.DecodeStats(f.Payload)
	if err != nil {
		return err
	}
	h.mu.Lock()
	answer := h.stats[f.ID]
	delete(h.stats, f.ID)
	h.mu.Unlock()
	if answer == nil {
		return &violation{f.Type, f.ID, "answers what was not asked"}
	}
	answer <- m
	return nil
}
