package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"strings"
	"time"
)

//go:embed harness.js
var harness string

const scriptsMark = "/*SCRIPTS*/"

// harnessScript is the tests' own harness, which every test needs.
const harnessScript = "/resources/testharness.js"

// generate writes the worker of each test. The scripts are those that the tests' own server sends, which fills in its ports.
func generate(ctx context.Context, tests []*test, server *testServer, patience float64) error {
	fetched := make(map[string]string)
	script := func(path string) (string, error) {
		text, known := fetched[path]
		if !known {
			var err error
			if text, err = server.get(ctx, path); err != nil {
				return "", err
			}
			fetched[path] = text
		}
		return text, nil
	}
	for _, t := range tests {
		if err := t.generate(script, server.base, patience); err != nil {
			return fmt.Errorf("%s: %w", t.name(), err)
		}
	}
	return nil
}

// config is what harness.js is told.
type config struct {
	Location string   `json:"location"`
	Title    string   `json:"title"`
	Limit    int64    `json:"limit"`
	Imported []string `json:"imported"`
	// Done says that the file does not call done() itself.
	Done bool `json:"done"`
}

var (
	importCall = regexp.MustCompile(`importScripts\(([^)]*)\)`)
	// addObjects are calls that name expressions for idlharness.js to evaluate.
	addObjects = regexp.MustCompile(`(?s)add_objects\(\{(?:[^\n]*\}\);|.*?\n\s*\}\))`)
	quoted     = regexp.MustCompile(`"([^"]*)"|'([^']*)'`)
)

func (t *test) generate(script func(path string) (string, error), base string, patience float64) error {
	t.limit = usualLimit
	if t.long {
		t.limit = longLimit
	}
	t.limit = time.Duration(float64(t.limit) * patience)
	own, err := script("/" + t.file)
	if err != nil {
		return err
	}
	c := config{Location: base + t.location(), Title: t.title, Limit: t.limit.Milliseconds(), Done: strings.HasSuffix(t.file, ".any.js"), Imported: []string{}}
	names := []string{harnessScript}
	for _, name := range t.scripts {
		names = append(names, resolve(t.file, name))
	}
	for _, call := range importCall.FindAllStringSubmatch(own, -1) {
		for _, literal := range quoted.FindAllStringSubmatch(call[1], -1) {
			name := literal[1] + literal[2]
			c.Imported = append(c.Imported, name)
			if resolved := resolve(t.file, name); resolved != harnessScript {
				names = append(names, resolved)
			}
		}
	}
	var out bytes.Buffer
	before, after, _ := strings.Cut(harness, scriptsMark)
	out.WriteString(before)
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	out.Write(text)
	out.WriteString(", [\n")
	for _, name := range names {
		body, err := script(name)
		if err != nil {
			return err
		}
		writeScript(&out, name, body)
	}
	writeScript(&out, "/"+t.file, own)
	out.WriteString("], [")
	for _, objects := range addObjects.FindAllString(own, -1) {
		for _, literal := range quoted.FindAllStringSubmatch(objects, -1) {
			fmt.Fprintf(&out, "[%s, () => (%s)],\n", literal[0], literal[1]+literal[2])
		}
	}
	out.WriteString("]")
	out.WriteString(after)
	t.source = out.Bytes()
	return nil
}

// resolve makes the URL of a script absolute: a path on the tests' server.
func resolve(file, name string) string {
	if reference, err := url.Parse(name); err == nil {
		base := url.URL{Path: "/" + path.Dir(file) + "/"}
		return base.ResolveReference(reference).String()
	}
	return name
}

var (
	comments   = regexp.MustCompile(`^(?:\s+|//[^\n]*\n|/\*(?s:.*?)\*/)+`)
	strictness = regexp.MustCompile(`^["']use strict["']`)
	// Names that a script declares at its top level. Other scripts see them, so they must be properties of the global object.
	// By the layout of the tests such a declaration begins its line; one list of names or one pattern is understood. What
	// begins its line inside a function is found out when the script runs.
	declared = regexp.MustCompile(`(?m)^(?:async\s+)?(function|class|const|let|var)\b\s*\*?\s*(?:([\w$]+(?:\s*,\s*[\w$]+)*)\s*(?:=|;|\(|\{|extends|$)|\{([\w$\s,:]+)\}\s*=|\[([\w$\s,]+)\]\s*=)`)
)

// writeScript writes a function that does what the script does. A function, because the runner's workers may run code only
// while they answer a request, and because the scripts must not see the names of harness.js.
func writeScript(out *bytes.Buffer, name, body string) {
	head := ""
	if strictness.MatchString(comments.ReplaceAllString(body, "")) {
		head = `"use strict"; `
	}
	if name == harnessScript {
		fmt.Fprintf(out, "function (DedicatedWorkerGlobalScope, SharedWorkerGlobalScope, ServiceWorkerGlobalScope, WorkerGlobalScope) { %s// %s\n", head, name)
	} else {
		fmt.Fprintf(out, "function ($expose) { %s// %s\n", head, name)
		writeGlobals(out, body)
	}
	out.WriteString(body)
	out.WriteString("\n},\n")
}

// writeGlobals makes what a script declares visible to others.
func writeGlobals(out *bytes.Buffer, body string) {
	seen := make(map[string]bool)
	for _, match := range declared.FindAllStringSubmatch(body, -1) {
		for _, id := range strings.FieldsFunc(match[2]+local(match[3])+match[4], func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\t' }) {
			if !seen[id] {
				seen[id] = true
				fmt.Fprintf(out, "$expose(%q, %q, () => typeof %s, () => %s, (value) => { %s = value; });\n", id, match[1], id, id, id)
			}
		}
	}
}

// local returns the names that an object pattern declares: "b, d" of "a: b, d".
func local(pattern string) string {
	parts := strings.Split(pattern, ",")
	for i, part := range parts {
		if _, name, renamed := strings.Cut(part, ":"); renamed {
			parts[i] = name
		}
	}
	return strings.Join(parts, ",")
}
