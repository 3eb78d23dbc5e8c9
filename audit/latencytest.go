package audit

// latencyTest bets that the best shares of a job come later than its others.
type latencyTest struct{}

func (t *latencyTest) job(j *Job)                 {}
func (t *latencyTest) arrive(a *arrival)          {}
func (t *latencyTest) logE() float64              { return 0 }
func (t *latencyTest) merge(o *latencyTest)       {}
func (t *latencyTest) check() error               { return nil }
func (t *latencyTest) finding(c *context) Finding { return Finding{} }
