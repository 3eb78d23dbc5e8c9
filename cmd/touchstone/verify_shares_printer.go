package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/touchstone-btc/touchstone/internal/serve"
	"github.com/touchstone-btc/touchstone/work/share"
)

// refusedByAny says that one of several policies did not credit a share, if there are several.
func refusedByAny(r *serve.ShareReport) bool {
	return slices.ContainsFunc(r.Opinions, func(o serve.Opinion) bool { return !o.Word.Credited() })
}

// shareText names a share.
func shareText(r *serve.ShareReport) string {
	forwarded := ""
	if r.Link != "" {
		forwarded = " (forwarded)"
	}
	return fmt.Sprintf("%s:%d: %s%s", display(r.File), r.Line, workerText(r.Text.Worker), forwarded)
}

// disagreementText is a line about a share of which the pool said otherwise.
func disagreementText(r *serve.ShareReport, policy string) string {
	v := &r.Verdict
	why := v.Detail()
	switch {
	case v.Word.Credited():
		why = fmt.Sprintf("difficulty %s of %s", formatDifficulty(v.Difficulty()), formatDifficulty(v.Required()))
	case v.Block:
		why += " (but it is a block)"
	}
	return oneLine(fmt.Sprintf("%s: pool %s; %s: %s, %s", shareText(r), r.Reply, policy, v.Word, why))
}

// printOpinions prints who refuses a share, and why.
func (c *shareCheck) printOpinions(r *serve.ShareReport) {
	said := "without reply"
	if r.HasReply {
		said = "pool " + r.Reply.String()
	}
	con := c.program.con
	con.Print("%s", oneLine(fmt.Sprintf("%s: job %s, nonce %s; %s", shareText(r), shortMiddle(r.Text.JobID, 16), shortMiddle(r.Text.Nonce, 16), said)))
	// Those that say the same for the same reason stand together.
	type group struct {
		word    share.Word
		detail  string
		members []string
	}
	var groups []*group
	for i := range r.Opinions {
		o := &r.Opinions[i]
		at := slices.IndexFunc(groups, func(g *group) bool { return g.word == o.Word && g.detail == o.Detail })
		if at < 0 {
			at = len(groups)
			groups = append(groups, &group{word: o.Word, detail: o.Detail})
		}
		member := o.Policy
		if o.Said != "" {
			member += fmt.Sprintf(" %q", o.Said)
		}
		if o.BlockLost {
			member += " [block" + string(noBreak) + "lost]"
		}
		groups[at].members = append(groups[at].members, member)
	}
	for _, g := range groups {
		text := strings.Join(g.members, ", ")
		if g.detail != "" {
			text += ": " + g.detail
		}
		for i, line := range wrap(oneLine(text), textColumns-19) {
			name := ""
			if i == 0 {
				name = g.word.String()
			}
			con.Print("  %-15s  %s", name, line)
		}
	}
}

// printSummary prints what was found.
func (c *shareCheck) printSummary(s *serve.ReplaySummary) {
	con := c.program.con
	if more := c.listed - shownShares; more > 0 {
		con.Print("and %d more; --json lists all", more)
	}
	if s.First == "" {
		return // there was no recording, and that is said
	}
	if c.listed > 0 {
		con.Print("")
	}
	c.printCounts(s)
	con.Print("")
	c.printFacts(s)
	if len(s.Workers) > 0 {
		con.Print("")
		c.printWorkers(s.Workers)
	}
	if approximate(s) {
		con.Print(nearlyNote)
	}
}

