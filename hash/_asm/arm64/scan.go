package main

import "fmt"

// scan writes scanARM64.
//
// Nonces go in groups of four, whose schedules are computed side by side and stored as rows of K + W, nonce by nonce. A
// vector is then one, two or four nonces of the group, with all midstates, and is computed four lanes at a time. Each of
// these has a pointer into the table, which is where the lanes' nonces come in; nothing else depends on the number of
// midstates.
func scan(p *printer) {
	p.names("HITS", "R0", "SEARCH", "R1", "MASK", "R2", "NONCE", "R3", "ROW0", "R4", "ROW1", "R5", "ROW2", "R6", "ROW3", "R7",
		"VECTORS", "R8", "MIDSTATES", "R9", "STEP1", "R10", "STEP2", "R11", "STEP", "R12", "TABLE", "R13", "TABLEEND", "R14",
		"LANES", "R15", "LANE", "R16", "WORD", "R17", "SHIFT", "R19", "ROWS", "R20", "T0", "R21", "T1", "R22", "T2", "R23",
		"T3", "R24")
	p.text("")
	p.text("// Bytes of a nonce's rows in the table.")
	p.text("#define NONCESIZE 256")
	p.text("")
	p.text("// func scanARM64(hits *hitWords, s *arm64Search, mask uint32, first uint32, vectors int, midstates int)")
	p.text("TEXT ·scanARM64(SB), NOSPLIT, $0-40")
	p.op("MOVD hits+0(FP), HITS", "")
	p.op("MOVD s+8(FP), SEARCH", "")
	p.op("MOVWU mask+16(FP), MASK", "")
	p.op("MOVWU first+20(FP), NONCE", "")
	p.op("MOVD vectors+24(FP), VECTORS", "")
	p.op("MOVD midstates+32(FP), MIDSTATES", "")
	p.op("CBZ VECTORS, done", "")

	p.comment("From the rows of the nonce of a vector's lane 0 to those of the lanes 1, 2 and 3, and to the next vector's: with")
	p.text("\t// one midstate these are four nonces; with two midstates two nonces and then the same two; with more always one.")
	p.op("MOVD $NONCESIZE, T0", "")
	p.op("CMP $2, MIDSTATES", "")
	p.op("CSEL LE, T0, ZR, STEP1", "lane 1: one nonce on, or the same")
	p.op("CMP $1, MIDSTATES", "")
	p.op("LSL $1, T0, T1", "")
	p.op("CSEL EQ, T1, ZR, STEP2", "lane 2: two nonces on, or the same")
	p.op("ADD STEP1, STEP2, STEP", "lane 3: both")
	p.op("ADD T0, STEP", "the nonce after that of lane 3")

	p.text("")
	p.text("nonces:")
	p.schedules()

	p.comment("The vectors of these four nonces.")
	p.op("ADD $arm64Search_table, SEARCH, TABLE", "the rows of lane 0")
	p.op("ADD $(4*NONCESIZE), TABLE, TABLEEND", "")
	p.text("")
	p.text("vector:")
	p.op("ADD $arm64Search_lanes, SEARCH, LANES", "")
	p.op("MOVD MIDSTATES, LANE", "lanes left, or less than four")
	p.op("MOVD ZR, WORD", "")
	p.op("MOVD ZR, SHIFT", "")
	p.text("")
	p.text("lanes:")
	p.firstHash()
	p.secondHashOfSearch()
	p.hits()

	p.op("SUBS $4, LANE", "")
	p.op("BGT lanes", "")
	p.text("")
	p.op("MOVH.P WORD, 2(HITS)", "")
	p.op("SUBS $1, VECTORS", "")
	p.op("BEQ done", "")
	p.op("ADD STEP, TABLE", "")
	p.op("CMP TABLEEND, TABLE", "")
	p.op("BLO vector", "")
	p.op("B nonces", "")
	p.text("")
	p.text("done:")
	p.op("RET", "")
}

