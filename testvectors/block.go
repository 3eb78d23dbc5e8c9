package testvectors

import (
	"crypto/sha256"
	"slices"
	"sync"
)

// Block is a real block, or one broken in one way.
//
// Every valid block has a header, coinbase and branch. A broken one has either
// the same, or only Raw: then Header is its first 80 bytes and the rest is nil.
type Block struct {
	Name    string
	Network string // mainnet, testnet3, testnet4, signet
	Height  int32
	Hash    [32]byte // of Header, internal order
	Header  [80]byte
	Count   int // transactions in the block; 0 where Raw alone is given

	Coinbase        []byte     // without witness: its SHA-256d is the txid
	CoinbaseWitness []byte     // the whole transaction with witness; nil if it has none
	Branch          [][32]byte // path of the coinbase to the merkle root, lowest first, internal order

	// WitnessBranch is the path of the coinbase's leaf, which is zero, to the
	// witness root (BIP 141); nil where not listed. Internal order.
	WitnessBranch [][32]byte
	Txids, Wtxids [][32]byte // of all transactions, internal order; nil if not listed; Wtxids[0] is zero
	Raw           []byte     // the whole block; nil if not embedded

	Base    string // the valid vector that was broken; "" if Expect is Valid
	Altered string // what was changed; "" if Expect is Valid

	Expect, Reason, Source, Comment string
}

var blocks = sync.OnceValue(func() []Block { return decodeAll("block", decodeBlock) })
var invalidBlocks = sync.OnceValue(func() []Block { return decodeAll("block-invalid", decodeBlock) })

// Blocks returns real, valid blocks of all eras, ordered by name.
func Blocks() []Block { return cloneBlocks(blocks()) }

// InvalidBlocks returns blocks made from those of Blocks by changing one thing.
// The order is that of names.
func InvalidBlocks() []Block { return cloneBlocks(invalidBlocks()) }

func decodeBlock(d *decoder) Block {
	b := Block{
		Name: d.v.Name, Source: d.v.Source, Comment: d.v.Comment, Expect: d.v.Expect, Reason: d.v.Reason,
		Network:         d.network(),
		Height:          int32(d.number("height", 32, -1)),
		Count:           int(d.number("transactions", 32, 0)),
		Coinbase:        d.bytes("coinbase"),
		CoinbaseWitness: d.bytes("coinbase-witness"),
		Branch:          d.hashes("branch", false),
		WitnessBranch:   d.hashes("witness-branch", false),
		Txids:           d.hashes("txid", true),
		Wtxids:          d.hashes("wtxid", true),
		Raw:             d.bytes("raw"),
		Base:            d.text("base"),
		Altered:         d.text("altered"),
	}
	if b.Height < 0 {
		d.fail("key %q is missing", "height")
	}
	if s := d.text("header"); s != "" {
		b.Header = d.header(s)
	} else if copy(b.Header[:], b.Raw) < 80 {
		d.fail("neither header nor raw block")
	}
	first := sha256.Sum256(b.Header[:])
	b.Hash = sha256.Sum256(first[:])
	if s := d.text("hash"); s != "" && d.hash("hash", s) != b.Hash {
		d.fail("hash is not that of the header")
	}
	broken := b.Expect == Invalid
	if (b.Base != "") != broken || (b.Altered != "") != broken {
		d.fail("base and altered belong to invalid blocks, and only to them")
	}
	if b.Coinbase == nil && (b.Raw == nil || !broken) {
		d.fail("key %q is missing", "coinbase")
	}
	return b
}

func cloneBlocks(from []Block) []Block {
	all := slices.Clone(from)
	for i := range all {
		b := &all[i]
		b.Coinbase = slices.Clone(b.Coinbase)
		b.CoinbaseWitness = slices.Clone(b.CoinbaseWitness)
		b.Branch = slices.Clone(b.Branch)
		b.WitnessBranch = slices.Clone(b.WitnessBranch)
		b.Txids = slices.Clone(b.Txids)
		b.Wtxids = slices.Clone(b.Wtxids)
		b.Raw = slices.Clone(b.Raw)
	}
	return all
}
