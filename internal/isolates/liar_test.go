package isolates

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"skerry/internal/hostproto"
	"skerry/internal/worker"
)

// What must stay where it is: bodies of the tenant beside the liar, and of one in another host.
const (
	otherSecret    = "body of the tenant beside the liar"
	innocentSecret = "body of the tenant in another host"
)

// patience is how long anything of the liar may take before it counts as hung. Every lie ends with the end of its host.
const patience = 20 * time.Second

// fence is what the liar says after each lie: nobody can take it for the truth, so there is an end to wait for.
const fenceType = 32767

// lab is a pool with an innocent host and one that lies; when a liar has been ended, the next takes its place.
type lab struct {
	t    *testing.T
	p    *Pool
	f    *fleet
	ends chan labEnd

	liar, other, innocent *worker.Version

	// before is a lie for the next host to tell instead of Ready; turn is the lie of the present one.
	before atomic.Pointer[turn]
	turn   atomic.Pointer[turn]

	leaks atomic.Pointer[string]
}

// turn is one lie on its way.
type turn struct {
	*lie
	number  int
	arrived chan string // roles of the requests that the liar has
	said    chan struct{}
	host    *fakeHost
}

// labEnd is what the log says of a host's end.
type labEnd struct {
	pid       int
	violation string // "" if it was none
}

// labLog finds the ends of hosts in the log.
type labLog struct{ ends chan labEnd }

func (l labLog) Enabled(context.Context, slog.Level) bool { return true }
func (l labLog) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l labLog) WithGroup(string) slog.Handler            { return l }
func (l labLog) Handle(_ context.Context, r slog.Record) error {
	e := labEnd{}
	r.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "pid":
			e.pid = int(a.Value.Int64())
		case "violation":
			e.violation = a.Value.String()
		case "error": // Of one that did not start; the fake's standard error has its number.
			if _, n, found := strings.Cut(a.Value.String(), "standard error: fake host "); found {
				e.pid, _ = strconv.Atoi(n)
				e.pid += 1000
			}
		}
		return true
	})
	if r.Message == "isolate host did not start" || strings.HasPrefix(r.Message, "isolate host broke the protocol") || r.Message == "isolate host died" || r.Message == "isolate host retired" {
		l.ends <- e
	}
	return nil
}

func newLab(t *testing.T) *lab {
	checkLeaks(t)
	l := &lab{t: t, f: &fleet{}, ends: make(chan labEnd, 1000), liar: testVersion("liar"), other: testVersion("other"), innocent: testVersion("innocent")}
	l.liar.Bindings = []worker.Binding{{Name: "TEXT", Kind: worker.TextBinding}}
	l.f.setUp = func(n int, h *fakeHost) {
		h.onFetch = l.fetch
		honest := h.ready
		h.ready = func(h *fakeHost) {
			if turn := l.before.Swap(nil); turn != nil {
				turn.host = h
				l.say(h, turn)
				return
			}
			honest(h)
		}
	}
	l.p = New(Config{Hosts: 2, Calls: answerCalls(l.call), BufferedMax: 16 << 20, Logger: slog.New(labLog{l.ends}), OnLog: func(v *worker.Version, _ hostproto.LogLevel, _ []byte) {
		if v == l.innocent {
			l.leak("a line under the innocent's name")
		}
	}})
	l.p.launch = l.f.launch
	l.p.timing.healthy, l.p.timing.probe, l.p.timing.backoffMin, l.p.timing.backoffMax = 0, time.Hour, time.Millisecond, time.Millisecond
	t.Cleanup(func() { l.p.Close() })
	if err := l.p.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	// By turns: the first version has its home in the first host, the second in the other one.
	for _, v := range []*worker.Version{l.other, l.innocent, l.liar} {
		if _, got := fetch(t, l.p, v, get("/hello")); got != "hello" {
			t.Fatalf("%s: %q", v.Name, got)
		}
	}
	if l.p.version(l.liar).home.Load() != l.p.version(l.other).home.Load() || l.p.version(l.liar).home.Load() == l.p.version(l.innocent).home.Load() {
		t.Fatal("the homes are not what the test needs")
	}
	return l
}

