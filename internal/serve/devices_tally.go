package serve

import (
	"math"
	"math/big"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/touchstone-btc/touchstone/stratum"
	"github.com/touchstone-btc/touchstone/work"
	"github.com/touchstone-btc/touchstone/work/share"
)

// deviceTally counts what a worker sent over one connection, or over all of them.
type deviceTally struct {
	words                            [share.Block + 1]uint64 // NotJudged too
	blocks, missed                   uint64
	accepted, rejected               uint64 // by the pool
	wronglyAccepted, wronglyRejected uint64
	crossed                          uint64
	lastShare                        time.Time
	work                             workSum
	best                             chainhash.Hash
	hasBest                          bool
}

// judged adds a verdict, and reports whether the share is credited.
func (t *deviceTally) judged(v *share.Verdict, err error, now time.Time) (credited bool) {
	t.lastShare = now
	word := share.NotJudged
	if v != nil {
		if v.Block {
			t.blocks++
		}
		if err == nil {
			word = v.Word
		}
	}
	t.words[word]++
	if !word.Credited() {
		return false
	}
	t.work.add(v.Target)
	if !t.hasBest || lowerHash(&v.Hash, &t.best) {
		t.best, t.hasBest = v.Hash, true
	}
	return true
}

// said adds the pool's answer, and reports how it disagrees, "" if it does not.
func (t *deviceTally) said(v *share.Verdict, err error, r stratum.Reply, crossed bool) (kind string) {
	judged := err == nil && v != nil && v.Word != share.NotJudged
	if r.Accepted {
		t.accepted++
		if judged && v.Word.Refused() {
			t.wronglyAccepted++
			return PoolAccepted
		}
		return ""
	}
	t.rejected++
	if crossed {
		t.crossed++
		return ""
	}
	if judged && v.Word.Credited() {
		t.wronglyRejected++
		return PoolRefused
	}
	return ""
}

// merge adds what o counted.
func (t *deviceTally) merge(o *deviceTally) {
	for i, n := range o.words {
		t.words[i] += n
	}
	t.blocks += o.blocks
	t.missed += o.missed
	t.accepted += o.accepted
	t.rejected += o.rejected
	t.wronglyAccepted += o.wronglyAccepted
	t.wronglyRejected += o.wronglyRejected
	t.crossed += o.crossed
	if o.lastShare.After(t.lastShare) {
		t.lastShare = o.lastShare
	}
	t.work.merge(&o.work)
	if o.hasBest && (!t.hasBest || lowerHash(&o.best, &t.best)) {
		t.best, t.hasBest = o.best, true
	}
}

// shares returns how many there were.
func (t *deviceTally) shares() (n uint64) {
	for _, c := range t.words {
		n += c
	}
	return n
}

// report returns the counts, all but the rate.
func (t *deviceTally) report() DeviceTally {
	out := DeviceTally{
		Shares: int64(t.shares()), Verdicts: map[string]int64{}, Unjudged: int64(t.words[share.NotJudged]), Missed: int64(t.missed),
		Blocks: int64(t.blocks), PoolAccepted: int64(t.accepted), PoolRejected: int64(t.rejected),
		WronglyAccepted: int64(t.wronglyAccepted), WronglyRejected: int64(t.wronglyRejected), LastShare: timeOrNil(t.lastShare),
		Disagreements: int64(t.wronglyAccepted + t.wronglyRejected), Crossed: int64(t.crossed),
	}
	for w, n := range t.words {
		switch word := share.Word(w); {
		case n == 0 || word == share.NotJudged:
		default:
			out.Verdicts[word.String()] = int64(n)
			if word.Credited() {
				out.Credited += int64(n)
			} else {
				out.Refused += int64(n)
			}
		}
	}
	t.work.settle()
	out.Work, out.Credit = t.work.sum.String(), t.work.difficulty
	if t.hasBest {
		out.Best = finite(work.HashDifficulty(&t.best))
	}
	return out
}

// workSum adds up the work of shares, exactly: each is 2^256/(target+1) hashes, rounded down. Shares in a row of the same target cost
// next to nothing.
type workSum struct {
	target work.Target
	each   *big.Int // the target's
	same   uint64   // shares of that target that are not in the sums
	sum    big.Int

	difficulty float64 // the sum of their difficulties, for display
}

func (w *workSum) add(t work.Target) {
	if w.each == nil || t != w.target {
		w.settle()
		w.target, w.each = t, t.Work()
	}
	w.same++
}

// settle brings the sums up to date.
func (w *workSum) settle() {
	if w.same != 0 {
		n := new(big.Int).SetUint64(w.same)
		w.sum.Add(&w.sum, n.Mul(n, w.each))
		w.difficulty += float64(w.same) * w.target.Difficulty()
		w.same = 0
	}
}

// merge adds o.
func (w *workSum) merge(o *workSum) {
	o.settle()
	w.sum.Add(&w.sum, &o.sum)
	w.difficulty += o.difficulty
}

// finite keeps what JSON can't say out of it: the difficulty of the hash 0.
func finite(v float64) float64 { return min(v, math.MaxFloat64) }

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
