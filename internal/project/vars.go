package project

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"skerry/internal/worker"
)

// Limits on variables, those of the Workers platform.
const (
	// MaxVars is the number of variables and secrets of a worker.
	MaxVars = 128
	// MaxVar is the size of the value of one in bytes.
	MaxVar = 5 << 10
)

// decodeVars gathers the bindings: vars, then what .dev.vars or .env say, which wins.
func (l *loader) decodeVars() {
	d := l.doc
	if vars, ok := d.object(l.get("vars"), l.full("vars")); ok {
		for i := range vars.members {
			m := &vars.members[i]
			l.addVar(m, worker.Binding{Name: m.key})
		}
	}
	required := l.requiredSecrets()
	if l.opts.Deploy || l.p.File == "" && l.p.Main == "" {
		return
	}
	values, order := l.readDevVars()
	for _, name := range order {
		i := slices.IndexFunc(l.p.Bindings, func(b worker.Binding) bool { return b.Name == name })
		if i < 0 && required != nil && !slices.ContainsFunc(required, func(n *node) bool { return n.text == name }) {
			continue // with a list of secrets, only those are taken
		}
		binding := worker.Binding{Name: name, Kind: worker.TextBinding, Text: values[name]}
		if len(binding.Text) > MaxVar {
			d.report(Error, d.root.from, d.root.from+1, "", "variable %q of the local variables has more than the %d bytes allowed", name, MaxVar)
		}
		if i < 0 {
			l.p.Bindings = append(l.p.Bindings, binding)
		} else {
			l.p.Bindings[i] = binding
		}
	}
	for _, n := range required {
		if _, ok := values[n.text]; !ok {
			d.warnAt(n, "add it to .dev.vars", "secret %q is required and has no value", n.text)
		}
	}
	if len(l.p.Bindings) > MaxVars {
		d.report(Error, d.root.from, d.root.from+1, "", "the worker has %d variables, and %d are allowed", len(l.p.Bindings), MaxVars)
	}
}

func (l *loader) addVar(m *member, b worker.Binding) {
	size := len(m.value.text)
	if m.value.kind == stringKind {
		b.Kind, b.Text = worker.TextBinding, m.value.text
	} else {
		b.Kind, b.JSON = worker.JSONBinding, m.value.json(nil)
		size = len(b.JSON)
	}
	if size > MaxVar {
		l.doc.errorAt(m.value, "", "variable %q has %d bytes, and %d are allowed", m.key, size, MaxVar)
	}
	l.p.Bindings = append(l.p.Bindings, b)
}

// requiredSecrets is the list secrets.required, nil if there is none.
func (l *loader) requiredSecrets() []*node {
	object, ok := l.doc.object(l.get("secrets"), l.full("secrets"), secretKeys...)
	if !ok {
		return nil
	}
	_, nodes := l.doc.strs(object.get("required"), l.full("secrets")+".required")
	if nodes == nil {
		nodes = []*node{}
	}
	return nodes
}

// readDevVars reads the local variables as wrangler does: .dev.vars.<env> if it is there, else .dev.vars, else all of
// .env, .env.local, .env.<env> and .env.<env>.local, where the later ones win and ${NAME} refers to other values.
func (l *loader) readDevVars() (values map[string]string, order []string) {
	candidates := []string{".dev.vars"}
	envFiles := []string{".env", ".env.local"}
	if l.opts.Env != "" {
		candidates = []string{".dev.vars." + l.opts.Env, ".dev.vars"}
		envFiles = append(envFiles, ".env."+l.opts.Env, ".env."+l.opts.Env+".local")
	}
	values = make(map[string]string)
	add := func(names []string, found map[string]string) {
		for _, name := range names {
			if _, ok := values[name]; !ok {
				order = append(order, name)
			}
			values[name] = found[name]
		}
	}
	for _, name := range candidates {
		if names, found, ok := l.readEnvFile(name); ok {
			add(names, found)
			return values, order
		}
	}
	for _, name := range envFiles {
		if names, found, ok := l.readEnvFile(name); ok {
			add(names, found)
		}
	}
	e := expander{raw: values, done: make(map[string]string, len(values))}
	for _, name := range order {
		e.value(name)
	}
	return e.done, order
}

