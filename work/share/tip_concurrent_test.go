package share

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// While sessions come and go, previous blocks replace each other and are forgotten, and shares are judged one by one and in batches, no
// place for a share is lost or given back twice.
func TestTipsConcurrently(t *testing.T) {
	v := NewValidator(Options{MaxShares: 3000, MaxJobBytes: 100_000})
	open := func() *Session {
		s := v.NewSession()
		if err := s.SetExtranonce(testExtranonce1, 8); err != nil {
			t.Error(err)
		}
		s.Authorize("worker")
		s.SetMask(0)
		s.SetTarget(targetOf(0))
		return s
	}
	var sessions [4]atomic.Pointer[Session]
	for i := range sessions {
		sessions[i].Store(open())
	}
	var jobs []*Job
	for id := range 4 {
		for prev := range byte(5) {
			j, err := NewJob(testJob(fmt.Sprint(id), prev))
			require.NoError(t, err)
			jobs = append(jobs, j)
		}
	}
	var clock atomic.Int64
	clock.Store(testTime)
	var wg sync.WaitGroup
	for w := range uint64(4) {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(w, 9))
			var b Batch
			for range 10_000 {
				i := r.IntN(len(sessions))
				s, now := sessions[i].Load(), time.Unix(clock.Add(r.Int64N(5)), 0)
				switch k := r.IntN(100); {
				case k < 1:
					if sessions[i].CompareAndSwap(s, open()) {
						s.Close(now)
					}
				case k < 6:
					_ = s.AddJob(jobs[r.IntN(len(jobs))], false, now) // the session may be closed
				case k < 10:
					b.Judge(nil)
				default:
					sub := Submission{JobID: fmt.Sprint(r.IntN(4)), Extranonce2: make([]byte, 8), Time: testTime, Nonce: r.Uint32N(2000), HasVersionBits: true, Received: now}
					if k%2 == 0 {
						b.Add(s, &sub)
					} else {
						_, _ = s.Check(&sub) // the set may be full
					}
				}
			}
			b.Judge(nil)
		})
	}
	wg.Wait()
	remembered := 0
	for _, tip := range v.tips {
		remembered += tip.seen.len()
		require.Zero(t, tip.holders)
	}
	require.NotZero(t, remembered)
	require.Equal(t, remembered, v.Remembered())

	now := time.Unix(clock.Load(), 0)
	for i := range sessions {
		sessions[i].Load().Close(now)
	}
	last := open()
	for i := range 3 {
		require.NoError(t, last.AddJob(tipJob(t, "last", 1000+uint32(i)), false, now.Add(time.Duration(i)*time.Hour)))
	}
	require.Zero(t, v.Remembered())
	require.Len(t, v.jobs, 1)
}
