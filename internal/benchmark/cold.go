package benchmark

import (
	"context"
	"fmt"
	"time"
)

// pace is the time between requests when they do not come back to back.
const pace = 20 * time.Millisecond

// runCold asks workers that have no isolate. Two servers are limited to few and to many isolates and have more workers than
// that; asked in a circle, each worker has been evicted when its turn comes. In the same rounds a process per tenant is
// started and asked.
func runCold(ctx context.Context, s *suite) error {
	few, many, spare, each, processes := 10, pick(s.Quick, 100, 1000), pick(s.Quick, 30, 200), pick(s.Quick, 10, 200), pick(s.Quick, 2, 5)
	meaning := "Skerry: from sending a request to a worker that has no isolate until its answer is complete, over a connection that is open already; the answers prove that the worker was started for them. " +
		"Evicted: it was called before, and others took its place among so many isolates. First ever, right after the start of the server: it may have to bundle it, too. A process per tenant: from starting the process until its first answer."
	p50 := s.report.metric("cold_p50", "Cold start, half are faster", "ms", meaning)
	p90 := s.report.metric("cold_p90", "Cold start, nine of ten are faster", "ms", meaning)
	p99 := s.report.metric("cold_p99", "Cold start, 99 of 100 are faster", "ms", "The same requests; too few processes are started to say it of them.")

	for _, isolates := range []int{few, many} {
		circle := circle{tenants: small(isolates + spare)}
		skerry, err := s.startSkerry(ctx, circle.tenants, "[host]", fmt.Sprintf("isolates_max = %d", isolates))
		if err != nil {
			return err
		}
		defer skerry.stop()
		measure := func(kind string, n int, apart time.Duration) error {
			result, err := s.generate(ctx, LoadSpec{Addr: skerry.addr, Each: firstCalls(circle.next(n)), Pause: apart})
			if err != nil {
				return err
			}
			p50.add(peerSkerry, kind, milliseconds(result.P50))
			p90.add(peerSkerry, kind, milliseconds(result.P90))
			p99.add(peerSkerry, kind, milliseconds(result.P99))
			return nil
		}
		if err := measure("first ever", len(circle.tenants), 0); err != nil {
			return err
		}
		for round := range s.Rounds {
			if err := measure(fmt.Sprintf("evicted, %d isolates, back to back", isolates), each, 0); err != nil {
				return err
			}
			if err := measure(fmt.Sprintf("evicted, %d isolates, %v apart", isolates, pace), each, pace); err != nil {
				return err
			}
			if err := s.coldProcesses(ctx, processes, p50, p90); err != nil {
				return err
			}
			s.progress("  %d isolates, round %d of %d", isolates, round+1, s.Rounds)
		}
	}
	return nil
}

// circle hands out workers in the same order over and over.
type circle struct {
	tenants []tenant
	at      int
}

func (c *circle) next(n int) []tenant {
	out := make([]tenant, n)
	for i := range out {
		out[i] = c.tenants[(c.at+i)%len(c.tenants)]
	}
	c.at = (c.at + n) % len(c.tenants)
	return out
}

// coldProcesses starts processes one after the other and waits for the first answer of each.
func (s *suite) coldProcesses(ctx context.Context, n int, p50, p90 *Metric) error {
	starts := map[string]func() (*server, error){
		"node process": func() (*server, error) { return s.startNode(ctx) },
	}
	if s.Workerd != "" {
		worker := tenant{name: "hello", source: helloSource}
		starts["workerd process"] = func() (*server, error) {
			return s.startWorkerd(ctx, []tenant{worker})
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
