//go:build !purego

package hash

func scanAVX2(hits *hitWords, s *laneSearch, mask, first uint32, vectors, midstates int)   { panic("") }
func scanAVX512(hits *hitWords, s *laneSearch, mask, first uint32, vectors, midstates int) { panic("") }
func scanAVX512x2(hits *hitWords, s *laneSearch, mask, first uint32, vectors, midstates int) {
	panic("")
}
