package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/touchstone-btc/touchstone/stratum"
	"github.com/touchstone-btc/touchstone/work/share"
)

// rewriter is a device's connection where bad shares are answered here (Enforce), or a difficulty of our own is given to the device
// (ShareRate). It reads lines instead of bytes; what it does not answer or replace is forwarded as it came.
//
// Our difficulty is never above the pool's. It goes out right before a job of the pool, and holds for that and later ones: each share is
// held against what was in force when its job was sent, so that nothing under way is punished.
type rewriter struct {
	proxyConn
	up *Lines // to the pool

	mu      sync.Mutex // of all that follows, and of the order in which lines go out
	device  side
	pools   side // what crosses to the pool
	who     *witness
	message stratum.Message
	fate    fate
	verdict share.Verdict // of the share at hand, on the pool's terms
	err     error
	shares  shareBook // forwarded, not answered
	out     []byte

	pace   *stratum.Pace // nil where the pool's difficulty holds
	ours   float64       // sent to the device; 0 until the pool has sent one
	theirs float64       // sent by the pool
	line   []byte        // that it was sent with
	floor  float64       // the least that the device can work with
	jobs   uint64        // that the device was sent
}

// side is what is known of the connection on one side of us.
type side struct {
	track    *Track
	onlooker *stratum.Onlooker
	shares   *share.Session
}

func newSide(t *Track, v *share.Validator, now time.Time) side {
	s := side{track: t, shares: v.NewSession()}
	s.onlooker = stratum.NewOnlooker(s.shares)
	_ = s.onlooker.Observe(stratum.FromTouchstone, []byte(`{"event":"open"}`), now, quiet{})
	return s
}

// saw takes in a line that crosses this side.
func (s *side) saw(from stratum.From, line []byte, now time.Time, h stratum.Handler) Ticket {
	ticket := s.track.Saw(from, line, now)
	_ = s.onlooker.Observe(from, line, now, h) // what can't be read is in the recording
	return ticket
}

func (s *side) close(now time.Time) {
	s.track.Close(now)
	s.onlooker.Close(now, quiet{})
}

// quiet hears nothing.
type quiet struct{}

func (quiet) Submitted(*stratum.Submit)     {}
func (quiet) Replied(uint64, stratum.Reply) {}
func (quiet) Forgotten(uint64)              {}
func (quiet) Assumed(string)                {}

// fate is what becomes of a line of the device.
type fate uint8

const (
	fateForward fate = iota
	fateCredit       // answer true
	fateRefuse       // answer what is wrong
)

// upstreamLines are the limits of a connection to a pool: none, but for the length of lines and for being read.
var upstreamLines = ListenConfig{HalfOpen: -1, Idle: -1, LinesPerSecond: -1, Unread: proxyStall}

func newRewriter(p *Proxy, s *proxySettings, lines *Lines, pool Conn, up *upstream) *rewriter {
	r := &rewriter{proxyConn: p.newConn(s, lines, pool, up), up: NewLines(pool, upstreamLines)}
	if s.shareRate > 0 {
		r.pace = stratum.NewPace(s.shareRate)
	}
	lines.Patient() // a device may look for a share for hours
	r.device = newSide(p.config.Recorder.Open(r.session, r.opening(), r.joined), p.easier, r.joined)
	linked := r.opening()
	linked.Link = r.session
	r.pools = newSide(p.config.Recorder.Open(SessionName(), linked, r.joined), p.judge.validator, r.joined)
	r.who = &witness{judge: p.judge, session: r.session, peer: r.peer, pool: up.url.String(), device: r.status}
	r.who.audit = p.audit.open(r.session, r.peer, lines.Local(), r.who.pool, r.joined)
	return r
}

// run carries lines until either side ends.
func (r *rewriter) run() error {
	r.proxy.emit(DeviceJoined{r.session, r.peer, r.upstream.url.String()})
	var group sync.WaitGroup
	group.Go(func() { r.carry(stratum.FromMiner, r.lines, r.fromDevice) })
	r.carry(stratum.FromPool, r.up, r.fromPool)
	group.Wait()
	r.end(errDeviceLeft)
	group.Go(r.up.Close) // what the device said last gets there, and the other way round
	r.lines.Close()
	group.Wait()
	now := time.Now()
	r.mu.Lock()
	r.device.close(now)
	r.pools.close(now)
	r.who.audit.close(now)
	r.mu.Unlock()
	r.status.Gone(now)
	r.left(now)
	return r.reason
}

