package audit

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// suspect is a cell, or a group of neighbours, that the test names.
type suspect struct {
	axis        *cellAxis
	first, last int
	log         float64
	// seen were found of expected, in the part of the record that tells most.
	seen, expected float64
}

func (s *suspect) dead() bool { return s.seen == 0 }

func (s *suspect) String() string {
	how, them := "is weak", fmt.Sprintf("%s %d", s.axis.what, s.first)
	if s.dead() {
		how = "is silent"
	}
	if s.last > s.first {
		them, how = fmt.Sprintf("%s %d to %d", s.axis.whats, s.first, s.last), strings.Replace(how, "is", "are", 1)
	}
	sound := "a sound one gives"
	if s.last > s.first {
		sound = "sound ones give"
	}
	return fmt.Sprintf("%s %s (%s shares where %s about %s)", them, how, countWords(uint64(s.seen)), sound, numberWords(math.Round(s.expected)))
}

// suspects are the cells and groups whose own bets reach the threshold with the stake that was on them, the surest first, none
// inside another; if none does, the one that comes next.
func (t *cellTest) suspects(threshold float64) []suspect {
	var all []suspect
	from := 0
	consider := func(a *cellAxis, ref []uint32, stake float64) {
		g, logs := t.cellBets(a, ref)
		n := float64(t.N)
		if ref != nil {
			n -= float64(t.RefN)
		}
		for level := range g.levels {
			on := math.Log(stake) + g.stake(a, level)
			width := 1 << level
			for k := g.from[level]; k < g.from[level+1]; k++ {
				share := g.p[k] / (1 - t.tolerance())
				if a.p == nil {
					share = g.ref[k] / float64(t.RefN)
				}
				first := (k - g.from[level]) * width
				s := suspect{axis: a, first: first, last: first + width - 1, log: logs[k] + on, seen: g.counts[k] - g.ref[k], expected: share * n}
				if s.seen < s.expected {
					all = append(all, s)
				}
			}
		}
	}
	for i := range t.axes() {
		a := &t.axes()[i]
		if a.p != nil {
			consider(a, nil, a.weight/2)
		}
		if t.Part > 0 {
			consider(a, t.Ref[from:from+a.cells()], t.partStake(a))
			from += a.cells()
		}
	}
	slices.SortStableFunc(all, func(x, y suspect) int { return cmp.Compare(y.log, x.log) })
	var told []suspect
	for _, s := range all {
		if s.log < threshold && len(told) > 0 {
			break
		}
		inside := func(o suspect) bool { return o.axis == s.axis && s.first <= o.last && o.first <= s.last }
		if !slices.ContainsFunc(told, inside) {
			told = append(told, s)
		}
		if s.log < threshold {
			break
		}
	}
	return told
}

// existing is how many cells there are to bet on.
func (a *cellAxis) existing() int {
	if a.p == nil {
		return a.cells()
	}
	n := 0
	for _, p := range a.p {
		if p > 0 {
			n++
		}
	}
	return n
}

// power is from how many shares on one dead cell of an axis is told, and of how many it would be one.
type power struct {
	shares float64
	words  string
}

// powers are those of the axes, the soonest first: for a cell that is dead from the beginning where the cells are known, for one that
// dies after the reference where they are not.
func (t *cellTest) powers(threshold float64) []power {
	var all []power
	var g cellGroups
	for i := range t.axes() {
		a := &t.axes()[i]
		t.group(&g, a, nil)
		stake := math.Log(a.weight/float64(len(weaknesses))) + g.stake(a, 0)
		if a.p != nil {
			least := math.Inf(1)
			for _, p := range a.p {
				if p > 0 {
					least = min(least, p)
				}
			}
			all = append(all, power{math.Ceil((threshold - stake + math.Ln2) / -math.Log1p(-least)), fmt.Sprintf("one dead %s of %d", a.what, a.existing())})
		} else if i == 0 || t.axes()[0].p != nil {
			cells := fieldCells
			if t.N >= 8*fieldCells {
				cells = max(2, t.occupied(a))
			}
			if n := t.needLearned(float64(cells), stake, threshold); !math.IsInf(n, 1) {
				all = append(all, power{math.Ceil(n), fmt.Sprintf("one %s of about %d that falls silent", a.what, cells)})
			}
		}
	}
	slices.SortStableFunc(all, func(x, y power) int { return cmp.Compare(x.shares, y.shares) })
	return all
}

