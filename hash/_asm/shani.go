package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// The kernel shani: the SHA extensions of amd64 (Gulley and others, New Instructions Supporting the Secure Hash Algorithm
// on Intel Architecture Processors, July 2013). An xmm register holds four words, here written from lane 0 up.
//
//	SHA256RNDS2  does rounds i and i+1: from [f e b a] before them, and [h g d c] in the register that gets the result, it
//	             computes the new [f e b a]. The old one then is the new [h g d c], so the two registers take turns. K + W of
//	             the two rounds are in lanes 0 and 1 of X0.
//	SHA256MSG1   of W[i..i+3] and W[i+4..i+7]: W[i+j] + σ0(W[i+j+1]) in lane j
//	SHA256MSG2   of what MSG1 and W[i+9..i+12] add up to, and W[i+12..i+15]: W[i+16..i+19], by adding σ1(W[i+j+14])
//
// SHA256RNDS2 waits four cycles for the one before it, and a core begins one in two or three cycles, so that streams of
// independent messages have to be interleaved. Cycles for a hash of the search with 16 midstates and with 1, on AMD EPYC
// (Zen 5), which begins one in two cycles, so that the 60 of a hash take 120 at least:
//
//	two streams, their schedules in registers                              148    175
//	two streams, their schedules in memory                                 151    180
//	four streams, in memory, taking turns every four rounds                127.5  131
//	  the same, each stream four rounds behind the one before              125.7  130
//	four streams, in memory, taking turns every two rounds, K + W written
//	  to memory two rows ahead, each stream two steps behind the one before,
//	  the schedules of four nonces interleaved too: as it is now           126    129
//	  none, one, three, four steps behind                                  127.7, 126.3, 126, 127.3 with 16
//	  three, four rows ahead                                               127,   127 with 16
//	  the schedules of four nonces one after the other                     126.4  130.6
//
// Without the schedule of the second hash it would be 125 with 16 midstates, without what is between the hashes 122.5, and
// without both 120.7. So what is missed is mostly the latency between the first hash and the second; pauses of two to six
// steps there, in the order of instructions, changed nothing.

// shaniStreams is how many messages are hashed side by side, and shaniSkew how many steps of two rounds each of them is
// behind the one before.
const (
	shaniStreams = 4
	shaniSkew    = 2
)

// Registers. The schedule of a message lives in memory, but for its newest four words.
var (
	shaniABEF   = [shaniStreams]VecPhysical{X1, X3, X5, X7}    // [f e b a] before a step of two rounds, [h g d c] after it
	shaniCDGH   = [shaniStreams]VecPhysical{X2, X4, X6, X8}    // the other
	shaniNewest = [shaniStreams]VecPhysical{X9, X10, X11, X12} // the newest four words of a schedule
	shaniT      = X13
	shaniU      = X14
)

// shaniOperations is how many instructions of each kind a generator wrote.
type shaniOperations struct {
	rounds     int // SHA256RNDS2
	msg1, msg2 int
	other      int // additions, shuffles, logic; no loads, stores and moves
}

func (o shaniOperations) plus(p shaniOperations, times int) shaniOperations {
	o.rounds += times * p.rounds
	o.msg1 += times * p.msg1
	o.msg2 += times * p.msg2
	o.other += times * p.other
	return o
}

// vector is the number of all of them.
func (o shaniOperations) vector() int { return o.rounds + o.msg1 + o.msg2 + o.other }

// A shaniWriter writes instructions and counts them. Every one gets a comment: where, the message and what of it is being
// computed, and the instruction's own part in it.
type shaniWriter struct {
	shaniOperations
	where string
}

func (w *shaniWriter) at(format string, args ...any) { w.where = fmt.Sprintf(format, args...) }

func (w *shaniWriter) note(part string) { comment(w.where + ": " + part) }

// The moves.

func (w *shaniWriter) move(from, to Op, part string) {
	w.note(part)
	MOVOA(from, to)
}

// moveUnaligned is for memory of callers.
func (w *shaniWriter) moveUnaligned(from, to Op, part string) {
	w.note(part)
	MOVOU(from, to)
}

// The operations. Those of two operands change the second.

func (w *shaniWriter) add(x Op, to VecPhysical, part string) {
	w.other++
	w.note(part)
	PADDD(x, to)
}

// shuffle puts the lanes of from into to, in the order given.
func (w *shaniWriter) shuffle(lanes [4]int, from, to VecPhysical, part string) {
	w.other++
	w.note(part)
	PSHUFD(shaniLanes(lanes), from, to)
}

// merge keeps the lanes of to named first, and puts those of from named last behind them.
func (w *shaniWriter) merge(lanes [4]int, from, to VecPhysical, part string) {
	w.other++
	w.note(part)
	SHUFPS(shaniLanes(lanes), from, to)
}

func shaniLanes(lanes [4]int) Constant {
	return U8(uint8(lanes[0] | lanes[1]<<2 | lanes[2]<<4 | lanes[3]<<6))
}

