package benchmark

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"sync"
	"time"
)

// LoadSpec is what the load generator is told on its standard input, as JSON. Exactly one of Each, Spread and Stream.
type LoadSpec struct {
	Addr string `json:"addr"`
	// Each is sent once per element, in order, on one connection: first requests.
	Each []Request `json:"each,omitempty"`
	// Pause is left between the elements of Each.
	Pause time.Duration `json:"pause_ns,omitempty"`
	// Spread is sent over and over on Connections connections for Duration; each connection starts at another element.
	Spread      []Request     `json:"spread,omitempty"`
	Connections int           `json:"connections,omitempty"`
	Duration    time.Duration `json:"duration_ns,omitempty"`
	// Stream is a body that is sent in chunks and must come back unchanged.
	Stream *StreamSpec `json:"stream,omitempty"`
}

// LoadResult is what the load generator says on its standard output, as JSON.
type LoadResult struct {
	Requests uint64        `json:"requests"`
	Elapsed  time.Duration `json:"elapsed_ns"`
	Mean     time.Duration `json:"mean_ns"`
	P50      time.Duration `json:"p50_ns"`
	P90      time.Duration `json:"p90_ns"`
	P99      time.Duration `json:"p99_ns"`
	Max      time.Duration `json:"max_ns"`
	// Bytes came back in a stream.
	Bytes int64 `json:"bytes,omitempty"`
	// Failed is the first failure, "" if there was none. Wrong: it was a wrong answer and not, say, a broken connection.
	Failed string `json:"failed,omitempty"`
	Wrong  bool   `json:"wrong,omitempty"`
}

// Load is the load generator: it reads a LoadSpec from in, does it and writes a LoadResult to out.
func Load(in io.Reader, out io.Writer) error {
	var spec LoadSpec
	if err := json.NewDecoder(in).Decode(&spec); err != nil {
		return fmt.Errorf("read what to do: %w", err)
	}
	result, err := load(spec)
	if err != nil {
		result.Failed = err.Error()
		result.Wrong = errors.Is(err, ErrWrongAnswer)
	}
	return json.NewEncoder(out).Encode(result)
}

func load(spec LoadSpec) (LoadResult, error) {
	switch {
	case spec.Stream != nil:
		return loadStream(spec.Addr, *spec.Stream)
	case spec.Each != nil:
		return loadEach(spec)
	case len(spec.Spread) > 0 && spec.Connections > 0:
		return loadSpread(spec)
	}
	return LoadResult{}, errors.New("nothing to do: neither each, spread nor stream")
}

func loadEach(spec LoadSpec) (LoadResult, error) {
	c, err := dial(spec.Addr)
	if err != nil {
		return LoadResult{}, err
	}
	defer c.close()
	var h histogram
	start := time.Now()
	for i, r := range spec.Each {
		if i > 0 {
			time.Sleep(spec.Pause)
		}
		if err := timed(c, r, r.bytes(), &h); err != nil {
			return h.result(time.Since(start)), err
		}
	}
	return h.result(time.Since(start)), nil
}

func loadSpread(spec LoadSpec) (LoadResult, error) {
	// One thread is enough to load any of the servers, and threads that look for work would take the processors from them.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	serialised := make([][]byte, len(spec.Spread))
	for i, r := range spec.Spread {
		serialised[i] = r.bytes()
	}
	clients := make([]*client, spec.Connections)
	for i := range clients {
		c, err := dial(spec.Addr)
		if err != nil {
			return LoadResult{}, err
		}
		defer c.close()
		clients[i] = c
	}
	histograms := make([]histogram, spec.Connections)
	failures := make([]error, spec.Connections)
	var wait sync.WaitGroup
	start := time.Now()
	for i, c := range clients {
		wait.Go(func() {
			for n := i; time.Since(start) < spec.Duration; n++ {
				n %= len(serialised)
				if err := timed(c, spec.Spread[n], serialised[n], &histograms[i]); err != nil {
					failures[i] = err
					return
				}
			}
		})
	}
	wait.Wait()
	elapsed := time.Since(start)
	for i := range histograms[1:] {
		histograms[0].merge(&histograms[1+i])
	}
	return histograms[0].result(elapsed), errors.Join(failures...)
}

func timed(c *client, r Request, serialised []byte, h *histogram) error {
	start := time.Now()
	status, body, err := c.do(serialised)
	h.record(time.Since(start))
	if err != nil {
		return fmt.Errorf("%s %s%s: %w", r.Method, r.Host, r.Path, err)
	}
	return r.check(status, body)
}

func (h *histogram) result(elapsed time.Duration) LoadResult {
	return LoadResult{Requests: h.total, Elapsed: elapsed, Mean: h.mean(),
		P50: h.quantile(0.5), P90: h.quantile(0.9), P99: h.quantile(0.99), Max: h.max}
}

// generate runs the load generator in a process of its own.
func (s *suite) generate(ctx context.Context, spec LoadSpec) (LoadResult, error) {
	in, err := json.Marshal(spec)
	if err != nil {
		return LoadResult{}, err
	}
	command := exec.CommandContext(ctx, s.Self, "bench", "load")
	return runLoad(command, in)
}

func runLoad(command *exec.Cmd, in []byte) (LoadResult, error) {
	var result LoadResult
	out, err := output(command, in)
	if err != nil {
		return result, fmt.Errorf("load generator: %w", err)
	}
	if err := json.Unmarshal(out, &result); err != nil {
		return result, fmt.Errorf("read what the load generator measured: %w", err)
	}
	switch {
	case result.Wrong:
		return result, fmt.Errorf("%w (%s)", ErrWrongAnswer, result.Failed)
	case result.Failed != "":
		return result, errors.New(result.Failed)
	}
	return result, nil
}
