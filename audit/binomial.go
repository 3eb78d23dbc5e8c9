package audit

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mathext"
)

// ClopperPearson returns the exact interval for a probability of which k of n trials came out: the true one lies outside with
// probability alpha at most, half of it on either side (Clopper and Pearson 1934). It holds for one look, at a time that does not
// depend on the outcomes. With k = 0 it begins at 0, with k = n it ends at 1. An error means more outcomes than trials, or an alpha that
// is not one (see [Garwood]).
func ClopperPearson(k, n uint64, alpha float64) (low, high float64, err error) {
	if err := checkTrials(k, n); err != nil {
		return 0, 0, err
	}
	if err := checkAlpha(alpha); err != nil {
		return 0, 0, err
	}
	low, high = 0, 1
	a, b, p := float64(k), float64(n-k), math.Log(alpha/2)
	if k > 0 { // k or more trials come out with probability alpha/2
		low = halve(0, a/(a+b), func(x float64) bool { return math.Log(mathext.RegIncBeta(a, b+1, x)) <= p })
	}
	switch {
	case k == 0:
		high = -math.Expm1(p / b)
	case k < n: // k or fewer do
		high = halve(1, a/(a+b), func(x float64) bool { return binomialBelow(a, b, x) <= p })
	}
	return low, high, nil
}

// binomialBelow is the logarithm of the probability that a or fewer of a+b trials come out, each with probability x.
func binomialBelow(a, b, x float64) float64 {
	if below := mathext.RegIncBeta(b, a+1, 1-x); below < x || x > 1e-3 {
		return math.Log(below)
	}
	return math.Log1p(-mathext.RegIncBeta(a+1, b, x)) // 1-x has lost too many digits
}

func checkTrials(k, n uint64) error {
	if k > n || n == 0 || n > 1<<53 {
		return fmt.Errorf("%d of %d: want at least one trial, at most 2^53, and no more outcomes than trials", k, n)
	}
	return nil
}

// AnytimeProportion is like [ClopperPearson], but holds at all moments at once, however often one looks: the true probability leaves the
// interval ever with probability alpha at most. It is wider. (The confidence sequence of the mixture of binomial likelihood ratios by
// Jeffreys' beta distribution: Robbins 1970.) Without trials it is 0 to 1.
func AnytimeProportion(k, n uint64, alpha float64) (low, high float64, err error) {
	if n == 0 && k == 0 {
		return 0, 1, checkAlpha(alpha)
	}
	if err := checkTrials(k, n); err != nil {
		return 0, 0, err
	}
	if err := checkAlpha(alpha); err != nil {
		return 0, 0, err
	}
	a, b := float64(k), float64(n-k)
	evidence := mathext.Lbeta(a+.5, b+.5) - math.Log(math.Pi) + math.Log(alpha)
	out := func(p float64) bool { // the ratio has reached 1/alpha
		l := evidence
		if a > 0 {
			l -= a * math.Log(p)
		}
		if b > 0 {
			l -= b * math.Log1p(-p)
		}
		return l >= 0
	}
	// The ratio is convex in p with its least at k/n, where it is below 1/alpha. Halving: to the last bit, from the side outside.
	low, high = 0, 1
	at := a / (a + b)
	if k > 0 {
		low = halve(0, at, out)
	}
	if k < n {
		high = halve(1, at, out)
	}
	return low, high, nil
}

// halve returns where between a point outside and one inside the inside begins.
func halve(outside, inside float64, out func(float64) bool) float64 {
	for range 1100 { // down to the smallest numbers
		mid := outside + (inside-outside)/2
		if mid == outside || mid == inside || math.Abs(inside-outside) <= 1e-15*math.Abs(inside) {
			break
		}
		if out(mid) {
			outside = mid
		} else {
			inside = mid
		}
	}
	return outside
}

// proportionBet is the logarithm of what a bet that a probability is above p0 has become after n trials of which k came out: a
// nonnegative supermartingale whatever the probabilities are, as long as each, given what was before, is p0 at most. It is the mixture of the
// likelihood ratios of all p above p0 by Jeffreys' beta distribution.
func proportionBet(k, n, p0 float64) float64 {
	a, b := k+.5, n-k+.5
	above := mathext.RegIncBeta(b, a, 1-p0) // of the posterior, above p0
	prior := mathext.RegIncBeta(.5, .5, 1-p0)
	if !(above > 0) {
		return math.Log(math.SmallestNonzeroFloat64)
	}
	l := math.Log(above/prior) + mathext.Lbeta(a, b) - math.Log(math.Pi)
	return max(l-k*math.Log(p0)-(n-k)*math.Log1p(-p0), math.Log(math.SmallestNonzeroFloat64))
}
