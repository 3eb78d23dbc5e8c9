package report

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/touchstone-btc/touchstone/audit"
)

// vice is what a machine of a sample does wrong.
type vice struct {
	skim     float64 // in slices of the hour, as a part
	withhold float64 // nothing above this difficulty comes
	deadChip int     // 0: none
	young    bool    // 20 minutes of data only
	mask     bool
}

// sampleFleet is the report of a fleet that never was: machines of 100 TH/s at 20 shares a minute, watched for two days. Every
// number is drawn from what the vice makes of it.
func sampleFleet(n int, seed uint64, vices map[int]vice) *audit.FleetReport {
	rng := rand.New(rand.NewPCG(seed, 1))
	first := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	plan, err := audit.Plan{}.Complete()
	if err != nil {
		panic(err)
	}
	r := &audit.FleetReport{Plan: plan, PlanHash: plan.Hash(), Version: "v0.0.0-test", Made: first.Add(49 * time.Hour), First: first, Last: first.Add(48 * time.Hour),
		Threshold: math.Log(float64(n) / plan.Alpha), State: audit.Clear,
		Sources: []audit.Source{{Name: "proxy-2026-03-01.jsonl", Kind: "transcript", Lines: 2_880_123, Bad: 2, SHA256: strings.Repeat("c0ffee00", 8)}}}
	for i := range n {
		d := sampleDevice(fmt.Sprintf("bc1qfarm.rig-%03d", i+1), rng, plan, first, n, vices[i])
		if d.State == audit.Alarm {
			r.State = audit.Alarm
		}
		r.Devices = append(r.Devices, d)
	}
	rank := func(d *audit.DeviceReport) int { return gravity(d.State) }
	for i := range r.Devices { // most serious first
		for k := i; k > 0 && rank(&r.Devices[k]) < rank(&r.Devices[k-1]); k-- {
			r.Devices[k], r.Devices[k-1] = r.Devices[k-1], r.Devices[k]
		}
	}
	return r
}

// rogues are the vices of the first machines of a sample.
func rogues() map[int]vice {
	return map[int]vice{6: {skim: 0.05}, 22: {withhold: 1e7}, 40: {deadChip: 17}, 11: {young: true}, 30: {young: true}}
}

