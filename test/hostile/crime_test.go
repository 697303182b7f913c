package hostile

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"skerry/test/e2e/rig"
)

// cpuLimit is the criminal's limit of CPU time per request in ms.
const cpuLimit = 50

// crime is one row of the table.
type crime struct {
	row  string // The number in the table, with a letter if there are several.
	name string
	// source is the body of a function (request, env, ctx) that the criminal's fetch runs at /crime. module stands before it, at the
	// top level.
	source, module string
	// files are further modules of the criminal.
	files map[string]string
	// codes are the error codes that the answer may have, answer a pattern for its body if it is no error page.
	codes  []int
	answer string
	// outcome is what the log must call it, "" if that does not matter. cpu is a limit of CPU time in ms other than cpuLimit.
	outcome string
	cpu     int
	// mayKill: the host process may end.
	mayKill bool
	// rounds is how often it is done, 1 if zero.
	rounds int
	// wallMax bounds the wait for the answer.
	wallMax time.Duration
	// grows bounds by how many bytes the processes of the platform may grow meanwhile, 0 if that does not matter.
	grows int64
	// log, if not nil, judges what the platform has printed; "" if it is right.
	log func(said string) string
	// lasts is what the platform prints when the crime is over, "" if it is over with the answer.
	lasts string
	// slow crimes are left out of short runs.
	slow bool
}

// limited are the codes of a worker that was ended at one of its limits.
var limited = []int{1102}

// lost are the codes of a request whose host process may have died of it.
var lost = []int{1102, 1101, 1105}

func (c crime) worker() rig.Worker {
	files := map[string]string{"src/index.js": c.module + `
export default {
  async fetch(request, env, ctx) {
    if (new URL(request.url).pathname !== "/crime") return new Response("innocent");
    const done = await (async (request, env, ctx) => {` + c.source + `
    })(request, env, ctx);
    return done instanceof Response ? done : new Response("done: " + done);
  },
};
`}
	for name, text := range c.files {
		files[name] = text
	}
	limit := cpuLimit
	if c.cpu > 0 {
		limit = c.cpu
	}
	return rig.Worker{Name: "criminal", CPU: limit, Files: files}
}

// seen is what was observed of a crime.
type seen struct {
	crime    crime
	status   int
	body     string
	outcome  string
	cpu      time.Duration
	wall     time.Duration
	died     int
	grown    int64
	requests int
	failures []failure
	problem  string
}

var errorCode = regexp.MustCompile(`error code: ([0-9]{4})`)

// commit does a crime beside the innocent and judges it.
func commit(t *testing.T, c crime) {
	t.Helper()
	commitWith(t, c)
}

