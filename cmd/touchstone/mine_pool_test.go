package main_test

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/internal/serve"
	"github.com/touchstone-btc/touchstone/stratum"
)

// startTestPool runs a pool on a private chain, and returns its address and
// that of its wallet.
func startTestPool(t *testing.T, solo bool) (address, payout string) {
	t.Helper()
	backend, err := serve.OpenDevnet(t.Context(), t.TempDir(), func(serve.Event) {})
	require.NoError(t, err)
	started := make(chan string, 1)
	pool, err := serve.NewPool(serve.PoolConfig{
		Backend: backend, Listen: []serve.ListenAt{{Address: "127.0.0.1:0"}}, Solo: solo, VersionMask: 0x1fffe000,
		Vardiff: stratum.Vardiff{Start: 1e-5, SharesPerMinute: -1},
		OnEvent: func(e serve.Event) {
			if s, ok := e.(serve.PoolStarted); ok {
				started <- s.Listen[0]
			}
		},
	})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- pool.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-done)
		require.NoError(t, backend.Close())
	})
	select {
	case url := <-started:
		return strings.TrimPrefix(url, "stratum+tcp://"), backend.Address
	case <-time.After(btcdPatience):
		require.FailNow(t, "the pool does not start")
	}
	return "", ""
}

// Shares are found for a pool, as many as asked for, by the worker that was named; no
// password is said aloud.
func TestMinePool(t *testing.T) {
	address, _ := startTestPool(t, false)
	password := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(password, []byte("hidden\nsecond line\n"), 0o600))
	m := startMiner(t, "--pool", "stratum+tcp://127.0.0.1:1", "--pool", address, "--pool-user", "bob", "--pool-password-file", password,
		"--shares", "10", "--kernel", "generic", "--threads", "1")
	events, code, stderr := m.Rest()
	require.Zero(t, code, stderr)
	require.Empty(t, stderr)
	require.Equal(t, "miner_started", events[0].Event)
	require.Contains(t, events[0].Text, `"pools":["stratum+tcp://127.0.0.1:1","stratum+tcp://`+address+`"],"worker":"bob","threads":1`)
	require.NotEmpty(t, only("pool_lost", events))
	require.Contains(t, only("pool_connected", events)[0].Text, `"worker":"bob","difficulty":0.00001`)
	accepted := 0
	for _, e := range only("share", events) {
		if strings.Contains(e.Text, `"answer":"accepted"`) {
			accepted++
		}
	}
	require.Equal(t, 10, accepted)
	last := events[len(events)-1]
	require.Equal(t, "miner_stopped", last.Event)
	require.Contains(t, last.Text, `"accepted":10`)
	for _, e := range events {
		require.NotContains(t, e.Text, "hidden")
	}

	// The same for people: blocks on standard output, the rest on standard error.
	var out, log bytes.Buffer
	cmd := exec.Command("touchstone", "mine", "--pool", "tcp://carol:hidden@"+address, "--blocks", "1")
	cmd.Stdout, cmd.Stderr = &out, &log
	require.NoError(t, cmd.Run(), "%s", &log)
	require.Regexp(t, `^block accepted by the pool: 00[0-9a-f]{62}\n$`, out.String())
	require.Contains(t, log.String(), "touchstone: mining at stratum+tcp://"+address+" as carol with ")
	require.Contains(t, log.String(), "touchstone: connected to stratum+tcp://"+address+" as carol: difficulty 1e-05, version bits 1fffe000\n")
	require.Contains(t, log.String(), "touchstone: found a block for stratum+tcp://"+address+": 00")
	require.Contains(t, log.String(), "; 1 block among them; ")
	require.NotContains(t, log.String(), "hidden")
	require.Less(t, strings.Count(log.String(), "\n"), 12, "not a line for each share")
}

// A pool that does not let the worker mine is an error, with the pool's words and a cure.
func TestMinePoolRefused(t *testing.T) {
	address, payout := startTestPool(t, true) // workers have to be addresses
	words, err := exec.Command("touchstone", "mine", "--pool", address, "--pool-user", "nobody").CombinedOutput()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 2, exit.ExitCode())
	require.Contains(t, string(words), "touchstone: error: stratum+tcp://"+address+": the pool does not let worker \"nobody\" mine: ")
	require.Contains(t, string(words), "touchstone: hint: name a worker that the pool knows with --pool-user")
	require.Contains(t, string(words), "want", "the reason is told to its end")
	require.NotContains(t, string(words), "trying again")
	require.NotContains(t, string(words), "…")

	// It is mended by naming one.
	m := startMiner(t, "--pool", "nobody:x@"+address, "--pool", "tcp://"+payout+".rig1@"+address, "--shares", "1")
	_, code, stderr := m.Rest()
	require.Zero(t, code, stderr)
}

// Interrupted, it stops at once and says what is missing.
func TestMinePoolInterrupted(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process can't be interrupted by another here")
	}
	address, _ := startTestPool(t, false)
	m := startMiner(t, "--pool", address, "--shares", "100000000", "--kernel", "generic")
	m.Wait("share")
	require.NoError(t, m.cmd.Process.Signal(os.Interrupt))
	events, code, stderr := m.Rest()
	require.Equal(t, 2, code)
	require.Equal(t, "miner_stopped", events[len(events)-1].Event)
	require.Regexp(t, `^touchstone: error: interrupted: \d+ of 100000000 shares accepted\n$`, stderr)

	// One that waits for a pool stops too, with nothing to complain of where nothing was
	// asked for.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	m = startMiner(t, "--pool", l.Addr().String())
	m.Wait("miner_started")
	require.NoError(t, m.cmd.Process.Signal(os.Interrupt))
	_, code, stderr = m.Rest()
	require.Zero(t, code, stderr)
}
