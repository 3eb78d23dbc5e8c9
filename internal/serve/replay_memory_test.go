package serve

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/work/share"
)

// Memory does not grow with the length of a recording.
func TestReplayMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("reads a long recording")
	}
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	const submits = 300_000 // 50 minutes, 5 blocks
	var first, most uint64
	reads := 0
	r := NewReplay(ReplayConfig{
		Policies: []share.Policy{{}, share.CKPool()},
		OnWait: func(lines int64) {
			if reads++; reads%4000 != 0 {
				return
			}
			if h := heap(); first == 0 && lines > 2*submits/3 {
				first = h
			} else {
				most = max(most, h)
			}
		},
	})
	require.NoError(t, r.Recording(t.Context(), "a", newStream(streamOptions{submits: submits, sessions: 50, branches: 4})))
	s := r.Summary()
	require.EqualValues(t, submits, s.Shares)
	require.Greater(t, s.Credited, int64(submits*9/10))
	require.NotZero(t, first)
	require.Less(t, most, first+16<<20, "a third of the recording was read when first was measured")
	require.Less(t, most, uint64(80<<20))
}
