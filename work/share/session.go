package share

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"math/big"
	"slices"
	"sync"
	"time"

	"github.com/touchstone-btc/touchstone/work"
)

// Forgotten is how long the jobs of a previous block, and the duplicates found with them, are remembered after a job with
// another previous block was sent.
const Forgotten = 10 * time.Minute

// maxWorkers is how many names a session keeps that were authorized. Those beyond count as long as one of these does.
const maxWorkers = 64

// names makes it impossible to choose names that are taken for each other.
var names = maphash.MakeSeed()

// Session is what one connection was told: its extranonces, mask, difficulties and jobs. It is safe for concurrent use; what it
// is told holds for the submissions judged after that.
type Session struct {
	validator *Validator
	serial    uint64

	mu              sync.Mutex
	subscribed      bool
	workers         []uint64 // authorized: hashes of their names, which may be long
	worker          string   // authorized last
	extranonce1     []byte   // never changed in place
	extranonce2Size int
	mask            mask
	assumed         bool // it began before we came: what was not seen is assumed
	missed          bool // jobs may have been sent that were not seen
	missedLast      bool // the last one may be among them

	offer, previous *offer // the difficulty in force, and the one before it; nil if not known
	changes         uint64 // of the difficulty

	jobs    map[string]*issued
	last    *issued // sent last; nil if it could not be read
	tips    sessionTips
	newest  *sessionTip
	sent    uint64 // jobs
	cleaned uint64 // serial of the last of them with clean_jobs
	closed  bool
}

// offer is a difficulty and what it asks of a hash. It is not changed.
type offer struct {
	// target has to be met; eased and easedPrevious are that with the tolerances of the policy.
	target, eased, easedPrevious work.Target
}

// issued is a job as it was sent to a session.
type issued struct {
	job             *Job
	tip             *sessionTip
	extranonce1     []byte
	hasExtranonce   bool
	extranonce2Size int
	offer           *offer
	changes         uint64
	serial          uint64
	sent            time.Time
	place           int // among the jobs of its tip
}

// issuedCost is about how many bytes a session takes for a job that it remembers.
const issuedCost = 256

// SetExtranonce says that mining.subscribe was answered, or mining.set_extranonce sent: jobs sent from now on are of these. The
// session keeps a copy.
func (s *Session) SetExtranonce(extranonce1 []byte, extranonce2Size int) error {
	if len(extranonce1) > MaxExtranonce || extranonce2Size < 0 || extranonce2Size > MaxExtranonce {
		return fmt.Errorf("extranonce1 of %d and extranonce2 of %d bytes: want at most %d each", len(extranonce1), extranonce2Size, MaxExtranonce)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.subscribed = true
	s.extranonce1, s.extranonce2Size = bytes.Clone(extranonce1), extranonce2Size
	if s.extranonce1 == nil {
		s.extranonce1 = []byte{}
	}
	return nil
}

// Authorize says that submissions of this worker, and with it of the whole connection, are welcome.
func (s *Session) Authorize(worker string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.worker = worker
	name := maphash.String(names, worker)
	if len(s.workers) < maxWorkers && !slices.Contains(s.workers, name) {
		s.workers = append(s.workers, name)
	}
}

// Withdraw takes back Authorize, as a refusal does.
func (s *Session) Withdraw(worker string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.workers, maphash.String(names, worker)); i >= 0 {
		s.workers = slices.Delete(s.workers, i, i+1)
	}
}

// SetMask grants the version bits that may be rolled (BIP 310). It holds at once, for the jobs already sent too. A mask of 0 is
// a mask: version bits must come, and be 0.
func (s *Session) SetMask(bits uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mask.bits, s.mask.granted = bits, true
}

// SetTarget sets the difficulty of the jobs sent from now on, as the target that a hash must not exceed.
func (s *Session) SetTarget(t work.Target) {
	p := &s.validator.policy
	o := &offer{target: t, eased: ease(t, p.Tolerance), easedPrevious: ease(t, p.PreviousTolerance)}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.offer != nil && s.offer.target == t {
		return
	}
	if s.offer != nil {
		s.previous = s.offer
	}
	s.offer = o
	s.changes++
}

// ease returns the target of so many thousandths of t's difficulty; none stands for 1000.
func ease(t work.Target, thousandths int) work.Target {
	if thousandths <= 0 || thousandths == 1000 {
		return t
	}
	n := t.Big()
	n.Mul(n, big.NewInt(1000))
	n.Quo(n, big.NewInt(int64(thousandths)))
	eased, err := work.TargetFromBig(n)
	if err != nil { // beyond 2^256: every hash meets it
		eased, _ = work.TargetFromBig(n.Sub(n.Lsh(big.NewInt(1), 256), big.NewInt(1)))
	}
	return eased
}

