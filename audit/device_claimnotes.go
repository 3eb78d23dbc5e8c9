package audit

import "slices"

// claimNotes keeps what is wrong with what the device says. It says it every minute, each time with other numbers: once is enough. Half of
// the room for notes is left to others.
func (d *Device) claimNotes(notes []string) {
	for _, n := range notes {
		n = clip(n, maxWords)
		if len(d.Notes) >= maxNotes/2 {
			return
		}
		if !slices.ContainsFunc(d.Notes, func(o string) bool { return sameButNumbers(o, n) }) {
			d.Note(n)
		}
	}
}

// sameButNumbers says that two texts differ at most in numbers.
func sameButNumbers(a, b string) bool {
	number := func(c byte) bool { return c >= '0' && c <= '9' || c == '.' }
	skip := func(s string) string {
		for s != "" && number(s[0]) {
			s = s[1:]
		}
		return s
	}
	for {
		if a == "" || b == "" {
			return skip(a) == "" && skip(b) == ""
		}
		if number(a[0]) || number(b[0]) {
			a, b = skip(a), skip(b)
			continue
		}
		if a[0] != b[0] {
			return false
		}
		a, b = a[1:], b[1:]
	}
}
