package share

import (
	"sync"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/touchstone-btc/touchstone/hash"
)

// Check judges one submission by what the session was told until now. An accepted share is remembered: the same again is a
// duplicate. It does not allocate under strict. Nothing of sub is kept.
//
// An error means that the share could not be judged: ErrFull, and, in sessions of which something was missed, ErrNoJob, ErrNoTip,
// ErrNoExtranonce and ErrNoDifficulty. The verdict then has no word, but may still say that the header is a block.
func (s *Session) Check(sub *Submission) (v Verdict, err error) {
	one := singles.Get().(*single)
	defer singles.Put(one)
	one.arena = one.arena[:0]
	s.prepare(&one.p, sub, &one.arena)
	one.hash(&v)
	return v, one.p.decide(&v)
}

// single is what Check works with.
type single struct {
	p     pending
	arena []byte
	pair  [1][hash.PairSize]byte
	sum   [1][32]byte
	head  [1][hash.HeaderSize]byte
}

var singles = sync.Pool{New: func() any { return new(single) }}

// hash builds the header and hashes it, if it can be built.
func (o *single) hash(v *Verdict) {
	p := &o.p
	if !p.buildable {
		return
	}
	root := &p.job.work.MerkleRoot
	if p.job.work.HasCoinbase() {
		root = o.merkleRoot()
	}
	p.putHeader(&o.head[0], root)
	hash.SumHeaders(hash.Auto, o.sum[:], o.head[:])
	v.Header, v.Hash, v.Built = o.head[0], o.sum[0], true
}

// merkleRoot hashes the coinbase and folds the branch onto it.
func (o *single) merkleRoot() *chainhash.Hash {
	p := &o.p
	start := len(o.arena)
	o.arena = p.job.appendCoinbase(o.arena, p.extranonce1, p.extranonce2)
	coinbase := o.arena[start:]
	hash.SumSuffixes(hash.Auto, o.sum[:], p.job.prefix, coinbase, len(coinbase))
	for i := range p.job.work.Branch {
		copy(o.pair[0][:], o.sum[0][:])
		copy(o.pair[0][32:], p.job.work.Branch[i][:])
		hash.SumPairs(hash.Auto, o.sum[:], o.pair[:])
	}
	return (*chainhash.Hash)(&o.sum[0])
}
