package audit

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"time"
)

// cellTest counts shares by chip, core and part of the nonce space, and bets that some are dead or weak.
//
// Where the chip's layout is known, a sound core gives its part of all shares, less the plan's CellWeakness: a bet from the first
// share on. Everything else is learned from the device's own first shares (256 of them, and again after four times as many, and so on,
// so that a chip that dies late is found too), and bets on the shares after those. Besides single cells there are bets on pairs of
// neighbours, on fours and so on up to halves: where much is missing at once, few shares tell. What is bet on a cell is a nonnegative
// supermartingale for a sound device (the learned ones are not more than one), and so is their mean with weights fixed beforehand,
// whatever the device's rate and luck.
//
// What is kept are counts: bytes of nonces, and two maps of pairs of bytes. Merging adds them. The bet from the first share on is that of
// the whole then, exactly; the learned ones of the later part start anew.
type cellTest struct {
	N     uint64     `json:"n"`
	Bytes [4]packed  `json:"bytes,omitempty"` // 256 each, first byte first
	Chips packed     `json:"chips,omitempty"` // fieldAddress * 16 + core / 8, as BM136x number them
	Map   packed     `json:"map,omitempty"`   // upper five bits of the last byte * 32 + those of the first
	Model string     `json:"model,omitempty"` // name of the layout
	Other string     `json:"other,omitempty"` // what else the device said to be
	Fixed bool       `json:"fixed,omitzero"`  // the plan says the model
	Unfit uint64     `json:"unfit,omitzero"`  // shares before the layout was found not to fit; 0 if it fits
	Odd   bool       `json:"odd,omitzero"`    // chips are numbered otherwise than the machine's layout says: they are learned
	Loss  float64    `json:"tolerance"`       // CellWeakness
	Part  int        `json:"part,omitzero"`   // how often the learned part started
	RefN  uint64     `json:"ref_n,omitzero"`
	Ref   packed     `json:"ref,omitempty"`    // counts of the cells of all axes at RefN
	Shut  *float64   `json:"closed,omitempty"` // log of the sum of the weighted bets of parts that are over
	Most  summit     `json:"most"`
	Next  uint64     `json:"next,omitzero"` // when to look at the peak again
	axes_ []cellAxis // of the layout
	at    uint64     // for which N the cached value is
	cache float64
}

const (
	firstReference = 256 // shares
	referenceStep  = 4
	maxParts       = 13
	firstLook      = 64 // shares, and then every 32nd part more
	mapCells       = 32 * 32
	chipCells      = fieldCells * 16
	maxModelName   = 200
)

// cellAxis is one way of parting the nonces into cells.
type cellAxis struct {
	what   string // a cell
	whats  string // several
	field  nonceField
	shift  uint
	weight float64   // of the axis among all
	p      []float64 // of sound cells, 0 of those that don't exist; nil where it is to be learned
}

func (a *cellAxis) cells() int { return fieldCells >> a.shift }

// use says what the plan allows; before the first share.
func (t *cellTest) use(plan *Plan) {
	if t.N == 0 && plan.CellWeakness > 0 && plan.CellWeakness < 1 {
		t.Loss = plan.CellWeakness
	}
}

// model says what the device is said to be; before or after shares. The first that is known counts; the plan's before all.
func (t *cellTest) model(name string, plan *Plan) {
	if plan != nil {
		t.use(plan)
		if plan.Model != "" && !t.Fixed {
			if l := LayoutOf(plan.Model); l != nil {
				t.Fixed = true
				t.become(l)
			}
		}
	}
	l := LayoutOf(name)
	switch {
	case l == nil:
	case t.Model == "":
		t.become(l)
	case l.Chip == LayoutOf(t.Model).Chip && l.Machine == "": // the chip of the machine that we know
	case l.Chip == LayoutOf(t.Model).Chip && t.Model == l.Chip && !t.Fixed && !t.Odd: // the machine with the chip that we know
		t.become(l)
	case l.Name() != t.Model && t.Other == "":
		t.Other = l.Name()
	}
}

func (t *cellTest) become(l *Layout) {
	if t.Model == l.Name() {
		return
	}
	t.Model, t.Unfit = l.Name(), 0
	t.restart()
}

// restart begins all bets anew: the old ones were about other cells.
func (t *cellTest) restart() {
	t.axes_, t.at = nil, 0
	t.Part, t.RefN, t.Ref, t.Shut = 0, 0, nil, nil
	t.Most, t.Next = summit{}, t.N+firstLook
}

