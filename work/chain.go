package work

import (
	"fmt"
	"math"

	"github.com/btcsuite/btcd/chainhash/v2"
)

const (
	medianTimeBlocks = 11   // block times whose median a header's time must exceed
	bip94MaxTimewarp = 600  // seconds that a period may start before its parent under BIP 94
	bip54MaxTimewarp = 7200 // the same under BIP 54
)

// CheckPoW judges a header's proof of work alone: nBits must be a target that
// can be met (not negative, zero or above 256 bits), and hash, which must be
// h's own in internal order, must meet it. It allocates only to say what is
// wrong.
func CheckPoW(h *Header, hash *chainhash.Hash) Verdict {
	_, v := checkPoW(h, hash)
	return v
}

func checkPoW(h *Header, hash *chainhash.Hash) (Target, Verdict) {
	t, negative, overflow := h.Bits.Target()
	if negative || overflow || t.IsZero() {
		what := "zero"
		switch {
		case negative:
			what = "negative"
		case overflow:
			what = "of more than 256 bits"
		}
		return t, refuse(ReasonBadDiffBits, "the target of bits %v is %s", h.Bits, what)
	}
	if !t.MetBy(hash) {
		return t, refuse(ReasonHighHash, "hash %v is above the target of bits %v", *hash, h.Bits)
	}
	return t, Verdict{}
}

// refuse takes values, never pointers, so that headers and hashes given to the
// rules may stay on the stack of the caller.
func refuse(r Reason, format string, args ...any) Verdict {
	return Verdict{Reason: r, Detail: fmt.Sprintf(format, args...)}
}

// ChainRules chooses how a HeaderChain judges. Only StartHeight has no useful
// zero value: 0 says that the first header is a genesis block.
type ChainRules struct {
	// Network whose rules apply. Nil knows no limit of difficulty, heights or
	// median times: it leaves proof of work, links and Now.
	Network *Network
	// StartHeight is the height of the first header, or -1 if that is unknown.
	// With a Network, 0 demands its genesis block and 1 the block after it.
	// Without a height nothing can be said of retargets and versions.
	StartHeight int32
	// NoLinks judges each header alone, for headers that do not follow each
	// other. StartHeight and BIP54 then say nothing.
	NoLinks bool
	// BIP54 adds that proposal's two limits on times around a retarget, from
	// the first header on. Needs Network and StartHeight.
	BIP54 bool
	// Now is the clock in seconds since 1970. Headers more than MaxFutureTime
	// ahead of it are refused; 0 allows any time.
	Now uint32
}

// HeaderChain judges headers that follow each other, by the rules that need
// nothing but headers. Its size does not depend on how many it has seen: it
// keeps the last eleven times and, of the running retarget period, what the
// next retarget needs. It is not safe for concurrent use.
//
// A run may begin anywhere, so each rule binds as soon as the headers that it
// looks back to were seen:
//
//   - the median of eleven times, once there are eleven (in a run from the
//     genesis block, from the first);
//   - the difficulty within a period: must be that of the header before; under
//     the 20-minute rule only once a header of full difficulty or the first of
//     a period was seen;
//   - the retarget, if the period's first header was seen, exactly; otherwise
//     only that it stays within a factor of four, as every retarget must.
type HeaderChain struct {
	rules  ChainRules
	height int64 // of the next header, -1 if unknown

	linked bool           // false before the first header
	tip    chainhash.Hash // hash of the header added last

	seen  int                      // times that can be relied on, without a gap; counted to eleven
	time  uint32                   // of the tip, if seen > 0
	times [medianTimeBlocks]uint32 // a ring; times[next] is the oldest, once full
	next  int

	// nBits of the tip, as the rules demand it if they are known to.
	bits      Bits
	bitsKnown bool
	// The first header of the running period; firstKnown is false while it is
	// not among those seen.
	firstKnown bool
	firstTime  uint32
	firstBits  Bits
	// Under the 20-minute rule, the difficulty that a block in time must have:
	// that of the last block which did not use the rule, or began the period.
	full      Bits
	fullKnown bool
}

// NewHeaderChain returns a chain that has seen no header yet.
func NewHeaderChain(r ChainRules) *HeaderChain {
	c := &HeaderChain{rules: r, height: -1}
	if r.NoLinks {
		return c
	}
	c.height = max(int64(r.StartHeight), -1)
	if n := r.Network; n != nil && r.StartHeight == 1 && n.Params != nil && n.Params.GenesisBlock != nil {
		// The genesis block is known, so a run that begins right after it is
		// judged as one that begins with it.
		g := n.Params.GenesisBlock.Header
		c.height = 0
		c.extend(&Header{Time: uint32(g.Timestamp.Unix()), Bits: Bits(g.Bits)}, &n.Genesis, Bits(g.Bits), true, true)
	}
	return c
}

