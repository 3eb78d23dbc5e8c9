package audit

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/touchstone-btc/touchstone/work/share"
)

// facts are what needs no statistics: invalid, duplicate and stale shares, answers of the pool, counters and boasts of the device. And
// the rate of invalid shares, which does.
type facts struct {
	Shares  uint64                `json:"shares"`
	Words   map[share.Word]uint64 `json:"words,omitempty"`
	Blocks  uint64                `json:"blocks,omitzero"`
	Proving uint64                `json:"proving"`
	Work    float64               `json:"work"`
	// Once is when a share first had each of the words.
	Once map[share.Word]int64 `json:"once,omitempty"`
	// Yes and No are answers of the pool. Refused are No to what we credit, of them Crossed while a new block came; Taken are Yes to what
	// we don't.
	Yes     uint64 `json:"yes,omitzero"`
	No      uint64 `json:"no,omitzero"`
	Refused uint64 `json:"refused,omitzero"`
	Crossed uint64 `json:"crossed,omitzero"`
	Taken   uint64 `json:"taken,omitzero"`

	Rate invalidRate  `json:"invalid_rate"`
	Said saidCounters `json:"said"`

	Redirects uint64    `json:"redirects,omitzero"`
	Elsewhere uint64    `json:"elsewhere,omitzero"`
	To        string    `json:"to,omitempty"`
	ToAt      time.Time `json:"to_at,omitzero"`

	Reached string     `json:"reached,omitempty"` // which of our addresses it connected to
	Pools   []saidPool `json:"pools,omitempty"`   // that it says to mine at
	// Boards and Whole are sums over BoardClaims claims of the boards' rates and the machine's.
	Boards      float64 `json:"boards,omitzero"`
	Whole       float64 `json:"whole,omitzero"`
	BoardClaims uint64  `json:"board_claims,omitzero"`
}

// saidPool is a pool that a device says to mine at, and when it first did.
type saidPool struct {
	Name string    `json:"name"`
	At   time.Time `json:"at,omitzero"`
}

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

// switchTime is how long after the beginning of a job its shares don't count for the rate of invalid ones.
const switchTime = 5 * time.Second

// saidCounters compares what the device counts with what was seen, from its first claim on.
type saidCounters struct {
	Claims uint64    `json:"claims,omitzero"`
	From   time.Time `json:"from,omitzero"` // of the claims that are compared
	At     time.Time `json:"at,omitzero"`
	// Accepted is the latest counter; Extra is by how much it grew more than our count of shares accepted, over all stretches between
	// claims in which it did not start anew, and Grew what ours grew in them.
	Accepted float64 `json:"accepted,omitzero"`
	Uptime   float64 `json:"uptime,omitzero"`
	Yes      uint64  `json:"yes,omitzero"`
	Extra    float64 `json:"extra,omitzero"`
	Grew     float64 `json:"grew,omitzero"`
	Restarts uint64  `json:"restarts,omitzero"` // counters that began anew with the uptime
	Back     uint64  `json:"back,omitzero"`     // counters that went back while the uptime went on
	// Best is the latest best share of this session, Boast the highest that one rose to while we watched, at BoastAt.
	Best    float64   `json:"best,omitzero"`
	Boast   float64   `json:"boast,omitzero"`
	BoastAt time.Time `json:"boast_at,omitzero"`
	// Ever is the highest it says to have found since it started, with its uptime then.
	Ever       float64   `json:"ever,omitzero"`
	EverUptime float64   `json:"ever_uptime,omitzero"`
	EverAt     time.Time `json:"ever_at,omitzero"`
}

const (
	maxFactName  = 300
	maxSaidPools = 8
	maxCounter   = 1e18
	// overflowBest is what cgminer says when its best share has overflowed.
	overflowBest = 18446744073709551615
)

