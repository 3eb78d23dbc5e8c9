package mine

import (
	"math/bits"

	"github.com/touchstone-btc/touchstone/hash"
	"github.com/touchstone-btc/touchstone/work"
)

// unitNonces is how many nonces one unit covers. A unit keeps its ntime, so it
// has to end well within a second: 2^16 nonces of 16 versions are a million
// hashes, which the slowest kernel does in less than that. And it has to be
// long against what beginning one costs, 16 midstates and a lock.
const unitNonces = 1 << 16

// space is the set of headers of one pass: extranonce2 × version × nonce.
type space struct {
	firstExtranonce2, lastExtranonce2 uint64

	mask     uint32 // version bits that may be rolled
	versions uint32 // version values in a group, a power of two
	groups   uint32 // groups of version values

	firstNonce uint32
	nonces     uint64 // 1..2^32
}

func newSpace(firstExtranonce2, lastExtranonce2 uint64, mask, firstNonce uint32, nonces uint64) space {
	values := uint64(1) << bits.OnesCount32(mask)
	versions := min(values, hash.MaxMidstates)
	return space{
		firstExtranonce2: firstExtranonce2,
		lastExtranonce2:  lastExtranonce2,
		mask:             mask,
		versions:         uint32(versions),
		groups:           uint32(values / versions),
		firstNonce:       firstNonce,
		nonces:           nonces,
	}
}

// version returns value i of a group, put into the job's version as BIP 310
// says. Without a mask the job's version stays.
func (s *space) version(job, group, i uint32) uint32 {
	return work.CombineVersion(job, work.SpreadVersion(group*s.versions+i, s.mask), s.mask)
}

// unit is the part of a space that one thread does in one go: every version of
// one group, for a run of nonces, at one ntime.
type unit struct {
	extranonce2 uint64
	group       uint32
	time        uint32
	nonce       uint32 // the first
	nonces      uint64
}

// cursor deals out the units of a space, each once a pass. It counts like an
// odometer (nonce, then group, then extranonce2): a flat index of all units
// can need more than 64 bits. Not safe for concurrent use.
type cursor struct {
	space

	// The next unit.
	extranonce2 uint64
	group       uint32
	offset      uint64 // into the nonces

	ended    bool   // the pass has no unit left
	passTime uint32 // no unit of this pass has an earlier ntime
	latest   uint32 // latest ntime dealt
}

func newCursor(s space) *cursor {
	return &cursor{space: s, extranonce2: s.firstExtranonce2}
}

// next deals the next unit. now is the ntime of the moment; ahead is the latest
// that may be used for want of other work, when a pass ended before the clock
// ticked. It returns false when nothing is left until they grow.
func (c *cursor) next(now, ahead uint32) (unit, bool) {
	if c.ended && !c.rewind(now, ahead) {
		return unit{}, false
	}
	u := unit{
		extranonce2: c.extranonce2,
		group:       c.group,
		time:        max(now, c.passTime),
		nonce:       c.firstNonce + uint32(c.offset),
		nonces:      min(unitNonces, c.nonces-c.offset),
	}
	c.latest = max(c.latest, u.time)
	c.advance(u.nonces)
	return u, true
}

// advance moves past the nonces just dealt.
func (c *cursor) advance(nonces uint64) {
	if c.offset += nonces; c.offset < c.nonces {
		return
	}
	c.offset = 0
	if c.group++; c.group < c.groups {
		return
	}
	c.group = 0
	if c.extranonce2 == c.lastExtranonce2 {
		c.ended = true
		return
	}
	c.extranonce2++
}

// rewind begins another pass, later than everything dealt so far.
func (c *cursor) rewind(now, ahead uint32) bool {
	if c.latest == ^uint32(0) || c.latest >= max(now, ahead) {
		return false
	}
	c.passTime = c.latest + 1
	c.extranonce2 = c.firstExtranonce2
	c.ended = false
	return true
}
