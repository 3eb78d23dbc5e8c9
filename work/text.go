package work

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
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

// decodeHex fills dst from hex digits in either case.
func decodeHex(dst, text []byte) error {
	if len(text) != 2*len(dst) {
		return fmt.Errorf("%d hex digits: want %d", len(text), 2*len(dst))
	}
	if _, err := hex.Decode(dst, text); err != nil {
		return errors.New("want hex digits only")
	}
	return nil
}

// parseHex32 reads exactly eight hex digits in either case. Unlike strconv it
// accepts no sign, underscore or prefix, so that each value has one length.
func parseHex32(s string) (uint32, bool) {
	var b [4]byte
	err := decodeHex(b[:], []byte(s))
	return binary.BigEndian.Uint32(b[:]), err == nil
}
