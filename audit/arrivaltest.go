package audit

import (
	"fmt"
	"math"
	"time"

	"gonum.org/v1/gonum/stat/distuv"
)

// arrivalTest bets that shares come in bursts, or too regularly.
//
// Measured by exposure instead of time, an honest machine's shares are a Poisson process, whatever the difficulty does. So of the s
// shares in two neighbouring windows of equal exposure each falls into the first with probability p, which is ½, or differs from it
// as far as the rate really drifted. With x = n₁ - n₂ the mean of x²/s is 1 + (s-1)(2p-1)².
//
// Bursts: the stake is multiplied by 1 + λ(x²/s - 1 - (s-1)κ), where κ is the mean of (2p-1)² that the plan lets pass: v²/2 for a rate
// with the coefficient of variation v, and what shares make that are up to the plan's Lag on their way. Its mean is 1 at most for every
// law of p that keeps to κ.
//
// Regularity: the stake is multiplied by exp(-θx²/s) divided by the mean of that at p = ½. At any other p the mean is less, since larger
// differences are more likely then; so no drift makes an honest machine look regular.
//
// Windows are chosen before what falls into them: by the rate so far, in two sizes. The mean of the stakes over λ, θ and sizes is an
// e-process. What is assumed is that connections are not lost because of how many shares came. Windows last so long that stamps in
// whole seconds don't matter; the gaps between such shares are not described.
type arrivalTest struct {
	// Shares and Exposure are all so far: their ratio says how long windows are.
	Shares   uint64                          `json:"shares"`
	Exposure float64                         `json:"exposure"`
	Until    int64                           `json:"until"` // end of the latest passing, in nanoseconds since 1970
	Scales   [len(arrivalSizes)]arrivalScale `json:"scales"`
	// Since is the exposure since the latest share; Gaps counts gaps by 1-exp(-gap times rate), which is uniform.
	Since  float64             `json:"since"`
	Gaps   [arrivalBins]uint64 `json:"gaps"`
	Summit summit              `json:"summit"`
}

// arrivalScale is the game with windows of one size.
type arrivalScale struct {
	// Window is the exposure of each of the two open windows, 0 if none are; Half is the one that is open, Passed how much of it has
	// passed, Seconds and Counts what both have so far.
	Window  float64    `json:"window"`
	Half    int        `json:"half"`
	Passed  float64    `json:"passed"`
	Seconds [2]float64 `json:"seconds"`
	Counts  [2]uint64  `json:"counts"`
	// Pairs with shares were settled, with Shares in them and the sums of x²/s and of (s-1)κ.
	Pairs   uint64  `json:"pairs"`
	Shares  uint64  `json:"shares"`
	Spread  float64 `json:"spread"`
	Allowed float64 `json:"allowed"`
	// Bursts and Even are the logarithms of the stakes.
	Bursts [len(arrivalBursts)]float64 `json:"bursts"`
	Even   [len(arrivalEvens)]float64  `json:"even"`
}

// arrivalSizes are how many shares a window has on average, and how long it lasts at least, in seconds.
var arrivalSizes = [2]struct{ shares, seconds float64 }{{16, 60}, {256, 600}}

var (
	arrivalBursts = [3]float64{0.1, 0.3, 0.7} // λ, as a part of the largest that can't lose all
	arrivalEvens  = [3]float64{0.25, 1, 4}    // θ
)

const (
	arrivalWarmUp = 32               // shares before the rate is taken for known
	arrivalBins   = 64               // of the histogram of gaps
	arrivalBreak  = 10 * time.Minute // an interruption so long ends a pair
	arrivalMost   = 1 << 20          // pairs with more shares are not looked at
)

var arrivalLogStakes = math.Log(float64(len(arrivalSizes) * (len(arrivalBursts) + len(arrivalEvens))))

func (t *arrivalTest) pass(p *passing, plan *Plan) {
	seconds := p.to.Sub(p.from).Seconds()
	if !(p.exposure > 0 && seconds > 0) || t.Exposure+p.exposure > math.MaxFloat64 {
		return
	}
	if t.Until != 0 && p.from.UnixNano()-t.Until > int64(arrivalBreak) {
		for i := range t.Scales {
			t.Scales[i].Window = 0
		}
	}
	for i := range t.Scales {
		t.advance(i, p, seconds, plan)
	}
	t.Exposure += p.exposure
	t.Since += p.exposure
	t.Until = p.to.UnixNano()
}

