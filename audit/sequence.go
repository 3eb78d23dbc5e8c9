package audit

import (
	"fmt"
	"math"
)

// Sequence returns the confidence sequence for a rate of which n events were seen in an exposure: with probability 1-alpha the true
// rate lies in it at all times at once, however often one looks, whenever one stops, and however the exposure was set by the past
// (a pool that adapts the difficulty to the shares it sees). The price is about twice the width of [Garwood]'s interval.
//
// It holds the rates h whose e-process is below 1/alpha (Ville 1939; Lindon and Malek 2022), the mixture of Poisson likelihood
// ratios over a gamma distribution with shape a = 1/2 and rate b = a/prior:
//
//	ln M(h) = a ln b - lnΓ(a) + lnΓ(a+n) - (a+n) ln(b+exposure) - n ln h + h·exposure
//
// prior is a rate to be expected, in events per unit of exposure, fixed before the first event: a claimed one. The interval holds
// whatever it is, and is shortest near it.
//
// Without exposure low is 0 and high +Inf; with n = 0 low is 0. An alpha outside 1e-15 ≤ alpha < 1 is an error, and so are an
// exposure and a prior that are no numbers of 0 or more, or above 0.
func Sequence(n uint64, exposure, prior, alpha float64) (low, high float64, err error) {
	if err := checkAlpha(alpha); err != nil {
		return 0, 0, err
	}
	if !(exposure >= 0 && exposure <= math.MaxFloat64) { // NaN too
		return 0, 0, fmt.Errorf("exposure %v: want a number of 0 or more", exposure)
	}
	if !(prior > 0 && prior <= math.MaxFloat64) {
		return 0, 0, fmt.Errorf("prior rate %v: want a number above 0, such as the claimed rate", prior)
	}
	low, high = sequence(float64(n), exposure, prior, -math.Log(alpha))
	return low, high, nil
}

// sequence is Sequence for arguments that make sense, sure being ln(1/alpha), of any size above 0.
func sequence(n, exposure, prior, sure float64) (low, high float64) {
	const a = 0.5
	switch {
	case exposure == 0:
		return 0, math.Inf(1)
	case n == 0:
		return 0, (sure + a*math.Log1p(exposure*prior/a)) / exposure
	}
	// With h = n/exposure · e^s, ln M(h) is ln M(n/exposure) + n(e^s - 1 - s): nothing is lost where the interval is narrow.
	atEstimate := -a*math.Log1p(exposure*prior/a) - n*math.Log1p(a/prior/exposure) + halfGamma(n) - math.Log(math.Pi)/2
	y := max(0, sure-atEstimate) / n
	estimate := n / exposure
	low, high = estimate*math.Exp(-lessRoot(y)), estimate*math.Exp(moreRoot(y))
	// An exposure so small that the estimate overflows says nothing.
	if math.IsNaN(low) {
		low = 0
	}
	if math.IsNaN(high) {
		high = math.Inf(1)
	}
	return low, high
}

// halfGamma returns lnΓ(n+½) - n ln n + n for n of 1 or more: a small number, of which for large n the difference would leave
// nothing. From 32 on it is the asymptotic series (DLMF 5.11.8), whose next term is below 1e-17.
func halfGamma(n float64) float64 {
	if n < 32 {
		g, _ := math.Lgamma(n + 0.5)
		return g - n*math.Log(n) + n
	}
	r := 1 / (n * n)
	return math.Log(2*math.Pi)/2 - (1./24-r*(7./2880-r*(31./40320-r*127./430080)))/n
}

// moreRoot returns the s of 0 or more with e^s - 1 - s = y, lessRoot that with e^-s - 1 + s = y. Newton's method on convex functions:
// from the right of the root it never steps beyond.
func moreRoot(y float64) float64 {
	if math.IsInf(y, 1) {
		return y
	}
	wide := math.Sqrt(2 * y)
	s := min(wide, math.Log1p(y+wide))
	for range 60 {
		step := (math.Expm1(s) - s - y) / math.Expm1(s)
		if !(step > 1e-16*s) { // NaN too, where y is 0
			break
		}
		s -= step
	}
	return s
}

func lessRoot(y float64) float64 {
	if math.IsInf(y, 1) {
		return y
	}
	s := min(y+math.Sqrt(2*y), y+1)
	for range 60 {
		step := (math.Expm1(-s) + s - y) / -math.Expm1(-s)
		if !(step > 1e-16*s) {
			break
		}
		s -= step
	}
	return s
}
