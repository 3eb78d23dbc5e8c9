//go:build !purego

package hash

// laneSearch is what the vector kernels read and write. The generator in _asm has the same layout: rows of sixteen words,
// of which AVX2 uses one half or the other.
type laneSearch struct {
	// table holds K + W of the second block, row i for round i and column j for the nonce first+j, and in the second table
	// first+16+j. Rows 4 to 17 are those of every nonce, filled by reset; the kernel computes rows 18 to 63 for sixteen
	// nonces at a time.
	table [2][64][16]uint32

	// By lane: the state a to h after rounds 0 to 3 with W3 = 0, that is before round 4, which lacks W3 in a and in e; of
	// rounds 4, 5 and 6, where h does not depend on the nonce, h + K + W; and the midstate.
	state    [8][16]uint32
	early    [3][16]uint32
	midstate [8][16]uint32

	// scratch is for the kernel's own use.
	scratch [96][16]uint32

	// W16 and W17 of the second block, and what is constant in W18 and W19.
	w16, w17, c18, c19 uint32
}

// reset fills in what does not depend on the nonce, for midstates spread over so many lanes.
func (s *laneSearch) reset(g *generic, midstates, lanes int) {
	for i := 4; i <= 17; i++ {
		for j := range s.table[0][i] {
			s.table[0][i][j], s.table[1][i][j] = g.block.kw[i], g.block.kw[i]
		}
	}
	s.w16, s.w17, s.c18, s.c19 = g.block.w[16], g.block.w[17], g.c18, g.c19

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
