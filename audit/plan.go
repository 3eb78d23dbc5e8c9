package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"reflect"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// Plan is what is decided before the data: how often the audit may be wrong, and what it lets pass. A report carries it, and its
// hash, so that nobody can choose it afterwards. Zero fields mean their defaults; [Plan.Complete] fills them in. Not to be changed
// once a Device or Fleet has it, and safe to share then.
//
// As JSON it has the fields' names below, times in seconds.
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
	Lag time.Duration `json:"lag_seconds"`
	// SwitchLoss is how long after clean_jobs a machine may be without work; shares of that time don't count for rates. Default 1 s.
	SwitchLoss time.Duration `json:"switch_loss_seconds"`
	// CellWeakness is how much less than its share a chip or core may honestly do. Default 0.2.
	CellWeakness float64 `json:"cell_weakness"`
	// InvalidRate is the part of shares that may be invalid for honest reasons, away from job switches. Default 0.01.
	InvalidRate float64 `json:"invalid_rate"`
	// ExtraDispersion is the coefficient of variation of a rate that really drifts which the dispersion test lets pass. Default 0.03.
	ExtraDispersion float64 `json:"extra_dispersion"`
	// NetworkDifficulty is what a block needs; 0 takes it from the jobs.
	NetworkDifficulty float64 `json:"network_difficulty,omitzero"`
	// Rated is what the machines are sold or known to compute, in hashes per second, a claim where telemetry makes none; 0 for none.
	Rated float64 `json:"rated,omitzero"`
	// Model names the chip layout where telemetry does not: one of [Models] or what [LayoutOf] takes; "" for unknown.
	Model string `json:"model,omitempty"`
	// KnownAs are the addresses that machines may say they mine at, as URLs or HOST:PORT: those by which they know the proxy or pool that
	// watches them, and those of pools that they may fall back to. With any, a machine that names another is told of; without, names are
	// only described.
	KnownAs []string `json:"known_as,omitempty"`
}

// Bounds of Plan.KnownAs.
const (
	maxKnownAs = 16
	maxAddress = 200
)

// same reports whether p and o say the same.
func (p *Plan) same(o *Plan) bool { return reflect.DeepEqual(p, o) }

// Complete returns p with the defaults filled in, or what is wrong with it and what would do.
func (p Plan) Complete() (*Plan, error) {
	for _, f := range p.numbers() {
		if *f.value == 0 {
			*f.value = f.standard
		}
		if *f.value == 0 && f.standard == 0 {
			continue // optional
		}
		if v := *f.value; !(v >= f.least && v <= f.most) { // NaN too
			return nil, fmt.Errorf("plan: %s %v: want %s from %v to %v%s", f.name, v, f.what, f.least, f.most, f.standardText())
		}
	}
	for _, f := range p.durations() {
		if *f.value == 0 {
			*f.value = f.standard
		}
		if v := *f.value; v <= 0 || v > f.most {
			return nil, fmt.Errorf("plan: %s %v: want more than 0 and at most %v, or nothing for %v", f.name, v, f.most, f.standard)
		}
	}
	if p.Model != "" && LayoutOf(p.Model) == nil {
		return nil, fmt.Errorf("plan: model %.40q: its chips are not known: want one of %s, or nothing", p.Model, strings.Join(Models(), ", "))
	}
	if len(p.KnownAs) > maxKnownAs {
		return nil, fmt.Errorf("plan: known as: %d addresses: want at most %d", len(p.KnownAs), maxKnownAs)
	}
	for _, address := range p.KnownAs {
		if host, _ := hostPort(address); host == "" || len(address) > maxAddress {
			return nil, fmt.Errorf("plan: known as %.60q: want an address such as stratum+tcp://proxy.example:3333", address)
		}
	}
	if len(p.KnownAs) == 0 {
		p.KnownAs = nil
	}
	return &p, nil
}

// planNumber is a field of a plan with its bounds; planDuration is another.
type planNumber struct {
	name, what            string
	value                 *float64
	standard, least, most float64
}

func (f *planNumber) standardText() string {
	if f.standard == 0 {
		return ", or nothing"
	}
	return fmt.Sprintf(", or nothing for %v", f.standard)
}

