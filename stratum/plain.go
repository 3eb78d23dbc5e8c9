package stratum

import (
	"bytes"
	"encoding/binary"
	mathbits "math/bits"
)

// What is read here is plain JSON: ASCII without escapes, objects of few members, no deeper than MaxDepth, and nothing wrong. That is
// what nearly every line is. Whatever is not plain is left to jsontext, which alone says what is an error.
//
// Side by side on one core, the least of 400 runs, in ns:
//
//	                                                  plain  jsontext  encoding/json
//	Decode of a submission                              110       285          2500
//	Decode of its answer                                 50       160           500
//	the lines of both in a transcript, with an onlooker 660      1580
//
// Judging the share comes on top of the last row and takes about 660, in batches of 512 with branches of 12: with jsontext alone,
// reading would take more than twice as long as judging.
//
// The functions return the index after what they read, or notPlain.
const notPlain = -1

// plainMembers is how many names of one object are compared with each other.
const plainMembers = 12

// skipSpace returns the index of the next byte that is not white space, len(b) if there is none.
func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\r' || b[i] == '\n') {
		i++
	}
	return i
}

// Bytes in a word of eight, for plainString.
const (
	each = 0x0101010101010101
	tops = 0x80 * each
)

// plainString reads the string that begins at i, where a quote must stand.
func plainString(b []byte, i int) int {
	i++
	// Eight bytes at a time: a byte has its top bit set where it is not ASCII; after subtracting 0x20 where it is a control
	// character; and after subtracting 1 from what is 0 where it equals the one that was XORed. A borrow can only reach bytes
	// after one that is found itself, and the first one found is what counts.
	for i+8 <= len(b) {
		w := binary.LittleEndian.Uint64(b[i:])
		quote, escape := w^('"'*each), w^('\\'*each)
		if found := (w | (w - 0x20*each) | (quote-each)&^quote | (escape-each)&^escape) & tops; found != 0 {
			if i += mathbits.TrailingZeros64(found) / 8; b[i] == '"' {
				return i + 1
			}
			return notPlain
		}
		i += 8
	}
	for ; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return i + 1
		case c < 0x20 || c >= 0x80 || c == '\\':
			return notPlain
		}
	}
	return notPlain
}

// plainNumber reads the number that begins at i.
func plainNumber(b []byte, i int) int {
	if i < len(b) && b[i] == '-' {
		i++
	}
	whole := i
	if i = skipDigits(b, i); i == whole || b[whole] == '0' && i > whole+1 {
		return notPlain
	}
	if i < len(b) && b[i] == '.' {
		fraction := i + 1
		if i = skipDigits(b, fraction); i == fraction {
			return notPlain
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		exponent := i
		if i = skipDigits(b, exponent); i == exponent {
			return notPlain
		}
	}
	return i
}

func skipDigits(b []byte, i int) int {
	for i < len(b) && '0' <= b[i] && b[i] <= '9' {
		i++
	}
	return i
}

// plainValue reads the value that begins at i, at that depth inside another.
func plainValue(b []byte, i, depth int) int {
	if i >= len(b) {
		return notPlain
	}
	switch c := b[i]; c {
	case '"':
		return plainString(b, i)
	case 'n':
		return plainLiteral(b, i, "null")
	case 't':
		return plainLiteral(b, i, "true")
	case 'f':
		return plainLiteral(b, i, "false")
	case '[':
		return plainArray(b, i, depth+1)
	case '{':
		return plainObject(b, i, depth+1)
	}
	return plainNumber(b, i)
}

func plainLiteral(b []byte, i int, literal string) int {
	if end := i + len(literal); end <= len(b) && string(b[i:end]) == literal {
		return end
	}
	return notPlain
}

// plainArray reads the array that begins at i.
func plainArray(b []byte, i, depth int) int {
	if depth > MaxDepth {
		return notPlain
	}
	if i = skipSpace(b, i+1); i < len(b) && b[i] == ']' {
		return i + 1
	}
	for {
		if i = plainValue(b, i, depth); i < 0 {
			return notPlain
		}
		if i = skipSpace(b, i); i == len(b) {
			return notPlain
		}
		switch b[i] {
		case ']':
			return i + 1
		case ',':
			i = skipSpace(b, i+1)
		default:
			return notPlain
		}
	}
}

// plainObject reads the object that begins at i.
func plainObject(b []byte, i, depth int) int {
	if depth > MaxDepth {
		return notPlain
	}
	var names plainNames
	if i = skipSpace(b, i+1); i < len(b) && b[i] == '}' {
		return i + 1
	}
	for {
		name, value := plainName(b, i)
		if value < 0 || !names.add(b, name) {
			return notPlain
		}
		if i = plainValue(b, value, depth); i < 0 {
			return notPlain
		}
		var more bool
		if i, more = plainNext(b, i); !more {
			return i
		}
	}
}

// plainName reads a name that begins at i and the colon after it. It returns the name, and where the value begins.
func plainName(b []byte, i int) (name span, value int) {
	if i >= len(b) || b[i] != '"' {
		return span{}, notPlain
	}
	end := plainString(b, i)
	if end < 0 {
		return span{}, notPlain
	}
	colon := skipSpace(b, end)
	if colon == len(b) || b[colon] != ':' {
		return span{}, notPlain
	}
	return span{int32(i + 1), int32(end - 1)}, skipSpace(b, colon+1)
}

// plainNext reads what follows a member: more, with the index of the next name, or not, with the index after the object.
func plainNext(b []byte, i int) (next int, more bool) {
	if i = skipSpace(b, i); i == len(b) {
		return notPlain, false
	}
	switch b[i] {
	case '}':
		return i + 1, false
	case ',':
		return skipSpace(b, i+1), true
	}
	return notPlain, false
}

// span are the bytes from start to before end.
type span struct{ start, end int32 }

// plainNames are the names of an object, so that none comes twice.
type plainNames struct {
	names [plainMembers]span
	count int
	marks uint64 // one bit for each name, by its length and first letter
}

// add returns false where the name came before, or there are too many.
func (p *plainNames) add(b []byte, name span) bool {
	if p.count == plainMembers {
		return false
	}
	mark := uint64(1) << ((uint(name.end-name.start)*8 ^ uint(b[name.start])) % 64) // that of "" is a quote
	if p.marks&mark != 0 {
		text := b[name.start:name.end]
		for _, other := range p.names[:p.count] {
			if bytes.Equal(b[other.start:other.end], text) {
				return false
			}
		}
	}
	p.marks |= mark
	p.names[p.count] = name
	p.count++
	return true
}
