package serve

import (
	"context"
	"math"
	"sync"
	"time"
)

// Shares come by chance, so their rate needs a longer look than that of a
// search.
const (
	shareWindow = 10 * time.Minute
	shareSlots  = 60
	shareSlot   = shareWindow / shareSlots
)

// shareCount counts shares, and the hashes they stand for in the last
// shareWindow.
type shareCount struct {
	mu                sync.Mutex
	accepted, refused uint64
	first             time.Time // of all shares
	slots             [shareSlots]float64
	slot              int64 // the newest, counted from 1970
}

// hashesPerDifficulty is how many hashes a share of difficulty 1 stands for:
// 2^256 by its target and one.
var hashesPerDifficulty = math.Exp2(48) / 0xffff

// add counts a share, with the difficulty it was credited; 0 for none.
func (s *shareCount) add(now time.Time, credited float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if credited <= 0 {
		s.refused++
		return
	}
	s.accepted++
	if s.first.IsZero() {
		s.first = now
	}
	s.advance(now)
	s.slots[s.slot%shareSlots] += credited * hashesPerDifficulty
}

// advance empties the slots that are over; the caller holds mu.
func (s *shareCount) advance(now time.Time) {
	slot := now.UnixNano() / int64(shareSlot)
	for i := max(s.slot+1, slot-shareSlots+1); i <= slot; i++ {
		s.slots[i%shareSlots] = 0
	}
	s.slot = max(s.slot, slot)
}

// rate returns the hashes/s that the shares of the last shareWindow stand for.
func (s *shareCount) rate(now time.Time) float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.first.IsZero() {
		return 0
	}
	s.advance(now)
	sum := 0.0
	for _, v := range s.slots {
		sum += v
	}
	return sum / min(max(now.Sub(s.first), shareSlot), shareWindow).Seconds()
}

func (s *shareCount) counts() (accepted, refused uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accepted, s.refused
}

// tell emits PoolStatus events until ctx ends.
func (p *Pool) tell(ctx context.Context) {
	t := time.NewTicker(p.config.StatusEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-t.C:
			p.emit(p.status(now))
		}
	}
}

// outdatedAfter is longer than any source that works waits with its next
// template: a node's long poll is given up after 90 s, and others wait less.
const outdatedAfter = 4 * time.Minute

// status is how the pool goes.
func (p *Pool) status(now time.Time) PoolStatus {
	elapsed := now.Sub(p.started)
	s := PoolStatus{
		Connections: int(p.conns.count.Load()),
		Working:     int(p.conns.working.Load()),
		Rate:        p.shares.rate(now),
		TemplateAge: seconds(elapsed - time.Duration(p.heard.Load())),
		Elapsed:     seconds(elapsed),
	}
	s.Outdated = s.TemplateAge.Duration() > outdatedAfter
	s.Shares, s.Refused = p.shares.counts()
	p.mu.Lock()
	s.Accepted = p.accepted
	p.mu.Unlock()
	if w := p.work.Load(); w != nil {
		s.Height, s.Difficulty = w.base.Height, w.base.Target.Difficulty()
	}
	return s
}
