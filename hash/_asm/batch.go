package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// The batches of the vector kernels: SHA-256d of a group of messages, one in each lane of a vector, in one vector or in two
// side by side (streams).
//
// The rounds are a loop, sixteen at a turn, and one copy of it serves all blocks. A word of the message schedule is used in
// four rounds of sixteen, and two streams leave no registers for that, so the schedule is in memory, in rows of one word of
// each message: a ring, in which W[i+16] takes the place of W[i].
//
// Headers on one core of an AMD EPYC (Zen 5), nanoseconds each, the best of short windows in turn; crypto/sha256 took 200:
//
//	                                                      one stream   two
//	rounds written out, constant words of paddings folded       37.2   39.1 to 44.3, by order of instructions
//	  the same, new e = (d + h + K + W + Ch) + Σ1               37.9   40.1
//	a loop of sixteen rounds for each of the three blocks       33.2   35.5
//	one loop for all blocks, as it is now                       32.9   23.7
//
// Written out, two streams are 10 000 instructions. This core begins 3.95 vector operations in a cycle while a loop has no
// more than about 4800 instructions, and 2.4 from 6000 on, because its cache of decoded instructions does not hold them: that
// costs more than the 7 % of operations that folding saves. One stream waits for itself: from e to the next e it is nine
// cycles, by the operations of a round six and a half. The other way to add, with one operation more, makes the loop of one
// stream 3 % faster, and that of two no faster. The order in which two streams take turns within a round does not show.

// batchKernel is one way of writing them.
type batchKernel struct {
	name      string
	streams   int
	registers []Register
	bytes     int // of a register
	avx512    bool

	ops   *counts           // operations written since a function began
	costs map[string]counts // operations of subroutines
}

func newBatchKernel(name string, streams int) batchKernel {
	b := batchKernel{name: name, streams: streams, registers: ymm, bytes: 32, ops: new(counts), costs: map[string]counts{}}
	if name != "AVX2" {
		b.registers, b.bytes, b.avx512 = zmm, 64, true
	}
	return b
}

// batches writes the batches of kernels into one file and returns the operations that each needs for a group of headers and
// of pairs.
func batches(kernels ...batchKernel) (headers, pairs []counts) {
	for _, b := range kernels {
		b.begin()
		b.compress()
		b.compressPadding()
		b.finish()
		b.blocks()
		headers = append(headers, b.sumHeaders())
		pairs = append(pairs, b.sumPairs())
		b.sumSuffixes()
	}
	batchData("swapBytes", 0x00010203, 0x04050607, 0x08090a0b, 0x0c0d0e0f)
	batchData("k256", k256[:]...)
	batchData("pairPadding", paddingRows(pairBits)...)
	batchData("iv", iv[:]...)
	batchData("paddings", padOne, headerBits, digestBits)
	return headers, pairs
}

// General registers. Subroutines leave alone what they are not said to change.
var (
	batchDst      = RDI // where digests go
	batchSrc      = RDX // where messages are
	batchCount    = RCX // messages or blocks not yet hashed
	batchRows     = RSI // the rows in memory
	batchWords    = R8  // the K, or K + W, of a turn
	batchTurns    = R9  // turns of a loop not yet done
	batchInitial  = R10 // the state that hashes begin in
	batchMessages = R11 // the addresses of messages
	batchOffset   = RAX // of a block in all messages
	batchMessage  = R12 // the address of one message
)

// The rows: the message schedule of each stream, then the state of each.

func (b batchKernel) w(stream, i int) Mem {
	return Mem{Base: batchRows, Disp: b.bytes * (16*stream + i&15)}
}

func (b batchKernel) stateRow(stream, i int) Mem {
	return Mem{Base: batchRows, Disp: b.bytes * (16*b.streams + 8*stream + i)}
}

// state is the register of a variable in round i, 0 for a to 7 for h: after a round the variables take the next role instead
// of moving, and after eight they are back in their own.
func (b batchKernel) state(stream, variable, i int) Register {
	return b.registers[8*stream+(variable-i)&7]
}

