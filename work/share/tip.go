package share

import (
	"container/list"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
)

// tip is a previous block and what was credited on top of it. Since the header has it, two shares with one header are of one
// tip; so duplicates of different tips need not be held against each other, and are forgotten together. The validator's lock
// guards it, but for seen.
type tip struct {
	prev chainhash.Hash
	seen *seen

	users int           // sessions that remember jobs of it
	since time.Time     // when it became idle last
	idle  *list.Element // in the validator's idle; nil if it is not there

	holders int  // batches with submissions of it
	swept   bool // from the validator's tips, but for them
}

// tipCost is about how many bytes a tip takes without shares, and again what each session keeps of it.
const tipCost = 512

// acquire returns the tip of prev for a session that begins to use it, as the newest; nil if there is no room for it.
func (v *Validator) acquire(prev chainhash.Hash, now time.Time) *tip {
	v.mu.Lock()
	defer v.mu.Unlock()
	t := v.takeTip(prev)
	if t == nil {
		v.sweep(now)
		if t = v.takeTip(prev); t == nil {
			return nil
		}
	}
	v.turn(t, now)
	return t
}

// takeTip returns the tip of prev with one more user, nil if there is no room for it.
func (v *Validator) takeTip(prev chainhash.Hash) *tip {
	t, cost := v.tips[prev], int64(tipCost)
	if t == nil {
		cost += tipCost
	}
	if !v.room.take(cost) {
		return nil
	}
	if t == nil {
		t = &tip{prev: prev, seen: newSeen()}
		v.tips[prev] = t
	}
	t.users++
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
	v.room.give(tipCost)
	v.rest(t, now)
	v.sweep(now)
}

// turn makes t the newest tip.
func (v *Validator) turn(t *tip, now time.Time) {
	before := v.newest
	v.newest = t
	if t.idle != nil {
		v.idle.Remove(t.idle)
		t.idle = nil
	}
	if before != nil && before != t {
		v.rest(before, now)
	}
	v.sweep(now)
}

// rest notes that t is idle, if it is: no session remembers jobs of it, and it is not the newest. The newest is none, even if no
// session is left that knows it: a miner that comes back gets its jobs again, and must not be credited for them again.
func (v *Validator) rest(t *tip, now time.Time) {
	if t.users == 0 && t != v.newest && !now.IsZero() { // at a time that nobody knows: for ever
		t.since, t.idle = now, v.idle.PushBack(t)
	}
}

// sweep drops the tips that were idle for so long that nobody can be credited for them. After a jump of the clock some may stay
// longer.
func (v *Validator) sweep(now time.Time) {
	for e := v.idle.Front(); e != nil && !now.IsZero(); e = v.idle.Front() {
		t := e.Value.(*tip)
		if now.Sub(t.since) < Forgotten {
			return
		}
		v.idle.Remove(e)
		delete(v.tips, t.prev)
		v.room.give(tipCost)
		t.idle, t.swept = nil, true
		if t.holders == 0 {
			t.seen.drop(&v.budget)
		}
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
