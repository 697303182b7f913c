package observe

import (
	"bytes"
	"strings"
	"sync"
	"testing"
)

// stuck is a writer that waits to be let on.
type stuck struct {
	mu   sync.Mutex
	text bytes.Buffer
	gate chan struct{}
}

func (s *stuck) Write(p []byte) (int, error) {
	<-s.gate
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func TestAsync(t *testing.T) {
	s := &stuck{gate: make(chan struct{})}
	a := NewAsync(s)
	line := []byte(strings.Repeat("x", 1<<20))
	for range 10 { // nobody reads, nobody waits
		a.Write(line)
	}
	close(s.gate)
	a.Flush()
	a.Write([]byte("after"))
	a.Close()
	text := s.text.String()
	if !strings.Contains(text, "bytes of log were dropped") || !strings.HasSuffix(text, "after") || len(text) >= 10<<20 {
		t.Errorf("%d bytes, ending in %q", len(text), text[max(0, len(text)-100):])
	}
}
