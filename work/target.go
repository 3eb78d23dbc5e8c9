package work

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/big"

	"github.com/btcsuite/btcd/chainhash/v2"
)

// Target is an unsigned 256-bit number, the bound that a header's hash must not
// exceed. It is exact, comparable with ==, and a plain value copied by
// assignment. The zero Target is the number 0, which no known header meets.
type Target struct {
	w [4]uint64 // least significant word first
}

// maxTarget is 2^256-1, met by every hash.
var maxTarget = Target{[4]uint64{^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0)}}

// HashValue returns hash as the number that targets are compared with: its
// internal bytes, least significant first.
func HashValue(hash *chainhash.Hash) Target {
	return Target{[4]uint64{
		binary.LittleEndian.Uint64(hash[0:]),
		binary.LittleEndian.Uint64(hash[8:]),
		binary.LittleEndian.Uint64(hash[16:]),
		binary.LittleEndian.Uint64(hash[24:]),
	}}
}

// TargetFromBig converts v, which it does not keep. Negative values and those
// of 2^256 or more are refused.
func TargetFromBig(v *big.Int) (Target, error) {
	if v.Sign() < 0 {
		return Target{}, fmt.Errorf("target %s: negative", quote(v.String()))
	}
	if n := v.BitLen(); n > 256 {
		return Target{}, fmt.Errorf("target of %d bits: want at most 256", n)
	}
	var b [32]byte
	v.FillBytes(b[:])
	return targetFromBytes(&b), nil
}

// ParseTarget reads a target as getblocktemplate writes it: exactly 64 hex
// digits in either case, most significant first.
func ParseTarget(s string) (Target, error) {
	var b [32]byte
	if len(s) != 2*len(b) {
		return Target{}, fmt.Errorf("target %s: %d characters, want 64 hex digits", quote(s), len(s))
	}
	if _, err := hex.Decode(b[:], []byte(s)); err != nil {
		return Target{}, fmt.Errorf("target %s: want 64 hex digits", quote(s))
	}
	return targetFromBytes(&b), nil
}

// targetFromBytes reads a number written most significant byte first.
func targetFromBytes(b *[32]byte) Target {
	return Target{[4]uint64{
		binary.BigEndian.Uint64(b[24:]),
		binary.BigEndian.Uint64(b[16:]),
		binary.BigEndian.Uint64(b[8:]),
		binary.BigEndian.Uint64(b[0:]),
	}}
}

// MetBy reports whether hash, in internal order, is at most t.
func (t Target) MetBy(hash *chainhash.Hash) bool {
	return HashValue(hash).Cmp(t) <= 0
}

// Cmp returns -1, 0 or +1 as t is less than, equal to or greater than u.
func (t Target) Cmp(u Target) int {
	for i := 3; i >= 0; i-- {
		if t.w[i] != u.w[i] {
			return cmp.Compare(t.w[i], u.w[i])
		}
	}
	return 0
}

// IsZero reports whether t is 0.
func (t Target) IsZero() bool { return t == Target{} }

// Big returns t as a new big.Int.
func (t Target) Big() *big.Int {
	b := t.bytes()
	return new(big.Int).SetBytes(b[:])
}

// bytes returns t most significant byte first.
func (t Target) bytes() [32]byte {
	var b [32]byte
	for i, w := range t.w {
		binary.BigEndian.PutUint64(b[24-8*i:], w)
	}
	return b
}

// String returns t as 64 hex digits, most significant first, as ParseTarget
// reads it.
func (t Target) String() string {
	b := t.bytes()
	return hex.EncodeToString(b[:])
}

// LeadingZeros returns how many of t's 256 bits are zero before the first that
// is not: every hash that meets t has at least as many. It is 256 for 0.
func (t Target) LeadingZeros() int { return 256 - t.bitLen() }

// Work returns how many hashes meeting t takes on average, 2^256/(t+1) rounded
// down, as a new big.Int: what a block adds to the work of its chain.
func (t Target) Work() *big.Int {
	n := new(big.Int).Lsh(big.NewInt(1), 256)
	d := t.Big()
	return n.Div(n, d.Add(d, big.NewInt(1)))
}
