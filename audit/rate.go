package audit

import (
	"fmt"
	"math"
)

// Rate is what shares say about a hash rate. It is a plain value.
type Rate struct {
	// Shares is how many were found.
	Shares uint64
	// Exposure is how long was looked, in seconds per hash: the sum of seconds divided by the hashes that a share takes.
	Exposure float64
	// Varied says that more than one target was in force. A pool that sets the next target by the shares it saw (vardiff)
	// makes the exposure depend on them; the interval, which takes it as given, is then only nearly exact.
	Varied bool
}

// Estimate returns the rate's unbiased estimate, in hashes per second. Without exposure nothing is known and it is NaN.
func (r Rate) Estimate() float64 {
	if r.check() != nil || r.Exposure == 0 {
		return math.NaN()
	}
	return float64(r.Shares) / r.Exposure
}

// Interval returns the exact interval for the rate, in hashes per second: Garwood's, which misses with probability alpha at
// most, if it is asked for once, after a time that does not depend on the shares. Without exposure it is 0 to +Inf, whatever
// was sent. Errors are those of Garwood, and an exposure that is no number of 0 or more.
func (r Rate) Interval(alpha float64) (low, high float64, err error) {
	if err := r.check(); err != nil {
		return 0, 0, err
	}
	low, high, err = Garwood(r.Shares, alpha)
	if err != nil {
		return 0, 0, err
	}
	if r.Exposure == 0 {
		return 0, math.Inf(1), nil
	}
	return low / r.Exposure, high / r.Exposure, nil
}

// AtLeast returns the rate that is proven, in hashes per second: the true one is lower with probability alpha at most,
// under the conditions of Interval. Without exposure it is 0. Errors are those of Interval.
func (r Rate) AtLeast(alpha float64) (float64, error) {
	if err := r.check(); err != nil {
		return 0, err
	}
	low, err := AtLeast(r.Shares, alpha)
	if err != nil || r.Exposure == 0 {
		return 0, err
	}
	return low / r.Exposure, nil
}

func (r Rate) check() error {
	if !(r.Exposure >= 0 && r.Exposure <= math.MaxFloat64) { // NaN too
		return fmt.Errorf("exposure %v: want a number of 0 or more", r.Exposure)
	}
	return nil
}
