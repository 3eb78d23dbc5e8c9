package audit

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
)

// periodTest bets that slices of time at regular intervals have fewer shares: too short for gapTest to tell one alone.
//
// It counts shares and exposure by the place in a fold of two hours, in slots of ten seconds, of which all the trial periods are made.
// A bet j is on a period, a slice in it and the part of shares x that goes missing there: shares count (1-x) in the slice and
// 1 + x·w/(B-w) outside it, for w of B slots, mⱼ in short. With counts n and exposures E by slot
//
//	e(h) = mean over j of Π mⱼ^n · e^(-h·Σ(mⱼ-1)·E)
//
// is a nonnegative martingale under the rate h, however the exposure was set by the past. Where the slots had the same exposure the second
// factor is 1: what the rate is makes no difference. Else h is only known to lie in a confidence sequence, which is an e-process M(h) too:
// so (1-ε)·e(h) + ε·M(h) is one, and its least value over all h is what counts.
//
// Shares that are up to the plan's Lag on their way may come in the slot after theirs, and all of a batch at the same place of a period: so
// slices are bet on that are four times as long at least. A quarter that is missing loses every bet.
//
// A silence counts only for its first shares to be expected: one long one is for gapTest, and must not make a period.
type periodTest struct {
	// Slots are counts and exposures, nil before the first passing.
	Slots *periodSlots `json:"slots,omitempty"`
	Base  baseline     `json:"base"`
	// Least is how long, in seconds, slices have to be: as the plan's Lag wants it.
	Least float64 `json:"least_seconds,omitzero"`
	// Silent is how many shares were to be expected since the last one.
	Silent float64 `json:"silent"`
	// Shares and Exposure are the sums of the slots, Seconds the time behind them.
	Shares   uint64  `json:"shares"`
	Exposure float64 `json:"exposure"`
	Seconds  float64 `json:"seconds"`
	// Value is the log e-value of the latest look, at Looked; Look is the time of the next one, Best the bet that was best when the value
	// was highest.
	Value  float64   `json:"value"`
	Looked time.Time `json:"looked,omitzero"`
	Look   time.Time `json:"look,omitzero"`
	Best   periodBet `json:"best"`
	Summit summit    `json:"summit"`
}

// periodSlots are what the fold holds.
type periodSlots struct {
	Shares   [periodFold]uint32
	Exposure [periodFold]float64
}

// periodBet is a slice of a period.
type periodBet struct {
	Period int     `json:"period"` // seconds
	From   int     `json:"from"`   // seconds into the period, from full hours UTC
	Width  int     `json:"width"`  // seconds
	Part   float64 `json:"part"`   // of the shares that the bet takes for missing
	LogE   float64 `json:"log_e"`
}

const (
	periodSlot = 10 // seconds
	periodFold = 7200 / periodSlot
	// periodSilence bounds what one silence counts, in expected shares.
	periodSilence = 12
	// periodMixed is ε, periodSure ln(1/alpha) of the confidence sequence. Together they bound what the test can say: e^43.
	periodMixed = 1e-3
	periodSure  = 50
	// periodLost is how far behind a bet is taken for lost: all of them together are worth e^-10 of the stake then.
	periodLost = 20
	// periodLook is how often the bets are added up at most: they are many, and take a tenth of a millisecond. Later it is after each
	// sixth of the time watched.
	periodLook = 20 * time.Minute
	// periodLags is how many times the lag a slice has to be long.
	periodLags = 4
)

var (
	periods      = [...]int{300, 600, 720, 900, 1200, 1800, 2400, 3600, 7200} // seconds, each a part of the fold
	periodWidths = [...]int{1, 2, 3, 6, 12}                                   // slots
	periodParts  = [...]float64{0.5, 0.95}
)

// use says what the plan allows; before the first passing.
func (t *periodTest) use(plan *Plan) { t.Least = periodLags * plan.Lag.Seconds() }

// bets reports whether a slice of w slots is bet on in a period of so many.
func (t *periodTest) bets(w, slots int) bool { return 4*w <= slots && float64(w*periodSlot) >= t.Least }

// blind reports whether no slice is long enough to be bet on.
func (t *periodTest) blind() bool {
	return float64(periodWidths[len(periodWidths)-1]*periodSlot) < t.Least
}

func (s *periodSlots) MarshalText() ([]byte, error) {
	raw := make([]byte, 0, 12*periodFold)
	for i := range s.Shares {
		raw = binary.LittleEndian.AppendUint32(raw, s.Shares[i])
		raw = binary.LittleEndian.AppendUint64(raw, math.Float64bits(s.Exposure[i]))
	}
	return base64.RawStdEncoding.AppendEncode(nil, raw), nil
}

