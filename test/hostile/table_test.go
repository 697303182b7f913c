package hostile

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"
)

var (
	recordedMu sync.Mutex
	recorded   []*seen
)

func record(s *seen) {
	recordedMu.Lock()
	defer recordedMu.Unlock()
	recorded = append(recorded, s)
}

// failedWith makes the end of a test that judges by itself a row's.
func (s *seen) failedWith(t *testing.T) {
	if t.Failed() && s.problem == "" {
		s.problem = "see " + t.Name()
	}
}

// TestMain prints the table of what was seen.
func TestMain(m *testing.M) {
	code := m.Run()
	slices.SortStableFunc(recorded, func(a, b *seen) int { return strings.Compare(padded(a.crime.row), padded(b.crime.row)) })
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	if len(recorded) > 0 {
		fmt.Fprintln(table, "\nrow\tcrime\tanswer\toutcome\tCPU\twall\thosts ended\tinnocent requests\tfailed\t")
	}
	for _, s := range recorded {
		verdict := "ok"
		if s.problem != "" {
			verdict = "FAILED: " + s.problem
		}
		answer := strings.TrimSpace(s.body)
		if found := errorCode.FindString(answer); found != "" {
			answer = found
		}
		fmt.Fprintf(table, "%s\t%.50s\t%d %.60q\t%s\t%v\t%v\t%d\t%d\t%d\t%s\n", s.crime.row, s.crime.name, s.status, answer, s.outcome,
			s.cpu.Round(100*time.Microsecond), s.wall.Round(time.Millisecond), s.died, s.requests, len(s.failures), verdict)
	}
	table.Flush()
	os.Exit(code)
}

// padded makes row numbers sort as numbers.
func padded(row string) string {
	digits := strings.TrimRight(row, "abcdefghijklmnopqrstuvwxyz")
	return fmt.Sprintf("%03s%s", digits, row[len(digits):])
}
