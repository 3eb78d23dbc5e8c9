package devnet

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/mining"
	"github.com/btcsuite/btcd/wire/v2"
)

// template is the JSON object of BIPs 22, 23, 9 and 145 with the fields that
// Bitcoin Core gives it.
type template struct {
	Version                  int32            `json:"version"`
	Rules                    []string         `json:"rules"`
	VBAvailable              map[string]uint8 `json:"vbavailable"`
	VBRequired               uint32           `json:"vbrequired"`
	PreviousBlockHash        string           `json:"previousblockhash"`
	Transactions             []struct{}       `json:"transactions"`
	CoinbaseAux              struct{}         `json:"coinbaseaux"`
	CoinbaseValue            int64            `json:"coinbasevalue"`
	LongPollID               string           `json:"longpollid"`
	Target                   string           `json:"target"`
	MinTime                  int64            `json:"mintime"`
	Mutable                  []string         `json:"mutable"`
	NonceRange               string           `json:"noncerange"`
	SigOpLimit               int              `json:"sigoplimit"`
	SizeLimit                int              `json:"sizelimit"`
	WeightLimit              int              `json:"weightlimit"`
	CurTime                  int64            `json:"curtime"`
	Bits                     string           `json:"bits"`
	Height                   int32            `json:"height"`
	DefaultWitnessCommitment string           `json:"default_witness_commitment"`
}

// renderTemplate turns btcd's template, with nothing but a coinbase in it, into
// Core's JSON. minTime is the earliest time the block may carry, in unix seconds.
// The caller's template is changed.
func renderTemplate(t *mining.BlockTemplate, minTime int64) ([]byte, error) {
	if n := len(t.Block.Transactions); n != 1 {
		return nil, fmt.Errorf("btcd's template holds %d transactions beside the coinbase, and this chain offers none", n-1)
	}
	coinbase := t.Block.Transactions[0]
	value := coinbase.TxOut[0].Value
	// btcd leaves the commitment out when no transaction has a witness. Core, and
	// so this, always gives it, and blocks are the same with and without others.
	mining.AddWitnessCommitment(btcutil.NewTx(coinbase), []*btcutil.Tx{btcutil.NewTx(coinbase)})
	commitment := coinbase.TxOut[len(coinbase.TxOut)-1].PkScript
	header := &t.Block.Header
	return json.Marshal(template{
		Version:                  header.Version,
		Rules:                    []string{"csv", "!segwit", "taproot"},
		VBAvailable:              map[string]uint8{},
		PreviousBlockHash:        header.PrevBlock.String(),
		Transactions:             []struct{}{},
		CoinbaseValue:            value,
		LongPollID:               longPollID(&header.PrevBlock),
		Target:                   fmt.Sprintf("%064x", blockchain.CompactToBig(header.Bits)),
		MinTime:                  minTime,
		Mutable:                  []string{"time", "transactions", "prevblock"},
		NonceRange:               "00000000ffffffff",
		SigOpLimit:               blockchain.MaxBlockSigOpsCost,
		SizeLimit:                wire.MaxBlockPayload,
		WeightLimit:              blockchain.MaxBlockWeight,
		CurTime:                  header.Timestamp.Unix(),
		Bits:                     fmt.Sprintf("%08x", header.Bits),
		Height:                   t.Height,
		DefaultWitnessCommitment: hex.EncodeToString(commitment),
	})
}

// longPollID names the work on top of a tip. Nothing but the tip changes the work.
func longPollID(tip *chainhash.Hash) string { return tip.String() }

// Template returns a template for the block after the tip as a JSON object with
// the fields that Bitcoin Core's getblocktemplate has. It holds no transactions.
//
// Given the longpollid of an earlier template it waits until the tip is another
// one, or for Options.Refresh; an id that is not the tip's is answered at once. It
// returns ctx's error when ctx ends first and ErrClosed when the chain is closed.
// The caller owns the returned bytes.
func (c *Chain) Template(ctx context.Context, longPollID string) ([]byte, error) {
	if longPollID != "" {
		if err := c.waitForWork(ctx, longPollID); err != nil {
			return nil, err
		}
	}
	if err := c.acquire(ctx); err != nil {
		return nil, err
	}
	defer c.release()
	if err := c.checkClock(); err != nil {
		return nil, err
	}
	best := c.chain.BestSnapshot()
	t, err := c.generator.NewBlockTemplate(nil)
	if err != nil {
		return nil, fmt.Errorf("making a template for height %d: %w", best.Height+1, err)
	}
	return renderTemplate(t, mining.MinimumMedianTime(best).Unix())
}

// waitForWork returns when the tip is not the one that id names, or after the
// refresh interval.
func (c *Chain) waitForWork(ctx context.Context, id string) error {
	refresh := time.NewTimer(c.options.Refresh)
	defer refresh.Stop()
	for {
		tip, changed := c.watch()
		if id != longPollID(&tip.hash) {
			return nil
		}
		select {
		case <-changed:
		case <-refresh.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-c.closed:
			return ErrClosed
		}
	}
}

// checkClock refuses to make a template that no block could be found for: one
// whose earliest time is further ahead of the clock than a block's time may be.
func (c *Chain) checkClock() error {
	now := c.clock.AdjustedTime()
	earliest := mining.MinimumMedianTime(c.chain.BestSnapshot())
	if ahead := earliest.Sub(now); ahead > blockchain.MaxTimeOffsetSeconds*time.Second {
		return fmt.Errorf("this machine's clock (%s) is %s behind the time of the chain's last blocks; set the clock, or choose another data folder",
			now.UTC().Format(time.RFC3339), ahead)
	}
	return nil
}
