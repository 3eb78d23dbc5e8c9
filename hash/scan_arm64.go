//go:build !purego

package hash

// assembly is what the kernel in assembly knows of a search.
type assembly struct {
	hits hitWords
	sha2 *arm64Search
}

func newAssembly(k Kernel) (a assembly) {
	if k == ARM64 {
		a.sha2 = aligned[arm64Search]()
	}
	return a
}

func (s *Scanner) resetAssembly() {
	if s.kernel == ARM64 {
		s.assembly.sha2.reset(&s.generic, s.midstates)
	}
}

// lanes is how many headers make a vector, which depends on the number of midstates.
func (s *Scanner) lanes() int { return max(arm64Streams, s.roundedMidstates()) }

// scanVectors computes that many vectors, from the nonce first on.
func (s *Scanner) scanVectors(hits *hitWords, mask, first uint32, vectors int) {
	scanARM64(hits, s.assembly.sha2, mask, first, vectors, s.roundedMidstates())
}
