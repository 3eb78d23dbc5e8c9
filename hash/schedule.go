package hash

import "math/bits"

// schedule is the message schedule of one block: the words W, and K + W, which is all that the rounds read.
type schedule struct {
	w, kw [64]uint32
}

// set makes w the word of round i.
func (m *schedule) set(i int, w uint32) {
	m.w[i] = w
	m.kw[i] = k256[i] + w
}

// pad makes the words from n on, up to the fifteenth, the padding of a message of length bits.
func (m *schedule) pad(n int, length uint32) {
	m.set(n, padOne)
	for i := n + 1; i < 15; i++ {
		m.set(i, 0)
	}
	m.set(15, length)
}

// extend computes the words from (16 or later) up to but not including to, eight at a time, from the sixteen before each:
//
//	W[i] = σ1(W[i-2]) + W[i-7] + σ0(W[i-15]) + W[i-16]
//
// One word to a turn makes the search 7-9 % slower. All of them written out, with K as constants, would make it 3 % faster
// and this file three times as long.
func (m *schedule) extend(from, to int) {
	for i := from; i <= to-8; i += 8 {
		w := (*[24]uint32)(m.w[i-16 : i+8])
		w[16] = sigma1(w[14]) + w[9] + sigma0(w[1]) + w[0]
		w[17] = sigma1(w[15]) + w[10] + sigma0(w[2]) + w[1]
		w[18] = sigma1(w[16]) + w[11] + sigma0(w[3]) + w[2]
		w[19] = sigma1(w[17]) + w[12] + sigma0(w[4]) + w[3]
		w[20] = sigma1(w[18]) + w[13] + sigma0(w[5]) + w[4]
		w[21] = sigma1(w[19]) + w[14] + sigma0(w[6]) + w[5]
		w[22] = sigma1(w[20]) + w[15] + sigma0(w[7]) + w[6]
		w[23] = sigma1(w[21]) + w[16] + sigma0(w[8]) + w[7]

		kw, k := (*[8]uint32)(m.kw[i:i+8]), (*[8]uint32)(k256[i:i+8])
		kw[0] = k[0] + w[16]
		kw[1] = k[1] + w[17]
		kw[2] = k[2] + w[18]
		kw[3] = k[3] + w[19]
		kw[4] = k[4] + w[20]
		kw[5] = k[5] + w[21]
		kw[6] = k[6] + w[22]
		kw[7] = k[7] + w[23]
	}
}

func sigma0(w uint32) uint32 { return bits.RotateLeft32(w, -7) ^ bits.RotateLeft32(w, -18) ^ w>>3 }

func sigma1(w uint32) uint32 { return bits.RotateLeft32(w, -17) ^ bits.RotateLeft32(w, -19) ^ w>>10 }
