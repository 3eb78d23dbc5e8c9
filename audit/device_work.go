package audit

import (
	"fmt"
	"math/big"
	"time"

	"github.com/touchstone-btc/touchstone/work"
)

// working reports whether the device is connected, has a job and is watched.
func (d *Device) working() bool { return d.Linked && d.Idle == "" }

// counts reports whether shares count at this moment, and time from it on.
func (d *Device) counts() bool {
	return d.working() && d.warm && d.floor > 0 && !d.Now.Before(d.Until)
}

// idle says why from now on no share can come; "" that it can.
func (d *Device) idle(what string) {
	if what == d.Idle {
		return
	}
	if d.Idle != "" {
		d.Spans.add(d.Idle, d.Since, d.Now)
		*d.idleSum(d.Idle) += d.Now.Sub(d.Since)
	}
	d.Idle, d.Since = what, d.Now
}

func (d *Device) idleSum(what string) *time.Duration {
	switch what {
	case SpanDown:
		return &d.Down
	case SpanNoWork:
		return &d.NoWork
	}
	return &d.Unseen
}

// settle lets the time up to now pass, under what was in force.
func (d *Device) settle(now time.Time) {
	for d.Now.Before(now) {
		from, to := d.Now, now
		if d.working() {
			for _, change := range [...]time.Time{d.Until, d.RateAt.Add(claimHolds)} {
				if change.After(from) && change.Before(to) {
					to = change
				}
			}
			passed := to.Sub(from)
			d.Worked += passed
			if d.counts() {
				d.pass(from, to, passed)
				d.Tests.Gap.Mute.proved()
			} else if !d.warm && d.floor > 0 {
				rate := d.claims(from)
				if rate == 0 {
					rate = d.Tests.Gap.Rate
				}
				d.Tests.Gap.Mute.pass(from, to, rate, d.perHash, d.plan)
			}
		}
		d.Now = to
	}
	for {
		p, ok := d.Delay.take(now.Add(-d.plan.Lag), d.Exposure.Shares())
		if !ok {
			return
		}
		d.Tests.Claim.pass(&p, d.plan)
		d.Tests.Drop.late(&p, d.plan)
	}
}

// pass hands time that counts to the tests.
func (d *Device) pass(from, to time.Time, passed time.Duration) {
	p := passing{from: from, to: to, floor: d.floor, exposure: passed.Seconds() * d.perHash, claim: d.claims(from)}
	if held := p.claim > 0; held != d.Held || !from.Equal(d.Passed) {
		d.Start, d.Held = from, held
	}
	d.Passed = to
	d.Counted += passed
	d.Exposure.add(passed, d.weight)
	d.Seen += p.exposure
	if p.claim > 0 {
		d.Claimed += p.claim * passed.Seconds()
		d.ClaimedSeconds += passed.Seconds()
	}
	if d.Prior == 0 {
		d.Prior = d.prior(&p)
	}
	d.Delay.put(&p, d.Exposure.Shares(), d.plan.Lag)
	t := &d.Tests
	t.Above.pass(&p, d.plan)
	t.Drop.learn(&p)
	t.Gap.pass(&p, d.plan)
	t.Period.pass(&p)
	t.Arrivals.pass(&p, d.plan)
}

// early reports whether a share that comes now may have been found before time began to count.
func (d *Device) early() bool {
	return !d.Passed.Equal(d.Now) || d.Now.Sub(d.Start) < d.plan.Lag || (d.claims(d.Now) > 0) != d.Held
}

// prior returns a rate for the confidence sequence to be narrowest around, known before anything counts: the one claimed, or what a pool
// that wants a share every five seconds takes the machine for.
func (d *Device) prior(p *passing) float64 {
	if p.claim > 0 {
		return p.claim
	}
	return hashesPerShare(p.floor) / 5
}

// claims returns the rate claimed at a time, 0 if none is. The plan's stands in for a machine that never said anything.
func (d *Device) claims(at time.Time) float64 {
	switch {
	case d.RateAt.IsZero():
		return d.plan.Rated
	case at.Before(d.RateAt.Add(claimHolds)):
		return d.Rate
	}
	return 0
}

// keep keeps a job, so that its shares can be understood.
func (d *Device) keep(j *Job) {
	if len(d.Jobs) < keptJobs {
		d.Jobs = append(d.Jobs, make([]Job, keptJobs-len(d.Jobs))...)
	}
	d.Jobs[j.Number%keptJobs] = *j
}

// job returns the job of a number, nil if it is not known (any more).
func (d *Device) job(number uint64) *Job {
	if number == 0 || len(d.Jobs) < keptJobs || d.Jobs[number%keptJobs].Number != number {
		return nil
	}
	return &d.Jobs[number%keptJobs]
}

// level says that jobs from this number on have a difficulty, 0 if it is not known.
func (d *Device) level(number uint64, difficulty float64) {
	n := len(d.Levels)
	if n > 0 && d.Levels[n-1].Difficulty == difficulty {
		return
	}
	if n == maxLevels { // the two oldest become one
		d.Levels[1] = level{d.Levels[1].Number, max(d.Levels[0].Difficulty, d.Levels[1].Difficulty)}
		d.Levels = d.Levels[:copy(d.Levels, d.Levels[1:])]
	}
	d.Levels = append(d.Levels, level{number, difficulty})
	d.refloor()
}

// worksAt says that the device sent a share of this job, so that it does not work at earlier ones any more.
func (d *Device) worksAt(number uint64) {
	gone := 0
	for gone+1 < len(d.Levels) && d.Levels[gone+1].Number <= number {
		gone++
	}
	if gone > 0 {
		d.Levels = d.Levels[:copy(d.Levels, d.Levels[gone:])]
	}
}

// refloor works out anew which difficulty counts.
func (d *Device) refloor() {
	required := 0.
	for i, l := range d.Levels {
		if l.Difficulty == 0 && i == len(d.Levels)-1 {
			required = 0 // of the work in hand nobody knows what it needs
			break
		}
		required = max(required, l.Difficulty)
	}
	if required == 0 {
		if d.floor > 0 {
			d.Tests.Work.cut()
		}
		d.floor, d.warm = 0, false
		return
	}
	floor, known := d.Tests.Filter.floor(required)
	d.warm = known
	if !(floor >= required && floor <= maxDifficulty) {
		floor = required
	}
	if floor == d.floor {
		return
	}
	if d.floor > 0 { // else it was cut before, or the state was just read
		d.Tests.Work.cut() // what it expects of a stretch of work holds for one difficulty
	}
	target, err := work.DifficultyTarget(new(big.Rat).SetFloat64(floor))
	if err != nil {
		d.Note(fmt.Sprintf("The share difficulty %g stands for no target: nothing counts under it.", floor))
		d.floor, d.warm = 0, false
		return
	}
	d.floor, d.perHash, d.weight = floor, 1/hashesPerShare(floor), targetWeight(target)
}
