package telemetry

import "fmt"

// repair is a kind of fault that a reply was read in spite of.
type repair int

const (
	trailingNUL repair = iota
	missingComma
	spareComma
	missingBrace
	wrongBracket
	namedList
	missingColon
	missingValue
	unquoted
	notANumber
	oddNumber
	controlBytes
	badEscape
	notUTF8
	nameTwice
	cutOff
	afterTheEnd
	numRepairs
)

// HarmlessRepair is in the words of a repair that nearly all machines need, and that changes nothing: the NUL at the end.
const HarmlessRepair = "NUL bytes at the end left out"

// repairTexts say what was repaired, and how.
var repairTexts = [numRepairs]string{
	trailingNUL:  HarmlessRepair,
	missingComma: "missing comma put in",
	spareComma:   "comma too many left out",
	missingBrace: "missing brace at the beginning put in",
	wrongBracket: "bracket of the wrong kind read as the right one",
	namedList:    "list of names and values read as an object",
	missingColon: "missing colon put in",
	missingValue: "name without a value read as null",
	unquoted:     "text without quotation marks read as text",
	notANumber:   "bare inf or nan read as no number",
	oddNumber:    "number that JSON does not allow read all the same",
	controlBytes: "control characters between or inside values let pass",
	badEscape:    "escape that JSON does not know read as it stands",
	notUTF8:      "bytes that are no UTF-8 replaced",
	nameTwice:    "name twice in one object: the first counts",
	cutOff:       "cut off: the last, unfinished value left out",
	afterTheEnd:  "bytes after the end left out",
}

// repairs counts what was repaired in one reply, and where first.
type repairs [numRepairs]struct{ count, first int }

// add notes a repair at a position of the reply.
func (r *repairs) add(what repair, position int) {
	if r[what].count == 0 {
		r[what].first = position
	} else if what == cutOff { // all that was open ends there
		return
	}
	r[what].count++
}

// texts appends the repairs of that command's reply, in words.
func (r *repairs) texts(dst []string, command string) []string {
	for what, n := range r {
		switch {
		case n.count == 1:
			dst = append(dst, fmt.Sprintf("%s: %s (once, at byte %d)", command, repairTexts[what], n.first))
		case n.count > 1:
			dst = append(dst, fmt.Sprintf("%s: %s (%d times, first at byte %d)", command, repairTexts[what], n.count, n.first))
		}
	}
	return dst
}
