package audit

import (
	"encoding/json"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Nonces that others took from chips on the wire or from shares, with what they read in them.
func TestLayoutNonces(t *testing.T) {
	for _, c := range []struct {
		source, model string
		nonce         uint32
		core, chip    int
	}{
		// github.com/256foundation/mujina: bm13xx/REFERENCE.md, worked examples of responses of chips.
		{"mujina", "BM1370", 0x40a60018, 0x0c, -1},
		{"mujina", "Antminer S19j Pro", 0xe18eb86d, 54, 110},
		// A share of a Bitaxe Gamma at a public pool, of the same repository: testvectors/share/bitaxe-bm1370.
		{"bitaxe-bm1370", "BM1370", 0x7552034c, 0x26, -1},
	} {
		l := LayoutOf(c.model)
		require.NotNil(t, l)
		test := &cellTest{}
		test.model(c.model, cellPlan)
		feed(test, c.nonce)
		cells := test.cellsOf(&test.axes()[0])
		require.EqualValues(t, 1, cells[c.core], c)
		// ESP-Miner's way to read it.
		require.EqualValues(t, c.core, bits.ReverseBytes32(c.nonce)>>25&0x7f)
		if c.chip >= 0 {
			cells = test.cellsOf(&test.axes()[1])
			require.EqualValues(t, 1, cells[c.chip])
			require.EqualValues(t, c.chip, (bits.ReverseBytes32(c.nonce)>>17&0xff)/2)
		}
		require.Zero(t, test.strangers(0))
	}
}

// The S9 made about six in ten blocks of 2019: the cores that it does not have leave stripes in the nonces of blocks, and in those of
// other years they don't.
func TestLayoutS9Stripes(t *testing.T) {
	data := os.Getenv("TOUCHSTONE_DATA")
	if data == "" {
		t.Skip("TOUCHSTONE_DATA is not set: no headers of 2019")
	}
	stripes := func(file string) (part float64) {
		headers, err := os.ReadFile(filepath.Join(data, file))
		require.NoError(t, err)
		test := &cellTest{}
		test.model("Antminer S9", cellPlan)
		for ; len(headers) >= 80; headers = headers[80:] {
			n := headers[76:80]
			test.count(uint32(n[0]) | uint32(n[1])<<8 | uint32(n[2])<<16 | uint32(n[3])<<24)
		}
		return float64(test.strangers(0)) / float64(test.N) / (14. / 128)
	}
	require.Less(t, stripes("headers-mainnet-586657.bin"), 0.5)
	require.InDelta(t, 1, stripes("headers-mainnet-300000.bin"), 0.35) // 2014, before the S9
}

func TestLayoutOf(t *testing.T) {
	for name, want := range map[string]string{
		"BM1370": "BM1370", "bm1366": "BM1366", "bitaxe/BM1370/v2.9.0": "BM1370", "Bitaxe Gamma": "BM1370", "bitaxe-supra": "BM1368",
		"Antminer S9": "Antminer S9", "antminer s9 (13.5T)": "Antminer S9", "Antminer S9i": "Antminer S9i", "Antminer S9k": "", "Antminer S9 SE": "",
		"Antminer S19j Pro": "Antminer S19j Pro", "Antminer S19j Pro+": "", "Antminer S19j Pro 104T": "Antminer S19j Pro", "Antminer S19 Pro": "",
		"Antminer S19 XP": "Antminer S19 XP", "Antminer S19 XP Hyd.": "", "Antminer S21": "BM1368", "Antminer S21 Pro": "BM1370", "Antminer S21+": "",
		"NerdQAxe++": "BM1370", "": "", "cgminer/4.11.1": "", "uniform": Uniform, "My uniform miner": "", "Whatsminer M30S": "", "bm13": "",
	} {
		l := LayoutOf(name)
		if want == "" {
			require.Nil(t, l, name)
			continue
		}
		require.NotNil(t, l, name)
		require.Equal(t, want, l.Name(), name)
	}
	for _, name := range Models() {
		l := LayoutOf(name)
		require.Equal(t, name, l.Name())
		cores := 0
		for _, w := range l.weights {
			if w > 0 {
				cores++
			}
		}
		if name != Uniform {
			require.Equal(t, l.Cores, cores, name)
		}
		require.NotEmpty(t, l.Source)
	}
}

// machine draws nonces.
type nonceSource func(rng *rand.Rand) uint32

// steps numbers chips by three, as ESP-Miner would for 77 of them.
func (s nonceSource) steps(rng *rand.Rand) uint32 {
	n := bits.ReverseBytes32(s(rng))
	address := n >> 18 & 127 * 3
	return bits.ReverseBytes32(n&^(0xff<<17) | address<<17)
}

// of a sound machine with a layout; alter may replace a core or chip by another.
func soundNonces(l *Layout, chips int, alter func(rng *rand.Rand, core, chip int) bool) nonceSource {
	var cum []float64
	sum := 0.
	for _, w := range l.weights {
		sum += w
		cum = append(cum, sum)
	}
	return func(rng *rand.Rand) uint32 {
		for {
			at := rng.Float64() * sum
			core, _ := slices.BinarySearchFunc(cum, at, func(c, at float64) int {
				if c <= at {
					return -1
				}
				return 1
			})
			chip := 0
			var draw func() int
			if chips > 0 {
				chip = rng.IntN(chips)
				draw = func() int { return chip }
			}
			if alter != nil && alter(rng, core, chip) {
				continue
			}
			return nonceFrom(rng, l, func() int { return core }, draw)
		}
	}
}

// honest machines: known layouts, wrong names, and unknown ones with gaps, stripes and windows.
var honestNonces = []struct {
	name, model string
	source      nonceSource
}{
	{"BM1370", "BM1370", soundNonces(&layoutBM1370, 0, nil)},
	{"S19j Pro", "Antminer S19j Pro", soundNonces(&layoutBM1362, 126, nil)},
	{"S19 XP", "Antminer S19 XP", soundNonces(&layoutBM1366, 110, nil)},
	{"S9", "Antminer S9", soundNonces(&layoutBM1387, 63, nil)},
	{"S9 unknown", "", soundNonces(&layoutBM1387, 63, nil)},
	{"80 of 128 cores, unknown", "", soundNonces(&layoutBM1368, 108, nil)},
	{"S19k Pro said to be a BM1368", "BM1368", soundNonces(&layoutBM1366, 77, nil)},
	{"unknown, sweeps a part", "", func(rng *rand.Rand) uint32 {
		return rng.Uint32N(0xb0000000)&^0x00030000 | 0x40
	}},
	{"uniform", Uniform, func(rng *rand.Rand) uint32 { return rng.Uint32() }},
	{"S19k Pro, chips numbered in steps of three", "Antminer S19k Pro", soundNonces(&layoutBM1366, 77, nil).steps},
	{"one constant", "", func(rng *rand.Rand) uint32 { return 0x12345678 }},
	{"uniform", "", func(rng *rand.Rand) uint32 { return rng.Uint32() }},
	{"one core at what is tolerated", "BM1370", soundNonces(&layoutBM1370, 0, func(rng *rand.Rand, core, chip int) bool { return core == 9 && rng.Float64() < .2 })},
	{"half of a core not there", "BM1370", soundNonces(&layoutBM1370, 0, func(rng *rand.Rand, core, chip int) bool { return core == 127 && rng.Float64() < .5 })},
	{"each a little weaker", "BM1366", soundNonces(&layoutBM1366, 77, func(rng *rand.Rand, core, chip int) bool {
		return rng.Float64() < .1*float64(core%3)/2
	})},
}

// Honest machines are not accused more often than alpha, at whatever moment one looks.
func TestCellFalseAlarms(t *testing.T) {
	const alpha, devices, shares = .05, 30, 5000
	all := 0
	for i, h := range honestNonces {
		alarms := 0
		for d := range devices {
			rng := rand.New(rand.NewPCG(uint64(i), uint64(d)))
			test := &cellTest{}
			test.model(h.model, cellPlan)
			for range shares {
				feed(test, h.source(rng))
			}
			if test.Most.Peak >= math.Log(1/alpha) {
				alarms++
			}
		}
		all += alarms
		require.LessOrEqual(t, alarms, 6, "%s: of %d", h.name, devices) // 1.5 on average
	}
	require.LessOrEqual(t, all, 30, "of %d", devices*len(honestNonces)) // 18 on average are allowed
	t.Logf("%d false alarms of %d at alpha %v", all, devices*len(honestNonces), alpha)
}

var testContext = &context{plan: cellPlan, threshold: math.Log(10 * 1000 / 1e-3), now: time.Unix(1e9, 0)} // ten tests, a thousand devices

// What is dead or weak is told, and named.
func TestCellAlarms(t *testing.T) {
	dead := func(axis, k int) func(*rand.Rand, int, int) bool {
		return func(_ *rand.Rand, core, chip int) bool { return axis == 0 && core == k || axis == 1 && chip == k }
	}
	for i, c := range []struct {
		name, model string
		source      nonceSource
		after       int // the vice begins, sound before
		sound       nonceSource
		shares      int
		words       string
		marked      int
	}{
		{"dead core", "BM1370", soundNonces(&layoutBM1370, 0, dead(0, 33)), 0, nil, 11000, "Core 33 is silent (0 shares", 33},
		{"part of a uniform one", Uniform, func(rng *rand.Rand) uint32 {
			for {
				if n := rng.Uint32(); n>>25 != 40 {
					return n
				}
			}
		}, 0, nil, 5000, "Part of the nonce space 40 is silent (0 shares", 40},
		{"dead chip", "Antminer S19 XP", soundNonces(&layoutBM1366, 110, dead(1, 57)), 0, nil, 5000, "Chip 57 is silent (0 shares", 57 * 14},
		{"dead chip of an S9", "Antminer S9", soundNonces(&layoutBM1387, 63, dead(1, 12)), 0, nil, 4000, "Chip 12 is silent (0 shares", -1},
		{"weak core", "BM1366", soundNonces(&layoutBM1366, 0, func(rng *rand.Rand, core, _ int) bool { return core == 5 && rng.Float64() < .7 }), 0, nil, 25000, "Core 5 is weak", 5},
		{"dies late", "BM1366", soundNonces(&layoutBM1366, 0, dead(0, 90)), 6000, soundNonces(&layoutBM1366, 0, nil), 20000, "Core 90 is weak", 90},
		{"unknown, dies", "", soundNonces(&layoutBM1368, 108, dead(0, 7)), 2500, soundNonces(&layoutBM1368, 108, nil), 16000, "Part of the nonce space 7 is", -1},
		{"half of the space", "", func(rng *rand.Rand) uint32 { return rng.Uint32() >> 1 }, 3000, func(rng *rand.Rand) uint32 { return rng.Uint32() }, 8000, "Parts of the nonce space 64 to 127 are", -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(77, uint64(i)))
			test := &cellTest{}
			test.model(c.model, cellPlan)
			for n := range c.shares {
				if n < c.after {
					feed(test, c.sound(rng))
				} else {
					feed(test, c.source(rng))
				}
			}
			fs := test.findings(testContext)
			f := fs[0]
			t.Log(f.Words, f.Since.Unix())
			require.Equal(t, Alarm, f.State, f.Words+f.Power)
			require.Contains(t, f.Words, c.words)
			require.Greater(t, f.Since.Unix(), int64(c.after))
			require.LessOrEqual(t, f.Since.Unix(), int64(c.shares))
			m := test.census(testContext)
			require.Len(t, m.Counts, m.Rows*m.Columns)
			if c.marked >= 0 {
				require.Contains(t, slices.Concat(m.Dead, m.Weak), c.marked)
			}
			requireSound(t, fs)
		})
	}
}

