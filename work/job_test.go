package work_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"
	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/work"
)

// edit returns a template with fields replaced; a nil value removes one.
func edit(t testing.TB, template string, fields map[string]any) []byte {
	t.Helper()
	var object map[string]any
	decoder := json.NewDecoder(strings.NewReader(template))
	decoder.UseNumber()
	require.NoError(t, decoder.Decode(&object))
	for name, value := range fields {
		if value == nil {
			delete(object, name)
		} else {
			object[name] = value
		}
	}
	out, err := json.Marshal(object)
	require.NoError(t, err)
	return out
}

func parse(t testing.TB, template []byte) *work.Template {
	t.Helper()
	parsed, err := work.ParseTemplate(template)
	require.NoError(t, err)
	return parsed
}

func payTo(t testing.TB, addr string, n *work.Network, value int64) work.Payout {
	t.Helper()
	script, err := work.AddressScript(addr, n)
	require.NoError(t, err)
	return work.Payout{Script: script, Value: value}
}

// solve returns a solution of the job with these version bits set, by trying nonces; for targets of regtest.
func solve(t testing.TB, j *work.Job, extranonce []byte, versionBits ...uint32) *work.Solution {
	t.Helper()
	s := &work.Solution{Extranonce: extranonce, Version: j.Version, Time: j.Time}
	for _, b := range versionBits {
		s.Version |= b
	}
	for ; ; s.Nonce++ {
		h, err := j.Header(s)
		require.NoError(t, err)
		if hash := h.Hash(); j.Target.MetBy(&hash) {
			return s
		}
	}
}

// requireBlock demands that a built block is sound by our rules and by btcd's.
func requireBlock(t testing.TB, raw []byte, j *work.Job, rules work.BlockRules) *wire.MsgBlock {
	t.Helper()
	report, err := work.CheckBlock(raw, rules)
	require.NoError(t, err)
	require.True(t, report.Verdict.Valid(), report.Verdict.String())
	require.Equal(t, j.Height, report.Height)
	require.Equal(t, len(raw), report.Size)
	block, err := work.ParseBlock(raw)
	require.NoError(t, err)
	require.NoError(t, blockchain.CheckBlockSanity(btcutil.NewBlock(block), j.Target.Big(), blockchain.NewMedianTime()))
	require.NoError(t, blockchain.ValidateWitnessCommitment(btcutil.NewBlock(block)))
	require.Equal(t, int64(report.Weight), blockchain.GetBlockWeight(btcutil.NewBlock(block)))
	height, err := blockchain.ExtractCoinbaseHeight(btcutil.NewTx(block.Transactions[0]))
	require.NoError(t, err)
	require.Equal(t, j.Height, height)
	require.True(t, blockchain.IsFinalizedTransaction(btcutil.NewTx(block.Transactions[0]), j.Height, time.Unix(int64(j.Time), 0)))
	return block
}

const (
	regtestAddress = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
	regtestTaproot = "bcrt1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqc8gma6"
)

