package audit

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// heldClaim is a Claim as state: numbers that it does not have are not there, because JSON has no NaN.
type heldClaim struct {
	Time               time.Time `json:"time"`
	Rate               *float64  `json:"rate,omitempty"`
	Source             string    `json:"source,omitempty"`
	Model              string    `json:"model,omitempty"`
	Accepted           *float64  `json:"accepted,omitempty"`
	Rejected           *float64  `json:"rejected,omitempty"`
	Stale              *float64  `json:"stale,omitempty"`
	DifficultyAccepted *float64  `json:"difficulty_accepted,omitempty"`
	BestShare          *float64  `json:"best_share,omitempty"`
	Uptime             *float64  `json:"uptime,omitempty"`
	Pool               string    `json:"pool,omitempty"`
	User               string    `json:"user,omitempty"`
	Boards             []float64 `json:"boards,omitempty"`
	Chips              int       `json:"chips,omitempty"`
}

const maxBoards = 64

// holdClaim returns what of a claim is kept.
func holdClaim(c *Claim) *heldClaim {
	known := func(v float64) *float64 {
		if !isFinite(v) {
			return nil
		}
		return &v
	}
	return &heldClaim{Time: c.Time, Rate: known(c.Rate), Source: clip(c.Source, maxName), Model: clip(c.Model, maxName),
		Accepted: known(c.Accepted), Rejected: known(c.Rejected), Stale: known(c.Stale), DifficultyAccepted: known(c.DifficultyAccepted),
		BestShare: known(c.BestShare), Uptime: known(c.Uptime), Pool: clip(c.Pool, maxName), User: clip(c.User, maxName),
		Boards: slices.DeleteFunc(slices.Clone(c.Boards[:min(len(c.Boards), maxBoards)]), func(v float64) bool { return !isFinite(v) }),
		Chips:  max(0, min(c.Chips, math.MaxInt32))}
}

// claim returns the Claim again.
func (h *heldClaim) claim() *Claim {
	if h == nil {
		return nil
	}
	number := func(v *float64) float64 {
		if v == nil {
			return math.NaN()
		}
		return *v
	}
	return &Claim{Time: h.Time, Rate: number(h.Rate), Source: h.Source, Model: h.Model, Accepted: number(h.Accepted),
		Rejected: number(h.Rejected), Stale: number(h.Stale), DifficultyAccepted: number(h.DifficultyAccepted),
		BestShare: number(h.BestShare), Uptime: number(h.Uptime), Pool: h.Pool, User: h.User, Boards: h.Boards, Chips: h.Chips}
}

func (h *heldClaim) check() error {
	if h == nil {
		return nil
	}
	if !sane(h.Time) || len(h.Boards) > maxBoards || h.Chips < 0 || h.Chips > math.MaxInt32 {
		return outOfRange("claim", h.Time)
	}
	for _, s := range []string{h.Source, h.Model, h.Pool, h.User} {
		if len(s) > maxName {
			return fmt.Errorf("claim: text of %d bytes: want at most %d", len(s), maxName)
		}
	}
	return nil
}
