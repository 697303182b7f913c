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
	failures []string
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
				answer, err := rig.Do(client, "GET", "http://"+w.Host()+"/", "", "")
				var failure string
				switch {
				case err != nil:
					failure = err.Error()
				case answer.Status != 200 || len(answer.Body) < len(w.Name) || answer.Body[:len(w.Name)] != w.Name:
					failure = fmt.Sprintf("%s answered %d %.100q", w.Name, answer.Status, answer.Body)
				}
				c.mu.Lock()
				c.requests++
				if failure != "" {
					c.failures = append(c.failures, failure)
				}
				c.mu.Unlock()
			}
		})
	}
	return c
}

// stop ends the load. It returns how many requests there were and which of them failed.
func (c *crowd) stop() (requests int, failures []string) {
	c.once.Do(func() { close(c.quit) })
	c.wait.Wait()
	return c.requests, c.failures
}
