package audit

import (
	"fmt"
	"math"
	"slices"
)

// filterTest learns whether the device keeps back all shares below a difficulty of its own: the chips' ticket mask. The first shares
// at each octave of difficulty are looked at for that before any exposure counts.
//
// What counts is decided by shares that came before, so that it is right whether there is a filter or not: the floor only says from
// which difficulty on shares are looked at. After the first shares it is the highest power of two that none of them was below. It
// falls at once when a share below it comes, and from then on rises again only if a run of shares speaks clearly for a filter.
//
// What a run says: for each power of two F above the difficulty D, each share of at least F multiplies a stake by F/D; a share below F
// ends the run. The test is sure of a filter where that proves it: each run begins with a smaller stake than the one before, so that
// all stakes add up to 1. (The classical form: of N shares, N·(min d/D - 1) is exponential with mean 1.)
type filterTest struct {
	// Octaves are those seen, from the lowest difficulty up.
	Octaves []filterOctave `json:"octaves,omitempty"`

	last int // where the latest share went
}

// filterOctave is what came while 2^Octave ≤ D < 2^(Octave+1).
type filterOctave struct {
	Octave int    `json:"octave"`
	Shares uint64 `json:"shares"`
	// Min is the smallest difficulty of the first shares, Floor the filter that holds now: 0 if there is none.
	Min   float64 `json:"min"`
	Floor float64 `json:"floor"`
	// Ratio is the smallest d/D of all shares.
	Ratio float64 `json:"ratio"`
	// Runs[i] are the shares since one below 2^(Octave+1+i), and the sum of ln(D/2^Octave) over them.
	Runs [filterLevels]filterRun `json:"runs"`

	top      int // no run from this level on
	required float64
	excess   float64 // ln(required/2^Octave)
}

type filterRun struct {
	Shares uint64  `json:"shares"`
	Excess float64 `json:"excess"`
}

const (
	filterWarmUp  = 32 // shares of an octave before any count
	filterClear   = 11 // nats by which a run has to speak for a filter that was not there at first
	filterLevels  = 16 // a filter is looked for up to 2^16 times the pool's difficulty
	filterOctaves = 64 // at most that many are told apart
)

// share takes in a share, required being what the pool asked.
func (t *filterTest) share(required, difficulty float64) {
	if !(required > 0 && difficulty >= required && difficulty <= math.MaxFloat64) {
		return
	}
	o := t.octave(required, true)
	if o == nil {
		return
	}
	if o.Shares == 0 || difficulty/required < o.Ratio {
		o.Ratio = min(difficulty/required, math.MaxFloat64)
	}
	if o.Shares == 0 || o.Shares < filterWarmUp && difficulty < o.Min {
		o.Min = difficulty
	}
	o.Shares++
	o.run(required, difficulty)
	if difficulty < o.Floor {
		o.Floor = 0 // there is no such filter, or none any more
	}
	switch {
	case o.Shares == filterWarmUp:
		if _, e := math.Frexp(o.Min); e-1 > o.Octave {
			o.Floor = math.Ldexp(1, e-1)
		}
	case o.Shares > filterWarmUp:
		o.raise()
	}
}

// raise sets the floor to the highest filter that a run speaks for: against the filter that there is, if there is one, since where it
// lies far above the pool's difficulty every share speaks against that.
func (o *filterOctave) raise() {
	for i := o.top - 1; i >= 0; i-- {
		f := math.Ldexp(1, o.Octave+1+i)
		if f <= o.Floor {
			return
		}
		gain := o.gain(i)
		if o.Floor > 0 {
			gain = float64(o.Runs[i].Shares) * math.Log(f/o.Floor)
		}
		if gain >= filterClear {
			o.Floor = f
			return
		}
	}
}

// gain returns the logarithm of what the run at level i multiplies a stake by: that on such a filter against none.
func (o *filterOctave) gain(i int) float64 {
	return float64(o.Runs[i].Shares)*float64(i+1)*math.Ln2 - o.Runs[i].Excess
}

