package serve

// RecordBegun says that connections are recorded in another file from now on.
type RecordBegun struct {
	File string `json:"file"`
}

// RecordFailed says that what crosses the wire is not recorded for now. It is
// tried again every second; until RecordResumed, all lines are lost.
type RecordFailed struct {
	File     string `json:"file"`
	Error    string `json:"error"`
	Sessions int    `json:"sessions"` // connections whose lines are lost
}

// RecordResumed says that connections are recorded again. The recording has a
// gap for each that lost lines, and then says what holds for it.
type RecordResumed struct {
	File    string  `json:"file"`
	Lines   uint64  `json:"lines"`   // lost
	Elapsed Seconds `json:"elapsed"` // since it failed
}

func (RecordBegun) Kind() string   { return "record" }
func (RecordFailed) Kind() string  { return "record_failed" }
func (RecordResumed) Kind() string { return "record_resumed" }
