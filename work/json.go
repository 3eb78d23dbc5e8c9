package work

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxJSONDepth bounds nesting in values that nobody reads.
const maxJSONDepth = 64

// jsonReader reads JSON (RFC 8259) once, from left to right, into what the caller wants. A template is megabytes of hex: the
// standard library would look at each byte three times, let a key come twice, and match keys of another case.
type jsonReader struct {
	text []byte
	at   int
}

// fieldError is a value that is not what its field wants. The path to it is put together on the way out.
type fieldError struct {
	path  string
	value string
	want  string
}

func (e *fieldError) Error() string {
	text := e.path
	if e.value != "" {
		text += " " + e.value
	}
	return strings.TrimPrefix(text+": "+e.want, " ")
}

// within puts name before the path of an error that is about a value in it.
func within(name string, err error) error {
	var f *fieldError
	if !errors.As(err, &f) {
		return err
	}
	switch {
	case f.path == "":
		f.path = name
	case f.path[0] == '[':
		f.path = name + f.path
	default:
		f.path = name + "." + f.path
	}
	return f
}

// syntax is an error about the text at the reader's place.
func (r *jsonReader) syntax(want string) error {
	if r.at >= len(r.text) {
		return fmt.Errorf("JSON ends after %d bytes: want %s; was it cut?", len(r.text), want)
	}
	return fmt.Errorf("JSON byte %d: %s: want %s", r.at, quoteBytes(r.text[r.at:min(r.at+16, len(r.text))]), want)
}

// wants is an error about the value at the reader's place, which it steps over to show it.
func (r *jsonReader) wants(want string) error {
	from := r.at
	if err := r.skip(0); err != nil {
		return err
	}
	value := short(r.text[from:r.at])
	switch r.text[from] {
	case '{':
		value = "{…}"
	case '[':
		value = "[…]"
	case '"':
		value = quoteBytes(r.text[from+1 : r.at-1])
	}
	return &fieldError{value: value, want: want}
}

// next steps over white space and returns the byte that follows, 0 at the end.
func (r *jsonReader) next() byte {
	for r.at < len(r.text) {
		switch c := r.text[r.at]; c {
		case ' ', '\t', '\n', '\r':
			r.at++
		default:
			return c
		}
	}
	return 0
}

// end errs if anything follows.
func (r *jsonReader) end() error {
	if r.next() != 0 || r.at < len(r.text) {
		return r.syntax("nothing after the value")
	}
	return nil
}

// object calls field for each member, with the reader at its value. key is only good until field returns.
func (r *jsonReader) object(field func(key []byte) error) error {
	if r.next() != '{' {
		return r.wants("want an object")
	}
	r.at++
	if r.next() == '}' {
		r.at++
		return nil
	}
	for {
		if r.next() != '"' {
			return r.syntax("a key in quotes")
		}
		key, err := r.text8()
		if err != nil {
			return err
		}
		if r.next() != ':' {
			return r.syntax("a colon")
		}
		r.at++
		r.next()
		if err := field(key); err != nil {
			return within(safeKey(key), err)
		}
		switch r.next() {
		case ',':
			r.at++
		case '}':
			r.at++
			return nil
		default:
			return r.syntax("a comma or the object's end")
		}
	}
}

// array calls element for each element, with the reader at its value.
func (r *jsonReader) array(element func(i int) error) error {
	if r.next() != '[' {
		return r.wants("want an array")
	}
	r.at++
	if r.next() == ']' {
		r.at++
		return nil
	}
	for i := 0; ; i++ {
		r.next()
		if err := element(i); err != nil {
			return within("["+strconv.Itoa(i)+"]", err)
		}
		switch r.next() {
		case ',':
			r.at++
		case ']':
			r.at++
			return nil
		default:
			return r.syntax("a comma or the array's end")
		}
	}
}

// string reads a string, into memory of its own.
func (r *jsonReader) string() (string, error) {
	if r.next() != '"' {
		return "", r.wants("want a string")
	}
	b, err := r.text8()
	return string(b), err
}

// text8 reads a string that begins here. Without escapes it is a part of the text.
func (r *jsonReader) text8() ([]byte, error) {
	from := r.at + 1
	for i := from; i < len(r.text); i++ {
		switch c := r.text[i]; {
		case c == '"':
			b := r.text[from:i]
			if !utf8.Valid(b) {
				return nil, r.syntax("valid UTF-8")
			}
			r.at = i + 1
			return b, nil
		case c == '\\':
			return r.escaped()
		case c < ' ':
			r.at = i
			return nil, r.syntax("no control character in a string")
		}
	}
	r.at = len(r.text)
	return nil, r.syntax("the string's end")
}

// escaped reads a string with escapes.
func (r *jsonReader) escaped() ([]byte, error) {
	var out []byte
	for i := r.at + 1; i < len(r.text); {
		c := r.text[i]
		switch {
		case c == '"':
			if !utf8.Valid(out) {
				return nil, r.syntax("valid UTF-8")
			}
			r.at = i + 1
			return out, nil
		case c < ' ':
			r.at = i
			return nil, r.syntax("no control character in a string")
		case c != '\\':
			out = append(out, c)
			i++
		default:
			char, n := unescape(r.text[i:])
			if n == 0 {
				r.at = i
				return nil, r.syntax("an escape of JSON")
			}
			out = utf8.AppendRune(out, char)
			i += n
		}
	}
	r.at = len(r.text)
	return nil, r.syntax("the string's end")
}

