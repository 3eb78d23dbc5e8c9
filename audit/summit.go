package audit

import (
	"fmt"
	"math"
	"time"
)

// maxSummit bounds the steps whose times a summit keeps: thresholds of alarms lie far below so many nats.
const maxSummit = 64

// summit keeps the highest log e-value of a test, and when each whole step on the way was first reached, so that an alarm can say
// since when it stands, whatever threshold it is given later. The zero summit is that of a test that has seen nothing.
type summit struct {
	Peak float64 `json:"peak"`
	// Steps[i] is when i+1 was reached, in nanoseconds since 1970.
	Steps []int64 `json:"steps,omitempty"`
}

// reach says that the log e-value is this now.
func (s *summit) reach(logE float64, now time.Time) {
	if !(logE > s.Peak) {
		return
	}
	s.Peak = min(logE, math.MaxFloat64)
	for len(s.Steps) < maxSummit && s.Peak >= float64(len(s.Steps)+1) {
		s.Steps = append(s.Steps, now.UnixNano())
	}
}

// with is the peak, given what the log e-value is now.
func (s *summit) with(logE float64) float64 { return max(s.Peak, logE) }

// since returns when the threshold was passed, to a nat; the zero time if it was not.
func (s *summit) since(threshold float64) time.Time {
	i := int(min(math.Ceil(max(threshold, 1)), maxSummit)) - 1
	if len(s.Steps) == 0 || s.Peak < threshold {
		return time.Time{}
	}
	return time.Unix(0, s.Steps[min(i, len(s.Steps)-1)]).UTC()
}

// clone returns a copy that shares nothing.
func (s summit) clone() summit {
	s.Steps = append([]int64(nil), s.Steps...)
	return s
}

func (s *summit) check() error {
	if !(s.Peak >= 0 && s.Peak <= math.MaxFloat64) || len(s.Steps) > maxSummit || s.Peak < float64(len(s.Steps)) {
		return fmt.Errorf("peak of %v with %d steps: can't be", s.Peak, len(s.Steps))
	}
	return nil
}

// checkSum says what is wrong with a number that was read back: the sums of a state are finite and not negative.
func checkSum(name string, values ...float64) error {
	for _, v := range values {
		if !(v >= 0 && v <= math.MaxFloat64) {
			return fmt.Errorf("%s is %v: want a number of 0 or more", name, v)
		}
	}
	return nil
}

// logSumExp returns ln Σ wᵢ·exp(lᵢ) for weights wᵢ, given their logarithms already added: of the list of lᵢ + ln wᵢ.
func logSumExp(terms []float64) float64 {
	highest := math.Inf(-1)
	for _, l := range terms {
		highest = max(highest, l)
	}
	if math.IsInf(highest, -1) {
		return highest
	}
	sum := 0.
	for _, l := range terms {
		if l > highest-40 { // what is smaller is below the last bit
			sum += math.Exp(l - highest)
		}
	}
	return highest + math.Log(sum)
}

// needShares makes a number of shares that a finding can carry of what was worked out: 1 at least.
func needShares(v float64) float64 {
	if !(v < 1e18) { // NaN too
		return 1e18
	}
	return max(1, math.Ceil(v))
}
