package serve

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/hash"
	"github.com/touchstone-btc/touchstone/stratum"
)

// A miner at a pool on the embedded chain: what one side counts the other counts too, and the chain has the blocks.
func TestPoolMinerAtPool(t *testing.T) {
	left := goroutines(t)
	events := &recorder{}
	backend, err := OpenDevnet(t.Context(), t.TempDir(), events.on)
	require.NoError(t, err)
	pool := startPool(t, PoolConfig{Backend: backend, VersionMask: 0x1fffe000, Vardiff: stratum.Vardiff{Start: 1e-4, SharesPerMinute: 600}})
	url, err := ParsePoolURL(pool.address)
	require.NoError(t, err)
	r := startPoolMiner(t, PoolMinerConfig{Pools: []PoolURL{url}, Blocks: 2, Kernel: hash.Auto.Resolve()})
	require.NoError(t, r.wait())
	stopped := minerEvents[MinerStopped](r)[0]
	require.Equal(t, 2, stopped.Blocks)
	require.Zero(t, stopped.Unknown)
	accepted := map[string]bool{}
	for _, s := range minerEvents[ShareAnswered](r) {
		if s.Answer == AnswerAccepted && s.Block {
			accepted[s.Hash.String()] = true
		}
		if s.Answer == AnswerRejected {
			require.Contains(t, s.Words, "21 ", "nothing but stale shares is refused")
		}
	}
	require.Len(t, accepted, 2)
	require.NoError(t, pool.stop())
	for _, b := range eventsOf[BlockAccepted](pool.recorder) {
		delete(accepted, b.Hash.String())
	}
	require.Empty(t, accepted, "the chain has them")
	require.NoError(t, backend.Close())
	left()
}
