package serve

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/touchstone-btc/touchstone/stratum"
	"github.com/touchstone-btc/touchstone/work/share"
)

// judge looks on while connections are forwarded: it gets copies of their messages, in a queue with a bound, and judges in a goroutine of
// its own. Whatever happens to it, who forwards never waits for it. What does not fit into the queue is missed, and said to be.
type judge struct {
	validator *share.Validator
	onEvent   func(Event)
	limits    judgeLimits
	audit     *LiveAudit // nil if nothing is audited
	// before is called before each message is judged, and judged with each verdict. For tests.
	before func(w *witness)
	judged func(w *witness, v *share.Verdict, err error)

	totals judgeTotals

	mu     sync.Mutex
	queue  *judgeQueue // of all connections, in the order of what crossed them
	spare  *judgeQueue // its memory is used next
	queued int64       // bytes that wait or are being judged
	closed bool
	wake   *sync.Cond

	reader *stratum.Onlooker // of no connection: the others read into its memory
	said   stratum.Message   // what the judge reads for itself
}

// judgeLimits bound what waits for the judge.
type judgeLimits struct {
	bytes        int64 // of all connections
	connBytes    int   // of one
	connMessages int
}

var defaultJudgeLimits = judgeLimits{bytes: 128 << 20, connBytes: 1 << 20, connMessages: 8192}

// judgeTotals are counts of all connections.
type judgeTotals struct {
	shares, credited, refused, unjudged, disagreed, crossed, blocks, unanswered atomic.Uint64
}

func newJudge(v *share.Validator, onEvent func(Event)) *judge {
	j := &judge{validator: v, onEvent: onEvent, limits: defaultJudgeLimits, reader: stratum.NewOnlooker(), queue: new(judgeQueue), spare: new(judgeQueue)}
	j.wake = sync.NewCond(&j.mu)
	return j
}

// witness is what the judge knows of one connection.
type witness struct {
	judge   *judge
	session string
	peer    string
	pool    string
	device  *Device

	// unanswered is how many shares the pool has not answered, as far as the judge has got.
	unanswered atomic.Int64

	// Guarded by the judge's mu.
	bytes, messages int // that wait or are being judged
	behind          int // messages missed since the last one that was queued

	// What follows is for the goroutine of the judge.
	watchEar
	onlooker *stratum.Onlooker
	shares   shareBook
	failed   bool
	now      time.Time
	jobs     uint64
	worker   string
	agent    string
	told     tellLimit
}

// judgeQueue are copies of messages, one after the other.
type judgeQueue struct {
	bytes []byte
	items []judgeItem
}

type judgeItem struct {
	of   *witness
	now  time.Time
	end  int // of its bytes in the queue
	what itemKind
	from stratum.From
	n    int // messages missed
}

type itemKind uint8

const (
	itemMessage itemKind = iota
	itemGap              // messages were not queued
	itemTooLong          // a line was too long to be one
	itemClose
)

// keptQueue are the most bytes of a queue that are used again.
const keptQueue = 1 << 20

// watch begins to judge a connection, from peer to our address local. device is told what is found.
func (j *judge) watch(session, peer, local, pool string, device *Device) *witness {
	w := &witness{judge: j, session: session, peer: peer, pool: pool, device: device}
	w.audit = j.audit.open(session, peer, local, pool, time.Now())
	w.saw(stratum.FromTouchstone, []byte(`{"event":"open"}`), time.Now())
	return w
}

// saw gives the judge a message; calls are in the order of the messages. It does not wait, and copies the line.
func (w *witness) saw(from stratum.From, line []byte, now time.Time) {
	w.put(judgeItem{now: now, what: itemMessage, from: from}, line)
}

// tooLong says that a line was longer than a message may be.
func (w *witness) tooLong(from stratum.From, now time.Time) {
	w.put(judgeItem{now: now, what: itemTooLong, from: from}, nil)
}