func (r *rewriter) carry(from stratum.From, src *Lines, take func(line []byte, now time.Time)) {
	for {
		line, err := src.Next()
		if err != nil {
			r.over(from, err)
			return
		}
		now := time.Now()
		if from == stratum.FromMiner && mayBe(line, "mining.") {
			r.sane.Store(true)
		}
		if from == stratum.FromPool { // before the device can ask again
			r.asked.Store(0)
		}
		take(line, now)
		r.forwarded(from, now)
	}
}

// over ends the connection, because one side has.
func (r *rewriter) over(from stratum.From, err error) {
	switch {
	case errors.Is(err, context.Canceled) && from == stratum.FromMiner: // we stop, and wait for answers
	case from == stratum.FromMiner && errors.Is(err, io.EOF):
		r.end(errDeviceLeft)
	case from == stratum.FromMiner:
		r.end(fmt.Errorf("device: %w", dialCause(err)))
	case errors.Is(err, io.EOF):
		r.end(errPoolLeft)
	default:
		r.end(fmt.Errorf("%w: %v", errPoolLeft, dialCause(err))) // not the device's fault, which is what %w would make of it
	}
}

// end makes both sides stop reading; what is queued for them is sent by run.
func (r *rewriter) end(reason error) {
	r.ending.Do(func() {
		r.reason = reason
		r.up.stop(reason)
		r.lines.stop(reason)
	})
}

func (r *rewriter) check(now time.Time) {
	if why := r.trouble(now); why != nil {
		r.end(why)
	}
}

func (r *rewriter) drain() {
	r.draining.Store(true)
	r.lines.stop(context.Canceled)
}

func (r *rewriter) settled() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.shares.waiting == 0
}

// fromDevice forwards a line of the device, or answers it.
func (r *rewriter) fromDevice(line []byte, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.who.now, r.fate = now, fateForward
	ticket := r.device.saw(stratum.FromMiner, line, now, deviceEar{r, r.who.watchEar})
	r.who.listen(stratum.FromMiner, line, &r.message)
	r.configured(line)
	if r.fate == fateForward {
		ticket = r.pools.saw(stratum.FromMiner, line, now, poolEar{r})
		r.asks(line, now)
		r.up.Write(line, r.written(line, ticket))
		return
	}
	if stratum.Decode(line, &r.message) != nil || !r.message.HasID() {
		return // no answer is wanted
	}
	if r.fate == fateCredit {
		r.out = stratum.AppendResult(r.out[:0], r.message.ID, "true")
	} else {
		code, text := stratum.Code(&r.verdict)
		r.out = stratum.AppendError(r.out[:0], r.message.ID, code, text)
	}
	ticket = max(ticket, r.device.saw(stratum.FromPool, r.out, now, quiet{}))
	r.lines.Reply(r.out, r.written(line, ticket))
}

// configured looks for the least difficulty that the device asks for.
func (r *rewriter) configured(line []byte) {
	if r.pace == nil || !mayBe(line, stratum.MethodConfigure) || stratum.Decode(line, &r.message) != nil ||
		r.message.Method != stratum.MethodConfigure {
		return
	}
	if q, err := r.message.ConfigureRequest(); err == nil {
		r.floor = q.MinimumDifficulty
	}
}

// written returns what a mining.submit and the answer to it wait for: that the recording has it.
func (r *rewriter) written(line []byte, ticket Ticket) func() {
	if ticket == 0 || !mayBe(line, stratum.MethodSubmit) {
		return nil
	}
	return func() { r.proxy.config.Recorder.Written(ticket) }
}

