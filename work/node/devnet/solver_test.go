package devnet

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"
	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/work/node"
)

// easyParams is the network with blocks that cost two hashes, for ever.
func easyParams() *chaincfg.Params {
	p := Params()
	p.Name = "touchstone-easy"
	p.PowLimit = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(1))
	p.PowLimitBits = 0x207fffff
	p.PoWNoRetargeting = true
	p.GenesisBlock.Header.Bits = p.PowLimitBits
	hash := p.GenesisBlock.BlockHash()
	p.GenesisHash = &hash
	return p
}

// slowClock is a clock that each block moves by what a block should take, so that
// blocks found at once carry times like real ones.
type slowClock struct{ seconds atomic.Int64 }

func newSlowClock() *slowClock {
	c := &slowClock{}
	c.seconds.Store(genesisTime + 3600)
	return c
}

func (c *slowClock) now() time.Time { return time.Unix(c.seconds.Load(), 0) }

// job is the part of a template that the tests' own miner reads.
type job struct {
	Version           uint32 `json:"version"`
	PreviousBlockHash string `json:"previousblockhash"`
	CoinbaseValue     int64  `json:"coinbasevalue"`
	LongPollID        string `json:"longpollid"`
	Target            string `json:"target"`
	MinTime           int64  `json:"mintime"`
	CurTime           int64  `json:"curtime"`
	Bits              string `json:"bits"`
	Height            int64  `json:"height"`
	Commitment        string `json:"default_witness_commitment"`
}

func getJob(t testing.TB, c *Chain) job {
	t.Helper()
	text, err := c.Template(context.Background(), "")
	require.NoError(t, err)
	var j job
	require.NoError(t, json.Unmarshal(text, &j))
	return j
}

// block builds the block of j paying to script, without searching for a nonce.
func (j job) block(t testing.TB, script []byte) *wire.MsgBlock {
	t.Helper()
	prev, err := chainhash.NewHashFromStr(j.PreviousBlockHash)
	require.NoError(t, err)
	bits, err := strconv.ParseUint(j.Bits, 16, 32)
	require.NoError(t, err)
	commitment, err := hex.DecodeString(j.Commitment)
	require.NoError(t, err)
	height, err := txscript.NewScriptBuilder().AddInt64(j.Height).AddData([]byte("test")).Script()
	require.NoError(t, err)
	coinbase := wire.NewMsgTx(2)
	coinbase.AddTxIn(&wire.TxIn{
		PreviousOutPoint: wire.OutPoint{Index: wire.MaxPrevOutIndex},
		SignatureScript:  height,
		Witness:          wire.TxWitness{make([]byte, 32)},
		Sequence:         wire.MaxTxInSequenceNum,
	})
	coinbase.AddTxOut(wire.NewTxOut(j.CoinbaseValue, script))
	coinbase.AddTxOut(wire.NewTxOut(0, commitment))
	b := &wire.MsgBlock{
		Header: wire.BlockHeader{
			Version:   int32(j.Version),
			PrevBlock: *prev,
			Timestamp: time.Unix(j.CurTime, 0),
			Bits:      uint32(bits),
		},
		Transactions: []*wire.MsgTx{coinbase},
	}
	seal(b)
	return b
}

// seal sets the merkle root and searches for a nonce.
func seal(b *wire.MsgBlock) {
	var txs []*btcutil.Tx
	for _, tx := range b.Transactions {
		txs = append(txs, btcutil.NewTx(tx))
	}
	b.Header.MerkleRoot = blockchain.CalcMerkleRoot(txs, false)
	search(b, true)
}

// search finds a nonce with which the block meets its target, or misses it.
func search(b *wire.MsgBlock, meet bool) {
	target := blockchain.CompactToBig(b.Header.Bits)
	for b.Header.Nonce = 0; ; b.Header.Nonce++ {
		hash := b.BlockHash()
		if (blockchain.HashToBig(&hash).Cmp(target) <= 0) == meet {
			return
		}
	}
}

func serialize(t testing.TB, b *wire.MsgBlock) []byte {
	t.Helper()
	var buf bytes.Buffer
	require.NoError(t, b.Serialize(&buf))
	return buf.Bytes()
}

func submit(t testing.TB, c *Chain, b *wire.MsgBlock) node.Answer {
	t.Helper()
	answer, err := c.Submit(context.Background(), serialize(t, b))
	require.NoError(t, err)
	return answer
}

// mineBlocks extends the chain by n blocks and checks that each becomes the tip.
func mineBlocks(t testing.TB, c *Chain, n int) {
	t.Helper()
	for range n {
		before, _ := c.Tip()
		b := getJob(t, c).block(t, c.PayoutScript())
		answer := submit(t, c, b)
		require.True(t, answer.Accepted, "%+v", answer)
		height, hash := c.Tip()
		require.Equal(t, before+1, height)
		require.Equal(t, b.BlockHash(), hash)
	}
}

// openEasy opens the chain in dir with easyParams and the clock given, nil for the
// computer's.
func openEasy(t testing.TB, dir string, clock *slowClock) *Chain {
	t.Helper()
	c, err := Open(dir, easyOptions(clock))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func easyOptions(clock *slowClock) Options {
	o := Options{Params: easyParams()}
	if clock != nil {
		o.Now = clock.now
	}
	return o
}
