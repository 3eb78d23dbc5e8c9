package serve

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/touchstone-btc/touchstone/stratum"
)

const (
	// noLimit is for what must be in the queue: there is one such entry for each connection.
	noLimit = math.MaxInt
	// recordChunk is how many bytes are written at once.
	recordChunk = 256 << 10
	// recordMove is how long a connection may wait for replies before its lines go to the next file all the same.
	recordMove = 5 * time.Second
	// recordPass is how long after looking at all connections they are looked at again.
	recordPass = 10 * time.Millisecond
	// maxRecordEnded is how many connections that ended while nothing was recorded get a gap and an end later.
	maxRecordEnded = 10_000
)

// recordWriter writes what is in the queue. All of it is for one goroutine.
type recordWriter struct {
	*Recorder
	clock   func() time.Time
	number  int
	current *recordFile
	old     []*recordFile // with lines of connections that have not moved
	rotated time.Time     // when the current file began
	rotate  time.Time     // not before
	batch   recordBatch
	line    stratum.Line

	failing bool // nothing is written until retry
	retry   time.Time
	trial   bool // it is tried again
	ended   []recordEnd

	sweeping bool // some connections need to be restated
	cursor   int
	some     []*Track
	nextPass time.Time
}

// recordEnd is a connection that ended while nothing was recorded.
type recordEnd struct {
	track *Track
	at    int64
}

// use makes f the file of what comes.
func (w *recordWriter) use(f *recordFile) {
	if w.current != nil {
		w.old = append(w.old, w.current)
		w.sweeping = true
	}
	w.current, w.rotated = f, w.clock()
	w.mu.Lock()
	w.files = append(w.files, f)
	w.mu.Unlock()
	w.tell(RecordBegun{File: f.path})
}

// run writes until the recording ends.
func (w *recordWriter) run() {
	tick := time.NewTicker(recordRetry / 4)
	defer tick.Stop()
	pass := time.NewTimer(time.Hour)
	defer pass.Stop()
	for stopped := false; !stopped; {
		select {
		case <-w.queue.wake:
		case <-tick.C:
		case <-pass.C:
		case <-w.stop:
			stopped = true
			w.retry = time.Time{}
		}
		w.work()
		if len(w.old) > 0 || w.lostSome.Load() {
			pass.Reset(recordPass)
		}
	}
	w.finish()
}

// work writes all that waits.
func (w *recordWriter) work() {
	for {
		now := w.clock()
		w.keep(now)
		more := w.sweep(now)
		w.batch = w.queue.take(w.batch)
		if len(w.batch.entries) == 0 && !more {
			return
		}
		w.process()
		w.retire()
	}
}

// keep does what is to be done now and then.
func (w *recordWriter) keep(now time.Time) {
	if err := w.syncError.Swap(nil); err != nil {
		w.current.broken, w.current.spoilt = true, true // what it holds may be gone
		if !w.failing {
			w.fail(w.current, *err)
		}
	}
	if w.failing && !now.Before(w.retry) {
		w.try(now)
	}
	f := w.current
	full := f.size >= w.config.MaxFileSize && f.size >= 2*f.restated || f.size > 0 && now.Sub(f.begun) >= w.config.MaxFileAge
	if !full || w.failing || len(w.old) > 0 || now.Before(w.rotate) {
		return
	}
	next, err := w.newFile(now)
	if err != nil {
		if w.rotate.IsZero() {
			w.tell(Notice{Text: fmt.Sprintf("recording goes on in %s: no other file can be begun: %v", f.path, err)})
		}
		w.rotate = now.Add(recordRetry)
		return
	}
	w.rotate = time.Time{}
	w.use(next)
}

// finish writes what is left when the recording ends.
func (w *recordWriter) finish() {
	w.work()
	w.flush()
	switch lost := w.lostLines.Load(); {
	case w.failing:
		w.err = fmt.Errorf("recording: lines were lost to the end in %s", w.current.path)
	case lost > 0:
		w.err = fmt.Errorf("recording: %d lines are missing, as the gaps in it say", lost)
	}
	w.queue.close()
	w.written.Store(math.MaxUint64)
	w.waiters.tell()
}

// process writes a batch.
func (w *recordWriter) process() {
	b := &w.batch
	start := 0
	for i := range b.entries {
		e := &b.entries[i]
		w.entry(e, b.text[start:e.end])
		start = e.end
		if len(w.current.buf) >= recordChunk {
			w.flush()
			w.publish(b.first + uint64(i))
		}
	}
	w.flush()
	w.publish(b.first + uint64(len(b.entries)) - 1)
}

