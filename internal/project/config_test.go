package project

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"skerry/internal/worker"
)

var update = flag.Bool("update", false, "write the golden files")

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// golden compares text with a file in testdata/golden.
func golden(t *testing.T, name, text string) {
	t.Helper()
	file := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if text != string(want) {
		t.Errorf("got\n%s\nwant (%s)\n%s", text, file, want)
	}
}

// Goal: every mistake is shown at its place with what is allowed. Method: files full of mistakes, in both formats.
func TestConfigDiagnostics(t *testing.T) {
	tests := []struct {
		name, path string
		opts       Options
	}{
		{name: "jsonc", path: "jsonc"},
		{name: "toml", path: "toml"},
		{name: "bad-json", path: "bad-json"},
		{name: "bad-toml", path: "bad-toml"},
		{name: "twice-toml", path: "twice-toml"},
		{name: "list", path: "list"},
		{name: "empty", path: "empty"},
		{name: "empty-deploy", path: "empty", opts: Options{Deploy: true}},
		{name: "conflict", path: "conflict"},
		{name: "env-top", path: "env"},
		{name: "env-staging", path: "env", opts: Options{Env: "staging"}},
		{name: "env-production", path: "env", opts: Options{Env: "production"}},
		{name: "env-broken", path: "env", opts: Options{Env: "broken"}},
		{name: "env-missing", path: "env", opts: Options{Env: "stagin"}},
		{name: "env-none", path: "conflict", opts: Options{Env: "staging"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.opts.Now = now
			p, diags, err := Load("testdata/config/"+test.path, test.opts)
			if p == nil || len(p.ConfigFiles) == 0 {
				t.Error("there is no project to wait for")
			}
			if got, want := err != nil, Diagnostics(diags).HasErrors(); got != want {
				t.Errorf("error %v, but errors among the diagnostics: %v", err, want)
			}
			golden(t, "config-"+test.name+".txt", Diagnostics(diags).Text(false))
		})
	}
}

