package audit

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/work/share"
)

// Honest machines in situations that look suspicious. None of them may be accused; where it is cheap, a naive rule is shown to.

// A machine whose chips keep back all below four times the pool's difficulty sends a quarter of the shares.
func TestHonestFilter(t *testing.T) {
	m := simulate(testPlan(t, nil), 1)
	m.claim = m.rate
	m.difficulty = math.Exp2(16)
	m.filter = math.Exp2(18)
	m.run(12 * time.Hour)
	requireClean(t, m.device)
	r := m.device.Report()
	require.InEpsilon(t, m.rate, r.Proven.Estimate, 0.03)
	require.Equal(t, m.filter, r.Floor)
	m.naive.Advance(m.now)
	require.Less(t, m.naive.Rate().Estimate(), 0.3*m.rate, "naive: it does a quarter of what it claims")
}

// A pool changes the difficulty often, and the machine goes on with the job it has for a while.
func TestHonestDifficultyInFlight(t *testing.T) {
	m := simulate(testPlan(t, nil), 2)
	m.claim = m.rate
	m.linger = 10 * time.Second
	high := false
	base := m.difficulty
	m.onJob = func(bool) {
		if high = !high; high {
			m.difficulty = 8 * base
		} else {
			m.difficulty = base
		}
	}
	m.run(24 * time.Hour)
	requireClean(t, m.device)
	r := m.device.Report()
	require.True(t, r.Varied)
	require.InEpsilon(t, m.rate, r.Proven.Estimate, 0.04)
	m.naive.Advance(m.now)
	low, high2, err := m.naive.Rate().Interval(1e-9)
	require.NoError(t, err)
	require.False(t, low <= m.rate && m.rate <= high2, "naive: [%g, %g] should miss the true rate", low, high2)
}

// A machine that stands still for a second after each new block.
func TestHonestSwitchLoss(t *testing.T) {
	run := func(plan *Plan) *Device {
		m := simulate(plan, 3)
		m.claim = m.rate
		m.blocks = 12 * time.Second
		m.switchLoss = time.Second
		m.run(24 * time.Hour)
		return m.device
	}
	requireClean(t, run(testPlan(t, nil)))
	r := run(testPlan(t, func(p *Plan) { p.SwitchLoss = 1 })).Report()
	f, ok := finding(&r, TestClaim)
	require.True(t, ok)
	require.Equal(t, Alarm, f.State, "naive: %s", f.Words)
}

// Shares that come after a new block are stale, and prove as much work as others.
func TestHonestStale(t *testing.T) {
	m := simulate(testPlan(t, nil), 4)
	m.claim = m.rate
	m.each = func(s *Share) (bool, []Share) {
		if m.random.Float64() < 0.04 {
			s.Word = share.Stale
		}
		return false, nil
	}
	m.run(48 * time.Hour)
	requireClean(t, m.device)
	r := m.device.Report()
	require.InEpsilon(t, m.rate, r.Proven.Estimate, 0.02)
	m.naive.Advance(m.now)
	_, high, err := m.naive.Rate().Interval(1e-6)
	require.NoError(t, err)
	require.Less(t, high, m.rate, "naive: credited shares prove less than is claimed")
}

// A record of whole seconds, of a machine that finds several shares in each.
func TestHonestWholeSeconds(t *testing.T) {
	for _, gap := range []float64{0.3, 3} {
		m := simulate(testPlan(t, nil), 5)
		m.claim = m.rate
		m.difficulty = m.rate * gap / hashesPerDifficulty
		m.wholeSeconds = true
		m.run(4 * time.Hour)
		requireClean(t, m.device)
		r := m.device.Report()
		require.InEpsilon(t, m.rate, r.Proven.Estimate, 0.05)
	}
}

// A proxy that sends shares on in batches.
func TestHonestBatches(t *testing.T) {
	m := simulate(testPlan(t, nil), 6)
	m.claim = m.rate
	m.difficulty /= 4
	m.batch = 1500 * time.Millisecond
	m.run(12 * time.Hour)
	requireClean(t, m.device)
	r := m.device.Report()
	require.InEpsilon(t, m.rate, r.Proven.Estimate, 0.03)
}

// A connection that is lost and comes back, every some minutes.
func TestHonestReconnects(t *testing.T) {
	m := simulate(testPlan(t, nil), 7)
	m.claim = m.rate
	for range 60 {
		m.run(time.Duration((5 + 10*m.random.Float64()) * float64(time.Minute)))
		m.device.Close(m.now)
		m.now = m.now.Add(time.Duration((1 + 5*m.random.Float64()) * float64(time.Minute)))
		m.opened = false // begins anew
		m.naive = Exposure{}
	}
	requireClean(t, m.device)
	r := m.device.Report()
	require.InEpsilon(t, m.rate, r.Proven.Estimate, 0.04)
	require.EqualValues(t, 60, r.Sessions)
	f, ok := finding(&r, TestAvailable)
	require.True(t, ok)
	require.InDelta(t, 0.75, f.Numbers["available_part"], 0.06, "a skimmer must not hide in lost connections")
	require.NotEmpty(t, r.Spans)
}

