package hostproto

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// vector is one file of protocol/vectors.
type vector struct {
	name   string
	keys   map[string]string
	fields []string // "field.x: v" lines in order.
	raw    []byte
}

func (v *vector) from() Side {
	if v.keys["from"] == "supervisor" {
		return FromSupervisor
	}
	return FromHost
}

func readVectors(t testing.TB) []*vector {
	t.Helper()
	paths, err := filepath.Glob("../../protocol/vectors/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no vectors: %v", err)
	}
	var all []*vector
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		v := &vector{name: strings.TrimSuffix(filepath.Base(path), ".txt"), keys: map[string]string{}}
		for _, line := range strings.Split(strings.TrimSuffix(string(data), "\n"), "\n") {
			key, value, ok := strings.Cut(line, ": ")
			if !ok {
				t.Fatalf("%s: line %q is not key: value", path, line)
			}
			if strings.HasPrefix(key, "field.") {
				v.fields = append(v.fields, line)
			} else {
				v.keys[key] = value
			}
		}
		if v.raw, err = hex.DecodeString(strings.ReplaceAll(v.keys["hex"], " ", "")); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		all = append(all, v)
	}
	return all
}

// schemaFields are the names of the fields of every message and struct, as the schema writes them.
func schemaFields(t testing.TB) map[string][]string {
	t.Helper()
	type message struct {
		Name   string
		Fields [][]string
	}
	var schema struct {
		Structs  map[string]message
		Control  []message
		Bindings []message
	}
	data, err := os.ReadFile("../../protocol/messages.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &schema); err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	add := func(m message) {
		all[m.Name] = []string{}
		for _, f := range m.Fields {
			all[m.Name] = append(all[m.Name], f[0])
		}
	}
	for name, m := range schema.Structs {
		m.Name = name
		add(m)
	}
	for _, m := range append(schema.Control, schema.Bindings...) {
		add(m)
	}
	return all
}

// describe writes a decoded message as the field lines of a vector.
func describe(names map[string][]string, prefix string, m reflect.Value) []string {
	var lines []string
	for i, name := range names[m.Type().Name()] {
		key, v := prefix+name, m.Field(i)
		switch {
		case v.Kind() == reflect.Slice && v.Type().Elem().Kind() != reflect.Uint8:
			lines = append(lines, fmt.Sprintf("%s: %d", key, v.Len()))
			for j := range v.Len() {
				if e := v.Index(j); e.Kind() == reflect.Struct {
					lines = append(lines, describe(names, fmt.Sprintf("%s.%d.", key, j), e)...)
				} else {
					lines = append(lines, fmt.Sprintf("%s.%d: %x", key, j, e.String()))
				}
			}
		case v.Kind() == reflect.Slice:
			lines = append(lines, fmt.Sprintf("%s: %x", key, v.Bytes()))
		case v.Kind() == reflect.String:
			lines = append(lines, fmt.Sprintf("%s: %x", key, v.String()))
		case v.Kind() == reflect.Bool:
			lines = append(lines, fmt.Sprintf("%s: %d", key, map[bool]int{true: 1}[v.Bool()]))
		case v.CanInt():
			lines = append(lines, fmt.Sprintf("%s: %d", key, v.Int()))
		default:
			lines = append(lines, fmt.Sprintf("%s: %d", key, v.Uint()))
		}
	}
	return lines
}

// appender is any message, control or binding.
type appender interface{ AppendTo([]byte) []byte }

var bindingDecoders = map[string]func([]byte) (appender, error){
	"FetchCall":   func(b []byte) (appender, error) { m, err := DecodeFetchCall(b); return m, err },
	"FetchResult": func(b []byte) (appender, error) { m, err := DecodeFetchResult(b); return m, err },
}

// verdict runs a vector and returns what it came to in the words of `expect`, and the frame and message if any.
func (v *vector) verdict() (string, Frame, appender) {
	fault := func(err error) string {
		var d *DecodeError
		if errors.As(err, &d) {
			return string(d.Fault)
		}
		return err.Error()
	}
	if v.keys["kind"] == "binding" {
		m, err := bindingDecoders[v.keys["type"]](v.raw)
		if err != nil {
			return fault(err), Frame{}, nil
		}
		return "ok", Frame{}, m
	}
	p := NewParser(v.from())
	p.Added(copy(p.Space(), v.raw))
	f, ok, err := p.Next()
	var frameError *FrameError
	if errors.As(err, &frameError) {
		return string(frameError.Fault), Frame{}, nil
	}
	if !ok {
		return "more", Frame{}, nil
	}
	m, err := DecodeMessage(f.Type, f.Payload)
	if err != nil {
		return fault(err), f, nil
	}
	if p.Partial() {
		return "bytes after the frame", f, m
	}
	return "ok", f, m
}

