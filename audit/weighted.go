package audit

import "fmt"

// Weighted returns the interval for the mean of a weighted sum of Poisson variables (Fay and Feuer 1997): sum is Σ wᵢ·nᵢ, squares
// is Σ wᵢ²·nᵢ, and largest the largest weight. Where all weights are the same it is that of [Garwood], times the weight, and
// exact; where they differ it is an approximation, and a cautious one: it takes what was not seen for the heaviest.
//
// An alpha outside 1e-15 ≤ alpha < 1 is an error, as are sums that can't be: negative ones, or squares without a sum.
func Weighted(sum, squares, largest, alpha float64) (low, high float64, err error) {
	if err := checkAlpha(alpha); err != nil {
		return 0, 0, err
	}
	if !(sum >= 0 && squares >= 0 && largest > 0) || (sum == 0) != (squares == 0) {
		return 0, 0, fmt.Errorf("weighted sum %v, of squares %v, of weights up to %v: can't be", sum, squares, largest)
	}
	if sum > 0 {
		// The shape is 1 at least but for rounding: no weight is above the largest.
		low = squares / sum * gammaQuantile(max(1, sum*sum/squares), alpha/2, below)
	}
	sum, squares = sum+largest, squares+largest*largest
	return low, squares / sum * gammaQuantile(max(1, sum*sum/squares), alpha/2, above), nil
}
