package serve

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/touchstone-btc/touchstone/audit"
	"github.com/touchstone-btc/touchstone/work/share"
)

// verdictRecord is a line of what 'touchstone verify shares --json' and 'touchstone simulate' print, as far as an audit needs it: a share
// that was judged, an event of a session, a claim, or the summary at the end. Its texts are parts of the line, or of the decoder's memory.
type verdictRecord struct {
	what            verdictKind
	time            time.Time
	session, worker []byte
	synthetic       bool

	// Of a share; its Time is that of the line, its Job not set.
	job       []byte
	share     audit.Share
	forwarded bool // it was counted on the other side of a proxy
	answered  bool
	accepted  bool // by the pool
	crossed   bool
	sent      time.Time // the job; zero if not known
	clean     bool
	network   float64

	claim  float64 // in hashes per second
	source []byte
}

type verdictKind uint8

const (
	verdictShare verdictKind = iota + 1
	verdictOpen
	verdictClose
	verdictGap
	verdictClaim
	verdictSummary
)

// Bounds of what a line may say.
const (
	// maxVerdictLine is how many bytes a line may have: several policies make it long.
	maxVerdictLine = 64 << 10
	maxVerdictName = 1024
	// maxAuditDifficulty and maxAuditRate are beyond all there can be, and leave room to reckon.
	maxAuditDifficulty = 1e80
	maxAuditRate       = 1e30
)

var errVerdictKind = errors.New("neither a verdict, nor an event, nor a claim: want what 'touchstone verify shares --json' prints")

// verdictDecoder reads verdict lines. It is for one goroutine.
type verdictDecoder struct {
	line    verdictRecord
	seen    uint64 // members, by their bits
	judged  bool   // verdict is a word, not null
	scratch []byte
	decoder jsontext.Decoder
	input   bytes.Buffer

	day      [len("2006-01-02T")]byte // of a time read before, as text
	dayStart int64                    // Unix time
}

// Members of a line. Those that an audit does not need are known too, so that they are quickly passed over.
const (
	inTime = iota
	inSession
	inWorker
	inJob
	inExtranonce2
	inNTime
	inNonce
	inVersionBits
	inVerdict
	inBlock
	inDifficulty
	inRequired
	inPoolSaid
	inCrossed
	inSent
	inClean
	inNetwork
	inSynthetic
	inLink
	inEvent
	inClaim
	inSource
	inSummary
	inFile
	inLine
	inReason
	inHash
	inReplied
	inOther
)

func verdictMember(name []byte) int {
	switch string(name) {
	case "time":
		return inTime
	case "session":
		return inSession
	case "worker":
		return inWorker
	case "job":
		return inJob
	case "extranonce2":
		return inExtranonce2
	case "ntime":
		return inNTime
	case "nonce":
		return inNonce
	case "version_bits":
		return inVersionBits
	case "verdict":
		return inVerdict
	case "block":
		return inBlock
	case "difficulty":
		return inDifficulty
	case "required":
		return inRequired
	case "pool_said":
		return inPoolSaid
	case "crossed":
		return inCrossed
	case "sent":
		return inSent
	case "clean":
		return inClean
	case "network":
		return inNetwork
	case "synthetic":
		return inSynthetic
	case "link":
		return inLink
	case "event":
		return inEvent
	case "claim":
		return inClaim
	case "source":
		return inSource
	case "summary":
		return inSummary
	case "file":
		return inFile
	case "line":
		return inLine
	case "reason":
		return inReason
	case "hash":
		return inHash
	case "replied":
		return inReplied
	}
	return inOther
}

// decode reads a line, without its end. What it returns holds until the next call.
func (d *verdictDecoder) decode(text []byte) (*verdictRecord, error) {
	if len(text) > maxVerdictLine {
		return nil, fmt.Errorf("more than %d bytes", maxVerdictLine)
	}
	if !d.plain(text) {
		if err := d.any(text); err != nil {
			return nil, err
		}
	}
	if err := d.complete(); err != nil {
		return nil, err
	}
	return &d.line, nil
}

func (d *verdictDecoder) reset() {
	d.line, d.seen, d.judged, d.scratch = verdictRecord{}, 0, false, d.scratch[:0]
}

