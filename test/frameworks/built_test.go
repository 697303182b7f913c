package frameworks

import (
	"net/url"
	"testing"
)

func TestVue(t *testing.T) {
	project(t, "built/vue", builtVite, func(t *testing.T, a *app) {
		a.steps(t, []step{
			{path: "/?name=" + url.QueryEscape("<Ada>") + "&item=1&item=2", has: []string{
				"Hello &lt;Ada&gt;! ", "in a slot</em>", ">1</li>", ">2</li>", "after 10 ms</p>", "teleported</b>", `<input value="&lt;Ada&gt;" disabled`,
			}},
			{path: "/", has: []string{"Hello Vue!", "nothing here"}},
			{path: "/stream", has: []string{"Hello Vue!", "after 10 ms</p>", "</main>"}},
			{path: "/broken", status: 500, want: "sorry: in setup"},
			{path: "/nowhere", status: 404},
		})
	})
}

func TestSvelte(t *testing.T) {
	project(t, "built/svelte", builtVite, func(t *testing.T, a *app) {
		a.steps(t, []step{
			{path: "/?name=" + url.QueryEscape("<Ada>") + "&item=1&item=2", has: []string{
				"<title>&lt;Ada></title>", `class="svelte-`, "Hello &lt;Ada></h1>", `<ul data-unit="items">`, "<li>1</li>", "<p>4</p>", "<b>raw</b>", `<p id="later">after 10 ms</p>`,
			}},
			{path: "/", has: []string{"no items"}},
			{path: "/broken", status: 500, want: "sorry: in the component"},
		})
	})
}

func TestReactRouter(t *testing.T) {
	project(t, "built/react-router", "build/server/index.js", func(t *testing.T, a *app) {
		form := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
		a.steps(t, []step{
			{path: "/?q=seven", has: []string{"<title>React Router</title>", "<h1>a value of env</h1>", `<p id="query">seven</p>`, `href="/posts/1"`, "</html>"}, wantHeaders: map[string]string{"Cache-Control": "max-age=60", "Content-Type": "text/html; charset=utf-8"}},
			{path: "/posts/1", has: []string{"<h1>The first &lt;post&gt;</h1>"}},
			{path: "/posts/2", status: 404, has: []string{`<h1 id="error">404: no such post</h1>`}},
			{path: "/nowhere", status: 404, has: []string{"404: Error: No route matches"}},
			{path: "/crash", status: 500, has: []string{"Something went wrong"}},
			{path: "/old", status: 301, wantHeaders: map[string]string{"Location": "/posts/1"}},
			{path: "/form", has: []string{`<input name="name"/>`}, lacks: []string{`id="error"`}},
			{name: "POST /form empty", path: "/form", headers: form, body: "name=", has: []string{`<p id="error">name is missing</p>`}},
			{name: "POST /form", path: "/form", headers: form, body: "name=ada", status: 302, wantHeaders: map[string]string{"Location": "/form?done=ada", "Set-Cookie": "name=1; Path=/"}},
			{name: "GET resource", path: "/api/time.json", want: `{"method":"GET"}`},
			{name: "POST resource", path: "/api/time.json", headers: map[string]string{"Content-Type": "application/json"}, body: `{"a":1}`, status: 201, want: `{"method":"POST","body":{"a":1}}`},
			{name: "data of a page", path: "/posts/1.data", has: []string{"The first <post>"}, wantHeaders: map[string]string{"Content-Type": "text/x-script"}},
			{name: "for a robot", path: "/slow", headers: map[string]string{"User-Agent": "robot"}, has: []string{`<p id="later">came later</p>`}, lacks: []string{"waiting…"}},
		})
		t.Run("stream", func(t *testing.T) { a.streamed(t, "/slow", nil, "waiting…", "came later") })
	})
}

func TestSvelteKit(t *testing.T) {
	project(t, "built/sveltekit", ".svelte-kit/cloudflare/_worker.js", func(t *testing.T, a *app) {
		form := map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Origin": a.base, "Accept": "text/html"}
		elsewhere := map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Origin": "http://elsewhere.example"}
		a.steps(t, []step{
			{path: "/?q=seven", headers: map[string]string{"Cookie": "user=ada"}, has: []string{
				"<title>SvelteKit</title>", "<h1>a value of env</h1>", `<p id="user">ada</p>`, `<p id="query">seven</p>`, `<p id="echoed">internal</p>`, "clicked 3", "/_app/immutable/entry/start.",
			}, wantHeaders: map[string]string{"X-From-Load": "yes", "X-Hook": "ran", "Etag": "*"}},
			{path: "/posts/2", status: 404, has: []string{`<h1 id="error">404: no such post</h1>`}},
			{path: "/nowhere", status: 404, has: []string{`<h1 id="error">404: not here</h1>`}},
			{path: "/boom", status: 500, has: []string{"500: hidden (TypeError)"}, lacks: []string{"nobody should see"}},
			{name: "POST /form empty", path: "/form?/login", headers: form, body: "name=", status: 400, has: []string{`<p id="missing">name is missing</p>`}},
			{name: "POST /form", path: "/form?/login", headers: form, body: "name=ada", status: 303, wantHeaders: map[string]string{"Location": "/", "Set-Cookie": "user=ada; Path=/; HttpOnly; Secure; SameSite=Lax"}},
			{name: "POST /form from elsewhere", path: "/form?/login", headers: elsewhere, body: "name=ada", status: 403},
			{name: "GET endpoint", path: "/api/echo?text=x", want: `{"text":"x"}`},
			{name: "POST endpoint", path: "/api/echo", headers: map[string]string{"Content-Type": "application/json"}, body: `{"a":1}`, status: 201, want: `{"body":{"a":1},"waitUntil":"function","address":"string"}`},
			{name: "data of a page", path: "/__data.json?q=3", has: []string{`"type":"data"`, `"a value of env"`}},
			// Assets are not served yet, which the log says by name.
			{name: "static file", path: "/hello.txt", status: 500},
		})
		t.Run("stream", func(t *testing.T) { a.streamed(t, "/api/stream", nil, "line 1", "line 3") })
		t.Run("promise in a page", func(t *testing.T) { a.streamed(t, "/posts/1", nil, "waiting…", "came later") })
	})
}
