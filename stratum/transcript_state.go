package stratum

import (
	"slices"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/touchstone-btc/touchstone/work/share"
)

// Restater remembers of one connection what a recording must say again where a file begins, or after a gap, so that the shares after it
// can be judged as if all had been read: what was granted, and the jobs that shares can still be submitted for, each with the
// difficulty and extranonces it was sent with. It is for one goroutine; Texts may be shared.
//
// It remembers the messages themselves, also those that could not be read: a reader who is told them again knows and lacks what it
// would have known and lacked. Memory is bounded: of a job what Texts keeps once for all, and some words.
type Restater struct {
	texts   *Texts
	blanker Blanker

	entries []restatedEntry
	tidied  int // entries after the last tidy
	asked   []restatedRequest
	assumed bool // something could not be read without which nobody knows what holds
	unread  bool // a message that was a job, or may have been, could not be read
	missed  bool // so many jobs were sent on the block missing that the oldest are not remembered
	missing chainhash.Hash
}

// restatedKind is what a message changes.
type restatedKind uint8

const (
	restatesNothing    restatedKind = iota
	restatesAuthorize               // and its answer, if there was one
	restatesWithdrawn               // mining.authorize that was refused
	restatesSubscribe               // and its answer: the extranonces
	restatesExtranonce              // mining.set_extranonce
	restatesConfigure               // and its answer, which grants a mask
	restatesRefused                 // mining.configure whose answer grants none
	restatesMask                    // mining.set_version_mask
	restatesDifficulty
	restatesJob
	restatesUnreadable // a message of the pool that may have been a job
)

// restatedEntry is a message of the pool that changed something, and the request that it answers, if it does.
type restatedEntry struct {
	at      int64 // Unix time in nanoseconds
	text    *Kept // nil if there was no answer
	request *Kept
	kind    restatedKind
}

// restatedRequest waits for its answer.
type restatedRequest struct {
	id   uint64 // hashID's
	at   int64
	text *Kept // of those whose answer matters
	kind restatedKind
}

// Bounds of what is remembered of one connection.
const (
	// maxRestatedJobs is how many jobs are remembered: one every five seconds for ten minutes, or one every half minute for an hour.
	maxRestatedJobs = 128
	// fewRestatedJobs is how many are if all connections together remember too much.
	fewRestatedJobs = 16
	// maxRestatedBytes is when that is.
	maxRestatedBytes = 256 << 20
	// maxRestatedRequests is how many requests wait for their answers.
	maxRestatedRequests = 256
	// maxRestatedWorkers is how many names are remembered, and with that many bytes.
	maxRestatedWorkers     = 64
	maxRestatedWorkerBytes = 8 << 10
	// longRestated is when a request or an odd message is not remembered word by word.
	longRestated = 4 << 10
)

// NewRestater returns one of a new connection.
func NewRestater(texts *Texts) *Restater { return &Restater{texts: texts} }

// Outstanding returns how many requests of the miner wait for their answers.
func (r *Restater) Outstanding() int { return len(r.asked) }

// Seen is a message as a recording keeps it.
type Seen struct {
	// Text is the message without password: a part of the line, or memory that holds until the next Observe.
	Text []byte
	// Kept is the message if it is remembered and shared; Text is nil then.
	Kept *Kept
	// Omitted is how many bytes were left out, instead of Text.
	Omitted int
}

// Observe takes in a message of pool or miner, or of telemetry, without the end of its line, seen at the time now. m is memory to read
// into.
func (r *Restater) Observe(from From, line []byte, now time.Time, m *Message) Seen {
	at := now.UnixNano()
	if from == FromTelemetry { // beside the connection: nothing that holds comes of it
		return Seen{Text: line}
	}
	if from != FromPool {
		return r.miner(line, at, m)
	}
	if k := r.texts.latest(line); k != nil {
		r.job(k, at)
		return Seen{Kept: k}
	}
	if len(line) > longMessage {
		defer func() { *m = Message{} }()
	}
	if Decode(line, m) != nil {
		r.unreadable(line, at)
		return Seen{Text: line}
	}
	switch m.Method {
	case "":
		r.answer(line, at, m)
	case MethodNotify:
		k := r.texts.find(line)
		if k == nil {
			k = newKept(line)
			id, _ := m.JobID()
			k.id, k.prev, k.odd = hashID([]byte(id)), r.prevOf(m), odd(m)
			k = r.texts.keep(k)
		}
		r.job(k, at)
		return Seen{Kept: k}
	case MethodSetDifficulty:
		if _, err := m.SetDifficulty(); err != nil {
			r.assumed = true
		}
		r.add(restatedEntry{at: at, text: r.own(line), kind: restatesDifficulty})
	case MethodSetExtranonce:
		if _, err := m.SetExtranonce(); err != nil {
			r.assumed = true
		}
		r.add(restatedEntry{at: at, text: r.own(line), kind: restatesExtranonce})
	case MethodSetVersionMask:
		if _, err := m.SetVersionMask(); err != nil {
			r.assumed = true
		}
		r.add(restatedEntry{at: at, text: r.own(line), kind: restatesMask})
	}
	return Seen{Text: line}
}

