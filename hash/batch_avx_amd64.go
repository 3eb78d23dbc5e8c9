//go:build !purego

package hash

// The vector kernels hash groups of messages, one in each lane: AVX2 8, AVX512 16, AVX512x2 32.

// sumHeadersAVX2 hashes n headers, n being a multiple of 8. It works like sumHeadersGeneric.
//
//go:noescape
func sumHeadersAVX2(dst *[32]byte, src *[HeaderSize]byte, n int)

// sumHeadersAVX512 hashes n headers, n being a multiple of 16. It works like sumHeadersGeneric.
//
//go:noescape
func sumHeadersAVX512(dst *[32]byte, src *[HeaderSize]byte, n int)

// sumHeadersAVX512x2 hashes n headers, n being a multiple of 32. It works like sumHeadersGeneric.
//
//go:noescape
func sumHeadersAVX512x2(dst *[32]byte, src *[HeaderSize]byte, n int)

// sumPairsAVX2 hashes n pairs, n being a multiple of 8. It works like sumPairsGeneric.
//
//go:noescape
func sumPairsAVX2(dst *[32]byte, src *[PairSize]byte, n int)

// sumPairsAVX512 hashes n pairs, n being a multiple of 16. It works like sumPairsGeneric.
//
//go:noescape
func sumPairsAVX512(dst *[32]byte, src *[PairSize]byte, n int)

// sumPairsAVX512x2 hashes n pairs, n being a multiple of 32. It works like sumPairsGeneric.
//
//go:noescape
func sumPairsAVX512x2(dst *[32]byte, src *[PairSize]byte, n int)

// sumSuffixesAVX2 hashes 8 messages: from state on, so many blocks of each, at the address in messages, and so many blocks
// that end in padding, at the address in ends. It works like sumSuffixesGeneric.
//
//go:noescape
func sumSuffixesAVX2(dst *[32]byte, state *[8]uint32, messages **byte, blocks int, ends **byte, endBlocks int)

// sumSuffixesAVX512 hashes 16 messages like sumSuffixesAVX2. It works like sumSuffixesGeneric.
//
//go:noescape
func sumSuffixesAVX512(dst *[32]byte, state *[8]uint32, messages **byte, blocks int, ends **byte, endBlocks int)

// sumSuffixesAVX512x2 hashes 32 messages like sumSuffixesAVX2. It works like sumSuffixesGeneric.
//
//go:noescape
func sumSuffixesAVX512x2(dst *[32]byte, state *[8]uint32, messages **byte, blocks int, ends **byte, endBlocks int)
