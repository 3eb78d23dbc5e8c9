package serve

import (
	"sync"

	"github.com/touchstone-btc/touchstone/stratum"
)

// recordKind is what is to be written.
type recordKind uint8

const (
	recordLine recordKind = iota
	recordOpen
	recordClose
	recordRestate // in the newest file; after a gap if there was one
)

// recordEntry is something to be written of a connection.
type recordEntry struct {
	track *Track
	at    int64         // Unix time in nanoseconds
	kept  *stratum.Kept // of a line whose text is shared
	more  *recordMore   // of a recordRestate and a recordClose
	end   int           // of its text among the queue's; it begins where that before it ends
	omit  int32
	from  stratum.From
	kind  recordKind
}

// recordMore is what only some entries have.
type recordMore struct {
	restated stratum.Restated
	lost     uint64 // lines, before it
	gap      bool
}

// Costs in bytes, so that the queue's memory is bounded.
const (
	recordEntryCost = 64
	restatedCost    = 32
)

// recordQueue is what waits for the writer. It never makes anyone wait for the disk.
type recordQueue struct {
	wake  chan struct{} // has an element where there is something to do
	limit int

	mu      sync.Mutex
	waiting recordBatch
	ticket  uint64 // of the entry put in last
	held    int    // bytes that the writer took and has not given back
	closed  bool
}

// recordBatch are entries with the bytes of their texts.
type recordBatch struct {
	entries []recordEntry
	text    []byte
	cost    int
	first   uint64 // ticket of the first entry
}

// put puts an entry in with a copy of its text, and returns its ticket; 0 if there is no room and it does not have to be.
func (q *recordQueue) put(e recordEntry, text []byte, limit int) uint64 {
	cost := recordEntryCost + len(text)
	if e.more != nil {
		cost += restatedCost * len(e.more.restated.Lines)
	}
	q.mu.Lock()
	w := &q.waiting
	if q.closed || w.cost+q.held+cost > limit {
		q.mu.Unlock()
		return 0
	}
	w.cost += cost
	w.text = append(w.text, text...)
	e.end = len(w.text)
	w.entries = append(w.entries, e)
	q.ticket++
	ticket, first := q.ticket, len(w.entries) == 1
	q.mu.Unlock()
	if first {
		q.nudge()
	}
	return ticket
}

// nudge wakes the writer.
func (q *recordQueue) nudge() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take gives all that waits to the writer, in exchange for the memory of a batch that is done.
func (q *recordQueue) take(done recordBatch) recordBatch {
	done.recycle()
	q.mu.Lock()
	defer q.mu.Unlock()
	b := q.waiting
	b.first = q.ticket - uint64(len(b.entries)) + 1
	q.waiting, q.held = done, b.cost
	return b
}

// close refuses all that comes.
func (q *recordQueue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed, q.waiting = true, recordBatch{}
}

// recycle empties a batch, and gives back memory that was needed once.
func (b *recordBatch) recycle() {
	const few = 64 << 10
	if cap(b.text) > few && len(b.text) < cap(b.text)/4 {
		b.text = nil
	}
	if cap(b.entries) > few/recordEntryCost && len(b.entries) < cap(b.entries)/4 {
		b.entries = nil
	}
	clear(b.entries)
	b.entries, b.text, b.cost = b.entries[:0], b.text[:0], 0
}
