package bench

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"github.com/touchstone-btc/touchstone/hash"
)

// genesis is the first header of the main network. Its nonce is the only one it has, so that a search in the headers of
// [variants] is as good as without candidates.
var genesis = mustHeader("0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c")

func mustHeader(text string) (h [hash.HeaderSize]byte) {
	if n, err := hex.Decode(h[:], []byte(text)); err != nil || n != len(h) {
		panic("bench: not a header: " + text)
	}
	return h
}

// variants returns n midstates of h: of h itself, and with other bits in its version.
func variants(h [hash.HeaderSize]byte, n int) []hash.Midstate {
	mids := make([]hash.Midstate, n)
	version := binary.LittleEndian.Uint32(h[:])
	for i := range mids {
		binary.LittleEndian.PutUint32(h[:], version^uint32(i)<<13)
		mids[i] = hash.NewMidstate((*[64]byte)(h[:]))
	}
	return mids
}

func tailOf(h *[hash.HeaderSize]byte) *hash.Tail { return (*hash.Tail)(h[64:76]) }

// searchWith returns a search of so many midstates with a kernel, from nonce 0 on and around again.
func searchWith(k hash.Kernel, midstates int) (workload, error) {
	if midstates < 1 || midstates > hash.MaxMidstates {
		return nil, fmt.Errorf("%d midstates: give 1 to %d", midstates, hash.MaxMidstates)
	}
	s, err := hash.NewScanner(k)
	if err != nil {
		return nil, err
	}
	s.Reset(variants(genesis, midstates), tailOf(&genesis))
	found := make([]hash.Candidate, 0, 2*hash.MaxMidstates)
	first := uint32(0)
	return func(atLeast int) (done int) {
		for done < atLeast {
			_, tried := s.Scan(found, ^uint32(0), first, s.Slice())
			first += uint32(tried)
			done += int(tried) * midstates
		}
		return done
	}, nil
}
