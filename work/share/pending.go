package share

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/touchstone-btc/touchstone/work"
)

// A submission is judged in three steps, so that many can be hashed at once: prepare takes from the session what holds at the
// moment of submission, then the header is hashed, and decide tries the rules.

// pending is a submission between prepare and decide. It refers to nothing of the submission itself.
type pending struct {
	validator *Validator

	job    *Job  // nil if it is not known
	tip    *tip  // whose duplicates it is held against; nil if none is known
	err    error // that the job is not known leaves it open what to say, unless an earlier rule refuses
	extras       // what rules look at beside the header

	// Those of the coinbase, where the job has one. They stand in the arena, or in the session's own memory.
	extranonce1, extranonce2 []byte
	key                      [16]byte
	keyHash                  uint64
	keyed                    bool     // there is a key; one made of the header's hash comes after that
	scope                    [16]byte // among whose submissions, zero for the whole pool

	buildable bool   // the header is to be built: of the job, the merkle root, and these
	rolled    uint32 // its whole version
	ntime     uint32
	nonce     uint32

	place int32 // a Batch's
}

// extras is what rules look at beside the header.
type extras struct {
	malformed     string
	faults        Faults
	unsubscribed  bool
	unauthorized  bool
	noWorker      bool
	worker        bool // is not the one authorized last
	noJobID       bool
	forgotten     bool
	hasExtranonce bool
	stale         bool
	perhapsStale  bool // if a job that was missed is of another block
	version       reason
	versionGot    int64
	versionWant   int64
	size          int    // of extranonce2, as it should be
	sizeGot       int    // -1 if it is not known
	timeSeen      uint32 // ntime, as its limits see it
	timeless      bool   // they don't
	now           int64  // seconds since 1970
	hasNow        bool
	age           time.Duration // of the job
	first, second *offer        // first must be reached, or second if that is known
}

