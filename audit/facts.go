package audit

import "time"

// facts are what needs no statistics: invalid, duplicate and stale shares, answers of the pool, counters and boasts of the device.
type facts struct{}

func (f *facts) share(s *Share, j *Job)                              {} // every share, before all else; j is nil if not known
func (f *facts) answered(accepted, credited, crossed bool)           {}
func (f *facts) claim(c *Claim)                                      {}
func (f *facts) redirected(now time.Time, to string, elsewhere bool) {}
func (f *facts) pool(url string)                                     {} // where we know the device's shares to go
func (f *facts) counts() Counts                                      { return Counts{} }
func (f *facts) merge(o *facts)                                      {}
func (f *facts) check() error                                        { return nil }
func (f *facts) findings(c *context) []Finding                       { return nil }
