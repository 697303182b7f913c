package project

import (
	"slices"
	"strings"

	"skerry/internal/nearest"
)

// The methods below read one value of a configuration file. name is the full key for messages. A missing value (nil) is
// fine and gives the zero value with ok false; a value of a wrong type is reported with what is allowed, and ok is false.

func (d *document) str(n *node, name, allowed string) (text string, ok bool) {
	switch {
	case n == nil:
		return "", false
	case n.kind != stringKind:
		if allowed == "" {
			allowed = "a string"
		}
		d.errorAt(n, "", "%q must be %s, not %s", name, allowed, n.describe())
		return "", false
	}
	return n.text, true
}

func (d *document) boolean(n *node, name string) (truth, ok bool) {
	switch {
	case n == nil:
		return false, false
	case n.kind != boolKind:
		d.errorAt(n, "", "%q must be true or false, not %s", name, n.describe())
		return false, false
	}
	return n.truth, true
}

// integer reads a whole number from low to high; unit is written after "a whole number", such as "of milliseconds".
func (d *document) integer(n *node, name, unit string, low, high int) (number int, ok bool) {
	if n == nil {
		return 0, false
	}
	if n.kind != numberKind || n.number != float64(int64(n.number)) || n.number < float64(low) || n.number > float64(high) {
		if unit != "" {
			unit = " " + unit
		}
		d.errorAt(n, "", "%q must be a whole number%s from %d to %d, not %s", name, unit, low, high, strings.TrimPrefix(n.describe(), "the number "))
		return 0, false
	}
	return int(n.number), true
}

// oneOf reads a string that must be one of a few.
func (d *document) oneOf(n *node, name string, words ...string) (word string, ok bool) {
	allowed := "one of " + quoteList(words)
	text, ok := d.str(n, name, allowed)
	if !ok {
		return "", false
	}
	if !slices.Contains(words, text) {
		d.errorAt(n, didYouMean(text, words), "%q must be %s, not %s", name, allowed, n.describe())
		return "", false
	}
	return text, true
}

// list returns the elements of a list.
func (d *document) list(n *node, name, allowed string) (items []*node, ok bool) {
	switch {
	case n == nil:
		return nil, false
	case n.kind != listKind:
		d.errorAt(n, "", "%q must be a list of %s, not %s", name, allowed, n.describe())
		return nil, false
	}
	return n.items, true
}

// strs reads a list of strings. Elements of another type are reported and left out.
func (d *document) strs(n *node, name string) (texts []string, nodes []*node) {
	items, _ := d.list(n, name, "strings")
	for _, item := range items {
		if item.kind != stringKind {
			d.errorAt(item, "", "every element of %q must be a string, not %s", name, item.describe())
			continue
		}
		texts, nodes = append(texts, item.text), append(nodes, item)
	}
	return texts, nodes
}

// object checks that the value is an object and warns of keys it cannot have.
func (d *document) object(n *node, name string, keys ...string) (object *node, ok bool) {
	switch {
	case n == nil:
		return nil, false
	case n.kind != objectKind:
		with := ""
		if keys != nil {
			with = " with " + quoteList(keys)
		}
		d.errorAt(n, "", "%q must be an object%s, not %s", name, with, n.describe())
		return nil, false
	}
	if keys == nil {
		return n, true
	}
	for i := range n.members {
		if m := &n.members[i]; !slices.Contains(keys, m.key) {
			hint := didYouMean(m.key, keys)
			if hint == "" {
				hint = "known here: " + strings.Join(keys, ", ")
			}
			d.warnKey(m, hint, "unknown key %q in %q", m.key, name)
		}
	}
	return n, true
}

// strMap reads an object whose values are strings.
func (d *document) strMap(n *node, name string) map[string]string {
	if n == nil {
		return nil
	}
	if n.kind != objectKind {
		d.errorAt(n, "", "%q must be an object with strings as values, not %s", name, n.describe())
		return nil
	}
	texts := make(map[string]string, len(n.members))
	for _, m := range n.members {
		if text, ok := d.str(m.value, name+"."+m.key, ""); ok {
			texts[m.key] = text
		}
	}
	return texts
}

func quoteList(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = `"` + w + `"`
	}
	return strings.Join(quoted, ", ")
}

// didYouMean is a hint that names the nearest word, "" if there is none.
func didYouMean(word string, among []string) string {
	if near := nearest.To(word, among); near != "" {
		return `did you mean "` + near + `"?`
	}
	return ""
}
