package audit

import (
	"encoding/binary"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/work/share"
)

// From a change of difficulty until the first share of a job as late as the change, the higher one holds; for that share too.
func TestDifficultyChange(t *testing.T) {
	s := newScript(t, testPlan(t, nil))
	const d = 232.83
	for range filterWarmUp { // the octave of twice the difficulty is known too
		s.Tests.Filter.share(2*d, 2.02*d)
		s.Tests.Filter.share(4*d, 4.04*d)
	}
	counted := s.counted()
	exposure := func() func() float64 {
		had := s.Seen
		return func() float64 { e := s.Seen - had; had = s.Seen; return e }
	}()
	old := s.job.Number

	s.pass(10 * time.Second)
	s.give(2*d, false) // up
	s.pass(10 * time.Second)
	s.sendOf(old, d, 1.5) // of the old job, below the new difficulty
	s.sendOf(old, d, 2.5)
	n, lasted := counted()
	require.EqualValues(t, 1, n)
	require.Equal(t, 20*time.Second, lasted)
	require.InEpsilon(t, 10/hashesPerShare(d)+10/hashesPerShare(2*d), exposure(), 1e-12)

	s.send(1) // switched: just meets the new one
	n, _ = counted()
	require.EqualValues(t, 1, n)

	s.pass(10 * time.Second)
	s.give(d, false) // down again, and up further
	s.pass(10 * time.Second)
	s.send(1.5) // the first of the new job: below the higher of the two
	n, _ = counted()
	require.Zero(t, n)
	require.InEpsilon(t, 20/hashesPerShare(2*d), exposure(), 1e-12)
	s.pass(10 * time.Second)
	s.send(1.5)
	n, _ = counted()
	require.EqualValues(t, 1, n)
	require.InEpsilon(t, 10/hashesPerShare(d), exposure(), 1e-12)

	// Several changes on the way: the highest of those it may still work at holds.
	first := s.job.Number
	s.give(4*d, false)
	s.give(2*d, false)
	middle := s.job.Number
	s.give(d, false)
	require.Equal(t, 4*d, s.floor)
	s.sendOf(first, d, 1.5)
	require.Equal(t, 4*d, s.floor)
	s.sendOf(middle, 2*d, 1.5)
	require.Equal(t, 2*d, s.floor)
	s.send(1.5)
	require.Equal(t, d, s.floor)

	for range 3 * maxLevels { // more than are kept apart
		s.give(8*d, false)
		s.give(d, false)
	}
	require.Equal(t, 8*d, s.floor)
	require.LessOrEqual(t, len(s.Levels), maxLevels)
}

// Of a job that is known from its share only, nobody knows when the difficulty changed.
func TestLateJobs(t *testing.T) {
	s := newScript(t, testPlan(t, nil))
	const d = 232.83
	for range filterWarmUp {
		s.Tests.Filter.share(2*d, 2.02*d)
	}
	before := s.Seen
	s.pass(10 * time.Second)
	s.job.Late = true
	s.give(2*d, false)
	require.InEpsilon(t, 10/hashesPerShare(2*d), s.Seen-before, 1e-12)
}

func TestSwitchLossDoesNotCount(t *testing.T) {
	s := newScript(t, testPlan(t, nil))
	counted := s.counted()
	s.pass(10 * time.Second)
	s.give(232.83, true)
	s.pass(500 * time.Millisecond)
	s.send(1.5)
	s.pass(500 * time.Millisecond)
	s.send(1.5)
	s.pass(time.Second)
	s.send(1.5)
	n, d := counted()
	require.EqualValues(t, 2, n)
	require.Equal(t, 11*time.Second, d)

	s.job.Tip-- // clean, but on the same block
	s.give(232.83, true)
	s.send(1.5)
	n, _ = counted()
	require.EqualValues(t, 1, n)
}

