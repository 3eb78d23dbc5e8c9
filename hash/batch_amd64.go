//go:build !purego

package hash

import "unsafe"

// shaniAlone is how many messages are hashed one by one as fast as side by side: with four streams it takes 233 ns for four
// pairs or fewer, and the 60 ns of filling up; alone 105 ns for each, or 118 where one waits for the other (Zen 5).
const shaniAlone = 2

// lanesFor returns the kernel to hash n messages with, and its lanes.
func lanesFor(k Kernel, n int) (Kernel, int) {
	switch k {
	case Generic:
		return k, 1
	case SHANI:
		if n <= shaniAlone {
			return k, 1
		}
		return k, shaniStreams
	case AVX2:
		return k, 8
	case AVX512x2:
		if n > 16 {
			return k, 32
		}
	}
	return AVX512, 16
}

// sumHeadersAlone hashes headers one by one.
func sumHeadersAlone(k Kernel, dst [][32]byte, src [][HeaderSize]byte) {
	if k != SHANI {
		sumHeadersGeneric(dst, src)
		return
	}
	for i := range src {
		sumHeaderSHANI(&dst[i], &src[i])
	}
}

// sumPairsAlone hashes pairs one by one.
func sumPairsAlone(k Kernel, dst [][32]byte, src [][PairSize]byte) {
	if k != SHANI {
		sumPairsGeneric(dst, src)
		return
	}
	for i := range src {
		sumPairSHANI(&dst[i], &src[i])
	}
}

// emptyState is the state before the first block.
var emptyState = Prefix{}.midstate()

// sumSuffixesAlone hashes suffixes one by one.
func sumSuffixesAlone(k Kernel, dst [][32]byte, prefix *Prefix, src []byte, size int) {
	if k != SHANI {
		sumSuffixesGeneric(dst, *prefix, src, size)
		return
	}
	state := (*[8]uint32)(&prefix.state)
	if prefix.size == 0 {
		state = &emptyState
	}
	var end [maxEnd]byte
	blocks, endBlocks := size/64, padSuffix(&end, prefix.size, size)/64
	for i := range dst {
		suffix := src[i*size:][:size]
		copy(end[:], suffix[64*blocks:])
		sumSuffixSHANI(&dst[i], state, unsafe.SliceData(suffix), blocks, &end[0], endBlocks)
	}
}

// sumHeaderGroups hashes whole groups, n headers in all.
func sumHeaderGroups(k Kernel, dst *[32]byte, src *[HeaderSize]byte, n int) {
	switch k {
	case SHANI:
		sumHeadersSHANI(dst, src, n)
	case AVX2:
		sumHeadersAVX2(dst, src, n)
	case AVX512:
		sumHeadersAVX512(dst, src, n)
	case AVX512x2:
		sumHeadersAVX512x2(dst, src, n)
	}
}

// sumPairGroups hashes whole groups, n pairs in all.
func sumPairGroups(k Kernel, dst *[32]byte, src *[PairSize]byte, n int) {
	switch k {
	case SHANI:
		sumPairsSHANI(dst, src, n)
	case AVX2:
		sumPairsAVX2(dst, src, n)
	case AVX512:
		sumPairsAVX512(dst, src, n)
	case AVX512x2:
		sumPairsAVX512x2(dst, src, n)
	}
}

// sum hashes the group.
func (g *suffixGroup) sum(k Kernel) {
	switch k {
	case SHANI:
		g.sumStreams()
	case AVX2:
		sumSuffixesAVX2(&g.digests[0], &g.state, &g.messages[0], g.blocks, &g.endings[0], g.endBlocks)
	case AVX512:
		sumSuffixesAVX512(&g.digests[0], &g.state, &g.messages[0], g.blocks, &g.endings[0], g.endBlocks)
	case AVX512x2:
		sumSuffixesAVX512x2(&g.digests[0], &g.state, &g.messages[0], g.blocks, &g.endings[0], g.endBlocks)
	}
}

// The kernel SHANI hashes a few messages side by side, each with a state of its own.
const batchStreams = shaniStreams

func compressStreams(states *[batchStreams][8]uint32, messages *[batchStreams]*byte, blocks int) {
	compressSHANI(states, messages, blocks)
}
