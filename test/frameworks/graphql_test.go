package frameworks

import (
	"net/url"
	"strings"
	"testing"
)

func TestGraphQLYoga(t *testing.T) {
	project(t, "graphql-yoga", fromNPM, func(t *testing.T, a *app) {
		json := map[string]string{"Content-Type": "application/json"}
		query := func(text string) string { return "/graphql?query=" + url.QueryEscape(text) }
		a.steps(t, []step{
			{name: "query", path: "/graphql", headers: json, body: `{"query":"query($n: String) { hello(name: $n) books(longerThan: 200) { id title } }","variables":{"n":"Ada"}}`,
				want: `{"data":{"hello":"hello Ada","books":[{"id":"1","title":"On the Beach"}]}}`},
			{name: "query by GET", path: query(`{ book(id: "2") { pages } missing: book(id: "3") { pages } }`), want: `{"data":{"book":{"pages":163},"missing":null}}`},
			{name: "mutation", path: "/graphql", headers: json, body: `{"query":"mutation { add(book: { title: \"New\", pages: 1 }) { id title pages } }"}`, want: `{"data":{"add":{"id":"new","title":"New","pages":1}}}`},
			{name: "mutation by GET", path: query(`mutation { add(book: { title: "New", pages: 1 }) { id } }`), status: 405},
			{name: "syntax", path: "/graphql", headers: json, body: `{"query":"{ hello("}`, has: []string{"Syntax Error"}},
			{name: "no such field", path: "/graphql", headers: map[string]string{"Content-Type": "application/json", "Accept": "application/graphql-response+json"}, body: `{"query":"{ nothing }"}`, status: 400, has: []string{"Cannot query field"}},
			{name: "wrong variable", path: "/graphql", headers: json, body: `{"query":"query($n: Int) { books(longerThan: $n) { id } }","variables":{"n":"x"}}`, status: 400, has: []string{"Int cannot represent"}},
			{name: "expected error", path: query("{ secret }"), status: 403, has: []string{"not for you", `"code":"FORBIDDEN"`}},
			{name: "introspection", path: query(`{ __type(name: "Book") { fields { name } } }`), want: `{"data":{"__type":{"fields":[{"name":"id"},{"name":"title"},{"name":"pages"}]}}}`},
			{name: "form", path: "/graphql", headers: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, body: "query=" + url.QueryEscape("{ hello }"), want: `{"data":{"hello":"hello world"}}`},
			{name: "not JSON", path: "/graphql", headers: json, body: `{"query":`, status: 400},
			{name: "GraphiQL", path: "/graphql", headers: map[string]string{"Accept": "text/html"}, has: []string{"<!doctype html", "GraphiQL"}},
			{name: "preflight", method: "OPTIONS", path: "/graphql", headers: map[string]string{"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}, status: 204, wantHeaders: map[string]string{"Access-Control-Allow-Origin": "*"}},
			{name: "elsewhere", path: "/elsewhere", status: 404},
		})
		t.Run("unexpected error", func(t *testing.T) {
			answer := a.check(t, step{path: query("{ crash }"), has: []string{`"message":"Unexpected error."`, `"data":{"crash":null}`}})
			// In production strangers are not told more.
			if strings.Contains(t.Name(), "/serve/") && strings.Contains(answer.Body, "nobody should see") {
				t.Errorf("%s", answer.Body)
			}
		})
		t.Run("subscription", func(t *testing.T) {
			a.streamed(t, query("subscription { countdown(from: 3) }"), map[string]string{"Accept": "text/event-stream"}, `{"data":{"countdown":3}}`, `{"data":{"countdown":0}}`)
		})
	})
}
