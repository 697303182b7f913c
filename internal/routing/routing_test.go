package routing

import (
	"fmt"
	"strings"
	"testing"
)

func TestParsePattern(t *testing.T) {
	tests := []struct{ text, want, expectedErr string }{
		{text: "example.com", want: "example.com/"},
		{text: "example.com/", want: "example.com/"},
		{text: "example.com/*", want: "example.com/*"},
		{text: "example.com/a*", want: "example.com/a*"},
		{text: "EXAMPLE.com/Images/*", want: "example.com/Images/*"},
		{text: "example.com./*", want: "example.com/*"},
		{text: "*.example.com/*", want: "*.example.com/*"},
		{text: "*example.com/*", want: "*example.com/*"},
		{text: "*/*", want: "*/*"},
		{text: "*/api/*", want: "*/api/*"},
		{text: "https://example.com/*", want: "https://example.com/*"},
		{text: "HTTP://example.com/*", want: "http://example.com/*"},
		{text: "*://example.com/*", want: "example.com/*"},
		{text: "bücher.example/*", want: "xn--bcher-kva.example/*"},
		{text: "*.BÜCHER.example/*", want: "*.xn--bcher-kva.example/*"},
		{text: "my_host/*", want: "my_host/*"},
		{text: "[::1]/*", want: "[::1]/*"},
		{text: "[0:0::1]/*", want: "[::1]/*"},
		{text: "127.0.0.1/*", want: "127.0.0.1/*"},
		{text: "example.com/http://x", want: "example.com/http://x"},
		{text: "", expectedErr: "no host"},
		{text: "/api/*", expectedErr: "no host"},
		{text: "*", expectedErr: `write "*/*"`},
		{text: "example.com*", expectedErr: `write "example.com/*"`},
		{text: "a.*.example.com/*", expectedErr: "only stand at its beginning"},
		{text: "**.example.com/*", expectedErr: "only stand at its beginning"},
		{text: "example.com/*.jpg", expectedErr: "only stand at its end"},
		{text: "example.com/a**", expectedErr: "only stand at its end"},
		{text: "example.com/?a=b", expectedErr: "query"},
		{text: "example.com/#a", expectedErr: "fragment"},
		{text: "example.com:8080/*", expectedErr: "port"},
		{text: "ftp://example.com/*", expectedErr: `"ftp" is not http or https`},
		{text: "exa mple.com/*", expectedErr: "which no host name has"},
		{text: "example.com/a b", expectedErr: "space"},
		{text: "example.com/ä", expectedErr: "percent-encoded"},
		{text: "a..b/*", expectedErr: "empty"},
		{text: "*.127.0.0.1/*", expectedErr: "no subdomains"},
		{text: strings.Repeat("a", 64) + ".com/*", expectedErr: "longer than 63"},
		{text: strings.Repeat("abcdefg.", 40) + "com/*", expectedErr: "longer than 253"},
		{text: "example.com/" + strings.Repeat("a", MaxPattern), expectedErr: "longer than 2048"},
	}
	for _, test := range tests {
		p, err := ParsePattern(test.text)
		switch {
		case test.expectedErr != "":
			if err == nil || !strings.Contains(err.Error(), test.expectedErr) {
				t.Errorf("%q: error %v, want %q", test.text, err, test.expectedErr)
			}
		case err != nil:
			t.Errorf("%q: %v", test.text, err)
		case p.String() != test.want:
			t.Errorf("%q: %q, want %q", test.text, p, test.want)
		}
	}
}

func table(t testing.TB, patterns ...string) *Table[string] {
	t.Helper()
	var routes []Route[string]
	for _, p := range patterns {
		routes = append(routes, Route[string]{p, p})
	}
	built, err := New(routes)
	if err != nil {
		t.Fatal(err)
	}
	return built
}

