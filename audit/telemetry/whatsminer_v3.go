package telemetry

import "math"

// envelopeV3 finds the sections of a reply of Whatsminer's API of 2024: {"code":0,"when":…,"msg":{…},"desc":"get.miner.status"}.
func (d *document) envelopeV3(command string, n *node) {
	when, _ := parseNumber(n.get("when"), false)
	msg := n.get("msg")
	if code, err := parseNumber(n.get("code"), false); err != nil || code != 0 && !math.IsNaN(code) || !msg.is(kindObject) {
		d.refused(command, msg, n.get("code"))
		return
	}
	for i, name := range msg.names {
		v := &msg.items[i]
		switch v.kind {
		case kindObject:
			d.add(command, sectionV3+cut(name), v, when)
		case kindList:
			for k := range v.items {
				if item := &v.items[k]; item.kind == kindObject {
					d.add(command, sectionV3+cut(name), item, when)
				}
			}
		}
	}
}

// whatsminerV3 reads what comes from port 4433, where rates are in TH/s.
func (d *document) whatsminerV3() {
	r := d.reading
	r.Vendor = "MicroBT"
	for _, s := range d.all(sectionV3 + "summary") {
		fill(&d.when, s.when)
		fill(&r.Clock, s.when)
		fill(&r.Uptime, s.seconds("elapsed"))
		if v := s.rate(tera, "hash-average"); math.IsNaN(r.Rate) && !math.IsNaN(v) {
			r.Rate, r.RateField, r.RateWindow = v, "hash-average", s.seconds("elapsed")
		}
		fill(&r.RateNow, s.rate(tera, "hash-realtime"))
		fill(&r.Nominal, s.rate(tera, "factory-hash"))
		fill(&r.Power, s.number(maxWatts, "power-realtime", "power-5min"))
		most(&r.Temperature, s.number(maxDegrees, "chip-temp-max"))
	}
	for _, s := range d.all(sectionV3 + "miner") {
		fillText(&r.Model, s.text("type"))
		fillText(&r.Chip, s.text("chipdata0"))
		if s.text("working") == "false" {
			d.odd("%s: it says that it is not working", s.command)
		}
	}
	for _, s := range d.all(sectionV3 + "system") {
		fillText(&r.Firmware, s.text("fwversion"))
	}
	d.boardsV3()
	for _, s := range d.all(sectionV3 + "pools") {
		if len(r.Pools) < maxPools {
			r.Pools = append(r.Pools, Pool{
				URL: s.text("url"), User: s.text("account"), Status: s.text("status"), Active: s.yes("stratum-active"),
				Priority: s.number(1e6, "pool-priority"), Difficulty: math.NaN(), Accepted: math.NaN(),
			})
		}
	}
}

func (d *document) boardsV3() {
	r := d.reading
	chips := 0.0
	for _, s := range d.all(sectionV3 + "edevs") {
		if len(r.Boards) == maxBoards {
			break
		}
		b := newBoard("board " + s.text("id", "slot"))
		b.Rate, b.Nominal = s.rate(tera, "hash-average"), s.rate(tera, "factory-hash")
		b.Chips = s.number(1e6, "effective-chips")
		if b.Chips > 0 {
			chips += b.Chips
		}
		most(&r.Temperature, s.number(maxDegrees, "chip-temp-max"))
		r.Boards = append(r.Boards, b)
	}
	if chips > 0 {
		fill(&r.Chips, chips)
	}
	d.sumBoards()
}
