package hash

// Sum256d returns SHA-256(SHA-256(b)) in internal byte order. It does not keep b, does not allocate, and is safe for
// concurrent use.
func Sum256d(b []byte) [32]byte {
	first := sum256(b)
	return sum256(first[:])
}
