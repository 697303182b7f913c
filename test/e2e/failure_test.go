package e2e

import (
	"net/http"
	"strings"
	"testing"

	"skerry/test/e2e/rig"
)

// throwing is in TypeScript, so that the line in the source is not the line in what runs.
var throwing = rig.Worker{Name: "throwing", Main: "src/index.ts", Files: map[string]string{
	"src/index.ts": `import { explode } from "./explode.ts";

interface Env {}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    if (new URL(request.url).pathname === "/throw") explode(request.method);
    return new Response("fine");
  },
};
`,
	"src/explode.ts": `type Never = never;

/** Line 4 of this file throws. */
export function explode(what: string): Never { throw new RangeError("secret " + what); }
`}}

// Goal: in production an exception tells the visitor nothing of the worker's inside.
func TestExceptionInServe(t *testing.T) {
	s := rig.Serve(t, rig.Platform{Workers: []rig.Worker{throwing}})
	s.Ready(throwing.Host(), "/")
	answer := s.Get(throwing.Host(), "/throw")
	if answer.Status != 500 || !strings.Contains(answer.Body, "error code: 1101") {
		t.Errorf("got %d %q, want 500 with error code: 1101", answer.Status, answer.Body)
	}
	for _, secret := range []string{"secret", "RangeError", "explode"} {
		if strings.Contains(answer.Body, secret) {
			t.Errorf("the page shows %q:\n%s", secret, answer.Body)
		}
	}
	if answer := s.Get(throwing.Host(), "/"); answer.Body != "fine" {
		t.Errorf("after the exception: %d %q", answer.Status, answer.Body)
	}
}

// Goal: in development the page shows what was thrown, and where in the source as it was written.
func TestExceptionInDev(t *testing.T) {
	s := rig.Dev(t, throwing.Write(t, t.TempDir()))
	s.Ready(throwing.Host(), "/")
	request, err := http.NewRequest("GET", "http://"+throwing.Host()+"/throw", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "text/html,*/*")
	response, err := s.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var page strings.Builder
	if err := response.Write(&page); err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != 500 || !strings.HasPrefix(response.Header.Get("Content-Type"), "text/html") {
		t.Errorf("got %d %s, want a 500 page in HTML", response.StatusCode, response.Header.Get("Content-Type"))
	}
	for _, part := range []string{"RangeError", "secret GET", "explode.ts:4"} {
		if !strings.Contains(page.String(), part) {
			t.Errorf("the page does not show %q:\n%s", part, page.String())
		}
	}
}

// Goal: an endless loop ends at the worker's CPU limit, harms nobody else, and the worker itself answers again.
func TestCPULimit(t *testing.T) {
	spinning := rig.Script("spinning", `export default {
  fetch(request) {
    if (new URL(request.url).pathname === "/spin") for (;;) {}
    return new Response("fine");
  },
};
`)
	spinning.CPU = 50
	quiet := rig.Script("quiet", `export default { fetch() { return new Response("undisturbed"); } };`)
	s := rig.Serve(t, rig.Platform{Workers: []rig.Worker{spinning, quiet}})
	s.Ready(spinning.Host(), "/")
	s.Ready(quiet.Host(), "/")
	for range scaled(50, 5) {
		answer := s.Get(spinning.Host(), "/spin")
		if answer.Status != 503 || !strings.Contains(answer.Body, "error code: 1102") {
			t.Fatalf("got %d %q, want 503 with error code: 1102", answer.Status, answer.Body)
		}
		if answer := s.Get(quiet.Host(), "/"); answer.Body != "undisturbed" {
			t.Fatalf("the neighbour answered %d %q", answer.Status, answer.Body)
		}
	}
	if answer := s.Get(spinning.Host(), "/"); answer.Status != 200 || answer.Body != "fine" {
		t.Errorf("after its loops the worker answered %d %q", answer.Status, answer.Body)
	}
}

func TestUnknownHost(t *testing.T) {
	quiet := rig.Script("quiet", `export default { fetch() { return new Response("fine"); } };`)
	s := rig.Serve(t, rig.Platform{Workers: []rig.Worker{quiet}})
	s.Ready(quiet.Host(), "/")
	if answer := s.Get("nobody.localhost", "/"); answer.Status == 200 || !strings.Contains(answer.Body, "error code: ") {
		t.Errorf("a host that nobody has gave %d %q", answer.Status, answer.Body)
	}
}
