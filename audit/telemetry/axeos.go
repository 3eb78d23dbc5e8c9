package telemetry

import (
	"fmt"
	"math"
)

// isAxeOS says that an object is what AxeOS answers to GET /api/system/info.
func isAxeOS(n *node) bool {
	return n.get("sharesAccepted") != nil && n.get("hashRate") != nil || n.get("ASICModel") != nil && n.get("hashRate") != nil
}

// axeOS reads AxeOS, the firmware of Bitaxe and its relatives: rates are in GH/s, and older ones give difficulties as "483k" or "4.29G".
func (d *document) axeOS() {
	r := d.reading
	r.Vendor = "Bitaxe"
	for _, s := range d.all(sectionAxeOS) {
		fillText(&r.Model, s.text("deviceModel", "boardVersion"))
		fillText(&r.Chip, s.text("ASICModel"))
		fillText(&r.Firmware, s.text("version", "axeOSVersion"))
		fill(&r.Uptime, s.seconds("uptimeSeconds"))
		d.rateAxeOS(&s)
		fill(&r.Nominal, positive(s.rate(giga, "expectedHashrate")))
		fill(&r.Accepted, s.count("sharesAccepted"))
		fill(&r.Rejected, s.count("sharesRejected"))
		fill(&r.Best, s.scaled(maxCount, "bestSessionDiff"))
		fill(&r.BestEver, s.scaled(maxCount, "bestDiff"))
		fill(&r.LastDifficulty, positive(s.scaled(maxCount, "poolDifficulty", "stratumDiff", "stratumDifficulty")))
		most(&r.MaxDifficulty, r.LastDifficulty)
		fill(&r.Power, s.number(maxWatts, "power"))
		for _, name := range []string{"temp", "temp2"} {
			if v, err := parseNumber(s.node.get(name), false); err == nil && v > 0 { // -1: there is none
				most(&r.Temperature, s.number(maxDegrees, name))
			}
		}
		fill(&r.Chips, positive(s.number(1e6, "asicCount")))
		d.chipsAxeOS(&s)
		d.poolAxeOS(&s)
		if s.yes("miningPaused") {
			d.odd("%s: it says that mining is paused", s.command)
		}
	}
}

// rateAxeOS takes the longest average that is over as long as it says.
func (d *document) rateAxeOS(s *section) {
	r := d.reading
	fill(&r.RateNow, s.rate(giga, "hashRate"))
	for _, f := range []struct {
		name   string
		window float64
	}{{"hashRate_1h", 3600}, {"hashRate_10m", 600}, {"hashRate_1m", 60}, {"hashRate", 0}} {
		v := s.rate(giga, f.name)
		if math.IsNaN(r.Rate) && !math.IsNaN(v) && !(r.Uptime < f.window) {
			r.Rate, r.RateField, r.RateWindow = v, f.name, f.window
		}
	}
}

// chipsAxeOS reads the chips, each of which counts as a board.
func (d *document) chipsAxeOS(s *section) {
	r := d.reading
	asics := s.node.get("hashrateMonitor").get("asics")
	if !asics.is(kindList) {
		return
	}
	for i := range asics.items {
		if len(r.Boards) == maxBoards {
			break
		}
		chip := section{command: s.command, name: s.name, node: &asics.items[i], doc: d}
		if !chip.node.is(kindObject) {
			continue
		}
		b := newBoard(fmt.Sprintf("chip %d", i))
		b.Rate, b.Errors, b.Chips = chip.rate(giga, "total"), chip.count("errorCount"), 1
		r.Boards = append(r.Boards, b)
	}
	if n := len(r.Boards); n > 0 {
		fill(&r.Chips, float64(n))
	}
}

// poolAxeOS reads the pool in use, and the other one.
func (d *document) poolAxeOS(s *section) {
	r := d.reading
	fallback := s.yes("isUsingFallbackStratum")
	for i, names := range [][3]string{
		{"stratumURL", "stratumPort", "stratumUser"},
		{"fallbackStratumURL", "fallbackStratumPort", "fallbackStratumUser"},
	} {
		url := s.text(names[0])
		if url == "" {
			continue
		}
		if port := s.text(names[1]); port != "" {
			url += ":" + port
		}
		p := Pool{
			URL: url, User: s.text(names[2]), Active: fallback == (i == 1), Priority: float64(i), Difficulty: math.NaN(), Accepted: math.NaN(),
		}
		if p.Active {
			p.Difficulty, p.Accepted = r.LastDifficulty, r.Accepted
		}
		r.Pools = append(r.Pools, p)
	}
}
