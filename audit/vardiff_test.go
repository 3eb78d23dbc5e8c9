package audit

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Of honest machines whose pool sets their difficulty by the shares it saw, looked at all the time, at most a part alpha is ever accused
// by evidence: with and without telemetry. The rates that are proven hold at all moments at once, too; Garwood's interval does not.
func TestVardiffErrorRate(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	const machines, alpha = 200, 0.05
	plan := testPlan(t, func(p *Plan) { p.Alpha = alpha })
	for _, claims := range []bool{true, false} {
		var accused, missed, missedFixed int
		for i := range uint64(machines) {
			m := simulate(plan, i)
			m.vardiff = 5
			m.difficulty *= math.Exp2(float64(i%7) - 3)
			if claims {
				m.claim = m.rate
			}
			wrong, wrongFixed := false, false
			look := func() {
				e := &m.device.Exposure
				if e.Shares() == 0 {
					return
				}
				seen := m.device.Seen
				low, high, err := Sequence(e.Shares(), seen, m.device.Prior, alpha)
				require.NoError(t, err)
				wrong = wrong || m.rate < low || m.rate > high
				if wrongFixed {
					return
				}
				low, high, err = Garwood(e.Shares(), alpha)
				require.NoError(t, err)
				wrongFixed = m.rate < low/seen || m.rate > high/seen
			}
			m.jobs = 45 * time.Second
			m.onJob = func(bool) { look() }
			m.run(time.Hour)
			if wrong {
				missed++
			}
			if wrongFixed {
				missedFixed++
			}
			r := m.device.Report()
			for _, f := range alarms(&r) {
				if f.Kind == Evidence {
					accused++
					t.Logf("machine %d: %s: log e %.2f, peak %.2f of %.2f", i, f.Test, f.LogE, f.Peak, f.Threshold)
					break
				}
			}
		}
		t.Logf("claims %t: of %d machines %d accused, proven rate ever wrong of %d, Garwood's of %d", claims, machines, accused, missed, missedFixed)
		// Three standard deviations of chance above alpha.
		limit := int(machines*alpha + 3*math.Sqrt(machines*alpha*(1-alpha)))
		require.LessOrEqual(t, accused, limit)
		require.LessOrEqual(t, missed, limit)
		require.Greater(t, missedFixed, 2*int(machines*alpha), "an interval for one look is wrong at some of many")
	}
}