func TestVectors(t *testing.T) {
	names := schemaFields(t)
	covered, expects := map[string]bool{}, map[string]bool{}
	for _, v := range readVectors(t) {
		t.Run(v.name, func(t *testing.T) {
			got, f, m := v.verdict()
			expects[got] = true
			if got != v.keys["expect"] {
				t.Fatalf("got %s, want %s", got, v.keys["expect"])
			}
			if got != "ok" {
				return
			}
			name := reflect.TypeOf(m).Name()
			covered[name] = true
			if name != v.keys["type"] {
				t.Errorf("type %s, want %s", name, v.keys["type"])
			}
			if lines := describe(names, "field.", reflect.ValueOf(m)); strings.Join(lines, "\n") != strings.Join(v.fields, "\n") {
				t.Errorf("fields\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(v.fields, "\n"))
			}
			again := m.AppendTo(nil)
			if v.keys["kind"] == "control" {
				if fmt.Sprint(f.ID) != v.keys["id"] || f.Type.String() != v.keys["type"] {
					t.Errorf("frame %s %d, want %s %s", f.Type, f.ID, v.keys["type"], v.keys["id"])
				}
				var err error
				if again, err = AppendFrame(nil, f.ID, m.(Message)); err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(again, v.raw) {
				t.Errorf("encodes to %x, want %x", again, v.raw)
			}
		})
	}
	for name := range names {
		if name != "Module" && !covered[name] {
			t.Errorf("no ok vector for %s", name)
		}
	}
	for _, e := range []string{"ok", "more", "too_long", "bad_type", "bad_flags", "bad_direction", "bad_id", "truncated", "leftover", "bad_enum", "bad_bool", "bad_utf8"} {
		if !expects[e] {
			t.Errorf("no vector for %s", e)
		}
	}
}

// Goal: nothing cut short is taken for whole. Method: every proper prefix of every good vector, once as a frame whose
// rest has not come, once as a frame whose header agrees with the cut.
func TestVectorPrefixes(t *testing.T) {
	for _, v := range readVectors(t) {
		if v.keys["expect"] != "ok" {
			continue
		}
		for n := range v.raw {
			cut := &vector{keys: v.keys, raw: v.raw[:n]}
			if v.keys["kind"] == "binding" {
				if got, _, _ := cut.verdict(); got != "truncated" {
					t.Errorf("%s cut to %d: %s, want truncated", v.name, n, got)
				}
				continue
			}
			if got, _, _ := cut.verdict(); got != "more" {
				t.Errorf("%s cut to %d: %s, want more", v.name, n, got)
			}
			if n < HeaderSize {
				continue
			}
			h := DecodeHeader(v.raw)
			m, err := DecodeMessage(h.Type, v.raw[HeaderSize:n])
			if err == nil && !bytes.Equal(m.AppendTo(nil), v.raw[HeaderSize:n]) {
				t.Errorf("%s: payload cut to %d decodes to another message", v.name, n-HeaderSize)
			}
			if err == nil && !hasRest(m) {
				t.Errorf("%s: payload cut to %d decodes", v.name, n-HeaderSize)
			}
		}
	}
}

func hasRest(m Message) bool {
	switch m.Type() {
	case TypeWorkerData, TypeResponse, TypeCall, TypeCallResult, TypeStreamData, TypeCodeCache, TypeSocketData:
		return true
	}
	return false
}

// Goal: how bytes are cut into reads does not matter. Method: all good frames of a side in one stream, by 1, 2, 3, … bytes.
func TestParserByteAtATime(t *testing.T) {
	for _, from := range []Side{FromSupervisor, FromHost} {
		var stream []byte
		var want []string
		for _, v := range readVectors(t) {
			if v.keys["expect"] == "ok" && v.keys["kind"] == "control" && v.from() == from {
				stream = append(stream, v.raw...)
				want = append(want, v.keys["type"]+" "+v.keys["id"])
			}
		}
		for _, step := range []int{1, 2, 3, 7, 13, 100, len(stream)} {
			p := NewParser(from)
			var got []string
			for rest := stream; len(rest) > 0; {
				n := copy(p.Space(), rest[:min(step, len(rest))])
				rest = rest[n:]
				p.Added(n)
				for {
					f, ok, err := p.Next()
					if err != nil {
						t.Fatal(err)
					}
					if !ok {
						break
					}
					if _, err := DecodeMessage(f.Type, f.Payload); err != nil {
						t.Fatal(err)
					}
					got = append(got, fmt.Sprintf("%s %d", f.Type, f.ID))
				}
			}
			if strings.Join(got, ",") != strings.Join(want, ",") || p.Partial() {
				t.Errorf("from %s by %d bytes: %v, want %v", from, step, got, want)
			}
		}
	}
}
