package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// Goal: the committed names are those of the committed flags. Method: generate again and compare.
func TestNamesAreFresh(t *testing.T) {
	got, err := os.ReadFile(filepath.Join("..", "..", "..", output))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, generate()) {
		t.Errorf("%s is stale: run go generate ./internal/compat", output)
	}
}