func (l *lab) leak(what string) { l.leaks.CompareAndSwap(nil, &what) }

// call answers the host calls of all hosts.
func (l *lab) call(ctx context.Context, c *Call) CallResult {
	if c.Version == l.innocent {
		l.leak("a host call in the innocent's name")
	}
	if int(c.Slot) > len(c.Version.Bindings) {
		l.leak("a host call on a binding that the worker was not given")
	}
	switch string(c.Args) {
	case "hold":
		<-ctx.Done()
		return CallResult{}
	case "socket":
		return CallResult{Socket: newQuiet()}
	case "body":
		return CallResult{Body: io.NopCloser(strings.NewReader("body of a call")), Length: -1}
	}
	return CallResult{Code: hostproto.CallCodeRefused, Message: "no such call"}
}

// quiet is a WebSocket whose peer says nothing but goodbye.
type quiet struct {
	once sync.Once
	over chan struct{}
}

type quietEnd struct{ error }

func (quietEnd) Closed() (uint16, string) { return 1000, "" }

func newQuiet() *quiet                                     { return &quiet{over: make(chan struct{})} }
func (q *quiet) end()                                      { q.once.Do(func() { close(q.over) }) }
func (q *quiet) WritePiece(bool, []byte, bool) error       { return nil }
func (q *quiet) Flush() error                              { return nil }
func (q *quiet) WriteClose(uint16, string) error           { q.end(); return nil }
func (q *quiet) Close() error                              { q.end(); return nil }
func (q *quiet) Next() error                               { <-q.over; return quietEnd{errors.New("closed")} }
func (q *quiet) ReadPiece([]byte) (int, bool, bool, error) { return 0, false, false, q.Next() }

// fetch is what hosts do with requests. The path is "/hello", or "/number of the lie/role".
func (l *lab) fetch(h *fakeHost, id uint32, m hostproto.Fetch) {
	path := strings.Split(strings.TrimPrefix(m.URL, "https://example.com/"), "/")
	turn := l.turn.Load()
	if len(path) != 2 || turn == nil || path[0] != strconv.Itoa(turn.number) || turn.host != nil && turn.host != h {
		h.respond(id, "hello")
		h.done(id)
		return
	}
	turn.host = h
	role := path[1]
	if want := map[string]uint32{"other": otherEvent, "warm": warmEvent, "sock": sockEvent, "main": mainEvent}[role]; id != want {
		l.t.Errorf("the event %s has the id %d, the scenes say %d", role, id, want)
	}
	if role == "main" {
		if m.Stream != mainStream || m.Worker != ownWorker {
			l.t.Errorf("stream %d and worker %d, the scenes say %d and %d", m.Stream, m.Worker, mainStream, ownWorker)
		}
		h.respond(warmEvent, "hello")
		h.done(warmEvent)
		l.set(h, turn)
	}
	turn.arrived <- role
}

// set brings the conversation to the scene, and tells the lie.
func (l *lab) set(h *fakeHost, turn *turn) {
	switch turn.scene.name {
	case "idle":
		for _, id := range []uint32{otherEvent, sockEvent, mainEvent} {
			h.respond(id, "hello")
			h.done(id)
		}
	case "ended":
		sendTo(h, mainEvent, hostproto.Response{Status: 200, Stream: bodyStream, Length: -1})
		h.done(mainEvent)
	case "open":
		results := 0
		result := func(m hostproto.CallResult) {
			if m.Socket != 0 && m.Socket != clientSocket || m.Stream != 0 && m.Stream != callStream {
				l.t.Errorf("socket %d and stream %d, the scenes say %d and %d", m.Socket, m.Stream, clientSocket, callStream)
			}
			if results++; results == 2 {
				l.say(h, turn)
			}
		}
		h.nextCall = 1
		h.call(mainEvent, 0, "hold", nil)
		h.call(mainEvent, uploadStream, "hold", nil)
		h.call(mainEvent, 0, "socket", result)
		h.call(mainEvent, 0, "body", result)
		sendTo(h, sockEvent, hostproto.Response{Status: 101, Socket: workerSocket, Length: -1})
		sendTo(h, mainEvent, hostproto.Response{Status: 200, Stream: bodyStream, Length: -1})
		sendTo(h, bodyStream, hostproto.StreamData{Data: []byte("first")})
		return
	}
	l.say(h, turn)
}

