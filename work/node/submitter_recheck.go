package node

import (
	"context"
	"errors"
	"time"
)

// What Recheck goes back to: a node that stopped without warning has lost minutes,
// not days.
const (
	recheckBlocks = 100
	recheckAge    = 24 * time.Hour
	// recheckPatience is how often a node is asked that does not know a block's parent: it may never, if the block
	// was on a branch that is dead by now.
	recheckPatience = 8
)

// Recheck has Run look whether the node still has the latest blocks that it was
// given, and give it again those that it lost. Call it when a node comes back: one
// that was killed may have forgotten blocks it had accepted. (btcd writes its
// chain's state every few minutes; Bitcoin Core too, and gets the rest from its
// peers, which may not have had the block yet.) It does not wait.
func (s *Submitter) Recheck() {
	select {
	case s.lost <- struct{}{}:
	default:
	}
}

// runRecheck does what Recheck asks for, until ctx ends. It is tried again while no
// node answers.
func (s *Submitter) runRecheck(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.lost:
		}
		for attempt := 1; ; attempt++ {
			err := s.giveAgain(ctx)
			if err == nil || errors.Is(err, errNotYet) && attempt >= recheckPatience {
				break
			}
			if sleep(ctx, backoff(s.cfg.MinBackoff, s.cfg.MaxBackoff, attempt)) != nil {
				return
			}
		}
	}
}

// giveAgain sends the latest blocks, newest first, until the node says that it has
// one: then it has those before it. What it lost is sent once more in order, because
// a block is taken only after its parent.
func (s *Submitter) giveAgain(ctx context.Context) error {
	var missing []Entry
	for _, e := range s.cfg.Journal.Latest(recheckBlocks) {
		if time.Since(e.Time) > recheckAge {
			break
		}
		a, err := s.send(ctx, e.Hash)
		if err != nil {
			return err
		}
		s.tellAgain(e, a)
		if a.Accepted {
			break
		}
		missing = append(missing, e)
	}
	var waits error
	for i := len(missing) - 1; i >= 0; i-- {
		a, err := s.send(ctx, missing[i].Hash)
		if err != nil {
			return err
		}
		s.tellAgain(missing[i], a)
		if !a.Final {
			waits = errNotYet
		}
	}
	return waits
}

// errNotYet says that a node does not know the parent of a block yet, such as one
// that is still fetching the chain from its peers.
var errNotYet = errors.New("the node can't judge a block yet")

// tellAgain tells of a block that a node took although it had it before.
func (s *Submitter) tellAgain(e Entry, a Answer) {
	if a.Accepted && a.Reason == "" {
		s.cfg.OnEvent(SubmitEvent{Hash: e.Hash, Attempt: 1, Answer: a, Done: true, Again: true})
	}
}
