package bench

import (
	"math"
	"slices"
)

// Against is what holds for a comparison with an earlier run.
type Against struct {
	Machine     Machine `json:"machine"`      // that the earlier run was on
	SameMachine bool    `json:"same_machine"` // see [Machine.Same]
	Missing     []Key   `json:"missing"`      // what only the earlier run measured
	New         []Key   `json:"new"`          // what only this run measured
}

// Key names a row of the table.
type Key struct {
	Task      Task   `json:"task"`
	Kernel    string `json:"kernel"`
	Midstates int    `json:"midstates"`
	Threads   int    `json:"threads"`
}

// Key returns the name of the row.
func (m *Measurement) Key() Key { return Key{m.Task, m.Kernel, m.Midstates, m.Threads} }

// Change is how a rate changed since an earlier run.
type Change struct {
	Before float64 `json:"mhs_median"` // the earlier median
	Ratio  float64 `json:"ratio"`      // of the medians, now to before

	// Verdict is "faster" or "slower" if the change exceeds the noise, and "noise" if not. It exceeds the noise if the
	// intervals of the two medians have nothing in common and the fastest windows changed in the same direction, since
	// what disturbs a run leaves its fastest windows as they were. On the same machine both must have changed by more than
	// every baseline of the task and every unit of the processor: in both runs they are the same code (baselines: if built
	// by the same Go), so that what changed them is noise itself. What disturbs the whole of one run, and a kernel more than
	// the baselines, cannot be told from a change.
	Verdict string `json:"verdict"`
}

// Verdicts of a [Change].
const (
	Faster = "faster"
	Slower = "slower"
	Noise  = "noise"
)

// CompareWith fills in how each measurement changed since an earlier run.
func (r *Results) CompareWith(old *Results) {
	a := &Against{Machine: old.Summary.Machine, Missing: []Key{}, New: []Key{}}
	a.SameMachine = r.Summary.Machine.Same(&a.Machine)
	r.Summary.Against = a

	before := map[Key]*Measurement{}
	for i := range old.Measurements {
		before[old.Measurements[i].Key()] = &old.Measurements[i]
	}
	drift := map[Task]float64{} // the greatest |ln ratio| of what cannot have changed
	sameBaselines := a.SameMachine && r.Summary.Go == old.Summary.Go
	if a.SameMachine {
		units := unitDrift(r.Summary.Units, old.Summary.Units)
		for _, t := range Tasks() {
			drift[t] = units
		}
	}
	for i := range r.Measurements {
		m := &r.Measurements[i]
		m.Change = nil
		b := before[m.Key()]
		if b == nil {
			a.New = append(a.New, m.Key())
			continue
		}
		m.Change = &Change{Before: b.Median, Ratio: rounded(m.Median / b.Median), Verdict: Noise}
		if sameBaselines && m.IsBaseline() {
			drift[m.Task] = max(drift[m.Task], math.Abs(math.Log(m.Change.Ratio)))
		}
	}
	for i := range r.Measurements {
		m := &r.Measurements[i]
		if m.Change == nil {
			continue
		}
		b := before[m.Key()]
		delete(before, m.Key())
		middle, best, limit := math.Log(m.Change.Ratio), math.Log(m.Best/b.Best), drift[m.Task]
		switch {
		case m.Low > b.High && min(middle, best) > limit:
			m.Change.Verdict = Faster
		case m.High < b.Low && max(middle, best) < -limit:
			m.Change.Verdict = Slower
		}
	}
	for i := range old.Measurements {
		if k := old.Measurements[i].Key(); before[k] != nil {
			a.Missing = append(a.Missing, k)
		}
	}
}

// unitDrift returns the greatest |ln ratio| of a unit's rates.
func unitDrift(now, before []UnitRate) (drift float64) {
	for _, n := range now {
		for _, b := range before {
			if n.Unit == b.Unit && n.Width == b.Width && n.Median > 0 && b.Median > 0 {
				drift = max(drift, math.Abs(math.Log(n.Median/b.Median)))
			}
		}
	}
	return drift
}

// IsBaseline reports whether others' code was measured.
func (m *Measurement) IsBaseline() bool { return slices.Contains(baselineNames, m.Kernel) }
