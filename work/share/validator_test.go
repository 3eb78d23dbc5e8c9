package share

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/work"
)

// What a job takes is counted once, however many sessions have it, and given back with the last of them.
func TestJobsCountOnce(t *testing.T) {
	big, err := NewJob(testJob("1", 1, func(j *work.Job) { j.CoinbaseSuffix = make([]byte, 16<<10) }))
	require.NoError(t, err)
	v := NewValidator(Options{MaxJobBytes: 100_000})
	var sessions []*Session
	for range 50 {
		s := v.NewSession()
		require.NoError(t, s.AddJob(big, true, testNow))
		sessions = append(sessions, s)
	}
	require.NoError(t, sessions[0].AddJob(big, true, testNow), "again")
	require.EqualValues(t, big.cost+50*issuedCost+51*tipCost, v.room.used.Load())

	// Jobs that nobody else has leave no room soon. That of a known ID stays as it was then.
	var before *issued
	for i := 0; err == nil; i++ {
		j, e := NewJob(testJob("1", 1, func(j *work.Job) { j.CoinbaseSuffix = make([]byte, 16<<10) }))
		require.NoError(t, e)
		before = sessions[i%50].jobs["1"]
		if err = sessions[i%50].AddJob(j, false, testNow); err != nil {
			require.Same(t, before, sessions[i%50].jobs["1"])
			require.Zero(t, v.jobs[j])
		}
		require.LessOrEqual(t, v.room.used.Load(), int64(100_000))
	}
	require.ErrorIs(t, err, ErrJobsFull)
	require.NotZero(t, before)

	for _, s := range sessions {
		s.Close(testNow)
	}
	require.Empty(t, v.jobs)
	require.EqualValues(t, tipCost, v.room.used.Load())
}
