package frameworks

import (
	"strings"
	"testing"
)

func TestIttyRouter(t *testing.T) {
	project(t, "itty-router", fromNPM, func(t *testing.T, a *app) {
		a.steps(t, []step{
			{path: "/users/7", want: `{"id":"7"}`, wantHeaders: map[string]string{"Content-Type": "application/json; charset=utf-8"}},
			{path: "/query?a=1&b=2&b=3", want: `{"a":"1","b":["2","3"]}`},
			{path: "/page", want: "<h1>page</h1>", wantHeaders: map[string]string{"Content-Type": "text/html"}},
			{path: "/files/a/b/c", want: `{"path":"a/b/c"}`},
			{name: "POST /echo", path: "/echo", headers: map[string]string{"Content-Type": "application/json"}, body: `{"x":1}`, want: `{"content":{"x":1}}`},
			{path: "/teapot", status: 418, want: `{"status":418,"message":"short and stout"}`},
			{path: "/throws", status: 500, want: `{"status":500,"message":"unexpected"}`},
			{path: "/env", want: `{"env":"object","waitUntil":"function"}`},
			{path: "/with", want: `{"method":"GET"}`},
			{path: "/nested/file.txt", want: `{"name":"file","ext":"txt"}`},
			{path: "/shared/data", want: `{"shared":true}`, wantHeaders: map[string]string{"Access-Control-Allow-Origin": "https://app.example"}},
			{name: "preflight", method: "OPTIONS", path: "/shared/data", status: 204, wantHeaders: map[string]string{"Access-Control-Allow-Methods": "GET,POST"}},
			{path: "/nowhere", status: 404, want: `{"status":404,"error":"Not Found"}`},
		})
	})
}

func TestReact(t *testing.T) {
	project(t, "react", fromNPM, func(t *testing.T, a *app) {
		const shell = `<h1 class="dark" data-id="`
		a.steps(t, []step{
			{path: "/", has: []string{"<!DOCTYPE html><html lang=\"en\">", shell, `React &lt;on&gt; &quot;Skerry&quot;`, `<script type="module" src="/client.js"`, "</body></html>"}},
			{path: "/all?n=500", has: []string{"<li>item <!-- -->499</li>"}, lacks: []string{"waiting"}},
			{path: "/late-error", has: []string{shell, "the client will try again"}, wantHeaders: map[string]string{"X-Errors": "Error: after the shell"}},
			{path: "/shell-error", status: 500, want: "<p>sorry: in the shell</p>"},
			{path: "/abort", has: []string{shell, "given up", "</html>"}},
		})
		t.Run("suspense", func(t *testing.T) { a.streamed(t, "/suspense", nil, "waiting…", "what it waited for") })
		if strings.HasSuffix(t.Name(), "/serve") {
			t.Run("production", func(t *testing.T) {
				a.check(t, step{path: "/late-error", lacks: []string{"after the shell", "data-stck"}}) // Details are for developers.
			})
		}
	})
}

