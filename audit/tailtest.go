package audit

import (
	"fmt"
	"math"
)

// tailTest bets that shares above some difficulty are missing.
//
// Of a share that had to achieve D an honest machine's past says nothing about what it achieves, beyond P(d ≥ X) = D/X. If a part q
// of all shares of at least X is kept back, fewer of those that come are that high. So for each threshold X above D and fraction q
// a stake is multiplied by 1/(1-qD/X) if d < X, else by (1-q)/(1-qD/X): the mean of that is 1, whatever X, q, D and the past. The
// mean of all stakes is an e-process: an honest machine brings it to 1/alpha, ever, with a probability of alpha at most.
//
// X runs over X₀·2^(i/2), i = 1…80, where X₀ is the largest power of two that is not above the first difficulty asked for, so that
// all of it is fixed before the first share is looked at. Half octaves cost next to nothing where a machine cuts at a power of two,
// and save a third of the shares where it cuts between.
//
// A share costs little: shares that had to achieve the same are only counted, and so are exceedances, as a difference array. The
// stakes are worked out when that difficulty changes, and when their mean may be higher than ever: stakes grow at most as if no share
// exceeded anything, which says how many shares that takes.
type tailTest struct {
	// Low says that X₀ is 2^Low.
	Low    int    `json:"low"`
	Shares uint64 `json:"shares"`
	// Work is the sum of the difficulties asked for, Largest the highest achieved, Network that of the latest job that had one.
	Work    float64 `json:"work"`
	Largest float64 `json:"largest"`
	Network float64 `json:"network"`
	// Stakes are the sums of -ln(1-qD/X), Expected those of min(1, D/X), and Over the numbers of shares with D ≥ X, of shares that
	// are folded in; level 0 is only for the drawing.
	Stakes   [tailLevels][len(tailFractions)]float64 `json:"stakes"`
	Expected [tailLevels]float64                     `json:"expected"`
	Over     [tailLevels]uint64                      `json:"over"`
	// Above are the numbers of shares with D < X ≤ d, of all shares, as differences from level to level.
	Above [tailLevels + 1]int64 `json:"above"`
	// Recent are shares that are only counted yet, by what they had to achieve; Turn is the next to be folded in.
	Recent [4]tailGroup `json:"recent"`
	Turn   int          `json:"turn"`
	// Until Next shares the mean can't exceed its peak. Soon is when it is looked at next in any case, Watch the level whose
	// exceedance makes that sooner.
	Next   uint64 `json:"next"`
	Soon   uint64 `json:"soon"`
	Watch  int    `json:"watch"`
	Summit summit `json:"summit"`
}

// tailGroup counts shares that had to achieve the same difficulty.
type tailGroup struct {
	Floor  float64 `json:"floor"`
	Shares uint64  `json:"shares"`
	// Exceeded is the lowest level above the floor.
	Exceeded int `json:"exceeded"`
}

const (
	tailLevels = 81
	// tailSpacing is how many shares there are between two looks at the peak, about; later it is a part of all shares. What is looked at
	// less often is no less valid, and at the end the value counts too.
	tailSpacing = 8
)

var (
	tailFractions = [4]float64{0.25, 0.5, 0.9, 1}
	tailWeights   = [4]float64{0.2, 0.2, 0.2, 0.4}

	// tailLogWeights are the logarithms of the weights of all stakes. High thresholds need so many shares that a smaller weight does
	// not matter there: a level k octaves up has 1/(k+4)².
	tailLogWeights = func() (w [tailLevels][len(tailFractions)]float64) {
		sum := 0.
		for i := 1; i < tailLevels; i++ {
			sum += 1 / square(float64(i)/2+4)
		}
		for i := 1; i < tailLevels; i++ {
			for j := range tailFractions {
				w[i][j] = math.Log(tailWeights[j] / square(float64(i)/2+4) / sum)
			}
		}
		return w
	}()
)

func square(v float64) float64 { return v * v }

// threshold returns X at a level.
func (t *tailTest) threshold(level int) float64 {
	m := 1.
	if level&1 != 0 {
		m = math.Sqrt2
	}
	return math.Ldexp(m, t.Low+level>>1)
}

