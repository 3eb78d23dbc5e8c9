package audit

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Fleet is the audit of several machines under one plan. It is for one goroutine; so are its devices, but different devices may be
// in different goroutines as long as nobody uses the fleet.
type Fleet struct {
	plan    *Plan
	devices map[string]*Device
	notes   []string
}

// maxFleet is how many devices a fleet's state may have when it is read back.
const maxFleet = 1 << 20

// NewFleet returns an empty fleet. The plan must be complete.
func NewFleet(plan *Plan) *Fleet { return &Fleet{plan: plan, devices: map[string]*Device{}} }

// Plan returns the plan.
func (f *Fleet) Plan() *Plan { return f.plan }

// Device returns the device of a name, a new one if there is none.
func (f *Fleet) Device(name string) *Device {
	name = clip(name, maxName)
	d := f.devices[name]
	if d == nil {
		d = NewDevice(name, f.plan)
		f.devices[d.Name()] = d
	}
	return d
}

// Devices returns all devices, by name.
func (f *Fleet) Devices() []*Device {
	all := make([]*Device, 0, len(f.devices))
	for _, d := range f.devices {
		all = append(all, d)
	}
	slices.SortFunc(all, func(a, b *Device) int { return strings.Compare(a.Label, b.Label) })
	return all
}

// Note keeps something that is wrong or unknown about the record as a whole, in words. The same words are kept once, up to a limit.
func (f *Fleet) Note(words string) { f.notes = addWords(f.notes, words, maxNotes, maxWords) }

// Merge adds a later part of the record, or other devices. On an error f stays as it was.
func (f *Fleet) Merge(o *Fleet) error {
	if f == o {
		return errors.New("merge: a fleet can't be merged with itself")
	}
	if !f.plan.same(o.plan) {
		return fmt.Errorf("merge: the fleet was audited under another plan, %.12s, not %.12s", o.plan.Hash(), f.plan.Hash())
	}
	joined := map[string]*Device{}
	for name, d := range o.devices {
		mine, later := f.devices[name], d
		if mine == nil {
			mine = NewDevice(name, f.plan)
		} else {
			var err error
			if mine, err = mine.clone(); err != nil {
				return fmt.Errorf("merge: %w", err)
			}
		}
		if err := mine.Merge(later); err != nil {
			return err
		}
		joined[name] = mine
	}
	for name, d := range joined {
		if have := f.devices[name]; have != nil {
			*have = *d // whoever holds it goes on with it
		} else {
			f.devices[name] = d
		}
	}
	f.notes = mergeWords(f.notes, o.notes, maxNotes, maxWords)
	return nil
}

// Report returns the report: devices most serious first, and what only shows in the fleet as a whole.
func (f *Fleet) Report() *FleetReport { return f.ReportBetween(func() {}) }

// ReportBetween is Report for those who can't wait until it is made, which takes about a millisecond for each device: between is called
// after each of them, and may bring devices up to date and add others, which are then not in the report. Each device is reported as it
// was at one moment of that time.
func (f *Fleet) ReportBetween(between func()) *FleetReport {
	all := f.Devices()
	r := &FleetReport{Plan: f.plan, PlanHash: f.plan.Hash(), State: TooEarly, Notes: slices.Clone(f.notes), Devices: make([]DeviceReport, len(all))}
	// Where there are several, the fleet as a whole is one more that can be wrongly accused.
	looked := len(all)
	if looked > 1 {
		looked++
	}
	combined := make([]float64, len(all))
	for i, d := range all {
		r.Devices[i] = d.report(looked)
		combined[i] = r.Devices[i].Combined
		r.Synthetic = r.Synthetic || d.Computed
		if !d.First.IsZero() && (r.First.IsZero() || d.First.Before(r.First)) {
			r.First = d.First
		}
		if d.Now.After(r.Last) {
			r.Last = d.Now
		}
		between()
	}
	rejected, threshold, err := EBH(combined, f.plan.Alpha)
	if err != nil { // a plan that is not complete
		rejected, threshold = make([]bool, len(all)), math.MaxFloat64
	}
	r.Threshold = threshold
	for i := range r.Devices {
		r.Devices[i].finish(rejected[i], threshold)
		r.State = worse(r.State, r.Devices[i].State)
	}
	if len(all) > 1 {
		r.Findings = f.together(all, looked, r.Last)
		for _, f := range r.Findings {
			r.State = worse(r.State, f.State)
		}
	}
	slices.SortStableFunc(r.Devices, moreSerious)
	return r
}

