package audit

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/work/share"
)

// randomEvent tells a device something that can happen, or can't: whatever comes out of the bytes of a record. It returns the time
// after it.
func randomEvent(d *Device, r *rand.Rand, now time.Time, odd bool) time.Time {
	now = now.Add(time.Duration(r.ExpFloat64() * float64(2*time.Second)))
	at := now
	if odd && r.IntN(20) == 0 {
		at = at.Add(time.Duration((r.Float64() - 0.5) * float64(6*time.Hour)))
		if r.IntN(5) == 0 {
			at = time.Unix(r.Int64()>>uint(r.IntN(40)), r.Int64N(1e9))
		}
		if r.IntN(3) == 0 {
			now = at
		}
	}
	number := func(typical float64) float64 {
		if odd && r.IntN(20) == 0 {
			return []float64{0, -1, 1e-300, 1e300, 1e20, maxRate, maxDifficulty, minDifficulty, inf, -inf, nan, 1 << 53}[r.IntN(12)]
		}
		return typical * (0.5 + r.Float64())
	}
	newest := uint64(0)
	for i := range d.Jobs {
		newest = max(newest, d.Jobs[i].Number)
	}
	switch k := r.IntN(100); {
	case k < 1:
		d.Open(at, fmt.Sprint("agent ", r.IntN(12)))
	case k < 2:
		d.Close(at)
	case k < 3 && odd:
		d.Interrupted(at)
	case k < 12:
		d.Job(&Job{Time: at, Late: r.IntN(9) == 0, Number: newest + uint64(r.IntN(3)), Tip: uint64(r.IntN(3)), Clean: r.IntN(3) == 0,
			Difficulty: number(float64(uint(1000) << r.IntN(2))), Network: number(1e7), NTime: r.Uint32(), Version: 0x20000000,
			Mask: uint32(r.IntN(2)) * 0x1fffe000})
	case k < 14:
		d.Heard(at)
	case k < 16:
		d.Claim(&Claim{Time: at, Rate: number(1e12), Source: "random", Model: []string{"", "BM1368", "x"}[r.IntN(3)],
			Accepted: number(100), Rejected: number(1), Stale: number(1), DifficultyAccepted: number(1e6), BestShare: number(1e6),
			Uptime: number(1e4), Boards: []float64{number(1e11), number(1e11)}, Chips: r.IntN(200)})
	case k < 17:
		d.Redirected(at, "stratum+tcp://elsewhere.example:3333", r.IntN(2) == 0)
	case k < 18:
		d.Advance(at)
	case k < 20:
		d.Answered(r.IntN(2) == 0, r.IntN(2) == 0, r.IntN(2) == 0)
	default:
		s := Share{Time: at, WholeSeconds: r.IntN(4) == 0, Job: newest - min(newest, uint64(r.IntN(3))), Required: 1000, Word: share.Accepted,
			Nonce: r.Uint32(), NTime: r.Uint32(), VersionBits: r.Uint32() & 0x1fffe000, Bits: r.IntN(2) == 0, Extranonce2Size: r.IntN(9)}
		if j := d.job(s.Job); j != nil {
			s.Required, s.NTime = j.Difficulty, j.NTime
		}
		s.Difficulty = s.Required / (1 - r.Float64())
		if odd && r.IntN(10) == 0 {
			s.Required, s.Difficulty, s.Word = number(1000), number(1000), share.Word(r.IntN(14))
		}
		d.Share(&s)
	}
	return now
}

// A device that is written and read back at every event says the same as one that runs through.
func TestDeviceStopAndGo(t *testing.T) {
	for _, odd := range []bool{false, true} {
		plan := testPlan(t, nil)
		through, stopped := NewDevice("d", plan), NewDevice("d", plan)
		r, r2 := rand.New(rand.NewPCG(1, 1)), rand.New(rand.NewPCG(1, 1))
		now, now2 := testStart, testStart
		for i := range 900 {
			now = randomEvent(through, r, now, odd)
			now2 = randomEvent(stopped, r2, now2, odd)
			if i%3 == 0 || i < 200 {
				text, err := stopped.MarshalJSON()
				require.NoError(t, err, "event %d", i)
				stopped = &Device{}
				require.NoError(t, stopped.UnmarshalJSON(text), "event %d", i)
				if i%100 != 0 {
					continue
				}
				again, err := stopped.MarshalJSON()
				require.NoError(t, err)
				require.Equal(t, string(text), string(again), "event %d", i)
				requireSameReport(t, through.Report(), stopped.Report())
			}
		}
		requireSameReport(t, through.Report(), stopped.Report())
	}
}

