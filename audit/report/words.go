package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/touchstone-btc/touchstone/audit"
)

// wording is how a test is spoken of.
type wording struct {
	// name is what the test looks at, alarm what its alarm says of a machine ("rig-07 …"), in a few words.
	name, alarm string
	// pull says that an alarm is reason enough to take the machine out of service and examine it. The others have everyday
	// causes: a dead chip, a bad cable, another clock.
	pull bool
}

var wordings = map[string]wording{
	audit.TestInvalid:     {"Valid shares", "sends shares that are not valid", true},
	audit.TestMask:        {"Version mask", "changes version bits it may not change", true},
	audit.TestDuplicate:   {"Duplicates", "sends shares twice", true},
	audit.TestNTime:       {"Time in the header", "sends times that may not be", true},
	audit.TestRedirect:    {"Other pools", "names, or is sent to, another pool", true},
	audit.TestBestShare:   {"Best share", "names a best share that never came", false},
	audit.TestCounters:    {"Counters", "counts its shares otherwise than we do", false},
	audit.TestBoards:      {"Boards", "has boards that don't add up", false},
	audit.TestTail:        {"High shares", "keeps back high shares", true},
	audit.TestLuck:        {"Blocks", "finds too few blocks", true},
	audit.TestClaim:       {"Less than claimed", "proves less than it claims", true},
	audit.TestClaimAbove:  {"More than claimed", "proves more than it claims", false},
	audit.TestDrop:        {"Drop", "does less than it did", false},
	audit.TestGap:         {"Silences", "falls silent at times", false},
	audit.TestPeriod:      {"Regular silences", "does less at regular times", true},
	audit.TestCoordinated: {"Silent together", "falls silent together with others", false},
	audit.TestCells:       {"Chips and cores", "has dead or weak chips or cores", false},
	audit.TestLatency:     {"Late high shares", "sends high shares late", true},
	audit.TestExtranonce2: {"Work not returned", "takes work that never comes back", true},
	audit.TestArrivals:    {"Arrival of shares", "sends shares too evenly or in bursts", false},
	audit.TestInvalidRate: {"Rate of invalid shares", "sends too many invalid shares", false},
	audit.TestVersion:     {"Rolled version bits", "rolls version bits oddly", false},
	audit.TestFilter:      {"Hardware filter", "filters its shares", false},
	audit.TestStale:       {"Stale shares", "sends many stale shares", false},
	audit.TestAvailable:   {"Availability", "is often away", false},
	audit.TestCombined:    {"All tests together", "is accused by all tests together", false},
	audit.TestData:        {"The record", "has a faulty record", false},
}

// TestName returns what a test looks at, in a few words; a test that is not known is its own name.
func TestName(test string) string {
	if w, ok := wordings[test]; ok {
		return w.name
	}
	return test
}

// TestAlarm returns what an alarm of a test says of a machine, in a few words that follow its name.
func TestAlarm(test string) string {
	if w, ok := wordings[test]; ok {
		return w.alarm
	}
	return "fails the test " + test
}

// Group is a column of a table of devices: tests that look at the same side of a machine.
type Group struct {
	Name  string // one short word
	About string // a sentence's worth
	tests []string
	main  []string // the first of these that can be tested must have been, for the group to be clear
}

// Groups are the columns, most serious first.
var Groups = []Group{
	{"Rules", "every share keeps the rules: valid, new, within the mask and the times, to our pool, and the counters agree",
		[]string{audit.TestInvalid, audit.TestMask, audit.TestDuplicate, audit.TestNTime, audit.TestRedirect, audit.TestBestShare,
			audit.TestCounters, audit.TestInvalidRate, audit.TestStale}, []string{audit.TestInvalid}},
	{"Rate", "the work proven fits the rate claimed, and does not fall",
		[]string{audit.TestClaim, audit.TestClaimAbove, audit.TestDrop}, []string{audit.TestClaim, audit.TestDrop}},
	{"High", "high shares and blocks are as many as they must be, and come at once",
		[]string{audit.TestTail, audit.TestLuck, audit.TestLatency}, []string{audit.TestTail}},
	{"Times", "no silences and no regular slack",
		[]string{audit.TestGap, audit.TestPeriod, audit.TestCoordinated, audit.TestArrivals, audit.TestAvailable}, []string{audit.TestGap}},
	{"Chips", "all chips, cores and boards take part",
		[]string{audit.TestCells, audit.TestBoards, audit.TestExtranonce2, audit.TestVersion, audit.TestFilter}, []string{audit.TestCells}},
}

