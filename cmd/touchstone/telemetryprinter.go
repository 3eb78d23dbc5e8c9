package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/touchstone-btc/touchstone/audit"
)

// telemetryPrinter prints claims against work: a table, what there is to say
// of each machine, and what to beware of.
type telemetryPrinter struct {
	con              *console
	all              []*audit.ClaimWork
	sum              telemetrySummary
	alpha, tolerance float64
}

// nameColumns is how wide a machine's name gets.
const nameColumns = 22

func (t *telemetryPrinter) print() {
	t.table()
	for _, c := range t.all {
		t.machine(c)
	}
	t.con.Print("")
	t.conclusion()
	t.caveats()
}

// row prints a line of the table, the first cell to the left.
func (t *telemetryPrinter) row(cells ...string) {
	widths := []int{nameColumns, 6, 6, 7, 7, 4, 5, 5, 13, 7, 7}
	var b strings.Builder
	for i, cell := range cells {
		pad := strings.Repeat(" ", max(widths[i]-textWidth(cell), 0))
		if i == 0 {
			b.WriteString(cell + pad)
		} else {
			b.WriteString(" " + pad + cell)
		}
	}
	t.con.Print("%s", strings.TrimRight(b.String(), " "))
}

func (t *telemetryPrinter) table() {
	t.row("machine", "N", "N_eff", "proven", "claimed", "", "ratio", "z", fmt.Sprintf("%.4g %% band", 100*(1-t.alpha)), "p", "careful")
	for _, c := range t.all {
		unit, name := rateUnitOf(c)
		scaled := func(v *float64) string {
			if v == nil {
				return "-"
			}
			return fourDigits(*v / unit)
		}
		band := "-"
		if c.Low != nil && c.High != nil {
			band = scaled(c.Low) + "-" + scaled(c.High)
		}
		t.row(machineText(c), figure("%.0f", c.Shares), figure("%.0f", c.Effective), scaled(c.Proven), scaled(c.Claimed), name,
			figure("%.3f", c.Ratio), figure("%+.1f", c.Z), band, probability(c.P), probability(c.Careful))
	}
}

// machineText is a machine's name in the table.
func machineText(c *audit.ClaimWork) string { return cutMiddle(harmless(c.Machine), nameColumns) }

// rateUnitOf is the unit in which all rates of a machine are shown.
func rateUnitOf(c *audit.ClaimWork) (float64, string) {
	rate := 0.0
	for _, v := range []*float64{c.Claimed, c.Proven} {
		if v != nil {
			rate = max(rate, *v)
		}
	}
	for _, u := range []struct {
		unit float64
		name string
	}{{1e15, "PH/s"}, {1e12, "TH/s"}, {1e9, "GH/s"}, {1e6, "MH/s"}, {1e3, "kH/s"}} {
		if rate >= u.unit {
			return u.unit, u.name
		}
	}
	return 1, "H/s"
}

// fourDigits formats a number below 1000 with four digits, others whole.
func fourDigits(v float64) string {
	switch {
	case v >= 1e6:
		return strconv.FormatFloat(v, 'e', 2, 64)
	case v >= 999.95:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 99.995:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case v >= 9.9995:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	return strconv.FormatFloat(v, 'f', 3, 64)
}

// figure formats a number that may be missing.
func figure(format string, v *float64) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprintf(format, *v)
}

// probability formats a probability.
func probability(p *float64) string {
	if p != nil && *p == 0 {
		return "<1e-300"
	}
	return figure("%.2g", p)
}

// machine prints what there is to say of one machine.
func (t *telemetryPrinter) machine(c *audit.ClaimWork) {
	t.con.Print("")
	what := []string{}
	for _, w := range []string{c.Dialect, c.Model} {
		if w != "" {
			what = append(what, harmless(w))
		}
	}
	if len(what) == 0 {
		what = append(what, "unknown firmware")
	}
	claim := ""
	if c.Claimed != nil {
		unit, name := rateUnitOf(c)
		claim = fmt.Sprintf("; claims %s %s in %s", fourDigits(*c.Claimed/unit), name, harmless(c.Field))
	}
	t.con.Print("%s: %s%s", harmless(c.Machine), strings.Join(what, ", "), claim)
	t.figures(c)
	for _, n := range c.Notes {
		t.item("", n)
	}
	for _, n := range c.Oddities {
		t.item("odd: ", n)
	}
	for _, n := range c.Repairs {
		t.item("repaired: ", n)
	}
	for _, n := range c.Unread {
		t.item("not read: ", n)
	}
}

