package sourcemap

import (
	_ "embed"
	"fmt"
	"html/template"
	"strings"
)

// Report is an error as a developer sees it: an exception of a worker, or what is wrong with its code or configuration.
type Report struct {
	// Kind is a word or two above the title, such as "Uncaught exception" or "Build failed".
	Kind string
	// Name and Message are those of the error: "TypeError", "x is not a function". Name may be empty.
	Name, Message string
	// Where says during what it happened, such as "GET /api/users". May be empty.
	Where string
	// Worker is the name of the worker. May be empty.
	Worker string
	// Excerpts are places in sources, the most important first.
	Excerpts []Excerpt
	// Frames are the stack. May be empty.
	Frames []Frame
	// Causes are the errors that led to this one (Error.cause), outermost first. Their Kind and Where are not shown.
	Causes []Report
	// Hint says what to do. May be empty.
	Hint string
}

// Excerpt is a place in a source with the code around it.
type Excerpt struct {
	File string
	// Line and Column count from 1, Column in UTF-16 units. 0: unknown.
	Line, Column int
	// Length is the length of the mark in characters, 0: to the end of the word.
	Length int
	// Source is the whole text of the file, or as much of it as is known. FirstLine is the number of its first line, 0 means 1.
	Source    string
	FirstLine int
	// Message belongs to the place. May be empty. Warning makes it one.
	Message string
	Warning bool
	Hint    string
}

// frameContext is the number of lines shown before and after the place of an error.
const frameContext = 3

func (e Excerpt) place() string { return Frame{File: e.File, Line: e.Line, Column: e.Column}.place() }

func (e Excerpt) lines() []codeLine {
	shift := max(e.FirstLine, 1) - 1
	lines := codeLines(e.Source, e.Line-shift, e.Column, e.Length, frameContext)
	for i := range lines {
		lines[i].Number += shift
	}
	return lines
}

// Exception makes the report of an error that a worker threw. stack is the text of error.stack; name and message are
// taken from its header if they are empty. lookup is as in MapStack.
func Exception(name, message, stack string, lookup func(module string) *Map) Report {
	header, _ := Split(stack)
	if message == "" && name == "" {
		name, message = splitHeader(header)
	}
	r := Report{Kind: "Uncaught exception", Name: name, Message: message, Frames: MapStack(stack, lookup)}
	for _, pass := range []func(Frame) bool{
		func(f Frame) bool { return f.Mapped && !f.Library() && f.Source != "" },
		func(f Frame) bool { return f.Source != "" },
	} {
		for _, f := range r.Frames {
			if pass(f) {
				r.Excerpts = []Excerpt{{File: f.File, Line: f.Line, Column: f.Column, Source: f.Source}}
				return r
			}
		}
	}
	return r
}

// Excerpt is the code around the place of the first of the report's excerpts, for a terminal: lines that end with a line feed. Empty
// if the source is not known.
func (r Report) Excerpt(color bool) string {
	if len(r.Excerpts) == 0 {
		return ""
	}
	e := r.Excerpts[0]
	shift := max(e.FirstLine, 1) - 1
	return FrameText(strings.Repeat("\n", shift)+e.Source, e.Line, e.Column, e.Length, 1, color)
}

// splitHeader splits "TypeError: x is not a function".
func splitHeader(header string) (name, message string) {
	header = strings.TrimPrefix(header, "Uncaught ")
	name, message, ok := strings.Cut(header, ": ")
	if !ok || strings.ContainsAny(name, " \n\t") {
		return "Error", header
	}
	return name, message
}

// RenderDevError shows a report as text for a terminal (without colours; see Text) and as a self-contained HTML page.
func RenderDevError(r Report) (text string, page []byte) {
	return r.Text(false), r.HTML()
}

// Text is the report for a terminal.
func (r Report) Text(color bool) string {
	var b strings.Builder
	r.text(&b, painter(color), color, false)
	return b.String()
}

func (r Report) text(b *strings.Builder, paint func(style, string) string, color, cause bool) {
	title := r.Name
	if r.Message != "" {
		if title != "" {
			title += ": "
		}
		title += r.Message
	}
	if title == "" {
		title = r.Kind
	}
	mark := "✘ "
	if cause {
		mark = "caused by "
	}
	b.WriteString(paint(red, mark) + paint(bold, printable(title)) + "\n")
	if r.Where != "" && !cause {
		b.WriteString(paint(dim, "  "+printable(r.Where)) + "\n")
	}
	for _, e := range r.Excerpts {
		b.WriteByte('\n')
		if e.Message != "" {
			kind := paint(red, "error:")
			if e.Warning {
				kind = paint(yellow, "warning:")
			}
			b.WriteString(paint(cyan, printable(e.place())) + ": " + kind + " " + printable(e.Message) + "\n")
		} else {
			b.WriteString(paint(cyan, printable(e.place())) + "\n")
		}
		shift := max(e.FirstLine, 1) - 1
		frame := FrameText(strings.Repeat("\n", shift)+e.Source, e.Line, e.Column, e.Length, frameContext, color)
		b.WriteString(indent(frame, "  "))
		if e.Hint != "" {
			b.WriteString("  " + paint(bold, "hint:") + " " + printable(e.Hint) + "\n")
		}
	}
	if len(r.Frames) > 0 {
		b.WriteByte('\n')
	}
	for _, f := range r.Frames {
		line := printable("    at " + f.String())
		if f.Library() {
			line = paint(dim, line)
		}
		b.WriteString(line + "\n")
	}
	for _, c := range r.Causes {
		b.WriteByte('\n')
		c.text(b, paint, color, true)
	}
	if r.Hint != "" {
		b.WriteString("\n" + paint(bold, "hint:") + " " + printable(r.Hint) + "\n")
	}
}

func indent(text, by string) string {
	if text == "" {
		return ""
	}
	return by + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n"+by) + "\n"
}

//go:embed page.html
var pageHTML string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"place": func(v any) string {
		switch v := v.(type) {
		case Frame:
			return v.place()
		case Excerpt:
			return v.place()
		}
		return ""
	},
	"lines": func(e Excerpt) []codeLine { return e.lines() },
	"cut": func(l codeLine) [3]string {
		runes := []rune(l.Text)
		if l.MarkLen == 0 || l.MarkAt > len(runes) {
			return [3]string{l.Text}
		}
		end := min(l.MarkAt+l.MarkLen, len(runes))
		return [3]string{string(runes[:l.MarkAt]), string(runes[l.MarkAt:end]), string(runes[end:])}
	},
	"own": func(frames []Frame) (own []Frame) {
		for _, f := range frames {
			if !f.Library() {
				own = append(own, f)
			}
		}
		return own
	},
}).Parse(pageHTML))

// HTML is the report as one page that needs nothing else: no script, no font, no image. Everything from the worker is
// escaped. Serve it as text/html; charset=utf-8.
func (r Report) HTML() []byte {
	var b strings.Builder
	if err := page.Execute(&b, r); err != nil {
		return fmt.Appendf(nil, "<!doctype html><title>error</title><pre>%s</pre>", template.HTMLEscapeString(r.Text(false)))
	}
	return []byte(b.String())
}
