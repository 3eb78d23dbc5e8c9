package stratum

import (
	"bytes"
	"hash/maphash"

	"github.com/touchstone-btc/touchstone/work/share"
)

// sameJobs keeps the jobs that came last, made ready for judging. A pool sends most of its jobs to many connections, word by word: they
// are read and kept in memory once.
type sameJobs struct {
	shared bool // by onlookers of several connections; else nothing is kept
	recent []sameJob
	next   int // the place of the one to be forgotten
}

// fewJobs are as many as a pool sends while all its connections are told of a new one; several pools, rather.
const fewJobs = 16

// sameJob is a mining.notify and what was read from it.
type sameJob struct {
	hash   uint64
	line   []byte
	en1    int // sizes of the extranonces
	en2    int
	job    *share.Job
	clean  bool
	seldom bool // nobody else was sent it, so far
}

// sameJobSeed makes it impossible to choose lines of the same hash.
var sameJobSeed = maphash.MakeSeed()

// get returns the job of a line that came before.
func (s *sameJobs) get(line []byte, en1, en2 int) (hash uint64, job *share.Job, clean bool) {
	if !s.shared {
		return 0, nil, false
	}
	hash = maphash.Bytes(sameJobSeed, line)
	for i := range s.recent {
		if r := &s.recent[i]; r.hash == hash && r.job != nil && r.en1 == en1 && r.en2 == en2 && bytes.Equal(r.line, line) {
			r.seldom = false
			return hash, r.job, r.clean
		}
	}
	return hash, nil, false
}

// put keeps a job for the next who is sent it. Those that only one was sent go first, so that pools which make a job for each connection
// don't push out the others.
func (s *sameJobs) put(hash uint64, line []byte, en1, en2 int, job *share.Job, clean bool) {
	if !s.shared {
		return
	}
	if s.recent == nil {
		s.recent = make([]sameJob, fewJobs)
	}
	at := s.next
	for i := range s.recent {
		if k := (s.next + i) % len(s.recent); s.recent[k].job == nil || s.recent[k].seldom {
			at = k
			break
		}
	}
	r := &s.recent[at]
	kept := append(r.line[:0], line...)
	if cap(kept) > 2*len(line)+longMessage {
		kept = bytes.Clone(line)
	}
	*r = sameJob{hash: hash, line: kept, en1: en1, en2: en2, job: job, clean: clean, seldom: true}
	s.next = (at + 1) % len(s.recent)
}
