package main

import (
	"context"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"skerry/internal/isolates"
	"skerry/internal/observe"
)

// statsPatience is how long a scrape waits for the hosts.
const statsPatience = 2 * time.Second

// statsOf adds up what the hosts of a pool say. Counters of hosts that have ended are kept, so that sums do not fall.
func statsOf(pool *isolates.Pool) func() (observe.Stats, bool) {
	var mu sync.Mutex
	last := make(map[int]observe.Stats) // counters by process
	var ended observe.Stats
	return func() (observe.Stats, bool) {
		ctx, cancel := context.WithTimeout(context.Background(), statsPatience)
		defer cancel()
		s, err := pool.Stats(ctx)
		if err != nil {
			return observe.Stats{}, false
		}
		mu.Lock()
		defer mu.Unlock()
		total := observe.Stats{
			Hosts: uint64(len(s.Hosts)), HostRestarts: s.Restarts, HostRetirements: s.Retirements, Violations: s.Violations, Suspects: s.Suspects,
			Strikes: s.Strikes, Quarantines: uint64(s.Quarantines), Versions: uint64(s.Versions),
		}
		now := make(map[int]observe.Stats, len(s.Hosts))
		for _, h := range s.Hosts {
			counters := observe.Stats{IsolatesStarted: h.Host.IsolatesStarted, ColdStarts: h.Host.ColdStarts, Evictions: h.Host.Evictions, Condemned: h.Host.Condemned, ExecutorsDemoted: h.Host.ExecutorsDemoted}
			now[h.Pid] = counters
			addCounters(&total, counters)
			total.IsolatesLive += uint64(h.Host.IsolatesLive)
			total.IsolatesSpare += uint64(h.Host.IsolatesSpare)
			total.HeapBytes += h.Host.HeapBytes
			total.ExternalBytes += h.Host.ExternalBytes
			total.ResidentBytes += residentBytes(h.Pid)
			total.Runnable += uint64(h.Host.Runnable)
			total.MailboxItems += uint64(h.Host.MailboxItems)
			total.EventsLive += uint64(h.Events)
			total.Executors += uint64(h.Host.Executors)
			total.ExecutorsBusy += uint64(h.Host.ExecutorsBusy)
		}
		for pid, counters := range last {
			if _, alive := now[pid]; !alive {
				addCounters(&ended, counters)
			}
		}
		last = now
		addCounters(&total, ended)
		return total, true
	}
}

func addCounters(to *observe.Stats, s observe.Stats) {
	to.IsolatesStarted += s.IsolatesStarted
	to.ColdStarts += s.ColdStarts
	to.Evictions += s.Evictions
	to.Condemned += s.Condemned
	to.ExecutorsDemoted += s.ExecutorsDemoted
}

// residentBytes is the resident memory of a process, 0 if it has ended.
func residentBytes(pid int) uint64 {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseUint(fields[1], 10, 64) // 0 if it is no number
	return pages * uint64(os.Getpagesize())
}
