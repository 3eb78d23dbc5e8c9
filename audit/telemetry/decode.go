package telemetry

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	// maxReply is the most bytes of a reply that are read.
	maxReply = 1 << 20
	// maxDepth is how deep a reply may be nested, and maxNodes how many values it may have.
	maxDepth = 32
	maxNodes = 1 << 16
)

var (
	errNoReply  = errors.New("neither JSON nor the text format of the cgminer API")
	errTooDeep  = fmt.Errorf("nested deeper than %d", maxDepth)
	errTooMany  = fmt.Errorf("more than %d values", maxNodes)
	errTooLarge = fmt.Errorf("longer than %d bytes", maxReply)
	errEmpty    = errors.New("empty")
)

// decoder reads JSON as firmware writes it: a tokenizer that forgives, so that what stands inside a string is never mistaken for
// structure. It notes what it forgave.
type decoder struct {
	in      []byte
	pos     int
	nodes   int
	repairs *repairs
}

// decode reads one reply in JSON.
func decode(raw []byte, r *repairs) (node, error) {
	d := decoder{in: trimEnd(raw, r), repairs: r}
	d.space()
	if d.end() {
		return node{}, errEmpty
	}
	var n node
	var err error
	switch c := d.in[d.pos]; c {
	case '{':
		d.pos++
		n, err = d.object(1)
	case '[':
		d.pos++
		n, err = d.list(1)
	case ',', '"': // the beginning is lost, such as in ,"id":1}
		r.add(missingBrace, d.pos)
		n, err = d.object(1)
	default:
		return node{}, errNoReply
	}
	if err != nil {
		return node{}, err
	}
	d.space()
	if !d.end() {
		r.add(afterTheEnd, d.pos)
	}
	return n, nil
}

// trimEnd takes off NULs and space.
func trimEnd(raw []byte, r *repairs) []byte {
	end, nul := len(raw), -1
	for end > 0 {
		switch raw[end-1] {
		case 0:
			nul = end - 1
		case ' ', '\t', '\r', '\n':
		default:
			if nul >= 0 {
				r.add(trailingNUL, nul)
			}
			return raw[:end]
		}
		end--
	}
	return nil
}

func (d *decoder) end() bool { return d.pos >= len(d.in) }

// space skips what separates values.
func (d *decoder) space() {
	for !d.end() {
		switch c := d.in[d.pos]; {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
		case c < ' ' || c == 0x7f:
			d.repairs.add(controlBytes, d.pos)
		case d.pos == 0 && strings.HasPrefix(string(d.in[:min(3, len(d.in))]), "\ufeff"):
			d.pos += 2
		default:
			return
		}
		d.pos++
	}
}

// count bounds how many values there are.
func (d *decoder) count() error {
	if d.nodes++; d.nodes > maxNodes {
		return errTooMany
	}
	return nil
}

// value reads a value. It returns false where there is none: the next byte is not the beginning of one, or the reply ends in it.
func (d *decoder) value(depth int) (n node, ok bool, err error) {
	if d.space(); d.end() {
		d.repairs.add(cutOff, len(d.in))
		return n, false, nil
	}
	if err := d.count(); err != nil {
		return n, false, err
	}
	if depth >= maxDepth {
		return n, false, errTooDeep
	}
	switch d.in[d.pos] {
	case '{':
		d.pos++
		n, err = d.object(depth + 1)
		return n, err == nil, err
	case '[':
		d.pos++
		n, err = d.list(depth + 1)
		return n, err == nil, err
	case '"':
		text, ok := d.text()
		return node{kind: kindString, text: text}, ok, nil
	case ',', ':', '}', ']':
		return n, false, nil
	}
	n, ok = d.word()
	return n, ok, nil
}

// separators keeps account of the commas between members.
type separators struct {
	value bool // the last thing was a value
	comma int  // where the last thing, a comma, was; -1 if it was none
}

