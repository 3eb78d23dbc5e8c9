package bench

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// crew runs one workload on each of several threads at once, for as long as a window.
type crew struct {
	now     clock
	members []crewMember
	begin   []chan time.Duration // to each member: how long
	end     chan struct{}        // from each, when its window is over
	ready   atomic.Int32         // members that wait for the others
	start   atomic.Int64         // when the window began, for all; notYet before that
	group   sync.WaitGroup
}

// notYet is no time of a clock.
const notYet = -1

// crewMember is a thread's own, padded so that no two are on one cache line.
type crewMember struct {
	run  workload
	rate float64 // in the last window
	_    [112]byte
}

// newCrew starts a thread for each of the workloads. The caller ends them with stop.
func newCrew(now clock, runs []workload) *crew {
	c := &crew{now: now, members: make([]crewMember, len(runs)), end: make(chan struct{}, len(runs))}
	for i, run := range runs {
		c.members[i].run = run
		begin := make(chan time.Duration)
		c.begin = append(c.begin, begin)
		c.group.Go(func() { c.work(&c.members[i], begin) })
	}
	return c
}

// stop ends the threads.
func (c *crew) stop() {
	for _, b := range c.begin {
		close(b)
	}
	c.group.Wait()
}

// window has all members work for d at the same time and returns the sum of their rates.
func (c *crew) window(d time.Duration) (rate float64) {
	c.ready.Store(0)
	c.start.Store(notYet)
	for _, b := range c.begin {
		b <- d
	}
	for range c.members {
		<-c.end
	}
	for i := range c.members {
		rate += c.members[i].rate
	}
	return rate
}

func (c *crew) work(m *crewMember, begin <-chan time.Duration) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for d := range begin {
		// They begin together: otherwise the first would have the machine for itself until the last is awake.
		last := int(c.ready.Add(1)) == len(c.members)
		if last {
			c.start.Store(int64(c.now()))
		}
		for c.start.Load() == notYet {
			runtime.Gosched()
		}
		// Time counts from when the window began, not from when this thread got a core, and who gets one too late does
		// nothing, so that there is no more than one machine to be shared, however many threads there are. The last to be
		// ready does something in any case: a rate is not 0.
		start := time.Duration(c.start.Load())
		done, elapsed := 0, c.now()-start
		for last || elapsed < d {
			last = false
			done += m.run(1)
			elapsed = max(c.now()-start, 1)
		}
		m.rate = float64(done) / elapsed.Seconds()
		c.end <- struct{}{}
	}
}
