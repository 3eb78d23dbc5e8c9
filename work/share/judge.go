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
	p.size, p.sizeGot = size, len(f.extranonce2)
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
	}
	p.hasExtranonce = is.hasExtranonce
	p.extranonce1 = is.extranonce1
	if sub.Extranonce1 != nil {
		p.extranonce1, p.hasExtranonce = keepIn(arena, sub.Extranonce1), true
	}
	p.extranonce2 = keepIn(arena, f.extranonce2)
	s.choose(p, is)

	p.buildable = p.faults == 0 && p.hasExtranonce
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

// decide tries the rules on a submission whose verdict holds the header and its hash, if one was built, and completes the verdict.
// The error says that nothing could be decided; then a block is reported all the same.
func (p *pending) decide(v *Verdict) error {
	if v.Built {
		v.Block = p.job.work.Target.MetBy(&v.Hash)
	}
	if p.first != nil {
		v.Target = p.first.target
	}
	rules := p.validator.rules
	sent := false
	for i := range rules {
		if rules[i].Check == CheckBlock {
			sent = true
			continue
		}
		why, err := p.try(v, rules[i].Check)
		if err != nil {
			v.Word, v.BlockLost = NotJudged, v.Block && !sent
			return err
		}
		if why != reasonNone {
			v.Word, v.reason, v.Said = why.word(), why, rules[i].Says
			v.BlockLost = v.Block && !sent
			return nil
		}
	}
	v.BlockLost = v.Block && !sent
	switch {
	case !v.Built || p.forgotten: // a policy that has no rule for what is missing
		why, err := p.unbuilt(v)
		v.Word, v.reason = why.word(), why
		return err
	case v.Block:
		v.Word = Block
	default:
		v.Word = Accepted
	}
	return nil
}

// unbuilt is why no header could be built.
func (p *pending) unbuilt(v *Verdict) (reason, error) {
	switch {
	case p.malformed != "":
		v.shape = p.malformed
		return reasonShape, nil
	case p.job == nil || p.forgotten:
		return p.noJob()
	case !p.hasExtranonce:
		return reasonNone, ErrNoExtranonce
	case p.faults&FaultExtranonce2 != 0:
		return p.badExtranonce2(v), nil
	case p.faults&FaultVersionBits != 0:
		return reasonBitsText, nil
	case p.faults&FaultTime != 0:
		return reasonTimeText, nil
	}
	return reasonNonceText, nil
}

// try is one rule. It returns reasonNone if that has nothing against the share.
func (p *pending) try(v *Verdict, c Check) (reason, error) {
	switch c {
	case CheckExtranonce2, CheckBitsGiven, CheckBitsWanted, CheckVersion, CheckTime, CheckNonce, CheckStale, CheckAge:
		if p.job != nil && !p.hasExtranonce {
			return p.unbuilt(v)
		}
	case CheckTimeFrom, CheckTimeTo:
		if p.job == nil || !p.hasExtranonce || p.faults&FaultTime != 0 {
			return p.unbuilt(v)
		}
	case CheckZeros, CheckDifficulty:
		if !v.Built {
			return p.unbuilt(v)
		}
	}
	switch c {
	case CheckShape:
		if p.malformed != "" {
			v.shape = p.malformed
			return reasonShape, nil
		}
	case CheckSubscribed:
		if p.unsubscribed {
			return reasonUnsubscribed, nil
		}
	case CheckAuthorized:
		if p.unauthorized {
			return reasonUnauthorized, nil
		}
	case CheckWorkerGiven:
		if p.noWorker {
			return reasonNoWorker, nil
		}
	case CheckJobGiven:
		if p.noJobID {
			return reasonNoJobID, nil
		}
	case CheckWorker:
		if p.worker {
			return reasonWorker, nil
		}
	case CheckJob:
		if p.job == nil || p.forgotten {
			return p.noJob()
		}
	case CheckExtranonce2:
		if p.faults&FaultExtranonce2 != 0 {
			return p.badExtranonce2(v), nil
		}
	case CheckBitsGiven:
		if p.version == reasonBitsMissing {
			v.want = p.versionWant
			return p.version, nil
		}
	case CheckBitsWanted:
		if p.version == reasonBitsUnwanted {
			v.got = p.versionGot
			return p.version, nil
		}
	case CheckVersion:
		v.got, v.want = p.versionGot, p.versionWant
		return p.version, nil
	case CheckTime:
		if p.faults&FaultTime != 0 {
			return reasonTimeText, nil
		}
	case CheckNonce:
		if p.faults&FaultNonce != 0 {
			return reasonNonceText, nil
		}
	case CheckStale:
		if p.stale {
			return reasonStale, nil
		}
	case CheckAge:
		if limit := p.validator.policy.ShareAge; limit > 0 && p.age > limit {
			v.got, v.want = int64(p.age/time.Second), int64(limit/time.Second)
			return reasonAge, nil
		}
	case CheckTimeFrom, CheckTimeTo:
		return p.tryTime(v, c), nil
	case CheckZeros:
		if binary.LittleEndian.Uint32(v.Hash[28:]) != 0 {
			return reasonZeros, nil
		}
	case CheckDifficulty:
		return p.tryDifficulty(v)
	case CheckDuplicate:
		return p.tryDuplicate(v)
	}
	return reasonNone, nil
}

