package isolates

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"skerry/internal/hostproto"
	"skerry/internal/worker"
)

// version is what the pool keeps of a worker.Version.
type version struct {
	source *worker.Version
	// home is the slot whose host runs it; nil: it is given one by its next event.
	home atomic.Pointer[slot]
	// refusedUntil is not 0 if the worker may be refused: a time in ns. The ledger says whether it still is.
	refusedUntil atomic.Int64
	// fault says why the version cannot be loaded; load is the definition without code caches, data its size in bytes.
	fault error
	// events is the number of events that it may have under way in one host.
	events int
	load   hostproto.WorkerLoad
	data   int64

	forgotten atomic.Bool

	mu     sync.Mutex
	caches map[int]codeCache
}

// codeCache is the code cache of one module and the host that made it.
type codeCache struct {
	data []byte
	from *host
}

// version returns the pool's version of v. It is the same until Forget.
func (p *Pool) version(v *worker.Version) *version {
	if ver, ok := p.versions.Load(v); ok {
		return ver.(*version)
	}
	ver := newVersion(v)
	if refused := p.ledger.refused(v.Name, p.now()); refused != nil {
		ver.refusedUntil.Store(refused.Until.UnixNano())
	}
	actual, _ := p.versions.LoadOrStore(v, ver)
	return actual.(*version)
}

// Forget says that no more events will come for v. Hosts drop it when those under way have ended. (One that comes
// nevertheless is run.)
func (p *Pool) Forget(v *worker.Version) {
	found, ok := p.versions.LoadAndDelete(v)
	if !ok {
		return
	}
	ver := found.(*version)
	ver.forgotten.Store(true)
	for _, h := range p.hosts() {
		var after deferred
		h.mu.Lock()
		if w := h.workers[ver]; w != nil {
			w.unload = true
			h.unloadLocked(w, &after)
		}
		h.mu.Unlock()
		after.run()
	}
}

// unloadLocked tells the host to drop a forgotten worker without events.
func (h *host) unloadLocked(w *hostWorker, after *deferred) {
	if !w.unload || w.events > 0 || !w.loaded || h.workers[w.ver] != w {
		return
	}
	delete(h.workers, w.ver)
	delete(h.workerIDs, w.id)
	after.add(func() { hostproto.Send(h.conn, w.id, hostproto.WorkerUnload{}) })
}

// load sends the definition of a worker. It is run once per worker and host.
func (h *host) load(w *hostWorker) {
	ctx := context.Background() // The connection's end ends it; no request must leave half a definition behind.
	load, blobs := w.ver.definition()
	for _, blob := range blobs {
		for len(blob) > 0 {
			piece := blob[:min(len(blob), workerDataPiece)]
			if hostproto.SendWait(ctx, h.conn, w.id, hostproto.WorkerData{Data: piece}) != nil {
				return
			}
			blob = blob[len(piece):]
		}
	}
	if hostproto.SendWait(ctx, h.conn, w.id, load) != nil {
		return
	}
	var after deferred
	h.mu.Lock()
	w.loaded = true
	w.unload = w.unload || w.ver.forgotten.Load()
	h.unloadLocked(w, &after)
	h.mu.Unlock()
	close(w.ready)
	after.run()
}

