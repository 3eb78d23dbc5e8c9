package serve

import (
	"strings"
	"time"

	"github.com/touchstone-btc/touchstone/stratum"
	"github.com/touchstone-btc/touchstone/work/share"
)

// maxUnanswered is how many requests of a connection the judge remembers until they are answered.
const maxUnanswered = 1024

// observe takes in a message.
func (w *witness) observe(from stratum.From, line []byte) {
	w.listen(from, line, &w.judge.said)
	// What can't be read is in the recording, and changes nothing here but what the onlooker knows.
	_ = w.onlooker.Observe(from, line, w.now, w)
	if from == stratum.FromPool {
		if target, jobs, known := w.onlooker.Sessions()[0].Newest(); jobs != w.jobs {
			if w.jobs = jobs; known {
				w.device.Target(target, w.now)
			}
		}
	}
	for w.onlooker.Outstanding() > maxUnanswered {
		w.onlooker.Forget(w)
	}
}

var _ stratum.Watcher = (*witness)(nil)

// listen hears what the onlooker is not interested in: who the device is, and where the pool sends it. m is what the line is read into,
// if it has to be.
func (w *witness) listen(from stratum.From, line []byte, m *stratum.Message) {
	// Few messages are looked into: those that name one of the methods, or may do so in another spelling.
	switch {
	case from == stratum.FromMiner && (mayBe(line, stratum.MethodSubscribe) || mayBe(line, stratum.MethodAuthorize)):
	case from == stratum.FromPool && mayBe(line, stratum.MethodReconnect):
	default:
		return
	}
	if stratum.Decode(line, m) != nil {
		return
	}
	switch {
	case from == stratum.FromMiner && m.Method == stratum.MethodSubscribe:
		if q, err := m.SubscribeRequest(); err == nil {
			w.agent = q.UserAgent
			w.device.Is(w.agent, w.worker)
		}
	case from == stratum.FromMiner && m.Method == stratum.MethodAuthorize:
		if worker, err := m.Authorize(); err == nil {
			w.worker = worker
			w.device.Is(w.agent, w.worker)
		}
	case from == stratum.FromPool && m.Method == stratum.MethodReconnect:
		w.judge.onEvent(PoolRedirects{w.session, w.worker, w.pool, redirection(m), true})
	}
}

// plainText returns what a string of JSON says.
func plainText(v stratum.Value) string { return strings.Trim(v.String(), `"`) }

