package load

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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

// TestSoak puts a pool under load, directly and through a proxy, each in a process of its own: nothing may be lost or misjudged, and what
// they counted and recorded must be what the generator saw. By default it is a short one; the long one is
//
//	go test ./internal/serve/load -run TestSoak/direct -v -timeout 30m -soak.connections 10000 -soak.minutes 10 -soak.touchstone
func TestSoak(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes processes of their own")
	}
	t.Run("direct", func(t *testing.T) { soak(t, false) })
	t.Run("proxy", func(t *testing.T) { soak(t, true) })
}

// TestChurn opens and closes all connections, round after round: nothing that runs may be left of them, and what is remembered of them
// is told.
func TestChurn(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes processes of their own")
	}
	pool, poolURL := startPool(t, "")
	proxy, proxyURL := startProxy(t, poolURL, "")
	load := func(url string, connections int) {
		g, err := New(Config{
			Pool: url, Connections: connections, ConnectRate: 3000, SharesPerMinute: 600, Shares: uint64(2 * connections), Bad: *soakBad,
		})
		require.NoError(t, err)
		require.NoError(t, g.Run(t.Context()))
		r := g.Report()
		require.NoError(t, r.Right())
	}
	// settled waits until as much runs as did before.
	settled := func(p *process, before int) (m poolMessage) {
		for until := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
			if m = p.ask("memory"); m.Goroutines <= before {
				return m
			}
			require.True(t, time.Now().Before(until), "%d goroutines, and %d before the connections", m.Goroutines, before)
		}
	}
	load(proxyURL, 1) // so that what is begun once has begun
	beforePool, beforeProxy := pool.ask("memory"), proxy.ask("memory")
	for round := range 3 {
		load(poolURL, *soakConnections)
		load(proxyURL, *soakConnections)
		afterPool, afterProxy := settled(pool, beforePool.Goroutines), settled(proxy, beforeProxy.Goroutines)
		t.Logf("round %d of %d connections: live heap of the pool %d KB more, of the proxy %d KB", round+1, 2**soakConnections,
			(int64(afterPool.Heap)-int64(beforePool.Heap))>>10, (int64(afterProxy.Heap)-int64(beforeProxy.Heap))>>10)
	}
	if *soakProfile != "" {
		require.NoError(t, os.MkdirAll(*soakProfile, 0o777))
		pool.ask("profile heap " + filepath.Join(*soakProfile, "pool.churn.pprof"))
		proxy.ask("profile heap " + filepath.Join(*soakProfile, "proxy.churn.pprof"))
	}
	proxy.stop("proxy_stopped")
	pool.stop("pool_stopped")
}

// soaked is a process under load.
type soaked struct {
	*process
	name   string
	record string // a folder, or ""
	// What it had before the connections.
	rss    uint64
	memory poolMessage
}

func soak(t *testing.T, throughProxy bool) {
	if need := uint64(2**soakConnections + 100); throughProxy && need > fileLimit() {
		t.Fatalf("a proxy of %d devices has %d files open, and may have only %d: raise the limit, for example with ulimit -n %[2]d",
			*soakConnections, need, fileLimit())
	}
	start := func(name, pool string) (s *soaked, url string) {
		s = &soaked{name: name}
		if *soakRecord {
			s.record = filepath.Join(t.TempDir(), "recording")
		}
		switch {
		case *soakTouchstone:
			s.process, url = startTouchstone(t, name, pool, s.record)
		case name == "pool":
			s.process, url = startPool(t, s.record)
		default:
			s.process, url = startProxy(t, pool, s.record)
		}
		s.memory, s.rss = s.ask(), s.process.rss()
		return s, url
	}
	pool, url := start("pool", "")
	all := []*soaked{pool}
	if throughProxy {
		proxy, there := start("proxy", url)
		all, url = append(all, proxy), there
	}

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
	last := all[len(all)-1]
	if *soakProfile != "" {
		require.NoError(t, os.MkdirAll(*soakProfile, 0o777))
		last.process.ask("profile cpu " + filepath.Join(*soakProfile, last.name+".cpu.pprof"))
	}
	r := watch(t, all, generator, duration)
	if *soakProfile != "" {
		last.process.ask("profile cpu")
		for _, kind := range []string{"heap", "goroutine"} {
			last.process.ask("profile " + kind + " " + filepath.Join(*soakProfile, last.name+"."+kind+".pprof"))
		}
	}
	for _, s := range all {
		s.tellMemory()
	}
	t.Logf("generator: %d MB", generator.rss()>>20)

	generator.stop("")
	for _, s := range slices.Backward(all) {
		stopped := s.stop(s.name + "_stopped")
		if s.name == "pool" {
			require.Equal(t, stopped.Shares, r.Accepted, "what the pool credited, and what it said it did")
		} else {
			require.Equal(t, stopped.Shares, r.Sent, "what the proxy judged, and what was sent")
			// A share that met a new block between the proxy and the pool was good when the proxy saw it.
			require.LessOrEqual(t, stopped.Disagreed, r.Crossed)
			require.Equal(t, stopped.Credited, r.Accepted+stopped.Disagreed, "what the proxy found to be good, and what the pool said")
			require.Zero(t, stopped.Unjudged)
		}
	}
	t.Log(r.String())
	for _, p := range r.Problems {
		t.Log(p)
	}
	require.NoError(t, r.Right())
	require.NotZero(t, r.Accepted)
	require.Equal(t, *soakConnections, r.MostReady)
	require.Zero(t, r.Outstanding)
	for _, s := range all {
		if s.record != "" {
			checkRecording(t, s, &r)
		}
	}
}

