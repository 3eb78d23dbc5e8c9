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

// medianInterval returns what the median of the values, in the order in which they were measured, lies between with a
// probability of 95 %. It is the wider of two intervals.
//
// One is between two of the values, for values that don't depend on each other, however they are distributed: how many of n
// are below the median is a binomial with mean n/2 and standard deviation √n/2.
//
// The other is for a machine that is now faster and now slower for seconds: the values are cut into ten parts, and how far
// the medians of the parts differ tells how far that of another run would (Student's t with nine degrees of freedom).
func medianInterval(values []float64) (low, high float64) {
	sorted := slices.Sorted(slices.Values(values))
	n := float64(len(sorted))
	i := max(0, int(math.Floor((n-1.96*math.Sqrt(n))/2)))
	low, high = sorted[i], sorted[len(sorted)-1-i]

	const parts, student = 10, 2.262
	if len(values) < 3*parts {
		return low, high
	}
	middle := quantile(sorted, 0.5)
	sum, squares := 0.0, 0.0
	for p := range parts {
		m := median(values[p*len(values)/parts:(p+1)*len(values)/parts]) - middle
		sum += m
		squares += m * m
	}
	deviation := math.Sqrt(max(0, squares-sum*sum/parts) / (parts - 1))
	side := student * deviation / math.Sqrt(parts)
	return max(sorted[0], min(low, middle-side)), min(sorted[len(sorted)-1], max(high, middle+side))
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
