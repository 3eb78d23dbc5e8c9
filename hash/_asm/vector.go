package main

import (
	"fmt"
	"strings"
)

// A program is straight-line vector code before it has registers: values in the order in which the formulas name them,
// every value made once. [program.schedule] may change their order and [program.assemble] gives them registers.
type program struct {
	isa       isa
	values    []*value
	constants *constants
	known     map[string]*value // leaves and operations made before
	where     string            // the part of the formula being written, for comments
	inputs    map[*value]int    // the registers of values there from the beginning
	outputs   []output
	counts    counts
}

// output is a value that the program leaves in a register.
type output struct {
	value *value
	reg   int
}

// isa is what differs between instruction sets.
type isa struct {
	name      string
	bytes     int  // of a vector register
	registers int  // how many there are
	ternary   bool // AVX-512: VPTERNLOGD, VPRORD, masks, and operands broadcast from memory
}

var (
	avx2   = isa{name: "AVX2", bytes: 32, registers: 16}
	avx512 = isa{name: "AVX512", bytes: 64, registers: 32, ternary: true}
)

type opcode uint8

const (
	opLeaf  opcode = iota // read from memory when needed
	opConst               // a constant in every lane, read from memory when needed
	opInput               // in a register when the program begins
	opAdd
	opXor
	opAnd
	opOr
	opShl
	opShr
	opRotr
	opTernary
	opStore // of its argument, to memory
	opTest  // whether the argument, under the mask in memory, is 0: a bit per lane
)

// value is one vector, or an effect without one.
type value struct {
	op       opcode
	args     []*value
	imm      int    // amount of a shift or rotation, or truth table
	constant uint32 // opConst
	mem      memory // opLeaf, opStore, opTest
	result   int    // opTest: which of the answers it is
	note     string
	term     string // what an addition of it is said to add, in its comment
}

// memory is a place: base names a register and group is how many bytes there fill the vector by repetition.
type memory struct {
	base  string
	disp  int
	group int
}

// counts are what an auditor multiplies: operations of the vector units, and of these rotations and shifts.
type counts struct{ vector, shifts int }

func newProgram(i isa, c *constants) *program {
	return &program{isa: i, constants: c, known: map[string]*value{}, inputs: map[*value]int{}}
}

// at says which part of the formula comes next.
func (p *program) at(format string, args ...any) { p.where = fmt.Sprintf(format, args...) }

func (p *program) make(v value, note string) *value {
	v.note = p.where
	if note != "" {
		v.note += ": " + note
		term, _, _ := strings.Cut(note, " (")
		v.term = " (" + term + ")"
	}
	key := ""
	if v.op != opStore && v.op != opTest {
		key = fmt.Sprint(v.op, v.imm, v.constant, v.mem)
		for _, a := range v.args {
			key += fmt.Sprintf(" %p", a)
		}
		if old, ok := p.known[key]; ok {
			return old
		}
	}
	out := &v
	if key != "" {
		p.known[key] = out
	}
	if v.op > opInput {
		p.values = append(p.values, out)
	}
	if v.op >= opAdd && v.op != opStore {
		p.counts.vector++
	}
	if v.op == opShl || v.op == opShr || v.op == opRotr {
		p.counts.shifts++
	}
	return out
}

// load is the vector at m, read when it is needed. The program must not have stored there before: nothing would keep the
// two in order.
func (p *program) load(m memory) *value {
	for _, v := range p.values {
		if v.op == opStore && v.mem == m {
			panic("loaded after it was stored: " + p.where)
		}
	}
	return p.make(value{op: opLeaf, mem: m}, "")
}

// input is the value in register reg when the program begins.
func (p *program) input(reg int, note string) *value {
	v := p.make(value{op: opInput, imm: reg}, note)
	p.inputs[v] = reg
	return v
}

// output leaves v in register reg when the program ends.
func (p *program) output(v *value, reg int) { p.outputs = append(p.outputs, output{v, reg}) }

// splat is a constant in every lane.
func (p *program) splat(c uint32) *value { return p.make(value{op: opConst, constant: c}, "") }

// store writes v to memory.
func (p *program) store(m memory, v *value, note string) {
	p.make(value{op: opStore, args: []*value{v}, mem: m}, note)
}

