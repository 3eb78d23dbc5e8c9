package serve

import (
	"encoding/binary"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/touchstone-btc/touchstone/work"
	"github.com/touchstone-btc/touchstone/work/share"
)

// tally counts shares while recordings are read.
type tally struct {
	words              [share.Block + 1]int64 // NotJudged too
	blocks             int64
	accepted, rejected int64 // by the pool
	disagreed, crossed int64
	target             work.Target // of the share credited last
	required           float64     // its difficulty
	difficulty         float64     // of all credited
	rate               rateSum
	best               best
}

// best is the credited share with the lowest hash.
type best struct {
	known  bool
	hash   chainhash.Hash
	file   string
	line   int64
	worker string
}

// count adds a share.
func (t *tally) count(r *ShareReport) {
	word := share.NotJudged
	if r.Err == nil {
		word = r.Verdict.Word
	}
	t.words[word]++
	if r.Verdict.Block {
		t.blocks++
	}
	switch {
	case !r.HasReply:
	case r.Reply.Accepted:
		t.accepted++
	default:
		t.rejected++
	}
	if r.Disagreed() {
		t.disagreed++
	}
	if r.Crossed {
		t.crossed++
	}
	if word.Credited() {
		if r.Verdict.Target != t.target {
			t.target, t.required = r.Verdict.Target, r.Verdict.Required()
		}
		t.difficulty += t.required
		if !t.best.known || lowerHash(&r.Verdict.Hash, &t.best.hash) {
			t.best = best{true, r.Verdict.Hash, r.File, r.Line, r.Text.Worker}
		}
	}
}

// lowerHash compares hashes, which are in internal order, as numbers.
func lowerHash(a, b *chainhash.Hash) bool {
	for i := len(a) - 8; i >= 0; i -= 8 {
		x, y := binary.LittleEndian.Uint64(a[i:]), binary.LittleEndian.Uint64(b[i:])
		if x != y {
			return x < y
		}
	}
	return false
}

// wordCounts maps words to counts, without those that did not occur.
func wordCounts(words *[share.Block + 1]int64) map[string]int64 {
	counts := map[string]int64{}
	for _, w := range share.Words() {
		if n := words[w]; n > 0 {
			counts[w.String()] = n
		}
	}
	return counts
}

// report returns the counts; earned is the work of the credited shares.
func (t *tally) report(earned share.Credit) Tally {
	out := Tally{
		Verdicts: wordCounts(&t.words), Unjudged: t.words[share.NotJudged], Credited: t.words[share.Accepted] + t.words[share.Block],
		Blocks: t.blocks, PoolAccepted: t.accepted, PoolRejected: t.rejected, Disagreements: t.disagreed, Crossed: t.crossed, HashRate: t.rate.rate(),
		Work: earned.Work.String(), Difficulty: t.difficulty,
	}
	for _, n := range t.words {
		out.Shares += n
	}
	if b := &t.best; b.known {
		out.Best = &Best{work.HashDifficulty(&b.hash), b.hash, b.file, b.line, b.worker}
	}
	return out
}
