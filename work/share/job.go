package share

import (
	"fmt"
	"sync/atomic"

	"github.com/touchstone-btc/touchstone/hash"
	"github.com/touchstone-btc/touchstone/work"
)

// maxBranch is the most hashes of a merkle branch: a block can't have 2^32 transactions.
const maxBranch = 32

// Job is a job made ready for judging: what all its shares have in common is hashed once. Nothing in it changes, so it is
// safe to share among sessions and validators. Make one for all sessions that get the job.
type Job struct {
	work *work.Job
	// The coinbase of each share is prefix, tail, extranonce1, extranonce2 and the job's suffix.
	prefix hash.Prefix
	tail   []byte
	serial uint32 // by which a batch finds jobs it has met
	// network is the target that makes a share a block.
	network work.Target
	// cost is about how many bytes the job takes, without its transactions.
	cost int64
}

// NewJob makes j ready. It keeps j, which must not change any more. The sizes of its extranonces count where they are given:
// a session whose extranonces together have another size refuses the job. Its Target makes a share a block; one of zero, as in a job
// filled in by hand, stands for that of its Bits. NewJob errs if j can be no job.
func NewJob(j *work.Job) (*Job, error) {
	if len(j.Branch) > maxBranch {
		return nil, fmt.Errorf("job %.40q has %d hashes in its merkle branch: want at most %d", j.ID, len(j.Branch), maxBranch)
	}
	network := j.Target
	if network.IsZero() {
		if t, negative, overflow := j.Bits.Target(); !negative && !overflow {
			network = t
		}
	}
	p := hash.NewPrefix(j.CoinbasePrefix)
	return &Job{
		work: j, network: network, prefix: p, tail: j.CoinbasePrefix[p.Size():], serial: serials.Add(1),
		cost: int64(len(j.ID) + len(j.CoinbasePrefix) + len(j.CoinbaseSuffix) + 32*len(j.Branch) + 512),
	}, nil
}

// serials numbers the jobs.
var serials atomic.Uint32

// Work returns the job as it was given to NewJob. It must not be changed.
func (j *Job) Work() *work.Job { return j.work }

// suffixSize is how long a coinbase is from its tail on, with extranonces of so many bytes together.
func (j *Job) suffixSize(extranonce int) int {
	return len(j.tail) + extranonce + len(j.work.CoinbaseSuffix)
}

// appendCoinbase appends the coinbase from its tail on.
func (j *Job) appendCoinbase(dst, extranonce1, extranonce2 []byte) []byte {
	dst = append(dst, j.tail...)
	dst = append(dst, extranonce1...)
	dst = append(dst, extranonce2...)
	return append(dst, j.work.CoinbaseSuffix...)
}
