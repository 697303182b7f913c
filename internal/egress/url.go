package egress

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"skerry/internal/hostproto"
)

// parseURL reads a URL that the WHATWG parser has serialised. net/url is stricter about percent signs: those paths are kept as they are.
func parseURL(text string) (*url.URL, error) {
	for i := 0; i < len(text); i++ {
		if text[i] <= ' ' || text[i] >= 0x7f {
			return nil, fail(hostproto.CallCodeRefused, "the URL holds a byte that it must not hold")
		}
	}
	u, err := url.Parse(text)
	if err != nil {
		if u, err = parseLoose(text); err != nil {
			return nil, fail(hostproto.CallCodeRefused, "the URL cannot be requested: %.100q", text)
		}
	}
	return u, checkURL(u)
}

// parseLoose keeps path and query as they are.
func parseLoose(text string) (*url.URL, error) {
	text, fragment, _ := strings.Cut(text, "#")
	end := strings.Index(text, "://")
	if end < 0 {
		return nil, url.InvalidHostError("")
	}
	start := len(text)
	if i := strings.IndexAny(text[end+3:], "/?"); i >= 0 {
		start = end + 3 + i
	}
	u, err := url.Parse(text[:start])
	if err != nil {
		return nil, err
	}
	path, query, hasQuery := strings.Cut(text[start:], "?")
	if path == "" {
		path = "/"
	}
	if strings.HasPrefix(path, "//") { // would be read as an authority
		path = "/%2F" + path[2:]
	}
	u.Opaque, u.RawQuery, u.ForceQuery = path, query, hasQuery && query == ""
	u.Fragment = fragment
	return u, nil
}

// asciiLocation percent-encodes what servers put into Location although a URL cannot hold it.
func asciiLocation(location string) string {
	const hex = "0123456789ABCDEF"
	if strings.IndexFunc(location, func(r rune) bool { return r <= ' ' || r >= 0x7f }) < 0 {
		return location
	}
	b := make([]byte, 0, len(location)+8)
	for i := 0; i < len(location); i++ {
		if c := location[i]; c <= ' ' || c >= 0x7f {
			b = append(b, '%', hex[c>>4], hex[c&15])
		} else {
			b = append(b, c)
		}
	}
	return string(b)
}

// checkURL refuses what is not for fetch. Credentials are taken off: the Fetch standard lets only navigations use them.
func checkURL(u *url.URL) error {
	if u.Scheme != "http" && u.Scheme != "https" {
		return fail(hostproto.CallCodeUnsupported, "the scheme %.32q is not supported: only http and https are", u.Scheme)
	}
	u.User = nil
	if u.Hostname() == "" {
		return fail(hostproto.CallCodeRefused, "the URL has no host")
	}
	if port := portOf(u); port == 0 || slices.Contains(badPorts, port) {
		return fail(hostproto.CallCodeRefused, "port %s is blocked by the Fetch standard", u.Port())
	}
	return nil
}

func portOf(u *url.URL) uint16 {
	switch port := u.Port(); {
	case port != "":
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			return 0
		}
		return uint16(n)
	case u.Scheme == "https":
		return 443
	}
	return 80
}

// badPorts is https://fetch.spec.whatwg.org/#port-blocking.
var badPorts = []uint16{0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109, 110, 111, 113,
	115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636,
	989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080}

// urlText serialises a URL for Response.url.
func urlText(u *url.URL) string {
	if u.Opaque == "" {
		return u.String()
	}
	return u.Scheme + "://" + u.Host + u.RequestURI()
}
