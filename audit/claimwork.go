package audit

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mathext"

	"github.com/touchstone-btc/touchstone/audit/telemetry"
)

// ClaimWork holds what a machine says against itself: in one set of replies it says its rate, the work that the pools accepted of it, and
// how long that took. Rates are in hashes per second. A pointer that is nil is a figure that can't be had.
//
// It believes the machine's counters, and so accuses nobody of more than disagreeing with itself. A machine that makes up all of its
// numbers passes; for it there are its shares.
type ClaimWork struct {
	Machine string `json:"machine"`
	Dialect string `json:"dialect,omitempty"`
	Model   string `json:"model,omitempty"`
	// Claimed is the average rate that it says, and Field where.
	Claimed *float64 `json:"claimed_hashes_per_second"`
	Field   string   `json:"claim_field,omitempty"`
	// Proven is the accepted work over the time: Difficulty Accepted times the hashes of a share of difficulty 1, over Elapsed. Ratio is Proven
	// over Claimed.
	Proven *float64 `json:"proven_hashes_per_second"`
	Ratio  *float64 `json:"ratio"`
	// Shares is how many were accepted. Taken for the count of a Poisson variable it says too much where the difficulty varied: few heavy
	// shares vary more than many light ones. Effective is (ΣD)²/ΣD², the count that varies as much as they do, or rather what that is at least: the
	// accepted work over the highest difficulty, Highest. Assumed says that Highest is not said, and is taken to be the power of two from the mean
	// difficulty on.
	Shares    *float64 `json:"shares"`
	Effective *float64 `json:"effective_shares"`
	Highest   *float64 `json:"highest_difficulty"`
	Assumed   bool     `json:"highest_difficulty_assumed,omitempty"`
	// Z is (Ratio-1)·√Shares. Low and High are Garwood's interval for Proven, two-sided, P the probability of so few shares or fewer if
	// the claim were true, one-sided; all with Shares.
	Z    *float64 `json:"z"`
	Low  *float64 `json:"low_hashes_per_second"`
	High *float64 `json:"high_hashes_per_second"`
	P    *float64 `json:"p"`
	// The same with Effective, the tolerance, and the clock that the machine's own "Utility" implies.
	EffectiveLow  *float64 `json:"effective_low_hashes_per_second"`
	EffectiveHigh *float64 `json:"effective_high_hashes_per_second"`
	Careful       *float64 `json:"careful_p"`
	// Holm and CarefulHolm are P and Careful after Holm's correction for all machines that were looked at: see [HolmClaimWork].
	Holm        *float64 `json:"p_holm"`
	CarefulHolm *float64 `json:"careful_p_holm"`
	// Elapsed is how long the machine says to have counted, in seconds. Clock is how long it was by its Utility, accepted shares per
	// minute; nil unless the two differ by more than the rounding.
	Elapsed *float64 `json:"elapsed_seconds"`
	Clock   *float64 `json:"utility_seconds"`
	// Record is the U of the record test: see [Record].
	Record *float64       `json:"record_u"`
	Ticket *TicketBalance `json:"tickets"`
	// Silent is how long ago the last share was at this moment, in seconds, and Missed how many shares that silence is worth: an honest machine
	// is silent as long with probability exp(-Missed).
	Silent *float64 `json:"silent_seconds"`
	Missed *float64 `json:"silent_expected_shares"`
	// Disagree says that the numbers can't all be what they say: nothing is tested with them.
	Disagree bool `json:"disagree,omitempty"`
	// Notes say in words what is missing, and what to beware of.
	Notes []string `json:"notes"`
	// Repairs, Oddities and Unread are those of the telemetry.
	Repairs  []string `json:"repairs"`
	Oddities []string `json:"oddities"`
	Unread   []string `json:"unread"`
}

// TicketBalance compares shares with the nonces that the chips handed up: each of Tickets, of difficulty Difficulty, is a share with
// probability Difficulty over the pool's. It needs neither rate nor clock.
type TicketBalance struct {
	Tickets    float64 `json:"tickets"`
	Difficulty float64 `json:"ticket_difficulty"`
	// Shares are those accepted, rejected and stale; Expected is how many of difficulty Pool there should be. Exact says that all shares
	// had that one difficulty: P is then the binomial probability of so few or fewer, else a normal approximation of it.
	Shares   float64 `json:"shares"`
	Pool     float64 `json:"pool_difficulty"`
	Expected float64 `json:"expected_shares"`
	Exact    bool    `json:"exact"`
	Z        float64 `json:"z"`
	P        float64 `json:"p"`
}

const (
	// fewShares is below how many shares numbers that disagree may be chance.
	fewShares = 20
	// disagrees is by which factor a claim and the work may differ before one of them is not what it says.
	disagrees = 2
	// utilityRounding is half of the last digit that Utility has.
	utilityRounding = 0.005
)

