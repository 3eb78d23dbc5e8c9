//go:build !purego

package hash

const arm64Streams = 4

type arm64Search struct{}

func (*arm64Search) reset(*generic, int) {}

func scanARM64(hits *hitWords, s *arm64Search, mask, first uint32, vectors, midstates int) { panic("") }

// sumHeadersARM64 hashes n headers; n is a multiple of arm64Streams.
func sumHeadersARM64(dst *[32]byte, src *[HeaderSize]byte, n int) { panic("") }

// sumPairsARM64 hashes n pairs; n is a multiple of arm64Streams.
func sumPairsARM64(dst *[32]byte, src *[PairSize]byte, n int) { panic("") }

// compressARM64 adds that many consecutive blocks of four messages to their states.
func compressARM64(states *[arm64Streams][8]uint32, messages *[arm64Streams]*byte, blocks int) { panic("") }
