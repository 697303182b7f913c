// Package sourcemap turns positions in bundled code into positions in the sources a developer wrote: it reads source maps
// (ECMA-426), maps the text of V8 stack traces, and shows an error of a worker as text for a terminal and as an HTML page.
//
// It makes no bundles and reads no files: sources come out of the map itself. Callers: the dev server, log and tail
// output, and package project for build errors. Pure; starts no goroutine.
package sourcemap

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// Limits on what Parse accepts. Maps come from tenants.
const (
	// MaxMap is the largest source map in bytes.
	MaxMap = 256 << 20
	// maxSegments is the largest number of mappings.
	maxSegments = 32 << 20
	// maxSections is the largest number of sections of an index map.
	maxSections = 10000
)

// Map is a parsed source map. It is immutable and may be used by any number of goroutines.
type Map struct {
	sources  []string
	contents []*string
	names    []string
	// lines holds the segments of each generated line, ordered by column.
	lines [][]segment
}

// segment is one mapping. All numbers are zero-based. source is -1 for code that no source has, name -1 for none.
type segment struct {
	column                         int32
	source, line, sourceCol, nameI int32
}

// Position is a place in a source.
type Position struct {
	// Source is the path of the source as the map names it, joined with the map's source root.
	Source string
	// Line and Column count from 1. Column is in UTF-16 units.
	Line, Column int
	// Name is the original name of what stands there, often "".
	Name string
}

type mapJSON struct {
	Version        int       `json:"version"`
	SourceRoot     string    `json:"sourceRoot"`
	Sources        []*string `json:"sources"`
	SourcesContent []*string `json:"sourcesContent"`
	Names          []string  `json:"names"`
	Mappings       string    `json:"mappings"`
	Sections       []struct {
		Offset struct {
			Line   int `json:"line"`
			Column int `json:"column"`
		} `json:"offset"`
		Map json.RawMessage `json:"map"`
	} `json:"sections"`
}

// Parse reads a source map, plain or with sections. A prefix ")]}'" line against script inclusion is skipped.
func Parse(data []byte) (*Map, error) {
	if len(data) > MaxMap {
		return nil, fmt.Errorf("source map is larger than %d bytes", MaxMap)
	}
	m := new(Map)
	if err := m.parse(data, 0, 0, false); err != nil {
		return nil, fmt.Errorf("parse source map: %w", err)
	}
	return m, nil
}

func (m *Map) parse(data []byte, line, column int, nested bool) error {
	if text := string(data[:min(len(data), 4)]); strings.HasPrefix(text, ")]}") {
		newline := slices.Index(data, '\n')
		data = data[newline+1:]
	}
	var in mapJSON
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	if in.Version != 3 {
		return fmt.Errorf("version %d is not 3", in.Version)
	}
	if in.Sections == nil {
		return m.add(&in, line, column)
	}
	if nested {
		return errors.New("sections inside a section")
	}
	if len(in.Sections) > maxSections {
		return fmt.Errorf("more than %d sections", maxSections)
	}
	for _, section := range in.Sections {
		at := section.Offset
		if at.Line < 0 || at.Column < 0 || at.Line < len(m.lines)-1 || at.Line > maxSegments {
			return errors.New("sections out of order")
		}
		if err := m.parse(section.Map, at.Line, at.Column, true); err != nil {
			return err
		}
	}
	return nil
}

// add appends the mappings of one plain map whose code begins at line and column.
func (m *Map) add(in *mapJSON, line, column int) error {
	firstSource, firstName := int32(len(m.sources)), int32(len(m.names))
	for i, source := range in.Sources {
		name := ""
		if source != nil {
			name = *source
			if in.SourceRoot != "" && !strings.Contains(name, "://") && !path.IsAbs(name) {
				name = strings.TrimSuffix(in.SourceRoot, "/") + "/" + name
			}
		}
		m.sources = append(m.sources, name)
		var content *string
		if i < len(in.SourcesContent) {
			content = in.SourcesContent[i]
		}
		m.contents = append(m.contents, content)
	}
	m.names = append(m.names, in.Names...)
	for len(m.lines) <= line {
		m.lines = append(m.lines, nil)
	}
	return m.decode(in.Mappings, firstSource, firstName, int32(column))
}