// noJob is what is to be said where the job is not known.
func (p *pending) noJob() (reason, error) {
	switch {
	case p.err != nil:
		return reasonNone, p.err
	case p.forgotten:
		return reasonForgotten, nil
	}
	return reasonNoSuchJob, nil
}

func (p *pending) badExtranonce2(v *Verdict) reason {
	if p.sizeGot >= 0 {
		v.got, v.want = int64(p.sizeGot), int64(p.size)
		return reasonExtranonce2Size
	}
	return reasonExtranonce2Text
}

// tryTime holds ntime against its limits.
func (p *pending) tryTime(v *Verdict, c Check) reason {
	k, j := &p.validator.policy, p.job.work
	if p.timeless {
		return reasonNone
	}
	ntime := int64(p.timeSeen)
	if c == CheckTimeFrom {
		from := int64(j.Time)
		if k.TimeFrom == FromMinTime && j.MinTime != 0 {
			from = int64(j.MinTime)
		}
		if ntime < from {
			v.got, v.want = ntime, from
			return reasonTimeFrom
		}
		return reasonNone
	}
	to := int64(j.Time)
	if k.TimeTo == AfterClock {
		if !p.hasNow {
			return reasonNone
		}
		to = p.now
	}
	ahead := int64(work.MaxFutureTime)
	if k.TimeAhead != 0 {
		ahead = int64(k.TimeAhead / time.Second)
	}
	if to += ahead; ntime > to {
		v.got, v.want = ntime, to
		return reasonTimeTo
	}
	return reasonNone
}

// tryDifficulty holds the hash against the share target.
func (p *pending) tryDifficulty(v *Verdict) (reason, error) {
	switch {
	case p.validator.policy.BlocksPass && v.Block:
	case p.first == nil:
		return reasonNone, ErrNoDifficulty
	case p.first.eased.MetBy(&v.Hash):
	case p.second != nil && p.second.easedPrevious.MetBy(&v.Hash):
		v.Target = p.second.target
	default:
		return reasonDifficulty, nil
	}
	return reasonNone, nil
}

// tryDuplicate remembers the share, unless it is there already.
func (p *pending) tryDuplicate(v *Verdict) (reason, error) {
	if p.tip == nil {
		return reasonNone, nil // no job was ever sent: a later rule refuses
	}
	if !p.keyed {
		if !v.Built {
			return reasonNone, nil // the same
		}
		p.keyBy(&v.Hash)
	}
	added, err := p.tip.seen.insertHashed(&p.key, p.keyHash, &p.validator.budget)
	if err == nil && !added {
		return reasonDuplicate, nil
	}
	return reasonNone, err
}

// keyBy makes the key of the header's hash.
func (p *pending) keyBy(h *chainhash.Hash) {
	k := [16]byte(h[:16]) // the other end begins with zeros
	for i := range k {
		k[i] ^= p.scope[i] // a hash is random, so it stays one in each scope
	}
	p.setKey(k)
}

// word is what a reason is reported as.
func (r reason) word() Word {
	switch r {
	case reasonShape, reasonNoWorker:
		return Malformed
	case reasonUnsubscribed, reasonUnauthorized, reasonWorker:
		return Unauthorized
	case reasonNoJobID, reasonNoSuchJob, reasonForgotten:
		return UnknownJob
	case reasonExtranonce2Text, reasonExtranonce2Size:
		return BadExtranonce2
	case reasonBitsText, reasonBitsMissing, reasonBitsUnwanted, reasonBitsOutside:
		return BadVersion
	case reasonTimeText, reasonTimeFrom, reasonTimeTo:
		return BadNTime
	case reasonNonceText:
		return BadNonce
	case reasonStale, reasonAge:
		return Stale
	case reasonZeros, reasonDifficulty:
		return LowDifficulty
	case reasonDuplicate:
		return Duplicate
	}
	return NotJudged
}
