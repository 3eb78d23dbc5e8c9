package telemetry

import "math"

// hashesPerDifficulty is how many hashes a share of difficulty 1 takes on average: 2^256 / (0xffff·2^208 + 1).
const hashesPerDifficulty = 4295032833.000015

// check compares what the machine says with what it says elsewhere. Nothing is corrected.
func (d *document) check() {
	r := d.reading
	if !math.IsNaN(r.Rate) && r.RateWindow == 0 && r.Uptime == 0 {
		d.odd("it has only just begun")
	}
	d.checkBest()
	d.checkUnits()
	if r.RateNow > 0 && r.Rate > 0 && (r.RateNow > 100*r.Rate || r.Rate > 100*r.RateNow && r.RateNow > 0) {
		d.odd("it says %s for now and %s on average: one of them is not in the unit that its name says, or it stands nearly still",
			rateText(r.RateNow), rateText(r.Rate))
	}
}

// checkBest drops a best share that is the pool's difficulty.
func (d *document) checkBest() {
	r := d.reading
	switch {
	case r.Best > 0 && r.Accepted >= 10 && (r.Best == r.LastDifficulty || r.Best == r.MaxDifficulty):
		d.odd("Best Share %.0f is the pool's difficulty, and not counted", r.Best)
		r.Best = math.NaN()
	case r.Best > 0 && r.Accepted > 0 && r.Best < 0.99*r.DifficultyAccepted/r.Accepted:
		d.odd("Best Share %.0f is below the mean difficulty of its shares, %.0f", r.Best, r.DifficultyAccepted/r.Accepted)
	}
}

// checkUnits compares the rate with the work that the pools accepted, and with what the machine should compute.
func (d *document) checkUnits() {
	r := d.reading
	if !(r.Rate > 0) {
		return
	}
	if work := r.DifficultyAccepted * hashesPerDifficulty / r.Uptime; work > 0 && r.Accepted >= 20 && r.RateWindow == r.Uptime {
		switch ratio := r.Rate / work; {
		case thousandfold(ratio):
			d.odd("%s says %s, about %s times the %s of the accepted work: it is not in the unit that its name says", r.RateField,
				rateText(r.Rate), powerText(ratio), rateText(work))
		case ratio > 2 || ratio < 0.5:
			d.odd("%s says %s, and the accepted work over Elapsed is %s: not all of them can be what they say", r.RateField, rateText(r.Rate),
				rateText(work))
		}
	}
	if ratio := r.Rate / r.Nominal; r.Nominal > 0 && thousandfold(ratio) {
		d.odd("%s says %s, about %s times the %s that it should compute: one of them is not in the unit that its name says", r.RateField,
			rateText(r.Rate), powerText(ratio), rateText(r.Nominal))
	}
}

// thousandfold says that a ratio is about a power of 1000 other than 1.
func thousandfold(ratio float64) bool {
	p := math.Log(ratio) / math.Log(1000)
	return math.Abs(p) > 0.5 && math.Abs(p-math.Round(p)) < 0.15
}

// powerText is the nearest power of 1000.
func powerText(ratio float64) string {
	switch p := math.Round(math.Log(ratio) / math.Log(1000)); p {
	case 1:
		return "1000"
	case 2:
		return "a million"
	case 3:
		return "a billion"
	case -1:
		return "a thousandth"
	case -2:
		return "a millionth"
	}
	return "a very different number of"
}