// layout is the one that is believed, nil if none is.
func (t *cellTest) layout() *Layout {
	if t.Model == "" || t.Unfit > 0 {
		return nil
	}
	return LayoutOf(t.Model)
}

func (t *cellTest) tolerance() float64 {
	if t.Loss > 0 {
		return t.Loss
	}
	return .2
}

func (t *cellTest) axes() []cellAxis {
	if t.axes_ != nil {
		return t.axes_
	}
	l := t.layout()
	if l == nil {
		t.axes_ = []cellAxis{
			{what: "part of the nonce space", whats: "parts of the nonce space", field: fieldFirst, weight: .25},
			{what: "part of the nonce space", whats: "parts of the nonce space", field: fieldLast, weight: .25},
			{what: "part of the nonce space", whats: "parts of the nonce space", field: fieldAddress, weight: .25},
			{what: "part of the nonce space", whats: "parts of the nonce space", field: fieldFirstLow, weight: .25},
		}
		return t.axes_
	}
	core := cellAxis{what: "core", whats: "cores", field: l.core, weight: .5}
	if l.chip == nonceFields {
		core.what, core.whats, core.weight = "part of the nonce space", "parts of the nonce space", 1
	}
	chip := cellAxis{what: "chip", whats: "chips", field: l.chip, shift: l.chipShift, weight: .5}
	var sum float64
	for _, w := range l.weights {
		sum += w
	}
	keep := 1 - t.tolerance()
	if !l.Seen { // drivers give fewer small cores than fill all cores: half of any one may not be there
		keep /= 2
	}
	core.p = make([]float64, core.cells())
	for k, w := range l.weights {
		core.p[k] = w / sum * keep
	}
	if l.chip == nonceFields {
		t.axes_ = []cellAxis{core}
		return t.axes_
	}
	if l.Chips > 0 {
		chip.p = make([]float64, chip.cells())
		for k := range l.Chips {
			chip.p[k] = (1 - t.tolerance()) / float64(l.Chips)
		}
	} else {
		chip.what, chip.whats = "chip or part of the nonce space", "chips or parts of the nonce space"
	}
	t.axes_ = []cellAxis{core, chip}
	return t.axes_
}

// arrive counts a share.
func (t *cellTest) arrive(a *arrival) {
	if a.share == nil || t.N >= math.MaxUint32 {
		return
	}
	t.count(a.share.Nonce)
	if t.N >= t.Next {
		t.look(a.at)
	}
}

func (t *cellTest) count(nonce uint32) {
	if t.Map == nil {
		for i := range t.Bytes {
			t.Bytes[i] = make([]uint32, 256)
		}
		t.Chips, t.Map = make([]uint32, chipCells), make([]uint32, mapCells)
	}
	t.N++
	t.Bytes[0][nonce>>24]++
	t.Bytes[1][nonce>>16&255]++
	t.Bytes[2][nonce>>8&255]++
	t.Bytes[3][nonce&255]++
	b := bits.ReverseBytes32(nonce)
	t.Chips[b>>18&127<<4|b>>28]++
	t.Map[nonce>>3&31<<5|nonce>>27]++
}

// look brings the peak up to date, and starts a part of the learned bets when it is time.
func (t *cellTest) look(now time.Time) {
	if l := t.layout(); l != nil {
		switch few := 3 + t.N/1000; {
		case t.strangers(0) > few:
			t.Unfit = t.N
			t.restart()
		case l.Chips > 0 && t.strangers(1) > few:
			t.Odd = true
			t.become(LayoutOf(l.Chip))
		}
	}
	t.Most.reach(t.logE(), now)
	due := uint64(firstReference)
	for range t.Part {
		due *= referenceStep
	}
	if t.N >= due && t.Part < maxParts {
		open, shut := t.learned()
		sum := logSum(open, shut)
		if !math.IsInf(sum, -1) {
			t.Shut = &sum
		}
		t.Part++
		t.RefN, t.Ref = t.N, t.Ref[:0]
		for _, a := range t.axes() {
			cells := t.cellsOf(&a)
			t.Ref = append(t.Ref, cells[:a.cells()]...)
		}
		t.at = 0
	}
	t.Next = t.N + max(firstLook, t.N/32)
}

// strangers are the shares that name a core (axis 0), or a chip (axis 1), that machines of this layout don't have.
func (t *cellTest) strangers(axis int) (n uint64) {
	a := &t.axes()[axis]
	cells := t.cellsOf(a)
	for k, p := range a.p {
		if p == 0 {
			n += uint64(cells[k])
		}
	}
	return n
}

