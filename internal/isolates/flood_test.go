package isolates

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"skerry/internal/hostproto"
	"skerry/internal/worker"
)

// paced sends no more than the socket takes: what is tested is the other side.
func paced[M hostproto.Message](h *fakeHost, id uint32, m M) {
	hostproto.SendWait(context.Background(), h.conn, id, m) // it fails when the host is ended
}

// Goal: a host that keeps the supervisor busy with frames that change nothing is ended. Method: each kind of them without end.
func TestFloods(t *testing.T) {
	for _, test := range []struct {
		name  string
		frame func(h *fakeHost, m hostproto.Fetch)
	}{
		{"abort of no call", func(h *fakeHost, _ hostproto.Fetch) { paced(h, 7, hostproto.CallAbort{}) }},
		{"credit of nothing", func(h *fakeHost, m hostproto.Fetch) { paced(h, m.Stream, hostproto.StreamCredit{}) }},
		{"data of nothing", func(h *fakeHost, _ hostproto.Fetch) { paced(h, 9, hostproto.StreamData{}) }},
		{"cache of nothing", func(h *fakeHost, m hostproto.Fetch) { paced(h, m.Worker, hostproto.CodeCache{Total: 9}) }},
		{"last words", func(h *fakeHost, _ hostproto.Fetch) { paced(h, 0, hostproto.Fatal{Message: "again"}) }},
		{"lines of one that is gone", func(h *fakeHost, _ hostproto.Fetch) { paced(h, 0, hostproto.Log{Worker: 1}) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := &fleet{setUp: func(n int, h *fakeHost) {
				if n > 0 {
					return
				}
				h.onFetch = func(h *fakeHost, id uint32, m hostproto.Fetch) {
					if strings.HasSuffix(m.URL, "/hello") {
						h.fetch(id, m)
						return
					}
					sendTo(h, id, hostproto.Response{Status: 200, Stream: 9, Length: -1})
					for range IdleFramesMax + 100 {
						test.frame(h, m)
					}
				}
			}}
			p, log := newPool(t, f, Config{})
			gone := testVersion("gone")
			fetch(t, p, gone, get("/hello"))
			p.Forget(gone)
			<-f.host(0).unloads
			resp, err := p.Fetch(t.Context(), testVersion("a"), &FetchRequest{Method: "POST", URL: "https://example.com/flood", Body: strings.NewReader("x"), Length: 1})
			if err == nil && resp.Body != nil {
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
			eventually(t, "the flood is a violation", func() bool { return strings.Contains(log.String(), "too many frames that change nothing") })
		})
	}
}

// Goal: what a host sends that nobody reads is bounded over all its streams and sockets; what is over is cut, the rest arrives, and
// nothing stays accounted for. Method: more bodies than fit, then they are read.
func TestBufferedIsBounded(t *testing.T) {
	const bodies = 8
	f := &fleet{}
	p, _ := newPool(t, f, Config{BufferedMax: bodies / 2 * hostproto.StreamWindow})
	v := testVersion("a")
	h := p.hosts()[0]
	var all []*FetchResponse
	for range bodies {
		resp, err := p.Fetch(t.Context(), v, get("/generate?n=262144"))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, resp)
	}
	if _, err := p.Stats(t.Context()); err != nil { // It comes behind the bodies.
		t.Fatal(err)
	}
	if n := h.buffered.Load(); n != bodies/2*hostproto.StreamWindow {
		t.Errorf("%d bytes wait, want %d", n, bodies/2*hostproto.StreamWindow)
	}
	whole, cut := 0, 0
	for _, resp := range all {
		body, err := io.ReadAll(resp.Body)
		switch {
		case err == nil && len(body) == 262144:
			whole++
		case errors.Is(err, ErrBuffered):
			cut++
		default:
			t.Errorf("%d bytes, %v", len(body), err)
		}
		resp.Body.Close()
	}
	if whole != bodies/2 || cut != bodies/2 {
		t.Errorf("%d bodies arrived and %d were cut", whole, cut)
	}
	if n := h.buffered.Load(); n != 0 {
		t.Errorf("%d bytes are accounted for at the end", n)
	}
	if _, got := fetch(t, p, v, get("/generate?n=262144")); len(got) != 262144 || f.count() != 1 {
		t.Errorf("afterwards %d bytes, %d hosts", len(got), f.count())
	}
}

