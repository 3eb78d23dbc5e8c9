package share

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/touchstone-btc/touchstone/work"
)

// FieldRule is how the text of a submission's fields becomes values. Where a submission has no Text, rules other than Exactly
// read what every miner would have written.
type FieldRule uint8

// The rules. Those of pools are what the pool's code does, wherever it is defined what that is.
const (
	// Exactly wants hex digits in either case, of exactly the right number.
	Exactly FieldRule = iota
	// LikeCKPool wants an even number of hex digits. Of extranonce2 the first ones count, and zeros fill it up at its end; of the
	// nonce the first eight, at least so many must come; of ntime and version bits the last eight (all ones from 17 on, as the
	// number is too large for C's sscanf). Version bits that are not such a text are 0.
	LikeCKPool
	// LikeDATUM wants twice as many characters as extranonce2 has bytes. Two that are not a byte in hex, of which the letters have
	// one case, are 0. The other fields are read as by C's strtoul: spaces, a sign, 0x and digits as far as they go.
	LikeDATUM
	// LikePublicPool takes extranonce2 as far as it is hex, whatever its length. The other fields are read as by JavaScript's
	// parseInt: spaces, a sign, 0x and digits as far as they go; what is no number is 0.
	LikePublicPool
	// LikeBTCPool reads all fields as by strtoul; extranonce2 as a number of 64 bits, of which as many low bytes count as it has.
	// An ntime of 0 is the job's.
	LikeBTCPool
	// LikeMiningcore takes extranonce2 of any length but none, without 0x at its beginning or an odd character at its end, and
	// does arithmetic on what is not hex. Ntime and nonce have eight characters, of which spaces at either end and zero bytes at
	// the end don't count, the others must be hex; so must version bits, of any length.
	LikeMiningcore
	// LikeNodeStratumPool counts characters: eight of ntime and nonce, twice as many as extranonce2 has bytes. Then each is taken
	// as far as it is hex, in pairs; of ntime and nonce, zeros follow. The limits of ntime see what parseInt makes of it; what is
	// no number is within all limits.
	LikeNodeStratumPool
)

// fields are the values of a submission as a policy reads them.
type fields struct {
	extranonce2       []byte
	time, nonce, bits uint32
	hasBits           bool
	faults            Faults
	noWorker          bool
	timeSeen          uint32 // ntime, as its limits see it
	timeless          bool   // they don't
}

// read returns the values of s as the policy reads them, for a job that takes size bytes of extranonce2 and whose ntime is jobTime.
// Bytes that are not those of s are appended to arena.
func (p *Policy) read(s *Submission, size int, jobTime uint32, arena *[]byte) fields {
	if p.Fields != Exactly {
		return p.readText(s, size, jobTime, arena)
	}
	f := fields{
		extranonce2: s.Extranonce2, time: s.Time, nonce: s.Nonce, bits: s.VersionBits, hasBits: s.HasVersionBits, faults: s.Faults,
		noWorker: s.Worker == "", timeSeen: s.Time,
	}
	if len(f.extranonce2) != size {
		f.faults |= FaultExtranonce2
	}
	return f
}

// readText is read for the rules of pools.
func (p *Policy) readText(s *Submission, size int, jobTime uint32, arena *[]byte) fields {
	t := s.text()
	f := fields{hasBits: t.HasVersionBits, noWorker: t.Worker == ""}
	start := len(*arena)
	b := *arena
	switch p.Fields {
	case LikeCKPool:
		b = f.readCKPool(b, &t, size)
	case LikeDATUM:
		b = f.readDATUM(b, &t, size)
	case LikePublicPool:
		b = f.readPublicPool(b, &t)
	case LikeBTCPool:
		b = f.readBTCPool(b, &t, size, jobTime)
	case LikeMiningcore:
		b = f.readMiningcore(b, &t)
	default:
		b = f.readNodeStratumPool(b, &t, size)
	}
	*arena, f.extranonce2 = b, b[start:]
	if p.Fields != LikeNodeStratumPool {
		f.timeSeen = f.time
	}
	if s.Text == nil {
		f.faults |= s.Faults // the text is one of values, where there is none
	}
	return f
}

// fault notes that a field has no value, unless it has.
func (f *fields) fault(field Faults, ok bool) {
	if !ok {
		f.faults |= field
	}
}

func (f *fields) readCKPool(b []byte, t *Text, size int) []byte {
	f.fault(FaultExtranonce2, validHex(t.Extranonce2))
	f.fault(FaultTime, validHex(t.Time))
	f.fault(FaultNonce, validHex(t.Nonce) && len(t.Nonce) >= 8)
	if f.faults&FaultExtranonce2 == 0 {
		end := len(b) + size
		b = appendPairs(b, t.Extranonce2[:min(len(t.Extranonce2), 2*size)])
		for len(b) < end {
			b = append(b, 0)
		}
	}
	f.time = uint32(strtoul(t.Time))
	f.nonce = uint32(strtoul(t.Nonce[:min(len(t.Nonce), 8)]))
	if validHex(t.VersionBits) {
		f.bits = uint32(strtoul(t.VersionBits))
	}
	return b
}

