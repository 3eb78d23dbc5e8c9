package audit

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// dropTest is a Shiryaev–Roberts e-detector (Shin, Ramdas and Rinaldo 2022) against the device's own earlier rate, in the time of
// expected shares, so that a dead device alarms too. For each fraction x that may go missing
//
//	dR = (1 + xR)·dΛ - xR·dN
//
// with Λ the shares to be expected at the baseline: R-Λ is a supermartingale for every rate at or above the baseline, and so it is for
// the weighted mean over x. So there are at least A expected shares, on average, until the mean is A by chance.
//
// The baseline is the lower end of a confidence sequence of the device's own shares, less the plan's Drift; or the plan's rated hash
// rate less its Tolerance.
type dropTest struct {
	Base baseline `json:"base"`
	// Sums are R by fraction, Runs where each fraction's log likelihood ratio was lowest lately: where the drop began, if there is one.
	Sums [len(dropGrid)]float64 `json:"sums"`
	Runs [len(dropGrid)]dropRun `json:"runs"`
	// Expected is Λ, the shares to be expected at the baseline since there is one.
	Expected float64 `json:"expected"`
	// Fixed is the baseline where the plan sets it, else 0; Keep the part of its own rate that a device has to keep; ARL is A.
	Fixed float64 `json:"fixed"`
	Keep  float64 `json:"keep"`
	ARL   float64 `json:"arl"`
	// Highest is the highest mean of the sums so far.
	Highest float64 `json:"highest"`
	// Alarm is when the first alarm was given, and Told what is known of the drop; both zero without one.
	Alarm time.Time `json:"alarm,omitzero"`
	Told  dropTold  `json:"told"`
}

// dropRun is Page's CUSUM of a fraction: its log likelihood ratio since the moment at which it was lowest.
type dropRun struct {
	Log float64 `json:"log"`
	// Shares and Exposure are what there was until then, From the time in nanoseconds since 1970.
	Shares   float64 `json:"shares"`
	Exposure float64 `json:"exposure"`
	From     int64   `json:"from"`
}

// dropTold is what is said of a drop: from when on, and the shares and exposure before it and in it.
type dropTold struct {
	From           int64   `json:"from"`
	Grid           int     `json:"grid"`
	Before         float64 `json:"before"`
	BeforeExposure float64 `json:"before_exposure"`
	Shares         float64 `json:"shares"`
	Exposure       float64 `json:"exposure"`
	Next           float64 `json:"next"` // mean of the sums at which this is told anew
	// Until is by when it was over, in nanoseconds since 1970, 0 if it was not.
	Until int64 `json:"until"`
}

var (
	dropGrid = [...]float64{0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.9}
	// dropWeights are those of the mean. Large drops can do with little: a factor of 5 costs a dead device two or three shares.
	dropWeights = [len(dropGrid)]float64{0.1, 0.13, 0.17, 0.12, 0.38, 0.07, 0.03}
	dropLogs    = func() (logs [len(dropGrid)]float64) {
		for i, x := range dropGrid {
			logs[i] = math.Log1p(-x)
		}
		return logs
	}()
)

const (
	// maxDropSum bounds the sums: a device dead for months comes there.
	maxDropSum = 1e290
	// dropSure is ln(1/alpha) of the baseline: one honest device in a thousand has one that is too high at some time, by a little, and the
	// drift allowed is still between the two.
	dropSure = 6.907755278982137
)

// rate returns the baseline in hashes per second, 0 as long as there is none.
func (t *dropTest) rate() float64 {
	if t.Fixed > 0 {
		return t.Fixed
	}
	return t.Base.Low * t.Keep
}

// pass is learn and late for a device whose shares are there at once.
func (t *dropTest) pass(p *passing, plan *Plan) {
	t.learn(p)
	t.late(p, plan)
}

// learn has the baseline know of time at once: if it heard of that as late as the sums, it would take the shares of the lag for more
// than they are, and the device's own rate for higher than it is.
func (t *dropTest) learn(p *passing) {
	if p.exposure > 0 && p.exposure <= math.MaxFloat64 {
		t.Base.pass(p.exposure)
	}
}

