package hostproto

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// pair returns a connection to a peer that is the host, and the host's end of the socket.
func pair(t testing.TB) (*Conn, *net.UnixConn) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	var ends [2]*net.UnixConn
	for i, fd := range fds {
		file := os.NewFile(uintptr(fd), "socketpair")
		conn, err := net.FileConn(file)
		file.Close()
		if err != nil {
			t.Fatal(err)
		}
		ends[i] = conn.(*net.UnixConn)
	}
	t.Cleanup(func() { ends[0].Close(); ends[1].Close() })
	c, err := NewConn(ends[0], FromHost)
	if err != nil {
		t.Fatal(err)
	}
	return c, ends[1]
}

// serve runs Serve and returns where its result arrives.
func serve(c *Conn, handle func(Frame) error) <-chan error {
	end := make(chan error, 1)
	go func() { end <- c.Serve(handle) }()
	return end
}

// readFrames reads n frames of the supervisor.
func readFrames(t testing.TB, r io.Reader, n int) []Frame {
	t.Helper()
	p := NewParser(FromSupervisor)
	var all []Frame
	for {
		for {
			f, ok, err := p.Next()
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				break
			}
			f.Payload = bytes.Clone(f.Payload)
			if all = append(all, f); len(all) == n {
				return all
			}
		}
		k, err := r.Read(p.Space())
		if err != nil {
			t.Fatalf("after %d frames of %d: %v", len(all), n, err)
		}
		p.Added(k)
	}
}

func TestConnReads(t *testing.T) {
	c, host := pair(t)
	frames := make(chan Frame, 10)
	end := serve(c, func(f Frame) error {
		f.Payload = bytes.Clone(f.Payload)
		frames <- f
		return nil
	})
	b, _ := AppendFrame(nil, 5, Response{Status: 204})
	b, _ = AppendFrame(b, 5, EventDone{})
	for i := range b { // A byte at a time.
		if _, err := host.Write(b[i : i+1]); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []MessageType{TypeResponse, TypeEventDone} {
		if f := <-frames; f.Type != want || f.ID != 5 {
			t.Errorf("frame %s %d, want %s 5", f.Type, f.ID, want)
		}
	}
	host.Close()
	if err := <-end; err != io.EOF {
		t.Errorf("end %v, want EOF", err)
	}
	if err := Send(c, 1, Cancel{}); err != io.EOF {
		t.Errorf("send after the end: %v, want EOF", err)
	}
}

func TestConnEnds(t *testing.T) {
	handlerError := errors.New("not today")
	for _, test := range []struct {
		name string
		send []byte
		want func(error) bool
	}{
		{"inside a header", []byte{1, 2, 3}, func(err error) bool { return err == io.ErrUnexpectedEOF }},
		{"inside a payload", []byte{4, 0, 0, 0, byte(TypeStreamEnd), 0, 0, 0, 1, 0, 0, 0, 9}, func(err error) bool { return err == io.ErrUnexpectedEOF }},
		{"violation", []byte{0, 0, 0, 0, byte(TypeFetch), 0, 0, 0, 1, 0, 0, 0}, func(err error) bool {
			var f *FrameError
			return errors.As(err, &f) && f.Fault == BadDirection
		}},
		{"handler", []byte{0, 0, 0, 0, byte(TypeStreamEnd), 0, 0, 0, 1, 0, 0, 0}, func(err error) bool { return err == handlerError }},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, host := pair(t)
			end := serve(c, func(Frame) error { return handlerError })
			if _, err := host.Write(test.send); err != nil {
				t.Fatal(err)
			}
			host.CloseWrite()
			if err := <-end; !test.want(err) {
				t.Errorf("end %v", err)
			}
			if n, err := host.Read(make([]byte, 1)); n != 0 || err == nil {
				t.Errorf("the host still reads: %d, %v", n, err)
			}
		})
	}
}

// Goal: the end of the stream is seen though it came together with the last bytes; it was missed when the reader waited
// after a short read. Method: the peer writes and leaves before Serve begins, many times.
func TestConnSeesTheEndBehindData(t *testing.T) {
	for range 200 {
		c, host := pair(t)
		b, _ := AppendFrame(nil, 5, EventDone{})
		if _, err := host.Write(b); err != nil {
			t.Fatal(err)
		}
		host.Close()
		frames := 0
		if err := c.Serve(func(Frame) error { frames++; return nil }); err != io.EOF || frames != 1 {
			t.Fatalf("end %v after %d frames", err, frames)
		}
	}
}

func TestConnFirstReasonWins(t *testing.T) {
	c, _ := pair(t)
	end := serve(c, func(Frame) error { return nil })
	first := errors.New("first")
	c.Close(first)
	c.Close(errors.New("second"))
	<-c.Done()
	if err := <-end; err != first || c.Err() != first {
		t.Errorf("reason %v and %v, want the first", err, c.Err())
	}
}

