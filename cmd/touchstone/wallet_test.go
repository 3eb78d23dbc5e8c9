package main_test

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"
	"github.com/stretchr/testify/require"
)

// A wallet is one key, enough to fill a mempool. It keeps no books: a test
// says which coin to spend.
type wallet struct {
	t       testing.TB
	key     *btcec.PrivateKey
	legacy  address.Address // P2PKH
	segwit  address.Address // P2WPKH
	network *chaincfg.Params
}

// newWallet returns a wallet with a new key.
func newWallet(t testing.TB, network string) *wallet {
	t.Helper()
	params := map[string]*chaincfg.Params{"simnet": &chaincfg.SimNetParams, "regtest": &chaincfg.RegressionNetParams}[network]
	require.NotNil(t, params, network)
	key, err := btcec.NewPrivateKey()
	require.NoError(t, err)
	id := address.Hash160(key.PubKey().SerializeCompressed())
	legacy, err := address.NewAddressPubKeyHash(id, params)
	require.NoError(t, err)
	segwit, err := address.NewAddressWitnessPubKeyHash(id, params)
	require.NoError(t, err)
	return &wallet{t: t, key: key, legacy: legacy, segwit: segwit, network: params}
}

// Address is where a node's own blocks pay.
func (w *wallet) Address() address.Address { return w.legacy }

// SegwitAddress is the same key's, as a witness program.
func (w *wallet) SegwitAddress() address.Address { return w.segwit }

// A coin is an output that can be spent.
type coin struct {
	Point  wire.OutPoint
	Value  int64 // satoshis
	Script []byte
}

// coinOf returns output index of tx.
func coinOf(tx *wire.MsgTx, index uint32) coin {
	out := tx.TxOut[index]
	return coin{wire.OutPoint{Hash: tx.TxHash(), Index: index}, out.Value, out.PkScript}
}

// Spend returns a signed transaction that gives from's value, less fee
// satoshis, to the addresses in equal parts.
func (w *wallet) Spend(from coin, fee int64, to ...address.Address) *wire.MsgTx {
	w.t.Helper()
	tx := wire.NewMsgTx(2)
	tx.AddTxIn(wire.NewTxIn(&from.Point, nil, nil))
	for _, a := range to {
		script, err := txscript.PayToAddrScript(a)
		require.NoError(w.t, err)
		tx.AddTxOut(wire.NewTxOut((from.Value-fee)/int64(len(to)), script))
	}
	if txscript.IsPayToWitnessPubKeyHash(from.Script) {
		outs := txscript.NewCannedPrevOutputFetcher(from.Script, from.Value)
		witness, err := txscript.WitnessSignature(tx, txscript.NewTxSigHashes(tx, outs), 0, from.Value, from.Script, txscript.SigHashAll, w.key, true)
		require.NoError(w.t, err)
		tx.TxIn[0].Witness = witness
		return tx
	}
	script, err := txscript.SignatureScript(tx, 0, from.Script, txscript.SigHashAll, w.key, true)
	require.NoError(w.t, err)
	tx.TxIn[0].SignatureScript = script
	return tx
}

// Block returns the node's block of a height, with its witnesses.
func (b *btcd) Block(height int32) *wire.MsgBlock {
	b.t.Helper()
	var hash, text string
	require.NoError(b.t, b.Call(&hash, "getblockhash", height))
	require.NoError(b.t, b.Call(&text, "getblock", hash, 0))
	var block wire.MsgBlock
	require.NoError(b.t, block.Deserialize(hex.NewDecoder(strings.NewReader(text))))
	return &block
}

// Send gives tx to the node's mempool.
func (b *btcd) Send(tx *wire.MsgTx) chainhash.Hash {
	b.t.Helper()
	var raw bytes.Buffer
	require.NoError(b.t, tx.Serialize(&raw))
	var id string
	require.NoError(b.t, b.Call(&id, "sendrawtransaction", hex.EncodeToString(raw.Bytes())))
	hash := tx.TxHash()
	require.Equal(b.t, hash.String(), id)
	return hash
}

// FillMempool spends the coinbase of a height, which must pay the node's wallet
// and be mature, and what it makes of it: an old transaction, one with a
// witness that spends its output, and one that spends the other's. Segwit must
// bind. It returns them in that order, which is that of their dependence.
func (b *btcd) FillMempool(height int32) []*wire.MsgTx {
	b.t.Helper()
	w := b.wallet
	old := w.Spend(coinOf(b.Block(height).Transactions[0], 0), 20_000, w.segwit, w.legacy, w.segwit)
	witness := w.Spend(coinOf(old, 0), 10_000, w.segwit, w.legacy)
	last := w.Spend(coinOf(witness, 0), 10_000, w.legacy)
	txs := []*wire.MsgTx{old, witness, last}
	for _, tx := range txs {
		b.Send(tx)
	}
	require.True(b.t, !old.HasWitness() && witness.HasWitness() && last.HasWitness())
	return txs
}
