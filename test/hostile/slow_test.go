package hostile

import (
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"skerry/test/e2e/rig"
)

// Goal: clients that send a byte a second, and very many of them, keep nobody else from being served, and are closed: those that do not
// finish their head, and those that are slower with their body than the minimum rate. (Short runs leave the waiting to unit tests.)
func TestSlowClients(t *testing.T) {
	victim := rig.Script("victim", `export default { async fetch(request) { return new Response("victim " + (await request.text()).length); } };`)
	s := rig.Serve(t, rig.Platform{Workers: append([]rig.Worker{victim}, innocents()...)})
	s.Ready(victim.Host(), "/")
	count := 10_000
	if testing.Short() {
		count = 500
	}
	quiet := percentile(t, s, victim)
	var conns []net.Conn
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	var heads, bodies atomic.Int64
	var readers sync.WaitGroup
	for i := range count {
		c, err := net.Dial("tcp", s.Addr)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
		head, closed := "GET / HTTP/1.1\r\nHost: victim.localhost\r\nX: ", &heads
		if i%2 == 0 {
			head, closed = "POST / HTTP/1.1\r\nHost: victim.localhost\r\nContent-Length: 100000\r\n\r\nx", &bodies
		}
		io.WriteString(c, head)
		readers.Go(func() { // ends with the connection
			io.Copy(io.Discard, c)
			closed.Add(1)
		})
	}
	crowd := newCrowd(t, s)
	busy := percentile(t, s, victim)
	start := time.Now()
	drip := time.NewTicker(time.Second)
	defer drip.Stop()
	wanted := func() bool { return testing.Short() || heads.Load()+bodies.Load() == int64(count) }
	for seconds := 0; seconds < 2 || !wanted() && seconds < 200; seconds++ {
		<-drip.C
		for _, c := range conns {
			c.Write([]byte("x")) // It may have been closed.
		}
		if answer := s.Get(victim.Host(), "/"); answer.Body != "victim 0" {
			t.Fatalf("answered %d %q", answer.Status, answer.Body)
		}
	}
	result := &seen{crime: crime{row: "35", name: fmt.Sprintf("%d clients that send a byte a second", count)}, wall: time.Since(start)}
	defer record(result)
	result.requests, result.failures = crowd.stop()
	result.body = fmt.Sprintf("closed: %d heads, %d bodies; p99 %v, quiet %v", heads.Load(), bodies.Load(), busy, quiet)
	switch {
	case len(result.failures) > 0:
		result.problem = "innocent: " + result.failures[0].text
	case !wanted():
		result.problem = result.body
	}
	if result.problem != "" {
		t.Error(result.problem)
	}
	for _, c := range conns {
		c.Close()
	}
	readers.Wait()
}

// percentile is how long the slowest of a hundred requests takes.
func percentile(t *testing.T, s *rig.Server, w rig.Worker) time.Duration {
	t.Helper()
	client := s.Client()
	var all []time.Duration
	for range 200 {
		start := time.Now()
		if answer, err := rig.Do(client, "GET", "http://"+w.Host()+"/", "", ""); err != nil || answer.Status != 200 {
			t.Fatalf("%d, %v", answer.Status, err)
		}
		all = append(all, time.Since(start))
	}
	slices.Sort(all)
	return all[len(all)-len(all)/100-1].Round(10 * time.Microsecond)
}

// Goal: a worker that gets more requests at once than it may have under way sheds the excess with the documented error; the others are
// answered, and so are its neighbours.
func TestFlood(t *testing.T) {
	count, settings, most := 10_000, []string(nil), 8192
	if testing.Short() {
		count, settings, most = 300, []string{"[limits]", "events = 200"}, 200
	}
	victim := rig.Script("victim", `export default { async fetch(request) { if (request.url.endsWith("/wait")) await scheduler.wait(8000); return new Response("victim"); } };`)
	if testing.Short() {
		victim = rig.Script("victim", `export default { async fetch(request) { if (request.url.endsWith("/wait")) await scheduler.wait(2000); return new Response("victim"); } };`)
	}
	s := rig.Serve(t, rig.Platform{Workers: append([]rig.Worker{victim}, innocents()...), Settings: settings})
	s.Ready(victim.Host(), "/")
	hosts := s.Hosts()
	crowd := newCrowd(t, s)
	defer crowd.stop()
	before, start := s.RSS(), time.Now()
	var served, shed, other atomic.Int64
	var wait sync.WaitGroup
	dialing := make(chan struct{}, 100)
	for range count {
		wait.Go(func() {
			dialing <- struct{}{}
			conn, err := net.Dial("tcp", s.Addr)
			if err != nil {
				<-dialing
				other.Add(1)
				return
			}
			io.WriteString(conn, "GET /wait HTTP/1.1\r\nHost: victim.localhost\r\nConnection: close\r\n\r\n")
			<-dialing
			switch statuses, body := answers(conn, ""); {
			case len(statuses) == 1 && statuses[0] == 200 && body == "victim":
				served.Add(1)
			case len(statuses) == 1 && statuses[0] == 503 && strings.HasPrefix(body, "error code: 1200\n"):
				shed.Add(1)
			default:
				other.Add(1)
			}
		})
	}
	wait.Wait()
	result := &seen{crime: crime{row: "47", name: fmt.Sprintf("%d requests at once for one worker", count)}, wall: time.Since(start)}
	defer record(result)
	result.requests, result.failures = crowd.stop()
	result.body = fmt.Sprintf("%d served, %d shed, %d else; %+d MiB", served.Load(), shed.Load(), other.Load(), (s.RSS()-before)>>20)
	for _, pid := range hosts {
		if !slices.Contains(s.Hosts(), pid) {
			result.died++
		}
	}
	switch {
	case other.Load() > 0 || served.Load() < int64(most) || shed.Load() == 0 || result.died > 0:
		result.problem = result.body
	case len(result.failures) > 0:
		result.problem = "innocent: " + result.failures[0].text
	}
	if result.problem != "" {
		t.Error(result.problem)
	}
}
