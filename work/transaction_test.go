package work

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/btcsuite/btcd/wire/v2"
	"github.com/stretchr/testify/require"
)

// Transactions of BIP 54's test vectors (txsize.json): sizes around 64 bytes, and those of that size in the chain.
var bip54Transactions = []struct {
	comment, tx string
	forbidden   bool
}{
	{"63 bytes", "0200000001827da3d85a6547d6b03662d2cb86982d655a6f390547285a3bf9ec9f28e0c8831500000000ffffffff0100000000000000000300515200000000", false},
	{"61 bytes and a witness", "02000000000101827da3d85a6547d6b03662d2cb86982d655a6f390547285a3bf9ec9f28e0c8831500000000ffffffff01000000000000000000010000000000", false},
	{"64 bytes, four in the output script", "0200000001827da3d85a6547d6b03662d2cb86982d655a6f390547285a3bf9ec9f28e0c8831500000000ffffffff010000000000000000040051525400000000", true},
	{"64 bytes, four in the scriptSig", "0200000001827da3d85a6547d6b03662d2cb86982d655a6f390547285a3bf9ec9f28e0c883150000000403424242ffffffff010040075af07507000000000000", true},
	{"65 bytes", "0200000001827da3d85a6547d6b03662d2cb86982d655a6f390547285a3bf9ec9f28e0c8831500000000ffffffff01000000000000000005005152545800000000", false},
	{"64 bytes and a witness", "02000000000101827da3d85a6547d6b03662d2cb86982d655a6f390547285a3bf9ec9f28e0c8831500000000ffffffff01000000000000000004005152540108213245576281941200000000", true},
	{"64 bytes, P2TR to P2A", "02000000000101827da3d85a6547d6b03662d2cb86982d655a6f390547285a3bf9ec9f28e0c8831500000000ffffffff0100000000000000000451024e7301415a78b5a14a2527feb02c08b8124e74c3b9bcc1bd3dba1fbfa87f1c930f28a46fea2bf375105dfd835e212c9127aad4976c46ef86be02edbb681e6f38f9a9e06f0100000000", true},
	{"892f44a4… of the chain", "0200000001deb98691723fa71260ffca6ea0a7bc0a63b0a8a366e1b585caad47fb269a2ce401000000030251b201000000010000000000000000016a00000000", true},
	{"bbf71454… of the chain", "01000000010d0afe3d74062ee60c0ec55579d691d8c8af5c04eb97b777157a21a8c5fb143d00000000035101b100000000010000000000000000016a01000000", true},
}

func TestTransactionSizes(t *testing.T) {
	for _, test := range bip54Transactions {
		raw, err := hex.DecodeString(test.tx)
		require.NoError(t, err)
		tx, err := scanTransaction(raw, 0)
		require.NoError(t, err, test.comment)
		require.Equal(t, test.forbidden, tx.strippedSize() == bip54Size, test.comment)
		requireSameTransaction(t, raw, &tx)
	}
}

// requireSameTransaction compares with btcd what both compute of a transaction.
func requireSameTransaction(t *testing.T, raw []byte, tx *transaction) {
	t.Helper()
	var msg wire.MsgTx
	require.NoError(t, msg.Deserialize(bytes.NewReader(raw)))
	theirs := btcutil.NewTx(&msg)
	txid, wtxid, _ := tx.ids(nil)
	require.Equal(t, *theirs.Hash(), txid)
	require.Equal(t, *theirs.WitnessHash(), wtxid)
	require.Equal(t, len(raw), len(tx.raw))
	require.Equal(t, msg.SerializeSizeStripped(), tx.strippedSize())
	require.Equal(t, blockchain.GetTransactionWeight(theirs), int64(tx.weight()))
	require.Equal(t, blockchain.CountSigOps(theirs), tx.legacySigOps())
	require.Equal(t, blockchain.IsCoinBase(theirs), tx.isCoinbase())
	require.Equal(t, msg.HasWitness(), tx.hasWitness())
	require.Equal(t, msg.LockTime, tx.lockTime())
	require.Len(t, msg.TxIn, tx.inputCount)
	require.Len(t, msg.TxOut, tx.outputCount)
	for i, in := range tx.eachInput {
		require.Equal(t, msg.TxIn[i].SignatureScript, append([]byte{}, in.script...))
		require.Equal(t, msg.TxIn[i].Sequence, in.sequence)
	}
	i := 0
	for value, script := range tx.eachOutput {
		require.Equal(t, msg.TxOut[i].Value, value)
		require.Equal(t, msg.TxOut[i].PkScript, append([]byte{}, script...))
		i++
	}
	require.Equal(t, len(msg.TxOut), i)
	if tx.check().Valid() {
		require.NoError(t, blockchain.CheckTransactionSanity(theirs))
	}
}

func TestHeightPush(t *testing.T) {
	for height, want := range map[int32]string{
		1: "51", 2: "52", 16: "60", 17: "0111", 127: "017f", 128: "028000", 255: "02ff00", 256: "020001", 32767: "02ff7f", 32768: "03008000",
		227836: "03fc7903", 8388607: "03ffff7f", 8388608: "0400008000", MaxHeight: "04ff64cd1d",
	} {
		script := appendHeight(nil, height)
		require.Equal(t, want, hex.EncodeToString(script))
		require.Equal(t, height, coinbaseHeight(append(script, 1, 2, 3)))
	}
	for _, script := range []string{"", "00", "4f", "61", "01", "0101", "0110", "0180", "02ff", "027f00", "0300", "03ffffff", "0400000080", "0500e40b5402", "4c0111", "06010000000000"} {
		raw, err := hex.DecodeString(script)
		require.NoError(t, err)
		require.Equal(t, int32(-1), coinbaseHeight(raw), script)
	}
}

func TestCompactSize(t *testing.T) {
	for _, n := range []int{0, 1, 0xfc, 0xfd, 0xff, 0x100, 0xffff, 0x10000, 0x7fffffff} {
		b := appendCompactSize(nil, n)
		require.Len(t, b, compactSizeLen(n))
		require.Equal(t, wire.VarIntSerializeSize(uint64(n)), len(b))
		r := byteReader{b: b}
		require.Equal(t, uint64(n), r.compactSize("n"))
		require.NoError(t, r.err)
	}
}

// FuzzTransaction demands that what is accepted is what btcd accepts and sees the same way.
func FuzzTransaction(f *testing.F) {
	for _, test := range bip54Transactions {
		raw, err := hex.DecodeString(test.tx)
		require.NoError(f, err)
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		tx, err := scanTransaction(raw, 0)
		if err != nil {
			return
		}
		requireSameTransaction(t, tx.raw, &tx)
	})
}
