package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/touchstone-btc/touchstone/internal/serve"
)

// liveView shows on the terminal what a pool or proxy knows of its devices:
// a block of lines below the logs, drawn anew each second. Where standard error
// is no terminal it writes a line now and then instead.
type liveView struct {
	con    *console
	source serve.StatusSource
	quiet  bool // write no lines where there is no terminal

	shares []shareSample
}

// How often the view is drawn, and how long a log line comes after the other.
const (
	liveEvery  = time.Second
	shareSpell = time.Minute
)

// shareSample is how many shares there were at a time.
type shareSample struct {
	at     time.Time
	shares int64
}

// run shows the view until ctx ends.
func (v *liveView) run(ctx context.Context) {
	every := liveEvery
	if !v.con.Terminal() {
		if v.quiet {
			return
		}
		every = loggedStatus
	}
	t := time.NewTicker(every)
	defer t.Stop()
	defer v.con.ClearStatus()
	for {
		if v.con.Terminal() {
			v.draw()
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		if !v.con.Terminal() {
			s := v.source.Snapshot()
			v.con.Log("touchstone: %s", strings.Join(liveHeader(&s, v.perMinute(&s)), "; "))
		}
	}
}

// draw draws the view once.
func (v *liveView) draw() {
	s := v.source.Snapshot() // not while the console waits: who logs has other work to do
	perMinute := v.perMinute(&s)
	v.con.Block(func(columns, rows int) []string { return liveText(&s, perMinute, columns, rows) })
}

// perMinute returns how many shares came in the last minute.
func (v *liveView) perMinute(s *serve.Snapshot) float64 {
	if len(v.shares) == 0 {
		v.shares = append(v.shares, shareSample{s.Started, 0})
	}
	v.shares = append(v.shares, shareSample{s.Time, s.Total.Shares})
	for len(v.shares) > 2 && s.Time.Sub(v.shares[1].at) >= shareSpell {
		v.shares = v.shares[1:]
	}
	first := v.shares[0]
	passed := s.Time.Sub(first.at)
	if passed <= 0 {
		return 0
	}
	return float64(s.Total.Shares-first.shares) / passed.Minutes()
}

// liveText is the view, in that many rows and columns at most.
func liveText(s *serve.Snapshot, perMinute float64, columns, rows int) []string {
	var lines []string
	if rows >= 10 {
		lines = append(lines, "") // apart from the logs
	}
	lines = append(lines, stackParts(liveHeader(s, perMinute), columns)...)
	lines = append(lines, liveTroubles(s)...)
	lines = lines[:min(len(lines), rows)]
	for i, l := range lines {
		lines[i] = cutWidth(l, columns)
	}
	if room := rows - len(lines); room >= 3 && len(s.Devices) > 0 {
		lines = append(lines, deviceTable(s, columns, room)...)
	}
	return lines
}

// liveHeader is the view's summary, in parts.
func liveHeader(s *serve.Snapshot, perMinute float64) []string {
	parts := []string{s.Role + liveWhere(s), count(int64(s.Total.Devices), "device")}
	t := &s.Total
	if t.Recent != nil {
		parts = append(parts, fmt.Sprintf("%sH/s (%s)", siRate(t.Recent.Rate), liveInterval(t.Recent)))
	}
	parts = append(parts, fmt.Sprintf("%s shares/min", threeDigits(perMinute)))
	if judged := t.Credited + t.Refused; judged > 0 {
		parts = append(parts, fmt.Sprintf("%s refused", percentText(t.Refused, judged)))
	}
	if t.Unjudged+t.Missed > 0 {
		parts = append(parts, fmt.Sprintf("%d not judged", t.Unjudged+t.Missed))
	}
	if len(s.Pools) > 0 {
		parts = append(parts, count(t.Disagreements, "disagreement"))
		if t.Crossed > 0 {
			parts = append(parts, fmt.Sprintf("%d crossed a block", t.Crossed))
		}
	}
	parts = append(parts, count(t.Blocks, "block")+" found")
	return append(parts, "up "+formatDuration(s.Time.Sub(s.Started)))
}

// liveWhere says for whom the shares are.
func liveWhere(s *serve.Snapshot) string {
	switch {
	case len(s.Pools) > 0:
		for _, p := range s.Pools {
			if p.Working {
				return " to " + harmless(p.URL)
			}
		}
		return ": no pool works"
	case s.Chain != "":
		return fmt.Sprintf(" on %s, height %d", harmless(s.Chain), s.Height)
	}
	return ""
}

// liveTroubles are what goes wrong.
func liveTroubles(s *serve.Snapshot) (lines []string) {
	for _, p := range s.Pools {
		if !p.Working {
			lines = append(lines, harmless(fmt.Sprintf("! %s does not work: %s", p.URL, p.Error)))
		}
	}
	if s.Outdated {
		lines = append(lines, fmt.Sprintf("! no template for %s: devices may work on an old block", formatDuration(s.TemplateAge.Duration())))
	}
	if r := s.Recording; r != nil && r.Error != "" {
		lines = append(lines, harmless("! recording fails: "+r.Error))
	}
	return lines
}

// stackParts puts parts into lines of that many columns, as many as fit into
// each.
func stackParts(parts []string, columns int) (lines []string) {
	const between = " | "
	for _, p := range parts {
		if last := len(lines) - 1; last >= 0 && textWidth(lines[last])+len(between)+textWidth(p) <= columns {
			lines[last] += between + p
			continue
		}
		lines = append(lines, p)
	}
	return lines
}

// liveInterval is the interval of a rate, in the unit of its upper end: 12.9 to
// 13.6 T.
func liveInterval(r *serve.HashRate) string {
	high, unit := strings.TrimSpace(siRate(r.High)), 1.0
	for v := r.High; v >= 999.5 && unit < 1e18; v /= 1000 {
		unit *= 1000
	}
	return threeDigits(r.Low/unit) + " to " + high
}

// percentText is n of all in percent, never 0 where there is one, and never 100
// where there is another.
func percentText(n, all int64) string {
	p := 100 * float64(n) / float64(all)
	switch {
	case n == 0:
		return "0 %"
	case n == all:
		return "100 %"
	case p < 0.01:
		return "<0.01 %"
	case p > 99.9:
		return ">99.9 %"
	case p < 1:
		return fmt.Sprintf("%.2f %%", p)
	}
	return fmt.Sprintf("%.1f %%", p)
}
