package audit

// filterTest learns whether the device keeps back all shares below a difficulty of its own: the chips' ticket mask. The first shares
// at each octave of difficulty are looked at for that before any exposure counts.
type filterTest struct{}

// share takes in a share, required being what the pool asked. floor returns what counts at that difficulty, and whether that is
// known yet: as long as not, no time is to count.
func (t *filterTest) share(required, difficulty float64)             {}
func (t *filterTest) floor(required float64) (f float64, known bool) { return required, true }
func (t *filterTest) hardware() float64                              { return 0 } // 0: none found
func (t *filterTest) merge(o *filterTest)                            {}
func (t *filterTest) check() error                                   { return nil }
func (t *filterTest) finding(c *context) Finding                     { return Finding{} }
