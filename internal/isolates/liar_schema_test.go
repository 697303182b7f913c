package isolates

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"skerry/internal/hostproto"
)

// schema is protocol/messages.json as the lies are made from it: what it says tomorrow is lied about tomorrow.
type schema struct {
	Limits  map[string]uint32
	Enums   map[string]struct{ Values map[string]uint64 }
	Structs map[string]struct{ Fields [][2]string }
	Control []*schemaMessage

	byID map[uint16]*schemaMessage
}

type schemaMessage struct {
	Name        string
	ID          uint16
	From, About string
	IDOptional  bool `json:"id_optional"`
	Fields      [][2]string

	vectors [][]byte // Good payloads of the host.
}

func (m *schemaMessage) ofHost() bool { return m.From != "supervisor" }

// max is the longest payload that a message may have. The schema has no name for it; PROTOCOL.md does.
func (s *schema) max(m *schemaMessage) uint32 {
	switch m.Name {
	case "StreamData":
		return s.Limits["stream_data_max"]
	case "SocketData":
		return s.Limits["socket_data_max"]
	}
	return s.Limits["frame_payload_max"]
}

func readSchema(t testing.TB) *schema {
	t.Helper()
	text, err := os.ReadFile("../../protocol/messages.json")
	if err != nil {
		t.Fatal(err)
	}
	s := &schema{byID: map[uint16]*schemaMessage{}}
	if err := json.Unmarshal(text, s); err != nil {
		t.Fatal(err)
	}
	byName := map[string]*schemaMessage{}
	for _, m := range s.Control {
		s.byID[m.ID], byName[m.Name] = m, m
	}
	paths, err := filepath.Glob("../../protocol/vectors/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no vectors: %v", err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		keys := map[string]string{}
		for line := range strings.Lines(string(text)) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
			keys[key] = value
		}
		raw, err := hex.DecodeString(strings.ReplaceAll(keys["hex"], " ", ""))
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if m := byName[keys["type"]]; m != nil && keys["kind"] == "control" && keys["from"] != "supervisor" && keys["expect"] == "ok" {
			m.vectors = append(m.vectors, raw[hostproto.HeaderSize:])
		}
	}
	for _, m := range s.Control {
		if m.ofHost() && len(m.vectors) == 0 {
			// StreamData and others that both may send have vectors of the supervisor only where the bytes are the same.
			m.vectors = [][]byte{s.zero(m.Fields)}
		}
	}
	return s
}

// zero is the payload whose fields are all zero or empty.
func (s *schema) zero(fields [][2]string) []byte {
	var b []byte
	for _, f := range fields {
		switch kind, _, _ := strings.Cut(f[1], ":"); kind {
		case "u8", "bool":
			b = append(b, 0)
		case "u16":
			b = append(b, 0, 0)
		case "u32", "str", "bytes", "list":
			b = append(b, 0, 0, 0, 0)
		case "u64", "i64":
			b = append(b, make([]byte, 8)...)
		}
	}
	return b
}

// part is one field of a payload, as bytes.
type part struct {
	name, kind, of string
	raw            []byte
}

// split cuts a payload into its fields. bad says why it is none of the message.
func (s *schema) split(fields [][2]string, payload []byte) (parts []part, rest []byte, bad string) {
	for _, f := range fields {
		p := part{name: f[0]}
		p.kind, p.of, _ = strings.Cut(f[1], ":")
		n := map[string]int{"u8": 1, "bool": 1, "u16": 2, "u32": 4, "u64": 8, "i64": 8}[p.kind]
		switch p.kind {
		case "rest":
			n = len(payload)
		case "str", "bytes":
			if len(payload) < 4 {
				return nil, nil, "truncated"
			}
			length := uint64(binary.LittleEndian.Uint32(payload)) + 4
			if length > uint64(len(payload)) {
				return nil, nil, "truncated"
			}
			n = int(length)
		case "list":
			if len(payload) < 4 {
				return nil, nil, "truncated"
			}
			after := payload[4:]
			for range binary.LittleEndian.Uint32(payload) {
				if len(after) == 0 {
					return nil, nil, "truncated"
				}
				element := [][2]string{{"", p.of}}
				if of, ok := s.Structs[p.of]; ok {
					element = of.Fields
				}
				if _, after, bad = s.split(element, after); bad != "" {
					return nil, nil, bad
				}
			}
			n = len(payload) - len(after)
		}
		if n > len(payload) {
			return nil, nil, "truncated"
		}
		p.raw, payload = payload[:n:n], payload[n:]
		switch {
		case p.kind == "str" && !utf8.Valid(p.raw[4:]):
			return nil, nil, "not UTF-8"
		case p.kind == "bool" && p.raw[0] > 1:
			return nil, nil, "no bool"
		case p.of != "" && p.kind != "list" && !s.inEnum(p.of, number(p.raw)):
			return nil, nil, "outside its enumeration"
		}
		parts = append(parts, p)
	}
	return parts, payload, ""
}

