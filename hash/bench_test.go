package hash_test

import (
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"fmt"
	stdhash "hash"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/touchstone-btc/touchstone/hash"
)

// A hash in any rate here is one SHA-256d of one message.

func reportRate(b *testing.B, hashes int) {
	b.ReportMetric(float64(hashes)/b.Elapsed().Seconds(), "hashes/s")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(hashes), "ns/hash")
	b.ReportMetric(0, "ns/op")
}

// benchSearch is a search of k midstates with nothing to find.
func benchSearch(tb testing.TB, kernel hash.Kernel, k int) func(hashes int) int {
	h := genesis.header(tb)
	s, err := hash.NewScanner(kernel)
	if err != nil {
		tb.Fatal(err)
	}
	s.Reset(midstates(&h, k), (*hash.Tail)(h[64:76]))
	dst := make([]hash.Candidate, 0, 2*hash.MaxMidstates)
	first := uint32(0)
	return func(hashes int) (done int) {
		for done < hashes {
			_, tried := s.Scan(dst, ^uint32(0), first, s.Slice())
			first += uint32(tried)
			done += int(tried) * k
		}
		return done
	}
}

// stdlibSearch is the same with one midstate and crypto/sha256: the digest is restored to the saved midstate for every
// nonce, in place. (Clone is the other way; it allocates, and is slower.)
func stdlibSearch(tb testing.TB) func(hashes int) int {
	h := genesis.header(tb)
	var d stdhash.Hash = sha256.New()
	d.Write(h[:64])
	midstate, err := d.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		tb.Fatal(err)
	}
	restore := d.(encoding.BinaryUnmarshaler)
	tail := h[64:]
	var sum [32]byte
	nonce, found := uint32(0), 0
	return func(hashes int) (done int) {
		for range hashes {
			if err := restore.UnmarshalBinary(midstate); err != nil {
				tb.Fatal(err)
			}
			binary.LittleEndian.PutUint32(tail[12:], nonce)
			d.Write(tail)
			digest := sha256.Sum256(d.Sum(sum[:0]))
			if binary.BigEndian.Uint32(digest[28:]) == 0 {
				found++
			}
			nonce++
		}
		return hashes
	}
}

func BenchmarkScan(b *testing.B) {
	for _, kernel := range kernels(b) {
		for _, k := range []int{1, 2, 4, 8, 16} {
			b.Run(fmt.Sprintf("kernel=%v/midstates=%d", kernel, k), func(b *testing.B) {
				search := benchSearch(b, kernel, k)
				b.ReportAllocs()
				b.ResetTimer()
				reportRate(b, search(b.N))
			})
		}
	}
}

