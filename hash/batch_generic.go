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

func sumSuffixesGeneric(dst [][32]byte, prefix Prefix, src []byte, size int) {
	for i := range dst {
		sumSuffix(&dst[i], prefix, src[i*size:][:size])
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

// sumSuffix is SHA-256d of prefix and suffix: the blocks of the suffix, one or two that end in padding, and the hash of the
// digest.
func sumSuffix(dst *[32]byte, prefix Prefix, suffix []byte) {
	var m schedule
	var end [maxEnd]byte
	padded := padSuffix(&end, prefix.size, len(suffix))

	state := prefix.midstate()
	for ; len(suffix) >= 64; suffix = suffix[64:] {
		compressWith(&m, &state, (*[64]byte)(suffix))
	}
	copy(end[:], suffix)
	for i := 0; i < padded; i += 64 {
		compressWith(&m, &state, (*[64]byte)(end[i:]))
	}
	sumDigest(&m, dst, &state)
}

// maxEnd is the most bytes in the blocks of a message that are not wholly its own: 63, the padding's one bit, as many zeros
// as it takes, and the length.
const maxEnd = 128

// padSuffix writes the padding of a message of prefix and suffix bytes to where it is in the message's last blocks, those
// that the suffix does not fill, and returns the size of these blocks.
func padSuffix(end *[maxEnd]byte, prefix, suffix int) (size int) {
	rest := suffix % 64
	size = 64
	if rest+1+8 > size {
		size = 128
	}
	end[rest] = 0x80
	binary.BigEndian.PutUint64(end[size-8:], 8*(uint64(prefix)+uint64(suffix)))
	return size
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