// job takes in a mining.notify.
func (r *Restater) job(k *Kept, at int64) {
	r.unread = r.unread || k.odd
	r.add(restatedEntry{at: at, text: k, kind: restatesJob})
}

// odd says that a mining.notify can't be read.
func odd(m *Message) bool {
	job, _, err := m.Notify(0, 0)
	if err == nil {
		_, err = share.NewJob(job)
	}
	return err != nil
}

// Lost says that a message of the pool could not be seen.
func (r *Restater) Lost(now time.Time) { r.unreadable(nil, now.UnixNano()) }

// own keeps a message for this connection alone, if it is not long.
func (r *Restater) own(line []byte) *Kept {
	if len(line) > longRestated {
		return newKept(nil)
	}
	return newKept(line)
}

// prevOf returns the previous block of a mining.notify. If that can't be read, the job is none, and goes with those before it.
func (r *Restater) prevOf(m *Message) chainhash.Hash {
	if len(m.Params) > 1 {
		if h, err := hash256(m.Params[1]); err == nil {
			return h
		}
	}
	for i := len(r.entries) - 1; i >= 0; i-- {
		if e := &r.entries[i]; e.kind == restatesJob {
			return e.text.prev
		}
	}
	return chainhash.Hash{}
}

// unreadable takes in a message of the pool that is none.
func (r *Restater) unreadable(line []byte, at int64) {
	r.unread = true
	for i := range r.asked {
		if k := r.asked[i].kind; k == restatesSubscribe || k == restatesConfigure {
			r.assumed = true
		}
	}
	for i := len(r.entries) - 1; i >= 0 && r.entries[i].kind != restatesJob; i-- {
		if r.entries[i].kind == restatesUnreadable { // one says as much as many
			return
		}
	}
	r.add(restatedEntry{at: at, text: r.own(line), kind: restatesUnreadable})
}

// miner takes in what the miner sent.
func (r *Restater) miner(line []byte, at int64, m *Message) Seen {
	if len(line) > longMessage {
		defer func() { *m = Message{} }()
	}
	if Decode(line, m) != nil {
		text, omitted := r.blanker.Blank(line, nil)
		return Seen{Text: text, Omitted: omitted}
	}
	text, omitted := r.blanker.Blank(line, m)
	if m.Method == "" {
		return Seen{Text: text, Omitted: omitted}
	}
	q := restatedRequest{at: at}
	switch m.Method {
	case MethodSubscribe:
		q.kind = restatesSubscribe
	case MethodConfigure:
		q.kind = restatesConfigure
	case MethodAuthorize:
		q.kind = restatesAuthorize
	}
	if q.kind != restatesNothing {
		q.text = r.request(text, m)
	}
	switch {
	case m.HasID():
		if len(r.asked) == maxRestatedRequests {
			r.giveUp()
		}
		q.id = hashID(m.ID)
		r.asked = append(r.asked, q)
	case q.kind == restatesAuthorize: // it counts, and nobody can refuse it
		r.authorize(restatedEntry{at: at, request: q.text, kind: restatesAuthorize})
	}
	return Seen{Text: text, Omitted: omitted}
}

// request keeps a request; of one that is long only what matters.
func (r *Restater) request(text []byte, m *Message) *Kept {
	if len(text) <= longRestated {
		return newKept(text)
	}
	short := appendID([]byte(`{"id":`), m.ID)
	short = append(append(append(short, `,"method":"`...), m.Method...), `","params":[]}`...)
	return newKept(short)
}

// giveUp forgets the oldest request.
func (r *Restater) giveUp() {
	if q := r.asked[0]; q.kind == restatesAuthorize {
		r.authorize(restatedEntry{at: q.at, request: q.text, kind: restatesAuthorize})
	}
	r.asked = slices.Delete(r.asked, 0, 1)
}

