package stratum

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// ErrTooLong says that a message has more than MaxLine bytes.
var ErrTooLong = fmt.Errorf("message of more than %d bytes", MaxLine)

// Decode reads one message, an object in JSON with or without the end of its line. m then aliases line. It does not allocate, but
// for methods that are not read here and once for each m.
//
// It errs where the bytes are not one JSON object with valid UTF-8 and no name twice, are too many or too deep, or where id or
// method are of another type than they may be; and where there is neither a method nor a result or error. Unknown members are
// ignored. Of params, result and error it judges nothing else: that is for the methods of Message. After an error, m is empty.
//
// Plain lines are read by a scanner of our own and all others by jsontext; what is an error is jsontext's to say.
func Decode(line []byte, m *Message) error {
	m.reset()
	m.line, m.scratch = line, m.scratch[:0]
	if m.decodePlain() {
		return nil
	}
	m.reset()
	if err := m.decode(line); err != nil {
		m.reset()
		return fmt.Errorf("message: %w", err)
	}
	return nil
}

// decodePlain reads a line that is plain JSON in every respect. It returns false, with m in any state, where decode has to look.
func (m *Message) decodePlain() bool {
	b := m.line
	if len(b) > MaxLine {
		return false
	}
	i := skipSpace(b, 0)
	if i == len(b) || b[i] != '{' {
		return false
	}
	var names plainNames
	i = skipSpace(b, i+1)
	for more := true; more; {
		name, value := plainName(b, i)
		if value < 0 || !names.add(b, name) {
			return false
		}
		text := b[name.start:name.end]
		if string(text) == "params" && value < len(b) && b[value] == '[' {
			i = m.plainParams(value)
		} else if i = plainValue(b, value, 0); i >= 0 && m.setMember(text, Value(b[value:i:i])) != nil {
			return false
		}
		if i < 0 {
			return false
		}
		if i, more = plainNext(b, i); i < 0 {
			return false
		}
	}
	return skipSpace(b, i) == len(b) && (m.Method != "" || m.Result != nil || m.Error != nil)
}