func (s *periodSlots) UnmarshalText(text []byte) error {
	if len(text) != base64.RawStdEncoding.EncodedLen(12*periodFold) {
		return fmt.Errorf("slots of %d characters: want %d", len(text), base64.RawStdEncoding.EncodedLen(12*periodFold))
	}
	raw, err := base64.RawStdEncoding.Strict().AppendDecode(nil, text)
	if err != nil {
		return fmt.Errorf("slots: %w", err)
	}
	for i := range s.Shares {
		s.Shares[i] = binary.LittleEndian.Uint32(raw[12*i:])
		s.Exposure[i] = math.Float64frombits(binary.LittleEndian.Uint64(raw[12*i+4:]))
	}
	return nil
}

// slotOf returns the slot of a time, and how much of the slot is left, in nanoseconds.
func slotOf(at time.Time) (slot int, left int64) {
	const fold = 7200 * int64(time.Second)
	n := at.UnixNano() % fold
	if n < 0 {
		n += fold
	}
	const width = periodSlot * int64(time.Second)
	return int(n / width), width - n%width
}

func (t *periodTest) pass(p *passing) {
	long := p.to.Sub(p.from)
	if !(p.exposure > 0 && p.exposure <= math.MaxFloat64) || long <= 0 {
		return
	}
	exposure := p.exposure
	t.Base.pass(exposure)
	if t.Base.Prior == 0 {
		return // the rate is not known at all yet
	}
	if t.Slots == nil {
		t.Slots, t.Look = &periodSlots{}, p.from.Add(periodLook)
	}
	defer func() {
		if !p.to.Before(t.Look) {
			t.look(p.to)
		}
	}()
	// What is beyond the bound of a silence does not count, which the past decides.
	expected := t.Base.rate() * exposure
	room := periodSilence - t.Silent
	if room <= 0 {
		return
	}
	if t.Silent += expected; expected > room {
		exposure *= room / expected
		long = max(1, time.Duration(float64(long)*(room/expected)))
	}
	t.Exposure = min(t.Exposure+exposure, math.MaxFloat64)
	t.Seconds = min(t.Seconds+long.Seconds(), maxExpected)
	slot, left := slotOf(p.from)
	rest, each := int64(long), exposure/float64(long)
	const fold = 7200 * int64(time.Second)
	if whole := rest / fold; whole > 0 {
		for i := range t.Slots.Exposure {
			t.Slots.add(i, each*float64(whole)*periodSlot*1e9)
		}
		rest -= whole * fold
	}
	for rest > 0 {
		part := min(rest, left)
		t.Slots.add(slot, each*float64(part))
		rest, left = rest-part, periodSlot*int64(time.Second)
		if slot++; slot == periodFold {
			slot = 0
		}
	}
}

func (s *periodSlots) add(slot int, exposure float64) {
	s.Exposure[slot] = min(s.Exposure[slot]+exposure, math.MaxFloat64)
}

func (t *periodTest) arrive(a *arrival) {
	counts := t.Slots != nil && t.Silent < periodSilence
	t.Silent = 0
	if !a.early {
		t.Base.arrive(periodSure)
	}
	if !counts {
		return
	}
	slot, _ := slotOf(a.at)
	if n := &t.Slots.Shares[slot]; *n < math.MaxUint32 {
		*n++
		t.Shares = addClamped(t.Shares, 1)
	}
}

// look adds up the bets.
func (t *periodTest) look(now time.Time) {
	t.Look = now.Add(max(periodLook, time.Duration(min(t.Seconds/6, 30*86400)*1e9)))
	t.Looked = now
	value, best := t.value()
	t.Value = value
	if value > t.Summit.Peak {
		t.Best = best
	}
	t.Summit.reach(value, now)
}