// close says that the connection has ended. Nothing must come after it.
func (w *witness) close(now time.Time) { w.put(judgeItem{now: now, what: itemClose}, nil) }

func (w *witness) put(item judgeItem, line []byte) {
	j := w.judge
	j.mu.Lock()
	defer j.mu.Unlock()
	full := w.bytes+len(line) > j.limits.connBytes || w.messages >= j.limits.connMessages || j.queued+int64(len(line)) > j.limits.bytes
	if full && item.what != itemClose {
		w.behind++
		return
	}
	if w.behind > 0 {
		j.add(judgeItem{of: w, now: item.now, what: itemGap, n: w.behind}, nil)
		w.behind = 0
	}
	item.of = w
	j.add(item, line)
	j.wake.Signal()
}

// add appends to the queue; the caller holds mu.
func (j *judge) add(item judgeItem, line []byte) {
	q := j.queue
	q.bytes = append(q.bytes, line...)
	item.end = len(q.bytes)
	q.items = append(q.items, item)
	j.queued += int64(len(line))
	item.of.bytes += len(line)
	item.of.messages++
}

// idle reports whether all that was given to the judge is judged, and the pool has answered all shares.
func (w *witness) idle() bool {
	w.judge.mu.Lock()
	defer w.judge.mu.Unlock()
	return w.messages == 0 && w.unanswered.Load() == 0
}

// run judges until stop is called and all that was queued until then is judged.
func (j *judge) run() {
	for j.turn() {
	}
}

// stop lets run return.
func (j *judge) stop() {
	j.mu.Lock()
	j.closed = true
	j.mu.Unlock()
	j.wake.Signal()
}

// turn waits until something is in the queue, and judges it. It returns false when nothing more comes.
func (j *judge) turn() bool {
	j.mu.Lock()
	for len(j.queue.items) == 0 && !j.closed {
		j.wake.Wait()
	}
	q := j.queue
	j.queue = j.spare
	j.mu.Unlock()
	if len(q.items) == 0 {
		return false
	}
	start := 0
	for i := range q.items {
		item := &q.items[i]
		j.one(item.of, item, q.bytes[start:item.end])
		j.mu.Lock()
		j.queued -= int64(item.end - start)
		item.of.bytes -= item.end - start
		item.of.messages--
		j.mu.Unlock()
		start = item.end
	}
	clear(q.items) // connections that are gone are not kept
	q.bytes, q.items = q.bytes[:0], q.items[:0]
	if cap(q.bytes) > keptQueue {
		*q = judgeQueue{}
	}
	j.mu.Lock()
	j.spare = q
	j.mu.Unlock()
	return true
}

// one judges a message. If that panics, the connection is judged no more.
func (j *judge) one(w *witness, item *judgeItem, line []byte) {
	defer func() {
		if cause := recover(); cause != nil {
			w.failed = true
			w.unanswered.Store(0)
			w.audit.interrupted(item.now)
			j.onEvent(JudgeFailed{w.session, w.peer, fmt.Sprint(cause)})
		}
		if item.what == itemClose {
			w.audit.close(item.now)
			w.device.Gone(item.now)
		}
	}()
	if w.failed {
		w.device.Missed(max(item.n, 1))
		return
	}
	if j.before != nil {
		j.before(w)
	}
	w.now = item.now
	if w.onlooker == nil { // the memory it shares with others is this goroutine's
		w.onlooker = j.reader.Beside(j.validator.NewSession())
	}
	switch item.what {
	case itemMessage:
		w.observe(item.from, line)
	case itemGap:
		w.device.Missed(item.n)
		j.onEvent(JudgeBehind{w.session, item.n})
		w.onlooker.Gap("the judge did not keep up", w)
		w.audit.interrupted(item.now)
	case itemTooLong:
		w.device.Missed(1)
		w.onlooker.Gap("a line was longer than a message may be", w)
		w.audit.interrupted(item.now)
	case itemClose:
		w.onlooker.Close(item.now, w)
	}
	w.unanswered.Store(int64(w.shares.waiting))
}
