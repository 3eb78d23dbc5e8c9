package share

import (
	"container/list"
	"sync"
	"sync/atomic"

	"github.com/btcsuite/btcd/chainhash/v2"
)

// Options are how a Validator judges. The zero value is usable.
type Options struct {
	// Policy is what shares are judged by. Default: strict.
	Policy Policy
	// MaxShares bounds how many shares are remembered to find duplicates, in all. Each takes about 30 bytes. Default: 10 million.
	MaxShares int
	// MaxJobBytes bounds the memory of the jobs that sessions remember, and of their previous blocks, by an estimate without the
	// jobs' transactions. A job sent to two sessions counts twice. Default: 1 GiB.
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
	room   budget // of bytes that jobs and tips take
	serial atomic.Uint64

	mu     sync.Mutex
	tips   map[chainhash.Hash]*tip
	newest *tip
	idle   list.List // of tips, in the order in which they became so
}

// NewValidator returns a Validator without sessions.
func NewValidator(o Options) *Validator {
	v := &Validator{policy: o.Policy, tips: make(map[chainhash.Hash]*tip)}
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
