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
		require.LessOrEqual(t, s.tips.replaced.Len(), 302)
		require.LessOrEqual(t, v.idle.Len(), 604)
	}
	require.Equal(t, 1, len(s.jobs))
	s.Close(start)
	require.EqualValues(t, tipCost*len(v.tips), v.room.used.Load())
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
			waiting := 0
			for _, t := range s.tips.all {
				jobs += len(t.jobs)
				if t.waiting != nil {
					waiting++
				}
			}
			require.Equal(t, waiting, s.tips.replaced.Len())
			total += int64(tipCost * len(s.tips.all))
			require.Equal(t, len(s.jobs), jobs)
			if s.newest != nil {
				require.Same(t, s.newest, s.tips.all[s.newest.tip.prev])
			}
			for _, is := range s.jobs {
				require.NotZero(t, v.jobs[is.job])
				total += issuedCost
			}
		}
		total += int64(tipCost * len(v.tips))
		for j := range v.jobs {
			total += j.cost
		}
		require.Equal(t, total, v.room.used.Load())
	}
	for _, s := range sessions {
		s.Close(now)
	}
	idle := 0
	for _, t2 := range v.tips {
		require.Zero(t, t2.users)
		if t2.idle != nil {
			idle++
		}
	}
	require.Equal(t, idle, v.idle.Len())
	require.EqualValues(t, tipCost*len(v.tips), v.room.used.Load())
}

// However many previous blocks a connection is told of, under one job ID and with a clock that stands still: what is kept of them is
// bounded too, and when they are forgotten there is room again.
func TestTipsAreBounded(t *testing.T) {
	const limit = 100_000
	v := NewValidator(Options{MaxJobBytes: limit})
	s := v.NewSession()
	now := time.Unix(1_700_000_000, 0)
	n := uint32(0)
	fill := func() {
		var err error
		for ; err == nil; n++ {
			newest, jobs := s.newest, len(s.jobs)
			if err = s.AddJob(tipJob(t, "1", n), false, now); err != nil {
				require.Same(t, newest, s.newest, "the job is as if not sent")
				require.Len(t, s.jobs, jobs)
			}
			require.LessOrEqual(t, v.room.used.Load(), int64(limit))
		}
		require.ErrorIs(t, err, ErrJobsFull)
		require.LessOrEqual(t, len(v.tips)*tipCost, limit)
	}
	fill()
	require.Greater(t, n, uint32(limit/tipCost/3))
	now = now.Add(Forgotten)
	fill()
	require.Greater(t, n, uint32(limit/tipCost/2))

	// So are the tips of sessions that are gone, which make room at last.
	s.Close(now)
	for err := error(nil); err == nil; n++ {
		s = v.NewSession()
		err = s.AddJob(tipJob(t, "1", n), false, now)
		s.Close(now)
	}
	require.Greater(t, len(v.tips), limit/tipCost*8/10)
	require.NoError(t, v.NewSession().AddJob(tipJob(t, "1", n), false, now.Add(Forgotten)))
	require.Less(t, len(v.tips), 4)

	// Tips that are told of in turns take no more for it, whether the time is known or not.
	for _, at := range []time.Time{now, {}} {
		v := NewValidator(Options{})
		for i := range uint32(1000) {
			s := v.NewSession()
			require.NoError(t, s.AddJob(tipJob(t, "1", 99), false, at))
			for turn := range uint32(3) {
				require.NoError(t, s.AddJob(tipJob(t, "1", (i+turn)%4), false, at))
				require.LessOrEqual(t, s.tips.replaced.Len(), len(s.tips.all))
			}
			s.Close(at)
			require.LessOrEqual(t, v.idle.Len(), len(v.tips))
		}
		require.Len(t, v.tips, 5)
	}
}
