package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// siRate formats a rate with three digits and a decimal prefix: 1.23 M.
func siRate(v float64) string {
	prefixes := []string{"", "k", "M", "G", "T", "P", "E"}
	i := 0
	for v >= 999.5 && i < len(prefixes)-1 {
		v /= 1000
		i++
	}
	return threeDigits(v) + " " + prefixes[i]
}

// threeDigits formats v, below 1000, with three significant digits.
func threeDigits(v float64) string {
	switch {
	case v >= 99.95:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 9.995:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

// formatDifficulty formats a difficulty for people: whole numbers from a
// thousand on, four significant digits below.
func formatDifficulty(d float64) string {
	switch {
	case d >= 1e15:
		return strconv.FormatFloat(d, 'e', 4, 64)
	case d >= 1000 || d == math.Trunc(d):
		return strconv.FormatFloat(d, 'f', 0, 64)
	}
	return strconv.FormatFloat(d, 'g', 4, 64)
}

// formatDuration formats how long something takes, in one or two units.
func formatDuration(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < 0:
		return "0s"
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%.0fs", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	case d < day:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	case d < 1000*day:
		return fmt.Sprintf("%dd%02dh", d/day, d%day/time.Hour)
	}
	return fmt.Sprintf("%.3g years", d.Hours()/24/365.2425)
}

// shorten cuts a long argument for an error message.
func shorten(s string) string {
	const most = 24
	if len(s) <= most {
		return strconv.Quote(s)
	}
	return strconv.Quote(s[:most]) + "…"
}

// nameText is a name that a device gave itself. What is too long is cut in the
// middle: addresses differ at both ends, and the rig's name stands last.
func nameText(s string) string {
	return strconv.Quote(shortMiddle(strings.ToValidUTF8(s, "?"), 24))
}

// joinParts is as many of the parts of a status line as fit columns.
func joinParts(parts []string, columns int) string {
	line := parts[0]
	for _, p := range parts[1:] {
		if len(line)+len(" | ")+len(p) > columns {
			break
		}
		line += " | " + p
	}
	if len(line) > columns {
		line = line[:max(columns, 0)]
	}
	return line
}