// advance lets the time of p pass in the windows of one size.
func (t *arrivalTest) advance(i int, p *passing, seconds float64, plan *Plan) {
	s := &t.Scales[i]
	for left := p.exposure; left > 0; {
		if s.Window == 0 {
			if t.Shares < arrivalWarmUp || t.Exposure == 0 {
				return
			}
			size := arrivalSizes[i]
			least := max(size.seconds, 30*plan.Lag.Seconds()) / seconds * p.exposure
			window := max(size.shares*t.Exposure/float64(t.Shares), least)
			if !(window > 0 && window <= math.MaxFloat64) {
				return
			}
			s.open(window)
			if left > 2*window { // pairs without shares say nothing
				left = math.Mod(left, 2*window)
			}
		}
		step := min(left, s.Window-s.Passed)
		left -= step
		s.Passed += step
		s.Seconds[s.Half] += step / p.exposure * seconds
		if s.Passed < s.Window {
			if left > 0 && step == 0 {
				return // beyond what numbers can tell apart
			}
			continue
		}
		s.Half, s.Passed = s.Half+1, 0
		if s.Half == 2 {
			if s.settle(plan) {
				t.Summit.reach(t.logE(), p.to)
			}
			s.Window = 0
		}
	}
}

func (s *arrivalScale) open(window float64) {
	s.Window, s.Half, s.Passed = window, 0, 0
	s.Seconds, s.Counts = [2]float64{}, [2]uint64{}
}

// settle ends a pair of windows. It reports whether that changed anything.
func (s *arrivalScale) settle(plan *Plan) bool {
	n := s.Counts[0] + s.Counts[1]
	if n == 0 || n > arrivalMost {
		return false
	}
	total, x := float64(n), math.Abs(float64(s.Counts[0])-float64(s.Counts[1]))
	spread := x * x / total
	drift := plan.ExtraDispersion * plan.ExtraDispersion / 2
	lag := plan.Lag.Seconds() / max(min(s.Seconds[0], s.Seconds[1]), 1e-3)
	allowed := (total - 1) * drift
	more := (total - 1) * lag * lag / 8 // shares are late by 0 to Lag, evenly: at both ends and between
	s.Pairs++
	s.Shares += n
	s.Spread += spread
	s.Allowed += min(allowed+more, 1e9)
	for i, part := range arrivalBursts {
		// What lag lets pass is known only afterwards, since the difficulty may have changed. It makes the factor smaller, but not
		// below the least that it can be without.
		bet := part / (1 + allowed)
		s.Bursts[i] += math.Log(max(1+bet*(spread-1-allowed-more), 1-part))
	}
	if n > 1 { // of a single share x is always 1
		for i, mean := range evenMeans(int(n)) {
			s.Even[i] += -arrivalEvens[i]*spread - math.Log(mean)
		}
	}
	return true
}

// evenMeans returns the means of exp(-θx²/s) where s shares fall into two windows alike, for all θ.
func evenMeans(s int) (means [len(arrivalEvens)]float64) {
	// Relative to the most likely count, outwards, as long as there is something to add.
	var all float64
	n, p, both := s/2, 1., 1.
	if s&1 != 0 {
		both = 2
	}
	for ; n >= 0 && p > 1e-18; n-- {
		x := float64(s - 2*n)
		all += both * p
		for i, theta := range arrivalEvens {
			means[i] += both * p * math.Exp(-theta*x*x/float64(s))
		}
		p *= float64(n) / float64(s-n+1)
		both = 2
	}
	for i := range means {
		means[i] /= all
	}
	return means
}

func (t *arrivalTest) arrive(a *arrival) {
	if t.Shares >= arrivalWarmUp && t.Exposure > 0 && !(a.share != nil && a.share.WholeSeconds) {
		u := -math.Expm1(-t.Since * float64(t.Shares) / t.Exposure)
		t.Gaps[max(0, min(int(u*arrivalBins), arrivalBins-1))]++
	}
	t.Since = 0
	t.Shares++
	for i := range t.Scales {
		if s := &t.Scales[i]; s.Window > 0 {
			s.Counts[s.Half]++
		}
	}
}

