//go:build !purego

package hash

// shaniStreams is how many messages the kernel SHANI hashes side by side.
const shaniStreams = 4

// shaniSearch is what scanSHANI reads and writes. The generator in _asm has the same layout. Where four words make a
// register, they are in the order of its lanes; a state is two of them, f e b a and h g d c.
type shaniSearch struct {
	// table holds K + W of the second block for four nonces that follow each other, and then for the next four. Of each, the
	// words of rounds 4 to 15 are those of every nonce, filled in by reset; the kernel computes those of rounds 16 to 63, and
	// puts 0, W3, 0, W3 first, which is to be added to e and a.
	table [2][4][64]uint32

	// lanes are the states after rounds 0 to 3 with W3 = 0, which lack W3 in a and in e, and the midstates, by lane.
	lanes [MaxMidstates]struct{ state, midstate [2][4]uint32 }

	// Of the second block: words 0 to 2, and what is added up first for words 20 to 23 and 28 to 31, the same for every
	// nonce: W[4..7] + σ0(W[5..8]) + W[13..16], and W[12..15] + σ0(W[13..16]).
	first, oldest20, oldest28 [4]uint32

	// For the kernel's own use: the mask, and W and K + W of the schedules it is computing.
	_ [4]uint32
	_ [2][shaniStreams][4][4]uint32
}

// reset fills in what does not depend on the nonce.
func (s *shaniSearch) reset(g *generic, midstates int) {
	w := &g.block.w
	for i := range s.table {
		for j := range s.table[i] {
			copy(s.table[i][j][4:16], g.block.kw[4:16])
		}
	}
	s.first = [4]uint32{w[0], w[1], w[2], 0}
	s.oldest20 = [4]uint32{padOne, 0, headerBits, w[16]}
	s.oldest28 = [4]uint32{0, 0, sigma0(headerBits), headerBits + sigma0(w[16])}

	rounded := roundUp(midstates)
	lanes := max(shaniStreams, rounded)
	for lane := range lanes {
		p := &g.prehash[min(lane*rounded/lanes, midstates-1)]
		s.lanes[lane].state = inLanes(&p.state)
		s.lanes[lane].midstate = inLanes(&p.midstate)
	}
}

// inLanes puts a to h in the order in which SHA256RNDS2 has them.
func inLanes(s *[8]uint32) [2][4]uint32 {
	return [2][4]uint32{{s[5], s[4], s[1], s[0]}, {s[7], s[6], s[3], s[2]}}
}

// scanSHANI sets a word of hits for each of so many vectors, from the nonce first on, one bit for each lane. midstates is
// the number of midstates rounded up to a power of two. It works like scanGeneric.
//
//go:noescape
func scanSHANI(hits *hitWords, s *shaniSearch, mask, first uint32, vectors, midstates int)

// sumHeadersSHANI hashes n headers, n being a multiple of shaniStreams. It works like sumHeadersGeneric.
//
//go:noescape
func sumHeadersSHANI(dst *[32]byte, src *[HeaderSize]byte, n int)

// sumPairsSHANI hashes n pairs, n being a multiple of shaniStreams. It works like sumPairsGeneric.
//
//go:noescape
func sumPairsSHANI(dst *[32]byte, src *[PairSize]byte, n int)

// compressSHANI adds to each of four states so many blocks that follow each other, from the address in messages on. It
// works like compress.
//
//go:noescape
func compressSHANI(states *[shaniStreams][8]uint32, messages *[shaniStreams]*byte, blocks int)

// sumHeaderSHANI hashes one header, the fastest way where the next message has to wait for the digest. It works like
// sumHeader.
//
//go:noescape
func sumHeaderSHANI(dst *[32]byte, src *[HeaderSize]byte)

// sumPairSHANI hashes one pair, likewise. It works like sumPair.
//
//go:noescape
func sumPairSHANI(dst *[32]byte, src *[PairSize]byte)

// sumSuffixSHANI hashes one message, likewise: from state on, so many blocks of it, and so many that end in padding. It works
// like sumSuffix.
//
//go:noescape
func sumSuffixSHANI(dst *[32]byte, state *[8]uint32, message *byte, blocks int, end *byte, endBlocks int)
