package rogue

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/touchstone-btc/touchstone/audit"
)

var nan = math.NaN()

// never is a moment that does not come.
const never = time.Duration(math.MaxInt64)

// Stream is what happens to a synthetic device, in order of time. Its memory does not grow, but for shares that the device itself
// keeps back. It is for one goroutine.
type Stream struct {
	c   Synthetic
	rng *rand.Rand
	now time.Duration // since the start, of what was computed last

	newest *audit.Job // that the pool sent
	work   *audit.Job // that the device works on
	switches,
	share, job, block, claim, edge, end time.Duration // when they come next

	left       float64       // until the next share, in means
	pace       float64       // means a second that pass now
	drawn      time.Duration // up to here left is right
	expected   float64
	honest     float64 // expected shares a second of an honest device
	difficulty float64
	seen       int // shares since the last retarget
	since      time.Duration
	units      uint64 // works begun since the last clean job
	cleaned    time.Duration
	epoch      time.Duration // how long one extranonce2 lasts
	online     bool
	place      place

	out   outbox
	order uint64
	told  [2]Event // what is to be told before the rest
	tells int
	done  bool
	event Event
}

// Stream returns what happens to the device, from its start.
func (s Synthetic) Stream() (*Stream, error) {
	c, err := s.complete()
	if err != nil {
		return nil, err
	}
	st := &Stream{c: c, rng: rand.New(rand.NewPCG(c.Seed, hashName(c.Name)))}
	if st.place, err = newPlace(c.Model, &c.Vice); err != nil {
		return nil, err
	}
	st.end = c.Duration
	if c.Duration < 0 {
		st.end = never
	}
	st.epoch = time.Duration(min(max(math.Ldexp(1e9, 48)/c.Rate, 1e6), 1e15))
	st.difficulty = st.c.target()
	if c.Difficulty == 0 { // the pool does not know the device yet
		st.difficulty = wire(st.difficulty * math.Exp2(2*st.rng.Float64()-1))
	}
	st.left = st.luck()
	st.connect()
	return st, nil
}

// connect begins a connection.
func (s *Stream) connect() {
	s.online = true
	s.tell(Event{What: Opened})
	s.switches, s.claim = never, never
	s.seen, s.since = 0, s.now
	if s.c.ClaimEvery > 0 {
		s.claim = s.now + time.Duration(s.rng.Float64()*float64(s.c.ClaimEvery))
	}
	if s.newest == nil || s.block == never {
		s.block = never
		if s.c.BlockEvery > 0 {
			s.block = s.after(s.c.BlockEvery)
		}
	}
	s.send(true)
	s.work, s.switches = s.newest, never
	s.units, s.cleaned = 0, s.now
	s.edge = s.nextEdge(s.now)
	s.draw()
}

// disconnect ends it. What was not sent by then is lost.
func (s *Stream) disconnect() {
	s.online = false
	s.out = s.out[:0]
	s.tell(Event{What: Closed})
	s.switches, s.claim, s.job = never, never, never
	s.edge = s.nextEdge(s.now)
	s.draw()
}

func (s *Stream) tell(e Event) {
	e.Time = s.c.Start.Add(s.now)
	s.told[s.tells] = e
	s.tells++
}

// after draws a moment of a Poisson process.
func (s *Stream) after(mean time.Duration) time.Duration {
	return s.now + time.Duration(s.rng.ExpFloat64()*float64(mean))
}

// Next returns what happens next, nil at the end. It is used again by the call that follows.
func (s *Stream) Next() *Event {
	for {
		if s.tells > 0 {
			s.event = s.told[0]
			s.told[0] = s.told[1]
			s.tells--
			s.event.Device, s.event.Session = s.c.Name, s.c.Session
			return &s.event
		}
		if s.done {
			return nil
		}
		next := min(s.share, s.job, s.block, s.claim, s.switches, s.edge, s.end)
		if len(s.out) > 0 && s.out[0].at <= next {
			return s.arrive()
		}
		s.pass(next)
		s.step()
	}
}

// pass has time pass.
func (s *Stream) pass(until time.Duration) {
	if s.honest > 0 {
		s.expected += (until - s.now).Seconds() * s.honest
	}
	s.now = until
}

// step computes what happens at this moment.
func (s *Stream) step() {
	switch s.now {
	case s.end:
		s.done = true
		if s.online {
			s.tell(Event{What: Closed})
		}
	case s.edge:
		s.turn()
	case s.share:
		s.find()
	case s.switches:
		s.units++
		if s.work.Tip != s.newest.Tip { // devices count from 0 again
			s.units, s.cleaned = 0, s.now
		}
		s.work, s.switches = s.newest, never
		s.draw()
	case s.block:
		s.block = s.after(s.c.BlockEvery)
		if s.online {
			s.send(true)
		}
	case s.job:
		s.send(false)
	case s.claim:
		s.claim = s.now + s.c.ClaimEvery
		s.tell(Event{What: Claimed, Rate: s.claims()})
	}
}

