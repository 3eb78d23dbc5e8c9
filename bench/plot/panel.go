package plot

import (
	"fmt"
	"image/color"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/touchstone-btc/touchstone/bench"
)

// Colours that can be told apart in print too: those of midstates go from light to dark.
var (
	background   = color.White
	grid         = color.Gray{Y: 0xdd}
	othersColour = color.Gray{Y: 0x9a}
	boundColour  = color.RGBA{0xc4, 0x3c, 0x24, 0xff}
	barColours   = []color.Color{
		color.RGBA{0xb8, 0xd4, 0xe8, 0xff}, color.RGBA{0x86, 0xb4, 0xd6, 0xff}, color.RGBA{0x52, 0x90, 0xc0, 0xff},
		color.RGBA{0x2b, 0x6a, 0xa0, 0xff}, color.RGBA{0x12, 0x44, 0x72, 0xff},
	}
)

// others is the series of code that is not ours.
const others = "others' code"

// panel is one diagram, on a share of its row's width.
type panel struct {
	plot  *plot.Plot
	share vg.Length
}

// panels returns the diagrams for what was measured, in rows.
func panels(r *bench.Results) (rows [][]panel, err error) {
	var scan, batches, threads []bench.Measurement
	for _, m := range r.Measurements {
		switch {
		case m.Threads > 1:
			threads = append(threads, m)
		case m.Task == bench.Scan:
			scan = append(scan, m)
		default:
			batches = append(batches, m)
		}
	}
	if len(scan) > 0 {
		p, err := bars("search, one thread", scan, func(m *bench.Measurement) string {
			if m.IsBaseline() {
				return others
			}
			return plural(m.Midstates, "midstate")
		})
		if err != nil {
			return nil, err
		}
		rows = append(rows, []panel{{p, 1}})
	}
	var second []panel
	if len(batches) > 0 {
		p, err := bars("batches, one thread", batches, func(m *bench.Measurement) string { return string(m.Task) })
		if err != nil {
			return nil, err
		}
		second = append(second, panel{p, 1})
	}
	if len(threads) > 0 {
		p, err := curve(threads)
		if err != nil {
			return nil, err
		}
		second = append(second, panel{p, 1})
	}
	if len(second) == 2 { // there are more bars than numbers of threads
		second[0].share, second[1].share = 0.58, 0.42
	}
	if len(second) > 0 {
		rows = append(rows, second)
	}
	return rows, nil
}

// bars draws a group of bars for each kernel, one for each series, which a measurement names. Where the units of the processor
// were measured, a line over the bar says what they allow.
func bars(title string, ms []bench.Measurement, series func(*bench.Measurement) string) (*plot.Plot, error) {
	p := newPlot(title)
	p.X.Tick.Width, p.X.Tick.Length = 0, 0
	p.X.Tick.Label.Font.Size = 8
	var kernels, names []string
	for i := range ms {
		if !slices.Contains(kernels, ms[i].Kernel) {
			kernels = append(kernels, ms[i].Kernel)
		}
		if s := series(&ms[i]); !slices.Contains(names, s) {
			names = append(names, s)
		}
	}
	p.NominalX(kernels...)
	p.X.Min, p.X.Max = -0.6, float64(len(kernels))-0.4

	const group = 0.88 // of the distance between groups
	most := 0          // bars of a group
	for _, k := range kernels {
		most = max(most, countOf(ms, k))
	}
	each := group / float64(most)
	highest := 0.0
	for i := range ms {
		highest = max(highest, ms[i].Median, limitOf(&ms[i]))
	}
	p.Y.Min, p.Y.Max = 0, 1.2*highest
	text := 0.05 * p.Y.Max // the height of a label, about
	legend := map[string]plot.Thumbnailer{}
	var bound *plotter.Line
	for i := range ms {
		m := &ms[i]
		s := slices.Index(names, series(m))
		// Fewer bars than a group has room for stand in its middle.
		at := float64(slices.Index(kernels, m.Kernel)) + each*(float64(countOf(ms[:i], m.Kernel))-float64(countOf(ms, m.Kernel)-1)/2)
		left, right := at-0.46*each, at+0.46*each
		bar, err := plotter.NewPolygon(plotter.XYs{
			{X: left, Y: 0}, {X: right, Y: 0}, {X: right, Y: m.Median}, {X: left, Y: m.Median},
		})
		if err != nil {
			return nil, err
		}
		bar.Color = colourOf(names, s)
		bar.LineStyle.Width = 0
		p.Add(bar)
		if legend[names[s]] == nil {
			legend[names[s]] = bar
		}
		under := m.Median // the label
		if limit := limitOf(m); limit > 0 {
			if limit > under && limit < under+text {
				under = limit // not through the line
			}
			bound, err = plotter.NewLine(plotter.XYs{{X: left, Y: limit}, {X: right, Y: limit}})
			if err != nil {
				return nil, err
			}
			bound.Color, bound.Width = boundColour, vg.Points(1.5)
			p.Add(bound)
		}
		label, err := plotter.NewLabels(plotter.XYLabels{XYs: plotter.XYs{{X: at, Y: under}}, Labels: []string{short(m.Median)}})
		if err != nil {
			return nil, err
		}
		label.TextStyle[0].Font.Size = 6.5
		label.TextStyle[0].XAlign = draw.XCenter
		label.Offset.Y = vg.Points(2)
		p.Add(label)
	}
	for _, name := range names {
		p.Legend.Add(name, legend[name])
	}
	if bound != nil {
		p.Legend.Add("what the processor's units allow", bound)
	}
	return p, nil
}

