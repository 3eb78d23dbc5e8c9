package testvectors

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// What a vector expects.
const (
	Valid   = "valid"
	Invalid = "invalid"
)

// Malformed is the reason of vectors that cannot be decoded at all. All other
// reasons are the words Bitcoin Core gives (BIP 22), listed in README.md.
const Malformed = "malformed"

const (
	maxVectorSize = 4 << 20 // bytes; far above the largest vector, it only bounds Parse
	maxFields     = 1 << 16
)

// Field is one line of a vector.
type Field struct{ Key, Value string }

// Vector is one parsed file, before its kind is known.
type Vector struct {
	Name    string // path below the package, without ".txt": "block/mainnet-170"
	Source  string // the public place the values come from
	Comment string // why this vector is here
	Expect  string // Valid or Invalid
	Reason  string // one word; empty exactly when Expect is Valid
	Fields  []Field
}

// Parse reads one vector. name is stored as is. Parsing is strict: UTF-8, lines
// ending in LF, "key: value" on each, keys of lower case letters, digits and
// inner hyphens, values without surrounding space or control characters; source,
// comment and expect exactly once, reason exactly once if and only if expect is
// invalid. text is not kept.
func Parse(name string, text []byte) (Vector, error) {
	v := Vector{Name: name}
	switch {
	case len(text) == 0:
		return Vector{}, fmt.Errorf("vector %q is empty", name)
	case len(text) > maxVectorSize:
		return Vector{}, fmt.Errorf("vector %q has %d bytes, more than %d", name, len(text), maxVectorSize)
	case !utf8.Valid(text):
		return Vector{}, fmt.Errorf("vector %q is not UTF-8", name)
	case text[len(text)-1] != '\n':
		return Vector{}, fmt.Errorf("vector %q does not end in a line feed", name)
	}
	if n := bytes.Count(text, []byte{'\n'}); n > maxFields {
		return Vector{}, fmt.Errorf("vector %q has %d lines, more than %d", name, n, maxFields)
	}
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		f, err := parseField(strings.TrimSuffix(line, "\n"))
		if err != nil {
			return Vector{}, fmt.Errorf("vector %q line %d: %w", name, number, err)
		}
		v.Fields = append(v.Fields, f)
	}
	for key, to := range map[string]*string{
		"source": &v.Source, "comment": &v.Comment, "expect": &v.Expect, "reason": &v.Reason,
	} {
		all := v.All(key)
		if len(all) > 1 {
			return Vector{}, fmt.Errorf("vector %q has %d %q lines, want one", name, len(all), key)
		}
		if len(all) == 1 {
			*to = all[0]
		} else if key != "reason" {
			return Vector{}, fmt.Errorf("vector %q has no %q line", name, key)
		}
	}
	switch {
	case v.Expect != Valid && v.Expect != Invalid:
		return Vector{}, fmt.Errorf("vector %q expects %q, want %q or %q", name, v.Expect, Valid, Invalid)
	case v.Expect == Valid && v.Reason != "":
		return Vector{}, fmt.Errorf("vector %q is valid but has reason %q", name, v.Reason)
	case v.Expect == Invalid && !isWord(v.Reason):
		return Vector{}, fmt.Errorf("vector %q is invalid and has reason %q, want one word", name, v.Reason)
	}
	return v, nil
}

func parseField(line string) (Field, error) {
	key, value, ok := strings.Cut(line, ": ")
	if !ok {
		return Field{}, fmt.Errorf("%.40q is not \"key: value\"", line)
	}
	if !isWord(key) {
		return Field{}, fmt.Errorf("key %.40q is not lower case letters, digits and hyphens", key)
	}
	if value == "" || strings.TrimSpace(value) != value {
		return Field{}, fmt.Errorf("value of %q is empty or has space around it", key)
	}
	if i := strings.IndexFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }); i >= 0 {
		return Field{}, fmt.Errorf("value of %q has control character %q", key, value[i])
	}
	return Field{key, value}, nil
}

func isWord(s string) bool {
	for i, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z':
		case i > 0 && c >= '0' && c <= '9':
		case i > 0 && i < len(s)-1 && c == '-':
		default:
			return false
		}
	}
	return s != ""
}

// Get returns the first value of key, "" if there is none.
func (v *Vector) Get(key string) string {
	for _, f := range v.Fields {
		if f.Key == key {
			return f.Value
		}
	}
	return ""
}

// All returns the values of key in the order of the file.
func (v *Vector) All(key string) []string {
	var all []string
	for _, f := range v.Fields {
		if f.Key == key {
			all = append(all, f.Value)
		}
	}
	return all
}

// Bytes decodes the first value of key as lower case hex, in the order written.
// Without such a key it returns nil and no error.
func (v *Vector) Bytes(key string) ([]byte, error) {
	s := v.Get(key)
	if s == "" {
		return nil, nil
	}
	b, err := decodeHex(s)
	if err != nil {
		return nil, fmt.Errorf("vector %q, key %q: %w", v.Name, key, err)
	}
	return b, nil
}

// decodeHex refuses upper case, so that each value has one encoding.
func decodeHex(s string) ([]byte, error) {
	if s != strings.ToLower(s) {
		return nil, fmt.Errorf("%.16q is not lower case hex", s)
	}
	return hex.DecodeString(s)
}

func (v Vector) clone() Vector {
	v.Fields = slices.Clone(v.Fields)
	return v
}
