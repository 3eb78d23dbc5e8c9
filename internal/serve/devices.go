package serve

import (
	"time"

	"github.com/touchstone-btc/touchstone/stratum"
	"github.com/touchstone-btc/touchstone/work"
	"github.com/touchstone-btc/touchstone/work/share"
)

// Devices is what is known of the devices that a pool or proxy serves: the source of its status, metrics and live view. It is safe for
// concurrent use, and its memory is bounded.
type Devices struct{}

// NewDevices returns an empty Devices.
func NewDevices() *Devices { return &Devices{} }

// Device is one connection of a device. Its methods are cheap: some hundred nanoseconds at most. Times come in order, with Go's
// monotonic reading.
type Device struct{}

// Connected begins a connection: session is its SessionName, pool the URL of the pool it was joined to, "" where touchstone is the pool.
func (d *Devices) Connected(session, peer, pool string, now time.Time) *Device { return &Device{} }

// Is tells who the device is, as far as it has said: user agent and worker may be "".
func (d *Device) Is(userAgent, worker string) {}

// Target says what shares of later jobs must meet, when a job was sent.
func (d *Device) Target(t work.Target, now time.Time) {}

// Judged adds our verdict on a submission; err is why it could not be judged.
func (d *Device) Judged(v *share.Verdict, err error, now time.Time) {}

// Said adds the pool's answer to a submission that we judged so; latency is the time from the submission to the answer.
func (d *Device) Said(v *share.Verdict, err error, r stratum.Reply, latency time.Duration) {}

// Forwarded adds the time that a message spent inside the proxy.
func (d *Device) Forwarded(inside time.Duration) {}

// Missed adds messages that could not be judged, because the judge did not keep up.
func (d *Device) Missed(messages int) {}

// Gone ends the connection.
func (d *Device) Gone(now time.Time) {}
