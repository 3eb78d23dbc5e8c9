package bench

import (
	"math/rand/v2"

	"github.com/touchstone-btc/touchstone/hash"
)

// batchSize is how many messages a batch has: enough for any kernel's lanes many times over, and few enough that messages
// and digests stay in the first-level cache.
const batchSize = 256

// message is what a batch is of.
type message interface {
	[hash.HeaderSize]byte | [hash.PairSize]byte
}

// newBatch returns messages of random bytes, the same each time.
func newBatch[M message](n int) []M {
	r := rand.NewChaCha8([32]byte{1})
	batch := make([]M, n)
	for i := range batch {
		r.Read(bytesOf(&batch[i]))
	}
	return batch
}

// bytesOf returns the bytes of m, not a copy.
func bytesOf[M message](m *M) []byte {
	switch m := any(m).(type) {
	case *[hash.HeaderSize]byte:
		return m[:]
	case *[hash.PairSize]byte:
		return m[:]
	}
	panic("bench: no such message")
}

// batches returns a workload of whole batches, hashed with sum.
func batches[M message](sum func(dst [][32]byte, src []M)) workload {
	src, dst := newBatch[M](batchSize), make([][32]byte, batchSize)
	return func(atLeast int) (done int) {
		for ; done < atLeast; done += len(src) {
			sum(dst, src)
		}
		return done
	}
}

// oneByOne hashes a batch with a function of one message.
func oneByOne[M message](doubled func([]byte) [32]byte) func(dst [][32]byte, src []M) {
	return func(dst [][32]byte, src []M) {
		for i := range src {
			dst[i] = doubled(bytesOf(&src[i]))
		}
	}
}
