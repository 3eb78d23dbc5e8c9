package hash

import (
	"encoding/binary"
	"math/bits"
)

// sliceGeneric is the most nonces scanGeneric tries in one call. The Go scheduler can preempt it, so the bound is only
// for the caller who wants to stop or to change what is searched: with sixteen midstates a call lasts about a
// millisecond, and with one it is still long enough for its own cost not to show.
const sliceGeneric = 256

// generic is what scanGeneric knows of a search.
//
// The second block of a header, as words, is
//
//	W0, W1, W2  the tail
//	W3          the nonce
//	W4          80000000, the one bit of the padding
//	W5 … W14    0
//	W15         640, the length in bits
//
// so rounds 0 to 2 and all of round 3 but adding W3 are done once for each midstate, and the message schedule once for
// each nonce.
type generic struct {
	prehash [MaxMidstates]prehash
	block   schedule // of the second block; words 0 to 17 but not 3 are those of every nonce
	c18     uint32   // W18 and W19 are these plus what the nonce gives
	c19     uint32
	digest  schedule // of the second hash; words 8 to 15 are those of every digest
}

// prehash is a midstate, and the state after rounds 0 to 3 with W3 = 0. W3 is a term of the new a and of the new e and
// goes nowhere else: adding it to both gives the state with that W3.
type prehash struct {
	midstate [8]uint32
	state    [8]uint32
}

// reset computes what does not depend on the nonce.
func (s *generic) reset(mids []Midstate, tail *Tail) {
	m := &s.block
	m.set(0, binary.BigEndian.Uint32(tail[0:]))
	m.set(1, binary.BigEndian.Uint32(tail[4:]))
	m.set(2, binary.BigEndian.Uint32(tail[8:]))
	m.set(3, 0)
	m.pad(4, headerBits)
	w := &m.w
	m.set(16, sigma0(w[1])+w[0])
	m.set(17, sigma1(headerBits)+sigma0(w[2])+w[1])
	s.c18 = sigma1(w[16]) + w[2]
	s.c19 = sigma1(w[17]) + sigma0(padOne)

	for i, mid := range mids {
		p := &s.prehash[i]
		p.midstate = mid
		a, b, c, d, e, f, g, h := mid[0], mid[1], mid[2], mid[3], mid[4], mid[5], mid[6], mid[7]
		x := b ^ c
		d, h, x = round(a, b, c, d, e, f, g, h, m.kw[0], x)
		c, g, x = round(h, a, b, c, d, e, f, g, m.kw[1], x)
		b, f, x = round(g, h, a, b, c, d, e, f, m.kw[2], x)
		a, e, _ = round(f, g, h, a, b, c, d, e, m.kw[3], x)
		p.state = [8]uint32{e, f, g, h, a, b, c, d}
	}

	s.digest.pad(8, digestBits)
}

// scanGeneric is the search in plain Go and the definition of what every kernel does: it tries up to n nonces from first
// on with the first k midstates, appends to dst the candidates in order of nonce and then midstate, and stops before a
// nonce for which dst might not have room. The range must not wrap.
func scanGeneric(s *generic, k int, dst []Candidate, mask, first uint32, n uint64) (out []Candidate, tried uint64) {
	prehashes := s.prehash[:k]
	for ; tried < n && cap(dst)-len(dst) >= k; tried++ {
		nonce := first + uint32(tried)
		w3 := bits.ReverseBytes32(nonce) // little-endian in the header, where SHA-256 reads big-endian words
		s.setNonce(w3)
		for i := range prehashes {
			s.firstHash(&prehashes[i], w3)
			if s.lastWord()&mask == 0 {
				dst = append(dst, Candidate{Nonce: nonce, Midstate: i})
			}
		}
	}
	return dst, tried
}

// setNonce completes the schedule of the second block: each line is W[i] = σ1(W[i-2]) + W[i-7] + σ0(W[i-15]) + W[i-16]
// less the terms that are 0.
func (s *generic) setNonce(w3 uint32) {
	m, w := &s.block, &s.block.w
	m.set(18, sigma0(w3)+s.c18)
	m.set(19, w3+s.c19)
	m.set(20, sigma1(w[18])+padOne)
	m.set(21, sigma1(w[19]))
	m.set(22, sigma1(w[20])+headerBits)
	m.set(23, sigma1(w[21])+w[16])
	m.set(24, sigma1(w[22])+w[17])
	m.set(25, sigma1(w[23])+w[18])
	m.set(26, sigma1(w[24])+w[19])
	m.set(27, sigma1(w[25])+w[20])
	m.set(28, sigma1(w[26])+w[21])
	m.set(29, sigma1(w[27])+w[22])
	m.set(30, sigma1(w[28])+w[23]+sigma0(headerBits))
	m.set(31, sigma1(w[29])+w[24]+sigma0(w[16])+headerBits)
	m.extend(32, 64)
}

