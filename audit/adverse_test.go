package audit

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Honest machines in situations that were held against them once.

// A proxy sends shares on every 15 seconds, as the plan allows: always at the same places of each period.
func TestHonestBatchesByTheClock(t *testing.T) {
	m := simulate(testPlan(t, func(p *Plan) { p.Lag = 20 * time.Second }), 1)
	m.claim = m.rate
	m.batch = 15 * time.Second
	m.run(12 * time.Hour)
	requireClean(t, m.device)

	m = simulate(testPlan(t, func(p *Plan) { p.Lag = time.Minute }), 1)
	m.run(time.Hour)
	r := m.device.Report()
	f, ok := finding(&r, TestPeriod)
	require.True(t, ok)
	require.Equal(t, NotApplicable, f.State, "no slice is long against the lag: %s", f.Words)
}

// The difficulty of a whole fleet is lowered to a sixteenth, to see more of it. The silences before were long for its rate now, not for
// that of their time.
func TestHonestFleetAtLowerDifficulty(t *testing.T) {
	f := NewFleet(testPlan(t, nil))
	for i := range uint64(8) {
		m := simulate(f.plan, i)
		m.device = f.Device(fmt.Sprint("machine", i))
		m.difficulty *= 4
		m.run(8 * time.Hour)
		m.difficulty /= 16
		m.run(time.Hour)
	}
	for _, one := range f.Report().Findings {
		require.NotEqual(t, Alarm, one.State, one.Words)
	}
}

// A machine stays at one value of extranonce2 for most of its jobs and goes on to the next at times, last byte first.
func TestHonestExtranonceThatRarelyMoves(t *testing.T) {
	m := simulate(testPlan(t, nil), 4)
	m.each = func(s *Share) (bool, []Share) {
		s.Extranonce2 = [8]byte{3: 7}
		if m.sent > 400 {
			s.Extranonce2[3] += byte(m.sent / 100)
		}
		return false, nil
	}
	m.run(12 * time.Hour)
	requireClean(t, m.device)
}

// Jobs are known from their shares only, the difficulty goes up and down, and the machine is asked every minute what it claims: between a
// rise and the first share of the job that has it, too.
func TestHonestLateJobsThatGetHarder(t *testing.T) {
	for seed := range uint64(20) {
		m := simulate(testPlan(t, nil), seed)
		m.claim = m.rate
		m.lateJobs = true
		m.jobs = 2 * time.Minute
		base, high := m.difficulty, false
		m.onJob = func(bool) {
			if high = !high; high {
				m.difficulty = 4 * base
			} else {
				m.difficulty = base
			}
		}
		m.run(6 * time.Hour)
		requireClean(t, m.device)
	}
}

// Two machines work under one name, and both are asked: the counters of the one are not held against the shares of the other.
func TestHonestMachinesUnderOneName(t *testing.T) {
	m := simulate(testPlan(t, nil), 5)
	m.device.SharedName()
	asked := 0
	m.onJob = func(bool) {
		asked++
		accepted := 1000. + float64(m.sent)
		if asked%2 == 0 {
			accepted = 90000 + 3*float64(m.sent)
		}
		m.device.Claim(&Claim{Time: m.now, Rate: m.rate, Source: "simulated", Accepted: accepted, Rejected: 0, Stale: 0,
			DifficultyAccepted: math.NaN(), BestShare: 1e9 * accepted, Uptime: math.NaN(), Boards: []float64{1}})
	}
	m.run(3 * time.Hour)
	requireClean(t, m.device)
}
