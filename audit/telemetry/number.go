package telemetry

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

var (
	errInfinite = errors.New("not a finite number")
	errOverflow = errors.New("an overflow")
	errNegative = errors.New("negative")
	errNumber   = errors.New("not a number")
)

// isNotANumber says that text is how C prints infinity and the like.
func isNotANumber(text string) bool {
	switch strings.ToLower(strings.TrimLeft(text, "+-")) {
	case "inf", "infinity", "nan", "nan(ind)", "1.#inf", "1.#ind", "1.#qnan":
		return true
	}
	return false
}

// parseFloat reads a decimal number, and nothing else that Go would take for one.
func parseFloat(text string) (float64, error) {
	if len(text) > 64 {
		return 0, errNumber
	}
	for i := range len(text) {
		if c := text[i]; (c < '0' || c > '9') && c != '.' && c != '-' && c != '+' && c != 'e' && c != 'E' {
			return 0, errNumber
		}
	}
	return strconv.ParseFloat(text, 64)
}

// jsonNumber says that JSON allows the number.
func jsonNumber(text string) bool {
	text = strings.TrimPrefix(text, "-")
	whole, rest := digits(text)
	if whole == 0 || whole > 1 && text[0] == '0' {
		return false
	}
	if strings.HasPrefix(rest, ".") {
		var n int
		if n, rest = digits(rest[1:]); n == 0 {
			return false
		}
	}
	if rest != "" && (rest[0] == 'e' || rest[0] == 'E') {
		rest = rest[1:]
		if rest != "" && (rest[0] == '+' || rest[0] == '-') {
			rest = rest[1:]
		}
		var n int
		if n, rest = digits(rest); n == 0 {
			return false
		}
	}
	return rest == ""
}

// digits counts those at the beginning.
func digits(text string) (int, string) {
	n := 0
	for n < len(text) && text[n] >= '0' && text[n] <= '9' {
		n++
	}
	return n, text[n:]
}

// parseNumber reads a number that a machine gives as a number or as text, with a suffix such as in "483k" and "4.29G" where
// scaled, or with a unit such as in "58.94W" and "2.449%". NaN without an error is a field that is left empty.
func parseNumber(n *node, scaled bool) (float64, error) {
	switch {
	case n == nil || n.kind == kindNull:
		return math.NaN(), nil
	case n.kind != kindNumber && n.kind != kindString:
		return math.NaN(), errNumber
	}
	text := strings.Trim(n.text, " \t\r\n'")
	switch {
	case text == "" || text == "-" || text == "--" || strings.EqualFold(text, "n/a"):
		return math.NaN(), nil
	case isNotANumber(text):
		return math.NaN(), errInfinite
	}
	end := len(text)
	for end > 0 && (text[end-1] < '0' || text[end-1] > '9') && text[end-1] != '.' {
		end--
	}
	suffix := strings.TrimSpace(text[end:])
	v, err := parseFloat(strings.TrimSpace(text[:end]))
	switch {
	case errors.Is(err, strconv.ErrRange):
		return math.NaN(), errOverflow
	case err != nil || len(suffix) > 8:
		return math.NaN(), errNumber
	case suffix == "" || !scaled:
		return v, nil
	}
	i := strings.IndexAny("kKmMgGtTpPeE", suffix[:1])
	if i < 0 || len(suffix) > 1 {
		return math.NaN(), errNumber
	}
	return v * math.Pow(1000, float64(i/2+1)), nil
}