// blend puts lanes of from, those whose bit is set, into to.
func (w *shaniWriter) blend(lanes uint8, from Op, to VecPhysical, part string) {
	w.other++
	w.note(part)
	var words uint8 // of 16 bits
	for i := range 4 {
		words |= lanes >> i & 1 * 3 << (2 * i)
	}
	PBLENDW(U8(words), from, to)
}

// shiftOut drops so many lanes of low, and fills up with those of high: to must be high.
func (w *shaniWriter) shiftOut(lanes int, low Op, high VecPhysical, part string) {
	w.other++
	w.note(part)
	PALIGNR(U8(uint8(4*lanes)), low, high)
}

// flip swaps the bytes of each word.
func (w *shaniWriter) flip(to VecPhysical, part string) {
	w.apply(shaniRow("shaniFlip", 0x00010203, 0x04050607, 0x08090a0b, 0x0c0d0e0f), to, part, PSHUFB)
}

// apply is any other operation of two operands.
func (w *shaniWriter) apply(x Op, to VecPhysical, part string, instruction func(x, to Op)) {
	w.other++
	w.note(part)
	instruction(x, to)
}

func (w *shaniWriter) sigma0(next Op, to VecPhysical, part string) {
	w.msg1++
	w.note(part)
	SHA256MSG1(next, to)
}

func (w *shaniWriter) sigma1(before Op, to VecPhysical, part string) {
	w.msg2++
	w.note(part)
	SHA256MSG2(before, to)
}

// twoRounds does the rounds i and i+1 of stream j, step being how many steps there were before. K + W are at kw.
func (w *shaniWriter) twoRounds(j, step, i int, kw Mem) {
	abef, cdgh := shaniABEF[j], shaniCDGH[j]
	if step%2 == 1 {
		abef, cdgh = cdgh, abef
	}
	if kw != (Mem{}) { // else X0 has them
		w.note(fmt.Sprintf("K + W of rounds %d and %d", i, i+1))
		MOVQ(kw, X0)
	}
	w.rounds++
	w.note(fmt.Sprintf("rounds %d and %d", i, i+1))
	SHA256RNDS2(X0, abef, cdgh)
}

// shaniRows are the constants already written into this file.
var shaniRows = map[string]Mem{}

// shaniRow returns read-only words by name.
func shaniRow(name string, words ...uint32) Mem {
	m, has := shaniRows[name]
	if !has {
		m = GLOBL(name, RODATA|NOPTR)
		for i, word := range words {
			DATA(4*i, U32(word))
		}
		shaniRows[name] = m
	}
	return m
}

// A shaniMessage is where the schedule of a stream's message lies in memory, four words to a row. Rows take the place of
// those four before them.
type shaniMessage struct {
	stream int
	words  Mem // W
	kw     Mem // K + W
}

// row returns the place of row n.
func (m shaniMessage) row(n int) Mem { return m.words.Offset(16 * (n % 4)) }

// kwRow returns the place of K + W of row n.
func (m shaniMessage) kwRow(n int) Mem { return m.kw.Offset(16 * (n % 4)) }

// newest is the register of the newest row.
func (m shaniMessage) newest() VecPhysical { return shaniNewest[m.stream] }

// extend computes row n in T, leaving out the first kind of terms or both if they are zero:
//
//	W[i] = W[i-16] + σ0(W[i-15]) + W[i-7] + σ1(W[i-2])
func (m shaniMessage) extend(w *shaniWriter, n int, oldest, middle bool) {
	if oldest {
		w.move(m.row(n-4), shaniT, "W[i-16]")
		w.sigma0(m.row(n-3), shaniT, "+ σ0(W[i-15])")
	}
	switch {
	case oldest && middle:
		w.move(m.newest(), shaniU, "the row before")
		w.shiftOut(1, m.row(n-2), shaniU, "W[i-7]")
		w.add(shaniU, shaniT, "+ W[i-7]")
	case middle:
		w.move(m.newest(), shaniT, "the row before")
		w.shiftOut(1, m.row(n-2), shaniT, "W[i-7]; W[i-16] and W[i-15] are 0")
	}
	w.sigma1(m.newest(), shaniT, "+ σ1(W[i-2])")
}

// keep makes T the row n, of a schedule that ends with the row last, and writes K + W from it.
func (m shaniMessage) keep(w *shaniWriter, n, last int, k, kw Mem) {
	if n+2 <= last { // the row after the next one needs it from memory
		w.move(shaniT, m.row(n), "W")
	}
	if n >= 3 && n < last {
		w.move(shaniT, m.newest(), "W")
	}
	w.add(k, shaniT, "K + W")
	w.move(shaniT, kw, "K + W")
}

// interleave gives the order in which streams take turns.
func interleave(streams [][]func()) (out []func()) {
	for t, left := 0, true; left; t++ {
		left = false
		for j, steps := range streams {
			i := t - shaniSkew*j
			left = left || i < len(steps)
			if i >= 0 && i < len(steps) {
				out = append(out, steps[i])
			}
		}
	}
	return out
}
