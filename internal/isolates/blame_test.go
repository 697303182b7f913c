package isolates

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"skerry/internal/hostproto"
	"skerry/internal/worker"
)

// epoch is when the clocks of these tests begin.
var epoch = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

// fakeClock stands still until it is moved.
type fakeClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *fakeClock) read() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *fakeClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func TestLedgerQuarantine(t *testing.T) {
	at := func(d time.Duration) time.Time { return epoch.Add(d) }
	for name, test := range map[string]struct {
		strikes []time.Duration
		when    time.Duration
		want    bool
	}{
		"never":                   {nil, 0, false},
		"once":                    {[]time.Duration{0}, 0, false},
		"twice":                   {[]time.Duration{0, time.Minute}, time.Minute, true},
		"just before it ends":     {[]time.Duration{0, time.Minute}, time.Minute + QuarantineTime - 1, true},
		"when it ends":            {[]time.Duration{0, time.Minute}, time.Minute + QuarantineTime, false},
		"too far apart":           {[]time.Duration{0, QuarantineTime}, QuarantineTime, false},
		"prolonged by each":       {[]time.Duration{0, QuarantineTime / 2, QuarantineTime}, 2*QuarantineTime - 1, true},
		"one, long after another": {[]time.Duration{0, time.Second, 3 * QuarantineTime}, 3 * QuarantineTime, false},
	} {
		t.Run(name, func(t *testing.T) {
			var l ledger
			for _, d := range test.strikes {
				l.add("a", false, at(d))
			}
			if got := l.quarantined("a", at(test.when)); got != test.want {
				t.Errorf("%v, want %v", got, test.want)
			}
			if l.quarantined("b", at(test.when)) {
				t.Error("somebody else is in quarantine")
			}
		})
	}
}

func TestLedgerRefuses(t *testing.T) {
	var l ledger
	now := epoch
	for n := 1; n < RefuseStrikes; n++ {
		l.add("a", true, now)
		l.add("beside", false, now)
	}
	l.add("beside", false, now)
	if refused := l.refused("a", now); refused != nil {
		t.Errorf("after %d strikes: %v", RefuseStrikes-1, refused)
	}
	for i, want := range []time.Duration{RefuseMin, 2 * RefuseMin, 4 * RefuseMin} {
		l.add("a", true, now)
		refused := l.refused("a", now)
		if refused == nil || refused.Until.Sub(now) != want || refused.Strikes != RefuseStrikes+i || !strings.Contains(refused.Error(), "worker a ") {
			t.Fatalf("refusal %d: %v, want for %v", i, refused, want)
		}
		if now = refused.Until; l.refused("a", now) != nil {
			t.Errorf("refusal %d does not end", i)
		}
	}
	if refused := l.refused("beside", epoch); refused != nil {
		t.Errorf("one who never was the only suspect: %v", refused)
	}
	for range 3 * strikesKept {
		l.add("a", true, now)
	}
	if refused := l.refused("a", now); refused == nil || refused.Until.Sub(now) != RefuseMax {
		t.Errorf("%v, want for %v", refused, RefuseMax)
	}
	if kept := len(l.strikes["a"]); kept > strikesKept {
		t.Errorf("%d strikes are kept", kept)
	}
	l.add("b", true, now.Add(QuarantineTime))
	if len(l.strikes) != 1 {
		t.Errorf("%d workers are remembered, want that of the last strike", len(l.strikes))
	}
}

// killers is a fleet whose hosts die of a request for /poison. seen tells in which host a worker's request was.
type killers struct {
	fleet
	mu   sync.Mutex
	seen map[string]int
}

func newKillers() *killers {
	k := &killers{seen: map[string]int{}}
	k.setUp = func(n int, h *fakeHost) {
		h.onFetch = func(h *fakeHost, id uint32, m hostproto.Fetch) {
			k.mu.Lock()
			k.seen[h.workers[m.Worker].load.Name] = n
			k.mu.Unlock()
			switch {
			case strings.HasSuffix(m.URL, "/poison"):
				h.running(0, m.Worker, id)
				h.die()
			case strings.HasSuffix(m.URL, "/abort"):
				for other := range h.workers { // All are running, and a signal stops the thread of one.
					h.running(int(other), other, 0)
				}
				h.running(0, m.Worker, id)
				h.stopped(0, uint32(syscall.SIGABRT))
				h.die()
			case strings.HasSuffix(m.URL, "/outside"):
				h.running(0, m.Worker, id)
				h.outside.Store(true)
				h.die()
			default:
				h.fetch(id, m)
			}
		}
	}
	return k
}

