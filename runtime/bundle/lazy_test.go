package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// nodeBinary is the pinned Node of the repository. Without it the test is skipped.
func nodeBinary(t *testing.T) string {
	t.Helper()
	machine := map[string]string{"amd64": "x64", "arm64": "arm64"}[runtime.GOARCH]
	path := filepath.Join("..", "..", "node_modules", "node-linux-"+machine, "bin", "node")
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the pinned Node is not installed: %v", err)
	}
	return path
}

// Goal: a small worker loads no group; a group whose loading was cut short can be loaded again; and one that is loaded late
// touches nothing that a worker may have changed.
// Method: testdata/late.mjs on the bundle of the runtime layer itself.
func TestLateLoading(t *testing.T) {
	node := nodeBinary(t)
	script, err := bundle("..", filepath.Join("..", "bootstrap", "main.ts"), runtimePlan)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "runtime.js")
	if err := os.WriteFile(path, script, 0o644); err != nil {
		t.Fatal(err)
	}
	var out, said bytes.Buffer
	command := exec.Command(node, "--no-warnings", filepath.Join("testdata", "late.mjs"), path)
	command.Stdout, command.Stderr = &out, &said
	if err := command.Run(); err != nil {
		t.Fatalf("late.mjs: %v\n%s%s", err, out.String(), said.String())
	}
	var report struct {
		Groups, LoadedBySmallWorker, Touched, Failed []string
		Cut                                          int
	}
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		t.Fatalf("late.mjs said %q: %v", out.String(), err)
	}
	if len(report.Groups) != len(runtimePlan.groups) {
		t.Errorf("the bundle has the groups %v, want all %d of the plan", report.Groups, len(runtimePlan.groups))
	}
	for _, name := range report.LoadedBySmallWorker {
		t.Errorf("a worker that answers with a Response loads the group %s", name)
	}
	for _, what := range slices.Compact(report.Touched) {
		t.Errorf("a group that is loaded late uses %s, which a worker may have replaced", what)
	}
	if report.Cut < len(report.Groups)/2 {
		t.Errorf("loading was cut short %d times only: the test does not test that", report.Cut)
	}
	for _, what := range report.Failed {
		t.Error(what)
	}
}

