package hash_test

import (
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
				require.Panics(t, func() { sum(k, make([][32]byte, n-1), src) })
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