// Height returns the height of the header to be added next, -1 if unknown.
func (c *HeaderChain) Height() int32 {
	if c.height > math.MaxInt32 {
		return -1
	}
	return int32(c.height)
}

// Add judges h as the successor of the header added before it; hash must be its
// own hash, in internal order. Neither is kept, and nothing is allocated unless
// h is refused.
//
// A verdict speaks of one header, given those before it. After a refused header
// the chain goes on from it, so that one flipped bit in a long run shows where it
// is and does not condemn every later header. Where its proof of work was at
// fault nothing it says is used: rules that would look back to it do not bind,
// as if the run began after it. A run is a valid chain if every header of it is
// valid.
func (c *HeaderChain) Add(h *Header, hash *chainhash.Hash) Verdict {
	if c.rules.NoLinks {
		_, v := c.judgeAlone(h, hash)
		if v.Valid() {
			v = c.checkFuture(h)
		}
		return v
	}
	want, known := c.nextBits(h.Time)
	v := c.judge(h, hash, want, known)
	honest := v.Reason != ReasonHighHash && v.Reason != ReasonBadDiffBits && v.Reason != ReasonBadGenesis
	if !known {
		want = h.Bits
	}
	c.extend(h, hash, want, known || honest, honest)
	return v
}

// judgeAlone tries the rules that need neither another header nor a clock, and
// returns the target.
func (c *HeaderChain) judgeAlone(h *Header, hash *chainhash.Hash) (Target, Verdict) {
	target, v := checkPoW(h, hash)
	if !v.Valid() {
		return target, v
	}
	if n := c.rules.Network; n != nil && target.Cmp(n.PowLimit) > 0 {
		return target, refuse(ReasonBadDiffBits, "bits %v is easier than %v, the easiest that %s allows", h.Bits, n.PowLimitBits, n.Name)
	}
	return target, Verdict{}
}

// judge tries the rules in the order of Bitcoin Core: what a header says of
// itself, its link, then what the headers before it demand.
func (c *HeaderChain) judge(h *Header, hash *chainhash.Hash, want Bits, wantKnown bool) Verdict {
	n := c.rules.Network
	target, v := c.judgeAlone(h, hash)
	if !v.Valid() {
		return v
	}
	if c.linked && h.PrevBlock != c.tip {
		return refuse(ReasonBadPrevBlk, "follows %v, the header before it is %v", h.PrevBlock, c.tip)
	}
	if n == nil {
		return c.checkFuture(h)
	}
	if c.height == 0 {
		if *hash != n.Genesis {
			return refuse(ReasonBadGenesis, "%s begins with %v, not with %v", n.Name, n.Genesis, *hash)
		}
		return Verdict{} // no rule binds a genesis block but to be the one
	}
	if wantKnown && h.Bits != want {
		return refuse(ReasonBadDiffBits, "bits %v at height %d, the rules demand %v", h.Bits, c.height, want)
	}
	if !wantKnown {
		if h.Bits != target.Bits() {
			return refuse(ReasonBadDiffBits, "bits %v, the same target is written %v", h.Bits, target.Bits())
		}
		if v := c.checkRetargetRange(target); !v.Valid() {
			return v
		}
	}
	if !c.aboveMedianTime(h.Time) {
		return refuse(ReasonTimeTooOld, "time %d is not above the median of the times before it", h.Time)
	}
	if v := c.checkTimewarp(h); !v.Valid() {
		return v
	}
	if v := c.checkFuture(h); !v.Valid() {
		return v
	}
	return c.checkVersion(h)
}

// extend makes h the tip. The period goes on with nBits b, if bKnown; what h
// says of itself counts if it is honest, that is, paid for by proof of work.
func (c *HeaderChain) extend(h *Header, hash *chainhash.Hash, b Bits, bKnown, honest bool) {
	c.linked, c.tip = true, *hash
	if honest {
		c.time, c.times[c.next] = h.Time, h.Time
		c.next = (c.next + 1) % medianTimeBlocks
		c.seen = min(c.seen+1, medianTimeBlocks)
	} else {
		c.seen, c.next = 0, 0
	}
	c.bits, c.bitsKnown = b, bKnown
	if c.height < 0 {
		return
	}
	if n := c.rules.Network; n != nil {
		first := c.height%int64(n.RetargetInterval) == 0
		if first {
			c.firstKnown, c.firstTime, c.firstBits = honest, h.Time, b
		}
		if first || b != n.PowLimitBits && bKnown {
			c.full, c.fullKnown = b, bKnown
		}
	}
	c.height++
}

