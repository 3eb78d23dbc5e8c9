package audit

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// simulateFleet returns a fleet of machines that all work for some hours; odd[i] changes that of number i.
func simulateFleet(t testing.TB, plan *Plan, machines int, d time.Duration, odd map[int]func(*simulated)) *Fleet {
	f := NewFleet(plan)
	for i := range machines {
		m := simulate(plan, uint64(i))
		m.device = f.Device(fmt.Sprintf("rig%02d", i))
		m.claim = m.rate
		if odd[i] != nil {
			odd[i](m)
		}
		m.run(d)
	}
	return f
}

func TestFleetReport(t *testing.T) {
	plan := testPlan(t, nil)
	f := simulateFleet(t, plan, 12, 16*time.Hour, map[int]func(*simulated){
		3: func(m *simulated) { m.skim = 0.15 },
		7: func(m *simulated) { m.withhold = func(d float64) bool { return d > 40*m.difficulty } },
	})
	r := f.Report()
	require.Equal(t, plan.Hash(), r.PlanHash)
	require.Len(t, r.Devices, 12)
	require.Equal(t, []string{"rig07", "rig03"}, []string{r.Devices[0].Device, r.Devices[1].Device}, "the most serious first")
	for i := range r.Devices {
		d := &r.Devices[i]
		requireUsable(t, d)
		require.Equal(t, i < 2, d.Rejected, d.Device)
		require.Equal(t, i < 2, d.State == Alarm, d.Device)
		require.Equal(t, i < 2, d.Combined >= r.Threshold)
		if f, ok := finding(d, TestCombined); i < 2 {
			require.True(t, ok)
			require.Contains(t, f.Words, "to 1.")
		} else {
			require.False(t, ok)
		}
	}
	require.Equal(t, Alarm, r.State)
	requireFindings(t, r.Findings)
	for i := 1; i < len(r.Devices[0].Findings); i++ { // alarms first
		require.False(t, r.Devices[0].Findings[i].State == Alarm && r.Devices[0].Findings[i-1].State != Alarm)
	}

	text, err := json.Marshal(f)
	require.NoError(t, err)
	var back Fleet
	require.NoError(t, json.Unmarshal(text, &back))
	again, err := json.Marshal(back.Report())
	require.NoError(t, err)
	want, err := json.Marshal(r)
	require.NoError(t, err)
	require.Equal(t, string(want), string(again))
}

func TestFleetMerge(t *testing.T) {
	plan := testPlan(t, nil)
	f := simulateFleet(t, plan, 3, time.Hour, nil)
	later := NewFleet(plan)
	m := simulate(plan, 1)
	m.device, m.now = later.Device("rig01"), testStart.Add(2*time.Hour)
	m.run(time.Hour)
	m = simulate(plan, 2)
	m.device = later.Device("new")
	m.run(time.Hour)
	held := f.Device("rig01")
	had := held.Report().Counts.Counted
	require.NoError(t, f.Merge(later))
	require.Len(t, f.Devices(), 4)
	require.Equal(t, had+later.Device("rig01").Report().Counts.Counted, held.Report().Counts.Counted, "whoever holds a device goes on with it")
	require.NotSame(t, f.Device("new"), later.Device("new"))

	before, err := json.Marshal(f)
	require.NoError(t, err)
	require.ErrorContains(t, f.Merge(later), "before the end of the earlier one")
	require.ErrorContains(t, f.Merge(NewFleet(testPlan(t, func(p *Plan) { p.Alpha = 0.01 }))), "another plan")
	require.Error(t, f.Merge(f))
	after, err := json.Marshal(f)
	require.NoError(t, err)
	require.Equal(t, string(before), string(after))
}

func TestFleetJSONRefuses(t *testing.T) {
	plan := testPlan(t, nil)
	f := NewFleet(plan)
	f.Note("a note")
	r := rand.New(rand.NewPCG(1, 1))
	now := testStart
	for range 100 {
		now = randomEvent(f.Device("a"), r, now, false)
	}
	text, err := json.Marshal(f)
	require.NoError(t, err)
	var back Fleet
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, []string{"a note"}, back.Report().Notes)
	for _, c := range []struct{ old, new, want string }{
		{`{"version":1,`, `{"version":3,`, "version 3: want 1"},
		{`"alpha":0.001`, `"alpha":0.01`, "plan"},
		{`"plan_hash":"`, `"plan_hash":"f`, "it was changed afterwards"},
		{`"name":"a"`, `"name":"a","name":"b"`, "duplicate"},
		{`"devices":[`, `"devices":[{},`, "device 0"},
		{`"a note"`, `"` + strings.Repeat("x", 1000) + `"`, "want at most"},
		{`"devices"`, `"machines"`, "machines"},
	} {
		bad := strings.Replace(string(text), c.old, c.new, 1)
		require.NotEqual(t, string(text), bad)
		require.Error(t, back.UnmarshalJSON([]byte(bad)), c.old)
		var fresh Fleet
		require.ErrorContains(t, fresh.UnmarshalJSON([]byte(bad)), c.want, c.old)
	}
	twice := strings.Replace(string(text), `"devices":[`, `"devices":[`+stateOf(t, f.Device("a"))+`,`, 1)
	require.ErrorContains(t, (&Fleet{}).UnmarshalJSON([]byte(twice)), "there twice")
	for _, bad := range []string{``, `{}`, `null`, `[]`, `{"version":1}`, string(text[:len(text)/2])} {
		require.Error(t, (&Fleet{}).UnmarshalJSON([]byte(bad)))
	}
}

// stateOf returns a device's state as a fleet writes it.
func stateOf(t testing.TB, d *Device) string {
	f := NewFleet(d.plan)
	f.devices[d.Name()] = d
	text, err := f.MarshalJSON()
	require.NoError(t, err)
	s := string(text)
	return s[strings.Index(s, `"devices":[`)+len(`"devices":[`) : len(s)-2]
}

func TestEmptyFleet(t *testing.T) {
	f := NewFleet(testPlan(t, nil))
	r := f.Report()
	require.Equal(t, TooEarly, r.State)
	require.Empty(t, r.Devices)
	_, err := json.Marshal(r)
	require.NoError(t, err)
	f.Device("never seen")
	r = f.Report()
	requireUsable(t, &r.Devices[0])
	require.Equal(t, TooEarly, r.State)
}