// next skips commas. It returns the byte that comes then, 0 at the end of the reply.
func (d *decoder) next(s *separators) byte {
	for {
		if d.space(); d.end() {
			d.repairs.add(cutOff, len(d.in))
			return 0
		}
		c := d.in[d.pos]
		if c != ',' {
			return c
		}
		if !s.value {
			d.repairs.add(spareComma, d.pos)
		} else {
			s.comma = d.pos
		}
		s.value = false
		d.pos++
	}
}

// closed notes a comma before the end of an object or a list.
func (d *decoder) closed(s *separators) {
	if s.comma >= 0 && !s.value {
		d.repairs.add(spareComma, s.comma)
	}
}

// begins notes a comma that is missing before a value.
func (d *decoder) begins(s *separators) {
	if s.value {
		d.repairs.add(missingComma, d.pos)
	}
	s.value, s.comma = true, -1
}

// object reads the members of an object, and its end.
func (d *decoder) object(depth int) (node, error) {
	n := node{kind: kindObject}
	s := separators{comma: -1}
	for {
		c := d.next(&s)
		switch c {
		case 0:
			return n, nil
		case ']':
			d.repairs.add(wrongBracket, d.pos)
			fallthrough
		case '}':
			d.closed(&s)
			d.pos++
			return n, nil
		case ':':
			d.repairs.add(missingValue, d.pos)
			d.pos++
			continue
		case '{', '[':
			// A value without a name: it stands for nothing that we could look up.
			d.begins(&s)
			d.repairs.add(missingColon, d.pos)
			if _, _, err := d.value(depth); err != nil {
				return n, err
			}
			continue
		}
		d.begins(&s)
		begin := d.pos
		name, ok := d.name()
		if !ok {
			d.repairs.add(cutOff, len(d.in))
			return n, nil
		}
		if err := d.member(&n, name, begin, depth); err != nil {
			return n, err
		}
	}
}

// name reads the name of a member.
func (d *decoder) name() (string, bool) {
	if d.in[d.pos] == '"' {
		return d.text()
	}
	d.repairs.add(unquoted, d.pos)
	n, ok := d.bare()
	return n, ok
}

// member reads what follows the name of a member, and keeps it in n.
func (d *decoder) member(n *node, name string, begin, depth int) error {
	d.space()
	if !d.end() && d.in[d.pos] == ':' {
		d.pos++
	} else if !d.end() && d.in[d.pos] != ',' && d.in[d.pos] != '}' && d.in[d.pos] != ']' {
		d.repairs.add(missingColon, d.pos)
	}
	v, ok, err := d.value(depth)
	if err != nil {
		return err
	}
	if !ok {
		if d.end() {
			return nil // cut off, which is noted
		}
		d.repairs.add(missingValue, d.pos)
		v = node{}
	}
	if !n.put(name, v) {
		d.repairs.add(nameTwice, begin)
	}
	return nil
}

// list reads the values of a list, and its end. A list of names and values becomes an object.
func (d *decoder) list(depth int) (node, error) {
	n := node{kind: kindList}
	s := separators{comma: -1}
	for {
		switch c := d.next(&s); c {
		case 0:
			return n, nil
		case '}':
			d.repairs.add(wrongBracket, d.pos)
			fallthrough
		case ']':
			d.closed(&s)
			d.pos++
			return n, nil
		case ':':
			last := len(n.items) - 1
			if n.kind == kindList && last >= 0 && n.items[last].kind == kindString {
				d.repairs.add(namedList, d.pos)
				name := n.items[last].text
				n = node{kind: kindObject}
				if err := d.member(&n, name, d.pos, depth); err != nil {
					return n, err
				}
				continue
			}
			d.repairs.add(missingValue, d.pos)
			d.pos++
			continue
		}
		d.begins(&s)
		begin := d.pos
		v, ok, err := d.value(depth)
		switch {
		case err != nil:
			return n, err
		case !ok:
			d.repairs.add(cutOff, len(d.in))
			return n, nil
		case n.kind == kindList:
			n.items = append(n.items, v)
		case v.kind == kindString:
			if err := d.member(&n, v.text, begin, depth); err != nil {
				return n, err
			}
		default:
			d.repairs.add(missingColon, begin)
		}
	}
}

