package bench

import (
	"math"
	"time"
)

// clock tells the time since some moment, never less than before. Tests have one of their own.
type clock func() time.Duration

// newClock returns the system's clock, from now on.
func newClock() clock {
	start := time.Now()
	return func() time.Duration { return time.Since(start) }
}

// workload does something at least so many times, hashing mostly, and returns how many times it did.
type workload func(atLeast int) (done int)

// subject is a workload that is measured in windows. What it did in one of them says how much to do in the next.
type subject struct {
	run  workload
	rate float64 // times a second, in the last window; 0 before the first
}

// window runs the workload for about d and returns its rate, in times a second. The first call runs a small window more, to
// learn how much that is and to fill the caches.
func (s *subject) window(now clock, d time.Duration) float64 {
	if s.rate == 0 {
		s.once(now, 1)
		s.once(now, s.amount(min(d, time.Millisecond)))
	}
	return s.once(now, s.amount(d))
}

// amount is how much takes about d.
func (s *subject) amount(d time.Duration) int {
	return int(min(max(s.rate*d.Seconds(), 1), math.MaxInt32))
}

func (s *subject) once(now clock, amount int) float64 {
	start := now()
	done := s.run(amount)
	elapsed := max(now()-start, 1) // a coarse clock may stand still
	s.rate = float64(done) / elapsed.Seconds()
	return s.rate
}
