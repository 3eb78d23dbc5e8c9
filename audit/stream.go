package audit

import "time"

// The tests of a Device see no raw events but two things: time in which shares could come, and shares that count. What makes them
// comparable (difficulty per job, the device's own filter, job switches, lost connections, lag) is done once, in device.go.

// passing is a stretch of time in which the device was connected, had work and was watched.
type passing struct {
	from, to time.Time
	// floor is the difficulty that counts: shares below it are not looked at.
	floor float64
	// exposure is what passed, in seconds per hash: times a rate it is the number of shares to be expected.
	exposure float64
	// claim is the rate claimed at the time, in hashes per second, 0 if none was.
	claim float64
}

// arrival is a share that counts: its difficulty is at least the floor.
type arrival struct {
	at time.Time // within its second, jittered if the record has whole seconds
	// floor is that of the passing in which it came, difficulty what it achieved: floor/difficulty is uniform on (0, 1] for an
	// honest device, whatever its past.
	floor, difficulty float64
	claim             float64 // as in passing
	share             *Share
	job               *Job // its own, nil if not known
}

// context is what tests may know of the rest when they make their findings.
type context struct {
	plan *Plan
	now  time.Time
	// threshold is the log e-value that is an alarm: of each test alone, so that all tests of all devices together err with
	// probability Alpha.
	threshold float64
	// shares counted, their exposure (seconds per hash), the seconds behind it; perSecond is the expected number of counted shares a
	// second at the present floor, 0 if not known.
	shares    uint64
	exposure  float64
	seconds   float64
	perSecond float64
	proven    Interval
	// work is the sum of the required difficulties of proving shares, best the highest difficulty received, from any valid share.
	work, best float64
	claim      *Claim // the latest, nil if none
}
