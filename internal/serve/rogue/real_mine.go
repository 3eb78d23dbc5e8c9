package rogue

import (
	"context"
	"encoding/binary"
	"math"
	"slices"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"

	"github.com/touchstone-btc/touchstone/hash"
	"github.com/touchstone-btc/touchstone/stratum"
	"github.com/touchstone-btc/touchstone/work"
)

// The device hashes a little every tick. Where the machine had other things to do it catches up, so that its rate is what it is said to
// be, whatever else runs; but not more than what is due for so long.
const (
	mineTick  = 5 * time.Millisecond
	mineOwing = 30 * time.Second
	mineChunk = 1000 // hashes until others get the lock
)

// mine hashes until ctx ends.
func (d *Real) mine(ctx context.Context) {
	tick := time.NewTicker(mineTick)
	defer tick.Stop()
	last, owing := time.Now(), 0.0
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := time.Now()
		passed := min(now.Sub(last), mineOwing)
		last = now
		active, elsewhere := d.active(now.Sub(d.began))
		owing += passed.Seconds() * d.config.Rate * active
		for owing >= 1 && ctx.Err() == nil {
			n := min(int(owing), mineChunk)
			d.mu.Lock()
			l := d.links[0]
			if elsewhere {
				l = d.links[1]
			}
			if l.work == nil { // not yet
				d.mu.Unlock()
				owing = 0
				break
			}
			d.scan(l, n)
			d.mu.Unlock()
			owing -= float64(n)
		}
		d.mu.Lock()
		d.sendDue(time.Now())
		d.mu.Unlock()
	}
}

// active returns what part of its rate the device works at a moment since its start, and whether for the second pool.
func (d *Real) active(at time.Duration) (part float64, elsewhere bool) {
	v := &d.config.Vice
	part = 1 - math.Float64frombits(d.dropped.Load())
	in := v.Every > 0 && at%v.Every >= v.Every-v.For // at the end, so that it begins well
	switch v.Name {
	case "skim":
		if v.Interleaved {
			part *= 1 - v.X
		} else if in {
			part = 0
		}
	case "gap":
		if in {
			part = 0
		}
	case "drop":
		if v.At > 0 && at >= v.At && (v.For == 0 || at < v.At+v.For) {
			part *= 1 - v.X
		}
	case "elsewhere":
		elsewhere = in
	}
	return part, elsewhere
}

// spread makes nonces of a counter that cover all of the space evenly, however few they are: an odd number times it.
const spread = 0x9e3779b1

// scan tries n nonces. The caller holds mu.
func (d *Real) scan(l *link, n int) {
	if time.Since(l.unit) >= unitLasts {
		l.nextUnit()
	}
	v := &d.config.Vice
	target := &l.work.Target
	d.count.Hashes += float64(n)
	for range n {
		l.step++
		nonce := l.step * spread
		if v.Name == "cell" && int(nonce>>25) == int(v.X) && (v.Weak == 1 || d.rng.Float64() < v.Weak) {
			continue // nobody is there to look
		}
		binary.LittleEndian.PutUint32(l.header[76:], nonce)
		sum := chainhash.Hash(hash.Sum256d(l.header[:]))
		if !target.MetBy(&sum) {
			continue
		}
		d.found(l, nonce, work.HashDifficulty(&sum))
	}
}

// found decides what becomes of a share. The caller holds mu.
func (d *Real) found(l *link, nonce uint32, difficulty float64) {
	_, rolled := l.client.VersionMask()
	s := submission{
		job: l.work.Job.ID, extranonce2: slices.Clone(l.en[len(l.work.Extranonce1):]), ntime: l.work.Job.Time, nonce: nonce,
		bits: l.bits, rolled: rolled, required: l.required, difficulty: difficulty,
	}
	if l != d.links[0] {
		d.count.Elsewhere++
		l.submit(&s)
		return
	}
	d.count.Found++
	now := time.Now()
	switch v := &d.config.Vice; v.Name {
	case "withhold":
		if difficulty >= v.X*l.required && d.rng.Float64() < v.Q {
			d.count.Withheld++
			return
		}
	case "hoard":
		if difficulty >= v.X*l.required {
			d.kept = append(d.kept, kept{share: s})
			return
		}
	case "burst":
		d.kept = append(d.kept, kept{d.began.Add((now.Sub(d.began)/v.For + 1) * v.For), s})
		return
	case "replay":
		if d.rng.Float64() < v.X {
			d.kept = append(d.kept, kept{now.Add(time.Duration(d.rng.Float64() * 1e9)), s})
		}
	case "invalid":
		if d.rng.Float64() < v.X/(1-v.X) {
			bad := s
			bad.nonce++
			l.submit(&bad)
		}
	}
	d.send(&s)
}

// send hands in a share for the first pool. The caller holds mu.
func (d *Real) send(s *submission) {
	d.count.Sent++
	d.count.Work += s.required
	d.count.Best = max(d.count.Best, s.difficulty)
	d.links[0].submit(s)
}

// release sends what was kept until a new block, when the pool has said that there is one: a share for the old block is worth nothing
// any more then.
func (d *Real) release(l *link) {
	if l != d.links[0] {
		return
	}
	var rest []kept
	for i := range d.kept {
		if d.kept[i].at.IsZero() {
			d.send(&d.kept[i].share)
		} else {
			rest = append(rest, d.kept[i])
		}
	}
	d.kept = rest
}

// sendDue sends what was kept until now. The caller holds mu.
func (d *Real) sendDue(now time.Time) {
	var rest []kept
	for i := range d.kept {
		if at := d.kept[i].at; !at.IsZero() && !at.After(now) {
			d.send(&d.kept[i].share)
		} else {
			rest = append(rest, d.kept[i])
		}
	}
	d.kept = rest
}

// submit writes a mining.submit. The caller holds the device's mu.
func (l *link) submit(s *submission) {
	l.id++
	l.write(stratum.AppendSubmit(nil, l.id, l.device.config.Worker, s.job, s.extranonce2, s.ntime, s.nonce, s.bits, s.rolled))
}
