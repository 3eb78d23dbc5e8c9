package bench

import (
	"math"
	"slices"
)

// median returns the median of values, of which there is at least one.
func median(values []float64) float64 { return quantile(slices.Sorted(slices.Values(values)), 0.5) }

// quantile returns the value below which a share q of the sorted values lies, interpolated between the two nearest.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	i := min(int(at), len(sorted)-1)
	j := min(i+1, len(sorted)-1)
	return sorted[i] + (at-float64(i))*(sorted[j]-sorted[i])
}

// medianInterval returns the two of the sorted values between which the median of what they are a sample of lies, with a
// probability of 95 %, however the values are distributed: how many of n values are below the median is a binomial with
// mean n/2 and standard deviation √n/2. Of a few values it returns the least and the greatest.
func medianInterval(sorted []float64) (low, high float64) {
	n := float64(len(sorted))
	i := max(0, int(math.Floor((n-1.96*math.Sqrt(n))/2)))
	return sorted[i], sorted[len(sorted)-1-i]
}

// quotients returns a[i] / b[i].
func quotients(a, b []float64) []float64 {
	q := make([]float64, min(len(a), len(b)))
	for i := range q {
		q[i] = a[i] / b[i]
	}
	return q
}

// rounded returns v with six significant digits, far more than any measurement here has.
func rounded(v float64) float64 {
	if v == 0 {
		return 0
	}
	scale := math.Pow(10, 5-math.Floor(math.Log10(math.Abs(v))))
	return math.Round(v*scale) / scale
}

// mostFrequent returns the value that occurs most often, of several such the first.
func mostFrequent[T comparable](values []T) (most T) {
	times := map[T]int{}
	for _, v := range values {
		times[v]++
	}
	for _, v := range values {
		if times[v] > times[most] {
			most = v
		}
	}
	return most
}
