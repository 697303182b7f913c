package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// write puts files into a new directory and returns the path of the first.
func write(t *testing.T, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, files[i])), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, files[i]), []byte(files[i+1]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, files[0])
}

func TestBundle(t *testing.T) {
	tests := []struct {
		name    string
		files   []string
		want    []string
		unwant  []string
		wantErr string
	}{
		{
			name: "types and comments go, names stay, text is ASCII",
			files: []string{
				"main.ts", "import { f } from './f.ts';\nexport {};\nconst x: string = f('\u00e9'); // a comment\n__native.setHandlers(x);",
				"f.ts", "export function f(longName: string): string { return longName; }",
			},
			want:   []string{"(function(__native){\n\"use strict\";\n", "function f(longName)", `"\xE9"`, "__native.setHandlers(x);", "})\n"},
			unwant: []string{": string", "a comment", "\u00e9"},
		},
		{
			name:   "a class that names itself keeps its name",
			files:  []string{"main.ts", "class Point { static made = 0; constructor() { Point.made++; } }\n__native.setHandlers(Point, new Point());"},
			want:   []string{"var Point = class Point {", "Point.made++"},
			unwant: []string{"_Point"},
		},
		{
			name: "an interface whose name is a global elsewhere",
			files: []string{
				"main.ts", "import { Date } from './date.ts';\n__native.setHandlers(Date, globalDate());\nimport { globalDate } from './other.ts';",
				"date.ts", "import { defineInterface } from './idl.ts';\nexport class Date {}\ndefineInterface(Date);",
				"other.ts", "export const globalDate = () => Date;",
				"idl.ts", "export function defineInterface(x: object) { Object.freeze(x); }",
			},
			wantErr: "class Date became Date2",
		},
		{
			name: "two private classes of one name",
			files: []string{
				"main.ts", "import './a.ts';\nimport './b.ts';",
				"a.ts", "class Part {}\n__native.setHandlers(new Part());",
				"b.ts", "class Part {}\n__native.setHandlers(new Part());",
			},
			want: []string{"var Part = class", "var Part2 = class"},
		},
		{name: "a module that is not there", files: []string{"main.ts", "import './gone.ts';"}, wantErr: "./gone.ts"},
		{name: "a syntax error", files: []string{"main.ts", "let = ;"}, wantErr: "main.ts:1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			entry := write(t, test.files...)
			script, err := bundle(filepath.Dir(entry), entry, plan{})
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
			for _, unwant := range test.unwant {
				if strings.Contains(string(script), unwant) {
					t.Errorf("%q in:\n%s", unwant, script)
				}
			}
		})
	}
}

// The runtime layer itself: it can be bundled, and twice the same bytes come out.
func TestBundleRuntime(t *testing.T) {
	entry := filepath.Join("..", "bootstrap", "main.ts")
	first, err := bundle("..", entry, runtimePlan)
	if err != nil {
		t.Fatal(err)
	}
	second, err := bundle("..", entry, runtimePlan)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, second) {
		t.Error("two bundles of the same sources differ")
	}
	for i, b := range first {
		if b >= 0x80 {
			t.Fatalf("byte %d of the script is 0x%x, not ASCII", i, b)
		}
	}
}

func TestRunWritesTheScript(t *testing.T) {
	entry := write(t, "main.ts", "__native.setHandlers({});")
	out := filepath.Join(t.TempDir(), "build", "runtime.js")
	if err := run(entry, out, plan{}); err != nil {
		t.Fatal(err)
	}
	script, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(script, []byte("(function(__native){")) {
		t.Errorf("got %s", script)
	}
}
