package load

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/internal/serve"
)

var (
	soakConnections = flag.Int("soak.connections", 50, "how many `connections` TestSoak opens")
	soakMinutes     = flag.Float64("soak.minutes", 0.03, "for how many `minutes` it sends shares")
	soakShares      = flag.Float64("soak.shares", 0, "how many `shares` a minute each connection sends (default: 20, or 600 where there are few)")
	soakBad         = flag.Float64("soak.bad", 0.02, "the `part` of the shares that are wrong on purpose")
	soakBlocks      = flag.Duration("soak.blocks", 0, "how often a block is searched, which makes a new tip")
	soakRecord      = flag.Bool("soak.record", true, "record, and judge the recording in the end")
	soakTouchstone  = flag.Bool("soak.touchstone", false, "build the program and use its pool, instead of one in the test binary")
	soakProfile     = flag.String("soak.profile", "", "write profiles of the pool to this `folder`; not with -soak.touchstone")
)

// TestSoak puts a pool under load, each in a process of its own: nothing may be lost or misjudged, and what the pool counted and
// recorded must be what the generator saw. By default it is a short one; the long one is
//
//	go test ./internal/serve/load -run TestSoak -v -timeout 30m -soak.connections 10000 -soak.minutes 10 -soak.touchstone
func TestSoak(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes processes of their own")
	}
	record := ""
	if *soakRecord {
		record = filepath.Join(t.TempDir(), "recording")
	}
	var pool *process
	var url string
	if *soakTouchstone {
		pool, url = startTouchstone(t, record)
	} else {
		pool, url = startPool(t, record)
	}
	memory := func() (m poolMessage) {
		if !*soakTouchstone {
			m = pool.ask("memory")
		}
		return m
	}
	empty, emptyRSS := memory(), pool.rss()

	shares := *soakShares
	if shares == 0 {
		if shares = 20; *soakConnections <= 200 {
			shares = 600
		}
	}
	duration := time.Duration(*soakMinutes * float64(time.Minute))
	generator := child(t, "generator", Config{
		Pool: url, Connections: *soakConnections, ConnectRate: 1000, SharesPerMinute: shares, Duration: duration,
		Bad: *soakBad, BlockEvery: *soakBlocks,
	})
	if *soakProfile != "" {
		require.NoError(t, os.MkdirAll(*soakProfile, 0o777))
		pool.ask("profile cpu " + filepath.Join(*soakProfile, "cpu.pprof"))
	}
	r := watch(t, pool, generator, duration)
	if *soakProfile != "" {
		pool.ask("profile cpu")
		for _, kind := range []string{"heap", "mutex", "block", "goroutine"} {
			pool.ask("profile " + kind + " " + filepath.Join(*soakProfile, kind+".pprof"))
		}
	}
	full, fullRSS := memory(), pool.rss()
	perConnection := func(before, after uint64) float64 {
		return (float64(after) - float64(before)) / float64(*soakConnections) / 1024
	}
	t.Logf("pool: %d MB before the connections, %d MB with %d of them: %.1f KB each; live heap %.1f KB, stacks %.1f KB each; generator %d MB",
		emptyRSS>>20, fullRSS>>20, *soakConnections, perConnection(emptyRSS, fullRSS),
		perConnection(empty.Heap, full.Heap), perConnection(empty.Stack, full.Stack), generator.rss()>>20)

	generator.stop("")
	stopped := pool.stop("pool_stopped")
	t.Log(r.String())
	for _, p := range r.Problems {
		t.Log(p)
	}
	require.NoError(t, r.Right())
	require.NotZero(t, r.Accepted)
	require.Equal(t, *soakConnections, r.MostReady)
	require.Zero(t, r.Outstanding)
	require.Equal(t, stopped.Shares, r.Accepted, "what the pool credited, and what it said it did")
	if record != "" {
		checkRecording(t, record, &r)
	}
}

// startTouchstone builds the program and starts its pool on a new embedded chain.
func startTouchstone(t testing.TB, record string) (p *process, url string) {
	dir := t.TempDir()
	out, err := exec.Command("go", "build", "-o", dir, "github.com/touchstone-btc/touchstone/cmd/touchstone").CombinedOutput()
	require.NoError(t, err, "%s", out)
	args := []string{"pool", "--json", "--listen", "127.0.0.1:0", "--status", "off", "--datadir", filepath.Join(dir, "data"), "--max-conns-per-address", "20000",
		"--difficulty", "1e-9", "--share-rate", "0"}
	if record != "" {
		args = append(args, "--record", record)
	}
	p = startProcess(t, exec.Command(filepath.Join(dir, "touchstone"), args...))
	return p, p.event("pool_started").Listen[0]
}

// watch tells of both processes' memory, and returns what the generator reports.
func watch(t testing.TB, pool, generator *process, duration time.Duration) (r Report) {
	const every = 10 * time.Second
	begin := time.Now()
	for limit := begin.Add(duration + 5*time.Minute); ; {
		select {
		case line, ok := <-generator.lines:
			require.True(t, ok, "the generator ended")
			require.NoError(t, json.Unmarshal(line, &r))
			return r
		case <-pool.lines:
		case <-time.After(every - time.Since(begin)%every):
			t.Logf("%4.0f s: pool %d MB, generator %d MB", time.Since(begin).Seconds(), pool.rss()>>20, generator.rss()>>20)
			require.True(t, time.Now().Before(limit), "the generator does not end")
		}
	}
}

// checkRecording holds a recording of all connections against what the generator saw.
func checkRecording(t testing.TB, dir string, r *Report) {
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	replay := serve.NewReplay(serve.ReplayConfig{OnShare: func(s *serve.ShareReport) error {
		return nil
	}})
	size := int64(0)
	for _, name := range files {
		f, err := os.Open(name)
		require.NoError(t, err)
		if info, err := f.Stat(); err == nil {
			size += info.Size()
		}
		require.NoError(t, replay.Recording(t.Context(), name, f))
		_ = f.Close()
	}
	s := replay.Summary()
	t.Logf("recording: %d files, %d MB, %d sessions, %d shares, %d credited", len(files), size>>20, s.Sessions, s.Shares, s.Credited)
	require.Zero(t, s.BadLines)
	require.Zero(t, s.Unjudged)
	require.Zero(t, s.Disagreements)
	require.EqualValues(t, r.Sent, s.Shares)
	require.EqualValues(t, r.Accepted, s.PoolAccepted)
	require.EqualValues(t, r.Refused, s.PoolRejected)
	require.EqualValues(t, r.Accepted, s.Credited)
}

// TestSoakFigures holds what a soak prints to what people read.
func TestSoakFigures(t *testing.T) {
	r := Report{
		Connections: 2, Ready: 2, Sent: 10, Accepted: 9, Refused: 1, Seconds: 2,
		Tips: []Tip{{PrevBlock: "00ab", Sessions: 2, Spread: 1.5, Submitted: true, Last: 7}},
	}
	text := r.String()
	for _, want := range []string{
		"2 of 2 connections ready", "10 shares in 2.0 s (5/s): 9 accepted, 1 refused, 0 lost",
		"tip 00ab: 2 sessions, first to last 1.5 ms, block sent to last 7.0 ms",
	} {
		require.Contains(t, text, want)
	}
	require.Equal(t, 4, strings.Count(text+"\n", "\n"), fmt.Sprint(text))
}
