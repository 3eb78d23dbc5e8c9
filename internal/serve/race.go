package serve

import (
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
	spare []foundBlock
	won   time.Time // when a node took our block; zero before
}

// patience is how long a node may offer work for a place that our block has
// already won there, before we believe that it lost the block again.
const patience = time.Minute

// foundBlock is a found block in full.
type foundBlock struct {
	raw    []byte
	parent chainhash.Hash
	event  BlockFound
}

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
	raw, err := job.Block(&f.Solution)
	if err != nil {
		// Cannot be: only NewJob's jobs are searched here. It must not pass
		// in silence.
		s.emit(BlockNotKept{f.Hash, err.Error()})
		return
	}
	b := foundBlock{raw, job.PrevBlock, BlockFound{
		Hash:       f.Hash,
		Height:     job.Height,
		Job:        job.ID,
		Difficulty: work.HashDifficulty(&f.Hash),
		Hashes:     s.miner.Stats().WorkHashes,
		Size:       len(raw),
	}}
	if s.enter(b) {
		s.keep(b)
	}
}

// enter has b race for the place after its parent. It reports whether b is to
// be sent; otherwise another of ours is on its way, and b waits.
func (s *Solo) enter(b foundBlock) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.races[b.parent]; r != nil {
		r.spare = append(r.spare, b)
		return false
	}
	s.races[b.parent] = &race{}
	s.dispatch(b)
	return true
}

// dispatch tells of b, which is about to be sent, and has the search leave the
// place that b may win. The caller holds mu.
func (s *Solo) dispatch(b foundBlock) {
	s.blocks[b.event.Hash] = &soloBlock{height: b.event.Height, parent: b.parent}
	s.config.OnEvent(b.event)
	if err := s.setWork(); err != nil {
		s.config.OnEvent(NoTemplate{err.Error(), 0})
	}
}

// keep writes b to disk and has it sent. The caller does not hold mu: the
// submitter may tell of b before it returns.
func (s *Solo) keep(b foundBlock) {
	if _, err := s.submitter.Found(b.raw); err != nil {
		// The submitter sends it all the same.
		s.emit(BlockNotKept{b.event.Hash, err.Error()})
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
			r.won, r.spare = time.Now(), nil
		}
		// "duplicate" is acceptance too: an earlier attempt got through and
		// only its answer was lost. Other words of acceptance mean that the
		// node has the block and something better.
		if !b.resent && (e.Answer.Reason == "" || e.Answer.Reason == "duplicate") {
			s.accepted++
		}
		s.config.OnEvent(BlockAccepted{e.Hash, b.height, e.Answer.Reason, e.Answer.Text, b.resent, s.accepted})
		if s.config.Blocks > 0 && s.accepted >= s.config.Blocks {
			s.stopOnce()
			return
		}
		if s.job == nil || s.job.job.PrevBlock != e.Hash {
			s.askRefresh()
		}
		return
	}
	s.refused++
	s.config.OnEvent(BlockRefused{e.Hash, b.height, e.Answer.Reason, e.Answer.Text, b.resent})
	if r != nil && r.won.IsZero() {
		if len(r.spare) > 0 {
			next := r.spare[0]
			r.spare = r.spare[1:]
			s.dispatch(next)
			// Not here: this is the submitter's own call.
			s.keeping.Go(func() { s.keep(next) })
			return
		}
		delete(s.races, b.parent)
	}
	// Back to the job there is, which the node may have replaced by now.
	if err := s.setWork(); err != nil {
		s.config.OnEvent(NoTemplate{err.Error(), 0})
	}
	s.askRefresh()
}

// stopOnce says that there are enough blocks. The caller holds mu.
func (s *Solo) stopOnce() {
	select {
	case <-s.enough:
	default:
		close(s.enough)
	}
}