func TestServerConfig(t *testing.T) {
	c, diags, err := LoadServer("testdata/config/server/skerry.toml")
	golden(t, "server.txt", Diagnostics(diags).Text(false))
	var list Diagnostics
	if !errors.As(err, &list) {
		t.Fatalf("error %v", err)
	}
	dir, _ := filepath.Abs("testdata/config/server")
	if c.Listen != "127.0.0.1:8080" || c.Admin != "" || c.DataDir != filepath.Join(dir, "data") || c.Limits != (worker.Limits{CPU: 30 * time.Millisecond}) ||
		c.Ceilings != (worker.Limits{CPU: time.Minute, MemoryMB: 256, Subrequests: 20000}) || !c.Host.SparesSet || c.Host.Spares != 0 || !c.Egress.Public || c.Egress.Private || len(c.Egress.Prefixes) != 3 || fmt.Sprint(c.Egress.Prefixes[2]) != "::1/128" {
		t.Errorf("got %+v", c)
	}
	if len(c.Workers) != 2 || c.Workers[0].Dir != filepath.Join(dir, "a") || c.Workers[0].Shown != "testdata/config/server/a" || c.Workers[0].Origin.Host != "127.0.0.1:3000" ||
		c.Workers[0].Limits.CPU != 100*time.Millisecond || c.Workers[1].Env != "staging" || !slices.Equal(c.Workers[1].Routes, []string{"*/*"}) {
		t.Errorf("workers %+v", c.Workers)
	}
	if c, _, err := LoadServer("testdata/config/server/least.toml"); err != nil || c.Ceilings != (worker.Limits{Subrequests: worker.DefaultSubrequestsMax}) {
		t.Errorf("ceilings without [limits]: %+v, %v", c.Ceilings, err)
	}
	if _, _, err := LoadServer("testdata/config/none.toml"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

func TestEnvironments(t *testing.T) {
	type result struct {
		name     string
		main     string
		minify   bool
		cpu      time.Duration
		bindings string
		define   string
		routes   string
	}
	tests := []struct {
		env  string
		want result
	}{
		{"", result{"shop", "index.js", true, 100 * time.Millisecond, `COLOR=red NUMBER=1.50 DEEP={"b":[1,null,"ü"],"a":true} KV=kv_namespaces`, `"1"`, "[]"}},
		{"staging", result{"shop-staging", "index.js", true, 200 * time.Millisecond, "COLOR=blue", "", "[]"}},
		{"production", result{"shop-live", "live.js", false, 100 * time.Millisecond, "B=r2_buckets", "", "[{shop.example/* false} {live.shop.example/* true}]"}},
	}
	for _, test := range tests {
		t.Run(test.env, func(t *testing.T) {
			p, _, err := Load("testdata/config/env", Options{Env: test.env, Now: now})
			if err != nil {
				t.Fatal(err)
			}
			var bindings []string
			for _, b := range p.Bindings {
				bindings = append(bindings, b.Name+"="+b.Text+string(b.JSON))
			}
			got := result{p.Name, filepath.Base(p.Main), p.Minify, p.Limits.CPU, strings.Join(bindings, " "), p.Define["VERSION"], fmt.Sprint(p.Routes)}
			if got != test.want {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
			if !p.Compat.Has("nodejs_compat_v2") {
				t.Error("the compatibility flags are not inherited")
			}
		})
	}
}

// project writes files into a new directory.
func project(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const minimal = `{"name":"w","main":"index.js","compatibility_date":"2024-09-23","vars":{"A":"config","B":{"x":1}}%s}`

func TestDevVars(t *testing.T) {
	config := func(more string) string { return fmt.Sprintf(minimal, more) }
	tests := []struct {
		name  string
		files map[string]string
		opts  Options
		want  string
		diags string
	}{
		{name: "none", want: `A=config B={"x":1}`},
		{name: "overrides and adds", files: map[string]string{".dev.vars": "B=text\nC=3\nA = 'x y' # comment\n"}, want: "A=x y B=text C=3"},
		{name: "before .env", files: map[string]string{".dev.vars": "C=1", ".env": "D=2"}, want: `A=config B={"x":1} C=1`},
		{name: "of the environment", files: map[string]string{".dev.vars": "C=1", ".dev.vars.prod": "D=2"}, opts: Options{Env: "prod"}, want: "D=2"},
		{name: "environment without its own", files: map[string]string{".dev.vars": "C=1"}, opts: Options{Env: "prod"}, want: "C=1"},
		{name: "not when deploying", files: map[string]string{".dev.vars": "C=1", ".env": "D=1"}, opts: Options{Deploy: true}, want: `A=config B={"x":1}`},
		{
			name:  ".env files",
			files: map[string]string{".env": "C=1\nD=${C}-$C-${NONE:-none}-\\$C\nE=${E}", ".env.local": "C=2"},
			want:  `A=config B={"x":1} C=2 D=2-2-none-$C E=`,
		},
		{
			name:  "format",
			files: map[string]string{".dev.vars": "# comment\n\n  export C = 1 # rest\r\nD: 2\nE=\"a\\nb\"\nF='a\\nb'\nG=`it's \"q\"`\nH=\"two\nlines\"\nI=\nJ=a=b\nK=\"say \\\"x\\\"\"\n"},
			want:  "A=config B={\"x\":1} C=1 D=2 E=a\nb F=a\\nb G=it's \"q\" H=two\nlines I= J=a=b K=say \"x\"",
		},
		{name: "mistakes", files: map[string]string{".dev.vars": "C=1\nwhat is this\nD='open\n"}, diags: "2:1: warning: not a line of the form NAME=value: it is ignored|3:3: error: the quote is never closed"},
		{
			name:  "required secrets",
			files: map[string]string{"wrangler.json": config(`,"secrets":{"required":["S","T"]}`), ".dev.vars": "S=1\nOTHER=2\nA=3"},
			want:  `A=3 B={"x":1} S=1`, diags: `1:126: warning: secret "T" is required and has no value`,
		},
		{name: "too large", files: map[string]string{"wrangler.json": config(`,"env":{"e":{"vars":{"X":"` + strings.Repeat("x", MaxVar+1) + `"}}}`)}, opts: Options{Env: "e"}, diags: `1:123: error: variable "X" has 5121 bytes, and 5120 are allowed`},
		{name: "too large, local", files: map[string]string{".dev.vars": "C=" + strings.Repeat("x", MaxVar) + "\nD=" + strings.Repeat("x", MaxVar+1)}, diags: `1:1: error: variable "D" of the local variables has more than the 5120 bytes allowed`},
		{name: "as many as allowed", files: map[string]string{".dev.vars": many(MaxVars - 2)}, want: `A=config B={"x":1}` + strings.ReplaceAll("\n"+strings.TrimSpace(many(MaxVars-2)), "\n", " ")},
		{name: "too many", files: map[string]string{".dev.vars": many(MaxVars - 1)}, diags: `1:1: error: the worker has 129 variables, and 128 are allowed`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			files := map[string]string{"wrangler.json": config(`,"env":{"prod":{}}`), "index.js": "export default {}"}
			for name, text := range test.files {
				files[name] = text
			}
			test.opts.Now = now
			p, diags, _ := Load(project(t, files), test.opts)
			var shown []string
			for _, d := range diags {
				if strings.Contains(d.Message, "not inherited") {
					continue
				}
				_, place, _ := strings.Cut(strings.TrimPrefix(d.String(), d.File), ":")
				shown = append(shown, place)
			}
			if got := strings.Join(shown, "|"); got != test.diags {
				t.Errorf("diagnostics %s\nwant %s", got, test.diags)
			}
			if strings.Contains(test.diags, "error") {
				return
			}
			var bindings []string
			for _, b := range p.Bindings {
				bindings = append(bindings, b.Name+"="+b.Text+string(b.JSON))
			}
			if got := strings.Join(bindings, " "); got != test.want {
				t.Errorf("got %q\nwant %q", got, test.want)
			}
		})
	}
}

// many are so many local variables.
func many(count int) string {
	var text strings.Builder
	for i := range count {
		fmt.Fprintf(&text, "V%d=%d\n", i, i)
	}
	return text.String()
}

// Goal: the two formats mean the same. Method: the same configuration in both gives equal projects.
func TestFormatsAgree(t *testing.T) {
	json := `{
		"name": "w", "main": "src/index.ts", "compatibility_date": "2024-09-23", "minify": true,
		"vars": {"S": "text", "N": 5, "F": 1.5, "L": [1, {"a": [true]}], "Q": {"x.y": "dot"}},
		"rules": [{"type": "Text", "globs": ["**/*.md"], "fallthrough": true}, {"type": "Data", "globs": ["**/*.dat"], "fallthrough": false}],
		"dev": {"port": 8080, "ip": "127.0.0.1"}, "limits": {"cpu_ms": 70, "subrequests": 60}, "define": {"V": "1"}, "alias": {"a": "./b"},
		"env": {"e": {"vars": {"S": "other"}}}
	}`
	toml := `
name = "w"
main = 'src/index.ts'
compatibility_date = 2024-09-23
minify = true
vars = { S = "text", N = 5, F = 1.5, L = [1, { a = [true] }], Q = { "x.y" = "dot" } }
dev.port = 8_080
dev.ip = "127.0.0.1"
limits.cpu_ms = 0x46
limits.subrequests = 60

[[rules]]
type = "Text"
globs = [
  "**/*.md", # comment
]
fallthrough = true

[[rules]]
type = "Data"
globs = ["**/*.dat"]
fallthrough = false

[define]
V = "1"

[alias]
a = "./b"

[env.e.vars]
S = "other"
`
	source := "export default {}"
	for _, env := range []string{"", "e"} {
		var got [2]*Project
		for i, files := range []map[string]string{{"wrangler.jsonc": json, "src/index.ts": source}, {"wrangler.toml": toml, "src/index.ts": source}} {
			dir := project(t, files)
			p, diags, err := Load(dir, Options{Env: env, Now: now})
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range diags {
				if !strings.Contains(d.Message, "not inherited") {
					t.Error(d)
				}
			}
			// What is allowed to differ.
			p.doc, p.mainAt, p.commandAt, p.aliasAt, p.defineAt = nil, nil, nil, nil, nil
			for j := range p.Rules {
				p.Rules[j].at = nil
			}
			p.Dir, p.shown, p.File, p.ConfigFiles = "", "", "", nil
			p.Main, _ = filepath.Rel(dir, p.Main)
			p.BaseDir, _ = filepath.Rel(dir, p.BaseDir)
			got[i] = p
		}
		if !reflect.DeepEqual(got[0], got[1]) {
			t.Errorf("env %q:\n%+v\n%+v", env, got[0], got[1])
		}
	}
}

func TestLoadPaths(t *testing.T) {
	dir := project(t, map[string]string{"other.jsonc": `{"main":"index.js","compatibility_date":"2024-01-01"}`, "index.js": "export default {}", "empty/x": ""})
	p, _, err := Load(filepath.Join(dir, "other.jsonc"), Options{Now: now})
	if err != nil || p.Main != filepath.Join(dir, "index.js") {
		t.Errorf("a file: %+v, %v", p, err)
	}
	p, diags, err := Load(filepath.Join(dir, "index.js"), Options{Now: now})
	if err != nil || len(diags) != 0 || p.Main != filepath.Join(dir, "index.js") || p.Name == "" {
		t.Errorf("a script: %+v, %v, %v", p, diags, err)
	}
	p, _, err = Load(filepath.Join(dir, "empty"), Options{Now: now})
	if !errors.Is(err, ErrNoProject) || len(p.ConfigFiles) != 3 {
		t.Errorf("no configuration: %v", err)
	}
	if _, _, err = Load(filepath.Join(dir, "none"), Options{Now: now}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
}

func TestDiagnosticText(t *testing.T) {
	d := Diagnostic{File: "a.ts", Line: 12, Column: 4, Length: 3, Severity: Warning, Message: "bad word", Hint: "say good", LineText: "\tx bad y"}
	want := "a.ts:12:4: warning: bad word\n> 12 │   x bad y\n     │     ^^^\n  hint: say good\n"
	if got := d.Text(false); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got := d.Text(true); !strings.Contains(got, "\x1b[33mwarning:\x1b[0m") || !strings.Contains(got, " 12 ") {
		t.Errorf("got %q", got)
	}
	all := Diagnostics{d, {Message: "first"}, {File: "b", Message: "second"}}
	if got := all.Error(); got != "error: first (and 1 more)" {
		t.Errorf("got %q", got)
	}
	page := string(all.Report("w").HTML())
	for _, part := range []string{"2 errors", "<mark>bad</mark>", "a.ts:12:4", "say good", `<span class="number">12</span>`} {
		if !strings.Contains(page, part) {
			t.Errorf("the page lacks %q", part)
		}
	}
}

func FuzzConfig(f *testing.F) {
	for _, name := range []string{"jsonc/wrangler.jsonc", "toml/wrangler.toml", "env/wrangler.jsonc", "server/skerry.toml"} {
		data, err := os.ReadFile("testdata/config/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data), strings.HasSuffix(name, ".toml"))
	}
	f.Fuzz(func(t *testing.T, text string, toml bool) {
		var diags Diagnostics
		d := newDocument("f", []byte(text), &diags)
		if toml {
			d.parseTOML()
		} else {
			d.parseJSON()
		}
		if d.root == nil {
			if !diags.HasErrors() {
				t.Error("no tree and no error")
			}
			return
		}
		if d.root.kind == objectKind {
			l := &loader{doc: d, opts: Options{Env: "staging", Deploy: true, Now: now}, p: &Project{File: "/nonexistent/f", Dir: "/nonexistent", doc: d}}
			l.decode()
			new(ServerConfig).decode(d, "/nonexistent")
		}
		for _, diag := range diags {
			_ = diag.Text(true)
		}
	})
}

// Goal: env has an entry for each binding that is asked for and not served, and for nothing else. Method: one of each shape.
func TestUnservedBindings(t *testing.T) {
	dir := project(t, map[string]string{"index.js": "export default {}", "wrangler.jsonc": `{
		"name": "w", "main": "index.js", "compatibility_date": "2026-06-01",
		"assets": { "directory": "public", "binding": "ASSETS" },
		"kv_namespaces": [{ "binding": "KV", "id": "1" }, { "binding": "KV2", "id": "2" }],
		"durable_objects": { "bindings": [{ "name": "ROOM", "class_name": "Room" }] },
		"queues": { "producers": [{ "queue": "q", "binding": "QUEUE" }], "consumers": [{ "queue": "q" }] },
		"ratelimits": [{ "name": "LIMITER", "simple": { "limit": 1, "period": 60 } }],
		"ai": { "binding": "AI" }, "migrations": [{ "tag": "v1" }], "containers": [{ "name": "c", "class_name": "Room" }],
		"observability": { "enabled": true }, "env": { "bare": {} }
	}`})
	for _, test := range []struct{ env, want string }{
		{"", "ASSETS=assets KV=kv_namespaces KV2=kv_namespaces ROOM=durable_objects QUEUE=queues LIMITER=ratelimits AI=ai"},
		{"bare", "ASSETS=assets"},
	} {
		var got []string
		for _, b := range load(t, dir, Options{Env: test.env}).Bindings {
			if b.Kind != worker.UnservedBinding {
				t.Errorf("%s is of kind %d", b.Name, b.Kind)
			}
			got = append(got, b.Name+"="+b.Text)
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%q: %v, want %s", test.env, got, test.want)
		}
	}
}

// Goal: strangers get what a library does in production. Method: what process.env.NODE_ENV becomes.
func TestProduction(t *testing.T) {
	dir := project(t, map[string]string{"index.js": "export default { mode: process.env.NODE_ENV }", "wrangler.jsonc": `{"name":"w","main":"index.js","compatibility_date":"2026-08-04"}`, ".dev.vars": "SECRET=s"})
	for _, test := range []struct {
		opts          Options
		mode, secrets string
	}{
		{Options{}, `"development"`, "SECRET"},
		{Options{Production: true}, `"production"`, "SECRET"},
		{Options{Deploy: true}, `"production"`, ""},
	} {
		v, _, err := Bundle(t.Context(), load(t, dir, test.opts))
		if err != nil {
			t.Fatal(err)
		}
		secrets := ""
		for _, b := range v.Bindings {
			secrets += b.Name
		}
		if !strings.Contains(string(v.Modules[0].Data), "mode: "+test.mode) || secrets != test.secrets {
			t.Errorf("%+v: bindings %q, code\n%s", test.opts, secrets, v.Modules[0].Data)
		}
		if !slices.Contains(v.CompatFlags, "nodejs_compat") || slices.Contains(v.CompatFlags, "nodejs_als") {
			t.Errorf("the runtime layer gets the flags %v, without what the date implies or with more", v.CompatFlags)
		}
	}
}
