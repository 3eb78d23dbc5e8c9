package report

import (
	"cmp"
	"fmt"
	"html/template"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"gonum.org/v1/gonum/mathext"

	"github.com/touchstone-btc/touchstone/audit"
)

// figure is a drawing with the words that belong to it.
type figure struct {
	Title   string
	Drawing template.HTML
	Caption string
}

// maxPoints is how many moments of a history are drawn: there is no room for more.
const maxPoints = 120

// thin returns at most maxPoints moments, always the last.
func thin(history []audit.Point) []audit.Point {
	n := len(history)
	if n <= maxPoints {
		return history
	}
	out := make([]audit.Point, 0, maxPoints)
	for i := range maxPoints {
		out = append(out, history[(i+1)*n/maxPoints-1])
	}
	return out
}

// rateFigure draws the proven rate with its band over time, and the claim.
func rateFigure(d *audit.DeviceReport, plan *audit.Plan) *figure {
	points := thin(d.History)
	if len(points) < 2 {
		return nil
	}
	const height = 210.0
	bottom := height - figureBottom
	last := points[len(points)-1].Rate
	low, high := last.Low, last.High
	if high == 0 {
		high = 2 * last.Estimate
	}
	for _, p := range points {
		if p.Claim > 0 && p.Claim < mostRate {
			low, high = min(low, p.Claim), max(high, p.Claim)
		}
	}
	if !(low >= 0 && high > 0 && high < mostRate) {
		return nil
	}
	margin := max(1.2*(high-low), 0.06*high)
	y := &scale{from: max(low-margin, 0), to: high + margin, a: bottom, b: figureTop}
	c := clockOf(d)
	label := fmt.Sprintf("Proven rate over time: at the end %s, from %s", hashRate(d.Proven.Estimate), between(d.Proven.Low, d.Proven.High))
	if d.Claimed > 0 {
		label += "; claimed " + hashRate(d.Claimed)
	}
	s := newSVG(height, label)
	unit, prefix := scaled(y.to)
	unit = y.to / unit
	for _, v := range y.ticks(7) {
		s.line(figureLeft, y.at(v), figureRight, y.at(v), "grid")
		s.text(figureLeft-6, y.at(v)+4, "e", strconv.FormatFloat(v/unit, 'g', 4, 64))
	}
	s.text(4, 11, "", prefix+"H/s")
	var upper, lower, middle, claim []xy
	for _, p := range points {
		x := c.x(p.Time)
		top := p.Rate.High
		if top == 0 {
			top = math.MaxFloat64
		}
		upper = append(upper, xy{x, y.at(top)})
		lower = append(lower, xy{x, y.at(p.Rate.Low)})
		if e := p.Rate.Estimate; e >= y.from && e <= y.to {
			middle = append(middle, xy{x, y.at(e)})
		} else {
			middle = append(middle, xy{math.NaN(), 0})
		}
		if p.Claim > 0 && p.Claim < mostRate {
			claim = append(claim, xy{x, y.at(p.Claim)})
		} else {
			claim = append(claim, xy{math.NaN(), 0})
		}
	}
	s.path("band", area(upper, lower))
	s.path("proven", track(middle))
	s.path("claim", track(claim))
	if n := len(claim); finite(claim[n-1].x) {
		above := claim[n-1].y < y.at(last.Estimate)
		dy := 14.0
		if above {
			dy = -5
		}
		s.text(figureRight, claim[n-1].y+dy, "e claim-text", "claimed "+hashRate(points[n-1].Claim))
	}
	dy := 14.0
	if finite(claim[len(claim)-1].x) && claim[len(claim)-1].y > y.at(last.Estimate) {
		dy = -5
	}
	s.text(figureRight, y.at(last.Estimate)+dy, "e proven-text", "proven "+hashRate(last.Estimate))
	c.axis(s, bottom)
	f := &figure{Title: "Proven rate", Drawing: s.done(), Caption: "The band holds the true rate, at every moment at once; it narrows as shares come."}
	if d.Claimed > 0 && plan != nil {
		f.Caption += fmt.Sprintf(" A claim above the band by more than the tolerance of %s is not met.", percent(plan.Tolerance))
	}
	return f
}

