package serve

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// eventQueue tells events one at a time, without anybody waiting for who is told.
// What does not fit is not told, but counted.
type eventQueue struct {
	tell func(Event)
	done chan struct{}

	mu     sync.Mutex
	queue  []Event
	lost   int
	closed bool
	wake   chan struct{}
}

// maxEvents is how many events wait to be told.
const maxEvents = 10_000

func newEventQueue(tell func(Event)) *eventQueue {
	return &eventQueue{tell: tell, done: make(chan struct{}), wake: make(chan struct{}, 1)}
}

func (q *eventQueue) put(e Event) {
	q.mu.Lock()
	if len(q.queue) < maxEvents {
		q.queue = append(q.queue, e)
	} else {
		q.lost++
	}
	q.mu.Unlock()
	q.poke()
}

func (q *eventQueue) poke() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// run tells events until close was called and all are told.
func (q *eventQueue) run() {
	defer close(q.done)
	for range q.wake {
		q.mu.Lock()
		events, lost, closed := q.queue, q.lost, q.closed
		q.queue, q.lost = nil, 0
		q.mu.Unlock()
		for _, e := range events {
			q.tell(e)
		}
		if lost > 0 {
			q.tell(Notice{fmt.Sprintf("%d events were not told, because they came too fast", lost)})
		}
		if closed {
			return
		}
	}
}

// end has run return when all is told.
func (q *eventQueue) end() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.poke()
}

// drain tells what is left, until ctx ends.
func (q *eventQueue) drain(ctx context.Context) {
	q.end()
	select {
	case <-q.done:
	case <-ctx.Done():
	}
}

// close tells what is left, for at most that long.
func (q *eventQueue) close(limit time.Duration) {
	q.end()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-q.done:
	case <-timer.C:
	}
}
