package work_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"
	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/work"
)

func check(t testing.TB, raw []byte, r work.BlockRules) work.BlockReport {
	t.Helper()
	report, err := work.CheckBlock(raw, r)
	require.NoError(t, err)
	return report
}

// regtestBlock solves a block of regtest with these transactions, after giving it the merkle root they have.
func regtestBlock(t testing.TB, txs ...*wire.MsgTx) []byte {
	t.Helper()
	return solveBlock(t, &wire.MsgBlock{
		Header:       wire.BlockHeader{Version: 0x20000000, PrevBlock: chainhash.Hash{1}, Timestamp: time.Unix(1700000000, 0), Bits: 0x207fffff},
		Transactions: txs,
	})
}

func solveBlock(t testing.TB, block *wire.MsgBlock) []byte {
	t.Helper()
	ids := make([]chainhash.Hash, len(block.Transactions))
	for i, tx := range block.Transactions {
		ids[i] = tx.TxHash()
	}
	block.Header.MerkleRoot, _ = work.MerkleRoot(ids)
	var b bytes.Buffer
	require.NoError(t, block.Serialize(&b))
	for raw := b.Bytes(); ; binary.LittleEndian.PutUint32(raw[76:], binary.LittleEndian.Uint32(raw[76:])+1) {
		h := work.ParseHeader((*[80]byte)(raw))
		hash := h.Hash()
		if work.CheckPoW(&h, &hash).Valid() {
			return raw
		}
	}
}

// coinbaseAt returns a coinbase for a height that demands BIP 34.
func coinbaseAt(height byte) *wire.MsgTx {
	tx := wire.NewMsgTx(2)
	tx.AddTxIn(wire.NewTxIn(wire.NewOutPoint(&chainhash.Hash{}, 0xffffffff), []byte{1, height, 0}, nil))
	tx.AddTxOut(wire.NewTxOut(5000000000, []byte{0x51}))
	tx.TxIn[0].Sequence = 0xfffffffe
	tx.LockTime = uint32(height) - 1
	return tx
}

func payment(value int64) *wire.MsgTx {
	tx := wire.NewMsgTx(2)
	tx.AddTxIn(wire.NewTxIn(wire.NewOutPoint(&chainhash.Hash{2}, 3), []byte{0x51}, nil))
	tx.AddTxOut(wire.NewTxOut(value, bytes.Repeat([]byte{0x51}, 30)))
	return tx
}

// witnessed returns a coinbase and a payment with witness, which it commits to.
func witnessed(t testing.TB) (coinbase, pay *wire.MsgTx) {
	t.Helper()
	coinbase, pay = coinbaseAt(100), payment(5)
	pay.TxIn[0].Witness = wire.TxWitness{{1, 2, 3}, {}}
	coinbase.TxIn[0].Witness = wire.TxWitness{bytes.Repeat([]byte{9}, 32)}
	root, _ := work.MerkleRoot([]chainhash.Hash{{}, pay.WitnessHash()})
	coinbase.AddTxOut(wire.NewTxOut(0, work.CommitmentScript(work.WitnessCommitment(root, chainhash.Hash(coinbase.TxIn[0].Witness[0])))))
	return coinbase, pay
}

func TestCheckBlock(t *testing.T) {
	report := check(t, mustHex(block170), work.BlockRules{Network: work.Mainnet, Height: 170})
	require.Equal(t, work.Verdict{}, report.Verdict)
	require.Equal(t, "00000000d1145790a8694403d4063f323d499e655c83426834d4ce2f8dd4a2ee", report.Hash.String())
	require.Equal(t, []int{2, 490, 1960}, []int{report.Transactions, report.Size, report.Weight})
	require.Equal(t, int32(170), report.Height)
	require.Equal(t, int32(-1), check(t, mustHex(block170), work.BlockRules{}).Height, "version 1 says no height")

	report = check(t, mustHex(blockSignet31500), work.BlockRules{Network: work.Signet, Height: -1})
	require.Equal(t, work.Verdict{}, report.Verdict)
	require.Equal(t, int32(31500), report.Height)
	require.Equal(t, 1974, report.Weight)

	report = check(t, mustHex(blockTestnet21066), work.BlockRules{Network: work.Testnet3})
	require.Equal(t, work.Verdict{}, report.Verdict)
	require.Equal(t, int32(21066), report.Height)

	var genesis bytes.Buffer
	require.NoError(t, chaincfg.MainNetParams.GenesisBlock.Serialize(&genesis))
	report = check(t, genesis.Bytes(), work.BlockRules{Network: work.Mainnet, Height: -1, BIP54: true})
	require.Equal(t, work.Verdict{}, report.Verdict)
	require.Zero(t, report.Height)
}

