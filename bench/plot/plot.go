// Package plot draws what package bench measured: a bar for each kernel and number of midstates, for each kernel at the other
// tasks, and the curve of several threads. It measures nothing.
package plot

import (
	"fmt"
	"io"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/touchstone-btc/touchstone/bench"
)

// The size of a picture.
const (
	width   = 11 * vg.Inch
	height  = 4.2 * vg.Inch // of a row of panels
	heading = 0.5 * vg.Inch
	margin  = 0.15 * vg.Inch
	dpi     = 144 // of a PNG
)

// Draws reports whether [Draw] knows a format.
func Draws(format string) bool { return format == "svg" || format == "png" }

// Draw writes a picture of r to w, as "svg" or "png". The same results make the same picture.
func Draw(w io.Writer, format string, r *bench.Results) error {
	rows, err := panels(r)
	if err != nil {
		return err
	}
	tall := heading + vg.Length(len(rows))*height
	var canvas interface {
		vg.CanvasSizer
		io.WriterTo
	}
	switch format {
	case "svg":
		canvas = vgsvg.New(width, tall)
	case "png":
		canvas = vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(width, tall), vgimg.UseDPI(dpi))}
	default:
		return fmt.Errorf("no format %q: use svg or png", format)
	}
	all := draw.New(canvas)
	all.SetColor(background)
	all.Fill(all.Rectangle.Path())

	title := plot.New().Title.TextStyle
	title.Font.Size = 13
	title.XAlign, title.YAlign = draw.XCenter, draw.YCenter
	all.FillText(title, vg.Point{X: width / 2, Y: tall - heading/2}, headingOf(r))

	top := tall - heading
	for _, row := range rows {
		left := vg.Length(0)
		for _, p := range row {
			right := left + p.share*width
			c := draw.Canvas{Canvas: all.Canvas, Rectangle: vg.Rectangle{
				Min: vg.Point{X: left + margin, Y: top - height + margin},
				Max: vg.Point{X: right - margin, Y: top - margin},
			}}
			p.plot.Draw(c)
			left = right
		}
		top -= height
	}
	_, err = canvas.WriteTo(w)
	return err
}

// headingOf is what stands above all.
func headingOf(r *bench.Results) string {
	s := &r.Summary
	return fmt.Sprintf("SHA-256d on %s (family %d, model %d), %d cores, %s/%s, %s", s.CPU.Name, s.CPU.Family, s.CPU.Model,
		s.CPU.LogicalCores, s.OS, s.Arch, s.Go)
}
