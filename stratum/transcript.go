package stratum

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxTranscriptLine is the most bytes that a line of a transcript may have: replies of telemetry can be long.
const MaxTranscriptLine = 1 << 20

// maxSession is the most bytes that the name of a session may have.
const maxSession = 256

// Line is one line of a transcript. It holds until the next call of Next.
type Line struct {
	// Number counts the lines from 1, those that could not be read and blank ones too.
	Number int64
	// Time is when the message was seen.
	Time time.Time
	// Session names the connection.
	Session []byte
	// From is who sent the message.
	From From
	// Message is the message as it crossed the wire, valid JSON; nil if there were other bytes, which Raw then holds.
	Message, Raw []byte
	// Restated says that the message crossed the wire at that time, before this place of the recording, and is repeated here so that
	// what follows can be judged without what came before: see [Onlooker.Restate].
	Restated bool
	// Omitted is how many bytes stood where Raw is empty, because they may have held a password.
	Omitted int
}

// Bytes returns what crossed the wire, for [Onlooker.Observe].
func (l *Line) Bytes() []byte {
	if l.Message != nil {
		return l.Message
	}
	return l.Raw
}

// LineError says that a line of a transcript could not be read.
type LineError struct {
	// Line counts from 1.
	Line int64
	// Err says why.
	Err error
}

// Error returns the reason after the line's number.
func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap returns Err.
func (e *LineError) Unwrap() error { return e.Err }

// Transcript reads a recording of connections, one JSON object per line:
//
//	{"time":"2026-11-20T14:40:00.123456Z","session":"a1","from":"miner","message":{…}}
//
// from is "pool", "miner", "telemetry" or "touchstone"; raw holds as base64 what was not JSON, instead of message. "restated":true
// marks what was said before, and "omitted":N that N bytes were left out. Other members are ignored. A byte order mark at the beginning, CRLF and blank lines are tolerated.
//
// It takes a few times MaxTranscriptLine bytes of memory at most, however long the recording is, and does not allocate for lines that
// can be read. It is for one goroutine.
type Transcript struct {
	in      *bufio.Reader
	line    Line
	decoder jsontext.Decoder
	input   bytes.Buffer
	scratch []byte
	raw     []byte
	err     error

	minute      [len("2006-01-02T15:04:")]byte // of a time read before, as text
	minuteStart time.Time
}

// NewTranscript returns a reader of the recording r. It reads no further ahead than r gives at once, so that r can be a pipe that
// lives.
func NewTranscript(r io.Reader) *Transcript {
	return &Transcript{in: bufio.NewReaderSize(r, MaxTranscriptLine)}
}

// Next returns the next line, valid until the next call. A *LineError says that a line could not be read: call again for the one
// after it. io.EOF is the end, and any other error that of r; both are final.
func (t *Transcript) Next() (*Line, error) {
	for t.err == nil {
		text, tooLong, err := t.readLine()
		if err != nil {
			t.err = err
		}
		if tooLong {
			return nil, t.fault(fmt.Errorf("more than %d bytes", MaxTranscriptLine))
		}
		if err != nil && err != io.EOF {
			return nil, fmt.Errorf("line %d: %w", t.line.Number, err)
		}
		if t.line.Number == 1 {
			text = bytes.TrimPrefix(text, []byte("\ufeff"))
		}
		if text = bytes.TrimRight(text, " \t\r\n"); len(text) == 0 {
			continue
		}
		if err := t.parse(text); err != nil {
			if t.err == io.EOF && errors.Is(err, errCut) {
				err = errors.New("the recording ends in the middle of this line")
			}
			return nil, t.fault(err)
		}
		return &t.line, nil
	}
	return nil, t.err
}

// fault makes err one of the line read last.
func (t *Transcript) fault(err error) error { return &LineError{t.line.Number, err} }

// readLine reads a line with its end, or skips one that is too long.
func (t *Transcript) readLine() (text []byte, tooLong bool, err error) {
	text, err = t.in.ReadSlice('\n')
	if len(text) > 0 || err == nil {
		t.line.Number++
	}
	for err == bufio.ErrBufferFull {
		tooLong = true
		_, err = t.in.ReadSlice('\n')
	}
	return text, tooLong, err
}

// parse reads a line that is not empty.
func (t *Transcript) parse(text []byte) error {
	t.line = Line{Number: t.line.Number}
	t.scratch = t.scratch[:0]
	if t.parsePlain(text) {
		return nil
	}
	t.line = Line{Number: t.line.Number}
	return t.parseAny(text)
}

// parsePlain reads a line that is plain JSON in every respect. It returns false where parseAny has to look.
func (t *Transcript) parsePlain(text []byte) bool {
	i := skipSpace(text, 0)
	if i == len(text) || text[i] != '{' {
		return false
	}
	var names plainNames
	i = skipSpace(text, i+1)
	for more := true; more; {
		name, value := plainName(text, i)
		if value < 0 || !names.add(text, name) {
			return false
		}
		if i = plainValue(text, value, 0); i < 0 {
			return false
		}
		if t.member(text[name.start:name.end], Value(text[value:i:i])) != nil {
			return false
		}
		if i, more = plainNext(text, i); i < 0 {
			return false
		}
	}
	return skipSpace(text, i) == len(text) && t.line.complete() == nil
}