// together returns the findings of the fleet as a whole.
func (f *Fleet) together(all []*Device, looked int, now time.Time) []Finding {
	c := &context{plan: f.plan, now: now, threshold: f.plan.threshold(looked)}
	var luck luckTest
	for _, d := range all {
		luck.join(&d.Tests.Luck) // side by side
		of := d.context(looked)
		c.shares = addClamped(c.shares, of.shares)
		c.exposure += of.exposure
		c.seconds += of.seconds
		c.perSecond += of.perSecond
		c.work += of.work
		c.best = max(c.best, of.best)
		c.proven.Estimate += of.proven.Estimate
		c.proven.Low += of.proven.Low
		c.proven.High += of.proven.High
	}
	var findings []Finding
	for _, one := range []Finding{luck.finding(c), coordinated(f.plan, all)} {
		if one.Test != "" {
			one.tidy()
			findings = append(findings, one)
		}
	}
	sortFindings(findings)
	return findings
}

// moreSerious orders devices: alarms first, facts before evidence, then by the combined e-value, then by name.
func moreSerious(a, b DeviceReport) int {
	rank := map[State]int{Alarm: 0, Clear: 1, TooEarly: 2, NotApplicable: 3}
	first := func(r *DeviceReport) int {
		if r.State != Alarm || len(r.Findings) == 0 {
			return 0
		}
		return testOrder(r.Findings[0].Test)
	}
	return cmp.Or(cmp.Compare(rank[a.State], rank[b.State]), cmp.Compare(first(&a), first(&b)), cmp.Compare(b.Combined, a.Combined),
		strings.Compare(a.Device, b.Device))
}

// fleetJSON is a Fleet as JSON.
type fleetJSON struct {
	Version int              `json:"version"`
	Plan    *Plan            `json:"plan"`
	Hash    string           `json:"plan_hash"`
	Notes   []string         `json:"notes,omitempty"`
	Devices []jsontext.Value `json:"devices"` // of deviceState
}

// MarshalJSON returns all of the state, with the plan and its hash, as a JSON object that UnmarshalJSON reads.
func (f *Fleet) MarshalJSON() ([]byte, error) {
	j := fleetJSON{Version: stateVersion, Plan: f.plan, Hash: f.plan.Hash(), Notes: f.notes, Devices: []jsontext.Value{}}
	for _, d := range f.Devices() {
		text, err := json.Marshal(&d.deviceState, stateOptions)
		if err != nil {
			return nil, err
		}
		j.Devices = append(j.Devices, text)
	}
	return json.Marshal(j, stateOptions)
}

// UnmarshalJSON reads what MarshalJSON writes and nothing else; on an error f stays as it was. A fleet that already has a plan takes no
// state of another.
func (f *Fleet) UnmarshalJSON(text []byte) error {
	var j fleetJSON
	if err := unmarshalState(text, &j); err != nil {
		return fmt.Errorf("state of a fleet: %w", err)
	}
	if err := checkVersion(j.Version); err != nil {
		return fmt.Errorf("state of a fleet: %w", err)
	}
	if j.Plan == nil {
		return errors.New("state of a fleet: want version, plan, its hash and devices")
	}
	plan, err := samePlan(f.plan, j.Plan)
	if err != nil {
		return fmt.Errorf("state of a fleet: %w", err)
	}
	if hash := plan.Hash(); hash != j.Hash {
		return fmt.Errorf("state of a fleet: the plan's hash is %.12s, not %.12s: it was changed afterwards", hash, j.Hash)
	}
	if len(j.Devices) > maxFleet {
		return fmt.Errorf("state of a fleet: %w", tooMany("devices", len(j.Devices), maxFleet))
	}
	if err := checkWords("notes", j.Notes, maxNotes, maxWords); err != nil {
		return fmt.Errorf("state of a fleet: %w", err)
	}
	read := NewFleet(plan)
	read.notes = j.Notes
	for i, text := range j.Devices {
		if len(text) > maxDeviceJSON {
			return fmt.Errorf("state of a fleet: device %d has %d bytes: want at most %d", i, len(text), maxDeviceJSON)
		}
		d := &Device{plan: plan}
		if err := unmarshalDevice(text, &d.deviceState); err != nil {
			return fmt.Errorf("state of a fleet: device %d: %w", i, err)
		}
		if err := d.restore(); err != nil {
			return fmt.Errorf("state of a fleet: device %.40q: %w", d.Label, err)
		}
		if read.devices[d.Label] != nil {
			return fmt.Errorf("state of a fleet: device %.40q is there twice", d.Label)
		}
		read.devices[d.Label] = d
	}
	*f = *read
	return nil
}