func TestMatch(t *testing.T) {
	documented := []string{"example.com", "example.com/hello/*", "example.com/*", "www.example.com/*", "*.example.com/*"}
	tests := []struct {
		name     string
		patterns []string
		scheme   Scheme
		host     string
		target   string
		want     string
	}{
		// The examples of the documentation of routes.
		{name: "exact host before wildcard", patterns: documented, host: "www.example.com", target: "/", want: "www.example.com/*"},
		{name: "longer path", patterns: documented, host: "example.com", target: "/hello/world", want: "example.com/hello/*"},
		{name: "root only", patterns: documented, host: "example.com", target: "/", want: "example.com"},
		{name: "root with query", patterns: documented, host: "example.com", target: "/?a", want: "example.com/*"},
		{name: "empty target", patterns: documented, host: "example.com", target: "", want: "example.com"},
		{name: "subdomain", patterns: documented, host: "a.b.example.com", target: "/", want: "*.example.com/*"},
		{name: "no match", patterns: documented, host: "example.org", target: "/"},
		{name: "*. leaves out the domain", patterns: []string{"*.example.com/*"}, host: "example.com", target: "/"},
		{name: "* takes the domain", patterns: []string{"*example.com/*"}, host: "example.com", target: "/", want: "*example.com/*"},
		{name: "* takes subdomains", patterns: []string{"*example.com/*"}, host: "www.example.com", target: "/", want: "*example.com/*"},
		{name: "* does not take another domain", patterns: []string{"*example.com/*"}, host: "notexample.com", target: "/"},
		{name: "*. before *", patterns: []string{"*example.com/*", "*.example.com/*"}, host: "www.example.com", target: "/", want: "*.example.com/*"},
		{name: "negation with query", patterns: []string{"*.example.com/images/cat.png", "*.example.com/images/*"}, host: "a.example.com", target: "/images/cat.png?x", want: "*.example.com/images/*"},
		{name: "exact path", patterns: []string{"*.example.com/images/cat.png", "*.example.com/images/*"}, host: "a.example.com", target: "/images/cat.png", want: "*.example.com/images/cat.png"},
		{name: "path prefix", patterns: []string{"example.com/path*"}, host: "example.com", target: "/path2?x", want: "example.com/path*"},
		{name: "path prefix itself", patterns: []string{"example.com/path*"}, host: "example.com", target: "/path", want: "example.com/path*"},
		{name: "case of paths", patterns: []string{"example.com/Images/*"}, host: "example.com", target: "/images/a"},
		{name: "slash belongs to the prefix", patterns: []string{"example.com/api/*"}, host: "example.com", target: "/api"},

		{name: "host without matching path falls through", patterns: []string{"a.example.com/x", "*.example.com/*"}, host: "a.example.com", target: "/y", want: "*.example.com/*"},
		{name: "nearer domain", patterns: []string{"*.b.example.com/*", "*.example.com/*"}, host: "a.b.example.com", target: "/", want: "*.b.example.com/*"},
		{name: "host decides before path", patterns: []string{"www.example.com/*", "*.example.com/long/path/*"}, host: "www.example.com", target: "/long/path/x", want: "www.example.com/*"},
		{name: "any host last", patterns: []string{"*/*", "*.example.com/*"}, host: "a.example.com", target: "/", want: "*.example.com/*"},
		{name: "any host", patterns: []string{"*/*", "*.example.com/*"}, host: "other", target: "/", want: "*/*"},
		{name: "any host, odd host", patterns: []string{"*/*", "*.example.com/*"}, host: "!!", target: "/", want: "*/*"},
		{name: "no host", patterns: []string{"*/*"}, host: "", target: "/"},
		{name: "target of OPTIONS *", patterns: []string{"*/*"}, host: "a", target: "*"},

		{name: "scheme", patterns: []string{"https://example.com/*"}, scheme: HTTPS, host: "example.com", target: "/", want: "https://example.com/*"},
		{name: "other scheme", patterns: []string{"https://example.com/*"}, scheme: HTTP, host: "example.com", target: "/"},
		{name: "scheme before none", patterns: []string{"example.com/*", "https://example.com/*"}, scheme: HTTPS, host: "example.com", target: "/", want: "https://example.com/*"},
		{name: "other scheme at the longer path", patterns: []string{"example.com/*", "https://example.com/a*"}, scheme: HTTP, host: "example.com", target: "/a", want: "example.com/*"},

		{name: "port", patterns: []string{"example.com/*"}, host: "example.com:8787", target: "/", want: "example.com/*"},
		{name: "case", patterns: []string{"example.com/*"}, host: "ExAmple.COM", target: "/", want: "example.com/*"},
		{name: "final dot", patterns: []string{"example.com/*"}, host: "example.com.:80", target: "/", want: "example.com/*"},
		{name: "unicode", patterns: []string{"bücher.example/*"}, host: "BÜCHER.example", target: "/", want: "bücher.example/*"},
		{name: "punycode", patterns: []string{"bücher.example/*"}, host: "xn--bcher-kva.example", target: "/", want: "bücher.example/*"},
		{name: "subdomain of unicode", patterns: []string{"*.bücher.example/*"}, host: "a.bücher.example", target: "/", want: "*.bücher.example/*"},
		{name: "ipv6", patterns: []string{"[::1]/*"}, host: "[::1]:8787", target: "/", want: "[::1]/*"},
		{name: "ipv6, other form", patterns: []string{"[::1]/*"}, host: "[0:0:0:0:0:0:0:1]", target: "/", want: "[::1]/*"},
		{name: "host of 254 bytes", patterns: []string{"*.com/*"}, host: strings.Repeat("a.", 125) + "com.", target: "/", want: "*.com/*"},
		{name: "host too long", patterns: []string{"*.com/*"}, host: strings.Repeat("a.", 126) + "com", target: "/"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, ok := table(t, test.patterns...).Match(test.scheme, test.host, test.target)
			if got != test.want || ok != (test.want != "") {
				t.Errorf("%q %q: got %q %v, want %q", test.host, test.target, got, ok, test.want)
			}
		})
	}
}

