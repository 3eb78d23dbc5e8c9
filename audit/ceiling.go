package audit

import (
	"fmt"
	"math"
)

// HashesPerDifficulty is how many hashes a share of difficulty 1 takes on average: 2^256 / (0xffff·2^208 + 1), a little more than
// the 2^32 of common use.
const HashesPerDifficulty = hashesPerDifficulty

// Ceiling returns the audit ceiling: the difficulty from which on nothing can be said of missing shares, by a machine that computes
// hashrate hashes per second for so many seconds, at an error rate alpha. From a lower difficulty on an honest machine sends at
// least one share with a probability of more than 1-alpha, so that to see none accuses; above the ceiling silence proves nothing:
//
//	X_max = hashrate · seconds / (hashes per difficulty · ln(1/alpha))
//
// It is for planning, before there are shares; of shares that were seen, [CeilingOf] needs no rate. Rates and times below 0 or not
// finite are errors, as is an alpha outside 1e-15 ≤ alpha < 1.
func Ceiling(hashrate, seconds, alpha float64) (float64, error) {
	if !(hashrate >= 0) || !(seconds >= 0) || math.IsInf(hashrate*seconds, 0) || math.IsNaN(hashrate*seconds) {
		return 0, fmt.Errorf("%v hashes per second for %v seconds: want numbers of 0 or more", hashrate, seconds)
	}
	return CeilingOf(hashrate*seconds/HashesPerDifficulty, alpha)
}

// CeilingOf is [Ceiling] for shares that were seen: work is the sum of the difficulties that they had to achieve.
func CeilingOf(work, alpha float64) (float64, error) {
	if err := checkAlpha(alpha); err != nil {
		return 0, err
	}
	if !(work >= 0 && work <= math.MaxFloat64) {
		return 0, fmt.Errorf("work of difficulty %v: want a number of 0 or more", work)
	}
	return work / -math.Log(alpha), nil
}

// BlocksPerDay returns how many blocks of the given difficulty a rate, in hashes per second, is expected to find in a day.
func BlocksPerDay(hashrate, network float64) (float64, error) {
	if err := checkBlocks(hashrate, network); err != nil {
		return 0, err
	}
	return hashrate * 86400 / (HashesPerDifficulty * network), nil
}

// BlockTime returns for how many seconds somebody who computes hashrate hashes per second and sends no block at all has to be
// watched until that is known with an error rate alpha: until ln(1/alpha) blocks were to be expected. For one machine these are
// centuries: that it keeps back blocks, and nothing else, can't be seen in its shares. It is +Inf for a rate of 0. Errors are a rate
// below 0, a difficulty that is not above 0, and an alpha outside 1e-15 ≤ alpha < 1.
func BlockTime(hashrate, network, alpha float64) (float64, error) {
	if err := checkAlpha(alpha); err != nil {
		return 0, err
	}
	if err := checkBlocks(hashrate, network); err != nil {
		return 0, err
	}
	return -math.Log(alpha) * network * HashesPerDifficulty / hashrate, nil
}

func checkBlocks(hashrate, network float64) error {
	if !(hashrate >= 0 && hashrate <= math.MaxFloat64) {
		return fmt.Errorf("%v hashes per second: want a number of 0 or more", hashrate)
	}
	if !(network > 0 && network <= math.MaxFloat64) {
		return fmt.Errorf("network difficulty %v: want a number above 0", network)
	}
	return nil
}

// ExceedanceShares returns how many shares it takes on average until the bet on exceedances reaches 1/alpha, if the threshold and
// the fraction are known: of all shares of at least ratio times the difficulty asked for, the given fraction is kept back. Each
// share below the threshold multiplies the stake by 1/(1-pq), each above by (1-q)/(1-pq), where p = 1/ratio and q is the fraction;
// no test needs fewer. The audit knows neither and mixes over both, which costs 1.3 to 1.7 times that.
//
// Errors are a ratio that is not above 1, a fraction outside 0 < fraction ≤ 1, and an alpha outside 1e-15 ≤ alpha < 1.
func ExceedanceShares(ratio, fraction, alpha float64) (float64, error) {
	if err := checkAlpha(alpha); err != nil {
		return 0, err
	}
	if !(ratio > 1 && ratio <= math.MaxFloat64) {
		return 0, fmt.Errorf("threshold of %v times the difficulty: want more than 1", ratio)
	}
	if !(fraction > 0 && fraction <= 1) {
		return 0, fmt.Errorf("fraction %v of shares kept back: want more than 0, up to 1", fraction)
	}
	p := 1 / ratio
	gain := -math.Log1p(-p * fraction)
	if fraction < 1 {
		gain += p * (1 - fraction) / (1 - p*fraction) * math.Log1p(-fraction)
	}
	return -math.Log(alpha) / gain, nil
}