// needLearned looks for the number of shares by which one of so many cells that died after a reference is told.
func (t *cellTest) needLearned(cells, stake, threshold float64) float64 {
	ref := float64(firstReference)
	for part := 1; part <= maxParts; part, ref = part+1, ref*referenceStep {
		was := ref / cells
		j := jeffreysLog(was, ref)
		for n := ref / 4; n <= ref*(referenceStep-1); n *= 1.05 {
			if learnedBet(1, 1-t.tolerance(), was, ref, 0, n, j)+stake-math.Log(float64(part*(part+1))) >= threshold {
				return ref + n
			}
		}
	}
	return math.Inf(1)
}

// occupied is how many cells of an axis gave shares.
func (t *cellTest) occupied(a *cellAxis) (n int) {
	for _, c := range t.cellsOf(a) {
		if c > 0 {
			n++
		}
	}
	return n
}

const cellLimits = "Nonces name a core and a chip's place on its board, not the board: of three boards one dead chip is a third of a cell. A cell that never worked is seen only where the layout is known. A setting that changes how much of the nonce space a chip searches (clock, firmware) looks like a weak part of it."

// findings are the census's: what the bets say, and descriptions.
func (t *cellTest) findings(c *context) []Finding {
	f := Finding{Test: TestCells, Kind: Evidence, Threshold: c.threshold, Limits: cellLimits, Numbers: map[string]float64{"counted_shares": float64(t.N)}}
	f.LogE = t.logE()
	f.Peak = t.Most.with(f.LogE)
	var reached []string
	need := 0.
	for i, p := range t.powers(c.threshold) {
		if i == 0 {
			need = p.shares
			f.Numbers["needed_shares"] = need
		}
		if float64(t.N) >= p.shares {
			reached = append(reached, p.words)
		}
	}
	switch {
	case f.Peak >= c.threshold:
		f.State = Alarm
		f.Since = t.Most.since(c.threshold)
		if f.Since.IsZero() {
			f.Since = c.now
		}
		f.At = f.Since
		f.Words = t.accuse(&f, c)
	case len(reached) > 0:
		f.State = Clear
		f.Words = fmt.Sprintf("No part of the machine is missing from its nonces: %s.", t.tells())
		if t.layout() == nil {
			f.Words = fmt.Sprintf("No part of the nonce space fell silent: %s. What never gave a share would not show.", t.tells())
		}
		f.Power = fmt.Sprintf("By now it would have seen %s.", strings.Join(reached, ", and "))
	case t.N == 0 && c.shares >= 32:
		f.State = NotApplicable
		f.Words = "It searches too few nonces in a second for all to have their turn while a job lasts: which stay out says nothing of chips or cores, unless it is known how it searches."
	default:
		f.State = TooEarly
		f.Words = fmt.Sprintf("Not enough shares yet to say whether chips or cores are dead: %s.", t.tells())
		if need > 0 {
			f.NeedShares = max(1, need-float64(t.N))
			f.Power = fmt.Sprintf("After about %s shares it will have seen %s.", numberWords(need), t.powers(c.threshold)[0].words)
		}
	}
	if t.Other != "" {
		f.Limits += fmt.Sprintf(" The machine is also said to be a %s; the test goes by %s.", t.Other, t.Model)
	}
	all := []Finding{f}
	if d := t.chipsFinding(c); d != nil {
		all = append(all, *d)
	}
	if d := t.evenness(); d != nil {
		all = append(all, *d)
	}
	return all
}

// tells says what layout the census goes by.
func (t *cellTest) tells() string {
	switch l := t.layout(); {
	case t.Unfit > 0:
		return fmt.Sprintf("%s shares, by parts of the nonce space as the machine's own first shares filled them (it is said to be a %s, but names cores that those don't have)", countWords(t.N), t.Model)
	case l == nil:
		return fmt.Sprintf("%s shares, by parts of the nonce space as the machine's own first shares filled them (its layout is not known)", countWords(t.N))
	case l.Cores == 0:
		return fmt.Sprintf("%s shares, by parts of the nonce space, all of which it is known to search evenly", countWords(t.N))
	case l.Chips > 0:
		return fmt.Sprintf("%s shares, by the %d cores and %d chips of a %s (%s)", countWords(t.N), l.Cores, l.Chips, l.Machine, l.Chip)
	default:
		return fmt.Sprintf("%s shares, by the %d cores of a %s", countWords(t.N), l.Cores, l.Chip)
	}
}

