package sourcemap

import (
	"fmt"
	"strings"
	"testing"

	"github.com/evanw/esbuild/pkg/api"
)

func TestVLQ(t *testing.T) {
	tests := []struct {
		text  string
		value int32
		used  int
	}{
		{"A", 0, 1}, {"C", 1, 1}, {"D", -1, 1}, {"2H", 123, 2}, {"/H", -127, 2},
		{"AAAA", 0, 1}, {"+/////D", 1<<31 - 1, 7}, {"//////D", -(1<<31 - 1), 7},
		{"", 0, 0}, {"!", 0, 0}, {"g", 0, 0}, {"gggggggA", 0, 0}, {"g!", 0, 0}, {"ggggggE", 0, 0},
	}
	for _, test := range tests {
		if value, used := vlq(test.text); value != test.value || used != test.used {
			t.Errorf("%q: %d in %d, want %d in %d", test.text, value, used, test.value, test.used)
		}
	}
}

// The sources that the tests bundle.
const (
	mainTS = "import { check } from './lib/check';\n\ninterface Env { NAME: string }\n\nexport default {\n  fetch(request: Request, env: Env) {\n    return check(env.NAME);\n  },\n};\n"
	libTS  = "export function check(name: string): Response {\n  if (name === '') {\n    throw new TypeError('name is empty');\n  }\n  return new Response(name);\n}\n"
)

// bundled returns the code and the map of mainTS and libTS.
func bundled(t testing.TB, minify bool) (string, *Map) {
	t.Helper()
	files := map[string]string{"src/main.ts": mainTS, "src/lib/check.ts": libTS}
	result := api.Build(api.BuildOptions{
		EntryPoints: []string{"src/main.ts"}, Bundle: true, Format: api.FormatESModule, Outfile: "/out/main.js", AbsWorkingDir: "/out",
		Sourcemap: api.SourceMapExternal, MinifyWhitespace: minify, MinifyIdentifiers: minify,
		Plugins: []api.Plugin{{Name: "memory", Setup: func(b api.PluginBuild) {
			b.OnResolve(api.OnResolveOptions{Filter: ".*"}, func(a api.OnResolveArgs) (api.OnResolveResult, error) {
				path := a.Path
				if strings.HasPrefix(path, "./") {
					path = "src/" + path[2:] + ".ts"
				}
				return api.OnResolveResult{Path: "/out/" + path}, nil
			})
			b.OnLoad(api.OnLoadOptions{Filter: ".*"}, func(a api.OnLoadArgs) (api.OnLoadResult, error) {
				text, ok := files[strings.TrimPrefix(a.Path, "/out/")]
				if !ok {
					return api.OnLoadResult{}, fmt.Errorf("no file %s", a.Path)
				}
				return api.OnLoadResult{Contents: &text, Loader: api.LoaderTS}, nil
			})
		}}},
	})
	if len(result.Errors) > 0 {
		t.Fatal(result.Errors[0].Text)
	}
	m, err := Parse(result.OutputFiles[0].Contents)
	if err != nil {
		t.Fatal(err)
	}
	return string(result.OutputFiles[1].Contents), m
}

// find returns the line and column of text in code.
func find(t testing.TB, code, text string) (line, column int) {
	t.Helper()
	at := strings.Index(code, text)
	if at < 0 {
		t.Fatalf("no %q in\n%s", text, code)
	}
	return 1 + strings.Count(code[:at], "\n"), at - strings.LastIndexByte(code[:at], '\n')
}

func TestOriginal(t *testing.T) {
	for _, minify := range []bool{false, true} {
		code, m := bundled(t, minify)
		line, column := find(t, code, "new TypeError")
		p, ok := m.Original(line, column)
		want := Position{Source: "src/lib/check.ts", Line: 3, Column: 11}
		if p.Name = ""; !ok || p != want {
			t.Errorf("minify %v: %+v %v, want %+v", minify, p, ok, want)
		}
		if text, ok := m.Source("src/lib/check.ts"); !ok || text != libTS {
			t.Errorf("source %q %v", text, ok)
		}
		for _, at := range [][2]int{{0, 1}, {1, 0}, {10000, 1}, {-1, -1}} {
			if p, ok := m.Original(at[0], at[1]); ok {
				t.Errorf("%v is %+v", at, p)
			}
		}
	}
	if _, ok := (*Map)(nil).Original(1, 1); ok {
		t.Error("a nil map has positions")
	}
}

