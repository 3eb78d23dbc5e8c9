package mine

import (
	"errors"
	"fmt"
	"math"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/touchstone-btc/touchstone/work"
)

// Work is what to search: a job, and the part of its headers to try.
//
// The zero value of each range means all of it. A Work is not changed by this
// package and must not be changed after it was given to [Miner.SetWork]; the
// same Work may be given to several miners whose ranges differ.
type Work struct {
	// Job gives the header's fixed parts, its version mask and its ntime
	// limits.
	Job *work.Job

	// Extranonce1 is this searcher's own part of the extranonce, of exactly
	// Job.Extranonce1Size bytes. Two searchers of one job that differ here
	// never try the same header.
	Extranonce1 []byte

	// Target is what counts as found; the zero Target means the job's own,
	// the network's. A share target is above it.
	Target work.Target

	// FirstExtranonce2 and Extranonce2s are the first value of extranonce2
	// and how many to try; 0 means all that follow the first. The value is
	// written big-endian into the last 8 bytes of extranonce2.
	FirstExtranonce2, Extranonce2s uint64

	// FirstNonce and Nonces are the first nonce and how many to try; 0 means
	// all that the job allows. The job's own bounds hold in any case.
	FirstNonce uint32
	Nonces     uint64
}

// Found is a header that meets its Work's target.
type Found struct {
	Work     *Work
	Solution work.Solution  // not to be changed: Stats may hold it too
	Hash     chainhash.Hash // of the header, internal byte order
	Network  bool           // meets the job's own target too: a block
}

// space returns the ranges of w, or an error that names what is wrong with it.
func (w *Work) space() (space, error) {
	if w.Job == nil {
		return space{}, errors.New("mine: work without a job: give nil to search nothing")
	}
	if len(w.Extranonce1) != w.Job.Extranonce1Size {
		return space{}, fmt.Errorf("mine: extranonce1 of %d bytes for a job that takes %d",
			len(w.Extranonce1), w.Job.Extranonce1Size)
	}

	size := w.Job.Extranonce2Size
	if size < 0 {
		return space{}, fmt.Errorf("mine: job with extranonce2 of %d bytes: want 0 or more", size)
	}
	last := uint64(math.MaxUint64)
	if size < 8 {
		last = 1<<(8*size) - 1
	}
	if w.FirstExtranonce2 > last || w.Extranonce2s > 0 && w.Extranonce2s-1 > last-w.FirstExtranonce2 {
		return space{}, fmt.Errorf("mine: %d extranonce2 values from %d do not fit %d bytes",
			w.Extranonce2s, w.FirstExtranonce2, size)
	}
	if w.Extranonce2s > 0 {
		last = w.FirstExtranonce2 + (w.Extranonce2s - 1)
	}

	firstNonce := max(w.FirstNonce, w.Job.NonceFirst)
	lastNonce := uint64(w.Job.NonceLast)
	if lastNonce == 0 {
		lastNonce = math.MaxUint32
	}
	if w.Nonces > 0 {
		if w.Nonces > 1<<32-uint64(w.FirstNonce) {
			return space{}, fmt.Errorf("mine: %d nonces from %d pass 2^32", w.Nonces, w.FirstNonce)
		}
		lastNonce = min(lastNonce, uint64(w.FirstNonce)+w.Nonces-1)
	}
	if uint64(firstNonce) > lastNonce {
		return space{}, fmt.Errorf("mine: no nonce from %d is within the job's, %d to %d",
			w.FirstNonce, w.Job.NonceFirst, lastNonce)
	}
	return newSpace(w.FirstExtranonce2, last, w.Job.VersionMask, firstNonce, lastNonce-uint64(firstNonce)+1), nil
}

// target returns what counts as found.
func (w *Work) target() work.Target {
	if w.Target == (work.Target{}) {
		return w.Job.Target
	}
	return w.Target
}
