package main

import (
	"fmt"

	"github.com/touchstone-btc/touchstone/internal/serve"
)

// serverEventsUsage is the part of a usage text that tells of events of
// listening and recording.
const serverEventsUsage = `  banned         address, reason, for
  turned_away    reason (banned, full, per_address, header, tls), count,
                 address, error: connections closed before their first line
  accept_failed  listen, error, retry
  record         file: recorded there from now on
  record_failed  file, error, sessions: nothing is recorded for now
  record_resumed file, lines (lost), elapsed
` + liveAuditEventsUsage

// serverEventText is an event of listening and recording in words, and whether
// it is a result.
func serverEventText(e serve.Event) (text string, result bool) {
	switch e := e.(type) {
	case serve.Banned:
		return fmt.Sprintf("%s is kept out for %s: %s", e.Address, formatDuration(e.For.Duration()), e.Reason), false
	case serve.TurnedAway:
		text := fmt.Sprintf("%s turned away (%s), the last from %s", count(int64(e.Count), "connection"), e.Reason, e.Address)
		if e.Error != "" {
			text += ": " + e.Error
		}
		return text, false
	case serve.AcceptFailed:
		return fmt.Sprintf("no connection can be taken at %s: %s; trying again", e.Listen, e.Error), false
	case serve.RecordBegun:
		return "recording in " + e.File, false
	case serve.RecordFailed:
		return fmt.Sprintf("nothing is recorded for now: %s: %s", e.File, e.Error), false
	case serve.RecordResumed:
		return fmt.Sprintf("recording again in %s, after %s; %s missing there", e.File, formatDuration(e.Elapsed.Duration()),
			count(int64(e.Lines), "line")), false
	}
	return auditEventText(e)
}
