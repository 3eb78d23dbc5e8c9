package share

import (
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
)

// tip is a previous block and what was credited on top of it. Since the header has it, two shares with one header are of one
// tip; so duplicates of different tips need not be held against each other, and are forgotten together. The validator's lock
// guards it, but for seen.
type tip struct {
	prev chainhash.Hash
	seen *seen

	users int       // sessions that remember jobs of it
	since time.Time // when it became idle last

	holders int  // batches with submissions of it
	swept   bool // from the validator's tips, but for them
}

// idleTip is a tip that became idle at a time, and may have been used again since.
type idleTip struct {
	tip   *tip
	since time.Time
}

// acquire returns the tip of prev for a session that begins to use it, as the newest.
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
func (v *Validator) touch(t *tip, now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.turn(t, now)
}

// release says that a session can't be credited for t's jobs any more.
func (v *Validator) release(t *tip, now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	t.users--
	v.rest(t, now)
	v.sweep(now)
}

// turn makes t the newest tip.
func (v *Validator) turn(t *tip, now time.Time) {
	before := v.newest
	v.newest = t
	if before != nil && before != t {
		v.rest(before, now)
	}
	v.sweep(now)
}

// rest notes that t is idle, if it is: no session remembers jobs of it, and it is not the newest. The newest is none, even if no
// session is left that knows it: a miner that comes back gets its jobs again, and must not be credited for them again.
func (v *Validator) rest(t *tip, now time.Time) {
	if t.users == 0 && t != v.newest {
		t.since = now
		v.idle = append(v.idle, idleTip{t, now})
	}
}

// sweep drops the tips that were idle for so long that nobody can be credited for them.
func (v *Validator) sweep(now time.Time) {
	if now.IsZero() {
		return
	}
	for len(v.idle) > 0 {
		t, since := v.idle[0].tip, v.idle[0].since
		if t.users == 0 && t != v.newest && t.since.Equal(since) && !since.IsZero() && !t.swept {
			if now.Sub(since) < Forgotten {
				return
			}
			delete(v.tips, t.prev)
			t.swept = true
			if t.holders == 0 {
				t.seen.drop(&v.budget)
			}
		}
		v.idle[0] = idleTip{}
		v.idle = v.idle[1:]
	}
}

// hold keeps the duplicates of a tip until letGo. Should it be swept meanwhile, only those who hold it still see them.
func (v *Validator) hold(t *tip) {
	v.mu.Lock()
	defer v.mu.Unlock()
	t.holders++
}

func (v *Validator) letGo(t *tip) {
	v.mu.Lock()
	defer v.mu.Unlock()
	t.holders--
	if t.swept && t.holders == 0 {
		t.seen.drop(&v.budget)
	}
}
