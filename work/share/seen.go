package share

import (
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"
)

// seen is the set of the shares remembered for one tip, by 16 bytes each: of a header's hash in internal order, where the zeros
// of its proof of work are at the other end, or of a hash of text. It forgets nothing, or everything at once. Safe for
// concurrent use.
//
// It is made of pages, found by extendible hashing (Fagin, Nievergelt, Pippenger, Strong 1979): a directory of 2^depth entries
// is indexed by bits of a key's hash, and a page that is full is split in two by the next bit. So growth copies half a page at
// a time, never the whole, and leaves no garbage but small lists and directories. The hash is seeded, so that no miner can aim at a page:
// the next bits of its keys are like coins, and a directory grows beyond its pages by little. Of 10 million keys each costs 27
// bytes, of no number more than 48.
//
// What costs time is memory that no cache holds. Pages of 16 KiB keep the directories of 10 million keys in 128 KiB, so that a
// key is one miss away: an insert into so large a set takes 1.3 to 1.5 times as long as a dependent random read of 256 MiB in
// the same run, against 1.6 to 2.0 times with pages of 4 KiB. Pages of 1 KiB, searched from end to end or by open addressing,
// and pages made of lines of four keys, without a header, were no faster than those of 4 KiB.
type seen struct {
	first  shard                         // all keys, while shards is nil; its mutex guards the change
	shards atomic.Pointer[[shards]shard] // by the hash's highest bits; a small set has none
}

type (
	key = [16]byte

	// shard is a table with a lock of its own. It fills a cache line, so that neighbours don't slow each other.
	shard struct {
		mu      sync.Mutex
		n       uint32 // keys
		dropped bool
		zero    bool    // the key of zeros is remembered; in a page zeros are an empty place
		list    []key   // the first keys, in no order, while there are no pages
		pages   []*page // by the hash's lowest bits; a page of less depth than others stands more than once
	}

	// page is a table with open addressing. It holds no pointers: the collector need not read it.
	page struct {
		n     uint32 // keys
		depth uint32 // so many of the hash's lowest bits are the same for all keys
		_     uint64
		keys  [pageKeys]key
	}
)

const (
	shardBits = 6
	shards    = 1 << shardBits
	pageKeys  = 1023 // 16 KiB with what stands before them, a size that the allocator has
	fullKeys  = 960
	listKeys  = 352 // a page for fewer would cost more than 48 bytes a key
	spreadAt  = 512
)

// seed is as good for all sets: no one outside learns a hash made with it.
var seed = maphash.MakeSeed()

// newSeen returns an empty set.
func newSeen() *seen { return new(seen) }

// hashKey returns where a key belongs.
func hashKey(k *key) uint64 { return maphash.Bytes(seed, k[:]) }

// insert adds key, which it does not keep. added is false if it was there. ErrFull means that key is new and the budget is used
// up: then nothing is added. A dropped set takes everything for new, and keeps nothing.
func (s *seen) insert(key *[16]byte, b *budget) (added bool, err error) {
	return s.insertHashed(key, hashKey(key), b)
}

// insertHashed is insert for a key of which hashKey said h.
func (s *seen) insertHashed(key *[16]byte, h uint64, b *budget) (added bool, err error) {
	all := s.shards.Load()
	if all == nil {
		if all, added, err = s.insertFirst(key, h, b); all == nil {
			return added, err
		}
	}
	t := &all[h>>(64-shardBits)]
	t.mu.Lock()
	added, err = t.insert(key, h, b)
	t.mu.Unlock()
	return added, err
}

// insertFirst is insert for sets that have no shards. If others made them meanwhile, it does nothing and returns them.
func (s *seen) insertFirst(key *[16]byte, h uint64, b *budget) (all *[shards]shard, added bool, err error) {
	s.first.mu.Lock()
	defer s.first.mu.Unlock()
	if all = s.shards.Load(); all != nil {
		return all, false, nil
	}
	added, err = s.first.insert(key, h, b)
	if s.first.n >= spreadAt {
		to := new([shards]shard)
		s.first.each(func(k *[16]byte) {
			h := hashKey(k)
			to[h>>(64-shardBits)].put(k, h)
		})
		s.first.clear()
		s.shards.Store(to)
	}
	return nil, added, err
}

