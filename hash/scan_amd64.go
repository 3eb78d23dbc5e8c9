//go:build !purego

package hash

// assembly is what the kernels in assembly know of a search. Only what the Scanner's kernel needs is there.
type assembly struct {
	hits  hitWords
	lanes *laneSearch  // AVX2, AVX512, AVX512x2
	shani *shaniSearch // SHANI
}

func newAssembly(k Kernel) (a assembly) {
	switch k {
	case AVX2, AVX512, AVX512x2:
		a.lanes = aligned[laneSearch]()
	case SHANI:
		a.shani = aligned[shaniSearch]()
	}
	return a
}

func (s *Scanner) resetAssembly() {
	switch s.kernel {
	case AVX2, AVX512, AVX512x2:
		s.assembly.lanes.reset(s.kernel, &s.generic, s.midstates, s.lanes())
	case SHANI:
		s.assembly.shani.reset(&s.generic, s.midstates)
	}
}

// lanes is how many headers make a vector, which depends on the number of midstates.
func (s *Scanner) lanes() int {
	switch s.kernel {
	case AVX2:
		return max(8, s.roundedMidstates()) // sixteen are two registers
	case SHANI:
		return max(shaniStreams, s.roundedMidstates())
	}
	return 16
}

// scanVectors computes that many vectors, from the nonce first on.
func (s *Scanner) scanVectors(hits *hitWords, mask, first uint32, vectors int) {
	if s.kernel == SHANI {
		scanSHANI(hits, s.assembly.shani, mask, first, vectors, s.roundedMidstates())
		return
	}
	lanes := s.assembly.lanes
	lanes.words.mask, lanes.words.first = mask, first
	nonces := vectors * int(lanes.words.nonces)
	switch s.kernel {
	case AVX2:
		scanAVX2(hits, lanes, (nonces+15)/16)
	case AVX512:
		scanAVX512(hits, lanes, (nonces+15)/16)
	case AVX512x2:
		scanAVX512x2(hits, lanes, (nonces+63)/64)
	}
}
