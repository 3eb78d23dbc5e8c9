package audit

// cellTest counts shares by chip, core and part of the nonce space, and bets that some are dead or weak.
type cellTest struct{}

func (t *cellTest) model(name string, plan *Plan) {} // what the device is said to be; before or after shares
func (t *cellTest) arrive(a *arrival)             {}
func (t *cellTest) logE() float64                 { return 0 }
func (t *cellTest) merge(o *cellTest)             {}
func (t *cellTest) check() error                  { return nil }
func (t *cellTest) findings(c *context) []Finding { return nil }
func (t *cellTest) census(c *context) *Census     { return nil }
