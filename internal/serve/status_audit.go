package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"sync"

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

// renderedAudit is a report as it is sent: it takes some ten kilobytes for each device, so whoever asks for the same one shares it.
type renderedAudit struct {
	mu   sync.Mutex
	of   *audit.FleetReport
	text map[bool][]byte // as JSON, or true: as a page
}

// as returns a report as JSON or as a page; one is made at a time.
func (a *renderedAudit) as(page bool, of *audit.FleetReport) ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.of != of {
		a.of, a.text = of, map[bool][]byte{}
	}
	if text := a.text[page]; text != nil {
		return text, nil
	}
	var b bytes.Buffer
	var err error
	if page {
		err = report.HTML(&b, of)
	} else {
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		err = e.Encode(of)
	}
	if err != nil {
		return nil, err
	}
	a.text[page] = b.Bytes()
	return b.Bytes(), nil
}

func (s *StatusServer) audit(w http.ResponseWriter, r *http.Request) {
	found, ok := s.auditReport(w, r)
	if !ok {
		return
	}
	text, err := s.rendered.as(false, found)
	if err != nil {
		refuse(w, http.StatusInternalServerError, "the report can't be written: %v", err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(text) // the reader went away
}

func (s *StatusServer) auditPage(w http.ResponseWriter, r *http.Request) {
	found, ok := s.auditReport(w, r)
	if !ok {
		return
	}
	page, err := s.rendered.as(true, found)
	if err != nil {
		refuse(w, http.StatusInternalServerError, "the page can't be made: %v", err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	// The page needs nothing but itself, and names in it come from devices.
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:")
	_, _ = w.Write(page) // the reader went away
}