func TestJobToBlock(t *testing.T) {
	template := parse(t, []byte(templateRegtest505))
	j, err := work.NewJob("a", template, work.CoinbaseOptions{
		Payouts: []work.Payout{payTo(t, regtestAddress, work.Regtest, work.Remainder), payTo(t, regtestTaproot, work.Regtest, 1000)},
		Tag:     []byte("/touchstone/"), VersionMask: work.MaskBIP320,
	})
	require.NoError(t, err)
	require.Equal(t, 12, j.ExtranonceSize())
	s := solve(t, j, []byte("abcdefghijkl"), 0x2000)
	raw, err := j.Block(s)
	require.NoError(t, err)
	require.Equal(t, cap(raw), len(raw), "the size is known beforehand")
	block := requireBlock(t, raw, j, work.BlockRules{BIP54: true})
	require.Equal(t, int32(0x20002000), block.Header.Version)
	require.Len(t, block.Transactions, 2)

	coinbase := block.Transactions[0]
	require.Equal(t, uint32(504), coinbase.LockTime)
	require.Equal(t, uint32(0xfffffffe), coinbase.TxIn[0].Sequence)
	require.Equal(t, "02f9010c6162636465666768696a6b6c0c2f746f75636873746f6e652f", hex.EncodeToString(coinbase.TxIn[0].SignatureScript))
	require.Equal(t, wire.TxWitness{make([]byte, 32)}, coinbase.TxIn[0].Witness)
	require.Len(t, coinbase.TxOut, 3)
	require.Equal(t, template.CoinbaseValue-1000, coinbase.TxOut[0].Value)
	require.Equal(t, int64(1000), coinbase.TxOut[1].Value)
	commitment, found := work.FindCommitment(coinbase)
	require.True(t, found)
	require.Equal(t, template.DefaultWitnessCommitment, commitment)
	require.Equal(t, work.CommitmentScript(commitment), coinbase.TxOut[2].PkScript)

	header, err := j.Header(s)
	require.NoError(t, err)
	want := header.Bytes()
	var got [80]byte
	builder := j.NewBuilder()
	require.NoError(t, builder.SetExtranonce(s.Extranonce))
	builder.Header(&got, s.Version, s.Time, s.Nonce)
	require.Equal(t, want, got)
	require.Equal(t, header.MerkleRoot, builder.MerkleRoot())
	require.Equal(t, want[:], raw[:80])
}

// A job with another coinbase is the one that NewJob would have made.
func TestWithCoinbase(t *testing.T) {
	for _, text := range []string{templateRegtest505, string(edit(t, templateRegtest505, map[string]any{"default_witness_commitment": nil}))} {
		template := parse(t, []byte(text))
		first, err := work.NewJob("a", template, work.CoinbaseOptions{Payouts: []work.Payout{payTo(t, regtestAddress, work.Regtest, work.Remainder)}})
		require.NoError(t, err)
		o := work.CoinbaseOptions{
			Payouts: []work.Payout{payTo(t, regtestTaproot, work.Regtest, work.Remainder)}, Tag: []byte("/touchstone/"),
			Extranonce1Size: 2, Extranonce2Size: 6, VersionMask: work.MaskBIP320,
		}
		want, err := work.NewJob("b", template, o)
		require.NoError(t, err)
		got, err := first.WithCoinbase("b", template, o)
		require.NoError(t, err)
		require.Equal(t, want, got)
		again, err := work.NewJob("a", template, work.CoinbaseOptions{Payouts: []work.Payout{payTo(t, regtestAddress, work.Regtest, work.Remainder)}})
		require.NoError(t, err)
		require.Equal(t, again, first, "the first is left as it was")

		o.Tag = make([]byte, 100)
		_, err = first.WithCoinbase("c", template, o)
		require.ErrorContains(t, err, `job "c"`)
		_, err = work.HeaderJob(&work.Header{}).WithCoinbase("d", template, o)
		require.ErrorIs(t, err, work.ErrNoBlock)
	}
}

func TestBuilderAllocatesNothing(t *testing.T) {
	j, err := work.NewJob("a", parse(t, syntheticTemplate(100)), work.CoinbaseOptions{Payouts: []work.Payout{{Script: []byte{0x51}, Value: work.Remainder}}})
	require.NoError(t, err)
	builder := j.NewBuilder()
	var header [80]byte
	en := make([]byte, 12)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		en[3]++
		if builder.SetExtranonce(en) != nil {
			panic("extranonce")
		}
		builder.Header(&header, 1, 2, 3)
	}))
}

