package share_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// chooser makes the choices of a stream: a random generator, or a fuzzer's bytes.
type chooser interface {
	// choose returns a number below n.
	choose(n int) int
	// done says that there is nothing left to choose from.
	done() bool
}

type randomChooser struct{ *rand.Rand }

func newRandomChooser(seed uint64) randomChooser {
	return randomChooser{rand.New(rand.NewPCG(seed, 1))}
}

func (r randomChooser) choose(n int) int { return r.IntN(n) }
func (r randomChooser) done() bool       { return false }

// byteChooser takes one byte for each choice, more where it is among more than 256; 0 when none are left.
type byteChooser struct{ left []byte }

func (b *byteChooser) choose(n int) (v int) {
	for most := 1; most < n && len(b.left) > 0; most <<= 8 {
		v = v<<8 | int(b.left[0])
		b.left = b.left[1:]
	}
	return v % n
}

func (b *byteChooser) done() bool { return len(b.left) == 0 }

// stream makes up what happens in a pool of a few connections: honest shares, shares altered in one field, replays, and all that
// may change between them. Hardly any hash is looked for: difficulties are such that some hashes meet them and some don't.
type stream struct {
	chooser
	sessions []*streamSession
	pending  []event // to be told next
	now      time.Time
	latest   time.Time // that any event had
	tips     []string
	jobs     int
	recent   [32]event // submissions
	submits  int
	bitaxe   bool // its job was sent
	shared   int  // what tells its previous blocks from those of other streams in the same pool, 0 if there are none

	// What makes streams differ: whether all connections have the same extranonces, and so can find the same shares, how many events
	// there are to one that is no submission, and the most that the clock goes on between them.
	same  bool
	calm  int
	steps time.Duration
}

// streamSession is what the stream knows of a connection, so that most of what it makes up is nearly right.
type streamSession struct {
	granted         bool
	mask            uint32
	extranonce1     string
	extranonce2Size int
	jobs            []streamJob // the newest last
	replaced        time.Time   // when the newest job's previous block took the place of the one before it
	// alive are jobs that may be sent again, by previous block: never those of a block that was forgotten and came back,
	// as what was credited before is then not asked for.
	alive map[string]aliveJobs
}

type streamJob struct {
	notify
	extranonce2Size int
	ntime           uint32
}

type aliveJobs struct {
	jobs     []streamJob
	replaced time.Time
}

const (
	streamSessions = 4
	streamTime     = 1_790_000_000
)

func newStream(c chooser) *stream { return newSharedStream(c, 0) }

// newSharedStream returns one of several streams in the same pool: one whose connections end nowhere, as then the clocks of the others
// would say when it is too late to come back, and without the share that all would have.
func newSharedStream(c chooser, shared int) *stream {
	s := &stream{chooser: c, now: time.Unix(streamTime, 0), shared: shared, bitaxe: shared != 0}
	s.latest = s.now
	s.same, s.calm, s.steps = s.oneIn(2), pick(s, 20, 20, 60, 3), pick(s, time.Second, time.Second, 30*time.Second)
	for range 3 {
		s.newTip()
	}
	for i := range streamSessions {
		s.sessions = append(s.sessions, &streamSession{alive: map[string]aliveJobs{}})
		s.open(i)
	}
	return s
}

func (s *stream) newTip() {
	s.tips = append(s.tips, fmt.Sprintf("%048x%016x", s.shared, 0x1234567*uint64(len(s.tips)+1)))
}

// oneIn says yes once in n times, and no where there is nothing left to choose from.
func (s *stream) oneIn(n int) bool { return s.choose(n) == 1 }

func (s *stream) u32() uint32 { return uint32(s.choose(1<<16))<<16 | uint32(s.choose(1<<16)) }

func pick[T any](s *stream, from ...T) T { return from[s.choose(len(from))] }

// next returns what happens next.
func (s *stream) next() (e event) {
	for len(s.pending) == 0 {
		s.tick()
		if i := s.choose(streamSessions); s.oneIn(s.calm) {
			s.change(i)
		} else {
			s.pending = append(s.pending, s.submission(i))
		}
	}
	e, s.pending = s.pending[0], s.pending[1:]
	if e.at.IsZero() && !s.oneIn(400) {
		e.at = s.now
	}
	if e.at.After(s.latest) {
		s.latest = e.at
	}
	if e.kind == eventSubmit {
		s.recent[s.submits%len(s.recent)] = e
		s.submits++
	}
	return e
}

