package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/touchstone-btc/touchstone/audit"
)

func pageOf(t *testing.T, r *audit.FleetReport) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, HTML(&b, r))
	return b.String()
}

// TestSampleToFile writes a sample page to look at.
func TestSampleToFile(t *testing.T) {
	file := os.Getenv("TOUCHSTONE_PAGE")
	if file == "" {
		t.Skip("TOUCHSTONE_PAGE names no file to write a sample page to")
	}
	require.NoError(t, os.WriteFile(file, []byte(pageOf(t, sampleFleet(50, 1, rogues()))), 0o666))
}

// TestPageSays holds the page to what a reader has to find on it.
func TestPageSays(t *testing.T) {
	text := pageOf(t, sampleFleet(50, 1, rogues()))
	words := visible(t, text)
	for _, want := range []string{
		"Pull 2 of 50 machines, look at 1 more.",
		"bc1qfarm.rig-007 proves less than it claims, falls silent at times, and 1 more",
		"bc1qfarm.rig-023 keeps back high shares",
		"bc1qfarm.rig-041 has dead or weak chips or cores",
		"odds against chance more than a trillion to 1",
		"45 machines show nothing wrong; 2 have not enough data yet.",
		"If all 50 machines were honest, the chance that statistics accuse even one of them, at whatever moment one looks, would be 0.1 %.",
		"needs about 2,200 more shares",
		"It would have seen 3 % missing by now.",
		"Chip 17 of 114 found nothing where 505 shares were to be expected.",
		"proxy-2026-03-01.jsonl", strings.Repeat("c0ffee00", 8),
		"What no audit of shares can see", "What sleeps:",
		"nothing can be said", "longest: 3 min", "claimed 100.0 TH/s", "alarm: one test",
	} {
		require.Contains(t, words, want)
	}
	require.Equal(t, 1, strings.Count(words, "Pull it: it proves less than it claims"))
	requireLacks(t, words, "Synthetic.")
	r := sampleFleet(2, 1, nil)
	r.Synthetic = true
	words = visible(t, pageOf(t, r))
	require.Contains(t, words, "Synthetic. This record was computed, not seen.")
	require.Contains(t, words, "No reason to pull any of 2 machines.")
}

// TestPageOrder holds the order in which a machine is told of: conclusions and limits before drawings before the table.
func TestPageOrder(t *testing.T) {
	text := pageOf(t, sampleFleet(50, 1, rogues()))
	at := strings.Index(text, `id="machine-1"`)
	require.Positive(t, at)
	for _, next := range []string{"What was found", "What would have shown", "What this can’t see", "<figure><h4>Proven rate", "<figure><h4>Silences", "<figure><h4>Odds against chance",
		"<figure><h4>High shares", "<figure><h4>Chips, cores, nonces", "All 8 tests of this machine"} {
		i := strings.Index(text[at:], next)
		require.Positive(t, i, next)
		at += i
	}
}

