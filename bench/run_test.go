package bench

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/hash"
)

// least is a run that is as short as one can be.
func least() Config {
	return Config{Kernels: []hash.Kernel{hash.Generic}, Threads: []int{2}, Duration: 1, energy: fstest.MapFS{}}
}

func keysOf(r *Results) (keys []Key) {
	for i := range r.Measurements {
		keys = append(keys, r.Measurements[i].Key())
	}
	return keys
}

func TestRun(t *testing.T) {
	c := least()
	done := 0.0
	c.Progress = func(p Progress) {
		require.GreaterOrEqual(t, p.Done, done)
		require.LessOrEqual(t, p.Done, 1.0)
		require.GreaterOrEqual(t, p.Left, time.Duration(0))
		done = p.Done
	}
	r, err := Run(t.Context(), c)
	require.NoError(t, err)
	require.Positive(t, done)

	var want []Key
	add := func(k Key) { want = append(want, k) }
	for _, n := range []int{1, 2, 4, 8, 16} {
		add(Key{Scan, "generic", n, 1})
	}
	for _, b := range baselines() {
		add(Key{Scan, b.name, 1, 1})
	}
	var fastest *Measurement
	for i := range r.Measurements {
		if m := &r.Measurements[i]; m.Task == Scan && m.Threads == 2 {
			fastest = m
		}
	}
	require.NotNil(t, fastest)
	add(Key{Scan, "generic", fastest.Midstates, 2})
	for _, task := range []Task{Headers, Pairs} {
		add(Key{task, "generic", 0, 1})
		for _, b := range baselines() {
			add(Key{task, b.name, 0, 1})
		}
	}
	require.Equal(t, want, keysOf(r))

	for _, m := range r.Measurements {
		require.NoError(t, m.validate())
		require.Equal(t, m.Threads == 1, m.RatioStdlib != nil)
		require.Equal(t, m.Threads > 1, m.Scaling != nil)
		require.Nil(t, m.Nanojoules)
		require.Equal(t, m.BoundFraction == nil, m.BoundBy == nil)
		require.Equal(t, leastWindows, m.Windows)
		if m.Kernel == stdlib {
			require.Equal(t, 1.0, *m.RatioStdlib)
		}
	}
	require.Equal(t, ThisMachine(), r.Summary.Machine)
	require.Equal(t, "this machine shows no energy counters", r.Summary.NoEnergy)
	require.Empty(t, r.Summary.Refused)

	text, err := r.AppendJSON(nil)
	require.NoError(t, err)
	again, err := ParseResults(text)
	require.NoError(t, err)
	require.Equal(t, r, again)
}

// Every kernel of this machine is measured at every task.
func TestRunEveryKernel(t *testing.T) {
	c := least()
	c.Kernels, c.Threads = nil, []int{1}
	r, err := Run(t.Context(), c)
	require.NoError(t, err)
	keys := keysOf(r)
	for _, k := range hash.Kernels() {
		require.Contains(t, keys, Key{Scan, k.String(), 16, 1})
		require.Contains(t, keys, Key{Headers, k.String(), 0, 1})
		require.Contains(t, keys, Key{Pairs, k.String(), 0, 1})
	}
	for _, m := range r.Measurements {
		if m.BoundFraction != nil {
			require.Positive(t, *m.BoundFraction, m.Key())
			require.Contains(t, []string{"vector", "shifts", "rounds"}, *m.BoundBy, m.Key())
		}
	}
}

func TestRunLeavesOut(t *testing.T) {
	c := least()
	c.Tasks = []Task{Pairs}
	c.Kernels = []hash.Kernel{hash.Generic, hash.Generic}
	r, err := Run(t.Context(), c)
	require.NoError(t, err)
	require.Equal(t, Pairs, r.Measurements[0].Task)
	require.Len(t, r.Measurements, 1+len(baselines()))
}

