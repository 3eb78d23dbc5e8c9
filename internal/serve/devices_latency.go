package serve

import (
	"math/bits"
	"time"
)

// latencies counts durations by how long they are, in steps of a fifth or less. Its size is fixed. The zero value is empty.
//
// The counts are of durations above the edge before and up to the edge of their own: 1 µs is the first edge, and four steps of the
// same width lead from each power of two to the next.
type latencies struct {
	counts [latencyEdges + 1]uint32 // the last are those beyond all edges
	sum    time.Duration
	max    time.Duration
}

const (
	latencyOctaves = 27 // from 1 µs to 134 s
	latencySteps   = 4
	latencyEdges   = latencyOctaves*latencySteps + 1
)

// latencyEdge returns the highest duration that is counted at i.
func latencyEdge(i int) time.Duration {
	if i == 0 {
		return time.Microsecond
	}
	octave, step := (i-1)/latencySteps, (i-1)%latencySteps+1
	return time.Microsecond / latencySteps * time.Duration(latencySteps+step) << octave
}

// latencyIndex returns where a duration is counted.
func latencyIndex(d time.Duration) int {
	if d <= time.Microsecond {
		return 0
	}
	quarters := uint64(d-1) / uint64(time.Microsecond/latencySteps) // 4 or more
	octave := bits.Len64(quarters) - 3
	return min(1+octave*latencySteps+int(quarters>>octave)-latencySteps, latencyEdges)
}

// add counts a duration; those below zero, of a clock that was set, as none.
func (l *latencies) add(d time.Duration) {
	d = max(d, 0)
	l.counts[latencyIndex(d)]++
	l.sum += d
	l.max = max(l.max, d)
}

// latencySum adds up many latencies, for longer.
type latencySum struct {
	counts [latencyEdges + 1]uint64
	sum    time.Duration
	max    time.Duration
}

// merge adds l, which may be nil.
func (s *latencySum) merge(l *latencies) {
	if l == nil {
		return
	}
	for i, n := range l.counts {
		s.counts[i] += uint64(n)
	}
	s.sum += l.sum
	s.max = max(s.max, l.max)
}

// report returns what is known of them, nil if there are none.
func (l *latencies) report() *Latency {
	if l == nil {
		return nil
	}
	var s latencySum
	s.merge(l)
	out := s.report()
	out.buckets = nil
	return out
}

// report returns what is known of them, nil if there are none.
func (s *latencySum) report() *Latency {
	out := &Latency{Max: seconds(s.max), sum: s.sum}
	for i, n := range s.counts {
		out.Count += int64(n)
		if (i+1)%latencySteps == 1 && (i-1)/latencySteps%2 == 1 || i == 0 {
			out.buckets = append(out.buckets, latencyBucket{latencyEdge(i), uint64(out.Count)})
		}
	}
	if out.Count == 0 {
		return nil
	}
	out.P50, out.P99 = s.quantile(out.Count, 0.5), s.quantile(out.Count, 0.99)
	return out
}

// quantile returns a duration that a part of all n don't exceed, a fifth too high at most.
func (s *latencySum) quantile(n int64, part float64) Seconds {
	left := int64(part * float64(n))
	for i, c := range s.counts {
		if left -= int64(c); left < 0 && i < latencyEdges {
			return seconds(min(latencyEdge(i), s.max))
		}
	}
	return seconds(s.max)
}

// Latency says how long something took, in seconds. P50 and P99 are what half of all, and 99 of 100, took at most; they are up to a
// fifth too high.
type Latency struct {
	Count int64   `json:"count"`
	P50   Seconds `json:"p50"`
	P99   Seconds `json:"p99"`
	Max   Seconds `json:"max"`

	sum     time.Duration
	buckets []latencyBucket
}

// latencyBucket says how many took at most so long.
type latencyBucket struct {
	edge  time.Duration
	count uint64
}
