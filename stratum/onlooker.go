package stratum

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/touchstone-btc/touchstone/work"
	"github.com/touchstone-btc/touchstone/work/share"
)

// From is who sent a message.
type From uint8

// The senders.
const (
	FromPool       From = iota + 1
	FromMiner           // the device
	FromTelemetry       // the device, asked by another way
	FromTouchstone      // an event of the recording itself
)

var senders = [...]string{FromPool: "pool", FromMiner: "miner", FromTelemetry: "telemetry", FromTouchstone: "touchstone"}

// String returns the name that recordings use.
func (f From) String() string {
	if f != 0 && int(f) < len(senders) {
		return senders[f]
	}
	return fmt.Sprintf("from(%d)", uint8(f))
}

// Handler is told what an Onlooker sees. Its methods are called from Observe, one at a time.
type Handler interface {
	// Submitted is called at each mining.submit, before anything later changes the sessions: the time to judge it. s holds only
	// during the call.
	Submitted(s *Submit)
	// Replied is called when the pool answers the submission of that number.
	Replied(number uint64, reply Reply)
	// Forgotten is called for a submission whose reply will never be matched: the connection ended, the recording has a gap, or
	// MaxOutstanding later requests wait.
	Forgotten(number uint64)
	// Assumed is called once, when something of the connection was not seen and is assumed from now on: see
	// [share.Session.Assume].
	Assumed(why string)
}

// ErrClosed says that a message came after the connection was closed.
var ErrClosed = errors.New("the connection was closed before")

// ErrReopened says that a connection was opened whose end was not seen. It is closed now; the new one takes another Onlooker.
var ErrReopened = errors.New("the connection was opened again, and its end was not seen")

// ErrResumed says that a recording goes on after something of the connection was missed, and says next what holds. The connection as it
// was known until now is closed; to go on takes another Onlooker.
var ErrResumed = errors.New("the connection goes on after something of it was missed")

// Onlooker follows one connection by the messages on it and keeps sessions in step with it: what the pool granted, which jobs
// and difficulties it sent. It is for one goroutine.
//
// mining.authorize counts from the request on and is withdrawn if refused; one that could not be read, or was left out, counts for good.
// What subscribe and configure grant counts when the answer is seen; version masks hold at once, difficulties and extranonces from
// the next job on. A connection that did not begin with an open event or a mining.subscribe is one whose beginning was not seen: see [share.Session.Assume]. So is one in which a
// difficulty, an extranonce or an answer that grants something could not be read, from there on. What else the pool sent and could
// not be read may have been a job: from then on, submissions for jobs not seen are not judged.
type Onlooker struct {
	sessions []*share.Session
	*reading
	jobs     *sameJobs
	requests requests

	opened    bool // the beginning was seen, or is assumed
	behind    bool // something was missed since
	restating bool // what holds is being said again
	assumed   bool
	closed    bool

	submits   uint64
	unmatched uint64
	turns     uint64
	prevBlock chainhash.Hash // of the newest job

	// What holds for the next job; nil where it is not known.
	extranonce *Extranonce
	target     *work.Target
	mask       uint32 // that was granted
}

// reading is what messages are read into.
type reading struct {
	message Message
	submit  Submit
}

// NewOnlooker returns an onlooker of a connection that keeps these sessions in step, one for each policy to judge by.
func NewOnlooker(sessions ...*share.Session) *Onlooker {
	return &Onlooker{sessions: sessions, reading: new(reading), jobs: new(sameJobs)}
}

// Beside returns an onlooker of another connection. It reads messages into the same memory as o, some kilobytes, and keeps jobs that both
// are sent once: both must be used by the same goroutine, and neither inside a Handler.
func (o *Onlooker) Beside(sessions ...*share.Session) *Onlooker {
	o.jobs.shared = true
	return &Onlooker{sessions: sessions, reading: o.reading, jobs: o.jobs}
}

// Sessions returns the sessions given to NewOnlooker.
func (o *Onlooker) Sessions() []*share.Session { return o.sessions }

// Submits returns how many submissions were seen.
func (o *Onlooker) Submits() uint64 { return o.submits }

// Unmatched returns how many replies came to requests that were not seen, or are forgotten.
func (o *Onlooker) Unmatched() uint64 { return o.unmatched }

// Turns returns how often the pool has sent a job that can make those before it stale: one with another previous block than the job
// before, with clean_jobs, or that could not be read. A share between whose submission and reply there was one has crossed it.
func (o *Onlooker) Turns() uint64 { return o.turns }

