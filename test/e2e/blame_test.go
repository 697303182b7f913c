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
