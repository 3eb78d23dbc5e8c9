package hash_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/hash"
)

var batchSizes = []int{0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 100}

func TestSumHeaders(t *testing.T) {
	testBatch(t, hash.SumHeaders, func(m *[hash.HeaderSize]byte) []byte { return m[:] })
}

func TestSumPairs(t *testing.T) {
	testBatch(t, hash.SumPairs, func(m *[hash.PairSize]byte) []byte { return m[:] })
}

func testBatch[T [hash.HeaderSize]byte | [hash.PairSize]byte](t *testing.T, sum func(hash.Kernel, [][32]byte, []T), message func(*T) []byte) {
	eachKernel(t, func(t *testing.T, k hash.Kernel) {
		for _, n := range batchSizes {
			src := make([]T, n)
			fill(src)
			for i := range src { // weird ones, in every lane of a group of sixteen
				for j := range message(&src[i]) {
					switch {
					case i%16 == n%16:
						message(&src[i])[j] = 0
					case i%16 == (n+1)%16:
						message(&src[i])[j] = 0xff
					}
				}
			}
			dst := make([][32]byte, n+1) // one longer than needed
			sentinel := [32]byte{1, 2, 3}
			dst[n] = sentinel
			sum(k, dst, src)
			for i := range src {
				require.Equal(t, sum256d(message(&src[i])), dst[i], "message %d of %d", i, n)
			}
			require.Equal(t, sentinel, dst[n], "a longer dst keeps its rest")
			if n > 0 {
				require.Panics(t, func() { sum(k, dst[:n-1], src) }, "dst is shorter, though it could grow")
			}
			require.Zero(t, testing.AllocsPerRun(5, func() { sum(k, dst, src) }))
		}
		src, same := make([]T, 33), make([][32]byte, 33)
		sum(k, same, src)
		for i := range same {
			require.Equal(t, same[0], same[i], "equal messages agree")
		}
	})
}

// Each kernel, and Auto, which may be several, hashes any number of messages, without allocating.
func TestSumsOfAnyNumber(t *testing.T) {
	r := rand.New(rand.NewPCG(17, 18))
	const most = 70 // two groups of the widest kernel and some of each other
	headers, pairs, dst := make([][hash.HeaderSize]byte, most), make([][hash.PairSize]byte, most), make([][32]byte, most)
	fill(headers)
	fill(pairs)
	before := make([]byte, 64)
	randomize(r, before)
	prefix := hash.NewPrefix(before)
	for _, k := range append([]hash.Kernel{hash.Auto}, hash.Kernels()...) {
		t.Run(k.String(), func(t *testing.T) {
			for n := range most + 1 {
				clear(dst)
				hash.SumHeaders(k, dst, headers[:n])
				for i := range n {
					require.Equal(t, sum256d(headers[i][:]), dst[i], "header %d of %d", i, n)
				}
				hash.SumPairs(k, dst, pairs[:n])
				for i := range n {
					require.Equal(t, sum256d(pairs[i][:]), dst[i], "pair %d of %d", i, n)
				}
				require.Equal(t, make([][32]byte, most-n), dst[n:], "the rest is as it was")
				for _, size := range []int{0, 1, 55, 56, 64, 119, 120, 186} {
					src := make([]byte, n*size)
					randomize(r, src)
					checkSuffixes(t, k, before, src, n, size)
					require.Zero(t, testing.AllocsPerRun(1, func() { hash.SumSuffixes(k, dst[:n], prefix, src, size) }))
				}
				require.Zero(t, testing.AllocsPerRun(1, func() {
					hash.SumHeaders(k, dst, headers[:n])
					hash.SumPairs(k, dst, pairs[:n])
				}))
			}
		})
	}
}

func TestSumHeadersMined(t *testing.T) {
	eachKernel(t, func(t *testing.T, k hash.Kernel) {
		var src [][hash.HeaderSize]byte
		for _, m := range minedHeaders {
			src = append(src, m.header(t))
		}
		dst := make([][32]byte, len(src))
		hash.SumHeaders(k, dst, src)
		for i := range dst {
			require.Equal(t, sum256d(src[i][:]), dst[i])
			require.Equal(t, make([]byte, 4), dst[i][28:], "a mined header's digest ends in zeros")
		}
	})
}

// suffixSizes are those around a multiple of a block and around the last at which the padding fits into the block.
func suffixSizes() (sizes []int) {
	for size := range 201 {
		if r := size % 64; size < 3 || r < 2 || r > 53 && r < 58 || r == 63 || size == 200 {
			sizes = append(sizes, size)
		}
	}
	return append(sizes, 1000, 5000, 1<<14, 1<<14+1) // the last is one more than is hashed in lanes
}

func TestSumSuffixes(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	eachKernel(t, func(t *testing.T, k hash.Kernel) {
		for i, size := range suffixSizes() {
			for _, n := range batchSizes {
				if n > 33 && size > 200 || n > 3 && size > 5000 {
					continue
				}
				before := make([]byte, i%4*64)
				randomize(r, before)
				src := make([]byte, n*size)
				randomize(r, src)
				checkSuffixes(t, k, before, src, n, size)
			}
		}
	})
}

