package audit

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPlanComplete(t *testing.T) {
	p := testPlan(t, nil)
	require.Equal(t, &Plan{Alpha: 0.001, Tolerance: 0.01, ToleranceAbove: 0.01, Drift: 0.02, DropARL: 1e9, GapPerDay: 1e-6,
		Lag: 2 * time.Second, SwitchLoss: time.Second, CellWeakness: 0.2, InvalidRate: 0.01, ExtraDispersion: 0.03}, p)
	again, err := p.Complete()
	require.NoError(t, err)
	require.Equal(t, p, again)
}

func TestPlanRefuses(t *testing.T) {
	for want, p := range map[string]Plan{
		"plan: alpha 2: want a probability from 1e-12 to 0.5, or nothing for 0.001": {Alpha: 2},
		"plan: alpha -0.1: want":                 {Alpha: -0.1},
		"plan: alpha NaN: want":                  {Alpha: math.NaN()},
		"plan: tolerance 1: want":                {Tolerance: 1},
		"plan: tolerance above -1: want":         {ToleranceAbove: -1},
		"plan: drift 0.9: want":                  {Drift: 0.9},
		"plan: drop ARL 1: want expected shares": {DropARL: 1},
		"plan: gap per day +Inf: want":           {GapPerDay: math.Inf(1)},
		"plan: lag -1s: want more than 0 and at most 1h0m0s, or nothing for 2s":          {Lag: -time.Second},
		"plan: switch loss 1h0m0s: want":                                                 {SwitchLoss: time.Hour},
		"plan: cell weakness 1: want":                                                    {CellWeakness: 1},
		"plan: invalid rate 0.7: want":                                                   {InvalidRate: 0.7},
		"plan: extra dispersion 2: want":                                                 {ExtraDispersion: 2},
		"plan: network difficulty -3: want a difficulty from 1e-10 to 1e+30, or nothing": {NetworkDifficulty: -3},
		"plan: rated NaN: want hashes per second":                                        {Rated: math.NaN()},
	} {
		_, err := p.Complete()
		require.ErrorContains(t, err, want)
	}
	for _, known := range [][]string{{""}, {"stratum+tcp://:3333"}, {"a:1", strings.Repeat("x", 300)}, make([]string, maxKnownAs+1)} {
		_, err := Plan{KnownAs: known}.Complete()
		require.ErrorContains(t, err, "plan: known as", known)
	}
	_, err := Plan{Model: strings.Repeat("x", 1000)}.Complete()
	require.ErrorContains(t, err, "plan: model")
}

func TestPlanJSON(t *testing.T) {
	p := testPlan(t, func(p *Plan) { p.Lag, p.Rated, p.Model = 1500*time.Millisecond, 1e14, "BM1368" })
	text, err := json.Marshal(p)
	require.NoError(t, err)
	require.Equal(t, `{"alpha":0.001,"tolerance":0.01,"tolerance_above":0.01,"drift":0.02,"drop_arl":1000000000,"gap_per_day":0.000001,`+
		`"cell_weakness":0.2,"invalid_rate":0.01,"extra_dispersion":0.03,"rated":100000000000000,"model":"BM1368","lag_seconds":1.5,`+
		`"switch_loss_seconds":1}`, string(text))
	var back Plan
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, *p, back)
	require.Equal(t, p.Hash(), back.Hash())
	back.KnownAs = []string{"a:1"}
	require.NotEqual(t, p.Hash(), back.Hash())
	text, err = json.Marshal(back)
	require.NoError(t, err)
	var third Plan
	require.NoError(t, json.Unmarshal(text, &third))
	require.True(t, third.same(&back))
	require.False(t, third.same(p))

	for _, bad := range []string{`{"alhpa":0.1}`, `{"alpha":0.1,"alpha":0.2}`, `{"lag_seconds":-1}`, `{"lag_seconds":1e9}`, `[]`, `{`, ``,
		`{"alpha":"0.1"}`, `{"model":"` + strings.Repeat("x", maxPlanJSON) + `"}`} {
		had := back
		require.Error(t, back.UnmarshalJSON([]byte(bad)), bad)
		require.Equal(t, had, back)
	}
}
