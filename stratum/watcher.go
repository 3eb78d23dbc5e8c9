package stratum

import (
	"time"

	"github.com/touchstone-btc/touchstone/work"
	"github.com/touchstone-btc/touchstone/work/share"
)

// Watcher is a Handler that wants to know more of a connection than what becomes of its shares: who is there, and what work it was
// given. An Onlooker tells it too, in the order of the messages. Of what a recording restates, it hears when that crossed the wire.
type Watcher interface {
	Handler
	// Subscribed is called for each mining.subscribe, with what the device calls itself; "" if it does not say.
	Subscribed(agent string, now time.Time)
	// Authorized is called when the pool lets a worker in.
	Authorized(worker string, now time.Time)
	// Offered is called for each job that shares can be judged for.
	Offered(o Offer, now time.Time)
	// Unknown is called when the pool sent something that may have been a job, and shares for it can't be judged: until the next
	// Offered, nobody knows what the device works on.
	Unknown(now time.Time)
	// Redirected is called for each client.reconnect. m holds only during the call.
	Redirected(m *Message, now time.Time)
	// Heard is called for each message of the device that could be read and is no submission.
	Heard(now time.Time)
}

// Offer is a job as it was sent.
type Offer struct {
	Job *share.Job
	// Clean says that work on earlier jobs is to stop.
	Clean bool
	// Target is what its shares have to reach, Mask the version bits that were granted until then.
	Target work.Target
	Mask   uint32
}

// watch calls f if h wants to know more.
func watch(h Handler, f func(w Watcher)) {
	if w, ok := h.(Watcher); ok {
		f(w)
	}
}
