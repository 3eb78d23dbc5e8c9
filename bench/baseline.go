package bench

import (
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	stdhash "hash"

	"github.com/btcsuite/btcd/chainhash/v2"
)

// baseline is how others hash, in code that is not ours: what a kernel is compared with.
type baseline struct {
	name    string
	new     func() stdhash.Hash           // SHA-256 whose state can be saved; nil: a search hashes whole headers
	sum     func(message []byte) [32]byte // SHA-256; nil without new
	doubled func(message []byte) [32]byte // SHA-256d
}

// stdlib is the name of the baseline that every ratio is to.
const stdlib = "crypto/sha256"

// baselineNames are those of all baselines, of other builds too.
var baselineNames = []string{stdlib, "chainhash", "sha256-simd"}

// baselines returns all of them, stdlib first.
func baselines() []baseline {
	return append([]baseline{{
		name: stdlib,
		new:  sha256.New,
		sum:  sha256.Sum256,
		doubled: func(message []byte) [32]byte {
			first := sha256.Sum256(message)
			return sha256.Sum256(first[:])
		},
	}, {
		name:    "chainhash",
		doubled: func(message []byte) [32]byte { return chainhash.DoubleHashH(message) },
	}}, simdBaselines...)
}

// search returns a search of the nonces of one header, one after the other, from 0 on and around again.
func (b *baseline) search() (workload, error) {
	lastWord, err := b.lastWord()
	if err != nil {
		return nil, err
	}
	nonce, found := uint32(0), 0
	return func(atLeast int) (done int) {
		for range atLeast {
			if lastWord(nonce) == 0 {
				found++
			}
			nonce++
		}
		return atLeast
	}, nil
}

// lastWord returns a function that returns the last word of the digest of genesis with another nonce.
//
// Where the state can be saved, it is that of the first 64 bytes, restored in place for each nonce: cloning it instead would
// allocate.
func (b *baseline) lastWord() (func(nonce uint32) uint32, error) {
	header := genesis
	if b.new == nil {
		return func(nonce uint32) uint32 {
			binary.LittleEndian.PutUint32(header[76:], nonce)
			digest := b.doubled(header[:])
			return binary.BigEndian.Uint32(digest[28:])
		}, nil
	}
	d := b.new()
	d.Write(header[:64])
	midstate, err := d.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		return nil, err
	}
	restore := d.(encoding.BinaryUnmarshaler).UnmarshalBinary
	if err := restore(midstate); err != nil {
		return nil, err
	}
	tail, first := header[64:], make([]byte, 0, 32)
	return func(nonce uint32) uint32 {
		restore(midstate) // it worked before
		binary.LittleEndian.PutUint32(tail[12:], nonce)
		d.Write(tail)
		digest := b.sum(d.Sum(first))
		return binary.BigEndian.Uint32(digest[28:])
	}, nil
}