// plainParams reads the array of params that begins at i.
func (m *Message) plainParams(i int) int {
	b := m.line
	m.ParamsKind = Array
	if i = skipSpace(b, i+1); i < len(b) && b[i] == ']' {
		return i + 1
	}
	for {
		end := plainValue(b, i, 0)
		if end < 0 {
			return notPlain
		}
		if m.ParamsCount < MaxParams {
			m.Params = append(m.Params, Value(b[i:end:end]))
		}
		m.ParamsCount++
		if i = skipSpace(b, end); i == len(b) {
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

// decode does what Decode does, but for what comes after an error.
func (m *Message) decode(line []byte) error {
	if len(line) > MaxLine {
		return ErrTooLong
	}
	m.scratch = m.scratch[:0]
	m.input = *bytes.NewBuffer(line)
	m.decoder.Reset(&m.input)
	d := &m.decoder
	switch token, err := d.ReadToken(); {
	case err == io.EOF:
		return errors.New("empty")
	case err != nil:
		return syntax(err)
	case token.Kind() != jsontext.KindBeginObject:
		return fmt.Errorf("%s: want an object", Kind(token.Kind()))
	}
	for d.PeekKind() == jsontext.KindString {
		name, err := m.readValue()
		if err != nil {
			return err
		}
		if err := m.decodeMember(name); err != nil {
			return err
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return syntax(err)
	}
	switch _, err := d.ReadToken(); {
	case err == nil:
		return fmt.Errorf("byte %d: more after the message", d.InputOffset())
	case err != io.EOF:
		return syntax(err)
	}
	if m.Method == "" && m.Result == nil && m.Error == nil {
		return errors.New("neither method nor result nor error")
	}
	return nil
}

// decodeMember reads the value of the member with that name.
func (m *Message) decodeMember(quoted Value) error {
	name, ok := quoted.text(&m.scratch)
	if !ok {
		return fmt.Errorf("%s: want a name", quoted)
	}
	if string(name) == "params" {
		return m.decodeParams()
	}
	v, err := m.readValue()
	if err != nil {
		return err
	}
	return m.setMember(name, v)
}

// setMember keeps the value of the member with that name, if it is one that is read.
func (m *Message) setMember(name []byte, v Value) error {
	switch string(name) {
	case "id":
		return m.setID(v)
	case "method":
		return m.setMethod(v)
	case "result":
		m.Result = v
	case "error":
		m.Error = v
	case "reject-reason":
		m.RejectReason = v
	case "params": // no array: those were read already
		m.ParamsKind = v.Kind()
	}
	return nil
}

// readValue reads a value of any type that is not too deep.
func (m *Message) readValue() (Value, error) {
	v, err := readValue(&m.decoder, m.line)
	if err != nil {
		return nil, syntax(err)
	}
	if c := v[0]; (c == '{' || c == '[') && tooDeep(v) {
		return nil, fmt.Errorf("byte %d: nested more than %d deep", int(m.decoder.InputOffset())-len(v), MaxDepth)
	}
	return v, nil
}

// decodeParams reads params, which jsontext has not looked at yet.
func (m *Message) decodeParams() error {
	d := &m.decoder
	if d.PeekKind() != jsontext.KindBeginArray {
		v, err := m.readValue()
		if err != nil {
			return err
		}
		m.ParamsKind = v.Kind()
		return nil
	}
	m.ParamsKind = Array
	if _, err := d.ReadToken(); err != nil {
		return syntax(err)
	}
	for {
		switch d.PeekKind() {
		case jsontext.KindEndArray:
			_, err := d.ReadToken()
			return err
		case jsontext.KindInvalid:
			_, err := d.ReadToken()
			return syntax(err)
		}
		v, err := m.readValue()
		if err != nil {
			return err
		}
		if m.ParamsCount < MaxParams {
			m.Params = append(m.Params, v)
		}
		m.ParamsCount++
	}
}

// setID keeps an id as text that is the same for the same id.
func (m *Message) setID(v Value) error {
	if len(v) > MaxField {
		return fmt.Errorf("id of %d bytes: want at most %d", len(v), MaxField)
	}
	switch v.Kind() {
	case Null, Number:
		m.ID = v
	case String:
		if m.ID = v; bytes.IndexByte(v, '\\') < 0 {
			return nil
		}
		text, _ := v.text(&m.scratch)
		m.id = append(append(append(m.id[:0], '"'), text...), '"')
		m.ID = m.id
	default:
		return fmt.Errorf("id: %s: want a number, a string or null", v.Kind())
	}
	return nil
}

// setMethod keeps a method; those that are read here without allocating.
func (m *Message) setMethod(v Value) error {
	text, ok := v.text(&m.scratch)
	switch {
	case v.Kind() == Null:
		return nil
	case !ok:
		return fmt.Errorf("method: %s: want a string", v.Kind())
	case len(text) == 0 || len(text) > MaxField:
		return fmt.Errorf("method of %d bytes: want 1 to %d", len(text), MaxField)
	}
	switch string(text) {
	case MethodSubmit:
		m.Method = MethodSubmit
	case MethodNotify:
		m.Method = MethodNotify
	case MethodSetDifficulty:
		m.Method = MethodSetDifficulty
	case MethodSubscribe:
		m.Method = MethodSubscribe
	case MethodAuthorize:
		m.Method = MethodAuthorize
	case MethodConfigure:
		m.Method = MethodConfigure
	case MethodSetExtranonce:
		m.Method = MethodSetExtranonce
	case MethodSetVersionMask:
		m.Method = MethodSetVersionMask
	case MethodExtranonceSubscribe:
		m.Method = MethodExtranonceSubscribe
	case MethodSuggestDifficulty:
		m.Method = MethodSuggestDifficulty
	case MethodSuggestTarget:
		m.Method = MethodSuggestTarget
	case MethodPing:
		m.Method = MethodPing
	case MethodPong:
		m.Method = MethodPong
	case MethodGetTransactions:
		m.Method = MethodGetTransactions
	case MethodShowMessage:
		m.Method = MethodShowMessage
	case MethodReconnect:
		m.Method = MethodReconnect
	case MethodGetVersion:
		m.Method = MethodGetVersion
	default:
		m.Method = string(text)
	}
	return nil
}

// tooDeep says that v, which is valid, is nested more than MaxDepth deep.
func tooDeep(v Value) bool { return deeperThan(v, MaxDepth) }

// deeperThan says that v, which is valid, is nested more than most deep.
func deeperThan(v Value, most int) bool {
	depth := 0
	for i := 0; i < len(v); i++ {
		switch v[i] {
		case '"':
			for i++; v[i] != '"'; i++ {
				if v[i] == '\\' {
					i++
				}
			}
		case '[', '{':
			if depth++; depth > most {
				return true
			}
		case ']', '}':
			depth--
		}
	}
	return false
}

// syntax makes an error of jsontext one line that says where and what.
func syntax(err error) error {
	var s *jsontext.SyntacticError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return errCut
	case errors.Is(err, jsontext.ErrDuplicateName) && errors.As(err, &s):
		return fmt.Errorf("byte %d: name %s twice: which one holds?", s.ByteOffset, quote(s.JSONPointer.LastToken()))
	case errors.As(err, &s):
		return fmt.Errorf("byte %d: %w", s.ByteOffset, s.Err)
	}
	return err
}

// errCut says that JSON ends before it is complete.
var errCut = errors.New("ends in the middle: was it cut?")
