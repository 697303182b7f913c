package sourcemap

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxFrameColumns is the widest piece of a source line that a code frame shows, in characters. Minified lines are cut.
const maxFrameColumns = 160

// codeLine is one line of a code frame.
type codeLine struct {
	Number int
	Text   string
	// Marked is the line the frame is about. MarkAt and MarkLen are its place in Text, in characters.
	Marked          bool
	MarkAt, MarkLen int
}

// codeLines cuts the lines around a place out of a source. column counts UTF-16 units from 1; 0 marks the whole line. It
// returns nil if the source has no such line.
func codeLines(source string, line, column, length, context int) []codeLine {
	all := strings.Split(source, "\n")
	if line < 1 || line > len(all) {
		return nil
	}
	from, to := max(1, line-context), min(len(all), line+context)
	for to > line && strings.TrimSpace(all[to-1]) == "" {
		to--
	}
	for from < line && strings.TrimSpace(all[from-1]) == "" {
		from++
	}
	var out []codeLine
	for n := from; n <= to; n++ {
		l := codeLine{Number: n, Marked: n == line}
		text := strings.TrimSuffix(all[n-1], "\r")
		at := 0
		if l.Marked {
			at = charsBefore(text, column)
		}
		l.Text, l.MarkAt = window(text, at)
		if l.Marked && column > 0 {
			l.MarkLen = length
			if length <= 0 {
				l.MarkLen = wordLength(l.Text, l.MarkAt)
			}
			l.MarkLen = max(1, min(l.MarkLen, utf8.RuneCountInString(l.Text)-l.MarkAt))
		}
		out = append(out, l)
	}
	return out
}

// charsBefore is the number of characters before a column in UTF-16 units from 1, at most those of the text.
func charsBefore(text string, column int) int {
	units, chars := 1, 0
	for _, r := range text {
		if units >= column {
			break
		}
		units++
		if r >= 0x10000 {
			units++
		}
		chars++
	}
	return chars
}

// window expands tabs, hides control characters and cuts a long line around the character at. It returns where at now is.
func window(text string, at int) (string, int) {
	var b strings.Builder
	chars, written, moved := 0, 0, -1
	for _, r := range text {
		if chars == at {
			moved = written
		}
		chars++
		switch {
		case r == '\t':
			b.WriteString("  ")
			written += 2
		case r < ' ' || r == 0x7f || r == 0x2028 || r == 0x2029 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069:
			b.WriteRune('\ufffd')
			written++
		default:
			b.WriteRune(r)
			written++
		}
	}
	if moved < 0 {
		moved = written
	}
	if written <= maxFrameColumns {
		return b.String(), moved
	}
	runes := []rune(b.String())
	start := min(max(0, moved-maxFrameColumns/2), len(runes)-maxFrameColumns)
	end := start + maxFrameColumns
	out := string(runes[start:end])
	moved -= start
	if start > 0 {
		out, moved = "…"+out, moved+1
	}
	if end < len(runes) {
		out += "…"
	}
	return out, moved
}

// wordLength is the length of the identifier that begins at a character, 1 if there is none.
func wordLength(text string, at int) int {
	runes := []rune(text)
	n := 0
	for at+n < len(runes) {
		r := runes[at+n]
		if r != '_' && r != '$' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (r < 0x80 || r == '…') {
			break
		}
		n++
	}
	return max(1, n)
}

// CodeFrame shows the lines of source around a place, with line numbers and a mark under the column. line and column
// count from 1, column in UTF-16 units; context is the number of lines before and after. Control characters are
// replaced, so the text is safe for a terminal. It is "" if the source has no such line.
func CodeFrame(source string, line, column, context int) string {
	return FrameText(source, line, column, 0, context, false)
}

// FrameText is CodeFrame with the length of the mark in characters (0: to the end of the word) and, on request, colours
// for a terminal.
func FrameText(source string, line, column, length, context int, color bool) string {
	lines := codeLines(source, line, column, length, context)
	if lines == nil {
		return ""
	}
	paint := painter(color)
	width := len(fmt.Sprint(lines[len(lines)-1].Number))
	var b strings.Builder
	for _, l := range lines {
		pointer, number := " ", paint(dim, fmt.Sprintf("%*d", width, l.Number))
		if l.Marked {
			pointer, number = paint(red, ">"), fmt.Sprintf("%*d", width, l.Number)
		}
		fmt.Fprintf(&b, "%s %s %s", pointer, number, paint(dim, "│"))
		if l.Text != "" {
			b.WriteString(" " + l.Text)
		}
		b.WriteByte('\n')
		if l.Marked && l.MarkLen > 0 {
			fmt.Fprintf(&b, "  %*s %s %s%s\n", width, "", paint(dim, "│"), strings.Repeat(" ", l.MarkAt), paint(red, strings.Repeat("^", l.MarkLen)))
		}
	}
	return b.String()
}

type style string

// The styles of terminal text (ECMA-48 SGR).
const (
	red    style = "31"
	yellow style = "33"
	cyan   style = "36"
	bold   style = "1"
	dim    style = "2"
)

func painter(color bool) func(style, string) string {
	if !color {
		return func(_ style, text string) string { return text }
	}
	return func(s style, text string) string { return "\x1b[" + string(s) + "m" + text + "\x1b[0m" }
}

// printable replaces control characters, so that a message cannot move the cursor or change colours. Newlines and tabs stay.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 {
			return '\ufffd'
		}
		return r
	}, text)
}
