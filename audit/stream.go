package audit

import (
	"math"
	"time"
)

// The tests of a Device see no raw events but two things: time in which shares could come, and shares that count. What makes them
// comparable (difficulty per job, the device's own filter, job switches, lost connections, lag) is done once, in device.go.

// hashesPerDifficulty is how many hashes a share of difficulty 1 takes on average: 2^256 divided by the target of difficulty 1 and 1.
const hashesPerDifficulty = float64(1<<48) / 0xffff

// hashesPerShare returns how many hashes a share of some difficulty takes on average. No share takes less than one.
func hashesPerShare(difficulty float64) float64 { return max(1, difficulty*hashesPerDifficulty) }

// passing is a stretch of time in which the device was connected, had work and was watched.
type passing struct {
	from, to time.Time
	// floor is the difficulty that counts: shares below it are not looked at.
	floor float64
	// exposure is what passed, in seconds per hash: times a rate it is the number of shares to be expected.
	exposure float64
	// claim is the rate claimed at the time, in hashes per second, 0 if none was.
	claim float64
	// ahead is how many shares came since it began, where it comes late.
	ahead uint64
}

// arrival is a share that counts: its difficulty is at least the floor.
type arrival struct {
	// at is within its second, jittered if the record has whole seconds, and never before the end of the last passing or the last
	// arrival.
	at time.Time
	// floor is that of the passing in which it came, difficulty what it achieved: floor/difficulty is uniform on (0, 1] for an
	// honest device, whatever its past.
	floor, difficulty float64
	claim             float64 // as in passing
	// early says that it may have been on its way, for up to the plan's Lag, since before time began to count (or a claim to hold): who
	// would take it for more work than time allows is not to count it.
	early bool
	share *Share
	job   *Job // its own, nil if not known; good for this call only
}

// context is what tests may know of the rest when they make their findings.
type context struct {
	plan *Plan
	now  time.Time
	// threshold is the log e-value that is an alarm: of each test alone, so that all tests of all devices together err with
	// probability Alpha.
	threshold float64
	// shares counted, their exposure (seconds per hash), the seconds behind it; perSecond is the expected number of counted shares a
	// second at the present floor, 0 if not known.
	shares    uint64
	exposure  float64
	seconds   float64
	perSecond float64
	proven    Interval
	// work is the sum of the required difficulties of proving shares, best the highest difficulty received, from any valid share.
	work, best float64
	claim      *Claim // the latest, nil if none
	// first is when the record of the device begins, unseen how many seconds of it nobody looked.
	first  time.Time
	unseen float64
}

// delayLine hands passings on late, for tests that take silence for evidence: a share may be on its way for that long. It keeps few
// of them: passings of the same floor and claim are joined as long as together they are short against the lag, so that what comes out
// is late by the lag at least and little more. It is never early.
type delayLine struct {
	Waiting []delayed `json:"waiting,omitempty"` // oldest first
}

type delayed struct {
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Floor    float64   `json:"floor"`
	Exposure float64   `json:"exposure"`
	Claim    float64   `json:"claim,omitzero"`
	Shares   uint64    `json:"shares,omitzero"` // that had come when it began
}

const (
	maxDelayed = 64
	// delayGrain is how many passings of one floor and claim the lag is cut into.
	delayGrain = 16
)

// put keeps a passing, which began when so many shares had come.
func (l *delayLine) put(p *passing, shares uint64, lag time.Duration) {
	if n := len(l.Waiting); n > 0 {
		w := &l.Waiting[n-1]
		same := w.Floor == p.floor && w.Claim == p.claim && w.To.Equal(p.from) && p.to.Sub(w.From) <= lag/delayGrain
		// One that does not fit is joined to its neighbour: the sums stay right, what is between them is blurred.
		if same || n >= maxDelayed {
			if sum := w.Exposure + p.exposure; w.Claim != p.claim && sum > 0 {
				w.Claim = (w.Claim*w.Exposure + p.claim*p.exposure) / sum
			}
			w.To, w.Floor, w.Exposure = p.to, p.floor, w.Exposure+p.exposure
			return
		}
	}
	l.Waiting = append(l.Waiting, delayed{p.from, p.to, p.floor, p.exposure, p.claim, shares})
}

// take returns the oldest passing if it ended until then, when so many shares have come.
func (l *delayLine) take(until time.Time, shares uint64) (p passing, ok bool) {
	if len(l.Waiting) == 0 || l.Waiting[0].To.After(until) {
		return p, false
	}
	w := l.Waiting[0]
	l.Waiting = l.Waiting[:copy(l.Waiting, l.Waiting[1:])]
	return passing{w.From, w.To, w.Floor, w.Exposure, w.Claim, shares - min(shares, w.Shares)}, true
}

// clear forgets what waits: the connection ended, and shares that were on their way with it.
func (l *delayLine) clear() { l.Waiting = l.Waiting[:0] }

func (l *delayLine) check() error {
	if len(l.Waiting) > maxDelayed {
		return tooMany("waiting", len(l.Waiting), maxDelayed)
	}
	for i := range l.Waiting {
		w := &l.Waiting[i]
		if w.To.Before(w.From) || !sane(w.From) || !sane(w.To) {
			return outOfRange("waiting: times", w.To)
		}
		if !isCount(w.Floor) || !isCount(w.Exposure) || !isCount(w.Claim) {
			return outOfRange("waiting", w.Exposure)
		}
	}
	return nil
}

// isCount reports whether v is a finite number of 0 or more.
func isCount(v float64) bool { return v >= 0 && v <= math.MaxFloat64 }

// isFinite reports whether v is a number, and not infinite.
func isFinite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
