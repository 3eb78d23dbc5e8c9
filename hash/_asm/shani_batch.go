package main

import (
	"fmt"
	"math/bits"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Offsets in the part of the stack that the batches use. It begins at a multiple of 16.
const (
	shaniStackWords  = 0   // [4][4] rows: schedules
	shaniStackKW     = 256 // [4][4] rows
	shaniStackState  = 512 // [4][2] rows: the states to be added at the end of a block
	shaniStackBlock  = 640 // [4][64] bytes: second blocks of headers
	shaniStackDigest = 896 // [4][64] bytes: digests of the first hash and their padding
	shaniStackSize   = 1152
)

// Registers of the batches.
var (
	shaniDst       = RDI
	shaniSrc       = RSI
	shaniCount     = RDX                                        // messages or blocks left
	shaniMessageOf = [shaniStreams]GPPhysical{R8, R9, R10, R11} // by stream, the block of the message
	shaniStack     = R12
	shaniBlock     = RBX // which block of a message this is
)

func shaniOnStack(offset int) Mem { return Mem{Base: shaniStack, Disp: offset} }

// allocate reserves the part of the stack.
func (w *shaniWriter) allocate() {
	local := AllocLocal(shaniStackSize + 8)
	LEAQ(local.Offset(8), shaniStack)
	ANDQ(I8(-16), shaniStack)
}

// eachStream writes the same for all streams.
func eachStream(f func(j int)) {
	for j := range shaniStreams {
		f(j)
	}
}

// compress adds to the state of each stream the block that its pointer points to.
func (w *shaniWriter) compress() {
	streams := make([][]func(), shaniStreams)
	for j := range streams {
		m := shaniMessage{stream: j, words: shaniOnStack(shaniStackWords + 64*j), kw: shaniOnStack(shaniStackKW + 64*j)}
		row := func(n int) {
			w.at("stream %d, W%d-%d", j, 4*n, 4*n+3)
			if n < 4 {
				w.moveUnaligned(Mem{Base: shaniMessageOf[j], Disp: 16 * n}, shaniT, "bytes of the message")
				w.flip(shaniT, "big-endian words")
			} else {
				m.extend(w, n, true, true)
			}
			m.keep(w, n, 15, shaniK(4*n), m.kwRow(n))
		}
		for i := 0; i < 64; i += 2 {
			streams[j] = append(streams[j], func() {
				if i == 0 {
					w.save(j)
					row(0)
					row(1)
				}
				if n := i/4 + 2; i%4 == 0 && n < 16 { // two rows ahead
					row(n)
				}
				w.at("stream %d", j)
				w.twoRounds(j, i/2, i, m.kwRow(i/4).Offset(4*(i%4)))
				if i == 62 {
					w.addSaved(j)
				}
			})
		}
	}
	for _, step := range interleave(streams) {
		step()
	}
}

func (w *shaniWriter) save(j int) {
	w.at("stream %d", j)
	state := shaniOnStack(shaniStackState + 32*j)
	w.move(shaniABEF[j], state, "the state before the block")
	w.move(shaniCDGH[j], state.Offset(16), "the state before the block")
}

func (w *shaniWriter) addSaved(j int) {
	w.at("stream %d", j)
	state := shaniOnStack(shaniStackState + 32*j)
	w.add(state, shaniABEF[j], "[f e b a]: + the state before the block")
	w.add(state.Offset(16), shaniCDGH[j], "[h g d c]: + the state before the block")
}

// initial loads the initial state.
func (w *shaniWriter) initial(j int) {
	w.at("stream %d", j)
	w.move(shaniRow("shaniInitialABEF", iv[5], iv[4], iv[1], iv[0]), shaniABEF[j], "the initial [f e b a]")
	w.move(shaniRow("shaniInitialCDGH", iv[7], iv[6], iv[3], iv[2]), shaniCDGH[j], "the initial [h g d c]")
}

// inOrder makes of the state [a b c d] and [e f g h], in the same registers.
func (w *shaniWriter) inOrder(j int) {
	abef, cdgh := shaniABEF[j], shaniCDGH[j]
	w.at("stream %d", j)
	w.shuffle([4]int{3, 2, 1, 0}, abef, abef, "[a b e f]")
	w.shuffle([4]int{1, 0, 3, 2}, cdgh, cdgh, "[g h c d]")
	w.move(abef, shaniT, "[a b e f]")
	w.blend(0b1100, cdgh, abef, "[a b c d]")
	w.shiftOut(2, shaniT, cdgh, "[e f g h]")
}

// outOfOrder is the reverse.
func (w *shaniWriter) outOfOrder(j int) {
	abcd, efgh := shaniABEF[j], shaniCDGH[j]
	w.at("stream %d", j)
	w.shuffle([4]int{1, 0, 3, 2}, abcd, abcd, "[b a d c]")
	w.shuffle([4]int{3, 2, 1, 0}, efgh, efgh, "[h g f e]")
	w.move(abcd, shaniT, "[b a d c]")
	w.shiftOut(2, efgh, abcd, "[f e b a]")
	w.blend(0b1100, shaniT, efgh, "[h g d c]")
}

// writeBytes writes the state as 32 bytes.
func (w *shaniWriter) writeBytes(j int, to Mem) {
	w.inOrder(j)
	w.flip(shaniABEF[j], "big-endian bytes of a to d")
	w.flip(shaniCDGH[j], "big-endian bytes of e to h")
	w.moveUnaligned(shaniABEF[j], to, "a to d")
	w.moveUnaligned(shaniCDGH[j], to.Offset(16), "e to h")
}

// toDigest makes the states the messages of the second hash.
func (w *shaniWriter) toDigest() {
	eachStream(func(j int) {
		to := shaniOnStack(shaniStackDigest + 64*j)
		w.writeBytes(j, to)
		LEAQ(to, shaniMessageOf[j])
		w.initial(j)
	})
}

// pad writes the bytes 16·n to 63 of the blocks at offset: the padding of a message of length bits, the first rows of a
// block that is padded being left to others.
func (w *shaniWriter) pad(n, offset int, length uint32) {
	w.at("padding")
	var words [16]uint32
	words[4*n], words[15] = bits.ReverseBytes32(padOne), bits.ReverseBytes32(length)
	for i := n; i < 4; i++ {
		row := words[4*i : 4*i+4]
		name := "shaniZero"
		switch i {
		case n:
			name = "shaniPadOne"
		case 3:
			name = map[uint32]string{headerBits: "shaniPadHeader", digestBits: "shaniPadDigest"}[length]
		}
		w.move(shaniRow(name, row...), shaniT, "bytes")
		eachStream(func(j int) { w.move(shaniT, shaniOnStack(offset+64*j+16*i), "bytes") })
	}
}

// shaniBatch writes the batches. It returns the operations of a header, times four, and of a pair, times four.
func shaniBatch() (headers, pairs shaniOperations) {
	shaniCompress()
	headers, pairs = shaniHeaders(), shaniPairs()
	shaniOne()
	return headers, pairs
}

func shaniCompress() {
	w := &shaniWriter{}
	TEXT("compressSHANI", 0, "func(states *byte, messages *byte, blocks int)")
	w.allocate()
	Load(Param("states"), shaniDst)
	Load(Param("messages"), shaniSrc)
	Load(Param("blocks"), shaniCount)
	TESTQ(shaniCount, shaniCount)
	JZ(LabelRef("done"))
	eachStream(func(j int) {
		MOVQ(Mem{Base: shaniSrc, Disp: 8 * j}, shaniMessageOf[j])
		state := Mem{Base: shaniDst, Disp: 32 * j}
		w.at("stream %d", j)
		w.moveUnaligned(state, shaniABEF[j], "[a b c d]")
		w.moveUnaligned(state.Offset(16), shaniCDGH[j], "[e f g h]")
		w.outOfOrder(j)
	})
	Label("block")
	w.compress()
	eachStream(func(j int) { ADDQ(U8(64), shaniMessageOf[j]) })
	DECQ(shaniCount)
	JNZ(LabelRef("block"))
	eachStream(func(j int) {
		state := Mem{Base: shaniDst, Disp: 32 * j}
		w.inOrder(j)
		w.moveUnaligned(shaniABEF[j], state, "[a b c d]")
		w.moveUnaligned(shaniCDGH[j], state.Offset(16), "[e f g h]")
	})
	Label("done")
	RET()
}

func shaniHeaders() shaniOperations {
	w := &shaniWriter{}
	TEXT("sumHeadersSHANI", 0, "func(dst *byte, src *byte, n int)")
	w.begin()
	w.pad(1, shaniStackBlock, headerBits)
	w.pad(2, shaniStackDigest, digestBits)

	Label("four")
	before := w.shaniOperations
	eachStream(func(j int) {
		LEAQ(Mem{Base: shaniSrc, Disp: 80 * j}, shaniMessageOf[j])
		w.initial(j)
	})
	XORL(shaniBlock.As32(), shaniBlock.As32())

	Comment("All three blocks, the second hash being the third, go this way.")
	Label("block")
	start := w.shaniOperations
	w.compress()
	block := w.shaniOperations.plus(start, -1)
	ADDL(U8(1), shaniBlock.As32())
	CMPL(shaniBlock.As32(), U8(2))
	JEQ(LabelRef("digest"))
	JGT(LabelRef("sum"))

	Comment("The second block: the last 16 bytes of the header and the padding.")
	w.at("second block")
	eachStream(func(j int) {
		w.moveUnaligned(Mem{Base: shaniSrc, Disp: 80*j + 64}, shaniT, "bytes 64-79")
		w.move(shaniT, shaniOnStack(shaniStackBlock+64*j), "bytes 64-79")
		LEAQ(shaniOnStack(shaniStackBlock+64*j), shaniMessageOf[j])
	})
	JMP(LabelRef("block"))

	Comment("The second hash, of the digest and its padding.")
	Label("digest")
	w.toDigest()
	JMP(LabelRef("block"))

	Comment("Its digest.")
	Label("sum")
	w.end(80)
	return w.shaniOperations.plus(before, -1).plus(block, 2)
}

func shaniPairs() shaniOperations {
	w := &shaniWriter{}
	TEXT("sumPairsSHANI", 0, "func(dst *byte, src *byte, n int)")
	w.begin()
	w.pad(2, shaniStackDigest, digestBits)

	Label("four")
	before := w.shaniOperations
	eachStream(func(j int) {
		LEAQ(Mem{Base: shaniSrc, Disp: 64 * j}, shaniMessageOf[j])
		w.initial(j)
	})
	XORL(shaniBlock.As32(), shaniBlock.As32())

	Comment("The first block and the second hash go this way.")
	Label("block")
	start := w.shaniOperations
	w.compress()
	block := w.shaniOperations.plus(start, -1)
	ADDL(U8(1), shaniBlock.As32())
	CMPL(shaniBlock.As32(), U8(2))
	JEQ(LabelRef("sum"))

	Comment("The second block, which is padding, so that all of K + W is constant.")
	eachStream(w.save)
	for i := 0; i < 64; i += 2 {
		w.at("padding")
		w.note(fmt.Sprintf("K + W of rounds %d and %d", i, i+1))
		MOVQ(shaniPairKW().Offset(4*i), X0)
		eachStream(func(j int) {
			w.at("stream %d, padding", j)
			w.twoRounds(j, i/2, i, Mem{})
		})
	}
	eachStream(w.addSaved)
	w.toDigest()
	JMP(LabelRef("block"))

	Comment("Its digest.")
	Label("sum")
	w.end(64)
	return w.shaniOperations.plus(before, -1).plus(block, 1)
}

// begin loads the arguments of a sum and goes on if there is anything to do.
func (w *shaniWriter) begin() {
	w.allocate()
	Load(Param("dst"), shaniDst)
	Load(Param("src"), shaniSrc)
	Load(Param("n"), shaniCount)
	TESTQ(shaniCount, shaniCount)
	JZ(LabelRef("done"))
}

// end writes four digests and goes on with the next four messages of that size.
func (w *shaniWriter) end(size int) {
	eachStream(func(j int) { w.writeBytes(j, Mem{Base: shaniDst, Disp: 32 * j}) })
	ADDQ(U32(32*shaniStreams), shaniDst)
	ADDQ(U32(uint32(size)*shaniStreams), shaniSrc)
	SUBQ(U8(shaniStreams), shaniCount)
	JNZ(LabelRef("four"))
	Label("done")
	RET()
}

// shaniPairKW is K + W of the padding after 64 bytes.
func shaniPairKW() Mem {
	w := [64]uint32{0: padOne, 15: pairBits}
	for i := 16; i < 64; i++ {
		w[i] = constSigma(w[i-2], smallSigma1, true) + w[i-7] + constSigma(w[i-15], smallSigma0, true) + w[i-16]
	}
	for i := range w {
		w[i] += k256[i]
	}
	return shaniRow("shaniPairKW", w[:]...)
}
