package audit

import (
	"fmt"
	"math"
	"time"
)

// mute looks for what has no rate to measure silence by: a device that is connected and has work, and sends no share, or none any more
// since the pool asked for another difficulty, of whose filter nothing is known yet. It goes by half of what the device claims, or did
// before, and lets pass what a filter of its hardware may hold back, as long as that leaves a share every two minutes.
type mute struct {
	// From is when the time without a share began, in nanoseconds since 1970, 0 if it did not; Seconds is what of it was with work,
	// Shares how many were to be expected at least.
	From    int64   `json:"from"`
	Seconds float64 `json:"seconds"`
	Shares  float64 `json:"shares"`
	// Worst is the longest that was told, First when the first was.
	Worst mutedFor  `json:"worst"`
	First time.Time `json:"first,omitzero"`
}

// mutedFor is a time without a share.
type mutedFor struct {
	From    int64   `json:"from"`
	Seconds float64 `json:"seconds"`
	Shares  float64 `json:"shares"`
}

const (
	// muteSlowest is how many seconds there are between two shares of a filter that is thought possible.
	muteSlowest = 120
	// muteLeast is for how many seconds a device may be silent whatever it claims: some tune themselves for half an hour.
	muteLeast = 3600
)

// pass says that the device had work, that could have given a share for each 1/perHash hashes, and did not count for other tests.
func (m *mute) pass(from, to time.Time, rate, perHash float64, plan *Plan) {
	perSecond := min(rate/2*perHash, 1./muteSlowest)
	seconds := to.Sub(from).Seconds()
	if !(perSecond > 0 && seconds > 0) {
		return
	}
	if m.From == 0 {
		m.From = from.UnixNano()
	}
	m.Seconds = min(m.Seconds+seconds, maxExpected)
	m.Shares = min(m.Shares+seconds*perSecond, maxExpected)
	if m.Seconds < muteLeast || m.Shares < muteThreshold(plan.GapPerDay) {
		return
	}
	if m.First.IsZero() {
		m.First = to
	}
	if m.Shares >= m.Worst.Shares {
		m.Worst = mutedFor{From: m.From, Seconds: m.Seconds, Shares: m.Shares}
	}
}

// muteThreshold returns how many expected shares are too many: at the slowest pace, chance makes such a silence perDay times a day.
func muteThreshold(perDay float64) float64 {
	return max(0, GapThreshold(1./muteSlowest, perDay)/muteSlowest)
}

// proved says that a share came, or that silences are measured from now on.
func (m *mute) proved() { m.From, m.Seconds, m.Shares = 0, 0, 0 }

func (m *mute) merge(o *mute) {
	m.From, m.Seconds, m.Shares = o.From, o.Seconds, o.Shares
	if m.First.IsZero() {
		m.First = o.First
	}
	if o.Worst.Shares > m.Worst.Shares {
		m.Worst = o.Worst
	}
}

func (m *mute) check() error {
	if m.Seconds > maxExpected || m.Worst.Seconds > maxExpected {
		return fmt.Errorf("gap test: silent for %g seconds", max(m.Seconds, m.Worst.Seconds))
	}
	return checkSum("gap test", m.Seconds, m.Shares, m.Worst.Seconds, m.Worst.Shares)
}

func (m *mute) words() string {
	return fmt.Sprintf("No share at all came from %s on, for %s in which it was connected and had work. Going by half of what it claims or did before, and "+
		"with no more than a share every %s taken for certain, at least %s should have come.",
		momentWords(time.Unix(0, m.Worst.From)), spanWords(m.Worst.Seconds), spanWords(muteSlowest), numberWords(math.Floor(m.Worst.Shares)))
}
