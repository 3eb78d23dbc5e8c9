package testvectors

import (
	"bytes"
	"math/bits"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// segwitFrom is the height at which BIP 141 came into force.
var segwitFrom = map[string]int32{"mainnet": 481824, "testnet3": 834624, "testnet4": 1, "signet": 1}

func judge(b *Block) string { return judgeBlock(b, b.Height >= segwitFrom[b.Network]) }

func TestBlocks(t *testing.T) {
	all := Blocks()
	require.GreaterOrEqual(t, len(all), 64)
	seen := make(map[[32]byte]bool)
	var raw, odd, rolled, committed, listed int
	networks := make(map[string]int)
	for _, b := range all {
		t.Run(b.Name, func(t *testing.T) {
			require.Equal(t, Valid, b.Expect)
			require.False(t, seen[b.Hash])
			seen[b.Hash] = true
			require.Empty(t, judge(&b))
			headerForm := b
			headerForm.Raw = nil
			require.Empty(t, judge(&headerForm))
			require.Positive(t, b.Count)
			require.Equal(t, bits.Len(uint(b.Count-1)), len(b.Branch))
			checkLists(t, &b)
		})
		networks[b.Network]++
		raw += count(b.Raw != nil)
		odd += count(b.Count%2 == 1 && b.Count > 1)
		rolled += count(field(b.Header, 0)&0x1fffe000 != 0)
		committed += count(b.WitnessBranch != nil)
		listed += count(b.Txids != nil)
	}
	require.GreaterOrEqual(t, raw, 30)
	require.GreaterOrEqual(t, odd, 10)
	require.GreaterOrEqual(t, rolled, 5)
	require.GreaterOrEqual(t, committed, 6)
	require.GreaterOrEqual(t, listed, 40)
	require.Len(t, networks, 4)
	t.Logf("%d blocks: %v, %d raw, %d with lists, %d with a witness branch", len(all), networks, raw, listed, committed)
}

// checkLists compares header, coinbase, branches, lists and raw block.
func checkLists(t *testing.T, b *Block) {
	root := [32]byte(b.Header[36:])
	if b.Txids != nil {
		require.Len(t, b.Txids, b.Count)
		require.Equal(t, sum256d(b.Coinbase), b.Txids[0])
		got, repeated := merkle(b.Txids)
		require.Equal(t, root, got)
		require.False(t, repeated)
	}
	if b.Wtxids != nil {
		require.Len(t, b.Wtxids, b.Count)
		require.Equal(t, [32]byte{}, b.Wtxids[0])
		top, _ := merkle(b.Wtxids)
		require.Equal(t, top, foldLeft([32]byte{}, b.WitnessBranch))
	}
	if b.Raw == nil {
		return
	}
	require.Equal(t, b.Header[:], b.Raw[:80])
	txs, err := decodeTransactions(b.Raw)
	require.NoError(t, err)
	require.Len(t, txs, b.Count)
	require.Equal(t, b.Coinbase, txs[0].stripped)
	for i := range txs {
		require.Equal(t, b.Txids[i], txs[i].txid)
		if i > 0 && b.Wtxids != nil {
			require.Equal(t, b.Wtxids[i], txs[i].wtxid)
		}
	}
}

func TestInvalidBlocks(t *testing.T) {
	base := make(map[string]Block)
	for _, b := range Blocks() {
		base[b.Name] = b
	}
	reasons := make(map[string]int)
	kinds := make(map[string][]string)
	for _, b := range InvalidBlocks() {
		t.Run(b.Name, func(t *testing.T) {
			require.Equal(t, Invalid, b.Expect)
			from, ok := base[b.Base]
			require.True(t, ok, b.Base)
			require.Equal(t, from.Height, b.Height)
			require.Equal(t, from.Network, b.Network)
			segwit := b.Height >= segwitFrom[b.Network]
			require.Equal(t, b.Reason, judgeBlock(&b, segwit))
			kind := strings.TrimPrefix(strings.TrimPrefix(b.Name, "block-invalid/"), strings.TrimPrefix(from.Name, "block/")+"-")
			checkAltered(t, kind, &from, &b)
			kinds[b.Base] = append(kinds[b.Base], kind)
		})
		reasons[b.Reason]++
	}
	t.Log(reasons)
	for _, reason := range []string{
		"high-hash", "bad-txnmrklroot", "bad-txns-duplicate", "bad-witness-merkle-match", "bad-witness-nonce-size",
		"unexpected-witness", Malformed,
	} {
		require.Positive(t, reasons[reason], reason)
	}
	for name, b := range base {
		require.Contains(t, kinds[name], "nonce", name)
		if b.Network != "signet" { // there the signature of the block would fail first
			require.Contains(t, kinds[name], "coinbase", name)
		}
		if len(b.Branch) > 0 {
			require.Contains(t, kinds[name], "branch", name)
		}
		if b.Raw != nil && b.Count&(b.Count-1) != 0 {
			require.Contains(t, kinds[name], "duplicate", name)
		}
		if b.Raw != nil && len(b.Raw) <= 7000 {
			for _, kind := range []string{"truncated", "trailing", "long-count", "header-merkle-root"} {
				require.Contains(t, kinds[name], kind, name)
			}
		}
	}
}

// checkAltered proves that b differs from its base in nothing but what it says.
func checkAltered(t *testing.T, kind string, from, b *Block) {
	if b.Raw == nil {
		checkAlteredParts(t, kind, from, b)
		return
	}
	was, is := from.Raw, b.Raw
	require.NotNil(t, was)
	n := len(was)
	switch kind {
	case "nonce", "header-merkle-root", "coinbase", "transaction", "commitment", "reserved", "witness":
		require.Len(t, is, n)
		require.Equal(t, 1, differing(was, is))
	case "order":
		require.Len(t, is, n)
		txs, err := decodeTransactions(is)
		require.NoError(t, err)
		require.Equal(t, from.Txids[1], txs[2].txid)
		require.Equal(t, from.Txids[2], txs[1].txid)
	case "duplicate":
		require.Equal(t, was[:80], is[:80])
		require.Equal(t, was[81:], is[81:n])
		require.True(t, bytes.HasSuffix(was, is[n:]))
	case "truncated":
		require.Equal(t, was[:n-1], is)
	case "trailing":
		require.Equal(t, append(slices.Clone(was), 0), is)
	case "long-count":
		require.Equal(t, slices.Concat(was[:80], []byte{0xfd, was[80], 0}, was[81:]), is)
	case "reserved-short", "no-coinbase-witness", "witness-removed", "reserved-two", "unexpected-witness":
		txs, err := decodeTransactions(is)
		require.NoError(t, err)
		changed := 0
		for i := range txs {
			require.Equal(t, from.Txids[i], txs[i].txid)
			old, err := decodeTransactions(was)
			require.NoError(t, err)
			changed += count(old[i].wtxid != txs[i].wtxid)
		}
		require.Equal(t, 1, changed)
	default:
		require.Fail(t, "unknown kind", kind)
	}
}

func checkAlteredParts(t *testing.T, kind string, from, b *Block) {
	header := from.Header != b.Header
	coinbase := !bytes.Equal(from.Coinbase, b.Coinbase)
	witness := !bytes.Equal(from.CoinbaseWitness, b.CoinbaseWitness)
	branch := !slices.Equal(from.Branch, b.Branch)
	witnessBranch := b.WitnessBranch != nil && !slices.Equal(from.WitnessBranch, b.WitnessBranch)
	got := [5]bool{header, coinbase, witness, branch, witnessBranch}
	switch kind {
	case "nonce":
		require.Equal(t, [5]bool{0: true}, got)
		require.Equal(t, from.Header[:76], b.Header[:76])
		require.Equal(t, field(from.Header, 76)+1, field(b.Header, 76))
	case "header-merkle-root":
		require.Equal(t, [5]bool{0: true}, got)
		require.Equal(t, 1, differing(from.Header[:], b.Header[:]))
	case "coinbase", "commitment":
		require.Equal(t, [5]bool{1: true, 2: from.CoinbaseWitness != nil}, got)
		require.Equal(t, 1, differing(from.Coinbase, b.Coinbase))
	case "reserved", "reserved-short", "reserved-two":
		require.Equal(t, [5]bool{2: true}, got)
	case "branch":
		require.Equal(t, [5]bool{3: true}, got)
	case "witness-branch":
		require.Equal(t, [5]bool{4: true}, got)
	default:
		require.Fail(t, "unknown kind", kind)
	}
}

func differing(a, b []byte) int {
	n := count(len(a) != len(b))
	for i := range min(len(a), len(b)) {
		n += count(a[i] != b[i])
	}
	return n
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestBlocksAreTheCallers(t *testing.T) {
	const raw = "block/mainnet-170"
	find := func() *Block {
		for _, b := range Blocks() {
			if b.Name == raw {
				return &b
			}
		}
		return nil
	}
	b := find()
	require.NotNil(t, b)
	b.Raw[0] ^= 1
	b.Coinbase[0] ^= 1
	b.Branch[0][0] ^= 1
	b.Txids[0][0] ^= 1
	require.Empty(t, judge(find()))
	require.NotEqual(t, b.Txids[0], find().Txids[0])
}