// tick moves the clock: a little, or far, or back.
func (s *stream) tick() {
	switch {
	case s.oneIn(2):
		s.now = s.now.Add(time.Duration(s.choose(250)) * s.steps / 250)
	case s.oneIn(1000):
		s.now = s.now.Add(time.Duration(s.choose(1500)) * time.Second)
	case s.oneIn(2000):
		s.now = s.now.Add(-time.Duration(s.choose(1500)) * time.Second)
	case s.oneIn(5000):
		s.now = s.now.Add(time.Duration(s.choose(5)-1) * time.Hour)
	}
}

// tell says that this happens next on a connection.
func (s *stream) tell(i int, e event) {
	e.session = i
	s.pending = append(s.pending, e)
}

// open tells a connection what pools tell first, mostly all of it.
func (s *stream) open(i int) {
	c := s.sessions[i]
	c.jobs, c.granted, c.mask, c.extranonce2Size = nil, false, 0, 0
	if !s.oneIn(20) {
		s.extranonce(i)
	}
	if !s.oneIn(20) {
		s.tell(i, event{kind: eventAuthorize, worker: "worker"})
	}
	if !s.oneIn(4) {
		s.setMask(i)
	}
	if !s.oneIn(20) {
		s.difficulty(i)
	}
	if !s.oneIn(20) {
		s.job(i)
	}
}

func (s *stream) extranonce(i int) {
	c := s.sessions[i]
	c.extranonce1, c.extranonce2Size = pick(s, "e1e2e3e4", "e1e2e3e5", "0102030405060708", "ff"), pick(s, 8, 4, 8, 4, 2, 1, 16)
	if s.same {
		c.extranonce1, c.extranonce2Size = "e1e2e3e4", 4
	}
	s.resume(i)
}

// resume gives a connection the extranonces that it has.
func (s *stream) resume(i int) {
	c := s.sessions[i]
	s.tell(i, event{kind: eventSubscribe, extranonce1: c.extranonce1, extranonce2Size: c.extranonce2Size})
}

func (s *stream) setMask(i int) {
	c := s.sessions[i]
	c.granted, c.mask = true, pick[uint32](s, 0x1fffe000, 0x1fffe000, 0x1fffffe0, 0x00006000, 0, 0xffffffff)
	s.tell(i, event{kind: eventMask, mask: fmt.Sprintf("%08x", c.mask)})
}

func (s *stream) difficulty(i int) {
	// Met by all hashes, all, nearly half, a sixth, a fifteenth, none.
	s.tell(i, event{kind: eventDifficulty, difficulty: pick(s,
		"0.0000000001", "0.0000000002328270", "0.0000000005", "0.00000000139698", "0.0000000035", "1", "32768.5")})
}

// change alters what holds on a connection.
func (s *stream) change(i int) {
	c := s.sessions[i]
	switch n := s.choose(64); {
	case n < 40:
		s.job(i)
	case n < 46:
		s.difficulty(i)
	case n < 50:
		s.setMask(i)
	case n < 53:
		s.extranonce(i)
	case n < 55:
		s.tell(i, event{kind: eventAuthorize, worker: pick(s, "worker", "another")})
	case n < 57:
		s.tell(i, event{kind: eventWithdraw, worker: pick(s, "worker", "another")})
		if !s.oneIn(4) {
			s.tell(i, s.submission(i))
			s.tell(i, event{kind: eventAuthorize, worker: pick(s, "worker", "another")})
		}
	case n < 58:
		s.outlive(i)
	case n < 59 && s.shared == 0:
		s.comeBack(i)
	case n < 60 && s.shared == 0:
		c.park(c.tip(), s.now)
		s.tell(i, event{kind: eventClose})
		s.open(i)
	case n < 61:
		s.tell(i, event{kind: eventAssume})
		s.tell(i, s.submission(i))
		if !s.oneIn(3) {
			s.extranonce(i)
			s.difficulty(i)
		}
		s.job(i)
	case n < 62 && !s.bitaxe:
		s.real(i)
	default: // the time of which the limit of ten minutes is made
		if len(c.jobs) > 1 && !c.replaced.IsZero() {
			at := c.replaced.Add(10*time.Minute + pick(s, -1, 0, time.Duration(1)))
			if s.oneIn(3) {
				s.now = at
			}
			e := s.submissionOf(i, &c.jobs[s.choose(len(c.jobs))])
			e.at = at
			s.pending = append(s.pending, e)
		}
	}
}