// value returns the log e-value of now, and the best bet.
func (t *periodTest) value() (logE float64, best periodBet) {
	best.LogE = math.Inf(-1)
	if t.Slots == nil || t.Shares == 0 || !(t.Exposure > 0) || t.blind() {
		return 0, periodBet{}
	}
	low, high := sequence(float64(t.Shares), t.Exposure, t.Base.Prior, periodSure)
	if !(high <= math.MaxFloat64) {
		return 0, periodBet{}
	}
	// Sums over the first slots of a period that is folded, twice in a row, so that slices may lie across its end.
	var shares, exposure [2*periodFold + 1]float64
	sum, top := 0., 0. // of e^(log-top)
	for _, period := range periods {
		slots := period / periodSlot
		for i := range slots {
			n, e := 0., 0.
			for k := i; k < periodFold; k += slots {
				n += float64(t.Slots.Shares[k])
				e += t.Slots.Exposure[k]
			}
			shares[i+1], exposure[i+1] = shares[i]+n, exposure[i]+e
		}
		all, total := shares[slots], exposure[slots]
		for i := range slots {
			shares[slots+i+1], exposure[slots+i+1] = all+shares[i+1], total+exposure[i+1]
		}
		bets := 0
		for _, w := range periodWidths {
			if t.bets(w, slots) {
				bets += slots * len(periodParts)
			}
		}
		weight := -math.Log(float64(bets * len(periods)))
		for _, w := range periodWidths {
			if !t.bets(w, slots) {
				continue
			}
			for _, x := range periodParts {
				inside, more := math.Log1p(-x), x*float64(w)/float64(slots-w)
				outside := math.Log1p(more)
				for i := range slots {
					n, e := shares[i+w]-shares[i], exposure[i+w]-exposure[i]
					tilt := more*(total-e) - x*e // Σ(m-1)·E
					log := weight + n*inside + (all-n)*outside - max(low*tilt, high*tilt)
					if log > best.LogE {
						best = periodBet{Period: period, From: i * periodSlot, Width: w * periodSlot, Part: x, LogE: log}
					}
					switch {
					case log > top:
						sum = sum*math.Exp(top-log) + 1
						top = log
					case log > top-periodLost:
						sum += math.Exp(log - top)
					}
				}
			}
		}
	}
	logE = math.Log1p(-periodMixed) + top + math.Log(sum)
	if math.IsNaN(logE) {
		return 0, periodBet{}
	}
	best.LogE = min(max(best.LogE, -maxLogE), maxLogE)
	return max(-periodSure, min(logE, periodSure+math.Log(periodMixed))), best
}

// logE returns the log e-value of the latest look: bets are added up every so often.
func (t *periodTest) logE() float64 { return t.Value }

// merge joins a later part. Counts add up, and so the value is that of the whole; but looks that the whole would have had in between are
// not made up for, so the peak may be lower.
func (t *periodTest) merge(o *periodTest) {
	now := o.Looked
	if now.IsZero() {
		now = o.Look
	}
	t.Base.merge(&o.Base, periodSure)
	t.Silent = o.Silent
	if o.Slots == nil {
		return
	}
	if t.Slots == nil {
		t.Slots = &periodSlots{}
	} else {
		c := *t.Slots
		t.Slots = &c
	}
	for i := range o.Slots.Shares {
		t.Slots.Shares[i] = uint32(min(uint64(t.Slots.Shares[i])+uint64(o.Slots.Shares[i]), math.MaxUint32))
		t.Slots.add(i, o.Slots.Exposure[i])
	}
	t.Shares = addClamped(t.Shares, o.Shares)
	t.Exposure = min(t.Exposure+o.Exposure, math.MaxFloat64)
	t.Seconds = min(t.Seconds+o.Seconds, maxExpected)
	t.look(now)
}

func (t *periodTest) check() error {
	if err := checkSum("period test", t.Least, t.Silent, t.Exposure, t.Seconds); err != nil {
		return err
	}
	if !(math.Abs(t.Value) <= maxLogE && math.Abs(t.Best.LogE) <= maxLogE && math.Abs(t.Best.Part) <= 1) || t.Seconds > maxExpected {
		return errors.New("period test: out of range")
	}
	if t.Slots != nil {
		if t.Base.Prior == 0 {
			return errors.New("period test: shares without what the rate starts from")
		}
		sum := uint64(0)
		for i, e := range t.Slots.Exposure {
			if err := checkSum("period test", e); err != nil {
				return err
			}
			sum += uint64(t.Slots.Shares[i])
		}
		if sum != t.Shares {
			return fmt.Errorf("period test: %d shares in the slots, %d in all", sum, t.Shares)
		}
	} else if t.Shares > 0 {
		return fmt.Errorf("period test: %d shares without slots", t.Shares)
	}
	return errors.Join(t.Base.check(), t.Summit.check())
}

