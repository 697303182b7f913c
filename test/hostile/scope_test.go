package hostile

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"skerry/test/e2e/rig"
)

// Goal: what belongs to one request is of no use in another, and says why.
func TestAcrossRequests(t *testing.T) {
	thief := rig.Script("thief", `
const bodies = [];
export default {
  async fetch(request, env, ctx) {
    const said = [];
    const tried = async (what, f) => { try { said.push(what + ": " + (await f())); } catch (e) { said.push(what + ": " + e.message); } };
    if (request.method === "POST") { bodies.push(request); await scheduler.wait(1); return new Response("kept"); }
    await tried("text", () => bodies[0].text());
    await tried("clone", () => bodies[1].clone().text());
    await tried("reader", () => bodies[2].body.getReader().read().then((r) => new TextDecoder().decode(r.value)));
    return new Response(said.join("\n"));
  },
};
`)
	s := rig.Serve(t, rig.Platform{Workers: []rig.Worker{thief}})
	s.Ready(thief.Host(), "/")
	// The first request's body is still on its way when it has been answered.
	for range 3 {
		reader, writer := newPipe()
		defer writer.Close()
		first, err := http.NewRequest("POST", "http://"+thief.Host()+"/", reader)
		if err != nil {
			t.Fatal(err)
		}
		response, err := s.Client().Do(first)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
	}
	answer := s.Get(thief.Host(), "/")
	const wanted = "Cannot perform I/O on behalf of a different request"
	problem := ""
	for _, line := range strings.Split(answer.Body, "\n") {
		if !strings.Contains(line, wanted) {
			problem += line + "; "
		}
	}
	record(&seen{crime: crime{row: "18", name: "the body of another request"}, status: answer.Status, body: answer.Body, problem: problem})
	if problem != "" {
		t.Errorf("got %s", problem)
	}
}

// Goal: what may not be done in global scope is refused by name, and a worker that spins there is ended at the limit of its start.
func TestGlobalScope(t *testing.T) {
	for _, c := range []struct{ row, name, source, body, log string }{
		{"19a", "fetch in global scope", `await fetch("http://example.com/");`, "error code: 1101", "Disallowed operation called within global scope"},
		{"19b", "setTimeout in global scope", `setTimeout(() => {}, 1);`, "error code: 1101", "Disallowed operation called within global scope"},
		{"19c", "randomUUID in global scope", `crypto.randomUUID();`, "error code: 1101", "Disallowed operation called within global scope"},
		{"21", "spinning in global scope", `for (;;);`, "error code: (1101|1102)", "(?i)startup|CPU"},
		{"21b", "recursion in global scope", `(function f() { f(); })();`, "error code: 1101", "call stack"},
		{"21c", "await for ever in global scope", `await new Promise(() => {});`, "error code: 1101", "(?i)top-level|never|await"},
	} {
		t.Run(c.row, func(t *testing.T) {
			guilty := rig.Script("guilty", c.source+`
export default { fetch() { return new Response("started"); } };
`)
			s := rig.Serve(t, rig.Platform{Workers: append([]rig.Worker{guilty}, innocents()...)})
			crowd := newCrowd(t, s)
			answer := s.Await(guilty.Host(), "/", "an answer", func(a rig.Answer) bool { return a.Status != 0 })
			requests, failures := crowd.stop()
			result := &seen{crime: crime{row: c.row, name: c.name}, status: answer.Status, body: answer.Body, requests: requests, failures: failures}
			defer record(result)
			if !regexp.MustCompile(c.body).MatchString(answer.Body) {
				result.problem = "want " + c.body
			} else if !regexp.MustCompile(c.log).MatchString(s.Said()) {
				result.problem = "the log lacks " + c.log
			} else if len(failures) > 0 {
				result.problem = failures[0].text
			}
			if result.problem != "" {
				t.Errorf("answered %d %.200q: %s", answer.Status, answer.Body, result.problem)
			}
		})
	}
}