// t are the eight registers of a stream that hold nothing for long.
func (b batchKernel) t(stream, i int) Register { return b.registers[8*b.streams+8*stream+i] }

// kw is K, or K + W, of a round in all lanes.
func (b batchKernel) kw() Register { return b.t(b.streams-1, 7) }

// lanes is how many messages a vector holds, group how many are hashed side by side.
func (b batchKernel) lanes() int { return b.bytes / 4 }
func (b batchKernel) group() int { return b.lanes() * b.streams }

// Instructions, and their number. Sources come first, as Go writes them.

func (b batchKernel) count(vector, shifts int) {
	b.ops.vector += vector
	b.ops.shifts += shifts
}

func (b batchKernel) add(x, y Op, to Register) {
	b.count(1, 0)
	VPADDD(x, y, to)
}

func (b batchKernel) xor(x, y Op, to Register) {
	b.count(1, 0)
	if b.avx512 {
		VPXORD(x, y, to)
	} else {
		VPXOR(x, y, to)
	}
}

func (b batchKernel) and(x, y Op, to Register) {
	b.count(1, 0)
	VPAND(x, y, to)
}

// ternary sets z to the function of x, y and z whose truth table has its value at bit z·4 + y·2 + x.
func (b batchKernel) ternary(table uint8, x, y Op, z Register) {
	b.count(1, 0)
	VPTERNLOGD(U8(table), x, y, z)
}

func (b batchKernel) rotateRight(n int, x Op, to Register) {
	b.count(1, 1)
	VPRORD(U8(n), x, to)
}

func (b batchKernel) shiftRight(n int, x Op, to Register) {
	b.count(1, 1)
	VPSRLD(U8(n), x, to)
}

func (b batchKernel) shiftLeft(n int, x Op, to Register) {
	b.count(1, 1)
	VPSLLD(U8(n), x, to)
}

func (b batchKernel) load(from Mem, to Register) {
	if b.avx512 {
		VMOVDQU32(from, to)
	} else {
		VMOVDQU(from, to)
	}
}

func (b batchKernel) store(from Register, to Mem) {
	if b.avx512 {
		VMOVDQU32(from, to)
	} else {
		VMOVDQU(from, to)
	}
}

// repeated writes the body of a loop that is done so many times.
func (b batchKernel) repeated(times int, body func()) {
	before := *b.ops
	body()
	b.count((times-1)*(b.ops.vector-before.vector), (times-1)*(b.ops.shifts-before.shifts))
}

// The functions of SHA-256 (FIPS 180-4, section 4.1.2).

// sigma sets t[0] to x rotated right by each of three amounts, or shifted by the last, and xored. It uses t[1] and t[2].
func (b batchKernel) sigma(by [3]int, shift bool, x Register, t [3]Register) {
	if b.avx512 {
		b.rotateRight(by[0], x, t[1])
		b.rotateRight(by[1], x, t[2])
		if shift {
			b.shiftRight(by[2], x, t[0])
		} else {
			b.rotateRight(by[2], x, t[0])
		}
		b.ternary(0x96, t[1], t[2], t[0])
		return
	}
	// x >>> n = x >> n ^ x << 32-n
	b.shiftRight(by[0], x, t[0])
	b.shiftLeft(32-by[0], x, t[1])
	b.xor(t[1], t[0], t[0])
	b.shiftRight(by[1], x, t[1])
	b.shiftLeft(32-by[1], x, t[2])
	b.xor(t[2], t[1], t[1])
	b.shiftRight(by[2], x, t[2])
	b.xor(t[1], t[0], t[0])
	if !shift {
		b.shiftLeft(32-by[2], x, t[1])
		b.xor(t[1], t[2], t[2])
	}
	b.xor(t[2], t[0], t[0])
}

// choose sets t to Ch(e, f, g) = e&f ^ ^e&g = g ^ e&(f^g).
func (b batchKernel) choose(e, f, g, t Register) {
	if b.avx512 {
		VMOVDQA32(e, t)
		b.ternary(0xca, g, f, t)
		return
	}
	b.xor(f, g, t)
	b.and(e, t, t)
	b.xor(g, t, t)
}