// AddJob says that the job was sent, at the time now, with the difficulty and extranonces in force. A job with an ID in use takes
// its place. Jobs whose previous block is not the newest job's are stale from now on, and forgotten after [Forgotten]; should
// it return before that, they count again. The zero time means that nobody knows the time.
//
// It errs where the extranonces together have not the size that the job was made for (the miner can't make anything of it either),
// with ErrJobsFull, and after Close. Then the job is as if not sent; if it was sent all the same, tell MissedJob.
func (s *Session) AddJob(j *Job, clean bool, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return fmt.Errorf("job %.40q came after the session was closed", j.work.ID)
	}
	if want := j.work.ExtranonceSize(); want != 0 && s.extranonce1 != nil && want != len(s.extranonce1)+s.extranonce2Size {
		return fmt.Errorf("job %.40q takes %d bytes of extranonce: this session's have %d and %d", j.work.ID, want, len(s.extranonce1), s.extranonce2Size)
	}
	s.forget(now)
	if !s.validator.takeJob(j, now) {
		return ErrJobsFull
	}
	if !s.turn(j.work.PrevBlock, now) {
		s.validator.giveJob(j)
		return ErrJobsFull
	}
	s.sent++
	if clean {
		s.cleaned = s.sent
	}
	is := &issued{
		job: j, tip: s.newest, extranonce1: s.extranonce1, hasExtranonce: s.extranonce1 != nil, extranonce2Size: s.extranonce2Size,
		offer: s.offer, changes: s.changes, serial: s.sent, sent: now,
	}
	if !j.work.HasCoinbase() {
		is.extranonce1, is.hasExtranonce, is.extranonce2Size = nil, true, 0
	}
	s.missedLast = false
	s.drop(j.work.ID)
	s.jobs[j.work.ID], s.last = is, is
	s.newest.add(is)
	return nil
}

// drop forgets one job.
func (s *Session) drop(id string) {
	if old := s.jobs[id]; old != nil {
		old.tip.remove(old)
		s.validator.giveJob(old.job)
		delete(s.jobs, id)
	}
}

// Assume says that what came before is not known, as where a recording begins in the middle of a connection or was interrupted: the
// connection counts as authorized, the mask 1fffffe0 (BIP 323) as granted unless another is known, and version bits need not
// come. Extranonce and difficulty are not known until they are set again: shares of jobs sent until then are not judged, nor
// those of jobs never seen.
func (s *Session) Assume() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.assumed, s.missed, s.mask.optional = true, true, true
	if !s.mask.granted {
		s.mask.granted, s.mask.bits = true, work.MaskBIP323
	}
	s.extranonce1 = nil
	s.offer, s.previous = nil, nil
	s.changes++
}

// MissedJobs says that jobs may have been sent that AddJob was not told of: from now on, submissions for jobs never seen are not
// judged, where they would be unknown-job; nor, until the next job, those that are stale if the one missed was on another block.
func (s *Session) MissedJobs() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.missed, s.missedLast = true, true
}

// MissedJob says that a job with that ID was sent of which nothing else could be read: submissions that name it are not judged,
// rather than held against an older job of the same ID. Otherwise it is as MissedJobs.
func (s *Session) MissedJob(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.missed, s.missedLast, s.last = true, true, nil
	s.drop(id)
}

// Newest returns what the job sent last asks of a share, and how many jobs were sent until then. known is false if there is no job,
// or no difficulty was seen before it. It tells an onlooker how hard a miner finds shares from now on.
func (s *Session) Newest() (target work.Target, jobs uint64, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil || s.last.offer == nil {
		return target, s.sent, false
	}
	return s.last.offer.target, s.sent, true
}

// JobSent returns when the job with that ID was sent; false if no such job is remembered, or nobody knows the time.
func (s *Session) JobSent(id string) (sent time.Time, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	is := s.jobs[id]
	if is == nil {
		return sent, false
	}
	return is.sent, !is.sent.IsZero()
}

// Close ends the session: its jobs are forgotten. The duplicates found with them are remembered as long as other sessions, or this
// miner on a new connection, could submit them again.
func (s *Session) Close(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.closed = true
	for _, t := range s.tips.all {
		s.release(t, now)
	}
	s.tips, s.newest, s.last = sessionTips{}, nil, nil
}
