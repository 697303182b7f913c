package isolates

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"skerry/internal/hostproto"
	"skerry/internal/worker"
)

// bench is a pool and a connection that never ends, for hosts that are handed their frames.
type fuzzBench struct {
	p    *Pool
	conn *hostproto.Conn
	page *os.File
	vers []*version
}

// fuzzProcess is no process.
type fuzzProcess struct{}

func (fuzzProcess) Pid() int                { return 1 }
func (fuzzProcess) Kill()                   {}
func (fuzzProcess) Wait() string            { return "" }
func (fuzzProcess) KilledFromOutside() bool { return true }
func (fuzzProcess) Stderr() string          { return "" }

func newFuzzBench(f *testing.F) *fuzzBench {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		f.Fatal(err)
	}
	var ends [2]*net.UnixConn
	for i, fd := range fds {
		file := os.NewFile(uintptr(fd), "socketpair")
		conn, err := net.FileConn(file)
		file.Close()
		if err != nil {
			f.Fatal(err)
		}
		ends[i] = conn.(*net.UnixConn)
	}
	go io.Copy(io.Discard, ends[1]) // ends with the process
	b := &fuzzBench{}
	if b.conn, err = hostproto.NewConn(ends[0], hostproto.FromHost); err != nil {
		f.Fatal(err)
	}
	go b.conn.Serve(func(hostproto.Frame) error { return nil }) // ends with the process
	if b.page, err = newCrashPage(); err != nil {
		f.Fatal(err)
	}
	b.p = New(Config{Logger: slog.New(slog.DiscardHandler), BufferedMax: 1 << 20, OnLog: func(*worker.Version, hostproto.LogLevel, []byte) {},
		Calls: answerCalls(func(ctx context.Context, c *Call) CallResult {
			switch {
			case len(c.Args) > 0 && c.Args[0] == 's':
				return CallResult{Socket: newQuiet()}
			case len(c.Args) > 0 && c.Args[0] == 'b':
				return CallResult{Body: io.NopCloser(strings.NewReader("body")), Length: 4}
			case len(c.Args) > 0 && c.Args[0] == 'w':
				<-ctx.Done()
			}
			return CallResult{Code: hostproto.CallCodeRefused}
		})})
	for _, name := range []string{"other", "liar"} {
		v := testVersion(name)
		v.Bindings = []worker.Binding{{Name: "TEXT", Kind: worker.TextBinding}}
		b.vers = append(b.vers, b.p.version(v))
	}
	return b
}

// host is one in the scene "asked", beside which everything else can be made by frames.
func (b *fuzzBench) host() *host {
	h := &host{
		pool: b.p, proc: fuzzProcess{}, conn: b.conn, page: b.page, started: time.Now(), ready: make(chan struct{}), replaced: make(chan struct{}), ended: make(chan struct{}), greets: true,
		ins: map[uint32]*inbound{}, calls: map[uint32]*call{}, sockets: map[uint32]*hostSocket{}, workers: map[*version]*hostWorker{}, workerIDs: map[uint32]*hostWorker{}, stats: map[uint32]chan hostproto.Stats{},
	}
	for i, ver := range b.vers {
		w := &hostWorker{ver: ver, id: uint32(i + 1), loaded: true, ready: make(chan struct{})}
		h.workers[ver], h.workerIDs[w.id] = w, w
		h.nextWorker = w.id
	}
	for i := range 4 {
		ev := &event{host: h}
		ev.resp.ev = ev
		h.placeLocked(ev, h.workerIDs[uint32(min(i+1, 2))])
		if i%3 == 0 { // The ids of the scenes.
			ev.request = h.openOutboundLocked(ev, strings.NewReader(otherSecret), nil)
		}
	}
	return h
}

// end is the death of a host, and the readers of its bodies closing them.
func (b *fuzzBench) end(t *testing.T, h *host, responses []*FetchResponse) {
	suspects := h.suspects()
	h.mu.Lock()
	h.gone = true
	h.mu.Unlock()
	h.loseEvents(suspects)
	for _, r := range responses {
		if r.Body != nil {
			r.Body.Close()
		}
		if r.Socket != nil {
			r.Socket.Serve(t.Context(), newQuiet())
		}
	}
	b.p.work.Wait() // Calls, and the sockets that they opened.
	if h.callsRunning != 0 || h.callBytes != 0 || len(h.ins) != 0 || len(h.calls) != 0 || len(h.sockets) != 0 || h.live != 0 {
		t.Fatalf("left: %d calls with %d bytes, %d streams, %d calls, %d sockets, %d events", h.callsRunning, h.callBytes, len(h.ins), len(h.calls), len(h.sockets), h.live)
	}
}