// claims is the rate that the device says it has.
func (s *Stream) claims() float64 {
	if s.c.Vice.Name == "overreport" {
		return s.c.Rate * (1 + s.c.Vice.X)
	}
	return s.c.Rate
}

// send has the pool send a job.
func (s *Stream) send(clean bool) {
	j := &audit.Job{
		Time: s.c.Start.Add(s.now), Number: 1, Tip: 1, Clean: clean, Difficulty: s.difficulty, Network: s.c.Network,
		Version: 0x20000000, Mask: versionMask,
	}
	j.NTime = uint32(j.Time.Unix())
	if s.newest != nil {
		j.Number, j.Tip = s.newest.Number+1, s.newest.Tip
		if clean {
			j.Tip++
		}
	}
	s.newest = j
	s.tell(Event{What: GotJob, Job: j})
	s.job = never
	if s.c.JobEvery > 0 {
		s.job = s.now + s.c.JobEvery
	}
	if clean {
		s.release()
	}
	lazy := s.c.Vice.Name == "stale"
	switch at := s.now + max(s.c.Switch, 0); {
	case lazy && s.switches != never: // it is at the old work, and stays there
	case lazy && clean: // so long that this part of its time is at old work, where new blocks come at random
		s.switches = s.now + time.Duration(-math.Log1p(-s.c.Vice.X)*float64(s.c.BlockEvery))
	default:
		s.switches = min(s.switches, at)
	}
}

// release sends what was kept until a new block.
func (s *Stream) release() {
	if s.c.Vice.Name != "hoard" {
		return
	}
	at := s.now + 50*time.Millisecond
	kept := s.out
	s.out = nil
	for _, o := range kept {
		o.at = min(o.at, at)
		s.out.push(o)
	}
}

// retargetEvery is how often the pool compares what came with what it aims at.
const retargetEvery = 2 * time.Minute

// vardiff sets the difficulty of later jobs by the shares that came, as pools do: when one comes, nothing within a band, and no more
// than a factor 4 at a time.
func (s *Stream) vardiff() {
	s.seen++
	if s.c.Difficulty > 0 || s.now-s.since < retargetEvery {
		return
	}
	want := s.c.SharesPerMinute * (s.now - s.since).Minutes()
	if want < 8 && s.seen < 32 {
		return // too few to tell
	}
	if ratio := float64(s.seen) / want; ratio < 0.7 || ratio > 1.4 {
		target := s.c.target()
		s.difficulty = wire(min(max(s.difficulty*min(max(ratio, 0.25), 4), target/64), target*64))
	}
	s.seen, s.since = 0, s.now
}

// wire is a difficulty as pools send it: whole from 16 on.
func wire(d float64) float64 {
	if d >= 16 {
		return math.Round(d)
	}
	return d
}

// luck draws how long a share takes, in means.
func (s *Stream) luck() float64 {
	if s.c.Vice.Name != "regular" {
		return s.rng.ExpFloat64()
	}
	sum := 0.0
	for range int(s.c.Vice.X) {
		sum += s.rng.ExpFloat64()
	}
	return sum / s.c.Vice.X
}

// draw finds out when the next share is found, at the work and the pace there are now.
func (s *Stream) draw() {
	s.left = max(s.left-(s.now-s.drawn).Seconds()*s.pace, 0)
	s.drawn, s.share = s.now, never
	s.pace, s.honest = 0, 0
	if !s.online {
		return
	}
	s.honest = s.c.Rate / (s.work.Difficulty * hashesPerDifficulty)
	s.pace = s.c.Rate * s.active() / (s.floor() * hashesPerDifficulty)
	if wait := s.left / s.pace * 1e9; wait < float64(never/2) {
		s.share = s.now + time.Duration(wait)
	}
}

// Start returns when the device connects first.
func (s *Stream) Start() time.Time { return s.c.Start }

// Expected returns how many shares an honest device would have sent on average until the latest event.
func (s *Stream) Expected() float64 { return s.expected }

// floor is the difficulty from which on the device sends shares.
func (s *Stream) floor() float64 {
	if s.c.Vice.Name == "filter" {
		return max(s.work.Difficulty, s.c.Vice.X)
	}
	return s.work.Difficulty
}

