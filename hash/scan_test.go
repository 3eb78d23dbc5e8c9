package hash_test

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/hash"
)

const endOfNonces = 1 << 32

func newScanner(tb testing.TB, k hash.Kernel) *hash.Scanner {
	tb.Helper()
	s, err := hash.NewScanner(k)
	require.NoError(tb, err)
	require.Equal(tb, k.Resolve(), s.Kernel())
	require.Zero(tb, s.Slice(), "nothing to search yet")
	return s
}

// lastWord is the last word of the digest, by crypto/sha256, which is told to go on from the midstate.
func lastWord(tb testing.TB, mid *hash.Midstate, tail *hash.Tail, nonce uint32) uint32 {
	tb.Helper()
	state := []byte("sha\x03")
	for _, w := range mid {
		state = binary.BigEndian.AppendUint32(state, w)
	}
	state = append(state, make([]byte, 64)...)
	state = binary.BigEndian.AppendUint64(state, 64)
	d := sha256.New()
	require.NoError(tb, d.(encoding.BinaryUnmarshaler).UnmarshalBinary(state))
	d.Write(tail[:])
	d.Write(binary.LittleEndian.AppendUint32(nil, nonce))
	sum := sha256.Sum256(d.Sum(nil))
	return binary.BigEndian.Uint32(sum[28:])
}

// expected is what Scan must report for n nonces.
func expected(tb testing.TB, mids []hash.Midstate, tail *hash.Tail, mask, first uint32, n uint64) []hash.Candidate {
	tb.Helper()
	var out []hash.Candidate
	for i := range n {
		nonce := first + uint32(i)
		for j := range mids {
			if lastWord(tb, &mids[j], tail, nonce)&mask == 0 {
				out = append(out, hash.Candidate{Nonce: nonce, Midstate: j})
			}
		}
	}
	return out
}

func sorted(cs []hash.Candidate) []hash.Candidate {
	cs = slices.Clone(cs)
	slices.SortFunc(cs, func(a, b hash.Candidate) int {
		return cmp.Or(cmp.Compare(a.Nonce, b.Nonce), cmp.Compare(a.Midstate, b.Midstate))
	})
	return cs
}

func room(n int) []hash.Candidate { return make([]hash.Candidate, 0, n) }

var counts = []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}

func TestScanFindsMinedNonces(t *testing.T) {
	eachKernel(t, func(t *testing.T, k hash.Kernel) {
		s := newScanner(t, k)
		for _, m := range minedHeaders {
			t.Run(m.name, func(t *testing.T) {
				h := m.header(t)
				nonce := nonceOf(&h)
				s.Reset(midstates(&h, 1), (*hash.Tail)(h[64:76]))
				out, tried := s.Scan(room(8), ^uint32(0), nonce-100, 200)
				require.EqualValues(t, 200, tried)
				require.Equal(t, []hash.Candidate{{Nonce: nonce}}, out)
			})
		}
	})
}

// The winner is at each index among each number of midstates, first and last of a slice, first and last of short ranges.
func TestScanFindsTheWinnerAtEachIndex(t *testing.T) {
	winner := minedHeaders[8].header(t)
	nonce := nonceOf(&winner)
	tail := (*hash.Tail)(winner[64:76])
	eachKernel(t, func(t *testing.T, kernel hash.Kernel) {
		s := newScanner(t, kernel)
		for _, k := range counts {
			others := midstates(&winner, k)
			for i := range k {
				mids := slices.Clone(others)
				mids[0], mids[i] = mids[i], mids[0]
				s.Reset(mids, tail)
				for _, r := range []struct{ before, n uint64 }{
					{0, s.Slice()}, {s.Slice() - 1, s.Slice()}, {0, 1}, {1, 3}, {2, 3}, {16, 17},
				} {
					out, tried := s.Scan(room(2*k), ^uint32(0), nonce-uint32(r.before), r.n)
					require.Equal(t, r.n, tried)
					require.Equal(t, []hash.Candidate{{Nonce: nonce, Midstate: i}}, out, "%d midstates", k)
				}
				for _, first := range []uint32{nonce + 1, nonce - 33} { // the winner is just outside the range
					out, tried := s.Scan(room(2*k), ^uint32(0), first, 33)
					require.EqualValues(t, 33, tried)
					require.Empty(t, out)
				}
			}
		}
	})
}

