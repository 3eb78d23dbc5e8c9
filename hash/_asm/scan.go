package main

import (
	"fmt"
	"slices"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// The search by vectors: AVX-512 and AVX2.
//
// A header is two blocks of 64 bytes. Rolled version bits change the first alone, so that headers that differ in nothing
// else share the second block (tail, nonce, padding) and with it the message schedule of their first hash. So
//
//   - [kernel.table] computes that schedule for sixteen nonces at once, one in each lane, adds K, and writes the rows of
//     the table: row i has K[i] + W[i] of nonce j in column j;
//   - the first hash has a midstate in each lane and reads of a row the word of its nonce, for all lanes. With fewer
//     midstates than lanes it reads the words of several nonces, repeated over the lanes, and with one midstate whole rows;
//   - the second hash differs in all lanes. Its state and most of its message's padding are constant at the beginning:
//     [program.sum] and the functions of SHA-256 compute with what is constant here, and write instructions for the rest.
//
// Rounds 0 to 2, and 3 but for its nonce, were done before, in Go: they are the same for all nonces.

// kernel is one way to write the search. Vectors that are computed side by side are called its streams: as one of them
// waits for its own results, the others go on.
type kernel struct {
	isa
	symbol string
	order  order
	loops  bool // of a few rounds each, where all would be more instructions than a core keeps decoded
	first  int  // streams of the first hash
	second int  // streams of the second
	tally  *tally
}

var (
	// scanAVX512 is for cores that begin two operations of 512 bits in a cycle and have their results in the next: there,
	// one stream is enough. Nothing in it is a loop, so that constants can be folded everywhere. The order is the one
	// that did best on such a core, by earlier measurements with Intel's (family 6, model 207).
	scanAVX512 = kernel{
		isa: avx512, symbol: "scanAVX512", first: 1, second: 1,
		order: order{window: 40, ports: 2, shifts: 1, latency: 1},
	}

	// scanAVX512x2 is for cores that begin four and have their results two cycles later: Zen 5. A round's longest chain
	// (rotate, xor, add, add) is then eight cycles for sixteen operations, so that two streams fill each slot just once;
	// measured, a core wants about twice as much to choose from. Its rounds are loops of four, because the core keeps only
	// some 5,000 instructions decoded, which straight code of two streams with its tables exceeds: of 6,000 such
	// instructions in a loop it does 63 % of what it does of fewer.
	scanAVX512x2 = kernel{
		isa: avx512, symbol: "scanAVX512x2", loops: true, first: 4, second: 2,
		order: order{window: 150, ports: 4, shifts: 2, latency: 3},
	}

	// scanAVX2 has half the registers, and keeps more of the second schedule in memory.
	scanAVX2 = kernel{
		isa: avx2, symbol: "scanAVX2", loops: true, first: 1, second: 1,
	}
)

// The layout of laneSearch in package hash, in bytes.
const (
	rowBytes       = 64
	tableBytes     = 64 * rowBytes
	stateOffset    = 4 * tableBytes
	earlyOffset    = stateOffset + 8*rowBytes
	midstateOffset = earlyOffset + 3*rowBytes
	messageOffset  = midstateOffset + 8*rowBytes
	messageBytes   = 61 * rowBytes
	scratchRows    = 64
	scratchOffset  = messageOffset + 4*messageBytes
	wordsOffset    = scratchOffset + scratchRows*rowBytes
)

// The words of laneSearch, in their order.
const (
	wordW16 = iota
	wordW17
	wordC18
	wordC19
	wordMask
	wordFirst
	wordNonces
	wordVectors
	wordHalves
)

// word is one of them, for all lanes.
func word(i int) memory { return memory{base: "search", disp: wordsOffset + 4*i, group: 4} }

// row is row i of the rows at offset, lane by lane.
func (k kernel) row(base string, offset, i int) memory {
	return memory{base: base, disp: offset + rowBytes*i, group: k.bytes}
}

// laneRow is such a row of what belongs to midstates. AVX2 has sixteen of them in two halves, one after the other.
func (k kernel) laneRow(offset, i int) memory { return k.row(k.half(), offset, i) }

// half is the base of rows of what belongs to midstates.
func (k kernel) half() string {
	if k.ternary {
		return "search"
	}
	return "half"
}

// tableRow is row i of the table of a stream: what a vector reads of it, for groups of so many bytes.
func tableRow(stream, i, group int) memory {
	return memory{base: "column", disp: stream*tableBytes + rowBytes*i, group: group}
}

// message is word i of the second hash of a stream.
func (k kernel) message(base string, stream, i int) memory {
	return k.row(base, messageOffset+messageBytes*stream, i)
}

// kept is the word i of a stream's state, where it has no register.
func (k kernel) kept(stream, i int) memory { return k.row("search", scratchOffset, 8*stream+i) }

// slots are where values go that no register is left for: the rest of the scratch.
func (k kernel) slots() (rows []memory) {
	for i := 8 * k.first; i < scratchRows; i++ {
		rows = append(rows, k.row("search", scratchOffset, i))
	}
	return rows
}

// stream is the state of one vector, a to h, and the message schedule it works on.
type stream struct {
	s [8]*value
	w [64]*value
}

// table computes rows 3 and 18 to 63 of the table at "column", of as many nonces as a vector has lanes, the first of them
// skip behind the table's first. Row 3 is W3 alone, the others are K + W.
func (k kernel) table(p *program, skip int) {
	row := func(i int) memory {
		m := k.row("column", 0, i)
		m.disp += 4 * skip
		return m
	}
	var w [64]*value
	p.at("table")
	offsets := k.row("search", 0, 2)
	offsets.disp += 4 * skip
	nonce := p.sum("nonces: the first, and a lane's place", p.load(offsets), p.load(word(wordFirst)))

	// The header holds the nonce little-endian, SHA-256 reads words big-endian.
	left, right := p.rotated(nonce, 24, "nonce <<< 8"), p.rotated(nonce, 8, "nonce >>> 8")
	const swapped = "W3: the nonce, bytes swapped"
	if k.ternary {
		w[3] = p.ternary(tableCh, swapped, p.splat(0xff00ff00), right[0], left[0])
	} else {
		w[3] = p.or(swapped, p.and(swapped, p.or(swapped, right...), p.splat(0xff00ff00)), p.and(swapped, p.or(swapped, left...), p.splat(0x00ff00ff)))
	}
	p.store(row(3), w[3], "W3")

	w[4] = p.splat(padOne)
	for i := 5; i < 15; i++ {
		w[i] = p.splat(0)
	}
	w[15] = p.splat(headerBits)
	w[16], w[17] = p.load(word(wordW16)), p.load(word(wordW17))
	for i := 18; i < 64; i++ {
		p.at("table, W%d", i)
		switch i {
		case 18: // σ1(W16) + W11 + σ0(W3) + W2: all but σ0(W3) is c18
			w[i] = p.sum("c18 + σ0(W3)", p.load(word(wordC18)), p.sigma("σ0(W3)", w[3], smallSigma0, true))
		case 19: // σ1(W17) + W12 + σ0(W4) + W3: all but W3 is c19
			w[i] = p.sum("c19 + W3", p.load(word(wordC19)), w[3])
		default:
			p.extend(&w, i)
		}
		note := fmt.Sprintf("K%d + W%d", i, i)
		p.store(row(i), p.sum(note, w[i], p.splat(k256[i])), note)
	}
}

// begin is the state before round 4: what was prepared, and W3 in a and e.
func (k kernel) begin(p *program, ss []stream, group int) {
	for s := range ss {
		p.at("stream %d, first hash, round 3", s)
		for i := range ss[s].s {
			ss[s].s[i] = p.load(k.laneRow(stateOffset, i))
		}
		w3 := p.load(tableRow(s, 3, group))
		ss[s].s[0] = p.sum("a + W3", ss[s].s[0], w3)
		ss[s].s[4] = p.sum("e + W3", ss[s].s[4], w3)
	}
}

// digest adds the midstate to the state: the digest of the first hash, the message of the second.
func (k kernel) digest(p *program, ss []stream) {
	for s := range ss {
		for i := range 8 {
			p.at("stream %d, first hash, digest", s)
			ss[s].w[i] = p.sum(fmt.Sprintf("W%d of the second hash", i), ss[s].s[i], p.load(k.laneRow(midstateOffset, i)))
		}
	}
}

// The second hash is done as far as its last word needs it: IV[7] plus the e after round 60. h is e three rounds later, so
// the schedule ends with W60, and no new a is computed from round 57 on, because a becomes e only after four rounds.

// padding makes what is constant of the second hash: its first state, and the padding of its message.
func padding(p *program, ss []stream) {
	for s := range ss {
		for i := range 8 {
			ss[s].s[i] = p.splat(iv[i])
		}
		ss[s].w[8] = p.splat(padOne)
		for i := 9; i < 15; i++ {
			ss[s].w[i] = p.splat(0)
		}
		ss[s].w[15] = p.splat(digestBits)
	}
}

// rounds is the rounds from to to (not included) of the second hash. If the schedule does not have it yet, the word of the
// next round is made before each.
func rounds(p *program, ss []stream, from, to int) {
	for i := from; i < to; i++ {
		for s := range ss {
			for n := i; n <= min(i+1, to-1); n++ {
				if ss[s].w[n] == nil {
					p.at("stream %d, second hash, W%d", s, n)
					p.extend(&ss[s].w, n)
				}
			}
		}
		for s := range ss {
			p.at("stream %d, second hash, round %d", s, i)
			k := k256[i]
			if i == 60 {
				k += iv[7]
			}
			p.round(&ss[s].s, i >= 57, ss[s].s[7], p.splat(k), ss[s].w[i])
		}
	}
}

// answer tests the last word of the digest, e with IV[7] in it since round 60.
func answer(p *program, ss []stream) {
	for s := range ss {
		p.at("stream %d, answer", s)
		p.test(s, word(wordMask), ss[s].s[4], "lanes in which the digest's last word & mask is 0")
	}
}

// assemble writes a part of the kernel, which runs so many times a vector or, for the table, a block.
func (k kernel) assemble(p *program, part string, times int) {
	p.assemble(k.order, k.slots())
	k.tally.add(part, p.counts, times)
}

// write writes the kernel: blocks of as many nonces as the tables have columns, of these vector by vector.
func (k kernel) write() *tally {
	k.tally = &tally{}
	constants := newConstants("constants"+k.symbol[len("scan"):], k.isa)
	constants.add(k256[:]...)

	TEXT(k.symbol, NOSPLIT, "func(hits *byte, s *byte, blocks int)")
	Load(Param("hits"), RDI)
	Load(Param("s"), RSI)
	Load(Param("blocks"), RCX)
	LEAQ(NewDataAddr(Symbol{Name: constants.symbol, Static: true}, 0), R8)
	Comment(
		fmt.Sprintf("SI: the laneSearch: tables at 0, state %d, early %d, midstate %d, message %d, scratch %d, words %d.",
			stateOffset, earlyOffset, midstateOffset, messageOffset, scratchOffset, wordsOffset),
		fmt.Sprintf("R8: constants of %d bytes each, K first, then others in the order of their first use.", constants.width),
		"BX: the column of the tables at which a vector's nonces begin. DI: its hits. CX: blocks left. R9: vectors left.",
		"R12: bytes of a row that a vector uses, 4 for each of its nonces. DX: vectors of a table.",
		"A comment behind an instruction says which stream, hash and round or word it is for, and which formula: of a sum of many",
		"terms, in brackets, the one that it adds. A copy or a load has the comment of the operation that needs it. VPTERNLOGD overwrites",
		"an argument that is needed no more: its truth table is that of the function with arguments in another order.",
	)
	MOVL(place(word(wordNonces)), R12L)
	SHLQ(U8(2), R12)
	MOVL(place(word(wordVectors)), EDX)

	Comment("A block of nonces: the tables.")
	Label("block")
	MOVQ(RSI, RBX)
	if k.first > 1 {
		MOVQ(U32(uint32(k.first)), R10)
		loop("table")
	}
	for skip := 0; skip < 16; skip += k.bytes / 4 {
		p := newProgram(k.isa, constants)
		k.table(p, skip)
		k.assemble(p, "table", k.first)
	}
	ADDL(U8(16), place(word(wordFirst)))
	if k.first > 1 {
		ADDQ(U32(tableBytes), RBX)
		DECQ(R10)
		JNZ(LabelRef("table"))
	}

	if !k.ternary {
		MOVL(place(word(wordHalves)), R11L)
		MOVQ(RSI, R13)
		Label("half")
	}
	MOVQ(RSI, RBX)
	MOVQ(RDX, R9)

	Label("vector")
	for nonces := 1; nonces <= k.bytes/4; nonces *= 2 {
		last := nonces == k.bytes/4
		Comment(fmt.Sprintf("The first hash, for vectors of %d nonces.", nonces))
		Label(fmt.Sprintf("nonces%d", nonces))
		if !last {
			CMPQ(R12, U8(4*nonces))
			JNE(LabelRef(fmt.Sprintf("nonces%d", 2*nonces)))
		}
		if k.loops {
			k.firstLoop(constants, nonces)
		} else {
			k.firstStraight(constants, nonces)
		}
		if !last {
			JMP(LabelRef("second"))
		}
	}

	Comment("The second hash.")
	Label("second")
	if k.loops {
		k.secondLoop(constants)
	} else {
		k.secondStraight(constants)
	}
	ADDQ(R12, RBX)
	DECQ(R9)
	JNZ(LabelRef("vector"))
	if !k.ternary {
		Comment("The other half of sixteen midstates has the other byte of the same words.")
		DECQ(R11)
		JZ(LabelRef("done"))
		ADDQ(U8(32), R13)
		SUBQ(U8(31), RDI)
		JMP(LabelRef("half"))
		Label("done")
		ANDQ(I8(-2), RDI)
	}
	if k.first > 1 {
		Comment("The hits of the other tables are behind those of the first.")
		IMUL3Q(U8(2*(k.first-1)), RDX, RAX)
		ADDQ(RAX, RDI)
	}
	DECQ(RCX)
	JNZ(LabelRef("block"))
	VZEROUPPER()
	RET()
	constants.emit()
	return k.tally
}

// firstRounds is rounds from to to (not included) of the first hash, called by those names, which read K + W from the rows
// of the table.
func (k kernel) firstRounds(p *program, ss []stream, from, to int, name string, table func(stream, i int) memory) {
	for i := from; i < to; i++ {
		for s := range ss {
			p.at("stream %d, first hash, round %s%d", s, name, i)
			p.round(&ss[s].s, false, ss[s].s[7], p.load(table(s, i)))
		}
	}
}

// firstName is the name of the first hash for vectors of so many nonces.
func firstName(nonces int) string { return fmt.Sprintf("first%d", nonces) }

// firstStraight writes the first hash, for vectors of so many nonces, without a loop. The state is then in the registers
// from 0 on.
func (k kernel) firstStraight(constants *constants, nonces int) {
	p, ss := newProgram(k.isa, constants), make([]stream, 1)
	table := func(s, i int) memory { return tableRow(s, i, 4*nonces) }
	k.begin(p, ss, 4*nonces)
	for i := 4; i <= 6; i++ { // h is still what it was before the nonce: h + K + W was prepared
		p.at("stream 0, first hash, round %d", i)
		p.round(&ss[0].s, false, p.load(k.laneRow(earlyOffset, i-4)))
	}
	k.firstRounds(p, ss, 7, 64, "", table)
	p.outputStates(ss)
	k.assemble(p, firstName(nonces), 1)
}

// secondStraight writes the digest of the first hash and the second without a loop.
func (k kernel) secondStraight(constants *constants) {
	p, ss := newProgram(k.isa, constants), make([]stream, 1)
	p.inputStates(ss)
	k.digest(p, ss)
	padding(p, ss)
	rounds(p, ss, 0, 61)
	answer(p, ss)
	k.assemble(p, "second", 1)

	k.hits()
	ADDQ(U8(2), RDI)
}

// hits writes the answer of one stream: a word for each vector, or a byte for each half of one.
func (k kernel) hits() {
	if k.ternary {
		KMOVW(K1, Mem{Base: RDI})
	} else {
		Comment("In the second half RDI is odd, and the byte before is that of the first.")
		TESTQ(U32(1), RDI)
		JNZ(LabelRef("odd"))
		MOVW(R10W, Mem{Base: RDI})
		JMP(LabelRef("even"))
		Label("odd")
		MOVB(R10B, Mem{Base: RDI})
		Label("even")
	}
}

// turn is how many rounds make a turn of a loop: after four, all eight variables are new ones.
const turn = 4

// firstLoop writes the first hash of all streams, for vectors of so many nonces, with its rounds as a loop. The words kept in
// registers are then in those, the others in memory.
func (k kernel) firstLoop(constants *constants, nonces int) {
	p, ss := newProgram(k.isa, constants), make([]stream, k.first)
	k.begin(p, ss, 4*nonces)
	k.keep(p, ss)
	name := firstName(nonces)
	k.assemble(p, name, 1)

	Comment("Rounds 4n to 4n+3, n from 1 to 15. R14: the table's column, four rows on at each turn.")
	LEAQ(Mem{Base: RBX, Disp: turn * rowBytes}, R14)
	MOVQ(U32(60/turn), R10)
	loop(name)
	p, ss = newProgram(k.isa, constants), make([]stream, k.first)
	k.take(p, ss)
	k.firstRounds(p, ss, 0, turn, "4n+", func(s, i int) memory {
		m := tableRow(s, i, 4*nonces)
		m.base = "turn"
		return m
	})
	k.keep(p, ss)
	k.assemble(p, name, 60/turn)
	ADDQ(U32(turn*rowBytes), R14)
	DECQ(R10)
	JNZ(LabelRef(name))
}

// inRegisters are the words of a state that stay in registers between the turns of the first hash's loop. Maj and Ch read c
// and g from memory, and additions d and h.
var inRegisters = []int{0, 1, 4, 5}

// take is the states as the turn before left them.
func (k kernel) take(p *program, ss []stream) {
	for s := range ss {
		p.at("stream %d, kept", s)
		for i := range 8 {
			if r := slices.Index(inRegisters, i); r >= 0 {
				ss[s].s[i] = p.input(4*s+r, variable(i))
			} else {
				ss[s].s[i] = p.load(k.kept(s, i))
			}
		}
	}
}

// keep leaves the states for take.
func (k kernel) keep(p *program, ss []stream) {
	for s := range ss {
		for i := range 8 {
			if r := slices.Index(inRegisters, i); r >= 0 {
				p.output(ss[s].s[i], 4*s+r)
			} else {
				p.at("stream %d, kept", s)
				p.store(k.kept(s, i), ss[s].s[i], variable(i))
			}
		}
	}
}

// secondLoop writes the digests of the first hashes, and the second hashes, a few streams at a time, with rounds 16 to 55 as
// a loop. The schedule lies in memory, all of it, so that a turn finds its words four rows behind those of the turn before.
// That the loop does not know of the padding's zeros costs some 40 operations of 2,400, and pays: see scanAVX512x2. The
// words are made five rounds ahead: so the last rounds have none to make, and the first ones, which have no schedule to fill
// their waiting with, have a few.
func (k kernel) secondLoop(constants *constants) {
	p, ss := newProgram(k.isa, constants), make([]stream, k.first)
	k.take(p, ss)
	k.digest(p, ss)
	for s := range ss {
		for i := range 8 {
			p.at("stream %d, kept", s)
			p.store(k.message(k.half(), s, i), ss[s].w[i], fmt.Sprintf("W%d of the second hash", i))
		}
	}
	k.assemble(p, "second", 1)

	groups := k.first / k.second
	if groups > 1 {
		Comment("R13: the messages of the streams whose turn it is. RAX: their hits.")
		MOVQ(RSI, R13)
		MOVQ(RDI, RAX)
		loop("streams")
	}
	const from, to, ahead = 16, 56, 5
	p, ss = newProgram(k.isa, constants), make([]stream, k.second)
	for s := range ss {
		for i := range 8 {
			ss[s].w[i] = p.load(k.message("half", s, i))
		}
	}
	padding(p, ss)
	for i := range from {
		if i%3 == 0 && i/3 < ahead {
			for s := range ss {
				k.extendKept(p, &ss[s], s, "half", 16+i/3, fmt.Sprint(16+i/3))
			}
		}
		rounds(p, ss, i, i+1)
	}
	p.outputStates(ss)
	k.assemble(p, "second", groups)

	Comment("Rounds 4n to 4n+3, n from 4 to 13. R14: the messages, R15: K, both four rounds on at each turn.")
	MOVQ(R13, R14)
	LEAQ(NewDataAddr(Symbol{Name: constants.symbol, Static: true}, constants.at(k256[from]).disp), R15)
	MOVQ(U32((to-from)/turn), R10)
	loop("second16")
	p, ss = newProgram(k.isa, constants), make([]stream, k.second)
	p.inputStates(ss)
	for s := range ss {
		for i := range from + ahead {
			ss[s].w[i] = p.load(k.message("turn", s, i))
		}
	}
	for i := from; i < from+turn; i++ {
		for s := range ss {
			k.extendKept(p, &ss[s], s, "turn", i+ahead, fmt.Sprintf("4n+%d", i-from+ahead))
		}
		for s := range ss {
			p.at("stream %d, second hash, round 4n+%d", s, i-from)
			p.round(&ss[s].s, false, ss[s].s[7], p.load(memory{base: "k", disp: constants.width * (i - from), group: constants.width}), ss[s].w[i])
		}
	}
	p.outputStates(ss)
	k.assemble(p, "second", groups*(to-from)/turn)
	ADDQ(U32(turn*rowBytes), R14)
	ADDQ(U8(turn*constants.width), R15)
	DECQ(R10)
	JNZ(LabelRef("second16"))

	p, ss = newProgram(k.isa, constants), make([]stream, k.second)
	p.inputStates(ss)
	for s := range ss {
		for i := to; i < to+ahead; i++ {
			ss[s].w[i] = p.load(k.message("half", s, i))
		}
	}
	rounds(p, ss, to, to+ahead)
	answer(p, ss)
	k.assemble(p, "second", groups)

	if groups == 1 {
		k.hits()
	} else {
		for s := 0; s < k.second; s += 2 {
			KMOVW(masks[s], Mem{Base: RAX})
			KMOVW(masks[s+1], Mem{Base: RAX, Index: RDX, Scale: 2})
			LEAQ(Mem{Base: RAX, Index: RDX, Scale: 4}, RAX)
		}
		ADDQ(U32(uint32(k.second*messageBytes)), R13)
		LEAQ(Mem{Base: RSI, Disp: k.first * messageBytes}, R10)
		CMPQ(R13, R10)
		JNE(LabelRef("streams"))
	}
	ADDQ(U8(2), RDI)
}

// extendKept makes word i of the second hash's schedule, called by that name, and keeps it in memory.
func (k kernel) extendKept(p *program, st *stream, s int, base string, i int, name string) {
	p.at("stream %d, second hash, W[%s]", s, name)
	p.extend(&st.w, i)
	p.store(k.message(base, s, i), st.w[i], "kept")
}
