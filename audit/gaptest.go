package audit

import "time"

// gapTest looks for silences that chance does not explain, with proof that the connection lived. It keeps the longest.
type gapTest struct{}

func (t *gapTest) pass(p *passing, plan *Plan)   {}
func (t *gapTest) arrive(a *arrival, plan *Plan) {}
func (t *gapTest) heard(now time.Time)           {} // the connection lives
func (t *gapTest) down(now time.Time)            {} // it ended, or nobody looks any more
func (t *gapTest) merge(o *gapTest)              {}
func (t *gapTest) check() error                  { return nil }
func (t *gapTest) finding(c *context) Finding    { return Finding{} }
func (t *gapTest) spans(c *context) []Span       { return nil } // the longest silences, oldest first
