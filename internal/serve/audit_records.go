package serve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"sync"
	"time"

	"github.com/touchstone-btc/touchstone/audit"
	"github.com/touchstone-btc/touchstone/work/share"
)

// Verdict lines are read by one goroutine for each input, put in order by another, and told to devices by several: each has workers of its
// own, so that the order for each device is that of the lines.

const (
	// recordBlock is how many bytes of an input are read at a time.
	recordBlock = 1 << 20
	// recordShards is how many goroutines tell devices.
	recordShards = 2
	// shardBatch is how many records go to one of them at a time, and shardQueue how many batches wait.
	shardBatch = 512
	shardQueue = 8
)

// recordFault is a line that could not be read.
type recordFault struct {
	line int64
	err  error
	// before is how many good lines of the block come before it.
	before int
}

// recordsRead are the good lines of a part of an input.
type recordsRead struct {
	records []verdictRecord
	faults  []recordFault
	lines   int64 // of the input until here
	err     error // of reading
}

// recordCursor reads one input of verdict lines.
type recordCursor struct {
	file  *auditFile
	parts chan *recordsRead
	part  *recordsRead
	next  int // in part
	fault int
	time  time.Time
	any   bool
	tell  func(f *auditFile, line int64, err error)
	// fail is told of an error of reading: the input ends there.
	fail func(f *auditFile, err error)
	bad  bool
}

func (c *recordCursor) of() *auditFile          { return c.file }
func (c *recordCursor) head() (time.Time, bool) { return c.time, c.any }

func (c *recordCursor) key() uint64 {
	var h maphash.Hash
	h.SetSeed(auditSeed)
	r := &c.part.records[c.next]
	maphash.WriteComparable(&h, r.time.UnixNano())
	for _, text := range [][]byte{r.session, r.worker, r.job, r.source} {
		h.Write(text)
		h.WriteByte(0)
	}
	s := &r.share
	maphash.WriteComparable(&h, [...]uint64{uint64(r.what), uint64(s.Word), uint64(s.Nonce), uint64(s.NTime), uint64(s.VersionBits), uint64(s.Extranonce2Size)})
	h.Write(s.Extranonce2[:])
	maphash.WriteComparable(&h, r.claim)
	return h.Sum64()
}

// move goes to the next record.
func (c *recordCursor) move() {
	c.next++
	for c.part == nil || c.next >= len(c.part.records) {
		c.faults(true)
		part, ok := <-c.parts
		if !ok {
			c.any = false
			c.file.close(!c.bad)
			return
		}
		c.part, c.next, c.fault = part, 0, 0
		c.file.source.Lines = part.lines
		if part.err != nil {
			c.bad = true
			c.fail(c.file, part.err)
		}
	}
	c.faults(false)
	c.any = true
	if t := c.part.records[c.next].time; t.After(c.time) {
		c.time = t
	}
}

// faults tells of bad lines before the record at hand, or of all that are left of the part.
func (c *recordCursor) faults(all bool) {
	if c.part == nil {
		return
	}
	for ; c.fault < len(c.part.faults) && (all || c.part.faults[c.fault].before <= c.next); c.fault++ {
		f := &c.part.faults[c.fault]
		c.file.source.Bad++
		c.tell(c.file, f.line, f.err)
	}
}

// readRecords reads an input until it or ctx ends.
func readRecords(ctx context.Context, in io.Reader, parts chan<- *recordsRead) {
	defer close(parts)
	send := func(p *recordsRead) bool {
		select {
		case parts <- p:
			return true
		case <-ctx.Done():
			return false
		}
	}
	var d verdictDecoder
	var rest []byte
	lines, first, skipping := int64(0), true, false
	for {
		buf := make([]byte, len(rest)+recordBlock)
		n := copy(buf, rest)
		k, err := io.ReadFull(in, buf[n:])
		buf = buf[:n+k]
		ended := err != nil
		p := &recordsRead{}
		if ended && err != io.EOF && err != io.ErrUnexpectedEOF {
			p.err = err
		}
		if first {
			buf, first = bytes.TrimPrefix(buf, []byte("\ufeff")), false
		}
		p.records = make([]verdictRecord, 0, len(buf)/300)
		for len(buf) > 0 {
			end := bytes.IndexByte(buf, '\n')
			if end < 0 && !ended {
				break
			}
			line := buf
			if end < 0 {
				buf = nil
			} else {
				line, buf = buf[:end], buf[end+1:]
			}
			lines++
			if line = bytes.TrimRight(line, " \t\r"); len(line) == 0 && !skipping {
				continue
			}
			r, err := &d.line, errLongLine
			if !skipping {
				r, err = d.decode(line)
			}
			skipping = false
			if err != nil {
				if end < 0 && p.err == nil {
					err = fmt.Errorf("the input ends in the middle of this line: %w", err)
				}
				p.faults = append(p.faults, recordFault{lines, err, len(p.records)})
				continue
			}
			p.records = append(p.records, *r)
			d.scratch = d.scratch[len(d.scratch):] // what was written there is kept with the record
		}
		if rest = buf; len(rest) > maxVerdictLine {
			rest, skipping = nil, true
		}
		p.lines = lines
		if !send(p) || ended {
			return
		}
	}
}

