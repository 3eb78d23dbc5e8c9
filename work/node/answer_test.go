package node

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/database"
	_ "github.com/btcsuite/btcd/database/ffldb"
	"github.com/btcsuite/btcd/wire/v2"
	"github.com/stretchr/testify/require"
)

func TestAnswer(t *testing.T) {
	for _, c := range []struct {
		reason, word    string
		final, accepted bool
		text            string
	}{
		{"duplicate", "duplicate", true, true, "already has"},
		{"duplicate-inconclusive", "duplicate-inconclusive", true, false, "not in its best chain"},
		{"duplicate-invalid", "duplicate-invalid", true, false, "found it invalid"},
		{"inconclusive", "inconclusive", false, true, "without having judged"},
		{"inconclusive-not-best-prvblk", "inconclusive-not-best-prvblk", false, false, "not the tip"},
		{"prev-blk-not-found", "prev-blk-not-found", false, false, "parent"},
		{"time-too-new", "time-too-new", false, false, "two hours"},
		{"time-too-old", "time-too-old", true, false, "median"},
		{"bad-txnmrklroot", "bad-txnmrklroot", true, false, "merkle"},
		{"rejected", "rejected", true, false, "rejected the block"},
		{"rejected: ", "rejected", true, false, "rejected the block"},
		{"rejected: already have block 00", "duplicate", true, true, "already has the block: already have block 00"},
		{"rejected: something new", "rejected", true, false, "the node rejected the block: something new"},
		{"block-script-verify-flag-failed (Script failed an OP_EQUALVERIFY operation)", "block-script-verify-flag-failed", true, false,
			"script does not succeed: (Script failed an OP_EQUALVERIFY operation)"},
		{"bad-thing-of-tomorrow", "bad-thing-of-tomorrow", true, false, "the node rejected the block"},
		{"two\nlines \x1b[31m", "two", true, false, "lines ?[31m"},
		{strings.Repeat("x", 10*maxText), strings.Repeat("x", maxText) + "…", true, false, "rejected"},
	} {
		a := answer(c.reason)
		require.Equal(t, c.word, a.Reason)
		require.Equal(t, c.final, a.Final, c.reason)
		require.Equal(t, c.accepted, a.Accepted, c.reason)
		require.Contains(t, a.Text, c.text)
	}
	for word, text := range reasons {
		a := answer(word)
		require.Equal(t, word, a.Reason)
		require.Equal(t, text, a.Text)
		require.NotEmpty(t, text)
	}
	for _, b := range btcdTexts {
		require.Contains(t, reasons, b.reason)
	}
}

// A regtest is btcd's own consensus code, to hear what btcd says.
type regtest struct {
	chain  *blockchain.BlockChain
	params chaincfg.Params
	now    time.Time
}

func newRegtest(t *testing.T) *regtest {
	r := &regtest{params: chaincfg.RegressionNetParams}
	// chaincfg's regtest leaves the rules of BIP 34 asleep.
	r.params.BIP0034Height, r.params.BIP0065Height, r.params.BIP0066Height = 1, 1, 1
	r.now = time.Now().Truncate(time.Second).Add(-time.Hour)
	db, err := database.Create("ffldb", filepath.Join(t.TempDir(), "db"), r.params.Net)
	require.NoError(t, err)
	t.Cleanup(func() { db.Close() })
	r.chain, err = blockchain.New(&blockchain.Config{
		DB: db, ChainParams: &r.params, TimeSource: blockchain.NewMedianTime(), UtxoCacheMaxSize: 1 << 20,
	})
	require.NoError(t, err)
	return r
}

// block makes a block on the tip; change breaks it before, late after the search.
func (r *regtest) block(change, late func(*wire.MsgBlock)) *btcutil.Block {
	best := r.chain.BestSnapshot()
	r.now = r.now.Add(time.Second)
	coinbase := wire.NewMsgTx(1)
	coinbase.AddTxIn(wire.NewTxIn(wire.NewOutPoint(&chainhash.Hash{}, 0xffffffff), []byte{0x50 + byte(best.Height) + 1, 0x51}, nil))
	coinbase.AddTxOut(wire.NewTxOut(50e8, []byte{0x51}))
	b := wire.NewMsgBlock(&wire.BlockHeader{Version: 0x20000000, PrevBlock: best.Hash, Timestamp: r.now, Bits: r.params.PowLimitBits})
	_ = b.AddTransaction(coinbase)
	commit := func() {
		var txs []*btcutil.Tx
		for _, tx := range b.Transactions {
			txs = append(txs, btcutil.NewTx(tx))
		}
		if len(txs) > 0 {
			b.Header.MerkleRoot = blockchain.CalcMerkleRoot(txs, false)
		}
	}
	if change != nil {
		change(b)
	}
	if b.Header.MerkleRoot == (chainhash.Hash{}) {
		commit()
	}
	target := blockchain.CompactToBig(r.params.PowLimitBits)
	for hash := b.BlockHash(); blockchain.HashToBig(&hash).Cmp(target) > 0; hash = b.BlockHash() {
		b.Header.Nonce++
	}
	if late != nil {
		late(b)
	}
	return btcutil.NewBlock(b)
}

