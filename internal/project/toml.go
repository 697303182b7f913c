package project

import (
	"bytes"
	"errors"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// parseTOML makes the tree of a TOML file. A mistake is reported; then root is nil.
func (d *document) parseTOML() {
	// The decoder checks everything there is to check, such as tables defined twice. The tree is then built from the
	// positions that only the parser below it gives.
	var ignored map[string]any
	if err := toml.Unmarshal(d.data, &ignored); err != nil {
		d.reportTOML(err)
		return
	}
	var p unstable.Parser
	p.Reset(d.data)
	root := &node{kind: objectKind, to: 1}
	current := root
	for p.NextExpression() {
		switch e := p.Expression(); e.Kind {
		case unstable.Table:
			current = d.descend(root, tomlKeys(e))
		case unstable.ArrayTable:
			keys := tomlKeys(e)
			last := keys[len(keys)-1]
			parent := d.descend(root, keys[:len(keys)-1])
			list := parent.get(last.key)
			if list == nil {
				list = &node{kind: listKind, from: last.from, to: last.to}
				parent.members = append(parent.members, member{last.key, last.from, last.to, list})
			}
			current = &node{kind: objectKind, from: last.from, to: last.to}
			list.items = append(list.items, current)
		case unstable.KeyValue:
			d.setTOML(current, e)
		}
	}
	if err := p.Error(); err != nil {
		d.reportTOML(err)
		return
	}
	d.root = root
}

func (d *document) reportTOML(err error) {
	offset, message := 0, strings.TrimPrefix(err.Error(), "toml: ")
	var located *toml.DecodeError
	if errors.As(err, &located) {
		row, column := located.Position()
		if row >= 1 && row <= len(d.lines) {
			offset = d.lines[row-1] + max(column, 1) - 1
		}
	}
	hint := ""
	if strings.HasPrefix(message, "expected keyword") || strings.HasSuffix(message, "at start of value") {
		hint = "text needs quotes"
	}
	d.report(Error, offset, offset+1, hint, "not valid TOML: %s", message)
}

// tomlKeys are the parts of a possibly dotted key.
func tomlKeys(e *unstable.Node) (keys []member) {
	for it := e.Key(); it.Next(); {
		k := it.Node()
		from := int(k.Raw.Offset)
		keys = append(keys, member{key: string(k.Data), from: from, to: from + int(k.Raw.Length)})
	}
	return keys
}

// descend returns the table that keys lead to, making those that are not there. A list of tables stands for its last one.
func (d *document) descend(at *node, keys []member) *node {
	for _, k := range keys {
		next := at.get(k.key)
		if next == nil {
			next = &node{kind: objectKind, from: k.from, to: k.to}
			at.members = append(at.members, member{k.key, k.from, k.to, next})
		}
		if next.kind == listKind && len(next.items) > 0 {
			next = next.items[len(next.items)-1]
		}
		at = next
	}
	return at
}

func (d *document) setTOML(at *node, e *unstable.Node) {
	keys := tomlKeys(e)
	last := keys[len(keys)-1]
	at = d.descend(at, keys[:len(keys)-1])
	start := last.to
	for start < len(d.data) && (d.data[start] == ' ' || d.data[start] == '\t' || d.data[start] == '=') {
		start++
	}
	at.members = append(at.members, member{last.key, last.from, last.to, d.fromTOML(e.Value(), start)})
}

// fromTOML converts a value that begins at from. The parser knows the place of everything but arrays.
func (d *document) fromTOML(v *unstable.Node, from int) *node {
	n := &node{from: from, to: from + 1}
	if v.Raw.Length > 0 {
		n.from = int(v.Raw.Offset)
		n.to = n.from + int(v.Raw.Length)
	}
	switch v.Kind {
	case unstable.String:
		n.kind, n.text = stringKind, string(v.Data)
	case unstable.Bool:
		n.kind, n.truth = boolKind, bytes.Equal(v.Data, []byte("true"))
	case unstable.Integer:
		n.kind = numberKind
		whole, err := strconv.ParseInt(strings.ReplaceAll(string(v.Data), "_", ""), 0, 64)
		n.number, n.text = float64(whole), strconv.FormatInt(whole, 10)
		if err != nil { // a leading zero in the exponent of nothing: the decoder has refused it before
			n.text = string(v.Data)
		}
	case unstable.Float:
		n.kind, n.text = numberKind, strings.ReplaceAll(string(v.Data), "_", "")
		n.number, _ = strconv.ParseFloat(n.text, 64)
	case unstable.Array:
		n.kind = listKind
		for it := v.Children(); it.Next(); {
			if child := it.Node(); child.Kind != unstable.Comment {
				n.items = append(n.items, d.fromTOML(child, from))
			}
		}
	case unstable.InlineTable:
		n.kind = objectKind
		for it := v.Children(); it.Next(); {
			if child := it.Node(); child.Kind == unstable.KeyValue {
				d.setTOML(n, child)
			}
		}
	default: // dates and times, which JSON has as strings
		n.kind, n.text = stringKind, string(v.Data)
	}
	return n
}