// visible returns the page's text as a reader sees it, single-spaced.
func visible(t *testing.T, text string) string {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(text))
	require.NoError(t, err)
	var b strings.Builder
	inline := map[string]bool{"a": true, "b": true, "bdi": true, "span": true}
	var walk func(n *html.Node)
	walk = func(n *html.Node) {
		switch {
		case n.Type == html.TextNode:
			b.WriteString(n.Data)
		case n.Type == html.ElementNode && (n.Data == "style" || n.Data == "head"):
			return
		case n.Type == html.ElementNode && !inline[n.Data]:
			b.WriteString(" ")
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(doc)
	return strings.Join(strings.Fields(b.String()), " ")
}

var drawing = regexp.MustCompile(`(?s)<svg.*?</svg>`)

// requireSound holds a page to what is true of all: well-formed, with every link inside it, loading nothing, all numbers finite.
func requireSound(t *testing.T, text string) {
	t.Helper()
	require.Contains(t, text[:min(len(text), 500)], `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">`)
	ids, links := map[string]bool{}, []string{}
	var open []string
	void := map[string]bool{"meta": true}
	z := html.NewTokenizer(strings.NewReader(text))
	for {
		kind := z.Next()
		if kind == html.ErrorToken {
			require.ErrorIs(t, z.Err(), io.EOF)
			break
		}
		token := z.Token()
		switch kind {
		case html.StartTagToken, html.SelfClosingTagToken:
			require.NotContains(t, []string{"script", "iframe", "img", "link", "object", "embed", "image", "use", "foreignobject", "form", "base", "audio", "video"}, token.Data)
			if kind == html.StartTagToken && !void[token.Data] {
				open = append(open, token.Data)
			}
			for _, a := range token.Attr {
				require.False(t, strings.HasPrefix(a.Key, "on"), "%s=%q", a.Key, a.Val)
				switch a.Key {
				case "id":
					require.False(t, ids[a.Val], "twice: id %q", a.Val)
					ids[a.Val] = true
				case "href":
					require.True(t, strings.HasPrefix(a.Val, "#"), "href %q", a.Val)
					links = append(links, a.Val[1:])
				case "src", "srcset", "style", "xlink:href", "action", "data":
					t.Errorf("%s=%q", a.Key, a.Val)
				}
			}
		case html.EndTagToken:
			require.NotEmpty(t, open)
			require.Equal(t, open[len(open)-1], token.Data)
			open = open[:len(open)-1]
		}
	}
	require.Empty(t, open)
	for _, l := range links {
		require.True(t, ids[l], "nothing is called %q", l)
	}
	style := text[strings.Index(text, "<style>"):strings.Index(text, "</style>")]
	require.NotContains(t, style, "url(")
	require.NotContains(t, style, "@import")
	for _, s := range drawing.FindAllString(text, -1) {
		d := xml.NewDecoder(strings.NewReader(s))
		for {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
			if e, ok := token.(xml.StartElement); ok {
				for _, a := range e.Attr {
					if a.Name.Local != "aria-label" && a.Name.Local != "class" && a.Name.Local != "role" {
						require.NotRegexp(t, `NaN|Inf|e[+-]`, a.Value)
					}
				}
			}
		}
	}
	for _, bad := range []string{"NaN", "+Inf", "-Inf", "%!", "ZgotmplZ", "&#43;Inf"} {
		requireLacks(t, text, bad)
	}
}

// requireLacks is NotContains without the whole page in its message.
func requireLacks(t *testing.T, text, part string) {
	t.Helper()
	if i := strings.Index(text, part); i >= 0 {
		t.Fatalf("%q stands in the page: …%s…", part, text[max(i-300, 0):min(i+100, len(text))])
	}
}

func TestPageIsSound(t *testing.T) {
	requireSound(t, pageOf(t, sampleFleet(50, 1, rogues())))
	requireSound(t, pageOf(t, sampleFleet(1, 2, map[int]vice{0: {mask: true}})))
	requireSound(t, pageOf(t, &audit.FleetReport{}))
	requireSound(t, pageOf(t, &audit.FleetReport{Devices: []audit.DeviceReport{{}, {Device: "b", State: audit.Alarm}, {Device: "c", Rejected: true}}}))
}

// TestPageIsDeterministic holds that the same report makes the same page.
func TestPageIsDeterministic(t *testing.T) {
	first := pageOf(t, sampleFleet(20, 3, rogues()))
	for range 3 {
		require.Equal(t, first, pageOf(t, sampleFleet(20, 3, rogues())))
	}
}

// TestPageOfHostileNames puts what machines and files could say everywhere the report has text.
func TestPageOfHostileNames(t *testing.T) {
	for i, evil := range []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `</style><script>alert(1)</script>`, `</svg><script>`, `javascript:alert(1)`,
		"rig\u202egnp.exe\u2066\u200f", "\x00\x1b[31m\r\n\t", "\xff\xfe", strings.Repeat("A", 10_000), strings.Repeat("e\u0301\u0302\u0303\u0304", 3000), "{{.}}", "#machine-1", "מכונה",
	} {
		r := sampleFleet(3, 1, map[int]vice{0: {skim: 0.05}, 1: {deadChip: 3}})
		r.Version, r.PlanHash, r.Notes = evil, evil, []string{evil}
		r.Sources = append(r.Sources, audit.Source{Name: evil, Kind: evil, SHA256: evil})
		r.Findings = []audit.Finding{{Test: evil, Kind: audit.Kind(evil), State: audit.Alarm, Words: evil}}
		r.Plan.Model = evil
		for k := range r.Devices {
			d := &r.Devices[k]
			d.Device, d.Model, d.Source, d.Agents, d.Notes, d.Evidence = evil, evil, evil, []string{evil}, []string{evil}, append([]string{evil}, d.Evidence...)
			d.Census.Layout, d.Census.Model = evil, evil
			d.Counts.ByVerdict = map[string]uint64{evil: 1}
			for j := range d.Findings {
				f := &d.Findings[j]
				f.Words, f.Power, f.Limits, f.FalseAlarms = evil, evil, evil, evil
				f.Numbers = map[string]float64{evil: math.NaN()}
			}
			d.Findings = append(d.Findings, audit.Finding{Test: evil, Kind: audit.Evidence, State: audit.State(evil), Words: evil})
			d.Spans = append(d.Spans, audit.Span{What: evil, From: d.First, To: d.Last})
		}
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			text := pageOf(t, r)
			requireSound(t, text)
			requireLacks(t, text, "<img")
			for _, c := range text {
				require.False(t, c != '\n' && c < ' ' || c >= 0x202a && c <= 0x202e || c >= 0x2066 && c <= 0x2069 || c == 0x200e || c == 0x200f, "%q", c)
			}
			requireLacks(t, text, strings.Repeat("A", 2000))
		})
	}
}

