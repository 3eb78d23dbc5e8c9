package main

import (
	"slices"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Offsets in shaniSearch, the struct of package hash.
const (
	shaniTable    = 0    // [2][4][16] rows: two tables of four nonces
	shaniPrehash  = 2048 // [16][4] rows, by lane
	shaniFirst    = 3072 // row
	shaniOldest20 = 3088 // row
	shaniOldest28 = 3104 // row
	shaniMask     = 3120 // row
	shaniWords    = 3136 // [4][4] rows: schedules
	shaniKW       = 3392 // [4][4] rows

	shaniNonce  = 256             // bytes of a nonce in a table
	shaniNonces = 4 * shaniNonce  // bytes of a table
	shaniTables = 2 * shaniNonces // bytes of both
)

// Registers of the search.
var (
	shaniHits    = RDI                                        // where the next answers go
	shaniS       = RSI                                        // the shaniSearch
	shaniNonceOf = [shaniStreams]GPPhysical{R8, R9, R10, R11} // by stream, where the table has its nonce
	shaniNext    = R12                                        // the table being written
	shaniLane    = R13                                        // prehash of the first stream's lane
	shaniNumber  = R14                                        // the next nonce that no table has
	shaniSlot    = RBX                                        // where the nonces of this vector begin in the tables
	shaniLeft    = RDX                                        // vectors left
	shaniDone    = RCX                                        // lanes of this vector that are done
)

func shaniAt(offset int) Mem { return Mem{Base: shaniS, Disp: offset} }

// shaniK returns K of rounds i to i+3. All of K is written, because the loads should be aligned.
func shaniK(i int) Mem { return shaniRow("shaniK", k256[:]...).Offset(4 * i) }

// shaniDigestK returns K of rounds i to i+3 of the second hash, i being one more than a multiple of four. K of round 60 has
// IV[7] too, so that the e after that round comes out as the last word of the digest.
func shaniDigestK(i int) Mem {
	rows := slices.Clone(k256[1:61])
	rows[60-1] += iv[7]
	return shaniRow("shaniDigestK", rows...).Offset(4 * (i - 1))
}

// shaniSchedules computes the message schedules of the second blocks with the four nonces from shaniNumber on, and writes
// K + W to the table at shaniNext. It returns the steps, four for each row. Row n has the words 4n to 4n+3.
func shaniSchedules(w *shaniWriter) (steps []func()) {
	for n := 4; n < 16; n++ {
		for i := range 4 {
			m := shaniMessage{stream: i, words: shaniAt(shaniWords + 64*i)}
			table := Mem{Base: shaniNext, Disp: shaniNonce * i}
			steps = append(steps, func() {
				w.at("nonce %d, W%d-%d", i, 4*n, 4*n+3)
				switch n {
				case 4:
					w.note("nonce")
					LEAL(Mem{Base: shaniNumber, Disp: i}, EAX)
					w.note("W3: the nonce, bytes swapped")
					BSWAPL(EAX)
					w.note("[W3 0 0 0]")
					MOVD(EAX, shaniT)
					w.shuffle([4]int{1, 0, 1, 0}, shaniT, shaniU, "[0 W3 0 W3], to be added to e and a")
					w.move(shaniU, table, "[0 W3 0 W3]")
					w.other++
					w.note("[0 0 0 W3]")
					PSLLDQ(U8(12), shaniT)
					w.add(shaniAt(shaniFirst), shaniT, "W[i-16] = W0-3")
					w.sigma0(shaniRow("shaniHeaderW4", padOne, 0, 0, 0), shaniT, "+ σ0(W[i-15]); W9-12 are 0")
					w.sigma1(shaniRow("shaniHeaderW12", 0, 0, 0, headerBits), shaniT, "+ σ1(W[i-2])")
				case 5:
					w.move(shaniAt(shaniOldest20), shaniT, "W4-7 + σ0(W5-8) + W13-16")
					w.sigma1(m.newest(), shaniT, "+ σ1(W[i-2])")
				case 6:
					m.extend(w, n, false, true)
				case 7:
					w.move(m.newest(), shaniT, "the row before")
					w.shiftOut(1, m.row(n-2), shaniT, "W[i-7]")
					w.add(shaniAt(shaniOldest28), shaniT, "+ W12-15 + σ0(W13-16)")
					w.sigma1(m.newest(), shaniT, "+ σ1(W[i-2])")
				default:
					m.extend(w, n, true, true)
				}
				m.keep(w, n, 15, shaniK(4*n), table.Offset(16*n))
			})
		}
	}
	return steps
}

// shaniFirstHash is rounds 4 to 63 of the second block of stream j, a step for every two of them.
func shaniFirstHash(w *shaniWriter, j int) (steps []func()) {
	table := Mem{Base: shaniNonceOf[j]}
	for i := 4; i < 64; i += 2 {
		steps = append(steps, func() {
			w.at("stream %d, first hash", j)
			if i == 4 {
				lane := Mem{Base: shaniLane, Disp: 64 * j}
				w.move(lane, shaniABEF[j], "[f e b a] after round 3, without W3")
				w.add(table, shaniABEF[j], "+ W3 in e and a")
				w.move(lane.Offset(16), shaniCDGH[j], "[h g d c] after round 3")
			}
			w.twoRounds(j, i/2, i, table.Offset(4*i))
		})
	}
	return steps
}

// shaniSecondHash makes the digest of stream j the message of the second hash, and does rounds 0 to 60 of it: h, the last
// word, is e three rounds before the end. In round 0 only W0 is not constant, and it goes into the new a and e and nowhere
// else, so that they are W0 plus constants; sixty rounds remain, 1 to 60. For them row n has the words 4n+1 to 4n+4, and
// the last row is row 14. The first step returned belongs at the end of the first hash.
func shaniSecondHash(w *shaniWriter, j int) (steps []func()) {
	const last = 14
	abef, cdgh := shaniABEF[j], shaniCDGH[j]
	m := shaniMessage{stream: j, words: shaniAt(shaniWords + 64*j), kw: shaniAt(shaniKW + 64*j)}
	k := func(n int) Mem { return shaniDigestK(4*n + 1) }

	steps = append(steps, func() {
		w.at("stream %d, digest", j)
		lane := Mem{Base: shaniLane, Disp: 64 * j}
		w.add(lane.Offset(32), abef, "[W5 W4 W1 W0]: + the midstate")
		w.add(lane.Offset(48), cdgh, "[W7 W6 W3 W2]: + the midstate")

		w.move(abef, shaniT, "[W5 W4 W1 W0]")
		w.merge([4]int{2, 1, 3, 2}, cdgh, shaniT, "[W1 W4 W2 W3]")
		w.shuffle([4]int{0, 2, 3, 1}, shaniT, shaniT, "W1-4")
		w.move(shaniT, m.row(0), "W1-4")

		w.move(abef, shaniU, "[W5 W4 W1 W0]")
		w.merge([4]int{0, 0, 1, 0}, cdgh, shaniU, "[W5 W5 W6 W7]")
		w.shuffle([4]int{0, 2, 3, 3}, shaniU, shaniU, "[W5 W6 W7 W7]")
		w.blend(0b1000, shaniRow("shaniDigestW5", 0, 0, 0, padOne), shaniU, "W5-8")
		w.move(shaniU, m.row(1), "W5-8")

		w.move(abef, m.newest(), "W0 in lane 3")
		w.sigma0(shaniT, m.newest(), "W16 = W0 + σ0(W1) in lane 3")
		w.blend(0b0111, shaniRow("shaniDigestW13", 0, 0, digestBits, 0), m.newest(), "W13-16")
		w.move(m.newest(), m.row(3), "W13-16")

		w.other++
		w.note("[W0 0 0 0]")
		PSRLDQ(U8(12), abef)
		w.shuffle([4]int{1, 0, 1, 0}, abef, abef, "[0 W0 0 W0]")
		a, b, c, d, e, f, g, h := iv[0], iv[1], iv[2], iv[3], iv[4], iv[5], iv[6], iv[7]
		t := h + k256[0] + constCh(e, f, g) + constSigma(e, bigSigma1, false)
		a0 := t + constMaj(a, b, c) + constSigma(a, bigSigma0, false)
		w.add(shaniRow("shaniRound0ABEF", e, d+t, a, a0), abef, "round 0: [f e b a]")
		w.move(shaniRow("shaniRound0CDGH", g, f, c, b), cdgh, "round 0: [h g d c]")

		w.add(k(0), shaniT, "K + W of rounds 1-4")
		w.move(shaniT, m.kwRow(0), "K + W of rounds 1-4")
		w.add(k(1), shaniU, "K + W of rounds 5-8")
		w.move(shaniU, m.kwRow(1), "K + W of rounds 5-8")
		w.move(m.newest(), shaniT, "W13-16")
		w.add(k(3), shaniT, "K + W of rounds 13-16")
		w.move(shaniT, m.kwRow(3), "K + W of rounds 13-16")
	})
	for i := 1; i < 61; i += 2 {
		steps = append(steps, func() {
			if n := i/4 + 2; i%4 == 1 && n >= 4 && n <= last { // two rows ahead
				w.at("stream %d, second hash, W%d-%d", j, 4*n+1, 4*n+4)
				switch n {
				case 4:
					w.move(m.row(0), shaniT, "W[i-16]")
					w.sigma0(m.row(1), shaniT, "+ σ0(W[i-15]); W[i-7] is 0")
					w.sigma1(m.newest(), shaniT, "+ σ1(W[i-2])")
				case 5:
					w.move(m.row(1), shaniT, "W[i-16]")
					w.sigma0(shaniRow("shaniZero", 0, 0, 0, 0), shaniT, "+ σ0(W[i-15]); W9-12 are 0")
					w.move(m.newest(), shaniU, "the row before")
					w.shiftOut(1, m.row(3), shaniU, "W[i-7]")
					w.add(shaniU, shaniT, "+ W[i-7]")
					w.sigma1(m.newest(), shaniT, "+ σ1(W[i-2])")
				case 6:
					m.extend(w, n, false, true)
				default:
					m.extend(w, n, true, true)
				}
				m.keep(w, n, last, k(n), m.kwRow(n))
			}
			w.at("stream %d, second hash", j)
			kw := m.kwRow(i / 4)
			if i >= 9 && i <= 13 { // of constant words
				kw = k(i / 4)
			}
			w.twoRounds(j, i/2, i, kw.Offset(8*(i/2%2)))
		})
	}
	return steps
}

// shaniScan writes scanSHANI. It returns the operations of four nonces by the number of midstates.
//
// A vector is the lanes of one or more nonces, and is hashed four lanes at a time, a group. Groups that begin a table of
// four nonces compute the next table on the side.
func shaniScan() map[int]shaniOperations {
	w := &shaniWriter{}
	TEXT("scanSHANI", NOSPLIT, "func(hits *byte, s *byte, mask, first uint32, vectors, midstates int)")
	Load(Param("hits"), shaniHits)
	Load(Param("s"), shaniS)
	Load(Param("first"), shaniNumber.As32())
	Load(Param("vectors"), shaniLeft)
	TESTQ(shaniLeft, shaniLeft)
	JZ(LabelRef("done"))
	Load(Param("mask"), EAX)
	w.at("mask")
	w.note("[mask 0 0 0]")
	MOVD(EAX, shaniT)
	w.shuffle([4]int{0, 0, 0, 0}, shaniT, shaniT, "in all lanes")
	w.move(shaniT, shaniAt(shaniMask), "in all lanes")

	Comment("The first table.")
	MOVQ(shaniS, shaniNext)
	for _, step := range shaniSchedules(w) {
		step()
	}
	ADDL(U8(4), shaniNumber.As32())
	XORL(shaniSlot.As32(), shaniSlot.As32())

	Comment("A vector begins. With 1 midstate streams 0 to 3 have a nonce each; with 2 midstates streams 0 and 2 share one,",
		"and streams 1 and 3 the next; with more all streams have the same.")
	Label("vector")
	LEAQ(Mem{Base: shaniS, Index: shaniSlot, Scale: 1}, shaniNonceOf[0])
	for _, r := range shaniNonceOf[1:] {
		MOVQ(shaniNonceOf[0], r)
	}
	Load(Param("midstates"), RAX)
	CMPQ(RAX, U8(2))
	JGT(LabelRef("placed"))
	ADDQ(U32(shaniNonce), shaniNonceOf[1])
	ADDQ(U32(shaniNonce), shaniNonceOf[3])
	CMPQ(RAX, U8(1))
	JGT(LabelRef("placed"))
	ADDQ(U32(2*shaniNonce), shaniNonceOf[2])
	ADDQ(U32(2*shaniNonce), shaniNonceOf[3])
	Label("placed")
	LEAQ(shaniAt(shaniPrehash), shaniLane)
	XORL(shaniDone.As32(), shaniDone.As32())
	MOVW(U16(0), Mem{Base: shaniHits})
	TESTL(U32(shaniNonces-1), shaniSlot.As32())
	JNZ(LabelRef("group"))

	// The steps of a group. Those before stream 0 begins its second hash are written twice, with and without a table.
	streams := make([][]func(), shaniStreams)
	for j := range streams {
		first, second := shaniFirstHash(w, j), shaniSecondHash(w, j)
		end := first[len(first)-1]
		first[len(first)-1] = func() {
			end()
			second[0]()
		}
		streams[j] = append(first, second[1:]...)
	}
	group := interleave(streams)
	cut := 0
	for j := range streams {
		cut += 29 - shaniSkew*j
	}

	Comment("The first rounds of a group, and the next table.")
	MOVQ(shaniSlot, shaniNext)
	XORQ(U32(shaniNonces), shaniNext)
	ADDQ(shaniS, shaniNext)
	before := w.shaniOperations
	schedules, done := shaniSchedules(w), 0
	for i, step := range group[:cut] {
		step()
		for ; done < len(schedules)*(i+1)/cut; done++ {
			schedules[done]()
		}
	}
	withTable := w.shaniOperations.plus(before, -1)
	ADDL(U8(4), shaniNumber.As32())
	JMP(LabelRef("joined"))

	Comment("The first rounds of a group alone.")
	before = w.shaniOperations
	Label("group")
	for _, step := range group[:cut] {
		step()
	}
	Comment("The rounds of a group that follow in either case.")
	Label("joined")
	both := w.shaniOperations
	for _, step := range group[cut:] {
		step()
	}

	w.at("filter")
	w.move(shaniABEF[0], shaniT, "[. e . .] of stream 0, e being IV[7] + e after round 60")
	w.apply(shaniABEF[1], shaniT, "[. . e e] of streams 0 and 1", PUNPCKLLQ)
	w.move(shaniABEF[2], shaniU, "[. e . .] of stream 2")
	w.apply(shaniABEF[3], shaniU, "[. . e e] of streams 2 and 3", PUNPCKLLQ)
	w.apply(shaniU, shaniT, "e of streams 0 to 3", PUNPCKHQDQ)
	w.apply(shaniAt(shaniMask), shaniT, "& mask", PAND)
	w.apply(shaniRow("shaniZero", 0, 0, 0, 0), shaniT, "= 0", PCMPEQL)
	w.other++
	w.note("a bit for each stream")
	MOVMSKPS(shaniT, EAX)
	w.note("at the place of its lane")
	SHLL(CL, EAX)
	w.note("into the word of this vector")
	ORW(AX, Mem{Base: shaniHits})
	alone := w.shaniOperations.plus(before, -1)
	withTable = withTable.plus(w.shaniOperations, 1).plus(both, -1)

	Comment("The next group of this vector, which has max(4, midstates) lanes.")
	ADDQ(U32(64*shaniStreams), shaniLane)
	ADDL(U8(shaniStreams), shaniDone.As32())
	Load(Param("midstates"), RAX)
	CMPQ(shaniDone, RAX)
	JLT(LabelRef("group"))

	Comment("The next vector, which goes on after the nonce of stream 3.")
	ADDQ(U8(2), shaniHits)
	LEAQ(Mem{Base: shaniNonceOf[3], Disp: shaniNonce}, shaniSlot)
	SUBQ(shaniS, shaniSlot)
	ANDL(U32(shaniTables-1), shaniSlot.As32())
	DECQ(shaniLeft)
	JNZ(LabelRef("vector"))
	Label("done")
	RET()

	counts := map[int]shaniOperations{}
	for _, midstates := range []int{1, 2, 4, 8, 16} { // four nonces are as many groups
		counts[midstates] = withTable.plus(alone, midstates-1)
	}
	return counts
}
