package share

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// size returns the bytes that the set has allocated, garbage apart.
func (s *seen) size() (bytes int) {
	bytes = int(unsafe.Sizeof(*s))
	if all := s.shards.Load(); all != nil {
		bytes += int(unsafe.Sizeof(*all))
	}
	s.lockEach(func(t *shard) {
		bytes += cap(t.list)*int(unsafe.Sizeof(key{})) + cap(t.pages)*int(unsafe.Sizeof(&page{}))
		for i, p := range t.pages {
			if i>>p.depth == 0 {
				bytes += int(unsafe.Sizeof(*p))
			}
		}
	})
	return bytes
}

// check holds the structure against its own rules, and returns the keys.
func (s *seen) check(t *testing.T) map[key]bool {
	found := map[key]bool{}
	s.lockEach(func(sh *shard) {
		n := uint32(0)
		sh.each(func(k *key) {
			if found[*k] {
				t.Errorf("%x stands twice", *k)
			}
			found[*k] = true
			n++
		})
		require.Equal(t, sh.n, n)
		for i, p := range sh.pages {
			require.Same(t, sh.pages[i&(1<<p.depth-1)], p)
			require.LessOrEqual(t, p.n, uint32(fullKeys))
		}
		require.True(t, sh.list == nil || sh.pages == nil)
	})
	require.Len(t, found, s.len())
	return found
}

// keysOf are kinds of keys that are all different: those that hashes are, and those that a bad hash would place together.
var keysOf = map[string]func(i uint64) key{
	"random":     keyOf,
	"sequential": func(i uint64) (k key) { binary.LittleEndian.PutUint64(k[:], i); return k },
	"backwards":  func(i uint64) (k key) { binary.BigEndian.PutUint64(k[8:], i); return k },
	"low bits":   func(i uint64) (k key) { binary.LittleEndian.PutUint64(k[:], i<<32); return k },
	"high half":  func(i uint64) (k key) { binary.LittleEndian.PutUint64(k[8:], i); return k },
	"all ones": func(i uint64) (k key) {
		binary.LittleEndian.PutUint64(k[:], ^uint64(0))
		binary.LittleEndian.PutUint64(k[8:], ^i)
		return k
	},
}

func TestSeen(t *testing.T) {
	for name, keyOf := range keysOf {
		t.Run(name, func(t *testing.T) {
			const n = 80_000 // enough for every shard to have split a page
			s, b := newSeen(), &budget{limit: n}
			model := map[key]bool{}
			random := rand.New(rand.NewPCG(1, 2))
			for len(model) < n {
				// Old and new keys in turn, so that each size of the set is asked for both.
				k := keyOf(uint64(len(model)))
				if random.IntN(2) == 0 {
					k = keyOf(random.Uint64N(uint64(len(model) + 1)))
				}
				added, err := s.insert(&k, b)
				if err != nil || added == model[k] {
					t.Fatalf("key %x, the set having %d: added %v, error %v", k, len(model), added, err)
				}
				model[k] = true
			}
			require.Equal(t, n, s.len())
			require.Equal(t, int64(n), b.used.Load())
			require.Equal(t, model, s.check(t))

			k := keyOf(n)
			added, err := s.insert(&k, b)
			require.ErrorIs(t, err, ErrFull)
			require.False(t, added)
			require.Equal(t, n, s.len(), "a refused key is not kept")
			k = keyOf(0)
			added, err = s.insert(&k, b)
			require.NoError(t, err, "a duplicate is told though there is no room")
			require.False(t, added)
		})
	}
}