// late comes late by the plan's Lag, so that shares on their way are not missed. A drop that began with this time is held against all
// shares that came since: else those that came in the lag would be forgotten, and every pause of the device looked at without it.
func (t *dropTest) late(p *passing, plan *Plan) {
	if !(p.exposure > 0 && p.exposure <= math.MaxFloat64) {
		return
	}
	t.Fixed, t.Keep, t.ARL = plan.Rated*(1-plan.Tolerance), 1-plan.Drift, plan.DropARL
	rate := t.rate()
	expected := rate * p.exposure
	if expected > 0 && t.Expected == 0 { // the start
		for i := range t.Runs {
			t.Runs[i] = t.begin(p.to)
		}
	}
	if !(expected > 0) {
		return
	}
	t.Expected = min(t.Expected+expected, maxExpected)
	growth := dropGrowth(min(expected, 600))
	mean := 0.
	for i, x := range dropGrid {
		r := t.Sums[i]
		r = min(r+growth[i]*(r+math.Exp(float64(p.ahead)*dropLogs[i])/x), maxDropSum)
		t.Sums[i] = r
		mean += r * dropWeights[i]
		t.Runs[i].Log = min(t.Runs[i].Log+x*expected, maxLogE)
	}
	mean = min(mean, maxDropSum) // weights may add up to a little more than 1
	if mean <= t.Highest {
		return
	}
	t.Highest = mean
	if mean >= t.ARL && mean >= t.Told.Next {
		if t.Alarm.IsZero() {
			t.Alarm = p.to
		}
		t.tell(mean)
	}
}

// begin returns the run of a drop that begins now.
func (t *dropTest) begin(now time.Time) dropRun {
	shares, exposure := t.Base.total()
	return dropRun{Shares: shares, Exposure: exposure, From: now.UnixNano()}
}

// dropGrowth returns e^(x·expected) - 1 for the fractions: one exponential, since e^(a+b) - 1 is the sum of the parts and their product.
func dropGrowth(expected float64) [len(dropGrid)]float64 {
	and := func(a, b float64) float64 { return a + b + a*b }
	one := math.Expm1(0.01 * expected)
	two := and(one, one)
	five := and(and(two, two), one)
	ten := and(five, five)
	twenty := and(ten, ten)
	thirty := and(twenty, ten)
	fifty := and(thirty, twenty)
	return [...]float64{two, five, ten, twenty, thirty, fifty, and(and(fifty, twenty), twenty)}
}

// tell keeps what is known of the drop now.
func (t *dropTest) tell(mean float64) {
	best := 0
	for i := range t.Runs {
		if t.Runs[i].Log > t.Runs[best].Log {
			best = i
		}
	}
	run := &t.Runs[best]
	shares, exposure := t.Base.total()
	told := dropTold{From: run.From, Grid: best, Next: 2 * mean, Shares: max(0, shares-run.Shares), Exposure: max(0, exposure-run.Exposure)}
	if run.Exposure > 0 { // before it is all that was before, the learning of the baseline too
		told.Before, told.BeforeExposure = min(run.Shares/run.Exposure, math.MaxFloat64), run.Exposure
	}
	t.Told = told
}

func (t *dropTest) arrive(a *arrival) {
	if !a.early {
		t.Base.arrive(dropSure)
	}
	if t.Expected == 0 {
		return // no baseline yet
	}
	for i, x := range dropGrid {
		t.Sums[i] *= 1 - x
		if run := &t.Runs[i]; run.Log > -dropLogs[i] {
			run.Log += dropLogs[i]
		} else {
			*run = t.begin(a.at)
			if i == t.Told.Grid && t.Told.Until == 0 && !t.Alarm.IsZero() {
				t.Told.Until = run.From
			}
		}
	}
}

