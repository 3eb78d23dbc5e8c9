package audit

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"time"
)

// workTest looks at how the device goes through its work: version bits, extranonce2 in order or with holes, ntime.
//
// A machine counts extranonce2 up: cgminer from 0 at each clean job and on through the others, in little-endian order, ESP-Miner
// from 0 at each job. Every value is worth the same work, so that of so many values in a row without a share the probability is
// e^-(shares to be expected of them). What was counted and gave nothing was computed for somebody else, or thrown away. Only values
// between two shares of one job are looked at: when jobs change, honest machines throw work away that was made ahead.
type workTest struct {
	Version versionUse    `json:"version"`
	NTime   ntimeUse      `json:"ntime"`
	Order   extranonceUse `json:"extranonce2"`
}

// versionUse counts how often version bits were set, of those that are granted.
type versionUse struct {
	Shares uint64     `json:"shares"`
	Mask   uint32     `json:"mask,omitzero"` // the latest
	Ones   [32]uint64 `json:"ones,omitzero"`
	Bare   uint64     `json:"bare,omitzero"` // shares without version bits where they were granted
}

// ntimeUse compares how far a share's time is behind its job's with how long after the job it came.
type ntimeUse struct {
	Shares uint64  `json:"shares"`
	Zero   uint64  `json:"zero"`  // the job's own time
	Clock  uint64  `json:"clock"` // as many seconds later as the share came, to three
	XX     float64 `json:"xx"`
	XY     float64 `json:"xy"`
	Most   float64 `json:"most"` // seconds
}

// extranonceUse follows the counter.
type extranonceUse struct {
	Size int `json:"size,omitzero"` // of extranonce2, in bytes
	// Learning: pairs of shares in one job, and how many go up by little when read in either order.
	Pairs  uint64     `json:"pairs"`
	Upward [2]uint64  `json:"upward,omitzero"`
	Steps  [2]float64 `json:"steps,omitzero"`
	Reads  int        `json:"order,omitzero"` // order* below
	// The counter in the job of the last share: highest value, and how many shares of the job there were.
	Job    uint64 `json:"job,omitzero"`
	High   uint64 `json:"high,omitzero"`
	InJob  uint64 `json:"in_job,omitzero"`
	Clean  uint64 `json:"clean,omitzero"` // number of the last clean job
	Anew   uint64 `json:"anew,omitzero"`  // jobs, not clean, at which the counter began anew
	GoesOn uint64 `json:"goes_on,omitzero"`
	// Events were found in Exposure, which is values over difficulty: their quotient is the work of a value. The first and the last share of a
	// job are where its exposure begins and ends, and are no events: between them they are a Poisson process.
	Events   uint64  `json:"events"`
	Exposure float64 `json:"exposure"`
	Low      float64 `json:"low"` // lower bound of the work of a value, in difficulty
	Next     uint64  `json:"next,omitzero"`
	// Jumps are the longest stretches without a share, by the shares that were to be expected in them at least; the longest first.
	Jumps []jump `json:"jumps,omitempty"`
}

// jump is a stretch of values that was stepped over.
type jump struct {
	At     time.Time `json:"at"`
	Values float64   `json:"values"`
	Nats   float64   `json:"nats"`
}

const (
	orderUnknown = iota
	orderLittle
	orderBig
	orderNone
)

const (
	learnPairs    = 64
	smallStep     = 1 << 20 // of a counter; the wrong byte order makes steps of 2^24 and more of it, if it has four bytes
	behindCounter = 256     // values that are in work at the same time
	maxJumps      = 8
	keptJump      = 7 // nats
	lowAlpha      = 1e-9
)

func (t *workTest) job(j *Job) {
	if j.Clean {
		t.Order.Clean = j.Number
	}
}

// cut says that shares may have been missed: what is counted between two shares begins anew.
func (t *workTest) cut() { t.Order.InJob, t.Order.Job = 0, 0 }

func (t *workTest) arrive(a *arrival) {
	s, j := a.share, a.job
	if s == nil || j == nil {
		return
	}
	t.Version.share(s, j)
	if !j.Late {
		t.NTime.share(s, j)
	}
	if j.Number == s.Job {
		t.Order.share(a)
	}
}

func (v *versionUse) share(s *Share, j *Job) {
	if j.Mask == 0 {
		return
	}
	if !s.Bits {
		v.Bare++
		return
	}
	if j.Mask != v.Mask {
		*v = versionUse{Mask: j.Mask, Bare: v.Bare} // other bits, other counts
	}
	v.Shares++
	for b := s.VersionBits & j.Mask; b != 0; b &= b - 1 {
		v.Ones[bits.TrailingZeros32(b)]++
	}
}

