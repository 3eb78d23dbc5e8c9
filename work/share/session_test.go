package share

import (
	"testing"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/work"
)

// judged is the word of a submission, or the error.
func (s *testSession) judged(text Text) any {
	sub := text.Submission(nil)
	sub.Received = s.now
	v, err := s.Check(&sub)
	if err != nil {
		return err
	}
	return v.Word
}

func TestSessionRefusesJobs(t *testing.T) {
	_, err := NewJob(testJob("1", 1, func(j *work.Job) { j.Branch = make([]chainhash.Hash, maxBranch+1) }))
	require.ErrorContains(t, err, "33 hashes")

	s := newTestSession(t, Policy{})
	s.send(testJob("1", 1), true)
	require.Error(t, s.SetExtranonce(make([]byte, MaxExtranonce+1), 8))
	require.Error(t, s.SetExtranonce(nil, MaxExtranonce+1))
	require.Error(t, s.SetExtranonce(nil, -1))
	require.NoError(t, s.SetExtranonce(testExtranonce1, 4))
	job, err := NewJob(testJob("1", 2))
	require.NoError(t, err)
	require.ErrorContains(t, s.AddJob(job, true, s.now), "takes 12 bytes")
	require.Equal(t, Accepted, s.judged(testText("1")), "as if it was not sent")
	require.Equal(t, UnknownJob, s.judged(testText("2")))
	s.MissedJob("1")
	require.Equal(t, ErrNoJob, s.judged(testText("1")))
	require.Equal(t, ErrNoJob, s.judged(testText("2")))

	s.Close(s.now)
	s.Close(s.now)
	require.ErrorContains(t, s.AddJob(job, true, s.now), "closed")
	require.Equal(t, ErrNoJob, s.judged(testText("1")))
}

func TestSessionNewest(t *testing.T) {
	s := newTestSession(t, Policy{})
	known := func() (jobs uint64, known bool) {
		_, jobs, known = s.Newest()
		return jobs, known
	}
	for i, step := range []struct {
		do    func()
		jobs  uint64
		known bool
	}{
		{func() {}, 0, false},
		{func() { s.send(testJob("1", 1), true) }, 1, true},
		{s.MissedJobs, 1, true},
		{func() { s.MissedJob("9") }, 1, false},
		{func() { s.send(testJob("1", 1), true) }, 2, true},
		{s.Assume, 2, true},
		{func() { s.send(testJob("1", 1), true) }, 3, false}, // at no known difficulty
		{func() { s.SetTarget(targetOf(5)) }, 3, false},
		{func() { s.send(testJob("1", 1), true) }, 4, true},
	} {
		step.do()
		jobs, ok := known()
		require.Equal(t, step.jobs, jobs, i)
		require.Equal(t, step.known, ok, i)
	}
	target, _, _ := s.Newest()
	require.Equal(t, targetOf(5), target)
}

// A share is credited once: in any session, on a new connection, and when the chain comes back to a block.
func TestSessionCreditsOnce(t *testing.T) {
	s := newTestSession(t, Policy{})
	s.send(testJob("a", 1), true)
	share := testText("a")
	require.Equal(t, Accepted, s.judged(share))
	s.send(testJob("b", 2), true)
	require.Equal(t, Stale, s.judged(share))
	s.now = s.now.Add(Forgotten - time.Nanosecond)
	require.Equal(t, Stale, s.judged(share))
	s.send(testJob("a2", 1), true)
	require.Equal(t, Duplicate, s.judged(share))
	require.Equal(t, Duplicate, s.judged(testText("a2")), "the same header of another job")

	again := func() *testSession {
		s := &testSession{Session: s.v.NewSession(), t: t, v: s.v, now: s.now}
		require.NoError(t, s.SetExtranonce(testExtranonce1, 8))
		s.Authorize("worker")
		s.SetMask(work.MaskBIP320)
		s.SetTarget(targetOf(0))
		s.send(testJob("a", 1), true)
		return s
	}
	require.Equal(t, Duplicate, again().judged(share))
	s.Close(s.now)
	s.now = s.now.Add(100 * time.Hour) // without another block
	require.Equal(t, Duplicate, again().judged(share))
}

// Who is not subscribed is told so; a name that was authorized can be withdrawn.
func TestSessionAuthorizes(t *testing.T) {
	s := newTestSession(t, Policy{})
	s.Session = s.v.NewSession()
	check := func() Verdict { return s.submit(testText("1")) }
	v := check()
	require.Equal(t, Unauthorized, v.Word)
	require.True(t, v.Unsubscribed())
	require.Zero(t, v.Difficulty()+v.Required()+v.Credited())
	require.NoError(t, s.SetExtranonce(nil, 8))
	v = check()
	require.Equal(t, Unauthorized, v.Word)
	require.False(t, v.Unsubscribed())
	s.Authorize("worker")
	s.Authorize("other")
	s.Withdraw("other")
	require.Equal(t, UnknownJob, check().Word)
	s.Withdraw("worker")
	require.Equal(t, Unauthorized, check().Word)
}

// A job filled in by hand has the network's target of its bits, if it says no other.
func TestJobOfBits(t *testing.T) {
	for _, target := range []work.Target{{}, noBlock} {
		s := newTestSession(t, Strict())
		require.NoError(t, s.SetExtranonce(genesisExtranonce1(), 8))
		s.send(genesisJob("a", func(j *work.Job) { j.Target = target }), true)
		require.Equal(t, target.IsZero(), s.submit(genesisText("a")).Block)
	}
}

// Until the next job, nobody knows whether one that was missed made the others stale.
func TestMissedJobMayHaveMadeStale(t *testing.T) {
	for _, p := range Presets() {
		s := newTestSession(t, withoutZeros(p))
		s.send(testJob("a", 1), true)
		s.send(testJob("b", 1), false)
		s.MissedJob("c")
		text := testText("b")
		sub := text.Submission(nil)
		v, err := s.Check(&sub)
		if p.Name == "miningcore" { // which knows nothing stale
			require.NoError(t, err)
			continue
		}
		require.ErrorIs(t, err, ErrNoTip, p.Name)
		require.True(t, v.Built)
		s.send(testJob("d", 1), false)
		require.Equal(t, Accepted, s.submit(testText("b", func(t *Text) { t.Nonce = word(8) })).Word, p.Name)
	}
}
