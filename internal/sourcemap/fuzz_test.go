package sourcemap

import (
	"strings"
	"testing"
)

// FuzzStack: the text of a stack is the worker's; whatever it is, it is mapped or kept, in bounds.
func FuzzStack(f *testing.F) {
	f.Add("TypeError: x\n    at f (main.js:1:5)\n    at async main.js:2:1\n    at eval (eval at g (main.js:1:1), <anonymous>:1:1)")
	f.Add("    at " + strings.Repeat(" (eval at ", 2000) + strings.Repeat("), ", 2000))
	f.Add("x\n    at wasm://wasm/0:1\n    at a (b:99999999999999999999:-1)\n    at (:1:1)\n at  (<anonymous>)")
	f.Add(strings.Repeat("    at a (main.js:1:1)\n", 500))
	m, err := Parse([]byte(`{"version":3,"sources":["a.ts"],"names":["x"],"mappings":"AAAAA;;EACE","sourcesContent":["one\ntwo"]}`))
	if err != nil {
		f.Fatal(err)
	}
	lookup := func(module string) *Map {
		if module == "main.js" {
			return m
		}
		return nil
	}
	f.Fuzz(func(t *testing.T, stack string) {
		frames := MapStack(stack, lookup)
		if len(frames) > maxFrames {
			t.Errorf("%d frames", len(frames))
		}
		for _, frame := range frames {
			if frame.Line < 0 || frame.Column < 0 || len(frame.Function)+len(frame.File) > len(stack)+len("a.ts") {
				t.Errorf("frame %+v", frame)
			}
		}
		Rewrite(stack, lookup)
		text, page := RenderDevError(Exception("", "", stack, lookup))
		if strings.ContainsAny(text, "\x1b\x00\r") || strings.Contains(string(page), "<script") {
			t.Errorf("the report lets through what it must not")
		}
	})
}
