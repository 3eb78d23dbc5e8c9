package audit

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// PoissonBinomialTail returns the probability that at least k of independent events happen, each with a probability of its own. What is
// no probability counts as 0.
func PoissonBinomialTail(p []float64, k int) float64 {
	if k <= 0 {
		return 1
	}
	if k > len(p) {
		return 0
	}
	// exactly[j] is the probability of j events so far, j < k; all of more are in atLeast.
	exactly := make([]float64, k)
	exactly[0] = 1
	atLeast := 0.
	for _, q := range p {
		if !(q > 0) {
			continue
		}
		q = min(q, 1)
		atLeast += q * exactly[k-1]
		for j := k - 1; j > 0; j-- {
			exactly[j] += q * (exactly[j-1] - exactly[j])
		}
		exactly[0] *= 1 - q
	}
	return min(1, atLeast)
}

// maxCoordinated is the highest number of devices that is asked for in one window: where it takes more, chance is silent too often.
const maxCoordinated = 64

// CoordinatedThreshold returns how many devices have to be silent in one window of the given seconds, so that chance explains it at most
// alphaPerDay times a day, when windows are counted on two grids, one half a window from the other. perSecond are the devices' rates in
// shares a second. It is 0 where no number up to 64 is enough.
func CoordinatedThreshold(perSecond []float64, seconds, alphaPerDay float64) int {
	p := make([]float64, len(perSecond))
	for i, rate := range perSecond {
		if rate > 0 {
			p[i] = math.Exp(-rate * seconds)
		}
	}
	for k := 2; k <= min(len(p), maxCoordinated); k++ {
		if PoissonBinomialTail(p, k)*2*86400/seconds <= alphaPerDay {
			return k
		}
	}
	return 0
}

// coordinatedWindows are the lengths of the windows that are looked at, in seconds.
var coordinatedWindows = [...]float64{10, 20, 30, 60, 120, 300, 600}

// deviceSilences is what a device gives to the search for common silences.
type deviceSilences struct {
	name      string
	perSecond float64 // the rate proven, in shares a second
	silences  []silence
	watched   float64 // seconds
}

// coordinated looks for silences of several devices at the same time, given the silences that each device kept.
func coordinated(plan *Plan, devices []*Device) Finding {
	all := make([]deviceSilences, 0, len(devices))
	for _, d := range devices {
		if s, ok := d.Tests.Gap.common(d.Label); ok {
			all = append(all, s)
		}
	}
	return coordinatedSilences(plan, all)
}

