package load

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/touchstone-btc/touchstone/stratum"
	"github.com/touchstone-btc/touchstone/work"
)

// sent is a share that was sent.
type sent struct {
	id   uint64
	at   time.Time
	kind Kind
	fields
	mask uint32 // when it was sent
	hash chainhash.Hash
}

// fields are what a mining.submit says.
type fields struct {
	job                *job
	name               string // of the job, as sent
	en2                []byte
	ntime, nonce, bits uint32
	hasBits            bool
}

// plan is a share before it is mined.
type plan struct {
	kind  Kind
	life  int
	task  task
	again *sent // to be sent once more, instead of mining
	fields
	mask uint32
}

// fate is what became of a share that was due.
type fate uint8

const (
	fateSent fate = iota
	fateSkipped
	fateTooHard
	fateOvertaken // by a new block, while it was mined
)

// send mines and sends a share of a kind, or another where there can be none of that kind now.
func (c *conn) send(ctx context.Context, m *miner, rng *rand.Rand, kind Kind) fate {
	for range 3 {
		p, ok := c.plan(rng, kind)
		if !ok {
			return fateSkipped
		}
		if p.again == nil && expected(p.task.target) > c.g.config.MaxHashes {
			return fateTooHard
		}
		if f := c.mineAndSend(ctx, m, p); f != fateOvertaken {
			return f
		}
	}
	return fateSkipped
}

func (c *conn) mineAndSend(ctx context.Context, m *miner, p *plan) fate {
	var s solution
	if p.again != nil {
		s = solution{nonce: p.again.nonce, hash: p.again.hash}
	} else {
		var found bool
		s, found = m.mine(ctx, &p.task)
		c.g.hashes.Add(s.tried)
		if !found {
			return fateSkipped
		}
	}
	return c.commit(p, &s)
}

// plan says what to mine and send.
func (c *conn) plan(rng *rand.Rand, kind Kind) (*plan, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ready || len(c.waiting) >= maxOutstanding {
		return nil, false
	}
	p := &plan{kind: c.possible(kind), life: c.life, mask: c.mask}
	a := c.newest
	switch p.kind {
	case Good:
		// Now and then the work before, which is still good.
		if b := c.before; b.job != nil && b.job.ID != a.job.ID && rng.IntN(16) == 0 {
			a = b
		}
	case StaleJob:
		a = c.old
	case Duplicate:
		p.again = c.credited
		p.fields = c.credited.fields
		return p, true
	}
	c.counter++
	en2 := make([]byte, a.job.en2)
	var counter [8]byte
	binary.BigEndian.PutUint64(counter[:], c.counter)
	n := min(len(en2), len(counter))
	copy(en2[len(en2)-n:], counter[len(counter)-n:])
	p.fields = fields{job: a.job, name: a.job.ID, en2: en2, ntime: a.job.Time, hasBits: c.granted}
	if c.granted {
		p.bits = rng.Uint32() & c.mask
	}
	switch p.kind {
	case EarlyTime:
		p.ntime = 1
	case LateTime:
		p.ntime += 24 * 60 * 60
	case OutOfMask:
		outside := ^c.mask & -^c.mask // the lowest bit that is not granted
		if !c.granted {
			outside = work.MaskBIP320 & -work.MaskBIP320
		}
		p.bits, p.hasBits = p.bits|outside, true
	case NoBits:
		p.bits, p.hasBits = 0, false
	case UnknownJob:
		p.name = "never-sent"
	}
	p.task = task{
		assignment: a, en2: en2, ntime: p.ntime, nonce: c.nonce, above: p.kind == LowDifficulty,
		version: work.CombineVersion(a.job.Version, p.bits&c.mask, c.mask),
	}
	if c.g.config.Lenient && c.target.Cmp(a.target) < 0 {
		p.task.target = c.target // some judge by what is in force when the share comes
	}
	if p.kind == LongExtranonce {
		p.en2 = append(slices.Clone(en2), 0)
	}
	return p, true
}