// clockOf is the time axis of a device's drawings.
func clockOf(d *audit.DeviceReport) *clock {
	first, last := d.First, d.Last
	if n := len(d.History); n > 0 {
		if first.IsZero() || d.History[0].Time.Before(first) {
			first = d.History[0].Time
		}
		if d.History[n-1].Time.After(last) {
			last = d.History[n-1].Time
		}
	}
	return newClock(first, last)
}

// timeFigure draws when a machine was silent, away, unseen or without work, on the same time axis as the rate.
func timeFigure(d *audit.DeviceReport) *figure {
	if d.First.IsZero() || !d.Last.After(d.First) {
		return nil
	}
	lanes := []struct{ what, word, class string }{
		{audit.SpanSilent, "silent", "silent"}, {audit.SpanDown, "away", "down"}, {audit.SpanUnseen, "unseen", "unseen"}, {audit.SpanNoWork, "no work", "nowork"},
	}
	const top, pitch = 22.0, 21.0
	bottom := top + pitch*float64(len(lanes))
	c := clockOf(d)
	alarms := 0
	var longest *audit.Span
	for i := range d.Spans {
		if sp := &d.Spans[i]; sp.Alarm {
			alarms++
			if longest == nil || sp.To.Sub(sp.From) > longest.To.Sub(longest.From) {
				longest = sp
			}
		}
	}
	s := newSVG(bottom+figureBottom, fmt.Sprintf("Time line: %s with an alarm", plural(alarms, "silence", "silences")))
	for i, l := range lanes {
		y := top + pitch*float64(i)
		s.text(figureLeft-6, y+13, "e", l.word)
		s.rect(figureLeft, y+2, figureRight-figureLeft, pitch-6, "lane")
		var plain, flags strings.Builder
		for _, run := range runs(d.Spans, l.what, false, c) {
			fmt.Fprintf(&plain, "M%s,%sh%sv%sh-%sz", num(run[0]), num(y+2), num(run[1]-run[0]), num(pitch-6), num(run[1]-run[0]))
		}
		for _, run := range runs(d.Spans, l.what, true, c) { // a bar with a flag on it
			fmt.Fprintf(&flags, "M%s,%sh%sv%sh-%szM%s,%sl-3.5,-6h7z", num(run[0]), num(y+2), num(run[1]-run[0]), num(pitch-6), num(run[1]-run[0]), num((run[0]+run[1])/2), num(y+1))
		}
		s.path(l.class, plain.String())
		s.path("flag", flags.String())
	}
	caption := "No silence that chance does not explain."
	if slices.ContainsFunc(d.Spans, func(sp audit.Span) bool { return sp.What == audit.SpanSilent }) {
		caption += " The bars are the longest ones."
	}
	if longest != nil {
		seconds := longest.To.Sub(longest.From).Seconds()
		text := fmt.Sprintf("longest: %s", duration(seconds))
		x := min(max(c.x(longest.From), figureLeft+60), figureRight-60)
		s.text(x, 11, "m flag-text", text)
		caption = fmt.Sprintf("Flags: %s too long for chance", plural(alarms, "silence", "silences"))
		if longest.Shares > 0 {
			caption += fmt.Sprintf("; in the longest, %s, about %s shares were to be expected", duration(seconds), Number(longest.Shares))
		}
		caption += "."
	}
	c.axis(s, bottom+2)
	return &figure{Title: "Silences", Drawing: s.done(), Caption: caption}
}

