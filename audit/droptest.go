package audit

// dropTest is a Shiryaev–Roberts e-detector against the device's own earlier rate.
type dropTest struct{}

func (t *dropTest) pass(p *passing, plan *Plan) {} // comes late by the plan's Lag
func (t *dropTest) arrive(a *arrival)           {}
func (t *dropTest) merge(o *dropTest)           {}
func (t *dropTest) check() error                { return nil }
func (t *dropTest) finding(c *context) Finding  { return Finding{} }
