package share

import (
	"encoding/binary"
	"math"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// keyOf returns the i-th of a sequence of keys that look random, as hashes do; no two are the same.
func keyOf(i uint64) (k key) {
	binary.LittleEndian.PutUint64(k[:], mix(i))
	binary.LittleEndian.PutUint64(k[8:], mix(^i))
	return k
}

// mix is the finalizer of splitmix64, a permutation.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// BenchmarkSeen: fresh fills a set from nothing, so that its growth is in its ns/share, and B/share is the most heap it ever had in
// use, garbage included; batched does the same as a Batch does, touching the places of many shares before it inserts them. The others work on a set of as many keys, the last one growing it. What they cost is one miss of all
// caches and little more, so memory, a chain of random reads of about as many bytes, is what to compare them with.
func BenchmarkSeen(b *testing.B) {
	const many = 10_000_000
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	fresh := func(fill func(s *seen, all *budget, from, to int)) func(*testing.B) {
		return func(b *testing.B) {
			peak := uint64(0)
			for b.Loop() {
				b.StopTimer()
				runtime.GC()
				before := heap()
				b.StartTimer()
				s, all := newSeen(), &budget{limit: math.MaxInt64}
				for i := 0; i < many; i += many / 100 {
					fill(s, all, i, i+many/100)
					b.StopTimer()
					peak = max(peak, heap()-before)
					b.StartTimer()
				}
				require.Equal(b, many, s.len())
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/many, "ns/share")
			b.ReportMetric(float64(peak)/many, "B/share")
		}
	}
	b.Run("fresh", fresh(func(s *seen, all *budget, from, to int) { fill(s, all, from, to) }))
	b.Run("batched", fresh(func(s *seen, all *budget, from, to int) {
		var t touching
		var keys [chunk]key
		for from < to {
			n := min(chunk, to-from)
			t.hashes = t.hashes[:0]
			for i := range n {
				keys[i] = keyOf(uint64(from + i))
				t.hashes = append(t.hashes, hashKey(&keys[i]))
			}
			s.touch(&t)
			for i := range n {
				if added, err := s.insertHashed(&keys[i], t.hashes[i], all); err != nil || !added {
					panic("a new share was not added")
				}
			}
			from += n
		}
	}))

	b.Run("memory", func(b *testing.B) {
		bytes := make([]byte, 256<<20)
		for i := range bytes {
			bytes[i] = byte(i >> 6)
		}
		at := uint64(0)
		for b.Loop() {
			at = mix(at + uint64(bytes[at%uint64(len(bytes))]))
		}
		runtime.KeepAlive(at)
	})

	s, all := newSeen(), &budget{limit: math.MaxInt64}
	fill(s, all, 0, many)
	b.Run("duplicates", func(b *testing.B) {
		for i := uint64(0); b.Loop(); i++ {
			k := keyOf(mix(i) % many)
			if added, _ := s.insert(&k, all); added {
				b.Fatal("a duplicate was added")
			}
		}
	})
	var workers atomic.Uint64
	b.Run("parallel", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for i := many + workers.Add(1)<<40; pb.Next(); i++ {
				k := keyOf(i)
				if added, _ := s.insert(&k, all); !added {
					b.Error("a new share was not added")
					return
				}
			}
		})
	})
}