// The winner is in each lane: each midstate's, at each place of the first vectors, whatever number of midstates they hold,
// and however many of these are computed side by side.
func TestScanFindsTheWinnerInEachLane(t *testing.T) {
	winner := genesis.header(t)
	nonce := nonceOf(&winner)
	eachKernel(t, func(t *testing.T, kernel hash.Kernel) {
		s := newScanner(t, kernel)
		for _, k := range []int{1, 2, 3, 4, 7, 8, 9, 16} {
			for i := range k {
				mids := midstates(&winner, k)
				mids[0], mids[i] = mids[i], mids[0]
				s.Reset(mids, (*hash.Tail)(winner[64:76]))
				for before := range uint32(64) {
					out, tried := s.Scan(room(2*k), ^uint32(0), nonce-before, uint64(before)+1)
					require.EqualValues(t, before+1, tried)
					require.Equal(t, []hash.Candidate{{Nonce: nonce, Midstate: i}}, out, "%d midstates, place %d", k, before)
				}
			}
		}
	})
}

// searched is what a search of these midstates has for each nonce from first on: the last words of the digests.
type searched struct {
	mids  []hash.Midstate
	tail  hash.Tail
	first uint32
	words [][]uint32 // by nonce, then by midstate
}

func newSearched(tb testing.TB, first uint32, n uint64) searched {
	h := minedHeaders[4].header(tb)
	s := searched{mids: midstates(&h, hash.MaxMidstates), tail: hash.Tail(h[64:76]), first: first}
	for i := range n {
		row := make([]uint32, len(s.mids))
		for j := range row {
			row[j] = lastWord(tb, &s.mids[j], &s.tail, first+uint32(i))
		}
		s.words = append(s.words, row)
	}
	return s
}

// candidates are those of the nonces from number from on, with the first k midstates.
func (s *searched) candidates(k int, mask uint32, from, n uint64) (out []hash.Candidate) {
	for i, row := range s.words[from:][:n] {
		for j, word := range row[:k] {
			if word&mask == 0 {
				out = append(out, hash.Candidate{Nonce: s.first + uint32(from) + uint32(i), Midstate: j})
			}
		}
	}
	return out
}

// Ranges of every length up to a few vectors find what is in them and nothing beyond, at the beginning of the nonces, in
// their middle, and at their end, which no range passes.
func TestScanRanges(t *testing.T) {
	const most = 70
	mask := hash.FilterMask(1)
	for _, first := range []uint32{0, 1<<31 - 20, endOfNonces - most} {
		all := newSearched(t, first, most)
		eachKernel(t, func(t *testing.T, kernel hash.Kernel) {
			s := newScanner(t, kernel)
			for _, k := range counts {
				s.Reset(all.mids[:k], &all.tail)
				for n := range uint64(most + 1) {
					out, tried := s.Scan(room((most+1)*k), mask, first, n)
					require.Equal(t, n, tried)
					require.Equal(t, all.candidates(k, mask, 0, n), sortedOrNil(out), "%d midstates, %d nonces", k, n)
				}
				if uint64(first)+most != endOfNonces {
					continue
				}
				for left := uint64(1); left <= most; left++ {
					from, want := most-left, min(left, s.Slice())
					out, tried := s.Scan(room((most+1)*k), mask, first+uint32(from), endOfNonces)
					require.Equal(t, want, tried, "%d left", left)
					require.Equal(t, all.candidates(k, mask, from, want), sortedOrNil(out), "%d midstates, %d left", k, left)
				}
			}
		})
	}
}

