package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"skerry/test/e2e/rig"
)

// workerdVariable names the environment variable that gives the binary of the original platform's runtime, to compare with.
const workerdVariable = "SKERRY_TEST_WORKERD"

// A rewriteCase is one document with handlers; see testdata/rewriter/index.js.
type rewriteCase struct {
	HTML     []string         `json:"html,omitempty"`
	Bytes    [][]int          `json:"bytes,omitempty"`
	Type     string           `json:"type,omitempty"`
	NoBody   bool             `json:"noBody,omitempty"`
	Handlers []map[string]any `json:"handlers"`
	// Want is what the original platform answers, Skerry what Skerry does where it means to differ, and Why the reason.
	Want   any    `json:"want,omitempty"`
	Skerry any    `json:"skerry,omitempty"`
	Why    string `json:"why,omitempty"`
}

// rewrite has a server run cases.
func rewrite(t *testing.T, client *http.Client, url string, cases []rewriteCase) []any {
	t.Helper()
	var asked []rewriteCase
	for _, c := range cases {
		c.Want, c.Skerry, c.Why = nil, nil, ""
		asked = append(asked, c)
	}
	body, err := json.Marshal(asked)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := rig.Do(client, "POST", url, "application/json", string(body))
	if err != nil || answer.Status != 200 {
		t.Fatalf("%d %.300q, %v", answer.Status, answer.Body, err)
	}
	var results []any
	if err := json.Unmarshal([]byte(answer.Body), &results); err != nil || len(results) != len(cases) {
		t.Fatalf("%d results for %d cases, %v", len(results), len(cases), err)
	}
	return results
}

func compareRewrites(t *testing.T, name string, cases []rewriteCase, got []any, want func(i int) any) {
	t.Helper()
	differ := 0
	for i := range cases {
		if wanted := want(i); !reflect.DeepEqual(got[i], wanted) {
			if differ++; differ <= 5 {
				input, _ := json.Marshal(cases[i])
				g, _ := json.Marshal(got[i])
				w, _ := json.Marshal(wanted)
				t.Errorf("%s: case %d %.600s\ngot  %.900s\nwant %.900s", name, i, input, g, w)
			}
		}
	}
	if differ > 0 {
		t.Errorf("%s: %d of %d cases differ", name, differ, len(cases))
	}
}

// Goal: HTMLRewriter does what the original platform's does: selectors and their errors, changes, text, namespaces, broken
// markup. Method: a table with that platform's answers; with its binary at hand, also that the table still holds, and
// random documents on both.
func TestHTMLRewriterAsOnTheOriginalPlatform(t *testing.T) {
	data := filepath.Join(rig.Repository(t), "test", "e2e", "testdata", "rewriter")
	source, err := os.ReadFile(filepath.Join(data, "index.js"))
	if err != nil {
		t.Fatal(err)
	}
	table, err := os.ReadFile(filepath.Join(data, "cases.json"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []rewriteCase
	if err := json.Unmarshal(table, &cases); err != nil || len(cases) < 300 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}

	worker := rig.Script("rewriter", string(source))
	worker.CPU = 60_000
	s := rig.Serve(t, rig.Platform{Workers: []rig.Worker{worker}})
	s.Ready(worker.Host(), "/")
	url := "http://" + worker.Host() + "/"
	compareRewrites(t, "skerry", cases, rewrite(t, s.Client(), url, cases), func(i int) any {
		if cases[i].Skerry != nil {
			return cases[i].Skerry
		}
		return cases[i].Want
	})

	binary := os.Getenv(workerdVariable)
	if binary == "" {
		t.Logf("%s is not set: not compared with workerd itself", workerdVariable)
		return
	}
	peer := startWorkerd(t, binary, string(source))
	compareRewrites(t, "workerd", cases, rewrite(t, http.DefaultClient, peer, cases), func(i int) any { return cases[i].Want })
	seed := rand.Int63()
	random := rand.New(rand.NewSource(seed))
	for round := range scaled(100, 10) {
		var documents []rewriteCase
		for range 200 {
			documents = append(documents, randomRewrite(random))
		}
		want := rewrite(t, http.DefaultClient, peer, documents)
		compareRewrites(t, fmt.Sprintf("seed %d, round %d", seed, round), documents, rewrite(t, s.Client(), url, documents), func(i int) any { return want[i] })
		if t.Failed() {
			return
		}
	}
}

func startWorkerd(t *testing.T, binary, source string) string {
	t.Helper()
	dir := t.TempDir()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().String()
	listener.Close()
	rig.WriteFile(t, filepath.Join(dir, "index.js"), source)
	rig.WriteFile(t, filepath.Join(dir, "config.capnp"), fmt.Sprintf(`using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "internet", network = (allow = ["public", "private", "local"])),
    (name = "main", worker = (modules = [(name = "index.js", esModule = embed "index.js")], compatibilityDate = %q)),
  ],
  sockets = [(name = "http", address = %q, http = (), service = "main")]
);
`, rig.CompatDate, addr))
	command := exec.Command(binary, "serve", filepath.Join(dir, "config.capnp"))
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		command.Process.Kill()
		command.Wait()
	})
	rig.Until(t, "workerd answers", func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
		}
		return err == nil
	}, func() string { return addr })
	return "http://" + addr + "/"
}

