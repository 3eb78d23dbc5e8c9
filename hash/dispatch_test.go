//go:build !purego && (amd64 || arm64) && unix

package hash

import (
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Kernels agree, so no result shows which of them ran. These tests let each touch memory that nobody may touch, and ask the
// traceback which function did: what a kernel's name promises, not generic code or another kernel in its place.

// forbidden returns n Ts that cannot be read or written, until the test ends.
func forbidden[T any](t *testing.T, n int) []T {
	t.Helper()
	size := n * int(unsafe.Sizeof(*new(T)))
	memory, err := unix.Mmap(-1, 0, size, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, unix.Munmap(memory)) })
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(memory))), n)
}

// toucher calls f, which touches forbidden memory, and returns the name of the function that did, without its package.
func toucher(t *testing.T, f func()) (name string) {
	t.Helper()
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		err, ok := recover().(runtime.Error)
		require.True(t, ok, "nothing was touched")
		require.ErrorContains(t, err, "invalid memory address")
		var stack [32]uintptr
		frames := runtime.CallersFrames(stack[:runtime.Callers(1, stack[:])])
		for more, faulted := true, false; more && name == ""; {
			var frame runtime.Frame
			frame, more = frames.Next()
			if faulted {
				name = frame.Function[strings.LastIndex(frame.Function, ".")+1:]
			}
			faulted = frame.Function == "runtime.sigpanic"
		}
	}()
	f()
	return ""
}

// inAssembly runs test for each kernel in assembly that this machine has.
func inAssembly(t *testing.T, test func(t *testing.T, k Kernel)) {
	for k := Generic + 1; k < kernelCount; k++ {
		t.Run(k.String(), func(t *testing.T) {
			if !machine().runs(k) {
				t.Skipf("kernel %v does not run on this machine", k)
			}
			test(t, k)
		})
	}
}

// The hits of a search are written by its kernel.
func TestKernelThatScans(t *testing.T) {
	inAssembly(t, func(t *testing.T, k Kernel) {
		hits := forbidden[hitWords](t, 1)
		for midstates := 1; midstates <= MaxMidstates; midstates++ {
			s := newScanner(k)
			s.Reset(make([]Midstate, midstates), new(Tail))
			name := toucher(t, func() { s.scanVectors(&hits[0], ^uint32(0), 0, vectorsPerSlice) })
			require.Equal(t, "scan"+k.String(), strings.ToLower(name), "%d midstates", midstates)
		}
	})
}

// A search goes on as it was when the generic search that it was made from is gone.
func TestScanWithoutGeneric(t *testing.T) {
	inAssembly(t, func(t *testing.T, k Kernel) {
		s := newScanner(k)
		spoilt := func(mids []Midstate, tail *Tail) {
			s.Reset(mids, tail)
			s.generic = generic{}
		}
		require.NoError(t, testSearch(spoilt, s.Scan, testShifts))
	})
	s := newScanner(Generic)
	require.Error(t, testSearch(func(mids []Midstate, tail *Tail) {
		s.Reset(mids, tail)
		s.generic = generic{}
	}, s.Scan, nil), "the generic kernel does need it")
}

// Room for more candidates than there are nonces is as good as room for all.
func TestScanWithRoomForAll(t *testing.T) {
	inAssembly(t, func(t *testing.T, k Kernel) {
		s := newScanner(k)
		s.Reset(make([]Midstate, 1), new(Tail))
		dst := forbidden[Candidate](t, 1<<32)[:0]
		out, tried := s.Scan(dst, ^uint32(0), 0, 20)
		require.Empty(t, out)
		require.EqualValues(t, 20, tried)
	})
}

// The messages of a batch are read by its kernel.
func TestKernelThatSums(t *testing.T) {
	inAssembly(t, func(t *testing.T, k Kernel) {
		const n = 64 // full groups of lanes, however many these are
		dst := make([][32]byte, n)
		headers := forbidden[[HeaderSize]byte](t, n)
		name := toucher(t, func() { SumHeaders(k, dst, headers) })
		require.Equal(t, "sumheaders"+k.String(), strings.ToLower(name))
		pairs := forbidden[[PairSize]byte](t, n)
		name = toucher(t, func() { SumPairs(k, dst, pairs) })
		require.Equal(t, "sumpairs"+k.String(), strings.ToLower(name))

		want := "blocks"              // a subroutine of sumSuffixes
		if k == SHANI || k == ARM64 { // with a state for each stream
			want = "compress"
		}
		const size = 128 // whole blocks, of which Go copies no rest
		suffixes := forbidden[byte](t, n*size)
		name = toucher(t, func() { SumSuffixes(k, dst, Prefix{}, suffixes, size) })
		require.Equal(t, want+k.String(), strings.ToLower(name))
	})
}

// A message alone is read by the kernel that was named, too: as a suffix, because of a header or a pair Go makes a group.
func TestKernelThatSumsOne(t *testing.T) {
	inAssembly(t, func(t *testing.T, k Kernel) {
		want := "blocks" + k.String()
		switch k {
		case SHANI:
			want = "sumsuffixshani"
		case ARM64:
			want = "compressarm64"
		case AVX512x2: // which leaves half a group to one stream
			want = "blocksavx512"
		}
		const size = 128
		suffix := forbidden[byte](t, size)
		name := toucher(t, func() { SumSuffixes(k, make([][32]byte, 1), Prefix{}, suffix, size) })
		require.Equal(t, want, strings.ToLower(name))
		if k == SHANI { // which makes no group of one
			headers, pairs := forbidden[[HeaderSize]byte](t, 1), forbidden[[PairSize]byte](t, 1)
			require.Equal(t, "sumHeaderSHANI", toucher(t, func() { SumHeaders(k, make([][32]byte, 1), headers) }))
			require.Equal(t, "sumPairSHANI", toucher(t, func() { SumPairs(k, make([][32]byte, 1), pairs) }))
		}
	})
}

// Auto takes the kernel of its choice: for one message, for as many as are few, and for more.
func TestKernelThatAutoTakes(t *testing.T) {
	c := Auto.mustChoose()
	if c.many == Generic {
		t.Skip("there is no other kernel on this machine")
	}
	require.Equal(t, choose(Auto.Resolve(), machine(), outcome), c)
	full := forbidden[[PairSize]byte](t, 64)
	name := toucher(t, func() { SumPairs(Auto, make([][32]byte, 64), full) })
	require.Equal(t, "sumpairs"+c.many.String(), strings.ToLower(name))
	if c.few == SHANI {
		name = toucher(t, func() { SumPairs(Auto, make([][32]byte, 1), full[:1]) })
		require.Equal(t, "sumPairSHANI", name)
		name = toucher(t, func() { SumPairs(Auto, make([][32]byte, shaniFew), full[:shaniFew]) })
		require.Equal(t, "sumPairsSHANI", name)
		name = toucher(t, func() { SumHeaders(Auto, make([][32]byte, 1), forbidden[[HeaderSize]byte](t, 1)) })
		require.Equal(t, "sumHeaderSHANI", name)
		name = toucher(t, func() { SumSuffixes(Auto, make([][32]byte, 1), Prefix{}, forbidden[byte](t, 128), 128) })
		require.Equal(t, "sumSuffixSHANI", name)
	}
}
