package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"
	"time"

	"github.com/touchstone-btc/touchstone/stratum"
	"github.com/touchstone-btc/touchstone/work/share"
)

// ReplayConfig says how recordings are judged. Its functions are called one at a time, from Recording; nil ones are not.
type ReplayConfig struct {
	// Policies are what shares are judged by; the verdicts of the first are those that count. Default: strict alone.
	Policies []share.Policy
	// OnShare is told of each share when its reply was seen, or when none can come any more. The report is used again after the
	// call. An error ends the recording.
	OnShare func(*ShareReport) error
	// OnBadLine is told of each line that could not be read.
	OnBadLine func(file string, line int64, err error)
	// OnGarbage is told of each line of a device that was recorded as it came and is no message, or none that can be understood: that
	// is a fact about the device.
	OnGarbage func(file string, line int64, err error)
	// OnInterrupted is told, once for each recording, of the first line that could not be read and has others after it: it may have
	// been of any session, so every session counts as interrupted there.
	OnInterrupted func(file string, line int64)
	// OnAssumed is told of each session of which something was not seen, and is assumed from that line on.
	OnAssumed func(file string, line int64, session, why string)
	// OnWait is called before more is read, when all is told of what was: lines of this recording.
	OnWait func(lines int64)
	// Auditor is told of all sessions, but for the pool's sides of a proxy that rewrites; nil tells nobody. Shares come to it in the
	// order of the lines when they are judged, which is soon.
	Auditor *Auditor
	// MaxSessions is how many sessions of a recording are followed at once. One that was closed, or was silent for ten minutes,
	// gives way. Default: 100 000.
	MaxSessions int
	// MaxWaiting is how many shares wait for their replies; the oldest is then reported as if none came. Default: 65 536. If their
	// fields are of unusual length, it is fewer.
	MaxWaiting int
	// MaxShares bounds how many shares of a recording each policy remembers; see [share.Options]. Default: that of share.
	MaxShares int
}

const (
	defaultMaxSessions = 100_000
	defaultMaxWaiting  = 1 << 16
	// replayBatch is how many shares are judged at once.
	replayBatch = 512
	// maxReplayWorkers is how many workers have a tally of their own.
	maxReplayWorkers = 100_000
	// maxWaitingBytes is how many bytes their texts have at most: with fields as long as they may be, there is room for some
	// thousands, with those that miners send for more than MaxWaiting.
	maxWaitingBytes = 32 << 20
	// maxOutstanding is how many requests of a recording wait for replies; beyond it a session keeps the last few of its own.
	maxOutstanding = 1 << 17
	fewOutstanding = 2
	// maxParts is how many workers the sessions of a recording have together, each beyond a few of its own.
	maxParts = 1 << 18
	// maxJobBytes bounds the jobs that the sessions of a recording remember, for each policy; most of it is the same memory.
	maxJobBytes = 512 << 20
	// noTranscript is how many lines may be bad before the first good one.
	noTranscript = 20
)

// ErrNoTranscript says that an input is no recording at all.
var ErrNoTranscript = errors.New("not a Stratum transcript")

// ErrEmptyRecording says that a recording has no line.
var ErrEmptyRecording = errors.New("empty")

// Replay judges the shares of recordings, one recording after the other: each is one pool's, for which a share counts once. Memory
// does not grow with the recordings' length. It is for one goroutine.
type Replay struct {
	config  ReplayConfig
	batches []share.Batch // one for each policy
	results []share.Result

	recordings, lines, bad, garbage          int64
	sessionCount, linkedCount                int64
	interruptions, assumed, unmatchedReplies int64
	first, last                              time.Time
	all                                      tally // of devices' sides
	forwarded                                tally // of what a proxy that rewrites passed on, on the pool's side
	forwardedLedger                          *share.Ledger
	workers                                  map[string]*workerTally
	ledger                                   *share.Ledger
	others                                   *workerTally // workers beyond the most there may be
	othersLedger                             *share.Ledger
	policies                                 []policyTally
}

// workerTally is what one worker sent.
type workerTally struct {
	name     string
	sessions int64
	tally
}

