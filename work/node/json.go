package node

import (
	"encoding/json"
	"errors"
	"fmt"
)

// maxDepth bounds the nesting of JSON from a node; templates use four levels.
const maxDepth = 64

// errShort means that the JSON ended before its value did: a connection was
// dropped, rather than something else sent.
var errShort = errors.New("the answer ends in the middle")

// jsonObject calls member for each member of the one JSON object that text must
// be, in order, with the exact text of its value, which shares memory with text.
// A name that occurs twice is an error, because which one counts would be
// anybody's guess. Otherwise it accepts what json.Valid accepts, down to
// maxDepth.
//
// A template is megabytes of JSON of which this package needs two members, and
// it arrives inside another object. encoding/json would go over it once to check
// it and again to decode it, at each of the two levels; this goes once.
func jsonObject(text []byte, member func(name string, value []byte) error) error {
	s := scanner{text: text, member: member}
	s.space()
	if s.i < len(text) && text[s.i] != '{' {
		return s.unexpected("a JSON object")
	}
	if err := s.value(); err != nil {
		return err
	}
	s.space()
	if s.i != len(text) {
		return s.unexpected("the end of the answer")
	}
	return nil
}

// A scanner checks JSON (RFC 8259) and stops after one value.
type scanner struct {
	text   []byte
	i      int // the next byte
	depth  int
	member func(name string, value []byte) error // for members of depth 1
}

func (s *scanner) unexpected(want string) error {
	return fmt.Errorf("%s expected at byte %d, found %s", want, s.i, excerpt(s.text[s.i:]))
}

func (s *scanner) space() {
	for s.i < len(s.text) {
		switch s.text[s.i] {
		case ' ', '\t', '\r', '\n':
			s.i++
		default:
			return
		}
	}
}

// token consumes c, which may follow white space.
func (s *scanner) token(c byte) error {
	s.space()
	if s.i == len(s.text) {
		return errShort
	}
	if s.text[s.i] != c {
		return s.unexpected(string(rune(c)))
	}
	s.i++
	return nil
}

// more reports whether a list goes on, after consuming its comma or its end.
func (s *scanner) more(end byte) (bool, error) {
	s.space()
	if s.i == len(s.text) {
		return false, errShort
	}
	switch s.text[s.i] {
	case ',':
		s.i++
		s.space()
		return true, nil
	case end:
		s.i++
		return false, nil
	}
	return false, s.unexpected(string(rune(end)))
}

// empty consumes a list's end if it comes at once.
func (s *scanner) empty(end byte) bool {
	s.space()
	if s.i < len(s.text) && s.text[s.i] == end {
		s.i++
		return true
	}
	return false
}

func (s *scanner) value() error {
	s.space()
	if s.i == len(s.text) {
		return errShort
	}
	switch c := s.text[s.i]; {
	case c == '{' || c == '[':
		if s.depth++; s.depth > maxDepth {
			return fmt.Errorf("JSON nested deeper than %d", maxDepth)
		}
		s.i++
		var err error
		if c == '{' {
			err = s.object()
		} else {
			err = s.array()
		}
		s.depth--
		return err
	case c == '"':
		return s.str()
	case c == '-' || '0' <= c && c <= '9':
		return s.number()
	case c == 't':
		return s.word("true")
	case c == 'f':
		return s.word("false")
	case c == 'n':
		return s.word("null")
	}
	return s.unexpected("a JSON value")
}

func (s *scanner) object() error {
	if s.empty('}') {
		return nil
	}
	top := s.depth == 1
	var seen map[string]bool
	if top {
		seen = map[string]bool{}
	}
	for {
		from := s.i
		if err := s.str(); err != nil {
			return err
		}
		name := s.text[from:s.i]
		if err := s.token(':'); err != nil {
			return err
		}
		s.space()
		from = s.i
		if err := s.value(); err != nil {
			return err
		}
		if top {
			var key string
			if err := json.Unmarshal(name, &key); err != nil {
				return err
			}
			if seen[key] {
				return fmt.Errorf("JSON member %s occurs twice", excerpt([]byte(key)))
			}
			seen[key] = true
			if err := s.member(key, s.text[from:s.i:s.i]); err != nil {
				return err
			}
		}
		if more, err := s.more('}'); !more {
			return err
		}
	}
}

func (s *scanner) array() error {
	if s.empty(']') {
		return nil
	}
	for {
		if err := s.value(); err != nil {
			return err
		}
		if more, err := s.more(']'); !more {
			return err
		}
	}
}

func (s *scanner) str() error {
	if err := s.token('"'); err != nil {
		return err
	}
	for ; s.i < len(s.text); s.i++ {
		// Most of a template is long strings of hex digits.
		rest := s.text[s.i:]
		n := 0
		for n < len(rest) && rest[n] >= ' ' && rest[n] != '"' && rest[n] != '\\' {
			n++
		}
		if s.i += n; s.i == len(s.text) {
			break
		}
		switch c := s.text[s.i]; {
		case c == '"':
			s.i++
			return nil
		case c < ' ':
			return s.unexpected("a character of a JSON string")
		case c == '\\':
			if s.i++; s.i == len(s.text) {
				return errShort
			}
			switch s.text[s.i] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				for range 4 {
					if s.i++; s.i == len(s.text) {
						return errShort
					}
					switch h := s.text[s.i]; {
					case '0' <= h && h <= '9', 'a' <= h && h <= 'f', 'A' <= h && h <= 'F':
					default:
						return s.unexpected("a hex digit")
					}
				}
			default:
				return s.unexpected("a JSON escape")
			}
		}
	}
	return errShort
}

// number scans a number. Only in an answer cut short can it be the last thing.
func (s *scanner) number() error {
	if s.text[s.i] == '-' {
		s.i++
	}
	if s.i < len(s.text) && s.text[s.i] == '0' {
		s.i++
	} else if err := s.digits(); err != nil {
		return err
	}
	if s.i < len(s.text) && s.text[s.i] == '.' {
		s.i++
		if err := s.digits(); err != nil {
			return err
		}
	}
	if s.i < len(s.text) && (s.text[s.i] == 'e' || s.text[s.i] == 'E') {
		s.i++
		if s.i < len(s.text) && (s.text[s.i] == '+' || s.text[s.i] == '-') {
			s.i++
		}
		return s.digits()
	}
	return nil
}

// digits scans at least one digit.
func (s *scanner) digits() error {
	from := s.i
	for s.i < len(s.text) && '0' <= s.text[s.i] && s.text[s.i] <= '9' {
		s.i++
	}
	if s.i > from {
		return nil
	}
	if s.i == len(s.text) {
		return errShort
	}
	return s.unexpected("a digit")
}

func (s *scanner) word(w string) error {
	for k := range len(w) {
		if s.i == len(s.text) {
			return errShort
		}
		if s.text[s.i] != w[k] {
			return s.unexpected(w)
		}
		s.i++
	}
	return nil
}