// cellsOf returns the counts of an axis; the first a.cells() are its.
func (t *cellTest) cellsOf(a *cellAxis) (cells [fieldCells]uint32) {
	if t.Map == nil {
		return cells
	}
	of := 3
	switch a.field {
	case fieldAddress:
		for i := range fieldCells {
			sum := uint32(0)
			for _, n := range t.Chips[16*i : 16*i+16] {
				sum += n
			}
			cells[i>>a.shift] += sum
		}
		return cells
	case fieldFirstLow:
		for i, n := range t.Bytes[0] {
			cells[i&127>>a.shift] += n
		}
		return cells
	case fieldFirst:
		of = 0
	case fieldSecond:
		of = 1
	case fieldThird:
		of = 2
	}
	for i, n := range t.Bytes[of] {
		cells[i>>1>>a.shift] += n
	}
	return cells
}

// logE is the e-value now. The bets are computed from the counts, some tens of microseconds if there are new ones.
func (t *cellTest) logE() float64 {
	if t.at == t.N && t.at > 0 {
		return t.cache
	}
	known := math.Inf(-1)
	stake := 0.
	for i := range t.axes() {
		a := &t.axes()[i]
		if a.p != nil {
			stake += a.weight
			known = logSum(known, math.Log(a.weight)+t.knownAxis(a))
		}
	}
	open, shut := t.learned()
	// Half of the stake of an axis with known cells, and all of the others', is on what is learned; not yet started parts are kept as cash.
	sum := logSum(known+math.Log(.5), logSum(open, shut))
	sum = logSum(sum, math.Log(t.cash(stake)))
	t.cache, t.at = sum, t.N
	return sum
}

// cash is the stake that waits for parts that have not started.
func (t *cellTest) cash(known float64) float64 { return (1 - known/2) / float64(t.Part+1) }

// partStake is the stake of an axis in the part that runs: 1/2, 1/6, 1/12 … of what it has for learned bets.
func (t *cellTest) partStake(a *cellAxis) float64 {
	s := a.weight / float64(t.Part*(t.Part+1))
	if a.p != nil {
		s /= 2
	}
	return s
}

// cellGroups are the cells of an axis and their groups: all single cells, then pairs, and so on up to halves.
type cellGroups struct {
	counts, ref [2 * fieldCells]float64
	p           [2 * fieldCells]float64 // 0 of what does not exist, or is not known
	from        [8]int                  // where each level begins; from[levels] is the end
	levels      int
}

// group adds cells up. ref is nil for none.
func (t *cellTest) group(g *cellGroups, a *cellAxis, ref []uint32) {
	counts := t.cellsOf(a)
	cells := a.cells()
	for k := range cells {
		g.counts[k], g.ref[k], g.p[k] = float64(counts[k]), 0, 0
		if ref != nil {
			g.ref[k] = float64(ref[k])
		}
		if a.p != nil {
			g.p[k] = a.p[k]
		}
	}
	g.from[1], g.levels = cells, 1
	for last, at := 0, cells; at-last > 2; g.levels++ {
		next := at
		for k := last; k < at; k += 2 {
			g.counts[next], g.ref[next], g.p[next] = g.counts[k]+g.counts[k+1], g.ref[k]+g.ref[k+1], g.p[k]+g.p[k+1]
			next++
		}
		last, at = at, next
		g.from[g.levels+1] = at
	}
}

// stake is the logarithm of the part of an axis's stake that is on one cell or group of a level: half of it is on the single cells.
func (g *cellGroups) stake(a *cellAxis, level int) float64 {
	n := g.from[level+1] - g.from[level]
	if a.p != nil {
		n = 0
		for _, p := range g.p[g.from[level]:g.from[level+1]] {
			if p > 0 {
				n++
			}
		}
	}
	part := .5
	if level > 0 {
		part /= float64(g.levels - 1)
	}
	return math.Log(part / float64(n))
}

// knownAxis is the log of the weighted mean of the bets on the cells of an axis with known probabilities, from the first share on. Bets that
// are losing count as lost, which makes it too little rather than too much, and quick.
func (t *cellTest) knownAxis(a *cellAxis) float64 {
	var g cellGroups
	t.group(&g, a, nil)
	return g.known(a, float64(t.N))
}

