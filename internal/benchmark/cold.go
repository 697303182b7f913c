package benchmark

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// pace is the time between first requests when they do not come back to back.
const pace = 20 * time.Millisecond

// runCold asks workers that were never called. One `skerry serve` has them all; it is asked with few and with many others
// resident. In the same rounds a process per tenant is started and asked.
func runCold(ctx context.Context, s *suite) error {
	few, many, each, processes := 10, pick(s.Quick, 100, 1000), pick(s.Quick, 5, 20), pick(s.Quick, 2, 5)
	meaning := "From sending the first request to a worker that was never called until its answer is complete, over a connection that is open already. Case: how many other workers have been called before, and whether first requests came back to back or " + pace.String() + " apart. "
	processMeaning := "For a process per tenant: from starting the process until its first answer."
	p50 := s.report.metric("cold_p50", "Cold start, half are faster", "ms", meaning+processMeaning)
	p90 := s.report.metric("cold_p90", "Cold start, nine of ten are faster", "ms", meaning+processMeaning)

	fresh := small(many + 4*each*s.Rounds)
	resident := fresh[:many]
	fresh = fresh[many:]
	skerry, err := s.startSkerry(ctx, slices.Concat(resident, fresh), resident[0].nameRequest())
	if err != nil {
		return err
	}
	defer skerry.stop()

	for _, others := range []int{few, many} {
		if _, err := s.generate(ctx, LoadSpec{Addr: skerry.addr, Each: nameRequests(resident[:others])}); err != nil {
			return err
		}
		for round := range s.Rounds {
			for _, apart := range []time.Duration{0, pace} {
				result, err := s.generate(ctx, LoadSpec{Addr: skerry.addr, Each: nameRequests(fresh[:each]), Pause: apart})
				if err != nil {
					return err
				}
				fresh = fresh[each:]
				kind := fmt.Sprintf("%d resident, %s", others, pick(apart == 0, "back to back", pace.String()+" apart"))
				p50.add(peerSkerry, kind, milliseconds(result.P50))
				p90.add(peerSkerry, kind, milliseconds(result.P90))
			}
			if others != few {
				continue // Processes do not know of each other: once is enough.
			}
			if err := s.coldProcesses(ctx, processes, p50, p90); err != nil {
				return err
			}
			s.progress("  round %d of %d", round+1, s.Rounds)
		}
	}
	return nil
}

// coldProcesses starts processes one after the other and waits for the first answer of each.
func (s *suite) coldProcesses(ctx context.Context, n int, p50, p90 *Metric) error {
	starts := map[string]func() (*server, error){
		"node process": func() (*server, error) { return s.startNode(ctx) },
	}
	if s.Workerd != "" {
		worker := tenant{name: "hello", source: helloSource}
		starts["workerd process"] = func() (*server, error) {
			return s.startWorkerd(ctx, []tenant{worker}, helloRequest(worker.host()))
		}
	}
	for _, name := range []string{"node process", "workerd process"} {
		if starts[name] == nil {
			continue
		}
		var h histogram
		for range n {
			start := time.Now()
			running, err := starts[name]()
			if err != nil {
				return err
			}
			h.record(time.Since(start))
			running.kill()
		}
		p50.add(name, "", milliseconds(h.quantile(0.5)))
		p90.add(name, "", milliseconds(h.quantile(0.9)))
	}
	return nil
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
func microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
