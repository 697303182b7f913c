package e2e

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"

	"skerry/test/e2e/rig"
)

// Goal: a beacon arrives although the worker has answered, and compatibility flags are what the project's configuration
// makes them.
func TestBeaconAndFlags(t *testing.T) {
	type beacon struct{ method, contentType, body string }
	beacons := make(chan beacon, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		beacons <- beacon{r.Method, r.Header.Get("Content-Type"), string(body)}
	}))
	defer receiver.Close()

	worker := rig.Script("platform", `export default {
  fetch(request, env) {
    const flags = Cloudflare.compatibilityFlags;
    const sent = new URL(request.url).pathname === "/beacon" && navigator.sendBeacon(env.RECEIVER, new URLSearchParams({ a: "1" }));
    return Response.json([sent, Object.isFrozen(request.cf), flags.global_navigator, flags.nodejs_compat, flags.no_such_flag === undefined, Object.keys(flags).length > 150]);
  },
};
`)
	worker.Vars = map[string]any{"RECEIVER": receiver.URL}
	s := rig.Dev(t, worker.Write(t, t.TempDir()))
	s.Ready(worker.Host(), "/")
	if answer := s.Get(worker.Host(), "/beacon"); strings.TrimSpace(answer.Body) != "[true,true,true,false,true,true]" {
		t.Fatalf("%d %s", answer.Status, answer.Body)
	}
	if got, want := <-beacons, (beacon{"POST", "application/x-www-form-urlencoded;charset=UTF-8", "a=1"}); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Goal: what is sent with a Content-Encoding is encoded once, whoever does it. Method: a worker that sets the field in every
// way there is, read by a client that decodes nothing; its origin sends gzip.
func TestContentEncoding(t *testing.T) {
	text := strings.Repeat("text ", 100_000)
	var zipped bytes.Buffer
	zip := gzip.NewWriter(&zipped)
	io.WriteString(zip, text)
	zip.Close()
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(zipped.Bytes())
	}))
	defer origin.Close()

	worker := rig.Script("codings", `const text = "text ".repeat(100_000);
const coded = (coding, body = text, more) => new Response(body, { headers: { "content-encoding": coding, "vary": "content-encoding" }, ...more });
const streamed = () => new Response(text).body.pipeThrough(new TransformStream());
const squeezed = (format) => new Response(text).body.pipeThrough(new CompressionStream(format));
const cases = {
  "/gzip": () => coded("gzip"),
  "/br": () => coded("br"),
  "/other": () => coded("x-none"),
  "/none": () => new Response(text, { headers: { vary: "content-encoding" } }),
  "/streamed": () => coded("gzip", streamed()),
  "/length": () => new Response(text, { headers: { "content-length": String(text.length), "content-encoding": "gzip" } }),
  "/manual": async () => coded("gzip", await new Response(squeezed("gzip")).bytes(), { encodeBody: "manual" }),
  "/squeezed": () => coded("gzip", squeezed("gzip")),
  "/squeezed-br": () => coded("br", squeezed("brotli")),
  "/copied": async () => new Response(squeezed("gzip"), coded("gzip", null, { encodeBody: "manual" })),
  "/passed": (env) => fetch(env.ORIGIN),
  "/passed-raw": (env) => fetch(env.ORIGIN, { encodeResponseBody: "manual" }),
  "/copied-raw": async (env) => { const r = await fetch(env.ORIGIN, { encodeResponseBody: "manual" }); return new Response(r.body, r); },
  "/set": async (env) => { const r = await fetch(env.ORIGIN); const out = new Response(r.body, r); out.headers.set("content-encoding", "gzip"); return out; },
  "/wrong": () => coded("gzip", new ReadableStream({ start(c) { c.enqueue("no bytes"); c.close(); } })),
};
export default { fetch: (request, env) => cases[new URL(request.url).pathname](env) };
`)
	worker.Vars = map[string]any{"ORIGIN": origin.URL}
	s := rig.Serve(t, rig.Platform{Workers: []rig.Worker{worker}, Settings: []string{"[egress]", `allow = ["loopback"]`, "[limits]", "cpu_ms = 5000"}})
	s.Ready(worker.Host(), "/none")
	for path, coding := range map[string]string{
		"/gzip": "gzip", "/br": "br", "/other": "x-none", "/none": "", "/streamed": "gzip", "/length": "gzip", "/manual": "gzip", "/squeezed": "gzip", "/squeezed-br": "br",
		"/copied": "gzip", "/passed": "", "/passed-raw": "gzip", "/copied-raw": "gzip", "/set": "gzip",
	} {
		request, err := http.NewRequest("GET", "http://"+worker.Host()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Accept-Encoding", "gzip, br") // so that Go's client leaves it as it is
		response, err := s.Client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		got := response.Header.Get("Content-Encoding")
		var body io.Reader = response.Body
		switch got {
		case "gzip":
			if body, err = gzip.NewReader(response.Body); err != nil {
				t.Errorf("%s: %v", path, err)
				body = response.Body
			}
		case "br":
			body = brotli.NewReader(response.Body)
		}
		decoded, err := io.ReadAll(body)
		response.Body.Close()
		if got != coding || err != nil || string(decoded) != text {
			t.Errorf("%s: %q, %d bytes, %.20q, %v; want %q and %d bytes", path, got, len(decoded), decoded, err, coding, len(text))
		}
	}
	if answer, err := rig.Do(s.Client(), "GET", "http://"+worker.Host()+"/wrong", "", ""); err == nil {
		t.Errorf("/wrong: %d %q, want a body that breaks off", answer.Status, answer.Body)
	}
}
