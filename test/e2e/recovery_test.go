package e2e

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"skerry/test/e2e/rig"
)

// Goal: a host that dies is replaced, and nobody but its own requests notices. Method: kill -9 under load, several times.
// A request that was running in it may fail, but with the platform's answer and never with a broken connection.
func TestHostKilledUnderLoad(t *testing.T) {
	worker := rig.Script("steady", `export default { fetch() { return new Response("steady"); } };`)
	s := rig.Serve(t, rig.Platform{Workers: []rig.Worker{worker}})
	s.Ready(worker.Host(), "/")
	var answered atomic.Int64
	load := hammer(t, s, worker.Host(), "/", 8, func(a rig.Answer, err error) string {
		switch {
		case err != nil:
			return "the connection broke"
		case a.Status == 200 && a.Body == "steady":
			answered.Add(1)
		case a.Status == 502 && strings.Contains(a.Body, "error code: 1105"):
		case a.Status == 503 && strings.Contains(a.Body, "error code: 1200"):
		default:
			return "neither the answer nor that the host was lost"
		}
		return ""
	})
	// What a leak would show in; the first kill may set up things that stay.
	leaks := func() (files, goroutines float64) { return s.Metric("process_open_fds"), s.Metric("go_goroutines") }
	var back []time.Duration
	var files, goroutines float64
	client := s.Client()
	for round := range scaled(10, 3) {
		// The oldest serves; a younger one is kept warm to take its place.
		var hosts []int
		rig.Until(t, "a host serves and another is warm", func() bool { hosts = s.Hosts(); return len(hosts) >= 2 }, nil)
		if err := syscall.Kill(hosts[0], syscall.SIGKILL); err != nil {
			t.Fatalf("kill host %d: %v", hosts[0], err)
		}
		killed := time.Now()
		rig.Until(t, "a request made after the kill is answered", func() bool {
			answer, err := rig.Do(client, http.MethodGet, "http://"+worker.Host()+"/", "", "")
			return err == nil && answer.Body == "steady"
		}, nil)
		back = append(back, time.Since(killed))
		rig.Until(t, "the killed host is gone", func() bool { return !slices.Contains(s.Hosts(), hosts[0]) }, nil)
		const enough = 500
		before := answered.Load()
		rig.Until(t, "the new host has answered many requests", func() bool { return t.Failed() || answered.Load() >= before+enough }, nil)
		if round == 0 {
			rig.Until(t, "another host is warm again", func() bool { return len(s.Hosts()) >= 2 }, nil)
			files, goroutines = leaks()
		}
	}
	rig.Until(t, "another host is warm again", func() bool { return len(s.Hosts()) >= 2 }, nil)
	slices.Sort(back)
	t.Logf("%d kills; back after: median %v, longest %v", len(back), back[len(back)/2], back[len(back)-1])
	// Connections of the load come and go, so a few more are no leak; one for each kill and resource would be more.
	const slack = 8
	if nowFiles, nowGoroutines := leaks(); nowFiles > files+slack || nowGoroutines > goroutines+slack {
		t.Errorf("descriptors went from %v to %v, goroutines from %v to %v", files, nowFiles, goroutines, nowGoroutines)
	} else {
		t.Logf("descriptors %v then %v, goroutines %v then %v", files, nowFiles, goroutines, nowGoroutines)
	}
	if load.end() == 0 {
		t.Error("no request was made")
	}
	if s.Metric("skerry_host_restarts_total") == 0 {
		t.Error("the metrics count no host that was replaced")
	}
}

