package mine

import (
	"context"
	"encoding/binary"
	"slices"
	"sync/atomic"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/touchstone-btc/touchstone/hash"
	"github.com/touchstone-btc/touchstone/work"
)

// searcher is one thread's part of a Miner.
type searcher struct {
	miner      *Miner
	scanner    *hash.Scanner
	candidates []hash.Candidate // room for one slice's hits, reused
	hashes     atomic.Uint64
	_          [64]byte // keeps counters of different threads on different cache lines

	task       *task
	builder    *work.HeaderBuilder
	extranonce []byte // extranonce1 ‖ extranonce2 as builder has it
	unit       unit   // the last one begun; its nonces are those still to try
	fresh      bool   // builder and scanner were not yet set up for this task
	versions   [hash.MaxMidstates]uint32
	midstates  [hash.MaxMidstates]hash.Midstate
	header     [hash.HeaderSize]byte
}

// run searches until ctx is done.
func (s *searcher) run(ctx context.Context) {
	for ctx.Err() == nil {
		t := s.miner.task.Load()
		if t.work == nil {
			wait(ctx, t, nil)
			continue
		}
		if t != s.task {
			s.begin(t)
		}
		if s.unit.nonces > 0 { // left over from a Run that was stopped
			s.search(ctx)
			continue
		}
		u, ok, final := t.next()
		if ok {
			s.setUp(u)
			s.search(ctx)
			continue
		}
		if final && s.miner.config.OnExhausted != nil {
			s.miner.config.OnExhausted(t.work)
		}
		// The clock may tick, or others' work is all there is.
		tick := time.NewTimer(time.Second / 4)
		wait(ctx, t, tick.C)
		tick.Stop()
	}
}

// wait returns when t was replaced, ctx is done, or tick ticks.
func wait(ctx context.Context, t *task, tick <-chan time.Time) {
	select {
	case <-t.replaced:
	case <-ctx.Done():
	case <-tick:
	}
}

// begin turns to another task.
func (s *searcher) begin(t *task) {
	s.task = t
	s.builder = t.work.Job.NewBuilder()
	s.extranonce = slices.Concat(t.work.Extranonce1, make([]byte, t.work.Job.Extranonce2Size))
	s.unit, s.fresh = unit{}, true
}

// setUp readies the scanner for u, redoing only what differs from the unit
// before: a tick of the clock leaves the midstates as they are.
func (s *searcher) setUp(u unit) {
	if s.fresh || u.extranonce2 != s.unit.extranonce2 {
		putExtranonce2(s.extranonce[len(s.task.work.Extranonce1):], u.extranonce2)
		if err := s.builder.SetExtranonce(s.extranonce); err != nil {
			panic("mine: " + err.Error()) // newTask tried it
		}
	}
	space := &s.task.cursor.space // constant after newCursor
	newMidstates := s.fresh || u.extranonce2 != s.unit.extranonce2 || u.group != s.unit.group
	if newMidstates {
		for i := range space.versions {
			s.versions[i] = space.version(s.task.work.Job.Version, u.group, i)
			s.builder.Header(&s.header, s.versions[i], u.time, 0)
			s.midstates[i] = hash.NewMidstate((*[64]byte)(s.header[:64]))
		}
	}
	if newMidstates || u.time != s.unit.time {
		s.builder.Header(&s.header, s.versions[0], u.time, 0)
		s.scanner.Reset(s.midstates[:space.versions], (*hash.Tail)(s.header[64:76]))
	}
	s.unit, s.fresh = u, false
}

// putExtranonce2 writes value big-endian at the end of dst, zeros before it.
func putExtranonce2(dst []byte, value uint64) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], value)
	n := min(len(dst), len(b))
	copy(dst[len(dst)-n:], b[len(b)-n:])
}

// search does the unit that was set up, slice by slice, and stops early when
// there is other work or ctx is done.
func (s *searcher) search(ctx context.Context) {
	t, u := s.task, &s.unit
	versions := uint64(t.cursor.versions)
	for u.nonces > 0 {
		if s.miner.task.Load() != t || ctx.Err() != nil {
			return
		}
		candidates, tried := s.scanner.Scan(s.candidates[:0], t.mask, u.nonce, u.nonces)
		u.nonce += uint32(tried)
		u.nonces -= tried
		s.hashes.Add(tried * versions)
		t.hashes.Add(tried * versions)
		for _, c := range candidates {
			s.judge(c)
		}
	}
	t.done()
}

// judge hashes a candidate again, the whole header through the one-shot path,
// and reports it if it meets the target.
func (s *searcher) judge(c hash.Candidate) {
	t := s.task
	s.builder.Header(&s.header, s.versions[c.Midstate], s.unit.time, c.Nonce)
	sum := chainhash.Hash(hash.Sum256d(s.header[:]))
	met := t.target.MetBy(&sum)
	if best := t.best.Load(); !met && best != nil && work.HashValue(&sum).Cmp(work.HashValue(&best.Hash)) >= 0 {
		return
	}
	f := &Found{
		Work: t.work,
		Solution: work.Solution{
			Extranonce: slices.Clone(s.extranonce),
			Version:    s.versions[c.Midstate],
			Time:       s.unit.time,
			Nonce:      c.Nonce,
		},
		Hash:    sum,
		Network: t.work.Job.Target.MetBy(&sum),
	}
	t.offer(f)
	if met {
		s.miner.config.OnFound(*f)
	}
}