// merge joins a later part. The sums of starts in either part are R_o + R_t·LR, LR being the later part's likelihood ratio: exact where
// the baseline is the same in both, that is, a rated one. Where each part learned its own it is still valid, but the later part had to
// learn first, and a drop that happened just there is only found if it goes on. Where nothing is known in between, an alarm may also
// come only now that would have come earlier in the whole.
func (t *dropTest) merge(o *dropTest) {
	if t.Keep == 0 {
		t.Fixed, t.Keep, t.ARL = o.Fixed, o.Keep, o.ARL
	}
	shares, exposure := o.Base.total()
	before, beforeExposure := t.Base.total()
	expected := min(t.rate()*exposure, maxExpected)
	mean := 0.
	for i, x := range dropGrid {
		log := shares*dropLogs[i] + x*expected
		if t.Sums[i] > 0 {
			t.Sums[i] = math.Exp(min(math.Log(t.Sums[i])+log, 660))
		}
		t.Sums[i] = min(t.Sums[i]+o.Sums[i], maxDropSum)
		mean += t.Sums[i] * dropWeights[i]
		run := o.Runs[i]
		run.Shares, run.Exposure = run.Shares+before, min(run.Exposure+beforeExposure, math.MaxFloat64)
		if whole := t.Runs[i].Log + log; t.Runs[i].Log > 0 && whole > run.Log {
			t.Runs[i].Log = min(whole, maxLogE)
		} else {
			t.Runs[i] = run
			if i == t.Told.Grid && t.Told.Until == 0 && !t.Alarm.IsZero() {
				t.Told.Until = run.From
			}
		}
	}
	t.Base.merge(&o.Base, dropSure)
	t.Expected = min(t.Expected+max(o.Expected, expected), maxExpected)
	t.Highest = min(max(t.Highest, o.Highest, mean), maxDropSum)
	switch {
	case !t.Alarm.IsZero():
	case !o.Alarm.IsZero():
		t.Alarm, t.Told = o.Alarm, o.Told
		if whole := t.Told.BeforeExposure + beforeExposure; whole > 0 {
			t.Told.Before = min((t.Told.Before*t.Told.BeforeExposure+before)/whole, math.MaxFloat64)
			t.Told.BeforeExposure = min(whole, math.MaxFloat64)
		}
	case t.ARL > 0 && mean >= t.ARL:
		t.Alarm = t.at()
		t.tell(mean)
	}
}

// at returns the latest time that is known here.
func (t *dropTest) at() time.Time {
	latest := int64(0)
	for i := range t.Runs {
		latest = max(latest, t.Runs[i].From)
	}
	return time.Unix(0, latest).UTC()
}

func (t *dropTest) check() error {
	if err := checkSum("drop test", t.Expected, t.Highest, t.Fixed, t.Keep, t.ARL, t.Told.Before, t.Told.BeforeExposure, t.Told.Shares,
		t.Told.Exposure, t.Told.Next); err != nil {
		return err
	}
	for i := range t.Sums {
		if err := checkSum("drop test", t.Sums[i], t.Runs[i].Log, t.Runs[i].Shares, t.Runs[i].Exposure); err != nil {
			return err
		}
		if t.Sums[i] > maxDropSum || t.Runs[i].Log > maxLogE {
			return errors.New("drop test: a sum is too large")
		}
	}
	if t.Expected > maxExpected || t.Highest > maxDropSum || t.Told.Grid < 0 || t.Told.Grid >= len(dropGrid) {
		return errors.New("drop test: out of range")
	}
	return t.Base.check()
}

// dropDelay returns about how many shares, expected at the present rate, a drop of the fraction d would take until it is told, and
// +Inf if it never would: base is the baseline as a part of the present rate.
func dropDelay(d, base, arl float64) float64 {
	least := math.Inf(1)
	for i, x := range dropGrid {
		// What ln R gains per share expected at the present rate.
		if gain := x*base + (1-d)*dropLogs[i]; gain > 0 {
			least = min(least, math.Log(arl/dropWeights[i])/gain)
		}
	}
	return least
}

// visibleDrop returns the smallest drop that would be told within so many expected shares, above 1 if none.
func visibleDrop(shares, base, arl float64) float64 {
	low, high := 0., 1.
	if dropDelay(high, base, arl) > shares {
		return math.Inf(1)
	}
	for range 40 {
		if mid := (low + high) / 2; dropDelay(mid, base, arl) <= shares {
			high = mid
		} else {
			low = mid
		}
	}
	return high
}