func (s *schema) inEnum(name string, n uint64) bool {
	for _, value := range s.Enums[name].Values {
		if value == n {
			return true
		}
	}
	return false
}

func number(raw []byte) uint64 {
	var b [8]byte
	copy(b[:], raw)
	return binary.LittleEndian.Uint64(b[:])
}

func littleEndian(n uint64, size int) []byte {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], n)
	return bytes.Clone(b[:size])
}

// smallIDs are all ids that a scene of the liar has, and some that it has not.
const smallIDs = 21

// lies are the values that take the place of a field's.
func (s *schema) lies(p part) [][]byte {
	var all [][]byte
	size := map[string]int{"u8": 1, "bool": 1, "u16": 2, "u32": 4, "u64": 8, "i64": 8}[p.kind]
	switch p.kind {
	case "u8", "bool", "u16", "u32", "u64", "i64":
		values := []uint64{1<<64 - 1, 1<<64 - 2, 1 << 63, 1<<63 - 1, 1 << 32, 1<<32 - 1, 1 << 31, 1<<31 - 1, 1 << 16, 1<<16 - 1, 1 << 15, 255, 128, 127}
		few := uint64(smallIDs)
		if p.kind == "u64" || p.kind == "bool" {
			few = 3
		}
		for n := range few {
			values = append(values, n)
		}
		seen := map[string]bool{}
		for _, n := range values {
			if raw := littleEndian(n, size); !seen[string(raw)] {
				seen[string(raw)] = true
				all = append(all, raw)
			}
		}
	case "str", "bytes", "list":
		n := uint64(binary.LittleEndian.Uint32(p.raw))
		for _, length := range []uint64{0, n - 1, n + 1, n + 4, 1<<16 - 1, 1 << 20, 1<<31 - 1, 1 << 31, 1<<32 - 1} { // The length alone lies.
			all = append(all, append(littleEndian(length, 4), p.raw[4:]...))
		}
		texts := []string{"", "a", "\x00", "\xff", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "caf\xc3", "a\r\nb: c", "a\nb\n", "\n\n", "a\n\r\n", "\x1b[2J\u2028\u202e",
			strings.Repeat("x", int(s.Limits["log_text_max"])+1), strings.Repeat("x", int(s.Limits["stack_text_max"])+1), "a\n" + strings.Repeat("x", int(s.Limits["headers_max"])) + "\n",
			strings.Repeat("x", 124), strings.Repeat("y", int(s.Limits["frame_payload_max"])-256)}
		for _, text := range texts {
			if p.kind != "list" {
				all = append(all, append(littleEndian(uint64(len(text)), 4), text...))
			}
		}
	case "rest":
		for _, n := range []uint32{0, 1, s.Limits["stream_data_max"] - 2, s.Limits["stream_data_max"], s.Limits["stream_data_max"] + 1, s.Limits["frame_payload_max"] - 64, s.Limits["frame_payload_max"]} {
			all = append(all, bytes.Repeat([]byte{0xa5}, int(n)))
		}
	}
	return all
}

// lie is something that a host says at some point.
type lie struct {
	scene *scene
	name  string
	say   []byte
	// must: the supervisor has to notice it. Others may be the truth, or of no consequence.
	must bool
	why  string
	// kind is that of others like it: message, field and why it must be noticed.
	kind string
}

func rawFrame(typ uint16, flags uint16, id uint32, payload []byte) []byte {
	b := littleEndian(uint64(len(payload)), 4)
	b = append(append(append(b, littleEndian(uint64(typ), 2)...), littleEndian(uint64(flags), 2)...), littleEndian(uint64(id), 4)...)
	return append(b, payload...)
}

