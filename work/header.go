package work

import (
	"encoding/binary"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/touchstone-btc/touchstone/hash"
)

// HeaderSize is the length of a serialised block header in bytes.
const HeaderSize = hash.HeaderSize

// Header is a decoded block header: the 80 bytes whose double SHA-256 is the
// proof of work. Every 80 bytes are some header and decode to exactly one, so
// decoding cannot fail. It is a plain value, copied by assignment.
//
// PrevBlock and MerkleRoot are in internal order, as in the serialised form;
// their String methods print display order.
type Header struct {
	Version    uint32 // consensus compares it as int32
	PrevBlock  chainhash.Hash
	MerkleRoot chainhash.Hash
	Time       uint32 // seconds since 1970
	Bits       Bits
	Nonce      uint32
}

// ParseHeader decodes a serialised header. The result keeps no reference to b.
func ParseHeader(b *[HeaderSize]byte) Header {
	return Header{
		Version:    binary.LittleEndian.Uint32(b[0:]),
		PrevBlock:  chainhash.Hash(b[4:36]),
		MerkleRoot: chainhash.Hash(b[36:68]),
		Time:       binary.LittleEndian.Uint32(b[68:]),
		Bits:       Bits(binary.LittleEndian.Uint32(b[72:])),
		Nonce:      binary.LittleEndian.Uint32(b[76:]),
	}
}

// Put serialises the header into dst, all of which is overwritten.
func (h *Header) Put(dst *[HeaderSize]byte) {
	binary.LittleEndian.PutUint32(dst[0:], h.Version)
	copy(dst[4:], h.PrevBlock[:])
	copy(dst[36:], h.MerkleRoot[:])
	binary.LittleEndian.PutUint32(dst[68:], h.Time)
	binary.LittleEndian.PutUint32(dst[72:], uint32(h.Bits))
	binary.LittleEndian.PutUint32(dst[76:], h.Nonce)
}

// Bytes returns the serialised header.
func (h *Header) Bytes() [HeaderSize]byte {
	var b [HeaderSize]byte
	h.Put(&b)
	return b
}

// Hash returns the header's double SHA-256 in internal order: the hash of the
// block, and the number that its target bounds.
func (h *Header) Hash() chainhash.Hash {
	b := h.Bytes()
	return hash.Sum256d(b[:])
}
