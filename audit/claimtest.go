package audit

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// claimTest bets that less is computed than is claimed: against every rate of (1-δ)·claim or more, where δ is the plan's tolerance.
// With N shares counted and Λ = Σ (1-δ)·claim·exposure to be expected at least,
//
//	e = mean over x of (1-x)^N · e^(xΛ)
//
// is at most 1 on average, however high the rate is and whenever one looks: each term is a nonnegative supermartingale. It only
// rises while no share comes, so it is looked at when time has passed.
type claimTest struct {
	Seen   claimed `json:"seen"`
	Summit summit  `json:"summit"`
	// Corners are the moments at which the terms were highest: what a peak needs when parts are joined.
	Corners [claimBets]corner `json:"corners"`
}

// aboveTest bets that more is computed than is claimed: a test of its own, against every rate of (1+δ′)·claim or less, with the terms
// (1+y)^N · e^(-yΛ) and a Λ of its own. It rises only when a share comes.
type aboveTest struct {
	Seen    claimed           `json:"seen"`
	Summit  summit            `json:"summit"`
	Corners [claimBets]corner `json:"corners"`
}

// claimBets is the number of fractions that each of the two bets on.
const claimBets = 10

var (
	claimGrid = [claimBets]float64{0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 0.9}
	aboveGrid = [claimBets]float64{0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1, 3}

	claimLogs = logs1p(claimGrid[:], -1)
	aboveLogs = logs1p(aboveGrid[:], +1)
)

func logs1p(grid []float64, sign float64) (logs [claimBets]float64) {
	for i, x := range grid {
		logs[i] = math.Log1p(sign * x)
	}
	return logs
}

// claimed counts what came while a claim was in force, and what had to.
type claimed struct {
	Shares   uint64  `json:"shares"`
	Expected float64 `json:"expected"` // under the hypothesis: tolerance taken off or added
	Honest   float64 `json:"honest"`   // by the claim itself
	Exposure float64 `json:"exposure"` // seconds per hash
	// First is the first rate claimed: the prior of the confidence sequence, which must not be chosen later.
	First float64 `json:"first"`
	// Until is when shares of the latest passing may still be on their way.
	Until time.Time `json:"until,omitzero"`
}

// corner is a moment of a test's path.
type corner struct {
	Shares   uint64    `json:"shares"`
	Expected float64   `json:"expected"`
	At       time.Time `json:"at,omitzero"`
}

// maxExpected bounds expected counts: beyond it rates are nonsense, and logs would stop being exact.
const maxExpected = 1e14

// pass adds a passing, factor being what the tolerance makes of a claim. It reports whether it counts.
func (s *claimed) pass(p *passing, factor float64, lag time.Duration) bool {
	honest := p.claim * p.exposure
	if !(honest > 0 && honest <= math.MaxFloat64 && p.claim > 0 && p.claim <= math.MaxFloat64) {
		return false // nothing is claimed, or nonsense
	}
	if s.First == 0 {
		s.First = p.claim
	}
	s.Honest = min(s.Honest+honest, maxExpected)
	s.Expected = min(s.Expected+factor*honest, maxExpected)
	s.Exposure = min(s.Exposure+p.exposure, math.MaxFloat64)
	s.Until = p.to.Add(lag)
	return true
}

func (s *claimed) merge(o *claimed) {
	s.Shares = addClamped(s.Shares, o.Shares)
	s.Expected = min(s.Expected+o.Expected, maxExpected)
	s.Honest = min(s.Honest+o.Honest, maxExpected)
	s.Exposure = min(s.Exposure+o.Exposure, math.MaxFloat64)
	if s.First == 0 {
		s.First = o.First
	}
	if o.Until.After(s.Until) {
		s.Until = o.Until
	}
}

func (s *claimed) check() error {
	for _, v := range []float64{s.Expected, s.Honest} {
		if !(v >= 0 && v <= maxExpected) {
			return errors.New("expected shares: want 0 to 1e14")
		}
	}
	if !(s.Exposure >= 0 && s.Exposure <= math.MaxFloat64) || !(s.First >= 0 && s.First <= math.MaxFloat64) {
		return errors.New("exposure or first claim: want numbers of 0 or more")
	}
	if s.Exposure > 0 && s.First == 0 {
		return errors.New("exposure under a claim, but no claim")
	}
	return nil
}

