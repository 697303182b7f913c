package isolates

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"skerry/internal/hostproto"
)

// rebuild lets a fleet make hosts of another build from now on.
func (f *fleet) rebuild(build string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.build = build
}

// Goal: after Replace all new events go to hosts of the new engine, events under way end in the old one, which ends with the last
// of them; and the host that takes a dead one's place is of the new engine, too.
func TestReplace(t *testing.T) {
	for _, spare := range []bool{false, true} {
		f := &fleet{build: "one"}
		p, _ := newPool(t, f, Config{WarmSpareHost: spare, Hosts: 2})
		v := testVersion("a")
		resp, _ := fetch(t, p, v, get("/late"))
		eventually(t, "the spare is there", func() bool { return !spare || len(p.Pids()) == 3 })
		before := p.Pids()
		old := f.serving(p)
		f.rebuild("two")
		if err := p.Replace(t.Context(), Engine{Build: "two"}); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if _, body := fetch(t, p, v, get("/hello")); body != "hello" {
				t.Fatalf("answer %q", body)
			}
		}
		for _, pid := range p.Pids() {
			for _, was := range before {
				if pid == was {
					t.Errorf("host %d still serves", pid)
				}
			}
		}
		select {
		case <-old.died:
			t.Fatal("the old host has ended with an event under way")
		default:
		}
		old.send(1, hostproto.EventDone{})
		if _, err := resp.Wait(t.Context()); err != nil {
			t.Error(err)
		}
		for _, pid := range before {
			<-f.host(pid - 1000).died
		}
		f.serving(p).die()
		eventually(t, "another one serves", func() bool { return p.slots[0].host.Load() != nil })
		fetch(t, p, v, get("/hello"))
		if build := p.slots[0].host.Load().engine.Build; build != "two" {
			t.Errorf("a host of build %q takes the place", build)
		}
	}
}

// Goal: a new engine that does not work changes nothing: the old hosts go on, the new ones are ended, the error says why, and what is started
// later is of the old engine.
func TestReplaceFails(t *testing.T) {
	for name, test := range map[string]struct {
		build  string
		setUp  func(h *fakeHost)
		refuse error
		says   string
	}{
		"crash in init": {"two", func(h *fakeHost) { h.ready = func(h *fakeHost) { go h.die() } }, nil, "fake host"},
		"another build": {"three", func(*fakeHost) {}, nil, `it is build "three"`},
		"another protocol": {"two", func(h *fakeHost) {
			h.ready = func(h *fakeHost) { h.send(0, hostproto.Ready{Protocol: hostproto.Protocol + 1, Build: "two"}) }
		}, nil, "protocol"},
		"never ready":  {"two", func(h *fakeHost) { h.ready = func(*fakeHost) {} }, nil, "did not answer Hello"},
		"cannot start": {"two", nil, errors.New("no such file"), "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fleet{build: "one"}
			var fails bool
			f.setUp = func(n int, h *fakeHost) {
				if fails && n == 3 && test.setUp != nil { // The second of the new ones.
					test.setUp(h)
				}
			}
			f.refuse = func(n int) error {
				if fails && n == 3 {
					return test.refuse
				}
				return nil
			}
			p, _ := newPool(t, f, Config{Hosts: 2}, func(p *Pool) {
				if p.timing.hello = time.Minute; name == "never ready" {
					p.timing.hello = 2 * time.Second
				}
			})
			v := testVersion("a")
			fetch(t, p, v, get("/hello"))
			before := p.Pids()
			f.mu.Lock()
			fails, f.build = true, "two"
			f.mu.Unlock()
			if test.build != "two" {
				f.setUp = func(n int, h *fakeHost) {
					if n == 3 {
						h.ready = func(h *fakeHost) { h.send(0, hostproto.Ready{Protocol: hostproto.Protocol, Build: test.build}) }
					}
				}
			}
			err := p.Replace(t.Context(), Engine{Build: "two"})
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("error %v", err)
			}
			if after := p.Pids(); len(after) != 2 || after[0] != before[0] || after[1] != before[1] {
				t.Errorf("hosts %v, before %v", after, before)
			}
			if _, body := fetch(t, p, v, get("/hello")); body != "hello" {
				t.Errorf("answer %q", body)
			}
			<-f.host(2).died
			if p.restarts.Load() != 0 || p.retirements.Load() != 0 || p.engine.Load().Build != "one" {
				t.Errorf("%d restarts, %d retirements, build %q", p.restarts.Load(), p.retirements.Load(), p.engine.Load().Build)
			}
		})
	}
}

// Goal: Replace ends with its context and with the pool, and leaves nothing behind.
func TestReplaceIsCalledOff(t *testing.T) {
	f := &fleet{build: "one"}
	p, _ := newPool(t, f, Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Replace(ctx, Engine{Build: "one"}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	p.Close()
	if err := p.Replace(t.Context(), Engine{Build: "one"}); !errors.Is(err, ErrClosed) {
		t.Errorf("error %v", err)
	}
}
