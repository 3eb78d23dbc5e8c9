package audit

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDeviceCountsHonestDay(t *testing.T) {
	m := simulate(testPlan(t, nil), 1)
	m.claim = m.rate
	m.run(24 * time.Hour)
	r := m.device.Report()
	require.InEpsilon(t, 1e14, r.Proven.Estimate, 0.03)
	require.InEpsilon(t, 1e14, r.Claimed, 1e-9)
	require.InDelta(t, 86400, r.Connected, 1)
	requireClean(t, m.device)
	text, err := json.Marshal(r)
	require.NoError(t, err)
	state, err := json.Marshal(m.device)
	require.NoError(t, err)
	t.Logf("report %d bytes, state %d bytes, %d points", len(text), len(state), len(r.History))
	var back Device
	require.NoError(t, json.Unmarshal(state, &back))
	require.Equal(t, r, back.Report())
}

func BenchmarkDeviceShare(b *testing.B) {
	m := simulate(testPlan(b, nil), 1)
	m.claim = m.rate
	m.run(time.Hour)
	j := m.job
	s := m.found(m.difficulty)
	now := m.now
	b.ReportAllocs()
	for i := range b.N {
		now = now.Add(3 * time.Second)
		if i%10 == 0 {
			j.Number++
			j.Time = now
			m.device.Job(&j)
		}
		s.Time, s.Job, s.Difficulty, s.Nonce = now, j.Number, m.difficulty*float64(1+i%100), uint32(i)*2654435761
		m.device.Share(&s)
	}
}
