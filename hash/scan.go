package hash

import (
	"encoding/binary"
	"fmt"
)

// MaxMidstates is the largest number of midstates that share one search.
const MaxMidstates = 16

// Tail is bytes 64 to 75 of a header: all of the second block but the nonce and the padding.
type Tail [12]byte

// Candidate is a header whose digest passed the filter: a nonce, and the index of the midstate among those given to
// [Scanner.Reset].
type Candidate struct {
	Nonce    uint32
	Midstate int
}

// Scanner searches nonces for up to sixteen midstates that share one tail. It is not safe for concurrent use; each
// goroutine takes its own.
type Scanner struct {
	kernel Kernel
	mids   [MaxMidstates]Midstate
	n      int
	tail   Tail
}

// NewScanner returns a Scanner that uses k, with nothing to search yet. It fails if this machine cannot run k.
func NewScanner(k Kernel) (*Scanner, error) {
	r := k.Resolve()
	if !r.usable() {
		return nil, fmt.Errorf("kernel %v does not run on this machine: use one of %v", k, Kernels())
	}
	return &Scanner{kernel: r}, nil
}

// Kernel returns the kernel in use, never [Auto].
func (s *Scanner) Kernel() Kernel { return s.kernel }

// Slice returns the largest number of nonces that one call of [Scanner.Scan] tries.
func (s *Scanner) Slice() uint64 { return 256 }

// Reset sets what is searched. It copies its arguments and panics unless there are 1 to [MaxMidstates] midstates.
func (s *Scanner) Reset(mids []Midstate, tail *Tail) {
	if len(mids) < 1 || len(mids) > MaxMidstates {
		panic(fmt.Sprintf("hash: Reset with %d midstates: want 1 to %d", len(mids), MaxMidstates))
	}
	s.n = copy(s.mids[:], mids)
	s.tail = *tail
}

// Scan tries the n nonces from first on and appends to dst, up to its capacity, those that pass the filter mask.
func (s *Scanner) Scan(dst []Candidate, mask uint32, first uint32, n uint64) (out []Candidate, tried uint64) {
	n = min(n, 1<<32-uint64(first), s.Slice())
	if s.n == 0 {
		return dst, 0
	}
	for ; tried < n && cap(dst)-len(dst) >= s.n; tried++ {
		nonce := first + uint32(tried)
		var block [64]byte
		copy(block[:], s.tail[:])
		binary.LittleEndian.PutUint32(block[12:], nonce)
		block[16], block[62], block[63] = 0x80, 2, 0x80
		for i := range s.n {
			d := [8]uint32(s.mids[i])
			compress(&d, &block)
			if lastWord(&d)&mask == 0 {
				dst = append(dst, Candidate{nonce, i})
			}
		}
	}
	return dst, tried
}

func lastWord(first *[8]uint32) uint32 {
	var block [64]byte
	for i, w := range first {
		binary.BigEndian.PutUint32(block[4*i:], w)
	}
	block[32], block[62] = 0x80, 1
	d := [8]uint32{iv0, iv1, iv2, iv3, iv4, iv5, iv6, iv7}
	compress(&d, &block)
	return d[7]
}