// requireSound checks what findings promise.
func requireSound(t *testing.T, fs []Finding) {
	t.Helper()
	for _, f := range fs {
		require.NotEmpty(t, f.Words)
		require.NotEmpty(t, f.Limits, f.Words)
		for name, v := range f.Numbers {
			require.True(t, isFinite(v), "%s: %v", name, v)
		}
		require.True(t, isFinite(f.LogE) && isFinite(f.Peak) && isFinite(f.NeedShares) && f.NeedShares >= 0)
		if f.State == Alarm && f.Kind == Evidence {
			require.GreaterOrEqual(t, f.Peak, f.Threshold)
		}
		require.NotContains(t, f.Words, "NaN")
		require.NotContains(t, f.Words+f.Power, "%!")
	}
}

// Not enough, enough, none, one: what is said, and how many more are needed.
func TestCellStates(t *testing.T) {
	for _, h := range honestNonces {
		rng := rand.New(rand.NewPCG(5, 5))
		test := &cellTest{}
		test.model(h.model, cellPlan)
		require.Nil(t, test.census(testContext))
		requireSound(t, test.findings(testContext))
		require.Equal(t, TooEarly, test.findings(testContext)[0].State)
		feed(test, h.source(rng))
		requireSound(t, test.findings(testContext))
		f := test.findings(testContext)[0]
		require.Equal(t, TooEarly, f.State)
		require.Greater(t, f.NeedShares, 100.)
		require.Less(t, f.NeedShares, 40000., h.name)
		more := int(f.NeedShares) + 4000
		if h.model == "BM1368" {
			more += 12000 // its cells have to be learned after all
		}
		for range more {
			feed(test, h.source(rng))
		}
		fs := test.findings(testContext)
		requireSound(t, fs)
		require.Equal(t, Clear, fs[0].State, h.name+fs[0].Words)
		require.NotEmpty(t, fs[0].Power)
		m := test.census(testContext)
		require.Len(t, m.Counts, m.Rows*m.Columns)
		require.LessOrEqual(t, len(m.Counts), 4096)
		require.Empty(t, m.Dead)
		require.Empty(t, m.Weak)
		if h.model == "BM1368" { // is another chip
			require.Contains(t, fs[0].Words, "names cores that those don't have")
		}
	}
}