// TestSeenZero adds the key of zeros, which in a page means an empty place, at each stage of growth.
func TestSeenZero(t *testing.T) {
	for _, before := range []int{0, 1, listKeys - 1, listKeys, spreadAt - 1, spreadAt, 30_000} {
		for _, after := range []int{0, 40_000} {
			s, b := newSeen(), &budget{limit: math.MaxInt64}
			fill(s, b, 1, 1+before)
			for i := range 2 {
				added, err := s.insert(new(key), b)
				require.NoError(t, err)
				require.Equal(t, i == 0, added)
			}
			fill(s, b, 1+before, 1+before+after)
			added, err := s.insert(new(key), b)
			require.NoError(t, err)
			require.False(t, added)
			require.Equal(t, before+after+1, s.len())
			require.Equal(t, int64(before+after+1), b.used.Load())
			require.True(t, s.check(t)[key{}])
		}
	}
}

// fill inserts the keys from to to-1 of keyOf.
func fill(s *seen, b *budget, from, to int) {
	for i := from; i < to; i++ {
		k := keyOf(uint64(i))
		if added, err := s.insert(&k, b); !added || err != nil {
			panic(fmt.Sprint("key ", i, " was not added: ", err))
		}
	}
}

// TestSeenSize asserts what the set costs, at every size where it grows in steps.
func TestSeenSize(t *testing.T) {
	require.Equal(t, uintptr(16<<10), unsafe.Sizeof(page{}))
	if strconv.IntSize == 64 {
		require.Equal(t, uintptr(64), unsafe.Sizeof(shard{}))
	}
	require.LessOrEqual(t, newSeen().size(), 80)

	s, b := newSeen(), &budget{limit: math.MaxInt64}
	most, at := 0.0, 0
	for n := 0; n < 500_000; {
		next := n + 1 + n/100
		fill(s, b, n, next)
		n = next
		// What a set costs before it holds anything is not a matter of shares.
		if each := float64(s.size()-newSeen().size()) / float64(n); each > most {
			most, at = each, n
		}
	}
	t.Logf("at most %.1f bytes a share, having %d; %.1f in the end", most, at, float64(s.size())/float64(s.len()))
	require.LessOrEqual(t, most, 48.0, "having %d", at)
}

func TestSeenAllocations(t *testing.T) {
	s, b := newSeen(), &budget{limit: math.MaxInt64}
	fill(s, b, 0, 100_000)
	i := uint64(0)
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		k := keyOf(i % 100_000)
		i++
		if added, err := s.insert(&k, b); added || err != nil {
			t.Error("not a duplicate")
		}
	}))
}

// TestSeenConcurrent has goroutines insert the same keys in different orders: each must be added by exactly one, and the budget
// must hold exactly as many as there is room for.
func TestSeenConcurrent(t *testing.T) {
	const workers, n = 8, 30_000
	for _, limit := range []int64{0, 1, 100, spreadAt, n - 1, n, n + 1} {
		s, b := newSeen(), &budget{limit: limit}
		owners := make([]atomic.Int32, n)
		var wg sync.WaitGroup
		for w := range workers {
			wg.Go(func() {
				order := rand.New(rand.NewPCG(uint64(limit), uint64(w))).Perm(n)
				for _, i := range order {
					k := keyOf(uint64(i))
					added, err := s.insert(&k, b)
					if added {
						owners[i].Add(1)
					}
					if added && err != nil || err != nil && err != ErrFull {
						t.Errorf("added %v, error %v", added, err)
					}
				}
			})
		}
		wg.Wait()
		added := 0
		for i := range owners {
			require.LessOrEqual(t, owners[i].Load(), int32(1), "key %d", i)
			added += int(owners[i].Load())
		}
		require.EqualValues(t, min(limit, n), added)
		require.Equal(t, added, s.len())
		require.EqualValues(t, added, b.used.Load())
		s.check(t)
	}
}

