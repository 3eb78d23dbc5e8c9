// Package report writes an audit's report as one HTML page that needs no network: tables, drawings as SVG, plain words. The words
// are here too, so that other ways to show a report say the same.
package report

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/touchstone-btc/touchstone/audit"
)

// How much of a fleet is told in full. A page for a thousand machines must still open at once.
const (
	// drawnCalm machines that are not in alarm get their drawings, the most noteworthy first.
	drawnCalm = 60
	// toldAlarms machines in alarm get all their words.
	toldAlarms = 400
	// drawnBytes of machines' sections end the drawings: the others get words only. Twice that ends the sections.
	drawnBytes = 5 << 20
)

//go:embed page.tmpl
var pageText string

//go:embed page.css
var pageStyle string

var page = template.Must(template.New("page").Parse(pageText))

// HTML writes the report as one page: it loads nothing, runs nothing and depends on the report alone, so that the same report is
// always the same page. Texts from machines are cut and escaped. An error is one of writing.
func HTML(w io.Writer, r *audit.FleetReport) error {
	v := newPage(r)
	var b bytes.Buffer
	if err := page.ExecuteTemplate(&b, "page", v); err != nil {
		return fmt.Errorf("write the page of an audit: %w", err)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// pageView is what the template shows.
type pageView struct {
	Style     template.CSS
	Title     string
	Synthetic bool
	Lead      string // what to do
	Pull      []todo
	Look      []todo
	More      string // of those that the lists leave out
	Rest      string // the machines that nothing is to be done about
	Fleet     []findingView
	Sure      string
	Facts     []fact
	Plan      []fact
	Sources   []sourceView
	SourcesOf string
	Notes     []string
	Groups    []Group
	Range     string
	Rows      []rowView
	Sections  []template.HTML
	Omitted   string
	Blind     []string
}

type todo struct{ Name, Anchor, Why, Said, Sure string }

type fact struct{ Name, Words string }

type sourceView struct{ Name, Kind, Lines, Bad, SHA256 string }

// stateView is a state as a class, a sign and a word.
type stateView struct{ Class, Sign, Word string }

type rowView struct {
	Name, Anchor, Why   string
	State               stateView
	Proven, Band, Claim string
	Graphic             template.HTML
	Odds                string
	Groups              []groupView
	Shares, Watched     string
}

type groupView struct {
	Name  string
	State stateView
}

type sectionView struct {
	Name, Anchor string
	State        stateView
	Advice       string
	About        string
	Open         bool
	Alarms       []findingView
	Clear        []findingView
	Early        []findingView
	Rest         []findingView
	Limits       []string
	OtherLimits  []findingView // of the tests that are not in alarm
	Notes        []string
	Figures      []*figure
	Undrawn      bool
	Facts        []fact
	All          []findingView
	Together     string
}

type findingView struct {
	Test, Words, Power, Limits string
	State                      stateView
	Sure                       string // how it could be wrong
	Need                       string
	Odds, Peak, Threshold      string
	Since                      string
	Numbers                    string
}

func viewState(s audit.State) stateView {
	switch s {
	case audit.Alarm:
		return stateView{"alarm", "!", "alarm"}
	case audit.Clear:
		return stateView{"clear", "✓", "clear"}
	case audit.TooEarly:
		return stateView{"early", "…", "too early"}
	}
	return stateView{"none", "–", "not tested"}
}

func newPage(r *audit.FleetReport) *pageView {
	s := Summarize(r)
	v := &pageView{Style: template.CSS(pageStyle), Synthetic: r.Synthetic, Groups: Groups, Blind: Blind}
	anchors := map[*audit.DeviceReport]string{}
	for i := range r.Devices {
		anchors[&r.Devices[i]] = fmt.Sprintf("machine-%d", i+1)
	}
	v.lead(s, len(r.Devices), anchors)
	v.Title = "Audit: " + v.Lead
	for i := range r.Findings {
		if f := &r.Findings[i]; f.State == audit.Alarm || f.Words != "" {
			v.Fleet = append(v.Fleet, viewFinding(f))
		}
	}
	if p := r.Plan; p != nil && len(r.Devices) > 0 {
		v.Sure = fmt.Sprintf("The rules were fixed before the data. If all %s were honest, the chance that statistics accuse even one of them, "+
			"at whatever moment one looks, would be %s. Odds of 1 million to 1 mean: an honest machine comes to look this bad at most once in a million times.",
			plural(len(r.Devices), "machine", "machines"), percent(p.Alpha))
		if len(r.Devices) == 1 {
			v.Sure = strings.Replace(v.Sure, "all 1 machine were honest, the chance that statistics accuse even one of them", "this machine were honest, the chance that statistics accuse it", 1)
		}
	}
	v.record(r)
	v.table(r, s, anchors)
	v.sections(r, s, anchors)
	return v
}

// lead says what to do.
func (v *pageView) lead(s *Summary, all int, anchors map[*audit.DeviceReport]string) {
	todos := func(devices []*audit.DeviceReport) (list []todo) {
		const most = 25
		for _, d := range devices[:min(len(devices), most)] {
			t := todo{Name: name(d.Device), Anchor: anchors[d], Why: Reason(d), Said: said(d), Sure: sureOf(d)}
			if saysOdds(t.Said) {
				t.Sure = ""
			}
			list = append(list, t)
		}
		return list
	}
	v.Pull, v.Look = todos(s.Pull), todos(s.Look)
	if n := len(s.Pull) + len(s.Look) - len(v.Pull) - len(v.Look); n > 0 {
		v.More = plural(n, "more is", "more are") + " in the table below."
	}
	switch {
	case all == 0:
		v.Lead = "No machine was seen."
		return
	case len(s.Pull) > 0:
		v.Lead = "Pull " + ofAll(len(s.Pull), all)
		if n := len(s.Look); n > 0 {
			v.Lead += fmt.Sprintf(", look at %d more", n)
		}
		v.Lead += "."
	case len(s.Look) > 0 && all == 1:
		v.Lead = "Look at this machine."
	case len(s.Look) > 0:
		v.Lead = "Pull none, look at " + ofAll(len(s.Look), all) + "."
	case len(s.Clear) == 0:
		v.Lead = "Not enough data yet on " + strings.Replace(ofAll(all, all), fmt.Sprintf("%d of ", all), "any of ", 1) + "."
	case all == 1:
		v.Lead = "No reason to pull this machine."
	default:
		v.Lead = fmt.Sprintf("No reason to pull any of %d machines.", all)
	}
	var rest []string
	if n := len(s.Clear); n > 0 {
		rest = append(rest, plural(n, "machine shows nothing wrong", "machines show nothing wrong"))
	}
	if n := len(s.Early); n > 0 {
		rest = append(rest, plural(n, "has not enough data yet", "have not enough data yet"))
	}
	if len(rest) > 0 {
		v.Rest = strings.Join(rest, "; ") + "."
	}
}

// saysOdds says that a conclusion tells the odds itself.
func saysOdds(words string) bool { return strings.Contains(strings.ToLower(words), "odds") }

// said is the conclusion of the gravest alarm of a device.
func said(d *audit.DeviceReport) string {
	if f := gravest(d); f != nil {
		return clean(f.Words, 300)
	}
	return ""
}

// sureOf says how sure the gravest alarm of a device is.
func sureOf(d *audit.DeviceReport) string {
	best := ""
	rank := 9
	odds := math.Inf(-1)
	for _, f := range Alarms(d) {
		switch {
		case f.Kind == audit.Fact && rank > 0:
			rank, best = 0, "seen, not inferred"
		case f.Kind == audit.Evidence && rank > 0 && max(f.Peak, f.LogE) > odds:
			odds = max(f.Peak, f.LogE)
			if o := Odds(odds); o != "" {
				rank, best = 1, "odds against chance "+o
			}
		case f.Kind == audit.Surveillance && rank > 2 && f.FalseAlarms != "":
			rank, best = 2, "false alarms: "+strings.TrimSuffix(clean(f.FalseAlarms, 200), ".")
		}
	}
	if best == "" && d.Rejected {
		if o := Odds(d.Combined); o != "" {
			best = "odds against chance " + o
		}
	}
	return best
}

// record says what was read, and the plan.
func (v *pageView) record(r *audit.FleetReport) {
	add := func(list *[]fact, name, words string) {
		if words != "" {
			*list = append(*list, fact{name, words})
		}
	}
	if !r.First.IsZero() {
		add(&v.Facts, "Recorded", fmt.Sprintf("%s to %s (%s)", moment(r.First), moment(r.Last), duration(r.Last.Sub(r.First).Seconds())))
	}
	var shares uint64
	for i := range r.Devices {
		shares += r.Devices[i].Counts.Submitted
	}
	add(&v.Facts, "Shares", Number(float64(shares))+" submitted")
	if p := r.Plan; p != nil {
		add(&v.Facts, "Plan", fmt.Sprintf("false accusations %s, tolerance %s, SHA-256 %s…", percent(p.Alpha), percent(p.Tolerance), clean(r.PlanHash, 200)[:min(16, len(clean(r.PlanHash, 200)))]))
		add(&v.Plan, "False accusations of the whole fleet by evidence", percent(p.Alpha)+" at most, whenever one looks")
		add(&v.Plan, "May be missing from a claim", percent(p.Tolerance))
		add(&v.Plan, "May be proven above a claim", percent(p.ToleranceAbove))
		add(&v.Plan, "May be lost of its own earlier rate", percent(p.Drift))
		add(&v.Plan, "Between two false alarms of one machine's drop test", Number(p.DropARL)+" expected shares")
		if p.GapPerDay > 0 {
			add(&v.Plan, "Between two false alarms of one machine's silences", Number(1/p.GapPerDay)+" days")
		}
		add(&v.Plan, "A share may be on its way", duration(p.Lag.Seconds()))
		add(&v.Plan, "A new block may cost", duration(p.SwitchLoss.Seconds()))
		add(&v.Plan, "A chip or core may do less by", percent(p.CellWeakness))
		add(&v.Plan, "Shares that may be invalid", percent(p.InvalidRate))
		if p.Rated > 0 {
			add(&v.Plan, "Rated", hashRate(p.Rated))
		}
		add(&v.Plan, "Model", clean(p.Model, 100))
		add(&v.Plan, "SHA-256 of the plan", clean(r.PlanHash, 200))
	}
	add(&v.Facts, "Made by", strings.TrimSpace("touchstone "+clean(r.Version, 100)))
	add(&v.Facts, "Made at", moment(r.Made))
	const most = 200
	for _, s := range r.Sources[:min(len(r.Sources), most)] {
		bad := ""
		if s.Bad > 0 {
			bad = Number(float64(s.Bad)) + " could not be read"
		}
		lines := ""
		if s.Lines > 0 {
			lines = Number(float64(s.Lines))
		}
		v.Sources = append(v.Sources, sourceView{clean(s.Name, 200), clean(s.Kind, 60), lines, bad, clean(s.SHA256, 80)})
	}
	v.SourcesOf = plural(len(r.Sources), "source", "sources")
	if more := len(r.Sources) - most; more > 0 {
		v.Notes = append(v.Notes, fmt.Sprintf("%d more sources are not listed here.", more))
	}
	const mostNotes = 200
	for _, n := range r.Notes[:min(len(r.Notes), mostNotes)] {
		v.Notes = append(v.Notes, clean(n, wordsLength))
	}
}

// order is that of the table: what is to be pulled, looked at, waited for, and left.
func (s *Summary) order() []*audit.DeviceReport {
	return slices.Concat(s.Pull, s.Look, s.Early, s.Clear)
}

// table fills in the fleet's rows.
func (v *pageView) table(r *audit.FleetReport, s *Summary, anchors map[*audit.DeviceReport]string) {
	low, high := ratioRange(r)
	if low < high {
		v.Range = percent(low) + " to " + percent(high)
	}
	for _, d := range s.order() {
		row := rowView{Name: name(d.Device), Anchor: anchors[d], Why: Reason(d), State: viewState(d.State),
			Proven: hashRate(d.Proven.Estimate), Band: between(d.Proven.Low, d.Proven.High),
			Graphic: ratioGraphic(d, r.Plan, low, high), Odds: shortOdds(d.Combined), Shares: Number(float64(d.Counts.Counted)), Watched: duration(d.Connected)}
		if d.Proven.Estimate <= 0 {
			row.Proven = "none"
		}
		if d.Claimed > 0 {
			row.Claim = hashRate(d.Claimed)
		}
		for i := range Groups {
			row.Groups = append(row.Groups, groupView{Groups[i].Name, viewState(Groups[i].State(d))})
		}
		v.Rows = append(v.Rows, row)
	}
}

// shortOdds is the odds for a column.
func shortOdds(logE float64) string {
	o := Odds(logE)
	if o == "" {
		return "none"
	}
	return strings.Replace(o, "more than a trillion", "over 1 trillion", 1)
}

// ratioRange is what part of the claim the table's little drawings span: all bands of some narrowness, and the claim itself.
func ratioRange(r *audit.FleetReport) (low, high float64) {
	low, high = 0.95, 1.03
	some := false
	for i := range r.Devices {
		d := &r.Devices[i]
		if !(d.Claimed > 0) || !finite(d.Claimed) || !(d.Proven.Estimate > 0) {
			continue
		}
		some = true
		a, b := d.Proven.Low/d.Claimed, d.Proven.High/d.Claimed
		if finite(a) && finite(b) && b > a && b-a < 0.3 {
			low, high = min(low, a), max(high, b)
		} else if e := d.Proven.Estimate / d.Claimed; finite(e) {
			low, high = min(low, e), max(high, e)
		}
	}
	if !some {
		return 0, 0
	}
	return max(math.Floor(low*20)/20, 0), min(math.Ceil(high*20)/20, 2)
}

// ratioGraphic draws a band beside the claim.
func ratioGraphic(d *audit.DeviceReport, plan *audit.Plan, low, high float64) template.HTML {
	if !(low < high) || !(d.Claimed > 0) || !finite(d.Claimed) || !(d.Proven.Estimate > 0) {
		return ""
	}
	x := &scale{from: low, to: high, a: 2, b: 118}
	var b strings.Builder
	b.WriteString(`<svg viewBox="0 0 120 18" class="ratio" aria-hidden="true">`)
	tolerance := 0.0
	if plan != nil {
		tolerance = plan.Tolerance
	}
	fmt.Fprintf(&b, `<rect x="%s" y="1" width="%s" height="16" class="tolerance"/>`, num(x.at(1-tolerance)), num(max(x.at(1)-x.at(1-tolerance), 1)))
	top := d.Proven.High
	if top == 0 {
		top = math.Inf(1)
	}
	a, z := x.at(d.Proven.Low/d.Claimed), x.at(top/d.Claimed)
	class := viewState(d.State).Class
	fmt.Fprintf(&b, `<path class="whisker s-%s" d="M%s,9H%s"/>`, class, num(a), num(z))
	fmt.Fprintf(&b, `<circle class="point s-%s" cx="%s" cy="9" r="3"/></svg>`, class, num(x.at(d.Proven.Estimate/d.Claimed)))
	return template.HTML(b.String())
}

// sections writes what is told of single machines, until there is too much of it.
func (v *pageView) sections(r *audit.FleetReport, s *Summary, anchors map[*audit.DeviceReport]string) {
	used, calm, told := 0, 0, 0
	undrawn, untold := 0, 0
	have := map[string]bool{}
	for _, d := range s.order() {
		alarm := d.State == audit.Alarm || d.Rejected
		draw := used < drawnBytes
		if alarm {
			told++
			if told > toldAlarms || used > 2*drawnBytes*3/4 {
				untold++
				continue
			}
			if !draw {
				undrawn++
			}
		} else {
			calm++
			if calm > drawnCalm || !draw {
				untold++
				continue
			}
		}
		section := viewSection(d, r, anchors[d], draw)
		section.Open = alarm && told <= 12 || len(r.Devices) == 1
		var b bytes.Buffer
		if err := page.ExecuteTemplate(&b, "section", section); err != nil {
			panic(fmt.Sprint("report: section: ", err)) // of memory to memory, from a template that was tested
		}
		used += b.Len()
		have[anchors[d]] = true
		v.Sections = append(v.Sections, template.HTML(b.String()))
	}
	var words []string
	if untold > 0 {
		words = append(words, fmt.Sprintf("%s told only in the table above, so that this page stays small: an audit of one machine's record alone, or with --json, has all of it.",
			plural(untold, "machine is", "machines are")))
	}
	if undrawn > 0 {
		words = append(words, fmt.Sprintf("%s in alarm told without drawings, for the same reason.", plural(undrawn, "machine is", "machines are")))
	}
	v.Omitted = strings.Join(words, " ")
	for i := range v.Rows {
		if !have[v.Rows[i].Anchor] {
			v.Rows[i].Anchor = ""
		}
	}
	for _, list := range [][]todo{v.Pull, v.Look} {
		for i := range list {
			if !have[list[i].Anchor] {
				list[i].Anchor = ""
			}
		}
	}
}

func viewFinding(f *audit.Finding) findingView {
	v := findingView{Test: clean(TestName(f.Test), nameLength), Words: clean(f.Words, wordsLength), Power: clean(f.Power, wordsLength), Limits: clean(f.Limits, wordsLength),
		State: viewState(f.State)}
	if f.Kind == audit.Description && f.State != audit.Alarm {
		v.State = stateView{"none", "–", "for information"}
	}
	switch f.Kind {
	case audit.Fact:
		if f.State == audit.Alarm {
			v.Sure = "Seen, not inferred: no chance is involved."
		}
	case audit.Evidence:
		v.Odds, v.Peak, v.Threshold = cmp.Or(Odds(f.LogE), "none"), cmp.Or(Odds(max(f.Peak, f.LogE)), "none"), Odds(f.Threshold)
		if f.State == audit.Alarm && v.Peak != "none" && !saysOdds(v.Words) {
			v.Sure = "Odds against chance: " + v.Peak + "."
			if v.Odds != v.Peak && f.Peak-f.LogE > math.Ln10 {
				v.Sure += " (That was the highest; they are " + strings.Replace(v.Odds, "none", "below 2 to 1", 1) + " now.)"
			}
		}
	case audit.Surveillance:
		if f.FalseAlarms != "" && f.State == audit.Alarm {
			v.Sure = "False alarms: " + strings.TrimSuffix(clean(f.FalseAlarms, 300), ".") + "."
		}
	}
	if f.State == audit.TooEarly && f.NeedShares > 0 && finite(f.NeedShares) {
		v.Need = "needs about " + Number(roughly(f.NeedShares)) + " more shares"
	}
	if !f.Since.IsZero() && f.State == audit.Alarm {
		v.Since = moment(f.Since)
	}
	return v
}

// roughly rounds a number of shares up to two digits.
func roughly(v float64) float64 {
	if !finite(v) || v < 100 {
		return math.Ceil(v)
	}
	step := math.Pow(10, math.Floor(math.Log10(v))-1)
	return math.Ceil(v/step) * step
}

func viewSection(d *audit.DeviceReport, r *audit.FleetReport, anchor string, draw bool) *sectionView {
	v := &sectionView{Name: name(d.Device), Anchor: anchor, State: viewState(d.State), Undrawn: !draw}
	switch {
	case pulls(d):
		v.Advice = "Pull it: it " + Reason(d) + "."
	case d.State == audit.Alarm:
		v.Advice = "Look at it: it " + Reason(d) + "."
	case d.State == audit.Clear:
		v.Advice = "Nothing wrong shows."
	default:
		v.Advice = "Not enough data yet."
	}
	var about []string
	if d.Synthetic {
		about = append(about, "synthetic")
	}
	if m := clean(d.Model, 60); m != "" {
		about = append(about, m)
	}
	for _, a := range d.Agents[:min(len(d.Agents), 3)] {
		about = append(about, "calls itself "+clean(a, 60))
	}
	if d.Connected > 0 {
		about = append(about, "connected with work for "+duration(d.Connected))
	}
	about = append(about, plural(int(min(d.Sessions, 1<<31)), "session", "sessions"))
	v.About = strings.Join(about, ", ")
	alarms := Alarms(d)
	for i := range d.Findings {
		f := &d.Findings[i]
		fv := viewFinding(f)
		v.All = append(v.All, fv)
		switch f.State {
		case audit.Alarm:
			if slices.Contains(alarms, f) {
				v.Alarms = append(v.Alarms, fv)
			}
		case audit.Clear:
			if f.Kind != audit.Description {
				v.Clear = append(v.Clear, fv)
			}
		case audit.TooEarly:
			v.Early = append(v.Early, fv)
		default:
			v.Rest = append(v.Rest, fv)
		}
		switch {
		case fv.Limits == "" || f.State == audit.NotApplicable || f.Test == audit.TestCombined:
		case f.State == audit.Alarm:
			v.Limits = append(v.Limits, fv.Limits)
		default:
			v.OtherLimits = append(v.OtherLimits, fv)
		}
	}
	if d.Ceiling > 0 && finite(d.Ceiling) {
		v.Limits = append(v.Limits, fmt.Sprintf("Whether it keeps back only shares above difficulty %s: so few of them are to be expected that nothing can be said.", difficulty(d.Ceiling)))
	}
	if o := Odds(d.Combined); o != "" && !slices.ContainsFunc(alarms, func(f *audit.Finding) bool { return f.Test == audit.TestCombined }) {
		v.Together = "All tests together: odds against chance " + o
		if d.Rejected {
			v.Together += ", enough to name this machine in a fleet of " + fmt.Sprint(len(r.Devices))
		}
		v.Together += "."
	}
	for _, n := range d.Notes[:min(len(d.Notes), 50)] {
		v.Notes = append(v.Notes, clean(n, wordsLength))
	}
	v.facts(d)
	if draw {
		for _, f := range []*figure{rateFigure(d, r.Plan), timeFigure(d), oddsFigure(d, r), tailFigure(d, r.Plan), censusFigure(d)} {
			if f != nil {
				v.Figures = append(v.Figures, f)
			}
		}
	}
	return v
}

// facts are the figures of a machine.
func (v *sectionView) facts(d *audit.DeviceReport) {
	add := func(name, words string) {
		if words != "" {
			v.Facts = append(v.Facts, fact{name, words})
		}
	}
	if d.Proven.Estimate > 0 {
		add("Proven", hashRate(d.Proven.Estimate)+", from "+between(d.Proven.Low, d.Proven.High))
	} else {
		add("Proven", "nothing")
	}
	if d.Claimed > 0 {
		claim := hashRate(d.Claimed)
		if s := clean(d.Source, 100); s != "" {
			claim += " (" + s + ")"
		}
		add("Claimed", claim)
	}
	add("Shares", fmt.Sprintf("%s submitted, %s prove work, %s counted for the rate", Number(float64(d.Counts.Submitted)), Number(float64(d.Counts.Proving)), Number(float64(d.Counts.Counted))))
	if d.Floor > 0 {
		add("Own filter", "difficulty "+difficulty(d.Floor))
	}
	if d.Counts.Blocks > 0 {
		add("Blocks", Number(float64(d.Counts.Blocks)))
	}
	if n := d.Counts.PoolRefused; n > 0 {
		add("Pool", Number(float64(n))+" good shares refused by the pool")
	}
	if d.Unseen > 0 {
		add("Not watched", duration(d.Unseen))
	}
}
