package audit

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// markState is the state of the tests that look at what shares achieve and when they come.
type markState struct {
	Filter   filterTest
	Tail     tailTest
	Luck     luckTest
	Latency  latencyTest
	Arrivals arrivalTest
}

func (m *markState) feed(r *rand.Rand, plan *Plan, from, shares int) {
	for i := from; i < from+shares; i++ {
		floor := []float64{1000, 2000, 1000, 500}[i/100%4]
		at := testStart.Add(time.Duration(3*i) * time.Second)
		job := &Job{Number: uint64(i/8 + 1), Network: 1e6}
		a := &arrival{at: at, floor: floor, difficulty: pareto(r, floor), job: job}
		m.Arrivals.pass(&passing{from: at.Add(-3 * time.Second), to: at, floor: floor, exposure: 3 / hashesPerShare(floor)}, plan)
		m.Filter.share(floor, a.difficulty)
		m.Tail.arrive(a)
		m.Luck.arrive(a)
		m.Latency.arrive(a)
		m.Arrivals.arrive(a)
	}
}

func (m *markState) check() error {
	for _, check := range []func() error{m.Filter.check, m.Tail.check, m.Luck.check, m.Latency.check, m.Arrivals.check} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// requireFinite fails if anything that the tests say is no number, or has no words.
func (m *markState) requireFinite(t *testing.T, plan *Plan) {
	t.Helper()
	c := &context{plan: plan, threshold: 16, shares: m.Tail.Shares, proven: Interval{Estimate: 1e12}}
	for _, f := range []Finding{m.Filter.finding(c), m.Tail.finding(c), m.Luck.finding(c), m.Latency.finding(c), m.Arrivals.finding(c)} {
		require.NotEmpty(t, f.Words, f.Test)
		require.NotEmpty(t, f.State, f.Test)
		for name, v := range f.Numbers {
			require.False(t, math.IsNaN(v) || math.IsInf(v, 0), "%s: %s is %v", f.Test, name, v)
		}
		for _, v := range []float64{f.LogE, f.Peak, f.NeedShares} {
			require.False(t, math.IsNaN(v) || math.IsInf(v, 0), "%s: %v", f.Test, f)
		}
	}
	for _, p := range m.Tail.points() {
		require.False(t, math.IsNaN(p.Expected) || math.IsInf(p.Expected, 0) || math.IsInf(p.Difficulty, 0))
	}
	c1 := m.Tail.ceiling(1e-6)
	require.False(t, math.IsNaN(c1) || math.IsInf(c1, 0))
	require.False(t, math.IsNaN(m.Filter.hardware()))
}

// A state that was written and read back at any moment goes on like one that was not.
func TestMarkStateRoundTrip(t *testing.T) {
	plan := testPlan(t, nil)
	var whole, parts markState
	r, s := rand.New(rand.NewPCG(1, 12)), rand.New(rand.NewPCG(1, 12))
	for i := range 20 {
		whole.feed(r, plan, 131*i, 131)
		parts.feed(s, plan, 131*i, 131)
		text, err := json.Marshal(&parts)
		require.NoError(t, err)
		if i == 19 {
			t.Logf("%d bytes", len(text))
			require.Less(t, len(text), 24<<10)
		}
		parts = markState{}
		require.NoError(t, json.Unmarshal(text, &parts))
		require.NoError(t, parts.check())
		want, err := json.Marshal(&whole)
		require.NoError(t, err)
		require.Equal(t, string(want), string(text), i)
	}
	whole.requireFinite(t, plan)
}

func TestMarkStateRefusesGarbage(t *testing.T) {
	plan := testPlan(t, nil)
	for _, text := range []string{
		`{"Tail":{"shares":5,"work":-1}}`,
		`{"Tail":{"shares":5}}`,
		`{"Tail":{"shares":1,"work":1,"largest":1,"above":[5,-5]}}`,
		`{"Tail":{"shares":1,"work":1,"largest":1,"above":[1]}}`,
		`{"Tail":{"low":100000}}`,
		`{"Tail":{"turn":4}}`,
		`{"Tail":{"watch":-1}}`,
		`{"Tail":{"recent":[{"floor":1,"shares":2,"exceeded":1}]}}`,
		`{"Tail":{"summit":{"peak":-1}}}`,
		`{"Tail":{"summit":{"peak":1,"steps":[1,2,3]}}}`,
		`{"Luck":{"shares":1,"blocks":2,"network":1,"work":1}}`,
		`{"Luck":{"shares":1,"expected":5,"network":1,"work":1}}`,
		`{"Luck":{"stakes":[-1]}}`,
		`{"Filter":{"octaves":[{"octave":1},{"octave":1}]}}`,
		`{"Filter":{"octaves":[{"octave":5000}]}}`,
		`{"Filter":{"octaves":[{"octave":5,"shares":1,"runs":[{"shares":2}]}]}}`,
		`{"Filter":{"octaves":[{"octave":5,"floor":-2}]}}`,
		`{"Latency":{"open":[{"number":1,"shares":1,"floor":2,"best":1,"rank":1}]}}`,
		`{"Latency":{"open":[{"number":2},{"number":1}]}}`,
		`{"Latency":{"shares":9,"levels":[{"jobs":1,"place":2}]}}`,
		`{"Latency":{"shares":9,"levels":[{"jobs":1,"place":0.5,"stakes":[9,9]}]}}`,
		`{"Arrivals":{"exposure":-1}}`,
		`{"Arrivals":{"shares":1,"gaps":[2]}}`,
		`{"Arrivals":{"scales":[{"half":3}]}}`,
		`{"Arrivals":{"scales":[{"half":2,"window":1}]}}`,
		`{"Arrivals":{"scales":[{"even":[5]}]}}`,
	} {
		var m markState
		require.NoError(t, json.Unmarshal([]byte(text), &m), text)
		require.Error(t, m.check(), text)
	}
	var empty markState
	require.NoError(t, empty.check())
	empty.requireFinite(t, plan)
}

// What comes in at the bottom may be anything: numbers stay numbers.
func TestMarkStateOfExtremes(t *testing.T) {
	plan := testPlan(t, nil)
	values := []float64{0, 1, -1, 1e-320, 1e-300, 1e300, math.MaxFloat64, math.NaN(), math.Inf(1), math.Inf(-1), 1e15, 3}
	r := rand.New(rand.NewPCG(2, 12))
	any := func() float64 { return values[r.IntN(len(values))] }
	for range 200 {
		var m markState
		for i := range 60 {
			at := testStart.Add(time.Duration(i) * time.Second)
			m.Arrivals.pass(&passing{from: at, to: at.Add(time.Second), exposure: any()}, plan)
			m.Filter.share(any(), any())
			m.Filter.floor(any())
			a := &arrival{at: at, floor: any(), difficulty: any(), job: &Job{Number: uint64(r.IntN(5)), Network: any()}}
			m.Tail.arrive(a)
			m.Luck.arrive(a)
			m.Latency.arrive(a)
			m.Arrivals.arrive(a)
		}
		require.NoError(t, m.check())
		m.requireFinite(t, plan)
		var other markState
		other.feed(r, plan, 0, 50)
		m.Tail.merge(&other.Tail)
		m.Luck.merge(&other.Luck)
		m.Filter.merge(&other.Filter)
		m.Latency.merge(&other.Latency)
		m.Arrivals.merge(&other.Arrivals)
		require.NoError(t, m.check())
		m.requireFinite(t, plan)
	}
}

var numberInJSON = regexp.MustCompile(`-?[0-9][0-9.eE+-]*`)

// FuzzMarkState puts other numbers into a state: it is refused, or all goes on with numbers.
func FuzzMarkState(f *testing.F) {
	plan := testPlan(f, nil)
	var texts [][]byte
	for _, shares := range []int{0, 3, 40, 700} {
		var m markState
		m.feed(rand.New(rand.NewPCG(3, 12)), plan, 0, shares)
		text, err := json.Marshal(&m)
		if err != nil {
			f.Fatal(err)
		}
		texts = append(texts, text)
	}
	f.Add(uint8(0), uint16(1), 5., uint16(20), -3.)
	f.Add(uint8(3), uint16(1), 1e300, uint16(300), 1e-300)
	f.Fuzz(func(t *testing.T, which uint8, i uint16, v float64, j uint16, w float64) {
		text := texts[int(which)%len(texts)]
		at := numberInJSON.FindAllIndex(text, -1)
		n := 0
		changed := numberInJSON.ReplaceAllFunc(text, func(old []byte) []byte {
			n++
			for k, value := range map[uint16]float64{i: v, j: w} {
				if new, err := json.Marshal(value); err == nil && n-1 == int(k)%len(at) {
					return new
				}
			}
			return old
		})
		var m markState
		if json.Unmarshal(changed, &m) != nil || m.check() != nil {
			return
		}
		m.requireFinite(t, plan)
		m.feed(rand.New(rand.NewPCG(4, 12)), plan, 10, 40)
		m.requireFinite(t, plan)
		again, err := json.Marshal(&m)
		if err != nil {
			t.Fatal(err)
		}
		var back markState
		if err := json.Unmarshal(again, &back); err != nil {
			t.Fatal(err)
		}
		if err := back.check(); err != nil {
			t.Fatal(fmt.Errorf("what was written is refused: %w", err))
		}
	})
}
