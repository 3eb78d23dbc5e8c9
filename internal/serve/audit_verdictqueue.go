package serve

import (
	"container/heap"
	"time"
)

// verdictQueue puts verdict lines in order: they are printed when the pool's answers came, not when the shares did, and each says when its
// job was sent, before. What is a little out of order is put right.
type verdictQueue struct {
	records []shardRecord // in order
	head    int
	jobs    jobHeap
	given   map[string]givenJob // by session: what was added to jobs last
	newest  time.Time
	told    time.Time
	out     shardRecord
}

// givenJob tells a job from the one before.
type givenJob struct {
	id   string
	sent time.Time
}

const (
	// recordWait is how long a record waits, in its own time, for others that were before it.
	recordWait = 2 * time.Minute
	// maxRecordsWait is how many wait.
	maxRecordsWait = 1 << 15
	// maxOutOfOrder is how many others may have come before a record that should have.
	maxOutOfOrder = 1 << 10
	// maxRecordSessions is how many sessions' latest jobs are remembered.
	maxRecordSessions = 1 << 17
)

// add takes in a record.
func (q *verdictQueue) add(r *shardRecord) {
	if r.time.After(q.newest) {
		q.newest = r.time
	}
	if q.head > 0 && len(q.records) == cap(q.records) {
		n := copy(q.records, q.records[q.head:])
		clear(q.records[n:])
		q.records, q.head = q.records[:n], 0
	}
	q.records = append(q.records, *r)
	for i := len(q.records) - 1; i > max(q.head, len(q.records)-maxOutOfOrder) && q.records[i-1].time.After(r.time); i-- {
		q.records[i], q.records[i-1] = q.records[i-1], q.records[i]
	}
	if r.what != verdictShare || r.sent.IsZero() || !known(r) || !r.sent.After(q.told) || r.sent.After(r.time) {
		return
	}
	last, seen := q.given[string(r.session)]
	if seen && last.sent.Equal(r.sent) && last.id == string(r.job) {
		return
	}
	if q.given == nil || len(q.given) >= maxRecordSessions {
		q.given = map[string]givenJob{}
	}
	q.given[string(r.session)] = givenJob{string(r.job), r.sent}
	own := *r
	own.asJob = true
	heap.Push(&q.jobs, own)
}

// ready returns a record that has waited long enough, nil if there is none. It holds until the next call.
func (q *verdictQueue) ready() *shardRecord {
	if n := len(q.records) - q.head; n == 0 || n < maxRecordsWait && q.newest.Sub(q.records[q.head].time) < recordWait {
		return nil
	}
	return q.pop()
}

// pop returns the next record, nil if there is none.
func (q *verdictQueue) pop() *shardRecord {
	if q.head == len(q.records) {
		return nil
	}
	next := &q.records[q.head]
	if len(q.jobs) > 0 && !q.jobs[0].sent.After(next.time) {
		q.out = heap.Pop(&q.jobs).(shardRecord)
		q.told = q.out.sent
		return &q.out
	}
	q.out, *next = *next, shardRecord{}
	q.head++
	if q.out.time.After(q.told) {
		q.told = q.out.time
	}
	return &q.out
}

// jobHeap are jobs, the one that was sent first before the others.
type jobHeap []shardRecord

func (h jobHeap) Len() int           { return len(h) }
func (h jobHeap) Less(i, k int) bool { return h[i].sent.Before(h[k].sent) }
func (h jobHeap) Swap(i, k int)      { h[i], h[k] = h[k], h[i] }
func (h *jobHeap) Push(x any)        { *h = append(*h, x.(shardRecord)) }

func (h *jobHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = shardRecord{}
	*h = old[:len(old)-1]
	return last
}
