package frameworks

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
)

// Goal: Octokit's request works against an API. Method: a stub that answers as such an API does.
func TestOctokit(t *testing.T) {
	stub := http.NewServeMux()
	stub.HandleFunc("GET /repos/{owner}/{repo}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-RateLimit-Remaining", "4999")
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		fmt.Fprintf(w, `{"full_name":%q,"authorization":%q,"accept":%q,"agent":%t}`, r.PathValue("owner")+"/"+r.PathValue("repo"), r.Header.Get("Authorization"), r.Header.Get("Accept"), r.Header.Get("User-Agent") != "")
	})
	stub.HandleFunc("POST /repos/{owner}/{repo}/issues", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, `{"number":1,"got":%s}`, body)
	})
	stub.HandleFunc("GET /search/issues", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"q":%q,"per_page":%q,"accept":%q}`, r.URL.Query().Get("q"), r.URL.Query().Get("per_page"), r.Header.Get("Accept"))
	})
	stub.HandleFunc("GET /raw", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Write([]byte{0, 1, 2, 255})
	})
	stub.HandleFunc("GET /missing", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusNotFound)
		io.WriteString(w, `{"message":"Not Found","documentation_url":"https://docs.example/rest"}`)
	})
	stub.HandleFunc("GET /not-modified", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNotModified) })
	server := httptest.NewServer(stub)
	defer server.Close()
	base := "?base=" + url.QueryEscape(server.URL)
	project(t, "octokit", fromNPM, func(t *testing.T, a *app) {
		a.steps(t, []step{
			{name: "parameters", path: "/repo" + base, want: `{"data":{"full_name":"skerry/an example","authorization":"token of-the-test","accept":"application/vnd.github.v3+json","agent":true},"status":200,"limit":"4999"}`},
			{name: "body", path: "/issue" + base, want: `{"data":{"number":1,"got":{"title":"A title","labels":["bug","é"]}},"status":201}`},
			{name: "query", path: "/search" + base, want: `{"q":"is:open a+b","per_page":"2","accept":"application/vnd.github.v3.text-match"}`},
			{name: "bytes", path: "/raw" + base, want: "\x00\x01\x02\xff"},
			{name: "not found", path: "/missing" + base, status: 502, has: []string{`"name":"HttpError"`, `"status":404`, "Not Found - https://docs.example/rest"}},
			{name: "not modified", path: "/not-modified" + base, status: 502, has: []string{`"status":304`}},
		})
	})
}
