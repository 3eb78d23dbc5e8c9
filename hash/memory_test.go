//go:build !purego && (amd64 || arm64) && unix

package hash

import (
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// What assembly reads and writes beside its arguments shows in no result. In these tests all memory that it is given lies
// between pages that nobody may touch, so that the test ends where it goes too far. Memory cannot be next to both of them:
// it is next to the one after it, and then, again, to the one before it.

// eachFence runs test with a function that returns zeroed memory of so many bytes, next to a forbidden page. Where the
// memory ends at that page it begins at what its size leaves: the sizes of what must be aligned are multiples of that.
func eachFence(t *testing.T, test func(t *testing.T, memory func(size int) unsafe.Pointer)) {
	t.Helper()
	for _, after := range []bool{true, false} {
		t.Run(fmt.Sprintf("after=%t", after), func(t *testing.T) {
			test(t, func(size int) unsafe.Pointer {
				page := os.Getpagesize()
				inside := (size + page - 1) / page * page
				b, err := unix.Mmap(-1, 0, inside+2*page, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON)
				require.NoError(t, err)
				t.Cleanup(func() { require.NoError(t, unix.Munmap(b)) })
				require.NoError(t, unix.Mprotect(b[page:page+inside], unix.PROT_READ|unix.PROT_WRITE))
				if after {
					return unsafe.Pointer(&b[page+inside-size])
				}
				return unsafe.Pointer(&b[page])
			})
		})
	}
}

// fenced returns n Ts in such memory.
func fenced[T any](memory func(size int) unsafe.Pointer, n int) []T {
	return unsafe.Slice((*T)(memory(n*int(unsafe.Sizeof(*new(T))))), n)
}

// A search touches its own struct and the hits, no other memory, and writes each word of hits that it was asked for.
func TestScanStaysInItsMemory(t *testing.T) {
	inAssembly(t, func(t *testing.T, k Kernel) {
		eachFence(t, func(t *testing.T, memory func(int) unsafe.Pointer) {
			free, s := newScanner(k), newScanner(k)
			own := 0
			for i := range reflect.TypeFor[assembly]().NumField() { // the struct of this kernel moves
				field := reflect.ValueOf(&s.assembly).Elem().Field(i)
				if field.Kind() == reflect.Pointer && !field.IsNil() {
					of := field.Type().Elem()
					reflect.NewAt(field.Type(), field.Addr().UnsafePointer()).Elem().Set(reflect.NewAt(of, memory(int(of.Size()))))
					own++
				}
			}
			require.Equal(t, 1, own)
			hits := &fenced[hitWords](memory, 1)[0]

			for midstates := 1; midstates <= MaxMidstates; midstates++ {
				mids := make([]Midstate, midstates)
				for i := range mids {
					mids[i][0] = uint32(i)
				}
				s.Reset(mids, new(Tail))
				free.Reset(mids, new(Tail))
				for _, vectors := range []int{1, 63, 64, 65, vectorsPerSlice - 1, vectorsPerSlice} {
					for i := range hits {
						hits[i] = 0x5aa5
					}
					var want hitWords
					free.scanVectors(&want, 1<<31, ^uint32(0)-100, vectors)
					s.scanVectors(hits, 1<<31, ^uint32(0)-100, vectors)
					require.Equal(t, want[:vectors], hits[:vectors], "%d midstates, %d vectors", midstates, vectors)
				}
			}
		})
	})
}

// Batches touch messages and digests, and none beside these, however many there are.
func TestBatchesStayInTheirMemory(t *testing.T) {
	r := rand.New(rand.NewPCG(31, 32))
	inAssembly(t, func(t *testing.T, k Kernel) {
		eachFence(t, func(t *testing.T, memory func(int) unsafe.Pointer) {
			for _, n := range []int{1, 3, 4, 5, 8, 16, 17, 31, 32, 33, 64} {
				dst, want := fenced[[32]byte](memory, n), make([][32]byte, n)
				headers, pairs := fenced[[HeaderSize]byte](memory, n), fenced[[PairSize]byte](memory, n)
				for i := range n {
					for j := range headers[i] {
						headers[i][j] = byte(r.Uint32())
					}
					copy(pairs[i][:], headers[i][:])
				}
				sumHeadersGeneric(want, headers)
				sumHeaders(choice{many: k}, dst, headers)
				require.Equal(t, want, dst, "%d headers", n)
				sumPairsGeneric(want, pairs)
				sumPairs(choice{many: k}, dst, pairs)
				require.Equal(t, want, dst, "%d pairs", n)
				for _, size := range []int{1, 55, 63, 64, 65, 128, 200} {
					suffixes := fenced[byte](memory, n*size)
					for i := range suffixes {
						suffixes[i] = byte(r.Uint32())
					}
					sumSuffixesGeneric(want, Prefix{}, suffixes, size)
					sumSuffixes(choice{many: k}, dst, &Prefix{}, suffixes, size)
					require.Equal(t, want, dst, "%d suffixes of %d bytes", n, size)
				}
			}
		})
	})
}
