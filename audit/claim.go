package audit

import (
	"math"
	"time"
)

// Claim is what a device, or somebody for it, says it computes.
type Claim struct {
	Time time.Time
	// Rate is in hashes per second, NaN where it does not say: what it said before holds on.
	Rate float64
	// Source names who says so: the telemetry's dialect and field, or "rated" for the plan's.
	Source string
	// Model is the chip or machine model, as far as said.
	Model string
	// Counters of the device since its start, NaN where it does not say: shares it believes accepted, rejected, stale.
	Accepted, Rejected, Stale float64
	// DifficultyAccepted is the sum of the difficulties of accepted shares, BestShare the highest it says it found in this session
	// of its own; NaN where it does not say.
	DifficultyAccepted, BestShare float64
	// Uptime is how long its counters run, in seconds; NaN where it does not say.
	Uptime float64
	// Pool is the URL it says to mine at, "" where it does not say; User its account there.
	Pool, User string
	// Boards are the rates of its boards, in hashes per second, nil where it does not say; Chips how many chips it says to have, 0
	// where it does not.
	Boards []float64
	Chips  int
	// Notes are what is wrong with what it says, in sentences; of those that differ in numbers alone the first is kept.
	Notes []string
}

// says reports whether the claim says anything, beside its notes.
func (c *Claim) says() bool {
	for _, v := range []float64{c.Rate, c.Accepted, c.Rejected, c.Stale, c.DifficultyAccepted, c.BestShare, c.Uptime} {
		if !math.IsNaN(v) {
			return true
		}
	}
	return c.Model != "" || c.Pool != "" || c.User != "" || len(c.Boards) > 0 || c.Chips > 0
}