// prepare fills p with all that the verdict on sub depends on, but for the hash and the duplicates. Bytes of sub that are needed
// later are appended to arena.
func (s *Session) prepare(p *pending, sub *Submission, arena *[]byte) {
	*p = pending{validator: s.validator}
	k := &s.validator.policy
	p.malformed = sub.Malformed
	p.hasNow = !sub.Received.IsZero()
	if p.hasNow {
		p.now = sub.Received.Unix()
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	p.unsubscribed = !s.subscribed && !s.assumed
	p.unauthorized = len(s.workers) == 0 && !s.assumed
	p.worker = sub.Worker != s.worker && !s.assumed
	is := s.find(p, sub)
	if is == nil && s.missed { // even if it was just forgotten: a little later nobody will know that it ever was
		p.err = ErrNoJob
	}
	f := s.fields(p, is, sub, arena)
	if is != nil {
		s.fill(p, is, sub, &f, arena)
	}
	if p.tip == nil && s.newest != nil {
		p.tip = s.newest.tip
	}
	if k.Key != HeaderHash || k.Scope != WholePool {
		s.narrow(p, is)
		p.makeKey(sub, &f)
	}
}

// find returns the job that sub names, nil if it is not known. One that only the policy has forgotten is returned as well, for its
// header may be a block's.
func (s *Session) find(p *pending, sub *Submission) *issued {
	is := s.jobs[sub.JobID]
	if is == nil || sub.Malformed != "" {
		return nil
	}
	k := &s.validator.policy
	age := time.Duration(0)
	if k.aged() && p.hasNow && !is.sent.IsZero() {
		age = sub.Received.Sub(is.sent)
	}
	if is.tip != s.newest && is.tip.forgotten(sub.Received) {
		p.forgotten = true
		return nil
	}
	if k.JobAge > 0 && age > k.JobAge && is.serial != s.sent ||
		k.JobCount > 0 && s.sent-is.serial >= uint64(k.JobCount) ||
		k.JobCountClean > 0 && s.cleaned >= is.serial+uint64(k.JobCountClean) || k.JobsOfTip && is.tip != s.newest {
		p.forgotten = true
	}
	p.age = age
	return is
}

// fields takes what the fields of sub say by themselves: policies may look at them before they look for the job.
func (s *Session) fields(p *pending, is *issued, sub *Submission, arena *[]byte) fields {
	size, version, ntime := s.extranonce2Size, uint32(0), uint32(0)
	if is != nil {
		size, version, ntime = is.extranonce2Size, is.job.work.Version, is.job.work.Time
	}
	k := &s.validator.policy
	f := k.read(sub, size, ntime, arena)
	p.noWorker, p.noJobID = f.noWorker, sub.JobID == ""
	p.size, p.sizeGot = size, len(sub.Extranonce2)
	if sub.Faults&FaultExtranonce2 != 0 {
		p.sizeGot = -1
	} else if is == nil && s.extranonce1 == nil {
		f.faults &^= FaultExtranonce2 // nobody knows its size
	}
	p.rolled, p.version, p.versionGot, p.versionWant = k.version(version, s.mask, &f)
	p.ntime, p.nonce, p.timeless, p.timeSeen, p.faults = f.time, f.nonce, f.timeless, f.timeSeen, f.faults
	return f
}

// fill takes what comes from the job.
func (s *Session) fill(p *pending, is *issued, sub *Submission, f *fields, arena *[]byte) {
	p.job = is.job
	if !p.forgotten {
		p.tip, p.stale = is.tip.tip, is.tip != s.newest
		p.perhapsStale = s.missedLast && !p.stale
	}
	p.hasExtranonce = is.hasExtranonce
	p.extranonce1 = is.extranonce1
	if sub.Extranonce1 != nil {
		p.extranonce1, p.hasExtranonce = keepIn(arena, sub.Extranonce1), true
	}
	s.choose(p, is)
	if p.buildable = p.faults == 0 && p.hasExtranonce; p.buildable {
		p.extranonce2 = keepIn(arena, f.extranonce2)
	}
}

// putHeader writes the header into dst; root is the merkle root, if it is that of a coinbase.
func (p *pending) putHeader(dst *[work.HeaderSize]byte, root *chainhash.Hash) {
	j := p.job.work
	binary.LittleEndian.PutUint32(dst[0:], p.rolled)
	copy(dst[4:], j.PrevBlock[:])
	copy(dst[36:], root[:])
	binary.LittleEndian.PutUint32(dst[68:], p.ntime)
	binary.LittleEndian.PutUint32(dst[72:], uint32(j.Bits))
	binary.LittleEndian.PutUint32(dst[76:], p.nonce)
}

// keepIn appends b to the arena and returns it there.
func keepIn(arena *[]byte, b []byte) []byte {
	start := len(*arena)
	*arena = append(*arena, b...)
	return (*arena)[start:len(*arena):len(*arena)]
}

// choose picks the difficulty to be reached.
func (s *Session) choose(p *pending, is *issued) {
	p.first = is.offer
	switch s.validator.policy.Difficulty {
	case Current:
		p.first = s.offer
	case ByChange:
		p.first = s.offer
		if is.changes < s.changes && s.previous != nil {
			p.first = s.previous
		}
	case CurrentOrPrevious:
		p.first, p.second = s.offer, s.previous
	}
}

// narrow notes among which submissions duplicates are looked for.
func (s *Session) narrow(p *pending, is *issued) {
	k := &s.validator.policy
	if k.Scope == WholePool {
		return
	}
	binary.BigEndian.PutUint64(p.scope[:], s.serial)
	if k.Scope == OneJob && is != nil {
		binary.BigEndian.PutUint64(p.scope[8:], is.serial)
	}
}

// makeKey makes the key of policies that don't go by the header's hash: a hash of what they go by.
func (p *pending) makeKey(sub *Submission, f *fields) {
	b := append(make([]byte, 0, 256), p.scope[:]...)
	switch p.validator.policy.Key {
	case Numbers:
		if !p.buildable {
			return
		}
		var h [work.HeaderSize]byte
		p.putHeader(&h, &p.job.work.MerkleRoot)
		b = append(b, h[:]...) // version, ntime and nonce; the extranonces stand for the merkle root
		b = append(b, byte(len(p.extranonce1)))
		b = append(b, p.extranonce1...)
		b = append(b, p.extranonce2...)
	case TextAll:
		t := sub.text()
		if !t.HasVersionBits {
			t.VersionBits = "0"
		}
		b = append(b, t.VersionBits+t.Nonce+t.Extranonce2+t.Time+t.JobID...)
	case TextWithoutBits:
		t := sub.text()
		b = append(b, p.extranonce1...)
		b = append(b, t.Extranonce2+t.Time+t.Nonce...)
	default:
		return
	}
	sum := sha256.Sum256(b)
	p.setKey([16]byte(sum[:]))
}

// setKey sets the key by which duplicates are found.
func (p *pending) setKey(k [16]byte) { p.key, p.keyHash, p.keyed = k, hashKey(&k), true }

// keyBy makes the key of the header's hash.
func (p *pending) keyBy(h *chainhash.Hash) {
	k := [16]byte(h[:16]) // the other end begins with zeros
	for i := range k {
		k[i] ^= p.scope[i] // a hash is random, so it stays one in each scope
	}
	p.setKey(k)
}