// active is the part of its rate that the device works for us at this moment.
func (s *Stream) active() float64 {
	v := &s.c.Vice
	switch v.Name {
	case "skim":
		if v.Interleaved {
			return 1 - v.X
		}
		if s.within() {
			return 0
		}
	case "gap", "elsewhere":
		if s.within() {
			return 0
		}
	case "drop":
		if s.within() {
			return 1 - v.X
		}
	}
	return 1
}

// span returns when what the vice does by time begins first, how long it lasts, and how often it comes; 0 is never again.
func (s *Stream) span() (first, length, every time.Duration) {
	v := &s.c.Vice
	first = v.At
	switch v.Name {
	case "drop":
		if first == 0 {
			first = max(s.c.Duration, 0) / 2
		}
		if length = v.For; length == 0 {
			length = never / 2
		}
		return first, length, 0
	case "skim":
		if v.Interleaved {
			return never, 0, 0
		}
	case "gap", "offline", "elsewhere":
	default:
		return never, 0, 0
	}
	if first == 0 {
		first = v.Every / 2
	}
	return first, v.For, v.Every
}

// within says that this is a time of the vice.
func (s *Stream) within() bool {
	first, length, every := s.span()
	at := s.now - first
	if at < 0 {
		return false
	}
	if every > 0 {
		at %= every
	}
	return at < length
}

// nextEdge is when a time of the vice begins or ends next after t.
func (s *Stream) nextEdge(t time.Duration) time.Duration {
	first, length, every := s.span()
	if t < first {
		return first
	}
	at, base := t-first, first
	if every > 0 {
		base += at / every * every
		at %= every
	}
	switch {
	case at < length:
		return base + length
	case every > 0:
		return base + every
	}
	return never
}

// turn begins or ends a time of the vice.
func (s *Stream) turn() {
	if s.c.Vice.Name == "offline" {
		if s.within() {
			s.disconnect()
		} else {
			s.connect()
		}
		return
	}
	s.edge = s.nextEdge(s.now)
	s.draw()
}

// find has the device find a share, and decide what it does with it.
func (s *Stream) find() {
	s.left, s.drawn = s.luck(), s.now
	defer s.draw()
	o := outgoing{
		at: s.now, job: s.work, bits: s.rng.Uint32() & versionMask,
		difficulty: s.floor() / (1 - s.rng.Float64()),
		extranonce: s.units + uint64((s.now-s.cleaned)/s.epoch),
		random:     [2]uint64{s.rng.Uint64(), s.rng.Uint64()},
	}
	var lost bool
	if o.nonce, lost = s.place.nonce(s.rng); lost {
		return // it was never found
	}
	v := &s.c.Vice
	switch v.Name {
	case "withhold":
		if o.difficulty >= v.X && s.rng.Float64() < v.Q {
			return
		}
	case "hoard":
		if o.difficulty >= v.X*s.work.Difficulty {
			o.at = never // until a block comes
		}
	case "burst":
		o.at = (s.now/v.For + 1) * v.For
	case "replay":
		if s.rng.Float64() < v.X {
			again := o
			again.copy, again.at = true, s.now+time.Duration(s.rng.Float64()*10e9)
			s.put(again)
		}
	case "invalid": // so many more, so that they are this part of all
		if s.rng.Float64() < v.X/(1-v.X) {
			bad := o
			bad.at += time.Duration(s.rng.Float64() * 1e9)
			bad.nonce, bad.difficulty = s.rng.Uint32(), 1/(hashesPerDifficulty*(1-s.rng.Float64()))
			s.put(bad)
		}
	}
	s.put(o)
}

// put sends a share, or keeps it for later.
func (s *Stream) put(o outgoing) {
	o.order = s.order
	s.order++
	s.out.push(o)
}

// arrive has the first share on its way reach the pool.
func (s *Stream) arrive() *Event {
	o := s.out.pop()
	s.pass(o.at)
	word, block := o.judge(s.newest.Tip)
	if word.Credited() {
		s.vardiff()
	}
	e := &s.event
	*e = Event{Time: s.c.Start.Add(o.at), What: Sent, Device: s.c.Name, Session: s.c.Session, Job: o.job, random: o.random}
	e.Share = audit.Share{
		Time: e.Time, Job: o.job.Number, Required: o.job.Difficulty, Difficulty: o.difficulty, Word: word, Block: block,
		Nonce: o.nonce, NTime: o.job.NTime, VersionBits: o.bits, Bits: true, Extranonce2Size: 8,
	}
	for i := range e.Share.Extranonce2 { // a counter in the device's memory
		e.Share.Extranonce2[i] = byte(o.extranonce >> (8 * i))
	}
	return e
}

// hashName mixes a name into a seed (FNV-1a).
func hashName(name string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * 1099511628211
	}
	return h
}