// Where so many headers pass that room runs out in the middle of a slice, the search stops where it says it does.
func TestScanRunsOutOfRoom(t *testing.T) {
	const n = 600
	all := newSearched(t, 1<<20, n)
	eachKernel(t, func(t *testing.T, kernel hash.Kernel) {
		s := newScanner(t, kernel)
		for _, k := range counts {
			s.Reset(all.mids[:k], &all.tail)
			for _, bits := range []int{1, 2, 5} {
				mask := hash.FilterMask(bits)
				for _, free := range []int{k, k + 1, 2*k + 3, 20 * k} {
					for done := uint64(0); done < n; {
						out, tried := s.Scan(room(free), mask, all.first+uint32(done), n-done)
						require.Positive(t, tried)
						require.Equal(t, all.candidates(k, mask, done, tried), sortedOrNil(out))
						done += tried
					}
				}
			}
		}
	})
}

func TestScanEqualMidstatesAgree(t *testing.T) {
	winner := genesis.header(t)
	nonce := nonceOf(&winner)
	eachKernel(t, func(t *testing.T, kernel hash.Kernel) {
		s := newScanner(t, kernel)
		for _, k := range counts {
			mids := slices.Repeat(midstates(&winner, 1), k)
			s.Reset(mids, (*hash.Tail)(winner[64:76]))
			out, tried := s.Scan(room(2*k), ^uint32(0), nonce-5, 10)
			require.EqualValues(t, 10, tried)
			require.Len(t, out, k)
			for i, c := range sorted(out) {
				require.Equal(t, hash.Candidate{Nonce: nonce, Midstate: i}, c)
			}
		}
	})
}

// Thirty-two masks of one bit each give away the whole word, so this compares the whole word, for any state and tail.
func TestScanAnyWords(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	weird := []uint32{0, 1, 1 << 31, ^uint32(0) - 1, ^uint32(0)}
	word := func() uint32 {
		if r.IntN(2) == 0 {
			return weird[r.IntN(len(weird))]
		}
		return r.Uint32()
	}
	eachKernel(t, func(t *testing.T, kernel hash.Kernel) {
		s := newScanner(t, kernel)
		for round := range 24 {
			mids := make([]hash.Midstate, 1+r.IntN(hash.MaxMidstates))
			var tail hash.Tail
			for i := range mids {
				for j := range mids[i] {
					mids[i][j] = word()
				}
			}
			for i := range 3 {
				binary.LittleEndian.PutUint32(tail[4*i:], word())
			}
			switch round { // the ends of the range of words
			case 0:
				clear(mids)
				clear(tail[:])
			case 1:
				tail = hash.Tail(bytes.Repeat([]byte{0xff}, len(tail)))
				for i := range mids {
					mids[i] = hash.Midstate(slices.Repeat([]uint32{^uint32(0)}, 8))
				}
			}
			first := min(word(), ^uint32(0)-19)
			n := uint64(1 + r.IntN(20))

			s.Reset(mids, &tail)
			for bit := range 32 {
				mask := uint32(1) << bit
				out, tried := s.Scan(room(21*len(mids)), mask, first, n)
				require.Equal(t, n, tried)
				require.Equal(t, expected(t, mids, &tail, mask, first, n), sortedOrNil(out), "mask %08x", mask)
			}
		}
	})
}

func sortedOrNil(cs []hash.Candidate) []hash.Candidate {
	if len(cs) == 0 {
		return nil
	}
	return sorted(cs)
}

func TestScanFilter(t *testing.T) {
	const n = 200
	h := minedHeaders[4].header(t)
	all := newSearched(t, nonceOf(&h)-150, n)
	eachKernel(t, func(t *testing.T, kernel hash.Kernel) {
		s := newScanner(t, kernel)
		for _, k := range []int{1, 3, 16} {
			s.Reset(all.mids[:k], &all.tail)
			for lz := range 33 {
				mask := hash.FilterMask(lz)
				out, tried := s.Scan(room(n*k), mask, all.first, n)
				require.EqualValues(t, n, tried)
				require.Equal(t, all.candidates(k, mask, 0, n), sortedOrNil(out), "%d bits", lz)
				require.Contains(t, out, hash.Candidate{Nonce: nonceOf(&h)}, "%d bits", lz)
			}
		}
	})
}

