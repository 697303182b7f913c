package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"sort"
	"strings"
)

// schema is messages.json, checked and in the order in which it is written out.
type schema struct {
	protocol int
	limits   []named
	enums    []*enum
	structs  []*message
	control  []*message
	bindings []*message
}

// named is a name with a number.
type named struct {
	name  string
	value int64
}

type enum struct {
	name, comment string
	bits          int // Size on the wire, from its uses.
	values        []named
}

// message is a control message, a binding message or a struct inside one.
type message struct {
	name, comment string
	id            int
	fromSup       bool
	fromHost      bool
	about         string
	idOptional    bool
	fields        []field
}

// field is one field of a message. For a list the other members describe an element.
type field struct {
	name string
	list bool
	kind string // u8 u16 u32 u64 i64 bool str bytes rest struct
	enum *enum
	sub  *message
}

var (
	typeName  = regexp.MustCompile(`^[A-Z][A-Za-z0-9]*$`)
	valueName = regexp.MustCompile(`^[a-z][A-Za-z0-9]*$`)
	fieldName = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	bits      = map[string]int{"u8": 8, "u16": 16, "u32": 32, "u64": 64}
	abouts    = map[string]bool{"none": true, "worker": true, "event": true, "call": true, "stream": true, "socket": true, "sequence": true}
	reserved  = map[string]bool{"class": true, "default": true, "delete": true, "new": true, "this": true, "switch": true, "case": true,
		"int": true, "char": true, "bool": true, "void": true, "struct": true, "enum": true, "namespace": true, "operator": true,
		"register": true, "signed": true, "unsigned": true, "short": true, "long": true, "float": true, "double": true, "static": true,
		"public": true, "private": true, "protected": true, "virtual": true, "explicit": true, "export": true, "import": true, "if": true,
		"else": true, "for": true, "while": true, "do": true, "return": true, "true": true, "false": true, "null": true, "const": true, "auto": true}
)

type rawMessage struct {
	Name       string     `json:"name"`
	ID         int        `json:"id"`
	From       string     `json:"from"`
	About      string     `json:"about"`
	IDOptional bool       `json:"id_optional"`
	Comment    string     `json:"comment"`
	Fields     [][]string `json:"fields"`
}