// policyTally is how one of several policies judged.
type policyTally struct {
	words [share.Block + 1]int64
	lost  int64
}

// NewReplay returns a Replay that has read nothing yet.
func NewReplay(c ReplayConfig) *Replay {
	if len(c.Policies) == 0 {
		c.Policies = []share.Policy{{}}
	}
	if c.MaxSessions <= 0 {
		c.MaxSessions = defaultMaxSessions
	}
	if c.MaxWaiting <= 0 {
		c.MaxWaiting = defaultMaxWaiting
	}
	return &Replay{
		config: c, batches: make([]share.Batch, len(c.Policies)), workers: map[string]*workerTally{},
		ledger: share.NewLedger(maxReplayWorkers), othersLedger: share.NewLedger(1), forwardedLedger: share.NewLedger(1),
		policies: make([]policyTally, len(c.Policies)),
	}
}

// recording is one that is being read.
type recording struct {
	replay     *Replay
	name       string
	validators []*share.Validator
	linked     []*share.Validator // of sessions that are the other side of one: the same shares cross both; nil if there is none
	sessions   map[string]*replaySession
	list       byAge[replaySession] // by their latest lines
	onlooker   *stratum.Onlooker    // of no session: the others are beside it
	buf        []*share.Session

	unjudged     []*replayed     // in the batches
	settled      []*replayed     // to be reported
	replies      byAge[replayed] // those that wait for one
	waiting      int
	waitingBytes int
	outstanding  int // requests of all sessions
	parts        int // workers in the stretches of all sessions
	free         []*replayed
	ended        []*stretch

	polls         TelemetryReader
	held          []auditEvent // until the shares in it are judged
	early         []earlyFault // of lines before the first good one
	lost          int64        // the line that could not be read before this one, 0 if there is none
	interruptions int64        // how often the recording went on after such lines
	lines         int64
	last          time.Time
	good          bool
	err           error // of OnShare
}

type earlyFault struct {
	line int64
	err  error
}

// Recording judges one recording, until it or ctx ends. What was read until then is judged and counted, whatever the error. That
// is ErrEmptyRecording or ErrNoTranscript, one of reading, or ctx's.
func (r *Replay) Recording(ctx context.Context, name string, in io.Reader) error {
	rec := r.newRecording(name)
	return r.recording(ctx, rec, &oneTranscript{stratum.NewTranscript(&beforeRead{in, rec.wait}), name})
}

// lineSource gives the lines of a recording, as a stratum.Transcript does. Name is that of the file of the latest.
type lineSource interface {
	Next() (*stratum.Line, error)
	Name() string
}

// oneTranscript is a recording of one file.
type oneTranscript struct {
	*stratum.Transcript
	name string
}

func (t *oneTranscript) Name() string { return t.name }

// merged judges several transcripts as one recording.
func (r *Replay) merged(ctx context.Context, in *mergedTranscripts) error {
	rec := r.newRecording("")
	rec.good = true // they were looked into
	in.before = rec.wait
	defer in.close()
	return r.recording(ctx, rec, in)
}

func (r *Replay) newRecording(name string) *recording {
	rec := &recording{replay: r, name: name, sessions: map[string]*replaySession{}, onlooker: stratum.NewOnlooker()}
	rec.list.place = func(s *replaySession) *aged[replaySession] { return &s.age }
	rec.replies.place = func(h *replayed) *aged[replayed] { return &h.age }
	rec.validators = r.newValidators()
	return rec
}

func (r *Replay) recording(ctx context.Context, rec *recording, in lineSource) error {
	err := rec.read(ctx, in)
	rec.end()
	r.recordings++
	r.lines += rec.lines
	return errors.Join(err, rec.err)
}

// newValidators returns one for each policy.
func (r *Replay) newValidators() (all []*share.Validator) {
	for _, p := range r.config.Policies {
		all = append(all, share.NewValidator(share.Options{Policy: p, MaxShares: r.config.MaxShares, MaxJobBytes: maxJobBytes}))
	}
	return all
}

// beforeRead calls f before each Read.
type beforeRead struct {
	r io.Reader
	f func()
}

