package audit

// claimTest bets that less is computed than is claimed; aboveTest that more is.
type claimTest struct{}

func (t *claimTest) pass(p *passing, plan *Plan) {} // comes late by the plan's Lag
func (t *claimTest) arrive(a *arrival)           {}
func (t *claimTest) logE() float64               { return 0 }
func (t *claimTest) merge(o *claimTest)          {}
func (t *claimTest) check() error                { return nil }
func (t *claimTest) finding(c *context) Finding  { return Finding{} }

type aboveTest struct{}

func (t *aboveTest) pass(p *passing, plan *Plan) {} // at once
func (t *aboveTest) arrive(a *arrival)           {}
func (t *aboveTest) logE() float64               { return 0 }
func (t *aboveTest) merge(o *aboveTest)          {}
func (t *aboveTest) check() error                { return nil }
func (t *aboveTest) finding(c *context) Finding  { return Finding{} }
