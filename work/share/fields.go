package share

import "github.com/touchstone-btc/touchstone/work"

// FieldRule is how the text of a submission's fields becomes values.
type FieldRule uint8

// The rules.
const (
	Exactly FieldRule = iota // hex digits in either case, of exactly the right number
)

// fields are the values of a submission as a policy reads them.
type fields struct {
	extranonce2       []byte
	time, nonce, bits uint32
	hasBits           bool
	faults            Faults
}

// read returns the values of s as the policy reads them, for a job that takes size bytes of extranonce2. Bytes that are not
// those of s are appended to arena.
func (p *Policy) read(s *Submission, size int, arena *[]byte) fields {
	f := fields{s.Extranonce2, s.Time, s.Nonce, s.VersionBits, s.HasVersionBits, s.Faults}
	if len(f.extranonce2) != size {
		f.faults |= FaultExtranonce2
	}
	return f
}

// mask is which version bits a session may roll.
type mask struct {
	bits              uint32
	granted, optional bool
}

// version returns the version of a header whose job has version job, and why the bits are refused, if they are.
func (p *Policy) version(job uint32, m mask, f *fields) (version uint32, why reason, got, want int64) {
	if !m.granted && p.Mask != 0 {
		m.bits, m.granted = p.Mask, true
	}
	bits, has := f.bits, f.hasBits
	if p.BitsIgnored == IgnoredEverywhere || p.BitsIgnored == IgnoredUngranted && !m.granted {
		bits, has = 0, false
		m.optional = true
		f.faults &^= FaultVersionBits
	}
	switch {
	case f.faults&FaultVersionBits != 0:
		return job, reasonBitsText, 0, 0
	case !has && m.granted && !m.optional && !p.BitsOptional:
		return job, reasonBitsMissing, 0, int64(m.bits)
	case !has:
		return job, reasonNone, 0, 0
	case p.BitsUnchecked:
	case bits != 0 && !m.granted:
		why, got = reasonBitsUnwanted, int64(bits)
	case !work.CheckVersionBits(bits, m.bits):
		why, got, want = reasonBitsOutside, int64(bits), int64(m.bits)
	}
	switch p.Combine {
	case Or:
		version = job | bits
	case Xor:
		version = job ^ bits
	case Whole:
		version = job&^m.bits | bits
	default:
		version = work.CombineVersion(job, bits, m.bits)
	}
	return version, why, got, want
}