func TestGroups(t *testing.T) {
	main := "import './web/captures.ts';\nimport { make, isThing, Thing } from './web/thing.ts';\nimport { both } from './web/pure.ts';\n__native.setHandlers({ f: () => make(both(1)), is: (v) => isThing(v), t: () => new Thing() });"
	pure := "export const both = (x: number) => x * 2;\nexport const unused = 1;"
	captures := "export const push = __native.push;\nconst MapConstructor = Map;\nexport { MapConstructor as Map };"
	thing := "import { push, Map } from './captures.ts';\nimport { both } from './pure.ts';\nimport { other } from './other.ts';\nlet is: (v: unknown) => boolean;\n" +
		"export class Thing { #x = 1; static { is = (v) => #x in (v as object); } }\nexport const isThing = (v: unknown): boolean => is(v);\n" +
		"export function make(n: number) { const MapConstructor = 3; push(new Map(), both(n), MapConstructor); return other(Thing); }"
	other := "import { push } from './captures.ts';\nexport function other(x: unknown) { push(x); return Object; }"
	files := func(changes ...string) []string {
		all := []string{"main.ts", main, "web/pure.ts", pure, "web/captures.ts", captures, "web/thing.ts", thing, "web/other.ts", other}
		for i := 0; i < len(changes); i += 2 {
			if at := slices.Index(all, changes[i]); at >= 0 {
				all[at+1] = changes[i+1]
			} else {
				all = append(all, changes[i], changes[i+1])
			}
		}
		return all
	}
	standard := plan{
		groups: []group{{name: "things", modules: []string{"web/thing.ts"}, idle: []string{"isThing"}}, {name: "others", modules: []string{"web/other.ts"}}},
		pure:   []string{"web/pure.ts"},
	}
	tests := []struct {
		name    string
		files   []string
		plan    plan
		want    []string
		wantErr string
	}{
		{
			name: "uses become uses of the group, and its code is in a function", files: files(), plan: standard,
			want: []string{
				"function load$things() {\nif (!built$) throw",
				"var idle$things = {isThing: idle$};",
				"lazy$things = idle$things = {",
				"(lazy$things ?? load$things()).make)(both(1))",
				"(0, idle$things.isThing)(v)",
				"new (lazy$things ?? load$things()).Thing()",
				"new MapConstructor(), both(n), MapConstructor2)", // The core's variable; the local one gives way.
				"(lazy$others ?? load$others()).other)(Thing)",
				"built$ = true;\n})\n",
			},
		},
		{
			name: "a class of a group as a base class in the core", plan: standard, wantErr: "the core uses Thing with extends, but web/thing.ts is in the lazy group things",
			files: files("main.ts", "import './web/captures.ts';\nimport { isThing, Thing } from './web/thing.ts';\nimport { other } from './web/other.ts';\n__native.setHandlers(class extends Thing {}, () => other(isThing(1)));"),
		},
		{
			name: "instanceof", plan: standard, wantErr: "uses Thing with instanceof",
			files: files("main.ts", "import './web/captures.ts';\nimport { Thing, isThing } from './web/thing.ts';\nimport { other } from './web/other.ts';\n__native.setHandlers((v) => v instanceof Thing || isThing(v), () => other);"),
		},
		{
			name: "a module that only groups use", plan: standard, wantErr: "web/forgotten.ts is imported by lazy groups only",
			files: files("web/other.ts", "import { f } from './forgotten.ts';\nexport function other(x: unknown) { return f(x); }", "web/forgotten.ts", "export const f = (x: unknown) => x;"),
		},
		{
			name: "a module that is gone", files: files(), wantErr: "web/gone.ts, which does not exist",
			plan: plan{groups: append([]group{{name: "more", modules: []string{"web/gone.ts"}}}, standard.groups...), pure: standard.pure},
		},
		{
			name: "a module in two groups", files: files(), wantErr: "web/thing.ts is in the group things and in the group again",
			plan: plan{groups: append(slices.Clone(standard.groups), group{name: "again", modules: []string{"web/thing.ts"}}), pure: standard.pure},
		},
		{
			name: "an idle function that nobody imports", files: files(), wantErr: "isElse is idle in the group things, but nobody imports it",
			plan: plan{groups: []group{{name: "things", modules: []string{"web/thing.ts"}, idle: []string{"isElse"}}, standard.groups[1]}, pure: standard.pure},
		},
		{
			name: "a pure module with a variable", plan: standard, wantErr: "web/pure.ts cannot be copied",
			files: files("web/pure.ts", "let calls = 0;\nexport const both = (x: number) => x * 2 + calls++;"),
		},
		{
			name: "a pure module that does something", plan: standard, wantErr: "web/pure.ts cannot be copied",
			files: files("web/pure.ts", "const made = new Map<number, number>([[1, 2]]);\nmade.set(1, 2);\nexport const both = (x: number) => made.get(x);"),
		},
		{
			name: "a group that hands on what is another's", plan: standard, wantErr: "web/thing.ts exports other of skerry:lazy/others/web/other.ts",
			files: files("main.ts", main+"\nimport { other } from './web/thing.ts';\n__native.setHandlers(() => other);", "web/thing.ts", thing+"\nexport { other };"),
		},
		{
			name: "a whole module", plan: standard, wantErr: "import what is needed by name",
			files: files("main.ts", main+"\nimport * as all from './web/other.ts';\n__native.setHandlers(() => all);"),
		},
		{
			name: "a name of the core that hides a global", plan: standard, wantErr: "the core has a variable Object",
			files: files("main.ts", main+"\nclass Object {}\n__native.setHandlers(new Object());"),
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			entry := write(t, test.files...)
			script, err := bundle(filepath.Dir(entry), entry, test.plan)
			if test.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), test.wantErr) {
					t.Fatalf("got error %v, want one with %q", err, test.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range test.want {
				if !strings.Contains(string(script), want) {
					t.Errorf("no %q in:\n%s", want, script)
				}
			}
		})
	}
}