func TestTRPC(t *testing.T) {
	project(t, "trpc", fromNPM, func(t *testing.T, a *app) {
		json := map[string]string{"Content-Type": "application/json"}
		a.steps(t, []step{
			{name: "query", path: `/trpc/greet?input=%7B%22name%22%3A%22ada%22%7D`, want: `{"result":{"data":"hello ada"}}`, wantHeaders: map[string]string{"X-Errors": "0"}},
			{name: "invalid", path: `/trpc/greet?input=%7B%22name%22%3A%22%22%7D`, status: 400, has: []string{`"code":"BAD_REQUEST"`, "too_small"}, wantHeaders: map[string]string{"X-Errors": "1"}},
			{name: "mutation", path: "/trpc/add", headers: json, body: `{"a":40,"b":2}`, want: `{"result":{"data":42}}`},
			{name: "mutation by GET", path: "/trpc/add", status: 405},
			{name: "unauthorized", path: "/trpc/me", status: 401, has: []string{`"code":"UNAUTHORIZED"`}},
			{name: "authorized", path: "/trpc/me", headers: map[string]string{"Authorization": "Bearer open"}, want: `{"result":{"data":"ada"}}`},
			{name: "crash", path: "/trpc/crash", status: 500, has: []string{`"code":"INTERNAL_SERVER_ERROR"`}},
			{name: "no such procedure", path: "/trpc/nothing", status: 404},
			{name: "batch", path: `/trpc/me,crash,greet?batch=1&input=%7B%222%22%3A%7B%22name%22%3A%22x%22%7D%7D`, status: 207, has: []string{"UNAUTHORIZED", "unexpected", `{"result":{"data":"hello x"}}`}},
			{name: "form", path: "/trpc/upload", headers: map[string]string{"Content-Type": "multipart/form-data; boundary=B"},
				body: "--B\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nx\r\n--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n12345\r\n--B--\r\n", want: `{"result":{"data":{"name":"x","size":5}}}`},
		})
		lines := map[string]string{"trpc-accept": "application/jsonl"}
		t.Run("batch as a stream", func(t *testing.T) {
			a.streamed(t, `/trpc/slow,greet?batch=1&input=%7B%220%22%3A300%2C%221%22%3A%7B%22name%22%3A%22x%22%7D%7D`, lines, "hello x", "after 300")
		})
		t.Run("generator", func(t *testing.T) {
			a.streamed(t, `/trpc/numbers?batch=1&input=%7B%220%22%3A4%7D`, lines, "[[1]]", "[[4]]")
		})
		t.Run("subscription", func(t *testing.T) {
			a.streamed(t, "/trpc/ticks?input=4", map[string]string{"Accept": "text/event-stream"}, `data: {"i":1}`, `data: {"i":4}`)
		})
	})
}

func TestZod(t *testing.T) {
	project(t, "zod", fromNPM, func(t *testing.T, a *app) {
		a.steps(t, []step{
			{name: "union", path: "/event", body: `{"type":"login","at":"2026-01-01T00:00:00Z"}`, want: `{"type":"login","at":"2026-01-01T00:00:00Z"}`},
			{name: "issues", path: "/event", body: `{"type":"order","items":[{"sku":"a","quantity":0}],"to":{"street":"","zip":"1"}}`, status: 422,
				has: []string{`"items.0.quantity: Too small: expected number to be >0"`, `"to.street: Too small`, `"to.zip: Invalid string`}},
			{name: "no such type", path: "/event", body: `{"type":"other"}`, status: 422, has: []string{"type: "}},
			{name: "coercion", path: "/settings?page=3&tags=a,b&mail=a%40b.example&id=9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d", want: `{"page":3,"tags":["a","b"],"mail":"a@b.example","id":"9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d"}`},
			{name: "default", path: "/settings", want: `{"page":1}`},
			{name: "formats", path: "/settings?page=0&tags=abcdefg&mail=x&id=y", status: 422, has: []string{"page: Too small", "tags.0: Too big", "mail: Invalid email address", "id: Invalid UUID"}},
			{name: "asynchronous", path: "/taken", body: `{"name":"taken"}`, status: 422, has: []string{"name: this name is taken"}},
			{name: "recursive", path: "/tree", body: `{"value":1,"children":[{"value":2,"children":[]}]}`, want: `{"value":1,"children":[{"value":2,"children":[]}]}`},
			{name: "recursive issue", path: "/tree", body: `{"value":1,"children":[{"value":"2","children":[]}]}`, status: 422, has: []string{"children.0.value: "}},
			{name: "mini", path: "/mini", body: `{"n":-1}`, status: 422},
			{path: "/schema", has: []string{`"oneOf"`, `"exclusiveMinimum":0`}},
			{path: "/many", want: `{"good":2000}`},
		})
	})
}
