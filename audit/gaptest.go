package audit

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// GapThreshold returns how long a silence, in seconds, chance explains only so many times a day: a machine that sends perSecond shares a
// second on average is silent for longer than g after perSecond·86400·e^(-perSecond·g) of a day's shares, which is alphaPerDay at
// g = ln(perSecond·86400/alphaPerDay) / perSecond. It is +Inf for a machine that sends none, 0 where any silence is too long, and NaN
// for what are no rates above 0.
func GapThreshold(perSecond, alphaPerDay float64) float64 {
	switch {
	case perSecond == 0 && alphaPerDay > 0:
		return math.Inf(1)
	case !(perSecond > 0 && perSecond <= math.MaxFloat64 && alphaPerDay > 0):
		return math.NaN()
	}
	return max(0, math.Log(perSecond)+math.Log(86400/alphaPerDay)) / perSecond
}

// gapTest looks for silences that chance does not explain, with proof that the connection lived: a share before, and a share or another
// message of the device after. It keeps the longest.
//
// How long a silence is it measures in shares that were to be expected, at the rate before it, so that changes of difficulty make no
// difference. That the rate is only known from n shares is in the probability, exactly: when they took the exposure E, the next one
// takes more than g with probability (1 + g/E)^-n, whatever the rate and the difficulties. A silence that ends with most of its shares at
// once was no silence: something on the way held them back.
type gapTest struct {
	// Shares and Exposure are all so far.
	Shares   uint64  `json:"shares"`
	Exposure float64 `json:"exposure"`
	Recent   recent  `json:"recent"`
	// Rate is in hashes per second, of the shares until the last one, From how many they were. Rate is 0 as long as they are too few.
	Rate float64 `json:"rate"`
	From uint64  `json:"from_shares"`
	// Density is the exposure per second of the latest passing, Lag the plan's in seconds, PerDay its false alarms per day.
	Density float64 `json:"density"`
	Lag     float64 `json:"lag"`
	PerDay  float64 `json:"per_day"`
	// Now is the present silence, if From is not 0: since the last share. Proven is the part of it up to the last sign of life.
	Now    silence `json:"now"`
	Proven silence `json:"proven"`
	// Ended is one that just ended with a share, and is not judged yet: shares that come until Until may be its own.
	Ended   silence `json:"ended"`
	Until   int64   `json:"until"`
	Backlog uint64  `json:"backlog"`
	// Longest are the longest silences, in order of time; Shortest the expected shares of the shortest among them.
	Longest  []silence `json:"longest,omitempty"`
	Shortest float64   `json:"shortest"`
	// Watched is how long silences were looked for, in seconds.
	Watched float64 `json:"watched"`
	// Alarms counts silences that were too long, Silent their seconds, First is when the first of them was known, Worst the longest.
	Alarms uint64    `json:"alarms"`
	Silent float64   `json:"silent"`
	First  time.Time `json:"first,omitzero"`
	Worst  silence   `json:"worst"`
	// Held counts silences whose shares came at once afterwards.
	Held uint64 `json:"held"`
	// Mute is for time in which the rate is not known yet.
	Mute mute `json:"mute"`
}

// silence is a time without a share that counts.
type silence struct {
	From int64 `json:"from"` // in nanoseconds since 1970; 0 if there is none
	To   int64 `json:"to"`
	// Shares is how many were to be expected.
	Shares float64 `json:"shares"`
	Alarm  bool    `json:"alarm,omitzero"`
}

func (s *silence) seconds() float64 { return max(0, float64(s.To)-float64(s.From)) / 1e9 }

// recent is the rate of the last few shares, so that a machine that was tuned down is not taken for silent.
type recent struct {
	Shares   uint64  `json:"shares"`
	Exposure float64 `json:"exposure"`
	// Low is their rate in hashes per second where it is clearly below that of all, else 0.
	Low float64 `json:"low"`
}

const (
	maxSilences  = 64
	recentShares = 256
	// gapShares is how many shares it takes to know a rate.
	gapShares = 32
	// minGap is how many expected shares a silence has to have to be looked at.
	minGap = 5
)

