package serve

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sort"
	"time"

	"github.com/touchstone-btc/touchstone/audit"
	"github.com/touchstone-btc/touchstone/stratum"
	"github.com/touchstone-btc/touchstone/work/share"
)

// replaySession is one connection of a recording. It is the Handler of its onlooker.
type replaySession struct {
	rec        *recording
	name       string
	link       string // the device's side, where this is the pool's side of a proxy that rewrites
	onlooker   *stratum.Onlooker
	now        time.Time // of the line being read
	line       int64
	jobs       uint64 // that the stretch knows
	stretch    *stretch
	unanswered unanswered
	replied    bool // the line being read is the answer to a share
	// interruptions are those of the recording that the onlooker was told of.
	interruptions int64
	outstanding   int           // requests, as far as the recording knows
	audit         *AuditSession // nil if nobody is told
	restating     bool          // the line being read is restated

	age aged[replaySession] // by its latest line
}

// replayed is a share on its way to its report.
type replayed struct {
	report  ShareReport
	session *replaySession
	number  uint64 // among the session's
	turns   uint64 // of its connection: until it was submitted, then between that and the reply
	size    int    // bytes of its text
	from    *stretchWorker
	worker  *workerTally
	audited audit.Share // what an audit needs of it, but for the verdict

	age aged[replayed] // among those that wait for a reply
}

// textSize is how many bytes the fields have.
func textSize(t *share.Text) int {
	return len(t.Worker) + len(t.JobID) + len(t.Extranonce2) + len(t.Time) + len(t.Nonce) + len(t.VersionBits)
}

// unanswered are the shares of a session without a reply, by their numbers.
type unanswered struct {
	all  []numbered // in order of their numbers; nothing waits for those whose share is nil
	head int        // those before it are gone
	live int
}

type numbered struct {
	number uint64
	share  *replayed
}

func (w *unanswered) put(number uint64, s *replayed) {
	if len(w.all) == cap(w.all) {
		w.tidy()
	}
	w.all = append(w.all, numbered{number, s})
	w.live++
}

// take removes a share and returns it, nil if it is gone.
func (w *unanswered) take(number uint64) *replayed {
	i := w.head
	if i < len(w.all) && w.all[i].number != number { // pools mostly answer in order
		left := w.all[w.head:]
		i += sort.Search(len(left), func(k int) bool { return left[k].number >= number })
	}
	if i == len(w.all) || w.all[i].number != number || w.all[i].share == nil {
		return nil
	}
	s := w.all[i].share
	w.all[i].share = nil
	w.live--
	for w.head < len(w.all) && w.all[w.head].share == nil {
		w.head++
	}
	if w.live == 0 {
		w.all, w.head = w.all[:0], 0
	}
	if cap(w.all) > fewUnanswered && w.live < cap(w.all)/8 {
		w.tidy()
	}
	return s
}

// fewUnanswered take so little memory that it is kept.
const fewUnanswered = 16

// tidy drops what is gone, and gives back memory that is not needed any more. There is room for as many again as wait, so that
// it is not called often.
func (w *unanswered) tidy() {
	all := w.all[:0]
	if size := max(2*w.live, fewUnanswered); size <= cap(w.all)/2 || w.live > cap(w.all)/2 {
		all = make([]numbered, 0, size)
	}
	for _, n := range w.all[w.head:] {
		if n.share != nil {
			all = append(all, n)
		}
	}
	w.all, w.head = all, 0
}

// observe takes in a line of the session.
func (s *replaySession) observe(l *stratum.Line) error {
	s.now, s.line = l.Time, l.Number
	if s.interruptions != s.rec.interruptions {
		s.interrupted()
	}
	if s.stretch.end.Sub(l.Time) > clockBack {
		s.renew() // the clock was set
		s.tellAudit(auditEvent{what: auditInterrupted, now: l.Time})
	}
	s.stretch.advance(l.Time)
	err := s.onlooker.Observe(l.From, l.Bytes(), l.Time, s)
	if l.From == stratum.FromPool && !s.replied {
		s.lookForJob(l.Time)
	}
	s.replied = false
	s.limit()
	return err
}

