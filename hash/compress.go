package hash

import (
	"encoding/binary"
	"math/bits"
)

// compress adds one block to a state: FIPS 180-4, section 6.2.2.
func compress(state *[8]uint32, block *[64]byte) {
	var m schedule
	compressWith(&m, state, block)
}

// compressWith is compress with m as scratch.
func compressWith(m *schedule, state *[8]uint32, block *[64]byte) {
	for i := range 16 {
		m.set(i, binary.BigEndian.Uint32(block[4*i:]))
	}
	m.compress(state)
}

// compress adds the block whose first sixteen words are set to a state.
func (m *schedule) compress(state *[8]uint32) {
	m.extend(16, 64)
	s := *state
	rounds(&s, m.kw[:])
	add(state, &s)
}

// add adds s to state, word by word.
func add(state, s *[8]uint32) {
	for i := range state {
		state[i] += s[i]
	}
}

// rounds applies one round per row of kw, whose number is a multiple of eight. Row i is K[i] + W[i].
//
// After each round the eight variables take the next role instead of moving; after eight they are back in their own.
// Straight-line code for all rounds was tried: the processor cannot fetch it as fast as it runs the loop, and the search
// lost a fifth of its speed. Sixteen rounds a turn changed nothing. A copy of the loop inside each hash of the search, the
// state never leaving its variables, would gain 4 %.
func rounds(s *[8]uint32, kw []uint32) {
	a, b, c, d, e, f, g, h := s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]
	x := b ^ c
	for ; len(kw) >= 8; kw = kw[8:] {
		d, h, x = round(a, b, c, d, e, f, g, h, kw[0], x)
		c, g, x = round(h, a, b, c, d, e, f, g, kw[1], x)
		b, f, x = round(g, h, a, b, c, d, e, f, kw[2], x)
		a, e, x = round(f, g, h, a, b, c, d, e, kw[3], x)
		h, d, x = round(e, f, g, h, a, b, c, d, kw[4], x)
		g, c, x = round(d, e, f, g, h, a, b, c, kw[5], x)
		f, b, x = round(c, d, e, f, g, h, a, b, kw[6], x)
		e, a, x = round(b, c, d, e, f, g, h, a, kw[7], x)
	}
	s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7] = a, b, c, d, e, f, g, h
}

// round returns the new e, which takes the place of d, and the new a, which takes the place of h (FIPS 180-4, section
// 4.1.2, has the functions):
//
//	t = h + K + W + Ch(e, f, g) + Σ1(e)     Ch  = e&f ^ ^e&g       = g ^ e&(f^g)
//	e = d + t                               Σ1  = e>>>6 ^ e>>>11 ^ e>>>25
//	a = t + Maj(a, b, c) + Σ0(a)            Maj = a&b ^ a&c ^ b&c  = b ^ (a^b)&(b^c)
//	                                        Σ0  = a>>>2 ^ a>>>13 ^ a>>>22
//
// The a^b of one round is the b^c of the next, so it is handed on: bc in, ab out.
//
// Measured on the search, AMD EPYC (Zen 4): without that handing on it is 3 % slower; with Σ before Ch and Maj 2 %; with
// Σ as nested rotations, ((e>>>14 ^ e)>>>5 ^ e)>>>6, which saves moves but waits for itself, 10 %; with Ch, Maj and Σ as
// functions, though they are inlined, 4 %, because the compiler then keeps fewer variables in registers.
func round(a, b, c, d, e, f, g, h, kw, bc uint32) (newE, newA, ab uint32) {
	t := h + kw + (g ^ e&(f^g)) + (bits.RotateLeft32(e, -6) ^ bits.RotateLeft32(e, -11) ^ bits.RotateLeft32(e, -25))
	ab = a ^ b
	return d + t, t + (b ^ ab&bc) + (bits.RotateLeft32(a, -2) ^ bits.RotateLeft32(a, -13) ^ bits.RotateLeft32(a, -22)), ab
}

// halfRound is a round of which only the new e is wanted.
func halfRound(d, e, f, g, h, kw uint32) (newE uint32) {
	return d + h + kw + (g ^ e&(f^g)) + (bits.RotateLeft32(e, -6) ^ bits.RotateLeft32(e, -11) ^ bits.RotateLeft32(e, -25))
}