// nextBits returns the nBits that the rules demand of the next header, whose
// time is needed for the 20-minute rule, and whether the headers seen so far
// suffice to know it.
func (c *HeaderChain) nextBits(time uint32) (b Bits, known bool) {
	n := c.rules.Network
	if n == nil || c.height < 1 {
		return 0, false
	}
	if c.height%int64(n.RetargetInterval) != 0 {
		if n.MinDifficultySpacing == 0 {
			return c.bits, c.bitsKnown
		}
		if c.seen == 0 {
			return 0, false
		}
		if int64(time) > int64(c.time)+n.MinDifficultySpacing {
			return n.PowLimitBits, true
		}
		return c.full, c.fullKnown
	}
	if n.NoRetargeting {
		return c.bits, c.bitsKnown
	}
	if !c.firstKnown || !c.bitsKnown || c.seen == 0 {
		return 0, false
	}
	from := c.bits
	if n.BIP94 {
		// The last block may have used the 20-minute rule, the first cannot.
		from = c.firstBits
	}
	return n.Retarget(from, int64(c.time)-int64(c.firstTime)), true
}

// checkRetargetRange judges the first header of a period by the last one of a
// period whose beginning was not seen.
func (c *HeaderChain) checkRetargetRange(target Target) Verdict {
	n := c.rules.Network
	// Under BIP 94 it is the period's first header that bounds the next.
	if !c.bitsKnown || c.height < 1 || c.height%int64(n.RetargetInterval) != 0 || n.BIP94 {
		return Verdict{}
	}
	hardest, easiest := n.Retarget(c.bits, math.MinInt64), n.Retarget(c.bits, math.MaxInt64)
	low, _, _ := hardest.Target()
	high, _, _ := easiest.Target()
	if target.Cmp(low) < 0 || target.Cmp(high) > 0 {
		return refuse(ReasonBadDiffBits, "bits %v at height %d, a retarget reaches from %v to %v", target.Bits(), c.height, hardest, easiest)
	}
	return Verdict{}
}

// aboveMedianTime reports whether time is above the median of the last eleven
// times, or of all where the chain began less than eleven blocks ago. It is true
// while these were not all seen.
func (c *HeaderChain) aboveMedianTime(time uint32) bool {
	if c.seen == 0 || c.seen < medianTimeBlocks && c.height != int64(c.seen) {
		return true
	}
	// Sorted, the median is at seen/2; time is above it if more than seen/2
	// times are below time.
	below := 0
	for _, t := range c.times[:c.seen] {
		if t < time {
			below++
		}
	}
	return below > c.seen/2
}

// checkTimewarp judges times around a retarget by BIP 94 and BIP 54.
func (c *HeaderChain) checkTimewarp(h *Header) Verdict {
	n := c.rules.Network
	if c.height < 1 || !n.BIP94 && !c.rules.BIP54 {
		return Verdict{}
	}
	switch c.height % int64(n.RetargetInterval) {
	case 0:
		limit := int64(bip54MaxTimewarp)
		if n.BIP94 {
			limit = bip94MaxTimewarp
		}
		if c.seen > 0 && int64(h.Time) < int64(c.time)-limit {
			return refuse(ReasonTimewarp, "time %d of the first block of a period is more than %d s before its parent's %d", h.Time, limit, c.time)
		}
	case int64(n.RetargetInterval) - 1:
		if c.rules.BIP54 && c.firstKnown && h.Time < c.firstTime {
			return refuse(ReasonNegativeInterval, "time %d of the last block of a period is before the first's %d", h.Time, c.firstTime)
		}
	}
	return Verdict{}
}

func (c *HeaderChain) checkFuture(h *Header) Verdict {
	if c.rules.Now != 0 && int64(h.Time) > int64(c.rules.Now)+MaxFutureTime {
		return refuse(ReasonTimeTooNew, "time %d is more than %d s after %d", h.Time, MaxFutureTime, c.rules.Now)
	}
	return Verdict{}
}

func (c *HeaderChain) checkVersion(h *Header) Verdict {
	if c.height < 0 {
		return Verdict{}
	}
	least := c.rules.Network.leastVersion(int32(min(c.height, math.MaxInt32)))
	// Signed, so that versions with the top bit set are refused.
	if least > 0 && int32(h.Version) < least {
		return refuse(ReasonBadVersion, "version %08x at height %d, want at least %d", h.Version, c.height, least)
	}
	return Verdict{}
}