// A kernel whose answers are wrong has no rate.
func TestRunRefusesKernel(t *testing.T) {
	c := least()
	c.check = func(hash.Kernel) error { return errors.New("one and one is three") }
	r, err := Run(t.Context(), c)
	require.NoError(t, err)
	require.Equal(t, []RefusedKernel{{"generic", "one and one is three"}}, r.Summary.Refused)
	for _, k := range keysOf(r) {
		require.NotEqual(t, "generic", k.Kernel)
	}
	require.Len(t, r.Measurements, 3*len(baselines()))
}

func TestRunEndsWithContext(t *testing.T) {
	for _, when := range []string{"scan: generic, 1", "scan: generic, 2", "pairs: crypto/sha256, 1"} {
		ctx, cancel := context.WithCancel(t.Context())
		c := least()
		c.Progress = func(p Progress) {
			require.NoError(t, ctx.Err(), "nothing is measured after that")
			if fmt.Sprintf("%s: %s, %d", p.Task, p.Kernel, p.Threads) == when {
				cancel()
			}
		}
		r, err := Run(ctx, c)
		require.ErrorIs(t, err, context.Canceled)
		require.Nil(t, r)
	}
}

func TestRunRefusesConfig(t *testing.T) {
	_, err := Run(t.Context(), Config{Tasks: []Task{"shares"}})
	require.EqualError(t, err, `unknown task "shares"`)
	_, err = Run(t.Context(), Config{Threads: []int{1, 0}})
	require.EqualError(t, err, "0 threads: give 1 or more")
	_, err = Run(t.Context(), Config{Kernels: []hash.Kernel{hash.Kernel(250)}, Duration: 1, check: func(hash.Kernel) error { return nil }})
	require.ErrorContains(t, err, "kernel(250) does not run on this machine")
}

func TestDefaultThreads(t *testing.T) {
	for most, want := range map[int][]int{1: {1}, 2: {1, 2}, 6: {1, 2, 4, 6}, 8: {1, 2, 4, 8}} {
		require.Equal(t, want, DefaultThreads(most))
	}
}

// newFake is a run whose time only passes as workloads say.
func newFake(f *fakeTime) *bench {
	return &bench{now: f.clock, units: map[resource]*unitProbe{}}
}

// A kernel that uses nine tenths of what the units allow does so too while the clock of the processor is halved, and when
// every fourth window of it is disturbed.
func TestBoundFraction(t *testing.T) {
	var f fakeTime
	b := newFake(&f)
	clock := 1.0
	slowly := func(speed float64, slow func() bool) workload {
		return func(n int) int { return f.workload(speed*clock, 1, slow)(n) }
	}
	n := 0
	fourth := func() bool { n++; return n%4 == 0 }
	b.units[resource{vector, 512}] = &unitProbe{subject: subject{run: slowly(8, nil)}}
	b.units[resource{shifts, 512}] = &unitProbe{subject: subject{run: slowly(4, nil)}}
	s := &subject{run: slowly(0.009, fourth)} // hashes in a nanosecond
	r := &row{
		task: Scan, kernel: "fake", midstates: 16, threads: 1, length: rowWindow,
		run: func(d time.Duration) float64 { return s.window(b.now, d) },
		// 1600 operations of 16 hashes take the vector unit 12.5 ns a hash, and 700 shifts take the shifters 10.9 ns.
		demands: []demand{{resource{vector, 512}, 800}, {resource{shifts, 512}, 350}},
	}
	for i := range 100 {
		clock = 1 - 0.5*float64(i%2)
		b.visit(r)
	}
	m := r.measurement(nil, nil)
	require.InDelta(t, 0.9, *m.BoundFraction, 0.001)
	require.Equal(t, "vector", *m.BoundBy)
	require.Equal(t, 100, m.Windows)
	require.InDelta(t, 9, m.Best, 0.01)
	require.Less(t, m.Low, m.Best)

	r.demands[1].perHash = 500
	r.bounds, r.limiters = nil, nil
	b.visit(r)
	m = r.measurement(nil, nil)
	require.Equal(t, "shifts", *m.BoundBy)

	b.summarizeUnits()
	require.Equal(t, []UnitRate{
		{Unit: "vector", Width: 512, Median: 4, Best: 8},
		{Unit: "shifts", Width: 512, Median: 2, Best: 4},
	}, roundUnits(b.results.Summary.Units))
}

