//go:build !purego

package hash

// laneSearch is what the vector kernels read and write. The generator in _asm has the same layout: rows of sixteen words,
// of which AVX2 uses one half or the other.
type laneSearch struct {
	// table holds K + W of the second block: row i for round i and column j of table t for nonce first+16t+j. Rows 4 to 17
	// are those of every nonce, filled by reset, as is row 2 of the first table, which holds 0 to 15; the kernel computes
	// the others, for sixteen nonces at a time. Row 3 is W3.
	table [4][64][16]uint32

	// By lane: the state a to h after rounds 0 to 3 with W3 = 0, that is before round 4, which lacks W3 in a and in e; of
	// rounds 4, 5 and 6, where h does not depend on the nonce, h + K + W; and the midstate.
	state    [8][16]uint32
	early    [3][16]uint32
	midstate [8][16]uint32

	// message holds W0 to W60 of the second hash of each stream by lanes, of which W8 to W15 are those of every digest.
	message [4][61][16]uint32

	_ [64][16]uint32 // for the kernel's own use

	words laneWords
}

// laneWords are what all lanes share.
type laneWords struct {
	w16, w17, c18, c19 uint32 // W16 and W17 of the second block, and what is constant in W18 and W19
	mask, first        uint32 // of a call
	nonces             uint32 // of a vector
	vectors            uint32 // of a table
	halves             uint32 // of a vector: AVX2 needs two for sixteen midstates
}

// reset fills in what does not depend on the nonce, for midstates spread over so many lanes.
func (s *laneSearch) reset(kernel Kernel, g *generic, midstates, lanes int) {
	for t := range s.table {
		for j := range 16 {
			s.table[t][2][j] = uint32(j)
			for i := 4; i <= 17; i++ {
				s.table[t][i][j] = g.block.kw[i]
			}
			for i := 8; i < 16; i++ {
				s.message[t][i][j] = g.digest.w[i]
			}
		}
	}
	nonces := lanes / roundUp(midstates)
	s.words = laneWords{
		w16: g.block.w[16], w17: g.block.w[17], c18: g.c18, c19: g.c19,
		nonces: uint32(nonces), vectors: uint32(16 / nonces), halves: 1,
	}
	if kernel == AVX2 && lanes == 16 {
		s.words.halves = 2
	}

	rounded := roundUp(midstates)
	for lane := range lanes {
		p := &g.prehash[min(lane*rounded/lanes, midstates-1)]
		for i := range p.state {
			s.state[i][lane] = p.state[i]
			s.midstate[i][lane] = p.midstate[i]
		}
		for i := range s.early {
			s.early[i][lane] = s.state[7-i][lane] + g.block.kw[4+i]
		}
	}
}

// scanAVX2 sets the words of hits for blocks of sixteen nonces, one block at least, from s.words.first on, which it moves
// behind them. It works like scanGeneric.
//
//go:noescape
func scanAVX2(hits *hitWords, s *laneSearch, blocks int)

// scanAVX512 does the same as scanAVX2 for blocks of sixteen nonces. It works like scanGeneric.
//
//go:noescape
func scanAVX512(hits *hitWords, s *laneSearch, blocks int)

// scanAVX512x2 does the same as scanAVX2 for blocks of sixty-four nonces. It works like scanGeneric.
//
//go:noescape
func scanAVX512x2(hits *hitWords, s *laneSearch, blocks int)
