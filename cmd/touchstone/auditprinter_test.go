package main

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/touchstone-btc/touchstone/audit"
)

// auditFleet is a report made by hand: three machines in alarm, one that has too little data, and calm ones.
func auditFleet(calm int) *audit.FleetReport {
	first := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	last := first.Add(48 * time.Hour)
	plan, err := audit.Plan{}.Complete()
	if err != nil {
		panic(err)
	}
	device := func(name string, rate float64, findings ...audit.Finding) audit.DeviceReport {
		return audit.DeviceReport{Device: name, First: first, Last: last, Sessions: 1, Counts: audit.Counts{Counted: 57_600},
			Proven: audit.Interval{Estimate: rate, Low: 0.976 * rate, High: 1.024 * rate}, Claimed: 100e12, State: audit.Clear, Findings: findings}
	}
	clear := func(test string, kind audit.Kind) audit.Finding {
		return audit.Finding{Test: test, Kind: kind, State: audit.Clear, Words: "Nothing wrong shows."}
	}
	honest := func(name string) audit.DeviceReport {
		return device(name, 99.6e12, clear(audit.TestInvalid, audit.Fact), clear(audit.TestClaim, audit.Evidence), clear(audit.TestTail, audit.Evidence),
			clear(audit.TestGap, audit.Surveillance), audit.Finding{Test: audit.TestCells, Kind: audit.Evidence, State: audit.NotApplicable, Words: "The model is not known."})
	}
	r := &audit.FleetReport{Plan: plan, PlanHash: strings.Repeat("4a5b", 16), First: first, Last: last, State: audit.Alarm, Threshold: math.Log(50 / 0.001),
		Sources: []audit.Source{{Name: "proxy.jsonl", Kind: "transcript", Lines: 2_880_123, Bad: 2, SHA256: strings.Repeat("c0ffee00", 8)}},
		Notes:   []string{"the recording was interrupted once, for 3 minutes"}}

	skims := device("bc1qexample.rig-07", 93.1e12, audit.Finding{Test: audit.TestClaim, Kind: audit.Evidence, State: audit.Alarm, LogE: 14.9, Peak: 15.2, Threshold: 13.1,
		Words: "Proven 93.1 TH/s (between 90.9 and 95.3), claims 100: at least 3.7 % are missing beyond the tolerance.", Since: first.Add(31 * time.Hour),
		Limits: "It does not say where the missing work went."}, clear(audit.TestTail, audit.Evidence),
		audit.Finding{Test: audit.TestGap, Kind: audit.Surveillance, State: audit.Alarm, Words: "Silent for 75 s while connected and with work, 31 times; 25 shares were to be expected in each.",
			FalseAlarms: "one in a million days", Since: first.Add(time.Hour)})
	skims.State, skims.Rejected, skims.Combined = audit.Alarm, true, 12.7
	chips := device("rig-23", 97.4e12, clear(audit.TestClaim, audit.Evidence), audit.Finding{Test: audit.TestCells, Kind: audit.Evidence, State: audit.Alarm, LogE: 33, Peak: 33,
		Words: "Chip 17 of 114 found nothing where 505 shares were to be expected."})
	chips.State = audit.Alarm
	masks := device("rig-41", 100.2e12, audit.Finding{Test: audit.TestMask, Kind: audit.Fact, State: audit.Alarm, Words: "3 shares changed version bits that the pool had not given.",
		Since: first.Add(5 * time.Hour)})
	masks.State = audit.Alarm
	young := device("rig-50", 103e12, audit.Finding{Test: audit.TestClaim, Kind: audit.Evidence, State: audit.TooEarly, NeedShares: 2_120, Words: "Not enough data."},
		audit.Finding{Test: audit.TestTail, Kind: audit.Evidence, State: audit.TooEarly, NeedShares: 911, Words: "Not enough data."})
	young.State, young.Counts.Counted, young.Claimed, young.Proven = audit.TooEarly, 31, 0, audit.Interval{Estimate: 103e12, Low: 61e12, High: 171e12}
	young.Notes = []string{"no job was seen before the first share"}
	r.Devices = []audit.DeviceReport{masks, skims, chips, young}
	for i := range calm {
		r.Devices = append(r.Devices, honest(fmt.Sprintf("rig-%02d", 51+i)))
	}
	return r
}

// TestPrintAudit compares the text with files; UPDATE_GOLDEN=1 writes them.
func TestPrintAudit(t *testing.T) {
	synthetic := auditFleet(2)
	synthetic.Synthetic = true
	none := &audit.FleetReport{Plan: synthetic.Plan, PlanHash: synthetic.PlanHash}
	for _, tt := range []struct {
		name string
		r    *audit.FleetReport
		v    auditView
	}{
		{"80", auditFleet(3), auditView{Columns: 80}},
		{"140", auditFleet(3), auditView{Columns: 140}},
		{"40", auditFleet(3), auditView{Columns: 40}},
		{"fleet", auditFleet(996), auditView{Columns: 80}},
		{"synthetic-color", synthetic, auditView{Columns: 100, Color: true}},
		{"none", none, auditView{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b bytes.Buffer
			require.NoError(t, printAudit(&b, tt.r, tt.v))
			file := filepath.Join("testdata", "audit", tt.name+".txt")
			if os.Getenv("UPDATE_GOLDEN") != "" {
				require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o777))
				require.NoError(t, os.WriteFile(file, b.Bytes(), 0o666))
			}
			want, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, string(want), b.String())
			for l := range strings.Lines(stripColors(b.String())) {
				require.LessOrEqual(t, textWidth(strings.TrimSuffix(l, "\n")), max(tt.v.Columns, 80), "%q", l)
			}
		})
	}
}

func stripColors(s string) string {
	for _, code := range []string{"1;31", "32", "90", "0"} {
		s = strings.ReplaceAll(s, "\x1b["+code+"m", "")
	}
	return s
}

// TestPrintAuditSaysOnce prints what would only repeat itself once: notes that are the same of many devices, and that all tests together
// accuse a device that a single one accuses; and nothing of tests that need nothing.
func TestPrintAuditSaysOnce(t *testing.T) {
	r := &audit.FleetReport{State: audit.Alarm}
	for i := range 50 {
		r.Devices = append(r.Devices, audit.DeviceReport{Device: fmt.Sprint("rig-", i), State: audit.TooEarly, Notes: []string{"The end is missing."},
			Findings: []audit.Finding{
				{Test: audit.TestData, Kind: audit.Description, State: audit.TooEarly, Words: "No share."},
				{Test: audit.TestInvalid, Kind: audit.Fact, State: audit.TooEarly, Words: "No share.", NeedShares: 1},
			}})
	}
	r.Devices[0].State, r.Devices[0].Rejected = audit.Alarm, true
	r.Devices[0].Findings = append(r.Devices[0].Findings,
		audit.Finding{Test: audit.TestCombined, Kind: audit.Evidence, State: audit.Alarm, Words: "All evidence together."},
		audit.Finding{Test: audit.TestClaim, Kind: audit.Evidence, State: audit.Alarm, Words: "At least 5 % are missing."})
	var b strings.Builder
	require.NoError(t, printAudit(&b, r, auditView{}))
	got := b.String()
	require.Contains(t, got, "note      rig-0, rig-1, rig-2, 47 more: The end is missing.\n")
	require.Equal(t, 1, strings.Count(got, "The end is missing."))
	require.Contains(t, got, "At least 5 % are missing.")
	require.NotContains(t, got, "All evidence together")
	require.NotContains(t, got, "The record")
	require.Contains(t, got, "needs about 1 more share\n")
}