// TestJobWithAndWithoutWitness builds blocks for every kind of template, and lets btcd judge them.
func TestJobWithAndWithoutWitness(t *testing.T) {
	bare := parse(t, []byte(templateRegtest505))
	for _, test := range []struct {
		name    string
		fields  map[string]any
		witness bool
	}{
		{"as Bitcoin Core writes it", nil, true},
		{"as btcd writes it: bare commitment, no rules", map[string]any{
			"default_witness_commitment": hex.EncodeToString(bare.DefaultWitnessCommitment[:]), "rules": nil, "vbavailable": nil, "vbrequired": nil,
			"coinbaseaux": map[string]string{"flags": "0e2f503253482f627463642f"}, "maxtime": 1900000000,
			"mutable": []string{"time", "transactions/add", "prevblock", "coinbase/append"}}, true},
		{"no commitment, but the rule", map[string]any{"default_witness_commitment": nil}, true},
		{"no commitment, no rule, but a witness", map[string]any{"default_witness_commitment": nil, "rules": nil}, true},
		{"no transactions, the rule", map[string]any{"default_witness_commitment": nil, "transactions": []any{}}, true},
		{"nothing of segwit", map[string]any{"default_witness_commitment": nil, "rules": []string{"csv"}, "transactions": []any{}}, false},
		{"height 1", map[string]any{"height": 1}, true},
		{"height 16", map[string]any{"height": 16}, true},
		{"height 17", map[string]any{"height": 17}, true},
		{"height 127", map[string]any{"height": 127}, true},
		{"height 128", map[string]any{"height": 128}, true},
		{"height 32767", map[string]any{"height": 32767}, true},
		{"height 32768", map[string]any{"height": 32768}, true},
		{"height 8388608", map[string]any{"height": 8388608}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			template := parse(t, edit(t, templateRegtest505, test.fields))
			j, err := work.NewJob("a", template, work.CoinbaseOptions{Payouts: []work.Payout{payTo(t, regtestTaproot, work.Regtest, work.Remainder)}})
			require.NoError(t, err)
			require.Equal(t, test.witness, j.CoinbaseWitness != nil)
			raw, err := j.Block(solve(t, j, make([]byte, 12)))
			require.NoError(t, err)
			block := requireBlock(t, raw, j, work.BlockRules{BIP54: true})
			require.Equal(t, test.witness, block.Transactions[0].HasWitness())
		})
	}
}

func TestCoinbaseOptions(t *testing.T) {
	pay := []work.Payout{{Script: []byte{0x51}, Value: work.Remainder}}
	for _, test := range []struct {
		name   string
		o      work.CoinbaseOptions
		script string // scriptSig with an extranonce of zeros
	}{
		{"defaults", work.CoinbaseOptions{}, "02f9010c" + strings.Repeat("00", 12)},
		{"extranonce2 alone", work.CoinbaseOptions{Extranonce2Size: 8}, "02f90108" + strings.Repeat("00", 8)},
		{"one byte", work.CoinbaseOptions{Extranonce1Size: 1}, "02f9010100"},
		{"75 bytes, a short push", work.CoinbaseOptions{Extranonce1Size: 4, Extranonce2Size: 71}, "02f9014b" + strings.Repeat("00", 75)},
		{"76 bytes, a long push", work.CoinbaseOptions{Extranonce1Size: 4, Extranonce2Size: 72}, "02f9014c4c" + strings.Repeat("00", 76)},
		{"100 bytes in all", work.CoinbaseOptions{Tag: bytes.Repeat([]byte("x"), 82)}, "02f9010c" + strings.Repeat("00", 12) + "4c52" + strings.Repeat("78", 82)},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.o.Payouts = pay
			j, err := work.NewJob("a", parse(t, []byte(templateRegtest505)), test.o)
			require.NoError(t, err)
			raw, err := j.Block(solve(t, j, make([]byte, j.ExtranonceSize())))
			require.NoError(t, err)
			block := requireBlock(t, raw, j, work.BlockRules{BIP54: true})
			require.Equal(t, test.script, hex.EncodeToString(block.Transactions[0].TxIn[0].SignatureScript))
		})
	}

	j, err := work.NewJob("a", parse(t, []byte(templateRegtest505)), work.CoinbaseOptions{Payouts: pay, NoBIP54: true})
	require.NoError(t, err)
	raw, err := j.Block(solve(t, j, make([]byte, 12)))
	require.NoError(t, err)
	block := requireBlock(t, raw, j, work.BlockRules{})
	require.Equal(t, uint32(math.MaxUint32), block.Transactions[0].TxIn[0].Sequence)
	require.Zero(t, block.Transactions[0].LockTime)
	report, err := work.CheckBlock(raw, work.BlockRules{BIP54: true})
	require.NoError(t, err)
	require.Equal(t, work.ReasonBadCoinbaseLockTime, report.Verdict.Reason)
}