var errLongLine = fmt.Errorf("more than %d bytes", maxVerdictLine)

// recordReader tells an auditor of the verdict lines of several inputs.
type recordReader struct {
	auditor *Auditor
	onBad   func(f *auditFile, line int64, err error)
	// onProgress is told now and then how many lines were read.
	onProgress func(lines int64)

	owners    sessionOwners
	several   bool
	shards    [recordShards]*recordShard
	last      time.Time
	forwarded int64 // shares that were counted where the device sent them
}

// recordShard tells the devices of some workers.
type recordShard struct {
	auditor  *Auditor
	number   int
	batches  chan []shardRecord
	batch    []shardRecord
	sessions map[string]*recordSession
	list     byAge[recordSession]
	last     time.Time // of what was told
	waiting  verdictQueue
	run      recordRun
}

// shardRecord is a record, of a session that may have another name; or, if asJob, the job of one that is later.
type shardRecord struct {
	*verdictRecord
	session []byte
	asJob   bool
}

// recordSession is a session as verdict lines tell of it.
type recordSession struct {
	*AuditSession
	name string
	age  aged[recordSession]
}

func (r *recordReader) read(ctx context.Context, files []*auditFile) error {
	ctx, cancel := context.WithCancel(ctx)
	var readers, tellers sync.WaitGroup
	defer readers.Wait()
	defer cancel()
	r.several = len(files) > 1
	var failed error
	merge := newAuditMerge(files, func(f *auditFile) (*recordCursor, error) {
		if err := f.open(); err != nil {
			return nil, err
		}
		c := &recordCursor{file: f, parts: make(chan *recordsRead, 2), time: f.first, tell: r.onBad}
		c.fail = func(f *auditFile, err error) { failed = errors.Join(failed, fmt.Errorf("%s: %w", f.input.Name, err)) }
		readers.Go(func() { readRecords(ctx, cancelled{ctx, f.in}, c.parts) })
		c.move()
		return c, nil
	})
	for i := range r.shards {
		s := &recordShard{auditor: r.auditor, number: i, batches: make(chan []shardRecord, shardQueue), sessions: map[string]*recordSession{}}
		if i > 0 {
			s.auditor = r.auditor.beside()
		}
		s.list.place = func(s *recordSession) *aged[recordSession] { return &s.age }
		r.shards[i] = s
		tellers.Go(s.work)
	}
	err := r.merge(ctx, merge)
	for _, s := range r.shards {
		s.flush()
		close(s.batches)
	}
	tellers.Wait()
	for _, c := range merge.active {
		c.file.close(false)
	}
	return errors.Join(err, failed)
}

// merge takes the records in their order.
func (r *recordReader) merge(ctx context.Context, merge *auditMerge[*recordCursor]) error {
	for n := int64(1); ; n++ {
		c, ok, err := merge.next()
		if err != nil || !ok {
			return errors.Join(err, ctx.Err())
		}
		if !merge.isCopy(c) {
			r.one(&c.part.records[c.next], c.file)
		}
		c.move()
		if n%4096 == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			r.onProgress(n)
		}
	}
}

// one sends a record to the shards that it concerns.
func (r *recordReader) one(l *verdictRecord, f *auditFile) {
	if l.what == verdictSummary {
		return
	}
	if l.time.After(r.last) {
		r.last = l.time
	}
	if l.forwarded {
		r.forwarded++
		return
	}
	session := l.session
	if r.several && len(session) > 0 {
		if name, other := r.owners.name(session, f); other {
			session = []byte(name)
		}
	}
	one := shardRecord{verdictRecord: l, session: session}
	if l.what == verdictShare || l.what == verdictClaim {
		r.shards[maphash.Bytes(auditSeed, l.worker)%recordShards].put(one)
		return
	}
	for _, s := range r.shards {
		s.put(one)
	}
}

func (s *recordShard) put(r shardRecord) {
	if s.batch == nil {
		s.batch = make([]shardRecord, 0, shardBatch)
	}
	s.batch = append(s.batch, r)
	if len(s.batch) == shardBatch {
		s.flush()
	}
}

func (s *recordShard) flush() {
	s.batches <- s.batch
	s.batch = nil
}

// work tells what comes, until there is no more.
func (s *recordShard) work() {
	for batch := range s.batches {
		for i := range batch {
			s.waiting.add(&batch[i])
			for r := s.waiting.ready(); r != nil; r = s.waiting.ready() {
				if s.run.add(r) {
					s.run.give(s.tell)
				}
			}
		}
	}
	for r := s.waiting.pop(); r != nil; r = s.waiting.pop() {
		if s.run.add(r) {
			s.run.give(s.tell)
		}
	}
	s.run.give(s.tell)
	for o := s.list.oldest; o != nil; o = o.age.newer {
		if s.last.Sub(o.now) < idleSession {
			o.Advance(s.last)
		}
		o.Leave()
	}
}

