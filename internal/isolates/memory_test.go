package isolates

import (
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Goal: a host over its memory is ended with the figures, and another takes over.
func TestHostOverItsMemory(t *testing.T) {
	checkLeaks(t)
	var used atomic.Int64
	f := &fleet{}
	p, log := newPool(t, f, Config{Engine: Engine{MemoryMax: 100 << 20}}, func(p *Pool) {
		p.timing.sample = time.Millisecond
		p.resident = func(pid int) (int64, bool) { return used.Load(), pid == 1000 }
	})
	if pids := p.Pids(); pids[0] != 1000 {
		t.Fatalf("pids %v: the fake does not number them as it did", pids)
	}
	used.Store(101 << 20)
	eventually(t, "the host is replaced", func() bool { return f.count() >= 2 })
	eventually(t, "the log has the figures", func() bool { return strings.Contains(log.String(), "used 101 MiB of memory, its limit is 100 MiB") })
}

func TestResidentMemory(t *testing.T) {
	if used, ok := residentMemory(os.Getpid()); !ok || used < 1<<20 {
		t.Errorf("this process: %d, %v", used, ok)
	}
	if _, ok := residentMemory(1 << 30); ok {
		t.Error("a process that is not there has memory")
	}
}