// roundUnits rounds to whole numbers: a fake clock counts in nanoseconds.
func roundUnits(us []UnitRate) []UnitRate {
	for i := range us {
		us[i].Median, us[i].Best = float64(int(us[i].Median+0.5)), float64(int(us[i].Best+0.5))
	}
	return us
}

// The ratio to another row is that of windows close to each other, so that a drift of both does not show.
func TestRatioIsPaired(t *testing.T) {
	std, r := &row{threads: 1}, &row{threads: 1}
	for i := range 31 {
		drift := 1 + 0.1*float64(i)
		std.rates = append(std.rates, 2e6*drift)
		r.rates = append(r.rates, 6e6*drift)
	}
	r.rates[3] /= 10
	m := r.measurement(nil, std)
	require.Equal(t, 3.0, *m.RatioStdlib)
	require.Nil(t, m.Scaling)
	require.Equal(t, 15.0, m.Median, "6 times the median drift, 2.5")
	require.Equal(t, 24.0, m.Best)
	require.Less(t, m.Low, m.Median)
	require.Greater(t, m.High, m.Median)

	two := &row{threads: 2, rates: []float64{11e6, 12e6, 13e6}}
	one := &row{threads: 1, rates: []float64{6e6, 6.25e6, 7e6}}
	m = two.measurement(one, nil)
	require.Equal(t, 0.928571, *m.Scaling, "13/7 is the median of the ratios")
	require.Nil(t, m.RatioStdlib)
}

func TestMedianInterval(t *testing.T) {
	inOrder := make([]float64, 100)
	for i := range inOrder {
		inOrder[i] = float64(i + 1)
	}
	// 37 is coprime to 100: every part has low and high values.
	mixed := make([]float64, 100)
	for i := range mixed {
		mixed[i] = inOrder[i*37%100]
	}
	low, high := medianInterval(mixed)
	require.Equal(t, []float64{41, 60}, []float64{low, high}, "ranks 41 and 60 of a hundred, as in tables of the sign test")

	// A machine that becomes faster all the time: the medians of the parts are 5.5, 15.5, … 95.5, whose standard deviation
	// is 30.28.
	low, high = medianInterval(inOrder)
	require.InDelta(t, 50.5-2.262*30.2765/3.16228, low, 1e-3)
	require.InDelta(t, 50.5+2.262*30.2765/3.16228, high, 1e-3)

	low, high = medianInterval([]float64{2, 3, 1})
	require.Equal(t, []float64{1, 3}, []float64{low, high})
	low, high = medianInterval([]float64{7})
	require.Equal(t, []float64{7, 7}, []float64{low, high})
}

func TestRounded(t *testing.T) {
	for v, want := range map[float64]float64{0: 0, 1234567.8: 1234570, 0.000123456789: 0.000123457, -2.5: -2.5, 1: 1} {
		require.Equal(t, want, rounded(v))
	}
}

func TestMostFrequent(t *testing.T) {
	require.Equal(t, "b", mostFrequent([]string{"a", "b", "b"}))
	require.Equal(t, "a", mostFrequent([]string{"a", "b", "b", "a"}))
}

func TestCrew(t *testing.T) {
	var runs []workload
	for range 3 {
		runs = append(runs, func(int) int { return 1000 })
	}
	c := newCrew(newClock(), runs)
	defer c.stop()
	for range 5 {
		sum := 0.0
		rate := c.window(10 * time.Microsecond)
		for i := range c.members {
			sum += c.members[i].rate
		}
		require.Equal(t, sum, rate)
		require.Positive(t, rate, "who gets a core too late does nothing, but not all are late")
	}
}

