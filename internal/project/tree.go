package project

import (
	"encoding/json"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"
)

// kind is the type of a value in a configuration file.
type kind uint8

const (
	nullKind kind = iota
	boolKind
	numberKind
	stringKind
	listKind
	objectKind
)

// node is a value of a configuration file with its place. JSON and TOML give the same tree.
type node struct {
	kind kind
	// from and to are the place of the value in bytes. For a TOML table it is the place of its header.
	from, to int
	text     string // of strings; of numbers as written
	number   float64
	truth    bool
	items    []*node
	members  []member
}

// member is one key of an object with its place.
type member struct {
	key      string
	from, to int
	value    *node
}

// get returns a member, nil if there is none or it is null, which means the same.
func (n *node) get(key string) *node {
	if m := n.find(key); m != nil && m.value.kind != nullKind {
		return m.value
	}
	return nil
}

func (n *node) find(key string) *member {
	if n == nil {
		return nil
	}
	for i := range n.members {
		if n.members[i].key == key {
			return &n.members[i]
		}
	}
	return nil
}

// describe says what a value is, for "must be …, not …".
func (n *node) describe() string {
	switch n.kind {
	case nullKind:
		return "null"
	case boolKind:
		return strconv.FormatBool(n.truth)
	case numberKind:
		return "the number " + n.text
	case stringKind:
		if len(n.text) > 40 {
			return "a string"
		}
		return "the string " + strconv.Quote(n.text)
	case listKind:
		return "a list"
	default:
		return "an object"
	}
}

// json appends the value as JSON text, keys in their order.
func (n *node) json(to []byte) []byte {
	switch n.kind {
	case nullKind:
		return append(to, "null"...)
	case boolKind:
		return strconv.AppendBool(to, n.truth)
	case numberKind:
		if text := []byte(n.text); json.Valid(text) {
			return append(to, text...)
		}
		text, err := json.Marshal(n.number)
		if err != nil { // inf and nan of TOML
			return append(to, "null"...)
		}
		return append(to, text...)
	case stringKind:
		return appendString(to, n.text)
	case listKind:
		to = append(to, '[')
		for i, item := range n.items {
			if i > 0 {
				to = append(to, ',')
			}
			to = item.json(to)
		}
		return append(to, ']')
	default:
		to = append(to, '{')
		for i, m := range n.members {
			if i > 0 {
				to = append(to, ',')
			}
			to = append(appendString(to, m.key), ':')
			to = m.value.json(to)
		}
		return append(to, '}')
	}
}

func appendString(to []byte, text string) []byte {
	quoted, err := json.Marshal(text)
	if err != nil { // not possible for a string
		return append(to, `""`...)
	}
	return append(to, quoted...)
}

// document is a configuration file: its text, its tree and what is wrong with it.
type document struct {
	// file is the path for diagnostics.
	file  string
	data  []byte
	lines []int // offsets of the beginnings of lines
	root  *node
	diags *Diagnostics
}

func newDocument(file string, data []byte, diags *Diagnostics) *document {
	d := &document{file: file, data: data, lines: []int{0}, diags: diags}
	for i, c := range data {
		if c == '\n' {
			d.lines = append(d.lines, i+1)
		}
	}
	return d
}

// place is a diagnostic about the bytes from from to to, without message. Only the first line of them is marked.
func (d *document) place(from, to int) Diagnostic {
	from = max(0, min(from, len(d.data)))
	line := sort.SearchInts(d.lines, from+1)
	start, end := d.lines[line-1], len(d.data)
	if line < len(d.lines) {
		end = d.lines[line] - 1
	}
	text := strings.TrimSuffix(string(d.data[start:end]), "\r")
	end = start + len(text)
	from = min(from, end)
	to = max(from, min(to, end))
	return Diagnostic{
		File: d.file, Line: line, Column: 1 + utf8.RuneCount(d.data[start:from]),
		Length: max(1, utf8.RuneCount(d.data[from:to])), LineText: text,
	}
}

// report adds a diagnostic about the bytes from from to to.
func (d *document) report(severity Severity, from, to int, hint, format string, args ...any) {
	diag := d.place(from, to)
	diag.Severity, diag.Hint, diag.Message = severity, hint, fmt.Sprintf(format, args...)
	*d.diags = append(*d.diags, diag)
}

func (d *document) errorAt(n *node, hint, format string, args ...any) {
	d.report(Error, n.from, n.to, hint, format, args...)
}

func (d *document) warnAt(n *node, hint, format string, args ...any) {
	d.report(Warning, n.from, n.to, hint, format, args...)
}

func (d *document) warnKey(m *member, hint, format string, args ...any) {
	d.report(Warning, m.from, m.to, hint, format, args...)
}