// State returns what the tests of the group say of a device together: the gravest that any says, but clear only if the main one is. A
// description says nothing.
func (g *Group) State(d *audit.DeviceReport) audit.State {
	state := audit.NotApplicable
	for i := range d.Findings {
		f := &d.Findings[i]
		for _, t := range g.tests {
			if t == f.Test && (f.Kind != audit.Description || f.State == audit.Alarm) && gravity(f.State) < gravity(state) {
				state = f.State
			}
		}
	}
	if state != audit.Clear {
		return state
	}
	for _, test := range g.main {
		for i := range d.Findings {
			f := &d.Findings[i]
			if f.Test == test && f.Kind != audit.Description && f.State != audit.NotApplicable {
				return f.State
			}
		}
	}
	return state
}

// gravity orders states, most serious first.
func gravity(s audit.State) int {
	switch s {
	case audit.Alarm:
		return 0
	case audit.Clear:
		return 1
	case audit.TooEarly:
		return 2
	}
	return 3
}

// Summary sorts the devices of a fleet by what is to be done. The devices are those of the report, in its order.
type Summary struct {
	Pull  []*audit.DeviceReport // take it out of service and examine it
	Look  []*audit.DeviceReport // something is wrong that has everyday causes too
	Clear []*audit.DeviceReport // could have been seen, and was not
	Early []*audit.DeviceReport // nothing could be seen yet, or at all
}

// Summarize sorts the devices of a report.
func Summarize(r *audit.FleetReport) *Summary {
	s := &Summary{}
	for i := range r.Devices {
		d := &r.Devices[i]
		switch {
		case pulls(d):
			s.Pull = append(s.Pull, d)
		case d.State == audit.Alarm:
			s.Look = append(s.Look, d)
		case d.State == audit.Clear:
			s.Clear = append(s.Clear, d)
		default:
			s.Early = append(s.Early, d)
		}
	}
	return s
}

// pulls says that a machine is to be taken out of service: by one of its alarms, or since all its tests together accuse it though
// none does alone.
func pulls(d *audit.DeviceReport) bool {
	single := false
	for _, f := range Alarms(d) {
		if wordings[f.Test].pull {
			return true
		}
		single = single || f.Test != audit.TestCombined
	}
	return d.Rejected && !single
}

// Alarms returns the findings of a device that are alarms, in the order of the report.
func Alarms(d *audit.DeviceReport) (alarms []*audit.Finding) {
	for i := range d.Findings {
		if d.Findings[i].State == audit.Alarm {
			alarms = append(alarms, &d.Findings[i])
		}
	}
	if len(alarms) > 1 { // that of all tests together only repeats what the single ones say
		alarms = slices.DeleteFunc(alarms, func(f *audit.Finding) bool { return f.Test == audit.TestCombined })
	}
	return alarms
}

// gravest is the alarm of a device that says most of it: not that of all tests together, which says nothing in particular, if there is
// another.
func gravest(d *audit.DeviceReport) *audit.Finding {
	alarms := Alarms(d)
	for _, f := range alarms {
		if f.Test != audit.TestCombined {
			return f
		}
	}
	if len(alarms) > 0 {
		return alarms[0]
	}
	return nil
}

// Reason says in a few words why a device is not clear, after its name; "" if it is.
func Reason(d *audit.DeviceReport) string {
	var words []string
	for _, f := range Alarms(d) {
		if f.Test != audit.TestCombined {
			words = append(words, TestAlarm(f.Test))
		}
	}
	switch {
	case len(words) > 2:
		return fmt.Sprintf("%s, %s, and %d more", words[0], words[1], len(words)-2)
	case len(words) > 0:
		return strings.Join(words, " and ")
	case d.Rejected:
		return TestAlarm(audit.TestCombined)
	}
	return ""
}

// Part is a piece of a sentence; Device is the machine that it names, nil if it names none.
type Part struct {
	Text   string
	Device *audit.DeviceReport
}