// TestPageOfWildNumbers puts values that no audit should make everywhere the report has numbers.
func TestPageOfWildNumbers(t *testing.T) {
	for i, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 0, -1, math.MaxFloat64, math.SmallestNonzeroFloat64, 1e300} {
		r := sampleFleet(3, 1, map[int]vice{0: {skim: 0.05}, 1: {deadChip: 3}})
		r.Threshold = v
		for k := range r.Devices {
			d := &r.Devices[k]
			wild := audit.Interval{Estimate: v, Low: v, High: v}
			d.Proven, d.Fixed, d.Claimed, d.Combined, d.Ceiling, d.Largest, d.Floor, d.Connected, d.Unseen = wild, wild, v, v, v, v, v, v, v
			for j := range d.Findings {
				f := &d.Findings[j]
				f.LogE, f.Peak, f.Threshold, f.NeedShares = v, v, v, v
			}
			for j := range d.History {
				if p := &d.History[j]; j%3 == 0 || k == 1 {
					p.Rate, p.Claim, p.Combined, p.LogE = wild, v, v, []float64{v, v}
				}
			}
			for j := range d.Tail {
				if k == 1 || j%2 == 0 {
					d.Tail[j].Expected = v
				}
				if k == 2 {
					d.Tail[j].Difficulty = v
				}
			}
			for j := range d.Spans {
				d.Spans[j].Shares = v
			}
			d.Census.Dead = []int{-1, math.MaxInt, 3}
		}
		*r.Plan = audit.Plan{Alpha: v, Tolerance: v, DropARL: v, GapPerDay: v, Lag: math.MaxInt64}
		t.Run(fmt.Sprint(i), func(t *testing.T) { requireSound(t, pageOf(t, r)) })
	}
}

// TestPageOfOddShapes tries histories, censuses and times that don't fit together.
func TestPageOfOddShapes(t *testing.T) {
	base := func() (*audit.FleetReport, *audit.DeviceReport) {
		r := sampleFleet(1, 1, map[int]vice{0: {skim: 0.05}})
		return r, &r.Devices[0]
	}
	for name, change := range map[string]func(d *audit.DeviceReport){
		"one moment":         func(d *audit.DeviceReport) { d.History = d.History[:1] },
		"no history":         func(d *audit.DeviceReport) { d.History = nil },
		"all at once":        func(d *audit.DeviceReport) { d.Last = d.First },
		"backwards":          func(d *audit.DeviceReport) { d.First, d.Last = d.Last, d.First },
		"from the beginning": func(d *audit.DeviceReport) { d.First = time.Time{} },
		"to the end": func(d *audit.DeviceReport) {
			d.Last = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
			d.Spans[0].To = d.Last
		},
		"spans turned round": func(d *audit.DeviceReport) { d.Spans[0].From, d.Spans[0].To = d.Spans[0].To, d.Spans[0].From },
		"fewer e-values":     func(d *audit.DeviceReport) { d.Evidence = append(d.Evidence, "a", "b"); d.History[5].LogE = nil },
		"counts missing":     func(d *audit.DeviceReport) { d.Census.Counts = d.Census.Counts[:7] },
		"a huge census":      func(d *audit.DeviceReport) { d.Census.Rows, d.Census.Columns = math.MaxInt, 2 },
		"no rows":            func(d *audit.DeviceReport) { d.Census.Rows = 0 },
		"an empty census":    func(d *audit.DeviceReport) { clear(d.Census.Counts) },
		"a fine census": func(d *audit.DeviceReport) {
			d.Census = &audit.Census{Rows: 700, Columns: 300, Counts: make([]uint32, 210_000), Dead: []int{1, 2, 209_999}}
			for i := range d.Census.Counts {
				d.Census.Counts[i] = uint32(i % 7)
			}
		},
		"one tail point": func(d *audit.DeviceReport) { d.Tail = d.Tail[:1] },
		"100 000 silences": func(d *audit.DeviceReport) {
			for i := range 100_000 {
				at := d.First.Add(time.Duration(i) * time.Second)
				d.Spans = append(d.Spans, audit.Span{What: audit.SpanSilent, From: at, To: at.Add(time.Millisecond), Alarm: i%2 == 0})
			}
		},
		"unbounded": func(d *audit.DeviceReport) {
			d.Proven.High = 0
			for i := range d.History {
				d.History[i].Rate.High = 0
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, d := base()
			change(d)
			text := pageOf(t, r)
			requireSound(t, text)
			require.Less(t, len(text), 300_000)
		})
	}
}

