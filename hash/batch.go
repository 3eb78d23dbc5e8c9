package hash

import "fmt"

// PairSize is the size in bytes of two digests, what is hashed at each step of a merkle tree.
const PairSize = 64

// SumHeaders writes the SHA-256d of each 80-byte message of src into the same place of dst, in internal byte order, with
// kernel k. It panics if dst is shorter than src; the rest of a longer dst is left alone. Like a [Scanner], it needs a
// kernel this machine can run, and panics otherwise. It does not allocate and is safe for concurrent use, but dst and src
// must not overlap. With [Auto] it is at its best for any number of messages, one included.
func SumHeaders(k Kernel, dst [][32]byte, src [][HeaderSize]byte) {
	sumHeaders(k.mustChoose(), dst[:len(src):len(dst)], src) // what dst could still grow by does not count
}

// SumPairs writes the SHA-256d of each 64-byte message of src into the same place of dst, in internal byte order, under
// the same terms as [SumHeaders].
func SumPairs(k Kernel, dst [][32]byte, src [][PairSize]byte) {
	sumPairs(k.mustChoose(), dst[:len(src):len(dst)], src)
}

// SumSuffixes writes into every place i of dst the SHA-256d, in internal byte order, of the message that begins with prefix
// and ends with suffix i, which are the size bytes of src from i·size on. The coinbases of one job are such messages: they
// have one length and begin alike. It panics unless src holds as many suffixes as dst has places, neither more nor less;
// size may be 0. Otherwise the terms are those of [SumHeaders].
func SumSuffixes(k Kernel, dst [][32]byte, prefix Prefix, src []byte, size int) {
	if size < 0 || len(src) != len(dst)*size {
		panic(fmt.Sprintf("hash: SumSuffixes with %d bytes: want %d suffixes of %d", len(src), len(dst), size))
	}
	sumSuffixes(k.mustChoose(), dst, &prefix, src, size)
}

// The same for kernels that are known to run. They take a prefix where it is: Go copies one with stores that overlap, which
// the next copy waits for, some 10 ns each time.

func sumHeaders(c choice, dst [][32]byte, src [][HeaderSize]byte) {
	if c.many == Generic {
		sumHeadersGeneric(dst, src)
		return
	}
	sumHeadersAssembly(c, dst, src)
}

func sumPairs(c choice, dst [][32]byte, src [][PairSize]byte) {
	if c.many == Generic {
		sumPairsGeneric(dst, src)
		return
	}
	sumPairsAssembly(c, dst, src)
}

func sumSuffixes(c choice, dst [][32]byte, prefix *Prefix, src []byte, size int) {
	if c.many == Generic {
		sumSuffixesGeneric(dst, *prefix, src, size)
		return
	}
	sumSuffixesAssembly(c, dst, prefix, src, size)
}
