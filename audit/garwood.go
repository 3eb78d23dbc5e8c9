package audit

import "fmt"

// minAlpha bounds how sure one can ask to be. gonum's inverses are right down to there; from 1e-16 on they lose digits for
// few shares, give NaN, and panic at last.
const minAlpha = 1e-15

// Garwood returns the exact interval for the mean of a Poisson variable of which n was seen, in counts (Garwood 1936): at
// whatever mean, it misses with probability alpha at most, half of it on either side. With n = 0 low is 0. Divided by the
// exposure it is an interval for a rate.
//
// The ends are right to 12 digits or more for every n. An alpha outside 1e-15 ≤ alpha < 1 is an error.
func Garwood(n uint64, alpha float64) (low, high float64, err error) {
	if err := checkAlpha(alpha); err != nil {
		return 0, 0, err
	}
	if n > 0 {
		low = gammaQuantile(float64(n), alpha/2, below)
	}
	return low, gammaQuantile(float64(n)+1, alpha/2, above), nil
}

// AtLeast returns the exact lower bound for the mean of a Poisson variable of which n was seen, in counts: at whatever
// mean, it lies above with probability alpha at most. With n = 0 it is 0. It is what a count proves when nobody asks for an
// upper end, and so is a little more than Garwood's low. Errors are those of Garwood.
func AtLeast(n uint64, alpha float64) (float64, error) {
	if err := checkAlpha(alpha); err != nil || n == 0 {
		return 0, err
	}
	return gammaQuantile(float64(n), alpha, below), nil
}

func checkAlpha(alpha float64) error {
	if !(alpha >= minAlpha && alpha < 1) { // NaN too
		return fmt.Errorf("alpha %v: want at least %v and less than 1", alpha, minAlpha)
	}
	return nil
}
