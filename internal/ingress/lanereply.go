package ingress

import (
	"bytes"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// laneFieldsMax is the number of header fields of a response that the lane sends itself.
const laneFieldsMax = 64

// replyKeep is the capacity up to which the buffer of a reply is used again.
const replyKeep = 64 << 10

// reply is where a response is put together.
type reply struct {
	out  []byte // what is sent
	text []byte // field lines in the order in which they came
	// fields are the lines of text in the order in which they are sent.
	fields [laneFieldsMax]replyField
	n      int
}

// replyField is a line in reply.text; its name is text[from:name].
type replyField struct{ from, name, to int32 }

var replies = sync.Pool{New: func() any { return &reply{out: make([]byte, 0, 2048), text: make([]byte, 0, 1024)} }}

func (r *reply) recycle() {
	if cap(r.out) <= replyKeep && cap(r.text) <= replyKeep {
		replies.Put(r)
	}
}

// value ends the line whose name has been written from the given place on.
func (r *reply) value(from int32, value []byte) bool {
	name := len(r.text) - int(from)
	r.text = append(r.text, ": "...)
	r.text = append(r.text, trimSpace(value)...)
	r.text = append(r.text, '\r', '\n')
	return r.line(from, name)
}

// line adds a line that is complete in text, sorted by name as net/http does it, those of one name in their order. It is false if
// there are too many.
func (r *reply) line(from int32, name int) bool {
	if r.n == laneFieldsMax {
		return false
	}
	f := replyField{from: from, name: from + int32(name), to: int32(len(r.text))}
	at := r.n
	for at > 0 && string(r.text[f.from:f.name]) < string(r.text[r.fields[at-1].from:r.fields[at-1].name]) {
		r.fields[at] = r.fields[at-1]
		at--
	}
	r.fields[at] = f
	r.n++
	return true
}

// build puts together what respond and net/http would send for an inline response. body is the number of bytes of its body. false: it
// is one that respond has to look at.
func (r *reply) build(resp *Response, requestID string, head, closing bool, now time.Time) (body int, ok bool) {
	if resp.Status < 200 || resp.Status > 599 {
		return 0, false
	}
	r.text, r.n = r.text[:0], 0
	noBody := resp.Status == http.StatusNoContent || resp.Status == http.StatusNotModified
	var length []byte // of the worker
	dated := false
	for packed := resp.Headers; len(packed) > 0; {
		i := bytes.IndexByte(packed, '\n')
		if i < 0 {
			return 0, false
		}
		name := packed[:i]
		packed = packed[i+1:]
		if i = bytes.IndexByte(packed, '\n'); i < 0 {
			return 0, false
		}
		value := packed[:i]
		packed = packed[i+1:]
		if bytes.IndexByte(value, '\r') >= 0 || bytes.IndexByte(value, 0) >= 0 {
			return 0, false
		}
		if droppedFromResponse(string(name)) {
			continue
		}
		switch string(name) {
		case "content-length":
			length = value
			continue
		case "content-type":
			if resp.Status == http.StatusNotModified {
				continue // as net/http does
			}
		case "date":
			dated = true
		}
		from := int32(len(r.text))
		if key, ok := canonicalNames[string(name)]; ok {
			r.text = append(r.text, key...)
		} else if r.text, ok = appendCanonical(r.text, name); !ok {
			return 0, false
		}
		if !r.value(from, value) {
			return 0, false
		}
	}
	from := int32(len(r.text))
	r.text = append(r.text, "X-Skerry-Request-Id: "...)
	r.text = append(r.text, requestID...)
	r.text = append(r.text, '\r', '\n')
	if !r.line(from, len("X-Skerry-Request-Id")) {
		return 0, false
	}

	announced := -1 // Content-Length among the fields; else it comes at the end
	computed := false
	switch {
	case noBody:
	case resp.Status == http.StatusResetContent:
		announced = 0
	case head && len(resp.Inline) > 0:
		announced = len(resp.Inline)
	case head:
		if _, ok := parseDigits(length); ok {
			from := int32(len(r.text))
			r.text = append(r.text, "Content-Length"...)
			if !r.value(from, length) {
				return 0, false
			}
		}
	default:
		body = len(resp.Inline)
		if computed = body <= computedLength; !computed {
			announced = body
		}
	}
	if announced >= 0 {
		from := int32(len(r.text))
		r.text = append(r.text, "Content-Length: "...)
		r.text = strconv.AppendInt(r.text, int64(announced), 10)
		r.text = append(r.text, '\r', '\n')
		if !r.line(from, len("Content-Length")) {
			return 0, false
		}
	}

	out := append(r.out[:0], "HTTP/1.1 "...)
	out = strconv.AppendInt(out, int64(resp.Status), 10)
	if text := http.StatusText(resp.Status); text != "" {
		out = append(append(out, ' '), text...)
	} else {
		out = strconv.AppendInt(append(out, " status code "...), int64(resp.Status), 10)
	}
	out = append(out, '\r', '\n')
	for _, f := range r.fields[:r.n] {
		out = append(out, r.text[f.from:f.to]...)
	}
	if !dated {
		out = append(out, dateLine(now)...)
	}
	if computed {
		out = strconv.AppendInt(append(out, "Content-Length: "...), int64(body), 10)
		out = append(out, '\r', '\n')
	}
	if closing {
		out = append(out, "Connection: close\r\n"...)
	}
	out = append(out, '\r', '\n')
	if body > 0 {
		out = append(out, resp.Inline...)
	}
	r.out = out
	return body, true
}

// appendCanonical appends a name as http.CanonicalHeaderKey writes it; false if it is no token in lower case.
func appendCanonical(b, name []byte) ([]byte, bool) {
	upper := true
	for _, c := range name {
		if laneNames[c] != c || c == 0 {
			return b, false
		}
		if upper && 'a' <= c && c <= 'z' {
			b = append(b, c-('a'-'A'))
		} else {
			b = append(b, c)
		}
		upper = c == '-'
	}
	return b, len(name) > 0
}

// dated is the Date line of one second.
type dated struct {
	second int64
	line   []byte
}

var lastDate atomic.Pointer[dated]

// dateLine is the field Date with its line end.
func dateLine(now time.Time) []byte {
	second := now.Unix()
	if d := lastDate.Load(); d != nil && d.second == second {
		return d.line
	}
	line := append(now.UTC().AppendFormat([]byte("Date: "), http.TimeFormat), '\r', '\n')
	lastDate.Store(&dated{second, line})
	return line
}
