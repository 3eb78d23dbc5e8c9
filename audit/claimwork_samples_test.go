package audit

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/audit/telemetry"
)

// TestClaimWorkSamples goes from the replies of machines to the table.
func TestClaimWorkSamples(t *testing.T) {
	data := os.Getenv("TOUCHSTONE_DATA")
	if data == "" {
		t.Skip("TOUCHSTONE_DATA does not name the folder of samples: those of real machines are not read")
	}
	dirs, err := filepath.Glob(filepath.Join(data, "telemetry", "*", "summary*.json"))
	require.NoError(t, err)
	var all []*ClaimWork
	found := map[string]*ClaimWork{}
	for _, first := range dirs {
		dir := filepath.Dir(first)
		name := filepath.Base(dir)
		if found[name] != nil {
			continue
		}
		files, err := filepath.Glob(filepath.Join(dir, "*"))
		require.NoError(t, err)
		var replies []telemetry.Reply
		for _, f := range files {
			raw, err := os.ReadFile(f)
			require.NoError(t, err)
			replies = append(replies, telemetry.Reply{Command: strings.TrimSuffix(filepath.Base(f), filepath.Ext(f)), Raw: raw})
		}
		c, err := ClaimAgainstWork(name, telemetry.Parse(replies), 0.05, 0.01)
		require.NoError(t, err)
		found[name] = c
		all = append(all, c)
	}
	require.Equal(t, 6, HolmClaimWork(all))
	for name, want := range map[string]struct{ n, effective, proven, ratio, z, p, u float64 }{
		"antminer-s9-bmminer":     {4988, 2800, 7.957, 1.007, 0.5, 0.7, 0.054},
		"antminer-s3-cgminer":     {187, 187, 0.347, 0.910, -1.2, 0.10, 0.56},
		"antminer-s19pro-bmminer": {4057, 2489, 111.05, 0.993, -0.45, 0.33, 0.90},
		"whatsminer-btminer-v1":   {2338, 1208, 66.97, 0.9885, -0.56, 0.29, 0.021},
		"avalon-q":                {890, 703, 41.97, 0.942, -1.7, 0.039, 0.35},
		"sealminer":               {1421, 452, 205.0, 0.991, -0.33, 0.38, 0.029},
	} {
		c := found[name]
		require.NotNil(t, c, name)
		require.Equal(t, want.n, *c.Shares, name)
		require.Equal(t, want.effective, math.Round(*c.Effective), name)
		require.InEpsilon(t, want.proven, *c.Proven/1e12, 0.001, name)
		require.InDelta(t, want.ratio, *c.Ratio, 0.0006, name)
		require.InDelta(t, want.z, *c.Z, 0.051, name)
		require.InDelta(t, want.p, *c.P, 0.0051, name)
		require.InDelta(t, want.u, *c.Record, 0.0051, name)
		require.Nil(t, c.Clock, name)
	}
	require.True(t, found["auradine"].Disagree)
	require.InDelta(t, 183, *found["avalon-q"].Missed, 0.5)
	require.Equal(t, 6435., *found["avalon-q"].Silent)
}
