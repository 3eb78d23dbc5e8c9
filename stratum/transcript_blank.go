package stratum

import (
	"bytes"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Blanker takes passwords out of what one miner sends. The zero value is for a new connection; it is for one goroutine.
//
// A mining.authorize, and whatever else by its method may log in, keeps its id, its method and the first of its params, the worker's
// name; all other params become "", and other members null. What is no message but may have been meant as one with a password is
// left out altogether, and so is what follows until the next message: a password may have a line feed in it.
type Blanker struct {
	omitting bool
	buf      []byte
}

// Blank returns line, which m was decoded from if decoded, as it may be recorded: line itself, a changed copy that holds until the next
// call, or nothing. m is nil if line is no message.
func (b *Blanker) Blank(line []byte, m *Message) (text []byte, omitted int) {
	if m == nil {
		if b.omitting = b.omitting || mayHoldPassword(line); b.omitting {
			return nil, len(line)
		}
		return line, 0
	}
	b.omitting = false
	if !logsIn(m.Method) {
		return line, 0
	}
	b.buf = b.buf[:0]
	if err := b.blank(line); err != nil { // it was decoded before: this can't be
		return nil, len(line)
	}
	return b.buf, 0
}

// logsIn says that params of such a method may hold a password.
func logsIn(method string) bool {
	switch method {
	case MethodSubmit, MethodSubscribe, MethodConfigure:
		return false
	}
	lower := strings.ToLower(method)
	return strings.Contains(lower, "auth") || strings.Contains(lower, "login")
}

// mayHoldPassword says that line, which is no message, may be a request with a password, or a piece of one. Of submissions it is known
// that they have none.
func mayHoldPassword(line []byte) bool {
	lower := bytes.ToLower(line)
	if bytes.IndexByte(lower, '\\') >= 0 || bytes.Contains(lower, []byte("auth")) || bytes.Contains(lower, []byte("login")) ||
		bytes.Contains(lower, []byte("pass")) {
		return true
	}
	return bytes.Contains(lower, []byte("param")) && !bytes.Contains(lower, []byte(MethodSubmit))
}

// blank appends line to the buffer with what may be secret replaced.
func (b *Blanker) blank(line []byte) error {
	d := jsontext.NewDecoder(bytes.NewBuffer(line))
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	done := 0 // bytes of line that are in the buffer
	replace := func(v Value, with string) {
		end := int(d.InputOffset())
		b.buf = append(append(b.buf, line[done:end-len(v)]...), with...)
		done = end
	}
	for d.PeekKind() == jsontext.KindString {
		name, err := d.ReadToken()
		if err != nil {
			return err
		}
		switch name.String() {
		case "id", "method", "jsonrpc":
			if err := d.SkipValue(); err != nil {
				return err
			}
		case "params":
			if d.PeekKind() == jsontext.KindBeginArray {
				if err := eachElement(d, line, func(i int, v Value) {
					if i > 0 || v.Kind() == Object || v.Kind() == Array {
						replace(v, `""`)
					}
				}); err != nil {
					return err
				}
				break
			}
			fallthrough
		default:
			v, err := readValue(d, line)
			if err != nil {
				return err
			}
			replace(v, "null")
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	if _, err := d.ReadToken(); err != io.EOF {
		return io.ErrUnexpectedEOF
	}
	b.buf = append(b.buf, line[done:]...)
	return nil
}

// eachElement calls f after each element of the array that d reads next of text.
func eachElement(d *jsontext.Decoder, text []byte, f func(i int, v Value)) error {
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	for i := 0; d.PeekKind() != jsontext.KindEndArray; i++ {
		v, err := readValue(d, text)
		if err != nil {
			return err
		}
		f(i, v)
	}
	_, err := d.ReadToken()
	return err
}
