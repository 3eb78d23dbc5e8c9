package main

import "fmt"

// message loads the block that each stream's pointer points to and moves the pointers on.
func (p *printer) message() {
	p.each("VLD1.P 64(SRC#), [WA#.B16, WB#.B16, WC#.B16, WD#.B16]", "W[0..15], byte by byte")
	for i := 0; i < 16; i += 4 {
		p.each("VREV32 "+w(i)+".B16, "+w(i)+".B16", "%s, big-endian words", span("W", i))
	}
}

// initial loads the initial state into all streams.
func (p *printer) initial() {
	p.op("MOVD $·initialState(SB), INITIAL", "")
	p.each("VLD1 (INITIAL), [ABCD#.S4, EFGH#.S4]", "a to h before round 0")
}

// addInitial ends a block that began in the initial state.
func (p *printer) addInitial() {
	p.comment("the state that the block began in is added")
	p.op("VLD1 (INITIAL), [KW0.S4, KW1.S4]", "")
	p.each("VADD KW0.S4, ABCD#.S4, ABCD#.S4", "a to d")
	p.each("VADD KW1.S4, EFGH#.S4, EFGH#.S4", "e to h")
}

// addState ends a block that began in the states which lie at the address from; abcd and efgh are the registers that get
// the sums.
func (p *printer) addState(from, abcd, efgh string) {
	p.comment("the state that the block began in is added")
	p.op("MOVD "+from+", STATE", "")
	for s, old := range [streams][2]string{{"KW0", "KW1"}, {"KW2", "KW3"}, {"OLD0", "OLD1"}, {"OLD2", "OLD3"}} {
		p.one(s, "VLD1.P 32(STATE), ["+old[0]+".S4, "+old[1]+".S4]", "")
		p.one(s, "VADD "+old[0]+".S4, ABCD#.S4, "+abcd+".S4", "a to d")
		p.one(s, "VADD "+old[1]+".S4, EFGH#.S4, "+efgh+".S4", "e to h")
	}
}

// firstBlock hashes the first block of all messages and leaves the states where the digests will be.
func (p *printer) firstBlock() {
	p.comment("The first block.")
	p.message()
	p.initial()
	p.op("MOVD $·k256(SB), ROWS", "")
	p.compress(wholeBlock, 64)
	p.addInitial()
	p.op("MOVD DST, STATE", "")
	p.each("VST1.P [ABCD#.S4, EFGH#.S4], 32(STATE)", "")
}

// secondHash ends the second block and hashes the digest.
func (p *printer) secondHash() {
	p.addState("DST", "WA#", "WB#")

	p.comment("The second hash, whose message is the digest, now in W[0..7], and the padding.")
	p.op("MOVD $·digestPadding(SB), ROWS", "")
	p.each("VLD1 (ROWS), [WC#.S4, WD#.S4]", "W[8..15]")
	p.initial()
	p.op("MOVD $·digestRows(SB), ROWS", "")
	p.compress(digestBlock, 64)
	p.addInitial()
	p.each("VREV32 ABCD#.B16, ABCD#.B16", "big-endian words")
	p.each("VREV32 EFGH#.B16, EFGH#.B16", "big-endian words")
	p.each("VST1.P [ABCD#.B16, EFGH#.B16], 32(DST)", "")
}

// sum writes a function that hashes messages of one size, four to a turn of its loop. secondBlock does all of their second
// block but adding the state.
func (p *printer) sum(name string, size int, secondBlock func()) {
	p.names("DST", "R0", "SRC0", "R1", "N", "R2", "SRC1", "R3", "SRC2", "R4", "SRC3", "R5",
		"STATE", "R6", "ROWS", "R7", "INITIAL", "R8")
	p.text("")
	p.text("// func %s(dst *[32]byte, src *[%d]byte, n int)", name, size)
	p.text("TEXT ·%s(SB), NOSPLIT, $0-24", name)
	p.op("MOVD dst+0(FP), DST", "")
	p.op("MOVD src+8(FP), SRC0", "")
	p.op("MOVD n+16(FP), N", "")
	p.op("CBZ N, done", "")
	p.text("")
	p.text("four:")
	for s := 1; s < streams; s++ {
		p.op(fmt.Sprintf("ADD $%d, SRC%d, SRC%d", size, s-1, s), "message %d", s)
	}
	p.firstBlock()
	secondBlock()
	p.secondHash()
	p.text("")
	p.op("MOVD SRC3, SRC0", "the end of message 3: the next four begin there")
	p.op("SUB $4, N", "")
	p.op("CBNZ N, four", "")
	p.text("")
	p.text("done:")
	p.op("RET", "")
}

// headers writes sumHeadersARM64.
func headers(p *printer) {
	p.sum("sumHeadersARM64", 80, func() {
		p.comment("The second block: sixteen bytes and the padding.")
		p.each("VLD1.P 16(SRC#), [WA#.B16]", "W[0..3], byte by byte")
		p.each("VREV32 WA#.B16, WA#.B16", "W[0..3], big-endian words")
		p.op("MOVD $·headerPadding(SB), ROWS", "")
		p.each("VLD1 (ROWS), [WB#.S4, WC#.S4, WD#.S4]", "W[4..15]")
		p.op("MOVD $·headerRows(SB), ROWS", "")
		p.compress(headerEnd, 64)
	})
}

// pairs writes sumPairsARM64.
func pairs(p *printer) {
	p.sum("sumPairsARM64", 64, func() {
		p.comment("The second block: nothing but padding.")
		p.op("MOVD $·pairPadding+schedule_kw(SB), ROWS", "")
		p.compress(padding, 64)
	})
}

// blocks writes compressARM64.
func blocks(p *printer) {
	p.names("STATES", "R0", "MESSAGES", "R1", "N", "R2", "SRC0", "R3", "SRC1", "R4", "SRC2", "R5", "SRC3", "R6",
		"STATE", "R7", "ROWS", "R8")
	p.text("")
	p.text("// func compressARM64(states *[4][8]uint32, messages *[4]*byte, blocks int)")
	p.text("TEXT ·compressARM64(SB), NOSPLIT, $0-24")
	p.op("MOVD states+0(FP), STATES", "")
	p.op("MOVD messages+8(FP), MESSAGES", "")
	p.op("MOVD blocks+16(FP), N", "")
	p.op("CBZ N, done", "")
	for s := range streams {
		p.op(fmt.Sprintf("MOVD %d(MESSAGES), SRC%d", 8*s, s), "message %d", s)
	}
	p.text("")
	p.text("block:")
	p.op("MOVD STATES, STATE", "")
	p.each("VLD1.P 32(STATE), [ABCD#.S4, EFGH#.S4]", "a to h before round 0")
	p.message()
	p.op("MOVD $·k256(SB), ROWS", "")
	p.compress(wholeBlock, 64)
	p.addState("STATES", "ABCD#", "EFGH#")
	p.op("MOVD STATES, STATE", "")
	p.each("VST1.P [ABCD#.S4, EFGH#.S4], 32(STATE)", "")
	p.text("")
	p.op("SUB $1, N", "")
	p.op("CBNZ N, block", "")
	p.text("")
	p.text("done:")
	p.op("RET", "")
}
