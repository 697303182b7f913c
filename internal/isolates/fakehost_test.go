package isolates

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
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

// fleet starts fake hosts inside the test's process.
type fleet struct {
	build string
	// setUp, if set, changes a host before it speaks; n counts from 0.
	setUp func(n int, h *fakeHost)
	// refuse, if set, fails the launch of a host.
	refuse func(n int) error

	mu    sync.Mutex
	hosts []*fakeHost
}

// fakeHost speaks the protocol as a host does. What it does with a request is told by the path of its URL (see fetch), unless onFetch is
// set. All its state is of its reading goroutine; send may be called from anywhere.
type fakeHost struct {
	n    int
	conn *hostproto.Conn
	raw  *net.UnixConn // The same, for bytes that are no frames.
	page *os.File

	onFetch func(h *fakeHost, id uint32, m hostproto.Fetch)
	onFrame func(h *fakeHost, f hostproto.Frame)
	ready   func(h *fakeHost)

	workers    map[uint32]*fakeWorker
	loads      atomic.Int64
	unloads    chan uint32
	cancels    map[uint32]func(hostproto.CancelReason)
	calls      map[uint32]func(hostproto.CallResult)
	streams    map[uint32]func(hostproto.Frame)
	sockets    map[uint32]func(hostproto.Frame)
	owned      map[uint32][]uint32 // Streams by event.
	nextCall   uint32
	nextStream uint32
	data       atomic.Int64 // StreamData frames received.

	outside atomic.Bool
	died    chan struct{}
	once    sync.Once
	stderr  string
}

type fakeWorker struct {
	data []byte
	load hostproto.WorkerLoad
}

func (f *fleet) launch(context.Context, *Engine) (process, *net.UnixConn, *os.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := len(f.hosts)
	if f.refuse != nil {
		if err := f.refuse(n); err != nil {
			return nil, nil, nil, err
		}
	}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, nil, nil, err
	}
	var ends [2]*net.UnixConn
	for i, fd := range fds {
		file := os.NewFile(uintptr(fd), "socketpair")
		conn, err := net.FileConn(file)
		file.Close()
		if err != nil {
			return nil, nil, nil, err
		}
		ends[i] = conn.(*net.UnixConn)
	}
	page, err := newCrashPage()
	if err != nil {
		return nil, nil, nil, err
	}
	h := newFakeHost(n, f.build)
	if h.conn, err = hostproto.NewConn(ends[1], hostproto.FromSupervisor); err != nil {
		return nil, nil, nil, err
	}
	h.page, h.raw = page, ends[1]
	if f.setUp != nil {
		f.setUp(n, h)
	}
	f.hosts = append(f.hosts, h)
	go func() {
		h.conn.Serve(h.handle)
		close(h.died)
	}()
	return h, ends[0], page, nil
}

func newFakeHost(n int, build string) *fakeHost {
	h := &fakeHost{
		n: n, workers: map[uint32]*fakeWorker{}, unloads: make(chan uint32, 16), cancels: map[uint32]func(hostproto.CancelReason){}, calls: map[uint32]func(hostproto.CallResult){}, owned: map[uint32][]uint32{},
		streams: map[uint32]func(hostproto.Frame){}, sockets: map[uint32]func(hostproto.Frame){}, nextCall: 1, nextStream: 1, died: make(chan struct{}), stderr: fmt.Sprintf("fake host %d", n),
	}
	h.ready = func(h *fakeHost) {
		h.send(0, hostproto.Ready{Protocol: hostproto.Protocol, Build: build, V8: "fake"})
	}
	return h
}

// host returns the nth host started.
func (f *fleet) host(n int) *fakeHost {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hosts[n]
}

// serving is the host of the first slot: which one that is, is a matter of who is ready first.
func (f *fleet) serving(p *Pool) *fakeHost { return f.host(p.Pids()[0] - 1000) }

func (f *fleet) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.hosts)
}

// KilledFromOutside is what a test says.
func (h *fakeHost) KilledFromOutside() bool { return h.outside.Load() }

func (h *fakeHost) Pid() int       { return 1000 + h.n }
func (h *fakeHost) Kill()          { h.die() }
func (h *fakeHost) Stderr() string { return h.stderr }
func (h *fakeHost) Wait() string {
	<-h.died
	return "killed"
}

// die ends the host as the death of its process would.
func (h *fakeHost) die() { h.once.Do(func() { h.conn.Close(errors.New("the fake host dies")) }) }

// sendTo sends a message of the host.
func sendTo[M hostproto.Message](h *fakeHost, id uint32, m M) { hostproto.Send(h.conn, id, m) }

