package audit

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/work"
	"github.com/touchstone-btc/touchstone/work/share"
)

// simulated is a machine that a test drives: it finds shares as a Poisson process, for a pool that sends jobs.
// Its fields are set before run; zero ones do nothing.
type simulated struct {
	device *Device
	random *rand.Rand
	now    time.Time

	rate       float64 // hashes per second
	difficulty float64 // the pool's
	claim      float64 // hashes per second, polled every minute; 0 for none
	network    float64 // difficulty of a block

	// What honest machines and their surroundings do.
	filter       float64       // sends nothing below this difficulty
	vardiff      float64       // seconds per share that the pool aims at, looking every two minutes
	switchLoss   time.Duration // without work after each new block
	jobs, blocks time.Duration // between jobs, between blocks; 30 s and 10 min if 0
	batch        time.Duration // shares are sent together at such moments
	linger       time.Duration // works on at the job before for so long
	wholeSeconds bool
	lateJobs     bool // jobs are known from their shares

	// Vices.
	skim     float64                                   // part of the work that goes elsewhere, interleaved
	silent   func(now time.Time) bool                  // sends nothing then
	withhold func(difficulty float64) bool             // does not send this one
	each     func(s *Share) (alter bool, more []Share) // looks at each share before it is sent
	onShare  func()                                    // after each share
	onPoll   func() float64                            // what it claims, instead of claim
	onJob    func(block bool)                          // after each job

	// What a naive auditor sees: every credited share that meets the difficulty last sent.
	naive Exposure

	job, working       Job
	switchAt           time.Time // to job, if not zero
	sinceLook          uint64
	nextJob, nextBlock time.Time
	nextPoll, nextLook time.Time
	lost               time.Time // without work until then
	held               []Share
	opened             bool
	sent               uint64
}

// testStart is when simulations begin.
var testStart = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

const terahash = 1e12

// simulate returns an honest machine of 100 TH/s that finds a share every 3 seconds, 20 a minute.
func simulate(plan *Plan, seed uint64) *simulated {
	return &simulated{device: NewDevice(fmt.Sprint("device", seed), plan), random: rand.New(rand.NewPCG(seed, 6)), now: testStart,
		rate: 100 * terahash, difficulty: 100 * terahash * 3 / hashesPerDifficulty, network: 1.5e14}
}

// testPlan returns the standard plan, changed.
func testPlan(t testing.TB, change func(*Plan)) *Plan {
	t.Helper()
	var p Plan
	if change != nil {
		change(&p)
	}
	plan, err := p.Complete()
	require.NoError(t, err)
	return plan
}

// run lets the machine work for a time.
func (m *simulated) run(d time.Duration) {
	end := m.now.Add(d)
	if !m.opened {
		m.opened = true
		if !m.lateJobs {
			m.device.Open(m.now, "simulated/1.0")
		}
		m.nextJob, m.nextBlock, m.nextPoll, m.nextLook = m.now, m.now, m.now, m.now.Add(2*time.Minute)
	}
	for m.now.Before(end) {
		next := m.nextJob
		for _, t := range []time.Time{m.nextBlock, m.switchAt, end} {
			if !t.IsZero() && t.Before(next) {
				next = t
			}
		}
		if m.claim > 0 && m.nextPoll.Before(next) {
			next = m.nextPoll
		}
		if m.vardiff > 0 && m.nextLook.Before(next) {
			next = m.nextLook
		}
		m.mine(next)
		if m.claim > 0 && !m.now.Before(m.nextPoll) {
			m.nextPoll = m.nextPoll.Add(time.Minute)
			rate := m.claim
			if m.onPoll != nil {
				rate = m.onPoll()
			}
			m.device.Claim(&Claim{Time: m.now, Rate: rate, Source: "simulated", Accepted: math.NaN(), Rejected: math.NaN(),
				Stale: math.NaN(), DifficultyAccepted: math.NaN(), BestShare: math.NaN(), Uptime: math.NaN()})
		}
		if m.vardiff > 0 && !m.now.Before(m.nextLook) {
			m.look()
		}
		if !m.switchAt.IsZero() && !m.now.Before(m.switchAt) {
			m.working, m.switchAt = m.job, time.Time{}
		}
		block := !m.now.Before(m.nextBlock)
		if block || !m.now.Before(m.nextJob) {
			m.newJob(block)
		}
	}
}

// look is a pool's vardiff: it aims at a share every so many seconds and changes by powers of two.
func (m *simulated) look() {
	m.nextLook = m.nextLook.Add(2 * time.Minute)
	want, got := 120/m.vardiff, float64(m.sinceLook)
	m.sinceLook = 0
	switch {
	case got > 1.5*want:
		m.difficulty *= 2
	case got < 0.6*want:
		m.difficulty /= 2
	}
}

