package share

import (
	"slices"
	"sync"

	"github.com/btcsuite/btcd/chainhash/v2"
)

// Request is one submission of a batch.
type Request struct {
	Session    *Session
	Submission *Submission
}

// Result is what became of one submission of a batch: what [Session.Check] returns.
type Result struct {
	Verdict Verdict
	Err     error
}

// Batch judges many submissions at once, several times as fast as one by one: the more of them, the better, up to some
// hundreds. Add takes from the session what holds at that moment; Judge gives the verdicts, the same as Check would have given in
// the order of Add. A Batch is for one goroutine at a time and is meant to be used again: its memory grows to what most were added
// at once, and then no more is allocated under strict. Several may work on the same sessions at once. What was added must be judged:
// until then, all that shares of its previous blocks are held against is kept. The zero value is an empty batch.
type Batch struct {
	pending []pending
	arena   []byte
	hasher  hasher
	held    held
	touching
}

// chunk is how many submissions are hashed and then decided at a time: enough to fill the kernels' lanes where they are of many
// jobs, few enough that all about them stays in a core's cache.
const chunk = 512

// Len returns how many submissions wait for Judge.
func (b *Batch) Len() int { return len(b.pending) }

// Add puts a submission into the batch. Nothing of sub is kept.
func (b *Batch) Add(s *Session, sub *Submission) {
	b.pending = slices.Grow(b.pending, 1)[:len(b.pending)+1] // prepare overwrites it
	p := &b.pending[len(b.pending)-1]
	s.prepare(p, sub, &b.arena)
	b.held.hold(p)
}

// Judge judges all that was added, appends the results to dst in the order of Add, and leaves the batch empty.
func (b *Batch) Judge(dst []Result) []Result {
	for rest := b.pending; len(rest) > 0; {
		n := min(len(rest), chunk)
		b.hasher.hash(rest[:n])
		b.touch(rest[:n])
		dst = b.decide(dst, rest[:n])
		rest = rest[n:]
	}
	b.empty()
	return dst
}

// touch prepares looking for duplicates. Those of another tip than the first, which are few, can do without.
func (b *Batch) touch(of []pending) {
	var tip *tip
	b.hashes = b.hashes[:0]
	for i := range of {
		p := &of[i]
		if tip == nil {
			tip = p.tip
		}
		if p.buildable && !p.keyed {
			p.keyBy((*chainhash.Hash)(&b.hasher.sums[p.place]))
		}
		if p.keyed && p.tip == tip {
			b.hashes = append(b.hashes, p.keyHash)
		}
	}
	if tip != nil {
		tip.seen.touch(&b.touching)
	}
}

// decide decides what was hashed last.
func (b *Batch) decide(dst []Result, of []pending) []Result {
	for i := range of {
		dst = append(dst, Result{})
		r := &dst[len(dst)-1]
		b.hasher.take(&r.Verdict, &of[i])
		r.Err = of[i].decide(&r.Verdict)
	}
	return dst
}

func (b *Batch) empty() {
	b.held.release()
	clear(b.pending) // so that they keep no job alive
	b.pending, b.arena = b.pending[:0], b.arena[:0]
}

// CheckBatch judges the submissions in order and appends the results to dst. It is [Session.Check] for many: the results are
// the same. Each is judged by the validator of its session. It does not allocate under strict, but for dst to grow.
func (v *Validator) CheckBatch(dst []Result, requests []Request) []Result {
	b := batches.Get().(*Batch)
	defer func() {
		if b.Len() > 0 { // there was a panic
			b.empty()
			return
		}
		batches.Put(b)
	}()
	for len(requests) > 0 {
		n := min(len(requests), chunk)
		for i := range requests[:n] {
			b.Add(requests[i].Session, requests[i].Submission)
		}
		dst = b.Judge(dst)
		requests = requests[n:]
	}
	return dst
}

var batches = sync.Pool{New: func() any { return new(Batch) }}