func (k *killers) hostOf(name string) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.seen[name]
}

// kill has a version kill its host, and waits until that is known.
func kill(t *testing.T, p *Pool, v *worker.Version, path string) {
	t.Helper()
	before := p.restarts.Load() + p.retirements.Load()
	strikes := p.strikes.Load()
	var ended *EventError
	if _, err := p.Fetch(t.Context(), v, get(path)); !errors.As(err, &ended) || ended.Result.Outcome != worker.HostLost {
		t.Fatalf("the killer's request: %v", err)
	}
	eventually(t, "the death is known", func() bool {
		return p.restarts.Load()+p.retirements.Load() > before && (path == "/outside" || p.strikes.Load() > strikes)
	})
}

func clocked(clock *fakeClock) func(*Pool) {
	return func(p *Pool) { p.now, p.timing.housekeep = clock.read, time.Hour }
}

// Goal: who was running twice when a host died is put into a host of its own, and comes back when it has been good for long.
// Others stay where they are, and are served.
func TestQuarantine(t *testing.T) {
	k, clock := newKillers(), &fakeClock{now: epoch}
	p, log := newPool(t, &k.fleet, Config{WarmSpareHost: true}, clocked(clock))
	good, bad := testVersion("good"), testVersion("bad")
	ask := func(v *worker.Version) int {
		t.Helper()
		if _, got := fetch(t, p, v, get("/hello")); got != "hello" {
			t.Fatalf("%s answers %q", v.Name, got)
		}
		return k.hostOf(v.Name)
	}
	if ask(good) != ask(bad) {
		t.Fatal("they do not share a host at first")
	}
	kill(t, p, bad, "/poison")
	if ask(good) != ask(bad) {
		t.Fatal("one strike is enough")
	}
	kill(t, p, bad, "/poison")
	if ask(good) == ask(bad) {
		t.Fatal("two strikes are not enough")
	}
	eventually(t, "the log tells", func() bool { return strings.Contains(log.String(), "moved to a host of its own") })
	s, err := p.Stats(t.Context())
	if err != nil || s.Strikes != 2 || s.Quarantines != 1 {
		t.Errorf("stats %+v, %v", s, err)
	}
	// A later version is no other worker.
	if later := testVersion("bad"); ask(later) == ask(good) {
		t.Error("a new version is out of quarantine")
	}
	// It kills its own host: nobody else notices.
	place := ask(good)
	kill(t, p, bad, "/poison")
	if ask(good) != place {
		t.Error("the other one was moved")
	}
	if ask(bad) == place {
		t.Error("it is out of quarantine")
	}
	waitIdle(t, p) // The last answer may be there before its event is over.
	clock.advance(QuarantineTime)
	for range idleLooks + 1 {
		p.housekeep()
	}
	eventually(t, "the host of the quarantine goes", func() bool { return p.quarantineHosts() == 0 })
	if ask(good) != ask(bad) {
		t.Error("after its time it is still apart")
	}
	waitIdle(t, p)
}

// Goal: of all that were running only he is blamed whose thread a signal stopped.
func TestOneThreadIsToBlame(t *testing.T) {
	k, clock := newKillers(), &fakeClock{now: epoch}
	p, _ := newPool(t, &k.fleet, Config{WarmSpareHost: true}, clocked(clock))
	good, bad := testVersion("good"), testVersion("bad")
	for range QuarantineStrikes {
		if _, got := fetch(t, p, good, get("/hello")); got != "hello" {
			t.Fatalf("answer %q", got)
		}
		kill(t, p, bad, "/abort")
	}
	if p.ledger.quarantined(good.Name, clock.read()) {
		t.Error("one who only was there is in quarantine")
	}
	if !p.ledger.quarantined(bad.Name, clock.read()) {
		t.Error("the one to blame is not")
	}
}