// Goal: more workers than isolates is no error: the least recently used make room. Method: many workers, few isolates,
// random requests; each answer must be the right worker's.
func TestManyWorkersFewIsolates(t *testing.T) {
	workers, isolates, requests := scaled(500, 60), scaled(100, 12), scaled(50_000, 600)
	platform := rig.Platform{Settings: []string{"[host]", fmt.Sprintf("isolates_max = %d", isolates)}}
	for i := range workers {
		name := fmt.Sprintf("worker%03d", i)
		platform.Workers = append(platform.Workers, rig.Script(name, fmt.Sprintf("let calls = 0;\nexport default { fetch() { calls++; return new Response(%q); } };\n", name)))
	}
	s := rig.Serve(t, platform)
	s.Ready(platform.Workers[0].Host(), "/")
	const seed = 20260601
	random := rand.New(rand.NewPCG(seed, seed))
	client := s.Client()
	const atOnce = 16
	var halfway int64
	for done := 0; done < requests; done += atOnce {
		if halfway == 0 && done >= requests/2 {
			halfway = s.RSS()
		}
		errors := make(chan string, atOnce)
		for range atOnce {
			worker := platform.Workers[random.IntN(workers)]
			go func() {
				answer, err := rig.Do(client, http.MethodGet, "http://"+worker.Host()+"/", "", "")
				if err != nil || answer.Status != 200 || answer.Body != worker.Name {
					errors <- fmt.Sprintf("%s: got %d %.200q, %v", worker.Name, answer.Status, answer.Body, err)
					return
				}
				errors <- ""
			}()
		}
		for range atOnce {
			if wrong := <-errors; wrong != "" {
				t.Fatalf("after %d requests (seed %d): %s", done, seed, wrong)
			}
		}
	}
	// A leak of one isolate in a hundred would be more than this.
	const slack = 24 << 20
	if end := s.RSS(); end > halfway+halfway/10+slack {
		t.Errorf("resident memory went from %d MiB halfway to %d MiB", halfway>>20, end>>20)
	} else {
		t.Logf("%d requests; resident memory %d MiB halfway, %d MiB at the end; %v cold starts, %v evictions", requests, halfway>>20, end>>20, s.Metric("skerry_requests_cold_total"), s.Metric("skerry_evictions_total"))
	}
	if live := s.Metric("skerry_isolates_live"); live > float64(isolates) {
		t.Errorf("%v isolates are live, and %d are allowed", live, isolates)
	}
	if evicted := s.Metric("skerry_evictions_total"); evicted < float64(workers-isolates) {
		t.Errorf("only %v isolates were evicted", evicted)
	}
}

// slow answers in two parts, far enough apart that a test can act between them.
var slow = rig.Script("slow", `export default {
  fetch(request) {
    if (new URL(request.url).pathname !== "/slow") return new Response("fine");
    const { readable, writable } = new TransformStream();
    (async () => {
      const writer = writable.getWriter();
      await writer.write(new TextEncoder().encode("first "));
      await new Promise((resolve) => setTimeout(resolve, 500));
      await writer.write(new TextEncoder().encode("second"));
      await writer.close();
    })();
    return new Response(readable);
  },
};
`)

// Goal: SIGTERM lets running requests end, then the process ends with 0. Method: a response whose first part has arrived.
func TestTerminateLetsRequestsEnd(t *testing.T) {
	for name, signal := range map[string]os.Signal{"SIGTERM": syscall.SIGTERM, "SIGINT": syscall.SIGINT} {
		t.Run(name, func(t *testing.T) {
			s := rig.Serve(t, rig.Platform{Workers: []rig.Worker{slow}})
			s.Ready(slow.Host(), "/")
			response, err := s.Client().Get("http://" + slow.Host() + "/slow")
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			part := make([]byte, len("first "))
			if _, err := io.ReadFull(response.Body, part); err != nil || string(part) != "first " {
				t.Fatalf("first part: %q, %v", part, err)
			}
			s.Signal(signal)
			rest, err := io.ReadAll(response.Body)
			if err != nil || string(rest) != "second" {
				t.Errorf("second part: %q, %v", rest, err)
			}
			hosts := s.Hosts()
			if code := s.Exit(); code != 0 {
				t.Errorf("exit code is %d, want 0", code)
			}
			for _, pid := range hosts {
				rig.Until(t, "the host has ended", func() bool { return syscall.Kill(pid, 0) != nil }, nil)
			}
			if _, err := rig.Do(s.Client(), http.MethodGet, "http://"+slow.Host()+"/", "", ""); !rig.IsRefused(err) {
				t.Errorf("after the end a request gives %v, want a refused connection", err)
			}
		})
	}
}

// Goal: SIGHUP reads the configuration again without a failed request. Method: a changed worker under load.
func TestHangupReloads(t *testing.T) {
	worker := rig.Worker{Name: "edited", Main: "src/index.ts", Files: map[string]string{"src/index.ts": edition(0)}}
	s := rig.Serve(t, rig.Platform{Workers: []rig.Worker{worker}})
	s.Ready(worker.Host(), "/")
	load := hammer(t, s, worker.Host(), "/", 4, func(a rig.Answer, err error) string {
		if err != nil || a.Status != 200 || !editionText.MatchString(a.Body) {
			return "a request failed during a reload"
		}
		return ""
	})
	rig.WriteFile(t, filepath.Join(s.Dir(), worker.Name, "src/index.ts"), edition(1))
	s.Signal(syscall.SIGHUP)
	s.Await(worker.Host(), "/", "edition 1", func(a rig.Answer) bool { return a.Body == "edition 1" })
	if load.end() == 0 {
		t.Error("no request was made")
	}
}
