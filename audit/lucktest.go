package audit

import (
	"fmt"
	"math"
)

// luckTest bets that blocks are missing. Of a share that had to achieve D an honest machine finds a block with probability D/Dn, where
// Dn is the network's difficulty. If a part q of all blocks is kept back, a stake is multiplied by (1-q)/(1-qD/Dn) for a share that is
// a block and by 1/(1-qD/Dn) for one that is not; the mean of four stakes is an e-process.
//
// The device puts the plan's network difficulty into its jobs where that names one. Shares of jobs without one are not looked at.
type luckTest struct {
	Shares uint64 `json:"shares"`
	Blocks uint64 `json:"blocks"`
	// Expected is the number of blocks to be expected.
	Expected float64 `json:"expected"`
	// Stakes are the sums of -ln(1-qD/Dn).
	Stakes [len(luckFractions)]float64 `json:"stakes"`
	// Network is the difficulty of the latest job, Work the sum of the difficulties asked for.
	Network float64 `json:"network"`
	Work    float64 `json:"work"`
	Summit  summit  `json:"summit"`

	// of the latest share, so that they need not be worked out for the next: floor, network, and what such a share adds.
	floor, network float64
	growth         [len(luckFractions)]float64
}

var (
	luckFractions  = [4]float64{0.25, 0.5, 0.9, 1}
	luckLosses     = [len(luckFractions)]float64{math.Log(0.75), math.Log(0.5), math.Log(0.1), math.Inf(-1)}
	luckLogWeights = [len(luckFractions)]float64{math.Log(0.2), math.Log(0.2), math.Log(0.2), math.Log(0.4)}
)

func (t *luckTest) arrive(a *arrival) {
	if a.job == nil || !(a.job.Network > a.floor && a.job.Network <= math.MaxFloat64 && a.floor > 0 && a.difficulty >= a.floor) ||
		t.Work+a.floor > math.MaxFloat64 {
		return // every share is a block, or nobody knows which are
	}
	if t.floor != a.floor || t.network != a.job.Network {
		t.floor, t.network = a.floor, a.job.Network
		for j, q := range luckFractions {
			t.growth[j] = growth(q * a.floor / a.job.Network)
		}
	}
	t.Network = a.job.Network
	block := a.difficulty >= a.job.Network
	if block {
		t.Summit.reach(t.logE(), a.at) // the highest is just before
		t.Blocks++
	}
	for j := range t.growth {
		t.Stakes[j] += t.growth[j]
	}
	t.Shares++
	t.Work += a.floor
	t.Expected += a.floor / a.job.Network
	if t.Shares&1023 == 0 {
		t.Summit.reach(t.logE(), a.at)
	}
}

// logE returns the logarithm of the e-value now.
func (t *luckTest) logE() float64 {
	if t.Shares == 0 {
		return 0
	}
	terms := luckLogWeights
	for j := range terms {
		terms[j] += t.Stakes[j]
		if t.Blocks > 0 {
			terms[j] += float64(t.Blocks) * luckLosses[j]
		}
	}
	return logSumExp(terms[:])
}

// merge adds what o saw later, of the same machine: the stakes are multiplied.
func (t *luckTest) merge(o *luckTest) {
	if o.Shares == 0 {
		return
	}
	first := t.Shares == 0
	peak := t.Summit.clone()
	if first {
		peak = o.Summit.clone()
	}
	t.join(o)
	t.Summit = peak
}

// join adds what another machine saw, side by side. Of the sum only the e-value now is known, not its peak.
func (t *luckTest) join(o *luckTest) {
	t.Shares = addClamped(t.Shares, o.Shares)
	t.Blocks = addClamped(t.Blocks, o.Blocks)
	t.Expected = min(t.Expected+o.Expected, math.MaxFloat64)
	t.Work = min(t.Work+o.Work, math.MaxFloat64)
	for j := range t.Stakes {
		t.Stakes[j] = min(t.Stakes[j]+o.Stakes[j], math.MaxFloat64)
	}
	if o.Network > 0 {
		t.Network = o.Network
	}
	t.Summit = summit{}
}

// check says what is wrong with a state that was read back.
func (t *luckTest) check() error {
	if err := t.Summit.check(); err != nil {
		return err
	}
	if err := checkSum("a sum", t.Expected, t.Network, t.Work); err != nil {
		return err
	}
	for _, stake := range t.Stakes {
		if !(stake >= 0 && stake <= maxGrowth*float64(t.Shares)) {
			return fmt.Errorf("stake of %v after %d shares: can't be", stake, t.Shares)
		}
	}
	if t.Blocks > t.Shares || t.Expected > float64(t.Shares)*(1+1e-9) || t.Shares > 0 && (t.Network == 0 || t.Work == 0) {
		return fmt.Errorf("%d blocks of %d shares, %v expected: can't be", t.Blocks, t.Shares, t.Expected)
	}
	return nil
}

func (t *luckTest) finding(c *context) Finding {
	f := Finding{
		Test: TestLuck, Kind: Evidence, Threshold: c.threshold, LogE: t.logE(),
		Limits: "Says nothing of single blocks, nor which machine of several keeps them back.",
	}
	f.Peak = t.Summit.with(f.LogE)
	network := c.plan.NetworkDifficulty
	if network == 0 {
		network = t.Network
	}
	if network == 0 {
		f.State = NotApplicable
		f.Words = "The network's difficulty is not known, so neither is how many blocks were to be expected."
		return f
	}
	f.Numbers = map[string]float64{"blocks": float64(t.Blocks), "expected_blocks": t.Expected, "network_difficulty": network}
	found := fmt.Sprintf("%s blocks were found where %s were to be expected", countWords(t.Blocks), numberWords(t.Expected))
	switch t.Blocks {
	case 0:
		found = fmt.Sprintf("no block was found where %s were to be expected", numberWords(t.Expected))
	case 1:
		found = fmt.Sprintf("1 block was found where %s were to be expected", numberWords(t.Expected))
	}
	// Complete withholding is an alarm from so many expected blocks on.
	need := c.threshold - luckLogWeights[3]
	switch {
	case f.Peak >= c.threshold:
		f.State = Alarm
		f.Since = t.Summit.since(c.threshold)
		f.Numbers["missing_part"] = missingPart(float64(t.Blocks), t.Expected)
		f.Words = fmt.Sprintf("Blocks are missing: %s. The odds against this being bad luck are %s.", found, oddsWords(f.Peak))
		if float64(t.Blocks) >= t.Expected {
			f.Words = fmt.Sprintf("Blocks were missing for some time, though by now they come: %s. The odds against that having been "+
				"bad luck were %s.", found, oddsWords(f.Peak))
		}
	case t.Stakes[3] >= need:
		f.State = Clear
		f.Words = fmt.Sprintf("No sign that blocks are kept back: %s.", found)
		f.Power = "Would have seen by now if all blocks were kept back."
	default:
		f.State = TooEarly
		mean := t.Work / float64(t.Shares)
		if t.Shares == 0 {
			mean = 0
		}
		if mean > 0 {
			f.NeedShares = needShares((need - t.Stakes[3]) * network / mean)
		}
		f.Words = fmt.Sprintf("Too early to see whether blocks are kept back: %s.", found)
		if seconds, err := BlockTime(c.proven.Estimate, network, math.Exp(-need)); err == nil && !math.IsInf(seconds, 0) {
			f.Numbers["time_to_know_seconds"] = seconds
			f.Words += fmt.Sprintf(" At %s and a network difficulty of %s, that takes %s.",
				rateWords(c.proven.Estimate), difficultyWords(network), spanWords(seconds))
		}
	}
	return f
}
