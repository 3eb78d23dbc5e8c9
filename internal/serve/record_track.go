package serve

import (
	"bytes"
	"sync"
	"time"

	"github.com/touchstone-btc/touchstone/stratum"
)

// Track records one connection. Its methods never block, copy what they are given, and may be called on a nil Track. It is safe for
// concurrent use: what is seen is recorded in the order of the calls.
type Track struct {
	recorder *Recorder
	name     []byte
	opening  []byte // members of the event
	place    int    // among the recorder's, which guards it

	mu     sync.Mutex
	state  *stratum.Restater // nil after Close
	begun  bool              // it is in the queue, or was
	lost   bool              // the line before did not get there
	missed uint64            // so many lines did not

	// What follows is the writer's.
	file      *recordFile
	gapped    bool   // the line before was not written
	discarded uint64 // so many lines were not, and no gap on the disk says so yet
	told      uint64 // of these, a gap in the file's buffer says so
	buffered  uint64 // so many lines are in the file's buffer
	touched   bool   // something is
	ended     bool
}

// open records the beginning.
func (t *Track) open(now time.Time) {
	q := &t.recorder.queue
	if q.put(recordEntry{track: t, at: now.UnixNano(), kind: recordOpen}, nil, q.limit) != 0 {
		t.begun = true
		return
	}
	t.lost = true
	t.recorder.lostSome.Store(true)
}

// lose notes that a line is not recorded, for lack of room.
func (t *Track) lose() {
	t.lost = true
	t.missed++
	t.recorder.lostLines.Add(1)
	t.recorder.lostSome.Store(true)
}

// skip notes that a line can't be recorded.
func (t *Track) skip(now time.Time) {
	t.lost = true
	t.missed++
	if !t.resume(now, t.recorder.queue.limit/2) {
		t.recorder.lostSome.Store(true)
	}
}

// resume makes the recording go on after lines were lost, if there is room for it.
func (t *Track) resume(now time.Time, limit int) bool {
	if !t.lost {
		return true
	}
	_, ok := t.restate(now, limit, true)
	return ok
}

// restate records what holds, if there is room for it, in about size bytes.
func (t *Track) restate(now time.Time, limit int, gap bool) (size int, ok bool) {
	more := &recordMore{restated: t.state.Restated(now), lost: t.missed, gap: gap}
	if t.recorder.queue.put(recordEntry{track: t, at: now.UnixNano(), kind: recordRestate, more: more}, nil, limit) == 0 {
		return 0, false
	}
	t.begun, t.lost, t.missed = true, false, 0
	for i := range more.restated.Lines {
		size += more.restated.Lines[i].Text.Len() + 128
	}
	return size, true
}

// Saw records a line as it crossed the wire, with or without its end: passwords are taken out. It returns a ticket for Written.
func (t *Track) Saw(from stratum.From, line []byte, now time.Time) Ticket {
	if t == nil {
		return 0
	}
	r := t.recorder
	line = bytes.TrimSuffix(line, []byte{'\n'})
	line = bytes.TrimSuffix(line, []byte{'\r'})
	m := r.memory.Get().(*stratum.Message)
	defer r.memory.Put(m)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state == nil {
		return 0
	}
	resumed := t.resume(now, r.queue.limit/2)
	seen := t.state.Observe(from, line, now, m)
	if !resumed {
		t.lose()
		return 0
	}
	if len(line) > longRecorded {
		t.skip(now)
		return 0
	}
	e := recordEntry{track: t, at: now.UnixNano(), from: from, kept: seen.Kept, omit: int32(seen.Omitted), kind: recordLine}
	ticket := r.queue.put(e, seen.Text, r.queue.limit)
	if ticket == 0 {
		t.lose()
	}
	return Ticket(ticket)
}

// Gap records that something was not: what crossed the wire was longer than a message may be.
func (t *Track) Gap(now time.Time) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state == nil {
		return
	}
	t.state.Lost(now)
	t.skip(now)
}

// Close ends the connection.
func (t *Track) Close(now time.Time) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state == nil {
		return
	}
	t.state = nil
	t.recorder.forget(t)
	if !t.begun {
		return
	}
	e := recordEntry{track: t, at: now.UnixNano(), kind: recordClose}
	if t.lost {
		e.more = &recordMore{lost: t.missed, gap: true}
	}
	t.recorder.queue.put(e, nil, noLimit)
}
