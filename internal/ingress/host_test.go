package ingress

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// FuzzHost: the host that routes are matched with is canonical, whatever the spelling: doing it again changes nothing, capitals and a final
// dot make no difference, and the URL that the worker gets names that host to whoever parses it.
func FuzzHost(f *testing.F) {
	for _, seed := range []string{"a", "A.Example.COM.:8080", "[::1]:80", "[::1", "a..", ".", "a:65535", "a:x", "xn--bcher-kva.example", "a@b", "a\\b", "a%41", "a b", "bücher", "[v1.x]", "a,b", "1.2.3.4"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, given string) {
		if given == "" {
			return // targetOf refuses it before
		}
		authority, host := normaliseHost(given)
		if host == "" {
			return
		}
		if again, same := normaliseHost(authority); again != authority || same != host {
			t.Fatalf("%q is %q of %q, which is %q of %q", given, authority, host, again, same)
		}
		if upper, same := normaliseHost(strings.ToUpper(given)); upper != authority || same != host {
			t.Fatalf("%q in capitals is %q of %q, not %q of %q", given, upper, same, authority, host)
		}
		if strings.ContainsAny(host, "/\\@?# \t\r\n%") || host != strings.ToLower(host) || strings.HasSuffix(host, ".") || strings.HasPrefix(host, ".") {
			t.Fatalf("%q is not canonical", host)
		}
		to, failure := targetOf(&http.Request{Host: given, RequestURI: "/p?q", URL: &url.URL{Path: "/p", RawQuery: "q"}}, DefaultURLBytes)
		if failure != nil {
			if len(given) < 1000 {
				t.Fatalf("%q: %v", given, failure)
			}
			return
		}
		parsed, err := url.Parse(to.url)
		if err != nil {
			return // net/url is stricter with brackets
		}
		if parsed.Host != authority || parsed.User != nil || parsed.Path != "/p" || parsed.RawQuery != "q" {
			t.Fatalf("%q makes the URL %q, which names %q", given, to.url, parsed.Host)
		}
	})
}