func TestCheckBlockRefuses(t *testing.T) {
	regtest := work.BlockRules{Network: work.Regtest}
	signet := func(change func(b *wire.MsgBlock)) []byte {
		block, err := work.ParseBlock(mustHex(blockSignet31500))
		require.NoError(t, err)
		change(block)
		var b bytes.Buffer
		require.NoError(t, block.Serialize(&b))
		return b.Bytes()
	}
	coinbase, pay := witnessed(t)
	for _, test := range []struct {
		name   string
		reason work.Reason
		raw    []byte
		rules  work.BlockRules
	}{
		{"with witness", "", regtestBlock(t, coinbase, pay), regtest},
		{"nonce", work.ReasonHighHash, signet(func(b *wire.MsgBlock) { b.Header.Nonce++ }), work.BlockRules{}},
		{"bits without a target", work.ReasonBadDiffBits, signet(func(b *wire.MsgBlock) { b.Header.Bits = 0x1d800001 }), work.BlockRules{}},
		{"easier than the network", work.ReasonBadDiffBits, regtestBlock(t, coinbaseAt(100)), work.BlockRules{Network: work.Mainnet, Height: 100}},
		{"merkle root", work.ReasonBadTxnMrklRoot, signet(func(b *wire.MsgBlock) { b.Transactions[1].LockTime++ }), work.BlockRules{}},
		{"transactions swapped", work.ReasonBadTxnMrklRoot, signet(func(b *wire.MsgBlock) {
			b.Transactions[1], b.Transactions[2] = b.Transactions[2], b.Transactions[1]
		}), work.BlockRules{}},
		{"CVE-2012-2459", work.ReasonBadTxnsDuplicate, signet(func(b *wire.MsgBlock) {
			b.Transactions = append(b.Transactions, b.Transactions[2])
		}), work.BlockRules{}},
		{"witness of a transaction", work.ReasonBadWitnessMerkleMatch, signet(func(b *wire.MsgBlock) { b.Transactions[1].TxIn[0].Witness[0][0] ^= 1 }), work.BlockRules{}},
		{"reserved value", work.ReasonBadWitnessMerkleMatch, signet(func(b *wire.MsgBlock) { b.Transactions[0].TxIn[0].Witness[0][5] ^= 1 }), work.BlockRules{}},
		{"reserved value of 31 bytes", work.ReasonBadWitnessNonceSize, signet(func(b *wire.MsgBlock) {
			b.Transactions[0].TxIn[0].Witness = wire.TxWitness{make([]byte, 31)}
		}), work.BlockRules{}},
		{"two reserved values", work.ReasonBadWitnessNonceSize, signet(func(b *wire.MsgBlock) {
			b.Transactions[0].TxIn[0].Witness = wire.TxWitness{make([]byte, 32), {}}
		}), work.BlockRules{}},
		{"no reserved value", work.ReasonBadWitnessNonceSize, signet(func(b *wire.MsgBlock) { b.Transactions[0].TxIn[0].Witness = nil }), work.BlockRules{}},
		{"all witnesses gone, where segwit binds", work.ReasonBadWitnessNonceSize, signet(func(b *wire.MsgBlock) {
			for _, tx := range b.Transactions {
				for _, in := range tx.TxIn {
					in.Witness = nil
				}
			}
		}), work.BlockRules{Network: work.Signet}},
		{"all witnesses gone, network not known", "", signet(func(b *wire.MsgBlock) {
			for _, tx := range b.Transactions {
				for _, in := range tx.TxIn {
					in.Witness = nil
				}
			}
		}), work.BlockRules{}},
		{"witness that nobody committed to", work.ReasonUnexpectedWitness, regtestBlock(t, coinbaseAt(100), pay), regtest},
		{"the last commitment counts", work.ReasonBadWitnessMerkleMatch, func() []byte {
			c := coinbase.Copy()
			c.AddTxOut(wire.NewTxOut(0, work.CommitmentScript(chainhash.Hash{})))
			return regtestBlock(t, c, pay)
		}(), regtest},
		{"an earlier commitment does not", "", func() []byte {
			c := coinbase.Copy()
			c.TxOut = append([]*wire.TxOut{wire.NewTxOut(0, work.CommitmentScript(chainhash.Hash{}))}, c.TxOut...)
			return regtestBlock(t, c, pay)
		}(), regtest},
		{"no transactions", work.ReasonBadBlockLength, regtestBlock(t), regtest},
		{"no coinbase", work.ReasonBadCoinbaseMissing, regtestBlock(t, payment(5)), regtest},
		{"two coinbases", work.ReasonBadCoinbaseMultiple, regtestBlock(t, coinbaseAt(100), coinbaseAt(101)), regtest},
		{"two coinbases, and what a node looks at later", work.ReasonBadCoinbaseMultiple, regtestBlock(t, coinbaseAt(100), payment(-1), coinbaseAt(101)), regtest},
		{"scriptSig of one byte", work.ReasonBadCoinbaseLength, func() []byte {
			c := coinbaseAt(100)
			c.TxIn[0].SignatureScript = []byte{0x51}
			return regtestBlock(t, c)
		}(), regtest},
		{"scriptSig of 101 bytes", work.ReasonBadCoinbaseLength, func() []byte {
			c := coinbaseAt(100)
			c.TxIn[0].SignatureScript = append(c.TxIn[0].SignatureScript, make([]byte, 98)...)
			return regtestBlock(t, c)
		}(), regtest},
		{"scriptSig of 100 bytes", "", func() []byte {
			c := coinbaseAt(100)
			c.TxIn[0].SignatureScript = append(c.TxIn[0].SignatureScript, make([]byte, 97)...)
			return regtestBlock(t, c)
		}(), regtest},
		{"no outputs", work.ReasonBadTxnsVoutEmpty, func() []byte {
			p := payment(5)
			p.TxOut = nil
			return regtestBlock(t, coinbaseAt(100), p)
		}(), regtest},
		{"negative value", work.ReasonBadTxnsVoutNegative, regtestBlock(t, coinbaseAt(100), payment(-1)), regtest},
		{"too much value", work.ReasonBadTxnsVoutTooLarge, regtestBlock(t, coinbaseAt(100), payment(work.MaxMoney+1)), regtest},
		{"too much value together", work.ReasonBadTxnsTotalTooLarge, func() []byte {
			p := payment(work.MaxMoney)
			p.AddTxOut(wire.NewTxOut(1, nil))
			return regtestBlock(t, coinbaseAt(100), p)
		}(), regtest},
		{"one output spent twice", work.ReasonBadTxnsInputsDuplicate, func() []byte {
			p := payment(5)
			p.AddTxIn(p.TxIn[0])
			return regtestBlock(t, coinbaseAt(100), p)
		}(), regtest},
		{"nothing spent", work.ReasonBadTxnsPrevoutNull, func() []byte {
			p := payment(5)
			p.AddTxIn(coinbaseAt(100).TxIn[0])
			return regtestBlock(t, coinbaseAt(100), p)
		}(), regtest},
		{"locked", work.ReasonBadTxnsNonFinal, func() []byte {
			p := payment(5)
			p.LockTime, p.TxIn[0].Sequence = 100, 0
			return regtestBlock(t, coinbaseAt(100), p)
		}(), regtest},
		{"locked until the height before", "", func() []byte {
			p := payment(5)
			p.LockTime, p.TxIn[0].Sequence = 99, 0
			return regtestBlock(t, coinbaseAt(100), p)
		}(), regtest},
		{"locked until a time, which blocks before it would tell", "", func() []byte {
			p := payment(5)
			p.LockTime, p.TxIn[0].Sequence = 500_000_000, 0
			return regtestBlock(t, coinbaseAt(100), p)
		}(), regtest},
		{"no reserved value, height not known", work.ReasonBadWitnessNonceSize, func() []byte {
			c := coinbase.Copy()
			c.TxIn[0].SignatureScript, c.TxIn[0].Witness = []byte{0, 0}, nil
			return regtestBlock(t, c)
		}(), work.BlockRules{Network: private(t, 1, 1)}},
		{"locked but final", "", func() []byte {
			p := payment(5)
			p.LockTime = 100
			return regtestBlock(t, coinbaseAt(100), p)
		}(), regtest},
		{"signature operations", work.ReasonBadBlockSigOps, func() []byte {
			c := coinbaseAt(100)
			c.TxOut[0].PkScript = bytes.Repeat([]byte{0xac}, 20001)
			return regtestBlock(t, c)
		}(), regtest},
		{"signature operations just allowed", "", func() []byte {
			c := coinbaseAt(100)
			c.TxOut[0].PkScript = bytes.Repeat([]byte{0xac}, 20000)
			return regtestBlock(t, c)
		}(), regtest},
		{"a million bytes without witness", work.ReasonBadBlockLength, func() []byte {
			c := coinbaseAt(100)
			c.TxOut[0].PkScript = bytes.Repeat([]byte{0x6a}, 999_900)
			return regtestBlock(t, c)
		}(), regtest},
		{"weight", work.ReasonBadBlockWeight, func() []byte {
			c, p := coinbaseAt(100), payment(5)
			p.TxOut[0].PkScript = bytes.Repeat([]byte{0x6a}, 100_000)
			p.TxIn[0].Witness = wire.TxWitness{make([]byte, 3_600_000)}
			root, _ := work.MerkleRoot([]chainhash.Hash{{}, p.WitnessHash()})
			c.TxIn[0].Witness = wire.TxWitness{make([]byte, 32)}
			c.AddTxOut(wire.NewTxOut(0, work.CommitmentScript(work.WitnessCommitment(root, chainhash.Hash{}))))
			return regtestBlock(t, c, p)
		}(), regtest},
		{"height in the coinbase", work.ReasonBadCoinbaseHeight, mustHex(blockTestnet21066), work.BlockRules{Network: private(t, 1, 1<<30), Height: 21067}},
		{"height in the coinbase is right", "", mustHex(blockTestnet21066), work.BlockRules{Network: private(t, 1, 1<<30), Height: 21066}},
		{"version 1 where 2 is due", work.ReasonBadVersion, mustHex(block170), work.BlockRules{Network: private(t, 170, 1<<30), Height: 170}},
		{"version 1 before", "", mustHex(block170), work.BlockRules{Network: private(t, 171, 1<<30), Height: 170}},
		{"witness before segwit", work.ReasonUnexpectedWitness, mustHex(blockSignet31500), work.BlockRules{Network: private(t, 1, 1<<30), Height: 31500}},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := check(t, test.raw, test.rules).Verdict
			require.Equal(t, test.reason, v.Reason, v.String())
			require.NotContains(t, v.String(), "\n")
		})
	}
}