// schedules computes the rows of K + W of four nonces, each in a stream, and moves NONCE on.
func (p *printer) schedules() {
	p.comment("The second block of the headers with four nonces.")
	p.op("ADD $arm64Search_block, SEARCH, ROWS", "")
	p.each("VLD1 (ROWS), [WA#.S4, WB#.S4, WC#.S4, WD#.S4]", "W[0..15] with W3 = 0")
	for s := range streams {
		p.op(fmt.Sprintf("ADDW $%d, NONCE, T%d", s, s), "nonce %d", s)
	}
	p.each("REVW T#, T#", "W3 is the nonce, little-endian, read as a big-endian word")
	p.each("VMOV T#, WA#.S[3]", "W[0..3]")

	p.comment("Row 0 has W3, 0, 0, 0. Rows 4, 8 and 12 are those of every nonce.")
	p.op("ADD $arm64Search_table, SEARCH, ROW0", "")
	for s := 1; s < streams; s++ {
		p.op(fmt.Sprintf("ADD $NONCESIZE, ROW%d, ROW%d", s-1, s), "")
	}
	p.each("MOVW T#, (ROW#)", "W3")
	p.each("ADD $(16*4), ROW#", "row 16")
	p.op("MOVD $·k256(SB), ROWS", "")
	p.op("ADD $(16*4), ROWS", "K[16], the next to be read")

	for i := 16; i < 64; i += 4 {
		p.comment("words %d to %d", i, i+3)
		p.op("VLD1.P 16(ROWS), [K.S4]", "%s", span("K", i))
		if i == 28 {
			// The words of the padding are used up, and where they were comes what no nonce changes.
			p.op("ADD $arm64Search_oldest28, SEARCH, T0", "")
			p.each("VLD1 (T0), [WD#.S4]", "%s + σ0(%s), the same for every nonce", span("W", 12), span("W", 13))
		} else {
			p.sigma0(headerEnd, i)
		}
		p.sigma1(i)
		p.kw(i)
		p.each("VST1.P [KW#.S4], 16(ROW#)", "row %d", i)
	}
	p.text("")
	p.op("ADDW $4, NONCE", "")
}

// firstHash does the rounds 4 to 63 of the second block for four lanes. The digest is then in WA and WB.
func (p *printer) firstHash() {
	p.comment("The first hash: the second block, from round 4 on.")
	p.each("VLD1.P 64(LANES), [ABCD#.S4, EFGH#.S4, WA#.S4, WB#.S4]", "a to h after round 3 with W3 = 0; the midstate")
	p.op("MOVD TABLE, ROW0", "")
	p.op("ADD STEP1, ROW0, ROW1", "")
	p.op("ADD STEP2, ROW0, ROW2", "")
	p.op("ADD STEP2, ROW1, ROW3", "")
	p.each("VLD1.P 16(ROW#), [KW#.S4]", "W3, 0, 0, 0")
	p.each("VADD KW#.S4, ABCD#.S4, ABCD#.S4", "a after round 3")
	p.each("VADD KW#.S4, EFGH#.S4, EFGH#.S4", "e after round 3")
	for i := 4; i < 64; i += 4 {
		p.comment("rounds %d to %d", i, i+3)
		p.each("VLD1.P 16(ROW#), [KW#.S4]", "%s", span("K+W", i))
		p.before()
		p.abcd(i, "KW#")
		p.efgh(i, "KW#", "OLD#")
	}
	p.comment("the midstate is added: the digest")
	p.each("VADD ABCD#.S4, WA#.S4, WA#.S4", "W[0..3] of the second hash")
	p.each("VADD EFGH#.S4, WB#.S4, WB#.S4", "W[4..7] of the second hash")
}

// secondHashOfSearch does the second hash up to e after round 60, which three rounds later is h: lane 3 of EFGH. The rows
// have IV[7] in K[60].
func (p *printer) secondHashOfSearch() {
	p.comment("The second hash.")
	p.op("MOVD $·digestPadding(SB), ROWS", "")
	p.each("VLD1 (ROWS), [WC#.S4, WD#.S4]", "W[8..15]")
	p.op("MOVD $·initialState(SB), ROWS", "")
	p.each("VLD1 (ROWS), [ABCD#.S4, EFGH#.S4]", "a to h before round 0")
	p.op("MOVD $·searchRows(SB), ROWS", "")
	p.compress(digestBlock, 60)
	p.comment("rounds 60 to 63, of which only the e of round 60 is wanted, in h, where K has put IV[7] in too")
	p.op("VLD1.P 16(ROWS), [K.S4]", "%s", span("K", 60))
	p.kw(60)
	p.efgh(60, "KW#", "ABCD#")
}

// hits puts a bit for each of four lanes into WORD.
func (p *printer) hits() {
	p.comment("Bit by bit: are the bits of mask zero in the last word of the digest?")
	p.each("VMOV EFGH#.S[3], T#", "the last word")
	for s := range streams {
		p.one(s, "TSTW MASK, T#", "")
		p.one(s, "CSET EQ, T#", "")
		if s > 0 {
			p.op(fmt.Sprintf("ORR T%d<<%d, T0", s, s), "")
		}
	}
	p.op("LSL SHIFT, T0", "")
	p.op("ORR T0, WORD", "")
	p.op("ADD $4, SHIFT", "")
	p.text("")
}
