package serve

import (
	"time"

	"github.com/touchstone-btc/touchstone/audit"
	"github.com/touchstone-btc/touchstone/work"
)

// recentWindow is how long the windows are of which the recent rate knows the last one and the one that runs. They begin at times that
// don't depend on shares, because the interval holds for such.
const recentWindow = 10 * time.Minute

// watch keeps for how long a connection was watched with which target, in all and of late.
type watch struct {
	past, last, current span
	window              int64 // the current one's number
	running             bool
	target              work.Target // in force, if running
	since               time.Time   // up to here current is complete, if running
}

// span is a part of the time.
type span struct {
	exposure audit.Exposure
	watched  time.Duration
}

func (s *span) merge(o *span) {
	s.exposure.Merge(&o.exposure)
	s.watched += o.watched
}

// windowOf returns the number of the window that a time is in.
func windowOf(started, now time.Time) int64 { return int64(now.Sub(started) / recentWindow) }

// roll goes on to the window of the time now, and returns by how many.
func (w *watch) roll(started, now time.Time) (windows int64) {
	window := windowOf(started, now)
	windows = window - w.window
	if windows <= 0 {
		return 0
	}
	// Up to the end of its window, the current one counts on; then each takes the next one's place. Of windows between nobody asks.
	for _, next := range []int64{max(window-1, w.window+1), window} {
		if next == w.window {
			continue
		}
		boundary := started.Add(time.Duration(next) * recentWindow)
		w.advance(boundary)
		w.past.merge(&w.last)
		w.last, w.current = w.current, span{}
		w.last.exposure.Pause(boundary)
		if w.running {
			w.current.exposure.Set(boundary, w.target)
		}
		w.window = next
	}
	return windows
}

// set says that shares must meet the target from now on.
func (w *watch) set(t work.Target, now time.Time) {
	w.advance(now)
	if !w.running {
		w.running, w.since = true, now
	}
	w.target = t
	w.current.exposure.Set(w.since, t)
}

// advance counts the time up to now. One before that of the last call changes nothing.
func (w *watch) advance(now time.Time) {
	if w.running && now.After(w.since) {
		w.current.watched += now.Sub(w.since)
		w.since = now
		w.current.exposure.Advance(now)
	}
}

// pause says that nothing is known from now on.
func (w *watch) pause(now time.Time) {
	w.advance(now)
	w.current.exposure.Pause(w.since)
	w.running = false
}

// spans are those of the watch that it is asked for, without what comes later.
type spans struct{ whole, recent span }

func (w *watch) spans() (out spans) {
	out.recent = w.last
	out.recent.merge(&w.current)
	out.whole = w.past
	out.whole.merge(&out.recent)
	return out
}

// devicePart is what one worker sent over one connection. Nearly all connections have one.
type devicePart struct {
	worker *workerSum
	name   string // "" in the part of those beyond the bounds
	deviceTally
	last, current uint64 // credited, in the windows of these names
}

// roll goes on by so many windows.
func (p *devicePart) roll(windows int64) {
	switch {
	case windows == 1:
		p.last, p.current = p.current, 0
	case windows > 1:
		p.last, p.current = 0, 0
	}
}

// credited returns how many shares are.
func (t *deviceTally) credited() (n uint64) {
	for w, c := range t.words {
		if wordCredited[w] {
			n += c
		}
	}
	return n
}

// workerSum is what is known of a worker's name, without what its live connections did. It belongs to Devices, and is changed under its
// lock.
type workerSum struct {
	name string
	deviceTally
	rate        rateParts
	live        int    // parts of live connections
	connections uint64 // with live ones
	cover       coverage
	ended       recentParts
	number      uint64
	since       time.Time // when it first came
	drawn       int       // its place in the snapshot being made
}

// recentParts adds up what connections that ended did in the last window and the current one.
type recentParts struct {
	window        int64 // the current one's number
	last, current rateParts
}

// roll goes on to a window.
func (r *recentParts) roll(window int64) {
	switch {
	case window <= r.window:
		return
	case window == r.window+1:
		r.last, r.current = r.current, rateParts{}
	default:
		r.last, r.current = rateParts{}, rateParts{}
	}
	r.window = window
}

// recent adds up both.
func (r *recentParts) recent() (sum rateParts) {
	sum = r.last
	sum.merge(&r.current)
	return sum
}

// coverage is the time in which at least one of several was there.
type coverage struct {
	running int
	beside  bool          // two were there at once
	covered time.Duration // up to since
	since   time.Time     // the last change
	begun   time.Time     // when it began that one was there without a break
	end     time.Time     // of such a time before
}

// join says that one is there, and was since the time start.
func (c *coverage) join(start, now time.Time) {
	c.pass(now)
	if start.Before(c.end) {
		start, c.beside = c.end, true
	}
	begun := now
	if c.running > 0 {
		begun = c.begun
		c.beside = c.beside || start.Before(now)
	}
	if start.Before(begun) {
		c.covered += begun.Sub(start)
		begun = start
	}
	c.begun = begun
	c.running++
}

// leave says that one is not there any more.
func (c *coverage) leave(now time.Time) {
	c.pass(now)
	c.running--
	if c.running == 0 {
		c.end = c.since
	}
}

// pass counts the time up to now.
func (c *coverage) pass(now time.Time) {
	if !now.After(c.since) {
		return
	}
	if c.running > 0 {
		c.covered += now.Sub(c.since)
		c.beside = c.beside || c.running > 1
	}
	c.since = now
}

// seconds returns how long it was up to now.
func (c *coverage) seconds(now time.Time) (s float64, beside bool) {
	up := *c
	up.pass(now)
	return up.covered.Seconds(), up.beside
}
