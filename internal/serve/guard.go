package serve

import (
	"errors"
	"net/netip"
	"sync"
	"time"

	"github.com/touchstone-btc/touchstone/stratum"
)

// maxBans bounds the addresses that are kept out at a time. When there are more, those whose time is up next are let in again.
const maxBans = 10_000

// Why a connection is turned away before its first line.
const (
	AwayBanned  = "banned"      // its address is kept out for a while
	AwayFull    = "full"        // there are as many connections as allowed
	AwayAddress = "per_address" // there are as many of its address as allowed
	AwayHeader  = "header"      // from a network of load balancers, but its PROXY header is missing or broken
	AwayTLS     = "tls"         // the TLS handshake failed
)

// guard counts connections and remembers who is kept out. It is safe for concurrent use.
type guard struct {
	now func() time.Time

	mu      sync.Mutex
	total   int
	address map[netip.Prefix]int
	bans    map[netip.Prefix]time.Time // until when
}

func newGuard() *guard {
	return &guard{now: time.Now, address: map[netip.Prefix]int{}, bans: map[netip.Prefix]time.Time{}}
}

// neighbours is whom an address stands for: itself, or the /64 of an IPv6 address, which is what one customer gets at least. A zone is
// the network card of ours that it came through, and says nothing of who it is.
func neighbours(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := 64
	if a.Is4() {
		bits = 32
	}
	p, _ := a.Prefix(bits) // the zero Prefix for the zero Addr
	return p
}

// enter counts a connection, or returns why it may not be.
func (g *guard) enter(c *ListenConfig) (away string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.total >= c.MaxConns {
		return AwayFull
	}
	g.total++
	return ""
}

// enterFrom counts a connection of an address, or returns why it may not be.
func (g *guard) enterFrom(c *ListenConfig, from netip.Prefix) (away string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if until, banned := g.bans[from]; banned {
		if g.now().Before(until) {
			return AwayBanned
		}
		delete(g.bans, from)
	}
	if g.address[from] >= c.MaxConnsPerAddress {
		return AwayAddress
	}
	g.address[from]++
	return ""
}

func (g *guard) leave() {
	g.mu.Lock()
	g.total--
	g.mu.Unlock()
}

func (g *guard) leaveFrom(from netip.Prefix) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.address[from]--; g.address[from] <= 0 {
		delete(g.address, from)
	}
}

// ban keeps an address out. Its other connections stay. It returns false where nobody is banned, or not this one.
func (g *guard) ban(c *ListenConfig, address netip.Addr) bool {
	from := neighbours(address)
	if c.BanFor <= 0 || !from.IsValid() || address.IsLoopback() && !c.BanLoopback {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	if len(g.bans) >= maxBans {
		g.forget(now)
	}
	g.bans[from] = now.Add(c.BanFor)
	return true
}

// forget makes room for a ban. g.mu is held.
func (g *guard) forget(now time.Time) {
	var next netip.Prefix
	for from, until := range g.bans {
		switch {
		case !now.Before(until):
			delete(g.bans, from)
		case !next.IsValid() || until.Before(g.bans[next]):
			next = from
		}
	}
	if len(g.bans) >= maxBans {
		delete(g.bans, next)
	}
}

// bannable returns whether an error says that a connection broke the protocol: not by falling silent, or by speaking another one that
// it was pointed here with by mistake, as browsers and miners with the wrong scheme in their URL do.
func bannable(err error) bool {
	return errors.As(err, new(*stratum.Violation)) ||
		errors.Is(err, ErrLineTooLong) || errors.Is(err, ErrFlood) || errors.Is(err, ErrForgedHeader)
}