// Silence that no logged event explains is told, if the connection lived.
func TestSilenceIsNotExcused(t *testing.T) {
	m := simulate(testPlan(t, nil), 7)
	m.claim = m.rate
	m.silent = func(now time.Time) bool {
		return now.Sub(testStart)%time.Hour < 3*time.Minute && now.Sub(testStart) > 4*time.Hour
	}
	m.onJob = func(bool) { m.device.Heard(m.now) }
	m.run(30 * time.Hour)
	r := m.device.Report()
	require.Equal(t, Alarm, r.State)
	f, ok := finding(&r, TestClaim)
	require.True(t, ok)
	require.Equal(t, Alarm, f.State, f.Words)
}

// Telemetry that is noisy from minute to minute and has a small error of calibration.
func TestHonestPolledClaims(t *testing.T) {
	m := simulate(testPlan(t, nil), 8)
	m.claim = 1
	m.onPoll = func() float64 { return m.rate * 1.005 * (1 + 0.05*m.random.NormFloat64()) }
	m.run(5 * 24 * time.Hour)
	requireClean(t, m.device)
}

// A machine whose rate goes up and down with heat and tuning.
func TestHonestDrift(t *testing.T) {
	m := simulate(testPlan(t, nil), 9)
	m.claim = m.rate
	base := m.rate
	m.onJob = func(bool) {
		m.rate = base * (1 + 0.02*math.Sin(2*math.Pi*m.now.Sub(testStart).Hours()/7))
	}
	m.onPoll = func() float64 { return m.rate }
	m.run(4 * 24 * time.Hour)
	requireClean(t, m.device)
}

// Several boards send side by side: a sum of Poisson processes is one. A dead board is not honest work as claimed, and is found.
func TestHonestBoards(t *testing.T) {
	m := simulate(testPlan(t, nil), 10)
	m.claim = m.rate
	m.run(24 * time.Hour)
	requireClean(t, m.device)
	m.rate *= 2. / 3
	m.run(4 * time.Hour)
	r := m.device.Report()
	require.Equal(t, Alarm, r.State, "one board of three is dead")
}

// Refused shares come together, just after the work changed.
func TestHonestInvalidAtSwitches(t *testing.T) {
	m := simulate(testPlan(t, nil), 11)
	m.claim = m.rate
	m.onJob = func(block bool) {
		if !block || m.job.Number < 2 {
			return
		}
		for range 6 { // in flight when the block came
			s := m.found(m.difficulty / (1 - m.random.Float64()))
			s.Job, s.Word = m.job.Number-1, share.Stale
			m.device.Share(&s)
			m.device.Answered(false, false, true)
		}
	}
	m.run(48 * time.Hour)
	requireClean(t, m.device)
}

// Shares that come after the end of their job, under a difficulty that changed on the way, are not what hoarding looks like.
func TestHonestLateShares(t *testing.T) {
	m := simulate(testPlan(t, nil), 12)
	m.claim = m.rate
	m.difficulty /= 8
	m.linger = 3 * time.Second
	m.jobs = 20 * time.Second
	m.vardiff = 1
	m.run(24 * time.Hour)
	requireClean(t, m.device)
}

// None of the above hides anything: the same machine with a vice is accused.
func TestVices(t *testing.T) {
	for _, vice := range []struct {
		name string
		test string
		set  func(m *simulated)
	}{
		{"skims a tenth", TestClaim, func(m *simulated) { m.skim = 0.1 }},
		{"over-reports", TestClaim, func(m *simulated) { m.claim *= 1.1 }},
		{"withholds the top", TestTail, func(m *simulated) {
			m.withhold = func(d float64) bool { return d > 100*m.difficulty }
		}},
		{"is sent to work twice", TestClaimAbove, func(m *simulated) { m.claim /= 1.1 }},
	} {
		t.Run(vice.name, func(t *testing.T) {
			m := simulate(testPlan(t, nil), 13)
			m.claim = m.rate
			vice.set(m)
			m.run(24 * time.Hour)
			r := m.device.Report()
			f, ok := finding(&r, vice.test)
			require.True(t, ok)
			require.Equal(t, Alarm, f.State, f.Words)
			require.Equal(t, Alarm, r.State)
			require.NotZero(t, f.Since)
		})
	}
}
