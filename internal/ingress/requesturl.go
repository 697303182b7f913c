package ingress

import (
	"net/http"
	"strings"
)

// target is what a request is addressed to.
type target struct {
	url       string // absolute, ASCII
	authority string // in url: lower case, without a final dot in its host
	host      string // authority without port: what routes are matched with
	path      string // path and query in url
}

// targetOf makes the URL that the worker sees. limit is the length of the longest one.
func targetOf(r *http.Request, limit int) (t target, failure *Failure) {
	authority := r.Host
	if authority == "" {
		return t, badRequest("the request names no host")
	}
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	path := r.RequestURI
	switch {
	case path == "" || path == "*":
		path = "/"
	case path[0] != '/':
		// Absolute form (RFC 9112 §3.2.2): its authority wins over Host, which net/http has done. Its scheme must be ours.
		if !strings.EqualFold(r.URL.Scheme, scheme[:len(scheme)-len("://")]) {
			return t, &Failure{Status: 421, Code: CodeBadRequest, Reason: "the request's scheme is not that of the connection"}
		}
		path = r.URL.RequestURI()
		if r.URL.User != nil || len(path) == 0 || path[0] != '/' {
			return t, badRequest("the request's target is not an HTTP URL")
		}
	}
	if len(scheme)+len(authority)+len(path) > limit {
		return t, &Failure{Status: 414, Code: CodeURLTooLong, Reason: "the URL is longer than the limit"}
	}
	if i := strings.IndexByte(path, '#'); i >= 0 {
		path = path[:i]
	}
	authority, host := normaliseHost(authority)
	if host == "" {
		return t, badRequest("the request names no valid host")
	}
	if r.TLS != nil && r.TLS.ServerName != "" && !strings.EqualFold(strings.TrimSuffix(r.TLS.ServerName, "."), host) && r.ProtoMajor < 2 {
		return t, &Failure{Status: 421, Code: CodeBadRequest, Reason: "the request's host is not that of the connection"}
	}
	path = asciiPath(path)
	return target{url: scheme + authority + path, authority: authority, host: host, path: path}, nil
}

// normaliseHost returns an authority in lower case without a final dot in its host, and the host alone. Both are empty if it is not an
// authority.
func normaliseHost(authority string) (normal, host string) {
	lower := true
	colon := -1
	for i := 0; i < len(authority); i++ {
		switch c := authority[i]; {
		case 'A' <= c && c <= 'Z':
			lower = false
		case c == ':':
			colon = i
		case c <= ' ' || c >= 0x7f || c == '/' || c == '\\' || c == '@' || c == '?' || c == '#' || c == '%' || c == '<' || c == '>' || c == '^' || c == '|':
			return "", ""
		}
	}
	if !lower {
		authority = strings.ToLower(authority)
	}
	host, port := authority, ""
	if authority[0] == '[' {
		end := strings.IndexByte(authority, ']')
		if end < 0 {
			return "", ""
		}
		host, port = authority[:end+1], authority[end+1:]
		if port != "" && port[0] != ':' {
			return "", ""
		}
	} else if colon >= 0 {
		host, port = authority[:colon], authority[colon:]
		if strings.IndexByte(host, ':') >= 0 {
			return "", ""
		}
	}
	for i := 1; i < len(port); i++ {
		if port[i] < '0' || port[i] > '9' {
			return "", ""
		}
	}
	if len(port) > len(":65535") || port == ":" {
		return "", ""
	}
	if strings.HasSuffix(host, ".") {
		host = host[:len(host)-1]
		authority = host + port
	}
	if host == "" || host[0] == '.' || host[len(host)-1] == '.' {
		return "", ""
	}
	return authority, host
}

// asciiPath percent-encodes the bytes of a path and query that URLs cannot hold as they are: a client may send raw UTF-8.
func asciiPath(path string) string {
	for i := 0; i < len(path); i++ {
		if path[i] >= 0x80 {
			return escapeNonASCII(path)
		}
	}
	return path
}

func escapeNonASCII(path string) string {
	const hex = "0123456789ABCDEF"
	b := make([]byte, 0, len(path)+16)
	for i := 0; i < len(path); i++ {
		if c := path[i]; c >= 0x80 {
			b = append(b, '%', hex[c>>4], hex[c&15])
		} else {
			b = append(b, c)
		}
	}
	return string(b)
}
