package project

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"skerry/internal/sourcemap"
	"skerry/internal/worker"
)

var moduleTypeNames = map[worker.ModuleType]string{
	worker.ESModule: "es", worker.JSON: "json", worker.Text: "text", worker.Data: "data", worker.Wasm: "wasm", worker.Script: "script",
}

// copyTree copies a project of testdata, so that it may have a node_modules directory and be changed.
func copyTree(t testing.TB, name string, more map[string]string) string {
	t.Helper()
	files := make(map[string]string)
	root := filepath.Join("testdata", "bundle", name)
	err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		relative, _ := filepath.Rel(root, path)
		files[relative] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range more {
		files[name] = text
	}
	return project(t, files)
}

func load(t testing.TB, dir string, opts Options) *Project {
	t.Helper()
	opts.Now = now
	p, diags, err := Load(dir, opts)
	if err != nil {
		t.Fatal(err, Diagnostics(diags).Text(false))
	}
	return p
}

// Goal: a worker over the size limit is refused with both numbers. Method: a module that is one large hole.
func TestWorkerTooLarge(t *testing.T) {
	dir := project(t, map[string]string{
		"wrangler.json": `{"name":"w","main":"index.js","compatibility_date":"2026-01-01"}`, "index.js": `import hole from "./hole.bin"; export default { hole };`, "hole.bin": "",
	})
	for _, size := range []int64{MaxBundle - 1024, MaxBundle} { // with the script, the second is over it
		if err := os.Truncate(filepath.Join(dir, "hole.bin"), size); err != nil {
			t.Fatal(err)
		}
		_, _, err := Bundle(t.Context(), load(t, dir, Options{}))
		if (size == MaxBundle) != (err != nil) || err != nil && (!strings.Contains(err.Error(), "the worker has 67") || !strings.Contains(err.Error(), "and 67108864 are allowed")) {
			t.Errorf("%d bytes and a script: %v", size, err)
		}
	}
}

// Goal: what is taken as it is is a script unless it exports something, a library that looks for CommonJS and sloppy code in it
// notwithstanding. Method: one of each.
func TestAsIsScripts(t *testing.T) {
	for name, test := range map[string]struct {
		text   string
		script bool
	}{
		"library":      {"(function (root, make) {\n  if (typeof module === 'object') module.exports = make(); else root.lib = make();\n})(this, () => 1);\n", true},
		"sloppy":       {"addEventListener('fetch', (...arguments) => { with (arguments[0]) respondWith(new Response(010)); });\n", true},
		"module":       {"export default {};\n", false},
		"with library": {"export default {};\nvar module; if (typeof module === 'object') module.exports = 1;\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := project(t, map[string]string{
				"wrangler.json": `{ "name": "w", "main": "index.js", "compatibility_date": "2024-09-22", "no_bundle": true }`, "index.js": test.text,
			})
			v, _, err := Bundle(t.Context(), load(t, dir, Options{}))
			if err != nil {
				t.Fatal(err)
			}
			if len(v.Modules) != 1 || (v.Modules[0].Type == worker.Script) != test.script || string(v.Modules[0].Data) != test.text {
				t.Errorf("got %d modules, the first of type %v", len(v.Modules), v.Modules[0].Type)
			}
		})
	}
	dir := project(t, map[string]string{
		"wrangler.json": `{ "name": "w", "main": "index.js", "compatibility_date": "2024-09-22", "no_bundle": true }`, "index.js": "export default (...arguments) => 1;\n",
	})
	if _, _, err := Bundle(t.Context(), load(t, dir, Options{})); err == nil {
		t.Error("sloppy code that exports something is accepted")
	}
}

