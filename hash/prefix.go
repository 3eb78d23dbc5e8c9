package hash

// Prefix is the beginning that all messages of a batch share: whole blocks of 64 bytes, hashed once. Its zero value is the
// empty prefix. It is a value to copy and compare.
type Prefix struct {
	state Midstate // zero in the empty prefix
	size  int
}

// NewPrefix returns the prefix made of the whole blocks of b. It ends at [Prefix.Size]; what follows there in b, 63 bytes
// at most, belongs to the suffixes. NewPrefix does not keep b, does not allocate, and is safe for concurrent use.
func NewPrefix(b []byte) Prefix {
	p := Prefix{size: len(b) &^ 63}
	if p.size == 0 {
		return p
	}
	var m schedule
	state := Prefix{}.midstate()
	for ; len(b) >= 64; b = b[64:] {
		compressWith(&m, &state, (*[64]byte)(b))
	}
	p.state = state
	return p
}

// Size returns the number of bytes of the prefix, a multiple of 64.
func (p Prefix) Size() int { return p.size }

// midstate is the state of SHA-256 after the prefix.
func (p Prefix) midstate() [8]uint32 {
	if p.size == 0 {
		return [8]uint32{iv0, iv1, iv2, iv3, iv4, iv5, iv6, iv7}
	}
	return p.state
}
