package main

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/touchstone-btc/touchstone/internal/serve"
)

// minePrinter prints what happens while mining. It is safe to share: nodes and
// the search tell of themselves at the same time.
type minePrinter struct {
	program *program
	json    bool

	mu       sync.Mutex
	accepted int // blocks of this run
	rejected rejections
	stopped  serve.MinerStopped // of mining at a pool
	status   time.Time          // of the last Status in JSON on a terminal
}

// How often status is told: often enough to be drawn smoothly on a terminal,
// rarely where it makes a log longer.
const (
	drawnStatus  = statusInterval
	loggedStatus = 30 * time.Second
	jsonStatus   = 10 * time.Second
)

// statusEvery is how often a Status is wanted.
func (m *minePrinter) statusEvery() time.Duration {
	switch {
	case m.program.con.Terminal():
		return drawnStatus
	case m.json:
		return jsonStatus
	}
	return loggedStatus
}

// print prints an event.
func (m *minePrinter) print(e serve.Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	con := m.program.con
	var status func(columns int) string
	rejected := ""
	switch e := e.(type) {
	case serve.BlockAccepted:
		m.accepted = e.Blocks
	case serve.MinerStopped:
		m.stopped = e
	case serve.ShareAnswered:
		if e.Answer == serve.AnswerRejected && !e.Block {
			rejected = m.rejected.text(now, e)
		}
	case serve.Status:
		status = func(columns int) string { return statusText(e, columns) }
	case serve.MinerStatus:
		status = func(columns int) string { return poolStatusText(e, columns) }
	}
	if status != nil && con.Terminal() {
		con.Status(now, status)
		if !m.json || now.Sub(m.status) < jsonStatus {
			return
		}
		m.status = now
	}
	if m.json {
		m.program.printEventJSON(now, e)
		// Nobody may read the events; that a machine computes wrong, or a pool
		// tries to send us elsewhere, is said aloud as well.
		switch e.(type) {
		case serve.KernelRefused, serve.ReconnectRefused:
		default:
			return
		}
	}
	if rejected != "" {
		con.Log("touchstone: %s", oneLine(rejected))
	}
	if text, result := poolEventText(e); result {
		con.Print("%s", oneLine(text))
		// Whoever reads a pipe wants to know of a block now.
		con.Flush()
	} else if text != "" {
		con.Log("touchstone: %s", oneLine(text))
	}
}

// eventText is an event in words, and whether it is a result. Events that say
// nothing to a person are empty.
func eventText(e serve.Event) (text string, result bool) {
	switch e := e.(type) {
	case serve.Started:
		return startedText(e), false
	case serve.KernelChosen:
		return kernelText(e), false
	case serve.KernelRefused:
		return refusedText(e.Kernel, e.Error), false
	case serve.NewJob:
		if !e.NewTip {
			return "", false
		}
		return fmt.Sprintf("height %d: difficulty %s, %s", e.Height, formatDifficulty(e.Difficulty),
			count(int64(e.Transactions), "transaction")), false
	case serve.BlockFound:
		return fmt.Sprintf("found block %d: %s after %shashes", e.Height, e.Hash, siRate(float64(e.Hashes))), false
	case serve.BlockNotKept:
		return fmt.Sprintf("block %s could not be written to disk and would not survive a crash: %s", e.Hash, e.Error), false
	case serve.BlockAccepted:
		return fmt.Sprintf("block %s accepted: %s%s%s", heightText(e.Height), e.Hash, reasonText(e.Reason, e.Text), resentText(e.Resent)), true
	case serve.BlockRefused:
		return fmt.Sprintf("block %s refused: %s%s%s", heightText(e.Height), e.Hash, reasonText(e.Reason, e.Text), resentText(e.Resent)), true
	case serve.BlockWaiting:
		return fmt.Sprintf("block %s waits: %s; sent again in %s", heightText(e.Height), e.Error, formatDuration(e.Retry.Duration())), false
	case serve.NodeLost:
		return fmt.Sprintf("node lost: %s; trying again in %s", e.Error, formatDuration(e.Retry.Duration())), false
	case serve.NodeBack:
		if e.InUse {
			return "templates come from " + e.Node, false
		}
		return "node works: " + e.Node, false
	case serve.NoTemplate:
		return fmt.Sprintf("no template: %s; trying again in %s", e.Error, formatDuration(e.Retry.Duration())), false
	case serve.Notice:
		return e.Text, false
	case serve.Status:
		return statusText(e, 1000), false
	case serve.Stopped:
		return stoppedText(e), false
	}
	return "", false
}

func startedText(e serve.Started) string {
	where := "the private chain in " + e.Folder
	if len(e.Nodes) > 0 {
		where = e.Chain + " at " + strings.Join(e.Nodes, ", ")
	}
	text := fmt.Sprintf("mining on %s with %s of kernel %s, paying %s", where, count(int64(e.Threads), "thread"), e.Kernel, e.Address)
	if e.Pending > 0 {
		text += fmt.Sprintf("; sending %s of an earlier run", count(int64(e.Pending), "block"))
	}
	return text
}

func stoppedText(e serve.Stopped) string {
	text := fmt.Sprintf("stopped: %s accepted", count(int64(e.Accepted), "block"))
	if e.Refused > 0 {
		text += fmt.Sprintf(", %d refused", e.Refused)
	}
	if e.Pending > 0 {
		text += fmt.Sprintf(", %d kept to be sent by the next run", e.Pending)
	}
	return text + fmt.Sprintf("; %shashes in %s (%shashes/s)", siRate(float64(e.Hashes)),
		formatDuration(e.Elapsed.Duration()), siRate(e.Rate))
}

func heightText(height int32) string {
	if height < 0 {
		return "of unknown height"
	}
	return fmt.Sprint(height)
}

func reasonText(reason, text string) string {
	if reason == "" {
		return ""
	}
	return fmt.Sprintf(" (%s: %s)", reason, text)
}

func resentText(resent bool) string {
	if resent {
		return " (found by an earlier run)"
	}
	return ""
}

// statusText is the status in at most that many columns: rate, threads and
// kernel; height, difficulty and the job's best; mean time to a block. All of
// it fits 80 columns on an easy chain. What comes last is left out first.
func statusText(s serve.Status, columns int) string {
	parts := []string{
		fmt.Sprintf("%sH/s, %dx %s", siRate(s.Rate), s.Threads, s.Kernel),
	}
	if s.Height == 0 {
		parts = append(parts, "waiting for work")
	} else {
		parts = append(parts, fmt.Sprintf("height %d, diff %s, best %s", s.Height, formatDifficulty(s.Difficulty), formatDifficulty(s.Best)))
		if s.Expected > 0 {
			parts = append(parts, "block in "+formatDuration(s.Expected.Duration()))
		}
	}
	parts = append(parts, fmt.Sprintf("%d accepted", s.Accepted))
	return joinParts(parts, columns)
}
