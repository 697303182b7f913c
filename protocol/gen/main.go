// Command gen writes the readers and writers of the wire protocol in Go, C++ and TypeScript from protocol/messages.json.
// It is run by `go generate ./protocol`; its output is committed and a test keeps it fresh. It is deterministic.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

// The files written, relative to the root of the repository.
const (
	schemaFile = "protocol/messages.json"
	goFile     = "internal/hostproto/messages_gen.go"
	cppFile    = "host/wire/messages.gen.h"
	tsFile     = "runtime/bootstrap/wire.gen.ts"
)

func main() {
	root := flag.String("root", ".", "root of the repository")
	flag.Parse()
	if err := run(*root); err != nil {
		fmt.Fprintf(os.Stderr, "gen: error: %v\n", err)
		os.Exit(1)
	}
}

func run(root string) error {
	files, err := generate(root)
	if err != nil {
		return err
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(root, name), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// generate reads the schema under root and returns the content of every generated file by its path relative to root.
func generate(root string) (map[string][]byte, error) {
	data, err := os.ReadFile(filepath.Join(root, schemaFile))
	if err != nil {
		return nil, err
	}
	s, err := parseSchema(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", schemaFile, err)
	}
	goSource, err := writeGo(s)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", goFile, err)
	}
	return map[string][]byte{goFile: goSource, cppFile: writeCPP(s), tsFile: writeTS(s)}, nil
}
