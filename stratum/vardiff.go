package stratum

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// Vardiff says how hard shares are.
type Vardiff struct {
	// SharesPerMinute is how many shares are wanted of each connection. Default: 20. Negative: the difficulty never changes.
	SharesPerMinute float64
	// Start is the first difficulty, Min and Max bound it. Defaults: 1 for Start, 1e-9 and none for the bounds. The network's bounds it
	// in any case: a share harder to find than a block makes no sense.
	Start, Min, Max float64
}

const (
	defaultSharesPerMinute = 20
	defaultStart           = 1
	defaultMin             = 1e-9
	// noMax is beyond any network's difficulty; its target is not 0.
	noMax = 1e60
)

// complete sets the defaults. It errs where the numbers make no sense.
func (v *Vardiff) complete() error {
	for _, n := range []struct {
		name  string
		value *float64
	}{{"shares per minute", &v.SharesPerMinute}, {"start difficulty", &v.Start}, {"least difficulty", &v.Min}, {"highest difficulty", &v.Max}} {
		if x := *n.value; math.IsNaN(x) || math.IsInf(x, 0) || x > noMax || x < 0 && n.value != &v.SharesPerMinute {
			return fmt.Errorf("%s %g: want a number from 0 to %g", n.name, x, float64(noMax))
		}
	}
	if v.SharesPerMinute == 0 {
		v.SharesPerMinute = defaultSharesPerMinute
	}
	if v.Max == 0 {
		v.Max = noMax
	}
	if v.Min == 0 {
		v.Min = min(defaultMin, v.Max)
	}
	if v.Min > v.Max {
		return fmt.Errorf("least difficulty %g is above the highest, %g", v.Min, v.Max)
	}
	if v.Start == 0 {
		v.Start = v.bound(defaultStart)
	}
	if v.Start != v.bound(v.Start) {
		return fmt.Errorf("start difficulty %g is not between the least, %g, and the highest, %g", v.Start, v.Min, v.Max)
	}
	return nil
}

// bound returns d, or the bound it is beyond.
func (v *Vardiff) bound(d float64) float64 { return min(max(d, v.Min), v.Max) }

// What vardiff goes by. A change disturbs the miner, so it comes only when there is evidence that the rate is wrong, and by more than a
// little; and then it goes to where the rate would be right.
const (
	// sureness is how much likelier the seen number of shares must be at the rate that fits them best than at the wanted one, as a natural
	// logarithm: e^8 is 3000 to 1, about four standard deviations. Testing again with each share makes it err more often than that,
	// but not much.
	sureness = 8
	// tolerated is the factor by which the rate may be wrong.
	tolerated = 1.5
	// fewShares are too few to judge a fast miner by. They take it a long way in its first seconds: see leastTime.
	fewShares = 4
	// leastTime is what a shorter time counts as: lines arrive in bundles, at one time.
	leastTime = 10 * time.Millisecond
	// farDown is the factor that the difficulty falls by at most at once, and fallFaster is the one by which that grows with each time that
	// no share came at all.
	farDown, fallFaster = 16, 2
	// farthestDown is the factor that the difficulty falls by at most while no share comes at all, of that of the last one: a miner that
	// pauses must not come back to a difficulty at which it would flood us.
	farthestDown = 1024
	// manyShares are as many as are looked back on at most, in wanted ones: a miner may change.
	manyShares = 256
)

// vardiff watches how often a connection finds shares, since its difficulty was set last. It has no clock. The zero value has seen nothing.
type vardiff struct {
	since time.Time
	// shares are those of the difficulty in force; work is that of all in units of that difficulty, of those too that were found before
	// the miner heard of it. What was under way must not speak for more difficulty, nor its absence for less.
	shares, work float64
	hardest      float64 // of these in the same units, at least 1
	falls        int     // in succession, without a share
}

// restart begins to watch a new difficulty.
func (v *vardiff) restart(now time.Time) {
	*v = vardiff{since: now, hardest: 1, falls: v.falls}
}

// share takes in a credited share. units is its difficulty in that of the one in force; current says that this is its own.
func (v *vardiff) share(units float64, current bool) {
	v.falls = 0
	v.work += units
	v.hardest = max(v.hardest, units)
	if current {
		v.shares++
	}
}

// adjust returns the factor by which the difficulty should change, 1 for none. perMinute are the shares wanted.
func (v *vardiff) adjust(perMinute float64, now time.Time) float64 {
	passed := now.Sub(v.since)
	if passed < 0 { // the clock was turned back: nobody knows how much time has passed
		v.restart(now)
		return 1
	}
	wanted := perMinute * max(passed, leastTime).Minutes()
	if v.shares >= fewShares {
		// At the arrival of the nth share, n-1 in the time it took is right on average, and n too many.
		if factor := (v.shares - 1) / wanted; factor > tolerated && surprise(v.shares, wanted) > sureness {
			return factor
		}
	}
	// One share that was hard to find is one piece of evidence, and not as many as it counts for.
	if seen, expected := v.work/v.hardest, wanted/v.hardest; seen < expected/tolerated && surprise(seen, expected) > sureness {
		factor := max((v.work+0.5)/wanted, 1.0/farDown)
		if v.work == 0 {
			factor /= math.Pow(fallFaster, float64(v.falls))
			v.falls = min(v.falls+1, 8)
		}
		return factor
	}
	if wanted > manyShares {
		v.shares, v.work, v.since = v.shares/2, v.work/2, now.Add(-passed/2)
	}
	return 1
}

// surprise is the logarithm of how much likelier n events are where n are expected than where only so many are: the deviance of a Poisson
// distribution, halved.
func surprise(n, expected float64) float64 {
	if n == 0 {
		return expected
	}
	return n*math.Log(n/expected) - (n - expected)
}

// readableDifficulty rounds d to two digits, for people.
func readableDifficulty(d float64) float64 {
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(d, 'g', 2, 64), 64)
	if err != nil || rounded == 0 {
		return d
	}
	return rounded
}