// newVersion checks a version and prepares what is sent of it.
func newVersion(v *worker.Version) *version {
	ver := &version{source: v, caches: map[int]codeCache{}}
	fail := func(format string, args ...any) *version {
		ver.fault = &DefinitionError{Worker: v.Name, Reason: fmt.Sprintf(format, args...)}
		return ver
	}
	if len(v.Modules) == 0 || v.Main < 0 || v.Main >= len(v.Modules) || len(v.Modules) > math.MaxUint16 {
		return fail("it has %d modules and says that number %d is the main one", len(v.Modules), v.Main)
	}
	limits := v.Limits.WithDefaults()
	ver.events = limits.Events
	ver.load = hostproto.WorkerLoad{
		Name: v.Name, Main: uint16(v.Main), CompatDate: v.CompatDate, CompatFlags: v.CompatFlags,
		CPUMs: milliseconds(limits.CPU), StartupMs: milliseconds(limits.Startup), MemoryMB: uint32(max(1, min(limits.MemoryMB, math.MaxUint32))),
	}
	texts := append([]string{v.Name, v.CompatDate}, v.CompatFlags...)
	for i := range v.Modules {
		m := &v.Modules[i]
		texts = append(texts, m.Name)
		if !hostproto.ModuleType(m.Type).Valid() {
			return fail("module %.64q has the unknown type %d", m.Name, m.Type)
		}
		ver.load.Modules = append(ver.load.Modules, hostproto.Module{
			Name: m.Name, Type: hostproto.ModuleType(m.Type), Offset: uint32(ver.data), Length: uint32(len(m.Data)),
		})
		if ver.data += int64(len(m.Data)); ver.data > hostproto.WorkerDataMax {
			return fail("its modules have more than %d bytes", hostproto.WorkerDataMax)
		}
	}
	for _, text := range texts {
		if !utf8.ValidString(text) {
			return fail("the name %.64q is not UTF-8", text)
		}
	}
	env, err := encodeEnv(v.Bindings)
	if err != nil {
		return fail("%v", err)
	}
	ver.load.Env = env
	// Code caches add no bytes to the description.
	if n := len(ver.load.AppendTo(nil)); n > hostproto.FramePayloadMax {
		return fail("names and variables have %d bytes, more than %d", n, hostproto.FramePayloadMax)
	}
	return ver
}

// milliseconds rounds up and keeps within 1 and 2^32-1.
func milliseconds(d time.Duration) uint32 {
	return uint32(max(1, min((d+time.Millisecond-1)/time.Millisecond, math.MaxUint32)))
}

// encodeEnv writes the env of a WorkerLoad: EnvEntry of runtime/bootstrap/native.ts, in slot order.
func encodeEnv(bindings []worker.Binding) (string, error) {
	type entry struct {
		Name  string          `json:"name"`
		Type  string          `json:"type"`
		Value json.RawMessage `json:"value"`
	}
	entries := make([]entry, 0, len(bindings))
	for _, b := range bindings {
		e := entry{Name: b.Name}
		switch b.Kind {
		case worker.TextBinding:
			e.Type = "text"
			text, err := marshal(b.Text)
			if err != nil {
				return "", fmt.Errorf("variable %.64q: %w", b.Name, err)
			}
			e.Value = text
		case worker.JSONBinding:
			if !json.Valid(b.JSON) {
				return "", fmt.Errorf("variable %.64q is not JSON", b.Name)
			}
			e.Type, e.Value = "json", b.JSON
		case worker.UnservedBinding:
			e.Type = "unserved"
			text, err := marshal(b.Text)
			if err != nil {
				return "", fmt.Errorf("binding %.64q: %w", b.Name, err)
			}
			e.Value = text
		default:
			return "", fmt.Errorf("binding %.64q has the unknown kind %d", b.Name, b.Kind)
		}
		entries = append(entries, e)
	}
	env, err := marshal(entries)
	if err != nil {
		return "", fmt.Errorf("encode env: %w", err)
	}
	if !utf8.Valid(env) {
		return "", fmt.Errorf("the variables are not UTF-8")
	}
	return string(env), nil
}

// marshal is json.Marshal without escapes for HTML.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// definition is the definition with what code caches there are, and the bytes that go before it.
func (ver *version) definition() (hostproto.WorkerLoad, [][]byte) {
	load := ver.load
	load.Modules = append([]hostproto.Module(nil), load.Modules...)
	var blobs [][]byte
	for i := range ver.source.Modules {
		blobs = append(blobs, ver.source.Modules[i].Data)
	}
	at := ver.data
	ver.mu.Lock()
	defer ver.mu.Unlock()
	for i := range load.Modules {
		cache := ver.caches[i].data
		if len(cache) == 0 || at+int64(len(cache)) > hostproto.WorkerDataMax {
			continue
		}
		load.Modules[i].CacheOffset, load.Modules[i].CacheLength = uint32(at), uint32(len(cache))
		blobs = append(blobs, cache)
		at += int64(len(cache))
	}
	return load, blobs
}