func TestScanCounts(t *testing.T) {
	h := genesis.header(t)
	eachKernel(t, func(t *testing.T, kernel hash.Kernel) {
		s := newScanner(t, kernel)
		for _, k := range counts {
			s.Reset(midstates(&h, k), (*hash.Tail)(h[64:76]))
			slice := s.Slice()
			require.Positive(t, slice)
			for _, n := range []uint64{0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, slice - 1, slice, slice + 1, 2 * slice, endOfNonces - 1, endOfNonces, ^uint64(0)} {
				want := min(n, slice)
				out, tried := s.Scan(room(int(slice+1)*k), 0, 1234567, n)
				require.Equal(t, want, tried, "n = %d", n)
				require.Equal(t, everything(k, 1234567, want), sortedOrNil(out))
			}
		}
	})
}

// everything is what passes mask 0.
func everything(k int, first uint32, n uint64) (out []hash.Candidate) {
	for i := range n {
		for j := range k {
			out = append(out, hash.Candidate{Nonce: first + uint32(i), Midstate: j})
		}
	}
	return out
}

func TestScanEndsAtTheLastNonce(t *testing.T) {
	h := genesis.header(t)
	eachKernel(t, func(t *testing.T, kernel hash.Kernel) {
		s := newScanner(t, kernel)
		for _, k := range counts {
			s.Reset(midstates(&h, k), (*hash.Tail)(h[64:76]))
			for _, left := range []uint64{1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, s.Slice() - 1, s.Slice(), s.Slice() + 1} {
				first := uint32(endOfNonces - left)
				for _, n := range []uint64{left - 1, left, left + 1, endOfNonces, ^uint64(0)} {
					want := min(n, left, s.Slice())
					out, tried := s.Scan(room(int(s.Slice()+1)*k), 0, first, n)
					require.Equal(t, want, tried, "n = %d, %d left", n, left)
					require.Equal(t, everything(k, first, want), sortedOrNil(out))
				}
			}
		}
	})
}

func TestScanStopsWhereCandidatesMightNotFit(t *testing.T) {
	h := genesis.header(t)
	eachKernel(t, func(t *testing.T, kernel hash.Kernel) {
		s := newScanner(t, kernel)
		for _, k := range counts {
			s.Reset(midstates(&h, k), (*hash.Tail)(h[64:76]))
			for _, free := range []int{0, 1, k - 1, k, k + 1, 2*k - 1, 2 * k, 2*k + 1, 5*k + k/2, 16 * k, 17 * k} {
				const n = 20
				held := []hash.Candidate{{Nonce: 1, Midstate: 2}, {Nonce: 3, Midstate: 4}}
				dst := append(make([]hash.Candidate, 0, len(held)+free), held...)
				beyond := dst[:cap(dst)]

				out, tried := s.Scan(dst, 0, 77, n)
				want := min(uint64(free/k), n)
				require.Equal(t, want, tried, "%d midstates, room for %d", k, free)
				require.Equal(t, held, out[:len(held)])
				require.Equal(t, everything(k, 77, want), sortedOrNil(out[len(held):]))
				require.Same(t, &beyond[0], &out[0], "dst must not move")
				require.Equal(t, make([]hash.Candidate, cap(dst)-len(out)), beyond[len(out):], "nothing is written after the last candidate")
			}
			out, tried := s.Scan(nil, ^uint32(0), 0, 1)
			require.Nil(t, out)
			require.Zero(t, tried)
		}
	})
}

// A search that is cut short again and again, and goes on from where it stopped, finds the same as one in one go.
func TestScanGoesOn(t *testing.T) {
	h := genesis.header(t)
	tail := (*hash.Tail)(h[64:76])
	eachKernel(t, func(t *testing.T, kernel hash.Kernel) {
		s := newScanner(t, kernel)
		for _, k := range []int{1, 3, 8, 16} {
			mids := midstates(&h, k)
			s.Reset(mids, tail)
			mask := hash.FilterMask(3)
			const first, n = 1<<31 - 7, 200
			want := expected(t, mids, tail, mask, first, n)
			for _, free := range []int{k, k + 1, 3*k + 1} {
				var all []hash.Candidate
				calls := 0
				for done := uint64(0); done < n; calls++ {
					out, tried := s.Scan(room(free), mask, first+uint32(done), n-done)
					require.Positive(t, tried)
					all = append(all, out...)
					done += tried
				}
				require.Equal(t, want, sortedOrNil(all), "room for %d", free)
				require.Greater(t, calls, 1)
			}
		}
	})
}