func (f *fields) readDATUM(b []byte, t *Text, size int) []byte {
	f.time, f.nonce, f.bits = uint32(strtoul(t.Time)), uint32(strtoul(t.Nonce)), uint32(strtoul(t.VersionBits))
	if len(t.Extranonce2) != 2*size {
		f.faults |= FaultExtranonce2
		return b
	}
	for i := 0; i < 2*size; i += 2 {
		x := uint8(0)
		if pair := t.Extranonce2[i : i+2]; pair == strings.ToLower(pair) || pair == strings.ToUpper(pair) {
			if b, ok := hexByte(pair); ok {
				x = b
			}
		}
		b = append(b, x)
	}
	return b
}

func (f *fields) readPublicPool(b []byte, t *Text) []byte {
	var ok bool
	f.time, ok = jsUint32(t.Time)
	f.fault(FaultTime, ok)
	f.nonce, ok = jsUint32(t.Nonce)
	f.fault(FaultNonce, ok)
	f.bits = jsToInt32(parseInt(t.VersionBits))
	return appendPairs(b, t.Extranonce2)
}

func (f *fields) readBTCPool(b []byte, t *Text, size int, jobTime uint32) []byte {
	x := strtoul(t.Extranonce2)
	for i := size - 1; i >= 0; i-- {
		if i >= 8 {
			b = append(b, 0)
		} else {
			b = append(b, byte(x>>(8*i)))
		}
	}
	f.time, f.nonce, f.bits = uint32(strtoul(t.Time)), uint32(strtoul(t.Nonce)), uint32(strtoul(t.VersionBits))
	if f.time == 0 {
		f.time = jobTime
	}
	return b
}

func (f *fields) readMiningcore(b []byte, t *Text) []byte {
	f.noWorker = strings.TrimSpace(t.Worker) == ""
	f.fault(FaultExtranonce2, t.Extranonce2 != "")
	value := func(c uint16) int {
		switch {
		case c < 'a' && c > '9':
			return int(c) - ('A' - 10)
		case c > '9':
			return int(c) - ('a' - 10)
		}
		return int(c) - '0'
	}
	units := utf16.Encode([]rune(strings.TrimPrefix(t.Extranonce2, "0x")))
	for i := 0; i+1 < len(units); i += 2 {
		b = append(b, byte(value(units[i])<<4+value(units[i+1])))
	}
	var ok bool
	f.time, ok = dotnetUint32(t.Time)
	f.fault(FaultTime, ok && utf16Len(t.Time) == 8)
	f.nonce, ok = dotnetUint32(t.Nonce)
	f.fault(FaultNonce, ok && utf16Len(t.Nonce) == 8)
	if t.HasVersionBits {
		f.bits, ok = dotnetUint32(t.VersionBits)
		f.fault(FaultVersionBits, ok)
	}
	return b
}

func (f *fields) readNodeStratumPool(b []byte, t *Text, size int) []byte {
	f.fault(FaultExtranonce2, utf16Len(t.Extranonce2) == 2*size)
	f.fault(FaultTime, utf16Len(t.Time) == 8)
	f.fault(FaultNonce, utf16Len(t.Nonce) == 8)
	f.time, f.nonce = pairs32(t.Time), pairs32(t.Nonce)
	seen := parseInt(t.Time)
	f.timeless = math.IsNaN(seen)
	if !f.timeless {
		f.timeSeen = uint32(max(0, min(seen, math.MaxUint32)))
	}
	return appendPairs(b, t.Extranonce2)
}

// validHex reports whether s is an even number of hex digits, but not none.
func validHex(s string) bool {
	for i := 0; i < len(s); i++ {
		if digits[s[i]] > 15 {
			return false
		}
	}
	return s != "" && len(s)%2 == 0
}

// appendPairs appends the bytes that s stands for, up to the first two characters that are not a byte in hex: as JavaScript's
// Buffer does.
func appendPairs(b []byte, s string) []byte {
	for ; len(s) >= 2; s = s[2:] {
		x, ok := hexByte(s)
		if !ok {
			break
		}
		b = append(b, x)
	}
	return b
}

// pairs32 is what appendPairs makes of the first four bytes of s, followed by zeros, most significant first.
func pairs32(s string) uint32 {
	var b [4]byte
	appendPairs(b[:0], s[:min(len(s), 8)])
	return binary.BigEndian.Uint32(b[:])
}

