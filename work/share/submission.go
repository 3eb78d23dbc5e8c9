package share

import (
	"encoding/binary"
	"encoding/hex"
	"time"
)

// MaxExtranonce is the most bytes that extranonce1 or extranonce2 may have. Devices in the field take up to 16; what is
// longer is refused.
const MaxExtranonce = 32

// Submission is a share as a miner reports it, as values. It is read and not kept.
type Submission struct {
	// Worker is the name the share is submitted under. Only presets look at it.
	Worker string
	// JobID names the job.
	JobID string
	// Extranonce1 is nil for the one in force when the job was sent, the usual case. A pool that knows better may give it.
	Extranonce1 []byte
	// Extranonce2 is the miner's part of the coinbase, as bytes.
	Extranonce2 []byte
	// Time is the header's time (ntime), seconds since 1970.
	Time uint32
	// Nonce is the header's nonce.
	Nonce uint32
	// VersionBits are the rolled bits of the version (BIP 310), if HasVersionBits.
	VersionBits    uint32
	HasVersionBits bool
	// Received is when the submission came: the clock to judge ntime and forgotten jobs by. The zero time means that nobody
	// knows: then no time is too new and no job is forgotten.
	Received time.Time
	// Malformed says why the message has not the shape of a submission; "" if it has.
	Malformed string
	// Faults are the fields whose text stands for no value; their values are 0.
	Faults Faults
	// Text are the fields as received, nil if not known. Only presets of pools that judge text read it.
	Text *Text
}

// Faults are fields of a submission whose text stands for no value.
type Faults uint8

// The fields, as bits.
const (
	FaultExtranonce2 Faults = 1 << iota // not hex, an odd number of digits, or more than MaxExtranonce bytes
	FaultVersionBits                    // not 8 hex digits
	FaultTime                           // not 8 hex digits
	FaultNonce                          // not 8 hex digits
)

// Text are the fields of a mining.submit as received.
type Text struct {
	Worker, JobID, Extranonce2, Time, Nonce, VersionBits string
	// HasVersionBits says that there was a sixth field.
	HasVersionBits bool
}

// Submission returns the values that the text stands for: hex digits in either case, exactly eight for ntime, nonce and
// version bits, and nothing else. What stands for no value is named in Faults. The bytes of Extranonce2 are appended to buf,
// and t is kept as Text: both must stay as they are while the submission is in use. Received is left to the caller.
func (t *Text) Submission(buf []byte) Submission {
	s := Submission{Worker: t.Worker, JobID: t.JobID, HasVersionBits: t.HasVersionBits, Text: t}
	var ok bool
	if s.Extranonce2, ok = appendHex(buf, t.Extranonce2); !ok {
		s.Faults |= FaultExtranonce2
	}
	if s.Time, ok = parseHex32(t.Time); !ok {
		s.Faults |= FaultTime
	}
	if s.Nonce, ok = parseHex32(t.Nonce); !ok {
		s.Faults |= FaultNonce
	}
	if t.HasVersionBits {
		if s.VersionBits, ok = parseHex32(t.VersionBits); !ok {
			s.Faults |= FaultVersionBits
		}
	}
	return s
}

// appendHex appends the bytes that s stands for and returns them alone.
func appendHex(buf []byte, s string) ([]byte, bool) {
	if len(s)%2 != 0 || len(s) > 2*MaxExtranonce {
		return nil, false
	}
	start := len(buf)
	for ; s != ""; s = s[2:] {
		b, ok := hexByte(s)
		if !ok {
			return nil, false
		}
		buf = append(buf, b)
	}
	return buf[start:len(buf):len(buf)], true
}

// hexByte reads the first two characters of s as one byte in hex.
func hexByte(s string) (b byte, ok bool) {
	hi, lo := digits[s[0]], digits[s[1]]
	return hi<<4 | lo, hi|lo <= 15
}

// parseHex32 reads exactly eight hex digits in either case, without sign, prefix or separator.
func parseHex32(s string) (v uint32, ok bool) {
	if len(s) != 8 {
		return 0, false
	}
	bad := byte(0)
	for i := range 8 {
		d := digits[s[i]]
		bad |= d
		v = v<<4 | uint32(d&15)
	}
	if bad > 15 {
		return 0, false
	}
	return v, true
}

// digits are the values of hex digits; 255 stands for what is none.
var digits = func() (t [256]byte) {
	for c := range t {
		t[c] = 255
	}
	for v, c := range []byte("0123456789abcdef") {
		t[c] = byte(v)
	}
	for v, c := range []byte("ABCDEF") {
		t[c] = byte(10 + v)
	}
	return t
}()

// text returns the fields as received, or else as every miner would write the values.
func (s *Submission) text() Text {
	if s.Text != nil {
		return *s.Text
	}
	word := func(v uint32) string { return hex.EncodeToString(binary.BigEndian.AppendUint32(nil, v)) }
	t := Text{
		Worker: s.Worker, JobID: s.JobID, Extranonce2: hex.EncodeToString(s.Extranonce2),
		Time: word(s.Time), Nonce: word(s.Nonce), HasVersionBits: s.HasVersionBits,
	}
	if s.HasVersionBits {
		t.VersionBits = word(s.VersionBits)
	}
	return t
}
