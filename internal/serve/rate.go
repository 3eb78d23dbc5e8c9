package serve

import "time"

// rateWindow is how far back a shown rate looks: long enough to be steady,
// short enough to follow a machine that slows down.
const rateWindow = 10 * time.Second

// rateMeter turns counts into a rate over the last rateWindow.
type rateMeter struct {
	samples []rateSample // oldest first
}

type rateSample struct {
	at    time.Time
	count uint64
}

// add takes the count at a time and returns the rate per second since the
// oldest sample in the window.
func (r *rateMeter) add(at time.Time, count uint64) float64 {
	r.samples = append(r.samples, rateSample{at, count})
	// One sample at the window's edge or before it is kept as the base.
	for len(r.samples) > 2 && at.Sub(r.samples[1].at) >= rateWindow {
		r.samples = r.samples[1:]
	}
	base := r.samples[0]
	span := at.Sub(base.at).Seconds()
	if span <= 0 || count < base.count {
		return 0
	}
	return float64(count-base.count) / span
}
