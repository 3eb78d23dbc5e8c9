package share

import (
	"slices"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/touchstone-btc/touchstone/hash"
)

// hasher hashes the coinbases, merkle branches and headers of a chunk of submissions. Those of one job stand next to each other
// meanwhile, those with the longest branches first, so that at each step of the branches the ones still to be folded are the
// first so many.
type hasher struct {
	groups []group
	deep   depths
	slots  [slots]uint16 // an open hash table of the groups, by job; a slot holds the index in groups plus one, or 0
	order  []*pending    // by place

	headers [][hash.HeaderSize]byte // by place, as are the sums
	sums    [][32]byte

	suffixes []byte
	branches [foldBlock][]chainhash.Hash
	pairs    [foldBlock][hash.PairSize]byte
}

// group are submissions for one job whose coinbases are of one size.
type group struct {
	job        *Job
	extranonce int // bytes of both
	slot       uint16
	n, start   int32
}

const (
	slots = 2 * chunk
	// foldBlock is how many branches are folded side by side: they fit into a first-level cache.
	foldBlock = 128
	// suffixBlock is about how many bytes of coinbases are laid out at once, for the same reason.
	suffixBlock = 1 << 14
)

// hash builds the headers of those that can be built, and hashes them. It sets their places. A chunk is not longer than chunk.
func (h *hasher) hash(of []pending) {
	h.arrange(of)
	h.sumCoinbases()
	h.foldBranches()
	h.sumHeaders()
}

// take fills in what was hashed for p.
func (h *hasher) take(v *Verdict, p *pending) {
	if p.buildable {
		v.Header, v.Hash, v.Built = h.headers[p.place], h.sums[p.place], true
	}
}

// depths says for each length how many submissions have branches of at least that many hashes. They are the first in order.
type depths [maxBranch + 1]int32

// arrange divides the submissions into groups and gives each its place.
func (h *hasher) arrange(of []pending) {
	h.groups = h.groups[:0]
	all := 0
	for i := range of {
		if p := &of[i]; p.buildable {
			p.place = h.groupOf(p.job, len(p.extranonce1)+len(p.extranonce2))
			h.groups[p.place].n++
			all++
		}
	}
	// The groups are sorted by counting.
	var starts [maxBranch + 2]int32
	for i := range h.groups {
		starts[h.groups[i].rank()] += h.groups[i].n
	}
	sum := int32(0)
	for rank, n := range starts {
		starts[rank] = sum
		sum += n
		if rank <= maxBranch {
			h.deep[maxBranch-rank] = sum
		}
	}
	for i := range h.groups {
		g := &h.groups[i]
		h.slots[g.slot] = 0
		g.start = starts[g.rank()]
		starts[g.rank()] += g.n
		g.n = 0
	}
	h.order = slices.Grow(h.order[:0], all)[:all]
	for i := range of {
		if p := &of[i]; p.buildable {
			g := &h.groups[p.place]
			p.place = g.start + g.n
			g.n++
			h.order[p.place] = p
		}
	}
	h.headers, h.sums = slices.Grow(h.headers[:0], all)[:all], slices.Grow(h.sums[:0], all)[:all]
}

// rank is by what groups are sorted: 0 for the longest branches, last those without coinbase.
func (g *group) rank() int {
	if !g.job.work.HasCoinbase() {
		return maxBranch + 1
	}
	return maxBranch - len(g.job.work.Branch)
}

// groupOf returns the index of a group, which it adds if there is none.
func (h *hasher) groupOf(job *Job, extranonce int) int32 {
	slot := uint16(job.serial % slots)
	for ; h.slots[slot] != 0; slot = (slot + 1) % slots {
		i := int32(h.slots[slot]) - 1
		if g := &h.groups[i]; g.job == job && g.extranonce == extranonce {
			return i
		}
	}
	h.groups = append(h.groups, group{job: job, extranonce: extranonce, slot: slot})
	h.slots[slot] = uint16(len(h.groups))
	return int32(len(h.groups)) - 1
}

// sumCoinbases hashes the coinbases.
func (h *hasher) sumCoinbases() {
	for i := range h.groups {
		g := &h.groups[i]
		if !g.job.work.HasCoinbase() {
			continue
		}
		size := g.job.suffixSize(g.extranonce)
		most := max(suffixBlock/max(size, 1), 1)
		for start, end := int(g.start), int(g.start+g.n); start < end; {
			next := min(start+most, end)
			h.suffixes = h.suffixes[:0]
			for _, p := range h.order[start:next] {
				h.suffixes = p.job.appendCoinbase(h.suffixes, p.extranonce1, p.extranonce2)
			}
			hash.SumSuffixes(hash.Auto, h.sums[start:next], g.job.prefix, h.suffixes, size)
			start = next
		}
	}
}

// foldBranches folds the branches onto the hashes of the coinbases.
func (h *hasher) foldBranches() {
	all := int(h.deep[0])
	for start := 0; start < all; start += foldBlock {
		n := min(all-start, foldBlock)
		sums := h.sums[start:][:n]
		for i, p := range h.order[start:][:n] {
			h.branches[i] = p.job.work.Branch
		}
		for step := range maxBranch {
			if n = min(int(h.deep[step+1])-start, n); n <= 0 {
				break
			}
			for i := range n {
				pair := &h.pairs[i]
				copy(pair[:32], sums[i][:])
				copy(pair[32:], h.branches[i][step][:])
			}
			hash.SumPairs(hash.Auto, sums[:n], h.pairs[:n])
		}
	}
	clear(h.branches[:])
}

// sumHeaders builds the headers and hashes them.
func (h *hasher) sumHeaders() {
	for i, p := range h.order {
		root := &p.job.work.MerkleRoot
		if i < int(h.deep[0]) {
			root = (*chainhash.Hash)(&h.sums[i])
		}
		p.putHeader(&h.headers[i], root)
	}
	hash.SumHeaders(hash.Auto, h.sums, h.headers)
	clear(h.order) // so that they keep no job alive
	clear(h.groups)
}