// Outstanding returns how many requests wait for their replies.
func (o *Onlooker) Outstanding() int { return o.requests.count }

// Forget gives up the request that has waited longest for its reply, if there is one. It is for those who follow many connections
// and can't remember MaxOutstanding of each.
func (o *Onlooker) Forget(h Handler) {
	if o.requests.count == 0 {
		return
	}
	o.forget(h)(o.requests.at(0))
	o.requests.drop()
	o.requests.shrink()
}

// Assumed reports whether something about the connection is assumed.
func (o *Onlooker) Assumed() bool { return o.assumed }

// longMessage is the most bytes of a message whose memory is used again for the next. That of a longer one can be several times its
// size, which adds up where many connections are followed.
const longMessage = 4 << 10

// Observe takes in one message, seen at the time now (zero if nobody knows). Bytes that are no message may be given too. line is
// not kept. An error says what could not be read and why; the onlooker goes on after it.
func (o *Onlooker) Observe(from From, line []byte, now time.Time, h Handler) error {
	switch from {
	case FromTelemetry:
		return nil
	case FromTouchstone:
		return o.event(line, now, h)
	case FromMiner, FromPool:
	default:
		return fmt.Errorf("%s: want a message of pool or miner", from)
	}
	o.restating = false
	return o.wire(from, line, now, h)
}

// wire takes in a message of pool or miner.
func (o *Onlooker) wire(from From, line []byte, now time.Time, h Handler) error {
	if o.closed {
		return ErrClosed
	}
	if len(line) > longMessage {
		defer func() { o.message = Message{} }()
	}
	if err := Decode(line, &o.message); err != nil {
		switch {
		case from == FromPool:
			o.unreadable(h)
			watch(h, func(w Watcher) { w.Unknown(now) })
		case len(line) == 0 || bytes.Contains(line, []byte(MethodAuthorize)):
			// Pools read more than we do, such as passwords that are not UTF-8, and recordings leave out what may be such: who is let
			// in mines, and who is not has no use for it.
			for _, s := range o.sessions {
				s.Authorize("")
			}
		}
		return fmt.Errorf("%s: %w", from, err)
	}
	if from == FromMiner {
		return o.asked(now, h)
	}
	if o.message.Method == "" {
		return o.replied(now, h)
	}
	return o.told(now, h)
}

// Restate takes in a message that a recording repeats where one of its files begins, or after a gap, see [Line]; now is when it
// crossed the wire. Who knows the connection already and is in step with it needs none of them: nothing happens then. taken says
// whether it was needed.
func (o *Onlooker) Restate(from From, line []byte, now time.Time, h Handler) (taken bool, err error) {
	if from != FromMiner && from != FromPool {
		return false, fmt.Errorf("%s: want a message of pool or miner", from)
	}
	if o.opened && !o.behind && !o.restating {
		return false, nil
	}
	o.restating = true
	return true, o.wire(from, line, now, h)
}

// event takes in what the recording says of itself.
func (o *Onlooker) event(line []byte, now time.Time, h Handler) error {
	v := Value(line)
	if len(line) > MaxLine || !jsontext.Value(line).IsValid() || v.Kind() != Object {
		return fmt.Errorf("event %s: want an object", v)
	}
	name := v.member("event")
	var scratch []byte
	switch text, _ := name.text(&scratch); string(text) {
	case "open":
		continued := v.member("continued").Kind() == True
		switch {
		case o.closed:
			return ErrClosed
		case o.opened && !continued:
			o.Close(now, h)
			return ErrReopened
		case o.behind && continued:
			o.Close(now, h)
			return ErrResumed
		case o.opened:
			return nil
		}
		o.opened, o.restating = true, continued
		if continued {
			o.restated(v, h)
		}
	case "gap":
		o.Gap("the recording was interrupted", h)
	case "close":
		o.Close(now, h)
	default:
		return fmt.Errorf("event %s: want open, close or gap", name)
	}
	return nil
}

// restated takes in what is missing in what the recording says again.
func (o *Onlooker) restated(event Value, h Handler) {
	if event.member("assumed").Kind() == True {
		o.assume("something before could not be read", h)
	}
	if event.member("missed").Kind() == True {
		for _, s := range o.sessions {
			s.MissedJobs()
		}
	}
}

