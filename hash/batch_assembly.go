//go:build !purego && (amd64 || arm64)

package hash

import (
	"encoding/binary"
	"unsafe"
)

// A kernel in assembly hashes groups of messages, one in each lane. What is left at the end of a batch is filled up to a
// group with anything, or hashed alone, message by message, where that is faster: lanesFor then says that there is one lane.

// maxLanes is the most lanes of any kernel.
const maxLanes = 32

// messagesPerCall is the most messages one call of assembly hashes, which cannot be preempted: the slowest kernel takes
// about 100 microseconds for them.
const messagesPerCall = 1024

// maxSuffix is the longest suffix hashed in lanes, for the same reason: hashing a group of them is one call. Longer ones are
// hashed one by one.
const maxSuffix = 1 << 14

// sumHeadersAssembly is SumHeaders for kernels in assembly. It works like sumHeadersGeneric.
func sumHeadersAssembly(c choice, dst [][32]byte, src [][HeaderSize]byte) {
	for len(src) > 0 {
		k, lanes := lanesFor(c.of(len(src)), len(src))
		if lanes == 1 {
			sumHeadersAlone(k, dst, src)
			return
		}
		if n := min(len(src), messagesPerCall) / lanes * lanes; n > 0 {
			sumHeaderGroups(k, &dst[0], &src[0], n)
			dst, src = dst[n:], src[n:]
			continue
		}
		var group [maxLanes][HeaderSize]byte
		var digests [maxLanes][32]byte
		copy(group[:], src)
		sumHeaderGroups(k, &digests[0], &group[0], lanes)
		copy(dst, digests[:len(src)])
		return
	}
}

// sumPairsAssembly is SumPairs for kernels in assembly. It works like sumPairsGeneric.
func sumPairsAssembly(c choice, dst [][32]byte, src [][PairSize]byte) {
	for len(src) > 0 {
		k, lanes := lanesFor(c.of(len(src)), len(src))
		if lanes == 1 {
			sumPairsAlone(k, dst, src)
			return
		}
		if n := min(len(src), messagesPerCall) / lanes * lanes; n > 0 {
			sumPairGroups(k, &dst[0], &src[0], n)
			dst, src = dst[n:], src[n:]
			continue
		}
		var group [maxLanes][PairSize]byte
		var digests [maxLanes][32]byte
		copy(group[:], src)
		sumPairGroups(k, &digests[0], &group[0], lanes)
		copy(dst, digests[:len(src)])
		return
	}
}

// sumSuffixesAssembly is SumSuffixes for kernels in assembly. It works like sumSuffixesGeneric.
func sumSuffixesAssembly(c choice, dst [][32]byte, prefix *Prefix, src []byte, size int) {
	if size > maxSuffix {
		sumSuffixesGeneric(dst, *prefix, src, size)
		return
	}
	if c.many == ARM64 {
		c.atMost = 0 // Generic hashes suffixes in plain Go, which is slower than a group of four that has only one
	}
	if k, lanes := lanesFor(c.of(len(dst)), len(dst)); lanes == 1 {
		sumSuffixesAlone(k, dst, prefix, src, size)
		return
	}
	sumSuffixesInGroups(c, dst, prefix, src, size)
}

// sumSuffixesInGroups is sumSuffixesAssembly where there is one group at least. It is a function of its own because a group
// has kilobytes to be cleared.
func sumSuffixesInGroups(c choice, dst [][32]byte, prefix *Prefix, src []byte, size int) {
	var g suffixGroup
	g.state = prefix.midstate()
	g.blocks = size / 64
	g.endBlocks = padSuffix(&g.ends[0], prefix.size, size) / 64
	for i := range g.ends {
		g.ends[i] = g.ends[0]
		g.endings[i] = &g.ends[i][0]
	}
	for len(dst) > 0 {
		k, lanes := lanesFor(c.of(len(dst)), len(dst))
		if lanes == 1 {
			sumSuffixesAlone(k, dst, prefix, src, size)
			return
		}
		n := min(lanes, len(dst))
		for i := range lanes {
			suffix := src[min(i, n-1)*size:][:size] // lanes left over take the last message again
			g.messages[i] = unsafe.SliceData(suffix)
			copy(g.ends[i][:], suffix[64*g.blocks:])
		}
		g.sum(k)
		copy(dst, g.digests[:n])
		dst, src = dst[n:], src[n*size:]
	}
}

// suffixGroup is a group of messages that have one prefix and one size.
type suffixGroup struct {
	state     [8]uint32       // after the prefix
	messages  [maxLanes]*byte // what follows the prefix
	blocks    int             // of 64 bytes, that a message fills
	ends      [maxLanes][maxEnd]byte
	endings   [maxLanes]*byte // where the ends begin
	endBlocks int             // of 64 bytes, at the beginning of an end
	digests   [maxLanes][32]byte
}

// sumStreams hashes a group with the kernels that hash a few messages side by side, each with a state of its own.
func (g *suffixGroup) sumStreams() {
	var states [batchStreams][8]uint32
	for i := range states {
		states[i] = g.state
	}
	compressStreams(&states, (*[batchStreams]*byte)(g.messages[:]), g.blocks)
	compressStreams(&states, (*[batchStreams]*byte)(g.endings[:]), g.endBlocks)

	// The second hash: its one block is the digest and the padding.
	var blocks [batchStreams][64]byte
	var messages [batchStreams]*byte
	for i := range blocks {
		putDigest((*[32]byte)(blocks[i][:]), &states[i])
		blocks[i][32] = 0x80
		binary.BigEndian.PutUint64(blocks[i][56:], digestBits)
		messages[i] = &blocks[i][0]
		states[i] = Prefix{}.midstate()
	}
	compressStreams(&states, &messages, 1)
	for i := range states {
		putDigest(&g.digests[i], &states[i])
	}
}

// putDigest writes a state as a digest.
func putDigest(dst *[32]byte, state *[8]uint32) {
	for i, w := range state {
		binary.BigEndian.PutUint32(dst[4*i:], w)
	}
}
