package stratum

import (
	"bytes"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"weak"

	"github.com/btcsuite/btcd/chainhash/v2"
)

// Kept is a message that is remembered to be said again. It is not changed, and connections share it.
type Kept struct {
	line Line           // Message or Raw alone
	text []byte         // the one that is given
	prev chainhash.Hash // of a mining.notify
	id   uint64         // of its job, hashed
	odd  bool           // it is one that can't be read
}

// newKept returns a message that is kept: a copy of line.
func newKept(line []byte) *Kept {
	k := &Kept{text: append(make([]byte, 0, len(line)), line...)}
	k.line.SetBytes(k.text)
	return k
}

// Len returns how many bytes the message has.
func (k *Kept) Len() int { return len(k.text) }

// Put makes the message that of l, as SetBytes does. It must not be changed there.
func (k *Kept) Put(l *Line) { l.Message, l.Raw = k.line.Message, k.line.Raw }

// Texts keeps messages that pools send to many, each once for all connections, as long as anyone remembers it. The zero value is ready,
// and safe for concurrent use.
type Texts struct {
	// recent are those that came last: what goes to thousands of connections at once is found by comparing it with these.
	recent [4]atomic.Pointer[Kept]
	next   atomic.Uint32

	mu    sync.Mutex
	all   map[uint64]weak.Pointer[Kept] // by textSeed's hash
	purge int                           // how many there may be before those nobody remembers are dropped
	bytes int                           // of all, those dropped since the last purge too
}

var textSeed = maphash.MakeSeed()

// Bytes returns about how many bytes are kept.
func (t *Texts) Bytes() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.bytes
}

// latest returns the message if it is one of the latest, else nil.
func (t *Texts) latest(line []byte) *Kept {
	for i := range t.recent {
		if k := t.recent[i].Load(); k != nil && bytes.Equal(k.text, line) {
			return k
		}
	}
	return nil
}

// find returns the message if it is kept, else nil.
func (t *Texts) find(line []byte) *Kept {
	if k := t.latest(line); k != nil {
		return k
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if k := t.all[maphash.Bytes(textSeed, line)].Value(); k != nil && bytes.Equal(k.text, line) {
		return k
	}
	return nil
}

// keep remembers a message that find did not find. It returns the one to use.
func (t *Texts) keep(k *Kept) *Kept {
	hash := maphash.Bytes(textSeed, k.text)
	t.mu.Lock()
	defer t.mu.Unlock()
	if old := t.all[hash].Value(); old != nil {
		if !bytes.Equal(old.text, k.text) {
			return k // of the same hash: it is kept by this connection alone
		}
		k = old
	} else {
		if len(t.all) >= t.purge {
			t.sweep()
		}
		t.all[hash] = weak.Make(k)
		t.bytes += len(k.text)
	}
	t.recent[t.next.Add(1)%uint32(len(t.recent))].Store(k)
	return k
}

// sweep drops what nobody remembers.
func (t *Texts) sweep() {
	if t.all == nil {
		t.all = make(map[uint64]weak.Pointer[Kept])
	}
	t.bytes = 0
	for hash, p := range t.all {
		if k := p.Value(); k != nil {
			t.bytes += len(k.text)
		} else {
			delete(t.all, hash)
		}
	}
	t.purge = max(256, 2*len(t.all))
}
