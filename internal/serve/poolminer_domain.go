package serve

import (
	"net/netip"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// sameDomain reports whether the operator of the host from, a name or an address, also has the host to: whether they
// are the same, or names under one domain that was registered, by the list at publicsuffix.org. So pool.example.com may
// send miners to eu.pool.example.com and to backup.example.com, but pool-a.github.io not to pool-b.github.io: others
// than the pool's operator may register names there. An address stands for itself only, and so does a name without a
// dot.
func sameDomain(from, to string) bool {
	from, to = hostName(from), hostName(to)
	if from == to {
		return from != ""
	}
	a, errA := netip.ParseAddr(from)
	b, errB := netip.ParseAddr(to)
	if errA == nil || errB == nil {
		return errA == nil && errB == nil && a.Unmap() == b.Unmap()
	}
	x, errA := publicsuffix.EffectiveTLDPlusOne(from)
	y, errB := publicsuffix.EffectiveTLDPlusOne(to)
	return errA == nil && errB == nil && x == y
}

// hostName returns a host in the one form in which it is compared.
func hostName(s string) string {
	s = strings.TrimSuffix(strings.ToLower(s), ".")
	if inner, found := strings.CutPrefix(s, "["); found {
		s = strings.TrimSuffix(inner, "]")
	}
	return s
}
