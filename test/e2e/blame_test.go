package e2e

import (
	"net/http"
	"strings"
	"testing"

	"skerry/test/e2e/rig"
)

// Goal: a worker that ends its host is put into one of its own after the second time; from then on nobody else has a failed request, and
// after the fifth time it is not run for a while. Method: a system call that the kernel ends the process for.
func TestKillerIsQuarantined(t *testing.T) {
	killer := rig.Script("killer", `export default { fetch() { console.log("PROBE:fork;"); return new Response("done"); } };`)
	steady := rig.Script("steady", `export default { fetch() { return new Response("steady"); } };`)
	s := rig.Serve(t, rig.Platform{Binary: rig.Hostile(t), Workers: []rig.Worker{killer, steady}})
	s.Ready(steady.Host(), "/")
	client := s.Client()
	kill := func(times float64) {
		t.Helper()
		if answer, err := rig.Do(client, http.MethodGet, "http://"+killer.Host()+"/", "", ""); err != nil || answer.Status != http.StatusBadGateway {
			t.Fatalf("kill %v: %d %.200q, %v", times, answer.Status, answer.Body, err)
		}
		rig.Until(t, "the killer has its strike", func() bool { return s.Metric("skerry_worker_strikes_total") >= times }, nil)
		s.Ready(steady.Host(), "/")
	}
	kill(1)
	kill(2)
	load := hammer(t, s, steady.Host(), "/", 4, func(a rig.Answer, err error) string {
		if err != nil || a.Status != http.StatusOK || a.Body != "steady" {
			return "a request failed beside a killer that is in quarantine"
		}
		return ""
	})
	for times := 3.0; times <= 5; times++ {
		kill(times)
	}
	if load.end() == 0 {
		t.Error("no request was made")
	}
	// The first pause is a second, which a busy machine may miss; each further one is twice as long.
	s.Await(killer.Host(), "/", "status 503 with code 1102", func(a rig.Answer) bool {
		return a.Status == http.StatusServiceUnavailable && strings.Contains(a.Body, "error code: 1102")
	})
	if hosts := s.Metric("skerry_quarantine_hosts"); hosts > 1 {
		t.Errorf("%v hosts for suspects, and there is one", hosts)
	}
}

// Goal: a worker whose code makes V8 give up is blamed for it, and not who ran beside it at the time: that request has had no effect
// outside, and is answered by another host. Method: it computes on the other executor all the while.
func TestOnlyTheKillerIsBlamed(t *testing.T) {
	killer := rig.Script("killer", `export default { fetch() { return new Response("x".repeat(2 ** 27 + 10).split("")); } };`)
	beside := rig.Script("beside", `export default { fetch(request) {
		if (new URL(request.url).pathname === "/ready") return new Response("ready");
		let n = 0;
		for (let i = 0; i < 2e9; i++) n ^= i;
		return new Response("computed " + n);
	} };`)
	beside.CPU = 60_000
	s := rig.Serve(t, rig.Platform{Workers: []rig.Worker{killer, beside}, Settings: []string{"[host]", "hosts = 1", "executors = 2"}})
	s.Ready(beside.Host(), "/ready")
	client := s.Client()
	client.Timeout = rig.Patience
	computing := make(chan rig.Answer)
	go func() {
		answer, err := rig.Do(client, http.MethodGet, "http://"+beside.Host()+"/compute", "", "")
		if err != nil {
			t.Error(err)
		}
		computing <- answer
	}()
	rig.Until(t, "it computes", func() bool { return s.Metric("skerry_executors_busy") >= 1 }, nil)
	if answer, err := rig.Do(client, http.MethodGet, "http://"+killer.Host()+"/", "", ""); err != nil || answer.Status != http.StatusBadGateway {
		t.Errorf("the killer: %d %.200q, %v", answer.Status, answer.Body, err)
	}
	if answer := <-computing; answer.Status != http.StatusOK || answer.Body != "computed 0" {
		t.Errorf("beside it: %d %.200q", answer.Status, answer.Body)
	}
	rig.Until(t, "the log names whom it suspects", func() bool { return strings.Contains(s.Said(), `"suspects":[{"Worker":"killer"`) }, s.Said)
	if strings.Contains(s.Said(), `{"Worker":"beside"`) {
		t.Errorf("one who only was there is suspected:\n%s", s.Said())
	}
}
