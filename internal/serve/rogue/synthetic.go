package rogue

import (
	"fmt"
	"math"
	"time"
)

// Synthetic is a device that is only computed: its shares come at the times and with the difficulties that luck would have given a
// real one of any hash rate, exactly: a Poisson process whose rate is the hash rate over the difficulty, with the achieved
// difficulties Pareto distributed. A pool's conduct is computed with it: jobs, new blocks, and a difficulty that follows the shares
// (vardiff), as far as Difficulty does not fix it. Not to be changed after Stream.
type Synthetic struct {
	// Name is the worker, Session the connection. Defaults: "synthetic" and "s-" and the name.
	Name, Session string
	// Rate is what it really computes, in hashes per second. Required.
	Rate float64
	// SharesPerMinute is what the pool aims at. Default: 20.
	SharesPerMinute float64
	// Difficulty is that of all jobs. Default: vardiff.
	Difficulty float64
	// Start is when it connects. Default: 2026-01-01 00:00 UTC.
	Start time.Time
	// Duration is how long it works; negative means for ever. Required.
	Duration time.Duration
	// JobEvery is how often the pool sends a job on the same block (default 30 s), BlockEvery how often there is a new block on
	// average (default 600 s). Negative: never.
	JobEvery, BlockEvery time.Duration
	// Switch is how long the device works on after a new job came. Default: 200 ms; negative: 0.
	Switch time.Duration
	// ClaimEvery is how often it is asked for its rate. Default: 60 s; negative: never.
	ClaimEvery time.Duration
	// Network is the difficulty of a block. Default: 1.5e14.
	Network float64
	// Model is that of its nonces; see Models. Default: nonces without structure.
	Model string
	// Vice is what is wrong with it.
	Vice Vice
	// Seed chooses its luck: devices of the same seed and name have the same.
	Seed uint64
}

// hashesPerDifficulty is how many hashes a share of difficulty 1 takes on average: 2^256 over the target of difficulty 1 plus one.
const hashesPerDifficulty = 4295032833.000015

// versionMask are the version bits that a synthetic device rolls: those of BIP 320.
const versionMask = 0x1fffe000

// complete returns s with the defaults filled in, or what is wrong with it.
func (s Synthetic) complete() (Synthetic, error) {
	if s.Name == "" {
		s.Name = "synthetic"
	}
	if s.Session == "" {
		s.Session = "s-" + s.Name
	}
	if s.SharesPerMinute == 0 {
		s.SharesPerMinute = 20
	}
	if s.Start.IsZero() {
		s.Start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	if s.Network == 0 {
		s.Network = 1.5e14
	}
	for _, d := range []struct {
		v   *time.Duration
		def time.Duration
	}{{&s.JobEvery, 30 * time.Second}, {&s.BlockEvery, 600 * time.Second}, {&s.Switch, 200 * time.Millisecond}, {&s.ClaimEvery, time.Minute}} {
		if *d.v == 0 {
			*d.v = d.def
		}
	}
	switch {
	case !(s.Rate > 0) || s.Rate > 1e30:
		return s, fmt.Errorf("rate of %g H/s: want more than 0", s.Rate)
	case !(s.SharesPerMinute > 0) || s.SharesPerMinute > 1e6:
		return s, fmt.Errorf("%g shares per minute: want more than 0, at most a million", s.SharesPerMinute)
	case s.Difficulty < 0 || math.IsNaN(s.Difficulty) || math.IsInf(s.Difficulty, 0):
		return s, fmt.Errorf("difficulty %g: want more than 0", s.Difficulty)
	case s.Duration == 0 || s.Duration > maxSpan:
		return s, fmt.Errorf("%v of work: want more than 0, at most ten years", s.Duration)
	case !(s.Network > 0) || math.IsInf(s.Network, 0):
		return s, fmt.Errorf("network difficulty %g: want more than 0", s.Network)
	}
	return s, nil
}

// target is the difficulty at which the device sends as many shares as the pool aims at.
func (s *Synthetic) target() float64 {
	if s.Difficulty > 0 {
		return s.Difficulty
	}
	return s.Rate * 60 / s.SharesPerMinute / hashesPerDifficulty
}

// Check says what is wrong with s, as Stream would.
func (s Synthetic) Check() error {
	_, err := s.complete()
	return err
}

// Stagger has devices start one after the other within half a minute: not all at once, as no real ones do.
func Stagger(all []Synthetic) {
	for i := range all {
		c, err := all[i].complete()
		if err != nil {
			continue // Stream will say so
		}
		all[i].Start = c.Start.Add(time.Duration(i) * 30 * time.Second / time.Duration(len(all)))
	}
}