// level returns the highest level that difficulty d reaches, -1 for none.
func (t *tailTest) level(d float64) int {
	m, e := math.Frexp(d) // ½ ≤ m < 1
	i := 2 * (e - 1 - t.Low)
	if m >= math.Sqrt2/2 {
		i++
	}
	return max(-1, min(i, tailLevels-1))
}

// arrive takes in a share.
func (t *tailTest) arrive(a *arrival) {
	if !(a.floor > 0 && a.difficulty >= a.floor && a.difficulty <= math.MaxFloat64) || t.Work+a.floor > math.MaxFloat64 {
		return
	}
	if t.Shares == 0 {
		t.begin(a.floor)
	}
	if a.job != nil && a.job.Network > 0 && a.job.Network <= math.MaxFloat64 {
		t.Network = a.job.Network
	}
	high := t.level(a.difficulty)
	if t.Shares >= t.Next && (t.Shares >= t.Soon || high >= t.Watch) {
		t.evaluate(a)
	}
	g := t.group(a.floor)
	g.Shares++
	t.Shares++
	t.Work += a.floor
	t.Largest = max(t.Largest, a.difficulty)
	if high >= g.Exceeded {
		t.Above[g.Exceeded]++
		t.Above[high+1]--
	}
}

// begin fixes the thresholds.
func (t *tailTest) begin(floor float64) {
	_, e := math.Frexp(floor)
	t.Low = max(-900, min(e-1, 900)) // thresholds stay finite
}

// group returns the one that counts shares which had to achieve floor.
func (t *tailTest) group(floor float64) *tailGroup {
	for i := range t.Recent {
		if g := &t.Recent[i]; g.Floor == floor {
			return g
		}
	}
	g := &t.Recent[t.Turn]
	t.Turn = (t.Turn + 1) % len(t.Recent)
	t.fold(g)
	*g = tailGroup{Floor: floor, Exceeded: t.level(floor) + 1}
	t.Next = t.Shares // some stakes may grow faster now
	return g
}

// fold adds a group's shares to the sums and empties it.
func (t *tailTest) fold(g *tailGroup) {
	if g.Shares == 0 {
		return
	}
	n := float64(g.Shares)
	for i := range tailLevels {
		if i < g.Exceeded {
			t.Expected[i] += n
			t.Over[i] += g.Shares
			continue
		}
		p := g.Floor / t.threshold(i)
		t.Expected[i] += n * p
		for j, q := range tailFractions {
			t.Stakes[i][j] += n * growth(p*q)
		}
	}
	g.Shares = 0
}

// maxGrowth is more than growth returns of any x below 1 that numbers can tell from 1.
const maxGrowth = 40

// growth returns -ln(1-x).
func growth(x float64) float64 {
	if x < 1e-4 {
		return x * (1 + x*(1./2+x*(1./3+x/4)))
	}
	return -math.Log1p(-x)
}

// terms returns the logarithms of all stakes, each with that of its weight; -Inf for stakes that are lost. All groups have to be
// folded in.
func (t *tailTest) terms(terms *[tailLevels][len(tailFractions)]float64) {
	terms[0] = [len(tailFractions)]float64{math.Inf(-1), math.Inf(-1), math.Inf(-1), math.Inf(-1)}
	seen := t.Above[0]
	for i := 1; i < tailLevels; i++ {
		seen += t.Above[i]
		for j, q := range tailFractions {
			terms[i][j] = tailLogWeights[i][j] + t.Stakes[i][j]
			switch {
			case seen == 0:
			case q == 1:
				terms[i][j] = math.Inf(-1)
			default:
				terms[i][j] += float64(seen) * tailLosses[j]
			}
		}
	}
}

var tailLosses = [len(tailFractions)]float64{math.Log(0.75), math.Log(0.5), math.Log(0.1), math.Inf(-1)}

// tailSum is logSumExp over all terms.
func tailSum(terms *[tailLevels][len(tailFractions)]float64) float64 {
	highest := math.Inf(-1)
	for i := range terms {
		for _, l := range terms[i] {
			highest = max(highest, l)
		}
	}
	sum := 0.
	for i := range terms {
		for _, l := range terms[i] {
			if l > highest-40 {
				sum += math.Exp(l - highest)
			}
		}
	}
	return highest + math.Log(sum)
}

