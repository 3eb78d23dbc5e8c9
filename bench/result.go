package bench

import "github.com/touchstone-btc/touchstone/hash"

// Results are what a run measured.
type Results struct {
	Measurements []Measurement
	Summary      Summary
}

// Measurement is the rate of one kernel, or of others' code, at one task. Its tags are the fields of its line in JSON.
type Measurement struct {
	Task      Task   `json:"task"`
	Kernel    string `json:"kernel"`    // name of a kernel, or of a baseline such as crypto/sha256
	Midstates int    `json:"midstates"` // that share a search; 0 if the task is not a search
	Threads   int    `json:"threads"`

	// Millions of hashes a second, of all threads together: the median of all windows, the fastest one, and the interval
	// in which the median lies with a probability of 95 %.
	Median float64 `json:"mhs_median"`
	Best   float64 `json:"mhs_best"`
	Low    float64 `json:"mhs_low"`
	High   float64 `json:"mhs_high"`

	Spread  float64 `json:"spread"`  // of the middle half of the windows, as a fraction of the median
	Windows int     `json:"windows"` // how many there were

	// BoundFraction is the rate as a fraction of the most that the units of this machine allow, which were measured beside
	// each window; nil where operations are not counted. BoundBy is the unit that is its limit: "vector" (any vector
	// operation), "shifts" (those that rotate or shift) or "rounds" (SHA256RNDS2).
	BoundFraction *float64 `json:"bound_fraction"`
	BoundBy       *string  `json:"bound_by"`

	RatioStdlib *float64 `json:"ratio_stdlib"` // to crypto/sha256 at the same task, one thread each; nil with more threads
	Scaling     *float64 `json:"scaling"`      // to as many times the rate of one thread; nil with one thread
	Nanojoules  *float64 `json:"nj_per_hash"`  // of the whole processor package; nil where that is not told

	Change *Change `json:"change,omitempty"` // since an earlier run; nil if there is none to compare with
}

// Summary is what holds for all measurements of a run.
type Summary struct {
	Machine
	Seconds  float64         `json:"seconds"`   // the run took
	Units    []UnitRate      `json:"units"`     // of the processor
	Refused  []RefusedKernel `json:"refused"`   // not measured
	NoEnergy string          `json:"no_energy"` // why there is no energy per hash, "" if there is
	Against  *Against        `json:"against,omitempty"`
}

// UnitRate is how many operations of a kind one core does in a second when nothing else limits it.
type UnitRate struct {
	Unit   string  `json:"unit"`        // as in BoundBy
	Width  int     `json:"width"`       // bits of a vector
	Median float64 `json:"gops_median"` // thousand millions a second
	Best   float64 `json:"gops_best"`
}

// RefusedKernel is a kernel whose answers are wrong.
type RefusedKernel struct {
	Kernel string `json:"kernel"`
	Reason string `json:"reason"`
}

// Task is what is hashed.
type Task string

const (
	Scan    Task = "scan"    // headers that differ in nonce and version: the search of a miner
	Headers Task = "headers" // batches of 80-byte headers
	Pairs   Task = "pairs"   // batches of 64-byte pairs
)

// Tasks returns all of them.
func Tasks() []Task { return []Task{Scan, Headers, Pairs} }

// searched are the numbers of midstates that are measured.
var searched = []int{1, 2, 4, 8, hash.MaxMidstates}