// The exposure of so many shares is less than this part of its mean with a probability of 0.001.
var recentFast = gammaQuantile(recentShares, 0.001, below) / recentShares

func (r *recent) arrive(rate float64) {
	r.Shares++
	if r.Shares < recentShares {
		return
	}
	r.Low = 0
	if r.Exposure > 0 {
		// Only where the last shares are slower than chance makes them at the rate of all.
		if own := float64(r.Shares) / r.Exposure; own < recentFast*rate {
			r.Low = own
		}
	}
	r.Shares, r.Exposure = 0, 0
}

// learn sets the rate by which the next silence is measured: of all shares, or of the latest where they are clearly slower.
func (t *gapTest) learn() {
	t.Rate, t.From = 0, t.Shares
	if t.Shares < gapShares || !(t.Exposure > 0) {
		return
	}
	if t.Rate = min(float64(t.Shares)/t.Exposure, math.MaxFloat64); t.Recent.Low > 0 && t.Recent.Low < t.Rate {
		t.Rate, t.From = t.Recent.Low, recentShares
	}
}

// surprise returns -ln of the probability of a silence of so many expected shares.
func (t *gapTest) surprise(shares float64) float64 {
	n := float64(t.From)
	return n * math.Log1p(shares/n)
}

// threshold returns how many expected shares make a silence too long.
func (t *gapTest) threshold() float64 {
	perSecond := t.Rate * t.Density
	if !(perSecond > 0 && t.PerDay > 0 && t.From > 0) {
		return math.Inf(1)
	}
	n := float64(t.From)
	return n*math.Expm1(GapThreshold(perSecond, t.PerDay)*perSecond/n) + perSecond*t.Lag
}

func (t *gapTest) pass(p *passing, plan *Plan) {
	seconds := p.to.Sub(p.from).Seconds()
	if !(p.exposure > 0 && p.exposure <= math.MaxFloat64 && seconds > 0) {
		return
	}
	t.Lag, t.PerDay = plan.Lag.Seconds(), plan.GapPerDay
	t.Density = p.exposure / seconds
	t.Exposure = min(t.Exposure+p.exposure, math.MaxFloat64)
	t.Recent.Exposure = min(t.Recent.Exposure+p.exposure, math.MaxFloat64)
	now := p.to.UnixNano()
	t.judge(now)
	if t.Now.From == 0 {
		return
	}
	if t.Rate > 0 {
		t.Now.To, t.Now.Shares = now, min(t.Now.Shares+t.Rate*p.exposure, maxExpected)
		t.Watched = min(t.Watched+seconds, maxExpected)
	}
}

func (t *gapTest) arrive(a *arrival, plan *Plan) {
	now := a.at.UnixNano()
	t.judge(now)
	if t.Ended.From != 0 {
		t.Backlog++
	}
	if t.Now.Shares > max(minGap, t.Shortest) {
		t.Now.To = max(now, t.Now.From)
		if t.Ended.From != 0 {
			t.decide(t.Ended.To)
		}
		t.Ended, t.Backlog = t.Now, 0
		t.Until = now + int64(1e9*max(1, plan.Lag.Seconds()))
	}
	t.Now, t.Proven = silence{From: now, To: now}, silence{}
	t.Shares = addClamped(t.Shares, 1)
	t.Recent.arrive(t.Rate)
	t.learn()
}

// heard says that the device sent something that is no share.
func (t *gapTest) heard(now time.Time) {
	if t.Now.From != 0 {
		t.Proven = t.Now
	}
}

// down says that the connection ended, or that nobody looks any more. What silence there was up to the last sign of life counts.
func (t *gapTest) down(now time.Time) {
	if t.Ended.From != 0 {
		t.decide(now.UnixNano())
	}
	if t.Proven.From != 0 && t.Proven.Shares > max(minGap, t.Shortest) {
		t.Ended, t.Backlog = t.Proven, 0
		t.decide(now.UnixNano())
	}
	t.Now, t.Proven = silence{}, silence{}
}

// judge decides on the silence that ended, if the shares held back would have come by now.
func (t *gapTest) judge(now int64) {
	if t.Ended.From != 0 && now > t.Until {
		t.decide(now)
	}
}