// evaluate brings the peak up to date and says when it has to be looked at again. a is the share that comes next.
func (t *tailTest) evaluate(a *arrival) {
	for i := range t.Recent {
		t.fold(&t.Recent[i])
	}
	var terms [tailLevels][len(tailFractions)]float64
	t.terms(&terms)
	value := tailSum(&terms)
	t.Summit.reach(value, a.at)

	// The lowest level above the floor that holds a part of the mean worth mentioning: an exceedance of it may end a run.
	t.Watch = tailLevels
	for i := tailLevels - 1; i > max(0, t.level(a.floor)); i-- {
		for _, l := range terms[i] {
			if l > value-1.5 {
				t.Watch = i
			}
		}
	}
	t.Soon = t.Shares + max(tailSpacing, t.Shares/32)
	t.Next = t.Shares + max(tailSpacing/2, t.Shares/64)
	if value >= t.Summit.Peak-0.01 {
		return
	}
	// Is it above its peak after an eighth more shares, if none exceeds anything and all are of the difficulty that makes a stake grow
	// most? (Of those of late; when another one comes, Next is put aside.)
	ahead := max(2*tailSpacing, t.Shares/8)
	for i := 1; i < tailLevels; i++ {
		x, floor := t.threshold(i), 0.
		for k := range t.Recent {
			if g := &t.Recent[k]; g.Exceeded <= i {
				floor = max(floor, g.Floor)
			}
		}
		for j, q := range tailFractions {
			terms[i][j] += float64(ahead) * growth(q*floor/x)
		}
	}
	if tailSum(&terms) <= t.Summit.Peak {
		t.Next = t.Shares + ahead
	}
}

// folded returns a copy in which all shares are in the sums.
func (t *tailTest) folded() *tailTest {
	c := *t
	for i := range c.Recent {
		c.fold(&c.Recent[i])
	}
	return &c
}

// logE returns the logarithm of the e-value now.
func (t *tailTest) logE() float64 {
	if t.Shares == 0 {
		return 0
	}
	var terms [tailLevels][len(tailFractions)]float64
	t.folded().terms(&terms)
	return tailSum(&terms)
}

// merge adds what o saw later, of the same machine. Where both have a threshold their stakes are multiplied; where only t has one, it
// stood still meanwhile, which is as honest a bet; those that only o has are dropped. So merged parts are the whole where both began
// at difficulties of the same octave, but for peaks within the later part, which are not known of the sum.
func (t *tailTest) merge(o *tailTest) {
	if o.Shares == 0 {
		return
	}
	if t.Shares == 0 {
		*t = *o
		t.Summit = o.Summit.clone()
		return
	}
	for i := range t.Recent {
		t.fold(&t.Recent[i])
	}
	c := o.folded()
	shift := 2 * (t.Low - c.Low)
	seen := int64(0)
	var counts [tailLevels]int64
	for i := range tailLevels {
		seen += c.Above[i]
		counts[i] = seen
	}
	before := int64(0)
	for i := range tailLevels {
		from, n := i+shift, int64(0)
		switch {
		case from < 0, from == 0 && i > 0, from >= tailLevels: // o did not bet there
		default:
			n = counts[from]
			t.Expected[i] += c.Expected[from]
			t.Over[i] += c.Over[from]
			for j := range tailFractions {
				t.Stakes[i][j] += c.Stakes[from][j]
			}
		}
		t.Above[i] += n - before
		before = n
	}
	t.Above[tailLevels] -= before
	t.Shares = addClamped(t.Shares, c.Shares)
	t.Work = min(t.Work+c.Work, math.MaxFloat64)
	t.Largest = max(t.Largest, c.Largest)
	if c.Network > 0 {
		t.Network = c.Network
	}
	t.Summit = t.Summit.clone()
	t.Next, t.Soon, t.Watch = t.Shares, t.Shares, 0
}