// onCodeCache puts the pieces of a module's code cache together.
func (h *host) onCodeCache(f hostproto.Frame) error {
	m, err := hostproto.DecodeCodeCache(f.Payload)
	if err != nil {
		return err
	}
	w, err := h.worker(f.Type, f.ID)
	if err != nil {
		return err
	}
	if w == nil {
		return h.useless(f)
	}
	if int(m.Module) >= len(w.ver.source.Modules) {
		return &violation{f.Type, f.ID, "names a module that its worker does not have"}
	}
	if uint64(m.Offset)+uint64(len(m.Data)) > uint64(m.Total) {
		return &violation{f.Type, f.ID, "has a piece beyond its total"}
	}
	source := len(w.ver.source.Modules[m.Module].Data)
	if m.Total == 0 || m.Total > CodeCacheMax || uint64(m.Total) > uint64(source)*codeCachePerByte+codeCacheFloor {
		return h.useless(f)
	}
	cache, taken := h.pieces.add(pieceOf{f.ID, m.Module}, &m, func(id uint32) bool {
		other, _ := h.worker(f.Type, id)
		return other != nil
	})
	if !taken || cache != nil && !w.ver.keep(int(m.Module), codeCache{cache, h}) {
		return h.useless(f)
	}
	return nil
}

// pieceOf names a code cache that is not complete: the module of a worker.
type pieceOf struct {
	worker uint32
	module uint16
}

// cachePieces are the code caches of a host that are not complete, at most codeCachePendingMax bytes.
type cachePieces struct {
	have  map[pieceOf][]byte
	bytes int
}

func (c *cachePieces) drop(of pieceOf) {
	c.bytes -= len(c.have[of])
	delete(c.have, of)
}

// add takes a piece; cache is not nil if it was the last one. Pieces that do not follow each other come from two isolates at once: those
// start anew. known says whether there still is a worker, for when there are too many pieces.
func (c *cachePieces) add(of pieceOf, m *hostproto.CodeCache, known func(worker uint32) bool) (cache []byte, taken bool) {
	have := c.have[of]
	c.drop(of)
	if m.Offset == 0 {
		have = nil
	}
	if len(m.Data) == 0 || int(m.Offset) != len(have) {
		return nil, false
	}
	have = append(have, m.Data...)
	if len(have) == int(m.Total) { // What is beyond the total is a violation.
		return have, true
	}
	if c.bytes+len(have) > codeCachePendingMax {
		for other := range c.have {
			if !known(other.worker) {
				c.drop(other)
			}
		}
	}
	if c.bytes+len(have) > codeCachePendingMax {
		return nil, false
	}
	if c.have == nil {
		c.have = make(map[pieceOf][]byte)
	}
	c.have[of] = have
	c.bytes += len(have)
	return nil, true
}

// keep notes a code cache. It fails if there are more than would go into a definition.
func (ver *version) keep(module int, cache codeCache) bool {
	ver.mu.Lock()
	defer ver.mu.Unlock()
	if h := cache.from; h != nil && h.engine != h.pool.engine.Load() {
		return true // it may be of another V8, and is dropped as all of that have been
	}
	total := ver.data + int64(len(cache.data))
	for i, other := range ver.caches {
		if i != module {
			total += int64(len(other.data))
		}
	}
	if total > hostproto.WorkerDataMax {
		return false
	}
	ver.caches[module] = cache
	return true
}

// dropCaches forgets the code caches made by a host that broke the protocol or died: what an attacker wrote must not run in the next.
// Without a host it forgets all.
func (p *Pool) dropCaches(h *host) {
	p.versions.Range(func(_, v any) bool {
		ver := v.(*version)
		ver.mu.Lock()
		for i, cache := range ver.caches {
			if h == nil || cache.from == h {
				delete(ver.caches, i)
			}
		}
		ver.mu.Unlock()
		return true
	})
}
