package sourcemap

import (
	"strconv"
	"strings"
)

// Frame is one line of a stack trace.
type Frame struct {
	// Function is what V8 says is running, without "async": "" at the top level of a module.
	Function string
	// Async is set for the continuation of an await.
	Async bool
	// File, Line and Column (from 1) are the place in the source, or in the module if Mapped is false. File is "" for
	// frames without a place, such as those of built-in functions: then Function says what V8 printed.
	File         string
	Line, Column int
	// Mapped says that the place is one in a source.
	Mapped bool
	// Source is the text of File, "" if it is not known.
	Source string
}

// Library reports whether the frame lies in code that the developer did not write: a package, a built-in, the runtime.
func (f Frame) Library() bool {
	return f.File == "" || strings.Contains(f.File, "node_modules/") || strings.HasPrefix(f.File, "node:") ||
		strings.HasPrefix(f.File, "cloudflare:") || strings.HasPrefix(f.File, "skerry:") || strings.HasPrefix(f.File, "wasm://")
}

// String is the frame as V8 would print it, without "at".
func (f Frame) String() string {
	var b strings.Builder
	if f.Async {
		b.WriteString("async ")
	}
	b.WriteString(f.Function)
	if f.File == "" {
		return b.String()
	}
	if f.Function != "" {
		b.WriteString(" (")
	}
	b.WriteString(f.place())
	if f.Function != "" {
		b.WriteByte(')')
	}
	return b.String()
}

func (f Frame) place() string {
	place := f.File
	if f.Line > 0 {
		place += ":" + strconv.Itoa(f.Line)
		if f.Column > 0 {
			place += ":" + strconv.Itoa(f.Column)
		}
	}
	return place
}

// maxFrames is the most frames that are read from one stack.
const maxFrames = 200

// Split separates the text of a V8 stack into its header (name and message, which may have several lines) and its frame
// lines, which begin with "at ".
func Split(stack string) (header string, frames []string) {
	lines := strings.Split(stack, "\n")
	first := len(lines)
	// The message may have lines that look like frames; frames are the unbroken run at the end.
	for first > 0 && (strings.TrimSpace(lines[first-1]) == "" || isFrame(lines[first-1])) {
		first--
	}
	for _, line := range lines[first:] {
		if isFrame(line) && len(frames) < maxFrames {
			frames = append(frames, strings.TrimSpace(line))
		}
	}
	return strings.Join(lines[:first], "\n"), frames
}

func isFrame(line string) bool {
	return strings.HasPrefix(strings.TrimLeft(line, " \t"), "at ") && strings.HasPrefix(line, " ")
}

// MapStack reads the frames of a V8 stack text and moves each one to its source. lookup returns the source map of a
// module by the name the stack has, nil if there is none; it may be nil itself. Frames it cannot read are kept as
// Function. (Async frames, methods, constructors, eval and wasm frames are all understood.)
func MapStack(stack string, lookup func(module string) *Map) []Frame {
	_, lines := Split(stack)
	frames := make([]Frame, 0, len(lines))
	for _, line := range lines {
		frame := parseFrame(strings.TrimPrefix(line, "at "))
		if lookup != nil && frame.File != "" && frame.Line > 0 {
			frame.remap(lookup(frame.File))
		}
		frames = append(frames, frame)
	}
	return frames
}

func (f *Frame) remap(m *Map) {
	p, ok := m.Original(f.Line, max(f.Column, 1))
	if !ok {
		return
	}
	f.File, f.Line, f.Column, f.Mapped = p.Source, p.Line, p.Column, true
	f.Source, _ = m.Source(p.Source)
}

// evalsMax is how many calls of eval inside each other are looked through for the place. The text is a worker's.
const evalsMax = 8

// parseFrame reads what follows "at ": "fn (place)", "place", "async fn (place)" or something without a place.
func parseFrame(text string) Frame { return parseFrameIn(text, evalsMax) }

func parseFrameIn(text string, evals int) Frame {
	var f Frame
	if rest, ok := strings.CutPrefix(text, "async "); ok {
		f.Async, text = true, rest
	}
	if open := strings.LastIndex(text, " ("); open >= 0 && strings.HasSuffix(text, ")") {
		inner := text[open+2 : len(text)-1]
		if file, line, column, ok := parsePlace(inner); ok {
			f.Function, f.File, f.Line, f.Column = text[:open], file, line, column
			return f
		}
		// eval: "fn (eval at outer (file:1:2), <anonymous>:1:1)": the place of the call to eval is the one that helps.
		if at := strings.Index(text, " (eval at "); at >= 0 && evals > 0 {
			outer := text[at+len(" (eval at "):]
			if end := strings.LastIndex(outer, "), "); end >= 0 {
				call := parseFrameIn(outer[:end+1], evals-1)
				f.Function, f.File, f.Line, f.Column = text[:at], call.File, call.Line, call.Column
				return f
			}
		}
		f.Function = text
		return f
	}
	if file, line, column, ok := parsePlace(text); ok {
		f.File, f.Line, f.Column = file, line, column
		return f
	}
	f.Function = text
	return f
}

// parsePlace reads "file:line:column" or "file:line"; for wasm, "wasm://…:wasm-function[3]:0x1f" is all file.
func parsePlace(text string) (file string, line, column int, ok bool) {
	if strings.HasPrefix(text, "wasm://") {
		return text, 0, 0, true
	}
	rest, last, ok := cutNumber(text)
	if !ok {
		return "", 0, 0, false
	}
	if file, line, ok := cutNumber(rest); ok && file != "" {
		return file, line, last, file != "<anonymous>" && !strings.ContainsAny(file, "()")
	}
	return rest, last, 0, rest != "" && rest != "<anonymous>" && !strings.ContainsAny(rest, "() ")
}

func cutNumber(text string) (rest string, number int, ok bool) {
	colon := strings.LastIndexByte(text, ':')
	if colon < 0 {
		return text, 0, false
	}
	number, err := strconv.Atoi(text[colon+1:])
	if err != nil || number < 0 {
		return text, 0, false
	}
	return text[:colon], number, true
}

// Rewrite returns the text of the stack with every frame moved to its source. Frames are indented as V8 does.
func Rewrite(stack string, lookup func(module string) *Map) string {
	header, _ := Split(stack)
	var b strings.Builder
	b.WriteString(header)
	for _, frame := range MapStack(stack, lookup) {
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		b.WriteString("    at ")
		b.WriteString(frame.String())
	}
	return b.String()
}