// run brings the runs up to date.
func (o *filterOctave) run(required, difficulty float64) {
	_, e := math.Frexp(difficulty)
	reached := min(e-1-o.Octave, filterLevels) // runs below this level go on
	if reached > 0 && required != o.required {
		o.required, o.excess = required, max(0, math.Log(required)-float64(o.Octave)*math.Ln2)
	}
	for i := range reached {
		o.Runs[i].Shares++
		o.Runs[i].Excess += o.excess
	}
	for i := reached; i < o.top; i++ {
		o.Runs[i] = filterRun{}
	}
	o.top = reached
}

// octave returns that of a difficulty; if it is new, nil or a new one.
func (t *filterTest) octave(required float64, add bool) *filterOctave {
	_, e := math.Frexp(required)
	if t.last < len(t.Octaves) && t.Octaves[t.last].Octave == e-1 {
		return &t.Octaves[t.last]
	}
	i, found := slices.BinarySearchFunc(t.Octaves, e-1, func(o filterOctave, octave int) int { return o.Octave - octave })
	if !found {
		if !add || len(t.Octaves) >= filterOctaves {
			return nil
		}
		t.Octaves = slices.Insert(t.Octaves, i, filterOctave{Octave: e - 1})
	}
	if add {
		t.last = i
	}
	return &t.Octaves[i]
}

// floor returns what counts at the difficulty that the pool asks for, and whether that is known yet: as long as not, no time is to
// count.
func (t *filterTest) floor(required float64) (f float64, known bool) {
	if !(required > 0 && required <= math.MaxFloat64) {
		return required, false
	}
	o := t.octave(required, false)
	if o == nil || o.Shares < filterWarmUp {
		return required, false
	}
	return max(required, o.Floor), true
}

// logE returns the logarithm of the e-value for a filter at level i.
func (o *filterOctave) logE(i int) float64 {
	run := o.Runs[i]
	if run.Shares == 0 {
		return math.Inf(-1)
	}
	// The run began with share s of the octave, which had the stake 1/(s(s+1)); there are filterLevels such games.
	s := float64(o.Shares - run.Shares + 1)
	return o.gain(i) - math.Log(s*(s+1)) - math.Log(filterLevels)
}

// sure returns the highest filter that the shares prove at a threshold for the log e-value, 0 if none, and what proves it. Octaves
// share the stake.
func (t *filterTest) sure(threshold float64) (filter, logE float64, octave *filterOctave) {
	threshold += math.Log(max(1, float64(len(t.Octaves))))
	for k := range t.Octaves {
		o := &t.Octaves[k]
		for i := range o.Runs {
			f := math.Ldexp(1, o.Octave+1+i)
			if e := o.logE(i); e >= threshold && f > filter {
				filter, logE, octave = f, e, o
			}
		}
	}
	return filter, logE, octave
}

// hardware returns the difficulty below which the device surely sends nothing (odds of 1e9 to 1), 0 if there is none above what the
// pool asked for.
func (t *filterTest) hardware() float64 {
	f, _, _ := t.sure(9 * math.Ln10)
	return f
}

// merge adds what o saw later, of the same machine.
func (t *filterTest) merge(o *filterTest) {
	for i := range o.Octaves {
		b := &o.Octaves[i]
		if b.Shares == 0 {
			continue
		}
		a := t.octave(math.Ldexp(1, b.Octave), true)
		if a == nil {
			continue
		}
		if a.Shares == 0 {
			*a = *b
			continue
		}
		for j := range a.Runs {
			if run := b.Runs[j]; run.Shares == b.Shares { // not one share ended it
				a.Runs[j].Shares += run.Shares
				a.Runs[j].Excess += run.Excess
			} else {
				a.Runs[j] = run
			}
		}
		a.top = filterLevels
		a.Shares = addClamped(a.Shares, b.Shares)
		a.Ratio = min(a.Ratio, b.Ratio)
		switch {
		case b.Shares >= filterWarmUp:
			a.Floor, a.Min = b.Floor, b.Min
		case a.Shares-b.Shares < filterWarmUp && a.Shares >= filterWarmUp: // together they know
			a.Floor, a.Min = 0, min(a.Min, b.Min)
			if _, e := math.Frexp(a.Min); e-1 > a.Octave {
				a.Floor = math.Ldexp(1, e-1)
			}
		case b.Min < a.Floor:
			a.Floor = 0
		default:
			a.Min = min(a.Min, b.Min)
		}
	}
}

