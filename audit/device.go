package audit

import (
	"fmt"
	"math"
	"time"

	"github.com/touchstone-btc/touchstone/work/share"
)

// Device is the audit of one machine, brought up to date event by event: constant memory, whatever its history. Times are the
// auditor's, in the order in which things happened; one that goes back is taken for the latest so far, and noted. It is for one
// goroutine.
//
// What counts for its rate:
//
//   - Time counts while the machine is connected, has a job whose difficulty is known, and is watched. After a job on a new block
//     with clean_jobs, and after the first job of a connection, the plan's SwitchLoss does not count, nor do shares of that time.
//   - Difficulty is that of jobs. From a change on, until a share of a job as late as the change has come, the higher of the two holds,
//     for the time and for the shares (for that first one, too).
//   - Where the device's own filter is above that, the filter holds. The first shares at each octave of difficulty serve to learn it and
//     count for nothing else.
//   - Shares count that stand for work ([Share.Proves]), whatever the pool said, if they achieve the difficulty that holds.
//   - A stretch of more than an hour in which nothing at all happened, not even a job, is taken for a hole in the record, not for
//     silence. (Of slow machines it takes so long a stretch that chance can't explain it.)
type Device struct {
	plan *Plan
	deviceState

	// What follows is known from the state.

	floor     float64 // the difficulty that counts, 0 if none is known
	perHash   float64 // 1/hashesPerShare(floor)
	weight    wide    // target+1 of the floor
	warm      bool    // the filter at this difficulty is known
	logE      [len(evidence)]float64
	arriving  arrival
	submitted Share // the latest, with its time as the tests see it
}

// deviceState is what a Device keeps.
type deviceState struct {
	Label    string   `json:"name"`
	Computed bool     `json:"synthetic,omitzero"`
	Agents   []string `json:"agents,omitempty"`
	Model    string   `json:"model,omitempty"`
	Notes    []string `json:"notes,omitempty"`

	// First is the time of the first event, Now the latest so far. Ahead is a time far ahead of it that one event had, not believed
	// until another one confirms it.
	First time.Time `json:"first,omitzero"`
	Now   time.Time `json:"now,omitzero"`
	Ahead time.Time `json:"ahead,omitzero"`
	// Behind counts events that were out of order, BehindBy by how much at most.
	Behind   uint64        `json:"behind,omitzero"`
	BehindBy time.Duration `json:"behind_ns,omitzero"`

	Sessions uint64 `json:"sessions"`
	// Linked says that it is connected, Idle why no share can come at present (one of the constants Span…), since when.
	Linked bool      `json:"linked,omitzero"`
	Idle   string    `json:"idle,omitempty"`
	Since  time.Time `json:"since,omitzero"`
	// Nanoseconds in which it was so: with work, of these counting; and those of spans.
	Worked  time.Duration `json:"worked_ns"`
	Counted time.Duration `json:"counted_ns"`
	// Start is when time last began to count, Passed the end of what counted, Held says that a claim held then.
	Start  time.Time     `json:"start,omitzero"`
	Passed time.Time     `json:"passed,omitzero"`
	Held   bool          `json:"held,omitzero"`
	Down   time.Duration `json:"down_ns"`
	Unseen time.Duration `json:"unseen_ns"`
	NoWork time.Duration `json:"no_work_ns"`
	Spans  spanList      `json:"spans"`

	// Jobs are the latest, that of number n at n%keptJobs.
	Jobs []Job `json:"jobs,omitempty"`
	// Levels are difficulties that jobs the device may still work at have, each with the number of the first such job; oldest first.
	Levels []level   `json:"levels,omitempty"`
	Tip    uint64    `json:"tip,omitzero"`
	Fresh  bool      `json:"fresh,omitzero"` // no job since the connection was opened
	Late   bool      `json:"late,omitzero"`  // the latest job was known from its share
	Until  time.Time `json:"until,omitzero"` // nothing counts before: work was switched

	// Said is the latest claim, Rate the rate it claims, in force from At for claimHolds.
	Said    *heldClaim `json:"claim,omitempty"`
	Rate    float64    `json:"rate,omitzero"`
	RateAt  time.Time  `json:"rate_at,omitzero"`
	Several bool       `json:"several,omitzero"` // several machines stand behind its name
	// Claimed is the sum of claim times seconds, over the seconds that count and have a claim.
	Claimed        float64 `json:"claimed"`
	ClaimedSeconds float64 `json:"claimed_seconds"`
	// Prior is the rate, in hashes per second, around which the confidence sequence is narrowest; chosen before anything counts.
	Prior float64 `json:"prior,omitzero"`

	Exposure Exposure `json:"exposure"`
	// Seen is the exposure as it adds up in float64, for what is asked often.
	Seen    float64   `json:"seen"`
	Best    float64   `json:"best,omitzero"`
	Delay   delayLine `json:"delay"`
	History moments   `json:"history"`
	Tests   tests     `json:"tests"`
}

