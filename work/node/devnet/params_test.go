package devnet

import (
	"context"
	"math/big"
	"strconv"
	"testing"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/stretchr/testify/require"
)

func TestGenesis(t *testing.T) {
	p := Params()
	block := btcutil.NewBlock(p.GenesisBlock)
	require.Equal(t, "000000513d1022a048e364e07993f88aa3f143e8069aaae0c256eea28ac05d29", p.GenesisHash.String())
	require.Equal(t, p.GenesisHash, block.Hash())
	require.NoError(t, blockchain.CheckProofOfWork(block, p.PowLimit))
	require.NoError(t, blockchain.CheckBlockSanity(block, p.PowLimit, blockchain.NewMedianTime()))
	require.Contains(t, string(p.GenesisBlock.Transactions[0].TxIn[0].SignatureScript), "touchstone-devnet")
}

func TestParamsAreConsistent(t *testing.T) {
	p := Params()
	require.Equal(t, p.PowLimitBits, blockchain.BigToCompact(p.PowLimit))
	start := blockchain.CompactToBig(p.GenesisBlock.Header.Bits)
	require.Negative(t, start.Cmp(p.PowLimit), "the difficulty must be able to fall")
	expected := new(big.Int).Div(new(big.Int).Lsh(big.NewInt(1), 256), start)
	require.Equal(t, 24, expected.BitLen()-1, "a block should cost about 2^24 hashes at first")
	require.EqualValues(t, retargetWindow, p.TargetTimespan/p.TargetTimePerBlock)
	require.NotSame(t, p, Params())
	require.NotSame(t, p.GenesisBlock, Params().GenesisBlock)
}

// An address or a message of another network must never pass for one of this.
func TestParamsAreOurs(t *testing.T) {
	p := Params()
	for _, o := range []chaincfg.Params{
		chaincfg.MainNetParams, chaincfg.TestNet3Params, chaincfg.TestNet4Params,
		chaincfg.RegressionNetParams, chaincfg.SimNetParams, chaincfg.SigNetParams,
	} {
		require.NotEqual(t, o.Name, p.Name)
		require.NotEqual(t, o.Net, p.Net, o.Name)
		require.NotEqual(t, o.GenesisHash, p.GenesisHash, o.Name)
		require.NotEqual(t, o.DefaultPort, p.DefaultPort, o.Name)
		require.NotEqual(t, o.Bech32HRPSegwit, p.Bech32HRPSegwit, o.Name)
		require.NotEqual(t, o.PrivateKeyID, p.PrivateKeyID, o.Name)
		require.NotEqual(t, o.HDPrivateKeyID, p.HDPrivateKeyID, o.Name)
		require.NotEqual(t, o.HDPublicKeyID, p.HDPublicKeyID, o.Name)
		for _, id := range []byte{o.PubKeyHashAddrID, o.ScriptHashAddrID} {
			require.NotEqual(t, id, p.PubKeyHashAddrID, o.Name)
			require.NotEqual(t, id, p.ScriptHashAddrID, o.Name)
		}
	}
}

func TestAddressesDecode(t *testing.T) {
	p := Params()
	hash := make([]byte, 32)
	pkh, err := address.NewAddressPubKeyHash(hash[:20], p)
	require.NoError(t, err)
	sh, err := address.NewAddressScriptHashFromHash(hash[:20], p)
	require.NoError(t, err)
	wpkh, err := address.NewAddressWitnessPubKeyHash(hash[:20], p)
	require.NoError(t, err)
	tr, err := address.NewAddressTaproot(hash, p)
	require.NoError(t, err)
	for _, a := range []address.Address{pkh, sh, wpkh, tr} {
		t.Log(a.EncodeAddress())
		back, err := address.DecodeAddress(a.EncodeAddress(), p)
		require.NoError(t, err)
		require.True(t, back.IsForNet(p))
		require.False(t, back.IsForNet(&chaincfg.MainNetParams))
		want, err := txscript.PayToAddrScript(a)
		require.NoError(t, err)
		script, err := txscript.PayToAddrScript(back)
		require.NoError(t, err)
		require.Equal(t, want, script)
	}
	require.Equal(t, "T", pkh.EncodeAddress()[:1])
	require.Equal(t, "d", sh.EncodeAddress()[:1])
	require.Equal(t, "tsd1q", wpkh.EncodeAddress()[:5])
	require.Equal(t, "tsd1p", tr.EncodeAddress()[:5])
}

// TestRetarget mines three windows: the first, which the genesis block's old time
// makes look slow, a fast one and a slow one.
func TestRetarget(t *testing.T) {
	p := easyParams()
	p.PoWNoRetargeting = false
	clock := newSlowClock()
	c, err := Open(t.TempDir(), Options{Params: p, Now: clock.now})
	require.NoError(t, err)
	defer c.Close()
	limit := blockchain.CompactToBig(p.PowLimitBits)
	target := func() *big.Int {
		bits, err := strconv.ParseUint(getJob(t, c).Bits, 16, 32)
		require.NoError(t, err)
		return blockchain.CompactToBig(uint32(bits))
	}
	mine := func(blocks int, seconds int64) {
		for range blocks {
			clock.seconds.Add(seconds)
			mineBlocks(t, c, 1)
		}
	}
	mine(retargetWindow-1, 1)
	require.Equal(t, limit, target(), "no easier than the limit")
	mine(retargetWindow-1, 1)
	require.Equal(t, limit, target(), "unchanged within a window")
	mine(1, 1)
	// 19 steps of 1 s where 60 s were due.
	third := new(big.Int).Div(new(big.Int).Mul(limit, big.NewInt(19)), big.NewInt(60))
	third = blockchain.CompactToBig(blockchain.BigToCompact(third))
	require.Equal(t, third, target())
	mine(retargetWindow, 2)
	easier := new(big.Int).Div(new(big.Int).Mul(third, big.NewInt(38)), big.NewInt(60))
	easier = blockchain.CompactToBig(blockchain.BigToCompact(easier))
	require.Equal(t, easier, target())
	mine(2*retargetWindow, 100)
	require.Equal(t, limit, target(), "back to the limit")
	name, err := c.Chain(context.Background())
	require.NoError(t, err)
	require.Equal(t, p.Name, name)
}