// say is btcd's submitblock, which words its answers like this.
func (r *regtest) say(b *btcutil.Block) Answer {
	if _, _, err := r.chain.ProcessBlock(b, blockchain.BFNone); err != nil {
		return answer("rejected: " + err.Error())
	}
	return Answer{Reason: "null"}
}

// btcd's own words are understood as btcd's own code says them today.
func TestAnswerOfBtcd(t *testing.T) {
	r := newRegtest(t)
	first := r.block(nil, nil)
	require.Equal(t, "null", r.say(first).Reason)
	a := r.say(first)
	require.True(t, a.Final && a.Accepted)
	require.Equal(t, "duplicate", a.Reason)

	orphan := r.block(func(b *wire.MsgBlock) { b.Header.PrevBlock[0] ^= 1 }, nil)
	require.Equal(t, "null", r.say(orphan).Reason, "which is why Submit asks where the block is")
	a = r.say(orphan)
	require.Equal(t, "prev-blk-not-found", a.Reason)
	require.False(t, a.Final || a.Accepted)

	spend := func(b *wire.MsgBlock, prev chainhash.Hash, index uint32) *wire.MsgTx {
		tx := wire.NewMsgTx(1)
		tx.AddTxIn(wire.NewTxIn(wire.NewOutPoint(&prev, index), nil, nil))
		tx.AddTxOut(wire.NewTxOut(1, []byte{0x51}))
		_ = b.AddTransaction(tx)
		return tx
	}
	firstCoinbase := first.MsgBlock().Transactions[0].TxHash()
	for word, c := range map[string]struct{ change, late func(*wire.MsgBlock) }{
		"high-hash": {nil, func(b *wire.MsgBlock) {
			for hash := b.BlockHash(); hash[31] < 0x80; hash = b.BlockHash() {
				b.Header.Nonce++
			}
		}},
		"bad-diffbits":       {func(b *wire.MsgBlock) { b.Header.Bits = 0x207ffffe }, nil},
		"bad-version":        {func(b *wire.MsgBlock) { b.Header.Version = 1 }, nil},
		"bad-txnmrklroot":    {func(b *wire.MsgBlock) { b.Header.MerkleRoot[5] = 1 }, nil},
		"time-too-old":       {func(b *wire.MsgBlock) { b.Header.Timestamp = r.params.GenesisBlock.Header.Timestamp }, nil},
		"time-too-new":       {func(b *wire.MsgBlock) { b.Header.Timestamp = time.Now().Add(3 * time.Hour).Truncate(time.Second) }, nil},
		"bad-blk-length":     {func(b *wire.MsgBlock) { b.Transactions = nil }, nil},
		"bad-cb-missing":     {func(b *wire.MsgBlock) { b.Transactions = nil; spend(b, firstCoinbase, 0) }, nil},
		"bad-cb-multiple":    {func(b *wire.MsgBlock) { _ = b.AddTransaction(b.Transactions[0].Copy()) }, nil},
		"bad-cb-length":      {func(b *wire.MsgBlock) { b.Transactions[0].TxIn[0].SignatureScript = []byte{1} }, nil},
		"bad-cb-height":      {func(b *wire.MsgBlock) { b.Transactions[0].TxIn[0].SignatureScript = []byte{0x60, 0x60} }, nil},
		"bad-cb-amount":      {func(b *wire.MsgBlock) { b.Transactions[0].TxOut[0].Value++ }, nil},
		"bad-txns-duplicate": {func(b *wire.MsgBlock) { _ = b.AddTransaction(spend(b, firstCoinbase, 0)) }, nil},
		"bad-txns-nonfinal": {func(b *wire.MsgBlock) {
			b.Transactions[0].LockTime = 1000
			b.Transactions[0].TxIn[0].Sequence = 0
		}, nil},
		"bad-txns-inputs-missingorspent":       {func(b *wire.MsgBlock) { spend(b, chainhash.Hash{1}, 0) }, nil},
		"bad-txns-premature-spend-of-coinbase": {func(b *wire.MsgBlock) { spend(b, firstCoinbase, 0) }, nil},
		"bad-blk-sigops": {func(b *wire.MsgBlock) {
			b.Transactions[0].TxOut[0].PkScript = []byte(strings.Repeat("\xac", 20_001))
		}, nil},
	} {
		a := r.say(r.block(c.change, c.late))
		require.Equal(t, word, a.Reason, "%s: %s", word, a.Text)
		require.Equal(t, word != "time-too-new", a.Final)
		require.False(t, a.Accepted)
	}

	// What came after an invalid block is invalid for another reason.
	bad := r.block(func(b *wire.MsgBlock) { b.Transactions[0].TxOut[0].Value++ }, nil)
	require.Equal(t, "bad-cb-amount", r.say(bad).Reason)
	child := r.block(func(b *wire.MsgBlock) {
		b.Header.PrevBlock = *bad.Hash()
		b.Transactions[0].TxIn[0].SignatureScript = []byte{0x53, 0x51}
	}, nil)
	require.Equal(t, "bad-prevblk", r.say(child).Reason)
	// submitblock forgets that it found a block invalid: Submit asks further.
	require.Equal(t, "duplicate", r.say(bad).Reason)
}