// majority sets t to Maj(a, b, c) = a&b ^ a&c ^ b&c = b ^ (a^b)&(b^c). Where it takes the latter way, it finds b^c in bc, and
// leaves a^b, which is the next round's, in ab.
func (b batchKernel) majority(a, bb, c, t, ab, bc Register) {
	if b.avx512 {
		VMOVDQA32(a, t)
		b.ternary(0xe8, c, bb, t)
		return
	}
	b.xor(a, bb, ab)
	b.and(ab, bc, t)
	b.xor(bb, t, t)
}

// words says where the words W of a turn's rounds are.
type words int

const (
	inTable   words = iota // W is in the table with K, because it is always the same
	inRows                 // W is in the rows
	extending              // W is in the rows, and the round makes W[i+16]
)

// round is round i of a turn (FIPS 180-4, section 6.2.2):
//
//	t = h + K + W + Ch(e, f, g) + Σ1(e)
//	e = d + t
//	a = t + Maj(a, b, c) + Σ0(a)
//
// and, of the message schedule, W[i+16] = W[i] + W[i+9] + σ0(W[i+1]) + σ1(W[i+14]).
func (b batchKernel) round(stream, i int, where words) {
	v := func(variable int) Register { return b.state(stream, variable, i) }
	A, B, C, D, E, F, G, H := v(0), v(1), v(2), v(3), v(4), v(5), v(6), v(7)
	sum := [3]Register{b.t(stream, 0), b.t(stream, 1), b.t(stream, 2)}
	t, w := b.t(stream, 3), b.t(stream, 6)
	ab, bc := b.t(stream, 4+i&1), b.t(stream, 5-i&1)

	Commentf("Stream %d, round %d: t = h + K + W + Ch(e, f, g) + Σ1(e), e = d + t", stream, i)
	b.add(b.kw(), H, H)
	switch where {
	case inRows:
		b.add(b.w(stream, i), H, H)
	case extending:
		b.load(b.w(stream, i), w)
		b.add(w, H, H)
	}
	b.sigma(bigSigma1, false, E, sum)
	b.choose(E, F, G, t)
	b.add(t, H, H)
	b.add(sum[0], H, H)
	b.add(H, D, D)

	Comment("a = t + Maj(a, b, c) + Σ0(a)")
	b.sigma(bigSigma0, false, A, sum)
	b.majority(A, B, C, t, ab, bc)
	b.add(t, H, H)
	b.add(sum[0], H, H)

	if where == extending {
		Commentf("W%d = W%d + W%d + σ0(W%d) + σ1(W%d)", i+16, i, i+9, i+1, i+14)
		b.add(b.w(stream, i+9), w, w)
		b.load(b.w(stream, i+1), t)
		b.sigma(smallSigma0, true, t, sum)
		b.add(sum[0], w, w)
		b.load(b.w(stream, i+14), t)
		b.sigma(smallSigma1, true, t, sum)
		b.add(sum[0], w, w)
		b.store(w, b.w(stream, i))
	}
}

// turn is so many rounds of all streams, a multiple of eight.
func (b batchKernel) turn(rounds int, where words) {
	for i := range rounds {
		VPBROADCASTD(Mem{Base: batchWords, Disp: 4 * i}, b.kw())
		for s := range b.streams {
			b.round(s, i, where)
		}
	}
}

// Subroutines and functions.

// symbol is the name of a subroutine, which only its file knows.
func (b batchKernel) symbol(name string) string { return name + b.name + "<>" }

func (b batchKernel) subroutine(name string, body func()) {
	Function(b.symbol(name))
	Attributes(NOSPLIT | NOFRAME)
	*b.ops = counts{}
	body()
	RET()
	b.costs[name] = *b.ops
}

func (b batchKernel) call(name string) {
	CALL(LabelRef("·" + b.symbol(name) + "(SB)"))
	b.count(b.costs[name].vector, b.costs[name].shifts)
}

