package egress

import (
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"
)

// Policy says which addresses workers may connect to. The zero value allows none.
type Policy struct {
	// AllowPublic allows globally reachable unicast addresses that are not this machine's.
	AllowPublic bool
	// AllowPrivate allows 10/8, 172.16/12, 192.168/16, 100.64/10 and fc00::/7.
	AllowPrivate bool
	// AllowLoopback allows 127/8, ::1 and this machine's own addresses.
	AllowLoopback bool
	// Prefixes are allowed whatever they are: the operator's exceptions.
	Prefixes []netip.Prefix
}

// Public is the policy of a server: what is on the public Internet and nothing else.
var Public = Policy{AllowPublic: true}

// Local is the policy of a developer's machine.
var Local = Policy{AllowPublic: true, AllowPrivate: true, AllowLoopback: true}

// addressClass is what kind of place an address is.
type addressClass uint8

const (
	special addressClass = iota // link-local, multicast, reserved, translated: never allowed but by a prefix
	public
	private
	loopback
)

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		list[i] = netip.MustParsePrefix(text)
	}
	return list
}

// The IANA special-purpose registries (RFC 6890 and its updates). Transition mechanisms that embed another address (NAT64, 6to4,
// Teredo, IPv4-compatible) are special, since the embedded address may be anything.
var (
	loopbackPrefixes = prefixes("127.0.0.0/8", "::1/128")
	privatePrefixes  = prefixes("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
	specialPrefixes  = prefixes("0.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
		"203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
		"fd00:ec2::254/128", "fd20:ce::254/128") // instance metadata, although in fc00::/7
	globalUnicast6 = netip.MustParsePrefix("2000::/3")
)

func classOf(a netip.Addr) addressClass {
	a = a.Unmap().WithZone("")
	in := func(list []netip.Prefix) bool {
		return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(a) })
	}
	switch {
	case in(specialPrefixes):
		return special
	case in(loopbackPrefixes):
		return loopback
	case in(privatePrefixes):
		return private
	case a.Is4(), globalUnicast6.Contains(a):
		return public
	}
	return special
}

// gate decides about addresses for one Client.
type gate struct {
	policy Policy
	// protected are listeners of the platform itself, refused whatever the policy.
	protected atomic.Pointer[[]netip.AddrPort]
	own       atomic.Pointer[ownAddresses]
}

// ownAddresses are this machine's, as of a time.
type ownAddresses struct {
	list []netip.Addr
	at   time.Time
}

// ownAddressesAge is how long the list of this machine's addresses is used.
const ownAddressesAge = 10 * time.Second

func (g *gate) isOwn(a netip.Addr) bool {
	own := g.own.Load()
	if own == nil || time.Since(own.at) > ownAddressesAge {
		own = &ownAddresses{at: time.Now()}
		addresses, _ := net.InterfaceAddrs() // unknown: then only the classes decide
		for _, address := range addresses {
			if p, err := netip.ParsePrefix(address.String()); err == nil {
				own.list = append(own.list, p.Addr().Unmap())
			}
		}
		g.own.Store(own)
	}
	return slices.Contains(own.list, a)
}

func (g *gate) allows(to netip.AddrPort) bool {
	a := to.Addr().Unmap().WithZone("")
	own := g.isOwn(a)
	if protected := g.protected.Load(); protected != nil {
		for _, p := range *protected {
			if p.Port() == to.Port() && (p.Addr().Unmap() == a || p.Addr().IsUnspecified() && (own || classOf(a) == loopback)) {
				return false
			}
		}
	}
	if slices.ContainsFunc(g.policy.Prefixes, func(p netip.Prefix) bool { return p.Contains(a) }) {
		return true
	}
	class := classOf(a)
	if own && class == public {
		class = loopback
	}
	switch class {
	case public:
		return g.policy.AllowPublic
	case private:
		return g.policy.AllowPrivate
	case loopback:
		return g.policy.AllowLoopback
	}
	return false
}

func (g *gate) protect(a netip.AddrPort) {
	for {
		old := g.protected.Load()
		var list []netip.AddrPort
		if old != nil {
			list = *old
		}
		list = append(slices.Clone(list), a)
		if g.protected.CompareAndSwap(old, &list) {
			return
		}
	}
}