// proven returns the rate proven while a claim was in force.
func (s *claimed) proven(alpha float64) Interval {
	if s.Exposure == 0 || s.First == 0 {
		return Interval{}
	}
	low, high := sequence(float64(s.Shares), s.Exposure, s.First, -math.Log(alpha))
	return Interval{Estimate: float64(s.Shares) / s.Exposure, Low: low, High: high}
}

// terms returns the logs of the e-process's terms: n·ln(1±x) ± xΛ. sign is -1 for less than claimed, +1 for more.
func terms(n, expected, sign float64, grid, logs *[claimBets]float64) (terms [claimBets]float64, top float64) {
	top = math.Inf(-1)
	for i := range terms {
		terms[i] = n*logs[i] - sign*grid[i]*expected
		top = max(top, terms[i])
	}
	return terms, top
}

func mixture(n, expected, sign float64, grid, logs *[claimBets]float64) float64 {
	t, _ := terms(n, expected, sign, grid, logs)
	return max(-maxLogE, min(maxLogE, logMeanExp(t[:])))
}

// look takes in the present value where it may be a peak: of the mixture, or of one of its terms.
func look(s *claimed, c *summit, corners *[claimBets]corner, at time.Time, sign float64, grid, logs *[claimBets]float64) {
	now, top := terms(float64(s.Shares), s.Expected, sign, grid, logs)
	if top <= 0 { // each term was 0 at the start
		return
	}
	for i := range corners {
		k := &corners[i]
		if now[i] > float64(k.Shares)*logs[i]-sign*grid[i]*k.Expected {
			*k = corner{Shares: s.Shares, Expected: s.Expected, At: at}
		}
	}
	if top > c.Peak { // the mean is below the highest
		c.reach(logMeanExp(now[:]), at)
	}
}

// mergePeak joins the paths of two parts. The terms multiply, and so the joined mixture is known exactly at the end and at the later
// part's corners. Between them its peak may have been a little higher than what is kept: never lower, so alarms stay valid.
func mergePeak(s *claimed, c *summit, corners *[claimBets]corner, o *claimed, theirs *[claimBets]corner, end time.Time, sign float64, grid, logs *[claimBets]float64) {
	points := append(theirs[:], corner{Shares: o.Shares, Expected: o.Expected, At: end})
	points = slices.Clone(points)
	for i := range points {
		points[i].Shares = addClamped(points[i].Shares, s.Shares)
		points[i].Expected = min(points[i].Expected+s.Expected, maxExpected)
	}
	value := func(k corner, i int) float64 { return float64(k.Shares)*logs[i] - sign*grid[i]*k.Expected }
	for i := range corners {
		if value(points[i], i) > value(corners[i], i) {
			corners[i] = points[i]
		}
	}
	slices.SortStableFunc(points, func(a, b corner) int { return a.At.Compare(b.At) })
	for _, k := range points {
		if !k.At.IsZero() {
			c.reach(mixture(float64(k.Shares), k.Expected, sign, grid, logs), k.At)
		}
	}
}

func checkCorners(corners *[claimBets]corner) error {
	for _, k := range corners {
		if !(k.Expected >= 0 && k.Expected <= maxExpected) {
			return errors.New("expected shares at a peak: want 0 to 1e14")
		}
	}
	return nil
}

// pass comes late by the plan's Lag, so that shares on their way are not missed.
func (t *claimTest) pass(p *passing, plan *Plan) {
	if t.Seen.pass(p, 1-plan.Tolerance, plan.Lag) {
		look(&t.Seen, &t.Summit, &t.Corners, p.to, -1, &claimGrid, &claimLogs)
	}
}

func (t *claimTest) arrive(a *arrival) {
	// When a claim ends, shares of its time come in for a while.
	if a.claim > 0 || !a.at.After(t.Seen.Until) && t.Seen.Exposure > 0 {
		t.Seen.Shares = addClamped(t.Seen.Shares, 1)
	}
}

func (t *claimTest) logE() float64 {
	return mixture(float64(t.Seen.Shares), t.Seen.Expected, -1, &claimGrid, &claimLogs)
}

func (t *claimTest) merge(o *claimTest) {
	mergePeak(&t.Seen, &t.Summit, &t.Corners, &o.Seen, &o.Corners, o.Seen.Until, -1, &claimGrid, &claimLogs)
	t.Seen.merge(&o.Seen)
}

func (t *claimTest) check() error {
	return errors.Join(t.Seen.check(), t.Summit.check(), checkCorners(&t.Corners))
}

func (t *aboveTest) pass(p *passing, plan *Plan) { t.Seen.pass(p, 1+plan.ToleranceAbove, 0) } // at once