// restate takes in a line that repeats what was said before. What can't be read was told of where it was said first.
func (s *replaySession) restate(l *stratum.Line) {
	s.line = l.Number
	if s.now.IsZero() {
		s.now = l.Time
	}
	if s.interruptions != s.rec.interruptions {
		s.interrupted()
	}
	s.restating = true
	taken, _ := s.onlooker.Restate(l.From, l.Bytes(), l.Time, s)
	s.restating = false
	if taken && l.From == stratum.FromPool {
		s.lookForJob(s.now)
	}
	s.replied = false
	s.limit()
}

// limit keeps what waits in all sessions of a recording within bounds.
func (s *replaySession) limit() {
	r := s.rec
	for {
		n := s.onlooker.Outstanding()
		r.outstanding += n - s.outstanding
		s.outstanding = n
		if r.outstanding <= maxOutstanding || n <= fewOutstanding {
			return
		}
		s.onlooker.Forget(s)
	}
}

// interrupted says that lines before this one could not be read, one of which may have been of this session.
func (s *replaySession) interrupted() {
	s.interruptions = s.rec.interruptions
	s.onlooker.Gap("a line before could not be read, and may have been of this session", s)
	s.renew()
	s.tellAudit(auditEvent{what: auditInterrupted, now: s.now})
}

// lookForJob tells the stretch what the newest job asks of a share.
func (s *replaySession) lookForJob(now time.Time) {
	target, jobs, known := s.onlooker.Sessions()[0].Newest()
	if jobs == s.jobs {
		return
	}
	s.jobs = jobs
	if !known {
		s.renew()
		return
	}
	s.stretch.job(target, now)
}

// renew ends the stretch. The next begins with the next job.
func (s *replaySession) renew() {
	if s.link == "" { // else its shares prove nothing: they crossed the other side before
		s.rec.ended = append(s.rec.ended, s.stretch)
	}
	s.rec.parts -= len(s.stretch.workers)
	s.stretch = s.stretch.next()
	s.rec.parts += len(s.stretch.workers)
}

// leave counts what there is to count of the session as a whole.
func (s *replaySession) leave() {
	s.renew()
	s.rec.parts -= len(s.stretch.workers)
	s.rec.replay.unmatchedReplies += int64(s.onlooker.Unmatched())
}

// Submitted is a mining.submit.
func (s *replaySession) Submitted(sub *stratum.Submit) {
	r := s.rec
	h := r.newShare()
	h.session, h.number, h.turns = s, sub.Number, s.onlooker.Turns()
	if h.report.Link = s.link; s.link == "" {
		h.worker = r.replay.worker(sub.Submission.Text.Worker)
		h.from = s.part(h.worker)
	}
	h.report.File, h.report.Line, h.report.Time, h.report.Session = r.name, s.line, s.now, s.name
	h.report.Text = *sub.Submission.Text
	h.report.Sent, _ = s.onlooker.Sessions()[0].JobSent(sub.Submission.JobID)
	h.size = textSize(&h.report.Text)
	s.unanswered.put(sub.Number, h)
	if s.audit != nil {
		auditShareOf(&h.audited, &sub.Submission, s.now)
		s.tellAudit(auditEvent{what: auditShare, now: s.now, late: h})
	}
	r.add(s.onlooker.Sessions(), &sub.Submission, h)
}

// part returns the worker's part of the stretch. If there are too many of all sessions, the stretch ends, and with it the time that
// counts, until the next job.
func (s *replaySession) part(w *workerTally) *stretchWorker {
	before := len(s.stretch.workers)
	part := s.stretch.of(w)
	s.rec.parts += len(s.stretch.workers) - before
	if s.rec.parts > maxParts && len(s.stretch.workers) > fewWorkers {
		s.renew()
	}
	return part
}

// Replied is the pool's answer to one.
func (s *replaySession) Replied(number uint64, reply stratum.Reply) {
	s.replied = true
	if h := s.unanswered.take(number); h != nil {
		h.report.Reply, h.report.HasReply, h.report.Replied = reply, true, s.now
		h.turns = s.onlooker.Turns() - h.turns
		s.tellAudit(auditEvent{what: auditAnswered, now: s.now, late: h})
		s.rec.settle(h)
	}
}

