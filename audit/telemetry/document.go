package telemetry

import (
	"fmt"
	"math"
	"path"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxReplies is how many replies of one poll are read.
	maxReplies = 64
	// maxSections is how many objects of replies are read.
	maxSections = 1024
	// maxNotes is how many oddities, and unread replies, are told.
	maxNotes = 64
	// maxText is the most bytes of a machine's text that are kept.
	maxText = 128
)

// document is what the replies of one poll say, before anything is understood.
type document struct {
	reading  *Reading
	sections []section
	about    []string // what STATUS says of the program, lower case
	when     float64  // the machine's clock at the summary, Unix seconds
}

// section is one object with fields: of SUMMARY, one of POOLS, and so on.
type section struct {
	command string
	name    string // in capitals
	node    *node
	when    float64 // the machine's clock, in Unix seconds; NaN if unknown
	doc     *document
}

// Names of sections that are not those of the cgminer API.
const (
	sectionFlat  = ""      // an object with fields, as it comes from HTTP
	sectionAxeOS = "axeos" // lower case: no command of the cgminer API has such a name
	sectionV3    = "v3."   // and the member of msg
	sectionMsg   = "msg"   // of Whatsminer
)

// reply reads one reply.
func (d *document) reply(r Reply) {
	command := commandName(r.Command)
	var rep repairs
	n, err := node{}, errTooLarge
	switch {
	case len(r.Raw) > maxReply:
	case isText(r.Raw):
		n, err = decodeText(r.Raw, &rep)
	default:
		n, err = decode(r.Raw, &rep)
	}
	if err != nil {
		d.unread("%s: %v: %s", command, err, excerpt(r.Raw))
		return
	}
	d.reading.Repairs = rep.texts(d.reading.Repairs, command)
	d.envelope(command, &n, 0)
}

// commandName is how notes call a command, or the path of a URL.
func commandName(command string) string {
	if command == "" {
		return "reply"
	}
	return quoteOdd(path.Clean(command))
}

// quoteOdd returns the text as it is if it is plain, else quoted.
func quoteOdd(text string) string {
	text = cut(text)
	if !utf8.ValidString(text) || strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) >= 0 {
		return strconv.Quote(text)
	}
	return text
}

// excerpt returns the beginning of what could not be read.
func excerpt(raw []byte) string {
	const most = 40
	if len(raw) > most {
		return strconv.Quote(string(raw[:most])) + "…"
	}
	return strconv.Quote(string(raw))
}

// cut bounds a machine's text.
func cut(text string) string {
	if len(text) <= maxText {
		return text
	}
	return strings.ToValidUTF8(text[:maxText], "") + "…"
}

// unread notes a reply, or a part of one, that could not be read.
func (d *document) unread(format string, args ...any) {
	d.reading.Unread = note(d.reading.Unread, format, args...)
}

// odd notes a field that can't be what it says.
func (d *document) odd(format string, args ...any) {
	d.reading.Oddities = note(d.reading.Oddities, format, args...)
}

// note appends a note, unless it is there or there are too many.
func note(notes []string, format string, args ...any) []string {
	text := fmt.Sprintf(format, args...)
	for _, n := range notes {
		if n == text {
			return notes
		}
	}
	switch {
	case len(notes) < maxNotes:
		return append(notes, text)
	case len(notes) == maxNotes:
		return append(notes, "and more")
	}
	return notes
}

// envelope finds the sections of a reply.
func (d *document) envelope(command string, n *node, depth int) {
	switch {
	case n.kind == kindList && depth < 2: // some answer several commands with a list
		for i := range n.items {
			d.envelope(command, &n.items[i], depth+1)
		}
	case n.kind != kindObject:
		d.unread("%s: not an object with fields", command)
	case isAxeOS(n):
		d.add(command, sectionAxeOS, n, math.NaN())
	case n.get("msg") != nil && (n.get("code") != nil || n.get("desc") != nil):
		d.envelopeV3(command, n)
	case n.get("STATUS").is(kindString):
		d.envelopeMsg(command, n)
	default:
		d.envelopeCgminer(command, n, depth)
	}
}

// add appends a section.
func (d *document) add(command, name string, n *node, when float64) {
	if len(d.sections) == maxSections {
		d.unread("%s: more than %d boards, pools and the like in all: the others are not read", command, maxSections)
		return
	}
	d.sections = append(d.sections, section{command: command, name: name, node: n, when: when, doc: d})
}

// envelopeCgminer finds the lists of objects beside STATUS, also those of several commands in one reply, where each has a reply of its own
// as its value, in a list or not.
func (d *document) envelopeCgminer(command string, n *node, depth int) {
	when, refused := d.status(command, n.get("STATUS"))
	if refused {
		return
	}
	found := false
	for i, name := range n.names {
		v := &n.items[i]
		list := []node{*v}
		switch {
		case name == "STATUS" || name == "id":
			found = true
			continue
		case v.kind == kindList:
			list = v.items
		case v.kind != kindObject:
			continue
		}
		for k := range list {
			item := &list[k]
			switch {
			case item.kind != kindObject:
			case item.get("STATUS") != nil && (!item.get("STATUS").is(kindString) || item.get("Msg") != nil || item.get("When") != nil) && depth < 2:
				d.envelope(quoteOdd(name), item, depth+1)
				found = true
			default:
				d.add(command, strings.ToUpper(cut(name)), item, when)
				found = true
			}
		}
	}
	if !found {
		d.add(command, sectionFlat, n, math.NaN())
	}
}

