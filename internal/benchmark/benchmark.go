// Package benchmark is the engine of `skerry bench`: it measures Skerry as a whole system, as a user starts it, against
// peers in the same run, round by round in turn, so that a figure can be reproduced and a busy machine is busy for all.
//
// It is not a profiler and not a test of single functions: it knows nothing of Skerry's packages and uses only the
// binary, its configuration file and HTTP. Called by cmd/skerry alone.
//
// Processes: every server under test and the load generator (Load, in a child process of the same binary, so that the
// client's CPU time is never counted as a server's). Goroutines: one per connection in the load generator, one per child
// process to reap it. All have ended when Run returns.
package benchmark

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Options say what to measure and where the programs are.
type Options struct {
	// Self is the skerry binary under test, which is also the load generator.
	Self string
	// Node is the Node.js binary of the peers `node` and `node process`.
	Node string
	// Sandbox is the mode in which `skerry serve` starts its isolate hosts. Empty: its default.
	Sandbox string
	// Workerd is a workerd binary. Empty: that peer is left out.
	Workerd string
	// Only names the groups to run. Empty: all of Groups.
	Only []string
	// Duration is the length of one measured interval of load.
	Duration time.Duration
	// Rounds is how often each peer takes its turn.
	Rounds int
	// Quick takes smaller numbers of workers and bytes: a smoke test, not a figure to quote.
	Quick bool
	// Progress receives one line per step. nil: none.
	Progress io.Writer
}

// group is one selectable part of the benchmark.
type group struct {
	name    string
	summary string
	run     func(context.Context, *suite) error
}

var groups = []group{
	{"cold", "first request to a worker, against a process per tenant", runCold},
	{"warm", "latency on one connection", runWarm},
	{"throughput", "requests per second and CPU time per request on 32 connections", runThroughput},
	{"memory", "resident memory per worker", runMemory},
	{"stream", "bodies echoed, untouched and through JavaScript", runStream},
	{"api", "parts of the web platform within a worker, against workerd", runAPI},
	{"neighbour", "a victim beside tenants that spin", runNeighbour},
}

// Groups lists the names that Options.Only may hold, each with what it measures.
func Groups() [][2]string {
	out := make([][2]string, len(groups))
	for i, g := range groups {
		out[i] = [2]string{g.name, g.summary}
	}
	return out
}

// ErrWrongAnswer is wrapped by the error of Run when a server answered something else than it should have.
var ErrWrongAnswer = errors.New("wrong answer")

// suite is one run.
type suite struct {
	Options
	dir    string // Of the run; removed at its end.
	report *Report
	dirs   int
}

// Run measures and returns the report. The report is not nil even if there is an error: it holds what was measured before.
func Run(ctx context.Context, o Options) (*Report, error) {
	s := &suite{Options: o, report: newReport(o)}
	if s.Duration <= 0 {
		s.Duration = pick(s.Quick, time.Second, 5*time.Second)
	}
	if s.Rounds <= 0 {
		s.Rounds = pick(s.Quick, 1, 5)
	}
	for _, name := range s.Only {
		if !slices.ContainsFunc(groups, func(g group) bool { return g.name == name }) {
			return s.report, fmt.Errorf("no benchmark is called %q; there are %s", name, groupNames())
		}
	}
	for _, binary := range []string{s.Self, s.Node, s.Workerd} {
		if binary == "" {
			continue
		}
		if info, err := os.Stat(binary); err != nil {
			return s.report, fmt.Errorf("find the program to measure: %w", err)
		} else if info.IsDir() || info.Mode()&0o111 == 0 {
			return s.report, fmt.Errorf("%s is not a program", binary)
		}
	}
	dir, err := os.MkdirTemp("", "skerry-bench-")
	if err != nil {
		return s.report, err
	}
	defer os.RemoveAll(dir)
	s.dir = dir
	s.report.describe(ctx, o)

	for _, g := range groups {
		if len(s.Only) > 0 && !slices.Contains(s.Only, g.name) {
			continue
		}
		s.progress("%s: %s", g.name, g.summary)
		if err := g.run(ctx, s); err != nil {
			return s.report, fmt.Errorf("benchmark %s: %w", g.name, err)
		}
	}
	return s.report, nil
}

func groupNames() string {
	var names []string
	for _, g := range groups {
		names = append(names, g.name)
	}
	return strings.Join(names, ", ")
}

func (s *suite) progress(format string, args ...any) {
	if s.Progress != nil {
		fmt.Fprintf(s.Progress, format+"\n", args...)
	}
}

// newDir makes an empty directory that lives as long as the run.
func (s *suite) newDir() (string, error) {
	s.dirs++
	dir := filepath.Join(s.dir, fmt.Sprintf("%03d", s.dirs))
	return dir, os.Mkdir(dir, 0o755)
}

// inTurn calls measure for each of n peers in each round. Each round starts with another peer, so that none always follows the same.
func (s *suite) inTurn(ctx context.Context, n int, measure func(round, peer int) error) error {
	for round := range s.Rounds {
		for i := range n {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := measure(round, (round+i)%n); err != nil {
				return err
			}
		}
	}
	return nil
}

func pick[T any](cond bool, yes, no T) T {
	if cond {
		return yes
	}
	return no
}