// printCounts prints how the shares were judged.
func (c *shareCheck) printCounts(s *serve.ReplaySummary) {
	con := c.program.con
	if s.Shares == 0 {
		con.Print("no share was submitted")
		return
	}
	con.Print("%s, by %s %d credited, %d refused, %d not judged", count(s.Shares, "share"), s.Policy,
		s.Credited, s.Shares-s.Credited-s.Unjudged, s.Unjudged)
	columns := []column{{left: true}}
	policies := s.Policies
	if len(policies) == 0 {
		policies = []serve.PolicySummary{{Verdicts: s.Verdicts, Unjudged: s.Unjudged}}
	}
	lost := int64(0)
	for i := range policies {
		columns = append(columns, column{head: policies[i].Policy})
		lost += policies[i].BlocksLost
	}
	t := table{columns: columns}
	row := func(name string, value func(*serve.PolicySummary) int64) {
		cells, some := []string{name}, false
		for i := range policies {
			n := value(&policies[i])
			some = some || n > 0
			cells = append(cells, fmt.Sprint(n))
		}
		if some {
			t.rows = append(t.rows, cells)
		}
	}
	words := share.Words()
	slices.Reverse(words) // what is credited first
	for _, w := range words {
		row(w.String(), func(p *serve.PolicySummary) int64 { return p.Verdicts[w.String()] })
	}
	row("not judged", func(p *serve.PolicySummary) int64 { return p.Unjudged })
	if lost > 0 {
		row("blocks lost", func(p *serve.PolicySummary) int64 { return p.BlocksLost })
	}
	t.print(con)
	reasons := make([]string, 0, len(c.unjudged))
	for reason := range c.unjudged {
		reasons = append(reasons, reason)
	}
	slices.Sort(reasons)
	for _, reason := range reasons {
		for i, line := range wrap(oneLine(reason), textColumns-8) {
			if i == 0 {
				line = fmt.Sprintf("%4d %s", c.unjudged[reason], line)
			} else {
				line = "     " + line
			}
			con.Print("  %s", line)
		}
	}
}

// printFacts prints what is known of all shares together.
func (c *shareCheck) printFacts(s *serve.ReplaySummary) {
	con := c.program.con
	fact := func(name, format string, args ...any) {
		con.Print("%-11s %s", name, oneLine(fmt.Sprintf(format, args...)))
	}
	from, _ := time.Parse(time.RFC3339, s.First)
	to, _ := time.Parse(time.RFC3339, s.Last)
	fact("recorded", "%s to %s UTC: %s", from.Format(time.DateTime), to.Format(time.DateTime), formatDuration(to.Sub(from)))
	unread := ""
	if s.BadLines > 0 {
		unread = fmt.Sprintf(" (%d could not be read)", s.BadLines)
	}
	recordings := ""
	if s.Recordings > 1 {
		recordings = fmt.Sprintf(" of %d recordings", s.Recordings)
	}
	fact("read", "%s%s%s, %s, %s", count(s.Lines, "line"), recordings, unread, count(s.Sessions, "session"), count(int64(len(s.Workers)), "worker"))
	if n := s.UnmatchedReplies; n > 0 {
		fact("unmatched", "%s to requests that were not seen, or no longer waited for", plural(n, "reply", "replies"))
	}
	if n := s.Garbage; n > 0 {
		fact("garbage", "%s of devices could not be understood", count(n, "line"))
	}
	if f := s.Forwarded; f != nil && f.Shares > 0 {
		fact("forwarded", "%s of difficulty %s, %d credited, %d refused, %d not judged; %s", count(f.Shares, "share"), formatDifficulty(f.Difficulty),
			f.Credited, f.Shares-f.Credited-f.Unjudged, f.Unjudged, repliesText(&f.Tally, s.Policy))
	}
	if s.Shares == 0 {
		return
	}
	fact("pool", "%s", repliesText(&s.Tally, s.Policy))
	if s.Blocks > 0 {
		refused := ""
		if n := s.Blocks - s.Verdicts[share.Block.String()]; n > 0 {
			refused = fmt.Sprintf("; %d of them not credited as shares", n)
		}
		fact("blocks", "%s the network's target%s", plural(s.Blocks, "submission meets", "submissions meet"), refused)
	}
	if s.Credited == 0 {
		return
	}
	fact("credit", "difficulty %s: work of %s hashes", formatDifficulty(s.Difficulty), groupDigits(s.Work))
	if r := s.HashRate; r != nil {
		nearly := ""
		if r.Approximate {
			nearly = " ~"
		}
		fact("hash rate", "%s (95 %%: %s%s), in %s", rateText(r), intervalText(r), nearly, formatDuration(time.Duration(r.Seconds*float64(time.Second))))
	}
	if b := s.Best; b != nil {
		fact("best share", "difficulty %s, by %s (%s:%d)", formatDifficulty(b.Difficulty), workerText(b.Worker), display(b.File), b.Line)
	}
}

// repliesText says what was replied to shares.
func repliesText(t *serve.Tally, policy string) string {
	unanswered := ""
	if n := t.Shares - t.PoolAccepted - t.PoolRejected; n > 0 {
		unanswered = fmt.Sprintf(", did not answer %d", n)
	}
	text := fmt.Sprintf("accepted %d, rejected %d%s; disagrees with %s on %d", t.PoolAccepted, t.PoolRejected, unanswered, policy, t.Disagreements)
	if t.Crossed > 0 {
		text += fmt.Sprintf("; %d rejected as stale crossed a new block", t.Crossed)
	}
	return text
}

