package stratum

import (
	"math"
	"time"
)

// Pace watches how often one connection finds shares, for who changes its difficulty without being its Server. It has no clock, and is for
// one goroutine at a time. Make one with NewPace.
type Pace struct {
	perMinute float64
	sent      float64
	seen      vardiff
}

// NewPace returns a Pace for so many shares a minute.
func NewPace(sharesPerMinute float64) *Pace { return &Pace{perMinute: sharesPerMinute} }

// Sent says that this difficulty was sent, and holds for the jobs after it.
func (p *Pace) Sent(difficulty float64, now time.Time) {
	p.sent = difficulty
	p.seen.restart(now)
}

// sameDifficulty is the part by which a difficulty may change on its way through a target and back.
const sameDifficulty = 1e-9

// Found takes in a credited share of that difficulty.
func (p *Pace) Found(difficulty float64) {
	switch {
	case p.sent == 0:
	case math.Abs(difficulty/p.sent-1) < sameDifficulty:
		p.seen.share(1, true)
	default:
		p.seen.share(difficulty/p.sent, false)
	}
}

// Difficulty returns the one that would give the wanted number of shares: that sent last, unless there is evidence that it is wrong.
func (p *Pace) Difficulty(now time.Time) float64 {
	if p.sent == 0 {
		return 0
	}
	factor := p.seen.adjust(p.perMinute, now)
	if factor == 1 {
		return p.sent
	}
	return readableDifficulty(p.sent * factor)
}
