package hash

// Midstate is the state of SHA-256 after the first 64 bytes of a header: eight words, in the order a to h. It is a value
// to copy and compare.
type Midstate [8]uint32

// NewMidstate returns the state after block, the first 64 bytes of a header. It does not allocate and is safe for
// concurrent use.
func NewMidstate(block *[64]byte) Midstate {
	m := [8]uint32{iv0, iv1, iv2, iv3, iv4, iv5, iv6, iv7}
	compress(&m, block)
	return m
}
