package main

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A directory of the tests that is a row of the table. Rows are matched by their longest prefix.
type directory struct {
	path string
	// held directories are those that Skerry promises to pass; the others are run to see where it stands.
	held bool
}

var directories = []directory{
	{"url", true}, {"urlpattern", true}, {"encoding", true}, {"streams", true}, {"compression", true}, {"FileAPI", true},
	{"fetch/api/abort", true}, {"fetch/api/basic", true}, {"fetch/api/body", true}, {"fetch/api/cors", false},
	{"fetch/api/headers", true}, {"fetch/api/redirect", true}, {"fetch/api/request", true}, {"fetch/api/response", true},
	{"fetch/api", false}, {"fetch/content-encoding", false}, {"fetch/content-length", false}, {"fetch/content-type", false},
	{"fetch/data-urls", false},
	{"dom/abort", true}, {"dom/events", true}, {"WebCryptoAPI", true},
	{"html/webappapis/atob", true}, {"html/webappapis/timers", true}, {"html/webappapis/structured-clone", true},
	{"html/webappapis/microtask-queuing", true}, {"html/webappapis", false}, {"html/infrastructure", false},
	{"hr-time", true}, {"console", true}, {"performance-timeline", false}, {"user-timing", true}, {"eventsource", true},
	{"websockets", true}, {"wasm/jsapi", true}, {"wasm/webapi", false}, {"webmessaging", true}, {"xhr/formdata", true},
	{"webidl", false}, {"mimesniff", false},
}

// rowOf returns the row of a test, -1 if it belongs to none.
func rowOf(file string) int {
	row := -1
	for i, d := range directories {
		if strings.HasPrefix(file, d.path+"/") && (row < 0 || len(d.path) > len(directories[row].path)) {
			row = i
		}
	}
	return row
}

// A test is a file of the checkout in one of its variants: what becomes one worker.
type test struct {
	// file is the path in the checkout, with slashes.
	file string
	// variant is "" or the query or fragment that the file is to be run with, "?1-100".
	variant string
	title   string
	// scripts are the URLs, relative to the file's, of what is run before it.
	scripts []string
	long    bool
	row     int
	// source is the worker, once it is generated.
	source []byte
	limit  time.Duration
}

// name is how the ledger and all output call a test.
func (t *test) name() string { return t.file + t.variant }

// The time limits of the tests' own runner.
const (
	usualLimit = 10 * time.Second
	longLimit  = 60 * time.Second
)

// location is the path and query that the test finds itself at: what the tests' own server calls the worker of the file.
func (t *test) location() string {
	return "/" + strings.Replace(t.file, ".any.js", ".any.worker.js", 1) + t.variant
}

// find lists the tests below the directories of the table that match one of the paths in only, if there are any.
func find(checkout string, only []string, tentative bool) ([]*test, error) {
	wanted := func(t *test) bool {
		return len(only) == 0 || slices.ContainsFunc(only, func(prefix string) bool {
			prefix = strings.TrimSuffix(prefix, "/")
			return t.name() == prefix || t.file == prefix || strings.HasPrefix(t.file, prefix+"/")
		})
	}
	var found []*test
	seen := make(map[string]bool)
	for _, d := range directories {
		err := filepath.WalkDir(filepath.Join(checkout, filepath.FromSlash(d.path)), func(file string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			relative, err := filepath.Rel(checkout, file)
			if err != nil {
				return err
			}
			relative = filepath.ToSlash(relative)
			if entry.IsDir() || seen[relative] || !isTest(relative, tentative) {
				return nil
			}
			seen[relative] = true
			text, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			for _, t := range parse(relative, string(text)) {
				if wanted(t) {
					found = append(found, t)
				}
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("find tests: %w", err)
		}
	}
	slices.SortFunc(found, func(a, b *test) int {
		if a.row != b.row {
			return a.row - b.row
		}
		return strings.Compare(a.name(), b.name())
	})
	return found, nil
}

// isTest says whether a file can be a test in a worker. Tests that crash browsers have no subtests; those for HTTP/2 need a
// server that the runner does not start.
func isTest(file string, tentative bool) bool {
	base := path.Base(file)
	if !strings.HasSuffix(base, ".any.js") && !strings.HasSuffix(base, ".worker.js") {
		return false
	}
	return (tentative || !strings.Contains(file, "tentative")) && !strings.Contains(file, "/crashtests/") && !strings.Contains(base, ".h2.")
}

var metaLine = regexp.MustCompile(`^//\s*META:\s*([a-z]+)=(.*)$`)

// workerScopes are the values of "META: global" that stand for a scope without a document.
var workerScopes = []string{"worker", "dedicatedworker", "sharedworker", "serviceworker", "jsshell"}

// skippedVariants need a server that the runner does not start: a certificate that programs trust, or HTTP/2.
var skippedVariants = regexp.MustCompile(`wss|wpt_flags=h2|wpt_flags=https`)

// parse reads the metadata at the top of a test file and returns its tests, one for each variant.
func parse(file, text string) []*test {
	t := test{file: file, row: rowOf(file)}
	var variants []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		meta := metaLine.FindStringSubmatch(line)
		if meta == nil {
			if line == "" || strings.HasPrefix(line, "//") {
				continue
			}
			break
		}
		switch value := meta[2]; meta[1] {
		case "script":
			t.scripts = append(t.scripts, value)
		case "title":
			t.title = value
		case "timeout":
			t.long = value == "long"
		case "variant":
			variants = append(variants, value)
		case "global":
			scopes := strings.Split(value, ",")
			if !slices.ContainsFunc(scopes, func(s string) bool { return slices.Contains(workerScopes, strings.TrimSpace(s)) }) {
				return nil
			}
		}
	}
	if len(variants) == 0 {
		return []*test{&t}
	}
	var tests []*test
	for _, v := range variants {
		if skippedVariants.MatchString(v) {
			continue
		}
		one := t
		one.variant = v
		tests = append(tests, &one)
	}
	return tests
}