// stuck is a WebSocket whose peer reads nothing.
type stuck struct {
	*quiet
	written atomic.Int64
}

func (s *stuck) WritePiece(bool, []byte, bool) error {
	s.written.Add(1)
	<-s.over
	return io.ErrClosedPipe
}

func TestBufferedMessagesAreBounded(t *testing.T) {
	f := &fleet{setUp: func(n int, h *fakeHost) {
		h.onFetch = func(h *fakeHost, id uint32, m hostproto.Fetch) {
			sendTo(h, id, hostproto.Response{Status: 101, Socket: 2*id + 1, Length: -1})
			for range 3 { // As much as one socket may have.
				sendTo(h, 2*id+1, hostproto.SocketData{Final: true, Data: make([]byte, 60_000)})
			}
		}
		h.onFrame = func(h *fakeHost, f hostproto.Frame) {
			if f.Type == hostproto.TypeSocketClose {
				sendTo(h, f.ID, hostproto.SocketClose{Code: closeAbnormal})
				h.done((f.ID - 1) / 2)
			}
		}
	}}
	p, _ := newPool(t, f, Config{BufferedMax: 500_000})
	h := p.hosts()[0]
	ctx, cancel := context.WithCancel(t.Context())
	var served sync.WaitGroup
	var peers []*stuck
	for range 5 {
		resp, err := p.Fetch(ctx, testVersion("a"), get("/"))
		if err != nil || resp.Socket == nil {
			t.Fatalf("%+v, %v", resp, err)
		}
		peer := &stuck{quiet: newQuiet()}
		peers = append(peers, peer)
		served.Go(func() { resp.Socket.Serve(ctx, peer) })
	}
	over := func() (n int) {
		for _, peer := range peers {
			select {
			case <-peer.over:
				n++
			default:
			}
		}
		return n
	}
	// 8 pieces fit: two sockets have all of theirs, and the third one's last piece is too much, as are those of the others.
	eventually(t, "three connections are cut", func() bool { return over() == 3 })
	if n := h.buffered.Load(); n > 500_000 {
		t.Errorf("%d bytes wait", n)
	}
	cancel()
	for _, peer := range peers {
		peer.end()
	}
	served.Wait()
	waitIdle(t, p)
	if n := h.buffered.Load(); n != 0 {
		t.Errorf("%d bytes are accounted for at the end", n)
	}
}

// Goal: code caches that are not complete are bounded, and what is kept of a worker goes into its definition.
func TestCodeCachePieces(t *testing.T) {
	var pieces cachePieces
	known := func(id uint32) bool { return id == 1 }
	data := make([]byte, 1<<20)
	add := func(id uint32, module uint16, offset uint32) bool {
		_, taken := pieces.add(pieceOf{id, module}, &hostproto.CodeCache{Module: module, Offset: offset, Total: CodeCacheMax, Data: data}, known)
		return taken
	}
	for module := range uint16(16) {
		if !add(1, module, 0) || !add(2, module, 0) {
			t.Fatal("what fits is refused")
		}
	}
	if pieces.bytes != codeCachePendingMax {
		t.Fatalf("%d bytes", pieces.bytes)
	}
	if !add(1, 16, 0) || len(pieces.have) != 17 {
		t.Error("the pieces of a worker that is gone keep one out that is there")
	}
	for module := range uint16(1000) {
		add(1, 100+module, 0)
	}
	if pieces.bytes > codeCachePendingMax {
		t.Errorf("%d bytes", pieces.bytes)
	}
	if add(1, 3, 5) || len(pieces.have[pieceOf{1, 3}]) != 0 {
		t.Error("a piece that does not follow is taken")
	}
	sum := 0
	for _, have := range pieces.have {
		sum += len(have)
	}
	if sum != pieces.bytes {
		t.Errorf("%d bytes are there, %d accounted for", sum, pieces.bytes)
	}

	ver := newVersion(testVersion("a"))
	full := make([]byte, hostproto.WorkerDataMax/2)
	for _, c := range []struct{ module, bytes int }{{0, len(full)}, {0, len(full)}, {1, 1000}} { // The second takes the first one's place.
		if !ver.keep(c.module, codeCache{data: full[:c.bytes]}) {
			t.Errorf("%d bytes of module %d fit and are refused", c.bytes, c.module)
		}
	}
	if ver.keep(2, codeCache{data: full}) {
		t.Error("more is kept than goes into a definition")
	}
}