// say tells the lie, then the fence, and that there is no more.
func (l *lab) say(h *fakeHost, turn *turn) {
	h.raw.Write(append(append([]byte(nil), turn.lie.say...), rawFrame(fenceType, 0, 7, nil)...)) // it may be ended meanwhile
	h.raw.CloseWrite()
	close(turn.said)
}

// ask makes a request in its role, and looks at the answer.
func (l *lab) ask(ctx context.Context, v *worker.Version, turn *turn, role string, body io.Reader) {
	resp, err := l.p.Fetch(ctx, v, &FetchRequest{Method: "POST", URL: fmt.Sprintf("https://example.com/%d/%s", turn.number, role), Body: body, Length: -1})
	if err != nil {
		if ctx.Err() != nil {
			l.t.Errorf("%s, %s: the request %s hung", turn.scene.name, turn.name, role)
		}
		return
	}
	if resp.Socket != nil {
		resp.Socket.Serve(ctx, newQuiet())
		return
	}
	got := string(resp.Inline)
	if resp.Body != nil {
		all, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<20)) // it may break off
		got += string(all)
		resp.Body.Close()
	}
	if strings.Contains(got, otherSecret) && role != "other" || strings.Contains(got, innocentSecret) {
		l.leak("the answer to " + role + " has the body of another")
	}
}

// freshen replaces the liar's host unless it is new: requests that were sent once more would have ids that the scenes give to others.
func (l *lab) freshen() {
	slot := l.p.slots[l.place()]
	for {
		h := slot.host.Load()
		if h == nil {
			runtime.Gosched()
			continue
		}
		h.mu.Lock()
		placed := h.placed
		h.mu.Unlock()
		if placed == 0 {
			return
		}
		fake := l.f.host(h.proc.Pid() - 1000)
		fake.outside.Store(true)
		fake.die()
		eventually(l.t, "the used host is replaced", func() bool { return slot.host.Load() != h })
	}
}

