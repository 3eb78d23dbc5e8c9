package main_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/stretchr/testify/require"
)

var poolKills = flag.Int("pool.kills", 4, "how often TestPoolKilled kills the pool")

// startPool starts "touchstone pool" on a port of its own and returns its URL.
func startPool(t testing.TB, args ...string) (*minerProcess, string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("a process can't be interrupted by another here")
	}
	m := startProcess(t, append([]string{"pool", "--json", "--listen", "127.0.0.1:0", "--status", "off"}, args...)...)
	var started struct{ Listen []string }
	require.NoError(t, json.Unmarshal([]byte(m.Wait("pool_started").Text), &started))
	require.Len(t, started.Listen, 1)
	return m, started.Listen[0]
}

// TestPoolKilled kills a pool again and again while it is mined at. A block for
// which a device was told yes is in the chain then, or in the journal and, after
// the next start, judged; and what the pool said is in the chain stays there.
func TestPoolKilled(t *testing.T) {
	dir := t.TempDir()
	told, chained := map[string]bool{}, map[string]bool{}
	for range *poolKills {
		pool, url := startPool(t, "--datadir", dir)
		miner := startMiner(t, "--pool", url, "--threads", "1")
		first := miner.Wait("share")
		time.Sleep(time.Duration(rand.Int64N(int64(time.Second))))
		require.NoError(t, pool.cmd.Process.Kill())
		events, _, _ := pool.Rest()
		for _, e := range only("accepted", events) {
			chained[e.Hash] = true
		}
		require.NoError(t, miner.cmd.Process.Signal(os.Interrupt))
		events, _, _ = miner.Rest()
		for _, e := range append(only("share", events), first) {
			var share struct {
				Hash, Answer string
				Block        bool
			}
			require.NoError(t, json.Unmarshal([]byte(e.Text), &share))
			if share.Block && share.Answer == "accepted" {
				told[share.Hash] = true
			}
		}
		held := heldBlocks(t, dir)
		for hash := range told {
			require.Contains(t, held, hash, "neither in the chain nor in the journal")
		}
	}

	pool, _ := startPool(t, "--datadir", dir)
	pending := filepath.Join(dir, "devnet", "found", "pending")
	require.Eventually(t, func() bool {
		entries, err := os.ReadDir(pending)
		return err == nil && len(entries) == 0
	}, btcdPatience, 10*time.Millisecond, "blocks are still not judged")
	require.NoError(t, pool.cmd.Process.Signal(os.Interrupt))
	_, code, stderr := pool.Rest()
	require.Zero(t, code, stderr)

	chain := chainBlocks(t, dir)
	lost := 0
	for hash := range told {
		if !chain[hash] {
			// Only another block of its height may be the reason.
			answer, err := os.ReadFile(filepath.Join(dir, "devnet", "found", "done", hash+".json"))
			require.NoError(t, err)
			require.Contains(t, string(answer), "stale-prevblk")
			lost++
		}
	}
	for hash := range chained {
		require.True(t, chain[hash], "%s is not in the chain any more", hash)
	}
	t.Logf("%d kills, %d blocks that the device knows of, %d of them too late, %d in the chain", *poolKills, len(told), lost, len(chain))
	require.NotEmpty(t, told)
}

// heldBlocks are the blocks in the chain and in the journal.
func heldBlocks(t testing.TB, dir string) map[string]bool {
	t.Helper()
	held := chainBlocks(t, dir)
	for _, folder := range []string{"pending", "done"} {
		names, err := filepath.Glob(filepath.Join(dir, "devnet", "found", folder, "*.block"))
		require.NoError(t, err)
		for _, name := range names {
			hash, _, _ := strings.Cut(filepath.Base(name), ".")
			held[hash] = true
		}
	}
	return held
}

// chainBlocks are the hashes of the private chain's blocks, read from its file
// without its code.
func chainBlocks(t testing.TB, dir string) map[string]bool {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "devnet", "blocks.dat"))
	require.NoError(t, err)
	const start, head = 48, 16
	chain := map[string]bool{}
	for data = data[start:]; len(data) >= head && bytes.HasPrefix(data, []byte("TSBK")); {
		size := head + int(binary.LittleEndian.Uint32(data[4:]))
		if size > len(data) {
			break // torn by the kill
		}
		chain[chainhash.DoubleHashH(data[head:head+80]).String()] = true
		data = data[size:]
	}
	return chain
}
