package audit

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// saidPool is a pool that a device says to mine at, and when it first did.
type saidPool struct {
	Name string    `json:"name"`
	At   time.Time `json:"at,omitzero"`
}

func (f *facts) redirected(now time.Time, to string, elsewhere bool) {
	f.Redirects++
	if elsewhere {
		f.Elsewhere++
	}
	if elsewhere || f.Elsewhere == 0 {
		f.To, f.ToAt = clipFact(to), now
	}
}

// says keeps a pool that the device names, unless it is known.
func (f *facts) says(p saidPool) {
	same := func(o saidPool) bool { return o.Name == p.Name }
	if p.Name != "" && len(f.Pools) < maxSaidPools && !slices.ContainsFunc(f.Pools, same) {
		f.Pools = append(f.Pools, p)
	}
}

func (f *facts) reached(address string) { f.Reached = clipFact(address) }

func (f *facts) redirects() *Finding {
	if f.Redirects == 0 {
		return nil
	}
	a := &Finding{Test: TestRedirect, Kind: Fact, State: Clear, At: f.ToAt, Numbers: map[string]float64{"redirects": float64(f.Redirects), "redirects_elsewhere": float64(f.Elsewhere)},
		Words: fmt.Sprintf("The pool told the machine %s to connect anew, each time within its own domain.", times(f.Redirects)),
		Power: "It sees every message of the pool.", Limits: "A name can lead elsewhere later."}
	if f.Elsewhere > 0 {
		a.alarm(f.ToAt)
		a.Words = fmt.Sprintf("The machine was told %s to go to another place, the last time to %s: that is how stratum connections are hijacked.", times(f.Elsewhere), f.To)
		a.Limits = "A pool that really moves says the same. Ask it."
	}
	return a
}

// places compares where it says to mine with the addresses that it may name, if any were said, and else describes it.
func (f *facts) places(known []string) *Finding {
	if len(f.Pools) == 0 {
		return nil
	}
	a := &Finding{Test: TestRedirect, Kind: Fact, State: NotApplicable, Numbers: map[string]float64{"named_pools": float64(len(f.Pools))},
		Limits: "What a machine says of its pools need not be all of them: only watching its network shows that."}
	if len(known) > 0 {
		f.known(a, known)
		return a
	}
	names := names(f.Pools)
	switch {
	case f.Reached == "":
		a.Words = fmt.Sprintf("It says that it mines at %s. Nothing says where its shares ought to go.", names)
	case !slices.ContainsFunc(f.Pools, func(p saidPool) bool { return samePlace(f.Reached, p.Name) != placeSame }):
		a.State = Clear
		a.Words = fmt.Sprintf("It says that it mines at %s, where it is connected.", names)
		a.Power = "It reads what the machine says of itself."
	case slices.ContainsFunc(f.Pools, func(p saidPool) bool { return samePlace(f.Reached, p.Name) == placeOther }):
		a.Words = fmt.Sprintf("It says that it mines at %s, and is connected to %s: that may be one place by two names or addresses, or may not.", names, f.Reached)
	default:
		a.Words = fmt.Sprintf("It says that it mines at %s, and is connected to %s: whether that is the same place can't be told from the names.", names, f.Reached)
	}
	return a
}

// known judges the pools that it names by the addresses that it may name.
func (f *facts) known(a *Finding, known []string) {
	var other []saidPool
	for _, p := range f.Pools {
		if !slices.ContainsFunc(known, func(k string) bool { return sameAddress(k, p.Name) }) {
			other = append(other, p)
		}
	}
	if len(other) == 0 {
		a.State = Clear
		a.Words = fmt.Sprintf("It says that it mines at %s, as it should.", names(f.Pools))
		a.Power = "It reads what the machine says of itself."
		return
	}
	since := other[0].At
	for _, p := range other {
		if p.At.Before(since) {
			since = p.At
		}
	}
	a.alarm(since)
	a.Words = fmt.Sprintf("It said that it mined at %s, which is none of the addresses that it may name (%s).", names(other), strings.Join(known, ", "))
	a.Limits = "A pool that it falls back to while this one can't be reached looks the same, unless that was named before, too."
}