// answer takes in an answer of the pool.
func (r *Restater) answer(line []byte, at int64, m *Message) {
	if !m.HasID() {
		return
	}
	id := hashID(m.ID)
	i := slices.IndexFunc(r.asked, func(q restatedRequest) bool { return q.id == id })
	if i < 0 {
		return
	}
	q := r.asked[i]
	if r.asked = slices.Delete(r.asked, i, i+1); len(r.asked) == 0 && cap(r.asked) > fewRequests {
		r.asked = nil
	}
	if q.kind == restatesNothing {
		return
	}
	e := restatedEntry{at: at, text: r.own(line), request: q.text, kind: q.kind}
	switch q.kind {
	case restatesAuthorize:
		e.at = q.at
		if m.Refused() {
			r.refuse(e)
			return
		}
		r.authorize(e)
		return
	case restatesSubscribe:
		if m.Refused() {
			return
		}
		if _, err := m.SubscribeResult(); err != nil || e.text.Len() == 0 {
			r.assumed = true
		}
	case restatesConfigure:
		if _, granted, err := m.ConfigureResult(); err != nil || e.text.Len() == 0 {
			r.assumed = true
		} else if !granted {
			e.kind = restatesRefused
		}
	}
	r.add(e)
}

// workerOf returns the worker's name of a mining.authorize that is kept.
func workerOf(k *Kept) string {
	var m Message
	if Decode(k.text, &m) != nil {
		return ""
	}
	worker, _ := m.Authorize()
	return worker
}

// authorize remembers an authorization, instead of an earlier one of the same worker.
func (r *Restater) authorize(e restatedEntry) {
	r.withdraw(workerOf(e.request))
	count, size := 1, len(e.request.text)
	for i := len(r.entries) - 1; i >= 0; i-- {
		if old := &r.entries[i]; old.kind == restatesAuthorize {
			count, size = count+1, size+len(old.request.text)
			if count > maxRestatedWorkers || size > maxRestatedWorkerBytes {
				old.kind = restatesNothing // tidy drops it
			}
		}
	}
	r.addName(e)
}

// refuse remembers that an authorization was refused: it is none, but some pools go by the name that was given last.
func (r *Restater) refuse(e restatedEntry) {
	worker := workerOf(e.request)
	if !slices.ContainsFunc(r.asked, func(q restatedRequest) bool { // a later request for it counts too
		return q.kind == restatesAuthorize && workerOf(q.text) == worker
	}) {
		r.withdraw(worker)
	}
	e.kind = restatesWithdrawn
	r.addName(e)
}

// withdraw forgets the authorization of a worker.
func (r *Restater) withdraw(worker string) {
	r.entries = slices.DeleteFunc(r.entries, func(e restatedEntry) bool {
		return e.kind == restatesAuthorize && workerOf(e.request) == worker
	})
}

// addName remembers a name that was given at the time e.at, before those that were given later.
func (r *Restater) addName(e restatedEntry) {
	r.add(e)
	at := len(r.entries) - 1
	for i := at - 1; i >= 0; i-- {
		if k := r.entries[i].kind; (k == restatesAuthorize || k == restatesWithdrawn) && r.entries[i].at > e.at {
			at = i
		}
	}
	copy(r.entries[at+1:], r.entries[at:])
	r.entries[at] = e
}

// add remembers a message.
func (r *Restater) add(e restatedEntry) {
	if len(r.entries) >= max(2*r.tidied, 16) {
		r.tidy(e.at)
	}
	r.entries = append(r.entries, e)
}

// RestatedLine is a message to be said again.
type RestatedLine struct {
	// Time is when it crossed the wire, in nanoseconds of Unix time.
	Time int64
	// From is who sent it.
	From From
	// Text is the message.
	Text *Kept
}

// Restated is all that is to be said again of a connection.
type Restated struct {
	// Lines are in the order in which they have to be said.
	Lines []RestatedLine
	// Assumed says that something could not be read that all the rest depends on; Missed, that there were jobs which are not among
	// these lines, and could have been submitted to.
	Assumed, Missed bool
}

// Restated returns what is to be said again at the time now.
func (r *Restater) Restated(now time.Time) Restated {
	r.tidy(now.UnixNano())
	lines := make([]RestatedLine, 0, 2*len(r.entries)+len(r.asked))
	say := func(e *restatedEntry) {
		if e.request != nil {
			lines = append(lines, RestatedLine{e.at, FromMiner, e.request})
		}
		if e.text != nil {
			lines = append(lines, RestatedLine{e.at, FromPool, e.text})
		}
	}
	var name *restatedEntry // that was given last
	for i := range r.entries {
		e := &r.entries[i]
		say(e)
		if e.kind == restatesAuthorize || e.kind == restatesWithdrawn {
			name = e
		}
	}
	before := false             // a name that waits for its answer was given before that
	for _, q := range r.asked { // their answers will come
		if q.text == nil {
			continue
		}
		lines = append(lines, RestatedLine{q.at, FromMiner, q.text})
		if q.kind == restatesAuthorize && name != nil {
			before = q.at < name.at
		}
	}
	if before {
		say(name)
	}
	return Restated{Lines: lines, Assumed: r.assumed, Missed: r.missed || r.unread}
}