// status reads STATUS, and says whether the machine refused the command.
func (d *document) status(command string, n *node) (when float64, refused bool) {
	when = math.NaN()
	if n.is(kindList) && len(n.items) > 0 {
		n = &n.items[0]
	}
	if !n.is(kindObject) {
		return when, false
	}
	when, _ = parseNumber(n.get("When"), false)
	if about := n.get("Description"); about.is(kindString) {
		d.about = append(d.about, strings.ToLower(cut(about.text)))
	}
	if s := n.get("STATUS"); s.is(kindString) && (s.text == "E" || s.text == "F") {
		d.refused(command, n.get("Msg"), n.get("Code"))
		return when, true
	}
	return when, false
}

// refused notes that the machine did not answer a command.
func (d *document) refused(command string, msg, code *node) {
	why := "without saying why"
	if msg.is(kindString) && msg.text != "" {
		why = strconv.Quote(cut(msg.text))
	}
	if code.is(kindNumber) || code.is(kindString) {
		why += ", code " + quoteOdd(code.text)
	}
	d.unread("%s: the machine refused it: %s", command, why)
}

// envelopeMsg reads what Whatsminer answers to commands of its own.
func (d *document) envelopeMsg(command string, n *node) {
	when, _ := parseNumber(n.get("When"), false)
	if about := n.get("Description"); about.is(kindString) {
		d.about = append(d.about, strings.ToLower(cut(about.text)))
	}
	msg := n.get("Msg")
	switch {
	case msg.is(kindObject):
		d.add(command, sectionMsg, msg, when)
	case n.get("STATUS").text == "E" || n.get("STATUS").text == "F":
		d.refused(command, msg, n.get("Code"))
	}
}

// all returns the sections of that name.
func (d *document) all(name string) (out []section) {
	for _, s := range d.sections {
		if s.name == name {
			out = append(out, s)
		}
	}
	return out
}

// field returns the first of the fields that the section has, and its name.
func (s *section) field(names ...string) (*node, string) {
	for _, name := range names {
		if n := s.node.get(name); n != nil && n.kind != kindNull {
			return n, name
		}
	}
	return nil, ""
}

// text returns the first of the fields that is text, or a number as it stands; "" if there is none.
func (s *section) text(names ...string) string {
	for _, name := range names {
		if n := s.node.get(name); n.is(kindString) || n.is(kindNumber) || n.is(kindBool) {
			if text := strings.Trim(n.text, " \t\r\n'"); text != "" {
				return cut(text)
			}
		}
	}
	return ""
}

// yes says that a field is true: a boolean, or the text or number for one.
func (s *section) yes(names ...string) bool {
	switch strings.ToLower(s.text(names...)) {
	case "true", "1", "y", "yes":
		return true
	}
	return false
}

// number returns the first of the fields that is there, if it is a finite number from 0 to below limit; otherwise NaN, and notes why.
func (s *section) number(limit float64, names ...string) float64 {
	v, _ := s.numberNamed(limit, names...)
	return v
}

func (s *section) numberNamed(limit float64, names ...string) (float64, string) {
	n, name := s.field(names...)
	if n == nil {
		return math.NaN(), ""
	}
	v, err := parseNumber(n, false)
	return s.checked(n, name, v, err, limit), name
}

// scaled is number for fields such as "483k".
func (s *section) scaled(limit float64, names ...string) float64 {
	n, name := s.field(names...)
	if n == nil {
		return math.NaN()
	}
	v, err := parseNumber(n, true)
	return s.checked(n, name, v, err, limit)
}

// checked returns v if it is in range, or notes why it is not.
func (s *section) checked(n *node, name string, v float64, err error, limit float64) float64 {
	switch {
	case err != nil:
	case math.IsNaN(v):
		return v
	case v < 0:
		err = errNegative
	case v >= limit:
		err = errOverflow
	}
	if err == nil {
		return v
	}
	value := quoteOdd(n.text)
	if n.kind == kindList || n.kind == kindObject {
		value = "a list or an object"
	}
	s.doc.odd("%s: %s is %s: %v, and not counted", s.command, quoteOdd(name), value, err)
	return math.NaN()
}

// Limits of what fields can be. Best shares and counters are integers of 64 bits at most; of a best share one that has the first bit set
// is an overflow, since no such share was ever found.
const (
	maxCount = 1 << 63
	// maxRate is ten times what all machines of the world compute.
	maxRate = 1e22
	// maxSeconds are 100 years.
	maxSeconds = 100 * 366 * 86400
	// maxWatts and maxDegrees bound what else is told.
	maxWatts   = 1e6
	maxDegrees = 1000
)

// count returns a counter, or a sum of difficulties.
func (s *section) count(names ...string) float64 { return s.number(maxCount, names...) }

// rate returns a rate in hashes per second of a field in that unit.
func (s *section) rate(unit float64, names ...string) float64 {
	return s.number(maxRate/unit, names...) * unit
}

// seconds returns a time span.
func (s *section) seconds(names ...string) float64 { return s.number(maxSeconds, names...) }

// Units of rates.
const (
	kilo = 1e3
	mega = 1e6
	giga = 1e9
	tera = 1e12
)

// fill sets a number that is not known yet.
func fill(dst *float64, v float64) {
	if math.IsNaN(*dst) {
		*dst = v
	}
}

// fillText sets a text that is not known yet.
func fillText(dst *string, v string) {
	if *dst == "" {
		*dst = v
	}
}

// most sets dst to v if that is greater, or the first.
func most(dst *float64, v float64) {
	if math.IsNaN(*dst) || v > *dst {
		*dst = v
	}
}