func TestNothingCountsWhileNotThere(t *testing.T) {
	s := newScript(t, testPlan(t, nil))
	counted := s.counted()
	s.pass(10 * time.Second)
	s.Close(s.now)
	s.pass(time.Minute)
	s.send(1.5)
	s.Open(s.now, "other/2")
	s.pass(time.Minute)
	s.send(1.5)
	s.give(232.83, true)
	s.pass(11 * time.Second)
	s.Interrupted(s.now) // nothing is known since the job
	s.pass(time.Minute)
	s.send(1.5)
	s.give(232.83, false)
	s.pass(11 * time.Second)
	s.send(1.5)
	n, d := counted()
	require.EqualValues(t, 1, n)
	require.Equal(t, 20*time.Second, d)
	r := s.Report()
	require.Equal(t, []Span{
		{What: SpanDown, From: testStart.Add(15 * time.Second), To: testStart.Add(75 * time.Second)},
		{What: SpanNoWork, From: testStart.Add(75 * time.Second), To: testStart.Add(135 * time.Second)},
		{What: SpanUnseen, From: testStart.Add(135 * time.Second), To: testStart.Add(206 * time.Second)},
	}, s.Spans.Spans)
	require.Equal(t, 71., r.Unseen)
	require.Equal(t, []string{"other/2"}, r.Agents)
}

// The claim of the last poll holds until the next, but not for ever.
func TestClaimsHold(t *testing.T) {
	s := newScript(t, testPlan(t, func(p *Plan) { p.Rated = 5e12 }))
	require.Equal(t, 5e12, s.claims(s.now), "what the plan says, until the machine says something")
	s.Claim(&Claim{Time: s.now, Rate: 1e12, Source: "first"})
	claimed, seconds := s.Claimed, s.ClaimedSeconds
	s.pass(time.Minute)
	s.Claim(&Claim{Time: s.now, Rate: 2e12, Source: "second"})
	require.InEpsilon(t, 60e12, s.Claimed-claimed, 1e-12)
	s.Claim(&Claim{Time: s.now, Rate: math.NaN()}) // a poll that says nothing of it
	for range 30 {
		s.pass(time.Minute)
		s.Heard(s.now)
	}
	require.InEpsilon(t, 60e12+600*2e12, s.Claimed-claimed, 1e-12)
	require.Equal(t, 660., s.ClaimedSeconds-seconds)
	require.Zero(t, s.claims(s.now))
	for _, rate := range []float64{-1, math.Inf(1), 1e30} {
		s.Claim(&Claim{Time: s.now, Rate: rate})
		require.Zero(t, s.claims(s.now))
	}
	s.requireNote("which can't be: that claim is not tested")
	s.Claim(&Claim{Time: s.now, Rate: 3e12})
	require.Equal(t, 3e12, s.claims(s.now))
	s.SharedName()
	s.Claim(&Claim{Time: s.now, Rate: 3e12})
	require.Zero(t, s.claims(s.now))
}

// What comes out of the delay line is late by the lag, never early, and nothing is lost.
func TestDelayLine(t *testing.T) {
	const lag = 2 * time.Second
	var l delayLine
	var in, out float64
	at := testStart
	for i := range 10000 {
		step := time.Duration(1+i*7919%1000) * time.Microsecond * 40
		p := passing{from: at, to: at.Add(step), floor: float64(1 + i/500%3), exposure: step.Seconds(), claim: float64(i / 700 % 2)}
		at = p.to
		in += p.exposure
		l.put(&p, 0, lag)
		require.NoError(t, l.check())
		for {
			p, ok := l.take(at.Add(-lag), 0)
			if !ok {
				break
			}
			out += p.exposure
			require.False(t, p.to.After(at.Add(-lag)))
		}
		waiting := 0.
		for _, w := range l.Waiting {
			waiting += w.Exposure
		}
		require.InDelta(t, in, out+waiting, 1e-9)
		require.LessOrEqual(t, waiting, lag.Seconds()*(1+2./delayGrain)+0.05)
	}
	// More changes than it keeps apart: what is between them is blurred, the sums are not.
	l.clear()
	in = 0
	for i := range 1000 {
		p := passing{from: at, to: at.Add(time.Millisecond), floor: 1, exposure: 1, claim: float64(1 + i%2)}
		in += p.exposure * p.claim
		at = p.to
		l.put(&p, 0, lag)
	}
	require.LessOrEqual(t, len(l.Waiting), maxDelayed)
	sum := 0.
	for _, w := range l.Waiting {
		sum += w.Exposure * w.Claim
	}
	require.InEpsilon(t, in, sum, 1e-9)
}

