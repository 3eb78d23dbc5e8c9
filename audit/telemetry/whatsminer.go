package telemetry

// whatsminerTicket is the difficulty of the nonces that Whatsminer counts in fields named Diff1: 625,711 of 256 in 10,154 s are the
// 67.76 TH/s that one of these machines says.
const whatsminerTicket = 256

// whatsminer reads what MicroBT's firmware has of its own on port 4028.
func (d *document) whatsminer() {
	r := d.reading
	for _, s := range d.all("SUMMARY") {
		fillText(&r.Firmware, s.text("Firmware Version"))
		fillText(&r.Chip, s.text("Chip Data"))
	}
	for _, s := range d.all(sectionMsg) {
		fillText(&r.Firmware, s.text("fw_ver", "Firmware Version", "FirmwareVersion"))
		fillText(&r.Model, s.text("minertype", "miner_type"))
		if s.yes("btmineroff", "mineroff") {
			d.odd("%s: it says that mining is switched off", s.command)
		}
		if p := s.number(1000, "hash_percent"); p > 0 && p != 100 {
			d.odd("%s: it says to run at %g %%", s.command, p)
		}
	}
	d.tickets("Diff1 Shares", whatsminerTicket)
}

// tickets adds up a counter of chip nonces over the pools.
func (d *document) tickets(field string, difficulty float64) {
	sum := 0.0
	for _, s := range d.all("POOLS") {
		if v := s.count(field); v > 0 {
			sum += v
		}
	}
	if sum > 0 {
		d.reading.Tickets, d.reading.TicketDifficulty = sum, difficulty
	}
}