// Goal: a cache has to have a size that its module can have.
func TestCodeCacheOfAnImpossibleSize(t *testing.T) {
	f := &fleet{}
	p, _ := newPool(t, f, Config{})
	v := testVersion("a")
	fetch(t, p, v, get("/hello"))
	size := codeCacheFloor + codeCachePerByte*len(v.Modules[0].Data)
	for _, more := range []int{1, 0} {
		cache := make([]byte, size+more)
		f.host(0).send(1, hostproto.CodeCache{Total: uint32(len(cache)), Data: cache})
		if _, err := p.Stats(t.Context()); err != nil { // It comes behind the cache.
			t.Fatal(err)
		}
		ver := p.version(v)
		ver.mu.Lock()
		if kept := len(ver.caches) == 1; kept != (more == 0) {
			t.Errorf("a cache of %d bytes for a module of %d: kept %v", len(cache), len(v.Modules[0].Data), kept)
		}
		ver.mu.Unlock()
	}
}

// Goal: a host cannot have a neighbour of its worker refused by blaming it again and again. Method: last words in a row, with a crash
// page that names somebody.
func TestOneStrikePerHost(t *testing.T) {
	f := &fleet{}
	p, _ := newPool(t, f, Config{})
	victim := testVersion("victim")
	fetch(t, p, victim, get("/hello"))
	resp, _ := fetch(t, p, testVersion("liar"), get("/late"))
	h := f.host(0)
	h.running(1, 1, 1000) // The victim, with an event that is over.
	for range 3 * RefuseStrikes {
		h.send(0, hostproto.Fatal{Message: "a worker does not stop"})
	}
	h.send(5, hostproto.StreamData{}) // And dies of a violation.
	if _, err := resp.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the host is gone", func() bool { return p.violations.Load() == 1 })
	if n := p.strikes.Load(); n != 1 {
		t.Errorf("%d strikes", n)
	}
	if _, got := fetch(t, p, victim, get("/hello")); got != "hello" {
		t.Errorf("the victim answers %q", got)
	}
}

// Goal: a slot of the crash page that names a worker and an event of another one is no claim at all.
func TestSuspectWithAnEventOfAnother(t *testing.T) {
	f := &fleet{}
	p, _ := newPool(t, f, Config{})
	fetch(t, p, testVersion("victim"), get("/hello"))
	fetch(t, p, testVersion("liar"), get("/late")) // Event 1, of worker 2.
	h := f.host(0)
	h.running(1, 1, 1)
	h.running(2, 2, 1)
	if got := p.hosts()[0].suspects(); len(got) != 1 || got[0].Worker != "liar" {
		t.Errorf("suspects %+v", got)
	}
}

// Goal: the crash page can be written while it is read, and neither shrunk nor grown under the reader. Method: what a host can do with it,
// at once with reading.
func TestCrashPageUnderTheReader(t *testing.T) {
	f := &fleet{}
	p, _ := newPool(t, f, Config{})
	fetch(t, p, testVersion("a"), get("/hello"))
	page := f.host(0).page
	for _, size := range []int64{0, 1, crashSlots*crashSlotSize - 1, crashSlots*crashSlotSize + 1, 1 << 40} {
		if err := page.Truncate(size); !errors.Is(err, os.ErrPermission) {
			t.Errorf("truncate to %d: %v", size, err)
		}
	}
	if _, err := unix.FcntlInt(page.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_WRITE); err == nil {
		t.Error("a seal could be added")
	}
	if err := unix.Fallocate(int(page.Fd()), 0, 0, 1<<20); err == nil {
		t.Error("it could be grown")
	}
	if err := unix.Fallocate(int(page.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, crashSlots*crashSlotSize); err != nil {
		t.Errorf("a hole: %v", err) // It reads as zeros.
	}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for n := byte(0); ; n++ {
			select {
			case <-quit:
				return
			default:
				page.WriteAt(bytes.Repeat([]byte{n & 3, 0, 0, 0}, crashSlots*crashSlotSize/4), 0)
			}
		}
	}()
	for range 2000 {
		for _, s := range p.hosts()[0].suspects() {
			if s.Worker != "a" {
				t.Errorf("suspect %+v", s)
			}
		}
	}
	close(quit)
	<-done
}