func (h *fakeHost) send(id uint32, m hostproto.Message) { hostproto.Send(h.conn, id, m) }

// running marks a slot of the crash page.
func (h *fakeHost) running(slot int, worker, event uint32) {
	var b [16]byte
	binary.LittleEndian.PutUint32(b[:], worker)
	binary.LittleEndian.PutUint32(b[4:], event)
	h.page.WriteAt(b[:], int64(slot*crashSlotSize))
}

// stopped marks a slot of the crash page: a signal has stopped its thread.
func (h *fakeHost) stopped(slot int, signal uint32) {
	var b [4]byte
	binary.LittleEndian.PutUint32(b[:], signal)
	h.page.WriteAt(b[:], int64(slot*crashSlotSize+16))
}

func must[M any](m M, err error) M {
	if err != nil {
		panic(err)
	}
	return m
}

func (h *fakeHost) handle(f hostproto.Frame) error {
	if h.onFrame != nil {
		h.onFrame(h, f)
	}
	switch f.Type {
	case hostproto.TypeHello:
		h.ready(h)
	case hostproto.TypeWorkerData:
		h.worker(f.ID).data = append(h.worker(f.ID).data, f.Payload...)
	case hostproto.TypeWorkerLoad:
		h.worker(f.ID).load = must(hostproto.DecodeWorkerLoad(bytes.Clone(f.Payload)))
		h.loads.Add(1)
	case hostproto.TypeWorkerUnload:
		delete(h.workers, f.ID)
		select {
		case h.unloads <- f.ID:
		default: // The test does not look.
		}
	case hostproto.TypeFetch:
		m := must(hostproto.DecodeFetch(bytes.Clone(f.Payload)))
		if h.workers[m.Worker] == nil || h.workers[m.Worker].load.Name == "" {
			return fmt.Errorf("fetch for worker %d, which was not loaded", m.Worker)
		}
		if h.onFetch != nil {
			h.onFetch(h, f.ID, m)
		} else {
			h.fetch(f.ID, m)
		}
	case hostproto.TypeCancel:
		if cancel := h.cancels[f.ID]; cancel != nil {
			delete(h.cancels, f.ID)
			cancel(must(hostproto.DecodeCancel(f.Payload)).Reason)
		}
	case hostproto.TypeCallResult:
		if done := h.calls[f.ID]; done != nil {
			delete(h.calls, f.ID)
			done(must(hostproto.DecodeCallResult(bytes.Clone(f.Payload))))
		}
	case hostproto.TypeStreamData, hostproto.TypeStreamEnd, hostproto.TypeStreamReset, hostproto.TypeStreamCredit, hostproto.TypeStreamCancel:
		if f.Type == hostproto.TypeStreamData {
			h.data.Add(1)
		}
		if stream := h.streams[f.ID]; stream != nil {
			stream(f)
		}
	case hostproto.TypeSocketData, hostproto.TypeSocketClose, hostproto.TypeSocketCredit:
		if socket := h.sockets[f.ID]; socket != nil {
			socket(f)
		}
	case hostproto.TypeStatsRequest:
		h.send(f.ID, hostproto.Stats{EventsLive: uint32(len(h.cancels)), IsolatesLive: 7})
	}
	return nil
}

func (h *fakeHost) worker(id uint32) *fakeWorker {
	if h.workers[id] == nil {
		h.workers[id] = &fakeWorker{}
	}
	return h.workers[id]
}

func (h *fakeHost) respond(id uint32, body string) {
	sendTo(h, id, hostproto.Response{Status: 200, Headers: []byte("content-type\ntext/plain\n"), Length: int64(len(body)), Body: []byte(body)})
}

// done ends an event, once; calls and streams of it end too.
func (h *fakeHost) done(id uint32) {
	h.end(id, hostproto.EventDone{Outcome: hostproto.OutcomeOK, CPUNs: 1000})
}

func (h *fakeHost) end(id uint32, m hostproto.EventDone) {
	delete(h.cancels, id)
	for _, stream := range h.owned[id] {
		delete(h.streams, stream)
	}
	delete(h.owned, id)
	sendTo(h, id, m)
}

// read reads a stream of the supervisor to its end.
func (h *fakeHost) read(event, stream uint32, data func([]byte), end func(ok bool)) {
	h.owned[event] = append(h.owned[event], stream)
	h.streams[stream] = func(f hostproto.Frame) {
		switch f.Type {
		case hostproto.TypeStreamData:
			data(f.Payload)
			if h.streams[stream] == nil {
				return // data has ended the event.
			}
			sendTo(h, stream, hostproto.StreamCredit{Bytes: uint32(len(f.Payload))})
		case hostproto.TypeStreamEnd, hostproto.TypeStreamReset:
			delete(h.streams, stream)
			end(f.Type == hostproto.TypeStreamEnd)
		}
	}
	sendTo(h, stream, hostproto.StreamCredit{Bytes: 100_000})
}

