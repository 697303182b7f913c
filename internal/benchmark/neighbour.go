package benchmark

import (
	"context"
	"fmt"
	"os/exec"
	"runtime"
	"time"
)

const spinSource = `export default {
  fetch() {
    for (;;) {}
  },
};
`

// spinLimit is the CPU limit of the tenants that spin, in ms: the platform's default.
const spinLimit = 50

// runNeighbour measures a victim alone and beside one spinning tenant per processor: in Skerry, where each spin is ended at
// its CPU limit and called again at once, and as processes, which only the kernel's scheduler keeps apart.
func runNeighbour(ctx context.Context, s *suite) error {
	n := runtime.NumCPU()
	setting := fmt.Sprintf("Noisy: while %d other tenants spin for(;;) without a pause; in Skerry each request of theirs ends at its limit of %d ms and is sent again at once, a process of theirs never ends. ", n, spinLimit)
	p50 := s.report.metric("neighbour_p50", "Victim's latency, half are faster", "µs", setting+"One connection of the victim.")
	p99 := s.report.metric("neighbour_p99", "Victim's latency, 99 of 100 are faster", "µs", setting+"One connection of the victim.")
	rate := s.report.metric("neighbour_throughput", "Victim's throughput", "requests/s", setting+"32 connections of the victim.")
	spin := s.report.metric("neighbour_spin", "Answer 1102 to a spinning tenant", "ms",
		fmt.Sprintf("From sending a request that spins until the answer with error 1102; its limit is %d ms of CPU time, so beside busy neighbours the wall time is longer.", spinLimit))

	billed := s.report.metric("neighbour_billed", "CPU time billed to a request that was ended with 1102", "ms",
		fmt.Sprintf("As Skerry's log reports it; the limit is %d ms.", spinLimit))

	victim := tenant{name: "victim", source: helloSource}
	tenants := []tenant{victim}
	var spins []Request
	for i := range n {
		spinner := tenant{name: fmt.Sprintf("spin%d", i), source: spinSource, cpuMS: spinLimit}
		tenants = append(tenants, spinner)
		spins = append(spins, Request{Method: "GET", Host: spinner.host(), Path: "/", Status: 503, Want: "1102", Contains: true})
	}
	servers, err := s.startAll(
		func() (*server, error) { return s.startSkerry(ctx, tenants) },
		func() (*server, error) { return s.startNode(ctx) },
	)
	defer stopAll(servers)
	if err != nil {
		return err
	}
	measure := func(running *server, kind string) error {
		spec := LoadSpec{Addr: running.addr, Spread: []Request{helloRequest(victim.host())}, Connections: 1, Duration: s.Duration}
		alone, err := s.generate(ctx, spec)
		if err != nil {
			return err
		}
		spec.Connections = throughputConnections
		full, err := s.generate(ctx, spec)
		if err != nil {
			return err
		}
		p50.add(running.name, kind, microseconds(alone.P50))
		p99.add(running.name, kind, microseconds(alone.P99))
		rate.add(running.name, kind, float64(full.Requests)/full.Elapsed.Seconds())
		return nil
	}
	return s.inTurn(ctx, len(servers), func(round, peer int) error {
		running := servers[peer]
		if err := measure(running, "quiet"); err != nil {
			return err
		}
		if running.name == peerSkerry {
			err = s.besideSpinners(ctx, running, spins, spin, func() error { return measure(running, "noisy") })
			if h := running.errors.ended(); err == nil && h.total > 0 {
				billed.add(running.name, "half are below", milliseconds(h.quantile(0.5)))
				billed.add(running.name, "99 of 100 are below", milliseconds(h.quantile(0.99)))
				billed.add(running.name, "most", milliseconds(h.max))
			}
		} else {
			err = s.besideProcesses(n, func() error { return measure(running, "noisy") })
		}
		s.progress("  round %d of %d: %s", round+1, s.Rounds, running.name)
		return err
	})
}

// besideSpinners calls measure while the load generator keeps one request that spins on each of its connections.
func (s *suite) besideSpinners(ctx context.Context, running *server, spins []Request, spin *Metric, measure func() error) error {
	// Two measurements and a margin for starting the generators.
	spec := LoadSpec{Addr: running.addr, Spread: spins, Connections: len(spins), Duration: 2*s.Duration + 2*time.Second}
	type outcome struct {
		result LoadResult
		err    error
	}
	done := make(chan outcome, 1)
	go func() {
		result, err := s.generate(ctx, spec)
		done <- outcome{result, err}
	}()
	err := measure()
	spun := <-done
	if err != nil {
		return err
	}
	if spun.err != nil {
		return spun.err
	}
	spin.add(peerSkerry, "half are faster", milliseconds(spun.result.P50))
	spin.add(peerSkerry, "99 of 100 are faster", milliseconds(spun.result.P99))
	return nil
}

func (s *suite) besideProcesses(n int, measure func() error) error {
	for range n {
		spinner, err := s.startSpinner()
		if err != nil {
			return err
		}
		defer spinner.kill()
	}
	return measure()
}

// startSpinner starts a process that never stops computing.
func (s *suite) startSpinner() (*process, error) {
	return startProcess(exec.Command(s.Node, "-e", "for (;;) {}"))
}
