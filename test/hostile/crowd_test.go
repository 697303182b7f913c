package hostile

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"skerry/test/e2e/rig"
)

// The innocent: how many workers there are, and how many requests to them are in flight at a time.
const (
	innocentWorkers = 20
	crowdSize       = 4
)

func innocents() []rig.Worker {
	workers := make([]rig.Worker, innocentWorkers)
	for i := range workers {
		name := fmt.Sprintf("innocent%02d", i)
		workers[i] = rig.Script(name, `let calls = 0;
export default {
  async fetch(request) {
    calls++;
    const body = new Uint8Array(1000 + calls % 1000).fill(calls);
    await null;
    return new Response("`+name+` " + body.length + " " + (request.headers.get("host") ?? ""));
  },
};
`)
	}
	return workers
}

// crowd asks the innocent in turn, as long as a crime goes on.
type crowd struct {
	quit chan struct{}
	wait sync.WaitGroup
	once sync.Once

	mu       sync.Mutex
	requests int
	failures []failure
}

// failure is an innocent request that did not go well.
type failure struct {
	start, end time.Time
	text       string
}

// during says whether the request was under way when something happened. The log tells of an end a moment after it.
func (f failure) during(at time.Time) bool {
	const late = 250 * time.Millisecond
	return at.After(f.start.Add(-late)) && at.Before(f.end.Add(late))
}

func (f failure) String() string {
	return fmt.Sprintf("%s after %v at %s", f.text, f.end.Sub(f.start).Round(time.Millisecond), f.end.Format(time.StampMilli))
}

// pace is the pause of each member of the crowd between two requests: steady load, not as much as goes.
const pace = 2 * time.Millisecond

func newCrowd(t *testing.T, s *rig.Server) *crowd {
	t.Helper()
	workers := innocents()
	for _, w := range workers {
		s.Ready(w.Host(), "/")
	}
	c := &crowd{quit: make(chan struct{})}
	for member := range crowdSize {
		c.wait.Go(func() {
			client := s.Client()
			client.Timeout = 20 * time.Second
			ticker := time.NewTicker(pace)
			defer ticker.Stop()
			for n := member; ; n += crowdSize {
				select {
				case <-c.quit:
					return
				case <-ticker.C:
				}
				w := workers[n%len(workers)]
				start := time.Now()
				answer, err := rig.Do(client, "GET", "http://"+w.Host()+"/", "", "")
				var problem string
				switch {
				case err != nil:
					problem = err.Error()
				case answer.Status != 200 || len(answer.Body) < len(w.Name) || answer.Body[:len(w.Name)] != w.Name:
					problem = fmt.Sprintf("%s answered %d %.100q", w.Name, answer.Status, answer.Body)
				}
				c.mu.Lock()
				c.requests++
				if problem != "" {
					c.failures = append(c.failures, failure{start, time.Now(), problem})
				}
				c.mu.Unlock()
			}
		})
	}
	return c
}

// stop ends the load. It returns how many requests there were and which of them failed.
func (c *crowd) stop() (requests int, failures []failure) {
	c.once.Do(func() { close(c.quit) })
	c.wait.Wait()
	return c.requests, c.failures
}