// share counts a share, whatever it was judged: every one, before all else. j is nil if its job is not known.
func (f *facts) share(s *Share, j *Job) {
	if f.Words == nil {
		f.Words, f.Once = map[share.Word]uint64{}, map[share.Word]int64{}
	}
	word := s.Word
	if word > share.Block {
		word = share.NotJudged // a verdict that nobody knows
	}
	f.Shares++
	f.Words[word]++
	if f.Words[word] == 1 {
		f.Once[word] = s.Time.UnixNano()
	}
	if s.Block {
		f.Blocks++
	}
	if s.Proves() && s.Required > 0 && s.Required < math.MaxFloat32 {
		f.Proving++
		f.Work += s.Required
	}
	f.Rate.share(s, j)
}

// invalid says that a share is not what it claims to be, by the share itself.
func invalid(w share.Word) bool {
	return w == share.LowDifficulty || w == share.Malformed || w == share.BadExtranonce2 || w == share.BadNonce
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

// use says what the plan allows; before the first share.
func (f *facts) use(plan *Plan) {
	if f.Rate.Trials == 0 && plan.InvalidRate > 0 && plan.InvalidRate < 1 {
		f.Rate.Allowed = plan.InvalidRate
	}
}

// logE is the e-value of the rate of invalid shares.
func (f *facts) logE() float64 { return f.Rate.logE() }

func (f *facts) answered(accepted, credited, crossed bool) {
	switch {
	case accepted:
		f.Yes++
		if !credited {
			f.Taken++
		}
	default:
		f.No++
		if credited {
			f.Refused++
			if crossed {
				f.Crossed++
			}
		}
	}
}

// yes is how many shares the device may believe to be accepted.
func (f *facts) yes() uint64 {
	if f.Yes+f.No > 0 {
		return f.Yes
	}
	return f.Words[share.Accepted] + f.Words[share.Block]
}

func counter(v float64) bool { return v >= 0 && v <= maxCounter }

// claim compares what the device says of itself.
func (f *facts) claim(c *Claim) {
	f.Said.claim(c, f.yes())
	f.says(saidPool{clipFact(c.Pool), c.Time})
	if len(c.Boards) > 0 && c.Rate > 0 && c.Rate < 1e30 {
		sum := 0.
		for _, b := range c.Boards {
			sum += b
		}
		if sum >= 0 && sum < 1e30 {
			f.BoardClaims++
			f.Boards += sum
			f.Whole += c.Rate
		}
	}
}

// unclaim forgets what was claimed: it may have been said of another machine.
func (f *facts) unclaim() {
	f.Said, f.Pools = saidCounters{}, nil
	f.Boards, f.Whole, f.BoardClaims = 0, 0, 0
}

func (s *saidCounters) claim(c *Claim, yes uint64) {
	anew := counter(c.Uptime) && s.Claims > 0 && c.Uptime+1 < s.Uptime
	first := s.Claims == 0
	s.Claims++
	if first {
		s.From = c.Time
	}
	s.At = c.Time
	if counter(c.Accepted) {
		switch {
		case first || anew:
			if anew {
				s.Restarts++
			}
		case c.Accepted < s.Accepted && !counter(c.Uptime): // nobody can say
			s.Restarts++
		case c.Accepted < s.Accepted:
			s.Back++
		default:
			ours := max(0, float64(yes)-float64(s.Yes)) // once answers are seen, only they count, and they may be fewer
			s.Extra += c.Accepted - s.Accepted - ours
			s.Grew += ours
		}
		s.Accepted, s.Yes = c.Accepted, yes
	}
	if best := c.BestShare; best > 0 && best < overflowBest {
		if !first && !anew && best > s.Best && s.Best > 0 && best > s.Boast {
			s.Boast, s.BoastAt = best, c.Time
		}
		if counter(c.Uptime) && best >= s.Ever {
			s.Ever, s.EverUptime, s.EverAt = best, c.Uptime, c.Time
		}
		s.Best = best
	}
	if counter(c.Uptime) {
		s.Uptime = c.Uptime
	}
}

func (f *facts) redirected(now time.Time, to string, elsewhere bool) {
	f.Redirects++
	if elsewhere {
		f.Elsewhere++
	}
	if elsewhere || f.Elsewhere == 0 {
		f.To, f.ToAt = clipFact(to), now
	}
}

// says keeps a pool that the device names, unless it is known.
func (f *facts) says(p saidPool) {
	same := func(o saidPool) bool { return o.Name == p.Name }
	if p.Name != "" && len(f.Pools) < maxSaidPools && !slices.ContainsFunc(f.Pools, same) {
		f.Pools = append(f.Pools, p)
	}
}

func (f *facts) reached(address string) { f.Reached = clipFact(address) }

// clipFact bounds a name that somebody sent.
func clipFact(s string) string {
	if len(s) > maxFactName {
		s = s[:maxFactName]
	}
	return strings.ToValidUTF8(s, "")
}

func (f *facts) counts() Counts {
	c := Counts{Submitted: f.Shares, Proving: f.Proving, ByVerdict: map[string]uint64{}, Blocks: f.Blocks, PoolRefused: f.Refused,
		PoolAccepted: f.Taken, Work: f.Work}
	for w, n := range f.Words {
		c.ByVerdict[w.String()] = n
	}
	return c
}

// merge adds a later part.
func (f *facts) merge(o *facts) {
	yes := f.yes()
	if o.Shares > 0 && f.Words == nil {
		f.Words, f.Once = map[share.Word]uint64{}, map[share.Word]int64{}
	}
	for w, n := range o.Words {
		f.Words[w] += n
		if at, ok := f.Once[w]; !ok || o.Once[w] < at {
			f.Once[w] = o.Once[w]
		}
	}
	f.Shares += o.Shares
	f.Blocks += o.Blocks
	f.Proving += o.Proving
	f.Work = math.Min(f.Work+o.Work, math.MaxFloat64)
	f.Yes += o.Yes
	f.No += o.No
	f.Refused += o.Refused
	f.Crossed += o.Crossed
	f.Taken += o.Taken
	f.Rate.merge(&o.Rate)
	f.Said.merge(&o.Said, yes)
	f.Redirects += o.Redirects
	f.Elsewhere += o.Elsewhere
	if o.Elsewhere > 0 || f.To == "" {
		f.To, f.ToAt = o.To, o.ToAt
	}
	if o.Reached != "" {
		f.Reached = o.Reached
	}
	for _, p := range o.Pools {
		f.says(p)
	}
	f.Boards += o.Boards
	f.Whole += o.Whole
	f.BoardClaims += o.BoardClaims
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

// merge adds a later part. What the counters did between the two was not seen.
func (s *saidCounters) merge(o *saidCounters, yes uint64) {
	if o.Claims == 0 {
		return
	}
	was := *s
	*s = *o
	s.Yes += yes
	if was.Claims == 0 {
		return
	}
	s.From, s.Claims = was.From, was.Claims+o.Claims
	s.Extra += was.Extra
	s.Grew += was.Grew
	s.Restarts += was.Restarts
	s.Back += was.Back
	if was.Boast > s.Boast {
		s.Boast, s.BoastAt = was.Boast, was.BoastAt
	}
	if was.Ever > s.Ever {
		s.Ever, s.EverUptime, s.EverAt = was.Ever, was.EverUptime, was.EverAt
	}
}

// check says what is wrong with a state that was read.
func (f *facts) check() error {
	var sum uint64
	for w, n := range f.Words {
		if w > share.Block || n > f.Shares {
			return fmt.Errorf("facts: %d shares of verdict %d: can't be", n, w)
		}
		sum += n
	}
	if sum != f.Shares || f.Proving > f.Shares || f.Blocks > f.Shares {
		return fmt.Errorf("facts: %d shares, of them %d with a verdict, %d proving, %d blocks: can't be", f.Shares, sum, f.Proving, f.Blocks)
	}
	if f.Shares > 0 && f.Words == nil || len(f.Once) > len(f.Words) {
		return errors.New("facts: verdicts are missing")
	}
	if f.Words != nil && f.Once == nil {
		f.Once = map[share.Word]int64{}
	}
	if f.Refused > f.No || f.Crossed > f.Refused || f.Taken > f.Yes || f.Elsewhere > f.Redirects {
		return errors.New("facts: more exceptions than answers")
	}
	long := func(p saidPool) bool { return len(p.Name) > maxFactName }
	if len(f.Pools) > maxSaidPools || len(f.Reached) > maxFactName || len(f.To) > maxFactName || slices.ContainsFunc(f.Pools, long) {
		return errors.New("facts: too many pools, or too long names")
	}
	s, r := &f.Said, &f.Rate
	if r.Bad > r.Trials || r.Trials > f.Shares || !(r.Allowed >= 0 && r.Allowed < 1) {
		return fmt.Errorf("facts: %d of %d shares invalid where %v are allowed: can't be", r.Bad, r.Trials, r.Allowed)
	}
	if err := r.Most.check(); err != nil {
		return fmt.Errorf("facts: %w", err)
	}
	if !(math.Abs(s.Extra) < math.MaxFloat64) {
		return fmt.Errorf("facts: a counter is ahead by %v: want a number", s.Extra)
	}
	return checkSum("facts: a counter", f.Work, f.Boards, f.Whole, s.Accepted, s.Uptime, s.Grew, s.Best, s.Boast, s.Ever, s.EverUptime)
}

// findings are the facts, and the rate of invalid shares.
func (f *facts) findings(c *context) []Finding {
	all := f.verdicts()
	all = append(all, f.invalidRate(c), f.stale())
	for _, one := range []*Finding{f.redirects(), f.places(c.plan.KnownAs), f.best(c), f.counters(c), f.pools(), f.boardSum()} {
		if one != nil {
			all = append(all, *one)
		}
	}
	for i := range all {
		all[i].Numbers = finite(maps.Clone(all[i].Numbers))
	}
	return all
}

// of says how many of all shares: "3 of 5,000 shares (0.06 %)".
func (f *facts) of(n uint64) string {
	return fmt.Sprintf("%s of %s shares (%s)", countWords(n), countWords(f.Shares), percentWords(float64(n)/float64(f.Shares)))
}

// since is when a share first had one of the words.
func (f *facts) since(words ...share.Word) (at time.Time) {
	for _, w := range words {
		if ns, ok := f.Once[w]; ok && f.Words[w] > 0 {
			if t := time.Unix(0, ns).UTC(); at.IsZero() || t.Before(at) {
				at = t
			}
		}
	}
	return at
}

// verdicts are the checks of the shares themselves.
func (f *facts) verdicts() []Finding {
	low, shape := f.Words[share.LowDifficulty], f.Words[share.Malformed]+f.Words[share.BadExtranonce2]+f.Words[share.BadNonce]
	mask, ntime, duplicate := f.Words[share.BadVersion], f.Words[share.BadNTime], f.Words[share.Duplicate]
	all := []Finding{
		{Test: TestInvalid, Words: "Every share is what it claims to be: its hash was computed again and meets its target."},
		{Test: TestMask, Words: "No share changes version bits outside the mask that was granted."},
		{Test: TestNTime, Words: "No share has a time that its job does not allow."},
		{Test: TestDuplicate, Words: "No share was sent twice."},
	}
	for i := range all {
		a := &all[i]
		a.Kind, a.State = Fact, Clear
		a.Power = "It looks at every share."
		a.Numbers = map[string]float64{"submitted_shares": float64(f.Shares)}
		if f.Shares == 0 {
			a.State, a.Words, a.Power, a.NeedShares = TooEarly, "No share has come yet.", "", 1
		}
	}
	if f.Shares == 0 {
		return all
	}
	if n := low + shape; n > 0 {
		a := &all[0]
		a.Words = fmt.Sprintf("%s are not what they claim: %s below their target, %s not of the shape that a share has.", f.of(n), countWords(low), countWords(shape))
		a.Numbers["low_difficulty_shares"], a.Numbers["malformed_shares"] = float64(low), float64(shape)
		a.Limits = "A few are honest: nonces with an error of the hardware, and work of a job that has just ended. Whether there are too many is what the rate of invalid shares tells; here it takes a tenth of all, and 20."
		if n >= 20 && n*10 >= f.Shares {
			a.alarm(f.since(share.LowDifficulty, share.Malformed, share.BadExtranonce2, share.BadNonce))
		}
	}
	if mask > 0 {
		a := &all[1]
		a.Words = fmt.Sprintf("%s have version bits that they may not have, outside the mask that was granted to the machine.", f.of(mask))
		a.Numbers["bad_version_shares"] = float64(mask)
		a.Limits = "It does not tell a machine that ignores the mask from one that never asked for it."
		a.alarm(f.since(share.BadVersion))
	}
	if ntime > 0 {
		a := &all[2]
		a.Words = fmt.Sprintf("%s have a time before their job's, or too far after it.", f.of(ntime))
		a.Numbers["bad_ntime_shares"] = float64(ntime)
		a.Limits = "One or two may be a job mixed up with the one before; from three on it is told."
		if ntime >= 3 {
			a.alarm(f.since(share.BadNTime))
		}
	}
	if duplicate > 0 {
		a := &all[3]
		a.Words = fmt.Sprintf("%s were sent before: they prove nothing new, and are counted once.", f.of(duplicate))
		a.Numbers["duplicate_shares"] = float64(duplicate)
		a.Limits = "Honest firmware sends a few again after it lost its connection; from five, and one in a hundred, on it is told."
		if duplicate*2 >= f.Shares {
			a.Words += " So many can also mean that the record has the same connections twice, as when a proxy and the pool behind it both recorded them: " +
				"give one of the two."
		}
		if duplicate >= 5 && duplicate*100 >= f.Shares {
			a.alarm(f.since(share.Duplicate))
		}
	}
	return all
}

func (a *Finding) alarm(since time.Time) { a.State, a.Since, a.At = Alarm, since, since }

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

// stale describes shares that came too late.
func (f *facts) stale() Finding {
	n := f.Words[share.Stale] + f.Words[share.UnknownJob]
	a := Finding{Test: TestStale, Kind: Description, State: Clear, Numbers: map[string]float64{"stale_shares": float64(f.Words[share.Stale]),
		"unknown_job_shares": float64(f.Words[share.UnknownJob]), "submitted_shares": float64(f.Shares)},
		Limits: "Stale work is lost on the way as often as in the machine."}
	if f.Shares == 0 {
		a.State, a.Words, a.NeedShares = TooEarly, "No share has come yet.", 1
		return a
	}
	a.Numbers["stale_fraction"] = float64(n) / float64(f.Shares)
	a.Words = "No share came too late."
	if n > 0 {
		a.Words = fmt.Sprintf("%s came too late: their job had ended, or was forgotten.", f.of(n))
		if f.Words[share.Stale] > 0 {
			a.Words += " Those that meet their target prove work all the same."
		}
	}
	return a
}

func (f *facts) redirects() *Finding {
	if f.Redirects == 0 {
		return nil
	}
	a := &Finding{Test: TestRedirect, Kind: Fact, State: Clear, At: f.ToAt, Numbers: map[string]float64{"redirects": float64(f.Redirects), "redirects_elsewhere": float64(f.Elsewhere)},
		Words: fmt.Sprintf("The pool told the machine %s to connect anew, each time within its own domain.", times(f.Redirects)),
		Power: "It sees every message of the pool.", Limits: "A name can lead elsewhere later."}
	if f.Elsewhere > 0 {
		a.alarm(f.ToAt)
		a.Words = fmt.Sprintf("The machine was told %s to go to another place, the last time to %s: that is how stratum connections are hijacked.", times(f.Elsewhere), f.To)
		a.Limits = "A pool that really moves says the same. Ask it."
	}
	return a
}

func times(n uint64) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return countWords(n) + " times"
}

// places compares where it says to mine with the addresses that it may name, if any were said, and else describes it.
func (f *facts) places(known []string) *Finding {
	if len(f.Pools) == 0 {
		return nil
	}
	a := &Finding{Test: TestRedirect, Kind: Fact, State: NotApplicable, Numbers: map[string]float64{"named_pools": float64(len(f.Pools))},
		Limits: "What a machine says of its pools need not be all of them: only watching its network shows that."}
	if len(known) > 0 {
		f.known(a, known)
		return a
	}
	names := names(f.Pools)
	switch {
	case f.Reached == "":
		a.Words = fmt.Sprintf("It says that it mines at %s. Nothing says where its shares ought to go.", names)
	case !slices.ContainsFunc(f.Pools, func(p saidPool) bool { return samePlace(f.Reached, p.Name) != placeSame }):
		a.State = Clear
		a.Words = fmt.Sprintf("It says that it mines at %s, where it is connected.", names)
		a.Power = "It reads what the machine says of itself."
	case slices.ContainsFunc(f.Pools, func(p saidPool) bool { return samePlace(f.Reached, p.Name) == placeOther }):
		a.Words = fmt.Sprintf("It says that it mines at %s, and is connected to %s: that may be one place by two names or addresses, or may not.", names, f.Reached)
	default:
		a.Words = fmt.Sprintf("It says that it mines at %s, and is connected to %s: whether that is the same place can't be told from the names.", names, f.Reached)
	}
	return a
}

// known judges the pools that it names by the addresses that it may name.
func (f *facts) known(a *Finding, known []string) {
	var other []saidPool
	for _, p := range f.Pools {
		if !slices.ContainsFunc(known, func(k string) bool { return sameAddress(k, p.Name) }) {
			other = append(other, p)
		}
	}
	if len(other) == 0 {
		a.State = Clear
		a.Words = fmt.Sprintf("It says that it mines at %s, as it should.", names(f.Pools))
		a.Power = "It reads what the machine says of itself."
		return
	}
	since := other[0].At
	for _, p := range other {
		if p.At.Before(since) {
			since = p.At
		}
	}
	a.alarm(since)
	a.Words = fmt.Sprintf("It said that it mined at %s, which is none of the addresses that it may name (%s).", names(other), strings.Join(known, ", "))
	a.Limits = "A pool that it falls back to while this one can't be reached looks the same, unless that was named before, too."
}

func names(pools []saidPool) string {
	var all []string
	for _, p := range pools {
		all = append(all, p.Name)
	}
	return strings.Join(all, ", ")
}

// sameAddress reports whether what a machine said is an address that was named: the same host, and the same port where both say one.
// What can't be read is not held against it.
func sameAddress(known, said string) bool {
	kh, kp := hostPort(known)
	sh, sp := hostPort(said)
	if sh == "" {
		return true
	}
	ka, kerr := netip.ParseAddr(kh)
	sa, serr := netip.ParseAddr(sh)
	if kerr == nil && serr == nil {
		kh, sh = ka.Unmap().String(), sa.Unmap().String()
	}
	return kh == sh && (kp == sp || kp == "" || sp == "")
}

type place int

const (
	placeSame place = iota
	placeUnsure
	placeOther
)

// samePlace compares two URLs of pools. An address and a name can't be compared, nor two addresses where one is any.
func samePlace(ours, said string) place {
	oh, op := hostPort(ours)
	sh, sp := hostPort(said)
	if oh == "" || sh == "" {
		return placeUnsure
	}
	oa, oerr := netip.ParseAddr(oh)
	sa, serr := netip.ParseAddr(sh)
	switch {
	case oerr == nil && serr == nil:
		oa, sa = oa.Unmap(), sa.Unmap()
		if oa.IsUnspecified() || oa.IsLoopback() || sa.IsLoopback() {
			return placeUnsure
		}
		if oa != sa {
			if oa.IsPrivate() || sa.IsPrivate() || oa.Is4() != sa.Is4() { // one machine has several
				if oa.IsPrivate() != sa.IsPrivate() && sa.IsGlobalUnicast() && !sa.IsPrivate() {
					return placeOther
				}
				return placeUnsure
			}
			return placeOther
		}
	case oerr == nil || serr == nil:
		return placeUnsure
	case !strings.EqualFold(oh, sh):
		if domain(oh) == domain(sh) {
			return placeUnsure
		}
		return placeOther
	}
	if op != "" && sp != "" && op != sp {
		return placeUnsure
	}
	return placeSame
}

// hostPort returns what of a URL, or of host:port without a scheme, says where it leads.
func hostPort(text string) (host, port string) {
	if !strings.Contains(text, "://") {
		text = "stratum+tcp://" + text
	}
	u, err := url.Parse(text)
	if err != nil {
		return "", ""
	}
	return strings.TrimSuffix(strings.ToLower(u.Hostname()), "."), u.Port()
}

// domain is what two names of one owner most likely have in common.
func domain(host string) string {
	parts := strings.Split(host, ".")
	return strings.Join(parts[max(0, len(parts)-2):], ".")
}

// best compares the best share that the device says to have found with those that came.
func (f *facts) best(c *context) *Finding {
	s := &f.Said
	if s.Best == 0 {
		return nil
	}
	a := &Finding{Test: TestBestShare, Kind: Fact, State: Clear, Numbers: map[string]float64{"claimed_best_difficulty": s.Best, "received_best_difficulty": c.best},
		Limits: "A share can be lost in a disconnect, go to another pool that is configured, or be older than the session that it is counted to. Each record of the machine is lost like that about as often as any share."}
	// Rounding of what is shown, and pdiff for bdiff.
	above := func(best float64) bool { return best > c.best*1.02+1 }
	boast, at := s.Boast, s.BoastAt
	if covered := !s.EverAt.IsZero() && !c.first.IsZero() && !s.EverAt.Add(-time.Duration(s.EverUptime*1e9)).Before(c.first.Add(-time.Minute)); covered && s.Ever > boast {
		boast, at = s.Ever, s.EverAt // all of its uptime was watched
	}
	switch {
	case !above(max(boast, s.Best)):
		a.Words = fmt.Sprintf("The best share that it says to have found (%s) is not above the best that came (%s).", difficultyWords(s.Best), difficultyWords(c.best))
		a.Power = "A single withheld share above all others would show."
	case !above(boast):
		a.State = NotApplicable
		a.Words = fmt.Sprintf("It says that its best share has a difficulty of %s; the best that came has %s. It can be older than the record.", difficultyWords(s.Best), difficultyWords(c.best))
	case c.unseen > 0:
		a.State = NotApplicable
		a.Words = fmt.Sprintf("It says that it found a share of difficulty %s while it was watched; the best that came has %s. But the record has holes.", difficultyWords(boast), difficultyWords(c.best))
	case c.now.Sub(at) < time.Minute:
		a.State = TooEarly
		a.Words = fmt.Sprintf("It has just said that it found a share of difficulty %s; the best that came has %s. It may be on its way.", difficultyWords(boast), difficultyWords(c.best))
	default:
		a.alarm(at)
		a.Words = fmt.Sprintf("It says that it found a share of difficulty %s while it was watched, and that share never came: the best that came has %s. It was withheld, lost, or sent elsewhere.", difficultyWords(boast), difficultyWords(c.best))
		a.Numbers["claimed_best_difficulty"] = boast
	}
	return a
}

// counters compares the device's count of accepted shares with ours.
func (f *facts) counters(c *context) *Finding {
	s := &f.Said
	if s.Claims < 2 || s.Accepted == 0 && s.Grew == 0 {
		return nil
	}
	a := &Finding{Test: TestCounters, Kind: Fact, State: Clear, Numbers: map[string]float64{"accepted_more_shares": s.Extra, "our_accepted_shares": s.Grew,
		"restarts": float64(s.Restarts), "backward_counters": float64(s.Back)},
		Limits: "What the machine counts while its telemetry is read, and what a restart swallows, may differ by a few; shares for another pool that is configured count for it too."}
	// Shares of a minute may lie between a reply and what we had seen of it, at each end.
	slack := 5 + .005*s.Grew + 4*math.Sqrt(1+60*c.perSecond) + 60*c.perSecond
	a.Numbers["slack_shares"] = slack
	switch {
	case s.Extra > slack && c.unseen > 0:
		a.State = NotApplicable
		a.Words = fmt.Sprintf("It counts %s shares as accepted more than came while it was watched, but the record has holes.", numberWords(s.Extra))
	case s.Extra > slack:
		a.alarm(s.At)
		a.Words = fmt.Sprintf("It counts %s shares as accepted more than came (%s came): they went elsewhere, or its counter is padded.", numberWords(math.Round(s.Extra)), numberWords(s.Grew))
	case s.Extra < -slack:
		a.Words = fmt.Sprintf("It counts %s shares as accepted fewer than came under its name: somebody else may use the name, or answers don't reach it.", numberWords(math.Round(-s.Extra)))
	case s.Back > 0:
		a.Words = fmt.Sprintf("Its counters agree with ours, but went back %s while its uptime went on.", times(s.Back))
	default:
		a.Words = fmt.Sprintf("Its count of accepted shares agrees with ours (%s since it was first asked).", numberWords(s.Grew))
		a.Power = fmt.Sprintf("A difference of more than %s shares would show.", numberWords(math.Ceil(slack)))
	}
	return a
}

// pools describes where the pool and we disagree. It says nothing against the device.
func (f *facts) pools() *Finding {
	if f.Yes+f.No == 0 {
		return nil
	}
	a := &Finding{Test: TestCounters, Kind: Description, State: Clear, Numbers: map[string]float64{"pool_accepted_shares": float64(f.Yes), "pool_refused_shares": float64(f.No),
		"pool_refused_good_shares": float64(f.Refused), "pool_refused_good_shares_at_new_block": float64(f.Crossed), "pool_accepted_bad_shares": float64(f.Taken)},
		Words: fmt.Sprintf("The pool judged all %s shares as we do.", countWords(f.Yes+f.No)), Limits: "Pools differ in how long they take stale shares."}
	var parts []string
	if n := f.Refused - f.Crossed; n > 0 {
		parts = append(parts, fmt.Sprintf("the pool refused %s shares that are good", countWords(n)))
	}
	if f.Crossed > 0 {
		parts = append(parts, fmt.Sprintf("it refused %s that crossed a new block on their way", countWords(f.Crossed)))
	}
	if f.Taken > 0 {
		parts = append(parts, fmt.Sprintf("it accepted %s that are not", countWords(f.Taken)))
	}
	if len(parts) > 0 {
		text := strings.Join(parts, "; ")
		a.Words = strings.ToUpper(text[:1]) + text[1:] + fmt.Sprintf(" (of %s answers).", countWords(f.Yes+f.No))
	}
	return a
}

// boardSum compares the sum of the boards with the whole.
func (f *facts) boardSum() *Finding {
	if f.BoardClaims == 0 || f.Whole <= 0 {
		return nil
	}
	ratio := f.Boards / f.Whole
	a := &Finding{Test: TestBoards, Kind: Fact, State: Clear, Numbers: map[string]float64{"boards_fraction": ratio, "claims": float64(f.BoardClaims)},
		Words:  fmt.Sprintf("What its boards are said to compute adds up to %s of what the machine is said to.", percentWords(ratio)),
		Limits: "Firmware averages boards and machine over other times and by other clocks; only more than a tenth, over ten readings, is told."}
	const tolerance, readings = .1, 10
	switch {
	case f.BoardClaims < readings:
		a.State = TooEarly
	case math.Abs(ratio-1) > tolerance:
		a.alarm(f.Said.At)
		a.Words = fmt.Sprintf("Its boards don't add up: together they are said to compute %s of what the machine is said to, over %s readings.", percentWords(ratio), countWords(f.BoardClaims))
	default:
		a.Power = "A tenth that is missing or too much would show."
	}
	return a
}
