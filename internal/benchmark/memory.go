package benchmark

import (
	"context"
	"fmt"
	"time"
)

// settle is how long a server is left alone before its memory is read, so that what it frees late is not counted.
const settle = 2 * time.Second

// runMemory reads what each further worker adds to the resident memory.
func runMemory(ctx context.Context, s *suite) error {
	// The first server has few workers and not one: a server with one tenant may be built differently (workerd's has no router).
	const few = 2
	perWorker := s.report.metric("memory_per_worker", "Memory per resident worker", "MiB",
		"Resident memory (RSS, all processes of the server) with N small workers that have each answered one request, less the same with two workers, divided by N-2. Read "+settle.String()+" after the last answer. For Skerry, host (isolates) and supervisor also by themselves.")
	least := s.report.metric("memory_base", "Memory with two workers", "MiB", "Resident memory of all processes of the server with two small workers that have answered.")

	counts := pick(s.Quick, []int{50}, []int{100, 1000, 2000})
	starts := []func(context.Context, []tenant) (*server, error){
		func(ctx context.Context, tenants []tenant) (*server, error) {
			// All of them resident, and the one that is asked whether the server is up.
			return s.startSkerry(ctx, tenants, "[host]", fmt.Sprintf("isolates_max = %d", len(tenants)+1))
		},
	}
	if s.Workerd != "" {
		starts = append(starts, s.startWorkerd)
	}
	for _, start := range starts {
		name, base, err := s.residentWith(ctx, start, few)
		if err != nil {
			return err
		}
		least.add(name, "", mebibytes(base.rootRSS+base.childRSS))
		for _, n := range counts {
			_, many, err := s.residentWith(ctx, start, n)
			if err != nil {
				return fmt.Errorf("%s with %d workers: %w", name, n, err)
			}
			slope := func(with, without int64) float64 { return mebibytes(with-without) / float64(n-few) }
			kind := fmt.Sprintf("N = %d", n)
			perWorker.add(name, kind, slope(many.rootRSS+many.childRSS, base.rootRSS+base.childRSS))
			if name == peerSkerry {
				perWorker.add(name, kind+", host", slope(many.childRSS, base.childRSS))
				perWorker.add(name, kind+", supervisor", slope(many.rootRSS, base.rootRSS))
			}
			s.progress("  %s with %d workers", name, n)
		}
	}
	node, err := s.startNode(ctx)
	if err != nil {
		return err
	}
	defer node.stop()
	used, err := treeUsage(node.command.Process.Pid)
	if err != nil {
		return err
	}
	perWorker.add("node process", "", mebibytes(used.rootRSS))
	return nil
}

// residentWith starts a server with n small workers, calls each once and reads its memory.
func (s *suite) residentWith(ctx context.Context, start func(context.Context, []tenant) (*server, error), n int) (string, usage, error) {
	tenants := small(n)
	running, err := start(ctx, tenants)
	if err != nil {
		return "", usage{}, err
	}
	defer running.stop()
	if _, err := s.generate(ctx, LoadSpec{Addr: running.addr, Each: firstCalls(tenants)}); err != nil {
		return running.name, usage{}, err
	}
	select {
	case <-ctx.Done():
		return running.name, usage{}, ctx.Err()
	case <-time.After(settle):
	}
	used, err := treeUsage(running.command.Process.Pid)
	return running.name, used, err
}

func mebibytes(n int64) float64 { return float64(n) / (1 << 20) }