func (l *loader) readEnvFile(name string) (names []string, values map[string]string, ok bool) {
	file := filepath.Join(l.p.Dir, name)
	l.p.ConfigFiles = append(l.p.ConfigFiles, file)
	data, err := os.ReadFile(file)
	shown := filepath.ToSlash(filepath.Join(l.p.shown, name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, false
	case err != nil || len(data) > maxConfig:
		l.diags = append(l.diags, Diagnostic{File: shown, Severity: Error, Message: fmt.Sprintf("cannot be read: %v", err)})
		return nil, nil, true
	}
	doc := newDocument(shown, data, &l.diags)
	names, values = doc.parseEnv()
	return names, values, true
}

// parseEnv reads the format of dotenv: NAME=value per line, "export" before it allowed, comments with #, values quoted
// with ' " or ` which may span lines; \n and \r are line ends in double quotes. A line that is none of that is reported.
func (d *document) parseEnv() (names []string, values map[string]string) {
	values = make(map[string]string)
	text := string(d.data)
	for at := 0; at < len(text); {
		end := at + strings.IndexByte(text[at:]+"\n", '\n')
		line := strings.TrimSuffix(text[at:end], "\r")
		trimmed := strings.TrimLeft(line, " \t\ufeff")
		start := at + len(line) - len(trimmed)
		if trimmed == "" || trimmed[0] == '#' {
			at = end + 1
			continue
		}
		if rest, ok := strings.CutPrefix(trimmed, "export "); ok {
			start += len(trimmed) - len(strings.TrimLeft(rest, " \t"))
			trimmed = strings.TrimLeft(rest, " \t")
		}
		name := trimmed[:strings.IndexFunc(trimmed+"=", func(r rune) bool { return !isEnvName(r) })]
		after := strings.TrimLeft(trimmed[len(name):], " \t")
		if name == "" || after == "" || after[0] != '=' && !strings.HasPrefix(after, ": ") {
			d.report(Warning, start, start+len(trimmed), "", "not a line of the form NAME=value: it is ignored")
			at = end + 1
			continue
		}
		valueAt := start + len(trimmed) - len(after) + 1
		value, next, ok := envValue(text, valueAt)
		if !ok {
			d.report(Error, valueAt, end, "", "the quote is never closed")
			return names, values
		}
		if _, seen := values[name]; !seen {
			names = append(names, name)
		}
		values[name] = value
		at = next
	}
	return names, values
}

func isEnvName(r rune) bool {
	return r == '_' || r == '.' || r == '-' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
}

// envValue reads a value and the rest of its line. next is the beginning of the line after it.
func envValue(text string, at int) (value string, next int, ok bool) {
	for at < len(text) && (text[at] == ' ' || text[at] == '\t') {
		at++
	}
	lineEnd := at + strings.IndexByte(text[at:]+"\n", '\n')
	if at < len(text) && strings.IndexByte("'\"`", text[at]) >= 0 {
		quote := text[at]
		for i := at + 1; i < len(text); i++ {
			if text[i] == '\\' && quote == '"' {
				i++
				continue
			}
			if text[i] == quote {
				value = strings.ReplaceAll(text[at+1:i], "\r\n", "\n")
				if quote == '"' {
					value = strings.NewReplacer(`\n`, "\n", `\r`, "\r", `\"`, `"`, `\\`, `\`).Replace(value)
				}
				return value, i + strings.IndexByte(text[i:]+"\n", '\n') + 1, true
			}
		}
		return "", 0, false
	}
	value = strings.TrimSuffix(text[at:lineEnd], "\r")
	if hash := strings.IndexByte(value, '#'); hash >= 0 {
		value = value[:hash]
	}
	return strings.TrimSpace(value), lineEnd + 1, true
}

// expander replaces references between the values of .env files.
type expander struct {
	raw map[string]string
	// done holds the values that are ready, and "" for those under way: a value that contains itself ends there.
	done map[string]string
}

// value is the expanded value of a name, from the environment of this process if no file has it.
func (e *expander) value(name string) string {
	if value, ok := e.done[name]; ok {
		return value
	}
	raw, ok := e.raw[name]
	if !ok {
		return os.Getenv(name)
	}
	e.done[name] = ""
	value := e.expand(raw)
	e.done[name] = value
	return value
}

// expand replaces $NAME, ${NAME} and ${NAME:-default}; \$ is a dollar sign. What would grow over MaxVar is cut.
func (e *expander) expand(text string) string {
	var b strings.Builder
	for i := 0; i < len(text) && b.Len() <= MaxVar; i++ {
		if text[i] == '\\' && i+1 < len(text) && text[i+1] == '$' {
			b.WriteByte('$')
			i++
			continue
		}
		if text[i] != '$' {
			b.WriteByte(text[i])
			continue
		}
		rest := text[i+1:]
		name, fallback, used := "", "", 0
		if strings.HasPrefix(rest, "{") {
			if end := strings.IndexByte(rest, '}'); end > 0 {
				name, fallback, _ = strings.Cut(rest[1:end], ":-")
				used = end + 1
			}
		} else {
			for used < len(rest) && isEnvName(rune(rest[used])) && rest[used] != '.' && rest[used] != '-' {
				used++
			}
			name = rest[:used]
		}
		if name == "" {
			b.WriteByte('$')
			continue
		}
		value := e.value(name)
		if value == "" {
			value = fallback
		}
		b.WriteString(value)
		i += used
	}
	return b.String()
}