// comeBack ends a connection and begins another one of the same miner. It gets a job that it had, and tries the same shares again.
func (s *stream) comeBack(i int) {
	c := s.sessions[i]
	tip := c.tip()
	c.park(tip, s.now)
	s.tell(i, event{kind: eventClose})
	if s.oneIn(2) { // meanwhile others go on
		s.now = s.now.Add(time.Duration(s.choose(8*60)) * time.Second)
		s.newTip()
		k := s.choose(streamSessions - 1)
		if k >= i {
			k++
		}
		s.send(k, s.content(s.tips[len(s.tips)-1]), false)
	}
	had := c.alive[tip].jobs
	if len(had) == 0 || s.sinceReplaced(c, tip) >= 9*time.Minute || c.extranonce1 == "" {
		s.open(i)
		return
	}
	c.jobs = nil
	s.resume(i)
	s.tell(i, event{kind: eventAuthorize, worker: "worker"})
	s.tell(i, event{kind: eventDifficulty, difficulty: "0.0000000001"})
	if c.granted {
		s.tell(i, event{kind: eventMask, mask: text32(c.mask)})
	}
	j := had[s.choose(len(had))]
	s.send(i, j, true)
	s.again(i, j.id)
}

// again repeats what was submitted for jobs of that id.
func (s *stream) again(i int, id string) {
	for _, e := range s.recent[:min(s.submits, len(s.recent))] {
		if len(e.params) > 4 && e.params[1] == id {
			s.tell(i, event{kind: eventSubmit, params: e.params})
		}
	}
}

// outlive repeats shares and then lets connections forget their jobs: while the shares wait in a batch, or soon after. One may stay
// where it is, and its shares are repeated once more.
func (s *stream) outlive(i int) {
	c := s.sessions[i]
	if len(c.jobs) == 0 {
		return
	}
	id, stays := c.jobs[len(c.jobs)-1].id, s.oneIn(2)
	s.again(i, id)
	for range 1 + s.choose(4) {
		at := s.now.Add(11 * time.Minute)
		s.now = at
		s.newTip()
		j := s.content(s.tips[len(s.tips)-1])
		for k := range s.sessions {
			if stays && k == i || s.oneIn(4) {
				continue
			}
			s.send(k, j, true)
			s.pending[len(s.pending)-1].at = at
		}
	}
	if stays {
		s.again(i, id)
	}
}

// real sends the job of which a share with 32 leading zero bits is known, and that share: once, as a job that was forgotten must not
// come again.
func (s *stream) real(i int) {
	s.bitaxe = true
	c := s.sessions[i]
	c.granted, c.mask, c.extranonce2Size = true, 0x1fffe000, 4
	s.tell(i, event{kind: eventSubscribe, extranonce1: "4128064f", extranonce2Size: 4})
	s.tell(i, event{kind: eventAuthorize, worker: "worker"})
	s.tell(i, event{kind: eventMask, mask: "1fffe000"})
	s.tell(i, event{kind: eventDifficulty, difficulty: pick(s, "8192", "29588.01", "29588.02", "0.001")})
	s.send(i, streamJob{notify: bitaxeJob, ntime: 0x685468d7}, true)
	for k := range 4 {
		p := []string{"worker", bitaxeJob.id, "17000000", bitaxeJob.time, "7552034c", "00b44000"}
		if k == 2 {
			p = s.alter(p)
		}
		s.tell(i, event{kind: eventSubmit, params: p})
	}
}

func (c *streamSession) tip() string {
	if len(c.jobs) == 0 {
		return ""
	}
	return c.jobs[len(c.jobs)-1].prev
}

