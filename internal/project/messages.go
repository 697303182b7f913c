package project

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/evanw/esbuild/pkg/api"
)

// addMessages turns what esbuild has said into diagnostics.
func (in *inputs) addMessages(result api.BuildResult) {
	for _, m := range result.Errors {
		in.diags = append(in.diags, in.p.message(m, Error))
	}
	for _, m := range result.Warnings {
		in.diags = append(in.diags, in.p.message(m, Warning))
	}
}

// unresolved is how esbuild says that an import leads nowhere.
var unresolved = regexp.MustCompile(`^Could not resolve "(.*)"$`)

func (p *Project) message(m api.Message, severity Severity) Diagnostic {
	d := Diagnostic{Severity: severity, Message: lowerFirst(m.Text)}
	if at := m.Location; at != nil {
		d.File = at.File
		if at.Namespace == "" || at.Namespace == "file" {
			d.File = p.show(filepath.Join(p.Dir, filepath.FromSlash(at.File)))
			if filepath.IsAbs(at.File) {
				d.File = p.show(at.File)
			}
		}
		column := min(at.Column, len(at.LineText))
		d.Line, d.Column = at.Line, 1+utf8.RuneCountInString(at.LineText[:column])
		d.Length = utf8.RuneCountInString(at.LineText[column:min(column+at.Length, len(at.LineText))])
		d.LineText = at.LineText
	}
	if parts := unresolved.FindStringSubmatch(m.Text); parts != nil {
		d.Hint = p.resolveHint(parts[1])
		return d
	}
	var hints []string
	for _, note := range m.Notes {
		text := note.Text
		if note.Location != nil {
			text += " (" + p.message(api.Message{Location: note.Location}, severity).at() + ")"
		}
		hints = append(hints, lowerFirst(text))
	}
	d.Hint = strings.Join(hints, "\n")
	return d
}

// at is the place of a diagnostic.
func (d Diagnostic) at() string {
	place, _, _ := strings.Cut(d.String(), ": "+d.Severity.String()+":")
	return place
}

// resolveHint says what to do about an import that leads nowhere.
func (p *Project) resolveHint(specifier string) string {
	root, _, _ := strings.Cut(specifier, "/")
	switch {
	case strings.HasPrefix(specifier, "."), filepath.IsAbs(specifier):
		return "there is no such file"
	case slices.Contains(nodeModules, root):
		return `it is a module of Node.js: add "nodejs_compat" to compatibility_flags, or install a package of that name`
	}
	name := root
	if strings.HasPrefix(specifier, "@") {
		if scope, rest, ok := strings.Cut(specifier, "/"); ok {
			pkg, _, _ := strings.Cut(rest, "/")
			name = scope + "/" + pkg
		}
	}
	return "install it with: npm install " + name
}

// lowerFirst makes the beginning of a sentence that of a fragment, unless its first word is a name such as JSX or WebAssembly.
func lowerFirst(text string) string {
	text = strings.TrimSuffix(text, ".")
	first, size := utf8.DecodeRuneInString(text)
	word, _, _ := strings.Cut(text[size:], " ")
	if unicode.IsUpper(first) && !strings.ContainsFunc(word, unicode.IsUpper) && !strings.Contains(word, ".") {
		return string(unicode.ToLower(first)) + text[size:]
	}
	return text
}
