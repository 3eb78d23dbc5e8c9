package load

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// histogram counts durations in buckets that are at most 1/32 wider than what is in them. It is safe for concurrent use. The zero
// value is empty.
type histogram struct {
	buckets [numBuckets]atomic.Uint64
	count   atomic.Uint64
	sum     atomic.Int64
	max     atomic.Int64
}

// Durations are counted in microseconds, below 2^5 exactly and above with five bits, up to 2^32 (71 minutes).
const (
	subBits    = 5
	maxBits    = 32
	numBuckets = (maxBits - subBits + 1) << subBits
)

func bucketOf(us uint64) int {
	us = min(us, 1<<maxBits-1)
	shift := max(bits.Len64(us)-subBits-1, 0)
	return shift<<subBits + int(us>>shift)
}

// bucketEnd returns the first number of microseconds above the bucket.
func bucketEnd(i int) uint64 {
	if i < 1<<subBits {
		return uint64(i) + 1
	}
	shift := i>>subBits - 1
	return uint64(i&(1<<subBits-1)+1<<subBits+1) << shift
}

func (h *histogram) add(d time.Duration) {
	d = max(d, 0)
	h.buckets[bucketOf(uint64(d/time.Microsecond))].Add(1)
	h.count.Add(1)
	h.sum.Add(int64(d))
	for {
		old := h.max.Load()
		if int64(d) <= old || h.max.CompareAndSwap(old, int64(d)) {
			return
		}
	}
}

// Latency is how long things took, in milliseconds. Quantiles are those of the buckets, 3 % too high at most.
type Latency struct {
	Count uint64  `json:"count"`
	Mean  float64 `json:"mean_ms"`
	P50   float64 `json:"p50_ms"`
	P90   float64 `json:"p90_ms"`
	P99   float64 `json:"p99_ms"`
	P999  float64 `json:"p999_ms"`
	Max   float64 `json:"max_ms"`
	// Histogram has the buckets that are not empty.
	Histogram []Bucket `json:"histogram,omitempty"`
}

// Bucket counts what took less than Below and not less than the Below of the bucket before.
type Bucket struct {
	Below float64 `json:"below_ms"`
	Count uint64  `json:"count"`
}

func (h *histogram) latency() Latency {
	l := Latency{Max: milliseconds(time.Duration(h.max.Load()))}
	for i := range h.buckets {
		if n := h.buckets[i].Load(); n > 0 {
			l.Count += n
			l.Histogram = append(l.Histogram, Bucket{float64(bucketEnd(i)) / 1000, n})
		}
	}
	if l.Count == 0 {
		return l
	}
	l.Mean = milliseconds(time.Duration(h.sum.Load())) / float64(max(h.count.Load(), 1))
	for _, q := range []struct {
		part float64
		at   *float64
	}{{0.5, &l.P50}, {0.9, &l.P90}, {0.99, &l.P99}, {0.999, &l.P999}} {
		*q.at = l.quantile(q.part)
	}
	return l
}

// quantile returns what the given part of the durations is not above.
func (l *Latency) quantile(part float64) float64 {
	rank, seen := part*float64(l.Count), uint64(0)
	for _, b := range l.Histogram {
		if seen += b.Count; float64(seen) >= rank {
			return min(b.Below, l.Max)
		}
	}
	return l.Max
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
