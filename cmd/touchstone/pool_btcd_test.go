package main_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPoolOnBtcd serves on a real btcd, with transactions in its blocks, and is
// mined at by touchstone: the node accepts the blocks, which pay the wallet all
// they may.
func TestPoolOnBtcd(t *testing.T) {
	b := startBtcd(t, "simnet")
	b.GenerateToSegwit()
	start := b.Height()
	pool, url := startPool(t, nodeFlags(b, b.URL(), t.TempDir())...)
	miner := startMiner(t, "--pool", url, "--threads", "1")
	// On so easy a chain several blocks are found for one place. The node takes
	// one, and says so of the others, unless it is too busy to be asked.
	chained := func(above int32) minerEvent {
		for {
			e := pool.Wait("accepted")
			var hash string // of the chain's block; a node that is busy may not tell
			if err := b.Call(&hash, "getblockhash", e.Height); err == nil && e.Height > above && hash == e.Hash {
				return e
			}
		}
	}
	var accepted []minerEvent
	for range 3 {
		accepted = append(accepted, chained(start))
		start = accepted[len(accepted)-1].Height
	}
	require.NoError(t, miner.cmd.Process.Signal(os.Interrupt))
	events, code, stderr := miner.Rest()
	require.Zero(t, code, stderr)
	require.Empty(t, only("pool_unreadable", events))
	requireBlocks(t, b, accepted)

	// The chain goes on elsewhere: the pool hears of it, and works on top.
	b.Generate(1)
	tip := b.Height()
	startMiner(t, "--pool", url, "--threads", "1")
	requireBlocks(t, b, []minerEvent{chained(tip)})

	require.NoError(t, pool.cmd.Process.Signal(os.Interrupt))
	events, code, stderr = pool.Rest()
	require.Zero(t, code, stderr)
	require.Equal(t, "pool_stopped", events[len(events)-1].Event)
}

// TestPoolBlockSurvivesBtcd finds a block while the node is down, and kills the
// pool; the next one sends it as soon as the node is back.
func TestPoolBlockSurvivesBtcd(t *testing.T) {
	b := startBtcd(t, "simnet")
	b.GenerateToSegwit()
	start := b.Height()
	dir := t.TempDir()
	flags := nodeFlags(b, b.URL(), dir)
	pool, url := startPool(t, flags...)
	b.Stop()
	miner := startMiner(t, "--pool", url, "--threads", "1", "--blocks", "1")
	_, code, stderr := miner.Rest()
	require.Zero(t, code, stderr, "the share is accepted, whatever the node does")
	pool.Wait("pool_found")
	pool.Kill()
	pending, err := filepath.Glob(filepath.Join(dir, "nodes", "simnet", "found", "pending", "*.block"))
	require.NoError(t, err)
	require.NotEmpty(t, pending)

	b.Start()
	pool, _ = startPool(t, flags...)
	accepted := pool.Wait("accepted")
	require.True(t, accepted.Resent)
	require.Equal(t, start+1, accepted.Height)
	requireBlocks(t, b, []minerEvent{accepted})
}