// hexPrefix returns the hex digits that s begins with, after the spaces it begins with, a sign and 0x.
func hexPrefix(s string, isSpace func(rune) bool) (hex string, negative bool) {
	s = strings.TrimLeftFunc(s, isSpace)
	if s != "" && (s[0] == '-' || s[0] == '+') {
		negative = s[0] == '-'
		s = s[1:]
	}
	if len(s) >= 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X') {
		s = s[2:]
	}
	n := 0
	for n < len(s) && digits[s[n]] <= 15 {
		n++
	}
	return s[:n], negative
}

// strtoul is C's on a machine of 64 bits, in base 16. What is no number is 0.
func strtoul(s string) uint64 {
	hex, negative := hexPrefix(s, func(r rune) bool { return r == ' ' || r >= '\t' && r <= '\r' })
	hex = strings.TrimLeft(hex, "0")
	if len(hex) > 16 {
		return math.MaxUint64
	}
	v := uint64(0)
	for i := range len(hex) {
		v = v<<4 | uint64(digits[hex[i]])
	}
	if negative {
		return -v
	}
	return v
}

// parseInt is JavaScript's in base 16: NaN for what is no number.
func parseInt(s string) float64 {
	hex, negative := hexPrefix(s, jsSpace)
	if hex == "" {
		return math.NaN()
	}
	v, _ := strconv.ParseFloat("0x"+hex+"p0", 64) // infinite, if it is too large
	if negative {
		return -v
	}
	return v
}

// jsSpace reports whether r is a space or a line's end in ECMAScript.
func jsSpace(r rune) bool {
	switch {
	case r >= '\t' && r <= '\r', r == ' ', r == 0xa0, r == 0x1680, r >= 0x2000 && r <= 0x200a, r == 0x2028, r == 0x2029, r == 0x202f,
		r == 0x205f, r == 0x3000, r == 0xfeff:
		return true
	}
	return false
}

// jsUint32 is what JavaScript's Buffer writes of the number that s stands for as 32 bits; it writes none that has more.
func jsUint32(s string) (v uint32, ok bool) {
	switch x := parseInt(s); {
	case math.IsNaN(x):
		return 0, true
	case x < 0 || x > math.MaxUint32:
		return 0, false
	default:
		return uint32(x), true
	}
}

// jsToInt32 is what JavaScript's operators on bits see of a number.
func jsToInt32(x float64) uint32 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return 0
	}
	return uint32(int64(math.Mod(x, 1<<32)))
}

// dotnetUint32 is .NET's uint.Parse of hex.
func dotnetUint32(s string) (v uint32, ok bool) {
	space := func(r rune) bool { return r == ' ' || r >= '\t' && r <= '\r' }
	s = strings.TrimLeftFunc(s, space)
	s = strings.TrimRightFunc(strings.TrimRight(s, "\x00"), space)
	n, err := strconv.ParseUint(s, 16, 32)
	if err != nil {
		return 0, false
	}
	return uint32(n), true
}

// utf16Len is the length of s in JavaScript and .NET.
func utf16Len(s string) (n int) {
	for _, r := range s {
		n += max(1, utf16.RuneLen(r))
	}
	return n
}

// mask is which version bits a session may roll.
type mask struct {
	bits              uint32
	granted, optional bool
}

// version returns the version of a header whose job has version job, and why the bits are refused, if they are.
func (p *Policy) version(job uint32, m mask, f *fields) (version uint32, why reason, got, want int64) {
	switch {
	case m.granted && p.MaskInstead != 0:
		m.bits = p.MaskInstead
	case !m.granted && p.Mask != 0:
		m.bits, m.granted = p.Mask, true
	}
	bits, has := f.bits, f.hasBits
	if p.BitsIgnored == IgnoredEverywhere || p.BitsIgnored == IgnoredUngranted && !m.granted {
		bits, has = 0, false
		m.optional = true
		f.faults &^= FaultVersionBits
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
	outside := !work.CheckVersionBits(bits, m.bits)
	if p.Combine == Whole {
		outside = (version^job)&^m.bits != 0
	}
	switch {
	case f.faults&FaultVersionBits != 0:
		return job, reasonBitsText, 0, 0
	case !has && m.granted && !m.optional && !p.BitsOptional:
		return job, reasonBitsMissing, 0, int64(m.bits)
	case !has:
		return job, reasonNone, 0, 0
	case p.BitsUnchecked:
		return version, reasonNone, 0, 0
	case outside && !m.granted:
		return version, reasonBitsUnwanted, int64(bits), 0
	case outside:
		return version, reasonBitsOutside, int64(bits), int64(m.bits)
	}
	return version, reasonNone, 0, 0
}
