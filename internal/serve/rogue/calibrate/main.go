// Command calibrate computes how often the audit is wrong about honest devices, and how long it takes to find dishonest ones, on
// synthetic streams of shares, and writes both as the tables of audit/calibration.md:
//
//	go run ./internal/serve/rogue/calibrate -o audit/calibration.md
//
// The same flags give the same tables.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"sort"
	"strings"
)

func main() {
	devices := flag.Int("devices", 2000, "how many devices a row has at most")
	hours := flag.Float64("hours", 17, "how long honest devices work")
	seed := flag.Uint64("seed", 1, "another number is other luck")
	threads := flag.Int("threads", 0, "how many to compute on; default: all")
	only := flag.String("only", "", "only sections whose title has this in it")
	output := flag.String("o", "", "where to write; default: standard output")
	flag.Parse()
	if err := run(*devices, *threads, *hours, *seed, *only, *output); err != nil {
		fmt.Fprintln(os.Stderr, "calibrate: error:", err)
		os.Exit(2)
	}
}

func run(devices, threads int, hours float64, seed uint64, only, output string) error {
	if devices < 1 || !(hours > 0) {
		return fmt.Errorf("%d devices, %g hours: want more than 0", devices, hours)
	}
	var b bytes.Buffer
	header(&b, devices, hours, seed)
	if title := "Honest devices"; strings.Contains(title, only) {
		fmt.Fprintln(os.Stderr, title)
		var all []*honest
		for _, h := range honestRows(hours) {
			r, err := runHonest(h.what, h.device, h.plan, devices, threads, seed<<32)
			if err != nil {
				return err
			}
			fmt.Fprintf(os.Stderr, "  %s: %d of %d %v\n", r.what, r.evidence, r.devices, r.tests)
			all = append(all, r)
		}
		writeHonest(&b, all)
	}
	for _, s := range sections() {
		if !strings.Contains(s.title, only) {
			continue
		}
		fmt.Fprintln(os.Stderr, s.title)
		var all []outcome
		for i := range s.rows {
			o := s.rows[i].run(devices, threads, seed<<32)
			fmt.Fprintf(os.Stderr, "  %s: median %.0f, of %.0f\n", o.what, o.median, o.expected)
			all = append(all, o)
		}
		writeSection(&b, &s, all)
	}
	if output == "" {
		_, err := os.Stdout.Write(b.Bytes())
		return err
	}
	return os.WriteFile(output, b.Bytes(), 0o644)
}

func header(w io.Writer, devices int, hours float64, seed uint64) {
	fmt.Fprintf(w, `# Calibration

Generated; do not edit:

    go run ./internal/serve/rogue/calibrate -devices %d -hours %g -seed %d -o audit/calibration.md

Synthetic devices of 100 TH/s at 20 shares a minute: shares are a Poisson process, their difficulties Pareto distributed, jobs come every 30 s,
new blocks every 10 min on average. Each device is audited alone, at every share, for as long as it works or until it is found.
`, devices, hours, seed)
}

func writeHonest(w io.Writer, all []*honest) {
	fmt.Fprintf(w, `
## Honest devices

How many of them any test with an e-value accuses at any time, where the plan allows 5 %%, with the exact interval (Clopper and Pearson) at
95 %%. The audit mixes tests and guesses, and asks for the union of all its bounds, so that it errs less often than it may. Surveillance (drops,
gaps) has its own rate of false alarms, one in 10⁹ expected shares and one in 10⁶ days.

| devices | number | shares each | accused | part | 95 %% interval | by | surveillance | facts |
| --- | --: | --: | --: | --: | --- | --- | --: | --: |
`)
	for _, h := range all {
		by := make([]string, 0, len(h.tests))
		for test, n := range h.tests {
			by = append(by, fmt.Sprintf("%s %d", test, n))
		}
		sort.Strings(by)
		if len(by) == 0 {
			by = []string{"–"}
		}
		fmt.Fprintf(w, "| %s | %d | %.0f | %d | %.2f %% | %.2f %% to %.2f %% | %s | %d | %d |\n", h.what, h.devices, float64(h.shares)/float64(h.devices),
			h.evidence, 100*part(h.evidence, h.devices), 100*h.low, 100*h.high, strings.Join(by, ", "), h.surveillance, h.facts)
	}
}

func writeSection(w io.Writer, s *section, all []outcome) {
	fmt.Fprintf(w, "\n## %s\n\n%s\n\n", s.title, s.notes)
	early := false
	for _, o := range all {
		early = early || o.after > 0
	}
	fmt.Fprint(w, "| vice | devices | found | median | 90 % within | published | by | median/published |")
	rule := "| --- | --: | --: | --: | --: | --: | --- | --: |"
	if early {
		fmt.Fprint(w, " alarms before |")
		rule += " --: |"
	}
	fmt.Fprintf(w, "\n%s\n", rule)
	for _, o := range all {
		n := len(o.delays)
		fmt.Fprintf(w, "| %s | %d | %d | %s | %s | %s | %s | %.2f |", o.what, n+o.early, o.found, shares(o.median), shares(o.p90), shares(o.expected), o.source,
			o.median/o.expected)
		if early {
			fmt.Fprintf(w, " %d |", o.early)
		}
		fmt.Fprintln(w)
	}
}

// shares is a number of shares with three digits.
func shares(v float64) string {
	if math.IsInf(v, 1) {
		return "never"
	}
	digits := math.Pow(10, math.Floor(math.Log10(max(v, 1)))-2)
	return fmt.Sprintf("%.0f", math.Round(v/max(digits, 1))*max(digits, 1))
}
