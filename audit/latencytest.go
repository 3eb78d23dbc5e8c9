package audit

import (
	"fmt"
	"math"
	"time"

	"github.com/touchstone-btc/touchstone/work/share"
)

// latencyTest bets that the best shares of a job come later than its others: a device that hoards them until it knows whether they
// are worth more elsewhere sends them when the job ends.
//
// All jobs on the same block are one job here: what is hoarded is kept until there is a new block, over many jobs.
//
// When an honest machine finds shares says nothing about what they achieve, so the best of a job's k shares is with the same
// probability the first to come, the second, … the last: its rank r is uniform on 1…k, whatever the rate did. A stake is multiplied
// by 1 + a(2(r-½)/k - 1), which is 1 on average, and more if the best comes late. Only jobs whose best share is at least c times what
// counts are bet on, which tells nothing about its rank; the mean of the stakes over a and c is an e-process.
//
// Ranks, not times: shares that come after the job's end have their place too, and neither a rate that drifts nor stamps in whole
// seconds matter (shares of one instant are taken in the order in which they came). Where a share is a block, the best share ended
// its job, as always happens to whoever mines alone: such jobs are left out. When the floor changes within a job the shares
// before are left out: what they achieved may have been the reason, and then the last of them is more often the best.
type latencyTest struct {
	// Shares are those of jobs that are known.
	Shares uint64 `json:"shares"`
	// Open are the latest jobs that have shares.
	Open [2]latencyJob `json:"open"`
	// Levels are the jobs that were settled, by how high their best share was.
	Levels [latencyLevels]latencyLevel `json:"levels"`
	Summit summit                      `json:"summit"`
}

// latencyJob is a job whose shares may still come, or all jobs on a block.
type latencyJob struct {
	// Number is that of the first of these jobs that had a share, Tip the block, 0 if it is not known.
	Number uint64  `json:"number"`
	Tip    uint64  `json:"tip,omitzero"`
	Floor  float64 `json:"floor"`
	Shares uint32  `json:"shares"`
	// Best is the highest difficulty achieved, Rank the place of that share.
	Best float64 `json:"best"`
	Rank uint32  `json:"rank"`
	// Void says that one of the shares was a block.
	Void bool `json:"void,omitzero"`
}

// has says that a job is this one, or one on the same block.
func (o *latencyJob) has(j *Job) bool {
	return o.Number != 0 && (o.Number == j.Number || o.Tip != 0 && o.Tip == j.Tip)
}

// latencyLevel are jobs whose best share achieved at least 4^level times what counts.
type latencyLevel struct {
	Jobs uint64 `json:"jobs"`
	// Place is the sum of (r-½)/k over them, 0.5 each on average; Stakes are the logarithms of the stakes, and Most what that of the
	// boldest bet would be had the best share always come last.
	Place  float64                   `json:"place"`
	Most   float64                   `json:"most"`
	Stakes [len(latencyBets)]float64 `json:"stakes"`
}

const latencyLevels = 10

var latencyBets = [2]float64{0.3, 0.9}

// job says that the device was given work. What ends a job is a share of the job after the next: shares on their way still count.
func (t *latencyTest) job(j *Job) {}

func (t *latencyTest) arrive(a *arrival) {
	if a.job == nil || a.job.Number == 0 || !(a.floor > 0 && a.difficulty >= a.floor && a.difficulty <= math.MaxFloat64) {
		return
	}
	number := a.job.Number
	var o *latencyJob
	switch {
	case t.Open[1].has(a.job):
		o = &t.Open[1]
	case t.Open[0].has(a.job):
		o = &t.Open[0]
	case number < t.Open[0].Number:
		return // too late to tell
	default: // a new one: the older of the two ends, or one that never had a share comes in between
		older := 0
		t.settle(&t.Open[older], a.at)
		if number > t.Open[1].Number {
			t.Open[0], older = t.Open[1], 1
		}
		t.Open[older] = latencyJob{Number: number, Tip: a.job.Tip}
		o = &t.Open[older]
	}
	if o.Shares > 0 && o.Floor != a.floor || o.Shares == math.MaxUint32 {
		*o = latencyJob{Number: o.Number, Tip: o.Tip, Void: o.Void}
	}
	if network := a.job.Network; a.share != nil && a.share.Word == share.Block || network > 0 && a.difficulty >= network {
		o.Void = true
	}
	o.Floor = a.floor
	o.Shares++
	if a.difficulty > o.Best {
		o.Best, o.Rank = a.difficulty, o.Shares
	}
	t.Shares++
}

// settle ends a job.
func (t *latencyTest) settle(o *latencyJob, now time.Time) {
	if o.Shares < 2 || o.Void {
		return
	}
	place := (float64(o.Rank) - 0.5) / float64(o.Shares)
	ratio := o.Best / o.Floor
	for i, c := 0, 1.; i < latencyLevels && ratio >= c; i, c = i+1, 4*c {
		l := &t.Levels[i]
		l.Jobs++
		l.Place += place
		l.Most += math.Log1p(latencyBets[1] * (1 - 1/float64(o.Shares)))
		for j, bet := range latencyBets {
			l.Stakes[j] += math.Log1p(bet * (2*place - 1))
		}
	}
	t.Summit.reach(t.logE(), now)
}

// logE returns the logarithm of the e-value now. Jobs that are open don't count yet.
func (t *latencyTest) logE() float64 {
	var terms [latencyLevels * len(latencyBets)]float64
	for i := range t.Levels {
		for j, stake := range t.Levels[i].Stakes {
			terms[i*len(latencyBets)+j] = stake - latencyLogStakes
		}
	}
	return logSumExp(terms[:])
}

var latencyLogStakes = math.Log(float64(latencyLevels * len(latencyBets)))

