package audit

// arrivalTest bets that shares come in bursts, or too regularly.
type arrivalTest struct{}

func (t *arrivalTest) pass(p *passing, plan *Plan) {}
func (t *arrivalTest) arrive(a *arrival)           {}
func (t *arrivalTest) logE() float64               { return 0 }
func (t *arrivalTest) merge(o *arrivalTest)        {}
func (t *arrivalTest) check() error                { return nil }
func (t *arrivalTest) finding(c *context) Finding  { return Finding{} }
