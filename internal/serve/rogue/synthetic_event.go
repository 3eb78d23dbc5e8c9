package rogue

import (
	"time"

	"github.com/touchstone-btc/touchstone/audit"
	"github.com/touchstone-btc/touchstone/work/share"
)

// What is something that happens to a device.
type What uint8

// What happens.
const (
	Opened  What = iota + 1 // it connects
	Closed                  // its connection ends
	GotJob                  // it is given work: Event.Job
	Sent                    // it sends a share: Event.Share, for Event.Job
	Claimed                 // it is asked what it computes: Event.Rate
)

// Event is something that happens to a synthetic device.
type Event struct {
	Time time.Time
	What What
	// Device is whose it is, Session its connection.
	Device, Session string
	// Job is the new one, or that of the share, which may not be the newest. It is not used again.
	Job *audit.Job
	// Share is what was sent, in the words of an audit.
	Share audit.Share
	// Rate is the claimed one, in hashes per second.
	Rate float64

	random [2]uint64 // the end of the hash
}

// Tell tells an audit of the event, as if it had been seen. A device that was told of one is marked as synthetic.
func (e *Event) Tell(d *audit.Device) {
	switch e.What {
	case Opened:
		d.Synthetic()
		d.Open(e.Time, "synthetic")
	case Closed:
		d.Close(e.Time)
	case GotJob:
		d.Job(e.Job)
	case Sent:
		d.Share(&e.Share)
		credited := e.Share.Word.Credited()
		d.Answered(credited, credited, false)
	case Claimed:
		c := audit.Claim{Time: e.Time, Rate: e.Rate, Source: "synthetic"}
		c.Accepted, c.Rejected, c.Stale, c.DifficultyAccepted, c.BestShare, c.Uptime = nan, nan, nan, nan, nan, nan
		d.Claim(&c)
	}
}

// outgoing is a share on its way from the device to the pool.
type outgoing struct {
	at         time.Duration // since the start
	order      uint64        // among those of one moment
	job        *audit.Job
	difficulty float64
	nonce      uint32
	bits       uint32
	extranonce uint64
	copy       bool // it was sent before
	random     [2]uint64
}

// judge says what becomes of a share that reaches the pool while tip is what its newest job builds on.
func (o *outgoing) judge(tip uint64) (word share.Word, block bool) {
	block = o.difficulty >= o.job.Network
	switch {
	case o.job.Tip != tip:
		return share.Stale, block
	case o.difficulty < o.job.Difficulty:
		return share.LowDifficulty, block
	case o.copy:
		return share.Duplicate, block
	case block:
		return share.Block, block
	}
	return share.Accepted, false
}

// outbox holds shares on their way, the first to arrive on top.
type outbox []outgoing

func (b outbox) before(i, k int) bool {
	if b[i].at != b[k].at {
		return b[i].at < b[k].at
	}
	return b[i].order < b[k].order
}

func (b *outbox) push(o outgoing) {
	*b = append(*b, o)
	h := *b
	for i := len(h) - 1; i > 0; {
		up := (i - 1) / 2
		if !h.before(i, up) {
			return
		}
		h[i], h[up] = h[up], h[i]
		i = up
	}
}

func (b *outbox) pop() outgoing {
	h := *b
	top, last := h[0], len(h)-1
	h[0] = h[last]
	h[last] = outgoing{}
	h = h[:last]
	*b = h
	for i := 0; ; {
		down := 2*i + 1
		if down >= last {
			return top
		}
		if down+1 < last && h.before(down+1, down) {
			down++
		}
		if !h.before(down, i) {
			return top
		}
		h[i], h[down] = h[down], h[i]
		i = down
	}
}
