package audit

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
)

// record keeps a moment of the history when it is time to.
func (d *Device) record() {
	if !d.First.IsZero() && d.History.due(d.Now) {
		d.History.add(d.moment())
	}
}

func (d *Device) moment() moment {
	m := moment{Time: d.Now.UnixMilli(), Shares: d.Exposure.Shares(), Exposure: float32(d.Seen), Claim: float32(d.claims(d.Now)),
		LogE: make([]float32, len(evidence))}
	var cells *float64
	if n := len(d.History.Moments); n%cellsEvery != 0 {
		old := float64(d.History.Moments[n-1].LogE[cellsAt])
		cells = &old
	}
	m.Combined = rounded(d.Tests.evidenceOf(&d.logE, cells))
	for i, e := range d.logE {
		m.LogE[i] = rounded(e)
	}
	return m
}

// Combined returns the natural logarithm of the device's combined e-value now: the mean of all its evidence.
func (d *Device) Combined() float64 {
	var logE [len(evidence)]float64
	return d.Tests.evidenceOf(&logE, nil)
}

// Report returns what is to be said up to the latest event. It changes nothing. In a fleet thresholds are higher: use [Fleet.Report].
func (d *Device) Report() DeviceReport {
	r := d.report(1)
	rejected, threshold, err := EBH([]float64{r.Combined}, d.plan.Alpha)
	r.finish(err == nil && rejected[0], threshold)
	return r
}

// threshold is the log e-value that is an alarm for one test of one device, where so many devices are looked at.
func (p *Plan) threshold(devices int) float64 {
	return math.Log(float64(len(evidence))) + math.Log(float64(max(1, devices))) - math.Log(p.Alpha)
}

// context returns what tests may know when so many devices are looked at.
func (d *Device) context(devices int) *context {
	c := &context{plan: d.plan, now: d.Now, threshold: d.plan.threshold(devices), shares: d.Exposure.Shares(),
		exposure: d.Exposure.Seconds(), seconds: d.Counted.Seconds(), best: d.Best, claim: d.Said.claim(),
		work: d.Tests.Facts.counts().Work, first: d.First, unseen: d.lasted(SpanUnseen).Seconds()}
	c.proven = d.proven(c.shares, c.exposure)
	if d.floor > 0 {
		c.perSecond = c.proven.Estimate * d.perHash
	}
	return c
}

// proven returns the rate with its confidence sequence.
func (d *Device) proven(shares uint64, exposure float64) Interval {
	if exposure <= 0 || d.Prior <= 0 {
		return Interval{}
	}
	low, high, err := Sequence(shares, exposure, d.Prior, d.plan.Alpha)
	if err != nil || !isCount(low) {
		low = 0
	}
	if err != nil || !isCount(high) {
		high = 0
	}
	return Interval{Estimate: float64(shares) / exposure, Low: low, High: high}
}

// report returns all but what only the fleet knows: finish does the rest.
func (d *Device) report(devices int) DeviceReport {
	c := d.context(devices)
	var logE [len(evidence)]float64
	r := DeviceReport{Device: d.Label, Model: d.Model, Agents: slices.Clone(d.Agents), Synthetic: d.Computed, First: d.First, Last: d.Now,
		Sessions: d.Sessions, Connected: d.Worked.Seconds(), Unseen: d.lasted(SpanUnseen).Seconds(), Counts: d.Tests.Facts.counts(),
		Proven: c.proven, Varied: d.Exposure.Varied(), Floor: d.Tests.Filter.hardware(), Combined: d.Tests.evidenceOf(&logE, nil),
		Evidence: slices.Clone(evidence[:]), Tail: d.Tests.Tail.points(), Ceiling: d.Tests.Tail.ceiling(d.plan.Alpha),
		Largest: max(d.Tests.Tail.largest(), d.Best), Census: d.Tests.Cells.census(c)}
	r.Counts.Counted = c.shares
	if r.Census != nil { // the test's own are not given away
		r.Census.Counts = slices.Clone(r.Census.Counts)
	}
	if low, high, err := d.Exposure.Rate().Interval(d.plan.Alpha); err == nil && c.exposure > 0 {
		r.Fixed = Interval{Estimate: c.proven.Estimate, Low: low, High: high}
	}
	if d.ClaimedSeconds > 0 {
		r.Claimed = d.Claimed / d.ClaimedSeconds
		r.Source = "rated"
		if c.claim != nil {
			r.Source = cmp.Or(c.claim.Source, "claimed")
		}
	}
	for _, f := range append(d.Tests.findings(c), d.availability(), d.data()) {
		if f.Test == "" {
			continue
		}
		f.tidy()
		r.Findings = append(r.Findings, f)
	}
	r.History = d.points(c, logE[:], r.Combined)
	for i := range r.Findings {
		r.Findings[i].sinceOf(r.History)
	}
	r.Spans = append(slices.Clone(d.Spans.Spans), d.Tests.Gap.spans(c)...)
	if d.Idle != "" && d.Now.After(d.Since) {
		r.Spans = append(r.Spans, Span{What: d.Idle, From: d.Since, To: d.Now})
	}
	slices.SortStableFunc(r.Spans, func(a, b Span) int { return a.From.Compare(b.From) })
	r.Notes = d.notes()
	return r
}