// checkSuffixes compares one batch with crypto/sha256.
func checkSuffixes(t *testing.T, k hash.Kernel, before, src []byte, n, size int) {
	t.Helper()
	kept := slices.Clone(src)
	dst := make([][32]byte, n+1)
	sentinel := [32]byte{1, 2, 3}
	dst[n] = sentinel
	hash.SumSuffixes(k, dst[:n], hash.NewPrefix(before), src, size)
	for i := range n {
		message := append(slices.Clone(before), src[i*size:][:size]...)
		if want := sum256d(message); want != dst[i] {
			require.Equal(t, want, dst[i], "%d+%d bytes, message %d of %d", len(before), size, i, n)
		}
	}
	require.Equal(t, sentinel, dst[n])
	require.True(t, bytes.Equal(kept, src), "src is as it was")
}

func TestSumSuffixesDoesNotAllocate(t *testing.T) {
	eachKernel(t, func(t *testing.T, k hash.Kernel) {
		prefix := hash.NewPrefix(make([]byte, 128))
		for _, size := range []int{0, 55, 200} {
			for _, n := range []int{1, 33} {
				dst, src := make([][32]byte, n), make([]byte, n*size)
				require.Zero(t, testing.AllocsPerRun(5, func() { hash.SumSuffixes(k, dst, prefix, src, size) }))
			}
		}
	})
}

func TestSumSuffixesOfWrongSize(t *testing.T) {
	eachKernel(t, func(t *testing.T, k hash.Kernel) {
		for _, wrong := range []struct{ n, bytes, size int }{{2, 19, 10}, {2, 21, 10}, {0, 1, 0}, {0, 1, 1}, {1, 1, 0}, {1, 0, -1}} {
			require.Panics(t, func() {
				hash.SumSuffixes(k, make([][32]byte, wrong.n), hash.Prefix{}, make([]byte, wrong.bytes), wrong.size)
			}, "%+v", wrong)
		}
	})
}

func TestPrefix(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 16))
	require.Equal(t, hash.Prefix{}, hash.NewPrefix(nil), "the zero value is the empty prefix")
	for _, n := range []int{0, 1, 63, 64, 65, 127, 128, 1000} {
		b := make([]byte, n)
		randomize(r, b)
		kept := slices.Clone(b)
		prefix := hash.NewPrefix(b)
		require.Equal(t, kept, b)
		require.Equal(t, n-n%64, prefix.Size())
		require.Equal(t, prefix, hash.NewPrefix(b[:prefix.Size()]), "the rest is not part of it")
		require.Zero(t, testing.AllocsPerRun(5, func() { hash.NewPrefix(b) }))

		var dst [1][32]byte
		rest := b[prefix.Size():]
		hash.SumSuffixes(hash.Generic, dst[:], prefix, rest, len(rest))
		require.Equal(t, sum256d(b), dst[0])
	}
}

// Goroutines begin with small stacks, which move when they grow, and here the messages and digests are on them.
func TestBatchesConcurrently(t *testing.T) {
	eachKernel(t, func(t *testing.T, k hash.Kernel) {
		var group sync.WaitGroup
		for i := range 64 {
			group.Go(func() {
				var headers [33][hash.HeaderSize]byte
				var pairs [33][hash.PairSize]byte
				var suffixes [33 * 100]byte
				for j := range headers {
					headers[j][j], pairs[j][j], suffixes[100*j] = byte(i), byte(i), byte(i)
				}
				var dst [3][33][32]byte
				hash.SumHeaders(k, dst[0][:], headers[:])
				hash.SumPairs(k, dst[1][:], pairs[:])
				hash.SumSuffixes(k, dst[2][:], hash.Prefix{}, suffixes[:], 100)
				for j := range headers {
					if dst[0][j] != sum256d(headers[j][:]) || dst[1][j] != sum256d(pairs[j][:]) || dst[2][j] != sum256d(suffixes[100*j:][:100]) {
						t.Errorf("message %d of goroutine %d is wrong", j, i)
					}
				}
			})
		}
		group.Wait()
	})
}

// Every kernel compares with crypto/sha256: batches of any number of messages, of any bytes.
func FuzzBatches(f *testing.F) {
	f.Add([]byte{}, uint8(0), uint8(0), uint8(1))
	f.Add([]byte("coinbase"), uint8(2), uint8(119), uint8(17))
	f.Add(bytes.Repeat([]byte{0xff}, 300), uint8(1), uint8(120), uint8(33))
	f.Fuzz(func(t *testing.T, data []byte, blocks, size, n uint8) {
		blocks, n = blocks%4, n%40
		// Data is all there is to read, again and again.
		data = append(slices.Clone(data), 0)
		take := func(b []byte) {
			for i := range b {
				b[i] = data[0]
				data = append(data[1:], data[0]+1)
			}
		}
		before, src := make([]byte, 64*int(blocks)), make([]byte, int(n)*int(size))
		take(before)
		take(src)
		headers, pairs := make([][hash.HeaderSize]byte, n), make([][hash.PairSize]byte, n)
		for i := range headers {
			take(headers[i][:])
			take(pairs[i][:])
		}
		dst := make([][32]byte, n)
		for _, k := range hash.Kernels() {
			checkSuffixes(t, k, before, src, int(n), int(size))
			hash.SumHeaders(k, dst, headers)
			for i := range dst {
				require.Equal(t, sum256d(headers[i][:]), dst[i], "kernel %v, header %d of %d", k, i, n)
			}
			hash.SumPairs(k, dst, pairs)
			for i := range dst {
				require.Equal(t, sum256d(pairs[i][:]), dst[i], "kernel %v, pair %d of %d", k, i, n)
			}
		}
	})
}
