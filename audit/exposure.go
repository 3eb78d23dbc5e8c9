package audit

import (
	"math"
	"math/big"
	"math/bits"
	"time"

	"github.com/touchstone-btc/touchstone/work"
)

// Exposure counts shares and keeps how long which share target was in force: E = Σ T_k/w_k, where T_k are seconds and
// w_k = 2^256/(target+1) is the number of hashes that a share takes on average.
//
// It is exact: a sum of whole nanoseconds times whole targets. So neither the order nor the number of its parts changes it.
// Counts and sums stop at the highest they can hold, thousands of years away.
//
// Times are those of the auditor, given to Set, Advance and Pause in the order in which things happened. A clock that jumps
// back adds nothing and goes on from there; one that jumps ahead cannot be told from time that passes, unless the times
// carry Go's monotonic reading.
//
// The zero Exposure is empty, with no target in force. It is a plain value, copied by assignment, and not safe for use by
// several goroutines at once.
type Exposure struct {
	shares uint64
	sum    wide // nanoseconds times (target+1)

	// first is target+1 of the first target that was in force for any time, 0 if none was.
	first  wide
	varied bool

	running bool
	target  work.Target // in force, if running
	weight  wide        // target+1
	since   time.Time   // up to here sum is complete
}

// Set says that from now on shares have to meet target: the one in force for the work that the machine was given, or the
// machine's own if that is lower, because it sends no others.
func (e *Exposure) Set(now time.Time, target work.Target) {
	e.Advance(now)
	e.running, e.since = true, now
	if target != e.target || e.weight == (wide{}) {
		e.target, e.weight = target, targetWeight(target)
	}
}

// Pause says that from now until the next Set no share can come: the connection is closed, there is no work, or nobody looks.
func (e *Exposure) Pause(now time.Time) {
	e.Advance(now)
	e.running, e.since = false, time.Time{}
	e.target, e.weight = work.Target{}, wide{}
}

// Advance adds the time up to now. What is asked of e holds up to the last call of Set, Advance or Pause.
func (e *Exposure) Advance(now time.Time) {
	if !e.running {
		return
	}
	passed := now.Sub(e.since) // at most 292 years
	e.since = now
	e.add(passed, e.weight)
}

// add adds time in which a target was in force, given as target+1. What is in force now is not touched.
func (e *Exposure) add(passed time.Duration, weight wide) {
	if passed <= 0 {
		return
	}
	e.sum = e.sum.plus(weight.times(uint64(passed)))
	e.sawTarget(weight)
}

// sawTarget notes that a target was in force for some time.
func (e *Exposure) sawTarget(weight wide) {
	switch {
	case weight == (wide{}):
	case e.first == (wide{}):
		e.first = weight
	case e.first != weight:
		e.varied = true
	}
}

// Count adds n shares. They count while no target is in force too: a share may be on its way when the work ends.
func (e *Exposure) Count(n uint64) {
	e.shares = addClamped(e.shares, n)
}

// Shares returns how many shares were counted.
func (e *Exposure) Shares() uint64 { return e.shares }

// Varied reports whether more than one target was in force, each for some time.
func (e *Exposure) Varied() bool { return e.varied }

// Seconds returns the exposure in seconds per hash, rounded to nearest.
func (e *Exposure) Seconds() float64 {
	s := new(big.Float).SetPrec(512).SetInt(e.sum.big())
	s.Quo(s, big.NewFloat(1e9))
	f, _ := s.SetMantExp(s, -256).Float64()
	return f
}

// Rate returns what the shares say about the machine's rate.
func (e *Exposure) Rate() Rate {
	return Rate{Shares: e.shares, Exposure: e.Seconds(), Varied: e.varied}
}

// Merge adds what o counted, of the same machine at other times: another session, or another part of the record. o stays as
// it is; its target in force is not taken over, so give it Advance or Pause first. It makes no difference in which order
// parts are merged.
//
// Of machines that work side by side the rates are added, not the exposures.
func (e *Exposure) Merge(o *Exposure) {
	e.shares = addClamped(e.shares, o.shares)
	e.sum = e.sum.plus(o.sum)
	e.varied = e.varied || o.varied
	e.sawTarget(o.first)
}

func addClamped(a, b uint64) uint64 {
	sum, carry := bits.Add64(a, b, 0)
	if carry != 0 {
		return math.MaxUint64
	}
	return sum
}

// targetWeight returns target+1: of 2^256 hashes, as many meet target on average.
func targetWeight(target work.Target) wide {
	v := target.Big()
	return wideFromBig(v.Add(v, big.NewInt(1)))
}