// The least over all p is where the quadratic says; and for any true p the expectation is 1 at most.
func TestLearnedBet(t *testing.T) {
	for _, c := range [][5]float64{{.3, .8, 20, 2000, 5}, {1, .8, 16, 2000, 0}, {.5, .9, 2000, 2000, 3}, {.85, .8, 1, 50, 0}, {.15, .5, 40, 60, 100}} {
		x, keep, was, m, seen := c[0], c[1], c[2], c[3], c[4]
		for _, n := range []float64{max(1, seen), 100 + seen, 5000} {
			least := math.Inf(1)
			for i := 1; i < 50_000; i++ {
				p := 1 / (1 + math.Exp(float64(i-25_000)/1000))
				l := -was*math.Log(p) - (m-was)*math.Log1p(-p) + knownBet(x, keep*p, seen, n)
				least = min(least, l)
			}
			got := learnedBet(x, keep, was, m, seen, n, 0)
			require.LessOrEqual(t, got, least+1e-9)
			require.InDelta(t, least, got, 1e-3*max(1, math.Abs(least)))
		}
	}
	binomial := func(k, n int, p float64) float64 {
		a, _ := math.Lgamma(float64(n + 1))
		b, _ := math.Lgamma(float64(k + 1))
		c, _ := math.Lgamma(float64(n - k + 1))
		return math.Exp(a - b - c + float64(k)*math.Log(p) + float64(n-k)*math.Log1p(-p))
	}
	const m, n, keep = 40, 60, .8
	for _, p := range []float64{.001, .02, .1, .5, .9, .999} {
		for _, later := range []float64{keep * p, p, math.Sqrt(p)} { // sound: keep times p or more
			for _, x := range weaknesses {
				mean := 0.
				for was := range m + 1 {
					j := jeffreysLog(float64(was), m)
					for seen := range n + 1 {
						mean += binomial(was, m, p) * binomial(seen, n, later) * math.Exp(learnedBet(x, keep, float64(was), m, float64(seen), n, j))
					}
				}
				require.LessOrEqual(t, mean, 1+1e-9, "p %v later %v x %v", p, later, x)
			}
		}
	}
}

