//go:build !purego

package hash

// lanesFor returns the kernel to hash n messages with, and its lanes.
func lanesFor(k Kernel, n int) (Kernel, int) {
	switch k {
	case SHANI:
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
