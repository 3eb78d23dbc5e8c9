package serve

import (
	"math"
	"strings"

	"github.com/touchstone-btc/touchstone/audit"
	"github.com/touchstone-btc/touchstone/audit/telemetry"
)

// Claim returns what the device claims with this poll, for an audit, and what is wrong with it. It returns false if there is neither.
func (p *TelemetryPoll) Claim() (audit.Claim, bool) { return ClaimOf(p, p.Reading()) }

// ClaimOf is Claim where the poll was read before.
func ClaimOf(p *TelemetryPoll, r *telemetry.Reading) (audit.Claim, bool) {
	c := audit.Claim{
		Time: p.Time, Model: r.Model, Rate: math.NaN(),
		Accepted: r.Accepted, Rejected: r.Rejected, Stale: r.Stale,
		DifficultyAccepted: r.DifficultyAccepted, BestShare: r.Best, Uptime: r.Uptime,
	}
	rate, source := claimedRate(r)
	if rate >= 0 { // not NaN
		c.Rate, c.Source = rate, source
		if r.Dialect != "" {
			c.Source = r.Dialect + " " + source
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
	likeWhole(c.Boards, r, rate)
	if r.Chips >= 1 && r.Chips < math.MaxInt32 {
		c.Chips = int(r.Chips)
	}
	c.Notes = claimNotes(p, r)
	said := rate >= 0 || r.Accepted >= 0 || r.Best >= 0 || c.Pool != ""
	return c, said || len(c.Notes) > 0
}

// claimNotes says what is wrong with what a device answered.
func claimNotes(p *TelemetryPoll, r *telemetry.Reading) (notes []string) {
	if why := p.Err(); why != "" {
		return []string{"Telemetry: the device could not be asked: " + sentence(why)}
	}
	if r.Dialect == "" {
		notes = append(notes, "Telemetry: its firmware is not known; fields are read by their names alone.")
	}
	for i := range p.Replies {
		if why := p.Replies[i].Err; why != "" {
			notes = append(notes, "Telemetry: no whole answer to "+p.Replies[i].Command+": "+sentence(why))
		}
	}
	for _, odd := range r.Oddities {
		notes = append(notes, "Telemetry: "+sentence(odd))
	}
	for _, unread := range r.Unread {
		notes = append(notes, "Telemetry, not read: "+sentence(unread))
	}
	for _, repair := range r.Repairs {
		if !strings.Contains(repair, telemetry.HarmlessRepair) {
			notes = append(notes, "Telemetry, repaired before it could be read: "+sentence(repair))
		}
	}
	return notes
}

// sentence puts an end to a sentence that has none.
func sentence(words string) string {
	if strings.HasSuffix(words, ".") || strings.HasSuffix(words, "?") {
		return words
	}
	return words + "."
}

// claimedRate returns what the machine says to compute at present, and where it says so. That is what shares of the next minute are held
// against: the average since it started tells nothing of a machine that was tuned, throttled or started since, and would accuse it for
// days. From minute to minute the momentary rate is noise, which does no harm. Where there is none, the average has to do.
func claimedRate(r *telemetry.Reading) (rate float64, source string) {
	now := r.RateNow
	if now > 0 && !(now > 100*r.Rate || r.Rate > 100*now) { // else one is not in its unit
		return now, "momentary rate"
	}
	return r.Rate, r.RateField
}

// likeWhole makes the rates of boards that add up to the machine's average ones of the moment, as its claimed rate is.
func likeWhole(boards []float64, r *telemetry.Reading, rate float64) {
	sum := 0.
	for _, b := range boards {
		sum += b
	}
	if r.Rate > 0 && rate > 0 && math.Abs(sum-r.Rate) < math.Abs(sum-rate) {
		for i := range boards {
			boards[i] *= rate / r.Rate
		}
	}
}
