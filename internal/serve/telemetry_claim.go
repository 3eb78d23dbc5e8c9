package serve

import (
	"math"

	"github.com/touchstone-btc/touchstone/audit"
	"github.com/touchstone-btc/touchstone/audit/telemetry"
)

// Claim returns what the device claims with this poll, for an audit. It returns false if it says nothing that could be held against
// anything.
func (p *TelemetryPoll) Claim() (audit.Claim, bool) { return ClaimOf(p, p.Reading()) }

// ClaimOf is Claim where the poll was read before.
func ClaimOf(p *TelemetryPoll, r *telemetry.Reading) (audit.Claim, bool) {
	c := audit.Claim{
		Time: p.Time, Model: r.Model,
		Accepted: r.Accepted, Rejected: r.Rejected, Stale: r.Stale,
		DifficultyAccepted: r.DifficultyAccepted, BestShare: r.Best, Uptime: r.Uptime,
	}
	if r.Rate >= 0 { // not NaN
		c.Rate, c.Source = r.Rate, r.RateField
		if r.Dialect != "" {
			c.Source = r.Dialect + " " + r.RateField
		}
	}
	if chip := chipOf(r); chip != "" {
		c.Model = chip
	}
	for _, pool := range r.Pools {
		if pool.Active {
			c.Pool, c.User = pool.URL, pool.User
			break
		}
	}
	for _, b := range r.Boards {
		if b.Rate >= 0 {
			c.Boards = append(c.Boards, b.Rate)
		}
	}
	if len(c.Boards) != len(r.Boards) {
		c.Boards = nil // a part of them adds up to nothing
	}
	if r.Chips >= 1 && r.Chips < math.MaxInt32 {
		c.Chips = int(r.Chips)
	}
	said := r.Rate >= 0 || r.Accepted >= 0 || r.Best >= 0 || c.Pool != ""
	return c, said
}
