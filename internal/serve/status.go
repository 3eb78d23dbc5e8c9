package serve

import (
	"context"
	"math/big"
	"sync"
	"time"

	"github.com/touchstone-btc/touchstone/work"
)

// tell emits Status events until ctx ends.
func (s *Solo) tell(ctx context.Context) {
	repeat(ctx, s.config.StatusEvery, &s.mu, func(now time.Time) { s.config.OnEvent(s.status(now)) })
}

// repeat calls tell with mu held, so often until ctx ends.
func repeat(ctx context.Context, interval time.Duration, mu *sync.Mutex, tell func(now time.Time)) {
	t := time.NewTicker(interval)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-t.C:
			mu.Lock()
			tell(now)
			mu.Unlock()
		}
	}
}

// status is how the search goes; the caller holds mu.
func (s *Solo) status(now time.Time) Status {
	stats := s.miner.Stats()
	st := Status{
		Rate:     s.rate.add(now, stats.Hashes),
		Hashes:   stats.Hashes,
		Elapsed:  seconds(now.Sub(s.started)),
		Threads:  s.miner.Threads(),
		Kernel:   s.miner.Kernel().String(),
		Accepted: s.accepted,
	}
	if stats.Work == nil {
		return st
	}
	job := stats.Work.Job
	st.Height, st.Difficulty = job.Height, job.Target.Difficulty()
	if stats.Best != nil {
		st.Best = work.HashDifficulty(&stats.Best.Hash)
	}
	if st.Rate > 0 {
		hashes, _ := new(big.Float).SetInt(job.Target.Work()).Float64()
		st.Expected = Seconds(hashes / st.Rate)
	}
	return st
}
