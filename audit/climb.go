package audit

import (
	"errors"
	"math"
	"time"
)

// climb is what is kept of the path of a log e-value: its peak, and when it first came how high, since what is an alarm depends on
// how many devices there are, which a test does not know.
type climb struct {
	Peak float64   `json:"peak"`
	At   time.Time `json:"at,omitzero"` // of the peak
	// Reached holds when the peak first was firstStep, firstStep+1, … nats.
	Reached []time.Time `json:"reached,omitempty"`
}

const (
	firstStep = 4
	lastStep  = 48
)

// saw says that the log e-value was this high at a time.
func (c *climb) saw(logE float64, at time.Time) {
	if !(logE > c.Peak) {
		return
	}
	c.Peak, c.At = min(logE, maxLogE), at
	for len(c.Reached) <= lastStep-firstStep && c.Peak >= float64(firstStep+len(c.Reached)) {
		c.Reached = append(c.Reached, at)
	}
}

// since returns when the peak first was threshold, to within a nat; zero if it never was.
func (c *climb) since(threshold float64) time.Time {
	if c.Peak < threshold {
		return time.Time{}
	}
	step := int(min(max(math.Ceil(threshold), firstStep), lastStep)) - firstStep
	if step < len(c.Reached) {
		return c.Reached[step]
	}
	return c.At
}

// maxLogE bounds log e-values, so that sums of them stay numbers.
const maxLogE = 1e15

func (c *climb) check() error {
	if !(c.Peak >= 0 && c.Peak <= maxLogE) {
		return errors.New("peak of the log e-value: want 0 to 1e15")
	}
	if len(c.Reached) > lastStep-firstStep+1 {
		return errors.New("too many times at which the log e-value first was so high")
	}
	return nil
}

// logMeanExp returns the logarithm of the mean of the exponentials.
func logMeanExp(logs []float64) float64 {
	top := math.Inf(-1)
	for _, l := range logs {
		top = max(top, l)
	}
	if math.IsInf(top, 0) {
		return top
	}
	sum := 0.
	for _, l := range logs {
		sum += math.Exp(l - top)
	}
	return top + math.Log(sum/float64(len(logs)))
}