// TestSigOpsOfPayouts holds that the coinbase's own operations count as the node counts: by cost, or one each before segwit.
func TestSigOpsOfPayouts(t *testing.T) {
	for _, test := range []struct{ limit, operations int }{{80000, 20000}, {20000, 20000}} {
		template := parse(t, edit(t, templateRegtest505, map[string]any{"sigoplimit": test.limit, "transactions": []any{}, "default_witness_commitment": nil}))
		with := func(operations int) error {
			_, err := work.NewJob("a", template, work.CoinbaseOptions{Payouts: []work.Payout{{Script: bytes.Repeat([]byte{0xac}, operations), Value: work.Remainder}}})
			return err
		}
		require.NoError(t, with(test.operations))
		var refused *work.RefusedError
		require.ErrorAs(t, with(test.operations+1), &refused)
		require.Equal(t, work.ReasonBadBlockSigOps, refused.Verdict.Reason)
	}
}

// TestNoMinTime holds that a job may not go back behind the node's clock where the node names no lowest time.
func TestNoMinTime(t *testing.T) {
	j, err := work.NewJob("a", parse(t, edit(t, templateRegtest505, map[string]any{"mintime": nil})),
		work.CoinbaseOptions{Payouts: []work.Payout{{Script: []byte{0x51}, Value: work.Remainder}}})
	require.NoError(t, err)
	require.Equal(t, j.Time, j.MinTime)
	require.NotZero(t, j.Time)
}