// private returns a network with the difficulty of regtest on which BIP 34 and segwit bind from their heights on.
func private(t testing.TB, bip34, segwit int32) *work.Network {
	t.Helper()
	params := chaincfg.RegressionNetParams
	params.BIP0034Height, params.BIP0065Height, params.BIP0066Height = bip34, 1<<30, 1<<30
	n, err := work.NewNetwork("private", &params, segwit)
	require.NoError(t, err)
	return n
}

func TestParseBlockRefuses(t *testing.T) {
	raw := mustHex(blockSignet31500)
	for n := range raw {
		_, err := work.ParseBlock(raw[:n])
		require.Error(t, err, "cut to %d bytes", n)
		require.True(t, strings.HasPrefix(err.Error(), "block: "), err.Error())
		_, err = work.CheckBlock(raw[:n], work.BlockRules{})
		require.Error(t, err, "cut to %d bytes", n)
	}
	change := func(at int, with ...byte) []byte {
		b := append([]byte(nil), raw[:at]...)
		b = append(b, with...)
		return append(b, raw[at+1:]...)
	}
	for _, test := range []struct {
		name string
		raw  []byte
		says string
	}{
		{"nothing", nil, "0 bytes: its header alone has 80"},
		{"trailing byte", append(append([]byte(nil), raw...), 0), "1 bytes follow its end at byte 528"},
		{"two blocks", append(append([]byte(nil), raw...), raw...), "528 bytes follow its end at byte 528"},
		{"fewer transactions", change(80, 2), "follow its end"},
		{"more transactions", change(80, 4), "transaction 3 of 4"},
		{"many transactions", change(80, 0xfe, 0xff, 0xff, 0xff, 0xff), "byte 85: cut short: transactions, 4294967295"},
		{"more than there is memory", change(80, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), "cut short: transactions"},
		{"count in a long form", change(80, 0xfd, 3, 0), "shortest form"},
		{"flag", change(86, 3), "flags 03"},
		{"over-long", make([]byte, work.MaxBlockSize+1), "a block has at most 4000000"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := work.ParseBlock(test.raw)
			require.ErrorContains(t, err, test.says)
			require.NotContains(t, err.Error(), "\n")
			_, err = work.CheckBlock(test.raw, work.BlockRules{})
			require.ErrorContains(t, err, test.says)
		})
	}
}

