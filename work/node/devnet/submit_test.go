package devnet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"
	"github.com/stretchr/testify/require"
)

func TestSubmitRefuses(t *testing.T) {
	clock := newSlowClock()
	c := openEasy(t, t.TempDir(), clock)
	for range 20 {
		clock.seconds.Add(3)
		mineBlocks(t, c, 1)
	}
	for name, tc := range map[string]struct {
		reason string
		change func(b *wire.MsgBlock)
	}{
		"proof of work": {"high-hash", func(b *wire.MsgBlock) { search(b, false) }},
		"merkle root": {"bad-txnmrklroot", func(b *wire.MsgBlock) {
			b.Header.MerkleRoot[0] ^= 1
			search(b, true)
		}},
		"unknown parent": {"bad-prevblk", func(b *wire.MsgBlock) {
			b.Header.PrevBlock = chainhash.Hash{1}
			seal(b)
		}},
		"parent not the tip": {"stale-prevblk", func(b *wire.MsgBlock) {
			b.Header.PrevBlock = *c.Params().GenesisHash
			seal(b)
		}},
		"harder than demanded": {"bad-diffbits", func(b *wire.MsgBlock) {
			b.Header.Bits = 0x207ffffe
			seal(b)
		}},
		"easier than the limit": {"bad-diffbits", func(b *wire.MsgBlock) { b.Header.Bits = 0x217fffff }},
		"negative target":       {"bad-diffbits", func(b *wire.MsgBlock) { b.Header.Bits = 0x20ffffff }},
		"too old": {"time-too-old", func(b *wire.MsgBlock) {
			b.Header.Timestamp = time.Unix(genesisTime, 0)
			seal(b)
		}},
		"too new": {"time-too-new", func(b *wire.MsgBlock) {
			b.Header.Timestamp = clock.now().Add(7201 * time.Second)
			seal(b)
		}},
		"version": {"bad-version", func(b *wire.MsgBlock) {
			b.Header.Version = 3
			seal(b)
		}},
		"height": {"bad-cb-height", func(b *wire.MsgBlock) {
			b.Transactions[0].TxIn[0].SignatureScript = []byte{1, 99, 0}
			seal(b)
		}},
		"short coinbase": {"bad-cb-length", func(b *wire.MsgBlock) {
			b.Transactions[0].TxIn[0].SignatureScript = []byte{0}
			seal(b)
		}},
		"too much money": {"bad-cb-amount", func(b *wire.MsgBlock) {
			b.Transactions[0].TxOut[0].Value++
			seal(b)
		}},
		"no coinbase": {"bad-cb-missing", func(b *wire.MsgBlock) {
			b.Transactions[0].TxIn[0].PreviousOutPoint.Index = 0
			seal(b)
		}},
		"two coinbases": {"bad-cb-multiple", func(b *wire.MsgBlock) {
			b.Transactions = append(b.Transactions, b.Transactions[0].Copy())
			b.Transactions[1].LockTime = 7
			seal(b)
		}},
		"no transactions": {"bad-blk-length", func(b *wire.MsgBlock) { b.Transactions = nil }},
		"witness commitment": {"bad-witness-merkle-match", func(b *wire.MsgBlock) {
			b.Transactions[0].TxOut[1].PkScript[37] ^= 1
			seal(b)
		}},
		"witness without commitment": {"unexpected-witness", func(b *wire.MsgBlock) {
			b.Transactions[0].TxOut = b.Transactions[0].TxOut[:1]
			seal(b)
		}},
		"witness nonce": {"bad-witness-nonce-size", func(b *wire.MsgBlock) {
			b.Transactions[0].TxIn[0].Witness = wire.TxWitness{make([]byte, 31)}
			seal(b)
		}},
		"missing input": {"bad-txns-inputs-missingorspent", func(b *wire.MsgBlock) {
			tx := wire.NewMsgTx(2)
			tx.AddTxIn(wire.NewTxIn(&wire.OutPoint{Hash: chainhash.Hash{7}}, nil, nil))
			tx.AddTxOut(wire.NewTxOut(1, []byte{txscript.OP_TRUE}))
			addTransaction(b, tx)
		}},
		"immature coins": {"bad-txns-premature-spend-of-coinbase", func(b *wire.MsgBlock) {
			tip, err := c.chain.BlockByHeight(20)
			require.NoError(t, err)
			tx := wire.NewMsgTx(2)
			tx.AddTxIn(wire.NewTxIn(wire.NewOutPoint(tip.Transactions()[0].Hash(), 0), nil, nil))
			tx.AddTxOut(wire.NewTxOut(1, []byte{txscript.OP_TRUE}))
			addTransaction(b, tx)
		}},
		"overweight": {"bad-blk-length", func(b *wire.MsgBlock) {
			b.Transactions[0].AddTxOut(wire.NewTxOut(0, make([]byte, 1_000_001)))
			seal(b)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			size := c.blocks.size
			b := getJob(t, c).block(t, c.PayoutScript())
			tc.change(b)
			for range 2 { // the second time must be no different
				answer := submit(t, c, b)
				require.Equal(t, tc.reason, answer.Reason, answer.Text)
				require.NotEmpty(t, answer.Text)
				require.True(t, answer.Final)
				require.False(t, answer.Accepted)
			}
			require.Equal(t, size, c.blocks.size, "an invalid block got into the file")
			info, err := os.Stat(c.blocks.path)
			require.NoError(t, err)
			require.Equal(t, size, info.Size())
		})
	}
	height, _ := c.Tip()
	require.EqualValues(t, 20, height)
	mineBlocks(t, c, 1)
}