// BenchmarkScanCall times calls of Scan, each of a whole slice. So long, at most, old work is still hashed after a switch,
// and so long Go cannot preempt a kernel in assembly. It reports the median, and what 99 of 100 calls take at most.
func BenchmarkScanCall(b *testing.B) {
	h := genesis.header(b)
	for _, kernel := range kernels(b) {
		for _, k := range []int{1, 16} {
			b.Run(fmt.Sprintf("kernel=%v/midstates=%d", kernel, k), func(b *testing.B) {
				s, err := hash.NewScanner(kernel)
				if err != nil {
					b.Fatal(err)
				}
				s.Reset(midstates(&h, k), (*hash.Tail)(h[64:76]))
				dst := make([]hash.Candidate, 0, 2*hash.MaxMidstates)
				times := make([]time.Duration, b.N)
				first := uint32(0)
				for i := range times {
					start := time.Now()
					_, tried := s.Scan(dst, ^uint32(0), first, s.Slice())
					times[i] = time.Since(start)
					first += uint32(tried)
				}
				slices.Sort(times)
				b.ReportMetric(float64(times[(b.N-1)/2].Nanoseconds())/1e3, "p50-µs")
				b.ReportMetric(float64(times[(b.N-1)*99/100].Nanoseconds())/1e3, "p99-µs")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// BenchmarkMidstateStdlib is what BenchmarkScan is compared with. Run both with -tags purego, too: without the tag
// crypto/sha256 uses assembly.
func BenchmarkMidstateStdlib(b *testing.B) {
	search := stdlibSearch(b)
	b.ReportAllocs()
	b.ResetTimer()
	reportRate(b, search(b.N))
}

// BenchmarkScanRatio runs the two searches in turn, in short windows, and reports how many times as fast as crypto/sha256
// a kernel is: the quotient of the fastest window of each, which what else the machine does disturbs least. An op is a
// pair of windows.
func BenchmarkScanRatio(b *testing.B) {
	const window = 2048 // hashes; less than a millisecond
	for _, kernel := range kernels(b) {
		for _, k := range []int{1, 16} {
			b.Run(fmt.Sprintf("kernel=%v/midstates=%d", kernel, k), func(b *testing.B) {
				ours, theirs := benchSearch(b, kernel, k), stdlibSearch(b)
				perHash := func(search func(int) int) float64 {
					start := time.Now()
					done := search(window)
					return float64(time.Since(start)) / float64(done)
				}
				fastest, stdlib := math.Inf(1), math.Inf(1)
				for range b.N {
					fastest = min(fastest, perHash(ours))
					stdlib = min(stdlib, perHash(theirs))
				}
				b.ReportMetric(stdlib/fastest, "x_stdlib")
				b.ReportMetric(fastest, "ns/hash")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

const batch = 1024

func BenchmarkSumHeaders(b *testing.B) {
	src, dst := make([][hash.HeaderSize]byte, batch), make([][32]byte, batch)
	fill(src)
	for _, kernel := range kernels(b) {
		b.Run(fmt.Sprintf("kernel=%v", kernel), func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				hash.SumHeaders(kernel, dst, src)
			}
			reportRate(b, b.N*batch)
		})
	}
	b.Run("stdlib", func(b *testing.B) { sumStdlib(b, dst, func(i int) []byte { return src[i][:] }) })
}

func BenchmarkSumPairs(b *testing.B) {
	src, dst := make([][hash.PairSize]byte, batch), make([][32]byte, batch)
	fill(src)
	for _, kernel := range kernels(b) {
		b.Run(fmt.Sprintf("kernel=%v", kernel), func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				hash.SumPairs(kernel, dst, src)
			}
			reportRate(b, b.N*batch)
		})
	}
	b.Run("stdlib", func(b *testing.B) { sumStdlib(b, dst, func(i int) []byte { return src[i][:] }) })
}

// BenchmarkSumFew hashes pairs in small batches, as Auto and as each kernel, beside crypto/sha256. Each batch waits for the
// one before it, as the steps of a merkle branch do.
func BenchmarkSumFew(b *testing.B) {
	for _, n := range []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 16, 17, 32} {
		src, dst := make([][hash.PairSize]byte, n), make([][32]byte, n)
		fill(src)
		for _, kernel := range append([]hash.Kernel{hash.Auto}, kernels(b)...) {
			b.Run(fmt.Sprintf("messages=%d/kernel=%v", n, kernel), func(b *testing.B) {
				b.ReportAllocs()
				for range b.N {
					hash.SumPairs(kernel, dst, src)
					for i := range dst {
						copy(src[i][:], dst[i][:])
					}
				}
				reportRate(b, b.N*n)
			})
		}
		b.Run(fmt.Sprintf("messages=%d/stdlib", n), func(b *testing.B) {
			for range b.N {
				for i := range src {
					first := sha256.Sum256(src[i][:])
					second := sha256.Sum256(first[:])
					copy(src[i][:], second[:])
				}
			}
			reportRate(b, b.N*n)
		})
	}
}

// BenchmarkSumOne hashes one message after the other, each waiting for the one before it: a header, a pair, and a coinbase of
// 250 bytes of which the first block is shared. Beside SumHeaders and so on with Auto: Sum256d, and crypto/sha256, which
// restores the digest saved after that block.
func BenchmarkSumOne(b *testing.B) {
	var header [1][hash.HeaderSize]byte
	var pair [1][hash.PairSize]byte
	var sum [1][32]byte
	var coinbase [250]byte
	prefix, suffix := hash.NewPrefix(coinbase[:64]), coinbase[64:]
	prefixed := sha256.New()
	prefixed.Write(coinbase[:64])
	saved, err := prefixed.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		b.Fatal(err)
	}
	restore := prefixed.(encoding.BinaryUnmarshaler)
	stdlib := func(message []byte) [32]byte {
		first := sha256.Sum256(message)
		return sha256.Sum256(first[:])
	}
	var digest [32]byte
	for _, way := range []struct {
		name    string
		message []byte
		sum     func()
	}{
		{"header/auto", header[0][:], func() { hash.SumHeaders(hash.Auto, sum[:], header[:]) }},
		{"header/Sum256d", header[0][:], func() { sum[0] = hash.Sum256d(header[0][:]) }},
		{"header/stdlib", header[0][:], func() { sum[0] = stdlib(header[0][:]) }},
		{"pair/auto", pair[0][:], func() { hash.SumPairs(hash.Auto, sum[:], pair[:]) }},
		{"pair/Sum256d", pair[0][:], func() { sum[0] = hash.Sum256d(pair[0][:]) }},
		{"pair/stdlib", pair[0][:], func() { sum[0] = stdlib(pair[0][:]) }},
		{"coinbase/auto", suffix, func() { hash.SumSuffixes(hash.Auto, sum[:], prefix, suffix, len(suffix)) }},
		{"coinbase/Sum256d", suffix, func() { sum[0] = hash.Sum256d(coinbase[:]) }},
		{"coinbase/stdlib", suffix, func() {
			if err := restore.UnmarshalBinary(saved); err != nil {
				b.Fatal(err)
			}
			prefixed.Write(suffix)
			sum[0] = sha256.Sum256(prefixed.Sum(digest[:0]))
		}},
	} {
		b.Run(way.name, func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				way.sum()
				copy(way.message, sum[0][:])
			}
			reportRate(b, b.N)
		})
	}
}

// BenchmarkSumSuffixes hashes the coinbases of a job: 250 bytes, of which the first block is shared.
func BenchmarkSumSuffixes(b *testing.B) {
	const size = 250 - 64
	dst, src := make([][32]byte, batch), make([]byte, batch*size)
	prefix := hash.NewPrefix(make([]byte, 64))
	for _, kernel := range kernels(b) {
		b.Run(fmt.Sprintf("kernel=%v", kernel), func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				hash.SumSuffixes(kernel, dst, prefix, src, size)
			}
			reportRate(b, b.N*batch)
		})
	}
	message := make([]byte, 250)
	b.Run("stdlib", func(b *testing.B) { sumStdlib(b, dst, func(int) []byte { return message }) })
}

