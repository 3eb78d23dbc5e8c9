package audit

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// How findings write numbers: short, with units, for readers who know mining.

var prefixes = [...]string{"", "k", "M", "G", "T", "P", "E", "Z"}

// prefixOf returns the power of 1000 and the prefix in which x has one to three digits before the point.
func prefixOf(x float64) (unit float64, prefix string) {
	unit = 1
	for _, p := range prefixes {
		prefix = p
		if math.Abs(x) < 999.5*unit || p == prefixes[len(prefixes)-1] {
			break
		}
		unit *= 1000
	}
	return unit, prefix
}

// digits writes x with three digits.
func digits(x float64) string {
	switch a := math.Abs(x); {
	case x == 0:
		return "0"
	case a >= 1e6 || a < 1e-3:
		return strconv.FormatFloat(x, 'g', 3, 64)
	case a >= 99.95:
		return strconv.FormatFloat(x, 'f', 0, 64)
	case a >= 9.995:
		return strconv.FormatFloat(x, 'f', 1, 64)
	case a >= 0.9995:
		return strconv.FormatFloat(x, 'f', 2, 64)
	}
	return strconv.FormatFloat(x, 'g', 2, 64)
}

// inHashes writes a rate: "93.1 TH/s".
func inHashes(rate float64) string {
	unit, prefix := prefixOf(rate)
	return digits(rate/unit) + " " + prefix + "H/s"
}

// inHashesBand writes a rate and its band: "93.1 TH/s (between 91.0 and 95.3)".
func inHashesBand(i Interval) string {
	unit, prefix := prefixOf(i.Estimate)
	text := digits(i.Estimate/unit) + " " + prefix + "H/s"
	if !(i.High > 0 && i.High <= math.MaxFloat64) {
		return text + fmt.Sprintf(" (at least %s)", digits(i.Low/unit))
	}
	return text + fmt.Sprintf(" (between %s and %s)", digits(i.Low/unit), digits(i.High/unit))
}

// inPercent writes a fraction: "4.7 %".
func inPercent(fraction float64) string {
	p := 100 * fraction
	if a := math.Abs(p); 0.1 <= a && a < 9.95 {
		return strconv.FormatFloat(p, 'f', 1, 64) + " %"
	}
	return digits(p) + " %"
}

// inCount writes a number of things: "12,300".
func inCount(n float64) string {
	if n >= 1e15 {
		return strconv.FormatFloat(n, 'g', 3, 64)
	}
	if n >= 1000 { // three digits are enough
		n, _ = strconv.ParseFloat(strconv.FormatFloat(n, 'g', 3, 64), 64)
	}
	text := strconv.FormatFloat(math.Round(n), 'f', 0, 64)
	var b strings.Builder
	for i, r := range text {
		if i > 0 && r != '-' && text[i-1] != '-' && (len(text)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// inOdds writes e^logE as a number of cases: "3 million".
func inOdds(logE float64) string {
	for _, big := range []struct {
		unit float64
		name string
	}{{1e15, ""}, {1e12, " trillion"}, {1e9, " billion"}, {1e6, " million"}} {
		if logE < math.Log(big.unit) {
			continue
		}
		if big.name == "" {
			return fmt.Sprintf("10^%.0f", math.Floor(logE/math.Ln10))
		}
		return inCount(math.Floor(math.Exp(logE)/big.unit)) + big.name
	}
	return inCount(math.Floor(math.Exp(max(0, logE))))
}

// againstChance says what an e-value means.
func againstChance(logE float64) string {
	return "The odds against this being chance are " + inOdds(logE) + " to 1."
}

// inTime writes how long something takes: "72 s", "2.5 hours".
func inTime(seconds float64) string {
	switch {
	case !(seconds >= 0): // NaN too
		return "no time"
	case seconds < 120:
		return digits(seconds) + " s"
	case seconds < 2*3600:
		return digits(seconds/60) + " minutes"
	case seconds < 2*86400:
		return digits(seconds/3600) + " hours"
	case seconds < 730*86400:
		return digits(seconds/86400) + " days"
	}
	return inCount(seconds/86400/365.25) + " years"
}

// inMoment writes a time, in UTC and to the second.
func inMoment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// finite drops what is no number from the numbers of a finding.
func finite(numbers map[string]float64) map[string]float64 {
	for name, v := range numbers {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			delete(numbers, name)
		}
	}
	return numbers
}
