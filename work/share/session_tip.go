package share

import (
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
)

// sessionTip is a previous block, as a session saw it.
type sessionTip struct {
	tip      *tip
	jobs     []*issued
	replaced bool // by another, at the time since
	since    time.Time
}

// add adds a job.
func (t *sessionTip) add(is *issued) {
	is.place = len(t.jobs)
	t.jobs = append(t.jobs, is)
}

// remove takes out a job.
func (t *sessionTip) remove(is *issued) {
	last := len(t.jobs) - 1
	t.jobs[is.place] = t.jobs[last]
	t.jobs[is.place].place = is.place
	t.jobs[last] = nil
	t.jobs = t.jobs[:last]
}

// forgotten says that none of the tip's jobs can be credited any more. A clock that jumps back makes it false again, unless
// forget has run.
func (t *sessionTip) forgotten(now time.Time) bool {
	return t.replaced && !now.IsZero() && !t.since.IsZero() && now.Sub(t.since) >= Forgotten
}

// sessionTips are the previous blocks whose jobs a session remembers. A connection may be told of as many as it likes, so nothing
// here takes longer for it.
type sessionTips struct {
	all      map[chainhash.Hash]*sessionTip
	replaced []replacedTip // in the order in which they were
}

// replacedTip is a tip that was replaced at a time, and may have come back since.
type replacedTip struct {
	tip   *sessionTip
	since time.Time
}

// turn makes prev the newest previous block, if it is not.
func (s *Session) turn(prev chainhash.Hash, now time.Time) {
	if s.newest != nil && s.newest.tip.prev == prev {
		return
	}
	if t := s.newest; t != nil {
		t.replaced, t.since = true, now
		s.tips.replaced = append(s.tips.replaced, replacedTip{t, now})
	}
	if t := s.tips.all[prev]; t != nil && t.forgotten(now) { // but not yet by forget: the clock had jumped
		s.release(t, now)
	}
	t := s.tips.all[prev]
	if t != nil {
		t.replaced = false
		s.validator.touch(t.tip, now)
	} else {
		t = &sessionTip{tip: s.validator.acquire(prev, now)}
		if s.tips.all == nil {
			s.tips.all = make(map[chainhash.Hash]*sessionTip)
		}
		s.tips.all[prev] = t
	}
	s.newest = t
}

// forget drops what is too old to be credited at the time now. After a jump of the clock some of it may stay longer.
func (s *Session) forget(now time.Time) {
	old := s.tips.replaced
	for len(old) > 0 {
		t, since := old[0].tip, old[0].since
		if t.replaced && t.since.Equal(since) && !since.IsZero() { // it did not come back, and will be forgotten some time
			if !t.forgotten(now) {
				break
			}
			s.release(t, now)
		}
		old[0] = replacedTip{}
		old = old[1:]
	}
	s.tips.replaced = old
}

// release drops a tip and its jobs.
func (s *Session) release(t *sessionTip, now time.Time) {
	if s.tips.all[t.tip.prev] != t {
		return // dropped before
	}
	delete(s.tips.all, t.tip.prev)
	for _, is := range t.jobs {
		delete(s.jobs, is.job.work.ID)
		s.pay(is.job.cost)
	}
	t.jobs = nil
	s.validator.release(t.tip, now)
}
