package load

import (
	"container/heap"
	"context"
	"math/rand/v2"
	"time"
)

// due is when a connection sends its next share.
type due struct {
	at   time.Time
	conn *conn
}

// schedule is a heap of what is due, the earliest first.
type schedule []due

func (s schedule) Len() int           { return len(s) }
func (s schedule) Less(i, k int) bool { return s[i].at.Before(s[k].at) }
func (s schedule) Swap(i, k int)      { s[i], s[k] = s[k], s[i] }
func (s *schedule) Push(x any)        { *s = append(*s, x.(due)) }
func (s *schedule) Pop() any {
	last := (*s)[len(*s)-1]
	*s = (*s)[:len(*s)-1]
	return last
}

// sendDue sends the shares of every step-th connection from the first on, when they are due, until ctx ends.
func (g *Generator) sendDue(ctx context.Context, began time.Time, first, step int) error {
	if g.config.SharesPerMinute < 0 {
		<-ctx.Done()
		return nil
	}
	m, err := newMiner()
	if err != nil {
		return err
	}
	rng := g.newRand()
	var s schedule
	for i := first; i < len(g.conns); i += step {
		s = append(s, due{began.Add(g.firstInterval(rng)), g.conns[i]})
	}
	heap.Init(&s)
	for {
		at := s[0].at
		if !sleep(ctx, time.Until(at)) {
			return nil
		}
		if n := g.config.Shares; n > 0 && g.due.Add(1) > n {
			return nil
		}
		g.late.add(time.Since(at))
		switch s[0].conn.send(ctx, m, rng, g.kind(rng)) {
		case fateSkipped, fateOvertaken:
			g.skipped.Add(1)
		case fateTooHard:
			g.tooHard.Add(1)
		}
		s[0].at = at.Add(g.interval(rng))
		heap.Fix(&s, 0)
	}
}

// kind chooses what to send.
func (g *Generator) kind(rng *rand.Rand) Kind {
	if rng.Float64() >= g.config.Bad {
		return Good
	}
	return g.config.Kinds[rng.IntN(len(g.config.Kinds))]
}

// interval is the time from one share of a connection to the next.
func (g *Generator) interval(rng *rand.Rand) time.Duration {
	mean := float64(time.Minute) / g.config.SharesPerMinute
	if g.config.Even {
		return time.Duration(mean * (0.95 + 0.1*rng.Float64()))
	}
	return time.Duration(mean * rng.ExpFloat64())
}

// firstInterval is that from the beginning to the first share.
func (g *Generator) firstInterval(rng *rand.Rand) time.Duration {
	if g.config.Even {
		return time.Duration(float64(time.Minute) / g.config.SharesPerMinute * rng.Float64())
	}
	return g.interval(rng)
}