func (t *gapTest) decide(now int64) {
	s := t.Ended
	t.Ended = silence{}
	// Shares that come right afterwards, beyond those of that time: what chance does not make, and what the silence lacked.
	usual := t.Rate * t.Density * max(1, t.Lag)
	if s.Shares >= 8 && float64(t.Backlog)-usual >= max(4, s.Shares/2, 3*math.Sqrt(usual)) {
		t.Held++
		return
	}
	if s.Shares >= t.threshold() {
		s.Alarm = true
		if t.Alarms == 0 {
			t.First = time.Unix(0, now).UTC()
		}
		t.Alarms = addClamped(t.Alarms, 1)
		t.Silent = min(t.Silent+s.seconds(), maxExpected)
		if s.Shares > t.Worst.Shares {
			t.Worst = s
		}
	}
	t.keep(s)
}

// keep puts a silence among the longest.
func (t *gapTest) keep(s silence) {
	t.Longest = append(t.Longest, s)
	slices.SortStableFunc(t.Longest, func(a, b silence) int { return cmp.Compare(a.From, b.From) })
	shortest := func() int {
		least := 0
		for i := range t.Longest {
			if t.Longest[i].Shares < t.Longest[least].Shares {
				least = i
			}
		}
		return least
	}
	for len(t.Longest) > maxSilences {
		i := shortest()
		t.Longest = slices.Delete(t.Longest, i, i+1)
	}
	if len(t.Longest) == maxSilences {
		t.Shortest = t.Longest[shortest()].Shares
	}
}

// merge joins a later part. A silence that lies across the two is not seen.
func (t *gapTest) merge(o *gapTest) {
	t.down(time.Unix(0, t.Now.To))
	t.Shares = addClamped(t.Shares, o.Shares)
	t.Exposure = min(t.Exposure+o.Exposure, math.MaxFloat64)
	t.Recent, t.Density, t.Lag, t.PerDay = o.Recent, o.Density, o.Lag, o.PerDay
	t.Now, t.Proven, t.Ended, t.Until, t.Backlog = o.Now, o.Proven, o.Ended, o.Until, o.Backlog
	if o.Rate > 0 {
		t.Rate, t.From = o.Rate, o.From
	} else {
		t.learn()
	}
	for _, s := range o.Longest {
		t.keep(s)
	}
	t.Mute.merge(&o.Mute)
	t.Watched = min(t.Watched+o.Watched, maxExpected)
	t.Silent = min(t.Silent+o.Silent, maxExpected)
	if t.Alarms == 0 {
		t.First = o.First
	}
	t.Alarms = addClamped(t.Alarms, o.Alarms)
	t.Held = addClamped(t.Held, o.Held)
	if o.Worst.Shares > t.Worst.Shares {
		t.Worst = o.Worst
	}
}

func (t *gapTest) check() error {
	all := append([]silence{t.Now, t.Proven, t.Ended, t.Worst}, t.Longest...)
	for _, s := range all {
		if !(s.Shares >= 0 && s.Shares <= maxExpected) || s.To < s.From {
			return errors.New("gap test: a silence that can't be")
		}
	}
	if len(t.Longest) > maxSilences {
		return fmt.Errorf("gap test: %d silences, want at most %d", len(t.Longest), maxSilences)
	}
	if t.Watched > maxExpected || t.Silent > maxExpected || t.Recent.Shares > recentShares {
		return errors.New("gap test: out of range")
	}
	if t.Rate > 0 && t.From == 0 {
		return errors.New("gap test: a rate of no shares")
	}
	if err := t.Mute.check(); err != nil {
		return err
	}
	return checkSum("gap test", t.Exposure, t.Rate, t.Density, t.Lag, t.PerDay, t.Shortest, t.Watched, t.Silent, t.Recent.Exposure, t.Recent.Low)
}

// present returns the silence that lasts, up to the last sign of life, and whether it is too long already.
func (t *gapTest) present() (s silence, alarm bool) {
	return t.Proven, t.Proven.From != 0 && t.Proven.Shares >= t.threshold()
}

