package share

import (
	"container/list"
	"sync"
	"sync/atomic"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
)

// Options are how a Validator judges. The zero value is usable.
type Options struct {
	// Policy is what shares are judged by. Default: strict.
	Policy Policy
	// MaxShares bounds how many shares are remembered to find duplicates, in all. Each takes about 30 bytes. Default: 10 million.
	MaxShares int
	// MaxJobBytes bounds the memory of the jobs that sessions remember, and of their previous blocks, by an estimate without the
	// jobs' transactions. A job that many sessions were sent counts once, and 256 bytes for each of them. Default: 1 GiB.
	MaxJobBytes int64
}

const (
	defaultMaxShares   = 10_000_000
	defaultMaxJobBytes = 1 << 30
)

// Validator judges the shares of a pool: of one session, or of all of them, among which a share is credited once. It is safe for
// concurrent use; sessions disturb each other only where they look for duplicates, and there hardly ever.
type Validator struct {
	policy Policy
	rules  []Rule
	budget budget // of remembered shares
	room   budget // of bytes that jobs and tips take; it is taken and given under the lock
	serial atomic.Uint64

	mu     sync.Mutex
	jobs   map[*Job]int // how many times sessions remember each
	tips   map[chainhash.Hash]*tip
	newest *tip
	idle   list.List // of tips, in the order in which they became so
}

// NewValidator returns a Validator without sessions.
func NewValidator(o Options) *Validator {
	v := &Validator{policy: o.Policy, jobs: make(map[*Job]int), tips: make(map[chainhash.Hash]*tip)}
	v.policy.Rules = nil
	v.rules = append([]Rule(nil), o.Policy.rules()...)
	v.room.limit = o.MaxJobBytes
	if o.MaxJobBytes <= 0 {
		v.room.limit = defaultMaxJobBytes
	}
	v.budget.limit = int64(o.MaxShares)
	if o.MaxShares <= 0 {
		v.budget.limit = defaultMaxShares
	}
	return v
}

// NewSession returns a session that was told nothing yet: no extranonce, nobody authorized, no mask, no difficulty.
func (v *Validator) NewSession() *Session {
	return &Session{
		validator: v, serial: v.serial.Add(1),
		jobs: make(map[string]*issued),
	}
}

// Remembered returns how many shares are remembered to find duplicates.
func (v *Validator) Remembered() int { return int(v.budget.used.Load()) }

// takeJob takes the room of a job that a session is sent, if there is as much.
func (v *Validator) takeJob(j *Job, now time.Time) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	cost := int64(issuedCost)
	if v.jobs[j] == 0 {
		cost += j.cost
	}
	if !v.room.take(cost) {
		v.sweep(now)
		if !v.room.take(cost) {
			return false
		}
	}
	v.jobs[j]++
	return true
}

// giveJob gives back what takeJob took.
func (v *Validator) giveJob(j *Job) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.room.give(issuedCost)
	if v.jobs[j]--; v.jobs[j] == 0 {
		delete(v.jobs, j)
		v.room.give(j.cost)
	}
}