// plain reads a line as programs write it: an object without white space or escapes, of ASCII, whose members are known and hold no
// others. It returns false for lines that any has to look at.
func (d *verdictDecoder) plain(b []byte) bool {
	d.reset()
	if len(b) < 2 || b[0] != '{' {
		return false
	}
	for i := 1; ; i++ {
		name, next := plainString(b, i)
		if next < 0 || next >= len(b) || b[next] != ':' {
			return false
		}
		at := next + 1
		if i = plainScalar(b, at); i < 0 || i >= len(b) {
			return false
		}
		k := verdictMember(name)
		if k == inOther || d.seen>>k&1 != 0 || d.member(k, b[at:i]) != nil {
			return false
		}
		if b[i] != ',' {
			return b[i] == '}' && i == len(b)-1
		}
	}
}

// plainString returns the text of a string of printable ASCII without escapes that begins at i, and where it ends; -1 if it is none.
func plainString(b []byte, i int) (text []byte, end int) {
	if i >= len(b) || b[i] != '"' {
		return nil, -1
	}
	for k := i + 1; k < len(b); k++ {
		switch c := b[k]; {
		case c == '"':
			return b[i+1 : k], k + 1
		case c < ' ' || c == '\\' || c >= utf8.RuneSelf:
			return nil, -1
		}
	}
	return nil, -1
}

// plainScalar returns where a string as of plainString, a number or a literal ends that begins at i; -1 if there is none.
func plainScalar(b []byte, i int) int {
	if i >= len(b) {
		return -1
	}
	switch c := b[i]; {
	case c == '"':
		_, end := plainString(b, i)
		return end
	case c == '-' || '0' <= c && c <= '9':
		return plainNumber(b, i)
	}
	for _, literal := range []string{"null", "true", "false"} {
		if len(b)-i >= len(literal) && string(b[i:i+len(literal)]) == literal {
			return i + len(literal)
		}
	}
	return -1
}