// finish sets what only the fleet knows: whether e-BH names the device, and from which log e-value on.
func (r *DeviceReport) finish(rejected bool, threshold float64) {
	r.Rejected = rejected
	if rejected {
		f := Finding{Test: TestCombined, Kind: Evidence, State: Alarm, LogE: r.Combined, Threshold: threshold, Since: r.Last,
			Words: "All evidence together says that this machine does not do what an honest one does. The odds against this being chance are " +
				oddsWords(r.Combined) + ".",
			Limits: "It does not say what is wrong with the machine: the single tests do."}
		for _, p := range slices.Backward(r.History) {
			f.Peak = max(f.Peak, p.Combined)
			if p.Combined >= threshold {
				f.Since = p.Time
			}
		}
		f.Peak = max(f.Peak, f.LogE)
		f.tidy()
		r.Findings = append(r.Findings, f)
	}
	sortFindings(r.Findings)
	r.State = TooEarly
	for _, f := range r.Findings {
		// That nothing was refused, or how long it was connected, says little of a machine whose rate nobody knows yet.
		if f.State == Alarm || f.Kind == Evidence || f.Kind == Surveillance {
			r.State = worse(r.State, f.State)
		}
	}
	// Nor does one test that could see something, as long as a rate that is claimed, missing high shares or silences can't be seen.
	for _, f := range r.Findings {
		if r.State == Clear && f.State == TooEarly && (f.Test == TestClaim || f.Test == TestTail || f.Test == TestGap) {
			r.State = TooEarly
		}
	}
}

// worse returns the state of a whole of which two parts have these.
func worse(a, b State) State {
	rank := func(s State) int {
		switch s {
		case Alarm:
			return 2
		case Clear:
			return 1
		}
		return 0
	}
	if rank(b) > rank(a) {
		return b
	}
	return a
}

// lasted returns how long the device was idle for a reason, the present included.
func (d *Device) lasted(what string) time.Duration {
	sum := *d.idleSum(what)
	if d.Idle == what {
		sum += d.Now.Sub(d.Since)
	}
	return sum
}

// points returns the history as it is reported, the present last.
func (d *Device) points(c *context, logE []float64, combined float64) []Point {
	if d.First.IsZero() {
		return nil
	}
	points := make([]Point, 0, len(d.History.Moments)+1)
	for i := range d.History.Moments {
		m := &d.History.Moments[i]
		exposure := float64(m.Exposure)
		p := Point{Time: m.time(), Shares: m.Shares, Exposure: exposure, Rate: d.proven(m.Shares, exposure), Claim: float64(m.Claim),
			Combined: float64(m.Combined), LogE: make([]float64, len(m.LogE))}
		for k, e := range m.LogE {
			p.LogE[k] = float64(e)
		}
		points = append(points, p)
	}
	if n := len(points); n > 0 && !points[n-1].Time.Before(c.now) {
		points = points[:n-1]
	}
	return append(points, Point{Time: c.now, Shares: c.shares, Exposure: c.exposure, Rate: c.proven, Claim: d.claims(c.now),
		LogE: slices.Clone(logE), Combined: combined})
}

// availability says how long the machine was there.
func (d *Device) availability() Finding {
	worked, down, noWork, unseen := d.Worked, d.lasted(SpanDown), d.lasted(SpanNoWork), d.lasted(SpanUnseen)
	f := Finding{Test: TestAvailable, Kind: Description, State: Clear, Numbers: map[string]float64{
		"sessions": float64(d.Sessions), "connected_seconds": worked.Seconds(), "down_seconds": down.Seconds(),
		"no_work_seconds": noWork.Seconds(), "unseen_seconds": unseen.Seconds()},
		Limits: "A machine that works elsewhere while it is disconnected looks like one that is switched off."}
	watched := worked + down + noWork
	if watched <= 0 {
		f.State, f.Words = TooEarly, "It was not seen connected for any time."
		return f
	}
	f.Numbers["available_part"] = worked.Seconds() / watched.Seconds()
	f.Words = fmt.Sprintf("It was connected and had work for %s, %s of the time in which it was watched", spanWords(worked.Seconds()),
		percentWords(worked.Seconds()/watched.Seconds()))
	switch {
	case d.Sessions == 0:
		f.Words += ", as far as its jobs and shares show: the record does not say when it connected."
	case d.Sessions == 1:
		f.Words += ", in one connection."
	default:
		f.Words += fmt.Sprintf(", in %d connections.", d.Sessions)
	}
	return f
}