// Gap says that messages were missed, for the reason why: jobs seen before are known still, but what was waited for, and extranonces
// and difficulties for later jobs, are not.
func (o *Onlooker) Gap(why string, h Handler) {
	o.behind, o.restating = true, false
	o.assume(why, h)
	o.requests.clear(o.forget(h))
}

// Close says that the connection has ended.
func (o *Onlooker) Close(now time.Time, h Handler) {
	if o.closed {
		return
	}
	o.closed = true
	o.requests.clear(o.forget(h))
	for _, s := range o.sessions {
		s.Close(now)
	}
}

// unreadable is called for a message of the pool that can't be decoded. It may have been a job; or the answer without which nothing
// later makes sense, if that is waited for.
func (o *Onlooker) unreadable(h Handler) {
	switch {
	case o.requests.waits(MethodSubscribe, ""):
		o.assume("a message of the pool could not be read, perhaps the answer to mining.subscribe", h)
	case o.requests.waits(MethodConfigure, ""):
		o.lost("a message of the pool could not be read, perhaps the answer to mining.configure", o.extranonce, o.target, h)
	default:
		for _, s := range o.sessions {
			s.MissedJobs()
		}
	}
}

// forget returns what to do with a request that is not waited for any more.
func (o *Onlooker) forget(h Handler) func(*request) {
	return func(r *request) {
		if r.method == MethodSubmit {
			h.Forgotten(r.number)
		}
	}
}

// assume makes the sessions assume what was not seen, and forget what may have been changed.
func (o *Onlooker) assume(why string, h Handler) {
	o.extranonce, o.target = nil, nil
	for _, s := range o.sessions {
		s.Assume()
	}
	if !o.assumed {
		o.assumed = true
		h.Assumed(why)
	}
}

// lost is assume for what could not be read, where extranonce and target hold on as far as they are given.
func (o *Onlooker) lost(why string, e *Extranonce, target *work.Target, h Handler) {
	o.assume(why, h)
	o.setTarget(target)
	if e != nil {
		_ = o.setExtranonce(e) // it was taken before
	}
}

// begun makes sure that the beginning of the connection was seen, or assumes what happened in it.
func (o *Onlooker) begun(h Handler) {
	if !o.opened {
		o.opened, o.behind = true, true
		o.assume("the recording begins in the middle of the connection", h)
	}
}

// asked takes in a message of the miner.
func (o *Onlooker) asked(now time.Time, h Handler) error {
	m := &o.message
	if m.Method == "" {
		watch(h, func(w Watcher) { w.Heard(now) })
		return nil // an answer to the pool, as to client.get_version
	}
	var err error
	var worker string
	switch m.Method {
	case MethodSubscribe:
		o.opened = true
		watch(h, func(w Watcher) {
			q, _ := m.SubscribeRequest()
			w.Subscribed(q.UserAgent, now)
		})
	case MethodAuthorize:
		if worker, err = m.Authorize(); err == nil {
			for _, s := range o.sessions {
				s.Authorize(worker)
			}
		}
	case MethodSubmit:
		o.begun(h)
		o.submits++
		m.Submit(&o.submit)
		o.submit.Number, o.submit.Submission.Received = o.submits, now
		h.Submitted(&o.submit)
	}
	if m.Method != MethodSubmit {
		watch(h, func(w Watcher) { w.Heard(now) })
	}
	switch {
	case m.HasID():
		r := o.requests.add(m.ID, m.Method, o.forget(h))
		r.worker, r.number = worker, o.submits
	case m.Method == MethodSubmit:
		h.Forgotten(o.submits)
	}
	return err
}

// replied takes in an answer of the pool.
func (o *Onlooker) replied(now time.Time, h Handler) error {
	m := &o.message
	var r request
	known := false
	if m.HasID() {
		r, known = o.requests.take(m.ID)
	}
	if !known {
		o.unmatched++
		return nil
	}
	switch r.method {
	case MethodSubmit:
		h.Replied(r.number, m.Reply())
	case MethodAuthorize:
		if !m.Refused() && r.worker == "" { // the request could not be read
			for _, s := range o.sessions {
				s.Authorize("")
			}
		}
		if m.Refused() && !o.requests.waits(MethodAuthorize, r.worker) { // a later request for it counts too
			for _, s := range o.sessions {
				s.Withdraw(r.worker)
			}
		}
		if !m.Refused() && r.worker != "" {
			watch(h, func(w Watcher) { w.Authorized(r.worker, now) })
		}
	case MethodSubscribe:
		if m.Refused() {
			return nil
		}
		e, err := m.SubscribeResult()
		if err == nil {
			return o.setExtranonce(&e)
		}
		o.assume("the answer to mining.subscribe could not be read", h)
		return err
	case MethodConfigure:
		mask, granted, err := m.ConfigureResult()
		if err != nil {
			o.lost("the answer to mining.configure could not be read", o.extranonce, o.target, h)
			return err
		}
		if granted {
			o.setMask(mask)
		}
	}
	return nil
}

