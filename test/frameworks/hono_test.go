package frameworks

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// Goal: Hono runs with the middleware that it comes with. Method: hono/, a route behind each.
func TestHono(t *testing.T) {
	project(t, "hono", fromNPM, func(t *testing.T, a *app) {
		const origin = "https://app.example"
		a.steps(t, []step{
			{path: "/cors/data", headers: map[string]string{"Origin": origin}, want: `{"method":"GET"}`, wantHeaders: map[string]string{
				"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Credentials": "true", "Vary": "Origin",
			}},
			{name: "preflight", method: "OPTIONS", path: "/cors/data", headers: map[string]string{"Origin": origin, "Access-Control-Request-Method": "PUT"}, status: 204, wantHeaders: map[string]string{
				"Access-Control-Allow-Methods": "GET,PUT", "Access-Control-Allow-Headers": "x-token", "Access-Control-Max-Age": "600", "Content-Type": "",
			}},
			{path: "/basic/page", status: 401, wantHeaders: map[string]string{"Www-Authenticate": `Basic realm="Secure Area"`}},
			{name: "wrong password", path: "/basic/page", headers: map[string]string{"Authorization": "Basic YWRhOng="}, status: 401},
			{name: "right password", path: "/basic/page", headers: map[string]string{"Authorization": "Basic YWRhOmxvdmVsYWNl"}, want: "for ada"},
			{path: "/stream/text", want: "one\ntwo\nthree\n"},
			{path: "/stream/pipe", want: "piped through"},
			{path: "/stream/fails", want: "caught: in the stream"},
			{path: "/headers/page", want: "with headers", wantHeaders: map[string]string{
				"X-Frame-Options": "SAMEORIGIN", "Strict-Transport-Security": "max-age=15552000; includeSubDomains", "Server-Timing": "*", "X-Request-Id": "*",
			}},
			{name: "POST /limited", path: "/limited", body: strings.Repeat("x", 100), want: "100"},
			{name: "POST /limited too much", path: "/limited", body: strings.Repeat("x", 101), status: 413, want: "too large"},
			{name: "POST /validated", path: "/validated", headers: map[string]string{"Content-Type": "application/json"}, body: `{"n":21}`, want: `{"double":42}`},
			{name: "POST /validated wrong", path: "/validated", headers: map[string]string{"Content-Type": "application/json"}, body: `{"n":"x"}`, status: 400, want: `{"error":"n must be a number"}`},
			{path: "/context?q=kept", want: "kept"},
			{path: "/api/items/7", want: `{"id":7}`},
			{path: "/api/items/x", status: 404},
			{path: "/api/wild/a/b%20c", want: "/api/wild/a/b c"},
			{path: "/throws", status: 500, want: `{"error":"unexpected"}`},
			{path: "/http-exception", status: 418, want: "teapot"},
			{path: "/nowhere", status: 404, want: `{"error":"not found","path":"/nowhere"}`},
			{name: "HEAD", method: "HEAD", path: "/etag/page", wantHeaders: map[string]string{"Etag": "*"}},
		})
		t.Run("etag", func(t *testing.T) {
			first := a.check(t, step{path: "/etag/page", want: "the same page each time", wantHeaders: map[string]string{"Etag": "*"}})
			a.check(t, step{path: "/etag/page", headers: map[string]string{"If-None-Match": first.Header.Get("Etag")}, status: http.StatusNotModified, wantHeaders: map[string]string{"Etag": first.Header.Get("Etag")}})
		})
		t.Run("stream of bytes", func(t *testing.T) {
			if got := a.do(t, step{path: "/stream/bytes"}).Body; len(got) != 4000 || got[1000] != 1 || got[3999] != 3 {
				t.Errorf("%d bytes", len(got))
			}
		})
		t.Run("events", func(t *testing.T) { a.streamed(t, "/sse", nil, `data: {"tick":1}`, `data: {"tick":3}`) })
		t.Run("form", func(t *testing.T) {
			const boundary = "xxBOUNDARYxx"
			var body strings.Builder
			for _, part := range []string{"name=\"name\"\r\n\r\nAda", "name=\"tag\"\r\n\r\none", "name=\"tag\"\r\n\r\ntwo", "name=\"file\"; filename=\"é.txt\"\r\nContent-Type: text/x-test\r\n\r\nöffentlich"} {
				fmt.Fprintf(&body, "--%s\r\nContent-Disposition: form-data; %s\r\n", boundary, part)
			}
			fmt.Fprintf(&body, "--%s--\r\n", boundary)
			headers := map[string]string{"Content-Type": "multipart/form-data; boundary=" + boundary, "Origin": origin}
			a.check(t, step{path: "/form", headers: headers, body: body.String(), want: `{"name":"Ada","tags":["one","two"],"file":{"name":"é.txt","type":"text/x-test","size":11}}`})
			headers["Origin"] = "https://elsewhere.example"
			a.check(t, step{path: "/form", headers: headers, body: body.String(), status: http.StatusForbidden})
		})
	})
}
