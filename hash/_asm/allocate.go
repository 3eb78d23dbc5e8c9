package main

import (
	"fmt"
	"math"
	"slices"
)

// instruction is an operation with registers, as emit writes it.
type instruction struct {
	op     opcode
	load   bool   // a read of mem into dst
	move   bool   // a copy of src[0] to dst
	dst    int    // register, or -1
	src    []int  // registers; -1 stands for the operand at mem
	mem    memory // of a load, a store, or the operand read from memory
	imm    int
	result int
	note   string
}

// allocator gives registers to a program in one pass over it. Where none is free, the value whose next use is farthest
// gives up its own (Belady); it is written to a slot unless it lies in memory anyway.
type allocator struct {
	p      *program
	uses   map[*value][]int  // the operations that use a value, in order
	inReg  map[*value]int    // the register it is in
	holds  []*value          // what each register holds
	home   map[*value]memory // where it can be read again
	slotOf map[*value]memory // the slot it was given
	wanted map[*value]int    // the register in which an output is to be
	free   []memory          // slots; the last is taken first
	out    []instruction
}

// allocate returns the program's instructions. The slots are for what no register is left for.
func (p *program) allocate(slots []memory) []instruction {
	a := &allocator{
		p: p, free: slices.Clone(slots),
		uses: map[*value][]int{}, inReg: map[*value]int{}, holds: make([]*value, p.isa.registers),
		home: map[*value]memory{}, slotOf: map[*value]memory{}, wanted: map[*value]int{},
	}
	slices.Reverse(a.free)
	for i, v := range p.values {
		for _, arg := range v.args {
			a.use(i, arg)
		}
	}
	for _, o := range p.outputs {
		a.use(len(p.values), o.value)
		a.wanted[o.value] = o.reg
	}
	for v, r := range p.inputs {
		a.put(v, r)
		a.drop(v)
	}
	for i, v := range p.values {
		a.one(i, v)
	}
	a.finish()
	return a.out
}

// use notes that operation i uses v.
func (a *allocator) use(i int, v *value) {
	a.uses[v] = append(a.uses[v], i)
	switch v.op {
	case opLeaf:
		a.home[v] = v.mem
	case opConst:
		a.home[v] = a.p.constants.at(v.constant)
	}
}

// finish moves the outputs to their registers, all at once as far as they hold each other's.
func (a *allocator) finish() {
	pending := slices.Clone(a.p.outputs)
	for len(pending) > 0 {
		before := len(pending)
		pending = slices.DeleteFunc(pending, a.deliver)
		if len(pending) < before {
			continue
		}
		// They wait for each other in a circle, or for a value that is wanted no more: clear the first one's register.
		r := pending[0].reg
		holder := a.holds[r]
		if a.next(len(a.p.values), holder) == math.MaxInt {
			delete(a.inReg, holder)
			a.holds[r] = nil
			continue
		}
		a.move(r, slices.Index(a.holds, nil), holder)
	}
}

// deliver moves o to its register, and returns false if that still holds another value.
func (a *allocator) deliver(o output) bool {
	switch a.holds[o.reg] {
	case o.value:
		return true
	case nil:
	default:
		return false
	}
	if from, in := a.inReg[o.value]; in {
		a.move(from, o.reg, o.value)
		a.holds[from] = a.wantedThere(o.value, from)
	} else {
		a.out = append(a.out, instruction{load: true, dst: o.reg, mem: a.home[o.value], note: o.value.note})
		a.put(o.value, o.reg)
	}
	return true
}

// wantedThere returns v if register r is one of those in which it is wanted: several outputs may be the same value.
func (a *allocator) wantedThere(v *value, r int) *value {
	if slices.Contains(a.p.outputs, output{v, r}) {
		return v
	}
	return nil
}

func (a *allocator) move(from, to int, v *value) {
	a.out = append(a.out, instruction{move: true, dst: to, src: []int{from}, note: v.note})
	a.holds[from] = nil
	a.put(v, to)
}