// allLies makes them all, for one scene.
func (s *schema) allLies(at *scene) []*lie {
	var all []*lie
	kind := ""
	tell := func(name string, say []byte) {
		l := &lie{scene: at, name: name, say: say}
		l.why = s.judge(at, say)
		l.must = l.why != ""
		if l.kind = kind + " " + l.why; !at.greeted {
			l.kind = kind[:min(3, len(kind))] + l.why
		}
		all = append(all, l)
	}
	for _, m := range s.Control {
		if !m.ofHost() {
			kind = "direction"
			tell(m.Name+" of the supervisor", rawFrame(m.ID, 0, 1, s.zero(m.Fields)))
			continue
		}
		for v, payload := range m.vectors {
			parts, _, bad := s.split(m.Fields, payload)
			if bad != "" {
				panic(m.Name + ": a good vector is " + bad)
			}
			id := at.about(m)
			for i, p := range parts {
				if value, ok := at.fits(m, p, payload); ok {
					parts[i].raw = littleEndian(uint64(value), len(p.raw))
				}
			}
			join := func(at int, raw []byte) []byte {
				var b []byte
				for i, p := range parts {
					if i == at {
						b = append(b, raw...)
					} else {
						b = append(b, p.raw...)
					}
				}
				return b
			}
			base := join(-1, nil)
			name := fmt.Sprintf("%s/%d", m.Name, v)
			kind = m.Name
			tell(name+" as it is", rawFrame(m.ID, 0, id, base))
			for i, p := range parts {
				kind = m.Name + " " + p.name
				for n, raw := range s.lies(p) {
					tell(fmt.Sprintf("%s %s lie %d (%.12x)", name, p.name, n, raw), rawFrame(m.ID, 0, id, join(i, raw)))
				}
			}
			kind = m.Name + " about"
			for n := range uint32(smallIDs) {
				tell(fmt.Sprintf("%s about %d", name, n), rawFrame(m.ID, 0, n, base))
			}
			for _, n := range []uint32{1 << 16, 1<<31 - 1, 1 << 31, 1<<32 - 2, 1<<32 - 1} {
				tell(fmt.Sprintf("%s about %d", name, n), rawFrame(m.ID, 0, n, base))
			}
			if v > 0 {
				continue
			}
			kind = m.Name + " as a whole"
			for _, flags := range []uint16{1, 2, 1 << 15, 1<<16 - 1} {
				tell(fmt.Sprintf("%s flags %d", name, flags), rawFrame(m.ID, flags, id, base))
			}
			whole := rawFrame(m.ID, 0, id, base)
			for _, length := range []uint64{0, uint64(len(base)) - 1, uint64(len(base)) + 1, uint64(s.max(m)), uint64(s.max(m)) + 1, 1 << 24, 1<<31 - 1, 1 << 31, 1<<32 - 1} {
				tell(fmt.Sprintf("%s says %d bytes", name, uint32(length)), append(littleEndian(length, 4), whole[4:]...))
			}
			tell(name+" and a byte", rawFrame(m.ID, 0, id, append(bytes.Clone(base), 0)))
			tell(name+" too long", rawFrame(m.ID, 0, id, append(bytes.Clone(base), make([]byte, int(s.max(m))+1-len(base))...)))
			for n := range base {
				tell(fmt.Sprintf("%s cut to %d", name, n), rawFrame(m.ID, 0, id, base[:n]))
			}
			for n := range whole {
				all = append(all, &lie{scene: at, name: fmt.Sprintf("%s, and then silence after %d bytes", name, n), say: whole[:n:n]})
			}
			for bit := range len(whole) * 8 {
				flipped := bytes.Clone(whole)
				flipped[bit/8] ^= 1 << (bit % 8)
				tell(fmt.Sprintf("%s bit %d", name, bit), flipped)
			}
		}
	}
	kind = "type"
	for _, typ := range []uint16{0, uint16(len(s.Control)) + 1, 1000, 1<<16 - 1} {
		tell(fmt.Sprintf("type %d", typ), rawFrame(typ, 0, 1, nil))
	}
	return all
}

// judge says why a frame must be noticed, "" if that is not clear from the schema and what both sides know.
func (s *schema) judge(at *scene, frame []byte) string {
	if len(frame) < hostproto.HeaderSize {
		return ""
	}
	length, typ := binary.LittleEndian.Uint32(frame), binary.LittleEndian.Uint16(frame[4:])
	flags, id := binary.LittleEndian.Uint16(frame[6:]), binary.LittleEndian.Uint32(frame[8:])
	m := s.byID[typ]
	switch {
	case m == nil:
		return "unknown type"
	case length > s.max(m):
		return "too long"
	case flags != 0:
		return "flags"
	case !m.ofHost():
		return "direction"
	case id == 0 && m.About != "none" && !m.IDOptional, id != 0 && m.About == "none":
		return "id"
	case int(length) != len(frame)-hostproto.HeaderSize:
		return "" // It goes on with what comes next.
	}
	parts, rest, bad := s.split(m.Fields, frame[hostproto.HeaderSize:])
	if bad != "" {
		if !at.greeted && m.Name != "Ready" && m.Name != "Fatal" {
			return "before Ready"
		}
		return bad
	}
	if len(rest) > 0 {
		return "left over"
	}
	values := map[string]uint64{}
	for _, p := range parts {
		switch p.kind {
		case "str", "bytes", "rest", "list":
			values[p.name] = uint64(len(p.raw))
		default:
			values[p.name] = number(p.raw)
		}
	}
	return at.judge(m.Name, id, values)
}