type planDuration struct {
	name           string
	value          *time.Duration
	standard, most time.Duration
}

func (p *Plan) numbers() []planNumber {
	const part = "a part of 1"
	return []planNumber{
		{"alpha", "a probability", &p.Alpha, 0.001, 1e-12, 0.5},
		{"tolerance", part, &p.Tolerance, 0.01, 1e-9, 0.5},
		{"tolerance above", part, &p.ToleranceAbove, 0.01, 1e-9, 10},
		{"drift", part, &p.Drift, 0.02, 1e-9, 0.5},
		{"drop ARL", "expected shares", &p.DropARL, 1e9, 100, 1e18},
		{"gap per day", "a probability", &p.GapPerDay, 1e-6, 1e-15, 0.5},
		{"cell weakness", part, &p.CellWeakness, 0.2, 1e-9, 0.95},
		{"invalid rate", part, &p.InvalidRate, 0.01, 1e-9, 0.5},
		{"extra dispersion", part, &p.ExtraDispersion, 0.03, 1e-9, 1},
		{"network difficulty", "a difficulty", &p.NetworkDifficulty, 0, minDifficulty, maxDifficulty},
		{"rated", "hashes per second", &p.Rated, 0, 1, maxRate},
	}
}

func (p *Plan) durations() []planDuration {
	return []planDuration{
		{"lag", &p.Lag, 2 * time.Second, time.Hour},
		{"switch loss", &p.SwitchLoss, time.Second, time.Minute},
	}
}

// Bounds on what can be: the lowest difficulty is that of the target of 256 one bits, the network's is 1e14, and all machines of the
// world together compute 1e21 hashes a second.
const (
	minDifficulty = 1e-10
	maxDifficulty = 1e30
	maxRate       = 1e24
)

// planFields are a Plan's, for JSON: with times in seconds, because a number of nanoseconds tells nobody anything.
type planFields Plan

type planJSON struct {
	planFields
	Lag        *float64 `json:"lag_seconds"`
	SwitchLoss *float64 `json:"switch_loss_seconds"`
}

// MarshalJSON returns p as a JSON object. It fails only for NaN and infinite numbers, which Complete refuses.
func (p Plan) MarshalJSON() ([]byte, error) {
	lag, loss := p.Lag.Seconds(), p.SwitchLoss.Seconds()
	return json.Marshal(planJSON{planFields(p), &lag, &loss}, json.Deterministic(true))
}

// UnmarshalJSON reads what MarshalJSON writes. Fields that are missing stay as they are; unknown ones, and times that are out of
// range, are errors, and then p stays as it was. It does not say whether the plan is complete and can be used.
func (p *Plan) UnmarshalJSON(text []byte) error {
	if len(text) > maxPlanJSON {
		return fmt.Errorf("plan of %d bytes: want at most %d", len(text), maxPlanJSON)
	}
	read := *p
	j := planJSON{planFields: planFields(read)}
	if err := json.Unmarshal(text, &j, json.RejectUnknownMembers(true)); err != nil {
		return fmt.Errorf("plan: %w", err)
	}
	lag, loss := read.Lag, read.SwitchLoss
	read = Plan(j.planFields)
	read.Lag, read.SwitchLoss = lag, loss
	for _, f := range []struct {
		name string
		from *float64
		to   *time.Duration
	}{{"lag", j.Lag, &read.Lag}, {"switch loss", j.SwitchLoss, &read.SwitchLoss}} {
		if f.from == nil {
			continue
		}
		if !(*f.from >= 0 && *f.from <= 3600) {
			return fmt.Errorf("plan: %s of %v seconds: want 0 to 3600", f.name, *f.from)
		}
		*f.to = time.Duration(math.Round(*f.from * float64(time.Second)))
	}
	*p = read
	return nil
}

const maxPlanJSON = 4096

// Hash returns the SHA-256 of the plan's JSON, in hex: what a log commits to beforehand.
func (p *Plan) Hash() string {
	text, err := p.MarshalJSON()
	if err != nil {
		panic(fmt.Sprint("audit: plan: ", err)) // only for NaN, which Complete refuses
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