// check says what is wrong with a state that was read back.
func (t *tailTest) check() error {
	if err := t.Summit.check(); err != nil {
		return err
	}
	if err := checkSum("a sum", t.Work, t.Largest, t.Network); err != nil {
		return err
	}
	if t.Low < -900 || t.Low > 900 || t.Turn < 0 || t.Turn >= len(t.Recent) || t.Shares > 1<<62 || t.Watch < 0 || t.Watch > tailLevels {
		return fmt.Errorf("lowest threshold 2^%d, %d shares, turn %d: can't be", t.Low, t.Shares, t.Turn)
	}
	counted := uint64(0)
	for _, g := range t.Recent {
		if err := checkSum("a difficulty", g.Floor); err != nil {
			return err
		}
		if g.Shares > t.Shares || g.Shares > 0 && (g.Floor == 0 || g.Exceeded != t.level(g.Floor)+1) || g.Exceeded < 0 ||
			g.Exceeded > tailLevels {
			return fmt.Errorf("%d of %d shares of difficulty %v: can't be", g.Shares, t.Shares, g.Floor)
		}
		counted += g.Shares
	}
	if counted > t.Shares || t.Shares > 0 && (t.Work == 0 || t.Largest == 0) {
		return fmt.Errorf("%d shares, %d of them recent, of work %v: can't be", t.Shares, counted, t.Work)
	}
	seen := int64(0)
	for i := range tailLevels {
		if t.Above[i] < -int64(t.Shares) || t.Above[i] > int64(t.Shares) {
			return fmt.Errorf("%d of %d shares at level %d: can't be", t.Above[i], t.Shares, i)
		}
		seen += t.Above[i]
		if seen < 0 || uint64(seen) > t.Shares || t.Over[i] > t.Shares {
			return fmt.Errorf("%d of %d shares above level %d: can't be", seen, t.Shares, i)
		}
		for _, stake := range t.Stakes[i] {
			if !(stake >= 0 && stake <= maxGrowth*float64(t.Shares)) {
				return fmt.Errorf("stake of %v after %d shares: can't be", stake, t.Shares)
			}
		}
		if !(t.Expected[i] >= 0 && t.Expected[i] <= float64(t.Shares)*(1+1e-9)) {
			return fmt.Errorf("%v of %d shares expected: can't be", t.Expected[i], t.Shares)
		}
	}
	if t.Above[tailLevels] != -seen {
		return fmt.Errorf("exceedances don't add up")
	}
	return nil
}

// points returns how many shares reached X₀·2^k, k = 0…40, and how many were to be expected: as far up as there is something to draw.
func (t *tailTest) points() []TailPoint {
	if t.Shares == 0 {
		return nil
	}
	c := t.folded()
	var points []TailPoint
	seen := int64(0)
	for i := range tailLevels {
		seen += c.Above[i]
		if i&1 != 0 {
			continue
		}
		total := uint64(seen) + c.Over[i]
		if total == 0 && c.Expected[i] < 0.01 {
			break
		}
		points = append(points, TailPoint{Difficulty: c.threshold(i), Seen: total, Expected: c.Expected[i]})
	}
	return points
}

// ceiling returns the difficulty from which on nothing can be said of missing shares: see [CeilingOf]. 0 without shares.
func (t *tailTest) ceiling(alpha float64) float64 {
	x, err := CeilingOf(t.Work, alpha)
	if err != nil {
		return 0
	}
	return x
}

// largest returns the highest difficulty achieved by a share that counts, 0 without.
func (t *tailTest) largest() float64 { return t.Largest }

