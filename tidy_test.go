// Package skerry_test holds the tests of the repository as a whole: which package may import which, that each says what it
// is, and that nothing is committed that does not belong here. The rules are those of docs/architecture.md.
package skerry_test

import (
	"bytes"
	"encoding/json"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// goPackage is what is needed of `go list -json`.
type goPackage struct {
	ImportPath        string
	Dir               string
	Imports           []string
	GoFiles, CgoFiles []string
}

func goPackages(t *testing.T) []goPackage {
	t.Helper()
	out := run(t, "go", "list", "-json=ImportPath,Dir,Imports,GoFiles,CgoFiles", "./...")
	var packages []goPackage
	for decoder := json.NewDecoder(bytes.NewReader(out)); decoder.More(); {
		var p goPackage
		if err := decoder.Decode(&p); err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
	if len(packages) < 5 {
		t.Fatalf("only %d packages were found", len(packages))
	}
	return packages
}

func run(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	command := exec.Command(name, args...)
	var said bytes.Buffer
	command.Stderr = &said
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, said.String())
	}
	return out
}

// The layers, from the bottom up. A package may import packages of lower layers only, and of its own layer only what
// sameLayer names. A new package must be put here, which is the moment to think about where it belongs.
var layers = []struct {
	what     string
	packages []string
}{
	{"nouns and facts: standard library only", []string{
		"internal/ambient", "internal/fault", "internal/nearest", "internal/nonblock", "internal/worker",
	}},
	{"pure functions over them", []string{"internal/compat", "internal/routing", "internal/sourcemap"}},
	{"one thing each, no policy", []string{
		"internal/hostproto", "internal/observe", "internal/project", "internal/rollout", "internal/sandbox", "internal/succession", "internal/watch", "internal/websocket",
	}},
	{"the engine", []string{"internal/egress", "internal/isolates"}},
	{"what the engine asks", []string{"internal/bindings"}},
	{"edges", []string{"internal/ingress"}},
	{"what all of them enforce, as a table", []string{"internal/limits"}},
	{"programs", []string{"cmd/skerry", "host/tables", "internal/benchmark", "internal/compat/gen", "internal/limits/gen", "protocol", "protocol/gen", "runtime/bundle", "test/e2e", "test/e2e/rig", "test/frameworks", "test/hostile", "test/upgrade", "test/wpt"}},
}

// sameLayer lists the imports within a layer, with the reason.
var sameLayer = map[[2]string]string{
	{"cmd/skerry", "internal/benchmark"}: "skerry bench is a command",
}

// forbidden lists imports that the layers alone would allow. Patterns as in path.Match; "..." matches any rest.
var forbidden = []struct {
	importer, imported, why string
}{
	{"internal/...", "testing", "tests live in _test.go files"},
	{"cmd/...", "testing", "tests live in _test.go files"},
	{"internal/benchmark", "skerry/...", "the benchmark measures the binary and must not know its inside"},
	{"test/e2e", "skerry/internal/...", "black box: the tests use what a user has"},
	{"test/hostile", "skerry/internal/...", "black box: the tests use what a user has"},
	{"test/wpt", "skerry/internal/...", "black box: the tests use what a user has"},
	{"test/frameworks", "skerry/internal/...", "black box: the tests use what a user has"},
	{"test/upgrade", "skerry/internal/...", "black box: the tests use what a user has"},
	{"test/e2e/rig", "skerry/internal/...", "black box: the tests use what a user has"},
	{"internal/hostproto", "net/http", "the wire carries events, it does not know HTTP"},
	{"internal/isolates", "net/http", "only the edges know HTTP"},
	{"internal/routing", "net/http", "only the edges know HTTP"},
	{"internal/worker", "net/http", "only the edges know HTTP"},
	{"internal/ingress", "skerry/internal/isolates", "ingress declares the Dispatcher it needs; cmd/skerry joins them"},
	{"internal/...", "C", "the supervisor is Go; C++ lives in the host"},
}