// The quick sums are those of the bets that win.
func TestCellQuickBets(t *testing.T) {
	for _, model := range []string{"BM1362", "Antminer S9", ""} {
		rng := rand.New(rand.NewPCG(3, 3))
		test := &cellTest{}
		test.model(model, cellPlan)
		for range 3000 {
			feed(test, rng.Uint32()&^0x10) // bit 4: half of the cores
		}
		from := 0
		for i := range test.axes() {
			a := &test.axes()[i]
			var ref []uint32
			if test.Part > 0 {
				ref = test.Ref[from : from+a.cells()]
				from += a.cells()
			}
			check := func(quick float64, g *cellGroups, logs [2 * fieldCells]float64) {
				var slow pot
				for level := range g.levels {
					for k := g.from[level]; k < g.from[level+1]; k++ {
						if a.p == nil || g.p[k] > 0 {
							slow.add(logs[k] + g.stake(a, level))
						}
					}
				}
				require.LessOrEqual(t, quick, slow.log()+1e-9)
				if slow.log() > 1 {
					require.InDelta(t, slow.log(), quick, .5)
				}
			}
			if a.p != nil {
				g, logs := test.cellBets(a, nil)
				check(test.knownAxis(a), g, logs)
			}
			if ref != nil {
				g, logs := test.cellBets(a, ref)
				check(test.learnedAxis(a, ref), g, logs)
			}
		}
	}
}

