package load

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/internal/serve"
)

// TestKill kills a pool, and a proxy before one, in the middle of thousands of shares a second: what was accepted is in the recording.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes processes of their own")
	}
	record := func(t *testing.T) string { return filepath.Join(t.TempDir(), "recording") }
	// killed makes load until some thousand shares were accepted, and then there is no victim any more.
	killed := func(t *testing.T, victim *process, url string) Report {
		g, err := New(Config{Pool: url, Connections: 100, ConnectRate: 5000, SharesPerMinute: 3000, Bad: 0.02})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ended := make(chan error, 1)
		go func() { ended <- g.Run(ctx) }()
		for until := time.Now().Add(time.Minute); g.Report().Accepted < 3000; time.Sleep(time.Millisecond) {
			require.True(t, time.Now().Before(until))
		}
		require.NoError(t, victim.cmd.Process.Kill())
		for range victim.lines {
		}
		// What it sent last may still be on its way; then all connections are gone.
		for until := time.Now().Add(time.Minute); g.Ready() > 0; time.Sleep(time.Millisecond) {
			require.True(t, time.Now().Before(until))
		}
		cancel()
		require.NoError(t, <-ended)
		r := g.Report()
		require.Zero(t, r.Misjudged, "%q", r.Problems)
		require.EqualValues(t, 100, r.Closed)
		return r
	}
	t.Run("pool", func(t *testing.T) {
		dir := record(t)
		pool, url := startPool(t, dir)
		r := killed(t, pool, url)
		s := replayed(t, dir)
		require.GreaterOrEqual(t, s.PoolAccepted, int64(r.Accepted))
		require.GreaterOrEqual(t, s.Credited, int64(r.Accepted))
	})
	t.Run("proxy", func(t *testing.T) {
		dir := record(t)
		pool, url := startPool(t, "")
		proxy, url := startProxy(t, url, dir)
		killed(t, proxy, url)
		accepted := pool.stop("pool_stopped").Shares
		s := replayed(t, dir)
		require.GreaterOrEqual(t, s.Credited, int64(accepted), "what the pool accepted, and what was forwarded and recorded")
	})
}

// replayed judges a recording that was not brought to its end.
func replayed(t *testing.T, dir string) *serve.ReplaySummary {
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	f, err := os.Open(files[0])
	require.NoError(t, err)
	defer f.Close()
	replay := serve.NewReplay(serve.ReplayConfig{})
	require.NoError(t, replay.Recording(t.Context(), files[0], f))
	s := replay.Summary()
	require.Zero(t, s.Unjudged)
	require.Zero(t, s.Disagreements)
	require.LessOrEqual(t, s.BadLines, int64(1), "the last line may be cut")
	return s
}