// one gives registers to operation i.
func (a *allocator) one(i int, v *value) {
	for _, arg := range v.args { // uses from here on
		for len(a.uses[arg]) > 0 && a.uses[arg][0] < i {
			a.uses[arg] = a.uses[arg][1:]
		}
	}
	args := slices.Clone(v.args)
	imm := v.imm

	// Which argument, if any, is read by the operation itself? It must be the one that may stand in memory.
	folded := -1
	for j := len(args) - 1; j >= 0 && folded < 0; j-- {
		if _, in := a.inReg[args[j]]; !in && a.foldable(i, v, j) {
			folded = j
		}
	}
	ins := instruction{op: v.op, imm: imm, dst: -1, result: v.result, note: v.note}
	for j, arg := range args {
		if j == folded {
			ins.mem = a.home[arg]
			continue
		}
		if _, in := a.inReg[arg]; !in {
			a.read(i, arg, args, v.note)
		}
	}
	reg := func(j int) int {
		if j == folded {
			return -1
		}
		return a.inReg[args[j]]
	}

	switch v.op {
	case opStore:
		ins.mem = v.mem
		ins.src = []int{reg(0)}
		if _, has := a.home[args[0]]; !has {
			a.home[args[0]] = v.mem // it can be read again from there
		}
	case opTest:
		if a.p.isa.ternary {
			ins.mem = v.mem
		}
		for j := range args {
			ins.src = append(ins.src, reg(j))
		}
	case opTernary:
		// The instruction overwrites one argument: one that is not needed any more, or a copy. The operand in memory comes
		// last.
		dst := -1
		for j := range args {
			if j != folded && a.dies(i, args[j]) {
				dst = j
				break
			}
		}
		var dstReg int
		if dst < 0 {
			for j := len(args) - 1; j >= 0; j-- { // the first argument is the one known last
				if j != folded {
					dst = j
					break
				}
			}
			dstReg = a.take(i, args)
			a.out = append(a.out, instruction{move: true, dst: dstReg, src: []int{reg(dst)}, note: v.note})
		} else {
			dstReg = reg(dst)
		}
		perm := []int{dst}
		for j := range args {
			if j != dst && j != folded {
				perm = append(perm, j)
			}
		}
		if folded >= 0 {
			perm = append(perm, folded)
		}
		ins.imm = permuteTable(v.imm, perm)
		ins.dst = dstReg
		ins.src = []int{reg(perm[1]), reg(perm[2])}
		a.release(i, args)
		a.put(v, dstReg)
		a.out = append(a.out, ins)
		a.vacate(i, args)
		a.drop(v)
		return
	default:
		for j := range args {
			ins.src = append(ins.src, reg(j))
		}
	}
	a.release(i, args)
	if v.op != opStore && v.op != opTest {
		if r, has := a.wanted[v]; has && a.holds[r] == nil {
			ins.dst = r
		} else {
			ins.dst = a.take(i, args)
		}
		a.put(v, ins.dst)
	}
	a.out = append(a.out, ins)
	a.vacate(i, args)
	a.drop(v)
}

// drop gives back the register of a value that nothing uses.
func (a *allocator) drop(v *value) {
	if r, in := a.inReg[v]; in && len(a.uses[v]) == 0 {
		delete(a.inReg, v)
		a.holds[r] = nil
	}
}

// foldable says whether argument j of v can be an operand in memory.
func (a *allocator) foldable(i int, v *value, j int) bool {
	m, has := a.home[v.args[j]]
	if !has {
		return false
	}
	switch m.group {
	case a.p.isa.bytes:
	case 4:
		if !a.p.isa.ternary {
			return false
		}
	default:
		return false
	}
	for other := range v.args {
		if other != j && v.args[other] == v.args[j] {
			return false
		}
	}
	switch v.op {
	case opAdd, opXor, opAnd, opOr, opTernary:
		// Read it into a register if it is needed again soon.
		return a.next(i+1, v.args[j]) > i+16
	case opRotr:
		return m.group == a.p.isa.bytes && a.dies(i, v.args[j]) // there is no rotation of a word for all lanes
	}
	return false
}

// next is the first use of v at or after operation i.
func (a *allocator) next(i int, v *value) int {
	for _, u := range a.uses[v] {
		if u >= i {
			return u
		}
	}
	return math.MaxInt
}

func (a *allocator) dies(i int, v *value) bool { return a.next(i+1, v) == math.MaxInt }

// read brings v into a register.
func (a *allocator) read(i int, v *value, keep []*value, note string) {
	m, has := a.home[v]
	if !has {
		panic(fmt.Sprintf("value %q is nowhere", v.note))
	}
	r := a.take(i, keep)
	a.out = append(a.out, instruction{load: true, dst: r, mem: m, note: note})
	a.put(v, r)
}

func (a *allocator) put(v *value, r int) {
	a.inReg[v] = r
	a.holds[r] = v
}

// release gives back the registers of arguments that operation i is the last to use.
func (a *allocator) release(i int, args []*value) {
	for _, arg := range args {
		if !a.dies(i, arg) {
			continue
		}
		if r, in := a.inReg[arg]; in {
			delete(a.inReg, arg)
			a.holds[r] = nil
		}
	}
}

// vacate gives back the slots of arguments that operation i was the last to use, after it has read them.
func (a *allocator) vacate(i int, args []*value) {
	for _, arg := range args {
		if slot, has := a.slotOf[arg]; has && a.dies(i, arg) {
			delete(a.slotOf, arg)
			a.free = append(a.free, slot)
		}
	}
}

// take returns a free register, emptying one if need be; never one that holds a value in keep.
func (a *allocator) take(i int, keep []*value) int {
	for r, v := range slices.Backward(a.holds) { // outputs want the first ones
		if v == nil {
			return r
		}
	}
	victim, farthest := -1, -1
	for r, v := range a.holds {
		if slices.Contains(keep, v) {
			continue
		}
		if n := a.next(i, v); n > farthest {
			victim, farthest = r, n
		}
	}
	v := a.holds[victim]
	if _, has := a.home[v]; !has {
		a.spill(v, victim)
	}
	delete(a.inReg, v)
	a.holds[victim] = nil
	return victim
}

// spill writes v to a slot.
func (a *allocator) spill(v *value, r int) {
	if len(a.free) == 0 {
		panic("too few slots")
	}
	last := len(a.free) - 1
	m := a.free[last]
	a.free = a.free[:last]
	a.slotOf[v], a.home[v] = m, m
	a.out = append(a.out, instruction{op: opStore, dst: -1, src: []int{r}, mem: m, note: v.note + ", kept in memory"})
}

// permuteTable is the truth table of f with its arguments in another order: argument i of the new is argument perm[i] of
// the old.
func permuteTable(table int, perm []int) (out int) {
	for bits := range 8 {
		old := 0
		for i, j := range perm {
			old |= bits >> (2 - i) & 1 << (2 - j)
		}
		out |= table >> old & 1 << bits
	}
	return out
}