func TestCoinbaseOptionsRefused(t *testing.T) {
	ok := []byte{0x51}
	rest := []work.Payout{{Script: ok, Value: work.Remainder}}
	const value int64 = 5_000_000_000
	for _, test := range []struct {
		name, says string
		o          work.CoinbaseOptions
		fields     map[string]any
	}{
		{"nobody is paid", "give an address", work.CoinbaseOptions{}, nil},
		{"no script", "no script", work.CoinbaseOptions{Payouts: []work.Payout{{Value: work.Remainder}}}, nil},
		{"two remainders", "both take the remainder", work.CoinbaseOptions{Payouts: append(rest, rest...)}, nil},
		{"negative", "want 0 or more", work.CoinbaseOptions{Payouts: []work.Payout{{Script: ok, Value: -2}}}, nil},
		{"too little", "leave 1 of the coinbase's 5000000000 satoshi to nobody", work.CoinbaseOptions{Payouts: []work.Payout{{Script: ok, Value: value - 1}}}, nil},
		{"too much", "exceed the coinbase's 5000000000 satoshi by 1", work.CoinbaseOptions{Payouts: []work.Payout{{Script: ok, Value: value + 1}}}, nil},
		{"too much together", "exceed the coinbase's", work.CoinbaseOptions{Payouts: []work.Payout{{Script: ok, Value: value}, {Script: ok, Value: math.MaxInt64}}}, nil},
		{"long scriptSig", "shorten the tag or the extranonce", work.CoinbaseOptions{Payouts: rest, Tag: bytes.Repeat([]byte("x"), 83)}, nil},
		{"long tag", "tag", work.CoinbaseOptions{Payouts: rest, Tag: bytes.Repeat([]byte("x"), 1000)}, nil},
		{"long extranonce", "scriptSig", work.CoinbaseOptions{Payouts: rest, Extranonce1Size: math.MaxInt, Extranonce2Size: math.MaxInt}, nil},
		{"negative extranonce", "0 or more bytes", work.CoinbaseOptions{Payouts: rest, Extranonce1Size: -1}, nil},
		{"long coinbaseaux", "coinbaseaux", work.CoinbaseOptions{Payouts: rest}, map[string]any{"coinbaseaux": map[string]string{"flags": strings.Repeat("00", 90)}}},
		{"64 bytes", "BIP 54 forbids", work.CoinbaseOptions{Payouts: rest, Extranonce2Size: 1},
			map[string]any{"height": 5, "default_witness_commitment": nil, "rules": nil, "coinbaseaux": map[string]string{}}},
		{"no room in weight", "bad-blk-weight", work.CoinbaseOptions{Payouts: rest}, map[string]any{"weightlimit": 700}},
		{"no room in size", "bad-blk-length", work.CoinbaseOptions{Payouts: rest}, map[string]any{"sizelimit": 200}},
		{"no room in sigops", "bad-blk-sigops", work.CoinbaseOptions{Payouts: []work.Payout{{Script: bytes.Repeat([]byte{0xae}, 1001), Value: work.Remainder}}}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			fields := map[string]any{"coinbasevalue": value, "transactions": []any{}, "default_witness_commitment": nil}
			for name, v := range test.fields {
				fields[name] = v
			}
			_, err := work.NewJob("a", parse(t, edit(t, templateRegtest505, fields)), test.o)
			require.ErrorContains(t, err, test.says)
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestRefusedTemplateMakesNoJob(t *testing.T) {
	_, err := work.NewJob("a", parse(t, []byte(templateTestnet1038222)), work.CoinbaseOptions{Payouts: []work.Payout{{Script: []byte{0x51}, Value: work.Remainder}}})
	var refused *work.RefusedError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, work.ReasonBadWitnessMerkleMatch, refused.Verdict.Reason)
}

// ownCoinbase returns a coinbase as a node makes it for templateRegtest505.
func ownCoinbase(t testing.TB, witness bool, commitment *chainhash.Hash) *wire.MsgTx {
	t.Helper()
	tx := wire.NewMsgTx(1)
	tx.AddTxIn(wire.NewTxIn(wire.NewOutPoint(&chainhash.Hash{}, math.MaxUint32), mustHex("02f901000e2f503253482f627463642f"), nil))
	tx.AddTxOut(wire.NewTxOut(600, []byte{0x51}))
	tx.AddTxOut(wire.NewTxOut(17, []byte{0x52}))
	if commitment != nil {
		tx.AddTxOut(wire.NewTxOut(0, work.CommitmentScript(*commitment)))
	}
	if witness {
		tx.TxIn[0].Witness = wire.TxWitness{make([]byte, 32)}
	}
	return tx
}

// coinbaseTxn returns it as btcd writes it: no txid, the txid as hash, no weight.
func coinbaseTxn(t testing.TB, tx *wire.MsgTx) map[string]any {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, tx.Serialize(&b))
	return map[string]any{"data": hex.EncodeToString(b.Bytes()), "hash": tx.TxHash().String(), "txid": "", "depends": []int{}, "fee": -10, "sigops": 0, "weight": 0}
}

func TestCoinbaseTxn(t *testing.T) {
	commitment := parse(t, []byte(templateRegtest505)).DefaultWitnessCommitment
	with := func(tx *wire.MsgTx, mutable ...string) []byte {
		return edit(t, templateRegtest505, map[string]any{"coinbasevalue": nil, "coinbaseaux": nil, "rules": nil,
			"coinbasetxn": coinbaseTxn(t, tx), "mutable": append([]string{"time", "prevblock"}, mutable...)})
	}
	pay := []work.Payout{payTo(t, regtestAddress, work.Regtest, work.Remainder)}

	t.Run("append", func(t *testing.T) {
		template := parse(t, with(ownCoinbase(t, true, &commitment), "coinbase/append"))
		require.Equal(t, work.Verdict{}, template.Check())
		j, err := work.NewJob("a", template, work.CoinbaseOptions{Tag: []byte("tag")})
		require.NoError(t, err)
		raw, err := j.Block(solve(t, j, []byte("abcdefghijkl")))
		require.NoError(t, err)
		coinbase := requireBlock(t, raw, j, work.BlockRules{}).Transactions[0]
		require.Equal(t, "02f901000e2f503253482f627463642f0c6162636465666768696a6b6c03746167", hex.EncodeToString(coinbase.TxIn[0].SignatureScript))
		require.Equal(t, int64(600), coinbase.TxOut[0].Value, "its payouts stay")

		_, err = work.NewJob("a", template, work.CoinbaseOptions{Payouts: pay})
		require.ErrorContains(t, err, "coinbasevalue")
	})
	t.Run("nothing granted", func(t *testing.T) {
		_, err := work.NewJob("a", parse(t, with(ownCoinbase(t, true, &commitment))), work.CoinbaseOptions{})
		require.ErrorContains(t, err, "no place for an extranonce")
	})
	t.Run("replace", func(t *testing.T) {
		j, err := work.NewJob("a", parse(t, with(ownCoinbase(t, true, &commitment), "coinbase", "generation")), work.CoinbaseOptions{Payouts: pay})
		require.NoError(t, err)
		raw, err := j.Block(solve(t, j, make([]byte, 12)))
		require.NoError(t, err)
		require.Equal(t, int64(617), requireBlock(t, raw, j, work.BlockRules{BIP54: true}).Transactions[0].TxOut[0].Value)
	})
	t.Run("coinbasevalue wins", func(t *testing.T) {
		template := parse(t, edit(t, templateRegtest505, map[string]any{"coinbasetxn": coinbaseTxn(t, ownCoinbase(t, true, &commitment))}))
		j, err := work.NewJob("a", template, work.CoinbaseOptions{Payouts: pay})
		require.NoError(t, err)
		raw, err := j.Block(solve(t, j, make([]byte, 12)))
		require.NoError(t, err)
		require.Equal(t, template.CoinbaseValue, requireBlock(t, raw, j, work.BlockRules{BIP54: true}).Transactions[0].TxOut[0].Value)
	})

	wrong := chainhash.Hash{1}
	for _, test := range []struct {
		name   string
		reason work.Reason
		tx     func() *wire.MsgTx
	}{
		{"wrong commitment", work.ReasonBadWitnessMerkleMatch, func() *wire.MsgTx { return ownCoinbase(t, true, &wrong) }},
		{"no commitment", work.ReasonUnexpectedWitness, func() *wire.MsgTx { return ownCoinbase(t, false, nil) }},
		{"short reserved value", work.ReasonBadWitnessNonceSize, func() *wire.MsgTx {
			tx := ownCoinbase(t, true, &commitment)
			tx.TxIn[0].Witness[0] = tx.TxIn[0].Witness[0][1:]
			return tx
		}},
		{"other height", work.ReasonBadCoinbaseHeight, func() *wire.MsgTx {
			tx := ownCoinbase(t, true, &commitment)
			tx.TxIn[0].SignatureScript[1]++
			return tx
		}},
		{"long scriptSig", work.ReasonBadCoinbaseLength, func() *wire.MsgTx {
			tx := ownCoinbase(t, true, &commitment)
			tx.TxIn[0].SignatureScript = append(tx.TxIn[0].SignatureScript, make([]byte, 85)...)
			return tx
		}},
		{"no coinbase", work.ReasonBadCoinbaseMissing, func() *wire.MsgTx {
			tx := ownCoinbase(t, true, &commitment)
			tx.TxIn[0].PreviousOutPoint.Index = 0
			return tx
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := parse(t, with(test.tx(), "coinbase/append")).Check()
			require.Equal(t, test.reason, v.Reason, v.String())
			require.True(t, strings.HasPrefix(v.Detail, "coinbasetxn: "), v.Detail)
		})
	}
	t.Run("spends too much", func(t *testing.T) {
		v := parse(t, edit(t, templateRegtest505, map[string]any{"coinbasevalue": 616, "coinbasetxn": coinbaseTxn(t, ownCoinbase(t, true, &commitment))})).Check()
		require.Equal(t, work.ReasonBadCoinbaseValue, v.Reason)
		v = parse(t, edit(t, templateRegtest505, map[string]any{"coinbasevalue": 617, "coinbasetxn": coinbaseTxn(t, ownCoinbase(t, true, &commitment))})).Check()
		require.Equal(t, work.Verdict{}, v, "all of it")
	})
}

func TestHeaderJob(t *testing.T) {
	raw := [80]byte(mustHex(block170)[:80])
	h := work.ParseHeader(&raw)
	j := work.HeaderJob(&h)
	require.False(t, j.HasCoinbase())
	builder := j.NewBuilder()
	require.NoError(t, builder.SetExtranonce(nil))
	require.Error(t, builder.SetExtranonce([]byte{1}))
	var got [80]byte
	builder.Header(&got, h.Version, h.Time, h.Nonce)
	require.Equal(t, raw, got)
	again, err := j.Header(&work.Solution{Version: h.Version, Time: h.Time, Nonce: h.Nonce})
	require.NoError(t, err)
	require.Equal(t, h, again)
	hash := again.Hash()
	require.True(t, j.Target.MetBy(&hash))
	_, err = j.Block(&work.Solution{})
	require.ErrorIs(t, err, work.ErrNoBlock)

	h.Bits = 0xff123456
	require.True(t, work.HeaderJob(&h).Target.IsZero())
}

// TestNotifyJob fills in a job by hand, as from mining.notify: p2poolv2's recorded share b, whose hash ckpool stated too.
func TestNotifyJob(t *testing.T) {
	prev := mustHex("6d600f568f665af26301fcafa53326454b9db355ff5d87f9863a956300000000")
	for i := 0; i < len(prev); i += 4 {
		binary.LittleEndian.PutUint32(prev[i:], binary.BigEndian.Uint32(prev[i:]))
	}
	bits, err := work.ParseBits("1e0377ae")
	require.NoError(t, err)
	j := &work.Job{
		ID: "18468e1f5fa5cbaa", Version: 0x20000000, PrevBlock: chainhash.Hash(prev), Bits: bits, Time: 0x67b6f938,
		CoinbasePrefix:  mustHex("01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff2c017b000438f9b667049c0fc52d0c"),
		CoinbaseSuffix:  mustHex("0a636b706f6f6c0a2f7032706f6f6c76322fffffffff0300111024010000001600148f1b6f0d5a0422afad259ec03977bdf2c74a037600e1f50500000000160014a248cf2f99f449511b22bab1a3d001719f84cd090000000000000000266a24aa21a9ede2f61c3f71d1defd3fa999dfa36953755c690689799962b48bebd836974e8cf900000000"),
		Extranonce1Size: 4, Extranonce2Size: 8,
	}
	s := &work.Solution{Extranonce: mustHex("fdf8b6670000000000000000"), Version: j.Version, Time: j.Time, Nonce: 0xf15f1590}
	h, err := j.Header(s)
	require.NoError(t, err)
	hash := h.Hash()
	require.Equal(t, "000000000822bbfaf34d53fc43d0c1382054d3aafe31893020c315db8b0a19f9", hash.String())
	require.InDelta(t, 31.46584759492855, work.HashDifficulty(&hash), 1e-9)
	_, err = j.Block(s)
	require.ErrorIs(t, err, work.ErrNoBlock)
	_, err = j.Header(&work.Solution{Extranonce: s.Extranonce[1:]})
	require.ErrorContains(t, err, "11 bytes")
	require.False(t, errors.Is(err, work.ErrNoBlock))
}

func TestSoloMask(t *testing.T) {
	template := parse(t, edit(t, templateRegtest505, map[string]any{
		"vbavailable": map[string]int{"a": 13, "b": 28, "c": 0}, "vbrequired": 0x4000, "version": 0x20004000}))
	require.Equal(t, uint32(0x0fff8000), work.SoloMask(template, work.MaskBIP320))
	require.Equal(t, uint32(0), work.SoloMask(template, 0))
	require.Equal(t, work.Verdict{}, template.Check())
}
