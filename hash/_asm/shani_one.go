package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// One message at a time, for what has to wait for it: each step of a merkle branch, or a lone header. Nothing fills the four
// cycles that SHA256RNDS2 waits for the one before it, so that a block takes 128 cycles at least, and everything on the way
// from one digest to the next adds to that. So the schedule and K + W stay in registers, and the digest of the first hash
// becomes the message of the second there too.

// Registers of one message, besides those of the first stream.
var (
	shaniRowOf   = [4]VecPhysical{X3, X4, X5, X6} // W, by row
	shaniRowKW   = [3]VecPhysical{X7, X8, X9}     // K + W, by row; one is used and two are ahead
	shaniSaved   = [2]VecPhysical{X10, X11}       // the state to be added at the end of a block
	shaniBlockAt = RSI                            // the block
)

// oneBlock adds a block to the state. load makes T a row of its message, as words, for the rows from first on; the others are
// in their registers.
func (w *shaniWriter) oneBlock(first int, load func(n int)) {
	w.saveOne()
	row := func(n int) {
		to := shaniRowOf[n%4]
		w.at("W%d-%d", 4*n, 4*n+3)
		switch {
		case n >= 4:
			// W[i] = W[i-16] + σ0(W[i-15]) + W[i-7] + σ1(W[i-2])
			w.sigma0(shaniRowOf[(n-3)%4], to, "W[i-16] + σ0(W[i-15])")
			w.move(shaniRowOf[(n-1)%4], shaniU, "the row before")
			w.shiftOut(1, shaniRowOf[(n-2)%4], shaniU, "W[i-7]")
			w.add(shaniU, to, "+ W[i-7]")
			w.sigma1(shaniRowOf[(n-1)%4], to, "+ σ1(W[i-2])")
		case n >= first:
			load(n)
			w.move(shaniT, to, "W")
		}
		w.move(to, shaniRowKW[n%3], "W")
		w.add(shaniK(4*n), shaniRowKW[n%3], "K + W")
	}
	row(0)
	row(1)
	for n := range 16 {
		if n+2 < 16 {
			row(n + 2)
		}
		kw := shaniRowKW[n%3]
		w.at("block")
		w.move(kw, X0, fmt.Sprintf("K + W of rounds %d and %d", 4*n, 4*n+1))
		w.twoRounds(0, 2*n, 4*n, Mem{})
		w.shuffle([4]int{2, 3, 2, 3}, kw, X0, fmt.Sprintf("K + W of rounds %d and %d", 4*n+2, 4*n+3))
		w.twoRounds(0, 2*n+1, 4*n+2, Mem{})
	}
	w.addOne()
}

func (w *shaniWriter) saveOne() {
	w.at("state")
	w.move(shaniABEF[0], shaniSaved[0], "before the block")
	w.move(shaniCDGH[0], shaniSaved[1], "before the block")
}

func (w *shaniWriter) addOne() {
	w.at("state")
	w.add(shaniSaved[0], shaniABEF[0], "[f e b a]: + the state before the block")
	w.add(shaniSaved[1], shaniCDGH[0], "[h g d c]: + the state before the block")
}

// fromMemory loads a row of the message's block.
func (w *shaniWriter) fromMemory(n int) {
	w.moveUnaligned(Mem{Base: shaniBlockAt, Disp: 16 * n}, shaniT, "bytes of the message")
	w.flip(shaniT, "big-endian words")
}

// fromPadding loads a row of the padding of a message of length bits, which begins with row first.
func (w *shaniWriter) fromPadding(first int, length uint32) func(n int) {
	return func(n int) {
		switch n {
		case first:
			w.move(shaniRow("shaniOneBit", padOne, 0, 0, 0), shaniT, "padding")
		case 3:
			name := map[uint32]string{headerBits: "shaniHeaderBits", digestBits: "shaniDigestBits"}[length]
			w.move(shaniRow(name, 0, 0, 0, length), shaniT, "padding")
		default:
			w.move(shaniRow("shaniZero", 0, 0, 0, 0), shaniT, "padding")
		}
	}
}

