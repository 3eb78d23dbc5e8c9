package devnet

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/touchstone-btc/touchstone/work/node"
)

// Submit judges a serialized block, with its witness, and accepts it as the new
// tip if it obeys every rule. When it answers that the block was accepted, the
// block is on the disk. Every answer is final. A block that the chain already
// holds is accepted again, with the word "duplicate".
//
// An error means that the block was not judged or could not be kept. If it could
// not be kept safely, every later call returns an error too, until the chain is
// opened anew; the block may then turn out to have been kept.
func (c *Chain) Submit(ctx context.Context, block []byte) (node.Answer, error) {
	parsed, err := parseBlock(block)
	if err != nil {
		return refused(reasonRejected, err.Error()), nil
	}
	if err := c.acquire(ctx); err != nil {
		return node.Answer{}, err
	}
	defer c.release()

	known, err := c.chain.HaveBlock(parsed.Hash())
	if err != nil {
		return node.Answer{}, fmt.Errorf("looking up block %s: %w", parsed.Hash(), err)
	}
	if known {
		return node.Answer{Final: true, Accepted: true, Reason: reasonDuplicate, Text: "the chain already holds this block"}, nil
	}
	if answer, err := c.judge(parsed); err != nil || answer.Final {
		return answer, err
	}
	// From here on the block is valid. It goes to the file first: btcd's database
	// forgets, and may never know more than the file.
	if err := c.blocks.append(block); err != nil {
		return node.Answer{}, err
	}
	if err := c.connect(parsed); err != nil {
		c.broken = fmt.Errorf("block %s is stored but btcd's database did not take it: %w; start touchstone again", parsed.Hash(), err)
		return node.Answer{}, c.broken
	}
	c.announceTip()
	return node.Answer{Final: true, Accepted: true, Text: fmt.Sprintf("accepted at height %d", parsed.Height())}, nil
}

// judge returns a final answer if the block can't follow the tip, else none. It
// changes nothing.
func (c *Chain) judge(block *btcutil.Block) (node.Answer, error) {
	tip := c.chain.BestSnapshot()
	parent := &block.MsgBlock().Header.PrevBlock
	err := blockchain.CheckBlockSanity(block, c.options.Params.PowLimit, c.clock)
	switch {
	case err != nil:
	case *parent == tip.Hash:
		// Everything but the proof of work, which CheckBlockSanity has looked at.
		err = c.chain.CheckConnectBlockTemplate(block)
	default:
		known, err := c.chain.HaveBlock(parent)
		if err != nil {
			return node.Answer{}, fmt.Errorf("looking up block %s: %w", parent, err)
		}
		if known {
			return refused(reasonStale, fmt.Sprintf("block %s, which it follows, already has a child; the tip is %s", parent, tip.Hash)), nil
		}
		return refused(reasonUnknown, fmt.Sprintf("block %s, which it follows, is not known here; the tip is %s", parent, tip.Hash)), nil
	}
	var rule blockchain.RuleError
	switch {
	case err == nil:
		return node.Answer{}, nil
	case errors.As(err, &rule):
		return refusal(rule), nil
	}
	return node.Answer{}, fmt.Errorf("checking block %s: %w", block.Hash(), err)
}

// parseBlock reads a block that fills raw to its last byte. It keeps nothing of
// raw.
func parseBlock(raw []byte) (*btcutil.Block, error) {
	if len(raw) > wire.MaxBlockPayload {
		return nil, fmt.Errorf("a block has at most %d bytes, this one has %d", wire.MaxBlockPayload, len(raw))
	}
	r := bytes.NewReader(raw)
	var msg wire.MsgBlock
	if err := msg.Deserialize(r); err != nil {
		return nil, fmt.Errorf("the block does not decode: %w", err)
	}
	if n := r.Len(); n > 0 {
		return nil, fmt.Errorf("%d bytes follow the block's last transaction", n)
	}
	return btcutil.NewBlock(&msg), nil
}
