package audit

import "time"

// Device is the audit of one machine, brought up to date event by event: constant memory, whatever its history. Times are the
// auditor's, in the order in which things happened; one that goes back is taken for the latest so far, and noted. It is for one
// goroutine.
type Device struct {
	name string
	plan *Plan
}

// NewDevice returns the audit of a machine that has not been seen yet. The plan must be complete.
func NewDevice(name string, plan *Plan) *Device { return &Device{name: name, plan: plan} }

// Name returns the device's name.
func (d *Device) Name() string { return d.name }

// Open says that the machine connected, and as what (its user agent; "" if it does not say).
func (d *Device) Open(now time.Time, agent string) {}

// Close says that the connection ended. From then on no share can come.
func (d *Device) Close(now time.Time) {}

// Interrupted says that the recording missed something until now: nothing is known since the last event, and nothing counts until
// the next Job.
func (d *Device) Interrupted(now time.Time) {}

// Heard says that the connection lives at this moment: any message of the device that is no share, or a new answer.
func (d *Device) Heard(now time.Time) {}

// Job says that the device was given work.
func (d *Device) Job(j *Job) {}

// Share says that a share came. s is not kept.
func (d *Device) Share(s *Share) {}

// Answered says what the pool answered to a share. credited is our verdict; crossed says that a new block came in between.
func (d *Device) Answered(accepted, credited, crossed bool) {}

// Claim says what the machine claims. c is not kept.
func (d *Device) Claim(c *Claim) {}

// Redirected says that the pool told the machine to go elsewhere (client.reconnect), another registrable domain or not.
func (d *Device) Redirected(now time.Time, to string, elsewhere bool) {}

// Synthetic says that what is told of this device was computed, not seen.
func (d *Device) Synthetic() {}

// Note keeps something that is wrong or unknown about the record, in words. The same words are kept once, up to a limit.
func (d *Device) Note(words string) {}

// Advance says that it is now, and nothing else happened.
func (d *Device) Advance(now time.Time) {}

// Merge adds what o saw of the same machine at a later time. o stays as it is. An error means that the two don't fit (another plan,
// or times that overlap), and then d stays as it was.
func (d *Device) Merge(o *Device) error { return nil }

// Report returns what is to be said up to the latest event. It changes nothing.
func (d *Device) Report() DeviceReport { return DeviceReport{Device: d.name} }

// MarshalJSON and UnmarshalJSON keep all of the state.
func (d *Device) MarshalJSON() ([]byte, error)    { return []byte("{}"), nil }
func (d *Device) UnmarshalJSON(text []byte) error { return nil }