// TestSingleBits flips every bit of a header: no such block is sound.
func TestSingleBits(t *testing.T) {
	for _, text := range []string{block170, blockSignet31500, blockTestnet21066} {
		raw := mustHex(text)
		for i := range 80 * 8 {
			raw[i/8] ^= 1 << (i % 8)
			require.False(t, check(t, raw, work.BlockRules{}).Verdict.Valid(), "bit %d", i)
			raw[i/8] ^= 1 << (i % 8)
		}
	}
}

// TestRealBlocks judges whole real blocks, and compares with btcd what both compute.
func TestRealBlocks(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(realData(t), "blocks", "*.bin"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 25)
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".bin")
		t.Run(name, func(t *testing.T) {
			raw, err := os.ReadFile(file)
			require.NoError(t, err)
			network, number, _ := strings.Cut(name, "-")
			n, err := work.NetworkByName(network)
			require.NoError(t, err)
			height, err := strconv.Atoi(number)
			require.NoError(t, err)
			for _, rules := range []work.BlockRules{{}, {Network: n}, {Network: n, Height: int32(height)}, {Network: n, Height: -1}} {
				report := check(t, raw, rules)
				require.True(t, report.Verdict.Valid(), report.Verdict.String())
				if report.Height >= 0 {
					require.Equal(t, int32(height), report.Height)
				}
			}
			requireSameAsBTCD(t, raw, n)
		})
	}
}

