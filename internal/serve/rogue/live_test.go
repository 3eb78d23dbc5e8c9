package rogue

import (
	"context"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/audit"
	"github.com/touchstone-btc/touchstone/internal/serve"
)

// liveProxy starts a proxy that audits while it runs, and returns its address; stop ends it and returns what it told.
func liveProxy(t *testing.T, c serve.ProxyConfig) (p *serve.Proxy, address string, stop func() []serve.Event) {
	t.Helper()
	var mu sync.Mutex
	var events []serve.Event
	started := make(chan string, 1)
	c.Listen = []serve.ListenAt{{Address: "127.0.0.1:0"}}
	c.OnEvent = func(e serve.Event) {
		mu.Lock()
		defer mu.Unlock()
		events = append(events, e)
		if s, ok := e.(serve.ProxyStarted); ok {
			started <- s.Listen[0]
		}
	}
	p, err := serve.NewProxy(c)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	var once sync.Once
	stop = func() []serve.Event {
		once.Do(func() {
			cancel()
			require.NoError(t, <-ended)
		})
		mu.Lock()
		defer mu.Unlock()
		return events
	}
	t.Cleanup(func() { stop() })
	return p, <-started, stop
}

// found returns a device's finding of a test, and whether it is there and in alarm.
func found(r *audit.FleetReport, device, test string) (audit.Finding, bool) {
	for _, d := range r.Devices {
		for _, f := range d.Findings {
			if d.Device == device && f.Test == test && f.State == audit.Alarm {
				return f, true
			}
		}
	}
	return audit.Finding{}, false
}

// A device behind a running proxy that is asked what it computes, and says twice what it does, is told of while it works: by the proxy
// and, from the proxy's recording with what the device said in it, by an audit later. The recording has no passwords.
func TestLiveTelemetry(t *testing.T) {
	if testing.Short() {
		t.Skip("real devices take their time")
	}
	pool, err := StartPool(PoolConfig{Difficulty: realDifficulty})
	require.NoError(t, err)
	defer pool.Close()
	dir := t.TempDir()
	recorder, err := serve.OpenRecorder(serve.RecorderConfig{Dir: dir})
	require.NoError(t, err)
	defer recorder.Close()

	// What the device answers is known when it runs, and where it mines when the proxy does: so it is asked through another port.
	var forward forwarder
	require.NoError(t, forward.listen())
	defer forward.close()
	plan, err := audit.Plan{Lag: time.Second, SwitchLoss: 500 * time.Millisecond, Tolerance: 0.05, KnownAs: []string{"proxy.example:3333"}}.Complete()
	require.NoError(t, err)
	proxy, address, stop := liveProxy(t, serve.ProxyConfig{
		Pools: []string{pool.URL()}, Recorder: recorder,
		Audit: &serve.AuditConfig{Plan: plan, TelemetryEvery: 500 * time.Millisecond,
			Telemetry: []serve.TelemetryTarget{{Worker: "liar", URL: "cgminer://" + forward.address()}}},
	})
	liar, err := StartReal(t.Context(), RealConfig{
		Worker: "liar", Pool: address, Says: [2]string{"stratum+tcp://pool.thief.example:3333"}, Rate: 100 * realDifficulty * hashesPerDifficulty,
		Vice: Vice{Name: "overreport", X: 1}, Seed: 1,
	})
	require.NoError(t, err)
	defer liar.Close()
	forward.to(liar.Telemetry())

	require.Eventually(t, func() bool {
		r, err := proxy.AuditReport(t.Context())
		require.NoError(t, err)
		_, claim := found(r, "liar", audit.TestClaim)
		_, elsewhere := found(r, "liar", audit.TestRedirect)
		return claim && elsewhere
	}, time.Minute, 100*time.Millisecond)
	liar.Close()
	told := map[string]bool{}
	ended := serve.AuditEnded{}
	for _, e := range stop() {
		switch e := e.(type) {
		case serve.AuditAlarm:
			require.Equal(t, "liar", e.Device)
			told[e.Test] = true
		case serve.AuditEnded:
			ended = e
		case serve.AuditFailed, serve.AuditBehind:
			require.Fail(t, "the audit fails", "%v", e)
		}
	}
	require.True(t, told[audit.TestClaim] && told[audit.TestRedirect], "%v", told)
	require.Equal(t, serve.AuditEnded{Devices: 1, Alarms: 1, Named: []string{"liar"}}, ended)
	require.NoError(t, recorder.Close())

	names, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	require.NoError(t, err)
	require.Len(t, names, 1)
	require.Contains(t, readAll(t, names[0]), `"from":"telemetry"`)
	reader := &serve.AuditReader{Auditor: serve.NewAuditor(audit.NewFleet(plan))}
	require.NoError(t, reader.Read(t.Context(), []serve.AuditInput{{Name: "recording", Path: names[0]}}))
	require.Zero(t, reader.BadLines())
	r := reader.Report(time.Now(), "")
	require.Len(t, r.Devices, 1)
	claim, ok := found(r, "liar", audit.TestClaim)
	require.True(t, ok)
	require.Contains(t, strings.ToLower(claim.Words), "claim")
	elsewhere, ok := found(r, "liar", audit.TestRedirect)
	require.True(t, ok)
	require.Contains(t, elsewhere.Words, "pool.thief.example")
}
