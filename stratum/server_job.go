package stratum

import (
	"math"
	"time"

	"github.com/touchstone-btc/touchstone/work"
	"github.com/touchstone-btc/touchstone/work/share"
)

// ServerJob is a job as it is sent: made once for all sessions that get it. It is not changed, and safe to share.
type ServerJob struct {
	Job *share.Job
	// Clean says that all jobs before it shall be dropped.
	Clean bool

	line    []byte      // the mining.notify
	network work.Target // zero if nobody knows it
	hardest difficulty  // that a share may have
}

// difficulty is one as it is sent, with the target that a miner reads from it.
type difficulty struct {
	number float64
	target work.Target
}

// NewServerJob returns a job to send.
func NewServerJob(j *share.Job, clean bool) *ServerJob {
	w := j.Work()
	s := &ServerJob{Job: j, Clean: clean, line: AppendNotify(nil, w, clean), network: w.Target}
	if s.network.IsZero() {
		if t, negative, overflow := w.Bits.Target(); !negative && !overflow {
			s.network = t
		}
	}
	if !s.network.IsZero() {
		s.hardest = hardest(s.network)
	}
	return s
}

// Line returns the mining.notify, with the line feed that ends it. It must not be changed.
func (j *ServerJob) Line() []byte { return j.line }

// hardest returns the highest difficulty that can be sent whose target is not below t, which is not 0.
func hardest(t work.Target) difficulty {
	d := t.Difficulty()
	for {
		target, err := DifficultyTarget(d)
		if err == nil && target.Cmp(t) >= 0 {
			return difficulty{d, target}
		}
		d = math.Nextafter(d, 0) // Difficulty is right to the last bit or next to it, so this ends at once
	}
}

// bounded returns d, or what the job's network bounds it to.
func (j *ServerJob) bounded(d difficulty) difficulty {
	if !j.network.IsZero() && d.target.Cmp(j.network) < 0 {
		return j.hardest
	}
	return d
}

// Offer sends a job, if the miner is ready for it, after its difficulty if that changed. The job that was sent last is not sent again.
// The difficulty is never above the network's of the job. IDs of jobs must not come again in a session: a share that names one counts as
// one of the newest job with it.
//
// A job that can't be judged is not sent: see Err.
func (c *ServerSession) Offer(dst []byte, j *ServerJob, now time.Time) []byte {
	if j == nil || j == c.last || !c.Ready() {
		return dst
	}
	d := j.bounded(c.wanted)
	changed := d != c.sent
	if changed {
		c.shares.SetTarget(d.target)
	}
	if c.err = c.shares.AddJob(j.Job, j.Clean, now); c.err != nil {
		return dst // nothing was sent: should the difficulty be the same next time, it will still differ from c.sent
	}
	if changed {
		dst = AppendSetDifficulty(dst, d.number)
		c.sent = d
		c.vardiff.restart(now)
	}
	c.last = j
	if c.Offered != nil {
		mask := uint32(0)
		if c.rolling {
			mask = c.mask
		}
		c.Offered(Offer{j.Job, j.Clean, c.sent.target, mask}, now)
	}
	return append(dst, j.line...)
}

// Err returns why the job offered last was not sent, nil if it was: see [share.Session.AddJob]. A connection without work may as well be
// closed, so that the miner can go to another pool.
func (c *ServerSession) Err() error { return c.err }

// Tick lets time pass: where a miner finds fewer shares than wanted, the difficulty goes down. Call it every few seconds.
func (c *ServerSession) Tick(dst []byte, now time.Time) []byte {
	if c.last == nil {
		return dst
	}
	c.want(c.wanted.number) // the bounds may be other ones now
	c.adjust(now)
	return c.retarget(dst, now)
}

// adjust lets vardiff change the difficulty of later jobs.
func (c *ServerSession) adjust(now time.Time) (changed bool) {
	v := c.server.vardiff()
	if v.SharesPerMinute < 0 || c.pending() {
		return false
	}
	factor := c.vardiff.adjust(v.SharesPerMinute, now)
	if factor == 1 {
		return false
	}
	c.want(max(readableDifficulty(c.sent.number*factor), readableDifficulty(c.known/farthestDown)))
	if !c.pending() { // it is at a bound
		c.vardiff.restart(now)
	}
	return true
}

// want sets the difficulty of later jobs, within the bounds.
func (c *ServerSession) want(d float64) {
	d = c.server.vardiff().bound(max(d, c.least, c.suggested))
	if d == c.wanted.number {
		return
	}
	if target, err := DifficultyTarget(d); err == nil { // the bounds see to it
		c.wanted = difficulty{d, target}
	}
}

// pending says that the job sent last has not the difficulty that the next would have.
func (c *ServerSession) pending() bool { return c.last != nil && c.last.bounded(c.wanted) != c.sent }

// retarget sends a job with the difficulty that is wanted now, if there is one. Where it can't be sent, the miner goes on as before.
func (c *ServerSession) retarget(dst []byte, now time.Time) []byte {
	if !c.pending() || !c.Ready() {
		return dst
	}
	return c.Offer(dst, c.server.config.Handler.Job(c, true), now)
}
