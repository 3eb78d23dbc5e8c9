package load

import (
	"slices"
	"sync"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
)

// Tip is a new block, and how its news went round. Times are in milliseconds.
type Tip struct {
	// PrevBlock is the block's hash, in display order: new jobs build on it.
	PrevBlock string `json:"prev_block"`
	// Sessions is how many connections, of those that had another job before, were told.
	Sessions int `json:"sessions"`
	// Spread is from when the first was told to when the last was.
	Spread float64 `json:"spread_ms"`
	// Submitted says that one of our connections sent the block, or that Generator.Moved was called. First and Last are then from
	// there to when the first and the last connection were told.
	Submitted bool    `json:"submitted"`
	First     float64 `json:"first_ms"`
	Last      float64 `json:"last_ms"`
}

// maxTips bounds how many are remembered.
const maxTips = 100

// tips follows which connection was told of which block when.
type tips struct {
	mu   sync.Mutex
	list []*tip // in the order they became known
}

type tip struct {
	hash                     chainhash.Hash
	submitted, first, latest time.Time
	sessions                 int
}

// get returns the tip of that hash; the caller holds mu.
func (t *tips) get(hash *chainhash.Hash) *tip {
	for i := len(t.list) - 1; i >= 0; i-- {
		if t.list[i].hash == *hash {
			return t.list[i]
		}
	}
	if len(t.list) == maxTips {
		t.list = slices.Delete(t.list, 0, 1)
	}
	t.list = append(t.list, &tip{hash: *hash})
	return t.list[len(t.list)-1]
}

// moved says that a block was sent or seen.
func (t *tips) moved(hash *chainhash.Hash, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p := t.get(hash); p.submitted.IsZero() {
		p.submitted = now
	}
}

// told says that a connection was given a job on that block, after one on another.
func (t *tips) told(hash *chainhash.Hash, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.get(hash)
	p.sessions++
	if p.first.IsZero() || now.Before(p.first) {
		p.first = now
	}
	if now.After(p.latest) {
		p.latest = now
	}
}

// report returns those that at least one connection was told of.
func (t *tips) report() []Tip {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []Tip
	for _, p := range t.list {
		if p.sessions == 0 {
			continue
		}
		r := Tip{PrevBlock: p.hash.String(), Sessions: p.sessions, Spread: milliseconds(p.latest.Sub(p.first))}
		if r.Submitted = !p.submitted.IsZero(); r.Submitted {
			r.First, r.Last = milliseconds(p.first.Sub(p.submitted)), milliseconds(p.latest.Sub(p.submitted))
		}
		all = append(all, r)
	}
	return all
}