// publish tells that what came up to a ticket is written, or never will be.
func (w *recordWriter) publish(ticket uint64) {
	w.written.Store(ticket)
	w.waiters.tell()
}

// entry writes an entry into the buffer of its file.
func (w *recordWriter) entry(e *recordEntry, text []byte) {
	t := e.track
	if t.file == nil {
		t.file = w.current
		t.file.tracks++
	}
	if w.failing || t.file.broken {
		t.gapped = true
	}
	switch e.kind {
	case recordOpen:
		if t.gapped { // it is said when the recording goes on
			return
		}
		w.event(t, e.at, "open", t.opening)
	case recordLine:
		if t.gapped {
			w.discard(t)
			return
		}
		l := &w.line
		*l = stratum.Line{Time: time.Unix(0, e.at), Session: t.name, From: e.from, Omitted: int(e.omit)}
		if e.kept != nil {
			e.kept.Put(l)
		} else {
			l.SetBytes(text)
		}
		w.put(t)
		t.buffered++
	case recordRestate:
		w.restate(e)
	case recordClose:
		w.close(e)
	}
}

// discard counts a line that is not written.
func (w *recordWriter) discard(t *Track) {
	t.discarded++
	w.lostLines.Add(1)
}

// put appends the line to the file's buffer.
func (w *recordWriter) put(t *Track) {
	f := t.file
	if !t.touched {
		t.touched = true
		f.touched = append(f.touched, t)
	}
	f.buf = stratum.AppendLine(f.buf, &w.line)
}

// event writes an event, with these members beside its name.
func (w *recordWriter) event(t *Track, at int64, name string, members []byte) {
	text := append([]byte(`{"event":"`), name...)
	text = append(text, '"')
	if len(members) > 0 {
		text = append(append(text, ','), members...)
	}
	w.line = stratum.Line{Time: time.Unix(0, at), Session: t.name, From: stratum.FromTouchstone, Message: append(text, '}')}
	w.put(t)
}

// gap writes that so many lines of a connection are missing here.
func (w *recordWriter) gap(t *Track, at int64, more uint64) {
	t.discarded += more
	lines := t.discarded - t.told
	t.gapped, t.told = false, t.discarded
	w.event(t, at, "gap", strconv.AppendUint([]byte(`"lines":`), lines, 10))
}

// restate writes what holds for a connection into the newest file.
func (w *recordWriter) restate(e *recordEntry) {
	t, more := e.track, e.more
	if t.file != w.current {
		t.file.tracks--
		w.current.tracks++
		if t.touched { // its lines count in the file where they are
			w.flush()
		}
		t.file = w.current
	}
	if w.failing || t.gapped && !more.gap { // it is asked for again
		t.gapped = true
		t.discarded += more.lost
		return
	}
	before := len(t.file.buf)
	if more.gap {
		w.gap(t, e.at, more.lost)
	}
	members := append(append([]byte(nil), t.opening...), `,"continued":true`...)
	if more.restated.Assumed {
		members = append(members, `,"assumed":true`...)
	}
	if more.restated.Missed {
		members = append(members, `,"missed":true`...)
	}
	w.event(t, e.at, "open", members)
	for i := range more.restated.Lines {
		l := &more.restated.Lines[i]
		w.line = stratum.Line{Time: time.Unix(0, l.Time), Session: t.name, From: l.From, Restated: true}
		l.Text.Put(&w.line)
		w.put(t)
		if len(t.file.buf) >= recordChunk {
			t.file.restated += int64(len(t.file.buf) - before)
			before = 0
			if w.flush(); w.failing {
				t.gapped = true
				return
			}
		}
	}
	t.file.restated += int64(len(t.file.buf) - before)
}

// close writes the end of a connection.
func (w *recordWriter) close(e *recordEntry) {
	t := e.track
	t.file.tracks--
	t.ended = true
	lost := uint64(0)
	if e.more != nil {
		lost = e.more.lost
	}
	switch {
	case w.failing || t.file.broken:
		t.discarded += lost
		w.end(t, e.at)
		return
	case t.gapped || e.more != nil:
		w.gap(t, e.at, lost)
	}
	w.event(t, e.at, "close", nil)
}

// end remembers a connection whose end could not be written.
func (w *recordWriter) end(t *Track, at int64) {
	if len(w.ended) < maxRecordEnded {
		w.ended = append(w.ended, recordEnd{t, at})
	}
}

