package telemetry

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// maxChains is the most hash boards that a control board of Bitmain numbers.
const maxChains = 32

// antminer reads STATS as Bitmain's firmware gives it, and firmware made to replace it: chain_rate1, chain_acn1, chain_hw1 and so on, in
// the unit that rate_unit names.
func (d *document) antminer() {
	r := d.reading
	for _, s := range d.all("STATS") {
		fillText(&r.Model, s.text("Type"))
		fillText(&r.Firmware, s.text("Miner", "miner_version"))
		if s.node.get("miner_count") == nil && s.node.get("total_rateideal") == nil {
			continue
		}
		unit := rateUnit(s.text("rate_unit"))
		if unit == 0 {
			d.odd("%s: rate_unit %s is none that we know: rates in it are not counted", s.command, quoteOdd(s.text("rate_unit")))
			unit = math.NaN()
		}
		fill(&r.Uptime, s.seconds("Elapsed"))
		if rate, field := s.averageRate(); math.IsNaN(r.Rate) && !math.IsNaN(rate) {
			r.Rate, r.RateField, r.RateWindow = rate, field, s.seconds("Elapsed")
		}
		fill(&r.RateNow, s.rate(giga, "GHS 5s"))
		fill(&r.Nominal, positive(s.rate(unit, "total_rateideal")))
		fill(&r.HardwareErrors, s.count("no_matching_work"))
		d.chains(&s, unit)
	}
	for _, s := range d.all(sectionFlat) {
		model := s.text("minertype")
		if model != "" && r.Model != "" && model != r.Model {
			d.odd("it calls itself %s and, in %s, %s", quoteOdd(r.Model), s.command, quoteOdd(model))
		}
		fillText(&r.Model, model)
		fillText(&r.Firmware, s.text("system_filesystem_version"))
	}
}

// rateUnit returns what a unit is worth, or 0.
func rateUnit(name string) float64 {
	switch strings.ToUpper(strings.TrimSuffix(strings.ToUpper(name), "/S")) {
	case "", "GH", "GHS":
		return giga
	case "MH", "MHS":
		return mega
	case "TH", "THS":
		return tera
	case "KH", "KHS":
		return kilo
	}
	return 0
}

// chains reads the boards of STATS.
func (d *document) chains(s *section, unit float64) {
	r := d.reading
	chips := 0.0
	var boards []Board
	for i := range maxChains {
		at := func(name string) string { return name + strconv.Itoa(i) }
		for _, name := range []string{"temp_chip", "temp_pcb", "temp2_", "temp"} {
			d.temperatures(s, at(name))
		}
		b := newBoard(at("chain "))
		b.Rate = s.rate(unit, at("chain_rate"))
		b.Nominal = positive(s.rate(unit, at("chain_rateideal")))
		b.Chips = s.number(1e6, at("chain_acn"))
		b.Errors = s.count(at("chain_hw"))
		if !(b.Rate > 0 || b.Chips > 0) {
			continue
		}
		if marks := s.text(at("chain_acs")); marks != "" && b.Chips > 0 {
			if bad := strings.Count(marks, "x") + strings.Count(marks, "-"); bad > 0 {
				d.odd("%s: it marks %d chips of %s as dead", s.command, bad, at("chain "))
			}
		}
		if b.Chips > 0 {
			chips += b.Chips
		}
		boards = append(boards, b)
	}
	if len(boards) > 0 && len(r.Boards) == 0 {
		r.Boards = boards
	}
	if chips > 0 {
		fill(&r.Chips, chips)
		if total := s.number(1e6, "total_acn"); total > 0 && total != chips {
			d.odd("%s: total_acn is %.0f, and the boards have %.0f chips", s.command, total, chips)
		}
	}
}

// temperatures reads a number, or several such as "73-45-64-65".
func (d *document) temperatures(s *section, name string) {
	n := s.node.get(name)
	if n.is(kindNumber) {
		most(&d.reading.Temperature, positive(s.number(maxDegrees, name)))
	}
	if !n.is(kindString) || len(n.text) > maxText {
		return
	}
	for part := range strings.SplitSeq(n.text, "-") {
		if v, err := parseFloat(part); err == nil && v > 0 && v < maxDegrees {
			most(&d.reading.Temperature, v)
		}
	}
}

// luxOS reads what LuxOS has of its own.
func (d *document) luxOS() {
	r := d.reading
	fillText(&r.Vendor, "Luxor")
	for _, s := range d.all("POWER") {
		fill(&r.Power, s.number(maxWatts, "Watts"))
	}
}

// auradine reads what Auradine's firmware has of its own.
func (d *document) auradine() {
	r := d.reading
	for _, s := range d.all("PSU") {
		if v, err := parseNumber(s.node.get("PowerIn"), false); err == nil && v >= 0 && v < maxWatts {
			fill(&r.Power, v)
		}
	}
}

// sealminer reads STATS of Bitdeer's firmware, where "0 MHS(Sample)" is of board 0.
func (d *document) sealminer() {
	r := d.reading
	for _, s := range d.all("STATS") {
		if s.node.get("MHS(Avg)") == nil && s.node.get("Board Count") == nil {
			continue
		}
		fillText(&r.Model, s.text("Model"))
		fillText(&r.Chip, s.text("ASIC"))
		if v := s.text("Firmware"); v != "" { // of the machine; VERSION has that of cgminer
			r.Firmware = v
		}
		if v := s.rate(mega, "MHS(Avg)"); r.Rate > 0 && v > 0 && !near(v, r.Rate, 0.02) {
			d.odd("%s: MHS(Avg) says %s, %s of the summary %s", s.command, rateText(v), r.RateField, rateText(r.Rate))
		} else if math.IsNaN(r.Rate) && !math.IsNaN(v) {
			r.Rate, r.RateField, r.RateWindow = v, "MHS(Avg)", s.seconds("Elapsed")
		}
		fill(&r.Uptime, s.seconds("Elapsed"))
		fill(&r.Nominal, s.rate(mega, "MHS(Ideal)"))
		fill(&r.Chips, s.number(1e6, "Chip Count"))
		fill(&r.Power, s.number(maxWatts, "PSU Input Power"))
		most(&r.Temperature, s.number(maxDegrees, "Temp"))
		for i := range maxChains {
			b := newBoard(fmt.Sprintf("board %d", i))
			at := func(name string) string { return strconv.Itoa(i) + " " + name }
			b.Rate, b.Nominal = s.rate(mega, at("MHS(Sample)")), s.rate(mega, at("MHS(Ideal)"))
			b.Chips = s.number(1e6, at("Chip Count"))
			for k := range 4 {
				most(&r.Temperature, s.number(maxDegrees, at("Temp "+strconv.Itoa(k))))
			}
			if (!math.IsNaN(b.Rate) || b.Chips > 0) && len(r.Boards) < maxBoards {
				r.Boards = append(r.Boards, b)
			}
		}
	}
}
