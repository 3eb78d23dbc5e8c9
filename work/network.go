package work

import (
	"fmt"
	"math"
	"time"

	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
)

// Network is what the rules need to know of a network. NewNetwork makes one from
// btcd's parameters. It is not changed after it is made and is safe to share.
type Network struct {
	// Name is the name that touchstone prints and NetworkByName reads.
	Name string
	// Params are btcd's parameters, for addresses and for btcd's own code.
	Params *chaincfg.Params

	// Genesis is the hash of the block at height 0, in internal order.
	Genesis chainhash.Hash
	// PowLimit is the highest target a block may have, and PowLimitBits its
	// compact form.
	PowLimit     Target
	PowLimitBits Bits

	// Heights of the first block that each rule binds. SegwitHeight is 0 where
	// signalling decides the height (simnet): until then blocks carry no witness.
	BIP34Height  int32 // height in the coinbase, version 2
	BIP66Height  int32 // strict DER signatures, version 3
	BIP65Height  int32 // OP_CHECKLOCKTIMEVERIFY, version 4
	SegwitHeight int32 // BIP 141

	// RetargetInterval is the number of blocks between retargets, and
	// TargetTimespan the seconds they should take.
	RetargetInterval int32
	TargetTimespan   int64
	// RetargetFactor bounds each retarget: by at most this factor up or down.
	RetargetFactor int64
	// MinDifficultySpacing, if not 0, is the 20-minute rule in seconds: a block
	// more than this after its parent must have PowLimitBits.
	MinDifficultySpacing int64
	// NoRetargeting: the difficulty never changes.
	NoRetargeting bool
	// BIP94: retargets start from the nBits of the period's first block, and
	// that block may not be more than 600 s before its parent.
	BIP94 bool
}

// The networks. Regtest and Simnet are private by nature; Signet is the public
// one.
var (
	Mainnet  = mustNetwork("mainnet", &chaincfg.MainNetParams, 481824)
	Testnet3 = mustNetwork("testnet3", &chaincfg.TestNet3Params, 834624)
	Testnet4 = mustNetwork("testnet4", &chaincfg.TestNet4Params, 1)
	Signet   = mustNetwork("signet", &chaincfg.SigNetParams, 1)
	Regtest  = mustNetwork("regtest", &chaincfg.RegressionNetParams, 0)
	Simnet   = mustNetwork("simnet", &chaincfg.SimNetParams, 0)
)

// Networks returns the networks above, in their order. The slice is the caller's.
func Networks() []*Network {
	return []*Network{Mainnet, Testnet3, Testnet4, Signet, Regtest, Simnet}
}

var networkNames = map[string]*Network{
	"mainnet": Mainnet, "main": Mainnet,
	"testnet3": Testnet3, "testnet": Testnet3, "test": Testnet3,
	"testnet4": Testnet4,
	"signet":   Signet,
	"regtest":  Regtest,
	"simnet":   Simnet,
}

// NewNetwork returns the rules of a network with parameters p, which it keeps
// and which must not change any more. Segwit binds from segwitHeight on.
func NewNetwork(name string, p *chaincfg.Params, segwitHeight int32) (*Network, error) {
	limit, err := TargetFromBig(p.PowLimit)
	if err != nil {
		return nil, fmt.Errorf("network %s: proof-of-work limit: %w", name, err)
	}
	spacing := int64(p.TargetTimePerBlock / time.Second)
	timespan := int64(p.TargetTimespan / time.Second)
	if spacing < 1 || timespan < spacing || timespan/spacing > math.MaxInt32 || p.RetargetAdjustmentFactor < 1 {
		return nil, fmt.Errorf("network %s: no retarget period in %v of blocks every %v", name, p.TargetTimespan, p.TargetTimePerBlock)
	}
	n := &Network{
		Name:             name,
		Params:           p,
		Genesis:          *p.GenesisHash,
		PowLimit:         limit,
		PowLimitBits:     Bits(p.PowLimitBits),
		BIP34Height:      p.BIP0034Height,
		BIP66Height:      p.BIP0066Height,
		BIP65Height:      p.BIP0065Height,
		SegwitHeight:     segwitHeight,
		RetargetInterval: int32(timespan / spacing),
		TargetTimespan:   timespan,
		RetargetFactor:   p.RetargetAdjustmentFactor,
		NoRetargeting:    p.PoWNoRetargeting,
		BIP94:            p.EnforceBIP94,
	}
	if p.ReduceMinDifficulty {
		n.MinDifficultySpacing = int64(p.MinDiffReductionTime / time.Second)
	}
	return n, nil
}

func mustNetwork(name string, p *chaincfg.Params, segwitHeight int32) *Network {
	n, err := NewNetwork(name, p, segwitHeight)
	if err != nil {
		panic(err)
	}
	return n
}

// NetworkByName returns the network called name: mainnet (main), testnet3
// (testnet, test), testnet4, signet, regtest or simnet, in lower case.
func NetworkByName(name string) (*Network, error) {
	if n, ok := networkNames[name]; ok {
		return n, nil
	}
	return nil, fmt.Errorf("network %s: want mainnet, testnet3, testnet4, signet, regtest or simnet", quote(name))
}

// NetworkByChain returns the network of a node that answers getblockchaininfo
// with chain: Bitcoin Core says main and test, btcd mainnet and testnet3.
func NetworkByChain(chain string) (*Network, error) {
	if n, ok := networkNames[chain]; ok {
		return n, nil
	}
	return nil, fmt.Errorf("chain %s: not a known network", quote(chain))
}

// String returns the network's name.
func (n *Network) String() string { return n.Name }
