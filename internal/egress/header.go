package egress

import (
	"bytes"
	"net/http"
	"strings"

	"skerry/internal/hostproto"
)

// Fields that a worker cannot set: hop-by-hop ones (RFC 9110 §7.6.1), those that follow from the URL and the body, and the
// platform's own.
var dropped = map[string]bool{
	"Connection": true, "Keep-Alive": true, "Proxy-Connection": true, "Te": true, "Trailer": true, "Transfer-Encoding": true,
	"Host": true, "Content-Length": true, "Expect": true, "Cf-Worker": true, "Cf-Ew-Via": true, "X-Skerry-Request-Id": true, "Http2-Settings": true,
}

// acceptEncoding is sent if the worker says nothing else.
const acceptEncoding = "br, gzip"

// requestHeader unpacks a worker's fields. They come from an isolate host: nothing about them is taken for granted.
func requestHeader(packed []byte) (http.Header, error) {
	h := http.Header{"User-Agent": {""}} // net/http would add its own
	if len(packed) > 0 {
		if packed[len(packed)-1] != '\n' || bytes.Count(packed, []byte{'\n'})%2 != 0 || bytes.ContainsAny(packed, "\r\x00") {
			return nil, fail(hostproto.CallCodeRefused, "the request's header fields are malformed")
		}
		for text := string(packed); text != ""; {
			name, rest, _ := strings.Cut(text, "\n")
			value, rest, _ := strings.Cut(rest, "\n")
			text = rest
			if !isToken(name) {
				return nil, fail(hostproto.CallCodeRefused, "the request has an invalid header field name %.64q", name)
			}
			switch key := http.CanonicalHeaderKey(name); {
			case dropped[key]:
			case key == "Upgrade" && !strings.EqualFold(value, "websocket"):
				return nil, fail(hostproto.CallCodeUnsupported, "the only upgrade that can be asked for is websocket, not %.32q", value)
			case key == "User-Agent":
				h[key] = []string{value}
			default:
				h[key] = append(h[key], value)
			}
		}
	}
	if _, ok := h["Accept-Encoding"]; !ok {
		h["Accept-Encoding"] = []string{acceptEncoding}
	}
	return h, nil
}

// packHeader packs a response's fields, without hop-by-hop ones and without what would break the packing.
func packHeader(h http.Header) []byte {
	size := 0
	for name, values := range h {
		for _, value := range values {
			size += len(name) + len(value) + 2
		}
	}
	packed := make([]byte, 0, size)
	for name, values := range h {
		switch name {
		case "Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade":
			continue
		}
		if !isToken(name) {
			continue
		}
		lower := strings.ToLower(name)
		for _, value := range values {
			if strings.ContainsAny(value, "\r\n\x00") {
				continue
			}
			packed = append(packed, lower...)
			packed = append(packed, '\n')
			packed = append(packed, value...)
			packed = append(packed, '\n')
		}
	}
	return packed
}

func isToken(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0) {
			return false
		}
	}
	return s != ""
}
