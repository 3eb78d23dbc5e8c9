package audit

import (
	"fmt"
	"math"
	"time"

	"github.com/touchstone-btc/touchstone/work/share"
)

// invalidRate bets that more shares are invalid than honest hardware sends. Only shares of the newest job count, some time after it
// began, and of each job none after the first invalid one: around a switch of jobs, and in bursts that may begin there, honest
// machines err more often.
type invalidRate struct {
	Allowed float64 `json:"allowed"` // the plan's InvalidRate, 0 before it is known
	Trials  uint64  `json:"trials"`
	Bad     uint64  `json:"bad"`
	Newest  uint64  `json:"newest,omitzero"` // job
	Failed  uint64  `json:"failed,omitzero"` // job in which one was invalid
	Most    summit  `json:"most"`
}

func (r *invalidRate) share(s *Share, j *Job) {
	if j == nil || j.Number < r.Newest {
		return
	}
	bad := invalid(s.Word) || s.Word == share.BadVersion || s.Word == share.BadNTime
	r.Newest = j.Number
	if !bad && !s.Proves() || j.Number == r.Failed {
		return
	}
	if s.Time.Sub(j.Time) < switchTime {
		if bad {
			r.Failed = j.Number
		}
		return
	}
	r.Trials++
	if bad {
		r.Bad++
		r.Failed = j.Number
		r.Most.reach(r.logE(), s.Time)
	}
}

func (r *invalidRate) logE() float64 {
	if r.Trials == 0 {
		return 0
	}
	return proportionBet(float64(r.Bad), float64(r.Trials), r.allowed())
}

func (r *invalidRate) allowed() float64 {
	if r.Allowed > 0 {
		return r.Allowed
	}
	return 0.01
}

// merge adds a later part. The counts add up, and so the e-value now is that of the whole, but for the bounds of one job.
func (r *invalidRate) merge(o *invalidRate) {
	if r.Allowed == 0 {
		r.Allowed = o.Allowed
	}
	r.Trials += o.Trials
	r.Bad += o.Bad
	r.Newest, r.Failed = o.Newest, o.Failed
	if r.Bad > 0 && len(o.Most.Steps) > 0 {
		r.Most.reach(r.logE(), time.Unix(0, o.Most.Steps[len(o.Most.Steps)-1]))
	}
}

// invalidRate is the finding of the bets.
func (f *facts) invalidRate(c *context) Finding {
	r := &f.Rate
	a := Finding{Test: TestInvalidRate, Kind: Evidence, LogE: r.logE(), Threshold: c.threshold, Numbers: map[string]float64{
		"judged_shares": float64(r.Trials), "invalid_shares": float64(r.Bad), "allowed_fraction": r.allowed()},
		Limits: fmt.Sprintf("Shares of the first %s of a job don't count, and none after the first invalid one of a job: honest machines err in bursts, above all when work changes.", spanWords(switchTime.Seconds()))}
	a.Peak = r.Most.with(a.LogE)
	if r.Trials > 0 {
		a.Numbers["low_fraction"], a.Numbers["high_fraction"], _ = AnytimeProportion(r.Bad, r.Trials, c.plan.Alpha)
	}
	// So many shares it takes until twice or five times what is allowed is told.
	need := func(times float64) float64 {
		p, p0 := min(times*r.allowed(), .99), r.allowed()
		return (c.threshold + 3) / (p*math.Log(p/p0) + (1-p)*math.Log((1-p)/(1-p0)))
	}
	n := float64(r.Trials)
	between := fmt.Sprintf("%s of %s shares away from switches of jobs are invalid", countWords(r.Bad), countWords(r.Trials))
	if r.Trials > 0 {
		between += fmt.Sprintf(": at least %s, at most %s", percentWords(a.Numbers["low_fraction"]), percentWords(a.Numbers["high_fraction"]))
	}
	switch {
	case a.Peak >= c.threshold:
		a.alarm(r.Most.since(c.threshold))
		if a.Since.IsZero() {
			a.alarm(c.now)
		}
		a.Words = fmt.Sprintf("%s, where %s may be. %s", between, percentWords(r.allowed()), chanceWords(a.Peak))
	case n >= need(2):
		a.State, a.Words = Clear, fmt.Sprintf("%s; %s may be.", between, percentWords(r.allowed()))
		a.Power = fmt.Sprintf("By now it would have seen twice as many as may be (%s).", percentWords(min(1, 2*r.allowed())))
	case n >= need(5):
		a.State, a.Words = Clear, fmt.Sprintf("%s; %s may be.", between, percentWords(r.allowed()))
		a.Power = fmt.Sprintf("By now it would have seen five times as many as may be (%s).", percentWords(min(1, 5*r.allowed())))
	default:
		a.State, a.NeedShares = TooEarly, math.Ceil(need(5)-n)
		a.Words = fmt.Sprintf("Too few shares away from switches of jobs to say how many are invalid: %s so far, %s of them invalid.", countWords(r.Trials), countWords(r.Bad))
	}
	return a
}