// firstHash finishes the first hash for one midstate and makes its digest the message of the second.
func (s *generic) firstHash(p *prehash, w3 uint32) {
	// Round 4 follows, so the roles are held by the variables four places on.
	kw := &s.block.kw
	e, f, g, h, a, b, c, d := p.state[0]+w3, p.state[1], p.state[2], p.state[3], p.state[4]+w3, p.state[5], p.state[6], p.state[7]
	x := f ^ g
	h, d, x = round(e, f, g, h, a, b, c, d, kw[4], x)
	g, c, x = round(d, e, f, g, h, a, b, c, kw[5], x)
	f, b, x = round(c, d, e, f, g, h, a, b, kw[6], x)
	e, a, _ = round(b, c, d, e, f, g, h, a, kw[7], x)
	state := [8]uint32{a, b, c, d, e, f, g, h}
	rounds(&state, kw[8:])

	w := &s.digest.w
	w[0] = p.midstate[0] + state[0]
	w[1] = p.midstate[1] + state[1]
	w[2] = p.midstate[2] + state[2]
	w[3] = p.midstate[3] + state[3]
	w[4] = p.midstate[4] + state[4]
	w[5] = p.midstate[5] + state[5]
	w[6] = p.midstate[6] + state[6]
	w[7] = p.midstate[7] + state[7]
}

// lastWord returns the last word of the second hash, whose message is W0 to W7, 80000000, six zeros, and 256, the length
// in bits. That word is IV[7] plus the e after round 60: h is e three rounds later. So the schedule ends with W60, and no
// new a is computed from round 57 on, because a becomes e only after four rounds.
func (s *generic) lastWord() uint32 {
	m, w, kw := &s.digest, &s.digest.w, &s.digest.kw

	// W16 to W28 less the terms that are 0.
	m.set(16, sigma0(w[1])+w[0])
	m.set(17, sigma1(digestBits)+sigma0(w[2])+w[1])
	m.set(18, sigma1(w[16])+sigma0(w[3])+w[2])
	m.set(19, sigma1(w[17])+sigma0(w[4])+w[3])
	m.set(20, sigma1(w[18])+sigma0(w[5])+w[4])
	m.set(21, sigma1(w[19])+sigma0(w[6])+w[5])
	m.set(22, sigma1(w[20])+digestBits+sigma0(w[7])+w[6])
	m.set(23, sigma1(w[21])+w[16]+sigma0(padOne)+w[7])
	m.set(24, sigma1(w[22])+w[17]+padOne)
	m.set(25, sigma1(w[23])+w[18])
	m.set(26, sigma1(w[24])+w[19])
	m.set(27, sigma1(w[25])+w[20])
	m.set(28, sigma1(w[26])+w[21])
	m.extend(29, 61)

	// Rounds 0 to 7 are written out for the compiler, which folds what follows from the constant state.
	var a, b, c, d, e, f, g, h uint32 = iv0, iv1, iv2, iv3, iv4, iv5, iv6, iv7
	x := b ^ c
	d, h, x = round(a, b, c, d, e, f, g, h, k256[0]+w[0], x)
	c, g, x = round(h, a, b, c, d, e, f, g, k256[1]+w[1], x)
	b, f, x = round(g, h, a, b, c, d, e, f, k256[2]+w[2], x)
	a, e, x = round(f, g, h, a, b, c, d, e, k256[3]+w[3], x)
	h, d, x = round(e, f, g, h, a, b, c, d, k256[4]+w[4], x)
	g, c, x = round(d, e, f, g, h, a, b, c, k256[5]+w[5], x)
	f, b, x = round(c, d, e, f, g, h, a, b, k256[6]+w[6], x)
	e, a, _ = round(b, c, d, e, f, g, h, a, k256[7]+w[7], x)
	state := [8]uint32{a, b, c, d, e, f, g, h}
	rounds(&state, kw[8:56])

	a, b, c, d, e, f, g, h = state[0], state[1], state[2], state[3], state[4], state[5], state[6], state[7]
	d, h, _ = round(a, b, c, d, e, f, g, h, kw[56], b^c)
	c = halfRound(c, d, e, f, g, kw[57])
	b = halfRound(b, c, d, e, f, kw[58])
	a = halfRound(a, b, c, d, e, kw[59])
	return halfRound(h, a, b, c, d, kw[60]) + iv7
}
