package main

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/touchstone-btc/touchstone/audit"
	"github.com/touchstone-btc/touchstone/audit/report"
)

// auditView says how the text of an audit is to look.
type auditView struct {
	// Columns there are, as displayed; 0 for 80.
	Columns int
	// Color says that the reader is a terminal that shows colours.
	Color bool
	// All lists every device, whatever its number, and every test that waits.
	All bool
}

// colorWanted says whether a terminal should get colours: not if its owner said otherwise (no-color.org).
func colorWanted() bool { return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" }

// How many devices a table shows that shall be read at a glance: of those that are clear or wait all or none, of those in alarm so many.
const (
	auditCalm   = 24
	auditAlarms = 100
)

// printAudit writes a report as text: what to do, a table of the devices, why, what could not be said yet, and what cannot be seen.
func printAudit(w io.Writer, r *audit.FleetReport, v auditView) error {
	if v.Columns <= 0 {
		v.Columns = 80
	}
	p := &auditPrinter{view: v, r: r, sum: report.Summarize(r)}
	p.head()
	p.table()
	p.alarms()
	p.waiting()
	p.blind()
	p.record()
	_, err := io.WriteString(w, p.b.String())
	return err
}

type auditPrinter struct {
	view auditView
	r    *audit.FleetReport
	sum  *report.Summary
	b    strings.Builder
}

// line writes a line as it is.
func (p *auditPrinter) line(text string) { p.b.WriteString(strings.TrimRight(text, " ") + "\n") }

// text writes words, broken where the terminal ends, the first line after one indent and the others after another.
func (p *auditPrinter) text(first, other, words string) {
	for i, l := range wrap(auditWords(words), max(min(p.view.Columns, textColumns)-textWidth(other), 20)) {
		indent := other
		if i == 0 {
			indent = first
		}
		p.line(indent + l)
	}
}

// auditWords are words of a report on a terminal: some of what they quote comes from machines.
func auditWords(s string) string {
	const most = 1000
	s = shortMiddle(strings.ToValidUTF8(s, "?"), most)
	parts := strings.Split(s, string(noBreak)) // wrap makes them plain
	for i, part := range parts {
		parts[i] = harmless(strings.Map(func(r rune) rune {
			if unicode.IsSpace(r) {
				return ' '
			}
			return r
		}, part))
	}
	return strings.Join(parts, string(noBreak))
}

// auditName is a device's name on a terminal, of so many columns at most.
func auditName(name string, most int) string {
	if name == "" {
		return "(no name)"
	}
	return cutWidth(harmless(shortMiddle(strings.ToValidUTF8(name, "?"), most)), most)
}

// paint colours text by a state.
func (p *auditPrinter) paint(text string, s audit.State) string {
	if !p.view.Color {
		return text
	}
	code := "90" // grey
	switch s {
	case audit.Alarm:
		code = "1;31"
	case audit.Clear:
		code = "32"
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// head says what to do.
func (p *auditPrinter) head() {
	if p.r.Synthetic {
		p.text("", "", "SYNTHETIC: this record was computed, not seen. No real machine is spoken of.")
		p.line("")
	}
	var b strings.Builder
	for _, part := range p.sum.Advice(5) {
		if part.Device != nil {
			b.WriteString(auditName(part.Text, 40))
			continue
		}
		b.WriteString(part.Text)
	}
	p.text("", "", b.String())
	for i := range p.r.Findings {
		if f := &p.r.Findings[i]; f.State == audit.Alarm {
			p.text("! ", "  ", f.Words)
		}
	}
}

// auditColumn is one of the table's.
type auditColumn struct {
	title string
	left  bool
	first int // how early it gets room: 0 has it always
	text  func(d *audit.DeviceReport) string
	state func(d *audit.DeviceReport) audit.State // nil: not coloured
}

func (p *auditPrinter) columns() []auditColumn {
	rate := func(v float64) string {
		if v <= 0 || math.IsNaN(v) || math.IsInf(v, 0) {
			return "-"
		}
		return strings.TrimSpace(siRate(v))
	}
	columns := []auditColumn{
		{title: "", left: true, text: func(d *audit.DeviceReport) string { return auditSign(d.State) },
			state: func(d *audit.DeviceReport) audit.State { return d.State }},
		{title: "DEVICE", left: true, text: func(d *audit.DeviceReport) string { return auditName(d.Device, p.nameWidth()) }},
		{title: "PROVEN", text: func(d *audit.DeviceReport) string { return rate(d.Proven.Estimate) }},
		{title: "BETWEEN", first: 2, text: func(d *audit.DeviceReport) string { return auditBand(d.Proven) }},
		{title: "CLAIM", first: 1, text: func(d *audit.DeviceReport) string { return rate(d.Claimed) }},
		{title: "SHARES", first: 5, text: func(d *audit.DeviceReport) string { return shortCount(int64(min(d.Counts.Counted, 1<<62))) }},
		{title: "ODDS", first: 6, text: func(d *audit.DeviceReport) string { return auditOdds(d.Combined) }},
	}
	for i := range report.Groups {
		g := &report.Groups[i]
		columns = append(columns, auditColumn{title: strings.ToUpper(g.Name), left: true, first: 3,
			text:  func(d *audit.DeviceReport) string { return auditState(g.State(d)) },
			state: g.State})
	}
	return append(columns, auditColumn{title: "STATE", left: true, first: 4,
		text:  func(d *audit.DeviceReport) string { return report.StateWord(d.State) },
		state: func(d *audit.DeviceReport) audit.State { return d.State }})
}

// nameWidth is how many columns a name may take.
func (p *auditPrinter) nameWidth() int { return min(max(p.view.Columns-67, 12), 40) }

// auditSign is a state as one character that every terminal has.
func auditSign(s audit.State) string {
	switch s {
	case audit.Alarm:
		return "!"
	case audit.Clear:
		return "+"
	}
	return "."
}

// auditState is what a group of tests says.
func auditState(s audit.State) string {
	switch s {
	case audit.Alarm:
		return "ALARM"
	case audit.Clear:
		return "ok"
	case audit.TooEarly:
		return "early"
	}
	return "-"
}

// auditBand is an interval in the unit of its upper end.
func auditBand(v audit.Interval) string {
	bad := func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) || v < 0 }
	if bad(v.Low) || bad(v.High) || v.High == 0 && v.Low == 0 {
		return "-"
	}
	if v.High == 0 {
		return "over " + strings.TrimSpace(siRate(v.Low))
	}
	unit := 1.0
	for h := v.High; h >= 999.5 && unit < 1e18; h /= 1000 {
		unit *= 1000
	}
	return threeDigits(v.Low/unit) + "-" + strings.TrimSpace(siRate(v.High))
}

// auditOdds is a log e-value in a column: powers of ten.
func auditOdds(logE float64) string {
	d := math.Floor(logE/math.Ln10 + 1e-9)
	switch {
	case math.IsNaN(d) || d < 1:
		return "-"
	case d < 6:
		return fmt.Sprintf("%.0f", math.Pow(10, d))
	}
	return fmt.Sprintf("1e%.0f", min(d, 9999))
}

// table prints the devices: all in alarm, and the calm ones if they are few.
func (p *auditPrinter) table() {
	if len(p.r.Devices) == 0 {
		return
	}
	calm := len(p.sum.Clear) + len(p.sum.Early)
	shown := slices.Concat(p.sum.Pull, p.sum.Look)
	alarms := len(shown)
	if !p.view.All {
		shown = shown[:min(alarms, auditAlarms)]
	}
	listCalm := p.view.All || calm <= auditCalm
	if listCalm {
		shown = slices.Concat(shown, p.sum.Early, p.sum.Clear)
	}
	if len(shown) > 0 {
		p.line("")
		p.rows(shown)
	}
	var hidden []string
	if more := alarms - auditAlarms; more > 0 && !p.view.All {
		hidden = append(hidden, plural(int64(more), "more in alarm", "more in alarm"))
	}
	if !listCalm {
		if n := len(p.sum.Early); n > 0 {
			hidden = append(hidden, fmt.Sprintf("%d with not enough data yet", n))
		}
		if n := len(p.sum.Clear); n > 0 {
			hidden = append(hidden, fmt.Sprintf("%d that %s nothing wrong", n, verb(n, "shows", "show")))
		}
	}
	if len(hidden) > 0 {
		p.text("  ", "  ", "and "+strings.Join(hidden, ", ")+"; --all lists them")
	}
	p.line("")
	p.text("", "", "rates in hashes/s; ALARM: its threshold is crossed; ok: it could have been seen, and was not; early: not enough data; -: can't be tested")
}

func verb(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// rows prints a table of devices with the columns that fit.
func (p *auditPrinter) rows(devices []*audit.DeviceReport) {
	columns := p.columns()
	cells := make([][]string, len(columns))
	width := make([]int, len(columns))
	for i, c := range columns {
		width[i] = textWidth(c.title)
		for _, d := range devices {
			t := c.text(d)
			cells[i] = append(cells[i], t)
			width[i] = max(width[i], textWidth(t))
		}
	}
	show := make([]bool, len(columns))
	used := 0
	for rank := range 10 {
		need := 0
		for i, c := range columns {
			if c.first == rank {
				need += width[i] + 1
			}
		}
		if rank > 0 && used+need-1 > p.view.Columns {
			continue
		}
		used += need
		for i, c := range columns {
			show[i] = show[i] || c.first == rank
		}
	}
	row := func(text func(i int) string, state func(i int) (audit.State, bool)) {
		var b strings.Builder
		for i := range columns {
			if !show[i] {
				continue
			}
			t := text(i)
			pad := strings.Repeat(" ", width[i]-textWidth(t))
			if s, ok := state(i); ok {
				t = p.paint(t, s)
			}
			if columns[i].left {
				b.WriteString(t + pad + " ")
			} else {
				b.WriteString(pad + t + " ")
			}
		}
		p.line(b.String())
	}
	row(func(i int) string { return columns[i].title }, func(int) (audit.State, bool) { return "", false })
	for n, d := range devices {
		row(func(i int) string { return cells[i][n] }, func(i int) (audit.State, bool) {
			if columns[i].state == nil {
				return "", false
			}
			return columns[i].state(d), true
		})
	}
}

// alarms says of each machine in alarm what was found.
func (p *auditPrinter) alarms() {
	devices := slices.Concat(p.sum.Pull, p.sum.Look)
	most := len(devices)
	if !p.view.All {
		most = min(most, auditCalm)
	}
	for _, d := range devices[:most] {
		p.line("")
		name := auditName(d.Device, 40)
		for i, l := range wrap(name+" "+cmp.Or(report.Reason(d), "is in alarm"), p.view.Columns-2) {
			switch {
			case i > 0:
				l = "  " + l
			case strings.HasPrefix(l, name):
				l = p.paint(name, audit.Alarm) + l[len(name):]
			}
			p.line(l)
		}
		for _, f := range report.Alarms(d) {
			p.text("  - ", "    ", f.Words)
			if how := auditCertainty(f); how != "" {
				p.text("    ", "    ", how)
			}
		}
	}
	if more := len(devices) - most; more > 0 {
		p.line("")
		p.text("", "", fmt.Sprintf("and %d more in alarm; --all tells of them", more))
	}
}

// auditCertainty says how a finding in alarm could be wrong.
func auditCertainty(f *audit.Finding) string {
	var how string
	switch f.Kind {
	case audit.Fact:
		how = "Seen, not inferred: no chance is involved."
	case audit.Evidence:
		if odds := report.Odds(max(f.Peak, f.LogE)); odds != "" && !strings.Contains(strings.ToLower(f.Words), "odds") {
			how = "Odds against chance: " + odds + "."
		}
	case audit.Surveillance:
		if f.FalseAlarms != "" {
			how = "False alarms: " + strings.TrimSuffix(f.FalseAlarms, ".") + "."
		}
	}
	if !f.Since.IsZero() {
		how += " In alarm since " + auditTime(f.Since) + "."
	}
	return strings.TrimSpace(how)
}

func auditTime(t time.Time) string { return t.UTC().Format(time.DateTime) + " UTC" }

// waiting says which tests can't say anything yet, and how much they need.
func (p *auditPrinter) waiting() {
	type need struct {
		devices   int
		low, high float64
	}
	needs := map[string]*need{}
	var tests []string
	for i := range p.r.Devices {
		for j := range p.r.Devices[i].Findings {
			f := &p.r.Devices[i].Findings[j]
			if f.State != audit.TooEarly || f.Kind == audit.Description && f.NeedShares == 0 {
				continue // what only describes needs nothing
			}
			n := needs[f.Test]
			if n == nil {
				n = &need{}
				needs[f.Test] = n
				tests = append(tests, f.Test)
			}
			n.devices++
			if f.NeedShares > 0 && !math.IsInf(f.NeedShares, 0) {
				if n.low == 0 {
					n.low = f.NeedShares
				}
				n.low, n.high = min(n.low, f.NeedShares), max(n.high, f.NeedShares)
			}
		}
	}
	if len(tests) == 0 {
		return
	}
	p.line("")
	p.line("Not enough data yet:")
	for _, t := range tests {
		n := needs[t]
		text := report.TestName(t)
		if len(p.r.Devices) > 1 {
			text += fmt.Sprintf(", %s", count(int64(n.devices), "machine"))
		}
		switch low, high := report.Number(roughly(n.low)), report.Number(roughly(n.high)); {
		case n.high == 0:
		case low == high:
			text += fmt.Sprintf(": needs about %s more %s", high, verb(int(min(n.high, 2)), "share", "shares"))
		default:
			text += fmt.Sprintf(": needs about %s to %s more shares each", low, high)
		}
		p.text("  - ", "    ", text)
	}
}

// roughly rounds a number of shares up to two digits.
func roughly(v float64) float64 {
	if v < 100 || math.IsInf(v, 0) || math.IsNaN(v) {
		return math.Ceil(v)
	}
	step := math.Pow(10, math.Floor(math.Log10(v))-1)
	return math.Ceil(v/step) * step
}

// blind says what this audit can't see: what its own tests say of themselves, and what no audit of shares sees.
func (p *auditPrinter) blind() {
	p.line("")
	p.line("What this cannot see:")
	for _, l := range report.Blind {
		p.text("  - ", "    ", l)
	}
	limits := report.Limits(p.r, !p.view.All)
	for _, l := range limits {
		p.text("  - ", "    ", l)
	}
	if more := len(report.Limits(p.r, false)) - len(limits); more > 0 {
		p.text("  ", "  ", fmt.Sprintf("and the limits of %s; --all and --html tell them", plural(int64(more), "other test", "other tests")))
	}
}

// record says what was read, and under which plan.
func (p *auditPrinter) record() {
	p.line("")
	fact := func(name, words string) { p.text(fmt.Sprintf("%-9s ", name), strings.Repeat(" ", 10), words) }
	r := p.r
	if !r.First.IsZero() {
		fact("recorded", fmt.Sprintf("%s to %s: %s", auditTime(r.First), auditTime(r.Last), formatDuration(r.Last.Sub(r.First))))
	}
	for i, s := range r.Sources {
		const most = 8
		if i == most && !p.view.All {
			fact("", fmt.Sprintf("and %d more", len(r.Sources)-most))
			break
		}
		text := fmt.Sprintf("%s (%s", shortMiddle(s.Name, 60), s.Kind)
		if s.Lines > 0 {
			text += ", " + count(s.Lines, "line")
		}
		if s.Bad > 0 {
			text += fmt.Sprintf(", %d could not be read", s.Bad)
		}
		text += ")"
		if s.SHA256 != "" {
			text += " sha256 " + s.SHA256[:min(len(s.SHA256), 16)]
		}
		name := ""
		if i == 0 {
			name = "read"
		}
		fact(name, text)
	}
	if pl := r.Plan; pl != nil {
		fact("plan", fmt.Sprintf("fixed beforehand, hash %s: honest machines are accused with probability %s at most, however often one looks; %s of a claim may be missing",
			r.PlanHash[:min(len(r.PlanHash), 16)], auditPart(pl.Alpha), auditPart(pl.Tolerance)))
	}
	for _, n := range r.Notes {
		fact("note", n)
	}
	// What is to be said of many devices in the same words is said once.
	const most, names = 10, 3
	told := 0
	about := map[string][]string{}
	var notes []string
	for i := range r.Devices {
		for _, n := range r.Devices[i].Notes {
			if about[n] == nil {
				notes = append(notes, n)
			}
			about[n] = append(about[n], auditName(r.Devices[i].Device, 40))
		}
	}
	for _, n := range notes {
		if told++; told <= most || p.view.All {
			who := about[n]
			if more := len(who) - names; more > 1 {
				who = append(slices.Clone(who[:names]), fmt.Sprintf("%d more", more))
			}
			fact("note", strings.Join(who, ", ")+": "+n)
		}
	}
	if told > most && !p.view.All {
		fact("", fmt.Sprintf("and %s; --all tells them", plural(int64(told-most), "more note", "more notes")))
	}
}

// auditPart is a small part in percent.
func auditPart(v float64) string { return fmt.Sprintf("%.3g %%", 100*v) }
