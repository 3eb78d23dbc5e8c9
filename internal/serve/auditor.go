package serve

import (
	"time"

	"github.com/touchstone-btc/touchstone/audit"
)

// Auditor tells an audit what sessions do: it finds the device behind each session and worker. What reads recordings and what looks on
// live use the same one. Its methods are for one goroutine at a time.
type Auditor struct {
	fleet *audit.Fleet
}

// NewAuditor returns an auditor of a fleet.
func NewAuditor(fleet *audit.Fleet) *Auditor { return &Auditor{fleet: fleet} }

// Fleet returns the fleet; it may be looked at while no method of the auditor runs.
func (a *Auditor) Fleet() *audit.Fleet { return a.fleet }

// AuditSession is one connection, told of by whoever sees it.
type AuditSession struct{}

// Open begins a session. name tells it apart from others in the same record.
func (a *Auditor) Open(name, peer, pool string, now time.Time) *AuditSession { return &AuditSession{} }