// function begins a function of Go's. Its frame has the rows, at an address that no vector crosses a cache line from.
func (b batchKernel) function(name, signature string) {
	TEXT(name+b.name, 0, signature)
	frame := AllocLocal(b.bytes*(16+8)*b.streams + b.bytes)
	LEAQ(frame.Offset(b.bytes-1), batchRows)
	ANDQ(I8(-b.bytes), batchRows)
	*b.ops = counts{}
}

func batchData(name string, words ...uint32) {
	GLOBL(name, RODATA|NOPTR)
	for i, w := range words {
		DATA(4*i, U32(w))
	}
}

func batchSymbol(name string) Mem { return NewDataAddr(Symbol{Name: name, Static: true}, 0) }

// eachState goes through the state: its rows, and the registers in round 0.
func (b batchKernel) eachState(f func(row Mem, register Register)) {
	for s := range b.streams {
		for i := range 8 {
			f(b.stateRow(s, i), b.state(s, i, 0))
		}
	}
}

func (b batchKernel) begin() {
	b.subroutine("begin", func() {
		Comment("Sets the state of all messages to the one at R10.")
		for i := range 8 {
			VPBROADCASTD(Mem{Base: batchInitial, Disp: 4 * i}, b.t(0, 0))
			for s := range b.streams {
				b.store(b.t(0, 0), b.stateRow(s, i))
			}
		}
	})
}

func (b batchKernel) compress() {
	b.subroutine("compress", func() {
		Comment("Adds the block whose words are W0 to W15 to the states. Changes R8, R9 and all vectors.")
		b.loadStates()
		LEAQ(batchSymbol("k256"), batchWords)
		MOVL(U32(3), batchTurns.As32())
		Label("extend")
		Comment("Sixteen rounds. Their numbers, and those of words, count from the first of a turn.")
		b.repeated(3, func() { b.turn(16, extending) })
		ADDQ(I8(64), batchWords)
		DECL(batchTurns.As32())
		JNZ(LabelRef("extend"))
		Comment("The last sixteen rounds.")
		b.turn(16, inRows)
		b.addStates()
	})
}

func (b batchKernel) compressPadding() {
	b.subroutine("compressPadding", func() {
		Comment("Adds the padding after 64 bytes to the states, a block that is always the same. Changes R8, R9 and all vectors.")
		b.loadStates()
		LEAQ(batchSymbol("pairPadding"), batchWords)
		MOVL(U32(8), batchTurns.As32())
		Label("rounds")
		b.repeated(8, func() { b.turn(8, inTable) })
		ADDQ(I8(32), batchWords)
		DECL(batchTurns.As32())
		JNZ(LabelRef("rounds"))
		b.addStates()
	})
}

// loadStates begins a block.
func (b batchKernel) loadStates() {
	b.eachState(b.load)
	if !b.avx512 { // for the first Maj
		b.xor(b.state(0, 1, 0), b.state(0, 2, 0), b.t(0, 5))
	}
}

// addStates ends a block.
func (b batchKernel) addStates() {
	Comment("The state that the block began in is added.")
	b.eachState(func(row Mem, register Register) {
		b.add(row, register, register)
		b.store(register, row)
	})
}

// paddingRows returns K + W of a block that is nothing but the padding of so many bits.
func paddingRows(length uint32) []uint32 {
	var w, kw [64]uint32
	w[0], w[15] = padOne, length
	for i := range w {
		if i >= 16 {
			w[i] = w[i-16] + w[i-7] + constSigma(w[i-15], smallSigma0, true) + constSigma(w[i-2], smallSigma1, true)
		}
		kw[i] = k256[i] + w[i]
	}
	return kw[:]
}

// pad sets the words from n on to the padding of a message whose length in bits is among the paddings, at an index.
func (b batchKernel) pad(n, length int) {
	one, zero, bits := b.t(0, 0), b.t(0, 1), b.t(0, 2)
	VPBROADCASTD(batchSymbol("paddings"), one)
	VPBROADCASTD(batchSymbol("paddings").Offset(4*length), bits)
	b.xor(zero, zero, zero)
	for s := range b.streams {
		b.store(one, b.w(s, n))
		for i := n + 1; i < 15; i++ {
			b.store(zero, b.w(s, i))
		}
		b.store(bits, b.w(s, 15))
	}
}