// plainNumber returns where a number of JSON ends that begins at i; -1 if it is none.
func plainNumber(b []byte, i int) int {
	count := func() (n int) {
		for ; i < len(b) && '0' <= b[i] && b[i] <= '9'; i++ {
			n++
		}
		return n
	}
	if b[i] == '-' {
		i++
	}
	first := i
	if n := count(); n == 0 || n > 1 && b[first] == '0' {
		return -1
	}
	if i < len(b) && b[i] == '.' {
		i++
		if count() == 0 {
			return -1
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		if i++; i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		if count() == 0 {
			return -1
		}
	}
	return i
}

// any reads any line.
func (d *verdictDecoder) any(text []byte) error {
	d.reset()
	d.input = *bytes.NewBuffer(text)
	d.decoder.Reset(&d.input)
	switch token, err := d.decoder.ReadToken(); {
	case err != nil:
		return verdictSyntax(err)
	case token.Kind() != jsontext.KindBeginObject:
		return fmt.Errorf("%.20q: want an object", text)
	}
	for d.decoder.PeekKind() == jsontext.KindString {
		name, err := d.decoder.ReadValue()
		if err != nil {
			return verdictSyntax(err)
		}
		unquoted, err := jsontext.AppendUnquote(nil, name)
		if err != nil {
			return verdictSyntax(err)
		}
		v, err := d.decoder.ReadValue()
		if err != nil {
			return verdictSyntax(err)
		}
		if err := d.member(verdictMember(unquoted), bytes.Clone(v)); err != nil {
			return err
		}
	}
	if _, err := d.decoder.ReadToken(); err != nil {
		return verdictSyntax(err)
	}
	if rest := bytes.TrimSpace(text[d.decoder.InputOffset():]); len(rest) > 0 {
		return fmt.Errorf("more after the object: %.20q", rest)
	}
	return nil
}

// verdictSyntax is an error of JSON, without the place in a stream that nobody sees.
func verdictSyntax(err error) error {
	var s *jsontext.SyntacticError
	if errors.As(err, &s) {
		return fmt.Errorf("byte %d: %w", s.ByteOffset, s.Err)
	}
	return err
}

// member keeps the value of a member; v is valid JSON.
func (d *verdictDecoder) member(k int, v []byte) (err error) {
	if k == inOther {
		return nil
	}
	d.seen |= 1 << k
	l := &d.line
	null := v[0] == 'n'
	switch k {
	case inTime:
		l.time, l.share.WholeSeconds, err = d.moment("time", v)
		l.share.Time = l.time
	case inSent:
		if !null {
			l.sent, _, err = d.moment("sent", v)
		}
	case inSession:
		l.session, err = d.text("session", v)
	case inWorker:
		if !null {
			l.worker, err = d.text("worker", v)
		}
	case inJob:
		if !null {
			l.job, err = d.text("job", v)
		}
	case inSource:
		if !null {
			l.source, err = d.text("source", v)
		}
	case inExtranonce2:
		l.share.Extranonce2Size = hexBytes(&l.share.Extranonce2, v)
	case inNTime:
		l.share.NTime, _ = hex32(v)
	case inNonce:
		l.share.Nonce, _ = hex32(v)
	case inVersionBits:
		l.share.VersionBits, l.share.Bits = hex32(v)
	case inVerdict:
		if !null {
			d.judged = true
			l.share.Word, err = verdictWord(v)
		}
	case inBlock:
		l.share.Block, err = truth("block", v)
	case inCrossed:
		l.crossed, err = truth("crossed", v)
	case inClean:
		l.clean, err = truth("clean", v)
	case inSynthetic:
		l.synthetic, err = truth("synthetic", v)
	case inDifficulty:
		l.share.Difficulty, err = amount("difficulty", v, maxAuditDifficulty)
	case inRequired:
		l.share.Required, err = amount("required", v, maxAuditDifficulty)
	case inNetwork:
		l.network, err = amount("network", v, maxAuditDifficulty)
	case inClaim:
		l.claim, err = amount("claim", v, maxAuditRate)
	case inPoolSaid:
		l.answered, l.accepted = !null, string(v) == `"accepted"`
	case inLink:
		l.forwarded = !null
	case inEvent:
		switch string(v) {
		case `"open"`:
			l.what = verdictOpen
		case `"close"`:
			l.what = verdictClose
		case `"gap"`:
			l.what = verdictGap
		default:
			return fmt.Errorf("event: %.20s: want open, close or gap", v)
		}
	}
	return err
}

// complete says what a line lacks.
func (d *verdictDecoder) complete() error {
	l := &d.line
	has := func(k int) bool { return d.seen>>k&1 != 0 }
	if has(inSummary) {
		l.what = verdictSummary
		return nil
	}
	switch {
	case has(inEvent):
	case has(inClaim):
		l.what = verdictClaim
	case has(inVerdict):
		l.what = verdictShare
	default:
		return errVerdictKind
	}
	switch {
	case !has(inTime):
		return errors.New("time is missing")
	case len(l.session) == 0 && l.what != verdictClaim:
		return errors.New("session is missing")
	case len(l.worker) == 0 && l.what == verdictClaim:
		return errors.New("worker is missing")
	case l.what == verdictShare && l.share.Word.Credited() && (l.share.Required == 0 || l.share.Difficulty == 0):
		return fmt.Errorf("verdict %s without difficulty and required", l.share.Word)
	}
	return nil
}

// text returns what a string says.
func (d *verdictDecoder) text(name string, v []byte) ([]byte, error) {
	if v[0] != '"' || len(v) > maxVerdictName {
		return nil, fmt.Errorf("%s: %.40s: want a string of up to %d bytes", name, v, maxVerdictName)
	}
	inner := v[1 : len(v)-1]
	if bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
		return inner, nil
	}
	at := len(d.scratch)
	var err error
	d.scratch, err = jsontext.AppendUnquote(d.scratch, v)
	if err != nil {
		return nil, fmt.Errorf("%s: %.40s: %w", name, v, err)
	}
	return d.scratch[at:len(d.scratch):len(d.scratch)], nil
}