func names(pools []saidPool) string {
	var all []string
	for _, p := range pools {
		all = append(all, p.Name)
	}
	return strings.Join(all, ", ")
}

// sameAddress reports whether what a machine said is an address that was named: the same host, and the same port where both say one.
// What can't be read is not held against it.
func sameAddress(known, said string) bool {
	kh, kp := hostPort(known)
	sh, sp := hostPort(said)
	if sh == "" {
		return true
	}
	ka, kerr := netip.ParseAddr(kh)
	sa, serr := netip.ParseAddr(sh)
	if kerr == nil && serr == nil {
		kh, sh = ka.Unmap().String(), sa.Unmap().String()
	}
	return kh == sh && (kp == sp || kp == "" || sp == "")
}

type place int

const (
	placeSame place = iota
	placeUnsure
	placeOther
)

// samePlace compares two URLs of pools. An address and a name can't be compared, nor two addresses where one is any.
func samePlace(ours, said string) place {
	oh, op := hostPort(ours)
	sh, sp := hostPort(said)
	if oh == "" || sh == "" {
		return placeUnsure
	}
	oa, oerr := netip.ParseAddr(oh)
	sa, serr := netip.ParseAddr(sh)
	switch {
	case oerr == nil && serr == nil:
		oa, sa = oa.Unmap(), sa.Unmap()
		if oa.IsUnspecified() || oa.IsLoopback() || sa.IsLoopback() {
			return placeUnsure
		}
		if oa != sa {
			if oa.IsPrivate() || sa.IsPrivate() || oa.Is4() != sa.Is4() { // one machine has several
				if oa.IsPrivate() != sa.IsPrivate() && sa.IsGlobalUnicast() && !sa.IsPrivate() {
					return placeOther
				}
				return placeUnsure
			}
			return placeOther
		}
	case oerr == nil || serr == nil:
		return placeUnsure
	case !strings.EqualFold(oh, sh):
		if domain(oh) == domain(sh) {
			return placeUnsure
		}
		return placeOther
	}
	if op != "" && sp != "" && op != sp {
		return placeUnsure
	}
	return placeSame
}

// hostPort returns what of a URL, or of host:port without a scheme, says where it leads.
func hostPort(text string) (host, port string) {
	if !strings.Contains(text, "://") {
		text = "stratum+tcp://" + text
	}
	u, err := url.Parse(text)
	if err != nil {
		return "", ""
	}
	return strings.TrimSuffix(strings.ToLower(u.Hostname()), "."), u.Port()
}

// domain is what two names of one owner most likely have in common.
func domain(host string) string {
	parts := strings.Split(host, ".")
	return strings.Join(parts[max(0, len(parts)-2):], ".")
}

// pools describes where the pool and we disagree. It says nothing against the device.
func (f *facts) pools() *Finding {
	if f.Yes+f.No == 0 {
		return nil
	}
	a := &Finding{Test: TestCounters, Kind: Description, State: Clear, Numbers: map[string]float64{"pool_accepted_shares": float64(f.Yes), "pool_refused_shares": float64(f.No),
		"pool_refused_good_shares": float64(f.Refused), "pool_refused_good_shares_at_new_block": float64(f.Crossed), "pool_accepted_bad_shares": float64(f.Taken)},
		Words: fmt.Sprintf("The pool judged all %s shares as we do.", countWords(f.Yes+f.No)), Limits: "Pools differ in how long they take stale shares."}
	var parts []string
	if n := f.Refused - f.Crossed; n > 0 {
		parts = append(parts, fmt.Sprintf("the pool refused %s shares that are good", countWords(n)))
	}
	if f.Crossed > 0 {
		parts = append(parts, fmt.Sprintf("it refused %s that crossed a new block on their way", countWords(f.Crossed)))
	}
	if f.Taken > 0 {
		parts = append(parts, fmt.Sprintf("it accepted %s that are not", countWords(f.Taken)))
	}
	if len(parts) > 0 {
		text := strings.Join(parts, "; ")
		a.Words = strings.ToUpper(text[:1]) + text[1:] + fmt.Sprintf(" (of %s answers).", countWords(f.Yes+f.No))
	}
	return a
}