// accuse are the words of an alarm.
func (t *cellTest) accuse(f *Finding, c *context) string {
	list := t.suspects(c.threshold)
	dead, weak := 0, 0
	var names []string
	for _, s := range list {
		if s.dead() {
			dead += s.last - s.first + 1
		} else {
			weak += s.last - s.first + 1
		}
		if len(names) < 6 {
			names = append(names, s.String())
		}
	}
	f.Numbers["dead_cells"], f.Numbers["weak_cells"] = float64(dead), float64(weak)
	text := strings.Join(names, "; ")
	if more := len(list) - len(names); more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	if text == "" {
		text = "parts of the nonce space gave too few shares for a while"
	}
	text = strings.ToUpper(text[:1]) + text[1:]
	text += ". The odds against this being chance are " + oddsWords(f.Peak) + "."
	if l := t.layout(); l != nil && l.Cores > 0 && dead*4 > l.Cores {
		text += fmt.Sprintf(" So many silent cells can also mean that the chips are no %s.", l.Chip)
	}
	return text
}

// chipsFinding compares the chips that answer with those that are claimed, where nonces number them.
func (t *cellTest) chipsFinding(c *context) *Finding {
	l := t.layout()
	if l == nil || !l.Seen || l.Cores == 0 || c.claim == nil || c.claim.Chips <= 1 || t.N == 0 {
		return nil
	}
	boards := max(1, len(c.claim.Boards))
	if l.Boards > 0 && c.claim.Boards == nil {
		boards = l.Boards
	}
	claimed := float64(c.claim.Chips) / float64(boards)
	if claimed > fieldCells || claimed < 2 {
		return nil
	}
	if l.Chips == 0 && claimed < fieldCells/2 {
		return nil // few chips are addressed in steps, and each takes a stretch of the field
	}
	seen := float64(t.occupied(&t.axes()[1]))
	f := &Finding{Test: TestCells, Kind: Description, Numbers: map[string]float64{"occupied_chips": seen, "claimed_chips_per_board": claimed},
		Limits: "Boards number their chips alike, so this counts the places on a board that work on at least one."}
	need := DeadCellShares(int(math.Ceil(claimed)), c.plan.Alpha)
	switch {
	case float64(t.N) < need:
		f.State, f.NeedShares = TooEarly, need-float64(t.N)
		f.Words = fmt.Sprintf("Nonces of %s chips were seen so far; %s to a board are claimed.", numberWords(seen), numberWords(claimed))
	case seen < math.Floor(claimed):
		f.State = Clear
		f.Words = fmt.Sprintf("Nonces of %s chips were seen, but %s to a board are claimed: the others gave no share among %s.", numberWords(seen), numberWords(claimed), countWords(t.N))
	default:
		f.State = Clear
		f.Words = fmt.Sprintf("Nonces of %s chips were seen; %s to a board are claimed.", numberWords(seen), numberWords(claimed))
	}
	return f
}

