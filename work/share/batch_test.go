package share

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/work"
)

// mixPolicies are policies that differ wherever a batch might go wrong.
func mixPolicies() []Policy {
	return append(Presets(), []Policy{
		{Name: "numbers", Key: Numbers, Scope: OneSession, Difficulty: Current, Combine: Or, BitsOptional: true},
		{Name: "text", Key: TextAll, Scope: OneJob, Difficulty: ByChange, Combine: Xor, BitsUnchecked: true, JobsOfTip: true},
		{Name: "text without bits", Key: TextWithoutBits, Scope: OneSession, Difficulty: CurrentOrPrevious, PreviousTolerance: 800, JobCount: 5},
		{Name: "session", Scope: OneSession, Mask: 0x00c00000, BitsIgnored: IgnoredUngranted, TimeFrom: FromJobTime, TimeTo: AfterJobTime, TimeAhead: time.Minute},
		{Name: "early", BlocksPass: true, ShareAge: time.Minute, Rules: []Rule{
			{CheckDuplicate, "dup"}, {CheckShape, ""}, {CheckDifficulty, "low"}, {CheckBlock, ""}, {CheckStale, "old"}, {CheckAge, "older"}, {CheckTimeTo, ""},
			{CheckVersion, "bits"}, {CheckExtranonce2, "size"},
		}},
		{Name: "nothing", Rules: []Rule{}},
	}...)
}

// mixer makes up what happens to sessions. Two of one seed make up the same.
type mixer struct {
	*rand.Rand
	jobs     []*Job
	sessions []*Session
	past     []mixed
	now      time.Time
}

// mixed is a submission to a session.
type mixed struct {
	session int
	sub     Submission
}

func newMixer(t testing.TB, seed uint64, v *Validator) *mixer {
	m := &mixer{Rand: rand.New(rand.NewPCG(seed, 1)), now: testNow}
	for i := range 12 {
		job, err := NewJob(testJob(fmt.Sprint(i), byte(1+i%2), func(j *work.Job) {
			j.CoinbasePrefix = []byte(strings.Repeat("p", m.IntN(200)))
			j.CoinbaseSuffix = []byte(strings.Repeat("s", m.IntN(200)))
			j.Extranonce1Size, j.Extranonce2Size = 0, 0
			j.Branch = make([]chainhash.Hash, []int{0, 1, 2, 12, 13, maxBranch}[m.IntN(6)])
			for k := range j.Branch {
				j.Branch[k] = chainhash.Hash{byte(i), byte(k)}
			}
			switch m.IntN(6) {
			case 0:
				j.CoinbasePrefix, j.CoinbaseSuffix = nil, nil // a header
				j.MerkleRoot = chainhash.Hash{byte(i)}
			case 1:
				j.Target = targetOf(2)
			}
		}))
		require.NoError(t, err)
		m.jobs = append(m.jobs, job)
	}
	for i := range 8 {
		s := v.NewSession()
		if i == 0 {
			s.Assume()
		}
		if i > 1 {
			s.Authorize("worker")
		}
		m.sessions = append(m.sessions, s)
	}
	return m
}

// event tells a session something.
func (m *mixer) event(t testing.TB) {
	s := m.sessions[m.IntN(len(m.sessions))]
	switch m.IntN(12) {
	case 0:
		require.NoError(t, s.SetExtranonce([]byte("12345678")[:m.IntN(9)], m.IntN(9)))
	case 1:
		s.Authorize("worker")
	case 2:
		s.SetMask(work.MaskBIP320)
	case 3, 4:
		s.SetTarget(targetOf(uint(m.IntN(4))))
	case 5:
		m.now = m.now.Add(time.Second)
	default:
		require.NoError(t, s.AddJob(m.jobs[m.IntN(len(m.jobs))], m.IntN(2) == 0, m.now))
	}
}

// submission makes up a submission, one that was there before, or one that is wrong somehow.
func (m *mixer) submission() mixed {
	if len(m.past) > 0 && m.IntN(6) == 0 {
		again := m.past[m.IntN(len(m.past))]
		if m.IntN(4) == 0 {
			again.session = m.IntN(len(m.sessions))
		}
		return again
	}
	x := mixed{m.IntN(len(m.sessions)), Submission{
		Worker: "worker", JobID: fmt.Sprint(m.IntN(len(m.jobs))), Extranonce2: []byte{1, 2, 3, 4, 5, 6, 7, byte(m.IntN(8))}, Time: testTime,
		Nonce: uint32(m.IntN(64)), VersionBits: uint32(m.IntN(2)) << 13, HasVersionBits: m.IntN(8) != 0, Received: m.now,
	}}
	s, sub := m.sessions[x.session], &x.sub
	if is := s.jobs[sub.JobID]; is != nil {
		sub.Extranonce2 = sub.Extranonce2[8-is.extranonce2Size:]
	}
	switch m.IntN(24) {
	case 0:
		sub.JobID = "no"
	case 1:
		sub.Extranonce2 = nil
	case 2:
		sub.Faults = Faults(m.IntN(16))
	case 3:
		sub.Time += uint32(m.IntN(4)-2) * 7201
	case 4:
		sub.VersionBits = m.Uint32()
	case 5:
		sub.Malformed = "three fields"
	case 6:
		sub.Worker = "other"
	case 7:
		sub.Received = time.Time{}
	case 8:
		sub.Received = m.now.Add(time.Duration(m.IntN(3)-1) * 20 * time.Minute)
	case 9:
		sub.Extranonce1 = []byte("other")
	}
	if m.IntN(2) == 0 {
		text := sub.text()
		sub.Text = &text
	}
	m.past = append(m.past, x)
	return x
}

