package share_test

import (
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/work"
	"github.com/touchstone-btc/touchstone/work/share"
)

var (
	differential = flag.Int("share.submissions", 20_000, "submissions that TestDifferential judges")
	everyPreset  = flag.Int("share.presets", 4000, "submissions that TestDifferentialPresets judges with each preset")
	firstSeed    = flag.Uint64("share.seed", 1, "of the first stream that the differential tests judge")
)

// streamLengths are how many submissions one validator gets to see, by the last bits of the seed.
var streamLengths = [4]int{20_000, 500, 1000, 2000}

// fastPool tells a validator what the events say.
type fastPool struct {
	v        *share.Validator
	sessions [streamSessions]*share.Session
	buf      []byte
}

func newFastPool(p share.Policy) *fastPool {
	return newFastPoolOf(share.NewValidator(share.Options{Policy: p}))
}

func newFastPoolOf(v *share.Validator) *fastPool {
	p := &fastPool{v: v}
	for i := range p.sessions {
		p.sessions[i] = v.NewSession()
	}
	return p
}

// fastJob returns the job of a notify.
func fastJob(n *notify) (*share.Job, error) {
	number := func(s string) (v uint32) {
		for _, b := range unhex(s) {
			v = v<<8 | uint32(b)
		}
		return v
	}
	j := &work.Job{
		ID: n.id, Version: number(n.version), Bits: work.Bits(number(n.bits)), Time: number(n.time), MinTime: number(n.minTime),
		CoinbasePrefix: unhex(n.coinb1), CoinbaseSuffix: unhex(n.coinb2),
	}
	for i, b := range unhex(n.prev) {
		j.PrevBlock[i^3] = b
	}
	for _, b := range n.branch {
		j.Branch = append(j.Branch, chainhash.Hash(unhex(b)))
	}
	j.Target, _, _ = j.Bits.Target()
	return share.NewJob(j)
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// tell does what an event other than a submission says. The job is that of a notify.
func (p *fastPool) tell(e *event, j *share.Job) error {
	s := p.sessions[e.session]
	switch e.kind {
	case eventSubscribe:
		return s.SetExtranonce(unhex(e.extranonce1), e.extranonce2Size)
	case eventAuthorize:
		s.Authorize(e.worker)
	case eventWithdraw:
		s.Withdraw(e.worker)
	case eventMask:
		mask, err := work.ParseMask(e.mask)
		if err != nil {
			return err
		}
		s.SetMask(mask)
	case eventDifficulty:
		d, err := work.ParseDifficulty(e.difficulty)
		if err != nil {
			return err
		}
		t, err := work.DifficultyTarget(d)
		if err != nil {
			return err
		}
		s.SetTarget(t)
	case eventNotify:
		return s.AddJob(j, e.clean, e.at)
	case eventClose:
		s.Close(e.at)
		p.sessions[e.session] = p.v.NewSession()
	case eventAssume:
		s.Assume()
	}
	return nil
}

// submission returns the submission of an event. It is good until the next call.
func (p *fastPool) submission(e *event) (*share.Session, share.Submission) {
	s := p.sessions[e.session]
	if len(e.params) != 5 && len(e.params) != 6 {
		return s, share.Submission{Malformed: "not five or six strings", Received: e.at}
	}
	t := share.Text{
		Worker: e.params[0], JobID: e.params[1], Extranonce2: e.params[2], Time: e.params[3], Nonce: e.params[4],
		HasVersionBits: len(e.params) == 6,
	}
	if t.HasVersionBits {
		t.VersionBits = e.params[5]
	}
	sub := t.Submission(p.buf[:0])
	if cap(sub.Extranonce2) > cap(p.buf) {
		p.buf = sub.Extranonce2
	}
	sub.Received = e.at
	return s, sub
}

// compared holds a stream of events against two validators, one by one and in batches, and the slow judge.
type compared struct {
	single, batched *fastPool
	slow            *slowPool // nil: only the validators are compared
	batch           share.Batch
	waiting         []share.Result // of single, for what is in batch
	events          []event        // the same
	most            int            // of them, until the batch is judged
	results         []share.Result
	counts          map[string]int
	blocksRefused   int
}

func newCompared(p share.Policy) *compared {
	return &compared{single: newFastPool(p), batched: newFastPool(p), counts: map[string]int{}}
}

// do judges the next event of s.
func (c *compared) do(s *stream, e event) error {
	var slow slowVerdict
	if c.slow != nil {
		slow = c.slow.apply(&e)
	}
	if e.kind != eventSubmit {
		var j *share.Job
		if e.kind == eventNotify {
			var err error
			if j, err = fastJob(&e.job); err != nil {
				return fmt.Errorf("%w\n%v", err, describe(&e))
			}
		}
		if err := errors.Join(c.single.tell(&e, j), c.batched.tell(&e, j)); err != nil {
			return fmt.Errorf("%w\n%v", err, describe(&e))
		}
		return nil
	}

	session, sub := c.single.submission(&e)
	var r share.Result
	r.Verdict, r.Err = session.Check(&sub)
	if c.slow != nil {
		what := differs(&slow, &r)
		if what != "" && slow.or != nil && differs(slow.or, &r) == "" {
			slow, what = *slow.or, ""
		}
		c.slow.credit(&slow)
		if what != "" {
			return fmt.Errorf("slow judge: %s\nslow %+v\nis %v %+v: %s\n%v", what, slow, r.Err, r.Verdict, r.Verdict.Detail(), describe(&e))
		}
	}
	c.count(&r)

	session, sub = c.batched.submission(&e)
	c.batch.Add(session, &sub)
	c.waiting, c.events = append(c.waiting, r), append(c.events, e)
	if len(c.waiting) < c.most {
		return nil
	}
	c.most = pick(s, 1, 2, 30, 150, 900)
	return c.flush()
}

// flush judges the batch.
func (c *compared) flush() error {
	c.results = c.batch.Judge(c.results[:0])
	if len(c.results) != len(c.waiting) {
		return fmt.Errorf("%d results of %d submissions", len(c.results), len(c.waiting))
	}
	for i, r := range c.results {
		if r != c.waiting[i] {
			return fmt.Errorf("batch of %d, submission %d:\nsingle %v %+v\nbatch  %v %+v\n%v", len(c.results), i,
				c.waiting[i].Err, c.waiting[i].Verdict, r.Err, r.Verdict, describe(&c.events[i]))
		}
	}
	c.waiting, c.events = c.waiting[:0], c.events[:0]
	return nil
}

func (c *compared) count(r *share.Result) {
	word := r.Verdict.Word.String()
	if r.Err != nil {
		word = r.Err.Error()
	}
	c.counts[word]++
	if r.Verdict.Block && !r.Verdict.Word.Credited() {
		c.blocksRefused++
	}
}

// differs says in what the slow judge's verdict is another one, "" if in nothing.
func differs(slow *slowVerdict, r *share.Result) string {
	v := &r.Verdict
	errs := map[string]error{"no job": share.ErrNoJob, "no extranonce": share.ErrNoExtranonce, "no difficulty": share.ErrNoDifficulty}
	switch {
	case !errors.Is(r.Err, errs[slow.why]), r.Err != nil && slow.why == "":
		return "error"
	case r.Err == nil && v.Word.String() != slow.word, r.Err != nil && v.Word != share.NotJudged:
		return "word"
	case v.Built != slow.built:
		return "built"
	case v.Block != slow.block:
		return "block"
	case v.Built && hex.EncodeToString(v.Header[:]) != slow.header:
		return "header"
	case v.Built && hex.EncodeToString(v.Hash[:]) != slow.hash:
		return "hash"
	case v.BlockLost:
		return "lost block"
	}
	target := slow.target
	if target == nil {
		target = new(big.Int)
	}
	if v.Built && v.Target.Big().Cmp(target) != 0 {
		return "target"
	}
	return ""
}

// describe returns an event for a message.
func describe(e *event) string {
	return fmt.Sprintf("event %d on session %d at %v: params %q, %+v", e.kind, e.session, e.at.Sub(time.Unix(streamTime, 0)), e.params, *e)
}

// compare judges so many submissions in streams of their own seeds, and returns the counts.
func compare(t *testing.T, p share.Policy, slow bool, submissions int) *compared {
	t.Helper()
	total := newCompared(p)
	for seed := *firstSeed; submissions > 0; seed++ {
		c := newCompared(p)
		if slow {
			c.slow = newSlowPool()
		}
		s := newStream(newRandomChooser(seed))
		for s.submits < min(submissions, streamLengths[seed%4]) {
			if err := c.do(s, s.next()); err != nil {
				t.Fatalf("%s, -share.seed %d, submission %d: %v", p.String(), seed, s.submits, err)
			}
		}
		require.NoError(t, c.flush())
		submissions -= s.submits
		for w, n := range c.counts {
			total.counts[w] += n
		}
		total.blocksRefused += c.blocksRefused
	}
	var lines []string
	for w, n := range total.counts {
		lines = append(lines, fmt.Sprintf("%s %d", w, n))
	}
	slices.Sort(lines)
	t.Logf("%s: %s; refused blocks %d", p.String(), strings.Join(lines, ", "), total.blocksRefused)
	return total
}

// TestDifferential judges streams of honest and altered submissions one by one, in batches, and by the slow judge.
func TestDifferential(t *testing.T) {
	c := compare(t, share.Policy{}, true, *differential)
	if *differential < 20_000 {
		return
	}
	for _, w := range share.Words() {
		require.NotZero(t, c.counts[w.String()], "the streams must show every word: %v", w)
	}
	for _, err := range []error{share.ErrNoJob, share.ErrNoExtranonce, share.ErrNoDifficulty} {
		require.NotZero(t, c.counts[err.Error()], err)
	}
	require.NotZero(t, c.blocksRefused)
}

// TestDifferentialPresets judges such streams by every preset, one by one and in batches.
func TestDifferentialPresets(t *testing.T) {
	for _, p := range share.Presets() {
		t.Run(p.String(), func(t *testing.T) { compare(t, p, false, *everyPreset) })
	}
}

// TestDifferentialShared judges several streams at once in one pool.
func TestDifferentialShared(t *testing.T) {
	single, batched := share.NewValidator(share.Options{}), share.NewValidator(share.Options{})
	var all sync.WaitGroup
	for n := range 4 {
		all.Go(func() {
			c := newCompared(share.Policy{})
			c.single, c.batched, c.slow = newFastPoolOf(single), newFastPoolOf(batched), newSlowPool()
			s := newSharedStream(newRandomChooser(*firstSeed+uint64(n)), n+1)
			for s.submits < min(*differential/10, 40_000) { // the slow judge looks for jobs among all that it was ever sent
				if err := c.do(s, s.next()); err != nil {
					t.Errorf("stream %d, submission %d: %v", n, s.submits, err)
					return
				}
			}
			if err := c.flush(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}
