package work

import "math"

// MaxFutureTime is how many seconds a header's time may be ahead of the clock
// of the node that judges it.
const MaxFutureTime = 7200

// TimeLimits returns the lowest and highest header time that a node whose clock
// says now accepts for a template with these limits, both inclusive. Times are
// in seconds since 1970; maxTime 0 means that the template gives none. If low
// is above high, no time is acceptable yet.
func TimeLimits(now, minTime, maxTime uint32) (low, high uint32) {
	high = uint32(min(uint64(now)+MaxFutureTime, math.MaxUint32))
	if maxTime != 0 {
		high = min(high, maxTime)
	}
	return minTime, high
}

// ClampTime returns the acceptable header time nearest to now: now itself
// between minTime and maxTime. maxTime 0 means no limit; where the limits
// contradict each other, minTime wins, since it is consensus (the median time
// past) and cannot change while the job lives.
func ClampTime(now, minTime, maxTime uint32) uint32 {
	if maxTime != 0 {
		now = min(now, maxTime)
	}
	return max(now, minTime)
}

// TimeAllowed reports whether a header time lies within TimeLimits.
func TimeAllowed(time, now, minTime, maxTime uint32) bool {
	low, high := TimeLimits(now, minTime, maxTime)
	return low <= time && time <= high
}