func TestBatchEqualsSingle(t *testing.T) {
	for _, p := range mixPolicies() {
		t.Run(p.String(), func(t *testing.T) {
			words, errs := make(map[Word]int), make(map[error]int)
			for seed := range uint64(3) {
				one, many := NewValidator(Options{Policy: p, MaxShares: 250}), NewValidator(Options{Policy: p, MaxShares: 250})
				alone, together := newMixer(t, seed, one), newMixer(t, seed, many)
				for range 60 {
					alone.event(t)
					together.event(t)
				}
				var batch Batch
				var want, got []Result
				for range 6000 {
					if alone.IntN(10) == 0 {
						alone.event(t)
					}
					x := alone.submission()
					v, err := alone.sessions[x.session].Check(&x.sub)
					want = append(want, Result{v, err})
					words[v.Word]++
					errs[err]++

					if together.IntN(10) == 0 {
						together.event(t)
					}
					x = together.submission()
					batch.Add(together.sessions[x.session], &x.sub)
					x.sub = Submission{} // a batch keeps nothing of it
					if alone.IntN(1000) == 0 {
						got = batch.Judge(got)
						require.Zero(t, batch.Len())
					}
					together.IntN(1000)
				}
				got = batch.Judge(got)
				requireResults(t, want, got)
				require.Equal(t, one.Remembered(), many.Remembered())
			}
			t.Log(words, errs)
			require.NotZero(t, words[Malformed])
			if !slices.ContainsFunc(p.rules(), func(r Rule) bool { return r.Check == CheckZeros }) {
				require.NotZero(t, words[Accepted])
			}
			if p.Rules == nil {
				require.Len(t, errs, 5, "none, ErrFull, and three for what a session did not see")
			}
		})
	}
}

// requireResults says where results differ; each alone, for there are many.
func requireResults(t testing.TB, want, got []Result) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range want {
		if want[i] != got[i] {
			require.Equal(t, want[i], got[i], "submission %d", i)
		}
	}
}

func TestCheckBatchEqualsSingle(t *testing.T) {
	for _, n := range []int{0, 1, 2, 15, 16, 17, 33, chunk - 1, chunk, chunk + 1, 3*chunk + 5} {
		one, many := NewValidator(Options{}), NewValidator(Options{})
		alone, together := newMixer(t, 7, one), newMixer(t, 7, many)
		for range 60 {
			alone.event(t)
			together.event(t)
		}
		var want []Result
		var requests []Request
		for range n {
			x := alone.submission()
			v, err := alone.sessions[x.session].Check(&x.sub)
			want = append(want, Result{v, err})
			requests = append(requests, Request{together.sessions[x.session], &x.sub})
		}
		before := []Result{{Err: ErrFull}}
		got := many.CheckBatch(before, requests)
		require.Equal(t, before[0], got[0])
		requireResults(t, want, got[1:])
	}
}

// Of submissions with one header in a batch, the first that is not refused is credited.
func TestBatchDuplicates(t *testing.T) {
	s := newTestSession(t, Policy{})
	s.send(testJob("a", 1), true)
	text := testText("a")
	good := text.Submission(nil)
	early := good
	early.Malformed = "refused for another reason"
	other := good
	other.Nonce++
	var b Batch
	for _, sub := range []Submission{early, good, other, good, other} {
		sub.Received = testNow
		b.Add(s.Session, &sub)
	}
	require.Equal(t, 5, b.Len())
	var words []Word
	results := b.Judge(nil)
	for _, r := range results {
		require.NoError(t, r.Err)
		words = append(words, r.Verdict.Word)
	}
	require.Equal(t, []Word{Malformed, Accepted, Accepted, Duplicate, Duplicate}, words)
	require.Empty(t, b.Judge(nil))

	b.Add(s.Session, &good) // the batch is used again
	require.Equal(t, Duplicate, b.Judge(nil)[0].Verdict.Word)
	v, err := s.Check(&other)
	require.NoError(t, err)
	require.Equal(t, Duplicate, v.Word)
}