func (t *dropTest) finding(c *context) Finding {
	f := Finding{Test: TestDrop, Kind: Surveillance}
	arl := c.plan.DropARL
	f.FalseAlarms = fmt.Sprintf("One in %s expected shares at least", numberWords(arl))
	if c.perSecond > 0 {
		f.FalseAlarms += fmt.Sprintf(", which this device takes %s for", spanWords(arl/c.perSecond))
	}
	if c.plan.Rated == 0 {
		f.FalseAlarms += "; of one honest device in a thousand, whose own rate is learned too high, perhaps more"
	}
	allowed := fmt.Sprintf("its own earlier rate less %s of drift", percentWords(c.plan.Drift))
	if c.plan.Rated > 0 {
		allowed = fmt.Sprintf("the rated %s less the tolerance of %s", rateWords(c.plan.Rated), percentWords(c.plan.Tolerance))
	}
	f.Limits = fmt.Sprintf("Compares with %s: what was missing from the start, and what goes missing more slowly than the drift allowed, it cannot see. "+
		"A machine tuned down or throttled by heat looks the same as one that mines for somebody else.", allowed)
	rate := t.rate()
	mean := t.Base.rate()
	shares, exposure := t.Base.total()
	base := 0.
	if mean > 0 {
		base = min(1, rate/mean)
	}
	lasting := shares / 4 // a drop that lasted for the last part of the record
	detectable := visibleDrop(lasting, base, arl)
	f.Numbers = finite(map[string]float64{
		"counted_shares": shares, "baseline_hashes_per_second": rate, "mean_hashes_per_second": mean,
		"highest_statistic_shares": t.Highest, "threshold_statistic_shares": arl,
	})
	if detectable <= 1 {
		f.Numbers["visible_fraction"] = detectable
	}
	if detectable <= 1 && lasting > 0 {
		f.Power = fmt.Sprintf("Would most likely have told a drop of %s that lasted for %s shares", percentWords(detectable), numberWords(math.Round(lasting)))
		if d := dropDelay(1, base, arl); d < lasting {
			f.Power += fmt.Sprintf(", and a stop after %s", numberWords(math.Ceil(d)))
		}
		f.Power += "."
	} else {
		f.Power = "Would not have told any drop yet."
	}
	switch {
	case !t.Alarm.IsZero():
		f.State, f.Since, f.At = Alarm, t.Alarm, time.Unix(0, t.Told.From).UTC()
		during := 0.
		if t.Told.Exposure > 0 {
			during = t.Told.Shares / t.Told.Exposure
		}
		f.Numbers["before_hashes_per_second"], f.Numbers["during_hashes_per_second"] = t.Told.Before, during
		f.Numbers["drop_shares"] = t.Told.Shares
		switch {
		case t.Told.Before > during:
			lost := 1 - during/t.Told.Before
			f.Numbers["drop_fraction"] = lost
			if t.Told.Shares == 0 {
				f.Words = fmt.Sprintf("From about %s no share came any more, though it was connected and had work. Before that it did %s.",
					momentWords(f.At), rateWords(t.Told.Before))
				break
			}
			f.Words = fmt.Sprintf("From about %s it did %s, %s less than the %s before.", momentWords(f.At), rateWords(during),
				percentWords(lost), rateWords(t.Told.Before))
		default:
			f.Words = fmt.Sprintf("From about %s it did %s, less than the %s that it is measured by.", momentWords(f.At), rateWords(during), rateWords(rate))
		}
		if t.Told.Until != 0 {
			f.Words += fmt.Sprintf(" That was over by %s.", momentWords(time.Unix(0, t.Told.Until)))
		}
		if t.Told.From > t.Alarm.UnixNano() {
			f.Words += " It was not the first."
		}
	case detectable <= usefulDeviation:
		f.State = Clear
		f.Words = fmt.Sprintf("No drop: over %s shares it kept the rate of %s.", numberWords(shares), rateWords(mean))
	default:
		f.State = TooEarly
		f.Words = "Too few shares to learn the device's own rate and tell a drop from chance."
		f.NeedShares = t.need(c.plan, shares, exposure)
	}
	f.Numbers = finite(f.Numbers)
	return f
}

// need returns about how many more shares it takes until a useful drop can be told.
func (t *dropTest) need(plan *Plan, shares, exposure float64) float64 {
	for n := max(shares, 64) * 1.1; n < 1e9; n *= 1.1 {
		base := (1 - plan.Drift) * (1 - math.Sqrt((2*dropSure+math.Log(n))/n))
		if plan.Rated > 0 && shares > 0 {
			base = min(1, plan.Rated*(1-plan.Tolerance)*exposure/shares)
		}
		if visibleDrop(n/4, base, plan.DropARL) <= usefulDeviation {
			return math.Ceil(n - shares)
		}
	}
	return 0
}