func TestSubmitDuplicate(t *testing.T) {
	c := openEasy(t, t.TempDir(), nil)
	b := getJob(t, c).block(t, c.PayoutScript())
	require.True(t, submit(t, c, b).Accepted)
	mineBlocks(t, c, 1)
	answer := submit(t, c, b)
	require.Equal(t, "duplicate", answer.Reason)
	require.True(t, answer.Final)
	require.True(t, answer.Accepted)
	height, _ := c.Tip()
	require.EqualValues(t, 2, height)
	require.Equal(t, "duplicate", submit(t, c, c.Params().GenesisBlock).Reason)
}

// Of two blocks for the same parent the first stays.
func TestSubmitStale(t *testing.T) {
	c := openEasy(t, t.TempDir(), nil)
	j := getJob(t, c)
	first, second := j.block(t, c.PayoutScript()), j.block(t, []byte{txscript.OP_TRUE})
	require.True(t, submit(t, c, first).Accepted)
	require.Equal(t, "stale-prevblk", submit(t, c, second).Reason)
	_, tip := c.Tip()
	require.Equal(t, first.BlockHash(), tip)
}

func TestSubmitMalformed(t *testing.T) {
	c := openEasy(t, t.TempDir(), nil)
	raw := serialize(t, getJob(t, c).block(t, c.PayoutScript()))
	for name, block := range map[string][]byte{
		"nothing":        {},
		"header only":    raw[:80],
		"cut":            raw[:len(raw)-1],
		"trailing byte":  append(raw[:len(raw):len(raw)], 0),
		"twice":          append(raw[:len(raw):len(raw)], raw...),
		"zeros":          make([]byte, 200),
		"beyond a block": make([]byte, wire.MaxBlockPayload+1),
	} {
		answer, err := c.Submit(context.Background(), block)
		require.NoError(t, err, name)
		require.True(t, answer.Final, name)
		require.False(t, answer.Accepted, name)
		require.NotEmpty(t, answer.Reason, name)
		require.NotEmpty(t, answer.Text, name)
	}
	answer, err := c.Submit(context.Background(), raw)
	require.NoError(t, err)
	require.True(t, answer.Accepted)
}