// unescape returns the character that the escape at the beginning of b stands for and its length, 0 for what is no escape.
// Half a surrogate pair gives U+FFFD, as everywhere in Go.
func unescape(b []byte) (char rune, n int) {
	if len(b) < 2 {
		return 0, 0
	}
	if i := bytes.IndexByte([]byte(`"\/bfnrt`), b[1]); i >= 0 {
		return rune("\"\\/\b\f\n\r\t"[i]), 2
	}
	unit, ok := escapedUnit(b)
	if !ok {
		return 0, 0
	}
	if unit >= 0xd800 && unit < 0xdc00 {
		if low, ok := escapedUnit(b[6:]); ok && low >= 0xdc00 && low < 0xe000 {
			return (unit-0xd800)<<10 + (low - 0xdc00) + 0x10000, 12
		}
	}
	return unit, 6
}

// escapedUnit reads \u and four hex digits.
func escapedUnit(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	var unit rune
	for _, c := range b[2:6] {
		d, ok := hexDigit(c)
		if !ok {
			return 0, false
		}
		unit = unit<<4 | rune(d)
	}
	return unit, true
}

// appendHex reads a string of hex digits in either case and appends the bytes.
func (r *jsonReader) appendHex(dst []byte) ([]byte, error) {
	if r.next() != '"' {
		return nil, r.wants("want a string of hex digits")
	}
	from := r.at
	digits := r.text[from+1:]
	if i := bytes.IndexByte(digits, '"'); i >= 0 && i%2 == 0 {
		if out, err := hex.AppendDecode(dst, digits[:i]); err == nil {
			r.at = from + 1 + i + 1
			return out, nil
		}
	}
	// The slow way is for what is wrong, and for the odd writer that escapes digits.
	digits, err := r.text8()
	if err != nil {
		return nil, err
	}
	if len(digits)%2 == 1 {
		return nil, &fieldError{value: quoteBytes(digits), want: fmt.Sprintf("%d hex digits: want two for each byte", len(digits))}
	}
	out, err := hex.AppendDecode(dst, digits)
	if err != nil {
		return nil, &fieldError{value: quoteBytes(digits), want: "want hex digits only"}
	}
	return out, nil
}

// integer reads a whole number from low to high.
func (r *jsonReader) integer(low, high int64) (int64, error) {
	r.next()
	from := r.at
	if err := r.skip(0); err != nil {
		return 0, err
	}
	text := r.text[from:r.at]
	n, err := strconv.ParseInt(string(text), 10, 64)
	if c := text[0]; c != '-' && (c < '0' || c > '9') || err != nil || n < low || n > high {
		return 0, &fieldError{value: short(text), want: fmt.Sprintf("want a whole number from %d to %d", low, high)}
	}
	return n, nil
}

func (r *jsonReader) uint32() (uint32, error) {
	n, err := r.integer(0, math.MaxUint32)
	return uint32(n), err
}

// boolean reads true or false.
func (r *jsonReader) boolean() (bool, error) {
	switch r.next() {
	case 't':
		return true, r.word("true")
	case 'f':
		return false, r.word("false")
	}
	return false, r.wants("want true or false")
}

func (r *jsonReader) word(w string) error {
	if !bytes.HasPrefix(r.text[r.at:], []byte(w)) {
		return r.syntax(w)
	}
	r.at += len(w)
	return nil
}

// skip steps over a value of any kind.
func (r *jsonReader) skip(depth int) error {
	if depth > maxJSONDepth {
		return r.syntax(fmt.Sprintf("values nested at most %d deep", maxJSONDepth))
	}
	switch c := r.next(); {
	case c == '{':
		return r.object(func([]byte) error { return r.skip(depth + 1) })
	case c == '[':
		return r.array(func(int) error { return r.skip(depth + 1) })
	case c == '"':
		_, err := r.text8()
		return err
	case c == 't':
		return r.word("true")
	case c == 'f':
		return r.word("false")
	case c == 'n':
		return r.word("null")
	case c == '-' || c >= '0' && c <= '9':
		return r.number()
	}
	return r.syntax("a value")
}

// number steps over a number.
func (r *jsonReader) number() error {
	if r.peek() == '-' {
		r.at++
	}
	if r.peek() == '0' {
		r.at++
	} else if !r.digits() {
		return r.syntax("a digit")
	}
	if r.peek() == '.' {
		r.at++
		if !r.digits() {
			return r.syntax("a digit")
		}
	}
	if c := r.peek(); c == 'e' || c == 'E' {
		r.at++
		if c := r.peek(); c == '+' || c == '-' {
			r.at++
		}
		if !r.digits() {
			return r.syntax("a digit")
		}
	}
	return nil
}

// digits steps over digits and says whether there were any.
func (r *jsonReader) digits() bool {
	from := r.at
	for c := r.peek(); c >= '0' && c <= '9'; c = r.peek() {
		r.at++
	}
	return r.at > from
}

// peek returns the byte here, 0 at the end.
func (r *jsonReader) peek() byte {
	if r.at < len(r.text) {
		return r.text[r.at]
	}
	return 0
}

// safeKey returns a key as it may stand in an error's path: plain, or quoted where a stranger wrote something odd.
func safeKey(key []byte) string {
	for _, c := range key {
		if c <= ' ' || c >= 0x7f || len(key) > maxQuoted {
			return quoteBytes(key)
		}
	}
	return string(key)
}

// quoteBytes is quote for bytes, without copying megabytes to show eighty.
func quoteBytes(b []byte) string { return quote(string(b[:min(len(b), maxQuoted+1)])) }

// short returns a number's text, cut.
func short(b []byte) string {
	if len(b) > maxQuoted {
		return string(b[:maxQuoted]) + "…"
	}
	return string(b)
}