// flush writes the buffers to their files.
func (w *recordWriter) flush() {
	wrote := false
	for i := range w.old {
		wrote = w.flushFile(w.old[i]) || wrote
	}
	wrote = w.flushFile(w.current) || wrote
	if wrote && !w.failing && (w.trial || w.troubled.Load() && !w.lostSome.Load()) {
		w.trial = false
		w.resumed(w.current.path)
	}
}

// flushFile writes the buffer of one file, and reports whether it could.
func (w *recordWriter) flushFile(f *recordFile) bool {
	if len(f.buf) == 0 {
		return false
	}
	begun := time.Now()
	w.busy.Store(begun.UnixNano())
	err := f.write()
	w.busy.Store(0)
	quick := time.Since(begun) < diskWait
	for i, t := range f.touched {
		if err != nil {
			t.gapped = true
			t.discarded += t.buffered
			w.lostLines.Add(t.buffered)
			if t.ended {
				w.end(t, w.clock().UnixNano())
			}
		} else {
			t.discarded -= t.told
		}
		t.buffered, t.told, t.touched = 0, 0, false
		f.touched[i] = nil
	}
	f.touched = f.touched[:0]
	if f.buf = f.buf[:0]; cap(f.buf) > 2*recordChunk {
		f.buf = nil
	}
	if err != nil {
		w.fail(f, err)
		return false
	}
	if quick && !w.failing && w.slow.Load() { // who waited in vain said that it is slow
		w.slow.Store(false)
	}
	return true
}

// fail stops writing for a while.
func (w *recordWriter) fail(f *recordFile, err error) {
	w.failing = true
	w.retry = w.clock().Add(recordRetry)
	w.slow.Store(true)
	if !w.trial {
		w.begin(f.path, err)
	}
}

// try begins to write again.
func (w *recordWriter) try(now time.Time) {
	w.retry = now.Add(recordRetry)
	for _, f := range w.old {
		_ = f.mend() // else its connections go to the current file
	}
	if err := w.current.mend(); err != nil {
		next, err := w.newFile(now)
		if err != nil {
			return
		}
		w.use(next)
	}
	w.failing, w.trial, w.sweeping = false, true, true
	w.cursor, w.nextPass = 0, time.Time{}
	ended := w.ended
	w.ended = nil
	for _, e := range ended {
		t := e.track
		t.file = w.current
		w.gap(t, e.at, 0)
		w.event(t, e.at, "close", nil)
	}
	w.flush()
}

// sweep puts what holds for connections into the queue, of those that need it, a few at a time. It reports whether there is more to do.
func (w *recordWriter) sweep(now time.Time) (more bool) {
	lost := w.lostSome.Load()
	if w.failing || !w.sweeping && len(w.old) == 0 && !lost {
		return false
	}
	if w.cursor == 0 {
		if now.Before(w.nextPass) {
			return false
		}
		if w.lostSome.Store(false); lost {
			w.begin(w.current.path, errors.New("the disk is too slow: too much waits to be written"))
		}
	}
	for budget := recordChunk; budget > 0; {
		w.mu.Lock()
		w.some = append(w.some[:0], w.tracks[min(w.cursor, len(w.tracks)):min(w.cursor+64, len(w.tracks))]...)
		w.mu.Unlock()
		if len(w.some) == 0 { // the pass ends
			w.cursor, w.sweeping, w.nextPass = 0, false, now.Add(recordPass)
			return true
		}
		w.cursor += len(w.some)
		for _, t := range w.some {
			budget -= w.visit(t, now)
		}
		clear(w.some)
	}
	return true
}

// visit restates a connection if it needs that, and returns how many bytes it will take.
func (w *recordWriter) visit(t *Track, now time.Time) (size int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state == nil || t.file == nil && !t.lost { // it ended, or did not begin yet
		return 0
	}
	gap := t.lost || t.gapped || t.file != nil && t.file.broken
	if !gap && (t.file == w.current || t.state.Outstanding() > 0 && now.Sub(w.rotated) < recordMove) {
		return 0
	}
	size, ok := t.restate(now, 2*w.queue.limit, gap)
	if !ok {
		w.lostSome.Store(true)
	}
	return size
}

// retire hands files that nobody needs any more to be closed.
func (w *recordWriter) retire() {
	old := w.old[:0]
	for _, f := range w.old {
		if f.tracks > 0 || f.broken && w.failing { // half a line may be cut off later
			old = append(old, f)
			continue
		}
		f.retired.Store(true)
	}
	clear(w.old[len(old):])
	w.old = old
}
