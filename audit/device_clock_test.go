package audit

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/work/share"
)

// script is a device that is told events by hand: 1 TH/s at a share every second, past the warm-up of the filter.
type script struct {
	*Device
	t   testing.TB
	now time.Time
	job Job
	n   uint32
}

func newScript(t testing.TB, plan *Plan) *script {
	s := &script{Device: NewDevice("scripted", plan), t: t, now: testStart}
	s.Open(s.now, "")
	s.give(232.83, true)
	s.pass(5 * time.Second)
	for range filterWarmUp {
		s.send(1.01)
	}
	require.True(t, s.warm)
	return s
}

func (s *script) pass(d time.Duration) { s.now = s.now.Add(d) }

// give sends a job.
func (s *script) give(difficulty float64, clean bool) {
	s.job.Number++
	s.job.Time, s.job.Difficulty, s.job.Clean = s.now, difficulty, clean
	if clean {
		s.job.Tip++
	}
	s.Job(&s.job)
}

// send sends a share of the latest job, of so many times its difficulty.
func (s *script) send(times float64) { s.sendOf(s.job.Number, s.job.Difficulty, times) }

func (s *script) sendOf(job uint64, required, times float64) {
	s.n++
	s.Share(&Share{Time: s.now, Job: job, Required: required, Difficulty: times * required, Word: share.Accepted, Nonce: s.n})
}

// counted returns how many shares and how much time were counted since it was last called.
func (s *script) counted() func() (uint64, time.Duration) {
	shares, lasted := s.Exposure.Shares(), s.Counted
	return func() (uint64, time.Duration) {
		s.Advance(s.now)
		n, d := s.Exposure.Shares()-shares, s.Counted-lasted
		shares, lasted = s.Exposure.Shares(), s.Counted
		return n, d
	}
}

func (s *script) requireNote(words string) {
	s.t.Helper()
	require.Contains(s.t, strings.Join(s.Report().Notes, "\n"), words)
}

func TestClockGoesBack(t *testing.T) {
	s := newScript(t, testPlan(t, nil))
	counted := s.counted()
	s.pass(10 * time.Second)
	s.send(1.5)
	s.pass(-time.Second) // two connections read side by side
	s.send(1.5)
	n, d := counted()
	require.EqualValues(t, 2, n)
	require.Equal(t, 10*time.Second, d)
	require.Empty(t, s.Report().Notes)

	s.pass(-time.Hour)
	for range 100 {
		s.pass(time.Second)
		s.send(1.5)
	}
	n, d = counted()
	require.Zero(t, n, "no time passes, so no share counts")
	require.Zero(t, d)
	s.requireNote("101 events were out of order, by 60 minutes at most") // with the Advance of counted
	s.now = s.Now.Add(time.Minute)
	s.send(1.5)
	n, d = counted()
	require.EqualValues(t, 1, n)
	require.Equal(t, time.Minute, d)
}

func TestClockJumpsAheadAndBack(t *testing.T) {
	s := newScript(t, testPlan(t, nil))
	counted := s.counted()
	s.pass(10 * time.Second)
	before := s.now
	s.now = s.now.AddDate(70, 0, 0)
	s.send(1.5)
	s.requireNote("not believed until there is another")
	s.now = before
	s.send(1.5)
	s.requireNote("A clock jumped to 2096-")
	n, d := counted()
	require.EqualValues(t, 1, n)
	require.Equal(t, 10*time.Second, d)
}

func TestHoleInRecord(t *testing.T) {
	s := newScript(t, testPlan(t, nil))
	for range 20 { // so that its rate is known
		s.pass(time.Second)
		s.send(1.5)
	}
	counted := s.counted()
	s.pass(10 * time.Second)
	s.send(1.5)
	s.pass(5 * time.Hour)
	s.send(1.5)
	s.pass(10 * time.Second)
	s.send(1.5)
	n, d := counted()
	require.EqualValues(t, 2, n)
	require.Equal(t, 20*time.Second, d)
	s.requireNote("the record has a hole there, or a clock jumped")
	r := s.Report()
	require.Equal(t, 5*time.Hour.Seconds(), r.Unseen)
	require.Equal(t, SpanUnseen, r.Spans[0].What)
}

// A machine that finds a share every half an hour is not asleep because nothing happens for an hour.
func TestSlowMachineHasNoHoles(t *testing.T) {
	m := simulate(testPlan(t, nil), 1)
	m.difficulty *= 600
	m.lateJobs, m.jobs, m.blocks = true, 50000*time.Hour, 50000*time.Hour
	m.run(400 * time.Hour)
	r := m.device.Report()
	require.Zero(t, r.Unseen)
	require.InEpsilon(t, m.rate, r.Proven.Estimate, 0.15)
	requireClean(t, m.device)
}

func TestAbsurdTimes(t *testing.T) {
	s := newScript(t, testPlan(t, nil))
	counted := s.counted()
	now := s.now
	for _, at := range []time.Time{{}, time.Unix(0, 0), time.Unix(1<<40, 0), time.Unix(-1<<62, 0), time.Unix(1<<62, 0)} {
		s.now = at
		s.send(1.5)
		s.give(232.83, true)
		s.Open(at, "x")
		s.Close(at)
		s.Claim(&Claim{Time: at, Rate: 1})
		s.Interrupted(at)
		s.Heard(at)
	}
	s.now = now
	n, d := counted()
	require.Zero(t, n)
	require.Zero(t, d)
	s.requireNote("which can't be")
}

func TestWholeSecondsAreSpread(t *testing.T) {
	s := newScript(t, testPlan(t, nil))
	var sum float64
	const n = 2000
	for i := range n {
		s.pass(3 * time.Second)
		at := s.now
		s.Share(&Share{Time: at, WholeSeconds: true, Job: s.job.Number, Required: 232.83, Difficulty: 300, Word: share.Accepted,
			Nonce: uint32(i)})
		part := s.Now.Sub(at)
		require.True(t, part >= 0 && part < time.Second)
		sum += part.Seconds()
	}
	require.InDelta(t, 0.5, sum/n, 0.03)
}