// redirection returns where a client.reconnect leads, "" for the same pool.
func redirection(m *stratum.Message) string {
	var parts []string
	for _, v := range m.Params[:min(len(m.Params), 2)] {
		if text := plainText(v); text != "" && text != "null" {
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, ":")
}

// named makes what is told of the device that worker's.
func (w *witness) named(worker string) {
	if worker != w.worker {
		w.worker = worker
		w.device.Is(w.agent, worker)
	}
}

// Submitted judges a mining.submit.
func (w *witness) Submitted(s *stratum.Submit) {
	w.named(s.Submission.Text.Worker)
	v, err := w.onlooker.Sessions()[0].Check(&s.Submission)
	w.judge.count(&v, err)
	if w.judge.judged != nil {
		w.judge.judged(w, &v, err)
	}
	w.device.Judged(&v, err, w.now)
	w.audit.share(&s.Submission, &v, err, w.now)
	if v.Block {
		w.judge.onEvent(blockSeen(w.session, w.pool, s.Submission.Text, &v))
	}
	w.shares.put(s.Number, bookedShare{verdict: v, err: err, text: *s.Submission.Text, at: w.now, turns: w.onlooker.Turns()})
}

// Replied compares the pool's answer with our verdict.
func (w *witness) Replied(number uint64, reply stratum.Reply) {
	if s, ok := w.shares.take(number); ok {
		w.replied(&s, reply, w.onlooker.Turns())
	}
}

// replied compares the pool's answer with our verdict. turns are those of the connection until now.
func (w *witness) replied(s *bookedShare, reply stratum.Reply, turns uint64) {
	w.named(s.text.Worker)
	crossed := crossed(&s.verdict, s.err, reply, turns-s.turns)
	w.device.Said(&s.verdict, s.err, reply, crossed, w.now.Sub(s.at))
	w.audit.answered(s.text.Worker, reply.Accepted, s.err == nil && s.verdict.Word.Credited(), crossed, w.now)
	switch {
	case s.err != nil || reply.Accepted == s.verdict.Word.Credited():
		return
	case crossed:
		w.judge.totals.crossed.Add(1)
		return
	}
	w.judge.totals.disagreed.Add(1)
	if untold, tell := w.told.may(w.now); tell {
		e := disagreement(w.session, w.pool, s, reply)
		e.Untold = untold
		w.judge.onEvent(e)
	}
}

// Forgotten says that no answer will come.
func (w *witness) Forgotten(number uint64) {
	if _, ok := w.shares.take(number); ok {
		w.judge.totals.unanswered.Add(1)
	}
}

// Assumed says that something was missed: in the status, that is counted as messages missed.
func (w *witness) Assumed(string) {}

func (j *judge) count(v *share.Verdict, err error) {
	t := &j.totals
	t.shares.Add(1)
	switch {
	case err != nil:
		t.unjudged.Add(1)
	case v.Word.Credited():
		t.credited.Add(1)
	default:
		t.refused.Add(1)
	}
	if v.Block {
		t.blocks.Add(1)
	}
}

// blockSeen is the event of a share that meets the network's target.
func blockSeen(session, pool string, text *share.Text, v *share.Verdict) ShareIsBlock {
	e := ShareIsBlock{Session: session, Pool: pool, Worker: text.Worker, Job: text.JobID, Hash: v.Hash, Difficulty: v.Difficulty()}
	if v.Word != share.NotJudged {
		e.Verdict = v.Word.String()
	}
	return e
}

// disagreement is the event of an answer that is not ours.
func disagreement(session, pool string, s *bookedShare, reply stratum.Reply) Disagreed {
	v := &s.verdict
	e := Disagreed{
		Session: session, Pool: pool, Worker: s.text.Worker, Job: s.text.JobID, Verdict: v.Word.String(), Reason: v.Detail(),
		Block: v.Block, Difficulty: v.Difficulty(), Required: v.Required(), PoolSaid: reply.String(),
	}
	if v.Built {
		e.Hash = v.Hash.String()
	}
	return e
}

// shareBook are the shares of a connection that wait for their answers, in the order of their numbers.
type shareBook struct {
	all     []bookedShare
	head    int // those before it are answered
	waiting int // not answered
}

type bookedShare struct {
	number  uint64 // 0 if it is answered
	verdict share.Verdict
	err     error
	text    share.Text
	at      time.Time
	turns   uint64 // of its connection until then
}

func (b *shareBook) put(number uint64, s bookedShare) {
	if len(b.all) == cap(b.all) && b.head > 0 { // what is answered makes room
		n := copy(b.all, b.all[b.head:])
		clear(b.all[n:])
		b.all, b.head = b.all[:n], 0
	}
	s.number = number
	b.all = append(b.all, s)
	b.waiting++
}

func (b *shareBook) take(number uint64) (s bookedShare, ok bool) {
	for i := b.head; i < len(b.all) && b.all[i].number <= number; i++ { // pools mostly answer in order
		if b.all[i].number != number {
			continue
		}
		s, b.all[i] = b.all[i], bookedShare{}
		b.waiting--
		for b.head < len(b.all) && b.all[b.head].number == 0 {
			b.head++
		}
		if b.head == len(b.all) {
			b.all, b.head = b.all[:0], 0
			if cap(b.all) > fewBooked {
				b.all = nil
			}
		}
		return s, true
	}
	return bookedShare{}, false
}

// fewBooked take so little memory that it is kept.
const fewBooked = 4

// tellLimit lets one event of a kind pass in a while.
type tellLimit struct {
	last   time.Time
	untold int
}

// tellLimitEvery is how often a connection's disagreements are told one by one: all of them are counted.
const tellLimitEvery = time.Second

func (t *tellLimit) may(now time.Time) (untold int, tell bool) {
	if !t.last.IsZero() && now.Sub(t.last) < tellLimitEvery {
		t.untold++
		return 0, false
	}
	untold, t.untold, t.last = t.untold, 0, now
	return untold, true
}
