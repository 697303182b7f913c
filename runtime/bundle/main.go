// Command bundle joins the modules of the runtime layer, runtime/bootstrap/main.ts and what it imports, into the one
// script that the isolate host evaluates when it makes its startup snapshot:
//
//	(function(__native){ ... })
//
// What that function makes, every isolate pays for: V8 keeps an object for each function, class, method and name that
// exists, used or not. A function that has not run yet has made nothing, and its source text is shared by all isolates.
// So the script has two kinds of parts:
//
//   - the core: evaluated when the snapshot is made, and there in every isolate;
//   - lazy groups (groups.go): sets of modules whose code stands in one function each, which runs once, synchronously,
//     when the isolate first needs it.
//
// Pure modules (groups.go), which have functions and constants and no state, are no part of their own: each part has a copy
// of what it uses of them.
//
// The modules know nothing of that. They import each other as ever, and as ever they run unbundled in the unit tests:
//
//	import { isBlob, Blob } from "../blob.ts";     // a module of the core, of a lazy one
//	new Blob(parts)                                // becomes: new (lazy$forms ?? load$forms()).Blob(parts)
//	isBlob(v)                                      // becomes: idle$forms.isBlob(v), see group.idle
//
// How (link.go): esbuild joins each part by itself and leaves the imports from other parts in place. Those from the core are
// taken out, since a group's function stands in the scope of the core's variables. Those from groups become property
// accesses when esbuild turns the part into a CommonJS module, and this program replaces the object of each access.
//
// What a module of a lazy group must obey, since its top level runs late, between two lines of a worker's code:
//
//   - It uses captures (primordials.ts) at its top level too: no for…of, no spread, no array destructuring, no methods of
//     built-ins, no property descriptors that inherit from Object.prototype. TestLateLoading poisons everything that a
//     worker can reach and loads every group.
//   - It may be evaluated again if the first attempt was cut short (out of stack, out of time): what it does to the core
//     must be such that doing it twice does no harm, such as setting a hook.
//   - What others import from it has its final value when the top level has run: exported variables are not assigned later.
//   - The core must not need it while the snapshot is made: no `extends`, no `instanceof` (refused here), no call at the top
//     level (refused when the snapshot is made). Global names come from it through native.defineLazy.
//
// It is not a general bundler: it keeps names, takes off types and comments, lowers nothing, and makes the same bytes
// from the same sources. The Makefile calls it. It starts no goroutines of its own.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	entry := flag.String("entry", "runtime/bootstrap/main.ts", "module that the runtime layer starts with")
	out := flag.String("out", "build/runtime.js", "file that the script is written to")
	flag.Parse()
	if err := run(*entry, *out, runtimePlan); err != nil {
		fmt.Fprintf(os.Stderr, "bundle: error: %v\n", err)
		os.Exit(1)
	}
}

// run bundles the module at entry, which lies in a directory of the runtime layer's, into the file out.
func run(entry, out string, p plan) error {
	script, err := bundle(filepath.Dir(filepath.Dir(entry)), entry, p)
	if err != nil {
		return fmt.Errorf("bundle %s: %w", entry, err)
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return fmt.Errorf("make output directory: %w", err)
	}
	if err := os.WriteFile(out, script, 0o644); err != nil {
		return fmt.Errorf("write script: %w", err)
	}
	return nil
}