// Goal: what a project becomes is seen whole and any change of it noticed. Method: golden listings of all modules.
func TestBundle(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string
		opts  Options
	}{
		{name: "ts"},
		{name: "jsx"},
		{name: "files", files: map[string]string{
			"node_modules/pkg/package.json": `{"name":"pkg","exports":{"./text.txt":"./real.txt"}}`, "node_modules/pkg/real.txt": "from the package\n",
		}},
		{name: "node"},
		{name: "node", opts: Options{Deploy: true}},
		{name: "script"},
		{name: "asis"},
		{name: "additional"},
	}
	for _, test := range tests {
		golden1 := test.name
		if test.opts.Deploy {
			golden1 += "-deploy"
		}
		t.Run(golden1, func(t *testing.T) {
			dir := copyTree(t, test.name, test.files)
			v, in, err := Bundle(t.Context(), load(t, dir, test.opts))
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			for i, m := range v.Modules {
				fmt.Fprintf(&b, "=== %s %s", moduleTypeNames[m.Type], m.Name)
				if i == v.Main {
					b.WriteString(" main")
				}
				if m.SourceMap != nil {
					parsed, err := sourcemap.Parse(m.SourceMap)
					if err != nil {
						t.Fatal(err)
					}
					fmt.Fprintf(&b, " map of %s", strings.Join(parsed.Sources(), " "))
				}
				b.WriteString("\n")
				if m.Type == worker.Wasm || m.Type == worker.Data {
					fmt.Fprintf(&b, "%q\n", m.Data)
				} else {
					b.Write(m.Data)
				}
			}
			b.WriteString("=== inputs\n")
			for _, file := range in.Files {
				relative, _ := filepath.Rel(dir, file)
				b.WriteString(relative + "\n")
			}
			for _, d := range in.Dirs {
				relative, _ := filepath.Rel(dir, d)
				b.WriteString(relative + "/\n")
			}
			for _, d := range in.Trees {
				relative, _ := filepath.Rel(dir, d)
				b.WriteString(relative + "/**\n")
			}
			for _, w := range in.Warnings {
				b.WriteString(strings.ReplaceAll(w.Text(false), dir, "DIR"))
			}
			golden(t, "bundle-"+golden1+".txt", b.String())

			again, _, err := Bundle(t.Context(), load(t, dir, test.opts))
			if err != nil || again.ID != v.ID || v.ID == "" {
				t.Errorf("id %q, then %q, %v", v.ID, again.ID, err)
			}
		})
	}
}

func TestBundleDiagnostics(t *testing.T) {
	config := func(more string) string {
		return `{ "name": "w", "main": "index.ts", "compatibility_date": "2024-09-22"` + more + ` }`
	}
	tests := []struct {
		name  string
		files map[string]string
	}{
		{name: "syntax", files: map[string]string{"index.ts": "export default {\n  fetch() {\n    const ü = 1; return new Response(;\n  },\n};\n"}},
		{name: "resolve", files: map[string]string{"index.ts": "import \"./missing\";\nimport \"lodash/fp\";\nimport \"@scope/pkg/x\";\nimport fs from \"fs\";\nimport t from \"./none.txt\";\nexport default { fs, t };\n"}},
		{name: "in-a-module", files: map[string]string{"index.ts": "import { x } from './lib/a';\nexport default { x };\n", "lib/a.ts": "export const y = 1;\n"}},
		{name: "node-warning", files: map[string]string{"index.ts": "import fs from 'node:fs';\nexport default { fs };\n"}},
		{name: "script-imports", files: map[string]string{"index.ts": "import 'node:fs';\nimport w from './a.wasm';\naddEventListener('fetch', w);\n", "a.wasm": ""}},
		{name: "rule-out-of-use", files: map[string]string{"wrangler.json": config(`, "rules": [{ "type": "Text", "globs": ["**/*.md"], "fallthrough": false }]`), "index.ts": "import t from './a.txt';\nexport default { t };\n", "a.txt": ""}},
		{name: "define", files: map[string]string{"wrangler.json": config(`, "define": { "VERSION": "1.2.3" }`), "index.ts": "export default {};\n"}},
		{name: "alias", files: map[string]string{"wrangler.json": config(`, "alias": { "x": "./nowhere" }`), "index.ts": "import 'x';\nexport default {};\n"}},
		{name: "no-default", files: map[string]string{"index.ts": "export class Room {}\n"}},
		{name: "as-is-ts", files: map[string]string{"wrangler.json": config(`, "no_bundle": true`), "index.ts": "export default {};\n"}},
		{name: "as-is-syntax", files: map[string]string{"wrangler.json": `{ "main": "index.js", "compatibility_date": "2024-09-22", "no_bundle": true }`, "index.js": "export default {;\n"}},
		{name: "as-is-commonjs", files: map[string]string{"wrangler.json": `{ "main": "index.js", "compatibility_date": "2024-09-22", "no_bundle": true, "rules": [{ "type": "CommonJS", "globs": ["**/*.cjs"] }] }`, "index.js": "export default {};\n", "a.cjs": ""}},
		{name: "additional-script", files: map[string]string{"wrangler.json": config(`, "find_additional_modules": true`), "index.ts": "addEventListener('fetch', () => {});\n"}},
		{name: "command-fails", files: map[string]string{"wrangler.json": config(`, "build": { "command": "echo one; echo two >&2; exit 3" }`), "index.ts": "export default {};\n"}},
		{name: "command-makes-nothing", files: map[string]string{"wrangler.json": config(`, "build": { "command": "true" }`)}},
		{name: "bad-tsconfig", files: map[string]string{"index.ts": "export default {};\n", "tsconfig.json": "{ \"compilerOptions\": { \"jsx\": 5 \n"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			files := map[string]string{"wrangler.json": config("")}
			for name, text := range test.files {
				files[name] = text
			}
			dir := project(t, files)
			_, in, err := Bundle(t.Context(), load(t, dir, Options{}))
			diags := Diagnostics(in.Warnings)
			if err != nil && !errors.As(err, &diags) {
				t.Fatal(err)
			}
			if !slices.Contains(in.Files, filepath.Join(dir, "wrangler.json")) {
				t.Error("the configuration is not among the inputs")
			}
			golden(t, "build-"+test.name+".txt", strings.ReplaceAll(diags.Text(false), dir, "DIR"))
		})
	}
}