// addTransaction adds tx to a block. The template's commitment is for the coinbase
// alone; tx has no witness, so none is needed.
func addTransaction(b *wire.MsgBlock, tx *wire.MsgTx) {
	b.Transactions[0].TxOut = b.Transactions[0].TxOut[:1]
	b.Transactions[0].TxIn[0].Witness = nil
	b.Transactions = append(b.Transactions, tx)
	seal(b)
}

func TestSubmitSpendsCoins(t *testing.T) {
	clock := newSlowClock()
	c := openEasy(t, t.TempDir(), clock)
	first := getJob(t, c).block(t, []byte{txscript.OP_TRUE})
	require.True(t, submit(t, c, first).Accepted)
	for range int(c.Params().CoinbaseMaturity) {
		clock.seconds.Add(3)
		mineBlocks(t, c, 1)
	}
	coins := first.Transactions[0]
	hash := coins.TxHash()
	tx := wire.NewMsgTx(2)
	tx.AddTxIn(wire.NewTxIn(wire.NewOutPoint(&hash, 0), nil, nil))
	tx.AddTxOut(wire.NewTxOut(coins.TxOut[0].Value, []byte{txscript.OP_TRUE}))
	b := getJob(t, c).block(t, c.PayoutScript())
	addTransaction(b, tx)
	answer := submit(t, c, b)
	require.True(t, answer.Accepted, "%+v", answer)
}

func TestSubmitContext(t *testing.T) {
	c := openEasy(t, t.TempDir(), nil)
	raw := serialize(t, getJob(t, c).block(t, c.PayoutScript()))
	ctx, cancel := context.WithCancel(context.Background())
	c.turn <- struct{}{} // somebody is at work
	result := make(chan error)
	go func() {
		_, err := c.Submit(ctx, raw)
		result <- err
	}()
	cancel()
	require.ErrorIs(t, <-result, context.Canceled)
	c.release()
	_, err := c.Submit(ctx, raw)
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, c.Close())
	_, err = c.Submit(context.Background(), raw)
	require.ErrorIs(t, err, ErrClosed)
}

// A block that can't be written is not accepted, and can be once there is room.
func TestSubmitUnwritable(t *testing.T) {
	dir := t.TempDir()
	c := openEasy(t, dir, nil)
	mineBlocks(t, c, 1)
	b := getJob(t, c).block(t, c.PayoutScript())

	good := c.blocks.file
	readOnly, err := os.Open(filepath.Join(dir, "blocks.dat"))
	require.NoError(t, err)
	c.blocks.file = readOnly
	_, err = c.Submit(context.Background(), serialize(t, b))
	require.ErrorContains(t, err, "blocks.dat")
	height, _ := c.Tip()
	require.EqualValues(t, 1, height)
	// Truncating failed too, so what is on the disk is not known: no more writes.
	c.blocks.file = good
	require.NoError(t, readOnly.Close())
	_, err = c.Submit(context.Background(), serialize(t, b))
	require.ErrorContains(t, err, "start touchstone again")

	require.NoError(t, c.Close())
	c = openEasy(t, dir, nil)
	require.True(t, submit(t, c, b).Accepted)
}

// Every code that btcd may answer a block with has a word.
func TestReasonsComplete(t *testing.T) {
	never := map[blockchain.ErrorCode]bool{ // there are no checkpoints, and headers never come alone
		blockchain.ErrBadCheckpoint: true, blockchain.ErrForkTooOld: true,
		blockchain.ErrCheckpointTimeTooOld: true, blockchain.ErrKnownInvalidBlock: true,
	}
	for code := blockchain.ErrDuplicateBlock; code <= blockchain.ErrKnownInvalidBlock; code++ {
		if _, ok := reasons[code]; !ok && !never[code] {
			t.Errorf("no word for %v", code)
		}
	}
	answer := refusal(blockchain.RuleError{ErrorCode: blockchain.ErrBadCheckpoint, Description: "why"})
	require.Equal(t, "rejected", answer.Reason)
	require.Equal(t, "why", answer.Text)
	require.True(t, errors.As(fmt.Errorf("wrapped: %w", blockchain.RuleError{}), new(blockchain.RuleError)))
}
