package load

import (
	"context"
	"encoding/binary"
	"math"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/touchstone-btc/touchstone/hash"
	"github.com/touchstone-btc/touchstone/work"
)

// miner finds shares, for one goroutine.
type miner struct {
	scanner    *hash.Scanner
	candidates []hash.Candidate
	builders   map[*job]*work.HeaderBuilder
	extranonce []byte
	header     [hash.HeaderSize]byte
}

func newMiner() (*miner, error) {
	s, err := hash.NewScanner(hash.Auto)
	return &miner{scanner: s, candidates: make([]hash.Candidate, 0, 64), builders: map[*job]*work.HeaderBuilder{}}, err
}

// task is a header to search a nonce for.
type task struct {
	assignment
	en2            []byte
	version, ntime uint32
	nonce          uint32 // the first to try
	above          bool   // a hash above the target is wanted
}

// solution is what came of a task.
type solution struct {
	nonce uint32
	hash  chainhash.Hash
	tried uint64
}

// scanFrom is from how many leading zero bits on the scanner pays: below, headers are hashed one by one.
const scanFrom = 10

// expected is about how many hashes it takes to meet a target.
func expected(t work.Target) float64 { return math.Ldexp(1, t.LeadingZeros()) }

// mine searches t. It gives up after forty times the hashes that are to be expected, which good luck makes as good as never, or when
// ctx ends.
func (m *miner) mine(ctx context.Context, t *task) (s solution, ok bool) {
	b := m.builders[t.job]
	if b == nil {
		if len(m.builders) >= recentJobs {
			clear(m.builders)
		}
		b = t.job.NewBuilder()
		m.builders[t.job] = b
	}
	m.extranonce = append(append(m.extranonce[:0], t.en1...), t.en2...)
	if err := b.SetExtranonce(m.extranonce); err != nil {
		return s, false // of another size than the job's: nobody could mine that
	}
	zeros := t.target.LeadingZeros()
	limit := uint64(40 * expected(t.target))
	if t.above || zeros < scanFrom {
		limit = max(limit, 64)
		b.Header(&m.header, t.version, t.ntime, 0)
		for nonce := t.nonce; s.tried < limit; nonce++ {
			binary.LittleEndian.PutUint32(m.header[76:], nonce)
			s.tried++
			s.hash = hash.Sum256d(m.header[:])
			if t.target.MetBy(&s.hash) != t.above {
				s.nonce = nonce
				return s, true
			}
		}
		return s, false
	}
	b.Header(&m.header, t.version, t.ntime, 0)
	m.scanner.Reset([]hash.Midstate{hash.NewMidstate((*[64]byte)(m.header[:64]))}, (*hash.Tail)(m.header[64:76]))
	mask := hash.FilterMask(zeros)
	// What is left of the 32 bits of nonces; the next task has another extranonce2.
	limit = min(limit, 1<<32)
	for nonce := t.nonce; s.tried < limit && ctx.Err() == nil; {
		candidates, tried := m.scanner.Scan(m.candidates[:0], mask, nonce, min(limit-s.tried, 1<<32-uint64(nonce)))
		s.tried += tried
		nonce += uint32(tried)
		for _, c := range candidates {
			binary.LittleEndian.PutUint32(m.header[76:], c.Nonce)
			s.hash = hash.Sum256d(m.header[:])
			if t.target.MetBy(&s.hash) {
				s.nonce = c.Nonce
				return s, true
			}
		}
	}
	return s, false
}