// ask asks for the memory, if it is a child and can tell.
func (s *soaked) ask() (m poolMessage) {
	if !*soakTouchstone {
		m = s.process.ask("memory")
	}
	return m
}

// tellMemory says how much each connection takes.
func (s *soaked) tellMemory() {
	perConnection := func(before, after uint64) float64 {
		return (float64(after) - float64(before)) / float64(*soakConnections) / 1024
	}
	now, rss := s.ask(), s.process.rss()
	heap := ""
	if !*soakTouchstone {
		heap = fmt.Sprintf("; live heap %.1f KB, stacks %.1f KB each", perConnection(s.memory.Heap, now.Heap), perConnection(s.memory.Stack, now.Stack))
	}
	s.t.Logf("%s: %d MB before the connections, %d MB with %d of them: %.1f KB each%s",
		s.name, s.rss>>20, rss>>20, *soakConnections, perConnection(s.rss, rss), heap)
}

// startTouchstone builds the program and starts a role of it, its pool on a new embedded chain.
func startTouchstone(t testing.TB, role, pool, record string) (p *process, url string) {
	dir := t.TempDir()
	out, err := exec.Command("go", "build", "-o", dir, "github.com/touchstone-btc/touchstone/cmd/touchstone").CombinedOutput()
	require.NoError(t, err, "%s", out)
	args := []string{role, "--json", "--listen", "127.0.0.1:0", "--status", "127.0.0.1:0", "--max-conns-per-address", "20000"}
	if role == "pool" {
		args = append(args, "--datadir", filepath.Join(dir, "data"), "--difficulty", "1e-9", "--share-rate", "0")
	} else {
		args = append(args, "--pool", pool)
	}
	if record != "" {
		args = append(args, "--record", record)
	}
	p = startProcess(t, exec.Command(filepath.Join(dir, "touchstone"), args...))
	return p, p.event(role + "_started").Listen[0]
}

// watch tells of all processes' memory, and returns what the generator reports.
func watch(t testing.TB, all []*soaked, generator *process, duration time.Duration) (r Report) {
	const every = 10 * time.Second
	begin := time.Now()
	limit := begin.Add(duration + 5*time.Minute)
	for next := begin.Add(every); ; next = next.Add(every) {
		select {
		case line, ok := <-generator.lines:
			require.True(t, ok, "the generator ended")
			require.NoError(t, json.Unmarshal(line, &r))
			return r
		case <-time.After(time.Until(next)):
		}
		text := fmt.Sprintf("%4.0f s:", time.Since(begin).Seconds())
		for _, s := range all {
			text += fmt.Sprintf(" %s %d MB,", s.name, s.process.rss()>>20)
		}
		t.Logf("%s generator %d MB", text, generator.rss()>>20)
		require.True(t, time.Now().Before(limit), "the generator does not end")
	}
}

// checkRecording holds a recording of all connections against what the generator saw.
func checkRecording(t testing.TB, of *soaked, r *Report) {
	files, err := filepath.Glob(filepath.Join(of.record, "*"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	replay := serve.NewReplay(serve.ReplayConfig{})
	size := int64(0)
	// Joined: a duplicate may be in another file than the share it repeats.
	var joined []io.Reader
	for _, name := range files {
		f, err := os.Open(name)
		require.NoError(t, err)
		defer f.Close()
		if info, err := f.Stat(); err == nil {
			size += info.Size()
		}
		joined = append(joined, f)
	}
	require.NoError(t, replay.Recording(t.Context(), of.record, io.MultiReader(joined...)))
	s := replay.Summary()
	t.Logf("recording of the %s: %d files, %d MB, %d sessions, %d shares, %d credited", of.name, len(files), size>>20, s.Sessions, s.Shares, s.Credited)
	require.Zero(t, s.BadLines)
	require.Zero(t, s.Unjudged)
	if of.name == "pool" {
		require.Zero(t, s.Disagreements)
	}
	require.LessOrEqual(t, uint64(s.Disagreements), r.Crossed)
	require.EqualValues(t, r.Sent, s.Shares)
	require.EqualValues(t, r.Accepted, s.PoolAccepted)
	require.EqualValues(t, r.Refused, s.PoolRejected)
	require.EqualValues(t, r.Accepted, s.Credited-s.Disagreements)
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
