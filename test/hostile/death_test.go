package hostile

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"skerry/test/e2e/rig"
)

// Goal: hosts that are killed at random, again and again, cost nothing but what was running in them at that instant: each such request gets
// one clean error, the others are answered, elsewhere if need be, and nothing is left behind. How soon a death is known of is told (10 ms is
// what a machine with time to spare should have).
func TestKilledAtRandom(t *testing.T) {
	rounds := 1000
	if testing.Short() {
		rounds = 12
	}
	result := &seen{crime: crime{row: "29", name: fmt.Sprintf("SIGKILL of a host at random, %d times", rounds)}}
	defer record(result)
	defer result.failedWith(t)
	s := rig.Serve(t, rig.Platform{Workers: innocents(), Settings: []string{"[host]", "executors = 2", "hosts = 2"}})
	crowd := newCrowd(t, s)
	defer crowd.stop()
	const seed = 20261123
	random := rand.New(rand.NewPCG(seed, seed))
	all := func() []int {
		var hosts []int
		// One that is not ready yet has nothing to do with requests.
		rig.Until(t, "two hosts serve and one is warm", func() bool { hosts = s.Hosts(); return len(hosts) == 3 && s.Metric("skerry_hosts") == 3 }, nil)
		return hosts
	}
	type figures struct {
		files, goroutines float64
		rss               int64
	}
	look := func() figures {
		all()
		return figures{s.Metric("process_open_fds"), s.Metric("go_goroutines"), int64(s.Metric("process_resident_memory_bytes"))}
	}
	killed := make(map[int]time.Time)
	var warm figures
	start := time.Now()
	for round := range rounds {
		hosts := all()
		pid := hosts[random.IntN(len(hosts))]
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatalf("kill host %d: %v", pid, err)
		}
		killed[pid] = time.Now()
		rig.Until(t, "the killed host is gone", func() bool { return !slices.Contains(s.Hosts(), pid) }, nil)
		if round == rounds/10 { // What the first ones set up stays.
			warm = look()
		}
	}
	end := look()
	result.wall = time.Since(start)
	result.requests, result.failures = crowd.stop()
	result.died = rounds
	var took []time.Duration
	for line := range strings.Lines(s.Said()) {
		var entry struct {
			Msg     string
			Pid     int
			Noticed time.Time
		}
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == "isolate host died" && !killed[entry.Pid].IsZero() {
			took = append(took, entry.Noticed.Sub(killed[entry.Pid]))
		}
	}
	slices.Sort(took)
	if len(took) == 0 {
		t.Fatalf("the log tells of no death:\n%s", tail(s.Said(), 10))
	}
	median, late := took[len(took)/2], took[len(took)*99/100]
	result.body = fmt.Sprintf("known of after %v (p99 %v), %d deaths", median.Round(100*time.Microsecond), late.Round(100*time.Microsecond), len(took))
	for _, failure := range result.failures {
		if !strings.Contains(failure.text, "error code: 1105") && !strings.Contains(failure.text, "error code: 1200") {
			t.Errorf("a request that met a death: %s, want one clean error", failure)
		}
	}
	if allowed := rounds * crowdSize; len(result.failures) > allowed {
		t.Errorf("%d requests failed, at most %d were in flight", len(result.failures), allowed)
	}
	const slack, slackBytes = 16, 48 << 20
	if end.files > warm.files+slack || end.goroutines > warm.goroutines+slack || end.rss > warm.rss+slackBytes {
		t.Errorf("after a tenth of the kills %+v, at the end %+v", warm, end)
	}
	t.Logf("%d kills (seed %d), %d requests, %d of them met one; deaths known of after %v in the median, %v at p99; at first %+v, at the end %+v",
		rounds, seed, result.requests, len(result.failures), median, late, warm, end)
}

// Goal: more workers at once than a process may have isolates are no error: the least recently used make room. Method: twice as many
// as may be, all of them asked, twice.
func TestMoreIsolatesThanFit(t *testing.T) {
	fit := 1500 // The default.
	if testing.Short() {
		fit = 40
	}
	result := &seen{crime: crime{row: "51", name: fmt.Sprintf("%d workers where %d isolates fit", 2*fit, fit)}}
	defer record(result)
	defer result.failedWith(t)
	platform := rig.Platform{Settings: []string{"[host]", fmt.Sprintf("isolates_max = %d", fit)}}
	for i := range 2 * fit {
		name := fmt.Sprintf("worker%04d", i)
		platform.Workers = append(platform.Workers, rig.Script(name, fmt.Sprintf("export default { fetch() { return new Response(%q); } };\n", name)))
	}
	start := time.Now()
	s := rig.Serve(t, platform)
	s.Ready(platform.Workers[0].Host(), "/")
	hosts := s.Hosts()
	client := s.Client()
	const atOnce = 8
	for range 2 {
		for first := 0; first < len(platform.Workers); first += atOnce {
			wrong := make(chan string, atOnce)
			for _, w := range platform.Workers[first:min(first+atOnce, len(platform.Workers))] {
				go func() {
					answer, err := rig.Do(client, "GET", "http://"+w.Host()+"/", "", "")
					if err != nil || answer.Status != 200 || answer.Body != w.Name {
						wrong <- fmt.Sprintf("%s answers %d %.100q, %v", w.Name, answer.Status, answer.Body, err)
						return
					}
					wrong <- ""
				}()
			}
			for range min(atOnce, len(platform.Workers)-first) {
				result.requests++
				if text := <-wrong; text != "" {
					result.failures = append(result.failures, failure{start, time.Now(), text})
				}
			}
		}
	}
	result.wall = time.Since(start)
	for _, pid := range hosts {
		if !slices.Contains(s.Hosts(), pid) {
			result.died++
		}
	}
	live, evicted := s.Metric("skerry_isolates_live"), s.Metric("skerry_evictions_total")
	result.body = fmt.Sprintf("%v live, %v evicted", live, evicted)
	switch {
	case len(result.failures) > 0:
		t.Errorf("%d requests failed: %s", len(result.failures), result.failures[0])
	case result.died > 0 || strings.Contains(s.Said(), "MemoryChunk"):
		t.Errorf("%d hosts ended:\n%s", result.died, tail(s.Said(), 10))
	case live > float64(fit) || evicted < float64(fit):
		t.Errorf("%v isolates are live and %v were evicted, %d fit", live, evicted, fit)
	}
}