// limitOf returns the rate that the processor's units allow, 0 if that is not known.
func limitOf(m *bench.Measurement) float64 {
	if m.BoundFraction == nil || *m.BoundFraction <= 0 {
		return 0
	}
	return m.Median / *m.BoundFraction
}

// colourOf returns the colour of the i-th series: others' code is grey, ours goes from light to dark.
func colourOf(names []string, i int) color.Color {
	if names[i] == others {
		return othersColour
	}
	ours := len(names)
	if slices.Contains(names, others) {
		ours--
	}
	return barColours[i*(len(barColours)-1)/max(1, ours-1)]
}

// countOf counts the measurements of a kernel.
func countOf(ms []bench.Measurement, kernel string) (n int) {
	for i := range ms {
		if ms[i].Kernel == kernel {
			n++
		}
	}
	return n
}

// curve draws the rate by number of threads, beside what threads times one would be.
func curve(ms []bench.Measurement) (*plot.Plot, error) {
	p := newPlot(fmt.Sprintf("search on more threads: %s, %s", ms[0].Kernel, plural(ms[0].Midstates, "midstate")))
	p.X.Label.Text = "threads"
	points, ideal := plotter.XYs{}, plotter.XYs{{X: 0, Y: 0}}
	labels := []string{}
	one := 0.0 // the rate of a thread
	for _, m := range ms {
		x := float64(m.Threads)
		label := short(m.Median)
		if m.Scaling != nil && *m.Scaling > 0 {
			if one == 0 {
				one = m.Median / (x * *m.Scaling)
				points, labels = append(points, plotter.XY{X: 1, Y: one}), append(labels, short(one))
			}
			ideal = append(ideal, plotter.XY{X: x, Y: x * one})
			label += fmt.Sprintf(" (%.0f %%)", 100**m.Scaling)
		}
		points, labels = append(points, plotter.XY{X: x, Y: m.Median}), append(labels, label)
	}
	dashed, err := plotter.NewLine(ideal)
	if err != nil {
		return nil, err
	}
	dashed.Color, dashed.Dashes = othersColour, []vg.Length{vg.Points(4), vg.Points(3)}
	line, dots, err := plotter.NewLinePoints(points)
	if err != nil {
		return nil, err
	}
	line.Color, line.Width = barColours[3], vg.Points(1.5)
	dots.Color, dots.Shape, dots.Radius = barColours[4], draw.CircleGlyph{}, vg.Points(3)
	texts, err := plotter.NewLabels(plotter.XYLabels{XYs: points, Labels: labels})
	if err != nil {
		return nil, err
	}
	for i := range texts.TextStyle {
		texts.TextStyle[i].Font.Size = 8
		texts.TextStyle[i].YAlign = draw.YTop
	}
	texts.Offset = vg.Point{X: vg.Points(5), Y: vg.Points(-4)}
	p.Add(dashed, line, dots, texts)
	p.Legend.Add("measured", line, dots)
	p.Legend.Add("threads times one thread", dashed)
	p.Legend.Left = true

	last := ideal[len(ideal)-1]
	p.X.Min, p.X.Max = 0, 1.25*points[len(points)-1].X
	p.Y.Min, p.Y.Max = 0, 1.15*max(last.Y, points[len(points)-1].Y)
	p.X.Tick.Marker = plot.ConstantTicks(threadTicks(points))
	return p, nil
}

// threadTicks marks the numbers of threads that were measured.
func threadTicks(points plotter.XYs) (ticks []plot.Tick) {
	for _, at := range points {
		ticks = append(ticks, plot.Tick{Value: at.X, Label: strconv.Itoa(int(at.X))})
	}
	return ticks
}

func newPlot(title string) *plot.Plot {
	p := plot.New()
	p.Title.Text = title
	p.Title.TextStyle.Font.Size = 11
	p.Title.Padding = vg.Points(6)
	p.Y.Label.Text = "MH/s"
	p.X.Label.TextStyle.Font.Size, p.Y.Label.TextStyle.Font.Size = 9, 9
	p.X.Tick.Label.Font.Size, p.Y.Tick.Label.Font.Size = 9, 8
	p.Y.Tick.Marker = plot.TickerFunc(func(low, high float64) []plot.Tick {
		ticks := plot.DefaultTicks{}.Ticks(low, high)
		for i, t := range ticks {
			if t.Label != "" {
				ticks[i].Label = strconv.FormatFloat(t.Value, 'g', 4, 64) // without zeros at the end
			}
		}
		return ticks
	})
	p.Legend.Top = true
	p.Legend.TextStyle.Font.Size = 8
	p.Legend.ThumbnailWidth = vg.Points(14)
	p.Legend.Padding = vg.Points(2)
	lines := plotter.NewGrid()
	lines.Vertical.Width = 0
	lines.Horizontal.Color = grid
	p.Add(lines)
	return p
}

// short is a rate in three digits.
func short(v float64) string {
	switch {
	case v < 9.995:
		return strconv.FormatFloat(v, 'f', 2, 64)
	case v < 99.95:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 0, 64)
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