// known is that of n shares after those of the reference.
func (g *cellGroups) known(a *cellAxis, n float64) float64 {
	var all pot
	for level := range g.levels {
		var won pot
		// Of neighbours with the same part: what each bet has of shares elsewhere, and how many of the cell let every bet lose.
		last, most := -1., 0.
		var base [len(weaknesses)]float64
		for k := g.from[level]; k < g.from[level+1]; k++ {
			p := g.p[k]
			if p == 0 {
				continue
			}
			if p != last {
				last, most = p, -n*math.Log1p(-p)
				for i, x := range weaknesses {
					base[i] = knownBet(x, p, 0, n)
				}
			}
			seen := g.counts[k] - g.ref[k]
			if seen >= most {
				continue
			}
			for i, log := range base {
				if seen > 0 {
					log += seen * logKept[i]
				}
				if log > 0 {
					won.add(log)
				}
			}
		}
		if won.sum > 0 {
			all.add(won.log() + g.stake(a, level))
		}
	}
	return all.log() - math.Log(float64(len(weaknesses)))
}

// learned is the log of the weighted sum of the learned bets: of the part that runs, and of those that are over.
func (t *cellTest) learned() (open, shut float64) {
	open, shut = math.Inf(-1), math.Inf(-1)
	if t.Shut != nil {
		shut = *t.Shut
	}
	if t.Part == 0 {
		return open, shut
	}
	from := 0
	for i := range t.axes() {
		a := &t.axes()[i]
		open = logSum(open, math.Log(t.partStake(a))+t.learnedAxis(a, t.Ref[from:from+a.cells()]))
		from += a.cells()
	}
	return open, shut
}

// learnedAxis is the log of the weighted mean of the bets since the reference on the cells of an axis, those that are losing left out.
func (t *cellTest) learnedAxis(a *cellAxis, ref []uint32) float64 {
	var g cellGroups
	t.group(&g, a, ref)
	m, n, keep := float64(t.RefN), float64(t.N-t.RefN), 1-t.tolerance()
	if a.p != nil {
		return g.known(a, n)
	}
	// Most cells of most machines win nothing, which is quickly seen. If the reference told the cell's part a exactly, a bet would be worth
	// seen·ln(1-x) - n·ln(1-xa), which is at most xE + seen·ln(1-x) with E = -n·ln(1-a); and so, whatever x, (E-seen)²/(2·seen). That the
	// reference does not tell it exactly costs half a logarithm of its size and 0.225, or more.
	cost := .5*math.Log(m) + .2
	var all pot
	for level := range g.levels {
		var won pot
		for k := g.from[level]; k < g.from[level+1]; k++ {
			was := g.ref[k]
			seen := g.counts[k] - was
			a := keep * was / m
			most := n * a * (1 + .5*a/(1-a))
			if was == 0 || seen >= most || square(most-seen) <= 2*seen*cost {
				continue
			}
			jeffreys, asked := 0., false
			for i, x := range weaknesses {
				c := x * a
				bound := n*c*(1+.5*c/(1-c)) - cost
				if seen > 0 {
					bound += seen * logKept[i]
				}
				if !(bound > 0) {
					continue
				}
				if !asked {
					jeffreys, asked = jeffreysLog(was, m), true
				}
				if log := learnedBet(x, keep, was, m, seen, n, jeffreys); log > 0 {
					won.add(log)
				}
			}
		}
		if won.sum > 0 {
			all.add(won.log() + g.stake(a, level))
		}
	}
	return all.log() - math.Log(float64(len(weaknesses)))
}

// cellBets gives the logs of the bets on the cells and groups of an axis, each the mean over the weaknesses: from the first share on with
// ref nil (known probabilities only), or since the reference.
func (t *cellTest) cellBets(a *cellAxis, ref []uint32) (g *cellGroups, logs [2 * fieldCells]float64) {
	g = new(cellGroups)
	t.group(g, a, ref)
	m, n, keep := float64(t.RefN), float64(t.N-t.RefN), 1-t.tolerance()
	if ref == nil {
		n = float64(t.N)
	}
	for k := range g.from[g.levels] {
		seen, was := g.counts[k]-g.ref[k], g.ref[k]
		if a.p != nil {
			logs[k] = allBets(func(x float64) float64 { return knownBet(x, g.p[k], seen, n) })
			continue
		}
		j := jeffreysLog(was, m)
		logs[k] = allBets(func(x float64) float64 { return learnedBet(x, keep, was, m, seen, n, j) })
	}
	return g, logs
}

