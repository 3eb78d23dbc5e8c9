package audit

import "fmt"

// tests are the state of all tests of a device.
type tests struct {
	Facts    facts       `json:"facts"`
	Filter   filterTest  `json:"filter"`
	Tail     tailTest    `json:"tail"`
	Luck     luckTest    `json:"luck"`
	Claim    claimTest   `json:"claim"`
	Above    aboveTest   `json:"above"`
	Drop     dropTest    `json:"drop"`
	Gap      gapTest     `json:"gap"`
	Period   periodTest  `json:"period"`
	Cells    cellTest    `json:"cells"`
	Latency  latencyTest `json:"latency"`
	Work     workTest    `json:"work"`
	Arrivals arrivalTest `json:"arrivals"`
}

// The evidence of a device, in the order of DeviceReport.Evidence. The last is the product of three tests, each of which expects an
// honest device to win nothing whatever happened before and in the other two: so their product is an e-process too. All others may
// depend on each other in any way, and are averaged.
var evidence = [...]string{TestClaim, TestClaimAbove, TestTail, TestLuck, TestPeriod, TestCells, TestLatency, TestArrivals,
	TestInvalidRate, claimTailCells}

const claimTailCells = "claim-tail-cells"

// cellsAt is the place of the cells among the evidence.
const cellsAt = 5

// evidenceOf writes the current log e-values into logE and returns the combined one: the logarithm of their mean. cellsE is that of the
// cells if it need not be the current one, else nil.
func (t *tests) evidenceOf(logE *[len(evidence)]float64, cellsE *float64) float64 {
	claim, tail := t.Claim.logE(), t.Tail.logE()
	cells := 0.
	if cellsE != nil {
		cells = *cellsE
	} else {
		cells = t.Cells.logE()
	}
	*logE = [len(evidence)]float64{claim, t.Above.logE(), tail, t.Luck.logE(), t.Period.logE(), cells, t.Latency.logE(),
		t.Arrivals.logE(), t.Facts.logE(), claim + tail + cells}
	for i, e := range logE {
		logE[i] = max(-maxLogE, min(e, maxLogE)) // NaN goes through, to be found
	}
	return logMeanExp(logE[:])
}

// merge adds what the tests of a later part of the record saw.
func (t *tests) merge(o *tests) {
	t.Facts.merge(&o.Facts)
	t.Filter.merge(&o.Filter)
	t.Tail.merge(&o.Tail)
	t.Luck.merge(&o.Luck)
	t.Claim.merge(&o.Claim)
	t.Above.merge(&o.Above)
	t.Drop.merge(&o.Drop)
	t.Gap.merge(&o.Gap)
	t.Period.merge(&o.Period)
	t.Cells.merge(&o.Cells)
	t.Latency.merge(&o.Latency)
	t.Work.merge(&o.Work)
	t.Arrivals.merge(&o.Arrivals)
}

// check says what can't be in state that was read back.
func (t *tests) check() error {
	for _, part := range []struct {
		name  string
		check func() error
	}{
		{"facts", t.Facts.check}, {TestFilter, t.Filter.check}, {TestTail, t.Tail.check}, {TestLuck, t.Luck.check},
		{TestClaim, t.Claim.check}, {TestClaimAbove, t.Above.check}, {TestDrop, t.Drop.check}, {TestGap, t.Gap.check},
		{TestPeriod, t.Period.check}, {TestCells, t.Cells.check}, {TestLatency, t.Latency.check}, {"work", t.Work.check},
		{TestArrivals, t.Arrivals.check},
	} {
		if err := part.check(); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	var logE [len(evidence)]float64
	t.evidenceOf(&logE, nil)
	for i, e := range logE {
		if !isFinite(e) {
			return fmt.Errorf("%s: the log e-value %v is no number", evidence[i], e)
		}
	}
	return nil
}

// findings returns what all tests say, in no order.
func (t *tests) findings(c *context) []Finding {
	all := t.Facts.findings(c)
	all = append(all, t.Tail.finding(c), t.Luck.finding(c), t.Claim.finding(c), t.Above.finding(c), t.Drop.finding(c), t.Gap.finding(c),
		t.Period.finding(c), t.Latency.finding(c), t.Arrivals.finding(c), t.Filter.finding(c))
	all = append(all, t.Cells.findings(c)...)
	return append(all, t.Work.findings(c)...)
}
