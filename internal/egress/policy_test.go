package egress

import (
	"net"
	"net/netip"
	"testing"
)

func TestClassOf(t *testing.T) {
	for text, expected := range map[string]addressClass{
		"8.8.8.8": public, "1.1.1.1": public, "172.15.0.1": public, "172.32.0.1": public, "100.63.0.1": public, "100.128.0.1": public, "223.255.255.255": public,
		"2606:4700::1": public, "2a00::1": public, "2001:4860::1": public, "::ffff:8.8.8.8": public,
		"127.0.0.1": loopback, "127.255.0.1": loopback, "::1": loopback, "::ffff:127.0.0.1": loopback,
		"10.0.0.1": private, "172.16.0.1": private, "172.31.255.255": private, "192.168.1.1": private, "100.64.0.1": private, "fc00::1": private, "fd12::1": private, "::ffff:10.0.0.1": private,
		"0.0.0.0": special, "::": special, "169.254.169.254": special, "::ffff:169.254.169.254": special, "fe80::1": special, "fe80::1%eth0": special, "fec0::1": special,
		"224.0.0.1": special, "239.1.1.1": special, "255.255.255.255": special, "240.0.0.1": special, "192.0.0.1": special, "198.18.0.1": special, "192.0.2.1": special,
		"64:ff9b::7f00:1": special, "64:ff9b:1::1": special, "2002:7f00:1::": special, "2001::1": special, "2001:db8::1": special, "::7f00:1": special, "ff02::1": special,
		"fd00:ec2::254": special, "100::1": special, "5f00::1": special,
	} {
		if got := classOf(netip.MustParseAddr(text)); got != expected {
			t.Errorf("%s: class %d, expected %d", text, got, expected)
		}
	}
}

func TestGate(t *testing.T) {
	own := firstOwnAddress(t)
	exception := prefixes("169.254.1.0/24", "127.0.0.2/32")
	tests := []struct {
		name, address string
		policy        Policy
		expected      bool
	}{
		{"nothing", "8.8.8.8:80", Policy{}, false},
		{"public", "8.8.8.8:80", Public, true},
		{"public loopback", "127.0.0.1:80", Public, false},
		{"public mapped loopback", "[::ffff:127.0.0.1]:80", Public, false},
		{"public private", "10.0.0.1:80", Public, false},
		{"public metadata", "169.254.169.254:80", Public, false},
		{"local metadata", "169.254.169.254:80", Local, false},
		{"local loopback", "[::1]:80", Local, true},
		{"local private", "192.168.0.1:80", Local, true},
		{"local unspecified", "0.0.0.0:80", Local, false},
		{"exception", "169.254.1.1:80", Policy{Prefixes: exception}, true},
		{"mapped exception", "[::ffff:127.0.0.2]:80", Policy{Prefixes: exception}, true},
		{"beside exception", "127.0.0.3:80", Policy{Prefixes: exception}, false},
		{"own", own + ":80", Public, false},
		{"protected", "127.0.0.1:9", Local, false},
		{"protected unspecified", "127.0.0.1:10", Local, false},
		{"protected unspecified 6", "[::1]:10", Local, false},
		{"protected mapped", "[::ffff:127.0.0.1]:9", Local, false},
		{"not protected", "127.0.0.1:11", Local, true},
		{"other host, protected port", "8.8.8.8:10", Local, true},
	}
	for _, test := range tests {
		g := gate{policy: test.policy}
		g.protect(netip.MustParseAddrPort("127.0.0.1:9"))
		g.protect(netip.MustParseAddrPort("[::]:10"))
		if got := g.allows(netip.MustParseAddrPort(test.address)); got != test.expected {
			t.Errorf("%s: %s allowed %v", test.name, test.address, got)
		}
	}
}

// firstOwnAddress is an IPv4 address of this machine.
func firstOwnAddress(t *testing.T) string {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() {
			return p.Addr().String()
		}
	}
	return "127.0.0.1"
}
