package main

import (
	"math/big"
	"math/bits"
)

// The constants of SHA-256, computed from their definition (FIPS 180-4, sections 4.2.2 and 5.3.3): the first 32 bits of
// the fractional parts of the cube roots of the first 64 primes, and of the square roots of the first eight.
var (
	k256 = func() (k [64]uint32) {
		for i, p := range primes(len(k)) {
			k[i] = fraction(p, 3)
		}
		return k
	}()
	iv = func() (h [8]uint32) {
		for i, p := range primes(len(h)) {
			h[i] = fraction(p, 2)
		}
		return h
	}()
)

// The padding of SHA-256 as words of a message (FIPS 180-4, section 5.1.1): a one bit, zeros, and the length in bits.
const (
	padOne     = 1 << 31
	headerBits = 8 * 80
	pairBits   = 8 * 64
	digestBits = 8 * 32
)

// primes returns the first n primes.
func primes(n int) (ps []int64) {
	for p := int64(2); len(ps) < n; p++ {
		if big.NewInt(p).ProbablyPrime(0) {
			ps = append(ps, p)
		}
	}
	return ps
}

// fraction returns the first 32 bits of the fractional part of the root of p: the integer root of p·2^(32·root), whose low
// 32 bits they are.
func fraction(p int64, root int) uint32 {
	scaled := new(big.Int).Lsh(big.NewInt(p), uint(32*root))
	low, high := big.NewInt(0), new(big.Int).Lsh(big.NewInt(p), 32)
	for one := big.NewInt(1); new(big.Int).Sub(high, low).Cmp(one) > 0; { // low^root <= scaled < high^root
		middle := new(big.Int).Add(low, high)
		middle.Rsh(middle, 1)
		if new(big.Int).Exp(middle, big.NewInt(int64(root)), nil).Cmp(scaled) <= 0 {
			low = middle
		} else {
			high = middle
		}
	}
	return uint32(low.Uint64())
}

// The functions of SHA-256 on constants (FIPS 180-4, section 4.1.2).

func rotr(x uint32, n int) uint32 { return bits.RotateLeft32(x, -n) }

func constCh(e, f, g uint32) uint32  { return e&f ^ ^e&g }
func constMaj(a, b, c uint32) uint32 { return a&b ^ a&c ^ b&c }

func constSigma(x uint32, s [3]int, shift bool) uint32 {
	third := rotr(x, s[2])
	if shift {
		third = x >> s[2]
	}
	return rotr(x, s[0]) ^ rotr(x, s[1]) ^ third
}

// The amounts by which the four sigma functions rotate; the small ones shift by the last.
var (
	bigSigma0   = [3]int{2, 13, 22}
	bigSigma1   = [3]int{6, 11, 25}
	smallSigma0 = [3]int{7, 18, 3}
	smallSigma1 = [3]int{17, 19, 10}
)
