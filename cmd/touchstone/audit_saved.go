package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/touchstone-btc/touchstone/audit"
)

// savedAudit is what an audit leaves for the next, which goes on from there.
type savedAudit struct {
	Format   string          `json:"format"`
	PlanHash string          `json:"plan_hash"`
	Last     time.Time       `json:"last"` // what was until then is in it
	Sources  []audit.Source  `json:"sources"`
	Fleet    json.RawMessage `json:"fleet"`
}

const (
	savedAuditFormat = "touchstone audit state 1"
	// maxSavedAudit bounds what is read: 100 000 devices of the size that they
	// may have.
	maxSavedAudit = 8 << 30
)

// readSavedAudit reads a state into a fleet. There may be no such file.
func readSavedAudit(name string, fleet *audit.Fleet) (*savedAudit, error) {
	s := new(savedAudit)
	file, err := os.Open(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s, nil
	case err != nil:
		return nil, fmt.Errorf("--state: %s: %w", display(name), cause(err))
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxSavedAudit))
	if err != nil {
		return nil, fmt.Errorf("--state: %s: %w", display(name), cause(err))
	}
	if err := json.Unmarshal(text, s); err != nil || s.Format != savedAuditFormat {
		return nil, withHint(fmt.Errorf("--state: %s is not what an audit wrote", display(name)), "name another file, or one that is not there yet")
	}
	if hash := fleet.Plan().Hash(); s.PlanHash != hash {
		return nil, withHint(fmt.Errorf("--state: %s was begun with another plan (%.12s…, not %.12s…)", display(name), s.PlanHash, hash),
			"a plan can't be changed after the data was seen: give the same one, or begin anew with another --state file")
	}
	if err := fleet.UnmarshalJSON(s.Fleet); err != nil {
		return nil, fmt.Errorf("--state: %s: %w", display(name), err)
	}
	return s, nil
}

// writeSavedAudit replaces the state.
func writeSavedAudit(name string, fleet *audit.Fleet, last time.Time, sources []audit.Source) error {
	text, err := fleet.MarshalJSON()
	if err != nil {
		return fmt.Errorf("--state: %w", err)
	}
	s := savedAudit{Format: savedAuditFormat, PlanHash: fleet.Plan().Hash(), Last: last, Sources: sources, Fleet: text}
	err = writeFile(name, func(w io.Writer) error { return json.NewEncoder(w).Encode(&s) })
	if err != nil {
		return fmt.Errorf("--state: %w", err)
	}
	return nil
}
