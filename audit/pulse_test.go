package audit

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// pulse is a stream of passings and arrivals as a device makes them, for the tests of rates and silences.
type pulse struct {
	r         *rand.Rand
	plan      *Plan
	now       time.Time
	rate      float64 // true, in hashes per second
	claim     float64
	perSecond float64 // at the claim
	vardiff   bool
	each      float64 // exposure per second

	pass   func(p *passing)
	arrive func(a *arrival)
}

const pulseRate = 1e14

func newPulse(seed uint64, plan *Plan) *pulse {
	return &pulse{r: rand.New(rand.NewPCG(seed, 77)), plan: plan, now: start, rate: pulseRate, claim: pulseRate, perSecond: 1. / 3, each: 1. / 3 / pulseRate}
}

// run lets shares come for some seconds.
func (s *pulse) run(seconds float64) {
	end := s.now.Add(time.Duration(seconds * 1e9))
	for {
		gap := math.Inf(1)
		if s.rate > 0 {
			gap = s.r.ExpFloat64() / (s.rate * s.each)
		}
		to := end
		if left := end.Sub(s.now).Seconds(); gap < left {
			to = s.now.Add(time.Duration(gap * 1e9))
		}
		p := passing{from: s.now, to: to, floor: 1, exposure: to.Sub(s.now).Seconds() * s.each, claim: s.claim}
		s.now = to
		s.pass(&p)
		if to.Equal(end) {
			return
		}
		s.arrive(&arrival{at: to, floor: 1, difficulty: 1 / (1 - s.r.Float64()), claim: s.claim})
		if s.vardiff {
			switch {
			case gap < 1:
				s.each = max(s.each/1.3, 0.02/pulseRate)
			case gap > 4:
				s.each = min(s.each*1.3, 10/pulseRate)
			}
		}
	}
}

func quantile(values []float64, p float64) float64 {
	values = slices.Sorted(slices.Values(values))
	return values[int(p*float64(len(values)-1)+0.5)]
}

// plain is a plan without tolerances, so that an honest device is at the edge of what is allowed.
func plain() *Plan {
	p, err := Plan{}.Complete()
	if err != nil {
		panic(err)
	}
	p.Tolerance, p.ToleranceAbove, p.Drift = 0, 0, 0
	return p
}
