package main

import (
	"cmp"
	"fmt"
	"math"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/touchstone-btc/touchstone/internal/serve"
)

// deviceColumn is one of the view's table.
type deviceColumn struct {
	title string
	width int  // columns it takes at least
	left  bool // its text stands at the left
	// first says how early it gets room: 0 has it always.
	first int
	// grows says that it takes what is left, up to its longest text.
	grows bool
	text  func(d *serve.DeviceStatus, now time.Time) string
}

// deviceColumns are the columns of the table, as they stand beside each other.
var deviceColumns = []deviceColumn{
	{title: "WORKER", width: 14, left: true, grows: true, text: func(d *serve.DeviceStatus, _ time.Time) string {
		if d.Worker == "" {
			return "-"
		}
		return harmless(d.Worker)
	}},
	{title: "ADDRESS", width: 15, left: true, first: 3, text: func(d *serve.DeviceStatus, _ time.Time) string {
		host, _, err := net.SplitHostPort(d.Peer)
		if err != nil {
			host = d.Peer
		}
		return harmless(host)
	}},
	{title: "AGENT", width: 16, left: true, first: 7, grows: true, text: func(d *serve.DeviceStatus, _ time.Time) string { return harmless(d.UserAgent) }},
	{title: "POOL", width: 20, left: true, first: 9, grows: true, text: func(d *serve.DeviceStatus, _ time.Time) string { return harmless(d.Pool) }},
	{title: "DIFF", width: 9, first: 4, text: func(d *serve.DeviceStatus, _ time.Time) string {
		if d.Difficulty == 0 {
			return "-"
		}
		return shortDifficulty(d.Difficulty)
	}},
	{title: "HASH/S", width: 6, text: func(d *serve.DeviceStatus, _ time.Time) string {
		if d.Recent == nil {
			return "-"
		}
		return strings.TrimSpace(siRate(d.Recent.Rate))
	}},
	{title: "95 %", width: 13, first: 2, text: func(d *serve.DeviceStatus, _ time.Time) string {
		if d.Recent == nil {
			return "-"
		}
		return strings.Replace(liveInterval(d.Recent), " to ", "-", 1)
	}},
	{title: "SHARES", width: 6, text: func(d *serve.DeviceStatus, _ time.Time) string { return shortCount(d.Shares) }},
	{title: "REFUSED", width: 7, text: func(d *serve.DeviceStatus, _ time.Time) string {
		if d.Refused == 0 {
			return "0"
		}
		return shortCount(d.Refused)
	}},
	{title: "DISAGREE", width: 8, first: 1, text: func(d *serve.DeviceStatus, _ time.Time) string { return shortCount(d.Disagreements) }},
	{title: "BLOCKS", width: 6, first: 8, text: func(d *serve.DeviceStatus, _ time.Time) string { return shortCount(d.Blocks) }},
	{title: "BEST", width: 9, first: 10, text: func(d *serve.DeviceStatus, _ time.Time) string {
		if d.Best == 0 {
			return "-"
		}
		return shortDifficulty(d.Best)
	}},
	{title: "REPLY", width: 6, first: 6, text: func(d *serve.DeviceStatus, _ time.Time) string { return latencyText(d.Reply) }},
	{title: "ADDED", width: 6, first: 6, text: func(d *serve.DeviceStatus, _ time.Time) string { return latencyText(d.Added) }},
	{title: "LAST", width: 6, first: 1, text: func(d *serve.DeviceStatus, now time.Time) string {
		if d.LastShare == nil {
			return "-"
		}
		return agoText(now.Sub(*d.LastShare))
	}},
	{title: "UP", width: 6, first: 5, text: func(d *serve.DeviceStatus, now time.Time) string { return agoText(now.Sub(d.Connected)) }},
}

// proxyColumns are those that say nothing of a pool of our own.
var proxyColumns = []string{"POOL", "DISAGREE", "REPLY", "ADDED"}

// deviceTable is a table of the most noteworthy devices.
func deviceTable(s *serve.Snapshot, columns, rows int) []string {
	devices := noteworthy(s.Devices, s.Time)
	more := 0
	if shown := rows - 1; len(devices) > shown {
		shown-- // the last row says how many there are beyond
		more = len(devices) - shown
		devices = devices[:shown]
	}
	cells := make([][]string, 0, len(devices)+1)
	used := chooseColumns(s, columns)
	titles := make([]string, len(used))
	for i, c := range used {
		titles[i] = c.title
	}
	cells = append(cells, titles)
	for _, d := range devices {
		row := make([]string, len(used))
		for i, c := range used {
			row[i] = c.text(d, s.Time)
		}
		cells = append(cells, row)
	}
	lines := layOut(used, cells, columns)
	if more > 0 {
		lines = append(lines, cutWidth(fmt.Sprintf("and %s more", count(int64(more), "device")), columns))
	}
	return lines
}

// gap is between two columns.
const gap = 2

