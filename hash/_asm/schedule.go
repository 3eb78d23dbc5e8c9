package main

// order says in which order a program's operations are issued: those of formulas wait for each other, and a processor
// looks only so far ahead.
type order struct {
	window  int // operations looked at; 0: keep the order of the program
	ports   int // operations begun in a cycle
	shifts  int // of these, rotations and shifts
	latency int // cycles from an operation to what uses it
}

// schedule reorders the program: cycle by cycle it takes, of the first operations not yet taken, those whose arguments
// are there, the earliest first, as many as the ports allow.
func (p *program) schedule(o order) {
	if o.window == 0 {
		return
	}
	ready := map[*value]int{}        // the cycle in which a value is there
	readers := map[memory][]*value{} // the operations that read a place
	before := map[*value][]*value{}  // the operations that a store must not overtake: they read what it overwrites
	for _, v := range p.values {
		ready[v] = -1
		for _, a := range v.args {
			if a.op == opLeaf {
				readers[a.mem] = append(readers[a.mem], v)
			}
		}
		if v.op == opStore {
			before[v] = readers[v.mem]
		}
	}
	is := func(v *value) (vector, shift bool) {
		return v.op >= opAdd && v.op != opStore, v.op == opShl || v.op == opShr || v.op == opRotr
	}
	pending := append([]*value(nil), p.values...)
	var out []*value
	for cycle := 0; len(pending) > 0; cycle++ {
		ports, shifts := o.ports, o.shifts
		for i := 0; i < len(pending) && i < o.window; {
			v := pending[i]
			vector, shift := is(v)
			can := !vector || ports > 0 && (!shift || shifts > 0)
			for _, a := range v.args {
				if t, made := ready[a]; made && (t < 0 || t > cycle) {
					can = false
				}
			}
			for _, b := range before[v] {
				can = can && ready[b] >= 0
			}
			if !can {
				i++
				continue
			}
			if vector {
				ports--
			}
			if shift {
				shifts--
			}
			ready[v] = cycle + o.latency
			if !vector {
				ready[v] = cycle
			}
			out = append(out, v)
			pending = append(pending[:i], pending[i+1:]...)
		}
	}
	p.values = out
}