// possible returns kind, or another that a share can have now.
func (c *conn) possible(kind Kind) Kind {
	newest := c.newest.job
	ok := true
	switch kind {
	case Duplicate:
		ok = c.credited != nil && c.credited.job.PrevBlock == newest.PrevBlock && c.credited.mask == c.mask
	case OutOfMask:
		ok = !c.granted || c.mask != ^uint32(0)
	case NoBits:
		ok = c.granted
	case StaleJob:
		ok = c.old.job != nil && c.old.job.PrevBlock != newest.PrevBlock && c.old.job.ID != newest.ID &&
			(c.before.job == nil || c.before.job.ID != c.old.job.ID)
	}
	if !ok {
		kind = LowDifficulty
	}
	if kind == LowDifficulty && c.newest.target.LeadingZeros() == 0 {
		return Good // hardly any hash is above such a target
	}
	return kind
}

// commit sends what was planned, unless a new block or the end of the connection came first.
func (c *conn) commit(p *plan, s *solution) fate {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !c.ready || c.life != p.life || len(c.waiting) >= maxOutstanding:
		return fateSkipped
	case afterStale[p.kind] && c.newest.job.PrevBlock != p.fields.job.PrevBlock:
		return fateOvertaken
	case c.mask != p.mask:
		return fateOvertaken
	}
	c.nonce += uint32(s.tried)
	c.id++
	p.nonce = s.nonce
	share := sent{id: c.id, kind: p.kind, fields: p.fields, mask: p.mask, hash: s.hash}
	line := stratum.AppendSubmit(make([]byte, 0, 256), share.id, c.worker, share.name, share.en2, share.ntime, share.nonce, share.bits, share.hasBits)
	share.at = time.Now()
	if share.isBlock() {
		c.g.tips.moved(&share.hash, share.at)
	}
	c.waiting = append(c.waiting, share)
	c.g.outstanding.Add(1)
	c.g.kinds[p.kind].Add(1)
	c.g.sent.Add(1)
	if err := c.write(line); err != nil {
		_ = c.socket.Close() // the reader counts what waits
	}
	return fateSent
}

// isBlock says that a share that is to be credited meets the network's target.
func (s *sent) isBlock() bool { return s.kind == Good && s.job.Target.MetBy(&s.hash) }

// replied judges a reply. The caller holds mu.
func (c *conn) replied(s *sent, r stratum.Reply, now time.Time) {
	g := c.g
	g.reply.add(now.Sub(s.at))
	g.outstanding.Add(-1)
	g.words.replied(&r)
	if r.Accepted {
		g.accepted.Add(1)
		if s.isBlock() {
			g.blocks.Add(1)
		}
	} else {
		g.refused.Add(1)
	}
	if s.kind == Good && r.Accepted {
		credited := *s
		c.credited = &credited
	}
	want := kindCodes[s.kind]
	crossed := c.newest.job.PrevBlock != s.job.PrevBlock
	if crossed && s.kind == Good {
		g.crossed.Add(1)
	}
	switch {
	case crossed && g.config.Lenient && afterStale[s.kind],
		!crossed && s.kind == StaleJob, // an old block returned
		c.mask != s.mask && s.kind != UnknownJob:
		g.excused.Add(1)
		return
	case crossed && afterStale[s.kind]:
		want = stratum.CodeJobNotFound
	}
	right := r.Accepted == (want == 0)
	if right && !r.Accepted && !g.config.Lenient {
		right = r.HasCode && r.Code == want
	}
	if right {
		g.right[s.kind].Add(1)
		return
	}
	g.misjudged.Add(1)
	wanted := "it had to be accepted"
	if want != 0 {
		wanted = "it had to be refused with another code"
		if r.Accepted {
			wanted = "it had to be refused"
		}
	}
	g.words.problem("connection %d: a share of kind %s was %s: %s (job %q of prevhash %s, extranonce1 %x, extranonce2 %x, ntime %08x, nonce %08x, bits %08x; newest prevhash %s)",
		c.number, s.kind, r, wanted, s.name, s.job.PrevBlock, c.extranonce.Extranonce1, s.en2, s.ntime, s.nonce, s.bits, c.newest.job.PrevBlock)
}
