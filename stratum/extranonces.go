package stratum

import (
	"container/list"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"sync"
	"time"
)

// maxKept bounds how many ended connections can be taken up again. The oldest is forgotten for one more: connecting is cheap, and what is
// kept for those who don't come back must not grow with it.
const maxKept = 1 << 16

// sessionID is the name that a miner takes its session up again by.
type sessionID [16]byte

func (id sessionID) String() string { return hex.EncodeToString(id[:]) }

// parseSessionID reads what String writes, which is all that a miner can know.
func parseSessionID(s string) (id sessionID, ok bool) {
	if len(s) != 2*len(id) {
		return id, false
	}
	_, err := hex.Decode(id[:], []byte(s))
	return id, err == nil
}

// extranonces gives each connection an extranonce1 that no other has, nor had until a while ago. It is safe for concurrent use.
type extranonces struct {
	mu    sync.Mutex
	next  uint32
	taken map[uint32]struct{} // in use, or kept

	limit int // of kept
	kept  map[sessionID]*list.Element
	order list.List // of *keptSession, in the order in which they ended
}

// keptSession is an extranonce1 whose connection has ended.
type keptSession struct {
	id          sessionID
	extranonce1 uint32
	ended       time.Time
}

// newExtranonces returns one that begins anywhere, so that two pools with one payout address, or one that was started again, don't have
// their miners search the same headers.
func newExtranonces() *extranonces {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never errs
	return &extranonces{
		next: binary.BigEndian.Uint32(b[:]), taken: make(map[uint32]struct{}), limit: maxKept, kept: make(map[sessionID]*list.Element),
	}
}

// take returns the extranonce1 of the ended session with that name; or a new one with a new name if there is no such session.
func (e *extranonces) take(session string, now time.Time) (sessionID, uint32) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.forget(now)
	if id, ok := parseSessionID(session); ok {
		if element := e.kept[id]; element != nil {
			k := e.order.Remove(element).(*keptSession)
			delete(e.kept, id)
			return id, k.extranonce1
		}
	}
	var id sessionID
	_, _ = rand.Read(id[:])
	return id, e.new()
}

// another returns one more extranonce1 for a connection that has one.
func (e *extranonces) another() uint32 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.new()
}

func (e *extranonces) new() uint32 {
	for {
		n := e.next
		e.next++
		if _, taken := e.taken[n]; !taken {
			e.taken[n] = struct{}{}
			return n
		}
	}
}

// keep notes that the connection of a session has ended.
func (e *extranonces) keep(id sessionID, extranonce1 uint32, now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.forget(now)
	if e.order.Len() == e.limit {
		e.drop(e.order.Front())
	}
	e.kept[id] = e.order.PushBack(&keptSession{id, extranonce1, now})
}

// free gives an extranonce1 back at once.
func (e *extranonces) free(extranonce1 uint32) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.taken, extranonce1)
}

// forget drops what was kept long enough. After a jump of the clock some of it may stay longer.
func (e *extranonces) forget(now time.Time) {
	for f := e.order.Front(); f != nil && now.Sub(f.Value.(*keptSession).ended) >= SessionKept; f = e.order.Front() {
		e.drop(f)
	}
}

func (e *extranonces) drop(element *list.Element) {
	k := e.order.Remove(element).(*keptSession)
	delete(e.kept, k.id)
	delete(e.taken, k.extranonce1)
}