// logE returns the logarithm of the e-value now. Pairs that are open don't count yet.
func (t *arrivalTest) logE() float64 {
	terms := make([]float64, 0, 16)
	for i := range t.Scales {
		terms = append(terms, t.Scales[i].Bursts[:]...)
		terms = append(terms, t.Scales[i].Even[:]...)
	}
	return logSumExp(terms) - arrivalLogStakes
}

// merge adds what o saw later, of the same machine: the stakes are multiplied. Windows that are open in t are dropped.
func (t *arrivalTest) merge(o *arrivalTest) {
	if o.Shares == 0 && o.Exposure == 0 {
		return
	}
	if t.Shares == 0 && t.Exposure == 0 {
		*t = *o
		t.Summit = o.Summit.clone()
		return
	}
	t.Shares = addClamped(t.Shares, o.Shares)
	t.Exposure = min(t.Exposure+o.Exposure, math.MaxFloat64)
	t.Until, t.Since = o.Until, o.Since
	for i := range t.Gaps {
		t.Gaps[i] = addClamped(t.Gaps[i], o.Gaps[i])
	}
	for i := range t.Scales {
		s, m := t.Scales[i], o.Scales[i]
		m.Pairs = addClamped(m.Pairs, s.Pairs)
		m.Shares = addClamped(m.Shares, s.Shares)
		m.Spread += s.Spread
		m.Allowed += s.Allowed
		for j := range m.Bursts {
			m.Bursts[j] += s.Bursts[j]
		}
		for j := range m.Even {
			m.Even[j] += s.Even[j]
		}
		t.Scales[i] = m
	}
	t.Summit = t.Summit.clone()
}

// check says what is wrong with a state that was read back.
func (t *arrivalTest) check() error {
	if err := t.Summit.check(); err != nil {
		return err
	}
	if err := checkSum("an exposure", t.Exposure, t.Since); err != nil {
		return err
	}
	for _, n := range t.Gaps {
		if n > t.Shares {
			return fmt.Errorf("%d gaps between %d shares: can't be", n, t.Shares)
		}
	}
	for i := range t.Scales {
		s := &t.Scales[i]
		if err := checkSum("a sum", s.Window, s.Passed, s.Seconds[0], s.Seconds[1], s.Spread, s.Allowed); err != nil {
			return err
		}
		if s.Half < 0 || s.Half > 1 && s.Window > 0 || s.Half > 2 || s.Counts[0] > t.Shares || s.Counts[1] > t.Shares || s.Shares > t.Shares ||
			s.Pairs > s.Shares || s.Spread > float64(s.Shares)*(1+1e-9) {
			return fmt.Errorf("%d pairs with %d of %d shares: can't be", s.Pairs, s.Shares, t.Shares)
		}
		// Whatever comes, a stake grows in a pair by less than the shares in it.
		limit := float64(s.Shares) + float64(s.Pairs)
		for _, l := range append(s.Bursts[:], s.Even[:]...) {
			if !(math.Abs(l) <= 8*limit+1e-9) {
				return fmt.Errorf("stake of %v after %d pairs: can't be", l, s.Pairs)
			}
		}
	}
	return nil
}

// anderson returns Anderson and Darling's A² of the gaps, as far as a histogram tells it, and their number.
func (t *arrivalTest) anderson() (a2 float64, n uint64) {
	for _, k := range t.Gaps {
		n = addClamped(n, k)
	}
	if n == 0 {
		return 0, 0
	}
	sum := uint64(0)
	for i, k := range t.Gaps[:arrivalBins-1] {
		sum += k
		u := float64(i+1) / arrivalBins
		a2 += float64(n) * square(float64(sum)/float64(n)-u) / (u * (1 - u)) / arrivalBins
	}
	return a2, n
}

// dispersion returns the index of dispersion of a scale, with its interval at 95 % for one look: 1 of an honest machine at a rate that
// does not drift.
func (s *arrivalScale) dispersion() (index, low, high float64) {
	if s.Pairs == 0 {
		return 0, 0, 0
	}
	n := float64(s.Pairs)
	chi := distuv.ChiSquared{K: n}
	return s.Spread / n, s.Spread / chi.Quantile(0.975), s.Spread / chi.Quantile(0.025)
}