// check says what is wrong with a state that was read back.
func (t *filterTest) check() error {
	if len(t.Octaves) > filterOctaves {
		return fmt.Errorf("%d octaves of difficulty: want %d at most", len(t.Octaves), filterOctaves)
	}
	for i := range t.Octaves {
		o := &t.Octaves[i]
		if i > 0 && o.Octave <= t.Octaves[i-1].Octave || o.Octave < -1080 || o.Octave > 1024 {
			return fmt.Errorf("octave %d of difficulty: out of order or out of range", o.Octave)
		}
		if err := checkSum("a difficulty", o.Min, o.Floor, o.Ratio); err != nil {
			return err
		}
		if o.Shares > 1<<62 {
			return fmt.Errorf("%d shares: can't be", o.Shares)
		}
		for j, run := range o.Runs {
			if run.Shares > o.Shares || j > 0 && run.Shares > o.Runs[j-1].Shares {
				return fmt.Errorf("run of %d of %d shares: can't be", run.Shares, o.Shares)
			}
			if err := checkSum("a sum", run.Excess); err != nil {
				return err
			}
		}
		o.top = filterLevels
	}
	return nil
}

func (t *filterTest) finding(c *context) Finding {
	f := Finding{
		Test: TestFilter, Kind: Description,
		Limits: "A filter at the pool's difficulty or below it can't be seen, nor one that is no power of two exactly.",
	}
	f.Numbers = map[string]float64{}
	shares, known := uint64(0), false
	for i := range t.Octaves {
		shares = addClamped(shares, t.Octaves[i].Shares)
		known = known || t.Octaves[i].Shares >= filterWarmUp
	}
	f.Numbers["looked_at_shares"] = float64(shares)
	filter, logE, o := t.sure(c.threshold)
	switch {
	case filter > 0:
		f.State = Clear
		f.Numbers["hardware_difficulty"] = filter
		f.Numbers["pool_difficulty"] = math.Ldexp(1, o.Octave)
		f.Numbers["filter_log_e"] = logE
		f.Words = fmt.Sprintf("The machine itself keeps back all shares below difficulty %s, as chips do that have a filter of their "+
			"own; the pool asked for less. That is no fault: its rate is counted from there. The odds against this being chance are %s.",
			difficultyWords(filter), oddsWords(logE))
		f.Power = "A filter shows in the lowest shares, within some dozens."
	case known:
		f.State = Clear
		f.Words = "No filter of the machine's own above the pool's difficulty."
		f.Power = "Would have seen a filter at twice the pool's difficulty or more."
		// The classical statistic, of the octave with the most shares.
		most := slices.MaxFunc(t.Octaves, func(a, b filterOctave) int {
			switch {
			case a.Shares < b.Shares:
				return -1
			case a.Shares > b.Shares:
				return 1
			}
			return 0
		})
		f.Numbers["smallest_ratio"] = most.Ratio
	default:
		f.State = TooEarly
		f.NeedShares = filterWarmUp
		if len(t.Octaves) > 0 {
			most := uint64(0)
			for i := range t.Octaves {
				most = max(most, t.Octaves[i].Shares)
			}
			f.NeedShares = float64(filterWarmUp - most)
		}
		f.Words = "Too few shares to see whether the machine has a filter of its own."
	}
	return f
}