func TestNewErrors(t *testing.T) {
	_, err := New([]Route[int]{{"example.com/*", 1}, {"EXAMPLE.COM/*", 2}})
	if err == nil || err.Error() != `route "EXAMPLE.COM/*": the same as "example.com/*"` {
		t.Errorf("got %v", err)
	}
	_, err = New([]Route[int]{{"example.com/*/x", 1}})
	if err == nil || !strings.Contains(err.Error(), `route "example.com/*/x": a wildcard`) {
		t.Errorf("got %v", err)
	}
	var none *Table[int]
	if _, ok := none.Match(HTTP, "a", "/"); ok {
		t.Error("a nil table matches")
	}
}

func TestMatchDoesNotAllocate(t *testing.T) {
	routes := table(t, "example.com/*", "*.example.com/api/*", "*.example.com/*", "*/*", "https://a.b.example.com/x*")
	for _, host := range []string{"example.com", "WWW.Example.com:443", "a.b.c.example.com.", "other"} {
		if n := testing.AllocsPerRun(100, func() { routes.Match(HTTPS, host, "/api/v1/things?x=y") }); n != 0 {
			t.Errorf("%s: %v allocations", host, n)
		}
	}
}

// slow is what Table does, said as plainly as possible.
func slow(patterns []Pattern, scheme Scheme, host, target string) string {
	if target == "" {
		target = "/"
	}
	name, _ := splitPort(host)
	normal, err := NormalizeHost(name)
	var best *Pattern
	for i, p := range patterns {
		switch {
		case host == "":
			continue
		case p.Kind != AnyHost && err != nil:
			continue
		case p.Kind == ExactHost && normal != p.Host:
			continue
		case p.Kind == Subdomains && !strings.HasSuffix(normal, "."+p.Host):
			continue
		case p.Kind == DomainAndSubdomains && normal != p.Host && !strings.HasSuffix(normal, "."+p.Host):
			continue
		case p.Scheme != AnyScheme && p.Scheme != scheme:
			continue
		case p.Prefix && !strings.HasPrefix(target, p.Path) || !p.Prefix && target != p.Path:
			continue
		}
		if best == nil || rank(p) > rank(*best) {
			best = &patterns[i]
		}
	}
	if best == nil {
		return ""
	}
	return best.String()
}

// rank orders patterns that match one request.
func rank(p Pattern) string {
	exactPath := 1
	if p.Prefix {
		exactPath = 0
	}
	exactHost := 0
	if p.Kind == ExactHost {
		exactHost = 1
	}
	return fmt.Sprintf("%d %04d %d %d %04d %d", exactHost, len(p.Host), 9-p.Kind, exactPath, len(p.Path), p.Scheme)
}

// Goal: the fast table and the plain meaning of patterns agree. Method: build both from the same fuzzed patterns.
func FuzzMatch(f *testing.F) {
	f.Add("example.com/*\n*.example.com/api/*\n*/*", "www.example.com:80", "/api/x?y", uint8(1))
	f.Add("https://a/\n*a/b*\na/b", "A.", "", uint8(2))
	f.Add("bücher.example/*\n[::1]/*", "[::1]:1", "/", uint8(0))
	f.Add("*a/*\n*.a/*\nb.a/x", "b.a", "/x", uint8(0))
	f.Fuzz(func(t *testing.T, text, host, target string, scheme uint8) {
		var patterns []Pattern
		var routes []Route[string]
		seen := map[Pattern]bool{}
		for line := range strings.SplitSeq(text, "\n") {
			p, err := ParsePattern(line)
			if err != nil || seen[p] {
				continue
			}
			again, err := ParsePattern(p.String())
			if err != nil || again != p {
				t.Fatalf("%q is %q, which is parsed as %q, %v", line, p, again, err)
			}
			seen[p] = true
			patterns = append(patterns, p)
			routes = append(routes, Route[string]{line, p.String()})
		}
		built, err := New(routes)
		if err != nil {
			t.Fatal(err)
		}
		s := Scheme(scheme % 3)
		got, ok := built.Match(s, host, target)
		if want := slow(patterns, s, host, target); got != want || ok != (want != "") {
			t.Errorf("%q %q among %q: %q, want %q", host, target, text, got, want)
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	var routes []Route[int]
	for i := range 10000 {
		routes = append(routes, Route[int]{fmt.Sprintf("host%d.example.com/*", i), i}, Route[int]{fmt.Sprintf("*.zone%d.example/api/*", i), i})
	}
	built, err := New(routes)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := built.Match(HTTPS, "a.b.zone77.example:443", "/api/v1/users?id=4"); !ok {
			b.Fatal("no match")
		}
	}
}
