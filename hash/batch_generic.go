package hash

import "encoding/binary"

// The generic batches take one message after the other. Where sum256 has assembly, two calls of it are the fastest way;
// without, hashing in place is, because it knows the shape of the padding.

func sumHeadersGeneric(dst [][32]byte, src [][HeaderSize]byte) {
	if sum256HasAssembly {
		for i := range src {
			dst[i] = Sum256d(src[i][:])
		}
		return
	}
	for i := range src {
		sumHeader(&dst[i], &src[i])
	}
}

func sumPairsGeneric(dst [][32]byte, src [][PairSize]byte) {
	if sum256HasAssembly {
		for i := range src {
			dst[i] = Sum256d(src[i][:])
		}
		return
	}
	for i := range src {
		sumPair(&dst[i], &src[i])
	}
}

// sumHeader is SHA-256d of a header: a block, a block that ends in padding, and the hash of the digest.
func sumHeader(dst *[32]byte, src *[HeaderSize]byte) {
	var m schedule
	state := [8]uint32{iv0, iv1, iv2, iv3, iv4, iv5, iv6, iv7}
	compressWith(&m, &state, (*[64]byte)(src[:]))

	for i := range 4 {
		m.set(i, binary.BigEndian.Uint32(src[64+4*i:]))
	}
	m.pad(4, headerBits)
	m.compress(&state)
	sumDigest(&m, dst, &state)
}

// sumPair is SHA-256d of a pair: a block, the padding, which is a block of its own and always the same, and the hash of
// the digest.
func sumPair(dst *[32]byte, src *[PairSize]byte) {
	var m schedule
	state := [8]uint32{iv0, iv1, iv2, iv3, iv4, iv5, iv6, iv7}
	compressWith(&m, &state, src)

	s := state
	rounds(&s, pairPadding.kw[:])
	add(&state, &s)
	sumDigest(&m, dst, &state)
}

// pairPadding is the schedule of the padding after 64 bytes.
var pairPadding = func() (m schedule) {
	m.pad(0, pairBits)
	m.extend(16, 64)
	return m
}()

// sumDigest writes SHA-256 of the eight words of digest.
func sumDigest(m *schedule, dst *[32]byte, digest *[8]uint32) {
	for i, w := range digest {
		m.set(i, w)
	}
	m.pad(8, digestBits)
	state := [8]uint32{iv0, iv1, iv2, iv3, iv4, iv5, iv6, iv7}
	m.compress(&state)
	for i, w := range state {
		binary.BigEndian.PutUint32(dst[4*i:], w)
	}
}
