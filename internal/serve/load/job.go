package load

import (
	"bytes"
	"hash/maphash"
	"slices"
	"sync"

	"github.com/touchstone-btc/touchstone/stratum"
	"github.com/touchstone-btc/touchstone/work"
)

// job is a mining.notify that was read: once, however many connections got the same line.
type job struct {
	*work.Job
	en1, en2 int // the sizes it was read for
	line     []byte
}

// assignment is a job as a connection has it: with the target and the extranonce1 in force when it was sent.
type assignment struct {
	job    *job
	target work.Target
	en1    []byte
}

// jobs remembers the lines read last. Pools send thousands of connections the same one, and reading it once is what lets a generator
// see the news go round rather than itself.
type jobs struct {
	seed maphash.Seed

	mu     sync.Mutex
	recent []*job
	sums   []uint64
	next   int
}

const recentJobs = 32

func newJobs() *jobs { return &jobs{seed: maphash.MakeSeed()} }

// known returns the job that an equal line was read to, nil if there was none.
func (j *jobs) known(line []byte, en1, en2 int) *job {
	sum := maphash.Bytes(j.seed, line)
	j.mu.Lock()
	defer j.mu.Unlock()
	for i, s := range j.sums {
		if r := j.recent[i]; s == sum && r.en1 == en1 && r.en2 == en2 && bytes.Equal(r.line, line) {
			return r
		}
	}
	return nil
}

// read reads a mining.notify.
func (j *jobs) read(m *stratum.Message, line []byte, en1, en2 int) (*job, error) {
	w, _, err := m.Notify(en1, en2)
	if err != nil {
		return nil, err
	}
	r := &job{w, en1, en2, slices.Clone(line)}
	sum := maphash.Bytes(j.seed, line)
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.recent) < recentJobs {
		j.recent, j.sums = append(j.recent, r), append(j.sums, sum)
	} else {
		j.recent[j.next], j.sums[j.next] = r, sum
		j.next = (j.next + 1) % recentJobs
	}
	return r, nil
}