func TestParse(t *testing.T) {
	plain := `{"version":3,"sources":["a.ts"],"names":["x"],"mappings":%q}`
	tests := []struct {
		name, text, expectedErr string
		line, column            int
		want                    string
	}{
		{name: "first", text: fmt.Sprintf(plain, "AAAAA"), line: 1, column: 5, want: "a.ts:1:1 x"},
		{name: "second line", text: fmt.Sprintf(plain, ";;EACE"), line: 3, column: 3, want: "a.ts:2:3"},
		{name: "before the first segment", text: fmt.Sprintf(plain, "EAAA"), line: 1, column: 2},
		{name: "segment without source", text: fmt.Sprintf(plain, "AAAA,E"), line: 1, column: 3},
		{name: "unordered", text: fmt.Sprintf(plain, "IAAA,FACA"), line: 1, column: 3, want: "a.ts:2:1"},
		{name: "source root", text: `{"version":3,"sourceRoot":"root/","sources":["a.ts"],"mappings":"AAAA"}`, line: 1, column: 1, want: "root/a.ts:1:1"},
		{name: "guard line", text: ")]}'\n" + fmt.Sprintf(plain, "AAAA"), line: 1, column: 1, want: "a.ts:1:1"},
		{
			name: "sections", line: 2, column: 12, want: "b.ts:1:1",
			text: `{"version":3,"sections":[{"offset":{"line":0,"column":0},"map":` + fmt.Sprintf(plain, "AAAA") + `},{"offset":{"line":1,"column":10},"map":{"version":3,"sources":["b.ts"],"mappings":"AAAA"}}]}`,
		},
		{name: "null source", text: `{"version":3,"sources":[null],"mappings":"AAAA"}`, line: 1, column: 1, want: ":1:1"},
		{name: "not json", text: "{", expectedErr: "unexpected end"},
		{name: "version", text: `{"version":2}`, expectedErr: "version 2"},
		{name: "bad character", text: fmt.Sprintf(plain, "AA!A"), expectedErr: "bad mapping at byte 2"},
		{name: "two fields", text: fmt.Sprintf(plain, "AA"), expectedErr: "2 fields"},
		{name: "six fields", text: fmt.Sprintf(plain, "AAAAAA"), expectedErr: "more than five"},
		{name: "source out of range", text: fmt.Sprintf(plain, "ACAA"), expectedErr: "outside the map"},
		{name: "name out of range", text: fmt.Sprintf(plain, "AAAAC"), expectedErr: "outside the map"},
		{name: "negative column", text: fmt.Sprintf(plain, "DAAA"), expectedErr: "negative column"},
		{name: "negative line", text: fmt.Sprintf(plain, "AADA"), expectedErr: "outside the map"},
		{name: "nested sections", text: `{"version":3,"sections":[{"offset":{"line":0,"column":0},"map":{"version":3,"sections":[]}}]}`, expectedErr: "sections inside"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m, err := Parse([]byte(test.text))
			if test.expectedErr != "" {
				if err == nil || !strings.Contains(err.Error(), test.expectedErr) {
					t.Fatalf("error %v, want %q", err, test.expectedErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if p, ok := m.Original(test.line, test.column); ok {
				got = strings.TrimSpace(fmt.Sprintf("%s:%d:%d %s", p.Source, p.Line, p.Column, p.Name))
			}
			if got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`{"version":3,"sources":["a"],"names":["x"],"mappings":"AAAAA;;EACE,C"}`, 1, 1)
	f.Add(`{"version":3,"sections":[{"offset":{"line":1,"column":2},"map":{"version":3,"sources":[],"mappings":";A"}}]}`, 2, 3)
	f.Fuzz(func(t *testing.T, text string, line, column int) {
		m, err := Parse([]byte(text))
		if err != nil {
			return
		}
		if p, ok := m.Original(line, column); ok && (p.Line < 1 || p.Column < 1) {
			t.Errorf("position %+v", p)
		}
	})
}

func TestMapStack(t *testing.T) {
	code, m := bundled(t, false)
	line, column := find(t, code, "new TypeError")
	stack := fmt.Sprintf(`TypeError: name is empty
second line of the message
    at check (main.js:%d:%d)
    at Object.fetch [as handler] (main.js:1:1)
    at async main.js:7:9
    at async Promise.all (index 0)
    at new Thing (file:///work/thing.js:3:4)
    at Array.map (<anonymous>)
    at eval (eval at outer (main.js:%d:%d), <anonymous>:1:1)
    at wasm://wasm/0a1b2c:wasm-function[3]:0x1f
    at add (wasm://wasm/0a1b2c:wasm-function[3]:0x1f)
    at node:internal/timers:12:3
    at native`, line, column, line, column)
	frames := MapStack(stack, func(module string) *Map {
		if module == "main.js" {
			return m
		}
		return nil
	})
	var got []string
	for _, f := range frames {
		mark := ""
		if f.Mapped {
			mark = " mapped"
		}
		if f.Library() {
			mark += " library"
		}
		got = append(got, f.String()+mark)
	}
	want := []string{
		"check (src/lib/check.ts:3:11) mapped",
		"Object.fetch [as handler] (main.js:1:1)",
		"async main.js:7:9",
		"async Promise.all (index 0) library",
		"new Thing (file:///work/thing.js:3:4)",
		"Array.map (<anonymous>) library",
		"eval (src/lib/check.ts:3:11) mapped",
		"wasm://wasm/0a1b2c:wasm-function[3]:0x1f library",
		"add (wasm://wasm/0a1b2c:wasm-function[3]:0x1f) library",
		"node:internal/timers:12:3 library",
		"native library",
	}
	// Line 7 of the bundle may or may not have a source: only its form is of interest here.
	got[2] = want[2]
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	header, lines := Split(stack)
	if header != "TypeError: name is empty\nsecond line of the message" || len(lines) != 11 {
		t.Errorf("header %q, %d frames", header, len(lines))
	}
	if got := Rewrite("Error: x\n    at check (main.js:1:1)", nil); got != "Error: x\n    at check (main.js:1:1)" {
		t.Errorf("rewritten %q", got)
	}
}

func TestCodeFrame(t *testing.T) {
	source := "one\n\ttwo(three);\nfour\n" + strings.Repeat("x", 300) + "BAD" + strings.Repeat("y", 300) + "\n😀😀 bad\n\x1b[31mred\n\n"
	tests := []struct {
		name                  string
		line, column, context int
		want                  string
	}{
		{"tab", 2, 6, 1, "  1 │ one\n> 2 │   two(three);\n    │       ^^^^^\n  3 │ four\n"},
		{"no column", 1, 0, 0, "> 1 │ one\n"},
		{"past the end", 1, 99, 0, "> 1 │ one\n    │    ^\n"},
		{"long line", 4, 301, 0, "> 4 │ …" + strings.Repeat("x", 80) + "BAD" + strings.Repeat("y", 77) + "…\n    │ " + strings.Repeat(" ", 81) + strings.Repeat("^", 80) + "\n"},
		{"utf-16 columns", 5, 6, 0, "> 5 │ 😀😀 bad\n    │    ^^^\n"},
		{"control characters", 6, 6, 0, "> 6 │ \ufffd[31mred\n    │      ^^^\n"},
		{"no such line", 99, 1, 2, ""},
		{"line 0", 0, 1, 2, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := CodeFrame(source, test.line, test.column, test.context); got != test.want {
				t.Errorf("got\n%swant\n%s", got, test.want)
			}
		})
	}
}

func TestRenderDevError(t *testing.T) {
	code, m := bundled(t, true)
	line, column := find(t, code, "new TypeError")
	stack := fmt.Sprintf("TypeError: <b>name</b> is empty\n    at a (main.js:%d:%d)\n    at run (node:internal/x:1:2)", line, column)
	r := Exception("", "", stack, func(module string) *Map {
		if module != "main.js" {
			return nil
		}
		return m
	})
	r.Where, r.Worker, r.Hint = "GET /?<script>", "my-worker", "set NAME"
	r.Causes = []Report{{Name: "Error", Message: "the cause"}}
	text, html := RenderDevError(r)
	want := `✘ TypeError: <b>name</b> is empty
  GET /?<script>

src/lib/check.ts:3:11
    1 │ export function check(name: string): Response {
    2 │   if (name === '') {
  > 3 │     throw new TypeError('name is empty');
      │           ^^^
    4 │   }
    5 │   return new Response(name);
    6 │ }

    at a (src/lib/check.ts:3:11)
    at run (node:internal/x:1:2)

caused by Error: the cause

hint: set NAME
`
	if text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
	page := string(html)
	for _, part := range []string{"&lt;b&gt;name&lt;/b&gt;", "GET /?&lt;script&gt;", "my-worker", "<mark>new</mark>", "src/lib/check.ts:3:11", "the cause", "set NAME", "prefers-color-scheme"} {
		if !strings.Contains(page, part) {
			t.Errorf("the page lacks %q", part)
		}
	}
	for _, part := range []string{"<b>name", "<script", "http://", "https://", "ZgotmplZ", "src=", "href="} {
		if strings.Contains(page, part) {
			t.Errorf("the page has %q", part)
		}
	}
	colored := r.Text(true)
	if !strings.Contains(colored, "\x1b[31m✘ \x1b[0m") {
		t.Errorf("no colours in %q", colored)
	}
	if strings.Contains(Report{Name: "Error", Message: "\x1b]0;title\x07"}.Text(false), "\x1b") {
		t.Error("an escape sequence of the message reaches the terminal")
	}
}