func (n *ntimeUse) share(s *Share, j *Job) {
	x, y := s.Time.Sub(j.Time).Seconds(), float64(int64(s.NTime)-int64(j.NTime))
	if !(x >= 0 && x < 86400) || math.Abs(y) > 86400 {
		return
	}
	n.Shares++
	if y == 0 {
		n.Zero++
	}
	if math.Abs(y-x) <= 3 {
		n.Clock++
	}
	n.XX += x * x
	n.XY += x * y
	n.Most = max(n.Most, y)
}

// counters reads extranonce2 in both orders.
func counters(s *Share) (little, big uint64) {
	n := min(max(s.Extranonce2Size, 0), 8)
	var b [8]byte
	copy(b[:], s.Extranonce2[:n])
	little = binary.LittleEndian.Uint64(b[:])
	big = binary.BigEndian.Uint64(b[:]) >> (64 - 8*n)
	if n == 0 {
		big = 0
	}
	return little, big
}

func (o *extranonceUse) share(a *arrival) {
	s, j := a.share, a.job
	if s.Extranonce2Size <= 0 {
		return
	}
	if s.Extranonce2Size != o.Size {
		*o = extranonceUse{Size: s.Extranonce2Size, Clean: o.Clean, Jumps: o.Jumps}
	}
	little, big := counters(s)
	if o.Reads == orderUnknown {
		o.learn(little, big, j)
		return
	}
	if o.Reads == orderNone {
		return
	}
	v := little
	if o.Reads == orderBig {
		v = big
	}
	switch {
	case j.Number < o.Job:
		return // of an older job, late
	case j.Number != o.Job:
		if o.Job != 0 && o.Clean != j.Number && o.InJob > 0 {
			if v < o.High/2 {
				o.Anew++
			} else if v >= o.High {
				o.GoesOn++
			}
		}
		o.Job, o.High, o.InJob = j.Number, v, 1
		return
	}
	o.InJob++
	step := 0.
	if v > o.High {
		step = float64(v - o.High)
		o.High = v
	}
	if step >= 1<<40 { // no counter
		o.InJob, o.Job = 0, 0
		return
	}
	// One value may be in work all the time between: stretches are what lies between two of them.
	if o.Low > 0 && step > 1 {
		if nats := (step - 1) * o.Low / a.floor; nats >= keptJump {
			o.keep(jump{At: a.at, Values: step - 1, Nats: nats})
		}
	}
	o.Exposure += step / a.floor
	if o.InJob == 3 {
		o.Exposure += 1 / a.floor // the first and the last value are counted whole: never too little
	}
	if o.InJob > 2 {
		o.Events++
	}
	if o.Events >= o.Next {
		o.Next = o.Events + max(16, o.Events/8)
		if low, err := AtLeast(o.Events, lowAlpha); err == nil && o.Exposure > 0 {
			o.Low = min(low/o.Exposure, math.MaxFloat32)
		}
	}
}

// learn finds out in which order the counter is to be read.
func (o *extranonceUse) learn(little, big uint64, j *Job) {
	if j.Number != o.Job {
		if j.Number > o.Job {
			o.Job, o.InJob = j.Number, 1
			o.High = little
		}
		return
	}
	o.InJob++
	if little == o.High {
		return // the same value tells nothing of an order
	}
	o.Pairs++
	for i, pair := range [2][2]uint64{{o.High, little}, {o.big(), big}} {
		step := float64(pair[1]) - float64(pair[0])
		if step >= -behindCounter && step <= smallStep {
			o.Upward[i]++
			o.Steps[i] += max(0, step)
		}
	}
	o.High = little
	if o.Pairs < learnPairs {
		return
	}
	best := 0
	if o.Upward[1] > o.Upward[0] || o.Upward[1] == o.Upward[0] && o.Steps[1] < o.Steps[0] {
		best = 1
	}
	o.Reads = orderNone
	if o.Upward[best]*20 >= o.Pairs*19 {
		o.Reads = orderLittle + best
	}
	o.Job, o.InJob = 0, 0
}

// big is the last value as a big-endian number, which is the little-endian one with its bytes turned around.
func (o *extranonceUse) big() uint64 {
	return bits.ReverseBytes64(o.High) >> (64 - 8*min(max(o.Size, 1), 8))
}

func (o *extranonceUse) keep(j jump) {
	at := len(o.Jumps)
	for at > 0 && o.Jumps[at-1].Nats < j.Nats {
		at--
	}
	if at >= maxJumps {
		return
	}
	o.Jumps = append(o.Jumps, jump{})
	copy(o.Jumps[at+1:], o.Jumps[at:])
	o.Jumps[at] = j
	o.Jumps = o.Jumps[:min(len(o.Jumps), maxJumps)]
}

