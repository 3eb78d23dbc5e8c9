package devnet

import (
	"sync/atomic"
	"time"

	"github.com/btcsuite/btcd/blockchain"
)

// clock is the time that btcd judges blocks by. Blocks accepted before are judged
// again when they are replayed, perhaps by a computer whose clock has been set back
// since: a floor keeps them from being refused as too new. It is safe to share.
type clock struct {
	now   func() time.Time
	floor atomic.Int64 // unix seconds, 0: none
}

var _ blockchain.MedianTimeSource = (*clock)(nil)

// AdjustedTime returns the clock's time in whole seconds, as block headers hold it.
func (c *clock) AdjustedTime() time.Time {
	return time.Unix(max(c.now().Unix(), c.floor.Load()), 0)
}

// AddTimeSample does nothing: there are no peers whose time would count.
func (c *clock) AddTimeSample(string, time.Time) {}

// Offset returns 0, as nothing is added to the local clock.
func (c *clock) Offset() time.Duration { return 0 }
