package serve

import (
	"encoding/binary"
	"math"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/touchstone-btc/touchstone/audit"
	"github.com/touchstone-btc/touchstone/stratum"
	"github.com/touchstone-btc/touchstone/work/share"
)

// AuditSession is one connection, told of by whoever sees it. Where it begins to be seen in its middle, what was there before is told
// as restated: it is known then, and nothing is counted until the first event that is not.
type AuditSession struct {
	auditor    *Auditor
	name       string
	peer, pool string
	local      string // which of our addresses it is connected to, "" if nobody knows
	agent      string

	begun     bool // its beginning was seen, so its end will be
	watched   bool // an event that tells time was seen
	closed    bool
	synthetic bool
	now       time.Time
	heard     time.Time // when its device said something
	logins    []string  // workers let in before it was watched

	parts []*auditPart
	jobs  []auditJob // the latest, oldest first
	given uint64     // jobs until now
	work  bool       // the latest of jobs is what the device works on
}

// auditPart is one worker of a session.
type auditPart struct {
	session *AuditSession
	worker  *auditedWorker
	slot    *auditSlot // nil if another session has its place, or there are too many devices
	beyond  bool
	base    uint64 // what to add to the session's numbers of jobs
	shares  uint64
}

// auditJob is a job that shares can name.
type auditJob struct {
	id string
	audit.Job
}

// maxAuditJobs is how many jobs of a session are remembered for shares that name them.
const maxAuditJobs = 64

// Open begins a session. name tells it apart from others in the same record; peer is the device's address and pool the pool's URL, ""
// where they are not known.
func (a *Auditor) Open(name, peer, pool string, now time.Time) *AuditSession {
	s := a.Continue(name, peer, pool)
	s.begun = true
	s.observed(now)
	return s
}

// Continue begins a session of which the beginning was not seen.
func (a *Auditor) Continue(name, peer, pool string) *AuditSession {
	return &AuditSession{auditor: a, name: strings.Clone(name), peer: peer, pool: pool}
}

// From says what an opening tells that came later.
func (s *AuditSession) From(peer, pool string) {
	if s.peer == "" {
		s.peer = peer
	}
	if s.pool == "" {
		s.pool = pool
	}
}

// gone reports whether the session may be over, though nobody said so: its device has been silent. Where neither beginnings nor ends are
// seen, it is over as soon as another comes; unless it was seen that several machines use the name.
func (s *AuditSession) gone(now time.Time, several bool) bool {
	if !s.begun && !several {
		return true
	}
	return now.Sub(s.heard) >= silentSession
}

// observed notes the time of an event, and begins to watch.
func (s *AuditSession) observed(now time.Time) {
	s.now = now
	if s.watched {
		return
	}
	s.watched, s.heard = true, now
	for _, worker := range s.logins {
		s.attach(worker, now, false)
	}
	s.logins = nil
}

// Subscribed says what the device calls itself.
func (s *AuditSession) Subscribed(agent string) { s.agent = cutName(agent) }

// Authorized says that a worker was let in. restated says that it was before, at a time that does not count.
func (s *AuditSession) Authorized(worker string, now time.Time, restated bool) {
	if restated && !s.watched {
		if len(s.logins) < maxAuditWorkers && !slices.Contains(s.logins, worker) {
			s.logins = append(s.logins, worker)
		}
		return
	}
	if restated && now.Before(s.now) {
		now = s.now
	}
	s.observed(now)
	s.attach(worker, now, false)
}

// part returns a worker's part, nil if there is none.
func (s *AuditSession) part(worker string) *auditPart {
	for _, p := range s.parts {
		if p.worker.name == worker {
			return p
		}
	}
	return nil
}

// attach makes a worker one of the session. late says that it came with a share: time passed before it counts for nobody, and so must
// the share.
func (s *AuditSession) attach(worker string, now time.Time, late bool) *auditPart {
	if p := s.part(worker); p != nil {
		s.place(p, now, late)
		return p
	}
	if len(s.parts) >= maxAuditWorkers || s.closed {
		return nil
	}
	p := &auditPart{session: s, worker: s.auditor.worker(worker)}
	s.parts = append(s.parts, p)
	s.place(p, now, late)
	return p
}

// place finds a device for a part that has none.
func (s *AuditSession) place(p *auditPart, now time.Time, late bool) {
	if p.slot != nil || p.beyond {
		return
	}
	slot := s.auditor.slot(p.worker, s, now)
	if slot == nil {
		p.beyond = true
		s.auditor.drop(p.worker)
		return
	}
	p.slot, p.base = slot, slot.jobs-s.given
	slot.part, slot.host, slot.agent = p, hostOf(s.peer), s.agent
	at := slot.at(now)
	if slot.left {
		slot.left = false
		slot.device.Interrupted(at)
	}
	if s.synthetic {
		slot.device.Synthetic()
	}
	slot.device.Open(at, s.agent)
	if s.local != "" {
		slot.device.Reached(s.local)
	}
	if !s.begun {
		slot.device.Note(unseenEnds)
	}
	if s.work && !late {
		s.give(p, at)
	}
}

