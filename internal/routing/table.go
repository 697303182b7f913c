package routing

import (
	"fmt"
	"slices"
	"strings"
)

// Route is a pattern and what it leads to.
type Route[T any] struct {
	Pattern string
	Value   T
}

// Table finds the value of the most specific pattern that matches a request. It is immutable and may be used by any
// number of goroutines. Make it with New; the zero Table matches nothing.
//
// More specific is, in this order: an exact host, then the longer domain, then "*.domain" before "*domain"; the exact path,
// then the longer prefix; a pattern with a scheme before one without. The host decides before the path does, but a
// pattern counts only if all of it matches.
type Table[T any] struct {
	hosts map[string]*domain
	any   *paths
	// values are referred to by index plus one.
	values []T
}

// domain holds the patterns that name one host.
type domain struct {
	exact, below, both *paths
}

// paths holds the patterns of one host pattern.
type paths struct {
	exact  map[string]slot
	prefix map[string]slot
	// lengths are the distinct lengths of the prefixes, longest first.
	lengths []int
}

// slot holds, for each Scheme, the index plus one of a value.
type slot [3]int32

// New builds a table. Its error names the pattern that cannot be parsed, or the two that are the same.
func New[T any](routes []Route[T]) (*Table[T], error) {
	t := &Table[T]{hosts: make(map[string]*domain)}
	written := make(map[Pattern]string, len(routes))
	for _, route := range routes {
		p, err := ParsePattern(route.Pattern)
		if err != nil {
			return nil, fmt.Errorf("route %q: %w", route.Pattern, err)
		}
		if other, ok := written[p]; ok {
			return nil, fmt.Errorf("route %q: the same as %q", route.Pattern, other)
		}
		written[p] = route.Pattern
		t.values = append(t.values, route.Value)
		t.place(p).add(p, int32(len(t.values)))
	}
	return t, nil
}

// place returns the paths that the pattern belongs to.
func (t *Table[T]) place(p Pattern) *paths {
	ensure := func(at **paths) *paths {
		if *at == nil {
			*at = &paths{exact: make(map[string]slot), prefix: make(map[string]slot)}
		}
		return *at
	}
	if p.Kind == AnyHost {
		return ensure(&t.any)
	}
	d := t.hosts[p.Host]
	if d == nil {
		d = new(domain)
		t.hosts[p.Host] = d
	}
	switch p.Kind {
	case ExactHost:
		return ensure(&d.exact)
	case Subdomains:
		return ensure(&d.below)
	default:
		return ensure(&d.both)
	}
}

func (ps *paths) add(p Pattern, value int32) {
	at := ps.exact
	if p.Prefix {
		at = ps.prefix
		if i, found := slices.BinarySearchFunc(ps.lengths, len(p.Path), func(a, b int) int { return b - a }); !found {
			ps.lengths = slices.Insert(ps.lengths, i, len(p.Path))
		}
	}
	s := at[p.Path]
	s[p.Scheme] = value
	at[p.Path] = s
}

// find returns the index plus one of the value for a request target, 0 if there is none.
func (ps *paths) find(scheme Scheme, target string) int32 {
	if ps == nil {
		return 0
	}
	if s, ok := ps.exact[target]; ok {
		if i := s.pick(scheme); i != 0 {
			return i
		}
	}
	for _, n := range ps.lengths {
		if n > len(target) {
			continue
		}
		if s, ok := ps.prefix[target[:n]]; ok {
			if i := s.pick(scheme); i != 0 {
				return i
			}
		}
	}
	return 0
}

func (s *slot) pick(scheme Scheme) int32 {
	if scheme != AnyScheme && s[scheme] != 0 {
		return s[scheme]
	}
	return s[AnyScheme]
}

// Len is the number of routes.
func (t *Table[T]) Len() int { return len(t.values) }

// Match returns the value for a request. host is the Host header or the authority, with or without port; target is path
// and query as the request has them, percent-encoding and all ("" counts as "/"). Paths are compared by bytes. With
// AnyScheme only patterns without a scheme match. It does not allocate, unless host has characters outside ASCII.
func (t *Table[T]) Match(scheme Scheme, host, target string) (value T, ok bool) {
	if target == "" {
		target = "/"
	}
	i := t.match(scheme, host, target)
	if i == 0 {
		return value, false
	}
	return t.values[i-1], true
}

func (t *Table[T]) match(scheme Scheme, host, target string) int32 {
	if t == nil || len(t.values) == 0 || host == "" {
		return 0
	}
	if len(t.hosts) == 0 {
		return t.any.find(scheme, target)
	}
	host, _ = splitPort(host)
	var buffer [maxHost + 1]byte
	name, ok := lower(&buffer, host)
	if !ok {
		normal, err := NormalizeHost(host)
		if err != nil {
			return t.any.find(scheme, target)
		}
		name = buffer[:copy(buffer[:], normal)]
	}
	if d := t.hosts[string(name)]; d != nil {
		if i := d.exact.find(scheme, target); i != 0 {
			return i
		}
		if i := d.both.find(scheme, target); i != 0 {
			return i
		}
	}
	for at, c := range name {
		if c != '.' {
			continue
		}
		if d := t.hosts[string(name[at+1:])]; d != nil {
			if i := d.below.find(scheme, target); i != 0 {
				return i
			}
			if i := d.both.find(scheme, target); i != 0 {
				return i
			}
		}
	}
	return t.any.find(scheme, target)
}

// lower writes the normalised form of an ASCII host name into buffer. It is false for what needs more than lower case:
// names with other characters, addresses in brackets, and what is too long or malformed.
func lower(buffer *[maxHost + 1]byte, host string) ([]byte, bool) {
	host = strings.TrimSuffix(host, ".")
	if host == "" || len(host) > maxHost {
		return nil, false
	}
	previous := byte('.')
	for i := range len(host) {
		c := host[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if !hostByte[c] || c == '.' && previous == '.' {
			return nil, false
		}
		previous = c
		buffer[i] = c
	}
	if previous == '.' {
		return nil, false
	}
	return buffer[:len(host)], true
}