func TestScanBeforeReset(t *testing.T) {
	eachKernel(t, func(t *testing.T, kernel hash.Kernel) {
		s := newScanner(t, kernel)
		out, tried := s.Scan(room(16), 0, 0, 100)
		require.Empty(t, out)
		require.Zero(t, tried)
	})
}

func TestReset(t *testing.T) {
	a, b := minedHeaders[1].header(t), minedHeaders[9].header(t)
	eachKernel(t, func(t *testing.T, kernel hash.Kernel) {
		s := newScanner(t, kernel)
		for _, next := range []struct {
			h *[hash.HeaderSize]byte
			k int
		}{{&a, 16}, {&b, 1}, {&a, 2}, {&b, 16}, {&b, 3}} {
			mids, tail := midstates(next.h, next.k), hash.Tail(next.h[64:76])
			s.Reset(mids, &tail)
			clear(mids) // Reset has copied them
			clear(tail[:])
			out, tried := s.Scan(room(32), ^uint32(0), nonceOf(next.h)-9, 20)
			require.EqualValues(t, 20, tried)
			require.Equal(t, []hash.Candidate{{Nonce: nonceOf(next.h)}}, out)
		}
		for _, k := range []int{0, 17} {
			require.Panics(t, func() { s.Reset(make([]hash.Midstate, k), new(hash.Tail)) })
		}
	})
}

func TestScanDoesNotAllocate(t *testing.T) {
	h := genesis.header(t)
	eachKernel(t, func(t *testing.T, kernel hash.Kernel) {
		s := newScanner(t, kernel)
		for _, k := range []int{1, 16} {
			mids, tail, dst := midstates(&h, k), hash.Tail(h[64:76]), room(1000)
			require.Zero(t, testing.AllocsPerRun(20, func() { s.Reset(mids, &tail) }))
			for _, mask := range []uint32{0, ^uint32(0)} {
				require.Zero(t, testing.AllocsPerRun(20, func() { s.Scan(dst, mask, 5, 40) }))
			}
		}
	})
}

// FuzzScan compares a short search with crypto/sha256: of any state, tail, mask and range.
func FuzzScan(f *testing.F) {
	h := genesis.header(f)
	f.Add(uint8(1), h[:], uint32(0xffffffff), nonceOf(&h)-1, uint8(3), uint8(9))
	f.Add(uint8(16), h[:], uint32(0x000080ff), uint32(endOfNonces-2), uint8(9), uint8(255))
	f.Add(uint8(3), []byte{}, uint32(0), uint32(0), uint8(20), uint8(7))
	f.Add(uint8(3), []byte("1"), uint32(0x31), uint32(0), uint8(20), uint8(7)) // fewer hits than expected
	f.Fuzz(func(t *testing.T, k uint8, data []byte, mask, first uint32, n, free uint8) {
		k = 1 + k%hash.MaxMidstates
		n %= 70
		r := bytes.NewReader(append(slices.Clone(data), make([]byte, 1024)...))
		var tail hash.Tail
		mids := make([]hash.Midstate, k)
		require.NoError(t, binary.Read(r, binary.LittleEndian, &tail))
		require.NoError(t, binary.Read(r, binary.LittleEndian, mids))
		want := min(uint64(n), endOfNonces-uint64(first))
		for _, kernel := range hash.Kernels() {
			s := newScanner(t, kernel)
			s.Reset(mids, &tail)
			out, tried := s.Scan(room(int(free)), mask, first, uint64(n))
			require.LessOrEqual(t, tried, want)
			require.Equal(t, expected(t, mids, &tail, mask, first, tried), sortedOrNil(out), fmt.Sprint(kernel))
			if tried < want {
				require.Less(t, int(free)-len(out), int(k), "it stopped with room left")
			}
		}
	})
}