const unseenEnds = "The beginning or the end of connections was not recorded: silence before the first share and after the last cannot be told from not being there."

// give tells a part's device of the latest job.
func (s *AuditSession) give(p *auditPart, at time.Time) {
	j := s.jobs[len(s.jobs)-1].Job
	if j.Time.Before(at) && !j.Late {
		j.Time = at // when this device got it
	}
	j.Number += p.base
	p.slot.jobs = j.Number
	p.slot.device.Job(&j)
}

// each calls f for the devices of the session.
func (s *AuditSession) each(f func(p *auditPart, d *audit.Device)) {
	for _, p := range s.parts {
		if p.slot != nil {
			f(p, p.slot.device)
		}
	}
}

// Job says that the device was given work, which shares name by id. Its Number is not read. restated says that this was before, at a
// time that does not count.
func (s *AuditSession) Job(id string, j audit.Job, restated bool) {
	if restated && !s.watched {
		s.now = j.Time
		s.keep(id, j)
		return
	}
	if restated { // at a time that is told already
		j.Time, j.Late = s.now, true
	}
	s.observed(j.Time)
	s.keep(id, j)
	s.each(func(p *auditPart, d *audit.Device) { s.give(p, p.slot.at(s.now)) })
}

func (s *AuditSession) keep(id string, j audit.Job) {
	s.given++
	j.Number = s.given
	if len(s.jobs) == maxAuditJobs {
		s.jobs = s.jobs[:copy(s.jobs, s.jobs[maxAuditJobs/4:])]
	}
	s.jobs = append(s.jobs, auditJob{strings.Clone(id), j})
	s.work = true
}

// job returns a job that is remembered, nil if it is not.
func (s *AuditSession) job(id []byte) *auditJob {
	for i := len(s.jobs) - 1; i >= 0; i-- {
		if s.jobs[i].id == string(id) {
			return &s.jobs[i]
		}
	}
	return nil
}

// number returns the number of a job, 0 if it is not remembered.
func (s *AuditSession) number(id string) uint64 {
	for i := len(s.jobs) - 1; i >= 0; i-- {
		if s.jobs[i].id == id {
			return s.jobs[i].Number
		}
	}
	return 0
}

// NoJob says that nobody knows what the device works on, until the next Job.
func (s *AuditSession) NoJob(now time.Time) {
	if s.work = false; s.watched {
		s.observed(now)
		s.each(func(p *auditPart, d *audit.Device) { d.Interrupted(p.slot.at(now)) })
	}
}

// Interrupted says that something of the session was missed until now.
func (s *AuditSession) Interrupted(now time.Time) { s.NoJob(now) }

// Heard says that the device said something that is no share.
func (s *AuditSession) Heard(now time.Time) {
	s.observed(now)
	s.heard = now
	s.each(func(p *auditPart, d *audit.Device) { d.Heard(p.slot.at(now)) })
}

// Redirected says that the pool sent the device elsewhere, to host:port; "" is the same pool.
func (s *AuditSession) Redirected(to string, now time.Time) {
	s.observed(now)
	elsewhere := to != "" && !sameDomain(poolHost(s.pool), hostOf(to))
	s.each(func(p *auditPart, d *audit.Device) { d.Redirected(p.slot.at(now), to, elsewhere) })
}