// merge adds a later part.
func (t *cellTest) merge(o *cellTest) {
	if o.Model != "" {
		if t.Model == "" && o.Unfit == 0 {
			t.Fixed = o.Fixed
			t.become(LayoutOf(o.Model))
		} else if o.Odd && !t.Odd && t.layout() != nil && LayoutOf(o.Model).Chip == t.layout().Chip {
			t.Odd = true
			t.become(LayoutOf(o.Model))
		} else if t.Model != o.Model && t.Other == "" {
			t.Other = o.Model
		}
	}
	if t.Other == "" {
		t.Other = o.Other
	}
	if o.N == 0 || t.N+o.N > math.MaxUint32 {
		return
	}
	if t.Map == nil {
		t.count(0) // for the slices
		t.N = 0
		t.Bytes[0][0], t.Bytes[1][0], t.Bytes[2][0], t.Bytes[3][0], t.Chips[0], t.Map[0] = 0, 0, 0, 0, 0, 0
	}
	t.N += o.N
	for i := range t.Bytes {
		addCounts(t.Bytes[i], o.Bytes[i])
	}
	addCounts(t.Chips, o.Chips)
	addCounts(t.Map, o.Map)
	if t.Loss == 0 {
		t.Loss = o.Loss
	}
	t.at, t.Next = 0, t.N // looked at with the next share
}

func addCounts(to, from []uint32) {
	for i := range to {
		to[i] += from[i]
	}
}

// check says what is wrong with a state that was read.
func (t *cellTest) check() error {
	if t.N > math.MaxUint32 || t.RefN > t.N || t.Unfit > t.N || t.Part < 0 || t.Part > maxParts {
		return fmt.Errorf("cells: %d shares, %d of them before part %d: that can't be", t.N, t.RefN, t.Part)
	}
	if !(t.Loss >= 0 && t.Loss < 1) {
		return fmt.Errorf("cells: tolerance %v: want 0 to 1", t.Loss)
	}
	if err := t.Most.check(); err != nil {
		return fmt.Errorf("cells: %w", err)
	}
	if t.Shut != nil && !(math.Abs(*t.Shut) < math.MaxFloat64) {
		return fmt.Errorf("cells: closed %v: want a number", *t.Shut)
	}
	if len(t.Model) > maxModelName || len(t.Other) > maxModelName || t.Model != "" && (LayoutOf(t.Model) == nil || LayoutOf(t.Model).Name() != t.Model) {
		return fmt.Errorf("cells: model %.40q: not one of ours", t.Model)
	}
	for i := range t.Bytes {
		if err := checkCounts(t.Bytes[i], 256, t.N); err != nil {
			return fmt.Errorf("cells: byte %d: %w", i, err)
		}
	}
	if err := errors.Join(checkCounts(t.Chips, chipCells, t.N), checkCounts(t.Map, mapCells, t.N)); err != nil {
		return fmt.Errorf("cells: map: %w", err)
	}
	if t.N > 0 && t.Map == nil {
		return fmt.Errorf("cells: %d shares without a map", t.N)
	}
	want, from := 0, 0
	t.axes_ = nil
	for _, a := range t.axes() {
		want += a.cells()
	}
	if t.Part == 0 {
		want = 0
	}
	if len(t.Ref) != want {
		return fmt.Errorf("cells: %d cells in the reference: want %d", len(t.Ref), want)
	}
	for _, a := range t.axes()[:min(len(t.axes()), want)] {
		if err := checkCounts(t.Ref[from:from+a.cells()], a.cells(), t.RefN); err != nil {
			return fmt.Errorf("cells: reference: %w", err)
		}
		cells := t.cellsOf(&a)
		for k, was := range t.Ref[from : from+a.cells()] {
			if was > cells[k] {
				return fmt.Errorf("cells: %d shares of cell %d in the reference, %d in all", was, k, cells[k])
			}
		}
		from += a.cells()
	}
	t.at = 0
	return nil
}

// checkCounts checks that counts are of so many cells and add up; none at all do, if there are no shares.
func checkCounts(counts []uint32, cells int, sum uint64) error {
	if counts == nil && sum == 0 {
		return nil
	}
	if len(counts) != cells {
		return fmt.Errorf("%d cells: want %d", len(counts), cells)
	}
	var n uint64
	for _, c := range counts {
		n += uint64(c)
	}
	if n != sum {
		return fmt.Errorf("counts add up to %d: want %d", n, sum)
	}
	return nil
}
