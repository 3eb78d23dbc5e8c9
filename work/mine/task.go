package mine

import (
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/touchstone-btc/touchstone/hash"
	"github.com/touchstone-btc/touchstone/work"
)

// rollAhead is how far, in seconds, ntime may run ahead of the clock when a
// pass has tried every header of the present second. Nodes allow
// work.MaxFutureTime; the rest is left to clocks that differ.
const rollAhead = 600

// bestZeros is how many leading zero bits make a hash worth looking at as the
// best so far, where the target is harder than that: about one hash in a
// million, which costs nothing and yet comes several times a second.
const bestZeros = 20

// task is a Work being searched, shared by all threads.
type task struct {
	work     *Work // nil: nothing to search
	target   work.Target
	mask     uint32        // the kernels' filter, never stricter than target
	replaced chan struct{} // closed when another task takes its place
	hashes   atomic.Uint64
	best     atomic.Pointer[Found]

	now   func() time.Time
	start time.Time // by now, when the task was made

	mu        sync.Mutex // guards what follows
	cursor    *cursor
	begun     int  // units dealt and not yet done
	exhausted bool // OnExhausted was called
}

// idle returns the task of having nothing to do.
func idle() *task { return &task{replaced: make(chan struct{})} }

func newTask(w *Work, now func() time.Time) (*task, error) {
	space, err := w.space()
	if err != nil {
		return nil, err
	}
	if job := w.Job; job.MaxTime != 0 && job.MaxTime < job.MinTime {
		return nil, fmt.Errorf("mine: job with maxtime %d before mintime %d", job.MaxTime, job.MinTime)
	}
	// Threads rely on the size being right.
	extranonce := make([]byte, w.Job.Extranonce1Size+w.Job.Extranonce2Size)
	if err := w.Job.NewBuilder().SetExtranonce(extranonce); err != nil {
		return nil, fmt.Errorf("mine: %w", err)
	}
	t := idle()
	t.work = w
	t.target = w.target()
	t.mask = hash.FilterMask(min(t.target.LeadingZeros(), bestZeros))
	t.now = now
	t.start = now()
	t.cursor = newCursor(space)
	return t, nil
}

// times returns the ntime of this moment and the latest that may be used ahead
// of it. They follow the clock of whoever made the job: its ntime and the time
// that passed since, so a wrong clock here does no harm.
func (t *task) times() (now, ahead uint32) {
	job := t.work.Job
	seconds := max(0, int64(t.now().Sub(t.start)/time.Second)) + int64(job.Time)
	clamp := func(s int64) uint32 {
		return work.ClampTime(uint32(min(s, math.MaxUint32)), job.MinTime, job.MaxTime)
	}
	return clamp(seconds), clamp(seconds + rollAhead)
}

// next deals the next unit; its taker says when it is done. Without one, final
// says that all are done and there never will be one again; it is true once.
func (t *task) next() (u unit, ok, final bool) {
	now, ahead := t.times()
	t.mu.Lock()
	defer t.mu.Unlock()
	if u, ok = t.cursor.next(now, ahead); ok {
		t.begun++
		return u, true, false
	}
	job := t.work.Job
	if t.exhausted || t.begun > 0 || job.MaxTime == 0 || t.cursor.latest < job.MaxTime {
		return u, false, false
	}
	t.exhausted = true
	return u, false, true
}

// done takes back a unit that was searched to its end.
func (t *task) done() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.begun--
}

// offer keeps f if it is the best so far.
func (t *task) offer(f *Found) {
	value := work.HashValue(&f.Hash)
	for {
		best := t.best.Load()
		if best != nil && value.Cmp(work.HashValue(&best.Hash)) >= 0 {
			return
		}
		if t.best.CompareAndSwap(best, f) {
			return
		}
	}
}