// poolHost returns the host of a pool's URL.
func poolHost(pool string) string {
	u, err := url.Parse(pool)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// Share says that a share came and was judged. job is the ID that it names; the Job of sh is not read, and set. What names a worker that
// was not let in is counted for whoever was.
func (s *AuditSession) Share(worker, job string, sh *audit.Share) {
	s.observed(sh.Time)
	s.heard = sh.Time
	p := s.partOf(worker, sh)
	if p == nil {
		l := s.auditor.limits
		l.mu.Lock()
		l.stray++
		l.mu.Unlock()
		return
	}
	late := p.slot == nil
	if late {
		s.place(p, sh.Time, true)
	}
	if p.slot == nil {
		return
	}
	p.shares++
	sh.Time, sh.Job = p.slot.at(sh.Time), 0
	if n := s.number(job); n != 0 && !late {
		sh.Job = n + p.base
	}
	p.slot.device.Share(sh)
	if late && s.work {
		s.give(p, sh.Time)
	}
}

// partOf returns the part that a share is counted for, nil if there is none.
func (s *AuditSession) partOf(worker string, sh *audit.Share) *auditPart {
	if p := s.part(worker); p != nil {
		return p
	}
	if sh.Word == share.Malformed || sh.Word == share.Unauthorized {
		if len(s.parts) > 0 {
			return s.parts[0]
		}
		return nil
	}
	if len(s.parts) >= maxAuditWorkers {
		return nil // not the first one's: it would prove what others did
	}
	// A login that others use, as some farms have it: what it stands for is whoever sends shares.
	for _, p := range s.parts {
		if p.shares == 0 && p.slot != nil {
			p.slot.device.Note("This worker logged in and sent nothing itself: others sent shares over its connection.")
			p.slot.device.Close(p.slot.at(sh.Time))
			p.slot.part, p.slot = nil, nil // until it sends a share
		}
	}
	if s.closed {
		return nil
	}
	p := &auditPart{session: s, worker: s.auditor.worker(worker)}
	s.parts = append(s.parts, p)
	return p
}

// Answered says what the pool answered to a share of a worker.
func (s *AuditSession) Answered(worker string, accepted, credited, crossed bool, now time.Time) {
	s.observed(now)
	if p := s.part(worker); p != nil && p.slot != nil {
		p.slot.device.Answered(accepted, credited, crossed)
	}
}

// Synthetic says that what is told of this session was computed, not seen.
func (s *AuditSession) Synthetic() {
	if s.synthetic {
		return
	}
	s.synthetic = true
	s.each(func(_ *auditPart, d *audit.Device) { d.Synthetic() })
}

// Advance says that it is now, and nothing else happened.
func (s *AuditSession) Advance(now time.Time) {
	if s.watched && !s.closed {
		s.each(func(p *auditPart, d *audit.Device) { d.Advance(p.slot.at(now)) })
	}
}

// Close ends the session.
func (s *AuditSession) Close(now time.Time) {
	if s.closed {
		return
	}
	s.closed = true
	s.each(func(p *auditPart, d *audit.Device) {
		d.Close(p.slot.at(now))
		p.slot.part, p.slot = nil, nil
	})
	s.parts, s.jobs = nil, nil
}

// Leave says that the record of the session ends here, and not the session: whatever comes next of its devices, nobody knows what they
// did until then.
func (s *AuditSession) Leave() {
	if s.closed {
		return
	}
	s.closed = true
	s.each(func(p *auditPart, _ *audit.Device) {
		p.slot.left = true
		p.slot.part, p.slot = nil, nil
	})
	s.parts, s.jobs = nil, nil
}

// Claim says what a machine claims. Where several use the worker's name, nobody knows which.
func (a *Auditor) Claim(worker string, c *audit.Claim) {
	w := a.worker(worker)
	if len(w.slots) == 0 {
		slot := a.newSlot(w)
		if slot == nil {
			a.drop(w)
			return
		}
		w.slots = append(w.slots, slot)
	}
	slot := w.slots[0]
	own := *c
	if own.Time.Before(slot.now) { // it took a while to ask
		own.Time = slot.now
	}
	slot.now = own.Time
	slot.device.Claim(&own)
}

// unsaidClaim returns a claim that says nothing.
func unsaidClaim() *audit.Claim {
	nan := math.NaN()
	return &audit.Claim{Accepted: nan, Rejected: nan, Stale: nan, DifficultyAccepted: nan, BestShare: nan, Uptime: nan}
}

// auditJobOf returns a job as an audit needs it.
func auditJobOf(o *stratum.Offer, now time.Time) audit.Job {
	w := o.Job.Work()
	j := audit.Job{
		Time: now, Clean: o.Clean, Tip: binary.LittleEndian.Uint64(w.PrevBlock[:8]), Difficulty: o.Target.Difficulty(),
		NTime: w.Time, Version: w.Version, Mask: o.Mask,
	}
	if target, negative, overflow := w.Bits.Target(); !negative && !overflow && !target.IsZero() {
		j.Network = target.Difficulty()
	}
	return j
}

// auditShareOf fills in what an audit needs of a share, but for the verdict. sub are its values.
func auditShareOf(dst *audit.Share, sub *share.Submission, now time.Time) {
	*dst = audit.Share{Time: now, Nonce: sub.Nonce, NTime: sub.Time, VersionBits: sub.VersionBits, Bits: sub.HasVersionBits}
	dst.Extranonce2Size = len(sub.Extranonce2)
	copy(dst.Extranonce2[:], sub.Extranonce2)
}

// auditVerdict fills in how it was judged.
func auditVerdict(dst *audit.Share, v *share.Verdict, err error) {
	dst.Word = v.Word
	if err != nil {
		dst.Word = share.NotJudged
	}
	dst.Block, dst.Required, dst.Difficulty = v.Block, v.Required(), v.Difficulty()
}
