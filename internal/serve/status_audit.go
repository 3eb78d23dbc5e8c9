package serve

import (
	"bytes"
	"context"
	"net/http"

	"github.com/touchstone-btc/touchstone/audit"
	"github.com/touchstone-btc/touchstone/audit/report"
)

// AuditSource is a StatusSource that audits its devices. AuditReport is safe for concurrent use; what it returns is not changed.
type AuditSource interface {
	AuditReport(ctx context.Context) (*audit.FleetReport, error)
}

// auditReport returns the report that is asked for; if it returns false, it has answered.
func (s *StatusServer) auditReport(w http.ResponseWriter, r *http.Request) (*audit.FleetReport, bool) {
	source, audits := s.source.(AuditSource)
	if !audits {
		refuse(w, http.StatusNotFound, "nothing is audited here")
		return nil, false
	}
	if _, ok := parseQuery(w, r); !ok {
		return nil, false
	}
	found, err := source.AuditReport(r.Context())
	if err != nil {
		refuse(w, http.StatusNotFound, "%v", err)
		return nil, false
	}
	return found, true
}

func (s *StatusServer) audit(w http.ResponseWriter, r *http.Request) {
	if found, ok := s.auditReport(w, r); ok {
		writeJSON(w, found)
	}
}

func (s *StatusServer) auditPage(w http.ResponseWriter, r *http.Request) {
	found, ok := s.auditReport(w, r)
	if !ok {
		return
	}
	var page bytes.Buffer
	if err := report.HTML(&page, found); err != nil {
		refuse(w, http.StatusInternalServerError, "the page can't be made: %v", err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	// The page needs nothing but itself, and names in it come from devices.
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:")
	_, _ = w.Write(page.Bytes()) // the reader went away
}