// park keeps the time when a previous block was replaced.
func (c *streamSession) park(tip string, at time.Time) {
	a := c.alive[tip]
	a.replaced = at
	c.alive[tip] = a
}

// job tells a connection, or all, of a job.
func (s *stream) job(i int) {
	c := s.sessions[i]
	tip := c.tip()
	switch {
	case tip == "", s.oneIn(4):
		if s.oneIn(2) {
			s.newTip()
		}
		tip = s.tips[max(0, len(s.tips)-1-s.choose(3))]
	}
	j := s.content(tip)
	// The same job again: by the id it had or another one, here or on another connection.
	if alive := c.alive[tip].jobs; s.oneIn(4) && len(alive) > 0 && s.sinceReplaced(c, tip) < 9*time.Minute {
		id := j.id
		j = alive[s.choose(len(alive))]
		if s.oneIn(2) {
			j.id = id
		}
	}
	clean := s.oneIn(2)
	if !s.oneIn(4) {
		s.send(i, j, clean)
		return
	}
	for k := range s.sessions {
		s.send(k, j, clean)
	}
}

// sinceReplaced returns how long it may be that a previous block was replaced, by the clock as far as it ever went.
func (s *stream) sinceReplaced(c *streamSession, tip string) time.Duration {
	at := c.alive[tip].replaced
	if at.IsZero() {
		return 0
	}
	return s.latest.Sub(at)
}

func (s *stream) send(i int, j streamJob, clean bool) {
	c := s.sessions[i]
	j.extranonce2Size = c.extranonce2Size
	if tip := c.tip(); tip != j.prev {
		c.park(tip, s.now)
		if s.sinceReplaced(c, j.prev) >= 9*time.Minute {
			c.alive[j.prev] = aliveJobs{}
		}
		c.replaced = s.now
	}
	a := c.alive[j.prev]
	a.jobs, a.replaced = append(a.jobs, j), time.Time{}
	if len(a.jobs) > 8 {
		a.jobs = slices.Clone(a.jobs[4:])
	}
	c.alive[j.prev] = a
	c.jobs = append(c.jobs, j)
	if len(c.jobs) > 12 {
		c.jobs = slices.Clone(c.jobs[6:])
	}
	s.tell(i, event{kind: eventNotify, job: j.notify, clean: clean})
}

// content returns a job that was never sent.
func (s *stream) content(tip string) streamJob {
	s.jobs++
	j := streamJob{ntime: uint32(s.now.Unix())}
	j.notify = notify{
		id: fmt.Sprintf("%x", pick(s, s.jobs, s.jobs, s.choose(8))), prev: tip,
		coinb1:  fmt.Sprintf("%08x", s.jobs) + strings.Repeat("c1", s.choose(200)),
		coinb2:  strings.Repeat("c2", s.choose(100)),
		version: pick(s, "20000000", "20000000", "20002000", "3fffe004", "00000001"),
		bits:    pick(s, "17023a04", "207fffff", "2007ffff", "2000ffff", "04923456", "1d00ffff"),
		time:    fmt.Sprintf("%08x", j.ntime),
	}
	for k := range s.choose(5) {
		j.branch = append(j.branch, fmt.Sprintf("%064x", s.jobs<<8|k))
	}
	if s.oneIn(2) {
		j.minTime = fmt.Sprintf("%08x", j.ntime-uint32(s.choose(4000)))
	}
	return j
}

// submission returns a submission on the connection: of its newest job, or an older one, or none.
func (s *stream) submission(i int) event {
	c := s.sessions[i]
	if s.oneIn(10) && s.submits > 0 {
		return s.replay(i)
	}
	if len(c.jobs) == 0 || s.oneIn(50) {
		return s.submissionOf(i, &streamJob{notify: notify{id: pick(s, "", "nix", "1")}, extranonce2Size: 8, ntime: streamTime})
	}
	j := &c.jobs[len(c.jobs)-1]
	if s.oneIn(6) {
		j = &c.jobs[s.choose(len(c.jobs))]
	}
	return s.submissionOf(i, j)
}

