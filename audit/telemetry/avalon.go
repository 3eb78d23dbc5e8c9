package telemetry

import (
	"math"
	"strconv"
	"strings"
)

// avalonField returns the name of the field of STATS that holds what a module of Avalon says: one string of Key[value value].
func avalonField(n *node) string {
	for i, name := range n.names {
		if strings.HasPrefix(name, "MM ID") && n.items[i].kind == kindString {
			return name
		}
	}
	return ""
}

// maxKeys is how many keys of such a string are read, and how many values of each.
const maxKeys = 1024

// avalonKeys reads such a string: Ver[1246-83] PS[0 1214 1316] Nonce Mask[25]. What stands before a brace is not part of a key.
func avalonKeys(text string) map[string][]string {
	keys := map[string][]string{}
	for len(keys) < maxKeys {
		open := strings.IndexByte(text, '[')
		if open < 0 {
			break
		}
		key := text[:open]
		if brace := strings.LastIndexByte(key, '{'); brace >= 0 {
			key = key[brace+1:]
		}
		key = strings.Trim(key, " '\"},]")
		stop := strings.IndexByte(text[open:], ']')
		if stop < 0 {
			break // cut off
		}
		if _, twice := keys[key]; !twice && key != "" && len(key) <= maxText {
			values := strings.Fields(text[open+1 : open+stop])
			keys[key] = values[:min(len(values), maxKeys)]
		}
		text = text[open+stop+1:]
	}
	return keys
}

// avalon reads what Canaan's firmware has of its own.
func (d *document) avalon() {
	r := d.reading
	for _, s := range d.all("STATS") {
		most(&r.MaxDifficulty, positive(s.count("Max Diff")))
		for i, name := range s.node.names {
			if strings.HasPrefix(name, "MM ID") && s.node.items[i].kind == kindString {
				d.module(&s, avalonKeys(s.node.items[i].text))
			}
		}
	}
	works, diff1 := 0.0, 0.0
	for _, s := range d.all("POOLS") {
		if w, v := s.count("Works"), s.count("Diff1 Shares"); w > 0 && v > 0 {
			works, diff1 = works+w, diff1+v
		}
	}
	// Works counts tickets, and Diff1 their difficulties: 4,096 each on those that were seen.
	if ticket := diff1 / works; ticket >= 1 && ticket == math.Trunc(ticket) && ticket < 1<<32 {
		r.Tickets, r.TicketDifficulty = works, ticket
	}
}

// module reads what one module says of itself.
func (d *document) module(s *section, keys map[string][]string) {
	r := d.reading
	value := func(key string, i int, unit float64) float64 {
		v := keys[key]
		if i >= len(v) {
			return math.NaN()
		}
		n := node{kind: kindString, text: v[i]}
		x, err := parseNumber(&n, false)
		return s.checked(&n, key, x, err, maxRate/unit) * unit
	}
	first := func(key string) string {
		if v := keys[key]; len(v) > 0 {
			return cut(v[0])
		}
		return ""
	}
	fillText(&r.Firmware, first("Ver"))
	fillText(&r.Chip, first("Core"))
	if model, _, ok := strings.Cut(first("Ver"), "-"); ok {
		fillText(&r.Model, "Avalon "+model)
	}
	fill(&r.Uptime, value("Elapsed", 0, 1))
	fill(&r.Nominal, positive(value("GHSmm", 0, giga)))
	fill(&r.RateNow, value("GHSspd", 0, giga))
	if v := value("GHSavg", 0, giga); math.IsNaN(r.Rate) && !math.IsNaN(v) {
		r.Rate, r.RateField, r.RateWindow = v, "GHSavg", value("Elapsed", 0, 1)
	}
	if r.HardwareErrors == 0 { // cgminer's own counter stays 0
		r.HardwareErrors = math.NaN()
	}
	fill(&r.HardwareErrors, value("HW", 0, 1))
	// Of PS, the power supply's state, the seventh is what it takes from the wall.
	fill(&r.Power, value("PS", 6, 1))
	for _, key := range []string{"TMax", "MTmax"} {
		for i := range keys[key] {
			most(&r.Temperature, positive(value(key, i, 1)))
		}
	}
	fill(&r.Chips, positive(value("TA", 0, 1)))
	d.moduleBoards(keys, value)
}

// moduleBoards reads the boards of a module: MGHS are their rates, and of each the keys MW0, MW1 and so on count every chip's nonces.
func (d *document) moduleBoards(keys map[string][]string, value func(string, int, float64) float64) {
	r := d.reading
	if len(r.Boards) > 0 {
		return
	}
	for i := range keys["MGHS"] {
		if i == maxChains {
			break
		}
		b := newBoard("board " + strconv.Itoa(i))
		b.Rate = value("MGHS", i, giga)
		if chips := keys["MW"+strconv.Itoa(i)]; len(chips) > 0 {
			b.Chips = float64(len(chips))
			for k, c := range chips {
				if c == "0" {
					d.odd("chip %d of board %d has found no nonce", k, i)
				}
			}
		}
		r.Boards = append(r.Boards, b)
	}
}
