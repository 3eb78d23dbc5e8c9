package audit

// Sequence returns the confidence sequence for a rate of which n events were seen in an exposure: with probability 1-alpha the true
// rate lies in it at all times at once, however the exposure was set by the past (Gamma(a, b) mixture, a = 1/2, b = a/prior).
func Sequence(n uint64, exposure, prior, alpha float64) (low, high float64, err error) {
	return 0, 0, nil
}
