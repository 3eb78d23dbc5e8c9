package rogue

import (
	"context"
	"flag"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/audit"
)

var full = flag.Bool("rogues", false, "try all real rogues, for minutes")

// TestTrials: each real rogue is caught through the real proxy and named rightly, and the honest twin beside it is not accused.
func TestTrials(t *testing.T) {
	if testing.Short() {
		t.Skip("real devices take their time")
	}
	trials := Trials(*full)
	dir := t.TempDir()
	results := make([]*Result, len(trials))
	errs := make([]error, len(trials))
	var all sync.WaitGroup
	for i := range trials {
		all.Go(func() {
			results[i], errs[i] = trials[i].Run(t.Context(), filepath.Join(dir, strings.ReplaceAll(trials[i].Name(), "/", "_")))
		})
	}
	all.Wait()
	for i := range trials {
		t.Run(trials[i].Name(), func(t *testing.T) {
			require.NoError(t, errs[i])
			r := results[i]
			t.Logf("after %v: %v; %+v", r.Caught, r.By, r.Count)
			for _, f := range append(r.Rogue.Findings, r.Twin.Findings...) {
				if f.State == audit.Alarm {
					t.Logf("%s: %s", f.Test, f.Words)
				}
			}
			require.True(t, r.Named(), "not caught by any of %v", trials[i].Want)
			require.Empty(t, r.Unexpected, "accused of what it does not do")
			require.Empty(t, r.Accused, "the honest twin")
			require.NotZero(t, r.Twin.Counts.Counted)
		})
	}
}

// TestReal: what a device says it did is what the pool judged, whatever its vice.
func TestReal(t *testing.T) {
	pool, err := StartPool(PoolConfig{JobEvery: 100 * time.Millisecond, BlockEvery: 500 * time.Millisecond})
	require.NoError(t, err)
	defer pool.Close()
	second, err := StartPool(PoolConfig{})
	require.NoError(t, err)
	defer second.Close()
	vices := map[string]string{
		"honest": "honest", "doubles": "replay=0.5", "spoils": "invalid=0.5", "hoards": "hoard=2", "leaves": "elsewhere=0.5,every=200ms",
		"keeps": "withhold=2", "skips": "cell=7",
	}
	devices := map[string]*Real{}
	for name, text := range vices {
		v, err := ParseVice(text)
		require.NoError(t, err)
		c := RealConfig{Worker: name, Pool: pool.URL(), Rate: 50_000, Vice: v}
		if v.Name == "elsewhere" {
			c.Second = second.URL()
		}
		d, err := StartReal(t.Context(), c)
		require.NoError(t, err)
		defer d.Close()
		devices[name] = d
	}
	require.Eventually(t, func() bool {
		return pool.Verdicts("honest")["accepted"] > 20 && pool.Verdicts("doubles")["duplicate"] > 5 && pool.Verdicts("spoils")["low-difficulty"] > 5 &&
			pool.Verdicts("hoards")["stale"] > 2 && second.Verdicts("leaves")["accepted"] > 5 && devices["keeps"].Count().Withheld > 5 &&
			pool.Verdicts("skips")["accepted"] > 20
	}, time.Minute, 10*time.Millisecond)
	for name, d := range devices {
		require.NoError(t, d.Err(), name)
		d.Close()
		words := pool.Verdicts(name)
		require.Zero(t, words["malformed"]+words["bad-extranonce2"]+words["bad-version"]+words["bad-ntime"]+words["unknown-job"]+words["unjudged"], "%s: %v", name, words)
		if name != "spoils" {
			require.Zero(t, words["low-difficulty"], "%s: %v", name, words)
		}
	}
	// A twin sends what it finds.
	count := devices["honest"].Count()
	require.Equal(t, count.Found, count.Sent)
}

func TestRealRefuses(t *testing.T) {
	v, err := ParseVice("regular=4")
	require.NoError(t, err)
	away, err := ParseVice("elsewhere=0.5,every=1s")
	require.NoError(t, err)
	for want, c := range map[string]RealConfig{
		"needs a worker's name":                {Pool: "stratum+tcp://127.0.0.1:1"},
		"rate of -1 H/s":                       {Worker: "w", Rate: -1},
		"vice regular=4 is for synthetic":      {Worker: "w", Vice: v},
		"vice elsewhere needs a second pool":   {Worker: "w", Vice: away},
		`pool "127.0.0.1:1": want stratum+tcp`: {Worker: "w", Pool: "127.0.0.1:1"},
	} {
		_, err := StartReal(context.Background(), c)
		require.ErrorContains(t, err, want)
	}
}

// TestSyntheticDevices: the audit names the chips and nothing else, whatever the model, and lets honest devices alone that only look guilty.
func TestSyntheticDevices(t *testing.T) {
	run := func(c Synthetic, plan audit.Plan) map[string]audit.State {
		p, err := plan.Complete()
		require.NoError(t, err)
		s, err := c.Stream()
		require.NoError(t, err)
		d := audit.NewDevice("d", p)
		for e := s.Next(); e != nil; e = s.Next() {
			e.Tell(d)
		}
		r := d.Report()
		require.True(t, r.Synthetic)
		states := map[string]audit.State{}
		for _, f := range r.Findings {
			if f.State == audit.Alarm {
				states[f.Test] = f.State
			}
		}
		return states
	}
	c := base
	c.Duration = 12 * time.Hour
	for _, name := range Models() {
		c := c
		c.Model = name
		require.Empty(t, run(c, audit.Plan{Model: name}), name)
		c.SharesPerMinute = 60
		if audit.LayoutOf(name).Chip == audit.Uniform {
			require.Contains(t, run(with(t, c, "cell=5"), audit.Plan{Model: name}), audit.TestCells, name)
			continue
		}
		if n := audit.LayoutOf(name).Chips; n > 100 || n == 63 { // else nobody knows which addresses there are
			require.Contains(t, run(with(t, c, "chip=5"), audit.Plan{Model: name}), audit.TestCells, name)
		}
		require.Contains(t, run(with(t, c, "core=5"), audit.Plan{Model: name}), audit.TestCells, name)
	}
	require.Empty(t, run(with(t, c, "filter=131072"), audit.Plan{}))
	require.Empty(t, run(with(t, c, "offline=10m,every=1h"), audit.Plan{}))
	many := c
	many.SharesPerMinute, many.Duration = 9000, 10*time.Minute
	require.Empty(t, run(many, audit.Plan{}), "many shares a second")
}