// requireSameAsBTCD compares decoding, ids, roots, branch and weight with btcd's.
func requireSameAsBTCD(t *testing.T, raw []byte, n *work.Network) {
	t.Helper()
	theirs, err := btcutil.NewBlockFromBytes(raw)
	require.NoError(t, err)
	ours, err := work.ParseBlock(raw)
	require.NoError(t, err)
	require.Equal(t, theirs.MsgBlock(), ours)
	var again bytes.Buffer
	require.NoError(t, ours.Serialize(&again))
	require.True(t, bytes.Equal(raw, again.Bytes()))

	report := check(t, raw, work.BlockRules{})
	require.Equal(t, *theirs.Hash(), report.Hash)
	require.Equal(t, int(blockchain.GetBlockWeight(theirs)), report.Weight)
	require.Equal(t, len(ours.Transactions), report.Transactions)
	header := report.Header.Bytes()
	require.Equal(t, raw[:80], header[:])

	ids, wtxids := make([]chainhash.Hash, report.Transactions), make([]chainhash.Hash, report.Transactions)
	for i, tx := range theirs.Transactions() {
		ids[i] = *tx.Hash()
		if i > 0 {
			wtxids[i] = *tx.WitnessHash()
		}
	}
	root, mutated := work.MerkleRoot(ids)
	require.False(t, mutated)
	require.Equal(t, blockchain.CalcMerkleRoot(theirs.Transactions(), false), root)
	require.Equal(t, report.Header.MerkleRoot, root)
	require.Equal(t, root, work.FoldBranch(ids[0], work.MerkleBranch(ids)))
	witnessRoot, _ := work.MerkleRoot(wtxids)
	require.Equal(t, blockchain.CalcMerkleRoot(theirs.Transactions(), true), witnessRoot)
	require.NoError(t, blockchain.CheckBlockSanity(theirs, n.Params.PowLimit, blockchain.NewMedianTime()))

	commitment, found := work.FindCommitment(ours.Transactions[0])
	script, theirsFound := blockchain.ExtractWitnessCommitment(theirs.Transactions()[0])
	require.Equal(t, theirsFound, found)
	if found {
		require.Equal(t, script, commitment[:])
	}
}

// TestRealMerkleRoots folds the branch of the coinbase of every listed real block.
func TestRealMerkleRoots(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(realData(t), "blocks.json"))
	require.NoError(t, err)
	var list []map[string]any
	require.NoError(t, json.Unmarshal(text, &list))
	require.NotEmpty(t, list)
	for _, b := range list {
		header := work.ParseHeader((*[80]byte)(mustHex(b["header_hex"].(string))))
		var branch []chainhash.Hash
		for _, h := range b["merkle_branch"].([]any) {
			branch = append(branch, chainhash.Hash(mustHex(h.(string))))
		}
		id := chainhash.DoubleHashH(mustHex(b["coinbase_hex"].(string)))
		require.Equal(t, header.MerkleRoot, work.FoldBranch(id, branch), "%v", b["height"])
		hash := header.Hash()
		require.Equal(t, b["hash"], hash.String())
	}
}