// decode reads the mappings string (ECMA-426, section 9.2): lines split by ";", segments by ",", each one to five base64
// VLQ numbers relative to the previous segment.
func (m *Map) decode(mappings string, firstSource, firstName, column int32) error {
	var at segment
	at.column = column
	var fields [5]int32
	ordered, count := true, 0
	line := len(m.lines) - 1
	endLine := func() {
		if !ordered {
			slices.SortStableFunc(m.lines[line], func(a, b segment) int { return int(a.column) - int(b.column) })
		}
		ordered = true
	}
	for i := 0; i < len(mappings); {
		switch mappings[i] {
		case ';':
			endLine()
			if line++; line > maxSegments {
				return errors.New("too many lines")
			}
			m.lines = append(m.lines, nil)
			at.column = 0
			i++
			continue
		case ',':
			i++
			continue
		}
		n := 0
		for i < len(mappings) && mappings[i] != ',' && mappings[i] != ';' {
			value, used := vlq(mappings[i:])
			if used == 0 {
				return fmt.Errorf("bad mapping at byte %d", i)
			}
			if n == len(fields) {
				return fmt.Errorf("mapping with more than five fields at byte %d", i)
			}
			fields[n] = value
			n++
			i += used
		}
		before := at.column
		at.column += fields[0]
		s := segment{column: at.column, source: -1, nameI: -1}
		switch n {
		case 1:
		case 4, 5:
			at.source += fields[1]
			at.line += fields[2]
			at.sourceCol += fields[3]
			s.source, s.line, s.sourceCol = firstSource+at.source, at.line, at.sourceCol
			if n == 5 {
				at.nameI += fields[4]
				s.nameI = firstName + at.nameI
			}
			if s.source < firstSource || int(s.source) >= len(m.sources) || s.line < 0 || s.sourceCol < 0 ||
				n == 5 && (s.nameI < firstName || int(s.nameI) >= len(m.names)) {
				return fmt.Errorf("mapping before byte %d points outside the map", i)
			}
		default:
			return fmt.Errorf("mapping with %d fields before byte %d", n, i)
		}
		if at.column < 0 {
			return fmt.Errorf("negative column before byte %d", i)
		}
		if at.column < before {
			ordered = false
		}
		if count++; count > maxSegments {
			return errors.New("too many mappings")
		}
		m.lines[line] = append(m.lines[line], s)
	}
	endLine()
	return nil
}

var base64Value = func() (table [256]int8) {
	for i := range table {
		table[i] = -1
	}
	for i, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
		table[c] = int8(i)
	}
	return table
}()

// vlq reads one number and says how many bytes it took: 0 if there is none or it has more than 32 bits.
func vlq(s string) (value int32, used int) {
	var bits uint64
	for i := 0; i < len(s) && i < 7; i++ {
		digit := base64Value[s[i]]
		if digit < 0 {
			return 0, 0
		}
		bits |= uint64(digit&31) << (5 * i)
		if digit&32 != 0 {
			continue
		}
		magnitude := bits >> 1
		if magnitude > 1<<31-1 {
			return 0, 0
		}
		if bits&1 != 0 {
			return -int32(magnitude), i + 1
		}
		return int32(magnitude), i + 1
	}
	return 0, 0
}

// Original returns the source position of a position in the generated code. line and column count from 1, as V8 prints
// them. It is false where the code has no source.
func (m *Map) Original(line, column int) (Position, bool) {
	if m == nil || line < 1 || line > len(m.lines) || column < 1 {
		return Position{}, false
	}
	segments := m.lines[line-1]
	i, found := slices.BinarySearchFunc(segments, column-1, func(s segment, column int) int { return int(s.column) - column })
	if !found {
		i--
	}
	if i < 0 || segments[i].source < 0 {
		return Position{}, false
	}
	s := segments[i]
	p := Position{Source: m.sources[s.source], Line: int(s.line) + 1, Column: int(s.sourceCol) + 1}
	if s.nameI >= 0 {
		p.Name = m.names[s.nameI]
	}
	return p, true
}

// Source returns the text of a source, if the map holds it.
func (m *Map) Source(name string) (text string, ok bool) {
	if m == nil {
		return "", false
	}
	i := slices.Index(m.sources, name)
	if i < 0 || m.contents[i] == nil {
		return "", false
	}
	return *m.contents[i], true
}

// Sources lists the sources in the order of the map.
func (m *Map) Sources() []string { return slices.Clone(m.sources) }
