package testvectors

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"sync"
)

// Nonce is a header whose nonce wins: a search over its nonces must find it.
type Nonce struct {
	Name   string
	Height int32    // -1 if unknown or never a block
	Header [80]byte // with the winning nonce
	Nonce  uint32   // bytes 76..79 of Header, read as little endian
	Hash   [32]byte // of Header, internal order
	// Zeros is the number of leading zero bits of Hash in display order; never
	// below 32.
	Zeros int
	// Network is true if the hash meets the target of the header's own nBits.
	Network bool
	// Midstate is the state of SHA-256 after the header's first 64 bytes.
	Midstate [8]uint32
	// Rolled is true if version bits inside BIP 320's mask are set.
	Rolled bool

	Source, Comment string
}

var nonces = sync.OnceValue(func() []Nonce { return decodeAll("nonce", decodeNonce) })

// Nonces returns headers with winning nonces, ordered by name.
func Nonces() []Nonce { return slices.Clone(nonces()) }

func decodeNonce(d *decoder) Nonce {
	n := Nonce{
		Name: d.v.Name, Source: d.v.Source, Comment: d.v.Comment,
		Height:  int32(d.number("height", 32, -1)),
		Header:  d.header(d.required("header")),
		Zeros:   int(d.number("zeros", 16, 0)),
		Network: d.flag("meets-bits"),
	}
	first := sha256.Sum256(n.Header[:])
	n.Hash = sha256.Sum256(first[:])
	if d.hash("hash", d.required("hash")) != n.Hash {
		d.fail("hash is not that of the header")
	}
	n.Nonce = d.word("nonce")
	if n.Nonce != binary.LittleEndian.Uint32(n.Header[76:]) {
		d.fail("nonce is not that of the header")
	}
	mid := d.array32("midstate", d.required("midstate"))
	for i := range n.Midstate {
		n.Midstate[i] = binary.BigEndian.Uint32(mid[4*i:])
	}
	n.Rolled = binary.LittleEndian.Uint32(n.Header[:])&0x1fffe000 != 0
	if d.v.Expect != Valid {
		d.fail("expects %q; a nonce vector is always valid", d.v.Expect)
	}
	return n
}