// FuzzHost: whatever a host says, in whatever order, it is taken or it is a violation; and when it has ended, nothing of it is left.
func FuzzHost(f *testing.F) {
	s := readSchema(f)
	var all []byte
	for _, m := range s.Control {
		if m.ofHost() {
			at := scenes[2]
			for _, payload := range m.vectors {
				frame := rawFrame(m.ID, 0, at.about(m), payload)
				f.Add(frame)
				all = append(all, frame...)
			}
		}
	}
	add := func(frames ...[]byte) { f.Add(bytes.Join(frames, nil)) }
	frame := func(id uint32, m hostproto.Message) []byte { return rawFrame(uint16(m.Type()), 0, id, m.AppendTo(nil)) }
	call := func(args string, stream uint32) hostproto.Call {
		return hostproto.Call{Event: mainEvent, Op: hostproto.CallOpFetch, Stream: stream, Args: []byte(args)}
	}
	add(all)
	add(frame(mainEvent, hostproto.Response{Status: 200, Stream: 13, Length: -1}), frame(13, hostproto.StreamData{Data: []byte("x")}), frame(13, hostproto.StreamEnd{}), frame(mainEvent, hostproto.EventDone{}))
	add(frame(mainEvent, hostproto.Response{Status: 101, Socket: 15}), frame(15, hostproto.SocketData{Final: true, Data: []byte("x")}), frame(15, hostproto.SocketCredit{Bytes: 9}), frame(15, hostproto.SocketClose{Code: 1000}))
	add(frame(1, call("s", 0)), frame(2, call("b", 11)), frame(3, call("w", mainStream)), frame(11, hostproto.StreamData{Data: []byte("x")}), frame(3, hostproto.CallAbort{}), frame(11, hostproto.StreamReset{}))
	add(frame(mainStream, hostproto.StreamCredit{Bytes: 100}), frame(mainStream, hostproto.StreamCancel{}), frame(mainEvent, hostproto.EventDone{Outcome: hostproto.OutcomeCanceled}))
	add(frame(2, hostproto.CodeCache{Total: 4, Data: []byte("ab")}), frame(2, hostproto.CodeCache{Offset: 2, Total: 4, Data: []byte("cd")}))
	b := newFuzzBench(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		h := b.host()
		var responses []*FetchResponse
		for _, ev := range h.events {
			responses = append(responses, &ev.resp)
		}
		parser := hostproto.NewParser(hostproto.FromHost)
		func() {
			for rest := data; len(rest) > 0; {
				n := copy(parser.Space(), rest)
				rest = rest[n:]
				parser.Added(n)
				for {
					fr, ok, err := parser.Next()
					if err == nil && ok {
						err = h.handle(fr)
					}
					if err != nil {
						if !isViolation(err) {
							t.Fatalf("%v is no violation", err)
						}
						return
					}
					if !ok {
						break
					}
				}
			}
		}()
		b.end(t, h, responses)
		if n := runtime.NumGoroutine(); n > 5000 {
			t.Fatalf("%d goroutines", n)
		}
	})
}

// FuzzCrashPage: whatever is on the page, suspects are workers of the host, each with an event of its own.
func FuzzCrashPage(f *testing.F) {
	slot := make([]byte, crashSlotSize)
	binary.LittleEndian.PutUint32(slot, ownWorker)
	binary.LittleEndian.PutUint32(slot[4:], mainEvent)
	f.Add(slot)
	f.Add(bytes.Repeat(slot, crashSlots))
	f.Add(bytes.Repeat([]byte{0xff}, crashSlots*crashSlotSize))
	f.Add(bytes.Repeat([]byte{1, 0, 0, 0}, crashSlots*crashSlotSize/4))
	b := newFuzzBench(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		page := make([]byte, crashSlots*crashSlotSize)
		copy(page, data)
		if _, err := b.page.WriteAt(page, 0); err != nil {
			t.Fatal(err)
		}
		h := b.host()
		suspects := h.suspects()
		if len(suspects) > crashSlots {
			t.Fatalf("%d suspects", len(suspects))
		}
		for _, s := range suspects {
			ev := h.eventLocked(s.Event)
			if s.Worker != "other" && s.Worker != "liar" || ev != nil && ev.worker.ver.source.Name != s.Worker {
				t.Fatalf("suspect %+v", s)
			}
		}
		b.end(t, h, nil)
		b.page.WriteAt(make([]byte, crashSlots*crashSlotSize), 0)
	})
}

// FuzzCodeCachePieces: pieces in any order give a whole cache only of what follows each other, within the bound. Four bytes are a piece:
// worker and module, its place, its size, the total.
func FuzzCodeCachePieces(f *testing.F) {
	f.Add([]byte{0, 0, 1, 2, 0, 1, 1, 2})
	f.Add([]byte{0, 0, 200, 255, 1, 0, 200, 255, 2, 0, 200, 255, 3, 0, 200, 255})
	blob := make([]byte, 256<<16)
	f.Fuzz(func(t *testing.T, data []byte) {
		var pieces cachePieces
		want := map[pieceOf]int{}
		for ; len(data) >= 4; data = data[4:] {
			of := pieceOf{uint32(data[0] >> 4), uint16(data[0] & 15)}
			m := hostproto.CodeCache{Offset: uint32(data[1]) << 16, Total: uint32(data[3]) << 16, Data: blob[:int(data[2])<<16]}
			if m.Total == 0 || uint64(m.Offset)+uint64(len(m.Data)) > uint64(m.Total) {
				continue // Somebody else has seen to that.
			}
			cache, taken := pieces.add(of, &m, func(id uint32) bool { return id%2 == 0 })
			have := want[of]
			if m.Offset == 0 {
				have = 0
			}
			if cache != nil && (len(cache) != int(m.Total) || have != int(m.Offset)) {
				t.Fatalf("a cache of %d bytes, its total is %d; %d bytes were there, the last piece is at %d", len(cache), m.Total, have, m.Offset)
			}
			delete(want, of)
			if taken && cache == nil {
				want[of] = have + len(m.Data)
			}
			sum := 0
			for _, piece := range pieces.have {
				sum += len(piece)
			}
			if sum != pieces.bytes || sum > codeCachePendingMax {
				t.Fatalf("%d bytes, %d accounted for", sum, pieces.bytes)
			}
		}
	})
}
