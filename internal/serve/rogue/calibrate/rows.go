package main

import (
	"fmt"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/touchstone-btc/touchstone/audit"
	"github.com/touchstone-btc/touchstone/internal/serve/rogue"
)

func betaQuantile(p, a, b float64) float64 { return distuv.Beta{Alpha: a, Beta: b}.Quantile(p) }

// section is a table of rows.
type section struct {
	title string
	notes string
	rows  []row
}

// sections returns what is computed of dishonest devices.
func sections() []section {
	// Nothing is let pass, as in the tables compared with: tolerances, lag and losses are as good as none.
	plan := audit.Plan{
		Alpha: 1e-6, Tolerance: 1e-9, ToleranceAbove: 1e-9, Drift: 1e-9, CellWeakness: 1e-9, InvalidRate: 1e-9, ExtraDispersion: 1e-9,
		Lag: 1, SwitchLoss: 1, Rated: rate,
	}
	device := rogue.Synthetic{Rate: rate, Difficulty: difficulty, ClaimEvery: -1, Switch: -1}
	simulated := "mean over nine fractions, simulated"

	skim := section{title: "Skimming, share by share", notes: "Found when the e-value of the claim reaches 10⁶. The wait is in shares that an honest device " +
		"would have been expected to send; the first 32 of them only teach the audit whether the device has a filter of its own."}
	for _, t := range []struct {
		x, expected float64
		devices     int
	}{{0.3, 357, 0}, {0.1, 2920, 0}, {0.05, 12_000, 0}, {0.02, 74_600, 1000}, {0.01, 294_000, 400}} {
		skim.rows = append(skim.rows, row{what: fmt.Sprintf("%g %%", 100*t.x), vice: fmt.Sprintf("skim=%g", t.x), plan: plan, device: device,
			test: audit.TestClaim, expected: t.expected, source: simulated, devices: t.devices})
	}

	drop := section{title: "Drops after 20 000 honest shares", notes: "The statistic has at least so many expected shares between false alarms (ARL). " +
		"The baseline is the rated hash rate. The wait counts from the drop; alarms before it are told apart."}
	for _, t := range []struct{ a, x, expected float64 }{
		{1e6, 0.3, 169}, {1e6, 0.1, 1390}, {1e6, 0.05, 4670}, {1e6, 0.02, 21_500},
		{1e8, 0.3, 247}, {1e8, 0.1, 2220}, {1e8, 0.05, 8770}, {1e8, 0.02, 50_000},
		{1e12, 0.3, 406}, {1e12, 0.1, 3900}, {1e12, 0.05, 15_800}, {1e12, 0.02, 95_400},
	} {
		p := plan
		p.DropARL = t.a
		seconds := 20_000 * hashesPerShare(difficulty) / rate
		devices := 0
		if t.expected > 20_000 {
			devices = 500
		}
		drop.rows = append(drop.rows, row{what: fmt.Sprintf("%g %%, ARL %.0e", 100*t.x, t.a), vice: fmt.Sprintf("drop=%g,at=%.3fs", t.x, seconds),
			plan: p, device: device, test: audit.TestDrop, expected: t.expected, after: 20_000, source: "Shiryaev–Roberts, simulated", devices: devices})
	}

	hold := section{title: "Withholding", notes: "Shares of so many times the required difficulty are kept back, each with probability q. The likelihood ratio " +
		"knows both; the audit mixes 160 guesses, which takes 1.4 times the shares at a ratio of 128, and 2 times at 10⁴, by simulation; 1.4 is taken for 10 and 100, too."}
	for _, t := range []struct {
		x, q, knowing, mixing float64
		devices               int
	}{{10, 1, 131, 1.4, 0}, {100, 1, 1370, 1.4, 0}, {100, 0.5, 9000, 1.4, 0}, {1e4, 1, 1.4e5, 2, 100}, {1e4, 0.5, 9e5, 2, 20}} {
		hold.rows = append(hold.rows, row{what: fmt.Sprintf("from %g times the difficulty, q = %g", t.x, t.q),
			vice: fmt.Sprintf("withhold=%g,q=%g", t.x*difficulty, t.q), plan: plan, device: device, devices: t.devices,
			test: audit.TestTail, expected: t.knowing * t.mixing, source: fmt.Sprintf("likelihood ratio (%g) × %g", t.knowing, t.mixing)})
	}

	const chips = 110
	cells := section{title: "Dead and weak chips", notes: "A board of 110 chips (Antminer S19 XP). The audit knows neither which chip it is nor how weak, and looks at cores " +
		"and at groups of chips as well."}
	census := plan
	census.Model = "Antminer S19 XP"
	board := device
	board.Model = census.Model
	cells.rows = append(cells.rows,
		row{what: "a dead chip of 110", vice: "chip=17", plan: census, device: board, test: audit.TestCells,
			expected: 2250. * chips / 114, source: "cell e-process, simulated"},
		row{what: "a half-dead chip of 110", vice: "chip=17,weak=0.5", plan: census, device: board, test: audit.TestCells,
			expected: 12_300. * chips / 114, source: "cell e-process, simulated", limit: 200_000},
	)

	gap := section{title: "Silent slices", notes: "Waits in expected shares; at 20 a minute, 1200 are an hour. The rate is the rated one, and one silence in 10⁶ days may be " +
		"a false alarm. A slice of 72 s is just as long as the shortest that could be told if the rate were known."}
	for _, t := range []struct {
		slice    string
		expected float64
	}{{"72s", 1200}, {"90s", 1200}, {"180s", 1200}} {
		gap.rows = append(gap.rows, row{what: t.slice + " every hour", vice: "gap=" + t.slice + ",every=1h", plan: plan, device: device,
			test: audit.TestGap, expected: t.expected, source: "within an hour", limit: 48_000})
	}
	return []section{skim, drop, hold, cells, gap}
}
