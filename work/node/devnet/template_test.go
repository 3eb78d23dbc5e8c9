package devnet

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"testing"
	"time"

	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/stretchr/testify/require"
)

func TestTemplateOfDevnet(t *testing.T) {
	c, err := Open(t.TempDir(), Options{})
	require.NoError(t, err)
	defer c.Close()
	text, err := c.Template(context.Background(), "")
	require.NoError(t, err)
	var fields map[string]any
	require.NoError(t, json.Unmarshal(text, &fields))
	require.InDelta(t, time.Now().Unix(), fields["curtime"], 60)
	commitment := fields["default_witness_commitment"].(string)
	require.Len(t, commitment, 2*38)
	require.Equal(t, "6a24aa21a9ed", commitment[:12])
	delete(fields, "curtime")
	delete(fields, "default_witness_commitment")
	require.Equal(t, map[string]any{
		"version":           float64(0x20000000),
		"rules":             []any{"csv", "!segwit", "taproot"},
		"vbavailable":       map[string]any{},
		"vbrequired":        0.0,
		"previousblockhash": Params().GenesisHash.String(),
		"transactions":      []any{},
		"coinbaseaux":       map[string]any{},
		"coinbasevalue":     50e8,
		"longpollid":        Params().GenesisHash.String(),
		"target":            "000000ffff000000000000000000000000000000000000000000000000000000",
		"mintime":           float64(genesisTime + 1),
		"mutable":           []any{"time", "transactions", "prevblock"},
		"noncerange":        "00000000ffffffff",
		"sigoplimit":        80000.0,
		"sizelimit":         4000000.0,
		"weightlimit":       4000000.0,
		"bits":              "1e00ffff",
		"height":            1.0,
	}, fields)
}

// TestTemplateConnects asks btcd itself whether a block made from the template
// alone would do.
func TestTemplateConnects(t *testing.T) {
	c := openEasy(t, t.TempDir(), nil)
	for range 3 {
		b := getJob(t, c).block(t, c.PayoutScript())
		block := btcutil.NewBlock(b)
		require.NoError(t, blockchain.CheckBlockSanity(block, c.Params().PowLimit, c.clock))
		require.NoError(t, c.chain.CheckConnectBlockTemplate(block))
		require.True(t, submit(t, c, b).Accepted)
	}
}

// The commitment must be one that a block with a witness transaction beside the
// coinbase would need too: over a witness root of zeros when there is none.
func TestTemplateCommitment(t *testing.T) {
	c := openEasy(t, t.TempDir(), nil)
	// SHA256d of 64 zero bytes, as in every Bitcoin block with only a coinbase.
	const empty = "e2f61c3f71d1defd3fa999dfa36953755c690689799962b48bebd836974e8cf9"
	require.Equal(t, "6a24aa21a9ed"+empty, getJob(t, c).Commitment)
	_, err := hex.DecodeString(empty)
	require.NoError(t, err)
}

func TestTemplateMinTime(t *testing.T) {
	clock := newSlowClock()
	c := openEasy(t, t.TempDir(), clock)
	// A clock that stands still: the median rule drives block times ahead of it.
	mineBlocks(t, c, 30)
	j := getJob(t, c)
	median := c.chain.BestSnapshot().MedianTime.Unix()
	require.Equal(t, median+1, j.MinTime)
	require.GreaterOrEqual(t, j.CurTime, j.MinTime)

	early := j.block(t, c.PayoutScript())
	early.Header.Timestamp = time.Unix(median, 0)
	seal(early)
	require.Equal(t, "time-too-old", submit(t, c, early).Reason)
	early.Header.Timestamp = time.Unix(j.MinTime, 0)
	seal(early)
	require.True(t, submit(t, c, early).Accepted)
}

func TestTemplateClockSetBack(t *testing.T) {
	clock := newSlowClock()
	dir := t.TempDir()
	c := openEasy(t, dir, clock)
	clock.seconds.Add(100_000)
	mineBlocks(t, c, 15)
	height, hash := c.Tip()
	clock.seconds.Add(-90_000)
	_, err := c.Template(context.Background(), "")
	require.ErrorContains(t, err, "set the clock")
	require.NoError(t, c.Close())

	// The chain still opens, and from the file alone: what was accepted stays so.
	removeDatabase(t, dir)
	c = openEasy(t, dir, clock)
	again, hashAgain := c.Tip()
	require.Equal(t, height, again)
	require.Equal(t, hash, hashAgain)
	clock.seconds.Add(90_000)
	mineBlocks(t, c, 1)
}

func TestTemplateLongPoll(t *testing.T) {
	o := easyOptions(nil)
	o.Refresh = time.Hour
	c, err := Open(t.TempDir(), o)
	require.NoError(t, err)
	defer c.Close()
	first := getJob(t, c)

	type result struct {
		text []byte
		err  error
	}
	ctx, cancel := context.WithCancel(context.Background())
	results := make(chan result)
	poll := func(ctx context.Context) {
		text, err := c.Template(ctx, first.LongPollID)
		results <- result{text, err}
	}
	go poll(ctx)
	cancel()
	require.ErrorIs(t, (<-results).err, context.Canceled)

	go poll(context.Background())
	go poll(context.Background())
	mineBlocks(t, c, 1)
	for range 2 {
		r := <-results
		require.NoError(t, r.err)
		var j job
		require.NoError(t, json.Unmarshal(r.text, &j))
		require.EqualValues(t, 2, j.Height)
		require.NotEqual(t, first.LongPollID, j.LongPollID)
	}
	// An id of the past, or of another source, does not wait.
	_, err = c.Template(context.Background(), first.LongPollID)
	require.NoError(t, err)
	_, err = c.Template(context.Background(), "anything")
	require.NoError(t, err)

	first = getJob(t, c)
	go poll(context.Background())
	require.NoError(t, c.Close())
	require.ErrorIs(t, (<-results).err, ErrClosed)
}

func TestTemplateRefresh(t *testing.T) {
	o := easyOptions(nil)
	o.Refresh = time.Nanosecond
	c, err := Open(t.TempDir(), o)
	require.NoError(t, err)
	defer c.Close()
	text, err := c.Template(context.Background(), getJob(t, c).LongPollID)
	require.NoError(t, err)
	require.Contains(t, string(text), `"height":1`)
}