func (t *aboveTest) arrive(a *arrival) {
	if a.claim > 0 && !a.early {
		t.Seen.Shares = addClamped(t.Seen.Shares, 1)
		look(&t.Seen, &t.Summit, &t.Corners, a.at, +1, &aboveGrid, &aboveLogs)
	}
}

func (t *aboveTest) logE() float64 {
	return mixture(float64(t.Seen.Shares), t.Seen.Expected, +1, &aboveGrid, &aboveLogs)
}

func (t *aboveTest) merge(o *aboveTest) {
	mergePeak(&t.Seen, &t.Summit, &t.Corners, &o.Seen, &o.Corners, o.Seen.Until, +1, &aboveGrid, &aboveLogs)
	t.Seen.merge(&o.Seen)
}

func (t *aboveTest) check() error {
	return errors.Join(t.Seen.check(), t.Summit.check(), checkCorners(&t.Corners))
}

// usefulDeviation is the deviation that a test of the rate must have been able to see to call a device clear.
const usefulDeviation = 0.2

// visible returns the smallest deviation from the claim, as a fraction of it, that the test most likely (9 times in 10) would have seen
// by now, when honest shares were to be expected; above 1 if it is none. factor is the tolerance's.
func visible(honest, factor, threshold, sign float64, grid, logs *[claimBets]float64) float64 {
	seen := func(d float64) bool {
		mean := (1 + sign*d) * honest
		n := max(0, mean-sign*1.2816*math.Sqrt(max(0, mean)))
		return mixture(n, factor*honest, sign, grid, logs) >= threshold
	}
	low, high := 0., 1.
	if sign > 0 {
		high = 10
	}
	if !seen(high) {
		return math.Inf(1)
	}
	for range 50 {
		if mid := (low + high) / 2; seen(mid) {
			high = mid
		} else {
			low = mid
		}
	}
	return high
}

// neededFor returns about how many honest shares make a deviation visible.
func neededFor(deviation, factor, threshold, sign float64, grid, logs *[claimBets]float64) float64 {
	low, high := 0., 1.
	for ; visible(high, factor, threshold, sign, grid, logs) > deviation; high *= 2 {
		if low = high; high > 1e12 {
			return high // the tolerance is larger than the deviation
		}
	}
	for range 20 {
		if mid := (low + high) / 2; visible(mid, factor, threshold, sign, grid, logs) > deviation {
			low = mid
		} else {
			high = mid
		}
	}
	return high
}

func (t *claimTest) finding(c *context) Finding {
	f := Finding{Test: TestClaim, Kind: Evidence, Threshold: c.threshold, LogE: t.logE(), Peak: max(t.Summit.Peak, t.logE())}
	tolerance := c.plan.Tolerance
	f.Limits = fmt.Sprintf("Cannot see what is missing within the declared tolerance of %s, nor a claim that is too low itself, "+
		"and counts only time in which the device was connected, had work and made a claim.", percentWords(tolerance))
	if t.Seen.Honest == 0 {
		f.State = NotApplicable
		f.Words = "Nothing is claimed for this device, so there is nothing to hold its shares against. Its telemetry or a rated hash rate would do."
		return f
	}
	s := &t.Seen
	band, claim := s.proven(c.plan.Alpha), s.Honest/s.Exposure
	missing, atLeast := 1-band.Estimate/claim, max(0, 1-band.High/claim)
	detectable := visible(s.Honest, 1-tolerance, c.threshold, -1, &claimGrid, &claimLogs)
	f.Numbers = finite(map[string]float64{
		"counted_shares": float64(s.Shares), "expected_shares": s.Honest, "claimed_hashes_per_second": claim,
		"proven_hashes_per_second": band.Estimate, "proven_low_hashes_per_second": band.Low, "proven_high_hashes_per_second": band.High,
		"missing_fraction": missing, "missing_at_least_fraction": atLeast, "tolerance_fraction": tolerance, "visible_fraction": detectable,
	})
	compared := fmt.Sprintf("Proven %s, claims %s", bandWords(band), rateWords(claim))
	switch {
	case f.Peak >= f.Threshold:
		f.State, f.Since, f.At = Alarm, t.Summit.since(f.Threshold), t.Summit.last()
		if f.Since.IsZero() {
			f.Since = c.now
		}
		switch {
		case f.LogE < f.Threshold && missing <= tolerance:
			f.Words = fmt.Sprintf("%s: over all this time enough, but until %s too much was missing.", compared, momentWords(t.Summit.last()))
		case atLeast > 0:
			f.Words = fmt.Sprintf("%s: at least %s are missing.", compared, percentWords(atLeast))
		default:
			f.Words = fmt.Sprintf("%s: about %s are missing, more than the tolerance of %s.", compared, percentWords(missing), percentWords(tolerance))
		}
		f.Words += " " + chanceWords(f.Peak)
		f.Power = powerWords(detectable, "missing")
	case detectable <= usefulDeviation:
		f.State = Clear
		f.Words = compared + ": the shares that came fit the claim."
		if missing > tolerance {
			f.Words = fmt.Sprintf("%s: %s less, which chance explains well enough.", compared, percentWords(missing))
		}
		f.Power = powerWords(detectable, "missing")
	default:
		f.State = TooEarly
		need := neededFor(usefulDeviation, 1-tolerance, c.threshold, -1, &claimGrid, &claimLogs)
		f.NeedShares = math.Ceil(max(1, need-s.Honest))
		f.Words = fmt.Sprintf("%s: too few shares to say whether any are missing.", compared)
		f.Power = powerWords(detectable, "missing")
	}
	return f
}