// parseAny reads any line.
func (t *Transcript) parseAny(text []byte) error {
	t.scratch = t.scratch[:0]
	t.input = *bytes.NewBuffer(text)
	t.decoder.Reset(&t.input)
	d := &t.decoder
	switch token, err := d.ReadToken(); {
	case err != nil:
		return syntax(err)
	case token.Kind() != jsontext.KindBeginObject:
		return fmt.Errorf("%s: want an object", Kind(token.Kind()))
	}
	for d.PeekKind() == jsontext.KindString {
		name, err := readValue(d, text)
		if err != nil {
			return syntax(err)
		}
		v, err := readValue(d, text)
		if err != nil {
			return syntax(err)
		}
		unquoted, _ := name.text(&t.scratch)
		if err := t.member(unquoted, v); err != nil {
			return err
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return syntax(err)
	}
	switch _, err := d.ReadToken(); {
	case err == nil:
		return fmt.Errorf("byte %d: more after the object", d.InputOffset())
	case err != io.EOF:
		return syntax(err)
	}
	return t.line.complete()
}

// member keeps the value of the member with that name.
func (t *Transcript) member(name []byte, v Value) error {
	switch string(name) {
	case "time":
		text, ok := v.text(&t.scratch)
		if !ok || !t.time(text) {
			return fmt.Errorf("time: %s: want one such as \"2026-11-20T14:40:00.123456Z\" (RFC 3339)", v)
		}
	case "session":
		text, ok := v.text(&t.scratch)
		if !ok || len(text) == 0 || len(text) > maxSession {
			return fmt.Errorf("session: %s: want a string of 1 to %d bytes", v, maxSession)
		}
		t.line.Session = text
	case "from":
		return t.sender(v)
	case "message":
		t.line.Message = v
	case "raw":
		return t.rawBytes(v)
	case "restated":
		if k := v.Kind(); k != True && k != False {
			return fmt.Errorf("restated: %s: want true or false", v)
		}
		t.line.Restated = v.Kind() == True
	case "omitted":
		n, err := strconv.ParseUint(string(v), 10, 31)
		if err != nil {
			return fmt.Errorf("omitted: %s: want a number of bytes", v)
		}
		t.line.Omitted = int(n)
	}
	return nil
}

// time reads a time. Most are those of recordings, in the same minute as the one before.
func (t *Transcript) time(text []byte) bool {
	const minute, whole = len("2006-01-02T15:04:"), len("2006-01-02T15:04:05.000000Z")
	if len(text) == whole && string(text[:minute]) == string(t.minute[:]) && text[minute+2] == '.' && text[whole-1] == 'Z' {
		second, ok := digits(text[minute : minute+2])
		micro, valid := digits(text[minute+3 : whole-1])
		if ok && valid && second < 60 && !t.minuteStart.IsZero() {
			t.line.Time = t.minuteStart.Add(time.Duration(second)*time.Second + time.Duration(micro)*time.Microsecond)
			return true
		}
	}
	if t.line.Time.UnmarshalText(text) != nil {
		return false
	}
	if len(text) == whole && text[whole-1] == 'Z' {
		copy(t.minute[:], text)
		t.minuteStart = t.line.Time.Truncate(time.Minute)
	}
	return true
}

// digits reads a number of few digits.
func digits(text []byte) (n int, ok bool) {
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	return n, true
}

// sender reads who sent a message.
func (t *Transcript) sender(v Value) error {
	text, _ := v.text(&t.scratch)
	for from, name := range senders {
		if name != "" && string(text) == name {
			t.line.From = From(from)
			return nil
		}
	}
	return fmt.Errorf("from: %s: want \"pool\", \"miner\", \"telemetry\" or \"touchstone\"", v)
}

// rawBytes decodes what was not JSON.
func (t *Transcript) rawBytes(v Value) error {
	text, ok := v.text(&t.scratch)
	if !ok {
		return fmt.Errorf("raw: %s: want a string in base64", v)
	}
	raw, err := base64.StdEncoding.AppendDecode(t.raw[:0], text)
	t.raw = raw
	if err != nil {
		return fmt.Errorf("raw: %s: want base64: %w", v, err)
	}
	if raw == nil {
		raw = []byte{}
	}
	t.line.Raw = raw
	return nil
}

// complete says what a line lacks.
func (l *Line) complete() error {
	switch {
	case l.Time.IsZero():
		return errors.New("time is missing")
	case l.Session == nil:
		return errors.New("session is missing")
	case l.From == 0:
		return errors.New("from is missing")
	case l.Message == nil && l.Raw == nil:
		return errors.New("message is missing, and raw too")
	case l.Message != nil && l.Raw != nil:
		return errors.New("message and raw: want one of them")
	}
	return nil
}
