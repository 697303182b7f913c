package project

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/tailscale/hujson"
)

// hujsonError is how hujson writes the place of a mistake.
var hujsonError = regexp.MustCompile(`^hujson: line (\d+), column (\d+): (.*)$`)

// parseJSON makes the tree of a file in JSON with comments and trailing commas. A mistake is reported; then root is nil.
func (d *document) parseJSON() {
	value, err := hujson.Parse(d.data)
	if err != nil {
		offset, message := len(d.data), err.Error()
		if parts := hujsonError.FindStringSubmatch(message); parts != nil {
			line, _ := strconv.Atoi(parts[1])
			column, _ := strconv.Atoi(parts[2])
			if line >= 1 && line <= len(d.lines) {
				offset = d.lines[line-1] + column - 1
			}
			message = parts[3]
		}
		hint := ""
		if strings.Contains(message, "after object value") || strings.Contains(message, "after array value") {
			hint = "a comma may be missing before it"
		}
		d.report(Error, offset, offset+1, hint, "not valid JSON: %s", message)
		return
	}
	d.root = d.fromJSON(&value)
}

func (d *document) fromJSON(v *hujson.Value) *node {
	n := &node{from: v.StartOffset, to: v.EndOffset}
	switch value := v.Value.(type) {
	case *hujson.Object:
		n.kind = objectKind
		for i := range value.Members {
			m := &value.Members[i]
			key := m.Name.Value.(hujson.Literal).String()
			if n.find(key) != nil {
				d.report(Warning, m.Name.StartOffset, m.Name.EndOffset, "", "%q is given twice: the last one counts", key)
			}
			entry := member{key: key, from: m.Name.StartOffset, to: m.Name.EndOffset, value: d.fromJSON(&m.Value)}
			if old := n.find(key); old != nil {
				*old = entry
			} else {
				n.members = append(n.members, entry)
			}
		}
	case *hujson.Array:
		n.kind = listKind
		for i := range value.Elements {
			n.items = append(n.items, d.fromJSON(&value.Elements[i]))
		}
	case hujson.Literal:
		switch value.Kind() {
		case 'n':
			n.kind = nullKind
		case 't', 'f':
			n.kind, n.truth = boolKind, value.Bool()
		case '"':
			n.kind, n.text = stringKind, value.String()
		default:
			n.kind, n.text, n.number = numberKind, string(value), value.Float()
		}
	default:
		panic(fmt.Sprintf("project: unexpected JSON value %T", value))
	}
	return n
}
