package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// Plan is what is decided before the data: how often the audit may be wrong, and what it lets pass. A report carries it, and its
// hash, so that nobody can choose it afterwards. Zero fields mean their defaults; [Plan.Complete] fills them in. Not to be changed
// once a Device or Fleet has it, and safe to share then.
type Plan struct {
	// Alpha is the probability with which any honest machine of the fleet is accused by evidence, however long and often one looks,
	// or rather the share of such accusations among all (false discovery rate). Default 0.001.
	Alpha float64 `json:"alpha"`
	// Tolerance is the part of a claimed rate that may be missing for honest reasons: stale work, hardware errors. Default 0.01.
	Tolerance float64 `json:"tolerance"`
	// ToleranceAbove is how far the proven rate may honestly lie above the claimed one. Default 0.01.
	ToleranceAbove float64 `json:"tolerance_above"`
	// Drift is the part of its own earlier rate that a machine may lose without a drop being told: heat, tuning. Default 0.02.
	Drift float64 `json:"drift"`
	// DropARL is how many expected shares lie on average between two false alarms of the drop test of one device. Default 1e9.
	DropARL float64 `json:"drop_arl"`
	// GapPerDay is the probability of a false gap alarm per device and day. Default 1e-6.
	GapPerDay float64 `json:"gap_per_day"`
	// Lag is the longest time that an honest share is on its way: batches, buffers, retransmission. Default 2 s.
	Lag time.Duration `json:"lag"`
	// SwitchLoss is how long after clean_jobs a machine may be without work; shares of that time don't count for rates. Default 1 s.
	SwitchLoss time.Duration `json:"switch_loss"`
	// CellWeakness is how much less than its share a chip or core may honestly do. Default 0.2.
	CellWeakness float64 `json:"cell_weakness"`
	// InvalidRate is the part of shares that may be invalid for honest reasons, away from job switches. Default 0.01.
	InvalidRate float64 `json:"invalid_rate"`
	// ExtraDispersion is the coefficient of variation of a rate that really drifts which the dispersion test lets pass. Default 0.03.
	ExtraDispersion float64 `json:"extra_dispersion"`
	// NetworkDifficulty is what a block needs; 0 takes it from the jobs.
	NetworkDifficulty float64 `json:"network_difficulty,omitempty"`
	// Rated is what the machines are sold or known to compute, in hashes per second, a claim where telemetry makes none; 0 for none.
	Rated float64 `json:"rated,omitempty"`
	// Model names the chip layout where telemetry does not: one of Models; "" for unknown.
	Model string `json:"model,omitempty"`
}

// Complete returns p with the defaults filled in, or what is wrong with it.
func (p Plan) Complete() (*Plan, error) {
	def := func(v *float64, d float64) {
		if *v == 0 {
			*v = d
		}
	}
	def(&p.Alpha, 0.001)
	def(&p.Tolerance, 0.01)
	def(&p.ToleranceAbove, 0.01)
	def(&p.Drift, 0.02)
	def(&p.DropARL, 1e9)
	def(&p.GapPerDay, 1e-6)
	def(&p.CellWeakness, 0.2)
	def(&p.InvalidRate, 0.01)
	def(&p.ExtraDispersion, 0.03)
	if p.Lag == 0 {
		p.Lag = 2 * time.Second
	}
	if p.SwitchLoss == 0 {
		p.SwitchLoss = time.Second
	}
	if err := checkAlpha(p.Alpha); err != nil {
		return nil, err
	}
	return &p, nil
}

// Hash returns the SHA-256 of the plan's JSON, in hex: what a log commits to beforehand.
func (p *Plan) Hash() string {
	text, err := json.Marshal(p)
	if err != nil {
		panic(fmt.Sprint("audit: plan: ", err)) // only for NaN, which Complete refuses
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
