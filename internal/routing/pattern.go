// Package routing finds the worker for a request by Cloudflare's route patterns: host and path with wildcards, the most
// specific pattern wins.
//
// It knows no HTTP and no worker: a Table maps patterns to values of any type. A Table is immutable; whoever changes
// routes builds a new one and swaps it in. Callers: ingress, and package project, which checks patterns in configuration.
// Pure; starts no goroutine.
package routing

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"golang.org/x/net/idna"
)

// Scheme is the scheme of a request, or of those a pattern is restricted to.
type Scheme uint8

// The schemes.
const (
	AnyScheme Scheme = iota
	HTTP
	HTTPS
)

// HostKind says which hosts a pattern matches.
type HostKind uint8

// The kinds, from the most to the least specific.
const (
	// ExactHost is "example.com".
	ExactHost HostKind = iota
	// Subdomains is "*.example.com": every host below example.com, at any depth, but not example.com.
	Subdomains
	// DomainAndSubdomains is "*example.com": example.com and every host below it.
	DomainAndSubdomains
	// AnyHost is "*".
	AnyHost
)

// Pattern is a parsed route pattern.
type Pattern struct {
	Scheme Scheme
	Kind   HostKind
	// Host is the normalised host without wildcard, "" for AnyHost.
	Host string
	// Path begins with a slash and has no wildcard.
	Path string
	// Prefix means that Path may be followed by anything, the query included. Otherwise the whole request target,
	// query included, must equal Path.
	Prefix bool
}

// Limits on a pattern.
const (
	// MaxPattern is the longest pattern in bytes.
	MaxPattern = 2048
	// maxHost is the longest host name in bytes (RFC 1035, section 2.3.4, without the final dot).
	maxHost  = 253
	maxLabel = 63
)

// ParsePattern parses a pattern such as "example.com/api/*", "*.example.com/*", "https://example.com/" or "*/*". Its
// errors are meant for whoever wrote the pattern.
func ParsePattern(text string) (Pattern, error) {
	var p Pattern
	if len(text) > MaxPattern {
		return p, fmt.Errorf("pattern is longer than %d bytes", MaxPattern)
	}
	rest := text
	if scheme, after, ok := strings.Cut(rest, "://"); ok && !strings.Contains(scheme, "/") {
		switch strings.ToLower(scheme) {
		case "http":
			p.Scheme = HTTP
		case "https":
			p.Scheme = HTTPS
		case "*":
		default:
			return p, fmt.Errorf("scheme %q is not http or https", scheme)
		}
		rest = after
	}
	host, path := rest, "/"
	if slash := strings.IndexByte(rest, '/'); slash >= 0 {
		host, path = rest[:slash], rest[slash:]
	}
	if err := p.parseHost(host, path == "/" && !strings.HasSuffix(rest, "/")); err != nil {
		return p, err
	}
	return p, p.parsePath(path)
}

func (p *Pattern) parseHost(host string, noPath bool) error {
	switch {
	case host == "":
		return errors.New(`pattern has no host: for every host write "*/" and the path`)
	case host == "*":
		if noPath {
			return errors.New(`pattern has no path: for everything write "*/*"`)
		}
		p.Kind = AnyHost
		return nil
	case strings.HasPrefix(host, "*."):
		p.Kind, host = Subdomains, host[2:]
	case strings.HasPrefix(host, "*"):
		p.Kind, host = DomainAndSubdomains, host[1:]
	}
	if strings.Contains(host, "*") {
		if noPath && strings.HasSuffix(host, "*") {
			return fmt.Errorf(`a wildcard in the host may only stand at its beginning: for every path write "%s/*"`, strings.TrimSuffix(host, "*"))
		}
		return errors.New("a wildcard in the host may only stand at its beginning")
	}
	name, port := splitPort(host)
	if port {
		return errors.New("pattern has a port: routes apply to every port")
	}
	normal, err := NormalizeHost(name)
	if err != nil {
		return err
	}
	if p.Kind != ExactHost {
		if _, err := netip.ParseAddr(strings.Trim(normal, "[]")); err == nil {
			return errors.New("an address has no subdomains: leave out the wildcard")
		}
	}
	p.Host = normal
	return nil
}

func (p *Pattern) parsePath(path string) error {
	p.Path, p.Prefix = strings.CutSuffix(path, "*")
	switch {
	case strings.Contains(p.Path, "*"):
		return errors.New("a wildcard in the path may only stand at its end")
	case strings.Contains(p.Path, "?"):
		return errors.New("pattern has a query: routes cannot match on the query, but a path that ends in * matches with every query")
	case strings.Contains(p.Path, "#"):
		return errors.New("pattern has a fragment, which no request contains")
	}
	for _, c := range []byte(p.Path) {
		if c <= ' ' || c == 0x7f {
			return errors.New("pattern has a space or control character")
		}
		if c >= 0x80 {
			return errors.New("path has characters outside ASCII: write them percent-encoded, as requests have them")
		}
	}
	return nil
}

// String is the pattern in its normal form: two patterns that match the same requests have the same.
func (p Pattern) String() string {
	var b strings.Builder
	b.WriteString([]string{"", "http://", "https://"}[p.Scheme])
	b.WriteString([]string{"", "*.", "*", "*"}[p.Kind])
	b.WriteString(p.Host)
	b.WriteString(p.Path)
	if p.Prefix {
		b.WriteByte('*')
	}
	return b.String()
}

// splitPort removes the port of host and says whether there was one. Brackets of an IPv6 address stay.
func splitPort(host string) (name string, port bool) {
	colon := strings.LastIndexByte(host, ':')
	if colon < 0 || strings.IndexByte(host[colon:], ']') >= 0 {
		return host, false
	}
	if host[0] != '[' && strings.IndexByte(host, ':') != colon {
		return host, false // an IPv6 address without brackets
	}
	return host[:colon], true
}

// NormalizeHost returns the form of a host name (without port) that patterns and requests are compared in: lower case,
// ASCII (IDNA 2008 as browsers do it, UTS 46), without final dot; IPv6 addresses in their canonical form in brackets.
func NormalizeHost(host string) (string, error) {
	if inner := strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"); strings.Contains(inner, ":") {
		address, err := netip.ParseAddr(inner)
		if err != nil || address.Zone() != "" {
			return "", fmt.Errorf("%q is not an address", host)
		}
		return "[" + address.String() + "]", nil
	}
	host = strings.TrimSuffix(host, ".")
	if !isASCII(host) {
		ascii, err := idna.Lookup.ToASCII(host)
		if err != nil {
			return "", fmt.Errorf("host %q is not a valid name: %w", host, err)
		}
		host = ascii
	}
	host = strings.ToLower(host)
	if len(host) > maxHost {
		return "", fmt.Errorf("host is longer than %d bytes", maxHost)
	}
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || len(label) > maxLabel {
			return "", fmt.Errorf("host %q has a part that is empty or longer than %d bytes", host, maxLabel)
		}
		for _, c := range []byte(label) {
			if !hostByte[c] {
				return "", fmt.Errorf("host %q has the character %q, which no host name has", host, c)
			}
		}
	}
	return host, nil
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// hostByte holds the bytes of a normalised host name. Underscores are no part of host names by RFC 1123 but are in use.
var hostByte = func() (set [256]bool) {
	for _, c := range []byte("abcdefghijklmnopqrstuvwxyz0123456789-_.") {
		set[c] = true
	}
	return set
}()