// Goal: descriptors that a host sends along never become the supervisor's. Method: a thousand of them, with frames that are good.
func TestDescriptorsAreNotTaken(t *testing.T) {
	f := &fleet{}
	p, _ := newPool(t, f, Config{})
	fetch(t, p, testVersion("a"), get("/hello"))
	count := func() int { all, _ := os.ReadDir("/proc/self/fd"); return len(all) }
	before := count()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := f.host(0).raw.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	frame, _ := hostproto.AppendFrame(nil, 0, hostproto.Log{Worker: 1, Text: []byte("with a present")})
	sent := 0
	for sent < 1000 {
		fds := make([]int, min(250, 1000-sent)) // The kernel takes 253 at a time.
		for i := range fds {
			fds[i] = int(null.Fd())
		}
		var failed error
		if err := raw.Write(func(fd uintptr) bool {
			failed = unix.Sendmsg(int(fd), frame, unix.UnixRights(fds...), nil, 0)
			return failed != unix.EAGAIN
		}); err != nil || failed != nil {
			t.Fatalf("send: %v, %v", err, failed)
		}
		sent += len(fds)
	}
	null.Close()
	if _, got := fetch(t, p, testVersion("b"), get("/hello")); got != "hello" || f.count() != 1 {
		t.Errorf("answer %q, %d hosts", got, f.count())
	}
	if now := count(); now != before {
		t.Errorf("%d descriptors, %d before", now, before)
	}
}

// Goal: a host that stops reading is ended, and neither holds up requests for long nor fills the memory; those that wait go to the next
// host. Method: many large requests. It takes as long as a write may stall.
func TestHostThatDoesNotRead(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 10 s: a full run does it")
	}
	release := make(chan struct{})
	f := &fleet{setUp: func(n int, h *fakeHost) {
		if n == 0 {
			h.onFetch = func(h *fakeHost, id uint32, m hostproto.Fetch) { <-release }
		}
	}}
	p, log := newPool(t, f, Config{WarmSpareHost: true})
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	v, headers := testVersion("a"), bytes.Repeat([]byte("a\n"+strings.Repeat("x", 1021)+"\n"), 100)
	var all sync.WaitGroup
	for range 300 {
		all.Go(func() {
			req := get("/hello")
			req.Headers = headers
			if resp, err := p.Fetch(t.Context(), v, req); err != nil || string(resp.Inline) != "hello" {
				t.Errorf("%+v, %v", resp, err)
			}
		})
	}
	h := p.hosts()[0]
	select {
	case <-h.conn.Done():
	case <-time.After(2 * hostproto.WriteStall):
		t.Error("the host is not ended")
	}
	runtime.ReadMemStats(&now)
	if grown := int64(now.HeapAlloc) - int64(before.HeapAlloc); grown > 3*hostproto.PendingHardMax {
		t.Errorf("the heap grew by %d KiB", grown>>10)
	}
	close(release)
	all.Wait()
	eventually(t, "the log says why", func() bool { return strings.Contains(log.String(), hostproto.ErrNotReading.Error()) })
}

// Goal: a host that stops in the middle of a frame is ended by the probe.
func TestHalfAFrame(t *testing.T) {
	f := &fleet{setUp: func(n int, h *fakeHost) {
		if n == 0 {
			h.onFetch = func(h *fakeHost, id uint32, m hostproto.Fetch) {
				h.raw.Write(rawFrame(uint16(hostproto.TypeLog), 0, 0, make([]byte, 1000))[:500])
			}
		}
	}}
	p, _ := newPool(t, f, Config{}, func(p *Pool) { p.timing.probe, p.timing.probeTimeout = 20*time.Millisecond, 200*time.Millisecond })
	if _, got := fetch(t, p, testVersion("a"), get("/hello")); got != "hello" { // Sent once more.
		t.Errorf("answer %q", got)
	}
}