// TestPageOfThousand holds a page of 1000 machines to a size that opens, and to saying what it leaves out.
func TestPageOfThousand(t *testing.T) {
	honest := pageOf(t, sampleFleet(1000, 1, rogues()))
	requireSound(t, honest)
	require.Less(t, len(honest), 6_000_000)
	require.Contains(t, visible(t, honest), "937 machines are told only in the table above")
	all := map[int]vice{}
	for i := range 1000 {
		all[i] = vice{skim: 0.05}
	}
	bad := pageOf(t, sampleFleet(1000, 1, all))
	require.Less(t, len(bad), 10_000_000)
	require.Contains(t, visible(t, bad), "Pull 1000 of 1000 machines.")
	require.Contains(t, visible(t, bad), "975 more are in the table below.")
}

func TestAdvice(t *testing.T) {
	alarm := func(name string, tests ...string) audit.DeviceReport {
		d := audit.DeviceReport{Device: name, State: audit.Alarm}
		for _, test := range tests {
			d.Findings = append(d.Findings, audit.Finding{Test: test, State: audit.Alarm, Kind: audit.Evidence, Words: "w"})
		}
		return d
	}
	calm := func(s audit.State) audit.DeviceReport { return audit.DeviceReport{Device: "calm", State: s} }
	rejected := audit.DeviceReport{Device: "r", State: audit.Clear, Rejected: true}
	for _, tt := range []struct {
		devices []audit.DeviceReport
		want    string
	}{
		{nil, "No machine was seen."},
		{[]audit.DeviceReport{calm(audit.Clear)}, "No reason to pull this machine. 1 shows nothing wrong."},
		{[]audit.DeviceReport{calm(audit.TooEarly)}, "No reason to pull this machine. 1 has not enough data yet."},
		{[]audit.DeviceReport{calm(audit.Clear), calm(audit.Clear), calm(audit.NotApplicable)}, "No reason to pull any of 3 machines. 2 show nothing wrong; 1 has not enough data yet."},
		{[]audit.DeviceReport{alarm("a", audit.TestTail)}, "Pull this machine: a (keeps back high shares)."},
		{[]audit.DeviceReport{alarm("a", audit.TestCells), calm(audit.Clear)}, "No reason to pull any of 2 machines. Look at 1 of 2 machines: a (has dead or weak chips or cores). 1 shows nothing wrong."},
		{[]audit.DeviceReport{alarm("a", audit.TestTail, audit.TestClaim), alarm("b", audit.TestCells), rejected, calm(audit.Clear)},
			"Pull 2 of 4 machines: a (keeps back high shares and proves less than it claims) and r (is accused by all tests together). Look at 1 more: b (has dead or weak chips or cores). 1 shows nothing wrong."},
		{[]audit.DeviceReport{alarm("a", audit.TestMask), alarm("b", audit.TestMask), alarm("c", audit.TestMask), alarm("d", audit.TestMask)},
			"Pull 4 of 4 machines: a (changes version bits it may not change), b (changes version bits it may not change), c (changes version bits it may not change) and 1 more."},
		{[]audit.DeviceReport{alarm("a", "new-test")}, "Look at this machine: a (fails the test new-test)."},
	} {
		var b strings.Builder
		for _, p := range Summarize(&audit.FleetReport{Devices: tt.devices}).Advice(3) {
			b.WriteString(p.Text)
		}
		require.Equal(t, tt.want, b.String())
	}
}

