package audit

// periodTest looks for slices of time that are silent at regular intervals, too short for gapTest.
type periodTest struct{}

func (t *periodTest) pass(p *passing)            {}
func (t *periodTest) arrive(a *arrival)          {}
func (t *periodTest) logE() float64              { return 0 }
func (t *periodTest) merge(o *periodTest)        {}
func (t *periodTest) check() error               { return nil }
func (t *periodTest) finding(c *context) Finding { return Finding{} }
