package serve

import "time"

// AuditAlarm says that a test of the audit crossed its threshold for a device, or found a fact. It is told once for each device and test.
type AuditAlarm struct {
	Device string `json:"device"` // a worker's name, with #2 and so on where several machines use it; "" for the fleet as a whole
	Test   string `json:"test"`   // one of the constants audit.Test…
	Type   string `json:"type"`   // fact, evidence or surveillance
	Words  string `json:"words"`  // the conclusion, in plain language
	// Limits say what the test cannot see, or what else would look like this.
	Limits      string  `json:"limits"`
	LogE        float64 `json:"log_e"`        // the e-value's logarithm, of evidence
	FalseAlarms string  `json:"false_alarms"` // how often it errs, of surveillance
	// Since is when the alarm was first given.
	Since time.Time `json:"since,omitzero"`
}

// AuditBehind says that an audit missed what devices did, because it did not keep up: nothing of it counts, neither for nor against them.
type AuditBehind struct {
	Events int `json:"events"`
}

// AuditFailed says that there was a fault in touchstone while it audited: of that session nothing more is told; or of all, if Session is
// empty and so is Device. Shares go their way as before.
type AuditFailed struct {
	Session string `json:"session"`
	Device  string `json:"device"`
	Error   string `json:"error"`
}

// AuditEnded sums up the audit of this run, at its end.
type AuditEnded struct {
	Devices  int      `json:"devices"`
	Alarms   int      `json:"alarms"`    // devices of which a finding is in alarm
	Clear    int      `json:"clear"`     // of which a test had power, and found nothing
	TooEarly int      `json:"too_early"` // of which too little is known
	Named    []string `json:"named"`     // those in alarm, up to a hundred
}

func (AuditAlarm) Kind() string  { return "audit_alarm" }
func (AuditBehind) Kind() string { return "audit_behind" }
func (AuditFailed) Kind() string { return "audit_failed" }
func (AuditEnded) Kind() string  { return "audit_ended" }
