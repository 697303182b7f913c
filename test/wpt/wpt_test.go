package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Goal: the metadata of a file decides what is run. Method: a checkout of a few files.
func TestFind(t *testing.T) {
	checkout := t.TempDir()
	for name, text := range map[string]string{
		"url/plain.any.js":             "test(() => {}, 'x');\n",
		"url/variants.any.js":          "// META: variant=?1-10\n// META: variant=?11-last\n// META: variant=?wss\n\n// META: timeout=long\n// META: script=/common/a.js\n",
		"url/window.any.js":            "// META: global=window\n",
		"url/scopes.any.js":            "// META: global=window,dedicatedworker\n// META: title=A title\ncode();\n// META: script=late.js\n",
		"url/new.tentative.any.js":     "",
		"url/crashtests/x.any.js":      "",
		"url/two.h2.any.js":            "",
		"url/old.worker.js":            "importScripts('/resources/testharness.js');\n",
		"url/page.html":                "",
		"fetch/api/basic/a.any.js":     "",
		"fetch/api/idlharness.any.js":  "",
		"fetch/elsewhere/other.any.js": "",
	} {
		path := filepath.Join(checkout, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range directories {
		if err := os.MkdirAll(filepath.Join(checkout, filepath.FromSlash(d.path)), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	names := func(only []string, tentative bool) string {
		found, err := find(checkout, only, tentative)
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, f := range found {
			all = append(all, f.name())
		}
		return strings.Join(all, " ")
	}
	for _, c := range []struct {
		only      []string
		tentative bool
		want      string
	}{
		{want: "url/old.worker.js url/plain.any.js url/scopes.any.js url/variants.any.js?1-10 url/variants.any.js?11-last fetch/api/basic/a.any.js fetch/api/idlharness.any.js"},
		{only: []string{"fetch/api/"}, want: "fetch/api/basic/a.any.js fetch/api/idlharness.any.js"},
		{only: []string{"url/variants.any.js?11-last", "url/plain.any.js"}, want: "url/plain.any.js url/variants.any.js?11-last"},
		{only: []string{"url/n", "url/new.tentative.any.js"}, tentative: true, want: "url/new.tentative.any.js"},
	} {
		if got := names(c.only, c.tentative); got != c.want {
			t.Errorf("%v: found %s\nwant %s", c.only, got, c.want)
		}
	}
	found, _ := find(checkout, []string{"url/scopes.any.js", "url/variants.any.js"}, false)
	if f := found[0]; f.title != "A title" || len(f.scripts) != 0 || f.long {
		t.Errorf("%s: title %q, scripts %q, long %v", f.name(), f.title, f.scripts, f.long)
	}
	if f := found[1]; !slices.Equal(f.scripts, []string{"/common/a.js"}) || !f.long || f.location() != "/url/variants.any.worker.js?1-10" {
		t.Errorf("%s: scripts %q, long %v, location %s", f.name(), f.scripts, f.long, f.location())
	}
}

// Goal: scripts see each other's names, keep their strictness, and come in order. Method: the text of a worker.
func TestGenerate(t *testing.T) {
	scripts := map[string]string{
		harnessScript:        "harness;",
		"/common/a.js":       "// a comment\n\"use strict\";\nfunction one() {}\nasync function* two() {}\nconst { three, four: five } = {};\nlet six, seven;\n  const inner = 1;\nclass Eight {}\nvar [nine] = [];\n",
		"/url/b.js":          "b;",
		"/url/x.worker.js":   "importScripts(\"/resources/testharness.js\", './b.js');\ndone();",
		"/url/interf.any.js": "idl_array.add_objects({\n  URL: ['new URL(\"x\")'],\n  A: [\"f({ a: 1 })\"]\n});\nother('not an expression');\n",
	}
	script := func(path string) (string, error) {
		text, found := scripts[path]
		if !found {
			return "", os.ErrNotExist
		}
		return text, nil
	}
	one := &test{file: "url/x.worker.js", scripts: []string{"/common/a.js"}}
	if err := one.generate(script, "http://localhost:1", 2); err != nil {
		t.Fatal(err)
	}
	text := string(one.source)
	at := -1
	for _, want := range []string{
		`"location":"http://localhost:1/url/x.worker.js"`, `"limit":20000,"imported":["/resources/testharness.js","./b.js"],"done":false`,
		"// /resources/testharness.js\nharness;", `function ($expose) { "use strict"; // /common/a.js`,
		`"one", "function", ()`, `"two", "function", ()`, `"three", "const", ()`, `"five", "const", ()`, `"six", "let", ()`, `"seven", "let", ()`, `"Eight", "class", ()`, `"nine", "var", ()`,
		"function ($expose) { // /url/b.js", "function ($expose) { // /url/x.worker.js", "done();",
	} {
		next := strings.Index(text, want)
		if next <= at {
			t.Errorf("%q is at %d, after %d", want, next, at)
		}
		at = next
	}
	for _, unwanted := range []string{`"inner"`, `"four"`, `"extends"`} {
		if strings.Contains(text, unwanted) {
			t.Errorf("the worker has %s", unwanted)
		}
	}
	two := &test{file: "url/interf.any.js"}
	if err := two.generate(script, "http://localhost:1", 1); err != nil {
		t.Fatal(err)
	}
	want := "['new URL(\"x\")', () => (new URL(\"x\"))],\n[\"f({ a: 1 })\", () => (f({ a: 1 }))],\n])"
	if !strings.Contains(string(two.source), want) {
		t.Errorf("the worker ends with\n%s\nwant %s", two.source[len(two.source)-300:], want)
	}
}

func made(status Status, subtests ...string) outcome {
	o := outcome{Status: status}
	for _, s := range subtests {
		verdict, name, _ := strings.Cut(s, " ")
		o.Tests = append(o.Tests, subtest{Name: name, Verdict: Verdict(verdict)})
	}
	return o
}

// Goal: nothing may fail without a reason that somebody can judge. Method: the ledger as it is.
func TestLedgerReasons(t *testing.T) {
	entries, err := readLedger("ledger")
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) == 0 {
		t.Fatal("the ledger is empty")
	}
	for name, e := range entries {
		if (e.Status != "") != (e.Why != "") {
			t.Errorf("%s: status %q, why %q: either both or none", name, e.Status, e.Why)
		}
		if e.Status == "" && len(e.Fails) == 0 {
			t.Errorf("%s: nothing is expected of it", name)
		}
		seen := make(map[string]bool)
		for _, x := range e.Fails {
			if len(strings.Fields(x.Reason)) < 2 || len(x.Tests) == 0 {
				t.Errorf("%s: %d subtests for the reason %q", name, len(x.Tests), x.Reason)
			}
			for _, subtest := range x.Tests {
				if seen[subtest] {
					t.Errorf("%s: %q is listed twice", name, subtest)
				}
				seen[subtest] = true
			}
		}
	}
}

// Goal: both an unexpected failure and a surprise pass are noticed, and nothing else. Method: one subtest of each kind.
func TestLedgerCheck(t *testing.T) {
	tests := []*test{{file: "url/a.any.js"}}
	book := ledger{"url/a.any.js": {Fails: []expected{
		{Reason: "r", Tests: []string{"known", "all of these: *"}}, {Reason: "speed", Either: true, Tests: []string{"perhaps"}},
	}}}
	for _, c := range []struct {
		o    outcome
		want string
	}{
		{made(OK, "PASS a", "FAIL known", "TIMEOUT all of these: x", "PASS perhaps"), "0 unexpected failures, 0 surprise passes"},
		{made(OK, "FAIL perhaps"), "0 unexpected failures, 0 surprise passes"},
		{made(OK, "FAIL a"), "1 unexpected failures, 0 surprise passes"},
		{made(OK, "NOTRUN a"), "1 unexpected failures, 0 surprise passes"},
		{made(OK, "PASS known"), "0 unexpected failures, 1 surprise passes"},
		{made(OK, "PASS all of these: y", "FAIL all of these: z"), "0 unexpected failures, 1 surprise passes"},
		{made(Timeout), "1 unexpected failures, 0 surprise passes"},
		{made(OK, "FAIL twice", "PASS twice"), "1 unexpected failures, 0 surprise passes"},
	} {
		var out strings.Builder
		agrees := book.check(&out, tests, []outcome{c.o})
		if !strings.Contains(out.String(), c.want) || agrees != strings.HasPrefix(c.want, "0 unexpected failures, 0 surprise") {
			t.Errorf("%+v: %v, %s", c.o, agrees, out.String())
		}
	}
	var out strings.Builder
	if (ledger{"url/a.any.js": {Fails: []expected{{Tests: []string{"known"}}}}}).check(&out, tests, []outcome{made(OK, "FAIL known")}) {
		t.Error("an expected failure without a reason is accepted")
	}
}

// Goal: an updated ledger agrees with the results it was made from and keeps reasons. Method: update, then check and read back.
func TestLedgerUpdate(t *testing.T) {
	tests := []*test{{file: "url/a.any.js"}, {file: "url/b.any.js", variant: "?x"}, {file: "fetch/api/basic/c.any.js"}}
	outcomes := []outcome{
		made(OK, "FAIL known", "PASS fixed", "FAIL p1", "PASS p2", "FAIL q1", "FAIL q2", "FAIL new", "PASS perhaps"),
		made(Timeout, "PASS a"),
		made(OK, "FAIL 1", "FAIL 2", "FAIL 3", "FAIL 4", "FAIL 5"),
	}
	book := ledger{
		"url/a.any.js": {Fails: []expected{
			{Reason: "r", Tests: []string{"known", "fixed", "gone", "p*", "q*"}}, {Reason: "speed", Either: true, Tests: []string{"perhaps"}},
		}},
		"url/z.any.js": {Fails: []expected{{Reason: "not run now", Tests: []string{"x"}}}},
	}
	book.update(tests, outcomes)
	a := book["url/a.any.js"]
	if got := a.Fails[0]; got.Reason != "r" || !slices.Equal(got.Tests, []string{"known", "p1", "q*"}) {
		t.Errorf("first: %+v", got)
	}
	if got := a.Fails[len(a.Fails)-1]; got.Reason != "" || !slices.Equal(got.Tests, []string{"new"}) {
		t.Errorf("last: %+v", got)
	}
	if got := book["url/b.any.js?x"]; got == nil || got.Status != Timeout || len(got.Fails) != 0 {
		t.Errorf("timeout: %+v", got)
	}
	if got := book["fetch/api/basic/c.any.js"]; got == nil || !slices.Equal(got.Fails[0].Tests, []string{"*"}) {
		t.Errorf("wholesale: %+v", got)
	}
	dir := t.TempDir()
	if err := book.write(dir); err != nil {
		t.Fatal(err)
	}
	again, err := readLedger(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(again) != 4 {
		t.Errorf("%d entries were read back", len(again))
	}
	var out strings.Builder
	again.check(&out, tests, outcomes)
	if !strings.Contains(out.String(), "0 unexpected failures, 0 surprise passes, 7 expected failures without a reason") {
		t.Error(out.String())
	}
}

// Goal: the committed ledger can be read and gives a reason for each failure.
func TestCommittedLedger(t *testing.T) {
	book, err := readLedger("ledger")
	if err != nil {
		t.Fatal(err)
	}
	for name, e := range book {
		if e.Status != "" && e.Why == "" {
			t.Errorf("%s: why is its status %s?", name, e.Status)
		}
		for _, x := range e.Fails {
			if x.Reason == "" {
				t.Errorf("%s: %q have no reason", name, x.Tests)
			}
		}
	}
}
