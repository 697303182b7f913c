package hostile

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"skerry/test/e2e/rig"
)

// The long run of tenants that end their process: how many there are, how often each does it, and over which time.
const (
	killers          = 20
	killsEach        = 50
	killersTime      = 10 * time.Minute
	killersTimeShort = "SKERRY_KILLERS_TIME" // The environment variable that shortens it: "200s".
)

// killings end a host process of V8 14.6: by an abort of the engine, or since a thread cannot be stopped.
var killings = []struct{ name, source string }{
	{"split of 2^27 characters", `"x".repeat(2 ** 27 + 10).split("");`},
	{"indexOf of 2^53-1", `Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1);`},
	{"replaceAll of 2^27 characters", `"x".repeat(2 ** 27).replaceAll("x", "yy");`},
	{"sort of 2^32-2", `Array.prototype.sort.call({ length: 2 ** 32 - 2 });`},
}

// TestKillers lets twenty tenants end their process again and again beside twenty innocent ones: acceptance of blame, quarantine and
// back-off. Innocent requests may fail only if they were in flight when a process died that they shared with a killer, which is over
// once each killer has been found out; what the supervisor holds must not grow.
func TestKillers(t *testing.T) {
	if testing.Short() {
		t.Skip("left out of short runs: make hostile runs it")
	}
	total := killersTime
	if text := os.Getenv(killersTimeShort); text != "" {
		var err error
		if total, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	workers := innocents()
	for i := range killers {
		w := crime{source: killings[i%len(killings)].source}.worker()
		w.Name = fmt.Sprintf("killer%02d", i)
		workers = append(workers, w)
	}
	s := rig.Serve(t, rig.Platform{Workers: workers, Settings: []string{"[host]", "executors = 2"}})
	for _, w := range workers {
		s.Ready(w.Host(), "/")
	}
	crowd := newCrowd(t, s)
	defer crowd.stop()

	start := time.Now()
	var (
		mu      sync.Mutex
		codes   = map[string]int{}
		slowest time.Duration
		wait    sync.WaitGroup
	)
	for i, w := range workers[innocentWorkers:] {
		wait.Go(func() {
			client := s.Client()
			client.Timeout = 40 * time.Second
			for n := range killsEach {
				time.Sleep(time.Until(start.Add(total * time.Duration(n*killers+i) / (killers * killsEach))))
				asked := time.Now()
				answer, err := rig.Do(client, "GET", "http://"+w.Host()+"/crime", "", "")
				outcome := "no answer"
				if err == nil {
					outcome = fmt.Sprintf("%d %s", answer.Status, errorCode.FindString(answer.Body))
				} else {
					t.Errorf("%s got no answer: %v", w.Name, err)
				}
				mu.Lock()
				codes[outcome]++
				slowest = max(slowest, time.Since(asked))
				mu.Unlock()
			}
		})
	}
	// What the supervisor holds, from a fifth of the time on: by then each killer has its process and caches are warm.
	time.Sleep(total / 5)
	before := holdings(s)
	wait.Wait()
	requests, failures := crowd.stop()
	after := holdings(s)

	said := s.Said()
	deaths, moved, refused := ends(said)
	t.Logf("%d killer events over %v: %v, slowest answer %v", killers*killsEach, time.Since(start).Round(time.Second), codes, slowest.Round(time.Millisecond))
	t.Logf("%d processes died or were given up; moved to a process of their own: %d workers; made to wait: %d workers", len(deaths), len(moved), len(refused))
	t.Logf("%d innocent requests, %d failed; supervisor at a fifth of the time %v, at the end %v", requests, len(failures), before, after)

	for i := range killers {
		if name := fmt.Sprintf("killer%02d", i); !moved[name] {
			t.Errorf("%s was not found out", name)
		}
	}
	for name := range moved {
		if !strings.HasPrefix(name, "killer") {
			t.Errorf("%s was taken for a killer", name)
		}
	}
	if allowed := 2 * killers * crowdSize; len(failures) > allowed {
		t.Errorf("%d innocent requests failed, at most %d can have been in flight on a process shared with a killer", len(failures), allowed)
	}
	for _, f := range failures {
		if !slices.ContainsFunc(deaths, func(at time.Time) bool { return f.during(at) }) {
			t.Errorf("an innocent request failed while no process died: %v", f)
		}
	}
	if len(refused) == 0 {
		t.Error("no killer was made to wait")
	}
	if after.goroutines > before.goroutines+50 || after.descriptors > before.descriptors+50 || after.resident > before.resident+32<<20 {
		t.Errorf("the supervisor grew from %v to %v", before, after)
	}
}

// holding is what the supervisor holds at a moment.
type holding struct {
	resident    int64 // Bytes.
	goroutines  int
	descriptors int
}

func (h holding) String() string {
	return fmt.Sprintf("%.1f MiB, %d goroutines, %d descriptors", float64(h.resident)/(1<<20), h.goroutines, h.descriptors)
}

func holdings(s *rig.Server) holding {
	descriptors, _ := os.ReadDir(filepath.Join("/proc", fmt.Sprint(s.PID()), "fd"))
	return holding{rig.Resident(s.PID()), int(s.Metric("go_goroutines")), len(descriptors)}
}

// ends reads from the log when processes died, which workers were moved to one of their own and which were made to wait.
func ends(said string) (deaths []time.Time, moved, refused map[string]bool) {
	moved, refused = map[string]bool{}, map[string]bool{}
	for line := range strings.Lines(said) {
		var entry struct {
			Time        time.Time
			Msg, Worker string
		}
		if json.Unmarshal([]byte(line), &entry) != nil {
			continue
		}
		switch {
		case strings.HasPrefix(entry.Msg, "isolate host died"), strings.HasPrefix(entry.Msg, "isolate host is being replaced"), strings.HasPrefix(entry.Msg, "isolate host retired"):
			deaths = append(deaths, entry.Time)
		case strings.HasPrefix(entry.Msg, "worker is moved to a host of its own"):
			moved[entry.Worker] = true
		case strings.HasPrefix(entry.Msg, "worker is not run for a while"):
			refused[entry.Worker] = true
		}
	}
	return deaths, moved, refused
}