func (t *tailTest) finding(c *context) Finding {
	f := Finding{
		Test: TestTail, Kind: Evidence, Threshold: c.threshold,
		LogE: t.logE(), Limits: tailLimits(t.network(c), c.proven.Estimate, c.plan.Alpha),
	}
	f.Peak = t.Summit.with(f.LogE)
	f.Numbers = map[string]float64{"counted_shares": float64(t.Shares), "work_difficulty": t.Work, "largest_difficulty": t.Largest,
		"ceiling_difficulty": t.ceiling(c.plan.Alpha)}
	d := t.folded()
	var terms [tailLevels][len(tailFractions)]float64
	d.terms(&terms)

	// What could have been seen: the highest threshold whose stake on complete withholding would be an alarm, had nothing exceeded it.
	power := 0.
	for i := tailLevels - 1; i > 0 && power == 0; i-- {
		if d.Stakes[i][3]+tailLogWeights[i][3] >= c.threshold {
			power = d.threshold(i)
		}
	}
	if power > 0 {
		f.Power = fmt.Sprintf("Would have seen by now if all shares from difficulty %s on were kept back.", difficultyWords(power))
		f.Numbers["detectable_difficulty"] = power
	}
	best, fraction := 1, 0
	for i := 1; i < tailLevels; i++ {
		for j, l := range terms[i] {
			if l > terms[best][fraction] {
				best, fraction = i, j
			}
		}
	}
	seen, expected := d.reached(best)
	switch {
	case f.Peak >= c.threshold:
		f.State = Alarm
		f.Since = t.Summit.since(c.threshold)
		f.Numbers["missing_from_difficulty"] = d.threshold(best)
		f.Numbers["seen_shares"], f.Numbers["expected_shares"] = seen, expected
		f.Numbers["missing_part"] = missingPart(seen, expected)
		f.Words = d.alarmWords(best, seen, expected, f.Peak)
	case power > 0:
		f.State = Clear
		// Where about a hundred were to be expected, or as high as there is power.
		i := 1
		for i+1 < tailLevels && d.threshold(i+1) <= power && d.Expected[i+1] >= 100 {
			i++
		}
		seen, expected = d.reached(i)
		f.Words = fmt.Sprintf("No sign that high shares are missing: %s reached difficulty %s or more, and %s were to be expected.",
			countWords(uint64(seen)), difficultyWords(d.threshold(i)), numberWords(expected))
		f.Numbers["seen_shares"], f.Numbers["expected_shares"] = seen, expected
		f.Numbers["compared_difficulty"] = d.threshold(i)
	default:
		f.State = TooEarly
		// The stake at twice the difficulty grows by ln 2 with each share, if that is a power of two.
		need := (c.threshold - tailLogWeights[2][3]) / math.Ln2
		f.NeedShares = needShares(need - float64(t.Shares))
		f.Words = fmt.Sprintf("Too few shares to see whether high ones are missing: %s came.", countWords(t.Shares))
	}
	return f
}

// reached returns how many shares reached a level, and how many were to be expected. All groups have to be folded in.
func (t *tailTest) reached(level int) (seen, expected float64) {
	for i := 0; i <= level; i++ {
		seen += float64(t.Above[i])
	}
	return seen + float64(t.Over[level]), t.Expected[level]
}

func missingPart(seen, expected float64) float64 {
	if !(expected > seen) {
		return 0
	}
	return 1 - seen/expected
}

func (t *tailTest) alarmWords(level int, seen, expected, peak float64) string {
	x := difficultyWords(t.threshold(level))
	var what string
	switch part := missingPart(seen, expected); {
	case seen == 0 && expected > 0:
		what = fmt.Sprintf("Shares from difficulty %s on are missing: none came where %s were to be expected.", x, numberWords(expected))
	case part > 0:
		what = fmt.Sprintf("Shares from difficulty %s on are missing: %s came where %s were to be expected, so about %s are not there.",
			x, countWords(uint64(seen)), numberWords(expected), percentWords(part))
	default: // long ago
		what = "High shares were missing for some time, though by now they come as often as they should."
	}
	return fmt.Sprintf("%s The odds against this being chance are %s.", what, oddsWords(peak))
}

// network returns the difficulty of a block, 0 if not known.
func (t *tailTest) network(c *context) float64 {
	if c.plan.NetworkDifficulty > 0 {
		return c.plan.NetworkDifficulty
	}
	return t.Network
}

// tailLimits says what no test of shares sees, and how long it would take.
func tailLimits(network, rate, alpha float64) string {
	text := "A machine that keeps back only shares that are blocks can't be caught this way"
	seconds, err := BlockTime(rate, network, alpha)
	if err != nil || math.IsInf(seconds, 0) {
		return text + ": for one machine that takes centuries."
	}
	return fmt.Sprintf("%s: at %s and a network difficulty of %s it would take %s until the blocks that don't come prove something. "+
		"Nor does it see what is kept back from difficulties that the machine is not expected to reach.",
		text, rateWords(rate), difficultyWords(network), spanWords(seconds))
}
