package share

import "sync/atomic"

// budget bounds what all sessions of a validator take together. Safe for concurrent use.
type budget struct {
	limit int64
	used  atomic.Int64
}

// take reports whether there is room for n more, and takes it. It compares and swaps, rather than add and think better of it, so
// that nobody is refused for the sake of one who is just being refused.
func (b *budget) take(n int64) bool {
	for {
		used := b.used.Load()
		if n > b.limit-used {
			return false
		}
		if b.used.CompareAndSwap(used, used+n) {
			return true
		}
	}
}

// give returns n.
func (b *budget) give(n int64) { b.used.Add(-n) }