// requireSameReport compares as JSON, where it does not matter whether a list is empty or not there.
func requireSameReport(t testing.TB, want, got DeviceReport) {
	t.Helper()
	a, err := json.MarshalIndent(want, "", " ")
	require.NoError(t, err)
	b, err := json.MarshalIndent(got, "", " ")
	require.NoError(t, err)
	require.Equal(t, string(a), string(b))
}

// Two days that were audited one by one and joined say the same of everything that is a sum.
func TestDeviceMerge(t *testing.T) {
	plan := testPlan(t, nil)
	m := simulate(plan, 1)
	m.claim = m.rate
	m.run(24 * time.Hour)
	m.device.Close(m.now)
	first := m.device
	second := NewDevice(first.Name(), plan)
	m.device, m.opened = second, false
	m.now = m.now.Add(time.Hour)
	m.run(24 * time.Hour)
	a, b := first.Report(), second.Report()

	before, err := second.MarshalJSON()
	require.NoError(t, err)
	require.NoError(t, first.Merge(second))
	after, err := second.MarshalJSON()
	require.NoError(t, err)
	require.Equal(t, string(before), string(after), "the later part stays as it was")

	r := first.Report()
	require.Equal(t, a.Counts.Submitted+b.Counts.Submitted, r.Counts.Submitted)
	require.Equal(t, a.Counts.Counted+b.Counts.Counted, r.Counts.Counted)
	require.InEpsilon(t, a.Counts.Work+b.Counts.Work, r.Counts.Work, 1e-12)
	require.Equal(t, a.Connected+b.Connected, r.Connected)
	require.Equal(t, uint64(2), r.Sessions)
	require.Equal(t, a.First, r.First)
	require.Equal(t, b.Last, r.Last)
	require.InEpsilon(t, m.rate, r.Proven.Estimate, 0.02)
	require.Less(t, r.Proven.High-r.Proven.Low, 0.8*(a.Proven.High-a.Proven.Low))
	require.Contains(t, r.Spans, Span{What: SpanDown, From: a.Last, To: b.First})
	requireUsable(t, &r)
	require.Empty(t, alarms(&r))
	for i := 1; i < len(r.History); i++ {
		require.False(t, r.History[i].Time.Before(r.History[i-1].Time))
		require.GreaterOrEqual(t, r.History[i].Shares, r.History[i-1].Shares)
	}
	// It goes on from there, and can be written.
	m.device = first
	m.run(time.Hour)
	require.Greater(t, first.Report().Counts.Counted, r.Counts.Counted)
	c, err := first.clone()
	require.NoError(t, err)
	requireSameReport(t, first.Report(), c.Report())
}

func TestDeviceMergeRefuses(t *testing.T) {
	plan := testPlan(t, nil)
	m := simulate(plan, 1)
	m.run(time.Hour)
	d := m.device
	before, err := d.MarshalJSON()
	require.NoError(t, err)
	overlaps := NewDevice(d.Name(), plan)
	overlaps.Open(m.now.Add(-time.Minute), "")
	require.ErrorContains(t, d.Merge(overlaps), "the later part begins at 2026-11-01 00:59:00, before the end of the earlier one")
	require.ErrorContains(t, d.Merge(NewDevice("other", plan)), `device "other" is not`)
	require.ErrorContains(t, d.Merge(NewDevice(d.Name(), testPlan(t, func(p *Plan) { p.Alpha = 0.1 }))), "another plan")
	require.ErrorContains(t, d.Merge(d), "itself")
	after, err := d.MarshalJSON()
	require.NoError(t, err)
	require.Equal(t, string(before), string(after))
	require.NoError(t, d.Merge(NewDevice(d.Name(), plan)), "nothing to add")
	empty := NewDevice(d.Name(), plan)
	require.NoError(t, empty.Merge(d))
	requireSameReport(t, d.Report(), empty.Report())
}

