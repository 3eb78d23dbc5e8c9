package share

// touching is what a set needs to touch many keys.
type touching struct {
	hashes []uint64
	sorted []uint64 // by shard
	sum    uint64   // of what was read, so that it is
}

// touch reads what insert is going to read for keys of these hashes. What costs insert its time is to wait for memory, for one key
// after the other; here many wait at once.
func (s *seen) touch(t *touching) {
	all := s.shards.Load()
	if all == nil {
		return
	}
	var ends [shards + 1]int
	for _, h := range t.hashes {
		ends[h>>(64-shardBits)+1]++
	}
	for i := range shards {
		ends[i+1] += ends[i]
	}
	t.sorted = append(t.sorted[:0], t.hashes...)
	for _, h := range t.hashes {
		at := &ends[h>>(64-shardBits)]
		t.sorted[*at] = h
		*at++
	}
	start := 0
	for i := range all {
		if end := ends[i]; end > start {
			t.sum += all[i].touch(t.sorted[start:end])
			start = end
		}
	}
}

// touch is seen's, for hashes of one shard.
func (t *shard) touch(hashes []uint64) (sum uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.pages == nil {
		return 0
	}
	for _, h := range hashes {
		p, at := t.page(h), place(h)
		sum += uint64(p.n) + uint64(p.keys[at][0])
		for _, further := range [...]uint64{4, 8} { // a line holds four keys, and a search often ends some keys further
			sum += uint64(p.keys[min(at+further, pageKeys-1)][0])
		}
	}
	return sum
}