// Goal: a stack of the bundle leads to the line that was written. Method: find a known call in the output and map it.
func TestBundleSourceMap(t *testing.T) {
	for _, minify := range []string{"false", "true"} {
		dir := project(t, map[string]string{
			"wrangler.json": `{"main":"src/index.ts","compatibility_date":"2024-09-23","minify":` + minify + `}`,
			"src/index.ts":  "import { fail } from './lib';\nexport default { fetch: fail };\n",
			"src/lib.ts":    "type T = string;\n\nexport function fail(): T {\n  throw new Error('marker');\n}\n",
		})
		v, _, err := Bundle(t.Context(), load(t, dir, Options{}))
		if err != nil {
			t.Fatal(err)
		}
		code := string(v.Modules[0].Data)
		at := strings.Index(code, "new Error")
		line, column := 1+strings.Count(code[:at], "\n"), at-strings.LastIndexByte(code[:at], '\n')
		m, err := sourcemap.Parse(v.Modules[0].SourceMap)
		if err != nil {
			t.Fatal(err)
		}
		stack := fmt.Sprintf("Error: marker\n    at fail (%s:%d:%d)", v.Modules[0].Name, line, column)
		frames := sourcemap.MapStack(stack, func(module string) *sourcemap.Map {
			if module == v.Modules[v.Main].Name {
				return m
			}
			return nil
		})
		if got := frames[0].String(); got != "fail (src/lib.ts:4:9)" || !strings.HasPrefix(frames[0].Source, "type T") {
			t.Errorf("minify %s: %s", minify, got)
		}
	}
}