// Goal: dependencies point one way. Method: every import of every package against the tables above.
func TestImportsPointOneWay(t *testing.T) {
	level := make(map[string]int)
	for i, layer := range layers {
		for _, name := range layer.packages {
			level[name] = i
		}
	}
	seen := make(map[string]bool)
	usedSame := make(map[[2]string]bool)
	for _, p := range goPackages(t) {
		name := local(p.ImportPath)
		seen[name] = true
		if name == "" {
			continue // This package.
		}
		own, known := level[name]
		if !known {
			t.Errorf("%s is in no layer of this test; put it where it belongs", name)
			continue
		}
		for _, imported := range p.Imports {
			for _, rule := range forbidden {
				if matchesImport(rule.importer, name) && matchesImport(rule.imported, imported) {
					t.Errorf("%s imports %s: %s", name, imported, rule.why)
				}
			}
			if !strings.HasPrefix(imported, "skerry/") {
				if own == 0 && strings.Contains(strings.Split(imported, "/")[0], ".") {
					t.Errorf("%s imports %s, but it belongs to the layer %q", name, imported, layers[0].what)
				}
				continue
			}
			other := local(imported)
			otherLevel, known := level[other]
			switch {
			case !known:
				// Said above, when it is that package's turn.
			case otherLevel > own:
				t.Errorf("%s (%s) imports %s (%s)", name, layers[own].what, other, layers[otherLevel].what)
			case otherLevel == own:
				usedSame[[2]string{name, other}] = true
				if sameLayer[[2]string{name, other}] == "" {
					t.Errorf("%s imports %s of its own layer (%s) without a reason in this test", name, other, layers[own].what)
				}
			}
		}
	}
	for name := range level {
		if !seen[name] {
			t.Errorf("%s is in a layer of this test but not in the repository", name)
		}
	}
	for pair := range sameLayer {
		if !usedSame[pair] {
			t.Errorf("%s does not import %s any more; take it out of this test", pair[0], pair[1])
		}
	}
}

func local(importPath string) string {
	return strings.TrimPrefix(strings.TrimPrefix(importPath, "skerry"), "/")
}

func matchesImport(pattern, name string) bool {
	if prefix, all := strings.CutSuffix(pattern, "..."); all {
		return strings.HasPrefix(name+"/", prefix)
	}
	return pattern == name
}

// Goal: every package says what it is, in one place.
func TestEveryPackageHasOneDoc(t *testing.T) {
	for _, p := range goPackages(t) {
		var documented []string
		for _, file := range slices.Concat(p.GoFiles, p.CgoFiles) {
			parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, file), nil, parser.ParseComments|parser.PackageClauseOnly)
			if err != nil {
				t.Fatal(err)
			}
			if parsed.Doc != nil {
				documented = append(documented, file)
			}
		}
		if len(p.GoFiles)+len(p.CgoFiles) > 0 && len(documented) != 1 {
			t.Errorf("%s has %d package docs %v, want one", p.ImportPath, len(documented), documented)
		}
	}
}

// tracked lists the files of the repository, "" separated by NUL as git does.
func tracked(t *testing.T) []string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed, so there is no list of the repository's files")
	}
	if _, err := os.Stat(".git"); err != nil {
		t.Skip("not a git checkout, so there is no list of the repository's files")
	}
	files := strings.FieldsFunc(string(run(t, "git", "ls-files", "-z")), func(r rune) bool { return r == 0 })
	return slices.DeleteFunc(files, func(name string) bool {
		_, err := os.Lstat(name)
		return err != nil // Removed, but not committed yet.
	})
}

// fileBytesMax is the size of the largest file that may be committed.
const fileBytesMax = 1 << 20

// sampleBytesMax is the size of a binary file that may be committed as an input of tests.
const sampleBytesMax = 1 << 10