// drop forgets all keys and gives their places back. What is inserted later succeeds, is not kept and takes no place: a batch
// that was begun before may still hold the set.
func (s *seen) drop(b *budget) {
	s.lockEach(func(t *shard) {
		b.give(int64(t.n))
		t.clear()
		t.dropped = true
	})
}

// len returns how many keys are remembered.
func (s *seen) len() (n int) {
	s.lockEach(func(t *shard) { n += int(t.n) })
	return n
}

// lockEach calls f with each shard, locked.
func (s *seen) lockEach(f func(*shard)) {
	s.first.mu.Lock()
	defer s.first.mu.Unlock()
	f(&s.first)
	if all := s.shards.Load(); all != nil {
		for i := range all {
			t := &all[i]
			t.mu.Lock()
			f(t)
			t.mu.Unlock()
		}
	}
}

// clear forgets all keys.
func (t *shard) clear() { t.n, t.zero, t.list, t.pages = 0, false, nil, nil }

// each calls f with each key.
func (t *shard) each(f func(k *key)) {
	if t.zero {
		f(new(key))
	}
	for i := range t.list {
		f(&t.list[i])
	}
	for i, p := range t.pages {
		if i>>p.depth == 0 { // the first place where it stands
			p.each(f)
		}
	}
}

// each calls f with each key.
func (p *page) each(f func(k *key)) {
	for i := range p.keys {
		if p.keys[i] != (key{}) {
			f(&p.keys[i])
		}
	}
}

// insert is seen's, for a key of hash h.
func (t *shard) insert(k *key, h uint64, b *budget) (bool, error) {
	if t.dropped {
		return true, nil
	}
	if t.has(k, h) {
		return false, nil
	}
	if !b.take(1) {
		return false, ErrFull
	}
	t.put(k, h)
	return true, nil
}

// has reports whether k is remembered.
func (t *shard) has(k *key, h uint64) bool {
	switch {
	case *k == key{}:
		return t.zero
	case t.pages == nil:
		return slices.Contains(t.list, *k)
	}
	return *t.page(h).find(k, h) == *k
}

// page returns the page of hash h.
func (t *shard) page(h uint64) *page { return t.pages[h&uint64(len(t.pages)-1)] }

// put adds a key that is not there.
func (t *shard) put(k *key, h uint64) {
	t.n++
	if *k == (key{}) {
		t.zero = true
		return
	}
	if t.pages == nil && len(t.list) < listKeys {
		t.list = append(t.list, *k)
		return
	}
	if t.pages == nil {
		p := new(page)
		for i := range t.list {
			p.put(&t.list[i], hashKey(&t.list[i]))
		}
		t.list, t.pages = nil, []*page{p}
	}
	for t.page(h).n == fullKeys {
		t.split(h)
	}
	t.page(h).put(k, h)
}

// split moves half of the keys of hash h's page to a page of their own: those whose next bit is 1. That they all stay, or all
// go, is as likely as 960 coins falling alike.
func (t *shard) split(h uint64) {
	p := t.page(h)
	old, bit := *p, uint64(1)<<p.depth
	if bit == uint64(len(t.pages)) {
		t.pages = slices.Concat(t.pages, t.pages)
	}
	q := &page{depth: old.depth + 1}
	*p = *q
	old.each(func(k *key) {
		if h := hashKey(k); h&bit == 0 {
			p.put(k, h)
		} else {
			q.put(k, h)
		}
	})
	for i := h&(bit-1) | bit; i < uint64(len(t.pages)); i += 2 * bit {
		t.pages[i] = q
	}
}

// put adds a key that is not there, to a page that is not full.
func (p *page) put(k *key, h uint64) {
	*p.find(k, h) = *k
	p.n++
}

// find returns the place where k is or belongs. A page always has empty places.
func (p *page) find(k *key, h uint64) *key {
	i := place(h)
	for p.keys[i] != *k && p.keys[i] != (key{}) {
		if i++; i == pageKeys {
			i = 0
		}
	}
	return &p.keys[i]
}

// place returns where in its page a key of hash h belongs. Bits that choose neither page nor shard choose it: 24 are enough for all
// places to be as likely.
func place(h uint64) uint64 { return h >> 32 & (1<<24 - 1) * pageKeys >> 24 }
