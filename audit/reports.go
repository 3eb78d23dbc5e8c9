package audit

import "time"

// Interval is a rate with its band, in hashes per second. High is 0 where nothing bounds it.
type Interval struct {
	Estimate float64 `json:"estimate"`
	Low      float64 `json:"low"`
	High     float64 `json:"high,omitzero"`
}

// Point is one moment of a device's history.
type Point struct {
	Time     time.Time `json:"time"`
	Shares   uint64    `json:"shares"`          // counted until then
	Exposure float64   `json:"exposure"`        // until then, in seconds per hash
	Rate     Interval  `json:"rate"`            // proven until then, whatever the moment (anytime-valid)
	Claim    float64   `json:"claim,omitzero"`  // in hashes per second, the one in force; 0: none
	LogE     []float64 `json:"log_e,omitempty"` // of the evidence, in the order of DeviceReport.Evidence
	Combined float64   `json:"combined_log_e"`  // of all evidence
}

// TailPoint is how many shares achieved a difficulty, and how many were to be expected of an honest machine.
type TailPoint struct {
	Difficulty float64 `json:"difficulty"`
	Seen       uint64  `json:"seen"`
	Expected   float64 `json:"expected"`
}

// Census counts shares by parts of the nonce space, as a map to look at: Rows times Columns counts, row by row.
type Census struct {
	Layout  string   `json:"layout"` // what rows and columns are, in words
	Model   string   `json:"model,omitempty"`
	Rows    int      `json:"rows"`
	Columns int      `json:"columns"`
	Counts  []uint32 `json:"counts"`
	// Dead and Weak are cells (row*Columns+column) that the test names.
	Dead []int `json:"dead,omitempty"`
	Weak []int `json:"weak,omitempty"`
}

// Span is a stretch of time in which something was so.
type Span struct {
	What string    `json:"what"` // one of the constants Span…
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Shares is how many were to be expected in it, of a silence.
	Shares float64 `json:"expected_shares,omitzero"`
	Alarm  bool    `json:"alarm,omitzero"`
}

const (
	SpanSilent = "silent"  // connected, with work, and no share
	SpanDown   = "down"    // not connected
	SpanUnseen = "unseen"  // the recording was interrupted
	SpanNoWork = "no-work" // connected, without a job
)

// Counts are a device's shares by what became of them.
type Counts struct {
	Submitted    uint64            `json:"submitted"`
	Proving      uint64            `json:"proving"` // stand for work, whoever credits it
	Counted      uint64            `json:"counted"` // for the rate
	ByVerdict    map[string]uint64 `json:"by_verdict"`
	Blocks       uint64            `json:"blocks"`
	PoolRefused  uint64            `json:"pool_refused"`  // what we credit
	PoolAccepted uint64            `json:"pool_accepted"` // what we refuse
	// Work is the sum of the required difficulties of the proving ones.
	Work float64 `json:"work_difficulty"`
}

// DeviceReport is all that is said of one device.
type DeviceReport struct {
	Device    string    `json:"device"`
	Model     string    `json:"model,omitempty"`
	Agents    []string  `json:"agents,omitempty"` // what it calls itself in mining.subscribe
	Synthetic bool      `json:"synthetic,omitzero"`
	First     time.Time `json:"first,omitzero"`
	Last      time.Time `json:"last,omitzero"`
	Sessions  uint64    `json:"sessions"`
	// Connected is how long it was there with work, in seconds; Unseen how long nobody looked.
	Connected float64 `json:"connected_seconds"`
	Unseen    float64 `json:"unseen_seconds,omitzero"`
	Counts    Counts  `json:"counts"`
	// Proven is the rate that the shares prove, at the confidence 1-Alpha of the report, at all moments at once. Fixed is Garwood's
	// interval for one look; Varied says that the difficulty changed, which makes it only nearly exact.
	Proven Interval `json:"proven_hashes_per_second"`
	Fixed  Interval `json:"fixed_sample_hashes_per_second"`
	Varied bool     `json:"difficulty_varied"`
	// Claimed is the mean of the claim over the time that counts, in hashes per second; 0 without. Source says whose it is.
	Claimed float64 `json:"claimed_hashes_per_second,omitzero"`
	Source  string  `json:"claim_source,omitempty"`
	// Floor is the difficulty that the device's own filter asks for, if above the pool's; else 0.
	Floor float64 `json:"hardware_difficulty,omitzero"`
	// State is Alarm if any finding is; else TooEarly as long as the claim, high shares or silences are, where they can be tested, or no
	// evidence or surveillance is Clear; else Clear. Combined is the log of the
	// device's combined e-value.
	State    State   `json:"state"`
	Combined float64 `json:"combined_log_e"`
	// Rejected says that e-BH over the fleet names this device, at the plan's Alpha.
	Rejected bool `json:"rejected"`
	// Findings are all, those that matter most first.
	Findings []Finding `json:"findings"`
	// Evidence names the tests whose e-values Combined averages and Point.LogE lists.
	Evidence []string    `json:"evidence"`
	History  []Point     `json:"history,omitempty"`
	Tail     []TailPoint `json:"tail,omitempty"`
	// Ceiling is the difficulty from which on nothing can be said of missing shares (X_max at the plan's alpha).
	Ceiling float64 `json:"audit_ceiling,omitzero"`
	Largest float64 `json:"largest_share,omitzero"`
	Census  *Census `json:"census,omitempty"`
	Spans   []Span  `json:"spans,omitempty"`
	// Notes say what is wrong or unknown about the record of this device, in words.
	Notes []string `json:"notes,omitempty"`
}

// FleetReport is the report of an audit.
type FleetReport struct {
	Plan      *Plan     `json:"plan"`
	PlanHash  string    `json:"plan_hash"`
	Version   string    `json:"version,omitempty"` // of the program
	Made      time.Time `json:"made,omitzero"`
	First     time.Time `json:"first,omitzero"`
	Last      time.Time `json:"last,omitzero"`
	Synthetic bool      `json:"synthetic,omitzero"`
	Sources   []Source  `json:"sources,omitempty"`
	// Threshold is the log of the combined e-value from which on e-BH names a device.
	Threshold float64        `json:"threshold_log_e"`
	State     State          `json:"state"`
	Findings  []Finding      `json:"findings,omitempty"` // of the fleet as a whole
	Devices   []DeviceReport `json:"devices"`            // most serious first
	Notes     []string       `json:"notes,omitempty"`
}

// Source is an input.
type Source struct {
	Name  string `json:"name"`
	Kind  string `json:"kind"` // "transcript", "verdict lines", "live", "state"
	Lines int64  `json:"lines,omitzero"`
	Bad   int64  `json:"bad_lines,omitzero"`
	// SHA256 of what was read, in hex; "" where it was not kept.
	SHA256 string `json:"sha256,omitempty"`
}