// replay repeats a submission: as it was or in other letters, where it came from or elsewhere.
func (s *stream) replay(i int) event {
	e := s.recent[s.choose(min(s.submits, len(s.recent)))]
	e.params = slices.Clone(e.params)
	e.at = time.Time{}
	switch s.choose(4) {
	case 1:
		e.session = i
	case 2:
		for k := range e.params {
			if k > 1 {
				e.params[k] = strings.ToUpper(e.params[k])
			}
		}
	case 3:
		e.params = s.alter(e.params)
	}
	return e
}

// submissionOf returns a submission of a job, one in four altered in one field.
func (s *stream) submissionOf(i int, j *streamJob) event {
	c := s.sessions[i]
	ntime := j.ntime
	if s.oneIn(4) {
		ntime = s.ntime(j)
	}
	extranonce2 := make([]byte, 0, 2*16)
	for range j.extranonce2Size {
		extranonce2 = appendDigits(extranonce2, uint32(s.choose(256)), 2)
	}
	p := make([]string, 0, 6)
	p = append(p, "worker", j.id, string(extranonce2), text32(ntime), text32(s.u32()))
	switch {
	case c.granted:
		p = append(p, text32(s.u32()&c.mask))
	case s.oneIn(2):
		p = append(p, "00000000")
	}
	if s.oneIn(4) {
		p = s.alter(p)
	}
	return event{kind: eventSubmit, session: i, params: p}
}

// ntime returns a time near a limit.
func (s *stream) ntime(j *streamJob) uint32 {
	around := uint32(s.choose(3)) - 1
	switch s.choose(8) {
	case 0:
		return j.ntime + around
	case 1:
		var low uint32
		fmt.Sscanf(j.minTime, "%x", &low)
		return low + around
	case 2, 3, 4:
		return uint32(s.now.Unix()) + 7200 + around
	case 5:
		return around
	case 6:
		return uint32(s.choose(1 << 16))
	default:
		return j.ntime + uint32(s.choose(7200))
	}
}

// alter changes one field, or the shape.
func (s *stream) alter(p []string) []string {
	if len(p) < 5 {
		return p
	}
	k := s.choose(len(p))
	if s.oneIn(3) {
		k = min(5, len(p)-1)
	}
	t := p[k]
	at := 0
	if t != "" {
		at = s.choose(len(t))
	}
	switch n := s.choose(20); n {
	case 0:
		t = strings.ToUpper(t)
	case 1:
		t = "0x" + t
	case 2:
		t = "0x" + t[min(2, len(t)):]
	case 3:
		t = t[min(1, len(t)):]
	case 4:
		t = t[:at]
	case 5:
		t += "0"
	case 6:
		t += "00"
	case 7:
		t = "00" + t
	case 8, 9, 10:
		if t != "" {
			t = t[:at] + pick(s, "g", "G", " ", "\x00", "+", "-", "_", "@", "`", "/", ":", "\xff", "٣", "０", "x", "\n") + t[at+1:]
		}
	case 11, 12:
		if t != "" {
			t = t[:at] + pick(s, "0", "1", "8", "a", "F") + t[at+1:]
		}
	case 13:
		t = ""
	case 14:
		t = strings.Repeat(pick(s, "00", "ab", "0"), s.choose(80))
	case 15:
		t = text32(s.u32())
	case 16:
		if len(p) == 6 {
			return p[:5]
		}
		return append(p, text32(s.u32()))
	case 17:
		if len(p) == 5 {
			return append(p, "00000000")
		}
		p[5] = text32(s.u32())
		return p
	case 18:
		if s.oneIn(4) {
			return append(p, "00000000", "")[:pick(s, 7, 0, 4, 2)]
		}
	case 19:
		p[1] = fmt.Sprintf("%x", s.choose(8))
		return p
	}
	p[k] = t
	return p
}

func text32(v uint32) string { return string(appendDigits(make([]byte, 0, 8), v, 8)) }

// appendDigits appends so many hex digits, in the one or the other case.
func appendDigits(dst []byte, v uint32, digits int) []byte {
	set := "0123456789abcdef"
	if v&3 == 3 {
		set = "0123456789ABCDEF"
	}
	for d := digits - 1; d >= 0; d-- {
		dst = append(dst, set[v>>(4*d)&15])
	}
	return dst
}