// tidy forgets what nothing depends on at the time now, in nanoseconds.
func (r *Restater) tidy(now int64) {
	r.forgetJobs(now)
	// From the newest on: what holds now, and what held when a remembered job was sent.
	const few = 64
	extranonce, mask, subscribe, configure, unreadable, name, difficulties := true, true, true, true, true, true, 2
	jobs, recent := r.count(restatesJob), 0
	drop := func(e *restatedEntry) bool {
		switch e.kind {
		case restatesJob:
			jobs--
			extranonce, difficulties = true, max(difficulties, 1)
			return false
		case restatesAuthorize:
			name = false
			return false
		case restatesWithdrawn:
			kept := name
			name = false
			return !kept
		case restatesSubscribe, restatesExtranonce:
			kept := extranonce || subscribe && e.kind == restatesSubscribe
			extranonce = false
			subscribe = subscribe && e.kind != restatesSubscribe
			return !kept
		case restatesConfigure, restatesRefused:
			kept := configure || mask && e.kind == restatesConfigure
			configure = false
			mask = mask && e.kind != restatesConfigure
			return !kept
		case restatesMask:
			kept := mask
			mask = false
			return !kept
		case restatesDifficulty:
			// Some policies know the difficulty before, and count how often it changed since a job.
			if recent++; jobs > 0 && recent <= few {
				difficulties = max(difficulties, 2)
				return false
			}
			difficulties--
			return difficulties < 0
		case restatesUnreadable:
			kept := unreadable
			unreadable = false
			return !kept
		}
		return true
	}
	to := len(r.entries)
	for i := len(r.entries) - 1; i >= 0; i-- {
		if !drop(&r.entries[i]) {
			to--
			r.entries[to] = r.entries[i]
		}
	}
	r.entries = append(r.entries[:0], r.entries[to:]...)
	r.tidied = len(r.entries)
	if size := max(2*r.tidied, 16); cap(r.entries) > 2*size {
		r.entries = append(make([]restatedEntry, 0, size), r.entries...)
	} else {
		clear(r.entries[r.tidied:cap(r.entries)])
	}
}

func (r *Restater) count(kind restatedKind) (n int) {
	for i := range r.entries {
		if r.entries[i].kind == kind {
			n++
		}
	}
	return n
}

// forgetJobs forgets the jobs that no share can be submitted for any more, and the oldest of too many.
func (r *Restater) forgetJobs(now int64) {
	type tip struct {
		since    int64 // when it was replaced, 0 if it is not
		from     int   // its jobs before that entry are forgotten
		replaced bool
	}
	tips := make(map[chainhash.Hash]*tip, 4)
	var newest *tip
	forgotten := func(t *tip, now int64) bool { return t.replaced && now-t.since >= int64(share.Forgotten) }
	for i := range r.entries {
		e := &r.entries[i]
		if e.kind != restatesJob {
			continue
		}
		t := tips[e.text.prev]
		switch {
		case t == nil:
			t = new(tip)
			tips[e.text.prev] = t
		case forgotten(t, e.at):
			t.from = i
		}
		if newest != nil && newest != t {
			newest.since, newest.replaced = e.at, true
		}
		t.replaced = false
		newest = t
	}
	most := maxRestatedJobs
	if r.texts.Bytes() > maxRestatedBytes {
		most = fewRestatedJobs
	}
	// Forgotten IDs may be those of older jobs, which they replaced for good.
	gone := map[uint64]bool{}
	kept := 0
	for i := len(r.entries) - 1; i >= 0; i-- {
		e := &r.entries[i]
		if e.kind != restatesJob {
			continue
		}
		t := tips[e.text.prev]
		switch {
		case forgotten(t, now) || i < t.from || gone[e.text.id]:
			gone[e.text.id] = true
		case kept == most:
			r.missed, r.missing = true, e.text.prev
		default:
			kept++
			continue
		}
		e.kind = restatesNothing
	}
	if t := tips[r.missing]; r.missed && (t == nil || forgotten(t, now)) {
		r.missed = false
	}
}