func TestUnknownDifficulty(t *testing.T) {
	d := NewDevice("unknown", testPlan(t, nil))
	at := testStart
	d.Open(at, "")
	for i, difficulty := range []float64{0, math.NaN(), math.Inf(1), -1, 1e300} {
		d.Job(&Job{Time: at, Number: uint64(i + 1), Difficulty: difficulty, Network: difficulty})
		for range 100 {
			at = at.Add(time.Second)
			d.Share(&Share{Time: at, Job: uint64(i + 1), Required: difficulty, Difficulty: 1e6, Word: share.Accepted})
			d.Share(&Share{Time: at, Job: uint64(i + 1), Required: 1, Difficulty: difficulty, Word: share.Accepted})
		}
	}
	r := d.Report()
	require.Zero(t, r.Counts.Counted)
	require.NotEmpty(t, r.Notes)
	requireClean(t, d)
	for range 200 { // and then it is known
		d.Job(&Job{Time: at, Number: 9, Difficulty: 1000})
		at = at.Add(time.Second)
		d.Share(&Share{Time: at, Job: 9, Required: 1000, Difficulty: 1100, Word: share.Accepted})
	}
	require.NotZero(t, d.Report().Counts.Counted)
}

func TestNothingAndLittle(t *testing.T) {
	plan := testPlan(t, nil)
	d := NewDevice("nothing", plan)
	r := d.Report()
	require.Equal(t, TooEarly, r.State)
	require.NotEmpty(t, r.Findings)
	requireUsable(t, &r)

	d.Share(&Share{Time: testStart, Word: share.NotJudged})
	r = d.Report()
	requireUsable(t, &r)
	require.Equal(t, TooEarly, r.State)

	s := newScript(t, plan)
	r = s.Report()
	requireUsable(t, &r)
	require.Empty(t, alarms(&r))
	require.Zero(t, r.Proven)
	s.pass(time.Second)
	s.send(1.5)
	r = s.Report()
	requireUsable(t, &r)
	require.EqualValues(t, 1, r.Counts.Counted)
	require.Greater(t, r.Proven.High, r.Proven.Estimate)
	require.Less(t, r.Proven.Low, r.Proven.Estimate)
	require.Empty(t, alarms(&r))
}

func TestDeviceShareDoesNotAllocate(t *testing.T) {
	m := simulate(testPlan(t, nil), 1)
	m.claim = m.rate
	m.run(20 * time.Hour)
	m.device.History.Next = m.now.AddDate(10, 0, 0) // moments are kept now and then, and cost a slice
	s := m.found(m.difficulty)
	now := m.now
	i := 0
	require.Zero(t, testing.AllocsPerRun(2000, func() {
		i++
		now = now.Add(3 * time.Second)
		s.Time, s.Difficulty, s.Nonce = now, m.difficulty*float64(1+i%100), uint32(i)*2654435761
		m.device.Share(&s)
	}))
}

// TestWarmUpIsNoEmptyWork goes to an octave of difficulty that was not seen before: while its first shares only teach whether the
// device has a filter, the counter of its work goes on.
func TestWarmUpIsNoEmptyWork(t *testing.T) {
	d := NewDevice("d", testPlan(t, nil))
	now, shares := testStart, uint64(0)
	send := func(job uint64, difficulty float64, n int) {
		d.Job(&Job{Time: now, Number: job, Tip: 1, Difficulty: difficulty, Network: 1e14})
		for range n {
			now = now.Add(time.Second)
			s := Share{Time: now, Job: job, Required: difficulty, Difficulty: difficulty * 1.5, Word: share.Accepted, Extranonce2Size: 8}
			binary.LittleEndian.PutUint64(s.Extranonce2[:], shares/4) // four shares of each value
			d.Share(&s)
			shares++
		}
	}
	d.Open(now, "")
	send(1, 17000, 2000)
	send(2, 16000, 200)
	for _, f := range d.Report().Findings {
		if f.Test == TestExtranonce2 {
			require.Equal(t, Clear, f.State, f.Words)
			return
		}
	}
	t.Fatal("nothing is said of extranonce2")
}