// TestPoolVectors rebuilds the header of every recorded share that has a coinbase and a branch.
func TestPoolVectors(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(realData(t), "pool-vectors.json"))
	require.NoError(t, err)
	var list struct {
		Vectors []struct {
			Name, Kind, Extranonce1, Extranonce2 string
			Notify                               struct {
				Prevhash, Coinb1, Coinb2, Version, Nbits, Ntime string
				Branch                                          []string `json:"merkle_branch"`
			}
			Submit  struct{ Ntime, Nonce string }
			Derived struct {
				Version string `json:"final_version"`
			}
			Expected struct {
				Header string
				Hash   string `json:"hash_display"`
			}
		}
	}
	require.NoError(t, json.Unmarshal(text, &list))
	tried := 0
	for _, v := range list.Vectors {
		if v.Kind != "stratum_v1_submit" {
			continue
		}
		tried++
		t.Run(v.Name, func(t *testing.T) {
			number := func(s string) uint32 { return binary.BigEndian.Uint32(mustHex(s)) }
			j := &work.Job{ID: v.Name, Version: number(v.Notify.Version), Bits: work.Bits(number(v.Notify.Nbits)),
				CoinbasePrefix: mustHex(v.Notify.Coinb1), CoinbaseSuffix: mustHex(v.Notify.Coinb2),
				Extranonce1Size: len(v.Extranonce1) / 2, Extranonce2Size: len(v.Extranonce2) / 2}
			prev := mustHex(v.Notify.Prevhash)
			for i := 0; i < 32; i += 4 {
				binary.LittleEndian.PutUint32(j.PrevBlock[i:], binary.BigEndian.Uint32(prev[i:]))
			}
			for _, h := range v.Notify.Branch {
				j.Branch = append(j.Branch, chainhash.Hash(mustHex(h)))
			}
			h, err := j.Header(&work.Solution{Extranonce: mustHex(v.Extranonce1 + v.Extranonce2), Version: number(v.Derived.Version), Time: number(v.Submit.Ntime), Nonce: number(v.Submit.Nonce)})
			require.NoError(t, err)
			raw, hash := h.Bytes(), h.Hash()
			require.Equal(t, v.Expected.Header, hex.EncodeToString(raw[:]))
			require.Equal(t, v.Expected.Hash, hash.String())
		})
	}
	require.GreaterOrEqual(t, tried, 4)
}

func fuzzBlocks(f *testing.F) {
	f.Helper()
	for _, text := range []string{block170, blockSignet31500, blockTestnet21066} {
		f.Add(mustHex(text))
	}
	f.Add(make([]byte, 81))
}

func FuzzParseBlock(f *testing.F) {
	fuzzBlocks(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		block, err := work.ParseBlock(raw)
		if err != nil {
			return
		}
		var b bytes.Buffer
		require.NoError(t, block.Serialize(&b))
		require.True(t, bytes.Equal(raw, b.Bytes()), "one encoding for every block")
	})
}

// FuzzCheckBlock gives what it is given the merkle root it has and a target that any hash meets, so that all rules are reached.
func FuzzCheckBlock(f *testing.F) {
	fuzzBlocks(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		_, parseErr := work.ParseBlock(raw)
		for _, r := range []work.BlockRules{{}, {Network: work.Regtest, BIP54: true}, {Network: work.Mainnet, Height: 800000}} {
			_, err := work.CheckBlock(raw, r)
			require.Equal(t, parseErr == nil, err == nil, "ParseBlock and CheckBlock are as strict as each other")
		}
		if parseErr != nil {
			return
		}
		theirs, err := btcutil.NewBlockFromBytes(raw)
		require.NoError(t, err)
		theirs.MsgBlock().Header.Bits = 0x207fffff
		theirs.MsgBlock().Header.Timestamp = time.Unix(1700000000, 0) // btcd reads the clock
		ids := map[chainhash.Hash]bool{}
		for _, tx := range theirs.Transactions() {
			ids[*tx.Hash()] = true
		}
		easy := solveBlock(t, theirs.MsgBlock())
		report := check(t, easy, work.BlockRules{Network: work.Regtest})
		again, err := btcutil.NewBlockFromBytes(easy)
		require.NoError(t, err)
		// btcd looks for equal transactions everywhere, Bitcoin Core leaves that to who spends their inputs.
		if report.Verdict.Valid() && len(ids) == report.Transactions {
			require.NoError(t, blockchain.CheckBlockSanity(again, chaincfg.RegressionNetParams.PowLimit, blockchain.NewMedianTime()))
		}
	})
}
