package report

import (
	"fmt"
	"html"
	"html/template"
	"math"
	"strconv"
	"strings"
	"time"
)

// Drawings have this width in their own units, which are about pixels: what a narrow telephone shows and three of which stand side
// by side on a wide screen, so that their text is never scaled far.
const (
	figureWidth  = 440.0
	figureLeft   = 66.0
	figureRight  = 428.0
	figureTop    = 18.0
	figureBottom = 26.0 // below the plot, for the axis
)

// svg is a drawing in the making. Coordinates are rounded to tenths; anything that is not finite is drawn at 0.
type svg struct {
	b      strings.Builder
	height float64
}

// newSVG begins a drawing. The label says what it shows, for those who hear it.
func newSVG(height float64, label string) *svg {
	s := &svg{height: height}
	fmt.Fprintf(&s.b, `<svg viewBox="0 0 %s %s" role="img" aria-label="%s">`, num(figureWidth), num(height), html.EscapeString(label))
	return s
}

// done returns the drawing. All texts were escaped when they were drawn.
func (s *svg) done() template.HTML {
	s.b.WriteString("</svg>")
	return template.HTML(s.b.String())
}

// num formats a coordinate.
func num(v float64) string {
	if !finite(v) {
		return "0"
	}
	return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64)
}

func (s *svg) text(x, y float64, class, words string) {
	fmt.Fprintf(&s.b, `<text x="%s" y="%s" class="%s">%s</text>`, num(x), num(y), class, html.EscapeString(words))
}

func (s *svg) line(x1, y1, x2, y2 float64, class string) {
	fmt.Fprintf(&s.b, `<path class="%s" d="M%s,%sL%s,%s"/>`, class, num(x1), num(y1), num(x2), num(y2))
}

func (s *svg) rect(x, y, w, h float64, class string) {
	fmt.Fprintf(&s.b, `<rect x="%s" y="%s" width="%s" height="%s" class="%s"/>`, num(x), num(y), num(max(w, 0)), num(max(h, 0)), class)
}

func (s *svg) path(class, d string) {
	if d != "" {
		fmt.Fprintf(&s.b, `<path class="%s" d="%s"/>`, class, d)
	}
}

// xy is a point of a drawing.
type xy struct{ x, y float64 }

// track returns the path through points; one that is not finite makes a gap.
func track(points []xy) string {
	var b strings.Builder
	pen := byte('M')
	for _, p := range points {
		if !finite(p.x) || !finite(p.y) {
			pen = 'M'
			continue
		}
		b.WriteByte(pen)
		b.WriteString(num(p.x) + "," + num(p.y))
		pen = 'L'
	}
	return b.String()
}

// area returns the closed path along the upper edge and back along the lower.
func area(upper, lower []xy) string {
	points := append([]xy{}, upper...)
	for i := len(lower) - 1; i >= 0; i-- {
		points = append(points, lower[i])
	}
	if len(points) == 0 {
		return ""
	}
	return track(points) + "Z"
}

// scale maps values to coordinates; values beyond its ends are held there.
type scale struct {
	from, to float64 // values
	a, b     float64 // coordinates
	log      bool
}

func (s *scale) at(v float64) float64 {
	from, to := s.from, s.to
	if s.log {
		from, to, v = math.Log(from), math.Log(to), math.Log(v)
	}
	if math.IsNaN(v) || to == from {
		return s.a
	}
	part := min(max((v-from)/(to-from), 0), 1)
	return s.a + part*(s.b-s.a)
}

// ticks are round values in the scale, about so many, not more than twice that.
func (s *scale) ticks(about int) (values []float64) {
	if !finite(s.from) || !finite(s.to) || s.to <= s.from {
		return nil
	}
	if s.log {
		first, last := math.Ceil(math.Log10(s.from)-1e-9), math.Floor(math.Log10(s.to)+1e-9)
		step := max(math.Ceil((last-first+1)/float64(about)), 1)
		for d := first; d <= last; d += step {
			values = append(values, math.Pow(10, d))
		}
		return values
	}
	step := math.Pow(10, math.Floor(math.Log10((s.to-s.from)/float64(about))))
	for _, m := range []float64{1, 2, 5, 10} {
		if (s.to-s.from)/(step*m) <= float64(about) {
			step *= m
			break
		}
	}
	for i := math.Ceil(s.from/step - 1e-9); i*step <= s.to*(1+1e-12); i++ {
		values = append(values, i*step)
	}
	return values
}

// clock maps times to coordinates.
type clock struct {
	first, last time.Time
	scale
}

func newClock(first, last time.Time) *clock {
	return &clock{first: first, last: last, scale: scale{from: 0, to: max(last.Sub(first).Seconds(), 1), a: figureLeft, b: figureRight}}
}

func (c *clock) x(t time.Time) float64 { return c.at(t.Sub(c.first).Seconds()) }

// axis draws the time axis under a plot that ends at y.
func (c *clock) axis(s *svg, y float64) {
	s.line(figureLeft, y, figureRight, y, "axis")
	steps := []time.Duration{time.Second, 5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 3 * time.Hour,
		6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 48 * time.Hour, 7 * 24 * time.Hour, 28 * 24 * time.Hour, 91 * 24 * time.Hour, 365 * 24 * time.Hour,
		3650 * 24 * time.Hour}
	const most = 5
	step := steps[len(steps)-1]
	for _, d := range steps {
		if c.to/d.Seconds() <= most {
			step = d
			break
		}
	}
	if c.to/step.Seconds() > 50 {
		return // centuries: a clock that is wrong
	}
	layout := "15:04"
	switch {
	case step < time.Minute:
		layout = "15:04:05"
	case step >= 24*time.Hour:
		layout = "2 Jan"
		if step >= 300*24*time.Hour {
			layout = "2006"
		}
	case c.to > 86400:
		layout = "2 Jan 15h"
		if step == 12*time.Hour {
			layout = "2 Jan"
		}
	}
	for t := c.first.UTC().Truncate(step); !t.After(c.last); t = t.Add(step) {
		if t.Before(c.first) {
			continue
		}
		x := c.x(t)
		s.line(x, y, x, y+4, "axis")
		if layout == "2 Jan" && t.Hour() != 0 {
			continue
		}
		class := "m"
		switch {
		case x > figureRight-24:
			class = "e"
		}
		s.text(x, y+16, class, t.Format(layout))
	}
}