// Goal: a kill from outside is nobody's fault.
func TestKilledFromOutside(t *testing.T) {
	k, clock := newKillers(), &fakeClock{now: epoch}
	p, _ := newPool(t, &k.fleet, Config{WarmSpareHost: true}, clocked(clock))
	v := testVersion("unlucky")
	for range 2 * RefuseStrikes {
		kill(t, p, v, "/outside")
	}
	if _, got := fetch(t, p, v, get("/hello")); got != "hello" {
		t.Errorf("answer %q", got)
	}
	if s, err := p.Stats(t.Context()); err != nil || s.Strikes != 0 || s.Quarantines != 0 {
		t.Errorf("stats %+v, %v", s, err)
	}
}

// Goal: who kills again and again has to wait, longer each time, and nobody else does.
func TestKillerIsRefused(t *testing.T) {
	k, clock := newKillers(), &fakeClock{now: epoch}
	p, _ := newPool(t, &k.fleet, Config{WarmSpareHost: true}, clocked(clock))
	good, bad := testVersion("good"), testVersion("bad")
	for range RefuseStrikes {
		kill(t, p, bad, "/poison")
	}
	for i := range 3 {
		hosts := k.count()
		var refused *RefusedError
		_, err := p.Fetch(t.Context(), bad, get("/hello"))
		if !errors.As(err, &refused) || refused.Until.Sub(clock.read()) != RefuseMin<<i {
			t.Fatalf("refusal %d: %v", i, err)
		}
		if p.Start(bad, get("/hello"), nil) != nil {
			t.Error("the short way runs it")
		}
		if _, got := fetch(t, p, good, get("/hello")); got != "hello" {
			t.Errorf("the other one answers %q", got)
		}
		eventually(t, "the spare is there", func() bool { return len(p.Pids()) >= 2 })
		if grown := k.count() - hosts; grown > 1 {
			t.Errorf("%d hosts were started for one that is refused", grown)
		}
		clock.advance(RefuseMin << i)
		kill(t, p, bad, "/poison")
	}
	clock.advance(RefuseWindow)
	if _, got := fetch(t, p, bad, get("/hello")); got != "hello" {
		t.Errorf("after its time it answers %q", got)
	}
}

// Goal: there is an end to hosts for single suspects: further ones share one.
func TestManyQuarantines(t *testing.T) {
	k, clock := newKillers(), &fakeClock{now: epoch}
	p, _ := newPool(t, &k.fleet, Config{}, clocked(clock))
	for i := range QuarantineHostsMax + 3 {
		name := fmt.Sprint("bad", i)
		for range QuarantineStrikes {
			p.ledger.add(name, false, epoch)
		}
		if _, got := fetch(t, p, testVersion(name), get("/hello")); got != "hello" {
			t.Fatalf("answer %q", got)
		}
	}
	if n := p.quarantineHosts(); n != QuarantineHostsMax+1 {
		t.Errorf("%d hosts, want %d", n, QuarantineHostsMax+1)
	}
	if last := QuarantineHostsMax + 2; k.hostOf(fmt.Sprint("bad", last)) != k.hostOf(fmt.Sprint("bad", last-1)) || k.hostOf("bad0") == k.hostOf("bad1") {
		t.Errorf("hosts %v", k.seen)
	}
}

// Goal: workers of one cordon share a host, and no other.
func TestCordons(t *testing.T) {
	k, clock := newKillers(), &fakeClock{now: epoch}
	p, _ := newPool(t, &k.fleet, Config{}, clocked(clock))
	for _, name := range []string{"a", "b", "x1", "x2", "y1"} {
		v := testVersion(name)
		v.Cordon = strings.TrimRight(name, "ab12")
		if _, got := fetch(t, p, v, get("/hello")); got != "hello" {
			t.Fatalf("answer %q", got)
		}
	}
	a, x, y := k.hostOf("a"), k.hostOf("x1"), k.hostOf("y1")
	if k.hostOf("b") != a || k.hostOf("x2") != x || a == x || a == y || x == y {
		t.Errorf("hosts %v", k.seen)
	}
	for i := range CordonsMax - 1 {
		v := testVersion("z")
		v.Cordon = fmt.Sprint("z", i)
		_, err := p.place(p.version(v))
		var definition *DefinitionError
		if last := i == CordonsMax-2; last != errors.As(err, &definition) {
			t.Fatalf("cordon %d: %v", i+3, err)
		}
	}
}