func (m *simulated) newJob(block bool) {
	gap, blocks := m.jobs, m.blocks
	if gap == 0 {
		gap = 30 * time.Second
	}
	if blocks == 0 {
		blocks = 10 * time.Minute
	}
	if block {
		m.nextBlock = m.now.Add(time.Duration(m.random.ExpFloat64() * float64(blocks)))
		m.job.Tip++
		m.lost = m.now.Add(m.switchLoss)
	}
	m.nextJob = m.now.Add(gap)
	m.job.Time, m.job.Clean, m.job.Difficulty, m.job.Network = m.now, block, m.difficulty, m.network
	m.job.Number++
	m.job.NTime = uint32(m.now.Unix())
	m.job.Version, m.job.Mask = 0x20000000, 0x1fffe000
	if !m.lateJobs {
		m.device.Job(&m.job)
	}
	target, err := work.DifficultyTarget(new(big.Rat).SetFloat64(m.difficulty))
	if err != nil {
		panic(err)
	}
	m.naive.Set(m.now, target)
	if m.linger > 0 && m.working.Number != 0 {
		m.switchAt = m.now.Add(m.linger)
	} else {
		m.working = m.job
	}
	if m.onJob != nil {
		m.onJob(block)
	}
}

// mine finds shares until then.
func (m *simulated) mine(until time.Time) {
	if m.working.Number == 0 {
		m.now = until
		return
	}
	for {
		floor := max(m.working.Difficulty, m.filter)
		wait := m.random.ExpFloat64() * hashesPerShare(floor) / (m.rate * (1 - m.skim))
		at := until
		if wait < until.Sub(m.now).Seconds() {
			at = m.now.Add(time.Duration(wait * float64(time.Second)))
		}
		m.release(at)
		m.now = at
		if !at.Before(until) {
			return
		}
		s := m.found(floor / (1 - m.random.Float64()))
		if at.Before(m.lost) || m.silent != nil && m.silent(at) || m.withhold != nil && m.withhold(s.Difficulty) {
			continue
		}
		m.sinceLook++
		if m.each != nil {
			alter, more := m.each(&s)
			for i := range more {
				m.send(&more[i])
			}
			if alter {
				continue
			}
		}
		if m.batch > 0 {
			m.held = append(m.held, s)
			continue
		}
		m.send(&s)
	}
}

// release sends what a batch holds, if its moment lies before then.
func (m *simulated) release(then time.Time) {
	if len(m.held) == 0 {
		return
	}
	moment := m.held[0].Time.Truncate(m.batch).Add(m.batch)
	if moment.After(then) {
		return
	}
	for i := range m.held {
		m.held[i].Time = moment
		m.send(&m.held[i])
	}
	m.held = m.held[:0]
}

func (m *simulated) found(difficulty float64) Share {
	s := Share{Time: m.now, Job: m.working.Number, Required: m.working.Difficulty, Difficulty: difficulty, Word: share.Accepted,
		Nonce: m.random.Uint32(), NTime: m.working.NTime, VersionBits: m.random.Uint32() & m.working.Mask, Bits: true, Extranonce2Size: 4}
	binary.BigEndian.PutUint32(s.Extranonce2[:], uint32(m.sent>>3))
	if m.network > 0 && difficulty >= m.network {
		s.Word, s.Block = share.Block, true
	}
	return s
}

func (m *simulated) send(s *Share) {
	if m.wholeSeconds {
		s.Time, s.WholeSeconds = s.Time.Truncate(time.Second), true
	}
	if m.lateJobs && m.device.job(s.Job) == nil {
		j := m.working
		j.Time, j.Late = s.Time, true
		m.device.Job(&j)
	}
	m.device.Share(s)
	m.sent++
	if s.Word.Credited() && s.Difficulty >= m.job.Difficulty {
		m.naive.Count(1)
	}
	if m.onShare != nil {
		m.onShare()
	}
}

// alarms returns the findings of a report that accuse.
func alarms(r *DeviceReport) []Finding {
	var all []Finding
	for _, f := range r.Findings {
		if f.State == Alarm {
			all = append(all, f)
		}
	}
	return all
}

// requireClean fails if a device is accused of anything.
func requireClean(t testing.TB, d *Device) {
	t.Helper()
	r := d.Report()
	for _, f := range alarms(&r) {
		t.Errorf("%s: %s: alarm (log e %.2f, peak %.2f, threshold %.2f): %s", r.Device, f.Test, f.LogE, f.Peak, f.Threshold, f.Words)
	}
}

// finding returns what a test says in a report, and whether it says anything.
func finding(r *DeviceReport, test string) (Finding, bool) {
	for _, f := range r.Findings {
		if f.Test == test {
			return f, true
		}
	}
	return Finding{}, false
}