// level is a difficulty and the first job that has it.
type level struct {
	Number     uint64  `json:"number"`
	Difficulty float64 `json:"difficulty"`
}

const (
	keptJobs  = 16
	maxLevels = 8
	// claimHolds is how long a claim is taken for the machine's word when no other comes.
	claimHolds = 10 * time.Minute
	// maxSeconds bounds durations that are read back.
	maxSeconds = 200 * 365 * 86400
)

// NewDevice returns the audit of a machine that has not been seen yet. The plan must be complete.
func NewDevice(name string, plan *Plan) *Device {
	d := &Device{plan: plan}
	d.Label = clip(name, maxName)
	d.Tests.Facts.use(plan)
	d.Tests.Cells.use(plan)
	d.Tests.Period.use(plan)
	if plan.Model != "" {
		d.setModel(plan.Model)
	}
	return d
}

// Name returns the device's name.
func (d *Device) Name() string { return d.Label }

// Open says that the machine connected, and as what (its user agent; "" if it does not say).
func (d *Device) Open(now time.Time, agent string) {
	d.tick(now)
	if d.First.IsZero() {
		return
	}
	d.Agents = addWords(d.Agents, agent, maxAgents, maxName)
	d.Tests.Cells.model(agent, d.plan)
	d.Sessions = addClamped(d.Sessions, 1)
	d.unlink()
	d.Linked = true
	d.idle(SpanNoWork)
	d.record()
}

// Close says that the connection ended. From then on no share can come.
func (d *Device) Close(now time.Time) {
	d.tick(now)
	if d.First.IsZero() {
		return
	}
	d.unlink()
	d.idle(SpanDown)
	d.record()
}

// unlink forgets what belonged to a connection. Shares that were on their way are lost with it, so the tests that get time late never
// get the last of it.
func (d *Device) unlink() {
	d.Linked, d.Fresh, d.Tip = false, true, 0
	d.Levels = d.Levels[:0]
	d.refloor()
	d.cut()
}

// cut tells those who look for silences that here none can be told.
func (d *Device) cut() {
	d.Delay.clear()
	d.Tests.Gap.down(d.Now)
	d.Tests.Work.cut()
}

// Interrupted says that the recording missed something until now: nothing is known since the last event, and nothing counts until
// the next Job.
func (d *Device) Interrupted(now time.Time) {
	if d.First.IsZero() {
		return // nothing was seen, nothing was missed
	}
	d.unlink()
	d.idle(SpanUnseen)
	d.tick(now)
}

// Heard says that the connection lives at this moment: any message of the device that is no share, or a new answer.
func (d *Device) Heard(now time.Time) {
	if d.waits() {
		return
	}
	if d.tick(now) && d.working() {
		d.Tests.Gap.heard(d.Now)
	}
	d.record()
}

// waits reports whether time is to pass with shares only: where jobs are known from their shares, nobody knows until the next share comes
// what the machine works at, and a higher difficulty would make its silence look too long.
func (d *Device) waits() bool { return d.Late && d.working() }

// Advance says that it is now, and nothing else happened.
func (d *Device) Advance(now time.Time) {
	if d.First.IsZero() || d.waits() {
		return
	}
	d.tick(now)
	d.record()
}

