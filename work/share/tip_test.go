package share

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/work"
)

// tipJob is a job on the previous block that n stands for.
func tipJob(t testing.TB, id string, n uint32) *Job {
	var prev chainhash.Hash
	binary.LittleEndian.PutUint32(prev[:], n)
	j, err := NewJob(&work.Job{ID: id, PrevBlock: prev})
	require.NoError(t, err)
	return j
}

// A connection that is told of a new previous block with each job makes none of them dearer: what is forgotten is dropped, and nothing
// is left of it.
func TestTipsAreDropped(t *testing.T) {
	v := NewValidator(Options{})
	s := v.NewSession()
	start := time.Unix(1_700_000_000, 0)
	for i := range uint32(20_000) {
		now := start.Add(time.Duration(i) * time.Second)
		require.NoError(t, s.AddJob(tipJob(t, "1", i/2%5000), false, now))
		require.LessOrEqual(t, len(s.tips.all), 302)
		require.LessOrEqual(t, len(v.tips), 604)
		require.LessOrEqual(t, len(s.tips.replaced), 302)
		require.LessOrEqual(t, len(v.idle), 604)
	}
	require.Equal(t, 1, len(s.jobs))
	s.Close(start)
	require.Zero(t, v.cost.Load())
	// A time long after lets go of all but the newest.
	require.NoError(t, v.NewSession().AddJob(tipJob(t, "1", 99_999), false, start.Add(100*time.Hour)))
	require.Equal(t, 2, len(v.tips))
}

// Tips that come back in any order, with clocks that jump and times that are not known, never leave a job that is not counted.
func TestTipsComeBack(t *testing.T) {
	v := NewValidator(Options{})
	sessions := []*Session{v.NewSession(), v.NewSession(), v.NewSession()}
	now := time.Unix(1_700_000_000, 0)
	state := uint32(1)
	random := func(n uint32) uint32 {
		state = state*1664525 + 1013904223
		return (state >> 8) % n
	}
	for range 20_000 {
		at := now
		switch random(20) {
		case 0:
			at = time.Time{}
		case 1:
			at = now.Add(-time.Duration(random(5000)) * time.Second)
		}
		now = now.Add(time.Duration(random(120)) * time.Second)
		i := random(3)
		if random(500) == 0 {
			sessions[i].Close(at)
			sessions[i] = v.NewSession()
		}
		s := sessions[i]
		require.NoError(t, s.AddJob(tipJob(t, string(rune('a'+random(20))), random(6)), false, at))
		total := int64(0)
		for _, s := range sessions {
			jobs := 0
			for _, t := range s.tips.all {
				jobs += len(t.jobs)
			}
			require.Equal(t, len(s.jobs), jobs)
			if s.newest != nil {
				require.Same(t, s.newest, s.tips.all[s.newest.tip.prev])
			}
			for _, is := range s.jobs {
				total += is.job.cost
			}
		}
		require.Equal(t, total, v.cost.Load())
	}
	for _, s := range sessions {
		s.Close(now)
	}
	require.Zero(t, v.cost.Load())
	for _, t2 := range v.tips {
		require.Zero(t, t2.users)
	}
}