// fromPool forwards a line of the pool, or replaces it.
func (r *rewriter) fromPool(line []byte, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.who.now = now
	r.pools.saw(stratum.FromPool, line, now, poolEar{r})
	r.who.listen(stratum.FromPool, line, &r.message)
	if r.pace == nil || stratum.Decode(line, &r.message) != nil {
		r.tell(line, now)
		return
	}
	switch r.message.Method {
	case stratum.MethodSetDifficulty:
		target, err := r.message.SetDifficulty()
		if err != nil {
			break
		}
		r.theirs, r.line = target.Difficulty(), append(r.line[:0], line...)
		if r.ours == 0 || r.theirs < r.ours {
			r.give(r.theirs, now)
		}
		return
	case stratum.MethodNotify:
		if d := min(max(r.pace.Difficulty(now), r.floor, easiest), r.theirs); d != r.ours && r.ours != 0 {
			r.give(d, now)
		}
	}
	r.tell(line, now)
}

// easiest is the least difficulty that is ever made: what is easier, miners may not be able to read.
const easiest = 1e-9

// give sends the device a difficulty for later jobs. The pool's is sent as the pool wrote it, so that it is the same to the last bit.
func (r *rewriter) give(d float64, now time.Time) {
	r.ours = d
	r.pace.Sent(d, now)
	if d == r.theirs {
		r.tell(r.line, now)
		return
	}
	r.out = stratum.AppendSetDifficulty(r.out[:0], d)
	r.tell(r.out, now)
}

// tell sends the device a line.
func (r *rewriter) tell(line []byte, now time.Time) {
	r.device.saw(stratum.FromPool, line, now, quietWatcher{watchEar: r.who.watchEar})
	if target, jobs, known := r.device.shares.Newest(); jobs != r.jobs {
		if r.jobs = jobs; known {
			r.status.Target(target, now)
		}
	}
	r.lines.Write(line, nil)
}

// deviceEar hears what crosses the device's side.
type deviceEar struct {
	*rewriter
	watchEar
}

// quietWatcher hears what an audit wants to know, and nothing else.
type quietWatcher struct {
	quiet
	watchEar
}

// Submitted decides what becomes of a share.
func (r deviceEar) Submitted(s *stratum.Submit) {
	r.who.named(s.Submission.Text.Worker)
	r.verdict, r.err = r.pools.shares.Check(&s.Submission)
	v, err := r.verdict, r.err
	if r.pace != nil {
		v, err = r.device.shares.Check(&s.Submission)
		if err == nil && v.Word.Credited() {
			r.pace.Found(v.Required())
		}
	}
	r.who.judge.count(&v, err)
	r.status.Judged(&v, err, r.who.now)
	r.who.audit.share(&s.Submission, &v, err, r.who.now)
	if v.Block {
		r.proxy.emit(blockSeen(r.session, r.who.pool, s.Submission.Text, &v))
	}
	switch pool := r.verdict.Word; {
	case r.verdict.Block || r.err != nil || err != nil || pool.Credited():
	case r.pace != nil && !r.settings.enforce && (pool == share.Stale || pool == share.UnknownJob):
	case v.Word.Credited():
		r.fate = fateCredit
	default:
		r.fate, r.verdict = fateRefuse, v
	}
}

func (deviceEar) Replied(uint64, stratum.Reply) {}
func (deviceEar) Forgotten(uint64)              {}
func (deviceEar) Assumed(string)                {}

// poolEar hears what crosses the pool's side.
type poolEar struct{ *rewriter }

// Submitted keeps a share until the pool answers.
func (r poolEar) Submitted(s *stratum.Submit) {
	r.shares.put(s.Number, bookedShare{
		verdict: r.verdict, err: r.err, text: *s.Submission.Text, at: r.who.now, turns: r.pools.onlooker.Turns(),
	})
}

// Replied compares the pool's answer with our verdict.
func (r poolEar) Replied(number uint64, reply stratum.Reply) {
	if s, ok := r.shares.take(number); ok {
		r.who.replied(&s, reply, r.pools.onlooker.Turns())
	}
}

// Forgotten says that no answer will come.
func (r poolEar) Forgotten(number uint64) {
	if _, ok := r.shares.take(number); ok {
		r.who.judge.totals.unanswered.Add(1)
	}
}

func (poolEar) Assumed(string) {}
