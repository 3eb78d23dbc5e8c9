package main

import (
	"bytes"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/touchstone-btc/touchstone/bench"
)

// benchPrinter prints results for people.
type benchPrinter struct {
	con     *console
	results *bench.Results
}

func (b *benchPrinter) print() {
	s := &b.results.Summary
	b.con.Print("%s", oneLine(s.Machine.String()))
	var units []string
	for _, u := range s.Units {
		units = append(units, fmt.Sprintf("%s %d: %.1f", u.Unit, u.Width, u.Median))
	}
	if len(units) > 0 {
		b.con.Print("operations a second and core, in thousand millions, by unit and bits: %s", strings.Join(units, ", "))
	}
	for _, t := range bench.Tasks() {
		one, more := b.rows(t)
		if len(one) > 0 {
			b.con.Print("")
			b.table(t, one)
		}
		if len(more) > 0 {
			b.con.Print("")
			b.threadTable(more)
		}
	}
	if s.NoEnergy != "" {
		b.con.Print("")
		b.con.Print("energy per hash is unknown: %s", oneLine(s.NoEnergy))
	}
	b.against()
}

// rows are the measurements of a task, on one thread and on more.
func (b *benchPrinter) rows(t bench.Task) (one, more []*bench.Measurement) {
	for i := range b.results.Measurements {
		m := &b.results.Measurements[i]
		switch {
		case m.Task != t:
		case m.Threads == 1:
			one = append(one, m)
		default:
			more = append(more, m)
		}
	}
	return one, more
}

// table prints rows of one thread.
func (b *benchPrinter) table(t bench.Task, rows []*bench.Measurement) {
	title := []string{string(t), "MH/s", "best", "spread", "of bound", "by", "x crypto/sha256"}
	if t == bench.Scan {
		title = append(title[:1], append([]string{"midstates"}, title[1:]...)...)
	}
	b.aligned(rows, title, func(m *bench.Measurement) []string {
		cells := []string{m.Kernel}
		if t == bench.Scan {
			cells = append(cells, fmt.Sprint(m.Midstates))
		}
		by := ""
		if m.BoundBy != nil {
			by = *m.BoundBy
		}
		return append(cells, megahashes(m.Median), megahashes(m.Best), percent(&m.Spread), percent(m.BoundFraction), by, ratio(m.RatioStdlib))
	})
}

// threadTable prints rows of several threads.
func (b *benchPrinter) threadTable(rows []*bench.Measurement) {
	title := []string{string(bench.Scan), "midstates", "threads", "MH/s", "best", "spread", "scaling"}
	b.aligned(rows, title, func(m *bench.Measurement) []string {
		return []string{m.Kernel, fmt.Sprint(m.Midstates), fmt.Sprint(m.Threads), megahashes(m.Median), megahashes(m.Best), percent(&m.Spread), ratio(m.Scaling)}
	})
}

// aligned prints a table, with columns for energy and for the comparison where they are known.
func (b *benchPrinter) aligned(rows []*bench.Measurement, title []string, cells func(*bench.Measurement) []string) {
	energy := b.results.Summary.NoEnergy == ""
	compared := b.results.Summary.Against != nil
	if energy {
		title = append(title, "nJ/hash")
	}
	if compared {
		title = append(title, "before", "ratio", "")
	}
	var text bytes.Buffer
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	line := func(cells []string) { fmt.Fprintln(w, strings.Join(cells, "\t")+"\t") }
	line(title)
	for _, m := range rows {
		c := cells(m)
		if energy {
			c = append(c, optional("%.1f", m.Nanojoules))
		}
		if compared {
			if m.Change == nil {
				c = append(c, "", "", "new")
			} else {
				c = append(c, megahashes(m.Change.Before), fmt.Sprintf("%.3f", m.Change.Ratio), m.Change.Verdict)
			}
		}
		line(c)
	}
	w.Flush()
	for line := range strings.Lines(text.String()) {
		b.con.Print("%s", strings.TrimRight(line, " \n"))
	}
}

// against says what the comparison lacks. A task that was not measured at all was not asked for.
func (b *benchPrinter) against() {
	a := b.results.Summary.Against
	if a == nil {
		return
	}
	if !a.SameMachine {
		b.con.Print("")
		b.con.Print("the earlier run was on another machine: %s", oneLine(a.Machine.String()))
	}
	for _, k := range a.Missing {
		if one, _ := b.rows(k.Task); len(one) > 0 {
			b.con.Print("only in the earlier run: %s", k)
		}
	}
}

func megahashes(v float64) string {
	if v < 999.5 {
		return threeDigits(v)
	}
	return fmt.Sprintf("%.0f", v)
}

func percent(v *float64) string {
	if v == nil {
		return ""
	}
	return fmt.Sprintf("%.1f %%", 100**v)
}

func ratio(v *float64) string { return optional("%.2f", v) }

func optional(format string, v *float64) string {
	if v == nil {
		return ""
	}
	return fmt.Sprintf(format, *v)
}