// evenness describes how evenly nonces are spread. It accuses nobody: honest hardware isn't even.
func (t *cellTest) evenness() *Finding {
	if t.N < 1280 { // five for each value of a byte
		return nil
	}
	f := &Finding{Test: TestCells, Kind: Description, State: Clear, Numbers: map[string]float64{},
		Limits: "Honest hardware fills nonces unevenly: numbers of cores and chips that are no power of two, gaps between them, low bits fixed by how a chip is built, parts of the space that it never reaches."}
	n := float64(t.N)
	worst, at := 0., 0
	for i := range t.Bytes {
		var chi float64
		for _, c := range t.Bytes[i] {
			d := float64(c) - n/256
			chi += d * d / (n / 256)
		}
		f.Numbers[fmt.Sprintf("byte_%d_chi_square_255", i)] = chi
		if z := (chi - 255) / math.Sqrt(510); z > worst {
			worst, at = z, i
		}
	}
	stuck, biased := 0, 0
	for bit := range 32 {
		ones := 0.
		for v, c := range t.Bytes[3-bit/8] {
			if v>>(bit%8)&1 == 1 {
				ones += float64(c)
			}
		}
		z := (ones - n/2) / math.Sqrt(n/4)
		f.Numbers[fmt.Sprintf("bit_%d_ones_fraction", bit)] = ones / n
		switch {
		case ones == 0 || ones == n:
			stuck++
		case math.Abs(z) > 5:
			biased++
		}
	}
	f.Numbers["stuck_bits"], f.Numbers["biased_bits"] = float64(stuck), float64(biased)
	switch {
	case stuck > 0:
		f.Words = fmt.Sprintf("%d of the 32 bits of its nonces never change, %d more lean to one side.", stuck, biased)
	case biased > 0 || worst > 6:
		f.Words = fmt.Sprintf("Its nonces are not spread evenly, most of all in byte %d of 4, and %d of 32 bits lean to one side: as hardware with gaps in its numbering does.", at+1, biased)
	default:
		f.Words = "Its nonces are spread evenly over their whole range."
	}
	return f
}

// census is the map to look at.
func (t *cellTest) census(c *context) *Census {
	if t.N == 0 {
		return nil
	}
	m := &Census{Model: t.Model}
	l := t.layout()
	var place func(a *cellAxis, k int) []int // the cells of the map that are a cell of the test
	switch {
	case l == nil:
		m.Layout = "nonce space: rows are the last byte of the nonce, eight values each, columns the first"
		m.Rows, m.Columns, m.Counts = 32, 32, t.Map
		place = func(a *cellAxis, k int) (cells []int) {
			for i := range 32 {
				switch a.field {
				case fieldLast:
					cells = append(cells, k/4*32+i)
				case fieldFirst:
					cells = append(cells, i*32+k/4)
				}
			}
			return cells
		}
	case l.Chips > 0 && l.chip == fieldAddress:
		m.Layout = "rows are the chips of a board, columns their cores, eight each"
		m.Rows, m.Columns = l.Chips, (l.Cores+7)/8
		m.Counts = make([]uint32, 0, m.Rows*m.Columns)
		for r := range m.Rows {
			m.Counts = append(m.Counts, t.Chips[r*16:r*16+m.Columns]...)
		}
		place = func(a *cellAxis, k int) (cells []int) {
			if a.field != l.chip {
				return []int{} // a core is an eighth of its cells
			}
			for i := range m.Columns {
				cells = append(cells, k*m.Columns+i)
			}
			return cells
		}
	default:
		core := &t.axes()[0]
		m.Layout = "the numbers of the cores, sixteen to a row"
		if l.Cores == 0 {
			m.Layout = "128 parts of the nonce space, sixteen to a row"
		}
		cells := t.cellsOf(core)
		m.Counts, m.Columns = cells[:core.cells()], 16
		for len(m.Counts) > 16 && m.Counts[len(m.Counts)-1] == 0 && core.p[len(m.Counts)-1] == 0 {
			m.Counts = m.Counts[:len(m.Counts)-1]
		}
		m.Rows = (len(m.Counts) + 15) / 16
		m.Counts = append(m.Counts, make([]uint32, m.Rows*16-len(m.Counts))...)
		place = func(a *cellAxis, k int) []int {
			if a.field != l.core {
				return nil
			}
			return []int{k}
		}
	}
	m.Counts = append([]uint32(nil), m.Counts...)
	if c != nil && t.Most.with(t.logE()) >= c.threshold {
		marked := map[int]bool{}
		for _, s := range t.suspects(c.threshold) {
			for cell := s.first; cell <= s.last; cell++ {
				for _, k := range place(s.axis, cell) {
					if k >= len(m.Counts) || marked[k] {
						continue
					}
					marked[k] = true
					if s.dead() && (l != nil || s.last-s.first >= 3) { // four are a row or a column
						m.Dead = append(m.Dead, k)
					} else {
						m.Weak = append(m.Weak, k)
					}
				}
			}
		}
	}
	return m
}