func (t *periodTest) finding(c *context) Finding {
	value, best := t.value()
	peak := t.Summit.with(value)
	if value >= t.Summit.Peak {
		t = &periodTest{Slots: t.Slots, Least: t.Least, Base: t.Base, Shares: t.Shares, Exposure: t.Exposure, Seconds: t.Seconds, Summit: t.Summit, Best: best}
	}
	f := Finding{Test: TestPeriod, Kind: Evidence, Threshold: c.threshold, LogE: value, Peak: peak}
	f.Limits = "Knows slices of 10 s to 2 minutes that come back every 5, 10, 12, 15, 20, 30, 40, 60 or 120 minutes by the clock; others it sees badly or not at all. " +
		"A schedule of the site's own (a restart every hour, a link that is busy) looks the same."
	perSecond := t.Base.rate()
	if t.Seconds > 0 {
		perSecond *= t.Exposure / t.Seconds
	}
	// A silent slice of every hour wins as many nats as it had shares, less what the choice among so many bets costs.
	const choice = 11.
	hours := t.Seconds / 3600
	slice := math.Inf(1)
	if perSecond > 0 && hours > 0 {
		slice = max(t.Least, 1.5*(c.threshold+choice)/(0.95*perSecond*hours)) // it may lie across slots
		if slice*perSecond > periodSilence {
			slice = math.Inf(1) // more of a single silence does not count
		}
	}
	f.Numbers = finite(map[string]float64{
		"counted_shares": float64(t.Shares), "watched_seconds": t.Seconds, "visible_slice_seconds": slice,
	})
	if !math.IsInf(slice, 1) {
		f.Power = fmt.Sprintf("Would most likely have seen %s of silence in every hour.", spanWords(max(math.Ceil(slice), 2*periodSlot)))
	} else {
		f.Power = "Would not have seen regular silences yet."
	}
	switch {
	case peak >= c.threshold:
		f.State, f.Since = Alarm, t.Summit.since(c.threshold)
		if f.Since.IsZero() {
			f.Since = c.now
		}
		b := t.Best
		seen, expected := t.slice(b)
		f.Numbers["period_seconds"], f.Numbers["slice_from_seconds"], f.Numbers["slice_seconds"] = float64(b.Period), float64(b.From), float64(b.Width)
		f.Numbers["slice_shares"], f.Numbers["slice_expected_shares"] = seen, expected
		how := "hardly any shares"
		if expected > 0 && seen > 0.2*expected {
			how = fmt.Sprintf("%s fewer shares", percentWords(1-seen/expected))
		}
		long := "about " + spanWords(float64(b.Width))
		if perSecond*float64(b.Width) > 0.8*periodSilence {
			long += " or longer" // more of a silence does not count
		}
		f.Words = fmt.Sprintf("Every %s, %s into it (counted from midnight UTC) and for %s, %s come: %s in all where %s were to be expected. %s",
			spanWords(float64(b.Period)), minuteWords(b.From), long, how, numberWords(seen), numberWords(math.Round(expected)), chanceWords(peak))
	case t.blind():
		f.State = NotApplicable
		f.Words = fmt.Sprintf("Shares may be %s on their way here: slices of two minutes and less can't be told from that.", spanWords(c.plan.Lag.Seconds()))
		f.Power = ""
	case slice <= 180:
		f.State = Clear
		f.Words = "No slice of the hours is regularly short of shares."
	default:
		f.State = TooEarly
		f.Words = "Too few hours or shares to see slices that are regularly silent."
		// Until a silent minute in each hour would be seen, at the present rate.
		need := (c.threshold + choice) / (0.95 / 60)
		if perSecond*60 > periodSilence {
			need = (c.threshold + choice) / (0.95 * periodSilence) * perSecond * 3600
		}
		if f.NeedShares = math.Ceil(max(1, need-float64(t.Shares))); f.NeedShares > 1e12 {
			f.NeedShares = 0 // more than ever come: the rate is not known
		}
	}
	return f
}

// minuteWords writes a place in a period, in minutes and seconds.
func minuteWords(seconds int) string { return fmt.Sprintf("%d:%02d minutes", seconds/60, seconds%60) }

// slice returns the shares in a bet's slice, and how many of its exposure the others would have had.
func (t *periodTest) slice(b periodBet) (seen, expected float64) {
	if t.Slots == nil || b.Period <= 0 || b.Width <= 0 || b.From < 0 {
		return 0, 0
	}
	slots, from, width := b.Period/periodSlot, b.From/periodSlot, b.Width/periodSlot
	if slots == 0 || periodFold%slots != 0 {
		return 0, 0
	}
	exposure := 0.
	for i := range periodFold {
		if place := (i%slots - from + slots) % slots; place < width {
			seen += float64(t.Slots.Shares[i])
			exposure += t.Slots.Exposure[i]
		}
	}
	if rest := t.Exposure - exposure; rest > 0 {
		expected = (float64(t.Shares) - seen) / rest * exposure
	}
	return seen, expected
}