func sampleDevice(name string, rng *rand.Rand, plan *audit.Plan, first time.Time, fleet int, v vice) audit.DeviceReport {
	const rate, floor, steps = 100e12, 69849.0, 240
	hours := 48.0
	if v.young {
		hours = 0.4
	}
	last := first.Add(time.Duration(hours * float64(time.Hour)))
	d := audit.DeviceReport{Device: name, Model: "BM1368", Agents: []string{"bosminer/23.02"}, First: first, Last: last, Sessions: 1, Connected: hours * 3600, Claimed: rate,
		Source: "telemetry: summary MHS av", State: audit.Clear, Evidence: []string{audit.TestClaim, audit.TestTail, audit.TestCells, audit.TestPeriod}}
	threshold := math.Log(10 * float64(fleet) / plan.Alpha)
	perHash := 1 / (floor * 4294967296)
	true_ := rate * 0.999 * (1 - v.skim)
	dead := 0.0
	if v.deadChip > 0 {
		dead = 1.0 / 114
	}
	true_ *= 1 - dead
	n, peak := 0.0, math.Inf(-1)
	tail := 0.0
	for k := range steps {
		seconds := hours * 3600 / steps
		n += distuv.Poisson{Lambda: true_ * perHash * seconds, Src: rng}.Rand()
		exposure := seconds * float64(k+1) * perHash
		est := n / exposure
		half := est * 3.6 * math.Sqrt(1+0.12*math.Log(1+n)) / math.Sqrt(n+1)
		lambda := (1 - plan.Tolerance) * rate * exposure
		sum := 0.0
		for _, x := range []float64{.005, .01, .02, .03, .05, .1, .2, .5, .9} {
			sum += math.Exp(n*math.Log1p(-x)+x*lambda) / 9
		}
		claim := math.Log(sum)
		if v.withhold > 0 {
			tail = max(tail, n*floor/v.withhold*0.9-3.5)
		} else {
			tail += 0.4 * rng.NormFloat64()
			tail = min(tail*0.98, 2)
		}
		cells := -0.01 * float64(k)
		if v.deadChip > 0 {
			cells = n/114*0.8 - 5
		}
		period := -0.3 + 0.2*rng.NormFloat64()
		if v.skim > 0 {
			period = n*0.0009 - 2
		}
		logs := []float64{claim, tail, cells, period}
		mean := 0.0
		for _, l := range logs {
			mean += math.Exp(min(l, 300)) / float64(len(logs))
		}
		p := audit.Point{Time: first.Add(time.Duration((float64(k) + 1) * seconds * 1e9)), Shares: uint64(n), Exposure: exposure,
			Rate: audit.Interval{Estimate: est, Low: max(est-half, 0), High: est + half}, Claim: rate, LogE: logs, Combined: math.Log(mean)}
		peak = max(peak, claim)
		d.History = append(d.History, p)
	}
	end := d.History[steps-1]
	d.Proven, d.Combined = end.Rate, end.Combined
	d.Fixed = end.Rate
	d.Rejected = d.Combined >= math.Log(float64(fleet)/plan.Alpha)
	d.Counts = audit.Counts{Submitted: end.Shares + 3, Proving: end.Shares + 3, Counted: end.Shares, ByVerdict: map[string]uint64{"ok": end.Shares}}
	add := func(f audit.Finding) {
		if f.State == audit.Alarm {
			d.State = audit.Alarm
		}
		d.Findings = append(d.Findings, f)
	}
	evidence := func(test string, logE float64, alarm, clear, power, limits string) {
		f := audit.Finding{Test: test, Kind: audit.Evidence, State: audit.Clear, Words: clear, Power: power, Limits: limits, LogE: logE, Peak: max(logE, 0.2), Threshold: threshold}
		switch {
		case logE >= threshold:
			f.State, f.Words, f.Since = audit.Alarm, alarm, first.Add(31*time.Hour)
		case v.young:
			f.State, f.Words, f.NeedShares, f.Power = audit.TooEarly, "Not enough data.", 2120, ""
		}
		add(f)
	}
	add(audit.Finding{Test: audit.TestInvalid, Kind: audit.Fact, State: audit.Clear, Words: fmt.Sprintf("All %d shares are what they claim to be.", end.Shares)})
	if v.mask {
		add(audit.Finding{Test: audit.TestMask, Kind: audit.Fact, State: audit.Alarm, Words: "3 shares changed version bits that the pool had not given.", Since: first.Add(5 * time.Hour)})
	}
	evidence(audit.TestTail, tail, "No share above difficulty 10 M came where about 403 were to be expected.", "High shares are as many as they must be.",
		"It would have seen all shares above difficulty 200 M missing by now.", "It cannot see what happens above the audit ceiling.")
	shape := fmt.Sprintf("Proven %s (between %s), claims 100 TH/s", hashRate(end.Rate.Estimate), between(end.Rate.Low, end.Rate.High))
	evidence(audit.TestClaim, end.LogE[0], shape+fmt.Sprintf(": at least %.1f %% are missing.", 100*(1-end.Rate.High/rate)), shape+": that fits.",
		"It would have seen 3 % missing by now.", "It does not say where missing work went.")
	if v.skim > 0 {
		for h := range int(hours) {
			at := first.Add(time.Duration(h)*time.Hour + 17*time.Minute)
			d.Spans = append(d.Spans, audit.Span{What: audit.SpanSilent, From: at, To: at.Add(time.Duration(v.skim*3600*1e9) + time.Duration(rng.Int64N(9e9))), Shares: 60, Alarm: true})
		}
		add(audit.Finding{Test: audit.TestGap, Kind: audit.Surveillance, State: audit.Alarm, Words: "It was silent for 3 minutes 48 times, while connected and with work. In the longest about 62 shares were to be expected.",
			FalseAlarms: "one in a million days", Since: first.Add(20 * time.Minute), Limits: "It cannot see pauses shorter than 72 s, nor work mixed in between."})
	} else {
		add(audit.Finding{Test: audit.TestGap, Kind: audit.Surveillance, State: audit.Clear, Words: "No silence was longer than chance makes it.", Power: "It would have seen a silence of 72 s.",
			FalseAlarms: "one in a million days", Limits: "It cannot see pauses shorter than 72 s, nor work mixed in between."})
	}
	if hours > 30 {
		d.Spans = append(d.Spans, audit.Span{What: audit.SpanDown, From: first.Add(20 * time.Hour), To: first.Add(20*time.Hour + 40*time.Minute)},
			audit.Span{What: audit.SpanUnseen, From: first.Add(33 * time.Hour), To: first.Add(36 * time.Hour)},
			audit.Span{What: audit.SpanNoWork, From: first.Add(41 * time.Hour), To: first.Add(41*time.Hour + 10*time.Minute)})
	}
	evidence(audit.TestPeriod, end.LogE[3], "It does less at the same minutes of every hour.", "It does as much at all minutes of the hour.", "It would have seen 4 % missing at the same minutes of every hour.", "")
	evidence(audit.TestCells, end.LogE[2], "Chip 17 of 114 found nothing where 505 shares were to be expected.", "All 114 chips find their part.", "It would have seen a dead chip.", "It cannot see chips that swap their numbers.")
	add(audit.Finding{Test: audit.TestCounters, Kind: audit.Fact, State: audit.NotApplicable, Words: "The machine tells no counters."})
	add(audit.Finding{Test: audit.TestAvailable, Kind: audit.Description, State: audit.Clear, Words: "It was connected for 98.6 % of the time."})
	if v.young && d.State == audit.Clear {
		d.State = audit.TooEarly
	}

	for x := floor; x < floor*1e6; x *= 2 {
		want := n * floor / x
		seen := distuv.Poisson{Lambda: want, Src: rng}.Rand()
		if x == floor {
			seen = n
		}
		if v.withhold > 0 {
			if x >= v.withhold {
				seen = 0
			} else {
				seen = max(math.Round(n*floor*(1/x-1/v.withhold)), 0)
			}
		}
		d.Tail = append(d.Tail, audit.TailPoint{Difficulty: x, Seen: uint64(seen), Expected: want})
	}
	d.Ceiling = n * floor / math.Log(1/plan.Alpha)
	d.Largest = n * floor / (0.3 + rng.Float64())
	if v.withhold > 0 {
		d.Largest = 0.97 * v.withhold
	}
	c := &audit.Census{Layout: "Chips of a board, 16 in a row, by the nonce's address bits", Model: "BM1368", Rows: 8, Columns: 16, Counts: make([]uint32, 128)}
	for i := range 114 {
		if i != v.deadChip || v.deadChip == 0 {
			c.Counts[i] = uint32(distuv.Poisson{Lambda: n / 114, Src: rng}.Rand())
		}
	}
	if v.deadChip > 0 {
		c.Dead = []int{v.deadChip}
		c.Counts[90] /= 2
		c.Weak = []int{90}
	}
	d.Census = c
	return d
}
