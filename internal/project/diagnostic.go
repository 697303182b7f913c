package project

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"skerry/internal/sourcemap"
)

// Severity says whether a diagnostic stops the work.
type Severity uint8

// The severities.
const (
	Error Severity = iota
	Warning
)

func (s Severity) String() string {
	if s == Warning {
		return "warning"
	}
	return "error"
}

// Diagnostic is one thing that is wrong with a project, at the place where it was written.
type Diagnostic struct {
	// File is the path as the user would write it. "" if the diagnostic belongs to no file.
	File string
	// Line and Column count from 1, Column in characters. 0: the file as a whole.
	Line, Column int
	Severity     Severity
	// Message says what is wrong and what is allowed: lower case, no full stop.
	Message string
	// Hint says what to do. May be empty.
	Hint string

	// Length is the number of characters that are wrong, 0 if unknown.
	Length int
	// LineText is the line in question, without its end. "" if unknown.
	LineText string
}

// String is the diagnostic on one line, in the form editors and terminals recognise: "file:line:col: error: …".
func (d Diagnostic) String() string {
	var b strings.Builder
	if d.File != "" {
		b.WriteString(d.File)
		if d.Line > 0 {
			fmt.Fprintf(&b, ":%d:%d", d.Line, max(d.Column, 1))
		}
		b.WriteString(": ")
	}
	fmt.Fprintf(&b, "%s: %s", d.Severity, d.Message)
	return b.String()
}

// Frame is the line in question with a mark under what is wrong, ready to print. "" if the line is unknown.
func (d Diagnostic) Frame(color bool) string {
	if d.LineText == "" || d.Line == 0 {
		return ""
	}
	// Empty lines before it give the line its number.
	source := strings.Repeat("\n", d.Line-1) + d.LineText
	return sourcemap.FrameText(source, d.Line, utf16Column(d.LineText, d.Column), d.Length, 0, color)
}

// Text is the diagnostic with frame and hint, as printed to a terminal. It ends with a newline.
func (d Diagnostic) Text(color bool) string {
	var b strings.Builder
	line := d.String()
	if color {
		word := d.Severity.String() + ":"
		code := map[Severity]string{Error: "31", Warning: "33"}[d.Severity]
		line = strings.Replace(line, word, "\x1b["+code+"m"+word+"\x1b[0m", 1)
	}
	b.WriteString(line + "\n")
	if frame := d.Frame(color); frame != "" {
		b.WriteString(frame)
	}
	if d.Hint != "" {
		b.WriteString("  hint: " + strings.ReplaceAll(d.Hint, "\n", "\n  ") + "\n")
	}
	return b.String()
}

// utf16Column turns a column in characters into one in UTF-16 units.
func utf16Column(text string, column int) int {
	units, chars := 1, 1
	for _, r := range text {
		if chars >= column {
			break
		}
		chars++
		units++
		if r >= 0x10000 {
			units++
		}
	}
	if column == 0 {
		return 0
	}
	return units
}

// Diagnostics is the error of a project that cannot be used. It holds warnings, too; at least one is an Error.
type Diagnostics []Diagnostic

// Error is the first error, and how many more there are.
func (ds Diagnostics) Error() string {
	first, more := "", -1
	for _, d := range ds {
		if d.Severity == Error {
			if first == "" {
				first = d.String()
			}
			more++
		}
	}
	if more > 0 {
		return fmt.Sprintf("%s (and %d more)", first, more)
	}
	return first
}

// HasErrors reports whether any diagnostic is an Error.
func (ds Diagnostics) HasErrors() bool {
	for _, d := range ds {
		if d.Severity == Error {
			return true
		}
	}
	return false
}

// sort puts diagnostics without a line first, then those of one file in the order of the file, then all others.
func (ds Diagnostics) sort(file string) {
	slices.SortStableFunc(ds, func(a, b Diagnostic) int {
		if order := cmp.Compare(rank(a, file), rank(b, file)); order != 0 || a.File != file {
			return order
		}
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// rank puts diagnostics without a line first, then those of the file, then those of other files.
func rank(d Diagnostic, file string) int {
	switch {
	case d.Line == 0:
		return 0
	case d.File == file:
		return 1
	}
	return 2
}

// Text is all diagnostics for a terminal, with an empty line between them.
func (ds Diagnostics) Text(color bool) string {
	parts := make([]string, len(ds))
	for i, d := range ds {
		parts[i] = d.Text(color)
	}
	return strings.Join(parts, "\n")
}

// Report is the diagnostics as a page or text for the developer who waits for the build: see sourcemap.RenderDevError.
func (ds Diagnostics) Report(worker string) sourcemap.Report {
	r := sourcemap.Report{Kind: "Build failed", Worker: worker}
	errors := 0
	for _, d := range ds {
		if d.Severity == Error {
			errors++
		}
		r.Excerpts = append(r.Excerpts, sourcemap.Excerpt{
			File: d.File, Line: d.Line, Column: utf16Column(d.LineText, d.Column), Length: d.Length, Source: d.LineText, FirstLine: d.Line,
			Message: d.Message, Warning: d.Severity == Warning, Hint: d.Hint,
		})
	}
	r.Message = fmt.Sprintf("%d errors", errors)
	if errors == 1 {
		r.Message = "1 error"
	}
	return r
}
