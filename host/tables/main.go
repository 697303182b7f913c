// Command tables writes the indexes of the Encoding Standard (https://encoding.spec.whatwg.org/#indexes) as C++ arrays for
// host/ops/legacy.cc. The build calls it; what it writes is not committed.
//
// The indexes come from golang.org/x/text, which has them as code: each is read back by decoding every byte sequence that
// the standard gives a pointer. TestIndexes holds the result to the digests of the standard's own files, so an x/text
// that differs is noticed before anything is built from it.
//
// It is not a converter and knows no decoder beyond what reading the indexes takes. It starts no goroutines.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

func main() {
	out := flag.String("out", "build/gen/encoding_tables.cc", "file that the tables are written to")
	flag.Parse()
	if err := run(*out); err != nil {
		fmt.Fprintf(os.Stderr, "tables: error: %v\n", err)
		os.Exit(1)
	}
}

func run(path string) error {
	all, err := readIndexes()
	if err != nil {
		return fmt.Errorf("read the indexes: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make output directory: %w", err)
	}
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write tables: %w", err)
	}
	w := bufio.NewWriter(file)
	write(w, all)
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write tables: %w", err)
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("write tables: %w", err)
	}
	return nil
}

// write prints the arrays that host/ops/encoding_tables.h declares. 0 stands for "no code point" in indexes of two-byte
// encodings, U+FFFD in those of one byte.
func write(w io.Writer, all indexes) {
	fmt.Fprint(w, "// Written by host/tables; not to be edited.\n#include \"ops/encoding_tables.h\"\n\nnamespace skerry {\n")
	fmt.Fprintf(w, "\nconst char16_t kSingleByteIndexes[%d][128] = {\n", len(all.single))
	for i, index := range all.single {
		fmt.Fprintf(w, "    // %s\n    {", singleByteNames[i])
		units(w, index)
		fmt.Fprint(w, "},\n")
	}
	fmt.Fprint(w, "};\n")
	for _, table := range []struct {
		name  string
		index []rune
	}{{"kGb18030Index", all.gb18030}, {"kJis0208Index", all.jis0208}, {"kJis0212Index", all.jis0212}, {"kEucKrIndex", all.eucKR}, {"kBig5Index", all.big5}} {
		fmt.Fprintf(w, "\nconst char16_t %s[%d] = {", table.name, len(table.index))
		units(w, table.index)
		fmt.Fprint(w, "};\n")
	}
	fmt.Fprintf(w, "\nconst uint8_t kBig5Plane2[%d] = {", (len(all.big5)+7)/8)
	for i := 0; i < len(all.big5); i += 8 {
		bits := 0
		for j := i; j < min(i+8, len(all.big5)); j++ {
			if all.big5[j]>>16 == 2 {
				bits |= 1 << (j - i)
			}
		}
		separate(w, i/8)
		fmt.Fprintf(w, "%d", bits)
	}
	fmt.Fprintf(w, "};\n\nconst Gb18030Range kGb18030Ranges[%d] = {", len(all.ranges))
	for i, r := range all.ranges {
		separate(w, i)
		fmt.Fprintf(w, "{%d, 0x%x}", r.pointer, r.first)
	}
	fmt.Fprint(w, "};\n\n}  // namespace skerry\n")
}

// units prints the low 16 bits of each code point.
func units(w io.Writer, index []rune) {
	for i, point := range index {
		separate(w, i)
		fmt.Fprintf(w, "0x%x", point&0xffff)
	}
}

func separate(w io.Writer, i int) {
	switch {
	case i == 0:
	case i%16 == 0:
		fmt.Fprint(w, ",\n    ")
	default:
		fmt.Fprint(w, ", ")
	}
}
