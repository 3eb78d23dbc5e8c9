package serve

import (
	"bytes"
	"regexp"
)

// passwordFields are those of replies that hold a pool's password: in JSON, and in the text format.
var passwordFields = regexp.MustCompile(`(?i)"[a-z_ -]*pass(?:word|wd)?"\s*:\s*"((?:[^"\\]|\\.)*)|\bpass(?:word|wd)?=((?:[^,|\\]|\\.)*)`)

// blankPasswords puts a * for each byte of a password: recordings are passed on.
func blankPasswords(raw []byte) []byte {
	if !bytes.Contains(bytes.ToLower(raw), []byte("pass")) {
		return raw
	}
	for _, m := range passwordFields.FindAllSubmatchIndex(raw, -1) {
		for _, span := range [][2]int{{m[2], m[3]}, {m[4], m[5]}} {
			for i := max(span[0], 0); i < span[1]; i++ {
				raw[i] = '*'
			}
		}
	}
	return raw
}
