package audit

import (
	"math"
	"slices"
)

// EBH is the e-Benjamini-Hochberg procedure (Wang and Ramdas 2022): given the natural logarithms of one e-value for each of K
// hypotheses it rejects as many as it can, j, such that the j largest are all at least K/(j·alpha). The share of true hypotheses among
// the rejected ones is alpha at most on average, however the e-values depend on each other.
//
// rejected is parallel to logE. threshold is the logarithm of what an e-value had to reach: ln(K/(j·alpha)), with j = 1 where none is
// rejected. NaN counts as no evidence. An alpha outside 1e-15 ≤ alpha < 1 is an error.
func EBH(logE []float64, alpha float64) (rejected []bool, threshold float64, err error) {
	if err := checkAlpha(alpha); err != nil {
		return nil, 0, err
	}
	sorted := slices.Clone(logE)
	for i, v := range sorted {
		if math.IsNaN(v) {
			sorted[i] = math.Inf(-1)
		}
	}
	slices.Sort(sorted)
	slices.Reverse(sorted)
	all := math.Log(float64(max(1, len(logE)))) - math.Log(alpha)
	threshold = all
	for j := len(sorted); j > 0; j-- {
		if at := all - math.Log(float64(j)); sorted[j-1] >= at {
			threshold = at
			break
		}
	}
	rejected = make([]bool, len(logE))
	for i, v := range logE {
		rejected[i] = v >= threshold
	}
	return rejected, threshold, nil
}
