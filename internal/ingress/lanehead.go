package ingress

import (
	"bytes"
	"encoding/binary"
	"strconv"
)

// laneHead is the head of a request that the lane understands. Its slices point into what was parsed.
type laneHead struct {
	size   int // bytes, with the empty line at its end
	head   bool
	close  bool // Connection: close
	target []byte
	host   []byte
	depth  int // Cf-Ew-Via, 0 if there is none
}

type laneVerdict uint8

const (
	lanePartial laneVerdict = iota // more bytes are needed to tell
	laneSimple
	laneOther // for net/http
)

const (
	laneGet   = "GET /"
	laneHEAD  = "HEAD /"
	laneProto = " HTTP/1.1"
)

// parse reads a head and packs its fields as appendRequestHeaders does, in their order, behind packed. It accepts a subset of
// what net/http accepts, and reads it as net/http does (FuzzLaneHead): GET or HEAD in HTTP/1.1, a target in origin form without
// fragment, every line ended by CR LF, no folded line, one valid Host, nothing that frames a body or asks to switch protocols,
// no field that net/http changes.
func (h *laneHead) parse(b, packed []byte, limits *Limits) ([]byte, laneVerdict) {
	*h = laneHead{}
	prefix := laneGet
	if len(b) > 0 && b[0] == 'H' {
		prefix, h.head = laneHEAD, true
	}
	if len(b) < len(prefix) {
		if string(b) == prefix[:len(b)] {
			return packed, lanePartial
		}
		return packed, laneOther
	}
	if string(b[:len(prefix)]) != prefix {
		return packed, laneOther
	}
	end := bytes.IndexByte(b, '\n')
	if end < 0 {
		return packed, lanePartial
	}
	line := b[:end]
	tail := len(line) - len(laneProto) - 1
	if tail < len(prefix) || string(line[tail:]) != laneProto+"\r" {
		return packed, laneOther
	}
	h.target = line[len(prefix)-1 : tail]
	if !isPlainTarget(h.target) {
		return packed, laneOther
	}
	var pragma, cacheControl, connection bool
	fields := 0
	for at := end + 1; ; {
		rest := b[at:]
		if len(rest) > 0 && laneNames[rest[0]] == 0 && rest[0] != '\r' {
			return packed, laneOther // folded, or a bare LF, or no name
		}
		end := bytes.IndexByte(rest, '\n')
		if end < 0 {
			return packed, lanePartial
		}
		if end == 0 || rest[end-1] != '\r' {
			return packed, laneOther
		}
		at += end + 1
		line := rest[:end-1]
		if len(line) == 0 {
			h.size = at
			break
		}
		if fields++; fields > limits.HeaderFields {
			return packed, laneOther
		}
		start := len(packed)
		colon := -1
		for i, c := range line {
			if c == ':' {
				colon = i
				break
			}
			lower := laneNames[c]
			if lower == 0 {
				return packed, laneOther
			}
			packed = append(packed, lower)
		}
		if colon <= 0 {
			return packed, laneOther
		}
		name := packed[start:]
		value := trimSpace(line[colon+1:])
		if !isFieldValue(value) {
			return packed, laneOther
		}
		drop := false
		switch string(name) {
		case "host":
			if h.host != nil || !isPlainHost(value) {
				return packed, laneOther
			}
			h.host, drop = value, true
		case "connection":
			switch {
			case connection:
				return packed, laneOther
			case equalFold(value, "close"):
				h.close = true
			case !equalFold(value, "keep-alive"):
				return packed, laneOther
			}
			connection, drop = true, true
		case "content-length", "transfer-encoding", "expect", "upgrade", "trailer":
			return packed, laneOther
		case "pragma":
			// The first one that is exactly this makes net/http add a Cache-Control, if there is none.
			pragma = pragma || string(value) == "no-cache"
		case "cache-control":
			cacheControl = true
		case "cf-ew-via":
			if h.depth != 0 {
				return packed, laneOther // more than one
			}
			depth, err := strconv.Atoi(string(value))
			if err != nil || depth <= 0 {
				return packed, laneOther
			}
			h.depth, drop = depth, true
		case "keep-alive", "proxy-connection", "te", "cf-connecting-ip", "x-real-ip", "x-forwarded-proto", "x-skerry-request-id", "cf-worker":
			drop = true
		}
		if drop {
			packed = packed[:start]
			continue
		}
		packed = append(packed, '\n')
		packed = append(packed, value...)
		packed = append(packed, '\n')
	}
	if h.host == nil || pragma && !cacheControl || h.size > limits.HeaderBytes || h.depth >= limits.Depth {
		return packed, laneOther
	}
	return packed, laneSimple
}

// laneNames has the lower case of the bytes of a token, 0 for all others.
var laneNames = func() (table [256]byte) {
	for c, ok := range tokenBytes {
		if ok {
			table[c] = byte(c)
			if 'A' <= c && c <= 'Z' {
				table[c] += 'a' - 'A'
			}
		}
	}
	return table
}()

// isPlainTarget says whether a path and query need no second thought: visible ASCII, no fragment, and percent signs in the path only
// where they encode a byte.
func isPlainTarget(target []byte) bool {
	query := false
	for i := 0; i < len(target); i++ {
		switch c := target[i]; {
		case c <= ' ' || c >= 0x7f || c == '#':
			return false
		case c == '?':
			query = true
		case c == '%' && !query:
			if i+2 >= len(target) || !isHex(target[i+1]) || !isHex(target[i+2]) {
				return false
			}
		}
	}
	return true
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// isPlainHost says whether a value is made of what hosts and ports are usually made of. normaliseHost judges the rest.
func isPlainHost(host []byte) bool {
	for _, c := range host {
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || c == '.' || c == '-' || c == ':' || c == '_' || c == '[' || c == ']') {
			return false
		}
	}
	return len(host) > 0
}

// isFieldValue says whether a value has no control character but tabs. Eight bytes at a time.
func isFieldValue(value []byte) bool {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for len(value) >= 8 {
		word := binary.LittleEndian.Uint64(value)
		low := (word - ones*0x20) &^ word & highs // a byte below 0x20, and perhaps above it others
		del := word ^ ones*0x7f
		del = (del - ones) &^ del & highs
		if low|del != 0 && !hasNoControls(value[:8]) {
			return false
		}
		value = value[8:]
	}
	return hasNoControls(value)
}

func hasNoControls(value []byte) bool {
	for _, c := range value {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

func trimSpace(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}

// equalFold compares with a text in lower case.
func equalFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
