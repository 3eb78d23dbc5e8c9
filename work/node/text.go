package node

import (
	"strconv"
	"strings"
	"unicode"
)

// maxText bounds what is quoted of a node's own words.
const maxText = 300

// oneLine makes text from a node fit for a line of output: one line, printable,
// bounded.
func oneLine(s string) string {
	s = strings.ToValidUTF8(s[:min(len(s), 4*maxText)], "?")
	s = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > maxText {
		s = string(r[:maxText]) + "…"
	}
	return s
}

// excerpt quotes the first bytes of something unexpected.
func excerpt(b []byte) string {
	const n = 60
	if len(b) == 0 {
		return "nothing"
	}
	if len(b) > n {
		return strconv.QuoteToASCII(string(b[:n])) + "…"
	}
	return strconv.QuoteToASCII(string(b))
}
