package share

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

// Batch judges many submissions at once, which is faster than one by one. Add takes from the session what holds at that moment;
// Judge gives the verdicts, the same as Check would have given in the order of Add. A Batch is for one goroutine at a time and
// may be used again; several may work on the same sessions at once.
type Batch struct {
	pending []pending
	arena   []byte
	one     single
}

// Len returns how many submissions wait for Judge.
func (b *Batch) Len() int { return len(b.pending) }

// Add puts a submission into the batch. Nothing of sub is kept.
func (b *Batch) Add(s *Session, sub *Submission) {
	b.pending = append(b.pending, pending{})
	s.prepare(&b.pending[len(b.pending)-1], sub, &b.arena)
}

// Judge judges all that was added, appends the results to dst in the order of Add, and leaves the batch empty.
func (b *Batch) Judge(dst []Result) []Result {
	for i := range b.pending {
		b.one.p, b.one.arena = b.pending[i], b.one.arena[:0]
		b.one.hash()
		err := b.one.p.decide()
		dst = append(dst, Result{b.one.p.v, err})
	}
	clear(b.pending)
	b.pending, b.arena = b.pending[:0], b.arena[:0]
	return dst
}

// CheckBatch judges the submissions in order and appends the results to dst. It is [Session.Check] for many: the results are
// the same.
func (v *Validator) CheckBatch(dst []Result, requests []Request) []Result {
	var b Batch
	for i := range requests {
		b.Add(requests[i].Session, requests[i].Submission)
	}
	return b.Judge(dst)
}
