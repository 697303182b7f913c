// Command bundle joins the modules of the runtime layer, runtime/bootstrap/main.ts and what it imports, into the one
// script that the isolate host evaluates when it makes its startup snapshot:
//
//	(function(__native){ ... })
//
// It is not a general bundler: it keeps names, takes off types and comments, lowers nothing, and makes the same bytes
// from the same sources. The Makefile calls it. It starts no goroutines of its own.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

func main() {
	entry := flag.String("entry", "runtime/bootstrap/main.ts", "module that the runtime layer starts with")
	out := flag.String("out", "build/runtime.js", "file that the script is written to")
	flag.Parse()
	if err := run(*entry, *out); err != nil {
		fmt.Fprintf(os.Stderr, "bundle: error: %v\n", err)
		os.Exit(1)
	}
}

func run(entry, out string) error {
	script, err := bundle(entry)
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

// bundle returns the script made of the module at entry and everything it imports.
func bundle(entry string) ([]byte, error) {
	result := api.Build(api.BuildOptions{
		EntryPoints:   []string{entry},
		Bundle:        true,
		Write:         false,
		Format:        api.FormatESModule,
		Platform:      api.PlatformNeutral,
		Target:        api.ESNext,
		Charset:       api.CharsetASCII,
		LegalComments: api.LegalCommentsNone,
		TreeShaking:   api.TreeShakingTrue,
		LogLevel:      api.LogLevelSilent,
		// Types are taken off and nothing else: no tsconfig setting may change what the code does.
		TsconfigRaw: `{"compilerOptions":{"useDefineForClassFields":true,"verbatimModuleSyntax":true}}`,
	})
	if len(result.Errors) > 0 {
		var all []error
		for _, message := range api.FormatMessages(result.Errors, api.FormatMessagesOptions{Kind: api.ErrorMessage}) {
			all = append(all, errors.New(strings.TrimSpace(message)))
		}
		return nil, errors.Join(all...)
	}
	if n := len(result.OutputFiles); n != 1 {
		return nil, fmt.Errorf("got %d output files, want 1", n)
	}
	return wrap(string(result.OutputFiles[0].Contents))
}

// exports matches the export clause that an entry module with exports would leave at the end.
var exports = regexp.MustCompile(`(?m)^export \{`)

// wrap makes a function expression of module code. A module is strict; the function says so itself.
func wrap(code string) ([]byte, error) {
	if exports.MatchString(code) {
		return nil, errors.New("the entry module exports something, which nobody could import")
	}
	code, err := restoreClassNames(code)
	if err != nil {
		return nil, err
	}
	return []byte("(function(__native){\n\"use strict\";\n" + code + "})\n"), nil
}

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
		if plain := numbered.FindStringSubmatch(name); plain != nil && strings.Contains(code, "defineInterface("+name+")") {
			return "", fmt.Errorf("class %s became %s: its name is taken by another module, or used there as a global; rename one of them, or take the global from primordials", plain[1], name)
		}
	}
	return code, nil
}