// Goal: frames of many goroutines arrive whole and each goroutine's in order. Method: hammer.
func TestConnCombinesSenders(t *testing.T) {
	c, host := pair(t)
	end := serve(c, func(Frame) error { return nil })
	const senders, each = 16, 500
	var all sync.WaitGroup
	for s := range senders {
		all.Go(func() {
			for i := range each {
				payload := make([]byte, i)
				var err error
				if i%2 == 0 {
					err = Send(c, uint32(s+1), StreamData{Data: payload})
				} else {
					err = SendWait(context.Background(), c, uint32(s+1), StreamData{Data: payload})
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	next := map[uint32]int{}
	for _, f := range readFrames(t, host, senders*each) {
		if len(f.Payload) != next[f.ID] {
			t.Fatalf("sender %d: %d bytes, want %d", f.ID, len(f.Payload), next[f.ID])
		}
		next[f.ID]++
	}
	all.Wait()
	c.Close(nil)
	if err := <-end; err != ErrClosed {
		t.Errorf("end %v", err)
	}
}

// Goal: one goroutine at a time writes, and what became ready before it wrote goes out with it. Method: on one
// processor, the goroutines started before the first sender yields have all added their frames when it writes.
func TestConnBatches(t *testing.T) {
	c, host := pair(t)
	writes := 0
	inner := c.try
	c.try = func(fd uintptr) bool { writes++; return inner(fd) }
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var all sync.WaitGroup
	const senders = 50
	for i := range senders {
		all.Go(func() { Send(c, uint32(i+1), Cancel{}) })
	}
	all.Wait()
	readFrames(t, host, senders)
	if writes > senders/5 {
		t.Errorf("%d writes for %d frames", writes, senders)
	}
}

// Goal: a peer that does not read blocks nobody who must not be blocked, and nobody for ever.
func TestConnPeerDoesNotRead(t *testing.T) {
	c, host := pair(t)
	end := serve(c, func(Frame) error { return nil })
	// Fill the socket and the pending buffer: SendWait must wait in the end, and leave with its context.
	ctx, cancel := context.WithCancel(context.Background())
	blocked := make(chan error, 1)
	sent := 0
	go func() {
		for {
			if err := SendWait(ctx, c, 1, WorkerData{Data: make([]byte, 256<<10)}); err != nil {
				blocked <- err
				return
			}
			sent++
		}
	}()
	for waiting := false; !waiting; runtime.Gosched() {
		c.mu.Lock()
		waiting = c.room != nil
		c.mu.Unlock()
	}
	if err := Send(c, 1, Cancel{}); err != nil { // Does not wait.
		t.Fatal(err)
	}
	cancel()
	if err := <-blocked; err != context.Canceled {
		t.Fatalf("blocked sender ended with %v", err)
	}
	// When the peer reads again everything arrives, in order.
	frames := readFrames(t, host, sent+1)
	if last := frames[sent]; last.Type != TypeCancel {
		t.Errorf("last frame %s", last.Type)
	}
	c.Close(nil)
	<-end
}

func TestConnGivesUpOnPendingHardMax(t *testing.T) {
	c, _ := pair(t)
	end := serve(c, func(Frame) error { return nil })
	data := make([]byte, 512<<10)
	var err error
	for i := 0; err == nil; i++ {
		if i > 100 {
			t.Fatal("nothing stops the sender")
		}
		err = Send(c, 1, WorkerData{Data: data})
	}
	if err != ErrNotReading || <-end != ErrNotReading {
		t.Errorf("error %v, want %v", err, ErrNotReading)
	}
}

func TestConnGivesUpOnWriteStall(t *testing.T) {
	c, _ := pair(t)
	c.stall = time.Millisecond
	end := serve(c, func(Frame) error { return nil })
	if err := Send(c, 1, WorkerData{Data: make([]byte, FramePayloadMax)}); err != nil {
		t.Fatal(err)
	}
	if err := <-end; !errors.Is(err, ErrNotReading) || !strings.Contains(err.Error(), "1ms") {
		t.Errorf("end %v", err)
	}
}

func TestConnCloseWakesWaiters(t *testing.T) {
	c, _ := pair(t)
	end := serve(c, func(Frame) error { return nil })
	blocked := make(chan error, 1)
	go func() {
		for {
			if err := SendWait(context.Background(), c, 1, WorkerData{Data: make([]byte, 256<<10)}); err != nil {
				blocked <- err
				return
			}
		}
	}()
	for waiting := false; !waiting; runtime.Gosched() {
		c.mu.Lock()
		waiting = c.room != nil
		c.mu.Unlock()
	}
	reason := errors.New("enough")
	c.Close(reason)
	if err := <-blocked; err != reason {
		t.Errorf("waiter got %v", err)
	}
	if err := <-end; err != reason {
		t.Errorf("end %v", err)
	}
}

func TestSendRefusesWhatIsTooLong(t *testing.T) {
	c, host := pair(t)
	var fault *FrameError
	if err := Send(c, 1, StreamData{Data: make([]byte, StreamDataMax+1)}); !errors.As(err, &fault) {
		t.Errorf("error %v", err)
	}
	if err := Send(c, 2, StreamEnd{}); err != nil {
		t.Fatal(err)
	}
	if f := readFrames(t, host, 1)[0]; f.Type != TypeStreamEnd || f.ID != 2 {
		t.Errorf("frame %s %d: the refused one left something behind", f.Type, f.ID)
	}
}

// BenchmarkConn is the transport alone: a frame there and a frame back, in the given number of conversations.
func BenchmarkConn(b *testing.B) {
	c, hostEnd := pair(b)
	host, err := NewConn(hostEnd, FromSupervisor)
	if err != nil {
		b.Fatal(err)
	}
	const talks = 32
	var wake [talks + 1]chan struct{}
	for i := range wake {
		wake[i] = make(chan struct{}, 1)
	}
	end := serve(c, func(f Frame) error { wake[f.ID] <- struct{}{}; return nil })
	hostEnds := serve(host, func(f Frame) error { return Send(host, f.ID, EventDone{}) })
	b.ReportAllocs()
	var all sync.WaitGroup
	for i := range talks {
		all.Go(func() {
			for n := i; n < b.N; n += talks {
				Send(c, uint32(i+1), Fetch{Method: "GET", URL: "https://example.com/"})
				<-wake[i+1]
			}
		})
	}
	all.Wait()
	b.StopTimer()
	c.Close(nil)
	<-end
	<-hostEnds
}