// A thread that gets a core when the window is over does nothing: otherwise threads that run one after the other would each
// count as if the machine were theirs alone.
func TestCrewLate(t *testing.T) {
	var reads atomic.Int32
	clock := func() time.Duration {
		if reads.Add(1) == 1 {
			return 0 // the window begins
		}
		return 20 * time.Millisecond
	}
	runs := slices.Repeat([]workload{func(int) int { return 1000 }}, 50)
	c := newCrew(clock, runs)
	defer c.stop()
	require.Equal(t, 1000/0.020, c.window(10*time.Millisecond))
}

// sysfs is a folder like /sys/class/powercap, with two packages and parts of them.
func sysfs() fstest.MapFS {
	fsys := fstest.MapFS{}
	zone := func(name, label, energy, most string) {
		fsys[name+"/name"] = &fstest.MapFile{Data: []byte(label + "\n")}
		fsys[name+"/energy_uj"] = &fstest.MapFile{Data: []byte(energy + "\n")}
		fsys[name+"/max_energy_range_uj"] = &fstest.MapFile{Data: []byte(most + "\n")}
	}
	zone("intel-rapl:0", "package-0", "5000000", "262143328850")
	zone("intel-rapl:0:0", "core", "4000000", "262143328850")
	zone("intel-rapl:1", "package-1", "9999000", "9999999")
	zone("intel-rapl:2", "psys", "77", "262143328850")
	return fsys
}

func TestEnergyMeter(t *testing.T) {
	fsys := sysfs()
	m, err := newEnergyMeter(fsys)
	require.NoError(t, err)
	before := m.read()
	require.Equal(t, []uint64{5000000, 9999000}, before)
	fsys["intel-rapl:0/energy_uj"].Data = []byte("5500000\n")
	fsys["intel-rapl:1/energy_uj"].Data = []byte("249000\n") // after its most, it began anew
	joules, ok := m.between(before, m.read())
	require.True(t, ok)
	require.InDelta(t, 0.5+0.25, joules, 1e-9)

	delete(fsys, "intel-rapl:1/energy_uj")
	require.Nil(t, m.read())
	_, ok = m.between(before, m.read())
	require.False(t, ok)
	var none *energyMeter
	_, ok = none.between(none.read(), none.read())
	require.False(t, ok)
}

func TestEnergyMeterNotThere(t *testing.T) {
	_, err := newEnergyMeter(fstest.MapFS{})
	require.EqualError(t, err, "this machine shows no energy counters")
	fsys := sysfs()
	fsys["intel-rapl:0/energy_uj"].Data = []byte("many\n")
	_, err = newEnergyMeter(fsys)
	require.EqualError(t, err, `intel-rapl:0/energy_uj: "many\n" is not a number`)
	_, err = newEnergyMeter(unreadable{sysfs()})
	require.ErrorIs(t, err, fs.ErrPermission)
}

// unreadable is a folder whose counters only another user may read, as it is on most machines.
type unreadable struct{ fstest.MapFS }

func (u unreadable) ReadFile(name string) ([]byte, error) {
	if len(name) > 9 && name[len(name)-9:] == "energy_uj" {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return u.MapFS.ReadFile(name)
}

func (u unreadable) Open(name string) (fs.File, error) { return u.MapFS.Open(name) }

// What a package used while hashing is divided by the hashes.
func TestNanojoules(t *testing.T) {
	var f fakeTime
	b := newFake(&f)
	fsys := sysfs()
	var err error
	b.meter, err = newEnergyMeter(fsys)
	require.NoError(t, err)
	s := &subject{run: f.workload(0.01, 1, nil)} // ten million a second
	used := 5000000
	r := &row{threads: 1, length: rowWindow, run: func(d time.Duration) float64 {
		rate := s.window(b.now, d)
		used += 2000 // 2 mJ in 2 ms: a watt
		fsys["intel-rapl:0/energy_uj"].Data = fmt.Appendln(nil, used)
		return rate
	}}
	s.window(b.now, rowWindow)
	for range 10 {
		b.visit(r)
	}
	require.InDelta(t, 100, *r.measurement(nil, nil).Nanojoules, 0.1)
}