// chooseColumns returns the columns that there is room for.
func chooseColumns(s *serve.Snapshot, room int) []deviceColumn {
	proxy := len(s.Pools) > 0
	var wanted []int
	for i, c := range deviceColumns {
		switch {
		case !proxy && slices.Contains(proxyColumns, c.title), c.title == "POOL" && len(s.Pools) < 2:
		default:
			wanted = append(wanted, i)
		}
	}
	slices.SortStableFunc(wanted, func(a, b int) int { return cmp.Compare(deviceColumns[a].first, deviceColumns[b].first) })
	var chosen []int
	room += gap
	for _, i := range wanted {
		if c := &deviceColumns[i]; c.first == 0 || c.width+gap <= room {
			room -= c.width + gap
			chosen = append(chosen, i)
		}
	}
	slices.Sort(chosen)
	used := make([]deviceColumn, len(chosen))
	for i, at := range chosen {
		used[i] = deviceColumns[at]
	}
	return used
}

// layOut writes cells under each other.
func layOut(used []deviceColumn, cells [][]string, columns int) []string {
	left := columns + gap
	for _, c := range used {
		left -= c.width + gap
	}
	for i := range used {
		c := &used[i]
		longest := 0
		for _, row := range cells {
			longest = max(longest, textWidth(row[i]))
		}
		if longest > c.width && (c.grows || left > 20) {
			more := min(longest-c.width, max(left, 0))
			c.width += more
			left -= more
		}
	}
	lines := make([]string, 0, len(cells))
	for _, row := range cells {
		var b strings.Builder
		for i, c := range used {
			text := cutMiddle(row[i], c.width)
			space := strings.Repeat(" ", c.width-textWidth(text))
			switch {
			case !c.left:
				b.WriteString(space + text)
			case i == len(used)-1:
				b.WriteString(text)
			default:
				b.WriteString(text + space)
			}
			if i < len(used)-1 {
				b.WriteString("  ")
			}
		}
		lines = append(lines, cutWidth(b.String(), columns))
	}
	return lines
}

// noteworthy returns devices in the order in which they are worth a look:
// first those of which pool and touchstone disagree, then those whose shares
// are refused, those that have fallen silent, and the rest by their rate. Rates
// that may be the same don't change places, for they would do so all the time.
func noteworthy(all []serve.DeviceStatus, now time.Time) []*serve.DeviceStatus {
	type ranked struct {
		device  *serve.DeviceStatus
		refused float64
		silent  bool
		rate    int
	}
	order := make([]ranked, len(all))
	for i := range all {
		d := &all[i]
		r := ranked{device: d, silent: silent(d, now), rate: math.MinInt}
		if judged := d.Credited + d.Refused; d.Refused > 1 {
			// In halves: what is about the same stays where it is.
			r.refused = max(math.Round(math.Log2(float64(d.Refused)/float64(judged))), -10) + 11
			if r.refused < 4 {
				r.refused = 0 // below one in a hundred
			}
		}
		if d.Recent != nil && d.Recent.Rate > 0 {
			r.rate = int(math.Round(math.Log2(d.Recent.Rate)))
		}
		order[i] = r
	}
	slices.SortFunc(order, func(a, b ranked) int {
		return cmp.Or(
			cmp.Compare(b.device.Disagreements, a.device.Disagreements),
			cmp.Compare(b.refused, a.refused),
			cmp.Compare(boolInt(b.silent), boolInt(a.silent)),
			cmp.Compare(b.rate, a.rate),
			cmp.Compare(a.device.Worker, b.device.Worker),
			cmp.Compare(a.device.Number, b.device.Number),
		)
	})
	out := make([]*serve.DeviceStatus, len(order))
	for i, r := range order {
		out[i] = r.device
	}
	return out
}

// silent reports whether a device sends nothing any more: at its rate, so long
// without a share is as good as impossible.
func silent(d *serve.DeviceStatus, now time.Time) bool {
	const least, times = 2 * time.Minute, 15 // e^-15 is one in three millions
	since := d.Connected
	if d.LastShare != nil {
		since = *d.LastShare
	}
	quiet := now.Sub(since)
	if d.HashRate == nil || d.Credited == 0 {
		return d.Difficulty != 0 && quiet > 10*time.Minute
	}
	return quiet > least && quiet.Seconds() > times*d.HashRate.Seconds/float64(d.Credited)
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// shortCount writes a count in six columns.
func shortCount(n int64) string {
	if n < 1_000_000 {
		return fmt.Sprint(n)
	}
	return strings.ReplaceAll(siRate(float64(n)), " ", "")
}

// latencyText is what 99 of 100 take.
func latencyText(l *serve.Latency) string {
	if l == nil {
		return "-"
	}
	switch s := float64(l.P99); {
	case s >= 0.9995:
		return threeDigits(s) + "s"
	case s >= 0.9995e-3:
		return threeDigits(s*1e3) + "ms"
	default:
		return threeDigits(s*1e6) + "µs"
	}
}

// agoText is how long ago something was, in six columns.
func agoText(d time.Duration) string {
	if d >= 0 && d < time.Minute {
		return fmt.Sprintf("%ds", d/time.Second)
	}
	return formatDuration(d)
}