// What a pair brings the best stake on average, in nats, if counts vary arrivalUneven times as much as chance makes them, or
// arrivalUneven times less. Of windows with many shares; with 16 on average it is a little less.
const (
	arrivalUneven   = 4
	arrivalGainMore = 0.48
	arrivalGainLess = 0.29
)

func (t *arrivalTest) finding(c *context) Finding {
	f := Finding{
		Test: TestArrivals, Kind: Evidence, Threshold: c.threshold, LogE: t.logE(),
		Limits: "Sees how evenly shares come over minutes, not why: a proxy or a connection that stores shares makes bursts too. Slices and " +
			"pauses that are short against a minute look like chance.",
	}
	f.Peak = t.Summit.with(f.LogE)
	f.Numbers = map[string]float64{"counted_shares": float64(t.Shares),
		"allowed_rate_variation": c.plan.ExtraDispersion}
	if a2, n := t.anderson(); n > 0 {
		f.Numbers["gap_anderson_darling"], f.Numbers["gaps"] = a2, float64(n)
	}
	bursts, even := math.Inf(-1), math.Inf(-1)
	var at, evenAt int
	pairs := uint64(0)
	for i, name := range []string{"short", "long"} {
		s := &t.Scales[i]
		pairs = max(pairs, s.Pairs)
		if s.Pairs > 0 {
			index, low, high := s.dispersion()
			f.Numbers["dispersion_"+name], f.Numbers["dispersion_"+name+"_low"], f.Numbers["dispersion_"+name+"_high"] = index, low, high
			f.Numbers["dispersion_"+name+"_allowed"] = 1 + s.Allowed/float64(s.Pairs)
			f.Numbers["pairs_"+name] = float64(s.Pairs)
		}
		for _, l := range s.Bursts {
			if l > bursts {
				bursts, at = l, i
			}
		}
		for _, l := range s.Even {
			if l > even {
				even, evenAt = l, i
			}
		}
	}
	need := (c.threshold + arrivalLogStakes) / min(arrivalGainLess, arrivalGainMore)
	switch {
	case f.Peak >= c.threshold:
		f.State = Alarm
		f.Since = t.Summit.since(c.threshold)
		if even > bursts {
			index, _, _ := t.Scales[evenAt].dispersion()
			f.Words = fmt.Sprintf("Shares come too evenly for a search by chance: their numbers in neighbouring stretches of time differ "+
				"%s times as much as chance alone makes them, measured as a variance. Such shares are made up, or something lets them "+
				"out at a steady rate. The odds against this being chance are %s.", three(index), oddsWords(f.Peak))
		} else {
			index, _, _ := t.Scales[at].dispersion()
			f.Words = fmt.Sprintf("Shares come in bursts: their numbers in neighbouring stretches of time differ %s times as much as chance "+
				"alone makes them, measured as a variance. Something stores shares and sends them together, or the machine works in "+
				"slices. The odds against this being chance are %s.", three(index), oddsWords(f.Peak))
		}
	case float64(pairs) >= need:
		f.State = Clear
		index, _, _ := t.Scales[0].dispersion()
		f.Words = fmt.Sprintf("No sign of bursts, nor of a rhythm: numbers of shares in neighbouring stretches of time differ %s times as "+
			"much as chance alone makes them, measured as a variance.", three(index))
		f.Power = fmt.Sprintf("Would have seen by now if their numbers in neighbouring minutes varied %d times as much as by chance, or a "+
			"quarter as much.", arrivalUneven)
	default:
		f.State = TooEarly
		perPair := 2 * arrivalSizes[0].shares
		if s := &t.Scales[0]; s.Pairs > 0 {
			perPair = max(perPair, float64(s.Shares)/float64(s.Pairs))
		}
		f.NeedShares = needShares((need - float64(pairs)) * perPair)
		f.Words = fmt.Sprintf("Too few shares to see whether they come in bursts or too evenly: %s came.", countWords(t.Shares))
	}
	return f
}
