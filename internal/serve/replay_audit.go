package serve

import (
	"encoding/json"
	"time"

	"github.com/touchstone-btc/touchstone/stratum"
)

// maxHeld is how many events wait for shares to be judged: then those are judged, few as they may be.
const maxHeld = 8192

// tellAudit has the auditor told, after all that was before.
func (s *replaySession) tellAudit(e auditEvent) {
	if s.audit == nil {
		return
	}
	e.of, e.restated = s.audit, s.restating || s.audit.auditor.before(e.now)
	r := s.rec
	if len(r.held) == maxHeld {
		r.flush()
	}
	r.held = append(r.held, e)
}

// tellHeld tells the auditor what waited; all shares in it are judged.
func (r *recording) tellHeld() {
	for i := range r.held {
		r.held[i].tell()
	}
	clear(r.held) // the shares in it are used again
	r.held = r.held[:0]
}

// auditOpening tells what the recording says of a connection.
func (s *replaySession) auditOpening(l *stratum.Line) {
	if s.audit == nil {
		return
	}
	var o struct{ Peer, Pool string }
	_ = json.Unmarshal(l.Message, &o) // it was read before
	s.audit.From(o.Peer, o.Pool)
	s.tellAudit(auditEvent{what: auditBegin, now: l.Time})
}

// telemetry takes in what a device was asked.
func (r *recording) telemetry(l *stratum.Line) {
	if r.replay.config.Auditor == nil {
		return
	}
	polls, err := r.polls.Add(l)
	if err != nil {
		r.fault(l.Number, err)
	}
	r.polled(polls)
}

// polled tells of what devices claimed.
func (r *recording) polled(polls []*TelemetryPoll) {
	for _, p := range polls {
		claim, said := p.Claim()
		if !said {
			continue
		}
		if len(r.held) >= maxHeld {
			r.flush()
		}
		a := r.replay.config.Auditor
		r.held = append(r.held, auditEvent{what: auditClaim, auditor: a, text: p.Worker, claim: &claim, restated: a.before(p.Time)})
	}
}

// Subscribed implements stratum.Watcher.
func (s *replaySession) Subscribed(agent string, now time.Time) {
	s.tellAudit(auditEvent{what: auditSubscribed, now: now, text: agent})
}

// Authorized implements stratum.Watcher.
func (s *replaySession) Authorized(worker string, now time.Time) {
	s.tellAudit(auditEvent{what: auditAuthorized, now: now, text: worker})
}

// Offered implements stratum.Watcher.
func (s *replaySession) Offered(o stratum.Offer, now time.Time) {
	if s.audit == nil {
		return
	}
	j := auditJobOf(&o, now)
	s.tellAudit(auditEvent{what: auditJobGiven, now: now, job: o.Job.Work().ID, given: &j})
}

// Unknown implements stratum.Watcher.
func (s *replaySession) Unknown(now time.Time) {
	s.tellAudit(auditEvent{what: auditNoJob, now: now})
}

// Redirected implements stratum.Watcher.
func (s *replaySession) Redirected(m *stratum.Message, now time.Time) {
	if s.audit != nil {
		s.tellAudit(auditEvent{what: auditRedirected, now: now, text: redirection(m)})
	}
}

// Heard implements stratum.Watcher.
func (s *replaySession) Heard(now time.Time) {
	s.tellAudit(auditEvent{what: auditHeard, now: now})
}

var _ stratum.Watcher = (*replaySession)(nil)
