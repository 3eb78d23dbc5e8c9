package audit

import (
	"errors"
	"fmt"
	"maps"
	"math"
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

// switchTime is how long after the beginning of a job its shares don't count for the rate of invalid ones.
const switchTime = 5 * time.Second

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

func times(n uint64) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return countWords(n) + " times"
}