// runs are the stretches of the axis that a kind of spans covers. Those nearer than can be seen are one.
func runs(spans []audit.Span, what string, alarm bool, c *clock) (all [][2]float64) {
	for i := range spans {
		if sp := &spans[i]; sp.What == what && sp.Alarm == alarm && !sp.To.Before(sp.From) {
			x := c.x(sp.From)
			all = append(all, [2]float64{x, max(c.x(sp.To), x+1.4)})
		}
	}
	slices.SortFunc(all, func(a, b [2]float64) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	merged := all[:0]
	for _, run := range all {
		if n := len(merged); n > 0 && run[0] < merged[n-1][1]+0.4 {
			merged[n-1][1] = max(merged[n-1][1], run[1])
			continue
		}
		merged = append(merged, run)
	}
	return merged
}

// oddsFigure draws how the evidence grew: e-values on a log scale with the thresholds.
func oddsFigure(d *audit.DeviceReport, r *audit.FleetReport) *figure {
	points := d.History
	if len(points) < 2 {
		return nil
	}
	const height = 230.0
	bottom := height - figureBottom
	// One test's threshold is the same for all.
	single := 0.0
	for i := range d.Findings {
		if t := d.Findings[i].Threshold; t > 0 && finite(t) {
			single = max(single, t)
		}
	}
	type series struct {
		name  string
		class string
		peak  float64
		value func(p *audit.Point) float64
	}
	all := []series{{name: "all tests together", class: "path0", value: func(p *audit.Point) float64 { return p.Combined }}}
	for i, e := range d.Evidence {
		all = append(all, series{name: evidenceName(e), value: func(p *audit.Point) float64 {
			if i < len(p.LogE) {
				return p.LogE[i]
			}
			return math.NaN()
		}})
	}
	for i := range all {
		all[i].peak = math.Inf(-1)
		for k := range points {
			if v := all[i].value(&points[k]); v > all[i].peak {
				all[i].peak = v
			}
		}
	}
	const told = 3
	tests := all[1:]
	slices.SortStableFunc(tests, func(a, b series) int { return cmp.Compare(b.peak, a.peak) })
	for i := range tests {
		switch {
		case i < told && tests[i].peak >= math.Ln10:
			tests[i].class = fmt.Sprintf("path%d", i+1)
		default:
			tests[i].class = "path"
			tests[i].name = ""
		}
	}
	// The scale ends where everything fits, but a pile of evidence need not be measured to its top.
	const deepest, highest = -1.0, 24.0 // powers of ten
	top := 6.0
	reach := []float64{single, r.Threshold}
	for i := range all {
		reach = append(reach, all[i].peak)
	}
	for _, v := range reach {
		if !math.IsNaN(v) {
			top = max(top, v/math.Ln10*1.08)
		}
	}
	over := top > highest
	top = min(top, highest)
	y := &scale{from: deepest, to: top, a: bottom, b: figureTop + 8}
	c := clockOf(d)
	label := "Odds against chance over time"
	if o := Odds(all[0].peak); o != "" {
		label += ": all tests together reach " + o
	}
	s := newSVG(height, label)
	step := 1.0
	for _, m := range []float64{1, 3, 6, 9, 12} {
		step = m
		if top/m <= 6 {
			break
		}
	}
	for v := 0.0; v <= top; v += step {
		s.line(figureLeft, y.at(v), figureRight, y.at(v), "grid")
		s.text(figureLeft-6, y.at(v)+4, "e", power(v))
	}
	s.text(4, 11, "", "odds to 1")
	buckets := min(len(points), maxPoints)
	for i := len(all) - 1; i >= 0; i-- {
		line := make([]xy, 0, buckets)
		for k := range buckets { // the highest of each stretch: a peak must not be lost
			best := math.NaN()
			at := points[(k+1)*len(points)/buckets-1].Time
			for j := k * len(points) / buckets; j < (k+1)*len(points)/buckets; j++ {
				if v := all[i].value(&points[j]); math.IsNaN(best) || v > best {
					best = v
				}
			}
			if math.IsNaN(best) {
				line = append(line, xy{best, best})
				continue
			}
			line = append(line, xy{c.x(at), y.at(best / math.Ln10)})
		}
		s.path(all[i].class, track(line))
	}
	// Thresholds, with one label for both where they lie close.
	limit := func(v float64, words string) {
		s.line(figureLeft, y.at(v), figureRight, y.at(v), "limit")
		if words != "" {
			s.text(figureLeft+4, y.at(v)-4, "limit-text", words)
		}
	}
	a, b := single/math.Ln10, r.Threshold/math.Ln10
	switch {
	case a > 0 && b > 0 && finite(b) && math.Abs(y.at(a)-y.at(b)) < 15:
		limit(min(a, b), "")
		limit(max(a, b), "alarm: one test, or all together")
	default:
		if a > 0 {
			limit(a, "alarm: one test")
		}
		if b > 0 && finite(b) {
			limit(b, "alarm: all together")
		}
	}
	c.axis(s, bottom)
	var key []string
	names := []string{"Thick line: all tests together"}
	for i := range tests {
		if tests[i].name != "" {
			key = append(key, []string{"solid", "dashed", "dotted"}[i]+": "+tests[i].name)
		}
	}
	names = append(names, key...)
	caption := strings.Join(names, "; ") + "."
	if len(key) == 0 {
		caption += " Thin lines: single tests."
	}
	caption += " An honest machine comes up to a line of 1000 once in 1000, whatever the time one looks."
	if over {
		caption += " The scale ends before the evidence does."
	}
	return &figure{Title: "Odds against chance", Drawing: s.done(), Caption: caption}
}

// evidenceName names an entry of DeviceReport.Evidence in lower case.
func evidenceName(e string) string {
	if e == "claim-tail-cells" {
		return "claim, high shares and chips as one"
	}
	n := clean(TestName(e), nameLength)
	if n == "" {
		return n
	}
	return strings.ToLower(n[:1]) + n[1:]
}

// capital begins a text with a capital.
func capital(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}

func power(p float64) string {
	switch {
	case p == 0:
		return "1"
	case p <= 4:
		return group(int64(math.Pow(10, p)))
	case p == 6:
		return "1 million"
	case p == 9:
		return "1 billion"
	case p == 12:
		return "1 trillion"
	}
	return fmt.Sprintf("1e%.0f", p)
}

// tailFigure draws how many shares reached which difficulty, against what an honest machine's would.
func tailFigure(d *audit.DeviceReport, plan *audit.Plan) *figure {
	var points []audit.TailPoint
	most := 1.0
	for _, p := range d.Tail {
		if p.Difficulty > 0 && finite(p.Difficulty) && p.Expected >= 0 && finite(p.Expected) && (p.Expected >= 0.02 || p.Seen > 0) {
			points = append(points, p)
			most = max(most, p.Expected, float64(p.Seen))
		}
	}
	if len(points) < 2 {
		return nil
	}
	const height = 290.0
	bottom := height - figureBottom - 14
	right := points[len(points)-1].Difficulty
	ceiling := d.Ceiling
	if ceiling > 0 && finite(ceiling) {
		right = max(right, 4*ceiling)
	} else {
		ceiling = 0
	}
	x := &scale{from: points[0].Difficulty, to: right, a: figureLeft, b: figureRight, log: true}
	y := &scale{from: 0.3, to: most * 1.6, a: bottom - 12, b: figureTop, log: true}
	label := "How many shares reach a difficulty, seen and expected"
	if ceiling > 0 {
		label += "; nothing can be said above difficulty " + difficulty(ceiling)
	}
	s := newSVG(height, label)
	for _, v := range y.ticks(6) {
		if v < 1 {
			continue
		}
		s.line(figureLeft, y.at(v), figureRight, y.at(v), "grid")
		n, prefix := scaled(v)
		s.text(figureLeft-6, y.at(v)+4, "e", digits2(n)+prefix)
	}
	s.text(figureLeft-6, bottom+1, "e", "none")
	s.text(4, 11, "", "shares at least this high")
	if ceiling > 0 && x.at(ceiling) < figureRight-1 {
		cx := x.at(ceiling)
		s.rect(cx, figureTop, figureRight-cx, bottom-figureTop, "blind")
		var b strings.Builder
		for h := cx - (bottom - figureTop); h < figureRight; h += 9 {
			// a stripe from (h, bottom) up to the right, cut to the region
			x1, y1 := h, bottom
			x2, y2 := h+(bottom-figureTop), figureTop
			if x1 < cx {
				y1 -= cx - x1
				x1 = cx
			}
			if x2 > figureRight {
				y2 += x2 - figureRight
				x2 = figureRight
			}
			if x1 < x2 {
				fmt.Fprintf(&b, "M%s,%sL%s,%s", num(x1), num(y1), num(x2), num(y2))
			}
		}
		s.path("hatch", b.String())
		s.line(cx, figureTop, cx, bottom, "ceiling")
	}
	var upper, lower, middle []xy
	for _, p := range points {
		if p.Expected < 0.3 {
			break // below the plot
		}
		lo, hi := poissonBand(p.Expected, 0.005)
		px := x.at(p.Difficulty)
		upper = append(upper, xy{px, y.at(max(hi, 0.3))})
		lower = append(lower, xy{px, y.at(max(lo, 0.3))})
		middle = append(middle, xy{px, y.at(p.Expected)})
	}
	s.path("band", area(upper, lower))
	s.path("expected", track(middle))
	var seen, none, off strings.Builder
	for _, p := range points {
		px := x.at(p.Difficulty)
		if p.Seen == 0 {
			if p.Expected >= 0.3 {
				fmt.Fprintf(&none, "M%s,%sl3.5,3.5l-3.5,3.5l-3.5,-3.5z", num(px), num(bottom-6.5))
			}
			continue
		}
		lo, hi := poissonBand(p.Expected, 0.005)
		b := &seen
		if n := float64(p.Seen); n < lo || n > hi {
			b = &off
		}
		fmt.Fprintf(b, "M%s,%sa3,3 0 1 0 6,0a3,3 0 1 0 -6,0z", num(px-3), num(y.at(float64(p.Seen))))
	}
	s.path("dots", seen.String())
	s.path("dots-off", off.String())
	s.path("dots-none", none.String())
	if ceiling > 0 && x.at(ceiling) < figureRight-1 {
		cx := x.at(ceiling)
		class, tx := "e ceiling-text", figureRight-4.0
		if cx < figureRight-130 {
			class, tx = "ceiling-text", cx+5
		}
		s.text(tx, figureTop+13, class, "nothing can be said")
		s.text(tx, figureTop+27, class, "above "+difficulty(ceiling))
	}
	s.line(figureLeft, bottom, figureRight, bottom, "axis")
	ticks := x.ticks(6)
	for _, v := range ticks {
		px := x.at(v)
		s.line(px, bottom, px, bottom+4, "axis")
		n, prefix := scaled(v)
		class := "m"
		if px > figureRight-12 {
			class = "e"
		}
		s.text(px, bottom+16, class, digits2(n)+nbsp+prefix)
	}
	s.text((figureLeft+figureRight)/2, bottom+32, "m", "difficulty")
	caption := "Line: what an honest machine finds; band: where 99 of 100 honest counts lie; dots: what came."
	if off.Len() > 0 {
		caption += " Rings lie outside the band."
	}
	if none.Len() > 0 {
		caption += " Diamonds at the bottom: none came."
	}
	if d.Largest > 0 && finite(d.Largest) {
		caption += " The highest share has difficulty " + difficulty(d.Largest) + "."
	}
	if ceiling > 0 {
		caption += " Above the audit ceiling so few shares are to be expected that their absence proves nothing."
	}
	return &figure{Title: "High shares", Drawing: s.done(), Caption: caption}
}

// digits2 formats a round number without needless zeros.
func digits2(v float64) string { return fmt.Sprintf("%.3g", v) }

// poissonBand returns the smallest and largest count that a Poisson variable of that mean stays within, but for part on each side.
func poissonBand(mean, part float64) (low, high float64) {
	if mean <= 0 {
		return 0, 0
	}
	if mean > 1e6 {
		z := 2.5758 * math.Sqrt(mean) // part is 0.005 wherever this is drawn, and the band is thinner than a line
		return mean - z, mean + z
	}
	// P(N <= k) = Q(k+1, mean), rising in k.
	quantile := func(p float64) float64 {
		lo, hi := -1.0, mean+20*math.Sqrt(mean)+40
		for hi-lo > 1 {
			mid := math.Floor((lo + hi) / 2)
			if mathext.GammaIncRegComp(mid+1, mean) >= p {
				hi = mid
			} else {
				lo = mid
			}
		}
		return hi
	}
	return quantile(part), quantile(1 - part)
}

// Cells of a census that are drawn at most, each way: more would be smaller than a dot.
const maxCells = 128

// censusFigure draws how the shares fall on chips, cores or parts of the nonce space.
func censusFigure(d *audit.DeviceReport) *figure {
	c := d.Census
	if c == nil || c.Rows < 1 || c.Columns < 1 || c.Rows > 1<<16 || c.Columns > 1<<16 || len(c.Counts) != c.Rows*c.Columns {
		return nil
	}
	byRow, byColumn := (c.Rows+maxCells-1)/maxCells, (c.Columns+maxCells-1)/maxCells
	rows, columns := (c.Rows+byRow-1)/byRow, (c.Columns+byColumn-1)/byColumn
	sums := make([]float64, rows*columns)
	size := make([]float64, rows*columns)
	total := 0.0
	for i, n := range c.Counts {
		cell := i/c.Columns/byRow*columns + i%c.Columns/byColumn
		sums[cell] += float64(n)
		size[cell]++
		total += float64(n)
	}
	for i := range sums {
		sums[i] /= size[i]
	}
	// What is usual: the median of the cells that found anything.
	var found []float64
	for _, n := range sums {
		if n > 0 {
			found = append(found, n)
		}
	}
	if len(found) == 0 {
		return nil
	}
	slices.Sort(found)
	usual := found[len(found)/2]
	const left, right, top = 12.0, 428.0, 6.0
	w := min((right-left)/float64(columns), 26)
	h := min(260/float64(rows), 26)
	if w > 3*h {
		w = 3 * h
	}
	if h > 3*w {
		h = 3 * w
	}
	gap := 0.0
	if w >= 5 && h >= 5 {
		gap = 0.6
	}
	bottom := top + h*float64(rows)
	s := newSVG(bottom+40, fmt.Sprintf("Map of %s: %s dead, %s weak", clean(c.Layout, 100), group(int64(len(c.Dead))), group(int64(len(c.Weak)))))
	var levels [9]strings.Builder
	for row := range rows {
		for column := 0; column < columns; {
			level := heat(sums[row*columns+column], usual)
			run := 1
			for gap == 0 && column+run < columns && heat(sums[row*columns+column+run], usual) == level {
				run++
			}
			cw := w*float64(run) - gap
			fmt.Fprintf(&levels[level], "M%s,%sh%sv%sh-%sz", num(left+w*float64(column)), num(top+h*float64(row)), num(cw), num(h-gap), num(cw))
			column += run
		}
	}
	for i := range levels {
		s.path(fmt.Sprintf("h%d", i), levels[i].String())
	}
	outline := func(cells []int, class string, cross bool) {
		var b strings.Builder
		done := map[int]bool{}
		for _, i := range cells {
			if i < 0 || i >= len(c.Counts) {
				continue
			}
			cell := i/c.Columns/byRow*columns + i%c.Columns/byColumn
			if done[cell] {
				continue
			}
			done[cell] = true
			x, y := left+w*float64(cell%columns), top+h*float64(cell/columns)
			fmt.Fprintf(&b, "M%s,%sh%sv%sh-%sz", num(x), num(y), num(w-gap), num(h-gap), num(w-gap))
			if cross && w >= 4 && h >= 4 {
				fmt.Fprintf(&b, "l%s,%sm0,-%sl-%s,%s", num(w-gap), num(h-gap), num(h-gap), num(w-gap), num(h-gap))
			}
		}
		s.path(class, b.String())
	}
	outline(c.Weak, "weak", false)
	outline(c.Dead, "dead", true)
	// the key
	x := left
	for i := range levels {
		s.rect(x, bottom+10, 16, 10, fmt.Sprintf("h%d", i))
		x += 16
	}
	s.text(left, bottom+34, "", "none")
	s.text(left+72, bottom+34, "m", "usual")
	s.text(left+144, bottom+34, "e", "double")
	x += 24
	s.rect(x, bottom+9, 12, 12, "dead")
	s.line(x, bottom+9, x+12, bottom+21, "dead")
	s.line(x+12, bottom+9, x, bottom+21, "dead")
	s.text(x+17, bottom+20, "", "dead")
	s.rect(x+64, bottom+9, 12, 12, "weak")
	s.text(x+81, bottom+20, "", "weak")
	caption := capital(clean(c.Layout, 300))
	if c.Model != "" {
		caption += " (" + clean(c.Model, 60) + ")"
	}
	caption += fmt.Sprintf(". %s shares, %s in a usual cell.", Number(total), strconv.FormatFloat(usual, 'g', 3, 64))
	if dead, weak := len(c.Dead), len(c.Weak); dead+weak > 0 {
		caption += fmt.Sprintf(" %d named dead, %d weak.", dead, weak)
	} else {
		caption += " None is named dead or weak: differences are what chance makes."
	}
	return &figure{Title: "Chips, cores, nonces", Drawing: s.done(), Caption: caption}
}

// heat is a level from 0 (none) over 4 (usual) to 8 (double or more).
func heat(n, usual float64) int {
	if n <= 0 {
		return 0
	}
	return int(min(max(math.Round(4*n/usual), 1), 8))
}