// Goal: what a call handler calls a violation is one.
func TestHandlerFindsAViolation(t *testing.T) {
	p, log := newPool(t, &fleet{}, Config{Calls: answerCalls(func(context.Context, *Call) CallResult {
		return CallResult{Code: hostproto.CallCodeRefused, Violation: "asks for what nobody asks for"}
	})})
	var ended *EventError
	if _, err := p.Fetch(t.Context(), testVersion("a"), get("/call")); !errors.As(err, &ended) || ended.Result.Outcome != worker.HostLost {
		t.Errorf("error %v", err)
	}
	eventually(t, "the log names the violation", func() bool { return strings.Contains(log.String(), "asks for what nobody asks for") })
}

// Goal: a binding that the worker was not given cannot even be named.
func TestBindingThatWasNotGiven(t *testing.T) {
	var asked atomic.Int64
	f := &fleet{setUp: func(n int, h *fakeHost) {
		h.onFetch = func(h *fakeHost, id uint32, m hostproto.Fetch) {
			sendTo(h, 1, hostproto.Call{Event: id, Slot: 1, Op: 1})
			sendTo(h, 2, hostproto.Call{Event: id, Slot: 2, Op: 1})
		}
	}}
	p, log := newPool(t, f, Config{Calls: answerCalls(func(_ context.Context, c *Call) CallResult {
		asked.Add(int64(c.Slot))
		return CallResult{Code: hostproto.CallCodeRefused}
	})})
	v := testVersion("a")
	v.Bindings = []worker.Binding{{Name: "TEXT", Kind: worker.TextBinding, Text: "x"}}
	p.Fetch(t.Context(), v, get("/"))
	eventually(t, "the log names the violation", func() bool { return strings.Contains(log.String(), "a binding that its worker was not given") })
	eventually(t, "the first call was made", func() bool { return asked.Load() == 1 })
}

// Goal: an event that nobody waits for and that the host does not end is not kept for ever: the host is replaced.
func TestEventLeftBehind(t *testing.T) {
	clock := &fakeClock{now: epoch}
	f := &fleet{setUp: func(n int, h *fakeHost) {
		if n == 0 {
			h.onFetch = func(*fakeHost, uint32, hostproto.Fetch) {}
		}
	}}
	p, log := newPool(t, f, Config{}, clocked(clock), func(p *Pool) { p.timing.retire = time.Millisecond })
	ctx, cancel := context.WithCancel(t.Context())
	p.work.Go(func() {
		eventually(t, "the request is there", func() bool { return p.hosts()[0].conn != nil && len(p.live()) == 1 })
		cancel()
	})
	if _, err := p.Fetch(ctx, testVersion("a"), get("/")); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	clock.advance(p.timing.leftBehind - 1)
	p.housekeep()
	if p.retirements.Load() != 0 {
		t.Error("too early")
	}
	clock.advance(1)
	p.housekeep()
	eventually(t, "another host serves", func() bool { return f.count() == 2 && len(p.Pids()) == 1 && p.Pids()[0] == 1001 })
	if !strings.Contains(log.String(), "does not end an event that was canceled") {
		t.Error("the log does not say why")
	}
	eventually(t, "the event is gone", func() bool { return len(p.live()) == 0 })
}

// Goal: the connection of a WebSocket that a call has opened is closed, and its call ended, when the first thing that the host says about
// it is a violation.
func TestSocketOfAViolation(t *testing.T) {
	for name, lie := range map[string][]byte{
		"malformed": rawFrame(uint16(hostproto.TypeSocketData), 0, 2, []byte{9}),
		"over":      rawFrame(uint16(hostproto.TypeSocketClose), 0, 2, hostproto.SocketClose{Code: 1004}.AppendTo(nil)),
	} {
		t.Run(name, func(t *testing.T) {
			conn := newQuiet()
			ended := make(chan struct{})
			f := &fleet{setUp: func(n int, h *fakeHost) {
				h.onFetch = func(h *fakeHost, id uint32, m hostproto.Fetch) {
					h.call(id, 0, "", func(r hostproto.CallResult) { h.raw.Write(lie) })
				}
			}}
			p, _ := newPool(t, f, Config{Calls: answerCalls(func(ctx context.Context, _ *Call) CallResult {
				context.AfterFunc(ctx, func() { close(ended) })
				return CallResult{Socket: conn}
			})})
			p.Fetch(t.Context(), testVersion("a"), get("/"))
			<-conn.over
			<-ended
		})
	}
}
