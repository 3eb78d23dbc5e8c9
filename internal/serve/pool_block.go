package serve

import (
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/touchstone-btc/touchstone/stratum"
	"github.com/touchstone-btc/touchstone/work"
	"github.com/touchstone-btc/touchstone/work/node"
	"github.com/touchstone-btc/touchstone/work/share"
)

// poolBlock is a block on its way to the node.
type poolBlock struct {
	height int32
	parent chainhash.Hash
	resent bool
}

// earlierBlock is what is known of a block that an earlier run found.
func (p *Pool) earlierBlock(hash chainhash.Hash) *poolBlock {
	b := &poolBlock{height: -1, resent: true}
	if raw, err := p.config.Backend.Journal.Block(hash); err == nil {
		if report, err := work.CheckBlock(raw, work.BlockRules{Height: -1}); err == nil {
			b.height, b.parent = report.Height, report.Header.PrevBlock
		}
	}
	return b
}

// block writes the block that a share is to disk, and has it sent. It returns
// when the block is on disk: the device is answered after that. What else is
// wrong with the share does not matter. Several may be found for the same
// place, by devices that can't know of each other; all are sent, and the node
// decides.
func (p *Pool) block(c *poolConn, sub *stratum.Submit, v *share.Verdict, credited bool) {
	p.mu.Lock()
	job := p.issued.jobs[sub.Submission.JobID]
	if job == nil {
		p.mu.Unlock()
		p.emit(BlockNotKept{v.Hash, fmt.Sprintf("job %q is not known any more", sub.Submission.JobID)})
		return
	}
	if !p.issued.find(job, v.Hash, credited) {
		p.mu.Unlock()
		return
	}
	p.blocks[v.Hash] = &poolBlock{height: job.Height, parent: job.PrevBlock}
	p.mu.Unlock()

	p.emit(PoolFound{
		Hash: v.Hash, Height: job.Height, Job: job.ID, Difficulty: v.Difficulty(),
		Session: c.name, Peer: c.peer, Worker: c.session.Worker(), Verdict: v.Word.String(),
	})
	raw, err := blockOf(job, c.session.Extranonce().Extranonce1, sub, v)
	if err == nil {
		_, err = p.submitter.Found(raw)
	}
	if err != nil {
		// If there is a block at all, the submitter sends it all the same.
		p.emit(BlockNotKept{v.Hash, err.Error()})
	}
}

// blockOf builds the block that a share is.
func blockOf(job *work.Job, extranonce1 []byte, sub *stratum.Submit, v *share.Verdict) ([]byte, error) {
	h := work.ParseHeader(&v.Header)
	extranonce := append(append([]byte{}, extranonce1...), sub.Submission.Extranonce2...)
	raw, err := job.Block(&work.Solution{Extranonce: extranonce, Version: h.Version, Time: h.Time, Nonce: h.Nonce})
	if err == nil && [work.HeaderSize]byte(raw[:work.HeaderSize]) != v.Header {
		return nil, errors.New("the share's header and that of its block differ, which must not be")
	}
	return raw, err
}

// submitted hears what became of an attempt to send a block.
func (p *Pool) submitted(e node.SubmitEvent) {
	event, refresh := p.decide(e)
	p.emit(event)
	if e.Answer.Dispute != "" {
		p.emit(Notice{fmt.Sprintf("the nodes disagree on block %s: %s", e.Hash, e.Answer.Dispute)})
	}
	if refresh {
		p.follower.askRefresh()
	}
}

// decide counts what a node said of a block, and returns how it is told, and
// whether there may be other work now.
func (p *Pool) decide(e node.SubmitEvent) (_ Event, refresh bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.blocks[e.Hash]
	if b == nil {
		b = &poolBlock{height: -1, resent: true}
	}
	if !e.Done {
		text := e.Answer.Text
		if e.Err != nil {
			text = e.Err.Error()
		}
		return BlockWaiting{e.Hash, b.height, e.Attempt, text, seconds(e.Retry)}, false
	}
	delete(p.blocks, e.Hash)
	w := p.work.Load()
	if e.Answer.Accepted {
		a := BlockAccepted{e.Hash, b.height, e.Answer.Reason, e.Answer.Text, b.resent, p.accepted}
		// As for Solo: other words of acceptance mean that the node has
		// something better. It may be one of ours.
		plain := e.Answer.Reason == "" || e.Answer.Reason == "duplicate"
		if plain && !b.resent {
			p.accepted++
			a.Blocks = p.accepted
		}
		return a, plain && (w == nil || w.base.PrevBlock != e.Hash)
	}
	p.refused++
	p.issued.refused(b.parent, e.Hash)
	// Somebody else's block may be the reason, of which we have not heard.
	return BlockRefused{e.Hash, b.height, e.Answer.Reason, e.Answer.Text, b.resent}, w != nil && w.base.PrevBlock == b.parent
}