// moment reads a time. Most are in UTC and on the same day as the one before.
func (d *verdictDecoder) moment(name string, v []byte) (t time.Time, whole bool, err error) {
	const day, second = len("2006-01-02T"), len("2006-01-02T15:04:05")
	if v[0] != '"' {
		return t, false, fmt.Errorf("%s: %.40s: want a time in quotes", name, v)
	}
	if b := v[1 : len(v)-1]; len(b) > second && b[len(b)-1] == 'Z' && b[13] == ':' && b[16] == ':' && string(b[:day]) == string(d.day[:]) {
		h, okH := digits2(b[11:])
		m, okM := digits2(b[14:])
		s, okS := digits2(b[17:])
		nano, okN := fraction(b[second : len(b)-1])
		if okH && okM && okS && okN && h < 24 && m < 60 && s < 60 {
			return time.Unix(d.dayStart+int64(h*3600+m*60+s), nano).UTC(), nano == 0, nil
		}
	}
	if t.UnmarshalText(v[1:len(v)-1]) != nil || t.Year() < 1970 || t.Year() > 9999 {
		return t, false, fmt.Errorf("%s: %.40s: want one such as \"2026-11-20T14:40:00.123456Z\" (RFC 3339)", name, v)
	}
	if t = t.UTC(); v[len(v)-2] == 'Z' {
		copy(d.day[:], v[1:])
		d.dayStart = t.Truncate(24 * time.Hour).Unix()
	}
	return t, t.Nanosecond() == 0, nil
}

func digits2(b []byte) (int, bool) {
	x, y := b[0]-'0', b[1]-'0'
	return int(x)*10 + int(y), x < 10 && y < 10
}

// fraction reads ".123456" in nanoseconds; there may be none.
func fraction(b []byte) (nano int64, ok bool) {
	if len(b) == 0 {
		return 0, true
	}
	if b[0] != '.' || len(b) < 2 || len(b) > 10 {
		return 0, false
	}
	unit := int64(1e8)
	for _, c := range b[1:] {
		if c < '0' || c > '9' {
			return 0, false
		}
		nano += int64(c-'0') * unit
		unit /= 10
	}
	return nano, true
}

// hexDigit returns a digit's value, 16 and more for what is none.
func hexDigit(c byte) uint32 {
	switch {
	case '0' <= c && c <= '9':
		return uint32(c - '0')
	case 'a' <= c && c <= 'f':
		return uint32(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return uint32(c-'A') + 10
	}
	return 16
}

// hex32 reads a string of eight hex digits; what is none is no value, as the verdict on it says.
func hex32(v []byte) (n uint32, ok bool) {
	if len(v) != 10 {
		return 0, false
	}
	for _, c := range v[1:9] {
		digit := hexDigit(c)
		if digit > 15 {
			return 0, false
		}
		n = n<<4 | digit
	}
	return n, true
}

// hexBytes reads the first bytes of a string of hex digits and returns how many it has, 0 if it is none.
func hexBytes(dst *[8]byte, v []byte) (size int) {
	if len(v) < 2 || v[0] != '"' || len(v)%2 != 0 || len(v) > 2+2*share.MaxExtranonce {
		return 0
	}
	digits := v[1 : len(v)-1]
	var first [8]byte
	for i := 0; i < len(digits); i += 2 {
		high, low := hexDigit(digits[i]), hexDigit(digits[i+1])
		if high > 15 || low > 15 {
			return 0
		}
		if i < 16 {
			first[i/2] = byte(high<<4 | low)
		}
	}
	*dst = first
	return len(digits) / 2
}

// verdictWord reads a word.
func verdictWord(v []byte) (share.Word, error) {
	switch string(v) { // nearly all
	case `"accepted"`:
		return share.Accepted, nil
	case `"stale"`:
		return share.Stale, nil
	}
	var w share.Word
	if v[0] == '"' {
		if err := w.UnmarshalText(v[1 : len(v)-1]); err == nil && w != share.NotJudged {
			return w, nil
		}
	}
	return 0, fmt.Errorf("verdict: %.40s: want one of %v, or null", v, share.Words())
}

func truth(name string, v []byte) (bool, error) {
	switch v[0] {
	case 't':
		return true, nil
	case 'f':
		return false, nil
	}
	return false, fmt.Errorf("%s: %.20s: want true or false", name, v)
}

// amount reads a number from 0 to most; null is 0.
func amount(name string, v []byte, most float64) (float64, error) {
	if v[0] == 'n' {
		return 0, nil
	}
	f, err := strconv.ParseFloat(string(v), 64)
	if err != nil || math.IsNaN(f) || f < 0 || f > most {
		return 0, fmt.Errorf("%s: %.40s: want a number from 0 to %g", name, v, most)
	}
	return f, nil
}