// printWorkers prints a line for each worker, those with the most credit first.
func (c *shareCheck) printWorkers(workers []serve.WorkerSummary) {
	t := table{columns: []column{
		{head: "worker", left: true}, {head: "shares"}, {head: "credited"}, {head: "difficulty"}, {head: "hash rate"}, {head: "95 %", left: true}, {head: "best"},
	}}
	for i := range workers[:min(len(workers), shownWorkers)] {
		w := &workers[i]
		name, rate, interval, best := "all others", "-", "-", "-"
		if w.Worker != nil {
			name = workerText(*w.Worker)
		}
		if r := w.HashRate; r != nil {
			rate, interval = rateText(r), intervalText(r)
			if r.Approximate {
				interval += " ~"
			}
		}
		if w.Best != nil {
			best = shortDifficulty(w.Best.Difficulty)
		}
		t.rows = append(t.rows, []string{name, fmt.Sprint(w.Shares), fmt.Sprint(w.Credited), shortDifficulty(w.Difficulty), rate, interval, best})
	}
	con := c.program.con
	t.print(con)
	if more := len(workers) - shownWorkers; more > 0 {
		con.Print("and %d more; --json lists all", more)
	}
}

// nearlyNote explains the sign after intervals that are not exact.
const nearlyNote = "~ nearly: the difficulty changed, or was not the same on all connections"

// approximate says that an interval that is shown is not exact.
func approximate(s *serve.ReplaySummary) bool {
	rough := func(t *serve.Tally) bool { return t.HashRate != nil && t.HashRate.Approximate }
	return rough(&s.Tally) || slices.ContainsFunc(s.Workers[:min(len(s.Workers), shownWorkers)],
		func(w serve.WorkerSummary) bool { return rough(&w.Tally) })
}

func rateText(r *serve.HashRate) string { return siRate(r.Rate) + "H/s" }

func intervalText(r *serve.HashRate) string {
	return siRate(r.Low) + "H/s to " + siRate(r.High) + "H/s"
}

// shortDifficulty formats a difficulty for a column.
func shortDifficulty(d float64) string {
	if d < 1e6 {
		return formatDifficulty(d)
	}
	return strings.TrimSpace(siRate(d))
}

// textColumns is how wide printed text gets, where it can be broken.
const textColumns = 96

// wrap breaks text at spaces into lines of at most so many columns; a longer word stays whole. Spaces that don't break become
// plain ones.
func wrap(text string, columns int) (lines []string) {
	line := ""
	for word := range strings.SplitSeq(text, " ") {
		word = strings.ReplaceAll(word, string(noBreak), " ")
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > columns:
			lines = append(lines, line)
			line = word
		default:
			line += " " + word
		}
	}
	return append(lines, line)
}

// workerText is a worker's name on the screen.
func workerText(name string) string {
	if name == "" {
		return "(no name)"
	}
	return oneLine(shortMiddle(name, 24))
}

// shortMiddle cuts a long name in its middle: addresses differ at both ends, and the rig's name stands last.
func shortMiddle(s string, most int) string {
	if !utf8.ValidString(s) || utf8.RuneCountInString(s) <= most {
		return s
	}
	r := []rune(s)
	half := (most - 1) / 2
	return string(r[:half]) + "…" + string(r[len(r)-half:])
}

// groupDigits sets spaces between groups of three digits.
func groupDigits(s string) string {
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	return s
}

// plural is a number with one of two forms of words.
func plural(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// table is text in columns.
type table struct {
	columns []column
	rows    [][]string
}

type column struct {
	head string
	left bool // aligned
}

// print prints the table, without its head if that is empty.
func (t *table) print(con *console) {
	widths := make([]int, len(t.columns))
	var head []string
	titled := false
	for i, c := range t.columns {
		head = append(head, c.head)
		titled = titled || c.head != ""
		for _, row := range t.rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
		widths[i] = max(widths[i], utf8.RuneCountInString(c.head))
	}
	line := func(cells []string) {
		var b strings.Builder
		for i, cell := range cells {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if t.columns[i].left {
				b.WriteString("  " + cell + pad)
			} else {
				b.WriteString("  " + pad + cell)
			}
		}
		con.Print("%s", strings.TrimRight(b.String(), " "))
	}
	if titled {
		line(head)
	}
	for _, row := range t.rows {
		line(row)
	}
}
