package ingress

import (
	"fmt"
	"testing"
)

// Goal: a frame of ours goes only where one may stand: not before the first one, not inside another, not inside a head of several frames, not
// into HTTP/1, and once. Method: a stream of frames, written in pieces of every size.
func TestSentFrames(t *testing.T) {
	frame := func(kind, flags byte, size int) []byte {
		return append([]byte{0, byte(size >> 8), byte(size), kind, flags, 0, 0, 0, 1}, make([]byte, size)...)
	}
	var stream []byte
	may := map[int]bool{} // by position
	for i, f := range [][]byte{
		frame(4, 0, 0), frame(4, 1, 18), frame(1, 4, 300), frame(0, 0, 10), frame(1, 0, 5), frame(9, 0, 0), frame(9, 4, 7), frame(0, 1, 0), frame(5, 0, 1), frame(9, 4, 1), frame(6, 1, 8),
	} {
		if stream = append(stream, f...); i != 4 && i != 5 && i != 8 {
			may[len(stream)] = true
		}
	}
	for size := 1; size <= len(stream); size++ {
		var s sentFrames
		for at := 0; at < len(stream); at += size {
			once := s
			if once.take() != may[at] || once.take() {
				t.Fatalf("pieces of %d bytes: at %d it is %v", size, at, !may[at])
			}
			s.feed(stream[at:min(at+size, len(stream))])
		}
		if !s.take() || s.take() {
			t.Errorf("pieces of %d bytes: not at the end, or twice", size)
		}
	}
	var s sentFrames
	s.feed([]byte("HTTP/1.1 200 OK\r\n"))
	if s.take() || s.feeds() {
		t.Error(fmt.Sprint("HTTP/1 is taken for HTTP/2: ", s))
	}
}