// sumOne hashes the state once more and writes the digest.
func (w *shaniWriter) sumOne() {
	Comment("The second hash, of the digest and its padding.")
	w.inOrder(0)
	w.at("W0-7")
	w.move(shaniABEF[0], shaniRowOf[0], "a to d")
	w.move(shaniCDGH[0], shaniRowOf[1], "e to h")
	w.initial(0)
	w.oneBlock(2, w.fromPadding(2, digestBits))
	Comment("Its digest.")
	w.writeBytes(0, Mem{Base: shaniDst})
}

// shaniOne writes the functions for one message.
func shaniOne() {
	shaniOneHeader()
	shaniOnePair()
	shaniOneSuffix()
}

func shaniOneHeader() {
	w := &shaniWriter{}
	TEXT("sumHeaderSHANI", NOSPLIT, "func(dst *byte, src *byte)")
	Load(Param("dst"), shaniDst)
	Load(Param("src"), shaniBlockAt)
	w.initial(0)
	w.oneBlock(0, w.fromMemory)
	Comment("The second block: the last 16 bytes of the header and the padding.")
	ADDQ(U8(64), shaniBlockAt)
	padding := w.fromPadding(1, headerBits)
	w.oneBlock(0, func(n int) {
		if n == 0 {
			w.fromMemory(0)
		} else {
			padding(n)
		}
	})
	w.sumOne()
	RET()
}

func shaniOnePair() {
	w := &shaniWriter{}
	TEXT("sumPairSHANI", NOSPLIT, "func(dst *byte, src *byte)")
	Load(Param("dst"), shaniDst)
	Load(Param("src"), shaniBlockAt)
	w.initial(0)
	w.oneBlock(0, w.fromMemory)
	Comment("The second block, which is padding, so that all of K + W is constant.")
	w.saveOne()
	for i := 0; i < 64; i += 2 {
		w.at("padding")
		w.twoRounds(0, i/2, i, shaniPairKW().Offset(4*i))
	}
	w.addOne()
	w.sumOne()
	RET()
}

func shaniOneSuffix() {
	blocks, end, endBlocks := RDX, RBX, RCX
	w := &shaniWriter{}
	TEXT("sumSuffixSHANI", NOSPLIT, "func(dst *byte, state *byte, message *byte, blocks int, end *byte, endBlocks int)")
	Load(Param("state"), shaniDst)
	// By halves, because Go copies a state together with what stands behind it, with stores that overlap: a load that needs
	// two of them waits until both are done, here 20 ns.
	w.at("state")
	for i, row := range []VecPhysical{shaniABEF[0], shaniCDGH[0]} {
		w.note([]string{"[a b]", "[e f]"}[i])
		MOVQ(Mem{Base: shaniDst, Disp: 16 * i}, row)
		w.note([]string{"[a b c d]", "[e f g h]"}[i])
		MOVHPS(Mem{Base: shaniDst, Disp: 16*i + 8}, row)
	}
	w.outOfOrder(0)
	Load(Param("dst"), shaniDst)
	Load(Param("message"), shaniBlockAt)
	Load(Param("blocks"), blocks)
	Load(Param("end"), end)
	Load(Param("endBlocks"), endBlocks)

	Label("next")
	TESTQ(blocks, blocks)
	JNZ(LabelRef("block"))
	Comment("After the blocks of the message those of its end.")
	MOVQ(end, shaniBlockAt)
	MOVQ(endBlocks, blocks)
	XORL(endBlocks.As32(), endBlocks.As32())
	TESTQ(blocks, blocks)
	JZ(LabelRef("digest"))
	Label("block")
	w.oneBlock(0, w.fromMemory)
	ADDQ(U8(64), shaniBlockAt)
	DECQ(blocks)
	JMP(LabelRef("next"))
	Label("digest")
	w.sumOne()
	RET()
}
