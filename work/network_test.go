package work

import (
	"math/big"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/stretchr/testify/require"
)

// TestNetworks restates the parameters, so that a change in a dependency cannot
// change the rules unseen.
func TestNetworks(t *testing.T) {
	const (
		mainLimit    = "00000000ffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		signetLimit  = "00000377ae000000000000000000000000000000000000000000000000000000"
		regtestLimit = "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
	)
	for _, c := range []struct {
		n                           *Network
		genesis, limit              string
		bits                        Bits
		bip34, bip66, bip65, segwit int32
		minDifficulty               int64
		noRetargeting, bip94        bool
	}{
		{Mainnet, "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f", mainLimit, 0x1d00ffff, 227931, 363725, 388381, 481824, 0, false, false},
		{Testnet3, "000000000933ea01ad0ee984209779baaec3ced90fa3f408719526f8d77f4943", mainLimit, 0x1d00ffff, 21111, 330776, 581885, 834624, 1200, false, false},
		{Testnet4, "00000000da84f2bafbbc53dee25a72ae507ff4914b867c565be350b0da8bf043", mainLimit, 0x1d00ffff, 1, 1, 1, 1, 1200, false, true},
		{Signet, "00000008819873e925422c1ff0f99f7cc9bbb232af63a077a480a3633bee1ef6", signetLimit, 0x1e0377ae, 1, 1, 1, 1, 0, false, false},
		{Regtest, "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206", regtestLimit, 0x207fffff, 1, 1, 1, 0, 1200, true, false},
		{Simnet, "683e86bd5c6d110d91b94b97137ba6bfe02dbbdb8e3dff722a669b5d69d77af6", regtestLimit, 0x207fffff, 0, 0, 0, 0, 1200, false, false},
	} {
		t.Run(c.n.Name, func(t *testing.T) {
			require.Equal(t, c.genesis, c.n.Genesis.String())
			require.Equal(t, c.limit, c.n.PowLimit.String())
			require.Equal(t, c.bits, c.n.PowLimitBits)
			require.Equal(t, c.bits, c.n.PowLimit.Bits())
			require.Equal(t, []int32{c.bip34, c.bip66, c.bip65, c.segwit}, []int32{c.n.BIP34Height, c.n.BIP66Height, c.n.BIP65Height, c.n.SegwitHeight})
			require.Equal(t, int32(2016), c.n.RetargetInterval)
			require.Equal(t, int64(14*24*3600), c.n.TargetTimespan)
			require.Equal(t, int64(4), c.n.RetargetFactor)
			require.Equal(t, c.minDifficulty, c.n.MinDifficultySpacing)
			require.Equal(t, c.noRetargeting, c.n.NoRetargeting)
			require.Equal(t, c.bip94, c.n.BIP94)

			byName, err := NetworkByName(c.n.String())
			require.NoError(t, err)
			require.Same(t, c.n, byName)
		})
	}
}

func TestNetworkNames(t *testing.T) {
	for name, want := range map[string]*Network{"main": Mainnet, "mainnet": Mainnet, "test": Testnet3, "testnet": Testnet3, "testnet3": Testnet3, "testnet4": Testnet4, "signet": Signet, "regtest": Regtest, "simnet": Simnet} {
		n, err := NetworkByName(name)
		require.NoError(t, err)
		require.Same(t, want, n)
		n, err = NetworkByChain(name)
		require.NoError(t, err)
		require.Same(t, want, n)
	}
	for _, name := range []string{"", "bitcoin", "mainnet ", "testnet5", "Mainnet"} {
		_, err := NetworkByName(name)
		require.ErrorContains(t, err, quote(name))
		_, err = NetworkByChain(name)
		require.ErrorContains(t, err, quote(name))
	}
}

func TestNewNetworkRefuses(t *testing.T) {
	for _, change := range []func(*chaincfg.Params){
		func(p *chaincfg.Params) { p.TargetTimePerBlock = 0 },
		func(p *chaincfg.Params) { p.TargetTimePerBlock = time.Millisecond },
		func(p *chaincfg.Params) { p.TargetTimespan = time.Minute },
		func(p *chaincfg.Params) { p.RetargetAdjustmentFactor = 0 },
		func(p *chaincfg.Params) { p.PowLimit = new(big.Int).Lsh(Mainnet.PowLimit.Big(), 100) },
	} {
		p := chaincfg.SimNetParams
		change(&p)
		_, err := NewNetwork("private", &p, 0)
		require.ErrorContains(t, err, "private")
	}
}
