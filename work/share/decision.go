package share

import (
	"encoding/binary"
	"time"

	"github.com/touchstone-btc/touchstone/work"
)

// decide tries the rules on a submission whose verdict holds the header and its hash, if one was built, and completes the verdict.
// The error says that nothing could be decided; then a block is reported all the same.
func (p *pending) decide(v *Verdict) error {
	if v.Built {
		v.Block = p.job.network.MetBy(&v.Hash)
	}
	if p.first != nil {
		v.Target = p.first.target
	}
	sent := false
	for i := range p.validator.rules {
		rule := &p.validator.rules[i]
		if rule.Check == CheckBlock {
			sent = true
			continue
		}
		why, err := p.try(v, rule.Check)
		if err != nil {
			return err
		}
		if why != reasonNone {
			v.Word, v.reason, v.Said = why.word(), why, rule.Says
			v.BlockLost = v.Block && !sent
			return nil
		}
	}
	switch {
	case !v.Built || p.forgotten: // a policy that has no rule for what is missing
		why, err := p.unbuilt(v)
		if err != nil {
			return err
		}
		v.Word, v.reason = why.word(), why
	case v.Block:
		v.Word = Block
	default:
		v.Word = Accepted
	}
	v.BlockLost = v.Block && !sent
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
		switch {
		case p.job == nil || p.forgotten:
			return p.noJob()
		case p.perhapsStale && p.validator.policy.JobsOfTip:
			return reasonNone, ErrNoTip
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
		switch {
		case p.stale:
			return reasonStale, nil
		case p.perhapsStale:
			return reasonNone, ErrNoTip
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
	case p.first == nil:
		return reasonNone, ErrNoDifficulty
	case p.validator.policy.BlocksPass && v.Block:
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
