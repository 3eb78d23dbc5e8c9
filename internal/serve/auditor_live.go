package serve

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/touchstone-btc/touchstone/audit"
	"github.com/touchstone-btc/touchstone/stratum"
	"github.com/touchstone-btc/touchstone/work/share"
)

// AuditConfig says how a running proxy or pool audits the devices.
type AuditConfig struct {
	// Plan is what is decided beforehand. Default: that of audit.
	Plan *audit.Plan
	// Telemetry are devices that are asked what they say of themselves. Recorded, if there is a recorder.
	Telemetry []TelemetryTarget
	// TelemetryEvery is how long after the beginning of a poll the next one begins. Default: a minute.
	TelemetryEvery time.Duration
}

// LiveAudit audits the devices of a running proxy or pool. What happens is queued, and told to the audit by a goroutine of its own:
// nobody waits for it. What does not fit is missed, and nothing of it counts. If that goroutine panics, the audit suffers and nothing else:
// what a device sends must not end a proxy. A nil LiveAudit does nothing.
type LiveAudit struct {
	auditor *Auditor
	emit    func(Event)
	poller  *TelemetryPoller
	track   *Track // of telemetry
	started time.Time
	clock   func() time.Time

	mu     sync.Mutex
	queue  []auditEvent
	spare  []auditEvent
	missed int // events, since the last that was told
	closed bool
	wake   chan struct{}

	asks chan chan *audit.FleetReport
	done chan struct{}

	// Of the goroutine.
	sessions map[*AuditSession]struct{}
	failed   map[*AuditSession]struct{} // those of which no more is told
	told     map[toldAlarm]bool
	latest   *audit.FleetReport
	took     time.Duration // to make it
	made     time.Time
	checked  time.Time
}

type toldAlarm struct{ device, test string }

const (
	// maxLiveEvents is how many events wait, some 200 bytes each.
	maxLiveEvents = 1 << 16
	// maxLiveDevices is how many devices there are: those that logged in once are remembered, and a report of one takes a millisecond.
	maxLiveDevices = 30_000
	// auditEvery is how often time passes for devices that do nothing, and alarms are looked for; less often if that takes long.
	auditEvery = 5 * time.Second
	// auditShare is the part of the time that looking may take: one of so many.
	auditShareOfTime = 20
	// freshReport is how old a report may be that somebody asks for; or as old as so many times the time it took to make it.
	freshReport = 2 * time.Second
	freshShare  = 4
	// maxToldAlarms bounds what is remembered of alarms.
	maxToldAlarms = 1 << 18
)

var (
	errAuditOff   = errors.New("nothing is audited")
	errAuditEnded = errors.New("the audit has ended")
)

