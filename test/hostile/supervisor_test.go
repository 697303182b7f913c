package hostile

import (
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"skerry/test/e2e/rig"
)

// inPackages are the rows whose tests are beside what they test, since they speak for a host: `make test` runs them there, scaled down, and
// here all of them run.
var inPackages = []struct{ row, name, run, packages string }{
	{"26", "a host speaks for others: streams, events, bindings, console, caches", "TestLiar|TestBindingThatWasNotGiven|TestHandlerFindsAViolation|TestStreamOfAnotherEvent|TestOneStrikePerHost|TestSuspectWithAnEventOfAnother", "./internal/isolates ./internal/bindings"},
	{"27", "the shared page, descriptors, lengths, a host that does not read", "TestCrashPage|TestDescriptorsAreNotTaken|TestHostThatDoesNotRead|TestHalfAFrame|TestFloods|TestBuffered|TestCodeCache|TestEventLeftBehind|TestFrameLimits|TestConnGivesUp", "./internal/isolates ./internal/hostproto"},
	{"28", "seeds of all fuzzers, truncations, bit flips", "Fuzz|TestVector", "./internal/isolates ./internal/hostproto ./internal/bindings ./internal/egress ./internal/ingress ./internal/sourcemap ./internal/websocket"},
}

var passed = regexp.MustCompile(`(?m)^\s*--- PASS`)

func TestSupervisor(t *testing.T) {
	for _, c := range inPackages {
		t.Run(c.row, func(t *testing.T) {
			if testing.Short() {
				t.Skip("make test runs the packages themselves; make hostile runs this")
			}
			result := &seen{crime: crime{row: c.row, name: c.name}}
			defer record(result)
			defer result.failedWith(t)
			start := time.Now()
			cmd := exec.Command("go", append([]string{"test", "-count=1", "-v", "-timeout=40m", "-run=^(" + c.run + ")"}, strings.Fields(c.packages)...)...)
			cmd.Dir = rig.Repository(t)
			out, err := cmd.CombinedOutput()
			result.wall = time.Since(start)
			tests := len(passed.FindAll(out, -1))
			result.body = fmt.Sprintf("%d tests", tests)
			for line := range strings.Lines(string(out)) {
				if _, told, found := strings.Cut(line, "liar_test.go:"); found && strings.Contains(told, "lies in") {
					_, told, _ = strings.Cut(told, " ")
					result.body = told
				}
			}
			if err != nil || tests == 0 {
				t.Errorf("%v\n%s", err, tail(string(out), 40))
			}
		})
	}
}

// What JavaScript alone can make a host say. A violation ends the process, so a worker that could cause one could end its neighbours'.
var sayings = []crime{
	{row: "26b", name: "the oddest responses", source: `
		const odd = [() => Response.error(), () => new Response(null, { status: 101 }), () => new Response("x", { status: 999 }), () => new Response("x", { statusText: "a\r\nb" }),
			() => new Response("x", { statusText: "é".repeat(1e5) }), () => new Response("x", { headers: { "x-a": "y".repeat(2e5) } }), () => new Response("x", { headers: { "": "y" } }),
			() => new Response("x", { headers: { "a\nb": "c" } }), () => new Response("x", { headers: { "content-length": "-1", "transfer-encoding": "chunked" } }),
			() => Object.create(Response.prototype), () => ({ status: 7 }), () => new Response(new ReadableStream({ type: "bytes" })), () => 7];
		const which = Number(request.headers.get("x-which") ?? odd.length);
		if (which < odd.length) return odd[which]();
		const to = new URL(request.url); let broken = 0;
		for (let i = 0; i < odd.length; i++) { try { const r = await odd[i](); if (r instanceof Response) { r.headers.set("x-i", i); r.clone?.(); } } catch { broken++; } }
		return broken > 0;`, answer: "done: true", codes: []int{1101, 1102}},
	{row: "26c", name: "Response.error() as the answer", source: `return Response.error();`, codes: []int{1101}},
	{row: "26d", name: "headers over the limit as the answer", source: `const h = new Headers(); for (let i = 0; i < 200; i++) h.append("x-" + i, "y".repeat(1000)); return new Response("x", { headers: h });`, codes: []int{1101}, answer: ".{0,2}"},
	{row: "26e", name: "fetch of lone surrogates, long and empty things", source: `
		const odd = [["http://\ud800/"], ["http://example.invalid/\udfff"], ["http://example.invalid/", { method: "\ud800" }], ["http://example.invalid/", { headers: { a: "\ud800" } }],
			["http://example.invalid/" + "x".repeat(3e6)], ["http://example.invalid/", { method: "X".repeat(1e6) }], ["http://example.invalid/", { headers: { a: "y".repeat(3e5) } }],
			["http://example.invalid/", { method: "POST", body: new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(0)); c.close(); } }), duplex: "half" }],
			["http://example.invalid/", { method: "POST", body: "x", headers: { "content-length": "-5" } }], ["http://example.invalid/", { redirect: "manual", signal: AbortSignal.abort() }]];
		const done = await Promise.allSettled(odd.map((a) => { try { return fetch(...a); } catch (e) { return Promise.reject(e); } }));
		return done.every((d) => d.status === "rejected");`, answer: "done: true", codes: limited},
	{row: "26f", name: "2000 fetches at once, all aborted", source: `
		const c = new AbortController(); const all = []; for (let i = 0; i < 2000; i++) all.push(fetch("http://example.invalid/", { signal: c.signal, method: "POST", duplex: "half", body: new ReadableStream({ pull(k) { k.enqueue(new Uint8Array(10)); } }) }).catch((e) => e.name));
		await scheduler.wait(1); c.abort(); return (await Promise.all(all)).length;`, answer: "done: 2000", codes: limited},
	{row: "26g", name: "sockets with the oddest closes", source: `
		const tries = []; for (const [code, reason] of [[1005, ""], [1006, ""], [0, ""], [999, ""], [65536 + 1000, ""], [4999, "é".repeat(100)], [3000, "\ud800"], [NaN, ""]]) {
			const [a, b] = Object.values(new WebSocketPair()); b.accept(); try { b.close(code, reason); tries.push("closed"); } catch (e) { tries.push(e.name); } }
		const [a, b] = Object.values(new WebSocketPair()); b.accept(); b.send("\ud800"); b.send(new Uint8Array(0)); b.send(""); return tries.length;`, answer: "done: 8", codes: limited},
	{row: "26h", name: "errors without end", source: `const e = new Error("\ud800".repeat(1e5)); e.stack = "    at x (y:1:1)\n".repeat(1e5) + "\udfff"; throw e;`, codes: []int{1101, 1102}},
	{row: "26i", name: "console output of odd text", source: `console.log("\ud800".repeat(1e5)); console.error("\x00\x1b[2J\r\n".repeat(1e4)); console.log(...Array(1000).fill({ a: "\udfff" })); return "logged";`, answer: "done: logged", codes: limited},
}

func TestNothingSaidBreaksTheProtocol(t *testing.T) {
	for _, c := range sayings {
		t.Run(c.row, func(t *testing.T) { commit(t, c) })
	}
}
