package hash

// HeaderSize is the size of a block header in bytes.
const HeaderSize = 80

// PairSize is the size in bytes of two digests, what is hashed at each step of a merkle tree.
const PairSize = 64

// Sum256d returns SHA-256(SHA-256(b)) in internal byte order. It does not keep b, does not allocate, and is safe for
// concurrent use.
func Sum256d(b []byte) [32]byte {
	first := sum256(b)
	return sum256(first[:])
}

// The SHA-256 initial value: FIPS 180-4, section 5.3.3.
const (
	iv0 = 0x6a09e667
	iv1 = 0xbb67ae85
	iv2 = 0x3c6ef372
	iv3 = 0xa54ff53a
	iv4 = 0x510e527f
	iv5 = 0x9b05688c
	iv6 = 0x1f83d9ab
	iv7 = 0x5be0cd19
)
