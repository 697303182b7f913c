package hostproto

import (
	"encoding/binary"
	"unicode/utf8"
)

// DecodeFault says what is wrong with a payload. The texts are those of the `expect` line of protocol/vectors.
type DecodeFault string

// The faults of a payload.
const (
	Truncated DecodeFault = "truncated"
	Leftover  DecodeFault = "leftover"
	BadEnum   DecodeFault = "bad_enum"
	BadBool   DecodeFault = "bad_bool"
	BadUTF8   DecodeFault = "bad_utf8"
)

// DecodeError says which field of which message was malformed, and how. Field is empty for bytes left over.
type DecodeError struct {
	Message, Field string
	Fault          DecodeFault
}

func (e *DecodeError) Error() string {
	if e.Field == "" {
		return "decode " + e.Message + ": " + string(e.Fault)
	}
	return "decode " + e.Message + "." + e.Field + ": " + string(e.Fault)
}

// reader takes fields from the front of a payload. The first fault wins; after it every method returns zero.
type reader struct {
	b       []byte
	message string
	field   string
	fault   DecodeFault
}

func (r *reader) fail(field string, fault DecodeFault) {
	if r.fault == "" {
		r.field, r.fault = field, fault
	}
	r.b = nil
}

// take returns the next n bytes, or nil after a fault.
func (r *reader) take(field string, n int) []byte {
	if n > len(r.b) {
		r.fail(field, Truncated)
		return nil
	}
	head := r.b[:n:n]
	r.b = r.b[n:]
	return head
}

func (r *reader) u8(field string) uint8 {
	if b := r.take(field, 1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) u16(field string) uint16 {
	if b := r.take(field, 2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

func (r *reader) u32(field string) uint32 {
	if b := r.take(field, 4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (r *reader) u64(field string) uint64 {
	if b := r.take(field, 8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (r *reader) i64(field string) int64 { return int64(r.u64(field)) }

func (r *reader) bool(field string) bool {
	v := r.u8(field)
	if v > 1 {
		r.fail(field, BadBool)
	}
	return v == 1
}

// bytes aliases the payload.
func (r *reader) bytes(field string) []byte {
	n := r.u32(field)
	if uint64(n) > uint64(len(r.b)) {
		r.fail(field, Truncated)
		return nil
	}
	return r.take(field, int(n))
}

// str copies.
func (r *reader) str(field string) string {
	b := r.bytes(field)
	if !utf8.Valid(b) {
		r.fail(field, BadUTF8)
		return ""
	}
	return string(b)
}

// rest aliases the payload.
func (r *reader) rest(string) []byte {
	b := r.b[:len(r.b):len(r.b)]
	r.b = nil
	return b
}

// count reads the number of elements of a list, each of which takes at least size bytes.
func (r *reader) count(field string, size int) int {
	n := r.u32(field)
	if uint64(n)*uint64(size) > uint64(len(r.b)) {
		r.fail(field, Truncated)
		return 0
	}
	return int(n)
}

func (r *reader) done() error {
	if r.fault == "" && len(r.b) != 0 {
		r.fault = Leftover
	}
	if r.fault == "" {
		return nil
	}
	return &DecodeError{Message: r.message, Field: r.field, Fault: r.fault}
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}
