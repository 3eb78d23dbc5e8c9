package devnet

import (
	"math/big"
	"time"

	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"
)

// Name is the network's name, as Chain.Chain returns it and Params carries it.
const Name = "touchstone-devnet"

// Difficulty. A hash that meets genesisBits is found once in 2^24 tries, 2.8 s at
// 6 million hashes a second. The limit is 256 times easier, so that a machine with
// 20,000 hashes a second still gets its block every few seconds once the
// difficulty has come down to it.
const (
	genesisBits  = 0x1e00ffff
	powLimitBits = 0x1f00ffff
)

// Retargeting: every 20 blocks, towards one block in 3 s, by at most a factor of 4
// at a time, as on Bitcoin's own network. The window is short because the speed of
// machines differs ten thousandfold: one that is 100 times too fast for the first
// difficulty comes to its pace after some 120 blocks, within a minute, and one that
// is 6 times too slow after 20 blocks, within six. The price of a short window is
// that the difficulty wanders by about a quarter. On the average a block takes
// 3.3 s, since 20 blocks have only 19 steps between them.
//
// The first window begins at the genesis block, whose time lies far in the past, and
// a window in which nobody mined for a while looks slow as well: the next one is up
// to four times easier, and the one after it right again.
const (
	blockSpacing   = 3 * time.Second
	retargetWindow = 20
	retargetFactor = 4
)

func init() {
	// Makes addresses of this network readable by btcd's address package, whose
	// tables may only be written before anything reads them. It fails only if
	// another network uses our magic.
	if err := chaincfg.Register(Params()); err != nil {
		panic("devnet: registering the network: " + err.Error())
	}
}

// Params returns the network's parameters: a new value at each call, since btcd
// writes into them when a chain is opened. BIPs 34, 65 and 66, CSV, segwit and
// taproot hold from the first block.
func Params() *chaincfg.Params {
	genesis := genesisBlock()
	hash := genesis.BlockHash()
	return &chaincfg.Params{
		Name:         Name,
		Net:          wire.BitcoinNet(0xe7d473f4),
		DefaultPort:  "28555",
		GenesisBlock: genesis,
		GenesisHash:  &hash,
		// 2^240 - 1, of which powLimitBits is the compact form.
		PowLimit:      new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 240), big.NewInt(1)),
		PowLimitBits:  powLimitBits,
		BIP0034Height: 1,
		BIP0065Height: 1,
		BIP0066Height: 1,

		CoinbaseMaturity:         100,
		SubsidyReductionInterval: 210_000,
		TargetTimespan:           retargetWindow * blockSpacing,
		TargetTimePerBlock:       blockSpacing,
		RetargetAdjustmentFactor: retargetFactor,
		GenerateSupported:        true,

		// Nothing is voted on. btcd remembers 29 numbers per window, so a long one.
		RuleChangeActivationThreshold: 1916,
		MinerConfirmationWindow:       2016,
		Deployments:                   deployments(),

		RelayNonStdTxs:  true,
		Bech32HRPSegwit: "tsd",

		PubKeyHashAddrID:        0x41, // addresses begin with T
		ScriptHashAddrID:        0x5a, // with d
		PrivateKeyID:            0xc3,
		WitnessPubKeyHashAddrID: 0x5c,
		WitnessScriptHashAddrID: 0x5e,
		HDPrivateKeyID:          [4]byte{0x04, 0x6d, 0x1b, 0x10},
		HDPublicKeyID:           [4]byte{0x04, 0x6d, 0x1b, 0x4e},
		HDCoinType:              1,
	}
}

// deployments makes every rule change hold from height 1. That leaves nothing to
// signal, so the version of every template is 20000000.
func deployments() (d [chaincfg.DefinedDeployments]chaincfg.ConsensusDeployment) {
	bits := [chaincfg.DefinedDeployments]uint8{
		chaincfg.DeploymentTestDummy:              28,
		chaincfg.DeploymentTestDummyMinActivation: 22,
		chaincfg.DeploymentTestDummyAlwaysActive:  27,
		chaincfg.DeploymentCSV:                    0,
		chaincfg.DeploymentSegwit:                 1,
		chaincfg.DeploymentTaproot:                2,
	}
	for i := range d {
		d[i] = chaincfg.ConsensusDeployment{
			BitNumber:          bits[i],
			AlwaysActiveHeight: 1,
			DeploymentStarter:  chaincfg.NewMedianTimeDeploymentStarter(time.Time{}),
			DeploymentEnder:    chaincfg.NewMedianTimeDeploymentEnder(time.Time{}),
		}
	}
	return d
}

// genesisMessage stands in the coinbase of the first block.
const genesisMessage = "touchstone-devnet: gold is tried by the stone, work by arithmetic"

// genesisTime is 2026-01-03 18:15:05 UTC, 17 years after Bitcoin's first block.
const genesisTime = 1767464105

// genesisNonce was searched for once; it makes the block meet genesisBits.
const genesisNonce = 5059444

// genesisBlock returns the block at height 0. Its one output holds nothing and can
// be spent by nobody.
func genesisBlock() *wire.MsgBlock {
	const opReturn = 0x6a
	script := append([]byte{byte(len(genesisMessage))}, genesisMessage...)
	coinbase := &wire.MsgTx{
		Version: 1,
		TxIn: []*wire.TxIn{{
			PreviousOutPoint: wire.OutPoint{Index: wire.MaxPrevOutIndex},
			SignatureScript:  script,
			Sequence:         wire.MaxTxInSequenceNum,
		}},
		TxOut: []*wire.TxOut{{PkScript: []byte{opReturn}}},
	}
	return &wire.MsgBlock{
		Header: wire.BlockHeader{
			Version:    1,
			PrevBlock:  chainhash.Hash{},
			MerkleRoot: coinbase.TxHash(),
			Timestamp:  time.Unix(genesisTime, 0),
			Bits:       genesisBits,
			Nonce:      genesisNonce,
		},
		Transactions: []*wire.MsgTx{coinbase},
	}
}
