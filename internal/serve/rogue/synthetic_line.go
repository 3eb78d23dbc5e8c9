package rogue

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/touchstone-btc/touchstone/work/share"
)

// timeFormat is that of recordings.
const timeFormat = "2006-01-02T15:04:05.000000Z"

// AppendLine appends the event as a line of JSON, as package serve's audit reads it: of a share the verdict line, with when its job was
// sent, of openings, ends and claims a line of their own. A job has none: dst is returned as it was.
func (e *Event) AppendLine(dst []byte) []byte {
	if e.What == GotJob {
		return dst
	}
	dst = appendTime(append(dst, `{"time":`...), e.Time)
	dst = appendText(append(dst, `,"session":`...), e.Session)
	dst = appendText(append(dst, `,"worker":`...), e.Device)
	switch e.What {
	case Opened:
		dst = append(dst, `,"event":"open"`...)
	case Closed:
		dst = append(dst, `,"event":"close"`...)
	case Claimed:
		dst = appendNumber(append(dst, `,"claim":`...), e.Rate)
		dst = append(dst, `,"source":"synthetic"`...)
	case Sent:
		dst = e.appendShare(dst)
	}
	return append(dst, `,"synthetic":true}`+"\n"...)
}

// appendShare appends the members of a verdict line after the first three.
func (e *Event) appendShare(dst []byte) []byte {
	s := &e.Share
	dst = strconv.AppendUint(append(dst, `,"job":"`...), e.Job.Number, 16)
	dst = hex.AppendEncode(append(dst, `","extranonce2":"`...), s.Extranonce2[:s.Extranonce2Size])
	dst = appendWord(append(dst, `","ntime":`...), s.NTime)
	dst = appendWord(append(dst, `,"nonce":`...), s.Nonce)
	dst = appendWord(append(dst, `,"version_bits":`...), s.VersionBits)
	dst = append(append(append(dst, `,"verdict":"`...), s.Word.String()...), '"')
	said := "accepted"
	switch s.Word {
	case share.Accepted, share.Block:
		dst = append(dst, `,"reason":null`...)
	default:
		said = "rejected: " + s.Word.String()
		dst = append(append(append(dst, `,"reason":"`...), s.Word.String()...), '"')
	}
	dst = strconv.AppendBool(append(dst, `,"block":`...), s.Block)
	hash := e.hash()
	dst = hex.AppendEncode(append(dst, `,"hash":"`...), hash[:])
	dst = appendNumber(append(dst, `","difficulty":`...), s.Difficulty)
	dst = appendNumber(append(dst, `,"required":`...), s.Required)
	dst = append(append(append(dst, `,"pool_said":"`...), said...), '"')
	dst = appendTime(append(dst, `,"replied":`...), e.Time)
	dst = appendTime(append(dst, `,"crossed":false,"sent":`...), e.Job.Time)
	dst = strconv.AppendBool(append(dst, `,"clean":`...), e.Job.Clean)
	return appendNumber(append(dst, `,"network":`...), e.Job.Network)
}

// hash returns a hash of the share's difficulty, in display order. Only its leading 53 bits mean anything.
func (e *Event) hash() (hash [32]byte) {
	binary.BigEndian.PutUint64(hash[16:], e.random[0])
	binary.BigEndian.PutUint64(hash[24:], e.random[1])
	fraction, exponent := math.Frexp(0xffff / e.Share.Difficulty)
	exponent += 208 // the hash has so many bits
	if exponent > 256 {
		fraction, exponent = 1-0x1p-53, 256
	}
	top := uint64(fraction*0x1p64) | e.random[0]>>53 // the bits from exponent-1 down
	at := min(256-exponent, 192)                     // leading zeros
	clear(hash[:at/8])
	first := hash[at/8:]
	binary.BigEndian.PutUint64(first, top>>(at%8))
	if at%8 > 0 && len(first) > 8 {
		first[8] = byte(top<<(8-at%8)) | first[8]>>(at%8)
	}
	return hash
}

func appendTime(dst []byte, t time.Time) []byte {
	return append(t.UTC().AppendFormat(append(dst, '"'), timeFormat), '"')
}

func appendText(dst []byte, s string) []byte {
	dst, _ = jsontext.AppendQuote(dst, s) // the error says that it was not UTF-8: it is quoted all the same
	return dst
}

func appendWord(dst []byte, w uint32) []byte {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], w)
	return append(hex.AppendEncode(append(dst, '"'), b[:]), '"')
}

func appendNumber(dst []byte, f float64) []byte {
	format := byte('f') // as encoding/json does
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(dst, f, format, -1, 64)
}