// Advice is what to do, in one to three sentences that name at most so many machines of each kind. Names are as they are in the
// report: whoever shows them makes them harmless.
func (s *Summary) Advice(most int) (parts []Part) {
	say := func(format string, args ...any) { parts = append(parts, Part{Text: fmt.Sprintf(format, args...)}) }
	list := func(devices []*audit.DeviceReport) {
		for i, d := range devices[:min(len(devices), most)] {
			switch {
			case i == 0:
			case i == len(devices)-1:
				say(" and ")
			default:
				say(", ")
			}
			parts = append(parts, Part{Text: d.Device, Device: d})
			if why := Reason(d); why != "" {
				say(" (%s)", why)
			}
		}
		if more := len(devices) - most; more > 0 {
			say(" and %d more", more)
		}
		say(".")
	}
	all := len(s.Pull) + len(s.Look) + len(s.Clear) + len(s.Early)
	switch {
	case all == 0:
		say("No machine was seen.")
		return parts
	case len(s.Pull) > 0:
		say("Pull %s: ", ofAll(len(s.Pull), all))
		list(s.Pull)
	case all == 1 && len(s.Look) == 1:
		say("Look at this machine: ")
		list(s.Look)
		return parts
	case all == 1:
		say("No reason to pull this machine.")
	default:
		say("No reason to pull any of %d machines.", all)
	}
	if n := len(s.Look); n > 0 {
		if len(s.Pull) > 0 {
			say(" Look at %d more: ", n)
		} else {
			say(" Look at %s: ", ofAll(n, all))
		}
		list(s.Look)
	}
	var rest []string
	if n := len(s.Clear); n > 0 {
		rest = append(rest, plural(n, "shows nothing wrong", "show nothing wrong"))
	}
	if n := len(s.Early); n > 0 {
		rest = append(rest, plural(n, "has not enough data yet", "have not enough data yet"))
	}
	if len(rest) > 0 {
		say(" %s.", strings.Join(rest, "; "))
	}
	return parts
}

func ofAll(n, all int) string {
	if all == 1 {
		return "this machine"
	}
	return fmt.Sprintf("%d of %d machines", n, all)
}

// plural is a number with one of two forms of words.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// Odds says how much evidence a log e-value is, as odds against chance: an honest machine ever gets there at most so often. It
// is rounded down, and "" where there is none.
func Odds(logE float64) string {
	switch e := math.Exp(logE); {
	case !(e >= 2):
		return ""
	case e < 1e12:
		return Number(floorDigits(e, 1)) + " to 1"
	}
	return "more than a trillion to 1"
}

// floorDigits rounds v, above 0, down to that many significant digits.
func floorDigits(v float64, digits int) float64 {
	step := math.Pow(10, math.Floor(math.Log10(v)+1e-12)-float64(digits-1))
	return math.Floor(v/step+1e-9) * step
}

// Number formats a number from 1 on in words that can be spoken: 3 million, 20,000, 350.
func Number(v float64) string {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return "an unknown number"
	case v >= 1e15:
		return fmt.Sprintf("%.1e", v)
	case v >= 1e12:
		return short(v/1e12) + " trillion"
	case v >= 1e9:
		return short(v/1e9) + " billion"
	case v >= 1e6:
		return short(v/1e6) + " million"
	}
	return group(int64(math.Round(v)))
}

// short formats a number below 1000 with two or three digits at most.
func short(v float64) string {
	if v >= 99.5 {
		return fmt.Sprintf("%.0f", v)
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0")
}

// group sets commas between groups of three digits, as findings do.
func group(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// StateWord names a state in a word or two.
func StateWord(s audit.State) string {
	switch s {
	case audit.Alarm:
		return "alarm"
	case audit.Clear:
		return "clear"
	case audit.TooEarly:
		return "too early"
	}
	return "not tested"
}

// Blind are the things that no audit of shares can see, whatever the data. A report says them always.
var Blind = []string{
	"A single machine that keeps back nothing but real blocks: blocks are so rare that its shares would have to be watched for centuries.",
	"What sleeps: a machine that waits for a date, a signal or a certain job before it misbehaves looks honest until then.",
	"Where missing work went: shares show what was sent to us. Work done for somebody else shows only as work that is missing.",
	"Who made a share: a share proves that the work was done for this connection, not which machine did it.",
}

// Limits are what the tests of an audit say that they cannot see, a text of each test: of those that are in alarm, or of all that
// could be tried.
func Limits(r *audit.FleetReport, alarms bool) (limits []string) {
	told := map[string]bool{}
	for i := range r.Devices {
		for j := range r.Devices[i].Findings {
			f := &r.Devices[i].Findings[j]
			if f.Limits == "" || told[f.Test] || f.Test == audit.TestCombined || f.State != audit.Alarm && (alarms || f.State == audit.NotApplicable) {
				continue
			}
			told[f.Test] = true
			limits = append(limits, TestName(f.Test)+": "+f.Limits)
		}
	}
	return limits
}
