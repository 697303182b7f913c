package isolates

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// MemoryError is why a host was ended that used too much memory.
type MemoryError struct{ Resident, Max int64 }

func (e *MemoryError) Error() string {
	return fmt.Sprintf("isolate host used %d MiB of memory, its limit is %d MiB", e.Resident>>20, e.Max>>20)
}

// watchMemory ends the host when its resident memory is over the limit. It ends with the connection.
func (h *host) watchMemory(resident func(pid int) (int64, bool)) {
	ticker := time.NewTicker(h.pool.timing.sample)
	defer ticker.Stop()
	for {
		select {
		case <-h.conn.Done():
			return
		case <-ticker.C:
		}
		if used, ok := resident(h.proc.Pid()); ok && used > h.engine.MemoryMax {
			h.conn.Close(&MemoryError{used, h.engine.MemoryMax})
			return
		}
	}
}

// residentMemory is the resident memory of a process in bytes; false if it has ended.
func residentMemory(pid int) (int64, bool) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
	if err != nil {
		return 0, false
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0, false
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize()), err == nil
}