// coordinatedSilences is coordinated for what the devices gave.
func coordinatedSilences(plan *Plan, devices []deviceSilences) Finding {
	f := Finding{Test: TestCoordinated, Kind: Surveillance}
	f.FalseAlarms = fmt.Sprintf("One in %s days of the whole fleet", numberWords(1/plan.GapPerDay))
	f.Limits = "Cannot tell what devices have in common: one proxy, switch, pool or breaker that fails looks the same, so look there first. " +
		"Knows only the longest silences that each device kept, in which its connection lived."
	known := devices[:0:0]
	watched := 0.
	for _, d := range devices {
		if d.perSecond > 0 && d.watched > 0 {
			known = append(known, d)
			watched = max(watched, d.watched)
		}
	}
	f.Numbers = map[string]float64{"compared_devices": float64(len(known))}
	if len(known) < 2 {
		f.State = NotApplicable
		f.Words = "It takes several devices with a known rate to look for silences that they have in common."
		return f
	}
	lag := plan.Lag.Seconds()
	rates := make([]float64, len(known))
	for i, d := range known {
		rates[i] = d.perSecond
	}
	type hit struct {
		from    float64 // in seconds since 1970
		window  float64
		devices []int
		log     float64 // of the probability, times the windows of a day
	}
	var best hit
	var told []Span
	var power []string
	for _, window := range coordinatedWindows {
		need := CoordinatedThreshold(rates, window, plan.GapPerDay/float64(len(coordinatedWindows)))
		if need == 0 {
			continue
		}
		if len(power) < 3 && need <= 12 {
			power = append(power, fmt.Sprintf("%d devices silent for %s", need, spanWords(window+lag)))
		}
		// Windows in which each device was silent throughout; the lag is taken off each silence.
		silent := map[int64][]int{}
		for i, d := range known {
			last := int64(math.MinInt64)
			for _, s := range d.silences {
				from, to := float64(s.From)/1e9, float64(s.To)/1e9-lag
				if to-from > 16*window { // longer windows have it
					continue
				}
				for n := int64(math.Ceil(from / (window / 2))); (float64(n)+2)*(window/2) <= to; n++ {
					if n > last { // silences don't overlap, but state read back may say so
						silent[n] = append(silent[n], i)
						last = n
					}
				}
			}
		}
		p := make([]float64, len(known))
		for i := range p {
			p[i] = math.Exp(-rates[i] * window)
		}
		for n, who := range silent {
			if len(who) < need {
				continue
			}
			from := float64(n) * window / 2
			told = append(told, Span{From: unixSeconds(from), To: unixSeconds(from + window)})
			tail := math.Log(max(PoissonBinomialTail(p, len(who)), 1e-300)) + math.Log(2*86400/window*float64(len(coordinatedWindows)))
			if best.devices == nil || len(who) > len(best.devices) || len(who) == len(best.devices) && (window > best.window || window == best.window && from < best.from) {
				best = hit{from: from, window: window, devices: who, log: tail}
			}
		}
	}
	if len(power) > 0 {
		f.Power = fmt.Sprintf("Would have told %s at the same time.", strings.Join(power, ", or "))
	} else {
		f.Power = "Could not have told any silence in common."
	}
	switch {
	case best.devices != nil:
		f.State = Alarm
		slices.SortFunc(told, func(a, b Span) int { return a.From.Compare(b.From) })
		f.At, f.Since = unixSeconds(best.from), told[0].From
		names := make([]string, 0, 5)
		for _, i := range best.devices[:min(5, len(best.devices))] {
			names = append(names, known[i].name)
		}
		who := strings.Join(names, ", ")
		if more := len(best.devices) - len(names); more > 0 {
			who += fmt.Sprintf(" and %d more", more)
		}
		times := commonTimes(told)
		f.Words = fmt.Sprintf("%d of %d devices were silent together for %s or more from %s, while their connections lived: %s.",
			len(best.devices), len(known), spanWords(best.window), momentWords(f.At), who)
		if times > 1 {
			f.Words += fmt.Sprintf(" Such a thing happened %d times.", times)
		}
		if best.log < 0 {
			f.Words += fmt.Sprintf(" By chance it happens once in %s.", spanWords(86400*math.Exp(min(-best.log, 700))))
		}
		f.Words += " See first whether a proxy, a switch or the pool failed."
		f.Numbers["silent_devices"], f.Numbers["window_seconds"], f.Numbers["silences_in_common"] = float64(len(best.devices)), best.window, float64(times)
	case len(power) > 0 && watched >= 3600:
		f.State = Clear
		f.Words = fmt.Sprintf("The %d devices were never silent together in a way that chance does not explain.", len(known))
	default:
		f.State = TooEarly
		f.Words = "Too few devices, shares or hours to tell silences in common from chance."
	}
	return f
}

// commonTimes counts spans, taking for one what overlaps or follows within a minute. They are in order.
func commonTimes(spans []Span) int {
	n, end := 0, time.Time{}
	for _, s := range spans {
		if n == 0 || s.From.After(end.Add(time.Minute)) {
			n++
		}
		if s.To.After(end) {
			end = s.To
		}
	}
	return n
}

func unixSeconds(s float64) time.Time {
	whole := math.Floor(s)
	return time.Unix(int64(whole), int64((s-whole)*1e9)).UTC()
}

// common returns what the search for common silences wants, if the rate is known.
func (t *gapTest) common(name string) (deviceSilences, bool) {
	all := slices.Clone(t.Longest)
	if t.Ended.From != 0 {
		all = append(all, t.Ended)
	}
	if t.Proven.From != 0 && t.Proven.Shares > minGap {
		all = append(all, t.Proven)
	}
	slices.SortFunc(all, func(a, b silence) int { return cmp.Compare(a.From, b.From) })
	d := deviceSilences{name: name, perSecond: t.Rate * t.Density, watched: t.Watched}
	sure := 1.
	if t.From > 0 { // a little less, for what is not known of the rate
		sure = t.surprise(25) / 25
		d.perSecond *= sure
	}
	// Silences of a time in which far fewer shares were to be expected, because the difficulty was higher, are long for that reason
	// alone. The others are measured by the lowest rate among them.
	now := d.perSecond
	for _, s := range all {
		seconds := s.seconds()
		if then := sure * s.Shares; seconds > 0 && then >= seconds*now/2 {
			d.perSecond = min(d.perSecond, then/seconds)
			d.silences = append(d.silences, s)
		}
	}
	return d, d.perSecond > 0
}