func (t *gapTest) finding(c *context) Finding {
	if t.Ended.From != 0 && c.now.UnixNano() > t.Until { // what is asked changes nothing
		u := *t
		u.Longest = slices.Clone(t.Longest)
		u.decide(c.now.UnixNano())
		t = &u
	}
	f := Finding{Test: TestGap, Kind: Surveillance}
	f.FalseAlarms = fmt.Sprintf("One in %s days of one device", numberWords(1/c.plan.GapPerDay))
	f.Limits = "Cannot see work taken away share by share without a pause, silences shorter than the one named, or what happens while the device is not connected. " +
		"A device that restarts its mining process or its boards without dropping the connection looks the same."
	perSecond := t.Rate * t.Density
	seconds := math.Inf(1)
	if perSecond > 0 {
		seconds = t.threshold() / perSecond
	}
	f.Numbers = finite(map[string]float64{
		"silences": float64(t.Alarms), "silent_seconds": t.Silent, "watched_seconds": t.Watched, "threshold_seconds": seconds,
		"rate_shares_per_second": perSecond, "held_back_silences": float64(t.Held),
	})
	if !math.IsInf(seconds, 1) {
		f.Power = fmt.Sprintf("Would have told every silence of more than %s; looked for %s.", spanWords(seconds), spanWords(t.Watched))
	}
	now, lasting := t.present()
	switch {
	case t.Alarms > 0 || lasting:
		f.State = Alarm
		worst := t.Worst
		if lasting && now.Shares > worst.Shares {
			worst = now
		}
		f.At = time.Unix(0, worst.From).UTC()
		if f.Since = t.First; t.Alarms == 0 {
			f.Since = time.Unix(0, now.To).UTC()
		}
		f.Numbers["longest_seconds"], f.Numbers["longest_expected_shares"] = worst.seconds(), worst.Shares
		f.Words = fmt.Sprintf("Silent for %s from %s while its connection lived: about %s shares should have come in that time.",
			spanWords(worst.seconds()), momentWords(f.At), numberWords(math.Floor(worst.Shares)))
		if t.Alarms > 1 {
			f.Words += fmt.Sprintf(" There were %s such silences, %s in all, of %s watched.", countWords(t.Alarms), spanWords(t.Silent), spanWords(t.Watched))
		}
		// How often chance makes one as long.
		if day := math.Log(perSecond*86400) - t.surprise(max(0, worst.Shares-perSecond*t.Lag)); day < 0 {
			f.Words += fmt.Sprintf(" By chance that happens once in %s.", spanWords(86400*math.Exp(min(-day, 700))))
		}
	case !t.Mute.First.IsZero():
		m := &t.Mute
		f.State, f.Since, f.At, f.Words = Alarm, m.First, time.Unix(0, m.Worst.From).UTC(), m.words()
		f.Numbers["longest_seconds"], f.Numbers["longest_expected_shares"] = m.Worst.Seconds, m.Worst.Shares
		f.Limits += " So does one that holds this connection in reserve and works elsewhere."
	case perSecond > 0 && t.Watched > 10*seconds:
		f.State = Clear
		f.Words = fmt.Sprintf("No silence that chance does not explain, in %s watched.", spanWords(t.Watched))
		if t.Held > 0 {
			f.Words += fmt.Sprintf(" %s times shares were held back on the way and came all at once.", countWords(t.Held))
		}
	default:
		f.State = TooEarly
		f.Words = "Not enough shares yet to know how long a silence chance explains."
		f.NeedShares = max(1, gapShares+10*25-float64(t.Shares))
	}
	return f
}

// spans returns the longest silences, oldest first, the present one among them.
func (t *gapTest) spans(c *context) []Span {
	all := slices.Clone(t.Longest)
	if t.Ended.From != 0 {
		all = append(all, t.Ended)
	}
	if s, alarm := t.present(); s.From != 0 && s.Shares > minGap {
		s.Alarm = alarm
		all = append(all, s)
	}
	spans := make([]Span, 0, len(all))
	for _, s := range all[max(0, len(all)-maxSilences):] {
		spans = append(spans, Span{What: SpanSilent, From: time.Unix(0, s.From).UTC(), To: time.Unix(0, s.To).UTC(), Shares: s.Shares, Alarm: s.Alarm})
	}
	return spans
}
