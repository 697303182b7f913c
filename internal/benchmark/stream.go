package benchmark

import (
	"context"
	"time"
)

// streamCPU is the limit of CPU time of the worker that moves bodies through JavaScript, in ms. It must not end the benchmark.
const streamCPU = 300_000

func runStream(ctx context.Context, s *suite) error {
	size := int64(pick(s.Quick, 32<<20, 1<<30))
	rate := s.report.metric("stream_rate", "Body echoed", "MB/s",
		"POST of 1 GiB (quick: 32 MiB) in chunks of 64 KiB; every byte of the answer is compared. Untouched: the worker returns new Response(request.body). Through JavaScript: each chunk passes a TransformStream.")
	cost := s.report.metric("stream_cpu", "CPU time of a body echoed", "ms/MB",
		"User and system time of all processes of the server during the same transfer.")

	worker := tenant{name: "stream", source: streamSource, cpuMS: streamCPU}
	servers, err := s.startAll(
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
	defer stopAll(servers)
	if err != nil {
		return err
	}
	type way struct{ path, kind string }
	untouched, through := way{"/echo", "untouched"}, way{"/through", "through JavaScript"}
	ways := map[string][]way{peerSkerry: {untouched, through}, peerWorkerd: {untouched, through}, peerGo: {{"/echo", ""}}, peerNode: {{"/echo", ""}}}
	return s.inTurn(ctx, len(servers), func(round, peer int) error {
		running := servers[peer]
		for _, way := range ways[running.name] {
			result, cpu, err := s.generateCounting(ctx, running, LoadSpec{Addr: running.addr, Stream: &StreamSpec{Host: worker.host(), Path: way.path, Bytes: size}})
			if err != nil {
				return err
			}
			megabytes := float64(result.Bytes) / 1e6
			rate.add(running.name, way.kind, megabytes/result.Elapsed.Seconds())
			cost.add(running.name, way.kind, float64(cpu)/float64(time.Millisecond)/megabytes)
		}
		s.progress("  round %d of %d: %s", round+1, s.Rounds, running.name)
		return nil
	})
}