func TestSeenDrop(t *testing.T) {
	for _, n := range []int{0, 1, listKeys, spreadAt - 1, spreadAt, 30_000} {
		kept, s, b := newSeen(), newSeen(), &budget{limit: int64(n) + 1}
		fill(kept, b, 0, 1)
		fill(s, b, 0, n)
		s.drop(b)
		s.drop(b)
		require.EqualValues(t, 1, b.used.Load(), "given back once")
		require.Zero(t, s.len())
		require.Less(t, s.size(), 5000)
		k := keyOf(0)
		for range 2 {
			added, err := s.insert(&k, b)
			require.NoError(t, err)
			require.True(t, added)
		}
		require.Zero(t, s.len())
		require.EqualValues(t, 1, b.used.Load())
		added, err := kept.insert(&k, b)
		require.NoError(t, err)
		require.False(t, added, "another set keeps its own")
	}
}

// TestSeenDropConcurrent drops sets while others insert: in the end no place is taken.
func TestSeenDropConcurrent(t *testing.T) {
	const workers, n = 4, 3000
	b := &budget{limit: workers * n}
	for range 20 {
		s := newSeen()
		var wg sync.WaitGroup
		var begun atomic.Int64
		for w := range workers {
			wg.Go(func() {
				for i := range n {
					k := keyOf(uint64(w*n + i))
					if added, err := s.insert(&k, b); !added || err != nil {
						t.Errorf("added %v, error %v", added, err)
					}
					begun.Add(1)
				}
			})
		}
		for begun.Load() < n/2 {
			s.len()
		}
		s.drop(b)
		wg.Wait()
		require.Zero(t, b.used.Load())
		require.Zero(t, s.len())
	}
}

// FuzzSeen reads operations and compares with a map: inserts of single keys and of runs, which let the set grow, and drops.
func FuzzSeen(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 1, 1, 0, 0, 0, 2, 200, 0, 1}, uint16(100))
	f.Add([]byte{2, 255, 0, 1, 0, 2, 255, 0, 1, 3, 0, 0, 0}, uint16(10000))
	f.Fuzz(func(t *testing.T, ops []byte, limit uint16) {
		s, b := newSeen(), &budget{limit: int64(limit)}
		model, dropped := map[key]bool{}, false
		insert := func(k key) {
			added, err := s.insert(&k, b)
			fits := dropped || len(model) < int(limit)
			if want := !model[k] && fits; added != want {
				t.Fatalf("key %x: added %v, want %v", k, added, want)
			}
			if full := !model[k] && !fits; full != (err == ErrFull) || full != (err != nil) {
				t.Fatalf("key %x: error %v; is it full? %v", k, err, full)
			}
			if err != nil {
				return
			}
			if !dropped {
				model[k] = true
			}
		}
		for ; len(ops) >= 4; ops = ops[4:] {
			at := uint64(ops[2])<<8 | uint64(ops[3])
			switch ops[0] % 16 {
			case 15:
				s.drop(b)
				model, dropped = map[key]bool{}, true
			case 2, 3:
				for i := range 16 * uint64(ops[1]) {
					insert(keyOf(at + i))
				}
			case 4:
				insert(key{})
			default:
				var k key
				copy(k[ops[0]%14:], ops[1:4])
				insert(k)
			}
			require.Equal(t, len(model), s.len())
			require.EqualValues(t, len(model), b.used.Load())
		}
		require.Equal(t, model, s.check(t))
	})
}

// TestSeenTouch touches sets of every size. It changes nothing; that each place it reads is one shows in that it does not panic.
func TestSeenTouch(t *testing.T) {
	for _, n := range []int{0, listKeys, spreadAt, 70_000} {
		s, b := newSeen(), &budget{limit: math.MaxInt64}
		fill(s, b, 0, n)
		var touching touching
		for i := range uint64(5000) {
			k := keyOf(i)
			touching.hashes = append(touching.hashes, hashKey(&k))
		}
		s.touch(&touching)
		require.Equal(t, n, s.len())
		if n > spreadAt {
			require.ElementsMatch(t, touching.hashes, touching.sorted)
			require.NotZero(t, touching.sum)
		}
		s.drop(b)
		s.touch(&touching)
	}
}