// test is the answer: the lanes in which v, under the mask at m, is 0.
func (p *program) test(result int, m memory, v *value, note string) {
	if p.isa.ternary {
		p.make(value{op: opTest, args: []*value{v}, mem: m, result: result}, note)
		return
	}
	masked := p.make(value{op: opAnd, args: []*value{v, p.load(m)}}, note)
	p.make(value{op: opTest, args: []*value{masked, p.splat(0)}, result: result}, note)
}

func (v *value) isConst() bool { return v.op == opConst }

// sum adds all terms: the constant ones here, their sum to the first of the others, then one by one in the order given.
// Terms that are known late belong at the end.
func (p *program) sum(note string, terms ...*value) *value {
	var c uint32
	var out *value
	var rest []*value
	for _, t := range terms {
		switch {
		case t.isConst():
			c += t.constant
		case out == nil:
			out = t
		default:
			rest = append(rest, t)
		}
	}
	if out == nil {
		return p.splat(c)
	}
	if c != 0 {
		out = p.make(value{op: opAdd, args: []*value{out, p.splat(c)}}, note+" (a constant)")
	}
	for _, t := range rest {
		which := "" // of several additions
		if len(terms) > 2 {
			which = t.term
		}
		out = p.make(value{op: opAdd, args: []*value{out, t}}, note+which)
	}
	return out
}

// xor of all of xs, as a tree, so that none waits long.
func (p *program) xor(note string, xs ...*value) *value {
	if p.isa.ternary && len(xs) == 3 {
		return p.ternary(tableXor, note, xs...)
	}
	for len(xs) > 1 {
		xs = append(xs[2:len(xs):len(xs)], p.make(value{op: opXor, args: []*value{xs[0], xs[1]}}, note))
	}
	return xs[0]
}

func (p *program) and(note string, x, y *value) *value {
	return p.make(value{op: opAnd, args: []*value{x, y}}, note)
}

func (p *program) or(note string, xs ...*value) *value {
	return p.make(value{op: opOr, args: xs}, note)
}

// The truth tables of three bits that SHA-256 is made of.
const (
	tableXor = 0x96 // x ^ y ^ z
	tableCh  = 0xca // x ? y : z
	tableMaj = 0xe8 // two or more of x, y, z
)

// ternary is any function of three bits: bit x·4 + y·2 + z of table is its value there.
func (p *program) ternary(table int, note string, xs ...*value) *value {
	return p.make(value{op: opTernary, args: xs, imm: table}, note)
}

func (p *program) shr(x *value, n int, note string) *value {
	return p.make(value{op: opShr, args: []*value{x}, imm: n}, note)
}

// rotated are the values whose xor, or sum, is x rotated right by n.
func (p *program) rotated(x *value, n int, note string) []*value {
	if p.isa.ternary {
		return []*value{p.make(value{op: opRotr, args: []*value{x}, imm: n}, note)}
	}
	return []*value{
		p.shr(x, n, note),
		p.make(value{op: opShl, args: []*value{x}, imm: 32 - n}, note),
	}
}

// sigma is one of the four functions Σ0, Σ1, σ0 and σ1: x rotated by two amounts, and by a third or shifted by it.
func (p *program) sigma(name string, x *value, by [3]int, shift bool) *value {
	if x.isConst() {
		return p.splat(constSigma(x.constant, by, shift))
	}
	var terms []*value
	for i, n := range by {
		note := fmt.Sprintf("%s, >>> %d", name, n)
		if i == 2 && shift {
			terms = append(terms, p.shr(x, n, fmt.Sprintf("%s, >> %d", name, n)))
		} else {
			terms = append(terms, p.rotated(x, n, note)...)
		}
	}
	return p.xor(name, terms...)
}

// choose is Ch(e, f, g) = e&f ^ ^e&g.
func (p *program) choose(e, f, g *value) *value {
	const note = "Ch(e, f, g)"
	switch {
	case e.isConst() && f.isConst() && g.isConst():
		return p.splat(constCh(e.constant, f.constant, g.constant))
	case p.isa.ternary:
		return p.ternary(tableCh, note, e, f, g)
	}
	// g ^ e&(f^g)
	fg := p.make(value{op: opXor, args: []*value{f, g}}, note)
	fg = p.make(value{op: opAnd, args: []*value{fg, e}}, note)
	return p.make(value{op: opXor, args: []*value{fg, g}}, note)
}

