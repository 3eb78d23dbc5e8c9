package share

import (
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
	// MaxJobBytes bounds the memory of the jobs that sessions remember. A job sent to two sessions counts twice. Default: 1 GiB.
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
	budget budget

	maxCost int64
	cost    atomic.Int64
	serial  atomic.Uint64

	mu     sync.Mutex
	tips   map[chainhash.Hash]*tip
	newest *tip
}

// tip is a previous block and what was credited on top of it. Since the header has it, two shares with one header are of one
// tip; so duplicates of different tips need not be held against each other, and are forgotten together.
type tip struct {
	prev chainhash.Hash
	seen *seen

	users int       // sessions that remember jobs of it
	idle  time.Time // when the last of them let go

	holders int  // batches with submissions of it
	swept   bool // from the validator's tips, but for them
}

// NewValidator returns a Validator without sessions.
func NewValidator(o Options) *Validator {
	v := &Validator{policy: o.Policy, maxCost: o.MaxJobBytes, tips: make(map[chainhash.Hash]*tip)}
	v.policy.Rules = nil
	v.rules = append([]Rule(nil), o.Policy.rules()...)
	if v.maxCost <= 0 {
		v.maxCost = defaultMaxJobBytes
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
		workers: make(map[string]struct{}), jobs: make(map[string]*issued),
	}
}

// Remembered returns how many shares are remembered to find duplicates.
func (v *Validator) Remembered() int { return int(v.budget.used.Load()) }

// addCost reports whether there is room for so many bytes of jobs, and takes it.
func (v *Validator) addCost(n int64) bool {
	if v.cost.Add(n) > v.maxCost && n > 0 {
		v.cost.Add(-n)
		return false
	}
	return true
}

// acquire returns the tip of prev for a session that begins to use it.
func (v *Validator) acquire(prev chainhash.Hash, now time.Time) *tip {
	v.mu.Lock()
	defer v.mu.Unlock()
	t := v.tips[prev]
	if t == nil {
		t = &tip{prev: prev, seen: newSeen()}
		v.tips[prev] = t
	}
	t.users++
	v.turn(t, now)
	return t
}

// touch says that a session builds on t again.
func (v *Validator) touch(t *tip) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.newest = t
}

// release says that a session can't be credited for t's jobs any more.
func (v *Validator) release(t *tip, now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	t.users--
	t.idle = now
	v.sweep(now)
}

// turn makes t the newest tip. The one before counts as idle from now on, at the earliest.
func (v *Validator) turn(t *tip, now time.Time) {
	if v.newest != t && v.newest != nil {
		v.newest.idle = now
	}
	v.newest = t
	v.sweep(now)
}

// sweep drops the tips that nobody can be credited for. The newest stays, even if no session is left that knows it: a miner
// that comes back gets its jobs again, and must not be credited for them again.
func (v *Validator) sweep(now time.Time) {
	if now.IsZero() {
		return
	}
	for prev, t := range v.tips {
		if t.users == 0 && t != v.newest && !t.idle.IsZero() && now.Sub(t.idle) >= Forgotten {
			delete(v.tips, prev)
			t.swept = true
			if t.holders == 0 {
				t.seen.drop(&v.budget)
			}
		}
	}
}
