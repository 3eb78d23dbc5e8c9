package stratum

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/btcsuite/btcd/chainhash/v2"
)

// appendHexText appends the bytes that the string v writes as hex digits in either case.
func appendHexText(dst []byte, v Value) ([]byte, error) {
	var scratch []byte
	text, ok := v.text(&scratch)
	if !ok {
		return dst, fmt.Errorf("%s: want a string of hex digits", v)
	}
	if len(text)%2 != 0 {
		return dst, fmt.Errorf("%s: %d hex digits: want an even number", v, len(text))
	}
	dst = slices.Grow(dst, len(text)/2)
	n := len(dst)
	dst = dst[:n+len(text)/2]
	if _, err := hex.Decode(dst[n:], text); err != nil {
		return dst[:n], fmt.Errorf("%s: want hex digits only", v)
	}
	return dst, nil
}

// hex32 reads a number as exactly eight hex digits, most significant first.
func hex32(v Value) (uint32, error) {
	var buf [4]byte
	if len(v) != 2+2*len(buf) {
		return 0, fmt.Errorf("%s: want 8 hex digits", v)
	}
	b, err := appendHexText(buf[:0], v)
	if err != nil {
		return 0, err
	}
	if len(b) != 4 { // written with escapes
		return 0, fmt.Errorf("%s: want 8 hex digits", v)
	}
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3]), nil
}

// hash256 reads 32 bytes in the order they are written.
func hash256(v Value) (h chainhash.Hash, err error) {
	if len(v) != 2+2*len(h) {
		return h, fmt.Errorf("%s: want %d hex digits", v, 2*len(h))
	}
	var buf [chainhash.HashSize]byte
	b, err := appendHexText(buf[:0], v)
	if err != nil {
		return h, err
	}
	if copy(h[:], b) != len(h) {
		return h, fmt.Errorf("%s: want %d hex digits", v, 2*len(h))
	}
	return h, nil
}

// ParsePrevHash reads the hash of the previous block as mining.notify writes it, 64 hex digits: the header's bytes, with those of
// each four-byte word reversed. The hash is in internal order.
func ParsePrevHash(s string) (h chainhash.Hash, err error) {
	if len(s) != 2*len(h) {
		return h, fmt.Errorf("%s: %d characters: want %d hex digits", quote(s), len(s), 2*len(h))
	}
	if _, err := hex.Decode(h[:], []byte(s)); err != nil {
		return chainhash.Hash{}, errors.New(quote(s) + ": want hex digits only")
	}
	return swapWords(h), nil
}

// AppendPrevHash appends h (internal order) as mining.notify writes it: the inverse of ParsePrevHash.
func AppendPrevHash(dst []byte, h chainhash.Hash) []byte {
	h = swapWords(h)
	return hex.AppendEncode(dst, h[:])
}

// swapWords reverses the bytes of each four-byte word.
func swapWords(h chainhash.Hash) chainhash.Hash {
	for i := 0; i < len(h); i += 4 {
		h[i], h[i+1], h[i+2], h[i+3] = h[i+3], h[i+2], h[i+1], h[i]
	}
	return h
}