// Goal: a builder sees every kind of change. Method: change the project step by step and build after each.
func TestBuilderRebuilds(t *testing.T) {
	dir := project(t, map[string]string{
		"wrangler.json": `{"main":"index.ts","compatibility_date":"2024-09-23"}`,
		"index.ts":      "import { a } from './a';\nimport t from './t.txt';\nexport default { a, t };\n", "a.ts": "export const a = 'first';\n", "t.txt": "one",
	})
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b := NewBuilder(load(t, dir, Options{}))
	defer b.Close()
	build := func() (*worker.Version, *Inputs, error) { return b.Build(t.Context()) }

	first, in, err := build()
	if err != nil || !strings.Contains(string(first.Modules[0].Data), "first") || string(first.Modules[1].Data) != "one" {
		t.Fatal(err, first)
	}
	for _, name := range []string{"a.ts", "t.txt", "index.ts", "wrangler.json", ".dev.vars", "tsconfig.json"} {
		if !slices.Contains(in.Files, filepath.Join(dir, name)) {
			t.Errorf("%s is not among the inputs", name)
		}
	}
	write("a.ts", "export const a = 'second';\n")
	write("t.txt", "two")
	second, _, err := build()
	if err != nil || !strings.Contains(string(second.Modules[0].Data), "second") || len(second.Modules) != 2 || string(second.Modules[1].Data) != "two" || second.ID == first.ID {
		t.Fatal(err, second)
	}
	if !strings.Contains(string(first.Modules[0].Data), "first") {
		t.Error("a version has been changed after it was handed out")
	}
	write("a.ts", "export const a = ;\n")
	var diags Diagnostics
	if _, in, err := build(); !errors.As(err, &diags) || !slices.Contains(in.Files, filepath.Join(dir, "a.ts")) {
		t.Errorf("a broken file: %v, inputs %v", err, in.Files)
	}
	write("index.ts", "addEventListener('fetch', () => {});\n")
	if v, _, err := build(); err != nil || v.Modules[0].Type != worker.Script {
		t.Errorf("a script: %+v, %v", v, err)
	}
	write("index.ts", "export default {};\n")
	if v, _, err := build(); err != nil || v.Modules[0].Type != worker.ESModule {
		t.Errorf("a module again: %+v, %v", v, err)
	}
	if err := os.Remove(filepath.Join(dir, "index.ts")); err != nil {
		t.Fatal(err)
	}
	if _, in, err := build(); !errors.As(err, &diags) || !slices.Contains(in.Files, filepath.Join(dir, "index.ts")) {
		t.Errorf("no entry: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	write("index.ts", "export default {};\n")
	if _, _, err := b.Build(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, _, err := build(); err != nil {
		t.Errorf("after a cancelled build: %v", err)
	}
	b.Close()
	if _, _, err := build(); err == nil {
		t.Error("a closed builder builds")
	}
}

func TestBuildCommand(t *testing.T) {
	dir := project(t, map[string]string{
		"wrangler.json": `{"main":"dist/out.js","compatibility_date":"2024-09-23","build":{"command":"mkdir -p ../dist && echo 'export default { made: 1 }' > ../dist/out.js","cwd":"source","watch_dir":["source","more"]}}`,
		"source/x":      "",
	})
	v, in, err := Bundle(t.Context(), load(t, dir, Options{}))
	if err != nil || !strings.Contains(string(v.Modules[0].Data), "made") {
		t.Fatal(err)
	}
	if slices.Contains(in.Files, filepath.Join(dir, "dist", "out.js")) || !slices.Equal(in.Trees, []string{filepath.Join(dir, "source"), filepath.Join(dir, "more")}) {
		t.Errorf("inputs %+v", in)
	}

	// A command that never ends is killed with what it has started when the context ends.
	dir = project(t, map[string]string{"wrangler.json": `{"main":"x.js","compatibility_date":"2024-09-23","build":{"command":"(cat stuck) & echo > started; cat stuck"}}`})
	for _, name := range []string{"started", "stuck"} {
		if err := syscall.Mkfifo(filepath.Join(dir, name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := load(t, dir, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, _, err := Bundle(ctx, p)
		done <- err
	}()
	// Opening the pipe waits for the command to open it.
	if _, err := os.ReadFile(filepath.Join(dir, "started")); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestTail(t *testing.T) {
	var out tail
	for i := range 3000 {
		fmt.Fprintf(&out, "line %d\n", i)
	}
	text := out.String()
	if len(text) > maxCommandOutput+8 || !strings.HasPrefix(text, "…\nline ") || !strings.HasSuffix(text, "line 2999\n") {
		t.Errorf("%d bytes: %.40q", len(text), text)
	}
}

func TestGlobs(t *testing.T) {
	tests := []struct {
		glob, name      string
		specifier, file bool
	}{
		{"**/*.txt", "./a/b.txt", true, true},
		{"**/*.txt", "b.txt", true, true},
		{"**/*.txt", "b.txt.js", false, false},
		{"*.txt", "a/b.txt", true, false},
		{"*.txt", "b.txt", true, true},
		{"lang/*.js", "lang/en.js", true, true},
		{"lang/*.js", "lang/x/en.js", true, false},
		{"lang/**/*.js", "lang/x/y/en.js", true, true},
		{"lang/**", "lang/x/y", true, true},
		{"**/*.wasm?module", "a.wasm?module", true, true},
		{"a.b", "aXb", false, false},
		{"**/ü.md", "x/ü.md", true, true},
	}
	for _, test := range tests {
		set := parseRules([]Rule{{Type: "Text", Globs: []string{test.glob}}})
		rule, _ := set.specifierRule(test.name)
		if got := rule != nil && len(rule.Globs) == 1 && rule.Globs[0] == test.glob; got != test.specifier {
			t.Errorf("%s as specifier for %s: %v", test.name, test.glob, got)
		}
		rule = set.fileRule(test.name)
		if got := rule != nil && rule.Globs[0] == test.glob; got != test.file {
			t.Errorf("%s as file for %s: %v", test.name, test.glob, got)
		}
	}
}

func BenchmarkRebuild(b *testing.B) {
	files := map[string]string{"wrangler.json": `{"main":"index.ts","compatibility_date":"2024-09-23"}`}
	var imports strings.Builder
	for i := range 50 {
		files[fmt.Sprintf("lib/m%d.ts", i)] = strings.Repeat(fmt.Sprintf("export function f%d(x: number): number { return x + %d; }\n", i, i), 1) + strings.Repeat("const unused = (a: string) => a.trim();\n", 0)
		fmt.Fprintf(&imports, "import { f%d } from './lib/m%d';\n", i, i)
	}
	imports.WriteString("export default { fetch: () => new Response(String([f0, f49].map((f) => f(1)))) };\n")
	files["index.ts"] = imports.String()
	dir := project(b, files)
	builder := NewBuilder(load(b, dir, Options{}))
	defer builder.Close()
	n := 0
	for b.Loop() {
		n++
		if err := os.WriteFile(filepath.Join(dir, "lib", "m0.ts"), fmt.Appendf(nil, "export const f0 = (x: number) => x * %d;\n", n), 0o644); err != nil {
			b.Fatal(err)
		}
		if _, _, err := builder.Build(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}
