package audit

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"time"
)

// Times that can be: before there is no Bitcoin, after no nanoseconds in 64 bits.
var (
	earliest = time.Date(2009, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
)

// sane reports whether a time can be that of an event; the zero time, for "not yet", is.
func sane(t time.Time) bool {
	return t.IsZero() || !t.Before(earliest) && t.Before(latest)
}

const (
	// slack is how far times may go back without a word: connections are read side by side, and some records have whole seconds.
	slack = 2 * time.Second
	// hole is how long nothing at all may happen to a machine at work before it is taken for a hole in the record: jobs come every
	// minute. idleHole is that for one without work.
	hole     = time.Hour
	idleHole = 30 * 24 * time.Hour
	// unknownHole is that for a machine of which no rate is known yet: it may be so slow that it is silent for hours.
	unknownHole, maxHole = 24 * time.Hour, 14 * 24 * time.Hour
)

// tick lets time pass until now. It reports whether now can be believed: whether it is the latest time so far and not far ahead.
func (d *Device) tick(now time.Time) bool {
	now = now.Round(0).UTC() // without the monotonic reading, which a record does not have
	if !sane(now) || now.IsZero() {
		d.Note(fmt.Sprintf("An event had the time %.40s, which can't be: it is taken for no time at all.", now.Format(time.DateTime)))
		return false
	}
	if d.First.IsZero() {
		d.First, d.Now = now, now
		return true
	}
	if !d.Ahead.IsZero() && !d.resolveAhead(now) {
		return false
	}
	if by := d.Now.Sub(now); by > 0 {
		if by > slack {
			d.Behind, d.BehindBy = addClamped(d.Behind, 1), max(d.BehindBy, by)
			return false
		}
		return true
	}
	if now.Sub(d.Now) > d.hole() {
		d.Ahead = now
		return false
	}
	d.settle(now)
	return true
}

// resolveAhead decides, at the event after one that was far ahead, which of the two times is right. It reports whether now is to be
// looked at further.
func (d *Device) resolveAhead(now time.Time) bool {
	ahead := d.Ahead
	switch {
	case now.Before(ahead.Add(-slack)): // back again
		d.Ahead = time.Time{}
		d.Note(fmt.Sprintf("A clock jumped to %s and back: the event of that time is not counted.", ahead.Format(time.DateTime)))
		return true
	case now.Sub(ahead) > d.hole():
		d.Ahead = now
		return false
	}
	d.Ahead = time.Time{}
	if d.working() {
		d.Note(fmt.Sprintf("Nothing at all is recorded between %s and %s: the record has a hole there, or a clock jumped. That time is "+
			"not counted.", d.Now.Format(time.DateTime), ahead.Format(time.DateTime)))
		d.cut()
		d.idle(SpanUnseen)
		d.Now = ahead
		d.idle("")
		return true
	}
	d.settle(ahead)
	return true
}

// hole returns how long nothing may happen before it is taken for a hole in the record.
func (d *Device) hole() time.Duration {
	if !d.working() {
		return idleHole
	}
	rate := 0.
	if shares := d.Exposure.Shares(); shares >= 10 && d.Seen > 0 {
		rate = float64(shares) / d.Seen
	} else if rate = d.claims(d.Now); rate == 0 {
		return unknownHole
	}
	// 30 expected shares: chance makes a silence of that length once in e^30 cases.
	silence := min(30/(rate*d.perHash), maxHole.Seconds()) // maxHole where no difficulty is known
	return max(time.Duration(silence*float64(time.Second)), hole)
}

// tickShare is tick for a share. Where only whole seconds are recorded it came at some moment of that second: which one is drawn from
// what the share is, so that the same record gives the same report.
func (d *Device) tickShare(s *Share) bool {
	at := s.Time
	if s.WholeSeconds {
		part, _ := bits.Mul64(jitter(s), uint64(time.Second))
		at = at.Truncate(time.Second).Add(time.Duration(part))
	}
	return d.tick(at)
}

// jitter returns 64 bits that depend on the share and nothing else, evenly spread: the finisher of splitmix64 (Steele and others 2014)
// over its fields.
func jitter(s *Share) uint64 {
	h := uint64(s.Nonce)<<32 | uint64(s.NTime)
	h = mix(h) ^ uint64(s.VersionBits) ^ s.Job<<32
	h = mix(h) ^ binary.BigEndian.Uint64(s.Extranonce2[:])
	return mix(h)
}

func mix(h uint64) uint64 {
	h += 0x9e3779b97f4a7c15
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}
