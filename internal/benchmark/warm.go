package benchmark

import (
	"context"
	"time"
)

// throughputConnections is the number of keep-alive connections of the benchmark of throughput.
const throughputConnections = 32

// warmUp is the load that each peer gets before its interval is measured.
const warmUp = 500 * time.Millisecond

func runWarm(ctx context.Context, s *suite) error {
	meaning := "GET of a 13-byte text from a worker in memory: from sending the request until the answer is complete, one connection, one request after the other."
	p50 := s.report.metric("warm_p50", "Warm latency, half are faster", "µs", meaning)
	p99 := s.report.metric("warm_p99", "Warm latency, 99 of 100 are faster", "µs", meaning)
	return s.underLoad(ctx, 1, func(peer string, result LoadResult, _ time.Duration) {
		p50.add(peer, "", microseconds(result.P50))
		p99.add(peer, "", microseconds(result.P99))
	})
}

func runThroughput(ctx context.Context, s *suite) error {
	rate := s.report.metric("throughput", "Throughput", "requests/s",
		"GET of a 13-byte text from a worker in memory on 32 keep-alive connections. The load generator runs on the same processors, so this is the rate of both together.")
	cost := s.report.metric("cpu_per_request", "CPU time per request", "µs",
		"User and system time of all processes of the server during the same load, divided by the requests. The load generator is a process of its own and not counted.")
	return s.underLoad(ctx, throughputConnections, func(peer string, result LoadResult, cpu time.Duration) {
		rate.add(peer, "", float64(result.Requests)/result.Elapsed.Seconds())
		cost.add(peer, "", microseconds(cpu)/float64(result.Requests))
	})
}

// helloServers starts every peer with the worker that answers helloText. The caller stops them, also those returned with an error.
func (s *suite) helloServers(ctx context.Context) ([]*server, error) {
	worker := tenant{name: "hello", source: helloSource}
	return s.startAll(
		func() (*server, error) { return s.startSkerry(ctx, []tenant{worker}) },
		func() (*server, error) { return s.startGo(ctx) },
		func() (*server, error) { return s.startNode(ctx) },
		func() (*server, error) {
			if s.Workerd == "" {
				return nil, nil
			}
			return s.startWorkerd(ctx, []tenant{worker})
		},
	)
}

// startAll calls start functions in order. One that returns nil is left out.
func (s *suite) startAll(starts ...func() (*server, error)) ([]*server, error) {
	var servers []*server
	for _, start := range starts {
		running, err := start()
		if err != nil {
			return servers, err
		}
		if running != nil {
			servers = append(servers, running)
		}
	}
	return servers, nil
}

func stopAll(servers []*server) {
	for _, running := range servers {
		running.stop()
	}
}

// underLoad puts each peer under load in turn and hands on what came of it, with the CPU time that the peer used.
func (s *suite) underLoad(ctx context.Context, connections int, each func(string, LoadResult, time.Duration)) error {
	servers, err := s.helloServers(ctx)
	defer stopAll(servers)
	if err != nil {
		return err
	}
	return s.inTurn(ctx, len(servers), func(round, peer int) error {
		running := servers[peer]
		spec := LoadSpec{Addr: running.addr, Spread: []Request{helloRequest("hello.localhost")}, Connections: connections, Duration: warmUp}
		if _, err := s.generate(ctx, spec); err != nil {
			return err
		}
		spec.Duration = s.Duration
		result, cpu, err := s.generateCounting(ctx, running, spec)
		if err != nil {
			return err
		}
		each(running.name, result, cpu)
		s.progress("  round %d of %d: %s", round+1, s.Rounds, running.name)
		return nil
	})
}

// generateCounting is generate with the CPU time that the server used meanwhile.
func (s *suite) generateCounting(ctx context.Context, running *server, spec LoadSpec) (LoadResult, time.Duration, error) {
	pid := running.command.Process.Pid
	before, err := treeUsage(pid)
	if err != nil {
		return LoadResult{}, 0, err
	}
	result, err := s.generate(ctx, spec)
	if err != nil {
		return result, 0, err
	}
	after, err := treeUsage(pid)
	return result, after.cpu - before.cpu, err
}
