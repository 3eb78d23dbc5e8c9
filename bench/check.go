package bench

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/touchstone-btc/touchstone/hash"
)

// answers are the functions of a kernel whose answers are checked.
type answers struct {
	// scan returns the candidates among the n nonces from first on, in any order.
	scan    func(mids []hash.Midstate, tail *hash.Tail, mask, first uint32, n uint64) ([]hash.Candidate, error)
	headers func(dst [][32]byte, src [][hash.HeaderSize]byte)
	pairs   func(dst [][32]byte, src [][hash.PairSize]byte)
}

// answersOf returns those of a kernel of package hash.
func answersOf(k hash.Kernel) answers {
	return answers{
		scan: func(mids []hash.Midstate, tail *hash.Tail, mask, first uint32, n uint64) ([]hash.Candidate, error) {
			s, err := hash.NewScanner(k)
			if err != nil {
				return nil, err
			}
			s.Reset(mids, tail)
			found := make([]hash.Candidate, 0, n*uint64(len(mids))+hash.MaxMidstates)
			for n > 0 {
				var tried uint64
				found, tried = s.Scan(found, mask, first, n)
				if tried == 0 || tried > n {
					return nil, fmt.Errorf("a search of %d nonces tried %d", n, tried)
				}
				first, n = first+uint32(tried), n-tried
			}
			return found, nil
		},
		headers: func(dst [][32]byte, src [][hash.HeaderSize]byte) { hash.SumHeaders(k, dst, src) },
		pairs:   func(dst [][32]byte, src [][hash.PairSize]byte) { hash.SumPairs(k, dst, src) },
	}
}

// minedHeaders are headers of the main network that others have mined.
var minedHeaders = [][hash.HeaderSize]byte{
	genesis,
	// Height 3999, with a nonce near the end of the range.
	mustHeader("01000000dd45010ac7ba4c1b8301976135baeee3c380db70397ee91c07df795200000000082474ddd67c3d7e1f70f9975129cf4219024fa87c3786df164106b6fcf3f0caf3069449ffff001d14bff8ff"),
	// Height 757739, whose version was rolled.
	mustHeader("04a037247e05a12e0695c11e3fba1c4242687a4f7d2647a8ffc401000000000000000000d02c1c3ce329ede75b1e101bc12915e3891549c2f1ad5a0f345d3654f5799d66a3b24163aef90817332a7f4a"),
}

// check returns an error that says which answer of a kernel is wrong: it must find the nonces of mined headers, wherever its
// lanes have them, report just what the definition reports with an easy filter, and hash batches as crypto/sha256 does.
func (a answers) check() error {
	generic := answersOf(hash.Generic)
	for _, midstates := range searched {
		for i := range minedHeaders {
			if err := a.findAgain(&minedHeaders[i], midstates); err != nil {
				return err
			}
		}
		const first, n = 1<<32 - 700, 700 // to the end of the range, and no multiple of a vector
		mids, mask := variants(genesis, midstates), hash.FilterMask(4)
		want, err := generic.scan(mids, tailOf(&genesis), mask, first, n)
		if err != nil {
			return err
		}
		got, err := a.scan(mids, tailOf(&genesis), mask, first, n)
		if err != nil {
			return err
		}
		if len(got) != len(want) || !slices.Equal(inOrder(got), inOrder(want)) {
			return fmt.Errorf("with %d midstates it does not find the candidates that kernel generic finds", midstates)
		}
	}
	if err := checkBatch(a.headers, "header"); err != nil {
		return err
	}
	return checkBatch(a.pairs, "pair")
}

// findAgain searches around the nonce of a mined header, which is that of the last of so many midstates.
func (a answers) findAgain(h *[hash.HeaderSize]byte, midstates int) error {
	mids := variants(*h, midstates)
	slices.Reverse(mids)
	nonce := binary.LittleEndian.Uint32(h[76:])
	want := []hash.Candidate{{Nonce: nonce, Midstate: midstates - 1}}
	for before := range uint32(16) {
		got, err := a.scan(mids, tailOf(h), ^uint32(0), nonce-before, uint64(before)+16)
		if err != nil {
			return err
		}
		if !slices.Equal(got, want) {
			return fmt.Errorf("with %d midstates it does not find nonce %08x of a mined header", midstates, nonce)
		}
	}
	return nil
}

// checkBatch compares batches of all small sizes with crypto/sha256.
func checkBatch[M message](sum func(dst [][32]byte, src []M), what string) error {
	const most = 40
	src := newBatch[M](most)
	var want [most][32]byte
	oneByOne[M](baselines()[0].doubled)(want[:], src)
	for n := range most + 1 {
		var got [most][32]byte
		sum(got[:n], src[:n])
		for i := range n {
			if got[i] != want[i] {
				return fmt.Errorf("in a batch of %d it hashes %s %d wrong", n, what, i)
			}
		}
	}
	return nil
}

func inOrder(found []hash.Candidate) []hash.Candidate {
	return slices.SortedFunc(slices.Values(found), func(a, b hash.Candidate) int {
		return cmp.Or(cmp.Compare(a.Nonce, b.Nonce), cmp.Compare(a.Midstate, b.Midstate))
	})
}