// TestWordings holds that every test of an audit has words, and a place in the table, but for what is said of the record.
func TestWordings(t *testing.T) {
	placed := map[string]bool{audit.TestData: true, audit.TestCombined: true}
	for _, g := range Groups {
		for _, test := range g.tests {
			require.False(t, placed[test], test)
			placed[test] = true
		}
	}
	for test := range maps.Keys(wordings) {
		require.True(t, placed[test], test)
		delete(placed, test)
	}
	require.Empty(t, placed)
}

func TestOdds(t *testing.T) {
	for _, tt := range []struct {
		e    float64
		want string
	}{
		{0, ""}, {0.5, ""}, {1.99, ""}, {2, "2 to 1"}, {9.99, "9 to 1"}, {10, "10 to 1"}, {999, "900 to 1"}, {3_456_789, "3 million to 1"}, {2e5, "200,000 to 1"}, {1.5e9, "1 billion to 1"},
		{9.9e11, "900 billion to 1"}, {1.1e12, "more than a trillion to 1"}, {1e300, "more than a trillion to 1"},
	} {
		require.Equal(t, tt.want, Odds(math.Log(tt.e)), "%g", tt.e)
	}
	require.Equal(t, "", Odds(math.NaN()))
	require.Equal(t, "more than a trillion to 1", Odds(math.Inf(1)))
}

func TestFormats(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{hashRate(93.1e12), "93.1 TH/s"}, {hashRate(0), "0 H/s"}, {hashRate(1.2e12), "1.20 TH/s"}, {hashRate(100.4e12), "100.4 TH/s"},
		{hashRate(math.NaN()), "unknown"}, {hashRate(-1), "unknown"}, {hashRate(1e300), "unknown"},
		{between(91e12, 95.3e12), "91.0 to 95.3 TH/s"}, {between(950e9, 1049.7e9), "0.95 to 1.05 TH/s"}, {between(3e6, 0), "over 3.00 MH/s"}, {between(0, 0), "unknown"},
		{difficulty(65536), "65.5 k"}, {difficulty(512), "512"}, {difficulty(0.25), "0.25"}, {difficulty(math.Inf(1)), "unknown"},
		{duration(93_700), "1 d 2 h"}, {duration(75), "1 min 15 s"}, {duration(-1), "unknown"}, {percent(0.001), "0.1 %"},
		{Number(3e6), "3 million"}, {Number(20_000), "20,000"}, {Number(9999), "9,999"}, {Number(1.5e9), "1.5 billion"}, {Number(math.Inf(1)), "an unknown number"},
	} {
		require.Equal(t, tt.want, strings.ReplaceAll(tt.got, nbsp, " "))
	}
}

func TestClean(t *testing.T) {
	require.Equal(t, "a b", clean(" a\nb ", 10))
	require.Equal(t, "a??b", clean("a\u202e\u200fb", 10))
	require.Equal(t, "abc…hij", clean("abcdefghij", 7))
	require.Equal(t, "e\u0301\u0302", clean("e\u0301\u0302\u0303\u0304", 10))
	require.Equal(t, "?", clean("\xff", 10))
	require.Equal(t, "(no name)", name("\n"))
	require.LessOrEqual(t, len([]rune(clean(strings.Repeat("x", 1<<24), 48))), 48)
}

// TestPoissonBand compares with tables: the central 99 of 100 counts of a Poisson variable.
func TestPoissonBand(t *testing.T) {
	for _, tt := range []struct{ mean, low, high float64 }{{0, 0, 0}, {1, 0, 4}, {10, 3, 19}, {100, 75, 127}} {
		low, high := poissonBand(tt.mean, 0.005)
		require.Equal(t, []float64{tt.low, tt.high}, []float64{low, high}, "%g", tt.mean)
	}
	low, high := poissonBand(4e6, 0.005)
	require.InDelta(t, 4e6-2.5758*2000, low, 2)
	require.InDelta(t, 4e6+2.5758*2000, high, 2)
}