func TestDeviceJSONRefuses(t *testing.T) {
	plan := testPlan(t, nil)
	m := simulate(plan, 1)
	m.claim = m.rate
	m.run(3 * time.Hour)
	text, err := json.Marshal(m.device)
	require.NoError(t, err)
	var d Device
	require.NoError(t, json.Unmarshal(text, &d))
	for _, c := range []struct{ old, new, want string }{
		{`{"version":1,`, `{"version":2,`, "version 2: want 1; audit the record again"},
		{`"sessions":1`, `"sessions":1,"sessions":1`, "duplicate"},
		{`"sessions":1`, `"sessions":-1`, "sessions"},
		{`"sessions":1`, `"sessions":1,"surprise":1`, "surprise"},
		{`"alpha":0.001`, `"alpha":0.002`, "another plan"},
		{`"alpha":0.001`, `"alpha":7`, "alpha 7: want"},
		{`"name":"device1"`, `"name":"` + strings.Repeat("x", 300) + `"`, "want at most 256"},
		{`"linked":true`, `"linked":true,"idle":"tired"`, "tired"},
		{`"worked_ns":`, `"worked_ns":9`, "can't be"},
		{`"seen":`, `"seen":-`, "out of range"},
		{`"now":"2026`, `"now":"1926`, "out of range"},
		{`}}`, `}`, ""},
	} {
		bad := strings.Replace(string(text), c.old, c.new, 1)
		require.NotEqual(t, string(text), bad, c.old)
		require.ErrorContains(t, d.UnmarshalJSON([]byte(bad)), c.want)
		var fresh Device
		if c.want != "another plan" {
			require.Error(t, fresh.UnmarshalJSON([]byte(bad)), c.old)
		}
	}
	again, err := json.Marshal(&d)
	require.NoError(t, err)
	require.Equal(t, string(text), string(again), "errors leave it as it was")
	require.ErrorContains(t, d.UnmarshalJSON(make([]byte, maxDeviceJSON+1)), "want at most")
}

// The state of a device does not grow with its history.
func TestDeviceStateIsSmall(t *testing.T) {
	plan := testPlan(t, nil)
	var largest int
	m := simulate(plan, 1)
	m.claim = m.rate
	m.difficulty /= 10
	m.vardiff = 0.3
	m.onJob = func(bool) { m.device.Heard(m.now) }
	for i := range 24 {
		m.run(time.Hour)
		if i%3 == 0 {
			m.device.Interrupted(m.now)
		}
		text, err := m.device.MarshalJSON()
		require.NoError(t, err)
		largest = max(largest, len(text))
	}
	if testing.Verbose() {
		var j struct {
			State map[string]json.RawMessage `json:"state"`
		}
		text, err := m.device.MarshalJSON()
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, &j))
		var tests map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(j.State["tests"], &tests))
		for name, part := range tests {
			j.State["test "+name] = part
		}
		for name, part := range j.State {
			t.Logf("%8d bytes: %s", len(part), name)
		}
	}
	require.Less(t, largest, 64<<10)
	t.Logf("%d bytes after %d shares", largest, m.sent)
}

func FuzzDeviceJSON(f *testing.F) {
	plan := testPlan(f, nil)
	f.Add([]byte(`{}`))
	fresh, err := NewDevice("a", plan).MarshalJSON()
	require.NoError(f, err)
	f.Add(fresh)
	for seed := range uint64(3) {
		d := NewDevice("b", plan)
		r := rand.New(rand.NewPCG(seed, 0))
		now := testStart
		for range 300 {
			now = randomEvent(d, r, now, seed > 0)
		}
		text, err := d.MarshalJSON()
		require.NoError(f, err)
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var d Device
		if d.UnmarshalJSON(text) != nil {
			return
		}
		// What it takes can be used.
		again, err := d.MarshalJSON()
		require.NoError(t, err)
		var back Device
		require.NoError(t, back.UnmarshalJSON(again))
		r := rand.New(rand.NewPCG(1, 2))
		now := d.Now
		if now.IsZero() {
			now = testStart
		}
		for range 50 {
			now = randomEvent(&d, r, now, true)
		}
		report := d.Report()
		requireUsable(t, &report)
	})
}

func FuzzDeviceEvents(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(seed, uint16(500), seed%2 == 0)
	}
	f.Fuzz(func(t *testing.T, seed uint64, n uint16, odd bool) {
		fleet := NewFleet(testPlan(t, nil))
		for i, d := range []*Device{fleet.Device("a"), fleet.Device("b")} {
			r := rand.New(rand.NewPCG(seed, uint64(i)))
			now := testStart
			for range n % 2000 {
				now = randomEvent(d, r, now, odd)
			}
		}
		report := fleet.Report()
		for i := range report.Devices {
			requireUsable(t, &report.Devices[i])
		}
		requireFindings(t, report.Findings)
		_, err := json.Marshal(report)
		require.NoError(t, err)
		text, err := fleet.MarshalJSON()
		require.NoError(t, err)
		var back Fleet
		require.NoError(t, back.UnmarshalJSON(text))
	})
}
