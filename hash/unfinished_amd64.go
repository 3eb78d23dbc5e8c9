//go:build !purego

package hash

const shaniStreams = 4

type shaniSearch struct{}

func (*shaniSearch) reset(*generic, int) {}

func scanSHANI(hits *hitWords, s *shaniSearch, mask, first uint32, vectors, midstates int) { panic("") }
func scanAVX2(hits *hitWords, s *laneSearch, mask, first uint32, vectors, midstates int)   { panic("") }
func scanAVX512(hits *hitWords, s *laneSearch, mask, first uint32, vectors, midstates int) { panic("") }
func scanAVX512x2(hits *hitWords, s *laneSearch, mask, first uint32, vectors, midstates int) {
	panic("")
}