func (b *beforeRead) Read(p []byte) (int, error) {
	b.f()
	return b.r.Read(p)
}

func (r *recording) read(ctx context.Context, t lineSource) error {
	for {
		l, err := t.Next()
		r.name = t.Name()
		if err == nil {
			r.lines = l.Number
			r.line(l)
		} else if end, err := r.unread(err); end {
			return err
		}
		switch {
		case r.err != nil:
			return nil
		case r.lines%256 == 0 && ctx.Err() != nil:
			return ctx.Err()
		}
	}
}

// unread takes an error of the transcript, and reports whether it is the recording's end, with what there is to say of that.
func (r *recording) unread(err error) (end bool, why error) {
	var fault *stratum.LineError
	if errors.As(err, &fault) {
		r.lines, r.lost = fault.Line, fault.Line
		r.fault(fault.Line, fault.Err)
		if len(r.early) > noTranscript {
			return true, r.noTranscript()
		}
		return false, nil
	}
	switch {
	case err != io.EOF:
		return true, err
	case !r.good:
		return true, r.noTranscript()
	}
	return true, nil
}

// noTranscript is the one error of an input whose lines are all bad.
func (r *recording) noTranscript() error {
	if len(r.early) == 0 {
		return ErrEmptyRecording
	}
	first := r.early[0]
	return fmt.Errorf("%w: line %d: %w", ErrNoTranscript, first.line, first.err)
}

// fault is a line that could not be read.
func (r *recording) fault(line int64, err error) {
	if !r.good {
		r.early = append(r.early, earlyFault{line, err})
		return
	}
	r.replay.bad++
	if f := r.replay.config.OnBadLine; f != nil {
		f(r.name, line, err)
	}
}

// said is a line of a device that could be read, and says nothing that can be understood.
func (r *recording) said(line int64, err error) {
	r.replay.garbage++
	if f := r.replay.config.OnGarbage; f != nil {
		f(r.name, line, err)
	}
}

// line takes in a line of the transcript.
func (r *recording) line(l *stratum.Line) {
	if !r.good {
		r.good = true
		for _, e := range r.early {
			r.fault(e.line, e.err)
		}
		r.early = nil
	}
	r.resume()
	if l.Restated {
		r.restated(l)
		return
	}
	r.clock(l.Time)
	if l.From == stratum.FromTelemetry {
		r.telemetry(l)
		return
	}
	s, err := r.session(l)
	if err == nil {
		switch err = s.observe(l); {
		case l.From == stratum.FromMiner && err != nil && !errors.Is(err, stratum.ErrClosed):
			if s.link == "" { // else it was forwarded
				r.said(l.Number, err)
			}
			err = nil
		case errors.Is(err, stratum.ErrReopened):
			r.drop(s, s.now)
			if s, err = r.session(l); err == nil {
				err = s.observe(l)
			}
		case errors.Is(err, stratum.ErrResumed):
			if s, err = r.again(s, l); err == nil {
				err = s.observe(l)
			}
		}
		if l.From == stratum.FromTouchstone && err == nil {
			s.event(l)
		}
	}
	if err != nil {
		r.fault(l.Number, err)
	}
}

// restated takes in a line that says again what was said before. It tells no time: the session was there then, but what it submitted
// is not in this recording.
func (r *recording) restated(l *stratum.Line) {
	if l.From != stratum.FromPool && l.From != stratum.FromMiner {
		return
	}
	if s, err := r.session(l); err != nil {
		r.fault(l.Number, err)
	} else {
		s.restate(l)
	}
}

// resume notes that lines before this one could not be read. Nobody knows whose they were and what they said; so that millions of
// them cost little, each session finds that out for itself at its next line.
func (r *recording) resume() {
	if r.lost == 0 {
		return
	}
	r.interruptions++
	r.replay.interruptions++
	if f := r.replay.config.OnInterrupted; f != nil && r.interruptions == 1 {
		f(r.name, r.lost)
	}
	r.lost = 0
}

// clock notes the times of a recording.
func (r *recording) clock(now time.Time) {
	r.last = now
	if p := r.replay; p.first.IsZero() || now.Before(p.first) {
		p.first = now
	}
	if p := r.replay; now.After(p.last) {
		p.last = now
	}
}