// writer is a stream of a fake host.
type writer struct {
	h      *fakeHost
	id     uint32
	credit int
	wait   []byte
	ended  bool
	done   func(ok bool)
}

func (h *fakeHost) open(event uint32, done func(ok bool)) *writer {
	w := &writer{h: h, id: h.nextStream, credit: hostproto.StreamWindow, done: done}
	h.nextStream += 2
	h.owned[event] = append(h.owned[event], w.id)
	h.streams[w.id] = func(f hostproto.Frame) {
		switch f.Type {
		case hostproto.TypeStreamCredit:
			w.credit += int(must(hostproto.DecodeStreamCredit(f.Payload)).Bytes)
			w.flush()
		case hostproto.TypeStreamCancel:
			delete(h.streams, w.id)
			sendTo(h, w.id, hostproto.StreamReset{Code: hostproto.CallCodeAborted})
			w.done(false)
		}
	}
	return w
}

func (w *writer) write(b []byte) {
	w.wait = append(w.wait, b...)
	w.flush()
}

func (w *writer) end() {
	w.ended = true
	w.flush()
}

func (w *writer) flush() {
	if w.h.streams[w.id] == nil {
		return
	}
	for len(w.wait) > 0 && w.credit > 0 {
		n := min(len(w.wait), w.credit, hostproto.StreamDataMax)
		sendTo(w.h, w.id, hostproto.StreamData{Data: w.wait[:n]})
		w.wait = w.wait[n:]
		w.credit -= n
	}
	if w.ended && len(w.wait) == 0 {
		delete(w.h.streams, w.id)
		sendTo(w.h, w.id, hostproto.StreamEnd{})
		w.done(true)
	}
}

func (h *fakeHost) call(event uint32, stream uint32, args string, done func(hostproto.CallResult)) uint32 {
	id := h.nextCall
	h.nextCall++
	h.calls[id] = done
	sendTo(h, id, hostproto.Call{Event: event, Op: hostproto.CallOpFetch, Stream: stream, Args: []byte(args)})
	return id
}

