package stratum

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Kind is what a JSON value is.
type Kind byte

// The kinds, each by the byte that jsontext names it with. None is that of a value that was not there.
const (
	None   Kind = 0
	Null   Kind = 'n'
	False  Kind = 'f'
	True   Kind = 't'
	String Kind = '"'
	Number Kind = '0'
	Object Kind = '{'
	Array  Kind = '['
)

// String returns the kind for use in a sentence, such as "a string".
func (k Kind) String() string {
	switch k {
	case None:
		return "nothing"
	case Null:
		return "null"
	case False:
		return "false"
	case True:
		return "true"
	case String:
		return "a string"
	case Number:
		return "a number"
	case Object:
		return "an object"
	case Array:
		return "an array"
	}
	return fmt.Sprintf("kind %q", byte(k))
}

// Value is a JSON value that was held to be valid, in the bytes it came in; nil where there was none. It aliases the line.
type Value []byte

// Kind returns what v is.
func (v Value) Kind() Kind {
	if len(v) == 0 {
		return None
	}
	if c := v[0]; c == '-' || '0' <= c && c <= '9' {
		return Number
	}
	return Kind(v[0])
}

// given says that v is there and not null.
func (v Value) given() bool { return len(v) > 0 && v[0] != 'n' }

// text returns what the string v says. It aliases v, or scratch where v was written with escapes.
func (v Value) text(scratch *[]byte) (text []byte, ok bool) {
	if v.Kind() != String {
		return nil, false
	}
	if bytes.IndexByte(v, '\\') < 0 {
		return v[1 : len(v)-1], true
	}
	start := len(*scratch)
	all, err := jsontext.AppendUnquote(*scratch, v)
	*scratch = all
	return all[start:len(all):len(all)], err == nil
}

// readValue returns the next value that d reads of text, which is all that it was given.
func readValue(d *jsontext.Decoder, text []byte) (Value, error) {
	raw, err := d.ReadValue()
	if err != nil {
		return nil, err
	}
	// The decoder promises raw only until the next call, but text stays.
	end := int(d.InputOffset())
	return Value(text[end-len(raw) : end : end]), nil
}

// elements calls f for each element of the array v, until it errs. v must be an array.
func (v Value) elements(f func(i int, element Value) error) error {
	d := jsontext.NewDecoder(bytes.NewBuffer(v))
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	for i := 0; d.PeekKind() != jsontext.KindEndArray; i++ {
		element, err := readValue(d, v)
		if err != nil {
			return err
		}
		if err := f(i, element); err != nil {
			return err
		}
	}
	return nil
}

// member returns the member of the object v with that name, nil if there is none. v must be an object.
func (v Value) member(name string) Value {
	d := jsontext.NewDecoder(bytes.NewBuffer(v))
	if _, err := d.ReadToken(); err != nil {
		return nil
	}
	for d.PeekKind() == jsontext.KindString {
		token, err := d.ReadToken()
		if err != nil {
			return nil
		}
		found := token.String() == name
		value, err := readValue(d, v)
		if err != nil {
			return nil
		}
		if found {
			return value
		}
	}
	return nil
}

// maxQuoted bounds how much of a refused value an error repeats.
const maxQuoted = 80

// String returns v as it was written, made readable and cut to a length that an error can repeat. v need not be valid.
func (v Value) String() string {
	if len(v) == 0 {
		return "nothing"
	}
	return readable(v, maxQuoted)
}

// readable returns text on one line, cut to about so many bytes, with a blank for each character that can't be printed: terminals
// obey some of them.
func readable(text []byte, size int) string {
	rest := ""
	if len(text) > size {
		for size > 0 && !utf8.RuneStart(text[size]) {
			size--
		}
		text, rest = text[:size], "…"
	}
	return strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) {
			return ' '
		}
		return c
	}, string(text)) + rest
}

// quote returns s quoted for an error message, cut to a readable length.
func quote[T string | []byte](s T) string {
	if len(s) > maxQuoted {
		return strconv.Quote(string(s[:maxQuoted])) + "…"
	}
	return strconv.Quote(string(s))
}