// merge adds a later part. What lies between the last share of one and the first of the other is not looked at.
func (t *workTest) merge(o *workTest) {
	if t.Version.Mask == o.Version.Mask || t.Version.Shares == 0 {
		t.Version.Mask = o.Version.Mask
		t.Version.Shares += o.Version.Shares
		for i := range t.Version.Ones {
			t.Version.Ones[i] += o.Version.Ones[i]
		}
	} else if o.Version.Shares > 0 {
		bare := t.Version.Bare
		t.Version = o.Version
		t.Version.Bare = bare
	}
	t.Version.Bare += o.Version.Bare
	t.NTime.Shares += o.NTime.Shares
	t.NTime.Zero += o.NTime.Zero
	t.NTime.Clock += o.NTime.Clock
	t.NTime.XX += o.NTime.XX
	t.NTime.XY += o.NTime.XY
	t.NTime.Most = max(t.NTime.Most, o.NTime.Most)
	a, b := &t.Order, &o.Order
	switch {
	case a.Size == 0 || b.Size != 0 && (a.Size != b.Size || a.Reads == orderUnknown && b.Reads != orderUnknown):
		was := *a
		*a = *b
		a.Jumps = append([]jump(nil), b.Jumps...)
		for _, j := range was.Jumps {
			a.keep(j)
		}
	case b.Size != 0:
		for _, j := range b.Jumps {
			a.keep(j)
		}
		if a.Reads == b.Reads && a.Reads != orderUnknown {
			a.Events += b.Events
			a.Exposure += b.Exposure
			a.Anew += b.Anew
			a.GoesOn += b.GoesOn
		} else if a.Reads == orderUnknown {
			a.Pairs += b.Pairs
			for i := range a.Upward {
				a.Upward[i] += b.Upward[i]
				a.Steps[i] += b.Steps[i]
			}
		}
		a.Job, a.InJob, a.Clean = 0, 0, b.Clean
	}
	a.Next = 0
	t.cut()
}

// check says what is wrong with a state that was read.
func (t *workTest) check() error {
	v, n, o := &t.Version, &t.NTime, &t.Order
	for _, ones := range v.Ones {
		if ones > v.Shares {
			return errors.New("work: more version bits than shares")
		}
	}
	if n.Zero > n.Shares || n.Clock > n.Shares || !(math.Abs(n.XY) <= math.MaxFloat64) {
		return errors.New("work: times that can't be")
	}
	if o.Size < 0 || o.Size > 1<<20 || o.Reads < orderUnknown || o.Reads > orderNone || o.Upward[0] > o.Pairs || o.Upward[1] > o.Pairs || len(o.Jumps) > maxJumps {
		return errors.New("work: an extranonce2 that can't be")
	}
	for _, j := range o.Jumps {
		if err := checkSum("work: a jump", j.Values, j.Nats); err != nil {
			return err
		}
	}
	return checkSum("work: a sum", n.XX, n.Most, o.Exposure, o.Low, o.Steps[0], o.Steps[1])
}

func (t *workTest) findings(c *context) []Finding {
	all := []Finding{t.Order.finding(c), t.Version.finding()}
	if f := t.NTime.finding(); f != nil {
		all = append(all, *f)
	}
	return all
}

func (v *versionUse) finding() Finding {
	f := Finding{Test: TestVersion, Kind: Description, State: NotApplicable, Numbers: map[string]float64{"shares_with_version_bits": float64(v.Shares), "shares_without_version_bits": float64(v.Bare)},
		Limits: "Chips count version bits up from 0 with each job, so the highest are used only by jobs that last: that is no fault."}
	switch {
	case v.Shares == 0 && v.Bare == 0:
		f.Words = "No version bits were granted, as far as the record shows."
		return f
	case v.Shares == 0:
		f.State = Clear
		f.Words = fmt.Sprintf("It may roll version bits, and does not: none of %s shares has any.", countWords(v.Bare))
		return f
	}
	granted := bits.OnesCount32(v.Mask)
	moving, fixed := 0, uint32(0)
	for i := range 32 {
		if v.Mask>>i&1 == 0 {
			continue
		}
		if v.Ones[i] > 0 && v.Ones[i] < v.Shares {
			moving++
		} else {
			fixed |= 1 << i
		}
		f.Numbers[fmt.Sprintf("bit_%d_ones_fraction", i)] = float64(v.Ones[i]) / float64(v.Shares)
	}
	f.Numbers["granted_bits"], f.Numbers["rolled_bits"] = float64(granted), float64(moving)
	const few = 64
	switch {
	case v.Shares < few:
		f.State, f.NeedShares = TooEarly, float64(few-v.Shares)
		f.Words = fmt.Sprintf("%s shares so far use %d of the %d version bits that are granted.", countWords(v.Shares), moving, granted)
	case fixed == 0:
		f.State, f.Words = Clear, fmt.Sprintf("It rolls all %d version bits that are granted.", granted)
	case moving == 0:
		f.State, f.Words = Clear, fmt.Sprintf("It rolls none of the %d version bits that are granted, and has to change extranonce2 more often.", granted)
	default:
		f.State = Clear
		f.Words = fmt.Sprintf("It rolls %d of the %d version bits that are granted; those of %08x never change.", moving, granted, fixed)
	}
	return f
}