// run tells one lie and waits until all of it is over.
func (l *lab) run(number int, lie *lie) {
	t := l.t
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	turn := &turn{lie: lie, number: number, arrived: make(chan string, 8), said: make(chan struct{})}
	var asked sync.WaitGroup
	asked.Go(func() {
		body := strings.Repeat(innocentSecret, 3)
		resp, err := l.p.Fetch(ctx, l.innocent, &FetchRequest{Method: "POST", URL: "https://example.com/hello", Body: strings.NewReader(body), Length: int64(len(body))})
		if err != nil || string(resp.Inline) != "hello" {
			t.Errorf("%s, %s: the innocent host answers %+v, %v", lie.scene.name, lie.name, resp, err)
		}
	})
	if lie.scene.greeted {
		l.freshen()
		l.turn.Store(turn)
		for _, q := range []struct {
			role string
			v    *worker.Version
			body io.Reader
		}{{"other", l.other, strings.NewReader(otherSecret)}, {"warm", l.liar, nil}, {"sock", l.liar, nil}, {"main", l.liar, strings.NewReader("own body")}} {
			asked.Go(func() { l.ask(ctx, q.v, turn, q.role, q.body) })
			select {
			case got := <-turn.arrived:
				if got != q.role {
					t.Fatalf("%s has arrived, not %s", got, q.role)
				}
			case <-ctx.Done():
				t.Fatalf("%s, %s: the request %s does not arrive", lie.scene.name, lie.name, q.role)
			}
		}
	} else {
		l.before.Store(turn)
		h := l.f.host(l.p.Pids()[l.place()] - 1000)
		h.outside.Store(true)
		h.die()
	}
	select {
	case <-turn.said:
	case <-ctx.Done():
		t.Fatalf("%s, %s: the lie is not told", lie.scene.name, lie.name)
	}
	for {
		var end labEnd
		select {
		case end = <-l.ends:
		case <-ctx.Done():
			t.Fatalf("%s, %s: the host is not ended", lie.scene.name, lie.name)
		}
		if end.pid != 1000+turn.host.n {
			continue // One that had to make room.
		}
		if lie.must && (end.violation == "" || strings.Contains(end.violation, fmt.Sprintf("type %d", fenceType))) {
			t.Errorf("%s, %s: not noticed (%s); the host was ended for %q", lie.scene.name, lie.name, lie.why, end.violation)
		}
		break
	}
	asked.Wait()
	eventually(t, "another host takes its place", func() bool { return len(l.p.Pids()) == 2 })
	l.f.mu.Lock()
	for n := max(2, turn.host.n-10); n < turn.host.n; n++ {
		l.f.hosts[n] = nil // What the test keeps must not hide what the pool does.
	}
	l.f.mu.Unlock()
	if what := l.leaks.Load(); what != nil {
		t.Fatalf("%s, %s: %s", lie.scene.name, lie.name, *what)
	}
}

// place is the liar's slot.
func (l *lab) place() int {
	home := l.p.version(l.liar).home.Load()
	for i, s := range l.p.slots {
		if s == home {
			return i
		}
	}
	return 0
}

// Goal: whatever a host says, the supervisor neither panics, hangs nor grows, nothing of one tenant reaches another, every lie that can be
// told from the truth ends the host that tells it, and the host beside it does not notice. Method: a pool of two hosts, of which one tells
// a lie at a point in the conversation and is replaced by the next liar. The lies are made of the schema and the vectors: each field
// of each message with values at its boundaries, the ids of everything that there is, texts that are none, each cut, each flipped bit.
func TestLiar(t *testing.T) {
	s := readSchema(t)
	step := 1
	if testing.Short() {
		step = 101 // And the first of each kind.
	}
	l := newLab(t)
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	told, noticed, peak := 0, 0, uint64(0)
	number := 0
	for _, at := range scenes {
		inScene, kinds := 0, map[string]bool{}
		for i, lie := range s.allLies(at) {
			if i%step != 0 && (kinds[lie.kind] || !lie.must) {
				continue
			}
			kinds[lie.kind] = true
			number++
			l.run(number, lie)
			inScene++
			if lie.must {
				noticed++
			}
			if number%500 == 0 {
				runtime.ReadMemStats(&now)
				peak = max(peak, now.HeapInuse)
			}
			if t.Failed() && testing.Short() {
				return
			}
		}
		told += inScene
		t.Logf("%s: %d lies", at.name, inScene)
	}
	runtime.GC()
	runtime.ReadMemStats(&now)
	peak = max(peak, now.HeapInuse)
	const slack, most = 24 << 20, 256 << 20 // Each host has a parser and buffers, which go with it.
	if now.HeapAlloc > before.HeapAlloc+slack || peak > most {
		t.Errorf("the heap went from %d KiB to %d KiB, at most %d KiB", before.HeapAlloc>>10, now.HeapAlloc>>10, peak>>10)
	}
	stats, err := l.p.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d lies in %d scenes, %d of them have to be noticed and were; %d hosts; heap %d KiB before, %d KiB after, %d KiB at most", told, len(scenes), noticed, l.f.count(), before.HeapAlloc>>10, now.HeapAlloc>>10, peak>>10)
	if stats.Quarantines != 0 || stats.Strikes != 0 {
		t.Errorf("the innocent have been blamed: %+v", stats)
	}
}