// newLiveAudit returns an audit that does not run yet; nil if c is.
func newLiveAudit(c *AuditConfig, emit func(Event)) (*LiveAudit, error) {
	if c == nil {
		return nil, nil
	}
	plan := c.Plan
	if plan == nil {
		var err error
		if plan, err = (audit.Plan{}).Complete(); err != nil {
			return nil, err
		}
	}
	l := &LiveAudit{
		auditor: NewAuditor(audit.NewFleet(plan)), emit: emit, clock: time.Now, started: time.Now(), wake: make(chan struct{}, 1),
		asks: make(chan chan *audit.FleetReport), done: make(chan struct{}), sessions: map[*AuditSession]struct{}{},
		failed: map[*AuditSession]struct{}{}, told: map[toldAlarm]bool{},
	}
	l.auditor.limits.max = maxLiveDevices
	if len(c.Telemetry) > 0 {
		var err error
		if l.poller, err = NewTelemetryPoller(TelemetryConfig{Targets: c.Telemetry, Interval: c.TelemetryEvery, OnPoll: l.polled}); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// polled takes in what a device said of itself.
func (l *LiveAudit) polled(p *TelemetryPoll) {
	if l.track != nil {
		p.Record(l.track)
	}
	defer func() {
		if cause := recover(); cause != nil {
			l.emit(AuditFailed{Device: p.Worker, Error: fmt.Sprint(cause)})
		}
	}()
	if claim, said := p.Claim(); said {
		l.put(&auditEvent{what: auditClaim, auditor: l.auditor, text: p.Worker, claim: &claim, now: p.Time}, nil)
	}
}

// poll asks devices until ctx ends.
func (l *LiveAudit) poll(ctx context.Context, r *Recorder) {
	if l == nil || l.poller == nil {
		return
	}
	l.track = r.Open(SessionName(), Opening{}, l.clock())
	l.poller.Run(ctx)
	l.track.Close(l.clock())
}

// put queues an event; of is the session it is of, nil for none. It does not wait.
func (l *LiveAudit) put(e *auditEvent, of *liveSession) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	if len(l.queue) >= maxLiveEvents && e.what != auditClose {
		l.missed++
		if of != nil {
			of.lost = true
		}
		return
	}
	if of != nil && of.lost {
		of.lost = false
		l.queue = append(l.queue, auditEvent{of: of.session, what: auditInterrupted, now: e.now})
	}
	l.queue = append(l.queue, *e)
	if len(l.queue) == 1 {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
}

// run tells the audit what happens, until stop is called and all is told.
func (l *LiveAudit) run() {
	defer close(l.done)
	defer func() {
		if cause := recover(); cause != nil { // of a report: nothing can be said any more
			l.mu.Lock()
			l.closed, l.queue = true, nil
			l.mu.Unlock()
			l.emit(AuditFailed{Error: fmt.Sprint(cause)})
		}
	}()
	tick := time.NewTicker(auditEvery)
	defer tick.Stop()
	for {
		select {
		case <-l.wake:
			if l.turn() {
				l.end()
				return
			}
		case <-tick.C:
			if now := l.clock(); now.Sub(l.checked) >= auditShareOfTime*l.took {
				l.look(now)
			}
		case ask := <-l.asks:
			l.turn()
			ask <- l.report(l.clock())
		}
	}
}

// turn tells what is queued, and reports whether nothing more comes.
func (l *LiveAudit) turn() (over bool) {
	l.mu.Lock()
	queue, missed, over := l.queue, l.missed, l.closed
	l.queue, l.missed = l.spare[:0], 0
	l.mu.Unlock()
	if missed > 0 {
		l.emit(AuditBehind{missed})
	}
	for i := range queue {
		e := &queue[i]
		if e.of != nil {
			if e.what == auditClose {
				delete(l.sessions, e.of)
			} else {
				l.sessions[e.of] = struct{}{}
			}
		}
		l.tell(e)
	}
	clear(queue)
	if cap(queue) > 4096 {
		queue = nil
	}
	l.spare = queue
	return over
}

// tell tells the audit of an event. If that panics, no more is told of the session.
func (l *LiveAudit) tell(e *auditEvent) {
	defer func() {
		if cause := recover(); cause != nil {
			l.fault(e, fmt.Sprint(cause))
		}
	}()
	if len(l.failed) > 0 {
		if _, failed := l.failed[e.of]; failed {
			if e.what == auditClose {
				delete(l.failed, e.of)
			}
			return
		}
	}
	e.tell()
}

// fault makes an end of a session of which an event could not be told.
func (l *LiveAudit) fault(e *auditEvent, cause string) {
	failed := AuditFailed{Device: e.text, Error: cause}
	if s := e.of; s != nil {
		failed.Session, failed.Device = s.name, ""
		delete(l.sessions, s)
		if e.what != auditClose {
			l.failed[s] = struct{}{}
		}
		s.closed = true
		for _, p := range s.parts {
			if p.slot != nil {
				failed.Device = p.slot.device.Name()
				p.slot.device.Note("There was a fault in touchstone while this device was audited: what is said of it may be wrong.")
				p.slot.left = true
				p.slot.part, p.slot = nil, nil
			}
		}
		s.parts, s.jobs = nil, nil
	}
	l.emit(failed)
}

// report returns a report of now. What happens while it is made is told meanwhile.
func (l *LiveAudit) report(now time.Time) *audit.FleetReport {
	if l.latest != nil && now.Sub(l.made) < max(freshReport, freshShare*l.took) {
		return l.latest
	}
	for s := range l.sessions {
		s.Advance(now.Add(-auditSlack)) // of the last second, not all that happened is queued
	}
	began := time.Now()
	r := l.auditor.Fleet().ReportBetween(func() { l.turn() })
	r.Made, r.Version = now.UTC(), buildVersion()
	r.Sources = append(r.Sources, audit.Source{Name: "this run", Kind: "live"})
	r.Notes = append(r.Notes, l.auditor.Notes()...)
	l.took, l.latest, l.made = time.Since(began), r, now
	return r
}

// look looks for new alarms.
func (l *LiveAudit) look(now time.Time) *audit.FleetReport {
	l.turn()
	r := l.report(now)
	l.checked = now
	l.alarms("", r.Findings)
	for i := range r.Devices {
		l.alarms(r.Devices[i].Device, r.Devices[i].Findings)
	}
	return r
}

func (l *LiveAudit) alarms(device string, findings []audit.Finding) {
	for i := range findings {
		f := &findings[i]
		key := toldAlarm{device, f.Test}
		if f.State != audit.Alarm || l.told[key] || len(l.told) >= maxToldAlarms {
			continue
		}
		l.told[key] = true
		l.emit(AuditAlarm{device, f.Test, string(f.Kind), f.Words, f.Limits, f.LogE, f.FalseAlarms, f.Since})
	}
}

// end tells what is left to be told.
func (l *LiveAudit) end() {
	l.latest = nil
	r := l.look(l.clock())
	ended := AuditEnded{Devices: len(r.Devices), Named: []string{}}
	for i := range r.Devices {
		switch d := &r.Devices[i]; d.State {
		case audit.Alarm:
			if ended.Alarms++; len(ended.Named) < 100 {
				ended.Named = append(ended.Named, d.Device)
			}
		case audit.Clear:
			ended.Clear++
		default:
			ended.TooEarly++
		}
	}
	l.emit(ended)
}

// stop ends run when all that was queued is told, and waits for it, but no longer than limit.
func (l *LiveAudit) stop(limit time.Duration) {
	if l == nil {
		return
	}
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-l.done:
	case <-timer.C:
	}
}

// Report returns a report of about now. It is safe for concurrent use, and what it returns must not be changed.
func (l *LiveAudit) Report(ctx context.Context) (*audit.FleetReport, error) {
	if l == nil {
		return nil, errAuditOff
	}
	ask := make(chan *audit.FleetReport, 1)
	select {
	case l.asks <- ask:
	case <-l.done:
		return nil, errAuditEnded
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case r := <-ask:
		return r, nil
	case <-l.done:
		return nil, errAuditEnded
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// liveSession is a session for those who see it. A nil one does nothing.
type liveSession struct {
	live    *LiveAudit
	session *AuditSession
	lost    bool // guarded by the audit's mu: events of it were missed
}

// open begins a session. local is to which address the device connected.
func (l *LiveAudit) open(name, peer, local, pool string, now time.Time) *liveSession {
	if l == nil {
		return nil
	}
	s := &liveSession{live: l, session: l.auditor.Continue(name, peer, pool)}
	s.session.local = local
	s.put(&auditEvent{what: auditBegin, now: now})
	return s
}

func (s *liveSession) put(e *auditEvent) {
	if s != nil {
		e.of = s.session
		s.live.put(e, s)
	}
}

// Subscribed and those after it are what a stratum.Watcher is told.
func (s *liveSession) Subscribed(agent string, now time.Time) {
	s.put(&auditEvent{what: auditSubscribed, now: now, text: agent})
}

func (s *liveSession) Authorized(worker string, now time.Time) {
	s.put(&auditEvent{what: auditAuthorized, now: now, text: worker})
}

func (s *liveSession) Offered(o stratum.Offer, now time.Time) {
	if s == nil {
		return
	}
	j := auditJobOf(&o, now)
	s.put(&auditEvent{what: auditJobGiven, now: now, job: o.Job.Work().ID, given: &j})
}

func (s *liveSession) Unknown(now time.Time) { s.put(&auditEvent{what: auditNoJob, now: now}) }
func (s *liveSession) Heard(now time.Time)   { s.put(&auditEvent{what: auditHeard, now: now}) }

func (s *liveSession) Redirected(m *stratum.Message, now time.Time) {
	if s != nil {
		s.put(&auditEvent{what: auditRedirected, now: now, text: redirection(m)})
	}
}

// watchEar passes on what a stratum.Watcher is told, and nothing else.
type watchEar struct{ audit *liveSession }

func (w watchEar) Subscribed(agent string, now time.Time)       { w.audit.Subscribed(agent, now) }
func (w watchEar) Authorized(worker string, now time.Time)      { w.audit.Authorized(worker, now) }
func (w watchEar) Offered(o stratum.Offer, now time.Time)       { w.audit.Offered(o, now) }
func (w watchEar) Unknown(now time.Time)                        { w.audit.Unknown(now) }
func (w watchEar) Redirected(m *stratum.Message, now time.Time) { w.audit.Redirected(m, now) }
func (w watchEar) Heard(now time.Time)                          { w.audit.Heard(now) }

// share is told of a share that was judged.
func (s *liveSession) share(sub *share.Submission, v *share.Verdict, err error, now time.Time) {
	if s == nil {
		return
	}
	e := auditEvent{what: auditShare, now: now, text: sub.Worker, job: sub.JobID}
	if sub.Text != nil {
		e.text, e.job = sub.Text.Worker, sub.Text.JobID
	}
	auditShareOf(&e.share, sub, now)
	auditVerdict(&e.share, v, err)
	s.put(&e)
}

// answered is told of what the pool said.
func (s *liveSession) answered(worker string, accepted, credited, crossed bool, now time.Time) {
	s.put(&auditEvent{what: auditAnswered, now: now, text: worker, accepted: accepted, credited: credited, crossed: crossed})
}

func (s *liveSession) interrupted(now time.Time) {
	s.put(&auditEvent{what: auditInterrupted, now: now})
}
func (s *liveSession) close(now time.Time) { s.put(&auditEvent{what: auditClose, now: now}) }
