//go:build !purego

package hash

const arm64Streams = 4

type arm64Search struct{}

func (*arm64Search) reset(*generic, int) {}

func scanARM64(hits *hitWords, s *arm64Search, mask, first uint32, vectors, midstates int) { panic("") }
