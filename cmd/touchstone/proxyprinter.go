package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/touchstone-btc/touchstone/internal/serve"
)

// show draws the live view of a role until what it returns is called.
func (p *program) show(ctx context.Context, source serve.StatusSource, quiet bool) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var drawing sync.WaitGroup
	drawing.Go(func() { (&liveView{con: p.con, source: source, quiet: quiet}).run(ctx) })
	return func() {
		cancel()
		drawing.Wait()
	}
}

// proxyPrinter prints what happens in a proxy. It is safe to share: the
// recording tells of itself while the proxy does.
type proxyPrinter struct {
	program *program
	json    bool

	mu     sync.Mutex
	guests guestBook
}

// print prints an event.
func (p *proxyPrinter) print(e serve.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	con, now := p.program.con, time.Now()
	if p.json {
		p.program.printEventJSON(now, e)
		return
	}
	if text := p.guests.summary(now); text != "" {
		con.Log("touchstone: %s", text)
	}
	if e, ok := e.(serve.ProxyStarted); ok {
		lines, urls := proxyStartedText(e)
		for _, line := range lines {
			con.Log("touchstone: %s", oneLine(line))
		}
		// Alone on their lines, to be copied.
		for _, url := range urls {
			con.Log("  %s", oneLine(reachableURL(url)))
		}
		return
	}
	switch e.(type) {
	case serve.DeviceJoined, serve.DeviceLeft:
		if !p.guests.note(e, now) {
			return
		}
	}
	if text, result := proxyEventText(e); result {
		con.Print("%s", oneLine(text))
		con.Flush()
	} else if text != "" {
		con.Log("touchstone: %s", oneLine(text))
	}
}

// proxyEventText is an event in words, and whether it is a result.
func proxyEventText(e serve.Event) (text string, result bool) {
	switch e := e.(type) {
	case serve.DeviceJoined:
		return fmt.Sprintf("device %s: joined to %s", e.Peer, e.Pool), false
	case serve.DeviceLeft:
		who := e.Peer
		if e.Worker != "" {
			who = nameText(e.Worker) + " at " + who
		}
		return fmt.Sprintf("device %s: %s, after %s", who, e.Reason, formatDuration(e.Elapsed.Duration())), false
	case serve.DeviceTurnedAway:
		return fmt.Sprintf("device %s: turned away%s: no pool could be reached: %s", e.Peer, untoldText(e.Untold), e.Error), false
	case serve.PoolLost:
		text := fmt.Sprintf("pool does not work: %s; trying again in %s", e.Error, formatDuration(e.Retry.Duration()))
		if strings.Contains(e.Error, "x509: ") {
			text += "; if this is the pool's own certificate, trust it with --pool-cert FILE"
		}
		return text, false
	case serve.PoolBack:
		return "pool works again: " + e.Pool, false
	case serve.PoolRedirects:
		return redirectsText(e), false
	case serve.Disagreed:
		return disagreedText(e), true
	case serve.ShareIsBlock:
		verdict := e.Verdict
		if verdict == "" {
			verdict = "not judged"
		}
		return fmt.Sprintf("block! %s by %s for %s (difficulty %s, %s)", e.Hash, e.Worker, e.Pool, formatDifficulty(e.Difficulty), verdict), true
	case serve.JudgeBehind:
		return fmt.Sprintf("session %s: %s forwarded, but not judged: this machine does not keep up", e.Session,
			count(int64(e.Messages), "message")), false
	case serve.JudgeFailed:
		return fmt.Sprintf("device %s: its shares are forwarded, but judged no more, because of a fault in touchstone: %s", e.Peer, e.Error), false
	case serve.ProxyStopped:
		return proxyStoppedText(e), false
	}
	return serverEventText(e)
}

// proxyStartedText is what one needs to know to use the proxy, and the URLs
// that miners connect to.
func proxyStartedText(e serve.ProxyStarted) (lines, urls []string) {
	text := "judging shares on their way to " + strings.Join(e.Pools, ", or else ")
	switch e.Mode {
	case serve.ModeEnforce:
		text += "; bad ones are answered here"
	case serve.ModeShareRate:
		text += fmt.Sprintf("; each device is to find %s a minute", threeDigits(e.ShareRate))
	}
	lines = append(lines, text)
	if e.Status != "" {
		lines = append(lines, "status: "+e.Status)
	}
	return append(lines, "connect miners here, with their names and passwords at the pool"), e.Listen
}

func redirectsText(e serve.PoolRedirects) string {
	to := "to itself again"
	if e.To != "" {
		to = "away to " + e.To
	}
	who := e.Worker
	if who == "" {
		who = "session " + e.Session
	}
	return fmt.Sprintf("%s sends %s %s: what it does elsewhere is not seen here", e.Pool, who, to)
}

func disagreedText(e serve.Disagreed) string {
	ours := e.Verdict
	if e.Reason != "" {
		ours = e.Reason
		if !strings.HasPrefix(ours, e.Verdict) {
			ours = e.Verdict + ": " + e.Reason
		}
	}
	text := fmt.Sprintf("disagreement: worker %s, job %s: %s says %s; it is %s", e.Worker, e.Job, e.Pool, e.PoolSaid, ours)
	if e.Difficulty > 0 {
		text += fmt.Sprintf(" (difficulty %s of %s)", formatDifficulty(e.Difficulty), formatDifficulty(e.Required))
	}
	if e.Block {
		text += ", and a block"
	}
	return text + untoldText(e.Untold)
}

// untoldText tells of like events that were not told.
func untoldText(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" (and %d before)", n)
}

func proxyStoppedText(e serve.ProxyStopped) string {
	text := fmt.Sprintf("stopped: %s in %s: %d credited, %d refused", count(int64(e.Shares), "share"), formatDuration(e.Elapsed.Duration()),
		e.Credited, e.Refused)
	if e.Unjudged > 0 {
		text += fmt.Sprintf(", %d not judged", e.Unjudged)
	}
	text += fmt.Sprintf("; the pool's answers disagree with %d", e.Disagreed)
	if e.Crossed > 0 {
		text += fmt.Sprintf(", %d crossed a new block", e.Crossed)
	}
	if e.Unanswered > 0 {
		text += fmt.Sprintf(", and %d were not answered", e.Unanswered)
	}
	if e.Blocks > 0 {
		text += "; " + count(int64(e.Blocks), "block")
	}
	return text
}
