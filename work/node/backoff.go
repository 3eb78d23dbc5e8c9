package node

import (
	"context"
	"math/rand/v2"
	"time"
)

// backoff returns how long to wait after the given number of failures in a row:
// shortest, doubled with each failure after the first, at most longest, then
// shortened at random by up to half, so that many who lost the same node do not
// return to it in the same moment.
func backoff(shortest, longest time.Duration, failures int) time.Duration {
	d := shortest
	for i := 1; i < failures && d < longest; i++ {
		d *= 2
	}
	d = min(d, longest)
	return d - time.Duration(rand.Int64N(int64(d/2)+1))
}

// sleep waits, or returns ctx's error as soon as there is one.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
