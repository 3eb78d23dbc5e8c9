package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// unknown is what stands for a number that is not there or makes no sense.
const unknown = "unknown"

// What no machine, record or network reaches: beyond it a number is taken for a mistake.
const (
	mostRate       = 1e27 // hashes per second: a million times what all machines of the world do
	mostDifficulty = 1e30
	mostSeconds    = 1e12
)

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// scaled returns v, at least 0, below 1000 with its decimal prefix.
func scaled(v float64) (float64, string) {
	prefixes := []string{"", "k", "M", "G", "T", "P", "E"}
	i := 0
	for v >= 999.5 && i < len(prefixes)-1 {
		v /= 1000
		i++
	}
	return v, prefixes[i]
}

// digits formats v with three or four significant digits.
func digits(v float64) string {
	switch a := math.Abs(v); {
	case a >= 1e6:
		return strconv.FormatFloat(v, 'e', 2, 64)
	case a >= 999.5 || v == 0:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case a >= 9.995:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

// hashRate formats a rate: 93.1 TH/s.
func hashRate(v float64) string {
	if !(v >= 0 && v < mostRate) {
		return unknown
	}
	n, prefix := scaled(v)
	return digits(n) + nbsp + prefix + "H/s"
}

// between formats a band in the unit of its upper end: 91.0 to 95.3 TH/s.
func between(low, high float64) string {
	switch {
	case !(low >= 0 && low < mostRate) || !(high >= 0 && high < mostRate) || low == 0 && high == 0:
		return unknown
	case high == 0:
		return "over " + hashRate(low)
	}
	n, prefix := scaled(high)
	return digits(low/(high/n)) + " to " + digits(n) + nbsp + prefix + "H/s"
}

// difficulty formats a difficulty: 512, 65.5 k, 1.20 G.
func difficulty(v float64) string {
	if !(v >= 0 && v < mostDifficulty) {
		return unknown
	}
	if v < 10_000 {
		if v == math.Trunc(v) {
			return strconv.FormatFloat(v, 'f', 0, 64)
		}
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	n, prefix := scaled(v)
	return digits(n) + nbsp + prefix
}

// percent formats a part of one.
func percent(v float64) string {
	if !(math.Abs(v) < 1e6) {
		return unknown
	}
	return strconv.FormatFloat(100*v, 'g', 3, 64) + nbsp + "%"
}

// duration formats seconds in one or two units.
func duration(seconds float64) string {
	if !(seconds >= 0 && seconds < mostSeconds) {
		return unknown
	}
	two := func(big, small float64, bigUnit, smallUnit string) string {
		n := math.Floor(seconds / big)
		rest := math.Floor((seconds - n*big) / small)
		s := fmt.Sprintf("%.0f%s%s", n, nbsp, bigUnit)
		if rest > 0 {
			s += fmt.Sprintf(" %.0f%s%s", rest, nbsp, smallUnit)
		}
		return s
	}
	const minute, hour, day = 60, 3600, 86400
	switch {
	case seconds < 10:
		return digits(seconds) + nbsp + "s"
	case seconds < minute:
		return fmt.Sprintf("%.0f%ss", seconds, nbsp)
	case seconds < hour:
		return two(minute, 1, "min", "s")
	case seconds < day:
		return two(hour, minute, "h", "min")
	case seconds < 1000*day:
		return two(day, hour, "d", "h")
	}
	return fmt.Sprintf("%.3g%syears", seconds/day/365.2425, nbsp)
}

// moment formats a time; "" for none.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05") + " UTC"
}

const nbsp = "\u00a0"

// clean makes a text from outside fit to be shown: one line, without characters that cannot be seen or that turn or
// stack what stands around them, and at most so many characters, cut in the middle. Escaping is not its business.
func clean(s string, most int) string {
	var out []rune
	marks := 0
	for _, r := range s {
		if len(out) > 4*most && len(s) > 1<<16 {
			break // a name of megabytes: its end is lost
		}
		switch {
		case unicode.IsMark(r):
			if marks++; marks > 2 {
				continue
			}
		default:
			marks = 0
		}
		switch {
		case r == nbspRune:
		case r == utf8.RuneError:
			r = '?'
		case unicode.IsSpace(r):
			r = ' '
		case !unicode.IsGraphic(r): // controls, and those that set the direction of text
			r = '?'
		}
		out = append(out, r)
	}
	if n := len(out); n > most {
		half := (most - 1) / 2
		out = append(append(append([]rune{}, out[:half]...), '…'), out[n-half:]...)
	}
	return strings.TrimSpace(string(out))
}

const nbspRune = '\u00a0'

// How long texts from outside may be.
const (
	nameLength  = 48
	wordsLength = 1200
)

func name(s string) string {
	if s = clean(s, nameLength); s == "" {
		return "(no name)"
	}
	return s
}