func (n *ntimeUse) finding() *Finding {
	if n.Shares < 32 {
		return nil
	}
	f := &Finding{Test: TestNTime, Kind: Description, State: Clear, Numbers: map[string]float64{"shares": float64(n.Shares), "job_time_fraction": float64(n.Zero) / float64(n.Shares),
		"clock_fraction": float64(n.Clock) / float64(n.Shares), "largest_seconds": n.Most}, Limits: "Firmware differs in this; either way is honest."}
	slope := 0.
	if n.XX > 0 {
		slope = n.XY / n.XX
		f.Numbers["slope"] = slope
	}
	switch {
	case n.Zero == n.Shares:
		f.Words = "It leaves the time of its jobs as it is."
	case n.Clock*10 >= n.Shares*9:
		f.Words = "The time in its shares follows the clock."
	default:
		f.Words = fmt.Sprintf("The time in its shares advances by %.2f s a second, up to %s s after that of the job: a way of its own to make more work.", slope, numberWords(math.Round(n.Most)))
	}
	return f
}

func (o *extranonceUse) finding(c *context) Finding {
	f := Finding{Test: TestExtranonce2, Kind: Description, State: NotApplicable, Numbers: map[string]float64{"pairs": float64(o.Pairs), "shares_in_order": float64(o.Events)},
		Limits: "It sees work only that was counted from the same counter and in the time of one job. Work for others that is made with a counter of its own leaves no trace here, nor does every other value: that shows in the rate alone."}
	switch {
	case o.Size == 0:
		f.Words = "Nothing was seen of extranonce2."
		return f
	case o.Reads == orderUnknown:
		f.State, f.NeedShares = TooEarly, float64(learnPairs-min(o.Pairs, learnPairs))
		f.Words = "Too few shares of the same job to say how it counts extranonce2."
		return f
	case o.Reads == orderNone:
		f.Words = "It does not count extranonce2 up, so holes in it tell nothing."
		return f
	}
	order := map[int]string{orderLittle: "first byte first (little-endian)", orderBig: "last byte first (big-endian)"}[o.Reads]
	how := fmt.Sprintf("It counts extranonce2 up, %s", order)
	switch {
	case o.Anew > 4*o.GoesOn && o.Anew >= 4:
		how += ", from 0 with each job"
	case o.GoesOn > 4*o.Anew && o.GoesOn >= 4:
		how += ", on through jobs that are not clean"
	}
	limit := math.Log(c.plan.DropARL)
	if o.Low == 0 {
		f.State, f.NeedShares = TooEarly, 64
		f.Words = how + "; too few shares of the same job to say what a value is worth."
		return f
	}
	f.Kind = Surveillance
	f.FalseAlarms = fmt.Sprintf("one in %s shares", numberWords(c.plan.DropARL))
	f.Numbers["least_work_per_value_difficulty"] = o.Low
	longest := 0.
	told := 0
	for _, j := range o.Jumps {
		longest = max(longest, j.Nats)
		if j.Nats >= limit {
			told++
		}
	}
	f.Numbers["longest_empty_expected_shares"], f.Numbers["empty_stretches"] = longest, float64(told)
	f.Power = fmt.Sprintf("It sees a stretch in which about %s shares were to be expected, in one job.", numberWords(math.Ceil(limit)))
	if longest < limit {
		f.State = Clear
		f.Words = how + ", and no long stretch of it came back empty."
		return f
	}
	j := o.Jumps[0]
	f.State, f.Since, f.At = Alarm, j.At, j.At
	for _, k := range o.Jumps {
		if k.Nats >= limit && k.At.Before(f.Since) {
			f.Since = k.At
		}
	}
	f.Words = fmt.Sprintf("%s, and stepped over %s values in which at least %s shares were to be expected, and none came (%s): that work was done for somebody else, or thrown away.",
		how, numberWords(j.Values), numberWords(math.Floor(j.Nats)), map[bool]string{true: "once", false: countWords(uint64(told)) + " such stretches"}[told == 1])
	return f
}