// Forgotten says that none will come.
func (s *replaySession) Forgotten(number uint64) {
	if h := s.unanswered.take(number); h != nil {
		s.rec.settle(h)
	}
}

// Assumed says that something was missed.
func (s *replaySession) Assumed(why string) {
	r := s.rec.replay
	r.assumed++
	if r.config.OnAssumed != nil {
		r.config.OnAssumed(s.rec.name, s.line, s.name, why)
	}
}

// idleSession is how long a session must have been silent to give way to another when there are too many: its jobs can't be credited
// any more.
const idleSession = share.Forgotten

// session returns the session of a line, a new one if there is none.
func (r *recording) session(l *stratum.Line) (*replaySession, error) {
	if s := r.list.newest; s != nil && s.name == string(l.Session) {
		return s, nil
	}
	s := r.sessions[string(l.Session)]
	if s != nil {
		r.list.remove(s)
		r.list.add(s)
		return s, nil
	}
	if limit := r.replay.config.MaxSessions; len(r.sessions) >= limit {
		oldest := r.list.oldest
		if l.Time.Sub(oldest.now) < idleSession {
			return nil, fmt.Errorf("session %.40q is one more than the %d that are followed at once: its lines are not read", l.Session, limit)
		}
		r.drop(oldest, oldest.now)
	}
	s = &replaySession{rec: r, name: string(l.Session), stretch: new(stretch)}
	if l.From == stratum.FromTouchstone { // it opens here, if it is no gap that is told at once
		s.interruptions = r.interruptions
	}
	validators := r.validators
	if s.link = linkOf(l); s.link != "" {
		validators = r.linkedValidators()
		r.replay.linkedCount++
	}
	for _, v := range validators {
		r.buf = append(r.buf, v.NewSession())
	}
	if a := r.replay.config.Auditor; a != nil && s.link == "" {
		s.audit = a.Continue(s.name, "", "")
	}
	s.onlooker = r.onlooker.Beside(append([]*share.Session(nil), r.buf...)...)
	r.buf = r.buf[:0]
	r.sessions[s.name] = s
	r.list.add(s)
	r.replay.sessionCount++
	return s, nil
}

// again returns a session in the place of s, of which something was missed, and whose state is said again.
func (r *recording) again(s *replaySession, l *stratum.Line) (*replaySession, error) {
	audited := s.audit
	s.tellAudit(auditEvent{what: auditInterrupted, now: l.Time})
	s.audit = nil // it goes on
	r.drop(s, s.now)
	n, err := r.session(l)
	if err != nil {
		return nil, err
	}
	r.replay.sessionCount--
	if n.link != "" {
		r.replay.linkedCount--
	}
	n.stretch = s.stretch // the workers are the same
	if audited != nil {
		n.audit = audited
	}
	r.parts += len(n.stretch.workers)
	return n, nil
}

// linkOf returns the session whose other side begins with this line, "" if it is none: where a proxy rewrites, its two sides are two
// sessions.
func linkOf(l *stratum.Line) string {
	if l.From != stratum.FromTouchstone || !bytes.Contains(l.Message, []byte(`"link"`)) {
		return ""
	}
	var e struct {
		Event, Link string
	}
	if json.Unmarshal(l.Message, &e) != nil || e.Event != "open" {
		return ""
	}
	return e.Link
}

// linkedValidators returns those of the pool's sides: what crosses them was credited on the device's side before.
func (r *recording) linkedValidators() []*share.Validator {
	if r.linked == nil {
		r.linked = r.replay.newValidators()
	}
	return r.linked
}

// drop ends a session.
func (r *recording) drop(s *replaySession, now time.Time) {
	s.now = now
	s.onlooker.Close(now, s)
	s.tellAudit(auditEvent{what: auditClose, now: now})
	s.limit()
	s.leave()
	r.list.remove(s)
	delete(r.sessions, s.name)
}