func TestCellMerge(t *testing.T) {
	for _, h := range honestNonces[:5] {
		rng := rand.New(rand.NewPCG(8, 8))
		whole, a, b := &cellTest{}, &cellTest{}, &cellTest{}
		for _, test := range []*cellTest{whole, a, b} {
			test.model(h.model, cellPlan)
		}
		for i := range 5000 {
			n := h.source(rng)
			feed(whole, n)
			if i < 1777 {
				feed(a, n)
			} else {
				feed(b, n)
			}
		}
		a.merge(b)
		require.NoError(t, a.check())
		require.Equal(t, whole.N, a.N)
		require.Equal(t, whole.Bytes, a.Bytes)
		require.Equal(t, whole.Chips, a.Chips)
		require.Equal(t, whole.Map, a.Map)
		for i := range whole.axes() {
			if x := &whole.axes()[i]; x.p != nil {
				require.Equal(t, whole.knownAxis(x), a.knownAxis(&a.axes()[i]))
			}
		}
		empty := &cellTest{}
		empty.merge(a)
		require.NoError(t, empty.check())
		require.Equal(t, a.N, empty.N)
		require.Equal(t, a.Model, empty.Model)
		n := a.N
		a.merge(&cellTest{})
		require.Equal(t, n, a.N)
		require.NoError(t, a.check())
	}
}

func TestCellState(t *testing.T) {
	for _, h := range honestNonces {
		rng := rand.New(rand.NewPCG(6, 6))
		test := &cellTest{}
		test.model(h.model, cellPlan)
		for range 4000 {
			feed(test, h.source(rng))
		}
		text, err := json.Marshal(test)
		require.NoError(t, err)
		require.Less(t, len(text), 24<<10, h.name)
		back := &cellTest{}
		require.NoError(t, json.Unmarshal(text, back))
		require.NoError(t, back.check())
		require.Equal(t, test.logE(), back.logE())
		again, err := json.Marshal(back)
		require.NoError(t, err)
		require.Equal(t, string(text), string(again))
		for range 3000 {
			n := h.source(rng)
			feed(test, n)
			feed(back, n)
		}
		require.Equal(t, test.logE(), back.logE())
		require.Equal(t, test.findings(testContext), back.findings(testContext))
	}
	for _, bad := range []string{
		`{"n":5}`, `{"n":1,"map":[1]}`, `{"part":3}`, `{"part":-1}`, `{"tolerance":7}`, `{"tolerance":-1}`, `{"model":"x"}`, `{"ref_n":9}`,
		`{"closed":1e999}`, `{"ref":[1,2]}`, `{"most":{"peak":-1}}`, `{"n":18446744073709551615}`, `{"unfit":9}`, `{"n":0,"bytes":[[1],[],[],[]]}`,
	} {
		test := &cellTest{}
		if json.Unmarshal([]byte(bad), test) == nil {
			require.Error(t, test.check(), bad)
		}
	}
}

func FuzzCellState(f *testing.F) {
	test := &cellTest{}
	test.model("BM1370", cellPlan)
	for i := range 3000 {
		feed(test, uint32(i)*2654435761)
	}
	text, _ := json.Marshal(test)
	f.Add(string(text), uint32(7))
	f.Add(`{"n":0}`, uint32(1))
	f.Fuzz(func(t *testing.T, text string, nonce uint32) {
		test := &cellTest{}
		if json.Unmarshal([]byte(text), test) != nil || test.check() != nil {
			return
		}
		feed(test, nonce)
		require.True(t, isFinite(test.logE()))
		requireSound(t, test.findings(testContext))
		test.census(testContext)
		other := &cellTest{}
		other.model("BM1366", cellPlan)
		feed(other, nonce)
		test.merge(other)
		require.NoError(t, test.check())
	})
}

func TestCellChips(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	source := soundNonces(&layoutBM1362, 120, nil)
	test := &cellTest{}
	test.model("BM1362", cellPlan)
	for range 4000 {
		feed(test, source(rng))
	}
	c := *testContext
	c.claim = &Claim{Chips: 378, Boards: []float64{1, 1, 1}}
	fs := test.findings(&c)
	require.Contains(t, fs[1].Words, "Nonces of 120 chips were seen, but 126 to a board are claimed")
	c.claim = &Claim{Chips: 360, Boards: []float64{1, 1, 1}}
	require.Contains(t, test.findings(&c)[1].Words, "Nonces of 120 chips were seen; 120 to a board are claimed")
	requireSound(t, fs)
}

func ExampleDeadCellShares() {
	fmt.Println(DeadCellShares(114, 1e-6)) // the chips of a board of an Antminer S19 Pro
	// Output: 2106
}
