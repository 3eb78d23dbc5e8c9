package serve

import (
	"time"

	"github.com/touchstone-btc/touchstone/audit"
)

// auditEvent is something to tell an AuditSession, later: when the share in it was judged, or another goroutine comes to it.
type auditEvent struct {
	of       *AuditSession
	what     auditEventKind
	restated bool
	now      time.Time
	text     string // agent, worker, or where to
	job      string // its ID
	given    *audit.Job
	claim    *audit.Claim
	auditor  *Auditor // of a claim
	// A share that was judged, or one of a recording that will have been.
	share audit.Share
	late  *replayed

	accepted, credited, crossed bool
}

type auditEventKind uint8

const (
	auditBegin auditEventKind = iota
	auditSubscribed
	auditAuthorized
	auditJobGiven
	auditNoJob
	auditInterrupted
	auditHeard
	auditRedirected
	auditShare
	auditAnswered
	auditClaim
	auditAdvance
	auditLeave
	auditClose
)

// tell tells the session.
func (e *auditEvent) tell() {
	s := e.of
	if e.restated {
		switch e.what {
		case auditBegin:
			s.begun = true
			return
		case auditShare:
			if s.auditor.before(e.now) {
				s.auditor.limits.told()
			}
			return
		case auditAnswered, auditHeard, auditRedirected, auditClaim, auditAdvance:
			return
		}
	}
	switch e.what {
	case auditBegin:
		s.begun = true
		s.observed(e.now)
	case auditSubscribed:
		s.Subscribed(e.text)
	case auditAuthorized:
		s.Authorized(e.text, e.now, e.restated)
	case auditJobGiven:
		s.Job(e.job, *e.given, e.restated)
	case auditNoJob:
		s.NoJob(e.now)
	case auditInterrupted:
		s.Interrupted(e.now)
	case auditHeard:
		s.Heard(e.now)
	case auditRedirected:
		s.Redirected(e.text, e.now)
	case auditShare:
		if h := e.late; h != nil {
			auditVerdict(&h.audited, &h.report.Verdict, h.report.Err)
			s.Share(h.report.Text.Worker, h.report.Text.JobID, &h.audited)
			return
		}
		s.Share(e.text, e.job, &e.share)
	case auditAnswered:
		if h := e.late; h != nil {
			r := &h.report
			s.Answered(r.Text.Worker, r.Reply.Accepted, r.Credited(), crossed(&r.Verdict, r.Err, r.Reply, h.turns), e.now)
			return
		}
		s.Answered(e.text, e.accepted, e.credited, e.crossed, e.now)
	case auditClaim:
		e.auditor.Claim(e.text, e.claim)
	case auditAdvance:
		s.Advance(e.now)
	case auditLeave:
		s.Leave()
	case auditClose:
		s.Close(e.now)
	}
}
