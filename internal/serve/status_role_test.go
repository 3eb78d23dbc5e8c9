package serve

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/stratum"
)

// A pool and the proxy before it show the same device and the same shares, and what they are.
func TestRolesShowStatus(t *testing.T) {
	f := newFakeNode(hardBits)
	p := startPool(t, PoolConfig{Backend: backend(t, f, t.TempDir()), Status: "127.0.0.1:0", Vardiff: stratum.Vardiff{Start: 1e-6}})
	dir := t.TempDir()
	recorder, err := OpenRecorder(RecorderConfig{Dir: dir})
	require.NoError(t, err)
	defer recorder.Close()
	upstream := "stratum+tcp://" + p.address
	tp := startProxy(t, ProxyConfig{Recorder: recorder, Status: "127.0.0.1:0"}, nil, upstream)
	through := &runningPool{recorder: p.recorder, t: t, address: tp.addr}
	m := through.connect(stratum.ClientConfig{Worker: "alice", UserAgent: "test/1"})
	w := m.next()
	m.submit(w, m.solve(w, false))
	require.True(t, m.reply().Accepted)

	p.mu.Lock()
	started := p.events[0].(PoolStarted)
	p.mu.Unlock()
	page := getJSON[StatusPage](t, started.Status)
	require.Equal(t, "pool", page.Role)
	require.Equal(t, started.Chain, page.Chain)
	require.NotZero(t, page.Height)
	require.Equal(t, started.Listen, page.Listen)
	require.Nil(t, page.Recording)
	require.Len(t, page.Devices, 1)

	eventually(t, "the judge has seen all", func() bool {
		total := tp.Snapshot().Total
		return total.PoolAccepted == 1
	})
	seen := tp.Snapshot()
	require.Equal(t, "proxy", seen.Role)
	require.Equal(t, []PoolState{{URL: upstream, Working: true, Devices: 1}}, seen.Pools)
	require.Equal(t, &RecordingStatus{Folder: dir}, seen.Recording)
	require.Len(t, seen.Devices, 1)
	for _, d := range []DeviceStatus{page.Devices[0], seen.Devices[0]} {
		require.Equal(t, "alice", d.Worker)
		require.Equal(t, "test/1", d.UserAgent)
		require.Equal(t, map[string]int64{"accepted": 1}, d.Verdicts)
		require.Equal(t, page.Devices[0].Work, d.Work)
		require.Positive(t, d.Difficulty)
		require.Equal(t, page.Devices[0].Difficulty, d.Difficulty)
		require.NotNil(t, d.HashRate)
		require.Zero(t, d.Disagreements)
	}
	require.EqualValues(t, 1, seen.Total.Reply.Count)
	require.Positive(t, seen.Total.Added.Count)

	// A second one can't show its status at the same place, and says so before devices can connect.
	second, err := NewPool(PoolConfig{
		Backend: backend(t, f, t.TempDir()), Listen: []ListenAt{{Address: "127.0.0.1:0"}},
		Status: started.Status[len("http://") : len(started.Status)-1],
	})
	require.NoError(t, err)
	var taken *StatusListenError
	require.ErrorAs(t, second.Run(t.Context()), &taken)
}