// Messages and digests are bytes that follow each other, rows are words of different messages. Between them four words of
// each message are turned at a time: register j has those of the messages j, j+4, j+8 …, each in 128 bits of its own.

func (b batchKernel) turned(stream int) [4]Register {
	return [4]Register{b.t(stream, 0), b.t(stream, 1), b.t(stream, 2), b.t(stream, 3)}
}

// transpose makes word j of register i, in each 128 bits, word i of register j. It is its own inverse.
func (b batchKernel) transpose(stream int) {
	r := b.turned(stream)
	t := [4]Register{b.t(stream, 4), b.t(stream, 5), b.t(stream, 6), b.t(stream, 7)}
	Comment("Rows and columns change places.")
	b.count(8, 0)
	VPUNPCKLDQ(r[1], r[0], t[0]) // words 0 and 1 of registers 0 and 1
	VPUNPCKHDQ(r[1], r[0], t[1]) // words 2 and 3
	VPUNPCKLDQ(r[3], r[2], t[2]) // words 0 and 1 of registers 2 and 3
	VPUNPCKHDQ(r[3], r[2], t[3])
	VPUNPCKLQDQ(t[2], t[0], r[0])
	VPUNPCKHQDQ(t[2], t[0], r[1])
	VPUNPCKLQDQ(t[3], t[1], r[2])
	VPUNPCKHQDQ(t[3], t[1], r[3])
}

// swapper says, while bytes are swapped, where each byte of a word comes from: SHA-256 reads and writes its words
// big-endian.
func (b batchKernel) swapper() Register { return b.registers[0] }

func (b batchKernel) loadSwapper() {
	if b.avx512 {
		VBROADCASTI32X4(batchSymbol("swapBytes"), b.swapper())
	} else {
		VBROADCASTI128(batchSymbol("swapBytes"), b.swapper())
	}
}

func (b batchKernel) swapBytes(r Register) {
	b.count(1, 0)
	VPSHUFB(b.swapper(), r, r)
}

// read reads so many quarters of a block of all messages; at says where the block is.
func (b batchKernel) read(quarters int, at func(message int) Mem) {
	b.loadSwapper()
	for q := range quarters {
		for s := range b.streams {
			Commentf("Stream %d: W%d to W%d", s, 4*q, 4*q+3)
			for j, r := range b.turned(s) {
				for part := range b.lanes() / 4 {
					b.readPart(at(b.lanes()*s+4*part+j).Offset(16*q), part, r)
				}
			}
			b.transpose(s)
			for i, r := range b.turned(s) {
				b.swapBytes(r)
				b.store(r, b.w(s, 4*q+i))
			}
		}
	}
}

// readPart reads 128 bits of a register.
func (b batchKernel) readPart(from Mem, part int, to Register) {
	switch {
	case part == 0 && b.avx512:
		VMOVDQU32(from, to.(Vec).AsX())
	case part == 0:
		VMOVDQU(from, to.(Vec).AsX())
	case b.avx512:
		b.count(1, 0)
		VINSERTI32X4(U8(part), from, to, to)
	default:
		b.count(1, 0)
		VINSERTI128(U8(part), from, to, to)
	}
}

// writePart writes 128 bits of a register.
func (b batchKernel) writePart(from Register, part int, to Mem) {
	switch {
	case part == 0 && b.avx512:
		VMOVDQU32(from.(Vec).AsX(), to)
	case part == 0:
		VMOVDQU(from.(Vec).AsX(), to)
	case b.avx512:
		VEXTRACTI32X4(U8(part), from, to)
	default:
		VEXTRACTI128(U8(part), from, to)
	}
}