// figures prints what the table has no room for.
func (t *telemetryPrinter) figures(c *audit.ClaimWork) {
	if c.EffectiveLow != nil && c.EffectiveHigh != nil && c.Effective != nil && c.Shares != nil && *c.Effective < *c.Shares {
		unit, name := rateUnitOf(c)
		from := "the highest difficulty that it names"
		if c.Assumed {
			from = "what is assumed to be the highest difficulty"
		}
		t.item("", fmt.Sprintf("Band with N_eff (%s, %s): %s-%s %s.", from, formatDifficulty(*c.Highest), fourDigits(*c.EffectiveLow/unit),
			fourDigits(*c.EffectiveHigh/unit), name))
	}
	if c.Holm != nil && c.CarefulHolm != nil && t.sum.Tested > 1 {
		t.item("", fmt.Sprintf("Corrected for %d machines: p %s, careful %s.", t.sum.Tested, probability(c.Holm), probability(c.CarefulHolm)))
	}
	if c.Record != nil {
		t.item("", fmt.Sprintf("Record test: U = %.3g (a small one says that the best share is too small for the work).", *c.Record))
	}
	if b := c.Ticket; b != nil {
		how := "exact"
		if !b.Exact {
			how = "nearly, since the difficulty varied"
		}
		t.item("", fmt.Sprintf("Nonces against shares: %.0f nonces of difficulty %.0f should give %.1f shares; there are %.0f, z %+.2f, p %s (%s).",
			b.Tickets, b.Difficulty, b.Expected, b.Shares, b.Z, probability(&b.P), how))
	}
}

// item prints words below a machine's name.
func (t *telemetryPrinter) item(kind, words string) {
	for i, line := range wrap(oneLine(kind+words), textColumns-4) {
		indent := "    "
		if i == 0 {
			indent = "  - "
		}
		t.con.Print("%s%s", indent, harmless(line))
	}
}

// conclusion says which machine stands out.
func (t *telemetryPrinter) conclusion() {
	var tested []*audit.ClaimWork
	for _, c := range t.all {
		if c.CarefulHolm != nil {
			tested = append(tested, c)
		}
	}
	slices.SortStableFunc(tested, func(a, b *audit.ClaimWork) int { return cmp.Compare(*a.CarefulHolm, *b.CarefulHolm) })
	switch {
	case len(tested) == 0:
		t.text("No machine says enough to be tested.")
	case t.sum.Named == 0:
		t.text(fmt.Sprintf("No machine that was tested claims more than its own counters bear out (alpha %v over %s; the least probable, %s, has "+
			"careful p %s corrected).", t.alpha, count(int64(len(tested)), "machine"), harmless(tested[0].Machine), probability(tested[0].CarefulHolm)))
	default:
		for _, c := range tested[:t.sum.Named] {
			t.text(fmt.Sprintf("%s claims more than its own counters bear out: chance alone would be as far off with probability %s.", harmless(c.Machine),
				probability(c.CarefulHolm)))
		}
	}
	if t.sum.Disagree > 0 {
		t.text(fmt.Sprintf("%s disagrees with itself beyond chance, and is not tested.", count(int64(t.sum.Disagree), "machine")))
	}
}

// caveats says what to beware of.
func (t *telemetryPrinter) caveats() {
	t.con.Print("")
	t.con.Print("Read this with care:")
	for _, words := range []string{
		"All of it is what the machines say. One that makes up its numbers passes here; shares prove what it did.",
		"proven is Difficulty Accepted times 2^256/(0xffff·2^208+1) hashes, over Elapsed; z is (ratio-1)·√N. The band is two-sided, p is " +
			"one-sided: so few shares or fewer, if the claim were true.",
		"N takes all shares as equal. Where the difficulty varied that says too much: N_eff, the work over the highest difficulty, is what is left " +
			"at least, if no difficulty was higher than those that it names.",
		fmt.Sprintf("careful is p with N_eff, %.4g %% of the claim missing for honest reasons, and the machine's own clock (Utility) where it differs "+
			"from Elapsed.", 100*t.tolerance),
		"Whoever looks at many machines finds an odd one: the corrected figures (Holm) count the looks. U and the nonces are looks of their own.",
		"Replies of one poll are not simultaneous, and a machine that has only begun is still warming up.",
	} {
		t.item("", words)
	}
}

// text prints a sentence of its own.
func (t *telemetryPrinter) text(words string) {
	for _, line := range wrap(oneLine(words)+".", textColumns) {
		t.con.Print("%s", line)
	}
}