// session returns the session of a record.
func (s *recordShard) session(name []byte, now time.Time) *recordSession {
	if o := s.sessions[string(name)]; o != nil {
		if o != s.list.newest {
			s.list.remove(o)
			s.list.add(o)
		}
		return o
	}
	for len(s.sessions) >= defaultMaxSessions/recordShards {
		s.leave(s.list.oldest)
	}
	o := &recordSession{AuditSession: s.auditor.Continue(string(name), "", ""), name: string(name)}
	s.sessions[o.name] = o
	s.list.add(o)
	return o
}

func (s *recordShard) leave(o *recordSession) {
	o.Leave()
	s.list.remove(o)
	delete(s.sessions, o.name)
}

// tell tells of a record.
func (s *recordShard) tell(r *shardRecord) {
	if r.time.After(s.last) {
		s.last = r.time
	}
	if r.asJob {
		s.job(r)
		return
	}
	if s.auditor.before(r.time) {
		s.again(r)
		return
	}
	if r.what == verdictClaim {
		s.auditor.Claim(string(r.worker), verdictClaimOf(r.verdictRecord))
		return
	}
	o := s.session(r.session, r.time)
	if r.synthetic {
		o.Synthetic()
	}
	switch r.what {
	case verdictOpen:
		if o.begun { // its end was not seen
			o.Close(o.now)
			s.list.remove(o)
			delete(s.sessions, o.name)
			o = s.session(r.session, r.time)
			if r.synthetic {
				o.Synthetic()
			}
		}
		o.begun = true
		o.observed(r.time)
		if len(r.worker) > 0 && maphash.Bytes(auditSeed, r.worker)%recordShards == uint64(s.number) {
			o.Authorized(string(r.worker), r.time, false)
		}
	case verdictClose:
		o.Close(r.time)
		s.list.remove(o)
		delete(s.sessions, o.name)
	case verdictGap:
		o.Interrupted(r.time)
	case verdictShare:
		s.share(o, r)
	}
}

// again takes in a record that was audited before.
func (s *recordShard) again(r *shardRecord) {
	switch r.what {
	case verdictOpen:
		s.session(r.session, r.time).begun = true
		if len(r.worker) > 0 && maphash.Bytes(auditSeed, r.worker)%recordShards == uint64(s.number) {
			s.session(r.session, r.time).Authorized(string(r.worker), r.time, true)
		}
	case verdictClose:
		if o := s.sessions[string(r.session)]; o != nil {
			s.leave(o)
		}
	case verdictShare:
		s.auditor.limits.told()
		if o := s.session(r.session, r.time); known(r) {
			o.Authorized(string(r.worker), r.time, true)
			if j := o.job(r.job); j == nil || j.Difficulty != r.share.Required {
				o.Job(string(r.job), audit.Job{Time: r.time, Late: true, Clean: r.clean, Difficulty: r.share.Required, Network: r.network}, true)
			}
		}
	}
}

// share tells of a share, and of its job if it is the first of it.
func (s *recordShard) share(o *recordSession, r *shardRecord) {
	sh := &r.share
	if known(r) {
		if j := o.job(r.job); j == nil || j.Difficulty != sh.Required {
			o.Job(string(r.job), audit.Job{Time: r.time, Late: true, Clean: r.clean, Difficulty: sh.Required, Network: r.network}, false)
		}
	}
	worker := s.worker(r.worker)
	o.Share(worker, string(r.job), sh)
	if r.answered {
		o.Answered(worker, r.accepted, sh.Word.Credited(), r.crossed, r.time)
	}
}

// known reports whether a share tells of a job that its session was given, which may be the latest.
func known(r *shardRecord) bool {
	return r.share.Required > 0 && r.share.Word != share.Stale && r.share.Word != share.UnknownJob
}

// job tells of a job when it was sent.
func (s *recordShard) job(r *shardRecord) {
	id := r.job
	o := s.session(r.session, r.sent)
	if j := o.job(id); j != nil && j.Difficulty == r.share.Required {
		return
	}
	j := audit.Job{Time: r.sent, Clean: r.clean, Difficulty: r.share.Required, Network: r.network}
	o.Job(string(id), j, s.auditor.before(r.sent))
}

// worker returns a worker's name, the same text for the same name.
func (s *recordShard) worker(name []byte) string {
	if w := s.auditor.workers[string(name)]; w != nil {
		return w.name
	}
	return string(name)
}

func verdictClaimOf(r *verdictRecord) *audit.Claim {
	c := unsaidClaim()
	c.Time, c.Rate, c.Source = r.time, r.claim, string(r.source)
	return c
}
