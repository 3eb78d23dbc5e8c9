package audit

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Words for numbers, as findings speak them. All take any number: what is not finite, or below 0 where that makes no sense,
// becomes words too.

// three returns v with three digits that count, without an exponent: 1234 is "1,230", 0.01234 "0.0123".
func three(v float64) string {
	if v == 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	digits := max(0, 2-int(math.Floor(math.Log10(math.Abs(v)))))
	text := strconv.FormatFloat(v, 'f', min(digits, 12), 64)
	if digits == 0 {
		unit := math.Pow(10, math.Floor(math.Log10(math.Abs(v)))-2)
		text = strconv.FormatFloat(math.Round(v/unit)*unit, 'f', 0, 64)
	}
	if strings.Contains(text, ".") {
		return strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return thousands(text)
}

// thousands puts commas into a whole number.
func thousands(text string) string {
	sign := ""
	if strings.HasPrefix(text, "-") {
		sign, text = "-", text[1:]
	}
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return sign + text
}

// numberWords says how many: "17", "2,310", "3.2 million", "10^24".
func numberWords(v float64) string {
	switch a := math.Abs(v); {
	case math.IsNaN(v):
		return "an unknown number"
	case math.IsInf(v, 0):
		return "endlessly many"
	case a >= 1e15:
		return fmt.Sprintf("10^%d", int(math.Floor(math.Log10(a))))
	case a >= 0.9995e12:
		return three(v/1e12) + " trillion"
	case a >= 0.9995e9:
		return three(v/1e9) + " billion"
	case a >= 0.9995e6:
		return three(v/1e6) + " million"
	}
	return three(v)
}

// countWords says how many of something there are: whole up to 99,999.
func countWords(n uint64) string {
	if n < 100_000 {
		return thousands(strconv.FormatUint(n, 10))
	}
	return numberWords(float64(n))
}

// oddsWords says what an e-value means, given its natural logarithm: "3 million to 1".
func oddsWords(logE float64) string {
	switch {
	case math.IsNaN(logE) || logE <= 0:
		return "even"
	case logE > math.Log(1e15):
		return "more than 1,000 trillion to 1" // nobody has a feeling for more
	}
	return numberWords(math.Exp(logE)) + " to 1"
}

// percentWords says a part: "5 %", "0.12 %".
func percentWords(part float64) string {
	p := 100 * part
	switch {
	case math.IsNaN(p) || math.IsInf(p, 0):
		return "an unknown part"
	case p == 0 || math.Abs(p) >= 9.95:
		return strconv.FormatFloat(p, 'f', 0, 64) + " %"
	case math.Abs(p) >= 0.95:
		return strings.TrimSuffix(strconv.FormatFloat(p, 'f', 1, 64), ".0") + " %"
	}
	return strconv.FormatFloat(p, 'g', 2, 64) + " %"
}

// prefixed returns v with the decimal prefix that leaves 1 to 999 before the point.
func prefixed(v float64, space, unit string) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "unknown"
	}
	prefixes := []string{"", "K", "M", "G", "T", "P", "E", "Z"}
	i := 0
	for ; i < len(prefixes)-1 && math.Abs(v) >= 999.5; i++ {
		v /= 1000
	}
	return three(v) + space + prefixes[i] + unit
}

// difficultyWords writes a difficulty as pools do: "524K", "1.05M".
func difficultyWords(d float64) string { return prefixed(d, "", "") }

// rateWords writes hashes per second: "93.1 TH/s".
func rateWords(h float64) string {
	if h >= 999.5 && h < 999_500 {
		return three(h/1000) + " kH/s"
	}
	return prefixed(h, " ", "H/s")
}

// spanWords says how long: "40 s", "12 minutes", "3.2 years".
func spanWords(seconds float64) string {
	const minute, hour, day, year = 60, 3600, 86400, 365.25 * 86400
	switch {
	case math.IsNaN(seconds) || math.IsInf(seconds, 0):
		return "for ever"
	case seconds < 2*minute:
		return three(seconds) + " s"
	case seconds < 2*hour:
		return three(seconds/minute) + " minutes"
	case seconds < 3*day:
		return three(seconds/hour) + " hours"
	case seconds < 2*year:
		return three(seconds/day) + " days"
	case seconds < 1e6*year:
		return three(seconds/year) + " years"
	}
	return numberWords(seconds/year) + " years"
}
