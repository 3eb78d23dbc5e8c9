package serve

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
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
	const submits = 240_000 // 40 minutes, 4 blocks: what is remembered is dropped 10 minutes after the next
	var first, most uint64
	reads := 0
	r := NewReplay(ReplayConfig{
		OnWait: func(lines int64) {
			if reads++; reads%5 != 0 {
				return
			}
			if h := heap(); first == 0 && lines > submits {
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
	require.Less(t, most, first+16<<20, "half of the recording was read when first was measured")
	require.Less(t, most, uint64(80<<20))
}