// commitWith is commit with further lines of the configuration.
func commitWith(t *testing.T, c crime, settings ...string) {
	t.Helper()
	if c.slow && testing.Short() {
		t.Skip("left out of short runs: make hostile runs it")
	}
	criminal := c.worker()
	s := rig.Serve(t, rig.Platform{Workers: append([]rig.Worker{criminal}, innocents()...), Settings: append(settings, "[host]", "executors = 2")})
	s.Ready(criminal.Host(), "/")
	crowd := newCrowd(t, s)
	defer crowd.stop()

	result := &seen{crime: c}
	defer record(result)
	grown := growth(s, c.grows)
	defer grown()
	for range max(c.rounds, 1) {
		hosts := s.Hosts()
		start := time.Now()
		client := s.Client()
		client.Timeout = max(c.wallMax, 15*time.Second)
		answer, err := rig.Do(client, "GET", "http://"+criminal.Host()+"/crime", "", "")
		result.wall = max(result.wall, time.Since(start))
		if err != nil {
			result.problem = "no answer: " + err.Error()
			t.Errorf("%s %s: %s", c.row, c.name, result.problem)
			return
		}
		result.status, result.body = answer.Status, answer.Body
		s.Await(criminal.Host(), "/", "the criminal answers again", func(a rig.Answer) bool { return a.Body == "innocent" })
		rig.Until(t, "the log names the crime", func() bool {
			result.outcome, result.cpu = lastOutcome(s.Said())
			return result.outcome != "" || result.status == 200 // Events that went well are not in the log.
		}, s.Said)
		for _, pid := range hosts {
			if !slices.Contains(s.Hosts(), pid) {
				result.died++
			}
		}
		if c.outcome != "" && result.outcome != c.outcome {
			result.problem = "its outcome is " + result.outcome
			t.Errorf("%s %s: %s, want %s", c.row, c.name, result.problem, c.outcome)
		}
		if problem := c.judge(answer); problem != "" {
			result.problem = problem
			t.Errorf("%s %s: %s", c.row, c.name, problem)
		}
	}
	if c.lasts != "" {
		rig.Until(t, "the platform says "+c.lasts, func() bool { return strings.Contains(s.Said(), c.lasts) }, s.Said)
	}
	result.requests, result.failures = crowd.stop()
	if result.grown = grown(); c.grows > 0 && result.grown > c.grows {
		result.problem = fmt.Sprintf("the platform grew by %d MiB", result.grown>>20)
		t.Errorf("%s %s: %s", c.row, c.name, result.problem)
	}
	if c.log != nil {
		if problem := c.log(s.Said()); problem != "" {
			result.problem = problem
			t.Errorf("%s %s: %s", c.row, c.name, problem)
		}
	}
	if result.died > 0 && !c.mayKill {
		result.problem = fmt.Sprintf("%d host processes ended", result.died)
		t.Errorf("%s %s: %s; log:\n%s", c.row, c.name, result.problem, tail(s.Said(), 12))
	}
	if allowed := result.died * crowdSize; len(result.failures) > allowed {
		result.problem = fmt.Sprintf("%d innocent requests failed, %d were in flight", len(result.failures), allowed)
		t.Errorf("%s %s: %s: %v", c.row, c.name, result.problem, result.failures[:min(3, len(result.failures))])
	}
}

// growth watches the memory of a platform's processes until it is asked by how much it grew at most. most 0: it does not watch.
func growth(s *rig.Server, most int64) func() int64 {
	if most == 0 {
		return func() int64 { return 0 }
	}
	before, peak := s.RSS(), int64(0)
	quit, over := make(chan struct{}), make(chan struct{})
	go func() { // ends when it is asked
		defer close(over)
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		for {
			peak = max(peak, s.RSS()-before)
			select {
			case <-quit:
				return
			case <-ticker.C:
			}
		}
	}()
	return sync.OnceValue(func() int64 { close(quit); <-over; return peak })
}

// judge says what is wrong with an answer, "" if nothing is.
func (c crime) judge(answer rig.Answer) string {
	if c.answer != "" {
		if ok, err := regexp.MatchString("^(?s:"+c.answer+")$", answer.Body); err != nil || !ok {
			if len(c.codes) == 0 || !strings.Contains(answer.Body, "error code") {
				return fmt.Sprintf("answered %d %.300q, want %s", answer.Status, answer.Body, c.answer)
			}
		} else {
			return ""
		}
	}
	found := errorCode.FindStringSubmatch(answer.Body)
	if found == nil {
		return fmt.Sprintf("answered %d %.300q, want an error page with one of %v", answer.Status, answer.Body, c.codes)
	}
	for _, code := range c.codes {
		if found[1] == fmt.Sprint(code) {
			return ""
		}
	}
	return fmt.Sprintf("answered with %s, want one of %v", found[1], c.codes)
}

// lastOutcome finds the criminal's last request in the log: its outcome and CPU time.
func lastOutcome(said string) (string, time.Duration) {
	lines := strings.Split(said, "\n")
	for _, line := range slices.Backward(lines) {
		var entry struct {
			Msg, Worker, Path, Outcome string
			CPU                        int64
		}
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == "request" && entry.Worker == "criminal" && entry.Path == "/crime" {
			return entry.Outcome, time.Duration(entry.CPU)
		}
	}
	return "", 0
}

func tail(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
