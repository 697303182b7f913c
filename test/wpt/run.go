package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Status is what the tests' harness says of a file.
type Status string

// The statuses of a file. A crash is what the harness cannot say: no result came at all.
const (
	OK      Status = "OK"
	Error   Status = "ERROR"
	Timeout Status = "TIMEOUT"
	Crash   Status = "CRASH"
	// Either stands in the ledger alone: the file may end in any way, which depends on the machine's speed.
	Either Status = "EITHER"
)

// fileStatuses are the numbers of testharness.js. 3 is "precondition failed".
var fileStatuses = []Status{OK, Error, Timeout, Error}

// Verdict is what the harness says of a subtest.
type Verdict string

// The verdicts.
const (
	Pass     Verdict = "PASS"
	Fail     Verdict = "FAIL"
	TimedOut Verdict = "TIMEOUT"
	NotRun   Verdict = "NOTRUN"
)

// verdicts are the numbers of testharness.js. 4, a precondition that does not hold, is a failure here: the platform lacks it.
var verdicts = []Verdict{Pass, Fail, TimedOut, NotRun, Fail}

// An outcome is what running a test found.
type outcome struct {
	Status  Status    `json:"status"`
	Message string    `json:"message,omitempty"`
	Tests   []subtest `json:"tests"`
}

type subtest struct {
	Name    string  `json:"name"`
	Verdict Verdict `json:"verdict"`
	Message string  `json:"message,omitempty"`
}

// grace is what a test gets beyond its time limit to say so itself.
const grace = 15 * time.Second

// messageMax is the longest message of a subtest that is kept, in bytes.
const messageMax = 600

// runAll runs the tests on a platform, o.jobs at the same time. A test that gives no result is tried once more alone, since
// another may have taken the server down with it.
func runAll(ctx context.Context, p *platform, tests []*test, o options) ([]outcome, error) {
	outcomes := make([]outcome, len(tests))
	size := p.batch
	if size == 0 {
		size = max(1, len(tests))
	}
	for first := 0; first < len(tests); first += size {
		last := min(first+size, len(tests))
		if err := runBatch(ctx, p, tests[first:last], outcomes[first:last], o); err != nil {
			return nil, err
		}
		fmt.Fprintf(os.Stderr, "%s: %d of %d\n", p.name, last, len(tests))
	}
	return outcomes, nil
}

func runBatch(ctx context.Context, p *platform, tests []*test, outcomes []outcome, o options) error {
	server, addr, err := p.start(ctx, tests)
	if err != nil {
		return err
	}
	defer func() { server.stop() }()
	client := clientTo(addr)
	var next atomic.Int64
	var group sync.WaitGroup
	for range o.jobs {
		group.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(tests) || ctx.Err() != nil {
					return
				}
				outcomes[i] = ask(ctx, client, i, tests[i])
				progress(p.name, i, tests[i], &outcomes[i])
			}
		})
	}
	group.Wait()
	for i := range tests {
		if outcomes[i].Status != Crash || ctx.Err() != nil {
			continue
		}
		if server.ended() || ping(ctx, client, "http://porter.localhost/") != nil {
			server.stop()
			if server, addr, err = p.start(ctx, tests); err != nil {
				return err
			}
			client = clientTo(addr)
		}
		outcomes[i] = ask(ctx, client, i, tests[i])
	}
	return ctx.Err()
}

// progressEvery is the number of tests between two lines of progress.
const progressEvery = 50

func progress(platform string, i int, t *test, o *outcome) {
	if o.Status == Crash {
		fmt.Fprintf(os.Stderr, "%s: %s: %.300s\n", platform, t.name(), o.Message)
	}
	if (i+1)%progressEvery == 0 {
		fmt.Fprintf(os.Stderr, "%s: test %d, %s\n", platform, i+1, t.name())
	}
}

// ask runs one test: the request's answer is its results.
func ask(ctx context.Context, client *http.Client, i int, t *test) outcome {
	limited, cancel := context.WithTimeout(ctx, t.limit+grace)
	defer cancel()
	body, err := get(limited, client, fmt.Sprintf("http://t%d.localhost/", i))
	switch {
	case limited.Err() != nil:
		return outcome{Status: Timeout, Message: "no results in time", Tests: []subtest{}}
	case err != nil:
		return outcome{Status: Crash, Message: err.Error(), Tests: []subtest{}}
	}
	found, err := decode(body)
	if err != nil {
		return outcome{Status: Crash, Message: fmt.Sprintf("%v: %.200s", err, body), Tests: []subtest{}}
	}
	return found
}

// decode reads what harness.js answers.
func decode(body []byte) (outcome, error) {
	var answer struct {
		Status  int
		Message *string
		Tests   []struct {
			Name    string
			Status  int
			Message *string
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return outcome{}, fmt.Errorf("not the results of a test: %w", err)
	}
	if answer.Status < 0 || answer.Status >= len(fileStatuses) {
		return outcome{}, fmt.Errorf("unknown status %d", answer.Status)
	}
	o := outcome{Status: fileStatuses[answer.Status], Message: short(answer.Message), Tests: make([]subtest, len(answer.Tests))}
	for i, t := range answer.Tests {
		if t.Status < 0 || t.Status >= len(verdicts) {
			return outcome{}, fmt.Errorf("unknown status %d of %q", t.Status, t.Name)
		}
		o.Tests[i] = subtest{Name: t.Name, Verdict: verdicts[t.Status], Message: short(t.Message)}
	}
	return o, nil
}

func short(message *string) string {
	if message == nil {
		return ""
	}
	return (*message)[:min(len(*message), messageMax)]
}