// ClaimAgainstWork compares what one machine says. alpha is that of the intervals, tolerance the part of the claim that may be missing for
// honest reasons; an alpha or a tolerance that is none is an error.
func ClaimAgainstWork(machine string, r *telemetry.Reading, alpha, tolerance float64) (*ClaimWork, error) {
	if err := checkAlpha(alpha); err != nil {
		return nil, err
	}
	if !(tolerance >= 0 && tolerance < 1) {
		return nil, fmt.Errorf("tolerance %v: want at least 0 and less than 1", tolerance)
	}
	c := &ClaimWork{
		Machine: machine, Dialect: r.Dialect, Model: r.Model, Field: r.RateField, Notes: []string{},
		Claimed: known(r.Rate), Shares: known(r.Accepted), Elapsed: known(r.Uptime),
		Repairs: list(r.Repairs), Oddities: list(r.Oddities), Unread: list(r.Unread),
	}
	c.silence(r)
	if c.prove(r) {
		c.test(r, alpha, tolerance)
	}
	c.record(r)
	c.tickets(r)
	return c, nil
}

// known returns nil for what is no finite number.
func known(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

func list(texts []string) []string { return append([]string{}, texts...) }

func (c *ClaimWork) note(format string, args ...any) {
	c.Notes = append(c.Notes, fmt.Sprintf(format, args...))
}

// prove fills in what the work proves, and says whether it can be held against the claim.
func (c *ClaimWork) prove(r *telemetry.Reading) bool {
	switch {
	case r.Dialect == "":
		c.note("It speaks a dialect that is not known: fields are read by their names alone.")
	case len(r.Unread) > 0:
		c.note("Some replies could not be read.")
	}
	if !(r.DifficultyAccepted > 0 && r.Accepted > 0 && r.Uptime > 0) {
		c.note("It does not say the sum of the difficulties of its shares: nothing is proven by what it says.")
		return false
	}
	proven := r.DifficultyAccepted * HashesPerDifficulty / r.Uptime
	if c.Proven = known(proven); c.Proven == nil {
		return false
	}
	if c.effective(r); c.Effective == nil {
		return false
	}
	if r.Accepted > 0 && math.Abs(60*r.Accepted/r.Utility/r.Uptime-1) > 1.5*utilityRounding/r.Utility+1/r.Uptime {
		c.Clock = known(60 * r.Accepted / r.Utility)
		c.note("Its Utility counts %.0f s where Elapsed says %.0f: the careful figure uses its Utility's.", 60*r.Accepted/r.Utility, r.Uptime)
	}
	if !(r.Rate > 0) {
		c.note("It claims no rate.")
		return false
	}
	if r.RateWindow != r.Uptime {
		c.note("%s is not an average over the time in which the work was counted: the two are not compared.", c.Field)
		return false
	}
	if c.Ratio = known(proven / r.Rate); c.Ratio == nil || *c.Ratio == 0 {
		return false
	}
	if ratio := proven / r.Rate; r.Accepted >= fewShares && (ratio > disagrees || ratio < 1/float64(disagrees)) {
		c.Disagree = true
		c.note("Its numbers disagree: work over time is %s times the rate that it says. They are not all what they say, and nothing is tested with them.",
			three(ratio))
		return false
	}
	return true
}

// effective fills in how many equal shares would vary as much.
func (c *ClaimWork) effective(r *telemetry.Reading) {
	mean := r.DifficultyAccepted / r.Accepted
	highest := r.MaxDifficulty
	if r.LastDifficulty > highest || math.IsNaN(highest) {
		highest = r.LastDifficulty
	}
	if !(highest >= mean*(1-1e-9)) {
		if highest > 0 {
			c.note("The highest difficulty that it names, %s, is below the mean of its shares: it was higher at times.", difficultyWords(highest))
		}
		highest = math.Exp2(math.Ceil(math.Log2(mean * (1 - 1e-9))))
		c.Assumed = true
	}
	c.Highest = known(highest)
	c.Effective = known(math.Min(r.DifficultyAccepted/highest, r.Accepted))
}

// test fills in intervals and probabilities.
func (c *ClaimWork) test(r *telemetry.Reading, alpha, tolerance float64) {
	n, effective := r.Accepted, *c.Effective
	proven, ratio := *c.Proven, *c.Ratio
	c.Z = known((ratio - 1) * math.Sqrt(n))
	band := func(n float64) (low, high *float64) {
		return known(proven * gammaQuantile(n, alpha/2, below) / n), known(proven * gammaQuantile(n+1, alpha/2, above) / n)
	}
	c.P = known(poissonAtMost(n, n/ratio))
	careful := ratio
	if c.Clock != nil {
		careful *= r.Uptime / *c.Clock
	}
	if n >= 1 {
		c.Low, c.High = band(n)
	}
	if effective >= 1 {
		c.EffectiveLow, c.EffectiveHigh = band(effective)
		c.Careful = known(poissonAtMost(effective, effective/careful*(1-tolerance)))
	}
}

// poissonAtMost returns the probability that a Poisson variable of that mean is n or less: for an n that is not whole, the value between that
// the gamma function gives.
func poissonAtMost(n, mean float64) float64 {
	a := n + 1
	if a < manyShares {
		return clampProbability(mathext.GammaIncRegComp(a, mean))
	}
	switch u := mean/a - 1; {
	case u > 0.1:
		return 0
	case u < -0.1:
		return 1
	default:
		p, _ := manyTail(a, u, above)
		return clampProbability(p)
	}
}

func clampProbability(p float64) float64 { return math.Max(0, math.Min(1, p)) }

// record fills in the record test.
func (c *ClaimWork) record(r *telemetry.Reading) {
	if !(r.Best > 0 && r.DifficultyAccepted > 0) {
		return
	}
	u, err := Record(r.DifficultyAccepted+orZero(r.DifficultyRejected)+orZero(r.DifficultyStale), r.Best)
	if err == nil {
		c.Record = known(u)
	}
}

func orZero(v float64) float64 {
	if math.IsNaN(v) {
		return 0
	}
	return v
}

// tickets fills in the balance of nonces and shares.
func (c *ClaimWork) tickets(r *telemetry.Reading) {
	if !(r.Tickets > 0 && r.TicketDifficulty > 0) || c.Highest == nil {
		return
	}
	work := r.DifficultyAccepted + orZero(r.DifficultyRejected) + orZero(r.DifficultyStale)
	shares := r.Accepted + orZero(r.Rejected) + orZero(r.Stale)
	c.Ticket = NewTicketBalance(r.Tickets, r.TicketDifficulty, shares, work, *c.Highest)
	if c.Ticket == nil {
		c.note("It counts fewer nonces than shares: the two are not compared.")
	}
}

// NewTicketBalance compares shares, whose difficulties add up to work and are at most pool, with tickets of difficulty ticket. It
// returns nil where that makes no sense: a ticket harder than a share, fewer tickets than shares, or what is no number above 0.
//
// Of tickets of one pool difficulty so many are shares as a binomial variable says. Where the difficulty varied, each share is weighed with its own: the
// sum of weights has the mean tickets·ticket, whatever the difficulties were, and at most the variance tickets·ticket·(pool-ticket).
func NewTicketBalance(tickets, ticket, shares, work, pool float64) *TicketBalance {
	for _, v := range []float64{tickets, ticket, shares, work, pool} {
		if !(v > 0 && v < math.MaxFloat64) {
			return nil
		}
	}
	q := ticket / pool
	if q >= 1 || shares > tickets {
		return nil
	}
	b := &TicketBalance{Tickets: tickets, Difficulty: ticket, Shares: shares, Pool: pool}
	b.Exact = math.Abs(work-shares*pool) <= 1e-9*work
	if b.Exact {
		b.Expected = tickets * q
		b.Z = (shares - b.Expected) / math.Sqrt(b.Expected*(1-q))
		b.P = 1
		if shares < tickets {
			b.P = clampProbability(mathext.RegIncBeta(tickets-shares, shares+1, 1-q))
		}
	} else {
		b.Expected = shares * tickets * ticket / work // of the mean difficulty
		b.Z = (work/(tickets*ticket) - 1) / math.Sqrt((pool/ticket-1)/tickets)
		b.P = math.Erfc(-b.Z/math.Sqrt2) / 2
	}
	if known(b.Expected) == nil || known(b.Z) == nil || known(b.P) == nil {
		return nil
	}
	return b
}

// silence fills in how long nothing came.
func (c *ClaimWork) silence(r *telemetry.Reading) {
	if c.Silent = known(r.LastShareAge); c.Silent == nil {
		return
	}
	active := r.Uptime - r.LastShareAge
	if !(r.Accepted > 0 && active > 0) {
		return
	}
	c.Missed = known(r.Accepted / active * r.LastShareAge)
	if *c.Missed > 7 { // once in a thousand
		c.note("It was silent for %s at this moment, in which %s shares were to be expected: the average since the start hides that.",
			spanWords(r.LastShareAge), three(*c.Missed))
	}
}

// HolmClaimWork corrects the probabilities of all machines that were looked at for their number (Holm 1979): whoever looks at twenty
// honest ones will find one below 0.05. It changes Holm and CarefulHolm, and returns how many looks there were.
func HolmClaimWork(all []*ClaimWork) (looks int) {
	holm := func(get func(*ClaimWork) *float64, set func(*ClaimWork, *float64)) int {
		var tested []*ClaimWork
		for _, c := range all {
			if set(c, nil); get(c) != nil {
				tested = append(tested, c)
			}
		}
		slices.SortStableFunc(tested, func(a, b *ClaimWork) int {
			switch {
			case *get(a) < *get(b):
				return -1
			case *get(a) > *get(b):
				return 1
			}
			return 0
		})
		highest := 0.0
		for i, c := range tested {
			highest = math.Max(highest, math.Min(1, float64(len(tested)-i)**get(c)))
			set(c, known(highest))
		}
		return len(tested)
	}
	looks = holm(func(c *ClaimWork) *float64 { return c.P }, func(c *ClaimWork, p *float64) { c.Holm = p })
	holm(func(c *ClaimWork) *float64 { return c.Careful }, func(c *ClaimWork, p *float64) { c.CarefulHolm = p })
	return looks
}