func sumStdlib(b *testing.B, dst [][32]byte, message func(int) []byte) {
	b.ReportAllocs()
	for range b.N {
		for i := range dst {
			first := sha256.Sum256(message(i))
			dst[i] = sha256.Sum256(first[:])
		}
	}
	reportRate(b, b.N*len(dst))
}

func BenchmarkSum256d(b *testing.B) {
	for _, n := range []int{32, 64, 80, 250, 1000} {
		b.Run(fmt.Sprintf("bytes=%d", n), func(b *testing.B) {
			message := make([]byte, n)
			b.ReportAllocs()
			for range b.N {
				hash.Sum256d(message)
			}
			reportRate(b, b.N)
		})
	}
}

func BenchmarkReset(b *testing.B) {
	h := genesis.header(b)
	for _, k := range []int{1, 16} {
		b.Run(fmt.Sprintf("midstates=%d", k), func(b *testing.B) {
			s, err := hash.NewScanner(hash.Auto)
			if err != nil {
				b.Fatal(err)
			}
			mids := midstates(&h, k)
			b.ReportAllocs()
			for range b.N {
				s.Reset(mids, (*hash.Tail)(h[64:76]))
			}
		})
	}
}

func BenchmarkNewMidstate(b *testing.B) {
	h := genesis.header(b)
	b.ReportAllocs()
	for range b.N {
		hash.NewMidstate((*[64]byte)(h[:]))
	}
}
