package main

import (
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/internal/serve"
)

func TestPoolEventText(t *testing.T) {
	const pool = "stratum+tcp://pool.example:3333"
	hash := chainhash.Hash{31: 1}
	for want, e := range map[string]serve.Event{
		"mining at a as w with 1 thread; if it fails, at b, then c":       serve.MinerStarted{Pools: []string{"a", "b", "c"}, Worker: "w", Threads: 1},
		"connected to " + pool + " as w: difficulty 1, version bits 2000": serve.PoolConnected{Pool: pool, Address: "pool.example:3333", Worker: "w", Difficulty: 1, VersionMask: "2000"},
		"connected to " + pool + " at eu.pool.example:1 as w: difficulty 0.5, no version bits may be rolled": serve.PoolConnected{
			Pool: pool, Address: "eu.pool.example:1", Worker: "w", Difficulty: 0.5, VersionMask: "00000000"},
		"pool " + pool + " does not work: refused; trying again in 1.5s":               serve.PoolLost{Pool: pool, Error: "refused", Retry: 1.5},
		"pool " + pool + " sends us to h:1 in 10s":                                     serve.PoolMoves{Pool: pool, To: "h:1", Wait: 10},
		"pool " + pool + " says: hello":                                                serve.PoolMessage{Pool: pool, Text: "hello"},
		"pool " + pool + " sent what can't be used: no job":                            serve.PoolUnreadable{Pool: pool, Error: "no job"},
		"found a block for " + pool + ": " + hash.String():                             serve.ShareIsFound{Pool: pool, Hash: hash},
		"block accepted by the pool: " + hash.String():                                 serve.ShareAnswered{Hash: hash, Block: true, Answer: serve.AnswerAccepted},
		"block rejected by the pool: " + hash.String() + " (21 stale)":                 serve.ShareAnswered{Hash: hash, Block: true, Answer: serve.AnswerRejected, Words: "21 stale"},
		"block not answered by the pool: " + hash.String() + " (the connection ended)": serve.ShareAnswered{Hash: hash, Block: true, Answer: serve.AnswerUnknown},
		"": serve.ShareAnswered{Answer: serve.AnswerAccepted},
		"warning: pool " + pool + " wants us to mine at evil:1, which is not of its domain: refused, for so hash rate is stolen": serve.ReconnectRefused{Pool: pool, To: "evil:1"},
		"stopped: 1 share accepted, 2 rejected, 3 without an answer; 1 block among them; 72.0 Mhashes in 16s (4.50 Mhashes/s)": serve.MinerStopped{
			Accepted: 1, Rejected: 2, Unknown: 3, Blocks: 1, Hashes: 72e6, Elapsed: 16, Rate: 4.5e6},
		"a plain line": serve.Notice{Text: "a plain line"},
	} {
		text, _ := poolEventText(e)
		require.Equal(t, want, text)
	}
}

func TestPoolStatusText(t *testing.T) {
	s := serve.MinerStatus{Rate: 4.47e6, Threads: 2, Kernel: "generic", Pool: "stratum+tcp://pool.example:3333", Difficulty: 1e-5, Best: 0.0012,
		Expected: 3.754, Accepted: 3, Rejected: 1, Unknown: 2, Blocks: 1}
	require.Equal(t, "4.47 MH/s, 2x generic | 3 shares accepted, 1 rejected, 2 unknown, 1 block | diff 1e-05 | best 0.0012 | share in 3.8s | stratum+tcp://pool.example:3333",
		poolStatusText(s, 200))
	require.Equal(t, "0.00 H/s, 2x no kernel yet | 0 shares accepted | waiting for a pool", poolStatusText(serve.MinerStatus{Threads: 2}, 200))
	for columns := range 200 {
		require.LessOrEqual(t, len(poolStatusText(s, columns)), columns)
	}
}

// However many shares are rejected, there is a line about them every ten seconds at most.
func TestRejections(t *testing.T) {
	var r rejections
	now := time.Unix(0, 0)
	s := serve.ShareAnswered{Words: "21 stale"}
	require.Equal(t, "share rejected: 21 stale", r.text(now, s))
	for range 1000 {
		require.Empty(t, r.text(now.Add(rejectionsEvery-1), s))
	}
	s.Words = ""
	text := r.text(now.Add(rejectionsEvery), s)
	require.Equal(t, "share rejected: the pool does not say why; so were 1000 more before it", text)
	require.False(t, strings.Contains(r.text(now.Add(2*rejectionsEvery), s), "more"))
}
