package share

import (
	"container/list"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
)

// sessionTip is a previous block, as a session saw it.
type sessionTip struct {
	tip      *tip
	jobs     []*issued
	replaced bool // by another, at the time since
	since    time.Time
	waiting  *list.Element // in the session's replaced; nil if it is not there
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
	replaced list.List // of those that are replaced since a known time, in the order in which they were
}

// turn makes prev the newest previous block, if it is not. It reports whether there was room for it; without, nothing is changed.
func (s *Session) turn(prev chainhash.Hash, now time.Time) bool {
	before, t := s.newest, s.tips.all[prev]
	switch {
	case t != nil && t == before:
		return true
	case t != nil && t.forgotten(now): // but not yet by forget: the clock had jumped
		s.release(t, now)
		t = nil
	}
	if t != nil {
		s.validator.touch(t.tip, now)
		s.tips.keep(t)
	} else {
		shared := s.validator.acquire(prev, now)
		if shared == nil {
			return false
		}
		t = &sessionTip{tip: shared}
		if s.tips.all == nil {
			s.tips.all = make(map[chainhash.Hash]*sessionTip)
		}
		s.tips.all[prev] = t
	}
	if before != nil {
		s.tips.replace(before, now)
	}
	s.newest = t
	return true
}

// replace notes that another tip took the place of t, the newest until now.
func (ts *sessionTips) replace(t *sessionTip, now time.Time) {
	t.replaced, t.since = true, now
	if !now.IsZero() { // else it is never forgotten
		t.waiting = ts.replaced.PushBack(t)
	}
}

// keep notes that t does not wait to be forgotten any more.
func (ts *sessionTips) keep(t *sessionTip) {
	t.replaced = false
	if t.waiting != nil {
		ts.replaced.Remove(t.waiting)
		t.waiting = nil
	}
}

// forget drops what is too old to be credited at the time now. After a jump of the clock some of it may stay longer.
func (s *Session) forget(now time.Time) {
	for e := s.tips.replaced.Front(); e != nil && e.Value.(*sessionTip).forgotten(now); e = s.tips.replaced.Front() {
		s.release(e.Value.(*sessionTip), now)
	}
}

// release drops a tip and its jobs.
func (s *Session) release(t *sessionTip, now time.Time) {
	s.tips.keep(t)
	delete(s.tips.all, t.tip.prev)
	for _, is := range t.jobs {
		delete(s.jobs, is.job.work.ID)
		s.validator.giveJob(is.job)
	}
	t.jobs = nil
	s.validator.release(t.tip, now)
}