// told takes in what the pool sends unasked.
func (o *Onlooker) told(now time.Time, h Handler) error {
	m := &o.message
	switch m.Method {
	case MethodNotify:
		o.begun(h)
		return o.notify(now, h)
	case MethodSetDifficulty:
		o.begun(h)
		return o.setDifficulty(h)
	case MethodSetExtranonce:
		o.begun(h)
		e, err := m.SetExtranonce()
		if err != nil {
			o.lost("an extranonce could not be read", nil, o.target, h)
			return err
		}
		return o.setExtranonce(&e)
	case MethodSetVersionMask:
		o.begun(h)
		mask, err := m.SetVersionMask()
		if err != nil {
			o.lost("a version mask could not be read", o.extranonce, o.target, h)
			mask = work.MaskBIP323 // the widest there may be
		}
		o.setMask(mask)
		return err
	case MethodReconnect:
		watch(h, func(w Watcher) { w.Redirected(m, now) })
	}
	return nil
}

// notify hands a job to the sessions.
func (o *Onlooker) notify(now time.Time, h Handler) (err error) {
	if w, watched := h.(Watcher); watched {
		defer func() {
			if err != nil || o.target == nil || o.extranonce == nil {
				w.Unknown(now)
			}
		}()
	}
	var e Extranonce
	if o.extranonce != nil {
		e = *o.extranonce
	}
	en1, en2 := len(e.Extranonce1), e.Extranonce2Size
	hash, prepared, clean := o.jobs.get(o.message.line, en1, en2)
	if prepared == nil {
		job, tellsClean, err := o.message.Notify(en1, en2)
		if err != nil {
			return o.missed(err)
		}
		if prepared, err = share.NewJob(job); err != nil {
			return o.missed(err)
		}
		clean = tellsClean
		o.jobs.put(hash, o.message.line, en1, en2, prepared, clean)
	}
	if prev := prepared.Work().PrevBlock; clean || prev != o.prevBlock {
		o.turns++
		o.prevBlock = prev
	}
	for _, s := range o.sessions {
		if e := s.AddJob(prepared, clean, now); e != nil {
			s.MissedJob(prepared.Work().ID)
			err = e
		}
	}
	if err == nil && o.target != nil && o.extranonce != nil {
		watch(h, func(w Watcher) { w.Offered(Offer{prepared, clean, *o.target, o.mask}, now) })
	}
	return err
}

// missed says that the job just sent can't be judged, for the reason err, which it returns.
func (o *Onlooker) missed(err error) error {
	o.turns++
	id, known := o.message.JobID()
	for _, s := range o.sessions {
		if known {
			s.MissedJob(id)
		} else {
			s.MissedJobs()
		}
	}
	return err
}

// setDifficulty takes in a mining.set_difficulty.
func (o *Onlooker) setDifficulty(h Handler) error {
	target, err := o.message.SetDifficulty()
	if err != nil {
		o.lost("a difficulty could not be read", o.extranonce, nil, h)
		return err
	}
	o.setTarget(&target)
	return nil
}

// setTarget tells the sessions the target of later jobs, if it is known.
func (o *Onlooker) setTarget(t *work.Target) {
	if o.target = t; t == nil {
		return
	}
	for _, s := range o.sessions {
		s.SetTarget(*t)
	}
}

// setExtranonce tells the sessions the extranonces of later jobs.
func (o *Onlooker) setExtranonce(e *Extranonce) (err error) {
	o.extranonce = e
	for _, s := range o.sessions {
		if e := s.SetExtranonce(e.Extranonce1, e.Extranonce2Size); e != nil {
			err = e
		}
	}
	return err
}

func (o *Onlooker) setMask(mask uint32) {
	o.mask = mask
	for _, s := range o.sessions {
		s.SetMask(mask)
	}
}
