package observe

import (
	"context"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"skerry/internal/worker"
)

// Console writes for the eyes of a developer: a line per request, the worker's own console, and the platform's messages. It is a
// slog.Handler, too. Text from workers and clients never reaches the terminal with control characters in it.
type Console struct {
	out   *consoleOut
	level slog.Level
	attrs string // of WithAttrs, formatted
	group string
}

type consoleOut struct {
	mu     sync.Mutex
	w      io.Writer
	colour bool
	now    func() time.Time
	buffer []byte
}

// NewConsole makes a console. Colours are used if w is a terminal and NO_COLOR is not set.
func NewConsole(w io.Writer, level slog.Level) *Console {
	colour := false
	if f, ok := w.(*os.File); ok {
		colour = term.IsTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	}
	return &Console{out: &consoleOut{w: w, colour: colour, now: time.Now}, level: level}
}

// Colour says whether the console uses colours, for others that print beside it.
func (c *Console) Colour() bool { return c.out.colour }

const (
	red, green, yellow, cyan, dim, bold = "31", "32", "33", "36", "2", "1"
)

// line is a line under construction.
type line struct{ o *consoleOut }

func (l line) text(s string) { l.o.buffer = append(l.o.buffer, s...) }
func (l line) paint(colour, s string) {
	if l.o.colour && s != "" {
		l.o.buffer = append(append(append(append(append(append(l.o.buffer, "\x1b["...), colour...), 'm'), s...), "\x1b[0"...), 'm')
		return
	}
	l.text(s)
}

func (o *consoleOut) write(f func(line)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.buffer = o.buffer[:0]
	f(line{o})
	o.w.Write(o.buffer) // there is nobody to tell
}

// Request writes the line of a request, and what was thrown if anything was.
func (c *Console) Request(r *Request) {
	c.out.write(func(l line) {
		l.paint(dim, c.out.now().Format("15:04:05.000"))
		l.text(" ")
		l.paint(bold, Printable(r.Method))
		l.text(" " + Printable(clip(r.Path)) + " ")
		l.paint(statusColour(r.Status), strconv.Itoa(r.Status))
		l.text(" ")
		l.paint(dim, milliseconds(r.Wall))
		if r.Dispatched {
			l.paint(dim, " cpu "+milliseconds(r.CPU))
			if r.Cold {
				l.paint(cyan, " cold")
			} else {
				l.paint(dim, " warm")
			}
		}
		if r.Outcome != worker.OK {
			l.text(" ")
			l.paint(red, r.Outcome.String())
		}
		l.text("\n")
		if r.Message != "" {
			l.text("  ")
			l.paint(red, Printable(r.Message))
			l.text("\n")
		}
		for text := range strings.Lines(r.Excerpt) {
			l.text("    " + text)
		}
		if r.Stack != "" {
			for _, frame := range strings.Split(strings.TrimRight(r.Stack, "\n"), "\n") {
				if frame == "" || strings.Contains(frame, r.Message) && r.Message != "" {
					continue
				}
				l.paint(dim, "    "+Printable(strings.TrimSpace(frame)))
				l.text("\n")
			}
		}
	})
}

// pathMax is how much of a path is shown.
const pathMax = 200

func clip(path string) string {
	if len(path) <= pathMax {
		return path
	}
	return path[:pathMax] + "…"
}

// Log writes a line of a worker's console.
func (c *Console) Log(level slog.Level, text string) {
	c.out.write(func(l line) {
		mark, colour := "│ ", ""
		switch {
		case level >= slog.LevelError:
			colour = red
		case level >= slog.LevelWarn:
			colour = yellow
		case level < slog.LevelInfo:
			colour = dim
		}
		for _, part := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
			l.paint(dim, mark)
			if colour == "" {
				l.text(Printable(part))
			} else {
				l.paint(colour, Printable(part))
			}
			l.text("\n")
		}
	})
}

// Print writes text of the platform as it is.
func (c *Console) Print(text string) { c.out.write(func(l line) { l.text(text) }) }

func statusColour(status int) string {
	switch {
	case status >= 500:
		return red
	case status >= 400:
		return yellow
	case status >= 300:
		return cyan
	}
	return green
}

func milliseconds(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	precision := 0
	switch {
	case ms < 10:
		precision = 2
	case ms < 100:
		precision = 1
	}
	return strconv.FormatFloat(ms, 'f', precision, 64) + "ms"
}

// Printable escapes control characters, so that text cannot move the cursor, change colours or forge lines.
func Printable(s string) string {
	clean := true
	for _, r := range s {
		if isControl(r) {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\t':
			b.WriteString("    ")
		case isControl(r):
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// isControl holds C0, C1, and the characters that turn the direction of text or hide.
func isControl(r rune) bool {
	return r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x2028 || r == 0x2029 || r == 0x200e || r == 0x200f || r == 0xfeff
}

// Enabled implements slog.Handler.
func (c *Console) Enabled(_ context.Context, level slog.Level) bool { return level >= c.level }

// Handle implements slog.Handler.
func (c *Console) Handle(_ context.Context, r slog.Record) error {
	attrs := c.attrs
	r.Attrs(func(a slog.Attr) bool {
		attrs += c.format(a)
		return true
	})
	c.out.write(func(l line) {
		l.paint(dim, c.out.now().Format("15:04:05.000"))
		l.text(" ")
		switch {
		case r.Level >= slog.LevelError:
			l.paint(red, "error ")
		case r.Level >= slog.LevelWarn:
			l.paint(yellow, "warning ")
		case r.Level < slog.LevelInfo:
			l.paint(dim, "debug ")
		}
		l.text(Printable(r.Message))
		l.paint(dim, attrs)
		l.text("\n")
	})
	return nil
}

func (c *Console) format(a slog.Attr) string {
	value := a.Value.Resolve()
	if value.Kind() == slog.KindGroup {
		inner, text := *c, ""
		if a.Key != "" {
			inner.group += a.Key + "."
		}
		for _, member := range value.Group() {
			text += inner.format(member)
		}
		return text
	}
	if a.Equal(slog.Attr{}) {
		return ""
	}
	text := Printable(value.String())
	if text == "" || strings.ContainsAny(text, " \"=") {
		text = strconv.Quote(text)
	}
	return " " + c.group + a.Key + "=" + text
}

// WithAttrs implements slog.Handler.
func (c *Console) WithAttrs(attrs []slog.Attr) slog.Handler {
	other := *c
	for _, a := range attrs {
		other.attrs += c.format(a)
	}
	return &other
}

// WithGroup implements slog.Handler.
func (c *Console) WithGroup(name string) slog.Handler {
	if name == "" {
		return c
	}
	other := *c
	other.group += name + "."
	return &other
}

// Redirect makes the console write to w; the colours stay those of the writer that it was made for.
func (c *Console) Redirect(w io.Writer) {
	c.out.mu.Lock()
	c.out.w = w
	c.out.mu.Unlock()
}
