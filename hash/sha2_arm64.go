//go:build !purego

package hash

// arm64Streams is how many messages the kernel ARM64 hashes side by side.
const arm64Streams = 4

// arm64Search is what scanARM64 reads and writes.
type arm64Search struct {
	// table holds K + W of the second block for four nonces that follow each other. Of each, the words of rounds 4 to 15 are
	// those of every nonce, filled in by reset; the kernel computes those of rounds 16 to 63, and puts W3, 0, 0, 0 first.
	table [arm64Streams][64]uint32

	// lanes are the midstates by lane, and the states a to h after rounds 0 to 3 with W3 = 0, which lack W3 in a and in e.
	lanes [MaxMidstates]struct{ state, midstate [8]uint32 }

	// block is the second block with W3 = 0, and oldest28 what is added up first for its words 28 to 31, the same for every
	// nonce: W[12..15] + σ0(W[13..16]).
	block    [16]uint32
	oldest28 [4]uint32
}

// reset fills in what does not depend on the nonce.
func (s *arm64Search) reset(g *generic, midstates int) {
	for i := range s.table {
		copy(s.table[i][4:16], g.block.kw[4:16])
	}
	copy(s.block[:], g.block.w[:16])
	w := g.block.w[12:]
	s.oldest28 = [4]uint32{w[0] + sigma0(w[1]), w[1] + sigma0(w[2]), w[2] + sigma0(w[3]), w[3] + sigma0(w[4])}

	rounded := roundUp(midstates)
	lanes := max(arm64Streams, rounded)
	for lane := range lanes {
		p := &g.prehash[min(lane*rounded/lanes, midstates-1)]
		s.lanes[lane].state = p.state
		s.lanes[lane].midstate = p.midstate
	}
}

//lint:file-ignore U1000 assembly reads the variables below

// What the assembly reads besides k256 and pairPadding: the state that a hash begins in; the words of the paddings; and K,
// or K + W where W is of a padding. In searchRows the word of round 60 has IV[7] too, so that the e after that round comes
// out as the last word of the digest.
var (
	initialState  = [8]uint32{iv0, iv1, iv2, iv3, iv4, iv5, iv6, iv7}
	headerPadding = [12]uint32{0: padOne, 11: headerBits}
	digestPadding = [8]uint32{0: padOne, 7: digestBits}
	headerRows    = paddedRows(4, headerBits)
	digestRows    = paddedRows(8, digestBits)
	searchRows    = func() [64]uint32 {
		rows := digestRows
		rows[60] += iv7
		return rows
	}()
)

// paddedRows returns K, plus W for the rounds n to 15, which the padding of a message of length bits fills.
func paddedRows(n int, length uint32) [64]uint32 {
	var m schedule
	m.pad(n, length)
	rows := k256
	copy(rows[n:16], m.kw[n:16])
	return rows
}

// scanARM64 sets a word of hits for each of so many vectors, from the nonce first on, one bit for each lane. midstates is
// the number of midstates rounded up to a power of two. It works like scanGeneric.
//
//go:noescape
func scanARM64(hits *hitWords, s *arm64Search, mask, first uint32, vectors, midstates int)

// sumHeadersARM64 hashes n headers, n being a multiple of arm64Streams. It works like sumHeadersGeneric.
//
//go:noescape
func sumHeadersARM64(dst *[32]byte, src *[HeaderSize]byte, n int)

// sumPairsARM64 hashes n pairs, n being a multiple of arm64Streams. It works like sumPairsGeneric.
//
//go:noescape
func sumPairsARM64(dst *[32]byte, src *[PairSize]byte, n int)

// compressARM64 adds to each of four states so many blocks that follow each other, from the address in messages on. It
// works like compress.
//
//go:noescape
func compressARM64(states *[arm64Streams][8]uint32, messages *[arm64Streams]*byte, blocks int)