// merge adds what o saw later, of the same machine: the stakes are multiplied. Jobs that are open in t are settled, since what o
// numbers are other jobs.
func (t *latencyTest) merge(o *latencyTest) {
	if o.Shares == 0 {
		return
	}
	if t.Shares == 0 {
		*t = *o
		t.Summit = o.Summit.clone()
		return
	}
	t.Summit = t.Summit.clone()
	for i := range t.Open {
		t.settle(&t.Open[i], time.Unix(0, 0))
	}
	for i := range t.Levels {
		l, m := &t.Levels[i], &o.Levels[i]
		l.Jobs = addClamped(l.Jobs, m.Jobs)
		l.Place += m.Place
		l.Most += m.Most
		for j := range l.Stakes {
			l.Stakes[j] += m.Stakes[j]
		}
	}
	t.Open = o.Open
	t.Shares = addClamped(t.Shares, o.Shares)
}

// check says what is wrong with a state that was read back.
func (t *latencyTest) check() error {
	if err := t.Summit.check(); err != nil {
		return err
	}
	for i, o := range t.Open {
		if err := checkSum("a difficulty", o.Floor, o.Best); err != nil {
			return err
		}
		if o.Shares > 0 && !(o.Floor > 0 && o.Best >= o.Floor && o.Rank > 0 && o.Rank <= o.Shares && o.Number > 0) ||
			i == 1 && o.Number > 0 && o.Number <= t.Open[0].Number {
			return fmt.Errorf("job %d with %d shares, the best of difficulty %v at place %d: can't be", o.Number, o.Shares, o.Best,
				o.Rank)
		}
	}
	for i, l := range t.Levels {
		if !(l.Place >= 0 && l.Place <= float64(l.Jobs)) || i > 0 && l.Jobs > t.Levels[i-1].Jobs || l.Jobs > t.Shares {
			return fmt.Errorf("%d jobs with places that sum to %v: can't be", l.Jobs, l.Place)
		}
		if !(l.Most >= 0 && l.Most <= float64(l.Jobs)) {
			return fmt.Errorf("highest stake of %v after %d jobs: can't be", l.Most, l.Jobs)
		}
		for j, stake := range l.Stakes {
			bet := latencyBets[j]
			if n := float64(l.Jobs) * (1 + 1e-9); !(stake >= n*math.Log1p(-bet) && stake <= n*math.Log1p(bet)) {
				return fmt.Errorf("stake of %v after %d jobs: can't be", stake, l.Jobs)
			}
		}
	}
	return nil
}

func (t *latencyTest) finding(c *context) Finding {
	f := Finding{
		Test: TestLatency, Kind: Evidence, Threshold: c.threshold, LogE: t.logE(),
		Limits: "Sees only that the best share for a block comes later than the others for it. A share that is kept back for good, or one " +
			"held for less than the time between two shares, leaves no trace here.",
	}
	f.Peak = t.Summit.with(f.LogE)
	if t.Shares == 0 {
		f.State = NotApplicable
		f.Words = "No share could be laid to a job, so nobody can say whether high shares come late in theirs."
		if c.shares == 0 {
			f.State = TooEarly
			f.Words = "No share yet."
		}
		return f
	}
	// The highest level with the most telling stake, and what complete hoarding would have brought there.
	best, power := 0, -1
	for i := range t.Levels {
		if latencyBest(&t.Levels[i]) > latencyBest(&t.Levels[best]) {
			best = i
		}
		if t.Levels[i].Most-latencyLogStakes >= c.threshold {
			power = i
		}
	}
	settled := t.Levels[0].Jobs
	f.Numbers = map[string]float64{"jobs": float64(settled)}
	show := func(i int) (l *latencyLevel, times, mean float64) {
		l = &t.Levels[i]
		times, mean = math.Ldexp(1, 2*i), 0.5
		if l.Jobs > 0 {
			mean = l.Place / float64(l.Jobs)
		}
		f.Numbers["compared_jobs"], f.Numbers["from_times_the_difficulty"], f.Numbers["mean_place"] = float64(l.Jobs), times, mean
		return l, times, mean
	}
	switch {
	case f.Peak >= c.threshold:
		f.State = Alarm
		f.Since = t.Summit.since(c.threshold)
		l, times, mean := show(best)
		which := "that got several shares"
		if best > 0 {
			which = fmt.Sprintf("whose best share had at least %s times the difficulty asked for", numberWords(times))
		}
		f.Words = fmt.Sprintf("High shares come late. For %s blocks %s, the best came after %s of all that was sent for the block, on average; half is "+
			"honest. The odds against this being chance are %s.", countWords(l.Jobs), which, percentWords(mean), oddsWords(f.Peak))
	case power >= 0:
		f.State = Clear
		_, times, mean := show(power)
		f.Words = fmt.Sprintf("No sign that high shares come late: the best for a block comes after %s of what is sent for it, on average, and half is "+
			"to be expected.", percentWords(mean))
		f.Power = fmt.Sprintf("Would have seen by now if all shares of at least %s times the difficulty asked for were held until the "+
			"next block.", numberWords(times))
	default:
		f.State = TooEarly
		f.Words = fmt.Sprintf("Too few blocks with several shares to see whether high ones come late: %s so far.", countWords(settled))
		if gain := t.Levels[0].Most; gain > 0 {
			f.NeedShares = needShares(float64(t.Shares) * ((c.threshold+latencyLogStakes)/gain - 1))
		} else {
			f.NeedShares = needShares(4 * (c.threshold + latencyLogStakes))
		}
	}
	return f
}

// latencyBest returns the higher of a level's stakes.
func latencyBest(l *latencyLevel) float64 { return max(l.Stakes[0], l.Stakes[1]) }
