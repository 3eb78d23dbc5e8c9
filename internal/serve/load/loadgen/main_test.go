package main

import (
	"context"
	"encoding/json"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/internal/serve"
	"github.com/touchstone-btc/touchstone/internal/serve/load"
	"github.com/touchstone-btc/touchstone/stratum"
)

func TestUsage(t *testing.T) {
	var stdout, stderr strings.Builder
	require.Zero(t, run(t.Context(), []string{"--help"}, strings.NewReader(""), &stdout, &stderr))
	require.Empty(t, stdout.String())
	for line := range strings.Lines(stderr.String()) {
		require.LessOrEqual(t, len(strings.TrimSuffix(strings.ReplaceAll(line, "\t", "    "), "\n")), 80, "%q", line)
	}
	require.Contains(t, stderr.String(), "Example:\n  loadgen --pool 127.0.0.1:3333 ")
}

func TestRefusals(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	nobody := l.Addr().String()
	require.NoError(t, l.Close())
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"--nonsense"}, "flag provided but not defined: -nonsense"},
		{[]string{"pool"}, `loadgen: error: argument "pool": there are only flags`},
		{[]string{"--kinds", "unlucky"}, `loadgen: error: kind of share "unlucky": want one of `},
		{[]string{}, `loadgen: error: pool "": `},
		{[]string{"--pool", nobody}, "loadgen: error: no connection came as far as a job: connection 1: dial tcp"},
	} {
		var stdout, stderr strings.Builder
		require.Equal(t, 2, run(t.Context(), tt.args, strings.NewReader(""), &stdout, &stderr))
		require.Contains(t, stderr.String(), tt.want)
		require.Empty(t, stdout.String())
	}
}

// The command puts a real pool under load.
func TestPool(t *testing.T) {
	backend, err := serve.OpenDevnet(t.Context(), t.TempDir(), func(serve.Event) {})
	require.NoError(t, err)
	defer func() { require.NoError(t, backend.Close()) }()
	listen := make(chan string, 1)
	pool, err := serve.NewPool(serve.PoolConfig{
		Backend: backend,
		Listen:  []serve.ListenAt{{Address: "127.0.0.1:0"}},
		Vardiff: stratum.Vardiff{SharesPerMinute: -1, Start: 1e-9},
		OnEvent: func(e serve.Event) {
			if e, ok := e.(serve.PoolStarted); ok {
				listen <- e.Listen[0]
			}
		},
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- pool.Run(ctx) }()
	defer func() {
		cancel()
		require.NoError(t, <-ended)
	}()
	args := []string{"--pool", <-listen, "--connections", "5", "--shares", "6000", "--total", "100", "--bad", "0.2",
		"--kinds", "duplicate,low-difficulty", "--every", "5ms"}
	for _, asJSON := range []bool{false, true} {
		var stdout, stderr strings.Builder
		if asJSON {
			args = append(args, "--json", "--wait")
		}
		require.Zero(t, run(t.Context(), args, strings.NewReader(""), &stdout, &stderr), "%s", &stderr)
		if !asJSON {
			require.Contains(t, stdout.String(), "5 of 5 connections ready, 0 failed")
			continue
		}
		var r load.Report
		require.NoError(t, json.Unmarshal([]byte(stdout.String()), &r))
		require.NoError(t, r.Right())
		require.EqualValues(t, 100, r.Sent+r.Skipped)
		require.Empty(t, r.Reply.Histogram)
		require.NotZero(t, r.Reply.P50)
	}
}