func (b batchKernel) finish() {
	b.subroutine("finish", func() {
		Comment("Hashes the digests, which the states are, writes what comes out to DI, and moves DI on.",
			"Changes R8 to R10 and all vectors.")
		for s := range b.streams {
			for i := range 8 {
				b.load(b.stateRow(s, i), b.state(s, i, 0))
				b.store(b.state(s, i, 0), b.w(s, i))
			}
		}
		b.pad(8, 2)
		LEAQ(batchSymbol("iv"), batchInitial)
		b.call("begin")
		b.call("compress")

		b.loadSwapper()
		for s := range b.streams {
			for half := range 2 {
				Commentf("Stream %d: words %d to %d of the digests", s, 4*half, 4*half+3)
				for i, r := range b.turned(s) {
					b.load(b.stateRow(s, 4*half+i), r)
					b.swapBytes(r)
				}
				b.transpose(s)
				for j, r := range b.turned(s) {
					for part := range b.lanes() / 4 {
						b.writePart(r, part, Mem{Base: batchDst, Disp: 32*(b.lanes()*s+4*part+j) + 16*half})
					}
				}
			}
		}
		ADDQ(U32(uint32(32*b.group())), batchDst)
	})
}

// groups is a function that hashes whole groups of messages of one size. body hashes one of them, up to the digest.
func (b batchKernel) groups(name, signature string, size int, body func(at func(message int) Mem)) counts {
	b.function(name, signature)
	Load(Param("dst"), batchDst)
	Load(Param("src"), batchSrc)
	Load(Param("n"), batchCount)
	JMP(LabelRef("next"))
	Label("group")
	LEAQ(batchSymbol("iv"), batchInitial)
	b.call("begin")
	body(func(message int) Mem { return Mem{Base: batchSrc, Disp: size * message} })
	b.call("finish")
	ADDQ(U32(uint32(size*b.group())), batchSrc)
	Label("next")
	SUBQ(U8(b.group()), batchCount)
	JGE(LabelRef("group"))
	VZEROUPPER()
	RET()
	return *b.ops
}

func (b batchKernel) sumHeaders() counts {
	return b.groups("sumHeaders", "func(dst *[32]byte, src *[80]byte, n int)", 80, func(at func(message int) Mem) {
		b.read(4, at)
		b.call("compress")
		Comment("The second block: sixteen bytes and the padding.")
		b.read(1, func(message int) Mem { return at(message).Offset(64) })
		b.pad(4, 1)
		b.call("compress")
	})
}

func (b batchKernel) sumPairs() counts {
	return b.groups("sumPairs", "func(dst *[32]byte, src *[64]byte, n int)", 64, func(at func(message int) Mem) {
		b.read(4, at)
		b.call("compress")
		b.call("compressPadding")
	})
}

func (b batchKernel) blocks() {
	b.subroutine("blocks", func() {
		Comment("Adds CX blocks of each message to the states; R11 points to the addresses of the messages.",
			"Changes AX, CX, R8, R9, R12 and all vectors.")
		XORL(batchOffset.As32(), batchOffset.As32())
		JMP(LabelRef("next"))
		Label("block")
		b.read(4, func(message int) Mem {
			MOVQ(Mem{Base: batchMessages, Disp: 8 * message}, batchMessage)
			return Mem{Base: batchMessage, Index: batchOffset, Scale: 1}
		})
		b.call("compress")
		ADDQ(I8(64), batchOffset)
		Label("next")
		DECQ(batchCount)
		JGE(LabelRef("block"))
	})
}

func (b batchKernel) sumSuffixes() {
	b.function("sumSuffixes", "func(dst *[32]byte, state *[8]uint32, messages **byte, blocks int, ends **byte, endBlocks int)")
	Load(Param("dst"), batchDst)
	Load(Param("state"), batchInitial)
	b.call("begin")
	Load(Param("messages"), batchMessages)
	Load(Param("blocks"), batchCount)
	b.call("blocks")
	Load(Param("ends"), batchMessages)
	Load(Param("endBlocks"), batchCount)
	b.call("blocks")
	b.call("finish")
	VZEROUPPER()
	RET()
}
