package isolates

import (
	"strings"
	"testing"
	"time"

	"skerry/internal/hostproto"
)

// Goal: a host that asks to be replaced is, with a spare one and without; new events go to the next host, those under way go on in the
// old one, which ends with the last of them and counts neither as a death nor as a reason to wait.
func TestHostAsksToBeReplaced(t *testing.T) {
	for _, spare := range []bool{false, true} {
		f := &fleet{}
		p, log := newPool(t, f, Config{WarmSpareHost: spare})
		v := testVersion("a")
		resp, _ := fetch(t, p, v, get("/late"))
		old := f.serving(p)
		old.send(0, hostproto.Fatal{Message: "stuck in V8"})
		eventually(t, "new events go to another host", func() bool {
			if _, body := fetch(t, p, v, get("/hello")); body != "hello" {
				t.Fatalf("answer %q", body)
			}
			return p.slots[0].host.Load().proc.Pid() != old.Pid()
		})
		select {
		case <-old.died:
			t.Fatal("the old host has ended with an event under way")
		default:
		}
		old.send(1, hostproto.EventDone{})
		if _, err := resp.Wait(t.Context()); err != nil {
			t.Error(err)
		}
		<-old.died
		eventually(t, "the log tells", func() bool { return strings.Contains(log.String(), "isolate host retired") })
		if s, err := p.Stats(t.Context()); err != nil || s.Retirements != 1 || s.Restarts != 0 || s.Suspects != 0 {
			t.Errorf("spare %v: stats %+v, %v", spare, s, err)
		}
	}
}

// Goal: a host that was replaced and does not come to its end is ended.
func TestReplacedHostIsEnded(t *testing.T) {
	f := &fleet{}
	p, _ := newPool(t, f, Config{WarmSpareHost: true}, func(p *Pool) { p.timing.retire = time.Millisecond })
	resp, _ := fetch(t, p, testVersion("a"), get("/late"))
	old := f.serving(p)
	old.send(0, hostproto.Fatal{Message: "stuck in V8"})
	<-old.died
	if result, err := resp.Wait(t.Context()); err != nil || result.Outcome.String() != "hostLost" {
		t.Errorf("result %+v, %v", result, err)
	}
}

// Goal: a pool that is closed while a host is being replaced leaves nothing behind.
func TestCloseDuringReplacement(t *testing.T) {
	f := &fleet{}
	p, _ := newPool(t, f, Config{WarmSpareHost: true})
	fetch(t, p, testVersion("a"), get("/late"))
	old := f.serving(p)
	old.send(0, hostproto.Fatal{Message: "stuck in V8"})
	eventually(t, "it is replaced", func() bool { return len(p.withLeaving()) > len(p.hosts()) })
	p.Close()
	<-old.died
}

// Goal: a host that is ready when nobody needs it any more does not push the spare one out of the pool's sight: it would count for
// ever, and a place would stay empty.
func TestSurplusHostGoes(t *testing.T) {
	p, _ := newPool(t, &fleet{}, Config{WarmSpareHost: true})
	hosts := func() int {
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.all)
	}
	eventually(t, "there is a spare host", func() bool { return hosts() == 2 })
	p.mu.Lock()
	p.starting++ // As when a place goes while its host is being started.
	p.work.Go(p.startOne)
	p.mu.Unlock()
	eventually(t, "the surplus host goes", func() bool { return p.retirements.Load() == 1 && hosts() == 2 })
	p.mu.Lock()
	defer p.mu.Unlock()
	if spare := p.spare; spare == nil || !p.all[spare] {
		t.Error("there is no spare host")
	}
}
