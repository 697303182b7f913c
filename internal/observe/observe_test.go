package observe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/slogtest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"skerry/internal/worker"
)

func testConsole(w io.Writer, colour bool) *Console {
	c := NewConsole(w, slog.LevelInfo)
	c.out.colour = colour
	c.out.now = func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC) }
	return c
}

func TestConsole(t *testing.T) {
	var b bytes.Buffer
	c := testConsole(&b, false)
	c.Request(&Request{Method: "GET", Path: "/a?b", Status: 200, Wall: 1234 * time.Microsecond, CPU: 150 * time.Microsecond, Dispatched: true, Cold: true})
	c.Request(&Request{Method: "POST", Path: "/\x1b[2J\r\n", Status: 500, Wall: 123 * time.Millisecond, CPU: 15 * time.Millisecond, Dispatched: true, Outcome: worker.Exception,
		Message: "Error: no\x1b[31m", Stack: "Error: no\x1b[31m\n    at f (src/a.ts:1:2)\n",
		Excerpt: "> 1 │ throw\n    │ ^\n"})
	c.Request(&Request{Method: "GET", Path: "/", Status: 404})
	c.Log(slog.LevelInfo, "one\ntwo\x07\n")
	l := slog.New(c).With("a", 1).WithGroup("g")
	l.Warn("watch\nout", "text", "two words", "err", errors.New("x\x00"), slog.Group("h", "i", 1))
	l.Debug("unseen")
	expected := `03:04:05.006 GET /a?b 200 1.23ms cpu 0.15ms cold
03:04:05.006 POST /\x1b[2J\r\n 500 123ms cpu 15.0ms warm exception
  Error: no\x1b[31m
    > 1 │ throw
        │ ^
    at f (src/a.ts:1:2)
03:04:05.006 GET / 404 0.00ms
│ one
│ two\a
03:04:05.006 warning watch\nout a=1 g.text="two words" g.err=x\x00 g.h.i=1
`
	if b.String() != expected {
		t.Errorf("got\n%s\nexpected\n%s", b.String(), expected)
	}
	b.Reset()
	testConsole(&b, true).Request(&Request{Method: "GET", Path: "/", Status: 200})
	if !strings.Contains(b.String(), "\x1b[32m200\x1b[0m") {
		t.Errorf("no colours: %q", b.String())
	}
}

func TestPrintable(t *testing.T) {
	for in, expected := range map[string]string{
		"plain é 日本": "plain é 日本", "a\tb": "a    b", "\x1b]0;x\x07": `\x1b]0;x\a`, "\u202eevil": `\u202eevil`, "\u0085\u009b": `\u0085\u009b`, "a\nb": `a\nb`,
	} {
		if got := Printable(in); got != expected {
			t.Errorf("%q: %q, expected %q", in, got, expected)
		}
	}
}

// TestSlogContract runs the standard library's tests of handlers: groups and attributes.
func TestSlogContract(t *testing.T) {
	var b bytes.Buffer
	c := testConsole(&b, false)
	err := slogtest.TestHandler(c, func() []map[string]any {
		var all []map[string]any
		for _, text := range strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n") {
			stamp, rest, _ := strings.Cut(text, " ")
			m := map[string]any{"level": "INFO"}
			_ = stamp
			words := strings.Fields(rest)
			m["msg"] = words[0]
			for _, word := range words[1:] {
				key, value, _ := strings.Cut(word, "=")
				into := m
				parts := strings.Split(key, ".")
				for _, part := range parts[:len(parts)-1] {
					if into[part] == nil {
						into[part] = map[string]any{}
					}
					into = into[part].(map[string]any)
				}
				into[parts[len(parts)-1]] = value
			}
			all = append(all, m)
		}
		return all
	})
	if err != nil {
		// The console always shows the time of writing; records without a time are not its concern.
		for _, line := range strings.Split(err.Error(), "\n") {
			if !strings.Contains(line, "time") && strings.TrimSpace(line) != "" {
				t.Error(line)
			}
		}
	}
}

func TestMetrics(t *testing.T) {
	m := NewMetrics(MetricsConfig{PerWorker: true, Workers: 2, Version: "1", Stats: func() (Stats, bool) { return Stats{IsolatesLive: 7, HostRestarts: 3}, true }})
	for i := range 4 {
		m.Observe(&Request{Dispatched: true, Worker: fmt.Sprint("w", i), Outcome: worker.OK, Wall: time.Millisecond, Cold: i == 0, Bytes: 10})
	}
	m.Observe(&Request{Dispatched: true, Worker: "w0", Outcome: worker.ExceededCPU})
	m.Observe(&Request{Dispatched: true, Worker: "w0", Outcome: worker.Outcome(200)})
	m.Observe(&Request{Status: 404})
	expected := `
# HELP skerry_worker_requests_total Requests that reached a worker, by worker and outcome.
# TYPE skerry_worker_requests_total counter
`
	for _, name := range []string{"(other)", "w0", "w1"} {
		for _, outcome := range []string{"canceled", "exceededCpu", "exceededMemory", "exception", "hostLost", "hung", "internalError", "loadShed", "ok", "scriptInvalid"} {
			n := 0
			switch {
			case outcome == "ok" && name == "(other)":
				n = 2
			case outcome == "ok", name == "w0" && (outcome == "exceededCpu" || outcome == "internalError"):
				n = 1
			}
			expected += fmt.Sprintf("skerry_worker_requests_total{outcome=%q,worker=%q} %d\n", outcome, name, n)
		}
	}
	if err := testutil.GatherAndCompare(m.registry, strings.NewReader(expected), "skerry_worker_requests_total"); err != nil {
		t.Error(err)
	}
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, text := range []string{`skerry_requests_total{outcome="ok"} 4`, `skerry_requests_total{outcome="hung"} 0`, "skerry_requests_refused_total 1", "skerry_requests_cold_total 1",
		"skerry_response_bytes_total 40", "skerry_isolates_live 7", "skerry_host_restarts_total 3", `skerry_build_info{version="1"} 1`, "go_goroutines", "skerry_request_seconds_count 7", "skerry_request_cpu_seconds_count 6", "skerry_startup_seconds_count 1"} {
		if !strings.Contains(w.Body.String(), text) {
			t.Errorf("%s is not in the metrics", text)
		}
	}
	if problems, err := testutil.GatherAndLint(m.registry); err != nil || len(problems) > 0 {
		t.Error(problems, err)
	}
	var _ prometheus.Collector = newStatsCollector(nil)
}

func TestAccess(t *testing.T) {
	var b bytes.Buffer
	a := Access{Logger: slog.New(slog.NewJSONHandler(&b, nil))}
	a.Observe(&Request{Status: 200})
	a.Observe(&Request{Status: 499, Outcome: worker.Canceled})
	if b.Len() != 0 {
		t.Errorf("logged %s", b.String())
	}
	a.Observe(&Request{Status: 503, Outcome: worker.ExceededCPU, Worker: "w", Message: "m"})
	var record map[string]any
	if err := json.Unmarshal(b.Bytes(), &record); err != nil || record["outcome"] != "exceededCpu" || record["level"] != "WARN" || record["worker"] != "w" {
		t.Errorf("record %v, %v", record, err)
	}
}

func BenchmarkObserve(b *testing.B) {
	m := NewMetrics(MetricsConfig{PerWorker: true})
	r := &Request{Dispatched: true, Worker: "w", Bytes: 12}
	b.ReportAllocs()
	for b.Loop() {
		m.Observe(r)
	}
}