// Job says that the device was given work.
func (d *Device) Job(j *Job) {
	kept := *j
	if d.plan.NetworkDifficulty > 0 {
		kept.Network = d.plan.NetworkDifficulty
	}
	if kept.Network != 0 && !(kept.Network >= minDifficulty && kept.Network <= maxDifficulty) {
		d.Note(fmt.Sprintf("A job had the network difficulty %g, which can't be: it is taken for unknown.", kept.Network))
		kept.Network = 0
	}
	if !(kept.Difficulty >= minDifficulty && kept.Difficulty <= maxDifficulty) {
		d.Note(fmt.Sprintf("A job had the share difficulty %g, which can't be: it is taken for unknown, and nothing counts until one "+
			"with another difficulty.", kept.Difficulty))
		kept.Difficulty = 0
	}
	// Of a job that is known from its share only, nobody knows when it began: the time since the last event may have been its own. The
	// higher difficulty holds for all of it, which takes too little rather than too much for silence.
	if kept.Late && d.working() {
		d.level(kept.Number, kept.Difficulty)
	}
	d.tick(kept.Time)
	if d.First.IsZero() {
		return
	}
	kept.Time = d.Now // as the tests see it
	if !d.Linked {
		if d.Idle != SpanUnseen && d.Sessions > 0 {
			d.Note("Jobs came while no connection was open: the record does not have the beginning of one.")
		}
		d.Linked, d.Fresh = true, true
	}
	d.idle("")
	switched := d.Fresh || kept.Clean && kept.Tip != d.Tip
	if switched && !kept.Late {
		d.Until = d.Now.Add(d.plan.SwitchLoss)
	}
	d.Fresh, d.Tip, d.Late = false, kept.Tip, kept.Late
	d.level(kept.Number, kept.Difficulty)
	d.keep(&kept)
	d.Tests.Latency.job(&kept)
	d.Tests.Work.job(&kept)
	d.record()
}

// Share says that a share came. s is not kept.
func (d *Device) Share(s *Share) {
	inTime := d.tickShare(s)
	if d.First.IsZero() {
		return // no event had a time yet
	}
	d.submitted = *s
	s = &d.submitted
	s.Time = d.Now
	if s.Word > share.Block {
		d.Note(fmt.Sprintf("A share had an unknown verdict, %v: it is taken for one that was not judged.", s.Word))
		s.Word = share.NotJudged
	}
	job := d.job(s.Job)
	d.Tests.Facts.share(s, job)
	if d.working() {
		d.Tests.Gap.heard(d.Now)
	}
	if !(s.Difficulty >= 0 && s.Required >= 0) || s.Difficulty > maxAchieved || s.Required > maxDifficulty {
		d.Note(fmt.Sprintf("A share had the difficulty %g where %g was required, which can't be: it is not counted.", s.Difficulty, s.Required))
		return
	}
	d.Best = max(d.Best, s.Difficulty)
	if !s.Proves() || s.Difficulty < s.Required {
		d.record()
		return
	}
	d.Tests.Gap.Mute.proved()
	if inTime && d.counts() && s.Difficulty >= d.floor {
		d.arrive(s, job)
	} else if d.floor > 0 && s.Difficulty >= d.floor {
		// No share for rates, but what it achieved and its place among those of its job count: hoarded ones come just when work is
		// switched, and then they are late, not missing.
		a := &arrival{at: d.Now, floor: d.floor, difficulty: s.Difficulty, share: s, job: job}
		if d.warm {
			d.Tests.Tail.arrive(a)
			d.Tests.Luck.arrive(a)
		}
		d.Tests.Latency.arrive(a)
	}
	if !inTime || !d.counts() {
		d.Tests.Work.cut() // it sees no share of this time, and must not take that for empty work
	}
	// What hoards shares sends the high ones together: that is no filter of its hardware.
	if s.Required > 0 && inTime && s.Word.Credited() && !d.Now.Before(d.Until) {
		d.Tests.Filter.share(s.Required, s.Difficulty)
	}
	if job != nil {
		d.worksAt(job.Number)
	}
	if !d.warm || job != nil {
		d.refloor()
	}
	d.record()
}