// delimiter says that a word without quotation marks ends before c.
func delimiter(c byte) bool {
	return c <= ' ' || c == ',' || c == ':' || c == '{' || c == '}' || c == '[' || c == ']' || c == '"'
}

// bare reads a word. It returns false if the reply ends with it: some of it may be missing.
func (d *decoder) bare() (string, bool) {
	begin := d.pos
	for !d.end() && !delimiter(d.in[d.pos]) {
		d.pos++
	}
	return strings.ToValidUTF8(string(d.in[begin:d.pos]), "?"), !d.end()
}

// word reads a value without quotation marks.
func (d *decoder) word() (n node, ok bool) {
	begin := d.pos
	text, ok := d.bare()
	if !ok {
		d.repairs.add(cutOff, begin)
		return n, false
	}
	switch text {
	case "null":
		return node{}, true
	case "true", "false":
		return node{kind: kindBool, text: text}, true
	}
	if isNotANumber(text) {
		d.repairs.add(notANumber, begin)
		return node{kind: kindNumber, text: text}, true
	}
	if _, err := parseFloat(text); err == nil || errors.Is(err, strconv.ErrRange) {
		if !jsonNumber(text) {
			d.repairs.add(oddNumber, begin)
		}
		return node{kind: kindNumber, text: text}, true
	}
	d.repairs.add(unquoted, begin)
	return node{kind: kindString, text: text}, true
}

// text reads a string. It returns false if the reply ends in it.
func (d *decoder) text() (string, bool) {
	d.pos++
	begin := d.pos
	for plain := true; !d.end(); d.pos++ {
		switch c := d.in[d.pos]; {
		case c == '"':
			text := d.in[begin:d.pos]
			d.pos++
			if plain {
				return d.valid(string(text), begin), true
			}
			return d.valid(d.unescape(text, begin), begin), true
		case c == '\\':
			plain = false
			d.pos++
		case c < ' ':
			d.repairs.add(controlBytes, d.pos)
		}
	}
	d.pos = len(d.in)
	d.repairs.add(cutOff, begin-1)
	return "", false
}

// valid replaces what is no UTF-8.
func (d *decoder) valid(text string, position int) string {
	if utf8.ValidString(text) {
		return text
	}
	d.repairs.add(notUTF8, position)
	return strings.ToValidUTF8(text, "?")
}

// escapes are those of JSON with one letter.
var escapes = map[byte]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// unescape returns what a string with escapes stands for.
func (d *decoder) unescape(text []byte, begin int) string {
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			out = append(out, text[i])
			continue
		}
		i++
		if c, ok := escapes[text[i]]; ok {
			out = append(out, c)
			continue
		}
		if r, size := unicodeEscape(text[i:]); size > 0 {
			out = utf8.AppendRune(out, r)
			i += size - 1
			continue
		}
		d.repairs.add(badEscape, begin+i)
		out = append(out, text[i])
	}
	return string(out)
}

// unicodeEscape reads uXXXX, and the second half of a pair. The size is 0 if it is none.
func unicodeEscape(text []byte) (rune, int) {
	unit := func(text []byte) rune {
		if len(text) < 5 || text[0] != 'u' {
			return -1
		}
		v, err := strconv.ParseUint(string(text[1:5]), 16, 16)
		if err != nil {
			return -1
		}
		return rune(v)
	}
	high := unit(text)
	switch {
	case high < 0:
		return 0, 0
	case !utf16.IsSurrogate(high):
		return high, 5
	case len(text) > 6 && text[5] == '\\':
		if r := utf16.DecodeRune(high, unit(text[6:])); r != utf8.RuneError {
			return r, 11
		}
	}
	return utf8.RuneError, 5
}