// words that no committed text may hold. They are split so that this file does not hold them.
var words = []struct {
	pattern *regexp.Regexp
	why     string
}{
	{regexp.MustCompile(`(^|[\s"'` + "`" + `(=:])/(wo` + `rk/|ro` + `ot/|ho` + `me/[a-z]|Us` + `ers/[a-z])`), "a path of one machine"},
	{regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b`), "unfinished work belongs in an issue"},
}

// Goal: the repository holds text that people wrote or a generator made, and nothing of one machine.
func TestCommittedFilesAreTidy(t *testing.T) {
	for _, name := range tracked(t) {
		for _, dir := range strings.Split(path.Dir(name), "/") {
			if dir == "vendor" || dir == "node_modules" || dir == "third_party" {
				t.Errorf("%s: copies of other projects are not committed; pin a version instead", name)
			}
		}
		info, err := os.Lstat(name)
		if err != nil {
			t.Fatal(err)
		}
		if !info.Mode().IsRegular() {
			t.Errorf("%s is not a regular file", name)
			continue
		}
		if info.Size() > fileBytesMax {
			t.Errorf("%s has %d bytes, more than %d", name, info.Size(), fileBytesMax)
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !utf8.Valid(text) || bytes.IndexByte(text, 0) >= 0 {
			if strings.Contains(name, "/testdata/") && len(text) <= sampleBytesMax {
				continue
			}
			t.Errorf("%s is not text; what is built is not committed", name)
			continue
		}
		if name == "LICENSE" || path.Base(name) == "package-lock.json" || path.Base(name) == "go.sum" {
			continue
		}
		for i, line := range strings.Split(string(text), "\n") {
			for _, word := range words {
				if found := word.pattern.FindString(line); found != "" {
					t.Errorf("%s:%d: %q: %s", name, i+1, found, word.why)
				}
			}
		}
	}
}

var markdownLink = regexp.MustCompile(`\]\(([^)\s#]+)(#[^)]*)?\)`)

// Goal: documentation does not point at files that have moved.
func TestLinksInDocumentsLead(t *testing.T) {
	for _, name := range tracked(t) {
		if path.Ext(name) != ".md" {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, link := range markdownLink.FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(link[1], "://") || strings.HasPrefix(link[1], "mailto:") {
				continue
			}
			if _, err := os.Stat(filepath.Join(path.Dir(name), link[1])); err != nil {
				t.Errorf("%s links to %s, which is not there", name, link[1])
			}
		}
	}
}

// includeRules says which directory of host/ may include which, and what else. `addon.cc` is the only file that knows Node.
var includeRules = map[string][]string{
	"wire":     {"wire"},
	"limits":   {"limits"},
	"engine":   {"engine", "wire", "limits"},
	"html":     {"html"},
	"ops":      {"ops", "engine", "wire", "limits", "html"},
	"portable": {"ops"},
	"sandbox":  {"sandbox"},
	"snapshot": {"snapshot", "ops", "engine", "wire", "limits"},
}

// includeExceptions lists single files that a directory may include besides, with the reason.
var includeExceptions = map[[2]string]string{
	{"ops", "snapshot/handlers.h"}: "setHandlers is an operation, and only a snapshot build takes what it is given",
}

var (
	quotedInclude = regexp.MustCompile(`(?m)^#include "([^"]+)"`)
	angledInclude = regexp.MustCompile(`(?m)^#include <([^>]+)>`)
)

// Goal: the C++ host's parts know only what they need. Method: its include lines.
func TestHostIncludesPointOneWay(t *testing.T) {
	for _, name := range tracked(t) {
		if !strings.HasPrefix(name, "host/") || (path.Ext(name) != ".cc" && path.Ext(name) != ".h") || strings.HasPrefix(name, "host/test/") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		part, _, inPart := strings.Cut(strings.TrimPrefix(name, "host/"), "/")
		for _, include := range angledInclude.FindAllStringSubmatch(string(text), -1) {
			if strings.HasPrefix(include[1], "node") && name != "host/addon.cc" {
				t.Errorf("%s includes <%s>; only host/addon.cc knows Node", name, include[1])
			}
			if strings.HasPrefix(include[1], "v8") && part == "wire" {
				t.Errorf("%s includes <%s>; the wire does not know V8", name, include[1])
			}
		}
		if !inPart {
			continue // addon.cc joins all of them.
		}
		allowed, known := includeRules[part]
		if !known {
			t.Errorf("%s: host/%s has no rule in this test", name, part)
			continue
		}
		for _, include := range quotedInclude.FindAllStringSubmatch(string(text), -1) {
			other, _, inOther := strings.Cut(include[1], "/")
			if inOther && !slices.Contains(allowed, other) && includeExceptions[[2]string{part, include[1]}] == "" {
				t.Errorf("%s includes %q, but host/%s may include only %v", name, include[1], part, allowed)
			}
		}
	}
}

// moduleRules says which directory of runtime/ may import which. bootstrap/ is the bottom (primordials, native, errors) and,
// with dispatch and main, the top as well; that no module imports itself by a detour keeps the two apart.
var moduleRules = map[string][]string{
	"bootstrap":  {"bootstrap", "web", "cloudflare", "node"},
	"web":        {"web", "bootstrap"},
	"cloudflare": {"cloudflare", "web", "bootstrap"},
	"node":       {"node", "cloudflare", "web", "bootstrap"},
}

var moduleImport = regexp.MustCompile(`(?m)^(?:import|export)\s(type\s)?(?:[^;"']*?\sfrom\s)?["']([^"']+)["']`)

// Goal: the runtime layer is layered and consists of its own files alone. Method: its import lines; types do not count.
func TestRuntimeImportsPointOneWay(t *testing.T) {
	imports := make(map[string][]string)
	for _, name := range tracked(t) {
		part, _, inPart := strings.Cut(strings.TrimPrefix(name, "runtime/"), "/")
		if !strings.HasPrefix(name, "runtime/") || !inPart || path.Ext(name) != ".ts" || strings.HasSuffix(name, ".test.ts") || part == "testing" {
			continue
		}
		allowed, known := moduleRules[part]
		if !known {
			t.Errorf("%s: runtime/%s has no rule in this test", name, part)
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, imported := range moduleImport.FindAllStringSubmatch(string(text), -1) {
			if !strings.HasPrefix(imported[2], ".") {
				t.Errorf("%s imports %q, which is not a file of the runtime layer", name, imported[2])
				continue
			}
			target := path.Join(path.Dir(name), imported[2])
			other, _, _ := strings.Cut(strings.TrimPrefix(target, "runtime/"), "/")
			if !slices.Contains(allowed, other) {
				t.Errorf("%s imports %s, but runtime/%s may import only %v", name, target, part, allowed)
			}
			if imported[1] == "" {
				imports[name] = append(imports[name], target)
			}
		}
	}
	if len(imports) < 10 {
		t.Fatalf("only %d modules of the runtime layer import anything: the pattern of import lines is wrong", len(imports))
	}
	if bottom := imports["runtime/bootstrap/primordials.ts"]; len(bottom) > 0 {
		t.Errorf("primordials.ts imports %v; it is captured before anything else", bottom)
	}
	reportCycles(t, imports)
}

// reportCycles fails the test for each way that leads from a module back to itself.
func reportCycles(t *testing.T, imports map[string][]string) {
	const fresh, open, closed = 0, 1, 2
	state := make(map[string]int)
	var visit func(name string, way []string)
	visit = func(name string, way []string) {
		way = append(way, name)
		switch state[name] {
		case open:
			t.Errorf("modules import each other: %s", strings.Join(way[slices.Index(way, name):], " → "))
		case fresh:
			state[name] = open
			for _, target := range imports[name] {
				visit(target, way)
			}
			state[name] = closed
		}
	}
	var names []string
	for name := range imports {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		visit(name, nil)
	}
}