// majority is Maj(a, b, c) = a&b ^ a&c ^ b&c.
func (p *program) majority(a, b, c *value) *value {
	const note = "Maj(a, b, c)"
	switch {
	case a.isConst() && b.isConst() && c.isConst():
		return p.splat(constMaj(a.constant, b.constant, c.constant))
	case p.isa.ternary:
		return p.ternary(tableMaj, note, a, b, c)
	}
	// b ^ (a^b)&(b^c), where a^b is the b^c of the next round: it is made once
	bc := p.xorOf(b, c, note)
	ab := p.xorOf(a, b, note)
	both := p.make(value{op: opAnd, args: []*value{ab, bc}}, note)
	return p.make(value{op: opXor, args: []*value{both, b}}, note)
}

func (p *program) xorOf(x, y *value, note string) *value {
	if x.isConst() && y.isConst() {
		return p.splat(x.constant ^ y.constant)
	}
	return p.make(value{op: opXor, args: []*value{x, y}}, note)
}

// inputStates is the states that the program before left with outputStates: in the registers from 0 on.
func (p *program) inputStates(ss []stream) {
	for s := range ss {
		p.at("stream %d", s)
		for i := range 8 {
			ss[s].s[i] = p.input(8*s+i, variable(i))
		}
	}
}

func (p *program) outputStates(ss []stream) {
	for s := range ss {
		for i := range 8 {
			p.output(ss[s].s[i], 8*s+i)
		}
	}
}

// variable is the name of word i of a state.
func variable(i int) string { return string("abcdefgh"[i]) }

// round is one round of SHA-256 (FIPS 180-4, section 6.2.2):
//
//	t = h + K + W + Ch(e, f, g) + Σ1(e)
//	e = d + t
//	a = t + Σ0(a) + Maj(a, b, c)
//
// terms are h, K and W, of which some may come as a sum. With half the new a is left out.
func (p *program) round(s *[8]*value, half bool, terms ...*value) {
	a, b, c, d, e, f, g := s[0], s[1], s[2], s[3], s[4], s[5], s[6]
	terms = append(terms, p.choose(e, f, g), p.sigma("Σ1(e)", e, bigSigma1, false))
	variable := 0
	for _, t := range terms {
		if !t.isConst() {
			variable++
		}
	}
	if variable > 1 { // else what is constant joins the constants of the sums below
		terms = []*value{p.sum("t = h + K + W + Ch + Σ1", terms...)}
	}
	newE := p.sum("new e = d + t", append(terms, d)...)
	var newA *value
	if !half {
		rest := p.sum("Σ0 + Maj", p.majority(a, b, c), p.sigma("Σ0(a)", a, bigSigma0, false))
		newA = p.sum("new a = t + Σ0 + Maj", append(terms, rest)...)
	}
	*s = [8]*value{newA, a, b, c, newE, e, f, g}
}

// extend makes word i of a message schedule:
//
//	W[i] = σ1(W[i-2]) + W[i-7] + σ0(W[i-15]) + W[i-16]
func (p *program) extend(w *[64]*value, i int) {
	w[i] = p.sum("W[i] = W[i-16] + σ0 + W[i-7] + σ1",
		w[i-16], p.sigma("σ0(W[i-15])", w[i-15], smallSigma0, true),
		w[i-7], p.sigma("σ1(W[i-2])", w[i-2], smallSigma1, true))
}

// constants are the read-only words a kernel uses, in the order of their first use.
type constants struct {
	symbol string
	words  []uint32
	offset map[uint32]int
	width  int // bytes each takes: 4 where operands can be broadcast, else a vector
}

func newConstants(symbol string, i isa) *constants {
	width := i.bytes
	if i.ternary {
		width = 4
	}
	return &constants{symbol: symbol, offset: map[uint32]int{}, width: width}
}

// add adds words, in this order if they are new.
func (cs *constants) add(words ...uint32) {
	for _, c := range words {
		cs.at(c)
	}
}

// at is where c lies.
func (cs *constants) at(c uint32) memory {
	i, ok := cs.offset[c]
	if !ok {
		i = len(cs.words)
		cs.offset[c] = i
		cs.words = append(cs.words, c)
	}
	return memory{base: "constants", disp: i * cs.width, group: cs.width}
}