// While sessions are told of jobs and difficulties, batches and Check judge the same shares in several goroutines: each
// is credited once.
func TestBatchConcurrently(t *testing.T) {
	const workers, shares = 4, 3000
	v := NewValidator(Options{})
	job, err := NewJob(testJob("a", 1))
	require.NoError(t, err)
	other, err := NewJob(testJob("b", 1))
	require.NoError(t, err)
	var sessions []*Session
	for range 3 {
		s := v.NewSession()
		require.NoError(t, s.SetExtranonce(testExtranonce1, 8))
		s.Authorize("worker")
		s.SetMask(work.MaskBIP320)
		s.SetTarget(targetOf(0))
		require.NoError(t, s.AddJob(job, true, testNow))
		sessions = append(sessions, s)
	}
	stop := make(chan struct{})
	var telling, judging sync.WaitGroup
	telling.Go(func() {
		for i := uint(0); ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			s := sessions[i%3]
			s.SetTarget(targetOf(i % 2)) // only the other job's shares need it
			if err := s.AddJob(other, false, testNow); err != nil {
				t.Error(err)
			}
			s.SetTarget(targetOf(0))
			if err := s.AddJob(job, false, testNow); err != nil {
				t.Error(err)
			}
		}
	})
	credited := make([]map[chainhash.Hash]int, workers)
	for w := range workers {
		credited[w] = make(map[chainhash.Hash]int)
		judging.Go(func() {
			var b Batch
			var results []Result
			note := func(r Result) {
				switch {
				case r.Err != nil || r.Verdict.Word != Accepted && r.Verdict.Word != Duplicate:
					t.Errorf("%v, %v: want accepted or duplicate", r.Verdict.Word, r.Err)
				case r.Verdict.Word == Accepted:
					credited[w][r.Verdict.Hash]++
				}
			}
			for i := range shares {
				sub := Submission{JobID: "a", Extranonce2: []byte{7: 0}, Time: testTime, Nonce: uint32(i), HasVersionBits: true, Received: testNow}
				s := sessions[(i+w)%3]
				if w == 0 {
					v, err := s.Check(&sub)
					note(Result{v, err})
					continue
				}
				b.Add(s, &sub)
				if b.Len() < 50*w && i+1 < shares {
					continue
				}
				results = b.Judge(results[:0])
				for _, r := range results {
					note(r)
				}
			}
		})
	}
	judging.Wait()
	close(stop)
	telling.Wait()
	all := make(map[chainhash.Hash]int)
	for _, m := range credited {
		for h, n := range m {
			all[h] += n
		}
	}
	require.Len(t, all, shares)
	for h, n := range all {
		require.Equal(t, 1, n, h)
	}
	require.Equal(t, shares, v.Remembered())
}

// Check and batches don't allocate under strict, whatever they say.
func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("under the race detector sync.Pool drops things at random")
	}
	s := newTestSession(t, Policy{})
	s.send(testJob("a", 1), true)
	sub := Submission{JobID: "a", Extranonce2: make([]byte, 8), Time: testTime, HasVersionBits: true, Received: testNow}
	set := func(change func(*Submission)) Submission { x := sub; change(&x); return x }
	words := make(map[Word]bool)
	for _, sub := range []Submission{
		sub, set(func(s *Submission) { s.Nonce++ }), set(func(s *Submission) { s.JobID = "b" }), set(func(s *Submission) { s.Extranonce2 = nil }),
		set(func(s *Submission) { s.Time-- }), set(func(s *Submission) { s.VersionBits = 1 }), set(func(s *Submission) { s.Malformed = "so" }),
		set(func(s *Submission) { s.Extranonce1 = make([]byte, 4); s.Faults = 1 }),
	} {
		var v Verdict
		require.Zero(t, testing.AllocsPerRun(100, func() { v, _ = s.Check(&sub) }))
		words[v.Word] = true
	}
	require.Len(t, words, 6)

	// Shares that are remembered: the set of the seen allocates a page now and then.
	s.v.budget.limit = 1 << 30
	next := sub
	require.Less(t, testing.AllocsPerRun(5000, func() {
		next.Time++
		next.Time %= testTime + 7000
		next.Nonce++
		s.Check(&next)
	}), 1.)

	var b Batch
	results := make([]Result, 0, 100)
	requests := make([]Request, 100)
	for i := range requests {
		requests[i] = Request{s.Session, &sub}
	}
	require.Zero(t, testing.AllocsPerRun(100, func() {
		for i := range requests {
			b.Add(requests[i].Session, requests[i].Submission)
		}
		results = b.Judge(results[:0])
		results = s.v.CheckBatch(results[:0], requests)
	}))
}
