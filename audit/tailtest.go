package audit

// tailTest bets that shares above some difficulty are missing: exceedances over a grid of difficulties and fractions withheld.
type tailTest struct{}

func (t *tailTest) arrive(a *arrival)             {}
func (t *tailTest) logE() float64                 { return 0 }
func (t *tailTest) merge(o *tailTest)             {}
func (t *tailTest) check() error                  { return nil }
func (t *tailTest) finding(c *context) Finding    { return Finding{} }
func (t *tailTest) points() []TailPoint           { return nil }
func (t *tailTest) ceiling(alpha float64) float64 { return 0 } // Σ D / ln(1/alpha)
func (t *tailTest) largest() float64              { return 0 }
