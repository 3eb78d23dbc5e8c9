package audit

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mathext"
)

// SPRTShares returns about how many shares an honest machine would send until Wald's sequential test (1945) finds a machine that sends
// the fraction skim too few: with the probability alpha of a false alarm, the probability beta of a miss, and the rate known. It is
// Wald's approximation ((1-β)·ln((1-β)/α) + β·ln(β/(1-α))) / ((1-x)·ln(1-x) + x), which leaves out the overshoot.
//
// An error means that skim is not between 0 and 1, or alpha and beta are no probabilities with a sum below 1.
func SPRTShares(skim, alpha, beta float64) (float64, error) {
	if err := checkTestTable(skim, alpha, beta); err != nil {
		return 0, err
	}
	found, missed := math.Log((1-beta)/alpha), math.Log(beta/(1-alpha))
	return ((1-beta)*found + beta*missed) / skimGain(skim), nil
}

// skimGain returns (1-x)·ln(1-x) + x, the information that a share to be expected gives against a skim: about x²/2.
func skimGain(x float64) float64 {
	if x < 1e-3 { // where the difference loses digits
		return x * x * (1./2 + x*(1./6+x*(1./12+x/20)))
	}
	return (1-x)*math.Log1p(-x) + x
}

// FixedShares returns how many shares to be expected a test at one moment, fixed beforehand, takes to find a machine that sends the
// fraction skim too few: ((z(α) + z(β)·√(1-x)) / x)², by the normal approximation. Errors are those of SPRTShares.
func FixedShares(skim, alpha, beta float64) (float64, error) {
	if err := checkTestTable(skim, alpha, beta); err != nil {
		return 0, err
	}
	n := (mathext.NormalQuantile(alpha) + mathext.NormalQuantile(beta)*math.Sqrt(1-skim)) / skim
	return n * n, nil
}

// BeyondTolerance returns what is left of a skim when a tolerance is allowed: (skim-tolerance)/(1-tolerance), of which the time to
// detect is to be taken. It is 0 or below where the skim hides in the tolerance.
func BeyondTolerance(skim, tolerance float64) float64 { return (skim - tolerance) / (1 - tolerance) }

func checkTestTable(skim, alpha, beta float64) error {
	if !(skim > 0 && skim < 1) {
		return fmt.Errorf("skim %v: want a fraction between 0 and 1", skim)
	}
	if !(alpha >= minAlpha && beta >= minAlpha && alpha+beta < 1) {
		return fmt.Errorf("error probabilities %v and %v: want at least %v each, and less than 1 together", alpha, beta, minAlpha)
	}
	return nil
}
