//go:build !purego && (amd64 || arm64)

package hash

import (
	"math/bits"
	"unsafe"
)

// A kernel in assembly hashes several headers at once: each with one of w midstates, w being the number given to Reset
// rounded up to a power of two, and one of a few nonces that follow each other. For a kernel of L lanes
//
//	lane = midstate · (L/w) + nonce - first nonce
//
// so with as many midstates as lanes all of them try the same nonce, and with one midstate each tries its own. The
// answer is a word with a bit for each lane. Lanes of midstates that only fill up to w are ignored.

// vectorsPerSlice is the most of such vectors that one call computes: assembly cannot be preempted, so that a call must end
// soon. Sixteen lanes take it about 100 microseconds where they are fastest, 300 with the SHA extensions, 500 with AVX2.
const vectorsPerSlice = 512

// hitWords is what a kernel writes for a slice: bit i of word v says that the header in lane i of vector v passed.
type hitWords [vectorsPerSlice]uint16

func (s *Scanner) sliceAssembly() uint64 { return vectorsPerSlice * s.noncesPerVector() }

// scanAssembly is Scan for kernels in assembly. It works like scanGeneric.
func (s *Scanner) scanAssembly(dst []Candidate, mask, first uint32, n uint64) (out []Candidate, tried uint64) {
	for tried < n && cap(dst)-len(dst) >= s.midstates {
		// Hits come once in 2^ones(mask) hashes. Where that is often, what would not fit is not computed yet.
		room := min(uint64((cap(dst)-len(dst))/s.midstates), n) // more does not matter, and might be lost in the shift
		next := first + uint32(tried)
		var done uint64
		dst, done = s.scanPart(dst, mask, next, min(n-tried, room<<bits.OnesCount32(mask)))
		tried += done
	}
	return dst, tried
}

// scanPart is scanAssembly for n nonces by one call of the kernel. dst has room for the candidates of one nonce at least.
func (s *Scanner) scanPart(dst []Candidate, mask, first uint32, n uint64) (out []Candidate, tried uint64) {
	k, per := s.midstates, s.noncesPerVector()
	vectors := int((n + per - 1) / per)
	hits := &s.assembly.hits
	s.scanVectors(hits, mask, first, vectors)

	for v, word := range hits[:vectors] {
		if word == 0 {
			continue
		}
		for i := range per { // the nonces of this vector, in order
			if tried = uint64(v)*per + i; tried >= n {
				break
			}
			for m := range k {
				if word>>(uint64(m)*per+i)&1 != 0 {
					dst = append(dst, Candidate{Nonce: first + uint32(tried), Midstate: m})
				}
			}
			if cap(dst)-len(dst) < k {
				return dst, tried + 1
			}
		}
	}
	return dst, n
}

// roundedMidstates is the number of midstates rounded up to a power of two.
func (s *Scanner) roundedMidstates() int { return roundUp(s.midstates) }

// roundUp returns the least power of two that is not less than n, which is positive.
func roundUp(n int) int { return 1 << bits.Len(uint(n-1)) }

// noncesPerVector is how many nonces a vector tries.
func (s *Scanner) noncesPerVector() uint64 {
	return uint64(s.lanes() / s.roundedMidstates())
}

// aligned returns a zero T at an address that is a multiple of 64, so that no vector of it lies on two cache lines. T must
// not contain pointers.
func aligned[T any]() *T {
	var t T
	b := make([]byte, unsafe.Sizeof(t)+63)
	return (*T)(unsafe.Pointer(&b[-uintptr(unsafe.Pointer(&b[0]))&63]))
}
