//go:build !purego

package hash

// lanesFor returns the kernel to hash n messages with, and its lanes.
func lanesFor(k Kernel, _ int) (Kernel, int) {
	if k == Generic {
		return k, 1
	}
	return k, arm64Streams
}

// sumHeadersAlone hashes headers one by one.
func sumHeadersAlone(_ Kernel, dst [][32]byte, src [][HeaderSize]byte) { sumHeadersGeneric(dst, src) }

// sumPairsAlone hashes pairs one by one.
func sumPairsAlone(_ Kernel, dst [][32]byte, src [][PairSize]byte) { sumPairsGeneric(dst, src) }

// sumSuffixesAlone hashes suffixes one by one.
func sumSuffixesAlone(_ Kernel, dst [][32]byte, prefix *Prefix, src []byte, size int) {
	sumSuffixesGeneric(dst, *prefix, src, size)
}

// sumHeaderGroups hashes whole groups, n headers in all.
func sumHeaderGroups(_ Kernel, dst *[32]byte, src *[HeaderSize]byte, n int) {
	sumHeadersARM64(dst, src, n)
}

// sumPairGroups hashes whole groups, n pairs in all.
func sumPairGroups(_ Kernel, dst *[32]byte, src *[PairSize]byte, n int) { sumPairsARM64(dst, src, n) }

// sum hashes the group.
func (g *suffixGroup) sum(Kernel) { g.sumStreams() }

// The kernel ARM64 hashes a few messages side by side, each with a state of its own.
const batchStreams = arm64Streams

func compressStreams(states *[batchStreams][8]uint32, messages *[batchStreams]*byte, blocks int) {
	compressARM64(states, messages, blocks)
}
