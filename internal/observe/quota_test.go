package observe

import (
	"strings"
	"testing"
	"time"
)

// Goal: a worker may log a burst and then at a rate; what is over it is dropped and said; others are not touched.
func TestQuota(t *testing.T) {
	var q Quota
	now := time.Unix(1000, 0)
	const line = 10_000 - consoleLineCost
	passed := 0
	var notices []string
	for range 200 {
		ok, notice := q.Take("loud", line, now)
		if ok {
			passed++
		}
		if notice != "" {
			notices = append(notices, notice)
		}
	}
	if passed != ConsoleBurst/10_000 || len(notices) != 1 || !strings.Contains(notices[0], "dropped: 1") {
		t.Errorf("%d lines passed, notices %q", passed, notices)
	}
	if ok, _ := q.Take("quiet", line, now); !ok {
		t.Error("another worker's line was dropped")
	}
	now = now.Add(10 * time.Second)
	passed = 0
	for range 200 {
		ok, notice := q.Take("loud", line, now)
		if ok {
			passed++
		}
		if notice != "" {
			notices = append(notices, notice)
		}
	}
	if want := 10 * ConsoleRate / 10_000; passed < want || passed > want+1 {
		t.Errorf("%d lines passed after ten seconds, want %d", passed, want)
	}
	if len(notices) != 2 || !strings.Contains(notices[1], "dropped: 95") {
		t.Errorf("notices %q", notices)
	}
	for i := range consoleWorkersMax + 10 {
		q.Take(strings.Repeat("w", i%50)+time.Duration(i).String(), 1, now)
	}
	if len(q.workers) > consoleWorkersMax {
		t.Errorf("%d workers are remembered", len(q.workers))
	}
}
