package ingress

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
)

// lowerNames and canonicalNames translate the names of common header fields without allocating.
var lowerNames, canonicalNames = func() (map[string]string, map[string]string) {
	names := strings.Fields(`accept accept-charset accept-encoding accept-language accept-ranges access-control-allow-credentials
		access-control-allow-headers access-control-allow-methods access-control-allow-origin access-control-expose-headers access-control-max-age
		access-control-request-headers access-control-request-method age allow alt-svc authorization cache-control cdn-cache-control
		clear-site-data content-disposition content-encoding content-language content-length content-location content-range
		content-security-policy content-security-policy-report-only content-type cookie cross-origin-embedder-policy
		cross-origin-opener-policy cross-origin-resource-policy date dnt etag expect expires forwarded from host if-match if-modified-since
		if-none-match if-range if-unmodified-since keep-alive last-modified link location max-forwards nel origin permissions-policy pragma
		priority proxy-authenticate proxy-authorization range referer referrer-policy report-to retry-after sec-ch-ua sec-ch-ua-mobile
		sec-ch-ua-platform sec-fetch-dest sec-fetch-mode sec-fetch-site sec-fetch-user sec-websocket-accept sec-websocket-extensions
		sec-websocket-key sec-websocket-protocol sec-websocket-version server server-timing set-cookie strict-transport-security te
		timing-allow-origin trailer transfer-encoding upgrade upgrade-insecure-requests user-agent vary via www-authenticate
		x-content-type-options x-forwarded-for x-forwarded-host x-frame-options x-powered-by x-request-id x-requested-with x-robots-tag
		x-skerry-request-id x-xss-protection traceparent tracestate connection`)
	lower, canonical := make(map[string]string, len(names)), make(map[string]string, len(names))
	for _, name := range names {
		key := http.CanonicalHeaderKey(name)
		lower[key], canonical[name] = name, key
	}
	return lower, canonical
}()

// Field names in canonical form that never reach a worker: hop-by-hop fields (RFC 9110 §7.6.1), and those that only the
// platform may set.
var droppedFromRequest = map[string]bool{
	"Connection": true, "Keep-Alive": true, "Proxy-Connection": true, "Te": true, "Trailer": true, "Transfer-Encoding": true,
	"Upgrade": true, "Host": true, "Cf-Connecting-Ip": true, "X-Real-Ip": true, "X-Forwarded-Proto": true, "X-Skerry-Request-Id": true,
	"Cf-Ew-Via": true, "Cf-Worker": true, "Expect": true,
}

// Field names in lower case that a worker's response cannot set.
func droppedFromResponse(name string) bool {
	switch name {
	case "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "x-skerry-request-id":
		return true
	}
	return false
}

const lowerBytes = "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f !\"#$%&'()*+,-./0123456789:;<=>?@abcdefghijklmnopqrstuvwxyz[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~"

// appendField packs one field. name is canonical or in lower case.
func appendField(packed []byte, name, value string) []byte {
	if lower, ok := lowerNames[name]; ok {
		packed = append(packed, lower...)
	} else {
		for i := 0; i < len(name); i++ {
			c := name[i]
			if c < 0x7f {
				c = lowerBytes[c]
			}
			packed = append(packed, c)
		}
	}
	packed = append(packed, '\n')
	packed = append(packed, value...)
	return append(packed, '\n')
}

// appendRequestHeaders packs the fields of a request that a worker sees, except those the platform sets.
func appendRequestHeaders(packed []byte, h http.Header) []byte {
	var named string
	if connection := h["Connection"]; len(connection) > 0 {
		named = connectionNames(connection)
	}
	for name, values := range h {
		if droppedFromRequest[name] || named != "" && containsName(named, name) {
			continue
		}
		for _, value := range values {
			packed = appendField(packed, name, value)
		}
	}
	return packed
}

// connectionNames lists the fields named by Connection as ",name,name,", in lower case; "" for the usual values.
func connectionNames(values []string) string {
	if len(values) == 1 && (strings.EqualFold(values[0], "keep-alive") || strings.EqualFold(values[0], "close")) {
		return ""
	}
	var b strings.Builder
	b.WriteByte(',')
	for _, name := range strings.Split(strings.Join(values, ","), ",") {
		b.WriteString(strings.ToLower(strings.Trim(name, " \t")))
		b.WriteByte(',')
	}
	return b.String()
}

func containsName(list, name string) bool {
	return strings.Contains(list, ","+strings.ToLower(name)+",")
}

// tokenBytes marks the bytes of a token (RFC 9110 §5.6.2).
var tokenBytes = func() (table [256]bool) {
	for c := 0; c < 256; c++ {
		table[c] = 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c < 128 && c > 32 && strings.IndexByte("!#$%&'*+-.^_`|~", byte(c)) >= 0
	}
	return table
}()

func isLowerToken(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; !tokenBytes[c] || 'A' <= c && c <= 'Z' {
			return false
		}
	}
	return len(s) > 0
}

var errHeaders = errors.New("the worker's response has an invalid header field")

// setResponseHeaders unpacks a worker's header fields into h. It returns the value of Content-Length, which it does not
// set: the body decides.
func setResponseHeaders(h http.Header, packed []byte) (contentLength string, err error) {
	if len(packed) == 0 {
		return "", nil
	}
	lines := bytes.Count(packed, []byte{'\n'})
	if lines%2 != 0 || packed[len(packed)-1] != '\n' || bytes.IndexByte(packed, '\r') >= 0 || bytes.IndexByte(packed, 0) >= 0 {
		return "", errHeaders
	}
	// One string for all names and values, one array for all lists of one value.
	text, values := string(packed), make([]string, 0, lines/2)
	for len(text) > 0 {
		i := strings.IndexByte(text, '\n')
		name := text[:i]
		text = text[i+1:]
		i = strings.IndexByte(text, '\n')
		value := text[:i]
		text = text[i+1:]
		if droppedFromResponse(name) {
			continue
		}
		if name == "content-length" {
			contentLength = value
			continue
		}
		key, ok := canonicalNames[name]
		if !ok {
			if !isLowerToken(name) { // one in upper case would get past droppedFromResponse
				return "", errHeaders
			}
			key = http.CanonicalHeaderKey(name)
		}
		if old, ok := h[key]; ok {
			h[key] = append(old, value)
			continue
		}
		values = append(values, value)
		n := len(values)
		h[key] = values[n-1 : n : n]
	}
	return contentLength, nil
}
