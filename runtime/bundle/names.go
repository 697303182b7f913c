package main

import (
	"fmt"
	"regexp"
	"strings"
)

var (
	// selfNamed matches what esbuild makes of a class that speaks of itself: `var Foo = class _Foo`. The name property
	// of such a class, which workers can see, would be "_Foo".
	selfNamed = regexp.MustCompile(`\b(?:var|let|const) ([A-Za-z$][\w$]*) = class _([A-Za-z$][\w$]*)\b`)
	// declared matches any class declaration that made it to the top level.
	declared = regexp.MustCompile(`(?m)^(?:var ([A-Za-z$][\w$]*) = )?class(?: ([A-Za-z_$][\w$]*))?\b`)
	// numbered matches the name esbuild gives to the later of two that are equal.
	numbered = regexp.MustCompile(`^(.*[A-Za-z])[0-9]+$`)
)

// restoreClassNames undoes renamings of classes, since their names are part of what workers see, and refuses those that
// it cannot undo: an interface whose name another module also has at its top level, or uses as a global. What makes a
// class an interface is that it is given to defineInterface (runtime/bootstrap/webidl.ts).
func restoreClassNames(code string) (string, error) {
	for _, match := range selfNamed.FindAllStringSubmatch(code, -1) {
		if match[1] != match[2] {
			return "", fmt.Errorf("class %s became %s: its name is taken by another module; rename one of them", match[2], match[1])
		}
		inner := regexp.MustCompile(`\b_` + regexp.QuoteMeta(match[2]) + `\b`)
		code = inner.ReplaceAllLiteralString(code, match[2])
	}
	for _, match := range declared.FindAllStringSubmatch(code, -1) {
		name := match[2]
		if name == "" {
			name = match[1]
		}
		if plain := numbered.FindStringSubmatch(name); plain != nil && regexp.MustCompile(`defineInterface\(`+regexp.QuoteMeta(name)+`[,)]`).MatchString(code) {
			return "", fmt.Errorf("class %s became %s: its name is taken by another module, or used there as a global; rename one of them, or take the global from primordials", plain[1], name)
		}
	}
	return code, nil
}

// topLevel matches the declarations of a core's top level in the layout that esbuild prints.
var topLevel = regexp.MustCompile(`(?m)^(?:var|let|const|class|function\*?|async function\*?) ([\w$]+)`)

// hidesBuiltIn says which global of the language a part declares for itself. The other parts stand in its scope and would
// get that one where they mean the global.
func hidesBuiltIn(code string) (string, bool) {
	for _, match := range topLevel.FindAllStringSubmatch(code, -1) {
		if strings.Contains(builtIns, " "+match[1]+" ") {
			return match[1], true
		}
	}
	return "", false
}

// builtIns are the globals of the language that modules of the runtime layer use or could use.
const builtIns = " AggregateError Array ArrayBuffer Atomics BigInt Boolean DataView Date Error EvalError FinalizationRegistry Float32Array" +
	" Float64Array Function Infinity Int16Array Int32Array Int8Array Intl Iterator JSON Map Math NaN Number Object Promise Proxy RangeError" +
	" ReferenceError Reflect RegExp Set String Symbol SyntaxError TypeError URIError Uint16Array Uint32Array Uint8Array WeakMap" +
	" WeakRef WeakSet WebAssembly decodeURIComponent encodeURIComponent globalThis isFinite isNaN parseFloat parseInt undefined "
