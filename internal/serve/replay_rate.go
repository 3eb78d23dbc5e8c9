package serve

import (
	"math"
	"time"

	"github.com/touchstone-btc/touchstone/audit"
	"github.com/touchstone-btc/touchstone/work"
)

// HashRate is how fast a worker was, as its credited shares prove, in hashes per second.
type HashRate struct {
	Rate float64 `json:"rate"`
	// Low and High are the ends of the interval of 95 %.
	Low  float64 `json:"low"`
	High float64 `json:"high"`
	// Seconds is how long at least one of the connections was watched.
	Seconds float64 `json:"seconds"`
	// Approximate says that the interval is not exact: the difficulty changed, or differed among connections. A pool that sets it
	// by the shares it got makes the count depend on itself.
	Approximate bool `json:"approximate"`
}

// clockBack is how far times may go back before the clock counts as set anew.
const clockBack = 10 * time.Minute

// stretch is a time in which a connection was watched without a break, with jobs whose difficulty is known.
type stretch struct {
	running    bool
	start, end time.Time
	exposure   audit.Exposure // up to the newest job; its shares are not counted here
	last       *stretchWorker
	workers    []*stretchWorker
	index      map[*workerTally]*stretchWorker // of them, if they are many
}

// stretchWorker is what one worker sent in a stretch.
type stretchWorker struct {
	worker   *workerTally
	credited uint64
}

// advance says that the connection was still there at the time now. One that is a little earlier than the last changes nothing:
// lines of a recording may have changed places.
func (s *stretch) advance(now time.Time) {
	if s.running && now.After(s.end) {
		s.end = now
	}
}

// job says that from now on shares must meet the target.
func (s *stretch) job(target work.Target, now time.Time) {
	s.advance(now)
	if !s.running {
		s.running, s.start, s.end = true, now, now
	}
	s.exposure.Set(s.end, target)
}

// fewWorkers is how many workers of a stretch are found by looking at each. A connection has one or two.
const fewWorkers = 16

// of returns the worker's part of the stretch.
func (s *stretch) of(w *workerTally) *stretchWorker {
	if s.last != nil && s.last.worker == w {
		return s.last
	}
	s.last = s.index[w]
	for i := 0; s.last == nil && s.index == nil && i < len(s.workers); i++ {
		if s.workers[i].worker == w {
			s.last = s.workers[i]
		}
	}
	if s.last == nil {
		w.sessions++
		s.put(w)
	}
	return s.last
}

// put adds a worker.
func (s *stretch) put(w *workerTally) {
	s.last = &stretchWorker{worker: w}
	s.workers = append(s.workers, s.last)
	switch {
	case s.index != nil:
		s.index[w] = s.last
	case len(s.workers) > fewWorkers:
		s.index = make(map[*workerTally]*stretchWorker)
		for _, sw := range s.workers {
			s.index[sw.worker] = sw
		}
	}
}

// next returns the stretch after s, with its workers: the session is theirs still, although they may send nothing any more. If
// they are many, only those count that do.
func (s *stretch) next() *stretch {
	n := new(stretch)
	if len(s.workers) <= fewWorkers {
		for _, sw := range s.workers {
			n.put(sw.worker)
		}
	}
	return n
}

// rateSum adds up stretches. Those of one worker that follow each other are one long one: exposures add up. Those beside each
// other are of several machines, whose rates add up.
type rateSum struct {
	rateParts
	beside  bool // there are several machines
	covered cover
}

func (r *rateSum) add(s *stretch, credited uint64) {
	e := s.exposure
	e.Advance(s.end)
	if r.rateParts.add(&e, e.Seconds(), s.end.Sub(s.start).Seconds(), credited) && r.covered.add(s.start, s.end) {
		r.beside = true
	}
}

// rate returns what was proven, nil if nothing was watched.
func (r *rateSum) rate() *HashRate { return r.rateParts.rate(r.covered.seconds(), r.beside) }

// rateParts adds up what parts of the time prove.
//
// In a stretch of t seconds and exposure e, n shares stand for n·t/e hashes. The sum of all, by the time that any of them
// covers, is the rate; it is a sum of Poisson variables with weights t/e, and equal weights make the interval exact.
type rateParts struct {
	exposure          audit.Exposure
	sum, squares      float64 // of n·t/e, and of n·(t/e)²
	smallest, largest float64 // t/e
}

// add adds a part of t seconds with the exposure e, which is that many seconds per hash, and with credited shares besides those that
// e counted. It reports whether there was time to find any.
func (r *rateParts) add(e *audit.Exposure, exposure, t float64, credited uint64) bool {
	r.exposure.Merge(e)
	r.exposure.Count(credited)
	if t == 0 || exposure == 0 {
		return false
	}
	weight, n := t/exposure, float64(credited)
	r.sum += n * weight
	r.squares += n * weight * weight
	if r.largest == 0 || weight < r.smallest {
		r.smallest = weight
	}
	r.largest = max(r.largest, weight)
	return true
}

// alpha is how often intervals miss.
const alpha = 0.05

// rate returns what was proven in t seconds, nil if nothing was: beside says whether there are several machines.
func (r *rateParts) rate(t float64, beside bool) *HashRate {
	if t == 0 {
		return nil
	}
	out := &HashRate{Seconds: t}
	var err error
	if !beside {
		rate := r.exposure.Rate()
		out.Rate, out.Approximate = rate.Estimate(), rate.Varied
		out.Low, out.High, err = countInterval(rate.Shares)
		out.Low /= rate.Exposure
		out.High /= rate.Exposure
	} else {
		out.Rate = r.sum / t
		out.Approximate = r.exposure.Varied() || r.largest-r.smallest > 1e-9*r.largest
		out.Low, out.High, err = r.interval()
		out.Low /= t
		out.High /= t
	}
	if err != nil || math.IsInf(out.High, 0) || math.IsNaN(out.High) {
		return nil
	}
	return out
}

// cover is the time that some intervals cover together. They come roughly in the order of their ends. Its memory is bounded:
// beyond, what is oldest counts as closed.
type cover struct {
	intervals []interval // disjoint, in order
	closed    float64    // seconds
	floor     time.Time
}

type interval struct{ start, end time.Time }

const maxIntervals = 64

// add adds an interval, and reports whether part of it was covered already.
func (c *cover) add(start, end time.Time) (overlaps bool) {
	if start.Before(c.floor) {
		start, overlaps = c.floor, true
	}
	if !end.After(start) {
		return overlaps
	}
	// Those after it stay, those it touches become one with it.
	i := len(c.intervals)
	for i > 0 && c.intervals[i-1].start.After(end) {
		i--
	}
	j := i
	for j > 0 && !c.intervals[j-1].end.Before(start) {
		j--
		if c.intervals[j].end.After(start) && end.After(c.intervals[j].start) {
			overlaps = true
		}
		if c.intervals[j].start.Before(start) {
			start = c.intervals[j].start
		}
		if c.intervals[j].end.After(end) {
			end = c.intervals[j].end
		}
	}
	c.intervals = append(c.intervals[:j], append([]interval{{start, end}}, c.intervals[i:]...)...)
	if len(c.intervals) > maxIntervals {
		oldest := c.intervals[0]
		c.closed += oldest.end.Sub(oldest.start).Seconds()
		c.floor = oldest.end
		c.intervals = append(c.intervals[:0], c.intervals[1:]...)
	}
	return overlaps
}

func (c *cover) seconds() float64 {
	all := c.closed
	for _, i := range c.intervals {
		all += i.end.Sub(i.start).Seconds()
	}
	return all
}
