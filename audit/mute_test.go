package audit

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestMuteDevice has a device connect, claim 100 TH/s, get work, and send nothing: no rate is known by which a silence could be measured,
// and still it must not look like one that has not sent enough yet.
func TestMuteDevice(t *testing.T) {
	quiet := func(claim float64, long time.Duration) (Finding, DeviceReport) {
		plan := testPlan(t, nil)
		d := NewDevice("mute", plan)
		s := &script{Device: d, t: t, now: testStart}
		s.Open(s.now, "")
		for end := s.now.Add(long); s.now.Before(end); s.pass(30 * time.Second) {
			s.give(60000, false)
			if claim > 0 {
				s.Claim(&Claim{Time: s.now, Rate: claim, Source: "synthetic"})
			}
		}
		s.Advance(s.now)
		r := s.Report()
		f, ok := finding(&r, TestGap)
		require.True(t, ok)
		return f, r
	}
	f, r := quiet(100e12, 12*time.Hour)
	require.Equal(t, Alarm, f.State, f.Words)
	require.Contains(t, f.Words, "No share at all came from 2026")
	require.NotContains(t, f.Words, "e+")
	require.Equal(t, Alarm, r.State)
	require.False(t, f.Since.IsZero())
	f, _ = quiet(100e12, 30*time.Minute) // some tune themselves for so long
	require.Equal(t, TooEarly, f.State, f.Words)
	f, _ = quiet(1e9, 12*time.Hour) // finds one in three days
	require.Equal(t, TooEarly, f.State, f.Words)
	f, _ = quiet(0, 12*time.Hour)
	require.Equal(t, TooEarly, f.State, f.Words)
}

// TestMuteAfterARise has a device that was heard fall silent just when the pool asks for another difficulty.
func TestMuteAfterARise(t *testing.T) {
	s := newScript(t, testPlan(t, nil))
	for range 200 {
		s.pass(time.Second)
		s.send(1.5)
	}
	s.give(8*232.83, false)
	s.pass(time.Second)
	s.send(1.5)
	for range 360 {
		s.pass(30 * time.Second)
		s.give(8*232.83, false)
	}
	s.Advance(s.now)
	r := s.Report()
	f, _ := finding(&r, TestGap)
	require.Equal(t, Alarm, f.State, f.Words)
	require.Contains(t, f.Words, "No share at all")
}

// TestSlowSearchInOrder has a machine of 20 MH/s go through the nonces in order, first for long jobs, then for short ones: it comes less
// far then, and nothing of it is dead.
func TestSlowSearchInOrder(t *testing.T) {
	s := newScript(t, testPlan(t, nil))
	s.give(0.005, true)
	for _, job := range []struct{ jobs, shares int }{{60, 60}, {300, 12}} {
		for range job.jobs {
			s.give(0.005, false)
			for i := range job.shares {
				s.pass(time.Second)
				s.n = uint32(i) << 26
				s.send(1.5)
			}
		}
	}
	r := s.Report()
	f, ok := finding(&r, TestCells)
	require.True(t, ok)
	require.NotEqual(t, Alarm, f.State, f.Words)
}
