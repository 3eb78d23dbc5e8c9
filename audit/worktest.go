package audit

// workTest looks at how the device goes through its work: version bits, extranonce2 in order or with holes, ntime.
type workTest struct{}

func (t *workTest) job(j *Job)                    {}
func (t *workTest) arrive(a *arrival)             {}
func (t *workTest) merge(o *workTest)             {}
func (t *workTest) check() error                  { return nil }
func (t *workTest) findings(c *context) []Finding { return nil }
