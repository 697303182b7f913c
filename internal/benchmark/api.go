package benchmark

import (
	"context"
	_ "embed"
	"fmt"
	"math"
	"net/url"
	"strings"
	"time"
)

// apiSource is the worker of runAPI. It answers /?list with its cases, one a line, and /?case=C&n=N with a number that N runs of C make.
//
//go:embed api.js
var apiSource string

// apiFor is how long one request for a case takes on Skerry, about; apiCPU the worker's limit of CPU time in ms, which must not end
// the benchmark.
const (
	apiFor      = 100 * time.Millisecond
	apiForQuick = 5 * time.Millisecond
	apiCPU      = 300_000
	apiRunsMax  = 1 << 22
)

// runAPI compares parts of the web platform: the same worker on Skerry and on workerd runs a case many times within one request.
func runAPI(ctx context.Context, s *suite) error {
	cost := s.report.metric("api_time", "Web platform", "ns per run",
		"The same worker runs each case so often within one request that it takes a tenth of a second on Skerry; time of the request divided by the runs. Both servers must give the same result.")
	ratio := s.report.metric("api_ratio", "Web platform, workerd's time by Skerry's", "×", "Of the same round. Over 1: Skerry is faster.")

	worker := tenant{name: "api", source: apiSource, cpuMS: apiCPU}
	servers, err := s.startAll(
		func() (*server, error) { return s.startSkerry(ctx, []tenant{worker}) },
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
	clients := make([]*client, len(servers))
	for i, running := range servers {
		if clients[i], err = dial(running.addr); err != nil {
			return err
		}
		defer clients[i].close()
	}
	ask := func(peer int, query string) (string, time.Duration, error) {
		r := Request{Method: "GET", Host: worker.host(), Path: "/?" + query}
		start := time.Now()
		status, body, err := clients[peer].do(r.bytes())
		took := time.Since(start)
		if err != nil {
			return "", 0, fmt.Errorf("%s: ask for %s: %w", servers[peer].name, query, err)
		}
		if status != 200 {
			return "", 0, fmt.Errorf("%w: %s: %s gave status %d, body %.200q", ErrWrongAnswer, servers[peer].name, query, status, body)
		}
		return string(body), took, nil
	}
	list, _, err := ask(0, "list")
	if err != nil {
		return err
	}
	cases := strings.Split(list, "\n")
	product := make([]float64, s.Rounds) // sums of logarithms of ratios
	for i, name := range cases {
		query := func(runs int) string { return fmt.Sprintf("case=%s&n=%d", url.QueryEscape(name), runs) }
		runs := 4
		for warm := 0; warm < 3; { // the first runs are not compiled yet
			_, took, err := ask(0, query(runs))
			if err != nil {
				return err
			}
			target := pick(s.Quick, apiForQuick, apiFor)
			next := int(float64(runs) * min(16, float64(target)/float64(max(took, 1))))
			if took > target/2 || next >= apiRunsMax {
				warm++
			}
			runs = max(4, min(next, apiRunsMax))
		}
		for peer := range servers[1:] {
			if _, _, err := ask(1+peer, query(runs/4+1)); err != nil {
				return err
			}
		}
		took := make([]time.Duration, len(servers))
		results := make([]string, len(servers))
		err := s.inTurn(ctx, len(servers), func(round, peer int) (err error) {
			if results[peer], took[peer], err = ask(peer, query(runs)); err != nil {
				return err
			}
			cost.add(servers[peer].name, name, float64(took[peer])/float64(runs))
			return nil
		})
		if err != nil {
			return err
		}
		if len(servers) > 1 {
			if results[0] != results[1] {
				return fmt.Errorf("%w: %q run %d times gives %s on %s and %s on %s", ErrWrongAnswer, name, runs, results[0], servers[0].name, results[1], servers[1].name)
			}
			mine, theirs := cost.row(servers[0].name, name).Samples, cost.row(servers[1].name, name).Samples
			for round := range product {
				ratio.add("", name, theirs[round]/mine[round])
				product[round] += math.Log(theirs[round] / mine[round])
			}
		}
		s.progress("  %d of %d: %s", i+1, len(cases), name)
	}
	if len(servers) > 1 {
		for _, sum := range product {
			ratio.add("", "geometric mean", math.Exp(sum/float64(len(cases))))
		}
	}
	return nil
}