// event is what the recording says of itself, and the onlooker could read.
func (s *replaySession) event(l *stratum.Line) {
	var e struct {
		Event string `json:"event"`
	}
	if json.Unmarshal(l.Message, &e) != nil {
		return
	}
	switch e.Event {
	case "open":
		s.auditOpening(l)
	case "gap":
		s.renew()
		s.tellAudit(auditEvent{what: auditInterrupted, now: l.Time})
	case "close":
		s.rec.drop(s, l.Time)
	}
}

// add puts a share into the batches.
func (r *recording) add(sessions []*share.Session, sub *share.Submission, h *replayed) {
	for i := range r.replay.batches {
		r.replay.batches[i].Add(sessions[i], sub)
	}
	r.unjudged = append(r.unjudged, h)
	r.replies.add(h)
	r.waiting++
	r.waitingBytes += h.size
	for r.waiting > r.replay.config.MaxWaiting || r.waitingBytes > maxWaitingBytes {
		oldest := r.replies.oldest
		oldest.session.unanswered.take(oldest.number)
		r.settle(oldest)
	}
	if len(r.unjudged) == replayBatch {
		r.flush()
	}
}

// settle says that nothing more will be heard of a share.
func (r *recording) settle(h *replayed) {
	r.replies.remove(h)
	r.waiting--
	r.waitingBytes -= h.size
	r.settled = append(r.settled, h)
}

// recycle makes h ready for another share: only what refers to others or may not be set again is cleared. The verdict will be
// overwritten.
func (h *replayed) recycle() {
	h.session, h.from, h.worker = nil, nil, nil
	r := &h.report
	r.Text, r.Link, r.Err = share.Text{}, "", nil
	r.Reply, r.HasReply, r.Replied = stratum.Reply{}, false, time.Time{}
	r.Opinions = r.Opinions[:0]
}

// newShare returns room for a share.
func (r *recording) newShare() *replayed {
	last := len(r.free) - 1
	if last < 0 {
		return new(replayed)
	}
	h := r.free[last]
	r.free = r.free[:last]
	return h
}

// wait does all that can be done before more is read.
func (r *recording) wait() {
	r.flush()
	if f := r.replay.config.OnWait; f != nil {
		f(r.lines)
	}
}

// flush judges what waits for it, and reports what is settled.
func (r *recording) flush() {
	p := r.replay
	for i := range p.batches {
		p.results = p.batches[i].Judge(p.results[:0])
		for j := range p.results {
			p.take(r.unjudged[j], i, &p.results[j])
		}
	}
	r.unjudged = r.unjudged[:0]
	r.tellHeld()
	for _, h := range r.settled {
		r.tell(h)
		h.recycle()
		r.free = append(r.free, h)
	}
	r.settled = r.settled[:0]
	for _, s := range r.ended {
		p.end(s)
	}
	clear(r.ended)
	r.ended = r.ended[:0]
}

// take keeps what policy i says of a share.
func (r *Replay) take(h *replayed, i int, result *share.Result) {
	v, err := &result.Verdict, result.Err
	if i == 0 {
		h.report.Verdict, h.report.Err = *v, err
		if h.from != nil && h.report.Credited() {
			h.from.credited++
		}
	}
	if len(r.policies) == 1 {
		return
	}
	o := Opinion{Policy: r.config.Policies[i].String(), Word: v.Word, Said: v.Said, BlockLost: v.BlockLost}
	switch {
	case err != nil:
		o.Word, o.Said, o.Detail = share.NotJudged, "", err.Error()
	case v.Word.Refused():
		o.Detail = v.Detail()
	}
	if h.report.Link == "" {
		r.policies[i].words[o.Word]++
		if o.BlockLost {
			r.policies[i].lost++
		}
	}
	h.report.Opinions = append(h.report.Opinions, o)
}

