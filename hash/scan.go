package hash

import "fmt"

// MaxMidstates is the largest number of midstates that share one search.
const MaxMidstates = 16

// HeaderSize is the size of a block header in bytes.
const HeaderSize = 80

// Tail is bytes 64 to 75 of a header: what its second block holds before the nonce.
type Tail [12]byte

// Candidate is a header whose digest passed the filter.
type Candidate struct {
	Nonce    uint32 // as a number; the header holds it little-endian
	Midstate int    // index among the midstates given to Reset
}

// Scanner searches nonces for up to [MaxMidstates] midstates that share one tail. Make one with [NewScanner]. It is not
// safe for concurrent use: every goroutine takes its own.
type Scanner struct {
	kernel    Kernel
	midstates int // 0: nothing to search yet
	generic   generic
	assembly  assembly
}

// NewScanner returns a Scanner that uses kernel k, with nothing to search until [Scanner.Reset]. It fails if this machine
// cannot run k, and, with a [*Refusal], if k fails [SelfTest].
func NewScanner(k Kernel) (*Scanner, error) {
	resolved, err := k.check()
	if err != nil {
		return nil, err
	}
	return newScanner(resolved), nil
}

// newScanner is NewScanner for a kernel, not Auto, that may not have passed its self-test.
func newScanner(k Kernel) *Scanner {
	return &Scanner{kernel: k, assembly: newAssembly(k)}
}

// Kernel returns the kernel in use, never [Auto].
func (s *Scanner) Kernel() Kernel { return s.kernel }

// Slice returns the largest number of nonces that one call of [Scanner.Scan] tries with what was set by [Scanner.Reset]: a
// constant of the kernel and the number of midstates, 0 before Reset. It bounds the time of a call: to some hundred
// microseconds with assembly, to a few milliseconds with [Generic].
func (s *Scanner) Slice() uint64 {
	switch {
	case s.midstates == 0:
		return 0
	case s.kernel == Generic:
		return sliceGeneric
	}
	return s.sliceAssembly()
}

// Reset sets what is searched from now on and does the part of the work that no nonce changes. It copies its arguments
// and does not allocate. It panics unless there are 1 to [MaxMidstates] midstates.
func (s *Scanner) Reset(mids []Midstate, tail *Tail) {
	if len(mids) < 1 || len(mids) > MaxMidstates {
		panic(fmt.Sprintf("hash: Reset with %d midstates: give 1 to %d", len(mids), MaxMidstates))
	}
	s.midstates = len(mids)
	s.generic.reset(mids, tail)
	s.resetAssembly()
}

// Scan tries the nonces first, first+1, … with every midstate, n nonces at most, and appends the candidates to dst: those
// whose last 32 bits of the digest, and mask (see [FilterMask]), are 0. It misses none, and reports none outside the
// range. Candidates come in no particular order; with mask 0 every nonce is one.
//
// tried is how many nonces, from first on, were tried completely: the hashes done are tried times the midstates given to
// Reset, and the next call starts at first+tried. It is n, unless a bound comes first: the range ends at nonce 2^32-1 and
// does not wrap; one call tries at most [Scanner.Slice] nonces; and dst is appended to only up to its capacity, so Scan
// stops before a nonce whose candidates might not fit, that is, one for which dst has less room than there are midstates.
// Before the first Reset tried is 0. Scan does not allocate.
func (s *Scanner) Scan(dst []Candidate, mask uint32, first uint32, n uint64) (out []Candidate, tried uint64) {
	if s.midstates == 0 {
		return dst, 0
	}
	n = min(n, 1<<32-uint64(first), s.Slice())
	if s.kernel == Generic {
		return scanGeneric(&s.generic, s.midstates, dst, mask, first, n)
	}
	return s.scanAssembly(dst, mask, first, n)
}