var (
	rewritePieces = []string{
		"<", ">", "/", "!", "?", "-", "--", "=", `"`, "'", " ", "\n", "\f", "&amp;", "text", "é", "€", "😀", "<div>", "</div>", "<p a=b>",
		"</p>", "<br>", "<br/>", "<img src='x>y'>", `<A HREF="q" x>`, "</a>", "<span class='a b'>", "</span>", "<li>", "<ul id=u>", "</ul>",
		"<svg>", "</svg>", "<svg/>", "<math>", "</math>", "<mi>", "</mi>", "<title>", "</title>", "<foreignObject>", "</foreignObject>",
		"<desc>", "</desc>", "<annotation-xml encoding=text/html>", "</annotation-xml>", "<font color=x>", "<font>", "<![CDATA[", "]]>", "]",
		"<!--", "-->", "--!>", "<!-->", "<!--->", "<!doctype html>", `<!DOCTYPE x PUBLIC "a" 'b'>`, "<!doctype", "public", "system", "<script>",
		"</script>", "</script ", "<style>", "</style>", "<textarea>", "</textarea>", "<xmp>", "<noscript>", "<plaintext>", "<select>",
		"</select>", "<template>", "<frameset>", "script", "<x-y:z1>", "</x-y:z1>", "</", "<a", " b=c", `d="`, "=e", "/>", "</div", "<?php ?>",
		"<table><tr>", "</table>", "\x00", "<b>", "</b>", "<i/>", "<g>", "</g>", "<input>", "<g/>", "<mo/>", "</br>",
	}
	rewriteSelectors = []string{
		"*", "div", "p", "a[href]", "[a=b]", ".a", "#u > li", "ul li", "svg *", "span.a.b:not([id])", ":nth-child(2n+1)", "li:nth-of-type(2)",
		"div p", "div > *", "*:not(div)", "[src*=y]", "[class~=b]", "br", `x-y\:z1`, "p, a", "title", "svg > desc", "[color]", "b", "math mi",
		":nth-of-type(odd) b", "[encoding='TEXT/HTML' i]", "[type=x]", "script, style",
	}
	rewriteContents = []string{"<x>", "&y", "z"}
)

// randomRewrite puts a document together from pieces that meet each other badly, and handlers for it.
func randomRewrite(r *rand.Rand) rewriteCase {
	pick := func(from []string) string { return from[r.Intn(len(from))] }
	options := func() any {
		return []any{nil, map[string]bool{"html": true}, map[string]bool{"html": false}}[r.Intn(3)]
	}
	actions := func(most int, names ...string) []any {
		out := []any{}
		for range r.Intn(most + 1) {
			switch name := pick(names); name {
			case "remove", "removeAndKeepContent", "attributes":
				out = append(out, []any{name})
			case "setAttribute":
				out = append(out, []any{name, pick([]string{"a", "HREF", "new"}), pick([]string{"", `v"w`, "é"})})
			case "removeAttribute", "get":
				out = append(out, []any{name, pick([]string{"a", "href", "CLASS"})})
			case "tagName", "name", "text":
				out = append(out, []any{name, pick([]string{"renamed", "X-y"})})
			case "stream":
				out = append(out, []any{name, pick([]string{"before", "after", "prepend", "append", "replace", "setInnerContent"}), pick(rewriteContents), options()})
			default:
				out = append(out, []any{name, pick(rewriteContents), options()})
			}
		}
		return out
	}
	var c rewriteCase
	var document strings.Builder
	for range r.Intn(30) {
		document.WriteString(pick(rewritePieces))
	}
	c.HTML = []string{document.String()}
	c.Handlers = []map[string]any{}
	for range r.Intn(4) {
		selector := pick(rewriteSelectors)
		if r.Intn(4) == 0 {
			selector += pick([]string{" ", " > "}) + pick(rewriteSelectors)
		}
		handlers := map[string]any{"on": selector, "once": r.Intn(5) == 0}
		if r.Intn(4) > 0 {
			element := actions(3, "before", "after", "prepend", "append", "replace", "setInnerContent", "remove", "removeAndKeepContent", "setAttribute", "removeAttribute", "tagName", "attributes", "get", "stream")
			if r.Intn(3) == 0 {
				element = append(element, []any{"onEndTag", actions(2, "before", "after", "remove", "name")})
			}
			handlers["element"] = element
		}
		if r.Intn(3) == 0 {
			handlers["text"] = actions(2, "before", "after", "replace", "remove")
		}
		if r.Intn(3) == 0 {
			handlers["comments"] = actions(2, "before", "after", "replace", "remove", "text")
		}
		c.Handlers = append(c.Handlers, handlers)
	}
	if r.Intn(2) == 0 {
		c.Handlers = append(c.Handlers, map[string]any{
			"text": actions(2, "before", "after", "replace", "remove"), "comments": actions(2, "before", "after", "remove"),
			"doctype": []any{}, "end": []any{[]any{"append", "END", options()}},
		})
	}
	// The only intended difference (testdata/rewriter/cases.json).
	c.HTML[0] = strings.ReplaceAll(c.HTML[0], "=>", "=x>")
	return c
}
