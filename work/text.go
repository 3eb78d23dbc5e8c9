package work

import (
	"strconv"
	"strings"
)

// maxQuoted bounds how much of a refused value an error repeats: enough to
// recognise it, not enough to flood a log.
const maxQuoted = 80

// quote returns s quoted for an error message, cut to a readable length.
func quote(s string) string {
	if len(s) > maxQuoted {
		return strconv.Quote(s[:maxQuoted]) + "…"
	}
	return strconv.Quote(s)
}

// quoteOdd returns s as it is if it is short and plain ASCII.
func quoteOdd(s string) string {
	if len(s) > maxQuoted || strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c >= 0x7f }) {
		return quote(s)
	}
	return s
}

// quoteBytes is quote for bytes, without copying megabytes to show eighty.
func quoteBytes(b []byte) string { return quote(string(b[:min(len(b), maxQuoted+1)])) }

// parseHex32 reads exactly eight hex digits in either case. Unlike strconv it
// accepts no sign, underscore or prefix, so that each value has one length.
func parseHex32(s string) (uint32, bool) {
	if len(s) != 8 {
		return 0, false
	}
	var v uint32
	for i := range len(s) {
		d, ok := hexDigit(s[i])
		if !ok {
			return 0, false
		}
		v = v<<4 | uint32(d)
	}
	return v, true
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}
