package work

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"
	"github.com/stretchr/testify/require"
)

// btcdChain keeps what btcd's header rules ask for: the whole chain.
type btcdChain struct {
	params  *chaincfg.Params
	headers []Header // index is height
}

func (b *btcdChain) ChainParams() *chaincfg.Params { return b.params }
func (b *btcdChain) BlocksPerRetarget() int32 {
	return int32(b.params.TargetTimespan / b.params.TargetTimePerBlock)
}
func (b *btcdChain) MinRetargetTimespan() int64 {
	return int64(b.params.TargetTimespan/time.Second) / b.params.RetargetAdjustmentFactor
}
func (b *btcdChain) MaxRetargetTimespan() int64 {
	return int64(b.params.TargetTimespan/time.Second) * b.params.RetargetAdjustmentFactor
}
func (b *btcdChain) VerifyCheckpoint(int32, *chainhash.Hash) bool          { return true }
func (b *btcdChain) FindPreviousCheckpoint() (blockchain.HeaderCtx, error) { return nil, nil }

// judge returns the reason for which btcd refuses h as the next header, in our
// words.
func (b *btcdChain) judge(t *testing.T, h *Header) Reason {
	prev := btcdHeader{b, len(b.headers) - 1}
	err := blockchain.CheckBlockHeaderContext(&wire.BlockHeader{
		Version:   int32(h.Version),
		Timestamp: time.Unix(int64(h.Time), 0),
		Bits:      uint32(h.Bits),
	}, prev, blockchain.BFNone, b, true)
	if err == nil {
		return ""
	}
	var rule blockchain.RuleError
	require.True(t, errors.As(err, &rule), err)
	switch rule.ErrorCode {
	case blockchain.ErrUnexpectedDifficulty:
		return ReasonBadDiffBits
	case blockchain.ErrTimeTooOld:
		return ReasonTimeTooOld
	case blockchain.ErrTimewarpAttack:
		return ReasonTimewarp
	case blockchain.ErrBlockVersionTooOld:
		return ReasonBadVersion
	}
	require.NoError(t, err)
	return ""
}

type btcdHeader struct {
	chain  *btcdChain
	height int
}

func (h btcdHeader) Height() int32                { return int32(h.height) }
func (h btcdHeader) Bits() uint32                 { return uint32(h.chain.headers[h.height].Bits) }
func (h btcdHeader) Timestamp() int64             { return int64(h.chain.headers[h.height].Time) }
func (h btcdHeader) Parent() blockchain.HeaderCtx { return h.RelativeAncestorCtx(1) }
func (h btcdHeader) RelativeAncestorCtx(distance int32) blockchain.HeaderCtx {
	if int(distance) > h.height {
		return nil
	}
	return btcdHeader{h.chain, h.height - int(distance)}
}

// TestChainAgainstBtcd grows random chains on every kind of network and holds
// each verdict to that of btcd's rules, which walk back through whole chains.
// Periods are short, so that there are many.
func TestChainAgainstBtcd(t *testing.T) {
	for i, base := range Networks() {
		t.Run(base.Name, func(t *testing.T) {
			for _, interval := range []int{2, 5, 12, 50} {
				for seed := range uint64(4) {
					params := *base.Params
					params.TargetTimespan = time.Duration(interval) * params.TargetTimePerBlock
					// Heights within reach, so that each rule has its turn.
					if base == Mainnet || base == Testnet3 {
						params.BIP0034Height, params.BIP0066Height, params.BIP0065Height = 50, 100, 200
					}
					n, err := NewNetwork(fmt.Sprintf("%s every %d", base, interval), &params, 0)
					require.NoError(t, err)
					growAgainstBtcd(t, n, rand.New(rand.NewPCG(uint64(i), uint64(interval)<<8|seed)))
				}
			}
		})
	}
}

func growAgainstBtcd(t *testing.T, n *Network, r *rand.Rand) {
	s := newSynthetic(t, ChainRules{Network: n})
	s.genesis()
	theirs := &btcdChain{params: n.Params, headers: []Header{s.last}}
	pace := uint32(600)
	refused := map[Reason]int{}
	for range 600 {
		if r.IntN(30) == 0 {
			pace = []uint32{1, 60, 300, 600, 1000, 4000}[r.IntN(6)]
		}
		if s.last.Bits < 0x08000000 {
			pace = 4000 // soon not even the synthetic hashes would meet it
		}
		var h Header
		v := s.try(func(next *Header) {
			next.Time += r.Uint32N(2*pace) - 600
			switch r.IntN(12) {
			case 0:
				next.Time = s.last.Time + 1199 + r.Uint32N(4) // around the 20 minutes
			case 1:
				next.Time = s.last.Time - 598 - r.Uint32N(5) // around the 600 s of BIP 94
			case 2:
				next.Time = s.last.Time - r.Uint32N(5000)
			}
			want, known := s.nextBits(next.Time)
			require.True(t, known)
			next.Bits = want
			switch r.IntN(20) {
			case 0:
				next.Bits = n.PowLimitBits
			case 1:
				next.Bits = s.last.Bits
			case 2:
				next.Bits = want - 1
			}
			if r.IntN(20) == 0 {
				next.Version = r.Uint32N(6) - 1
			}
			h = *next
		})
		want := theirs.judge(t, &h)
		require.Equal(t, want, v.Reason, "height %d on %s: %+v: %v", len(theirs.headers), n, h, v)
		refused[v.Reason]++
		if v.Valid() {
			theirs.headers = append(theirs.headers, h)
		}
	}
	require.Greater(t, refused[""], 200)
	require.Positive(t, refused[ReasonTimeTooOld])
	require.Positive(t, refused[ReasonBadDiffBits])
}

// TestRealRunsAgainstBtcd replays the runs that begin at genesis through both.
func TestRealRunsAgainstBtcd(t *testing.T) {
	for _, run := range realRuns {
		if run.start != 0 {
			continue
		}
		t.Run(run.file, func(t *testing.T) {
			headers := readRealHeaders(t, run.file)
			theirs := &btcdChain{params: run.network.Params}
			for i := range headers {
				if i > 0 {
					require.Empty(t, theirs.judge(t, &headers[i]), "header %d", i)
				}
				theirs.headers = headers[:i+1]
			}
		})
	}
}
