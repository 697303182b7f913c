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
	perWorker := s.report.metric("memory_per_worker", "Memory per resident worker", "MiB",
		"Resident memory (RSS, all processes of the server) with N small workers that have each answered one request, less the same with one worker, divided by N-1. Read "+settle.String()+" after the last answer. For Skerry, host (isolates) and supervisor also by themselves.")
	base := s.report.metric("memory_base", "Memory with one worker", "MiB", "Resident memory of all processes of the server with one small worker that has answered.")

	counts := pick(s.Quick, []int{50}, []int{100, 1000, 2000})
	starts := []func(context.Context, []tenant, Request) (*server, error){s.startSkerry}
	if s.Workerd != "" {
		starts = append(starts, s.startWorkerd)
	}
	for _, start := range starts {
		name, one, err := s.residentWith(ctx, start, 1)
		if err != nil {
			return err
		}
		base.add(name, "", mebibytes(one.rootRSS+one.childRSS))
		for _, n := range counts {
			_, many, err := s.residentWith(ctx, start, n)
			if err != nil {
				return fmt.Errorf("%s with %d workers: %w", name, n, err)
			}
			slope := func(with, without int64) float64 { return mebibytes(with-without) / float64(n-1) }
			kind := fmt.Sprintf("N = %d", n)
			perWorker.add(name, kind, slope(many.rootRSS+many.childRSS, one.rootRSS+one.childRSS))
			if name == peerSkerry {
				perWorker.add(name, kind+", host", slope(many.childRSS, one.childRSS))
				perWorker.add(name, kind+", supervisor", slope(many.rootRSS, one.rootRSS))
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
func (s *suite) residentWith(ctx context.Context, start func(context.Context, []tenant, Request) (*server, error), n int) (string, usage, error) {
	tenants := small(n)
	running, err := start(ctx, tenants, tenants[0].nameRequest())
	if err != nil {
		return "", usage{}, err
	}
	defer running.stop()
	if _, err := s.generate(ctx, LoadSpec{Addr: running.addr, Each: nameRequests(tenants)}); err != nil {
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
