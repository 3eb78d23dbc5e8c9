package stratum

import (
	"encoding/base64"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// SetBytes makes b what crossed the wire, without the end of its line: Message if b can stand in a transcript as it is, Raw if not. b is
// not copied.
func (l *Line) SetBytes(b []byte) {
	if standsAsMessage(b) {
		l.Message, l.Raw = b, nil
		return
	}
	if b == nil {
		b = []byte{}
	}
	l.Message, l.Raw = nil, b
}

// transcriptDepth is how deep a message of a transcript may be nested: readers of JSON have limits of their own.
const transcriptDepth = 100

// standsAsMessage says that b is JSON which a reader of the transcript gets back byte by byte.
func standsAsMessage(b []byte) bool {
	if len(b) == 0 || skipSpace(b, 0) != 0 || skipSpace(b, len(b)-1) == len(b) {
		return false
	}
	if plainValue(b, 0, 0) == len(b) && !hasLineFeed(b) {
		return true
	}
	return !hasLineFeed(b) && jsontext.Value(b).IsValid() && !deeperThan(b, transcriptDepth)
}

func hasLineFeed(b []byte) bool {
	for _, c := range b {
		if c == '\n' {
			return true
		}
	}
	return false
}

// AppendLine appends a line of a transcript with its end. Time and Session must be given, the session of at most 256 bytes of UTF-8;
// Message must be what SetBytes takes for one. Number is not written. The time is cut to microseconds.
func AppendLine(dst []byte, l *Line) []byte {
	dst = append(dst, `{"time":"`...)
	dst = appendTime(dst, l.Time)
	dst = append(dst, `","session":`...)
	dst, _ = jsontext.AppendQuote(dst, l.Session) // it errs for what is not UTF-8, and replaces it
	dst = append(dst, `,"from":"`...)
	dst = append(dst, l.From.String()...)
	dst = append(dst, '"')
	if l.Restated {
		dst = append(dst, `,"restated":true`...)
	}
	if l.Omitted > 0 {
		dst = append(dst, `,"omitted":`...)
		dst = strconv.AppendInt(dst, int64(l.Omitted), 10)
	}
	if l.Message != nil {
		dst = append(append(dst, `,"message":`...), l.Message...)
	} else {
		dst = append(dst, `,"raw":"`...)
		dst = append(base64.StdEncoding.AppendEncode(dst, l.Raw), '"')
	}
	return append(dst, "}\n"...)
}

// appendTime appends a time as transcripts have it. Package time takes three times as long.
func appendTime(dst []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	if year < 0 || year > 9999 {
		return t.AppendFormat(dst, "2006-01-02T15:04:05.000000Z")
	}
	hour, minute, second := t.Clock()
	dst = appendDigits(dst, year, 4)
	dst = appendDigits(append(dst, '-'), int(month), 2)
	dst = appendDigits(append(dst, '-'), day, 2)
	dst = appendDigits(append(dst, 'T'), hour, 2)
	dst = appendDigits(append(dst, ':'), minute, 2)
	dst = appendDigits(append(dst, ':'), second, 2)
	dst = appendDigits(append(dst, '.'), t.Nanosecond()/1000, 6)
	return append(dst, 'Z')
}

// appendDigits appends n with leading zeros.
func appendDigits(dst []byte, n, digits int) []byte {
	var zeros [6]byte
	dst = append(dst, zeros[:digits]...)
	for i := len(dst) - 1; digits > 0; i, digits = i-1, digits-1 {
		dst[i] = byte('0' + n%10)
		n /= 10
	}
	return dst
}
