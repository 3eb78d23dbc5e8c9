package node

import (
	"context"
	"errors"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
)

// A SubmitterConfig joins a journal and a Source.
type SubmitterConfig struct {
	Journal *Journal // required
	Source  Source   // required
	// MinBackoff and MaxBackoff bound the wait between two attempts with the
	// same block; it doubles each time. Defaults 1 s and 1 min.
	MinBackoff, MaxBackoff time.Duration
	// OnEvent is called after each attempt, from several goroutines. It must
	// not block.
	OnEvent func(SubmitEvent)
}

// A SubmitEvent is the outcome of one attempt to submit a block.
type SubmitEvent struct {
	Hash    chainhash.Hash // of the block, internal order
	Attempt int            // from 1, since this process started
	Answer  Answer         // the node's, when Err is nil
	Err     error          // no node answered, or the answer could not be recorded
	Retry   time.Duration  // wait before the next attempt; 0 when there is none
	Done    bool           // the answer is final and recorded
}

// A Submitter sends found blocks until a node gives a final answer.
type Submitter struct{}

// NewSubmitter returns a Submitter; Run starts it.
func NewSubmitter(cfg SubmitterConfig) (*Submitter, error) { return &Submitter{}, nil }

// Found keeps a block in the journal, then has Run send it.
func (s *Submitter) Found(block []byte) (chainhash.Hash, error) {
	return chainhash.Hash{}, errors.ErrUnsupported
}

// Run sends pending blocks until ctx ends, then returns nil. Blocks without a
// final answer stay in the journal for the next Run.
func (s *Submitter) Run(ctx context.Context) error { return errors.ErrUnsupported }
