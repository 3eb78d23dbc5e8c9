package share

import (
	"sync"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/touchstone-btc/touchstone/hash"
	"github.com/touchstone-btc/touchstone/work"
)

// Check judges one submission by what the session was told until now. An accepted share is remembered: the same again is a
// duplicate. It does not allocate under strict. Nothing of sub is kept.
//
// An error means that the share could not be judged: ErrFull, and, in sessions of which something was missed, ErrNoJob,
// ErrNoExtranonce and ErrNoDifficulty. The verdict then has no word, but may still say that the header is a block.
func (s *Session) Check(sub *Submission) (Verdict, error) {
	one := singles.Get().(*single)
	defer singles.Put(one)
	one.arena = one.arena[:0]
	s.prepare(&one.p, sub, &one.arena)
	one.hash()
	err := one.p.decide()
	return one.p.v, err
}

// single is what Check works with.
type single struct {
	p     pending
	arena []byte
	pair  [1][hash.PairSize]byte
	sum   [1][32]byte
}

var singles = sync.Pool{New: func() any { return new(single) }}

// hash completes the header and hashes it.
func (o *single) hash() {
	p := &o.p
	if !p.buildable {
		return
	}
	if p.job.work.HasCoinbase() {
		root := o.merkleRoot()
		copy(p.v.Header[36:], root[:])
	}
	p.v.Hash, p.v.Built = hash.Sum256d(p.v.Header[:]), true
}

// merkleRoot hashes the coinbase and folds the branch onto it.
func (o *single) merkleRoot() chainhash.Hash {
	p := &o.p
	start := len(o.arena)
	o.arena = p.job.appendCoinbase(o.arena, p.extranonce1, p.extranonce2)
	coinbase := o.arena[start:]
	hash.SumSuffixes(hash.Auto, o.sum[:], p.job.prefix, coinbase, len(coinbase))
	return work.FoldBranch(o.sum[0], p.job.work.Branch)
}
