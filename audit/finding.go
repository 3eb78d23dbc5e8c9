package audit

import (
	"slices"
	"time"
)

// Kind says how a finding can be wrong.
type Kind string

const (
	// Fact needs no statistics: it was seen.
	Fact Kind = "fact"
	// Evidence has an e-value: whoever bets against an honest machine multiplies the stake by E with probability at most 1/E, at
	// whatever moment one looks.
	Evidence Kind = "evidence"
	// Surveillance has a false-alarm rate: so many expected shares or days between two false alarms.
	Surveillance Kind = "surveillance"
	// Description accuses nobody: a figure, with its interval where it has one.
	Description Kind = "description"
)

// State is what a test says.
type State string

const (
	// Alarm: the threshold is crossed.
	Alarm State = "alarm"
	// Clear: the test could have seen what it looks for (Power says what), and did not.
	Clear State = "clear"
	// TooEarly: not enough data; NeedShares says how much more.
	TooEarly State = "too-early"
	// NotApplicable: what the test needs is not there (no claim, no job times, unknown model); Words say what.
	NotApplicable State = "not-applicable"
)

// Finding is what one test says of one device, or of the fleet.
type Finding struct {
	// Test is one of the constants Test….
	Test  string `json:"test"`
	Kind  Kind   `json:"kind"`
	State State  `json:"state"`
	// Words are the conclusion in plain language, one or two sentences without symbols. Never empty.
	Words string `json:"words"`
	// Power says what the test could have seen by now, and Limits what it cannot see at all. Plain language.
	Power  string `json:"power,omitempty"`
	Limits string `json:"limits,omitempty"`
	// LogE is the natural logarithm of the e-value now, Peak the highest there was, Threshold what Alarm takes. Of evidence only.
	LogE      float64 `json:"log_e,omitzero"`
	Peak      float64 `json:"peak_log_e,omitzero"`
	Threshold float64 `json:"threshold_log_e,omitzero"`
	// Rate of false alarms, of surveillance only, in words: "one in 1e9 expected shares".
	FalseAlarms string `json:"false_alarms,omitempty"`
	// NeedShares is about how many more shares the test needs before it can say anything; 0 if it can, or can never.
	NeedShares float64 `json:"need_shares,omitzero"`
	// Since is when an alarm was first given, and At what it is about, as far as it is about a moment.
	Since time.Time `json:"since,omitzero"`
	At    time.Time `json:"at,omitzero"`
	// Numbers are those that the words speak of, by name in snake_case with the unit last (…_shares, …_seconds, …_hashes_per_second).
	// All are finite.
	Numbers map[string]float64 `json:"numbers,omitempty"`
}

// The tests, most serious first: a report lists findings in this order.
const (
	TestInvalid     = "invalid"     // shares that are not what they claim
	TestMask        = "mask"        // version bits outside the mask
	TestDuplicate   = "duplicate"   // shares sent twice
	TestNTime       = "ntime"       // times that may not be
	TestRedirect    = "redirect"    // sent elsewhere: client.reconnect, or telemetry names another pool
	TestBestShare   = "best-share"  // the device boasts of a share that was never received
	TestCounters    = "counters"    // its counters and ours disagree
	TestBoards      = "boards"      // its boards don't add up
	TestCombined    = "combined"    // all evidence together
	TestTail        = "tail"        // high shares are missing
	TestLuck        = "luck"        // blocks are missing
	TestClaim       = "claim"       // less is proven than is claimed
	TestClaimAbove  = "claim-above" // more is proven than is claimed
	TestDrop        = "drop"        // it does less than it did
	TestGap         = "gap"         // it is silent at times
	TestPeriod      = "period"      // it is silent regularly
	TestCoordinated = "coordinated" // several are silent together
	TestCells       = "cells"       // chips, cores or parts of the nonce space are dead or weak
	TestLatency     = "latency"     // high shares come late
	TestExtranonce2 = "extranonce2" // work was taken and never came back
	TestArrivals    = "arrivals"    // too regular, or in bursts
	TestInvalidRate = "invalid-rate"
	TestVersion     = "version" // rolled bits
	TestFilter      = "filter"  // a hardware filter above the pool's difficulty
	TestStale       = "stale"
	TestAvailable   = "available" // how long it was connected
	TestData        = "data"      // what is wrong with the record itself
)

var testNames = [...]string{TestInvalid, TestMask, TestDuplicate, TestNTime, TestRedirect, TestBestShare, TestCounters, TestBoards,
	TestCombined, TestTail, TestLuck, TestClaim, TestClaimAbove, TestDrop, TestGap, TestPeriod, TestCoordinated, TestCells, TestLatency,
	TestExtranonce2, TestArrivals, TestInvalidRate, TestVersion, TestFilter, TestStale, TestAvailable, TestData}

// testOrder returns the place of a test in the order above; unknown ones come last.
func testOrder(test string) int {
	if i := slices.Index(testNames[:], test); i >= 0 {
		return i
	}
	return len(testNames)
}