func powerWords(detectable float64, what string) string {
	if detectable > 10 || what == "missing" && detectable > 1 {
		return "Would not have seen any deviation yet."
	}
	return fmt.Sprintf("Would most likely have seen %s %s by now.", percentWords(detectable), what)
}

func (t *aboveTest) finding(c *context) Finding {
	f := Finding{Test: TestClaimAbove, Kind: Evidence, Threshold: c.threshold, LogE: t.logE(), Peak: max(t.Summit.Peak, t.logE())}
	tolerance := c.plan.ToleranceAbove
	f.Limits = fmt.Sprintf("More than claimed is no fault of itself: a claim that reads low, a machine tuned up, a filter of the hardware that was taken "+
		"for lower than it is, or shares of several machines under one name look the same. Lets pass what is within %s.", percentWords(tolerance))
	if t.Seen.Honest == 0 {
		f.State = NotApplicable
		f.Words = "Nothing is claimed for this device, so it cannot do more than that."
		return f
	}
	s := &t.Seen
	band, claim := s.proven(c.plan.Alpha), s.Honest/s.Exposure
	extra, atLeast := band.Estimate/claim-1, max(0, band.Low/claim-1)
	detectable := visible(s.Honest, 1+tolerance, c.threshold, +1, &aboveGrid, &aboveLogs)
	f.Numbers = finite(map[string]float64{
		"counted_shares": float64(s.Shares), "expected_shares": s.Honest, "claimed_hashes_per_second": claim,
		"proven_hashes_per_second": band.Estimate, "proven_low_hashes_per_second": band.Low, "proven_high_hashes_per_second": band.High,
		"extra_fraction": extra, "extra_at_least_fraction": atLeast, "tolerance_fraction": tolerance, "visible_fraction": detectable,
	})
	compared := fmt.Sprintf("Proven %s, claims %s", bandWords(band), rateWords(claim))
	switch {
	case f.Peak >= f.Threshold:
		f.State, f.Since, f.At = Alarm, t.Summit.since(f.Threshold), t.Summit.last()
		if f.Since.IsZero() {
			f.Since = c.now
		}
		switch {
		case f.LogE < f.Threshold && extra <= tolerance:
			f.Words = fmt.Sprintf("%s: over all this time as claimed, but until %s more came than that.", compared, momentWords(t.Summit.last()))
		case atLeast > 0:
			f.Words = fmt.Sprintf("%s: it does at least %s more than it says, or the shares are not all its own.", compared, percentWords(atLeast))
		default:
			f.Words = fmt.Sprintf("%s: it does about %s more than it says, or the shares are not all its own.", compared, percentWords(extra))
		}
		f.Words += " " + chanceWords(f.Peak)
	case detectable <= usefulDeviation:
		f.State = Clear
		f.Words = compared + ": no more than is claimed."
		if extra > tolerance {
			f.Words = fmt.Sprintf("%s: %s more, which chance explains well enough.", compared, percentWords(extra))
		}
	default:
		f.State = TooEarly
		need := neededFor(usefulDeviation, 1+tolerance, c.threshold, +1, &aboveGrid, &aboveLogs)
		f.NeedShares = math.Ceil(max(1, need-s.Honest))
		f.Words = fmt.Sprintf("%s: too few shares to say whether it does more than that.", compared)
	}
	f.Power = powerWords(detectable, "more than claimed")
	return f
}