// data says what is wrong with the record.
func (d *Device) data() Finding {
	f := Finding{Test: TestData, Kind: Description, State: Clear}
	notes := d.notes()
	shares := d.Exposure.Shares()
	switch {
	case d.First.IsZero():
		f.State, f.Words = TooEarly, "Nothing was seen of this machine."
	case shares == 0:
		f.State, f.Words = TooEarly, "No share counts yet, so nothing is proven."
	case len(notes) == 0:
		f.Words = fmt.Sprintf("The record is whole: %d shares count.", shares)
	case len(notes) == 1:
		f.Words = fmt.Sprintf("%d shares count. One thing is to be said of the record: see the notes.", shares)
	default:
		f.Words = fmt.Sprintf("%d shares count. %d things are to be said of the record: see the notes.", shares, len(notes))
	}
	f.Numbers = map[string]float64{"counted_shares": float64(shares), "notes": float64(len(notes))}
	return f
}

// notes returns those that were kept, and those that follow from what was counted.
func (d *Device) notes() []string {
	notes := slices.Clone(d.Notes)
	if len(notes) == maxNotes {
		notes = append(notes, "There was more to be said than there was room for.")
	}
	if d.Behind > 0 {
		notes = append(notes, fmt.Sprintf("%d events were out of order, by %s at most: a clock went back, or records overlap. Their "+
			"shares don't count for rates.", d.Behind, spanWords(d.BehindBy.Seconds())))
	}
	if !d.Ahead.IsZero() {
		notes = append(notes, fmt.Sprintf("The latest event has the time %s, long after the one before: it is not believed until there "+
			"is another.", d.Ahead.Format(time.DateTime)))
	}
	if d.Late {
		notes = append(notes, "The record knows jobs from their shares only: what comes after the latest share is not seen.")
	}
	if !d.First.IsZero() && d.Sessions == 0 {
		notes = append(notes, "The record does not say when the machine connected and when it left: silence at the end is not seen.")
	}
	if d.Spans.Dropped > 0 {
		notes = append(notes, fmt.Sprintf("%d shorter interruptions are counted, but not listed.", d.Spans.Dropped))
	}
	if d.Linked && d.Idle == "" && d.floor == 0 {
		notes = append(notes, "The share difficulty of the latest job is not known: nothing counts.")
	}
	if d.floor > 0 && !d.warm {
		notes = append(notes, fmt.Sprintf("Too few shares came at the difficulty %g to know whether the machine has a filter of its own: "+
			"time at that difficulty does not count yet.", d.floor))
	}
	return notes
}

// tidy makes sure of what a Finding promises.
func (f *Finding) tidy() {
	f.Numbers = maps.Clone(f.Numbers)
	maps.DeleteFunc(f.Numbers, func(_ string, v float64) bool { return !isFinite(v) })
	for _, v := range []*float64{&f.LogE, &f.Peak, &f.Threshold, &f.NeedShares} {
		if math.IsNaN(*v) {
			*v = 0
		}
		*v = max(-math.MaxFloat64, min(*v, math.MaxFloat64))
	}
	f.NeedShares = max(0, f.NeedShares)
	if f.Words == "" {
		f.Words = "Nothing is to be said."
	}
	if f.State == "" {
		f.State = NotApplicable
	}
}

// sinceOf fills in when an alarm was first given, from the history.
func (f *Finding) sinceOf(points []Point) {
	at := slices.Index(evidence[:], f.Test)
	if f.Kind != Evidence || f.State != Alarm || !f.Since.IsZero() || at < 0 {
		return
	}
	for i := range points {
		f.Since = points[i].Time
		if points[i].LogE[at] >= f.Threshold {
			return
		}
	}
}

// sortFindings puts those that matter most first: alarms, then what was looked for and not found, then what could not be seen yet; each
// in the order of the constants.
func sortFindings(findings []Finding) {
	rank := map[State]int{Alarm: 0, Clear: 1, TooEarly: 2, NotApplicable: 3}
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(rank[a.State], rank[b.State]), cmp.Compare(testOrder(a.Test), testOrder(b.Test)))
	})
}
