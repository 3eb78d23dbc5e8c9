package serve

import (
	"fmt"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/touchstone-btc/touchstone/work"
	"github.com/touchstone-btc/touchstone/work/mine"
	"github.com/touchstone-btc/touchstone/work/node"
)

// soloBlock is a block on its way to the node.
type soloBlock struct {
	height int32
	parent chainhash.Hash
	resent bool
}

// race is about the block that follows one parent. A block of ours takes part
// until a node refuses it; those found meanwhile, by threads that had not yet
// heard of it, would only compete with our own and wait for its end.
type race struct {
	spare   []candidate
	decided time.Time // when a node took our block, or another was before us; zero until then
}

// patience is how long a race is remembered that is decided. Blocks that
// threads find for it late are not sent; after that time, a node that still
// offers work there has lost our block again, and we believe it.
const patience = time.Minute

// maxSpares bounds what waits in a race. On an easy chain a thread finds
// thousands before it hears of the first.
const maxSpares = 8

// candidate is a found block.
type candidate struct {
	found mine.Found
	event BlockFound
}

// parent is the block that c follows.
func (c candidate) parent() chainhash.Hash { return c.found.Work.Job.PrevBlock }

// earlierBlock is what is known of a block that an earlier run found.
func (s *Solo) earlierBlock(hash chainhash.Hash) *soloBlock {
	b := &soloBlock{height: -1, resent: true}
	if raw, err := s.config.Backend.Journal.Block(hash); err == nil {
		if report, err := work.CheckBlock(raw, work.BlockRules{Height: -1}); err == nil {
			b.height, b.parent = report.Height, report.Header.PrevBlock
		}
	}
	return b
}

// found takes a block from a searching thread.
func (s *Solo) found(f mine.Found) {
	job := f.Work.Job
	c := candidate{f, BlockFound{
		Hash:       f.Hash,
		Height:     job.Height,
		Job:        job.ID,
		Difficulty: work.HashDifficulty(&f.Hash),
		Hashes:     s.miner.Stats().WorkHashes,
	}}
	if s.enter(c) {
		s.keep(c)
	}
}

// enter has c race for the place after its parent. It reports whether c is to
// be sent; otherwise another of ours is on its way, and c waits.
func (s *Solo) enter(c candidate) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.races[c.parent()]; r != nil {
		if r.decided.IsZero() && len(r.spare) < maxSpares {
			r.spare = append(r.spare, c)
		}
		return false
	}
	s.races[c.parent()] = &race{}
	s.dispatch(c)
	return true
}

// dispatch tells of c, which is about to be sent, and has the search leave the
// place that c may win. The caller holds mu.
func (s *Solo) dispatch(c candidate) {
	s.blocks[c.event.Hash] = &soloBlock{height: c.event.Height, parent: c.parent()}
	s.config.OnEvent(c.event)
	if err := s.setWork(); err != nil {
		s.config.OnEvent(NoTemplate{err.Error(), 0})
	}
}

// keep writes c to disk and has it sent. The caller does not hold mu: the
// submitter may tell of c before it returns.
func (s *Solo) keep(c candidate) {
	raw, err := c.found.Work.Job.Block(&c.found.Solution)
	if err == nil {
		_, err = s.submitter.Found(raw)
	}
	if err != nil {
		// The submitter sends it all the same.
		s.emit(BlockNotKept{c.event.Hash, err.Error()})
	}
}

// submitted hears what became of an attempt to send a block.
func (s *Solo) submitted(e node.SubmitEvent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.blocks[e.Hash]
	if b == nil {
		b = &soloBlock{height: -1, resent: true}
	}
	if !e.Done {
		text := e.Answer.Text
		if e.Err != nil {
			text = e.Err.Error()
		}
		s.config.OnEvent(BlockWaiting{e.Hash, b.height, e.Attempt, text, seconds(e.Retry)})
		return
	}
	delete(s.blocks, e.Hash)
	r := s.races[b.parent]
	if e.Answer.Accepted {
		if r != nil {
			r.decided, r.spare = time.Now(), nil
		}
		// "duplicate" is acceptance too: an earlier attempt got through and
		// only its answer was lost. Other words of acceptance mean that the
		// node has the block and something better.
		if !b.resent && (e.Answer.Reason == "" || e.Answer.Reason == "duplicate") {
			s.accepted++
		}
		s.config.OnEvent(BlockAccepted{e.Hash, b.height, e.Answer.Reason, e.Answer.Text, b.resent, s.accepted})
		if e.Answer.Dispute != "" {
			s.config.OnEvent(Notice{fmt.Sprintf("the nodes disagree on block %s: %s", e.Hash, e.Answer.Dispute)})
		}
		if s.config.Blocks > 0 && s.accepted >= s.config.Blocks {
			s.stopOnce()
			return
		}
		if s.job == nil || s.job.job.PrevBlock != e.Hash {
			s.follower.askRefresh()
		}
		return
	}
	s.refused++
	s.config.OnEvent(BlockRefused{e.Hash, b.height, e.Answer.Reason, e.Answer.Text, b.resent})
	switch {
	case r == nil || !r.decided.IsZero():
	case s.job != nil && s.job.job.PrevBlock != b.parent:
		r.decided, r.spare = time.Now(), nil
	case len(r.spare) > 0:
		next := r.spare[0]
		r.spare = r.spare[1:]
		s.dispatch(next)
		// Not here: this is the submitter's own call.
		s.keeping.Go(func() { s.keep(next) })
		return
	default:
		delete(s.races, b.parent)
	}
	// Back to the job there is, which the node may have replaced by now.
	if err := s.setWork(); err != nil {
		s.config.OnEvent(NoTemplate{err.Error(), 0})
	}
	s.follower.askRefresh()
}

// stopOnce says that there are enough blocks. The caller holds mu.
func (s *Solo) stopOnce() {
	select {
	case <-s.enough:
	default:
		close(s.enough)
	}
}