func parseSchema(data []byte) (*schema, error) {
	var raw struct {
		Protocol int              `json:"protocol"`
		Limits   map[string]int64 `json:"limits"`
		Enums    map[string]struct {
			Comment string           `json:"comment"`
			Values  map[string]int64 `json:"values"`
		} `json:"enums"`
		Structs map[string]struct {
			Comment string     `json:"comment"`
			Fields  [][]string `json:"fields"`
		} `json:"structs"`
		Control  []rawMessage `json:"control"`
		Bindings []rawMessage `json:"bindings"`
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&raw); err != nil {
		return nil, err
	}
	s := &schema{protocol: raw.Protocol}
	if s.protocol < 1 {
		return nil, fmt.Errorf("protocol %d is not positive", s.protocol)
	}
	taken := map[string]bool{}
	take := func(name string) error {
		if !typeName.MatchString(name) {
			return fmt.Errorf("%q is not a type name", name)
		}
		if taken[name] {
			return fmt.Errorf("%s is defined twice", name)
		}
		taken[name] = true
		return nil
	}
	for _, name := range sortedKeys(raw.Limits) {
		if v := raw.Limits[name]; !fieldName.MatchString(name) || v <= 0 || v > 1<<31-1 {
			return nil, fmt.Errorf("limit %s = %d is not a named positive 31-bit number", name, v)
		}
		s.limits = append(s.limits, named{name, raw.Limits[name]})
	}
	enums := map[string]*enum{}
	for _, name := range sortedKeys(raw.Enums) {
		if err := take(name); err != nil {
			return nil, err
		}
		e := &enum{name: name, comment: raw.Enums[name].Comment}
		seen := map[int64]bool{}
		for value, n := range raw.Enums[name].Values {
			if !valueName.MatchString(value) || reserved[value] || n < 0 || n > 255 || seen[n] {
				return nil, fmt.Errorf("enum %s: bad value %s = %d", name, value, n)
			}
			seen[n] = true
			e.values = append(e.values, named{value, n})
		}
		if len(e.values) == 0 {
			return nil, fmt.Errorf("enum %s has no values", name)
		}
		sort.Slice(e.values, func(i, j int) bool { return e.values[i].value < e.values[j].value })
		enums[name], s.enums = e, append(s.enums, e)
	}
	structs := map[string]*message{}
	parse := func(r rawMessage) (*message, error) {
		if err := take(r.Name); err != nil {
			return nil, err
		}
		m := &message{name: r.Name, comment: r.Comment, id: r.ID, about: r.About, idOptional: r.IDOptional}
		seen := map[string]bool{}
		for i, f := range r.Fields {
			if len(f) != 2 || !fieldName.MatchString(f[0]) || reserved[f[0]] || seen[f[0]] {
				return nil, fmt.Errorf("%s: bad field %v", r.Name, f)
			}
			seen[f[0]] = true
			p, err := parseField(f[0], f[1], enums, structs)
			if err != nil {
				return nil, fmt.Errorf("%s.%s: %w", r.Name, f[0], err)
			}
			if p.kind == "rest" && i != len(r.Fields)-1 {
				return nil, fmt.Errorf("%s.%s: rest is not the last field", r.Name, f[0])
			}
			m.fields = append(m.fields, p)
		}
		return m, nil
	}
	for _, name := range sortedKeys(raw.Structs) {
		m, err := parse(rawMessage{Name: name, Comment: raw.Structs[name].Comment, Fields: raw.Structs[name].Fields})
		if err != nil {
			return nil, err
		}
		if len(m.fields) == 0 || m.fields[len(m.fields)-1].kind == "rest" {
			return nil, fmt.Errorf("struct %s is empty or has a rest field", name)
		}
		for _, f := range m.fields {
			if f.list {
				return nil, fmt.Errorf("%s.%s: lists are not supported in structs", name, f.name)
			}
		}
		structs[name], s.structs = m, append(s.structs, m)
	}
	ids := map[int]bool{}
	for _, r := range raw.Control {
		m, err := parse(r)
		if err != nil {
			return nil, err
		}
		m.fromSup, m.fromHost = r.From == "supervisor" || r.From == "both", r.From == "host" || r.From == "both"
		if !m.fromSup && !m.fromHost || !abouts[m.about] || m.id < 1 || m.id > 255 || ids[m.id] {
			return nil, fmt.Errorf("%s: bad from %q, about %q or id %d", m.name, r.From, m.about, m.id)
		}
		ids[m.id] = true
		s.control = append(s.control, m)
	}
	for _, r := range raw.Bindings {
		if r.ID != 0 || r.From != "" || r.About != "" {
			return nil, fmt.Errorf("%s: a binding message has no id, from or about", r.Name)
		}
		m, err := parse(r)
		if err != nil {
			return nil, err
		}
		for _, f := range m.fields {
			if f.list {
				return nil, fmt.Errorf("%s.%s: lists are not supported in binding messages", m.name, f.name)
			}
		}
		s.bindings = append(s.bindings, m)
	}
	for _, e := range s.enums {
		if e.bits == 0 {
			return nil, fmt.Errorf("enum %s is not used", e.name)
		}
	}
	return s, nil
}

func parseField(name, typ string, enums map[string]*enum, structs map[string]*message) (field, error) {
	f := field{name: name}
	if rest, ok := strings.CutPrefix(typ, "list:"); ok {
		f.list, typ = true, rest
	}
	kind, of, hasEnum := strings.Cut(typ, ":")
	f.kind = kind
	switch {
	case hasEnum:
		e := enums[of]
		if e == nil || bits[kind] == 0 || bits[kind] > 16 {
			return f, fmt.Errorf("bad enumeration type %q", typ)
		}
		if e.bits != 0 && e.bits != bits[kind] {
			return f, fmt.Errorf("%s is used with %d and %d bits", of, e.bits, bits[kind])
		}
		e.bits, f.enum = bits[kind], e
	case structs[kind] != nil:
		f.kind, f.sub = "struct", structs[kind]
	case bits[kind] != 0, kind == "i64", kind == "bool", kind == "str", kind == "bytes", kind == "rest":
	default:
		return f, fmt.Errorf("unknown type %q", typ)
	}
	if f.kind == "struct" && !f.list || f.list && f.kind != "struct" && f.kind != "str" {
		return f, fmt.Errorf("%q: only lists of str and of structs are supported", typ)
	}
	return f, nil
}

// minSize is the least number of bytes that one element of a list field takes.
func (f field) minSize() int {
	if f.sub == nil {
		return 4
	}
	n := 0
	for _, g := range f.sub.fields {
		switch g.kind {
		case "u8", "bool":
			n++
		case "u16":
			n += 2
		case "u64", "i64":
			n += 8
		default:
			n += 4
		}
	}
	return n
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// camel turns snake_case into CamelCase.
func camel(s string) string {
	var b strings.Builder
	for _, part := range strings.Split(s, "_") {
		b.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return b.String()
}
