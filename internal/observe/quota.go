package observe

import (
	"fmt"
	"sync"
	"time"
)

// The limits of what one worker's console may put into the log: bytes at once, and bytes per second in the long run. workersMax bounds
// how many workers are remembered; one that is forgotten starts anew.
const (
	ConsoleBurst       = 1 << 20
	ConsoleRate        = 64 << 10
	consoleWorkersMax  = 1 << 14
	consoleLineCost    = 64 // of every line, however short, in bytes
	consoleReportEvery = 10 * time.Second
)

// Quota keeps the consoles of workers from filling the log: each has a budget of its own. Its methods may be called from any goroutine.
type Quota struct {
	mu      sync.Mutex
	workers map[string]*budget
}

type budget struct {
	bytes    float64 // left
	at       time.Time
	dropped  int
	reported time.Time
}

// Take says whether a line of so many bytes may be logged now. notice, if it is not empty, is to be logged for the worker besides: that lines
// were dropped.
func (q *Quota) Take(worker string, size int, now time.Time) (ok bool, notice string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	b := q.workers[worker]
	if b == nil {
		if q.workers == nil || len(q.workers) >= consoleWorkersMax {
			q.workers = make(map[string]*budget)
		}
		b = &budget{bytes: ConsoleBurst, at: now}
		q.workers[worker] = b
	}
	b.bytes = min(ConsoleBurst, b.bytes+max(0, now.Sub(b.at).Seconds())*ConsoleRate)
	b.at = now
	cost := float64(size + consoleLineCost)
	if ok = b.bytes >= cost; ok {
		b.bytes -= cost
	} else {
		b.dropped++
	}
	if b.dropped > 0 && (b.reported.IsZero() || now.Sub(b.reported) >= consoleReportEvery) {
		notice = fmt.Sprintf("console output over %d bytes at once and %d a second is dropped; lines dropped: %d", ConsoleBurst, ConsoleRate, b.dropped)
		b.dropped, b.reported = 0, now
	}
	return ok, notice
}