// maxAchieved bounds difficulties that hashes achieve: that of a hash of 1 is below.
const maxAchieved = 1e68

// fills reports whether the device is known to search as many nonces in a second as there are. A slower one may go through them in order:
// then which it reaches depends on how long its jobs last, and no part that stays out is dead.
func (d *Device) fills() bool {
	shares := d.Exposure.Shares()
	return shares >= 8 && float64(shares) >= d.Seen*(1<<32)
}

// arrive hands a share that counts to the tests.
func (d *Device) arrive(s *Share, job *Job) {
	d.Exposure.Count(1)
	a := &d.arriving
	*a = arrival{at: d.Now, floor: d.floor, difficulty: s.Difficulty, claim: d.claims(d.Now), early: d.early(), share: s, job: job}
	t := &d.Tests
	t.Tail.arrive(a)
	t.Luck.arrive(a)
	t.Claim.arrive(a)
	t.Above.arrive(a)
	t.Drop.arrive(a)
	t.Gap.arrive(a, d.plan)
	t.Period.arrive(a)
	if t.Cells.layout() != nil || d.fills() {
		t.Cells.arrive(a)
	}
	t.Latency.arrive(a)
	t.Work.arrive(a)
	t.Arrivals.arrive(a)
	a.share, a.job = nil, nil
}

// Answered says what the pool answered to a share. credited is our verdict; crossed says that a new block came in between.
func (d *Device) Answered(accepted, credited, crossed bool) {
	d.Tests.Facts.answered(accepted, credited, crossed)
}

// Claim says what the machine claims. c is not kept.
func (d *Device) Claim(c *Claim) {
	if !d.waits() {
		d.tick(c.Time)
	}
	if d.First.IsZero() {
		return
	}
	d.claimNotes(c.Notes)
	if !c.says() {
		return
	}
	held := holdClaim(c)
	held.Time = d.Now
	d.Said = held
	if !d.Several { // or else counters of one machine are held against shares of another
		d.Tests.Facts.claim(held.claim())
	}
	if held.Model != "" {
		d.setModel(held.Model)
	}
	switch {
	case math.IsNaN(c.Rate):
	case c.Rate < 0 || c.Rate > maxRate:
		d.Note(fmt.Sprintf("It claimed %g hashes a second, which can't be: that claim is not tested.", c.Rate))
	case d.Several:
	default:
		d.Rate, d.RateAt = c.Rate, d.Now
	}
	d.record()
}

// SharedName says that several machines stand behind the device's name, so that a claim polled for the name is not about one of them:
// from now on claims are kept, but not tested.
func (d *Device) SharedName() {
	if !d.Several {
		d.Note("Several machines work under this name: what is claimed for the name is not tested against one of them.")
	}
	d.Several, d.Rate = true, 0
	d.Tests.Facts.unclaim()
}

// Reached says to which of our addresses the device connected, as HOST:PORT: what telemetry names is described beside it. What it ought
// to name, Plan.KnownAs says: between a device and us, addresses change and names are others.
func (d *Device) Reached(address string) { d.Tests.Facts.reached(clip(address, maxName)) }

// Redirected says that the pool told the machine to go elsewhere (client.reconnect), another registrable domain or not.
func (d *Device) Redirected(now time.Time, to string, elsewhere bool) {
	d.tick(now)
	if d.First.IsZero() {
		return
	}
	d.Tests.Facts.redirected(d.Now, clip(to, maxName), elsewhere)
	d.record()
}

// Synthetic says that what is told of this device was computed, not seen.
func (d *Device) Synthetic() { d.Computed = true }

// Note keeps something that is wrong or unknown about the record, in words. The same words are kept once, up to a limit.
func (d *Device) Note(words string) {
	d.Notes = addWords(d.Notes, words, maxNotes, maxWords)
}

func (d *Device) setModel(name string) {
	name = clip(name, maxName)
	if name == d.Model {
		return
	}
	if d.Model != "" && d.Model != d.plan.Model {
		d.Note(fmt.Sprintf("It said that it is a %.80s, and later that it is a %.80s.", d.Model, name))
	}
	d.Model = name
	d.Tests.Cells.model(name, d.plan)
}
