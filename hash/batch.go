package hash

// SumHeaders writes the SHA-256d of each 80-byte message of src into dst, in internal order, with kernel k. It panics if
// dst is shorter than src, and leaves the rest of a longer one alone. It is safe for concurrent use.
func SumHeaders(k Kernel, dst [][32]byte, src [][HeaderSize]byte) {
	dst = dst[:len(src)]
	for i := range src {
		dst[i] = Sum256d(src[i][:])
	}
}

// SumPairs writes the SHA-256d of each 64-byte message of src into dst, in internal order, with kernel k. It panics if
// dst is shorter than src, and leaves the rest of a longer one alone. It is safe for concurrent use.
func SumPairs(k Kernel, dst [][32]byte, src [][PairSize]byte) {
	dst = dst[:len(src)]
	for i := range src {
		dst[i] = Sum256d(src[i][:])
	}
}
