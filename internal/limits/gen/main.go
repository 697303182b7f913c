// Command gen writes docs/limits.md from the table of internal/limits. It is run by `go generate ./internal/limits`; its output is
// committed and a test of internal/limits keeps it fresh.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"skerry/internal/limits"
)

func main() {
	root := flag.String("root", ".", "root of the repository")
	flag.Parse()
	if err := os.WriteFile(filepath.Join(*root, "docs", "limits.md"), limits.Markdown(), 0o644); err != nil {
		fmt.Fprintf(os.Stderr, "gen: error: %v\n", err)
		os.Exit(1)
	}
}
