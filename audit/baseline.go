package audit

import (
	"errors"
	"math"
)

// baseline learns a rate that a device proved: the lower end of a confidence sequence of its own, so that whoever holds a later time
// against it errs at most as often as the sequence does. The first shares only set the prior.
type baseline struct {
	// First counts the shares that set the prior, over FirstExposure; Prior is the rate they had, 0 as long as there are too few.
	First         uint64  `json:"first"`
	FirstExposure float64 `json:"first_exposure"`
	Prior         float64 `json:"prior"`
	// Shares and Exposure are those after.
	Shares   uint64  `json:"shares"`
	Exposure float64 `json:"exposure"`
	// Low is the rate proven, in hashes per second, 0 as long as there is none: the highest lower end so far. Next is the count at which
	// it is asked for again.
	Low  float64 `json:"low"`
	Next uint64  `json:"next"`
}

const (
	priorShares    = 16
	baselineShares = 16 // after which there is a first lower end
)

func (b *baseline) pass(exposure float64) {
	if b.Prior == 0 {
		b.FirstExposure = min(b.FirstExposure+exposure, math.MaxFloat64)
		return
	}
	b.Exposure = min(b.Exposure+exposure, math.MaxFloat64)
}

// arrive counts a share. sure is ln(1/alpha) of the sequence.
func (b *baseline) arrive(sure float64) {
	if b.Prior == 0 {
		b.First = addClamped(b.First, 1)
		if b.First >= priorShares && b.FirstExposure > 0 {
			b.Prior = min(float64(b.First)/b.FirstExposure, math.MaxFloat64)
			b.Next = baselineShares
		}
		return
	}
	b.Shares = addClamped(b.Shares, 1)
	if b.Shares >= b.Next {
		b.learn(sure)
	}
}

func (b *baseline) learn(sure float64) {
	b.Next = addClamped(b.Shares, b.Shares/8+1)
	if b.Prior > 0 && b.Exposure > 0 {
		low, _ := sequence(float64(b.Shares), b.Exposure, b.Prior, sure)
		b.Low = max(b.Low, min(low, math.MaxFloat64))
	}
}

// total returns all shares counted and their exposure, those that set the prior too.
func (b *baseline) total() (shares, exposure float64) {
	return float64(b.First) + float64(b.Shares), b.FirstExposure + b.Exposure
}

// rate returns the estimate, 0 if there is none.
func (b *baseline) rate() float64 {
	shares, exposure := b.total()
	if exposure == 0 {
		return 0
	}
	return min(shares/exposure, math.MaxFloat64)
}

func (b *baseline) merge(o *baseline, sure float64) {
	if b.Prior == 0 {
		// What came before the prior is set is not counted twice: the later part starts anew.
		first, exposure := b.First, b.FirstExposure
		*b = *o
		b.First = addClamped(b.First, first)
		b.FirstExposure = min(b.FirstExposure+exposure, math.MaxFloat64)
		return
	}
	b.Shares = addClamped(addClamped(b.Shares, o.Shares), o.First)
	b.Exposure = min(b.Exposure+o.Exposure+o.FirstExposure, math.MaxFloat64)
	b.Low = max(b.Low, o.Low)
	if b.Shares >= b.Next {
		b.learn(sure)
	}
}

func (b *baseline) check() error {
	if err := checkSum("baseline", b.FirstExposure, b.Prior, b.Exposure, b.Low); err != nil {
		return err
	}
	if b.Prior == 0 && (b.Shares > 0 || b.Exposure > 0 || b.Low > 0) {
		return errors.New("baseline: a rate without what it starts from")
	}
	return nil
}