// fetch does what the path of the URL says.
func (h *fakeHost) fetch(id uint32, m hostproto.Fetch) {
	u := must(url.Parse(m.URL))
	finish := func(bool) { h.done(id) }
	switch u.Path {
	case "/hello":
		h.respond(id, "hello")
		h.done(id)
	case "/late": // Answers, and is done when it is canceled or told by the test.
		h.respond(id, "hello")
		h.cancels[id] = func(hostproto.CancelReason) { h.done(id) }
	case "/hang":
		h.cancels[id] = func(r hostproto.CancelReason) {
			h.end(id, hostproto.EventDone{Outcome: hostproto.OutcomeCanceled, Message: r.String()})
		}
	case "/stubborn": // Answers a cancellation with a response.
		h.cancels[id] = func(hostproto.CancelReason) {
			w := h.open(id, func(bool) {})
			sendTo(h, id, hostproto.Response{Status: 200, Stream: w.id, Length: -1})
			w.write([]byte("too late"))
			w.end()
			h.done(id)
		}
	case "/throw":
		sendTo(h, id, hostproto.EventDone{Outcome: hostproto.OutcomeException, Message: "Error: no", Stack: "at x", CPUNs: 5e6, StartupNs: 1e6, Cold: true, PassThrough: true})
	case "/die":
		h.die()
	case "/echo": // Both streams at once.
		w := h.open(id, finish)
		sendTo(h, id, hostproto.Response{Status: 200, Stream: w.id, Length: m.Length})
		h.cancels[id] = func(hostproto.CancelReason) { h.done(id) }
		h.read(id, m.Stream, w.write, func(ok bool) {
			if ok {
				w.end()
				return
			}
			sendTo(h, w.id, hostproto.StreamReset{Code: hostproto.CallCodeNetwork, Message: "the request broke off"})
			h.done(id)
		})
	case "/read":
		n := 0
		h.read(id, m.Stream, func(b []byte) { n += len(b) }, func(ok bool) {
			h.respond(id, fmt.Sprintf("%d %v", n, ok))
			h.done(id)
		})
	case "/generate":
		var n int
		fmt.Sscan(u.Query().Get("n"), &n)
		w := h.open(id, finish)
		sendTo(h, id, hostproto.Response{Status: 200, Stream: w.id, Length: int64(n)})
		w.write(bytes.Repeat([]byte("x"), n))
		w.end()
	case "/endless":
		w := h.open(id, finish)
		sendTo(h, id, hostproto.Response{Status: 200, Stream: w.id, Length: -1})
		w.write(make([]byte, 4<<20))
		h.cancels[id] = func(hostproto.CancelReason) { h.done(id) }
	case "/splice":
		sendTo(h, id, hostproto.Response{Status: 200, Stream: m.Stream, Length: m.Length})
		h.done(id)
	case "/call":
		h.call(id, 0, u.RawQuery, func(r hostproto.CallResult) {
			h.respond(id, fmt.Sprintf("%s %s %s", r.Code, r.Message, r.Result))
			h.done(id)
		})
	case "/upload": // Passes the request on as the upload of a call.
		h.call(id, m.Stream, "", func(r hostproto.CallResult) {
			h.respond(id, string(r.Result))
			h.done(id)
		})
	case "/produce": // Uploads bytes of its own.
		w := h.open(id, func(bool) {})
		h.call(id, w.id, "", func(r hostproto.CallResult) {
			h.respond(id, string(r.Result))
			h.done(id)
		})
		w.write(bytes.Repeat([]byte("y"), 1_000_000))
		w.end()
	case "/download":
		h.call(id, m.Stream, "", func(r hostproto.CallResult) {
			n := 0
			h.read(id, r.Stream, func(b []byte) { n += len(b) }, func(ok bool) {
				h.respond(id, fmt.Sprintf("%d %v", n, ok))
				h.done(id)
			})
		})
	case "/proxy":
		h.call(id, m.Stream, "", func(r hostproto.CallResult) {
			sendTo(h, id, hostproto.Response{Status: 200, Stream: r.Stream, Length: r.Length})
			h.done(id)
		})
	case "/abort":
		call := h.call(id, 0, "wait", nil)
		delete(h.calls, call) // A result may cross the abort; it is ignored.
		sendTo(h, call, hostproto.CallAbort{})
		h.respond(id, "aborted")
		h.done(id)
	case "/calldie":
		h.call(id, 0, "", func(hostproto.CallResult) { h.die() })
	case "/answerdie":
		w := h.open(id, func(bool) {})
		sendTo(h, id, hostproto.Response{Status: 200, Stream: w.id, Length: -1})
		sendTo(h, w.id, hostproto.StreamData{Data: []byte("half")})
		h.streams[m.Stream] = nil
		go func() { h.conn.Close(errors.New("dies after its answer")) }()
	default:
		sendTo(h, id, hostproto.EventDone{Outcome: hostproto.OutcomeInternalError, Message: "no such path"})
	}
}

// logBook is a log that can be searched.
type logBook struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logBook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newPool opens a pool over a fleet, and closes and checks it at the end of the test.
func newPool(t testing.TB, f *fleet, cfg Config, change ...func(*Pool)) (*Pool, *logBook) {
	t.Helper()
	checkLeaks(t)
	log := &logBook{}
	cfg.Build = f.build
	cfg.Logger = slog.New(slog.NewTextHandler(log, nil))
	p := New(cfg)
	p.launch = f.launch
	// Nothing here may depend on time, unless the test says so: deaths are not quick, probes do not come.
	p.timing.healthy, p.timing.probe = 0, time.Hour
	for _, c := range change {
		c(p)
	}
	t.Cleanup(func() { p.Close() })
	if err := p.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	return p, log
}

// checkLeaks compares goroutines and descriptors before and after a test. It must come before what it checks.
func checkLeaks(t testing.TB) {
	t.Helper()
	fds := func() int { all, _ := os.ReadDir("/proc/self/fd"); return len(all) }
	goroutines, files := runtime.NumGoroutine(), fds()
	t.Cleanup(func() {
		deadline := time.Now().Add(10 * time.Second)
		for runtime.NumGoroutine() > goroutines || fds() > files {
			if time.Now().After(deadline) {
				stacks := make([]byte, 1<<20)
				t.Errorf("%d goroutines and %d descriptors, %d and %d before\n%s", runtime.NumGoroutine(), fds(), goroutines, files, stacks[:runtime.Stack(stacks, true)])
				return
			}
			runtime.Gosched()
		}
	})
}

// eventually waits for a condition that some goroutine is about to make true.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("never came true: %s", what)
		}
		runtime.Gosched()
	}
}

func testVersion(name string) *worker.Version {
	return &worker.Version{Name: name, ID: name + "-1", Modules: []worker.Module{{Name: "index.js", Data: []byte("export default {}")}}}
}

func get(path string) *FetchRequest {
	return &FetchRequest{Method: "GET", URL: "https://example.com" + path}
}
