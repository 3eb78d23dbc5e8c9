package audit

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// requireUsable fails if a report breaks a promise that whoever prints it relies on.
func requireUsable(t testing.TB, r *DeviceReport) {
	t.Helper()
	requireFindings(t, r.Findings)
	for _, v := range []float64{r.Connected, r.Unseen, r.Proven.Estimate, r.Proven.Low, r.Proven.High, r.Fixed.Estimate, r.Fixed.Low,
		r.Fixed.High, r.Claimed, r.Floor, r.Ceiling, r.Largest, r.Counts.Work} {
		require.True(t, isCount(v), "%v in %+v", v, r)
	}
	require.True(t, isFinite(r.Combined))
	for _, p := range r.History {
		require.Len(t, p.LogE, len(r.Evidence))
		require.True(t, isCount(p.Exposure) && isCount(p.Rate.Low) && isCount(p.Rate.High) && isFinite(p.Combined))
	}
	for _, p := range r.Tail {
		require.True(t, isCount(p.Difficulty) && isCount(p.Expected))
	}
	if c := r.Census; c != nil {
		require.Len(t, c.Counts, c.Rows*c.Columns)
	}
	for _, s := range r.Spans {
		require.False(t, s.To.Before(s.From))
		require.True(t, isCount(s.Shares))
	}
	_, err := json.Marshal(r)
	require.NoError(t, err)
}

func requireFindings(t testing.TB, findings []Finding) {
	t.Helper()
	require.NotEmpty(t, findings)
	for _, f := range findings {
		require.NotEmpty(t, f.Test)
		require.NotEmpty(t, f.Words, f.Test)
		require.NotEmpty(t, f.State, f.Test)
		require.NotEmpty(t, f.Kind, f.Test)
		require.True(t, isFinite(f.LogE) && isFinite(f.Peak) && isFinite(f.Threshold) && isCount(f.NeedShares), f.Test)
		for name, v := range f.Numbers {
			require.True(t, isFinite(v), "%s: %s", f.Test, name)
		}
		if f.Kind == Evidence && f.State == Alarm {
			require.NotZero(t, f.Since, f.Test)
			require.GreaterOrEqual(t, f.Peak, f.Threshold, f.Test)
		}
		if f.Kind == Surveillance {
			require.NotEmpty(t, f.FalseAlarms, f.Test)
		}
	}
}

var inf, nan = math.Inf(1), math.NaN()