// tell counts a share and reports it.
func (r *recording) tell(h *replayed) {
	p := r.replay
	h.report.Crossed = h.report.HasReply && crossed(&h.report.Verdict, h.report.Err, h.report.Reply, h.turns)
	if h.report.Link != "" {
		p.forwarded.count(&h.report)
	} else {
		p.all.count(&h.report)
		h.worker.count(&h.report)
	}
	if h.report.Credited() {
		p.credit(h)
	}
	if f := p.config.OnShare; f != nil && r.err == nil {
		r.err = f(&h.report)
	}
}

// credit writes a share into the ledger.
func (r *Replay) credit(h *replayed) {
	ledger, name := r.othersLedger, ""
	switch {
	case h.report.Link != "":
		ledger = r.forwardedLedger
	case h.worker != r.others:
		ledger, name = r.ledger, h.worker.name
	}
	v := &h.report.Verdict
	// There is room for all workers that have a tally, and what was read of a message is short UTF-8.
	_ = ledger.Add(name, v.Target, v.Block)
}

// end counts a stretch to whose shares nothing is added any more.
func (r *Replay) end(s *stretch) {
	total := uint64(0)
	for _, w := range s.workers {
		w.worker.rate.add(s, w.credited)
		total += w.credited
	}
	r.all.rate.add(s, total)
	r.all.rate.beside = true // of one worker's machine and another's, one after the other, exposures don't add up
}

// end reports what is left, in the order of the submissions.
func (r *recording) end() {
	r.polled(r.polls.Flush())
	for r.replies.oldest != nil {
		r.settle(r.replies.oldest)
	}
	for s := r.list.oldest; s != nil; s = s.age.newer {
		// The pool speaks every minute or so, if only for a new job: who was silent for longer was not there.
		if r.last.Sub(s.now) < idleSession && s.interruptions == r.interruptions {
			s.stretch.advance(r.last)
			s.tellAudit(auditEvent{what: auditAdvance, now: r.last})
		}
		s.tellAudit(auditEvent{what: auditLeave})
		s.leave()
	}
	r.flush()
}

// worker returns the tally of a worker.
func (r *Replay) worker(name string) *workerTally {
	w := r.workers[name]
	if w != nil {
		return w
	}
	if len(r.workers) < maxReplayWorkers {
		w = &workerTally{name: strings.Clone(name)} // name keeps the whole submission alive
		r.workers[w.name] = w
		return w
	}
	if r.others == nil {
		r.others = new(workerTally)
	}
	return r.others
}

// Summary returns what was found until now.
func (r *Replay) Summary() *ReplaySummary {
	s := &ReplaySummary{
		Policy: r.config.Policies[0].String(), Recordings: r.recordings, Lines: r.lines, BadLines: r.bad, Garbage: r.garbage,
		Interruptions: r.interruptions, Sessions: r.sessionCount, Assumed: r.assumed, UnmatchedReplies: r.unmatchedReplies,
		Workers: []WorkerSummary{},
	}
	if !r.first.IsZero() {
		s.First, s.Last = r.first.UTC().Format(timeFormat), r.last.UTC().Format(timeFormat)
	}
	earned, others := r.ledger.Total(), r.othersLedger.Total()
	earned.Work.Add(earned.Work, others.Work)
	s.Tally = r.all.report(earned)
	if r.linkedCount > 0 {
		s.Forwarded = &ForwardedSummary{r.linkedCount, r.forwarded.report(r.forwardedLedger.Total())}
	}
	for _, w := range r.workers {
		credit, _ := r.ledger.Worker(w.name)
		s.Workers = append(s.Workers, WorkerSummary{&w.name, w.sessions, w.report(credit)})
	}
	sort.Slice(s.Workers, func(i, j int) bool {
		a, b := &s.Workers[i], &s.Workers[j]
		if a.Difficulty != b.Difficulty {
			return a.Difficulty > b.Difficulty
		}
		return *a.Worker < *b.Worker
	})
	if w := r.others; w != nil {
		s.Workers = append(s.Workers, WorkerSummary{nil, w.sessions, w.report(others)})
	}
	if len(r.policies) > 1 {
		for i := range r.policies {
			p := &r.policies[i]
			s.Policies = append(s.Policies, PolicySummary{
				r.config.Policies[i].String(), wordCounts(&p.words), p.words[share.NotJudged], p.lost,
			})
		}
	}
	return s
}
